// Draws the track of a line: its level, its edges, the bits that it carries, and its level at the cursor.

import { Line } from "./columns";
import { columnFiller, EACH_UP_TO, frameBins, GUTTER, xOf, type Scene, type Track } from "./draw";
import { levelRuns, lowerBound } from "./lod";

/** A line that never changed keeps the level that it had at first. */
const NO_EDGES = new Line();

export function drawLine(context: CanvasRenderingContext2D, scene: Scene, track: Track): void {
  const line = scene.data.lines.get(track.name) ?? NO_EDGES;
  const { view, width, palette } = scene;
  const pixels = Math.max(1, Math.floor(width - GUTTER));
  const resting = scene.resting[track.name] ?? -1;
  const runs = levelRuns(line.at.data, line.level.data, line.length, view.t0, view.t1, pixels, resting);
  const colour = track.side === "lens" ? palette.lens : palette.body;
  const high = track.top + 4.5;
  const low = track.top + track.height - 5.5;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  const dense: [number, number][] = [];
  for (const [index, run] of runs.entries()) {
    const x = GUTTER + run.from;
    // A short pulse looks alike whether a pixel's border divides it or not.
    const next = runs[index + 1];
    const before = runs[index - 1];
    const pulse = run.edges === 1 && next?.edges === 1 && next.from === run.to + 1;
    if (run.edges > 1 || pulse) {
      dense.push([x, Math.max(2, run.edges)]);
      continue;
    }
    if (run.edges === 1 && before?.edges === 1 && before.to === run.from - 1 && dense.at(-1)?.[0] === x - 1) continue;
    if (run.level < 0) continue;
    const y = run.level ? high : low;
    if (run.edges === 1) {
      context.moveTo(x + 0.5, high);
      context.lineTo(x + 0.5, low);
    } else {
      context.moveTo(x, y);
      context.lineTo(GUTTER + run.to + 1.5, y);
      if (run.level && run.to - run.from > 1) {
        context.globalAlpha = 0.12;
        context.fillStyle = colour;
        context.fillRect(x, high, run.to - run.from + 1, low - high);
        context.globalAlpha = 1;
      }
    }
  }
  context.stroke();
  const fill = columnFiller(context, high, low - high + 1);
  // The shade is the number of edges on a logarithmic scale; a solid bar would hide how many there are.
  for (const [x, edges] of dense) fill.add(x, colour, Math.min(0.95, 0.5 + 0.08 * Math.log2(edges)));
  fill.flush();
}

/** Where a clock runs and data lines carry bits: sessions hold frames instead of those edges. */
export function drawActivity(context: CanvasRenderingContext2D, scene: Scene, track: Track): void {
  if (!track.carries) return;
  const { data, view, palette } = scene;
  const top = track.top + 4.5;
  const height = track.height - 9;
  const colour = track.side === "lens" ? palette.lens : palette.body;
  for (const [side, sent] of data.sent.entries()) {
    if (track.carries !== "both" && side !== (track.carries === "body" ? 0 : 1)) continue;
    const from = Math.max(0, lowerBound(sent.at.data, sent.at.length, view.t0) - 1);
    const to = lowerBound(sent.at.data, sent.at.length, view.t1);
    if (to - from > EACH_UP_TO) {
      const { count } = frameBins(scene, side);
      const fill = columnFiller(context, top, height);
      for (let pixel = 0; pixel < count.length; pixel++) if (count[pixel]) fill.add(GUTTER + pixel, colour, 0.6);
      fill.flush();
      continue;
    }
    context.fillStyle = colour;
    let drawn = -Infinity;
    for (let index = from; index < to; index++) {
      const x = xOf(scene, sent.at.data[index]);
      const right = Math.max(x + 1, xOf(scene, sent.end.data[index]));
      if (right < GUTTER || Math.floor(x) <= drawn) continue;
      drawn = Math.floor(right - 1);
      context.globalAlpha = right - x > 3 ? 0.45 : 0.6;
      context.fillRect(x, top, right - x, height);
    }
    context.globalAlpha = 1;
  }
}

/** The level of a line at the cursor, or the latest: filled is high. */
export function drawLamp(context: CanvasRenderingContext2D, scene: Scene, track: Track, colour: string): void {
  const line = scene.data.lines.get(track.name) ?? NO_EDGES;
  const at = scene.cursor ?? Infinity;
  const place = lowerBound(line.at.data, line.length, at);
  const index = line.at.data[place] === at && place < line.length ? place : place - 1;
  const level = index < 0 ? scene.resting[track.name] : line.level.data[index];
  if (level === undefined) return;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.4;
  context.beginPath();
  context.arc(GUTTER - 11, track.top + track.height / 2 - 0.5, 3.4, 0, 7);
  context.stroke();
  if (level) context.fill();
}
