// Draws the timeline: axis, lines, frames of each direction, link states, findings, markers and the cursor.

import { ANSWER, Columns, GARBAGE, ORDER, ROUTINE, WRONG } from "./columns";
import { drawBadges, drawChosen, type Marked } from "./badges";
import { drawActivity, drawLamp, drawLine } from "./lines";
import { axisStep, lowerBound, rankBins, type Bins } from "./lod";
import { hex, span, tick } from "./time";
import type { DialectInfo, Findings } from "./types";
import type { View } from "./state";

export const GUTTER = 116;
export const AXIS = 24;
/** Heights of a line, of frames and of a band; the second ones for windows that are not high. */
const HEIGHTS = { roomy: [21, 30, 20], compact: [16, 24, 17] };
const NAME_FROM = 34;
export const EACH_UP_TO = 4000;

export interface Track {
  kind: "line" | "frames" | "states" | "findings";
  /** Carries the bits of frames: `body`, `lens`, or `both` for a clock. */
  carries?: "body" | "lens" | "both";
  name: string;
  label: string;
  side: "body" | "lens" | "";
  top: number;
  height: number;
}

export interface Colours {
  back: string;
  raised: string;
  grid: string;
  text: string;
  dim: string;
  body: string;
  lens: string;
  order: string;
  answer: string;
  wrong: string;
  marker: string;
  select: string;
}

export function colours(element: Element): Colours {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    back: read("back"),
    raised: read("raised"),
    grid: read("grid"),
    text: read("text"),
    dim: read("dim"),
    body: read("body"),
    lens: read("lens"),
    order: read("order"),
    answer: read("answer"),
    wrong: read("wrong"),
    marker: read("marker"),
    select: read("select"),
  };
}

const LINE_ORDER = ["supply", "rail", "detect", "sync", "line", "select", "clock", "serial"];

export function layout(
  data: Columns,
  dialect: DialectInfo | null,
  resting: Scene["resting"],
  compact = false,
): { tracks: Track[]; height: number } {
  const [lineHeight, framesHeight, bandHeight] = compact ? HEIGHTS.compact : HEIGHTS.roomy;
  const about = new Map((dialect?.lines ?? []).map((line) => [line.name, line]));
  const names = [...new Set([...data.lines.keys(), ...Object.keys(resting)])].sort((one, other) => {
    const order = (name: string) => LINE_ORDER.indexOf(about.get(name)?.kind ?? "line");
    return order(one) - order(other);
  });
  const tracks: Track[] = [];
  let top = AXIS;
  const add = (
    kind: Track["kind"],
    name: string,
    label: string,
    side: Track["side"],
    height: number,
    carries?: Track["carries"],
  ) => {
    tracks.push({ kind, name, label, side, top, height, carries });
    top += height;
  };
  for (const name of names) {
    const line = about.get(name);
    const side = line?.driver ?? "";
    const carries = line?.kind === "clock" ? "both" : line?.kind === "serial" && side ? side : undefined;
    add("line", name, name, side, lineHeight, carries);
  }
  add("frames", "body", "body → lens", "body", framesHeight);
  add("frames", "lens", "lens → body", "lens", framesHeight);
  add("states", "states", "link state", "", bandHeight);
  add("findings", "findings", "findings", "", bandHeight);
  return { tracks, height: top + 4 };
}

export interface Scene {
  data: Columns;
  tracks: Track[];
  view: View;
  cursor: number | null;
  selected: number | null;
  markers: number[];
  stretch: View | null;
  passes: ((row: number) => boolean) | null;
  findings: Findings | null;
  /** Findings by the name of the track that they concern, each in the order of time; `findings` has all. */
  badges: Map<string, Marked[]>;
  /** Key of the finding that is chosen; empty for none. */
  chosen: string;
  focused: number;
  width: number;
  height: number;
  palette: Colours;
  /** Level of each line before its first edge, as far as it is known. */
  resting: Record<string, number>;
  /** Frames of each direction per pixel, from the first track that needs them. */
  bins: (Bins | undefined)[];
}

/** Frames of a direction (0 of the body, 1 of the lens) per pixel of the picture, counted once a drawing. */
export function frameBins(scene: Scene, side: number): Bins {
  const { t0, t1 } = scene.view;
  const pixels = Math.max(1, Math.floor(scene.width - GUTTER));
  return (scene.bins[side] ??= rankBins(scene.data.sent[side], t0, t1, pixels));
}

/** Fills columns of one pixel, from left to right; neighbours that look alike become one rectangle. */
export function columnFiller(context: CanvasRenderingContext2D, top: number, height: number) {
  let from = 0;
  let to = 0;
  let colour = "";
  let alpha = 1;
  const draw = () => {
    if (to === from) return;
    context.fillStyle = colour;
    context.globalAlpha = alpha;
    context.fillRect(from, top, to - from, height);
    from = to;
  };
  return {
    add(x: number, wanted: string, opacity: number): void {
      if (x !== to || wanted !== colour || opacity !== alpha) {
        draw();
        from = x;
        colour = wanted;
        alpha = opacity;
      }
      to = x + 1;
    },
    /** Draw the last rectangle, and leave the context opaque. */
    flush(): void {
      draw();
      context.globalAlpha = 1;
    },
  };
}

export function xOf(scene: { view: View; width: number }, at: number): number {
  const { t0, t1 } = scene.view;
  return GUTTER + ((at - t0) / (t1 - t0)) * (scene.width - GUTTER);
}

export function timeOf(view: View, width: number, x: number): number {
  return view.t0 + ((x - GUTTER) / (width - GUTTER)) * (view.t1 - view.t0);
}

export function draw(context: CanvasRenderingContext2D, scene: Scene): void {
  const { width, height, palette } = scene;
  context.fillStyle = palette.back;
  context.fillRect(0, 0, width, height);
  drawStretch(context, scene);
  drawAxis(context, scene);
  for (const [index, track] of scene.tracks.entries()) {
    context.save();
    context.beginPath();
    context.rect(GUTTER, track.top, width - GUTTER, track.height);
    context.clip();
    if (track.kind === "line") {
      drawLine(context, scene, track);
      drawActivity(context, scene, track);
    }
    else if (track.kind === "frames") drawFrames(context, scene, track);
    else if (track.kind === "states") drawStates(context, scene, track);
    drawBadges(context, scene, track);
    context.restore();
    drawLabel(context, scene, track, index === scene.focused);
  }
  drawChosen(context, scene);
  drawMarkers(context, scene);
}

function drawLabel(context: CanvasRenderingContext2D, scene: Scene, track: Track, focused: boolean): void {
  const { palette } = scene;
  context.fillStyle = focused ? palette.raised : palette.back;
  context.fillRect(0, track.top, GUTTER - 1, track.height);
  context.fillStyle = palette.grid;
  context.fillRect(0, track.top + track.height - 1, scene.width, 1);
  context.fillRect(GUTTER - 1, track.top, 1, track.height);
  const colour = track.side === "body" ? palette.body : track.side === "lens" ? palette.lens : palette.dim;
  if (track.side) {
    context.fillStyle = colour;
    context.fillRect(0, track.top + 3, 3, track.height - 7);
  }
  context.fillStyle = track.side ? colour : palette.text;
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillText(track.label, 12, track.top + track.height / 2, GUTTER - (track.kind === "line" ? 32 : 18));
  if (track.kind === "line") drawLamp(context, scene, track, colour);
}

function drawAxis(context: CanvasRenderingContext2D, scene: Scene): void {
  const { view, width, height, palette } = scene;
  const step = axisStep(view.t1 - view.t0, width - GUTTER);
  context.font = "11px ui-monospace, monospace";
  context.textBaseline = "middle";
  context.textAlign = "left";
  const first = Math.ceil(view.t0 / step);
  for (let number = first; number * step < view.t1; number++) {
    const x = Math.round(xOf(scene, number * step)) + 0.5;
    context.fillStyle = palette.grid;
    context.fillRect(x - 0.5, AXIS - 6, 1, height);
    context.fillStyle = palette.dim;
    const text = tick(number * step, step);
    if (x + 4 + context.measureText(text).width < width) context.fillText(text, x + 4, AXIS / 2 - 1);
  }
  context.fillStyle = palette.grid;
  context.fillRect(0, AXIS - 1, width, 1);
  context.fillStyle = palette.dim;
  context.fillText(`↔ ${span(view.t1 - view.t0)}`, 12, AXIS / 2 - 1, GUTTER - 16);
}

export function rankColour(palette: Colours, rank: number, side: string): string {
  if (rank === WRONG) return palette.wrong;
  if (rank === ORDER) return palette.order;
  if (rank === ANSWER) return palette.answer;
  return side === "lens" ? palette.lens : palette.body;
}

function drawFrames(context: CanvasRenderingContext2D, scene: Scene, track: Track): void {
  const { data, view, width, palette } = scene;
  const side = track.name === "body" ? 0 : 1;
  const sent = data.sent[side];
  const count = sent.at.length;
  // A frame that began before the picture may reach into it.
  const from = Math.max(0, lowerBound(sent.at.data, count, view.t0) - 1);
  const to = lowerBound(sent.at.data, count, view.t1);
  const top = track.top + 4;
  const height = track.height - 9;
  if (to - from > EACH_UP_TO) {
    const { rank, count: frames } = frameBins(scene, side);
    const fill = columnFiller(context, top, height);
    for (let pixel = 0; pixel < rank.length; pixel++) {
      if (!frames[pixel]) continue;
      const alpha = rank[pixel] > ROUTINE ? 1 : Math.min(0.95, 0.3 + 0.15 * Math.log2(frames[pixel]));
      fill.add(GUTTER + pixel, rankColour(palette, rank[pixel], track.side), alpha);
    }
    fill.flush();
    return;
  }
  const scale = (width - GUTTER) / (view.t1 - view.t0);
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (let index = from; index < to; index++) {
    const row = sent.rows.data[index];
    const x = xOf(scene, sent.at.data[index]);
    const right = xOf(scene, sent.end.data[index]);
    const w = Math.max(1.5, right - x);
    if (x + w < GUTTER) continue;
    const rank = data.rank.data[row];
    const colour = rankColour(palette, rank, track.side);
    const dim = scene.passes && !scene.passes(row);
    drawWindow(context, scene, row, track, scale, dim ? 0.2 : 1);
    context.globalAlpha = dim ? 0.16 : w < 3 ? 0.9 : 0.28;
    context.fillStyle = colour;
    context.fillRect(x, top, w, height);
    context.globalAlpha = dim ? 0.25 : 1;
    if (w >= 3) {
      context.strokeStyle = colour;
      context.lineWidth = 1;
      context.strokeRect(Math.round(x) + 0.5, top + 0.5, Math.max(1, Math.round(w) - 1), height - 1);
      if (data.kind.data[row] === GARBAGE) hatch(context, x, top, w, height, colour);
    }
    if (w >= NAME_FROM) {
      const composition = data.composed(row);
      const text = composition
        ? composition.types.map((type, number) => `${hex(type)} ${composition.names[number]}`).join(" + ")
        : "garbage";
      context.fillStyle = palette.text;
      context.font = "11px system-ui, sans-serif";
      const left = Math.max(x, GUTTER) + 5;
      context.save();
      context.beginPath();
      context.rect(left, top, Math.max(0, x + w - left - 4), height);
      context.clip();
      context.fillText(text, left, top + height / 2 + 0.5);
      context.restore();
    }
    if (row === scene.selected) {
      context.globalAlpha = 1;
      context.strokeStyle = palette.select;
      context.lineWidth = 2;
      context.strokeRect(x - 1.5, top - 1.5, w + 3, height + 3);
    }
  }
  context.globalAlpha = 1;
}

/** The select window around a frame, from about 1 µs a pixel on. */
function drawWindow(
  context: CanvasRenderingContext2D,
  scene: Scene,
  row: number,
  track: Track,
  scale: number,
  alpha: number,
): void {
  if (scale < 2e5) return;
  const opened = scene.data.opened.data[row];
  const closed = scene.data.closed.data[row];
  if (opened !== opened || closed !== closed) return;
  const x = xOf(scene, opened);
  const right = xOf(scene, closed);
  context.globalAlpha = 0.55 * alpha;
  context.fillStyle = scene.palette.dim;
  context.fillRect(x, track.top + track.height - 4, right - x, 1);
  context.fillRect(x, track.top + track.height - 7, 1, 4);
  context.fillRect(right - 1, track.top + track.height - 7, 1, 4);
  context.globalAlpha = 1;
}

function hatch(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  colour: string,
): void {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.beginPath();
  for (let at = -height; at < Math.min(width, 3000); at += 5) {
    context.moveTo(x + at, y + height);
    context.lineTo(x + at + height, y);
  }
  context.stroke();
  context.restore();
}

function drawStates(context: CanvasRenderingContext2D, scene: Scene, track: Track): void {
  const states = scene.findings?.states ?? [];
  const { palette, width, view } = scene;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  let index = states.findIndex((one) => one.t >= view.t0);
  if (index < 0) index = states.length;
  let latest = -Infinity;
  for (let at = Math.max(0, index - 1); at < states.length && states[at].t < view.t1; at++) {
    const x = Math.max(GUTTER, xOf(scene, states[at].t));
    const next = at + 1 < states.length ? xOf(scene, states[at + 1].t) : width;
    const right = Math.min(width, next);
    if (right < GUTTER || right - latest < 0.6) continue;
    latest = right;
    context.fillStyle = palette.raised;
    context.fillRect(x, track.top + 3, Math.max(1, right - x - 1), track.height - 7);
    context.fillStyle = palette.grid;
    context.fillRect(x, track.top + 3, 1, track.height - 7);
    if (right - x > 40) {
      context.fillStyle = palette.dim;
      context.fillText(states[at].state, x + 5, track.top + track.height / 2, right - x - 8);
    }
  }
}

function drawStretch(context: CanvasRenderingContext2D, scene: Scene): void {
  if (!scene.stretch) return;
  const x = Math.max(GUTTER, xOf(scene, scene.stretch.t0));
  const right = Math.min(scene.width, xOf(scene, scene.stretch.t1));
  context.globalAlpha = 0.14;
  context.fillStyle = scene.palette.marker;
  context.fillRect(x, 0, right - x, scene.height);
  context.globalAlpha = 1;
}

function drawMarkers(context: CanvasRenderingContext2D, scene: Scene): void {
  const { palette, height, width } = scene;
  context.font = "bold 11px system-ui, sans-serif";
  context.textBaseline = "middle";
  const places = scene.markers.map((at) => xOf(scene, at));
  for (const [index, x] of places.entries()) {
    if (x >= GUTTER && x <= width) {
      context.fillStyle = palette.marker;
      context.fillRect(Math.round(x), 2, 1, height);
      context.fillRect(Math.round(x), 2, 24, 14);
      context.fillStyle = palette.back;
      context.textAlign = "center";
      context.fillText(`M${index + 1}`, Math.round(x) + 12, 9.5);
    }
    const next = places[index + 1];
    if (next === undefined || next < GUTTER || x > width) continue;
    const left = Math.max(GUTTER, x);
    const right = Math.min(width, next);
    const text = `Δ ${span(scene.markers[index + 1] - scene.markers[index])}`;
    const size = context.measureText(text).width + 10;
    if (right - left < size + 8) continue;
    const y = height - 10;
    context.fillStyle = palette.marker;
    context.fillRect(left, y, right - left, 1);
    context.fillStyle = palette.back;
    context.fillRect((left + right - size) / 2, y - 8, size, 16);
    context.fillStyle = palette.marker;
    context.fillText(text, (left + right) / 2, y + 0.5);
  }
  context.textAlign = "left";
  if (scene.cursor !== null) {
    const x = xOf(scene, scene.cursor);
    if (x >= GUTTER && x <= width) {
      context.fillStyle = palette.select;
      context.fillRect(Math.round(x), AXIS - 6, 1, height);
      context.beginPath();
      context.moveTo(x - 4, AXIS - 8);
      context.lineTo(x + 5, AXIS - 8);
      context.lineTo(x + 0.5, AXIS - 2);
      context.fill();
    }
  }
}
