// The timeline: canvas, pointer, wheel, minimap.

import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { AXIS, colours, draw, GUTTER, layout, timeOf, xOf, type Scene, type Track } from "./draw";
import { BADGE_MIDDLE, badgeAt, badges, choose, nextFinding } from "./badges";
import { drawMinimap } from "./minimap";
import { lowerBound } from "./lod";
import * as state from "./state";
import { hex, moment, span } from "./time";

let tracks: Track[] = [];

/** A window in which tracks are drawn closer together; `style.css` has the same limit. */
const LOW_WINDOW = "(max-height: 899px)";

/** Facts about the picture, for tests and for screen readers. */
export const drawn = {
  milliseconds: [] as number[],
  width: 0,
  tracks: () => tracks.map((track) => track.label),
  /** Middle of a track, from the top of the canvas. */
  middle: (label: string) => {
    const track = tracks.find((one) => one.label === label);
    return track ? track.top + track.height / 2 : NaN;
  },
  /** Times of the findings with a badge on a track, and how far below its top their middle is. */
  badges: (label: string) => {
    const track = tracks.find((one) => one.label === label);
    return { top: (track?.top ?? NaN) + BADGE_MIDDLE, times: (badges.value.get(track?.name ?? "") ?? []).map((one) => one.t) };
  },
  x: (at: number) => xOf({ view: state.view.value, width: drawn.width }, at),
  time: (x: number) => timeOf(state.view.value, drawn.width, x),
};

export function currentTracks(): Track[] {
  return tracks;
}

export function Timeline() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const mini = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const main = canvas.current!;
    const strip = mini.current!;
    // Kept: the observer may report once more after the view was left, when the reference is empty.
    const area = box.current!;
    let waiting = 0;
    // Neither is asked for while a picture is drawn: that would make the browser lay out the page first.
    let width = area.clientWidth;
    let palette = colours(main);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const low = matchMedia(LOW_WINDOW);
    const paint = () => {
      waiting = 0;
      const begun = performance.now();
      const data = state.columns.value;
      const resting = state.info.value?.resting ?? {};
      const planned = layout(data, state.dialect.value, resting, low.matches);
      tracks = planned.tracks;
      const ratio = window.devicePixelRatio || 1;
      size(main, width, planned.height, ratio);
      size(strip, width, 34, ratio);
      const scene: Scene = {
        data,
        tracks,
        view: state.view.value,
        cursor: state.cursor.value,
        selected: state.selected.value,
        markers: state.markers.value,
        stretch: state.stretch.value,
        passes: state.found.value ? state.passes : null,
        findings: state.findings.value,
        badges: badges.value,
        chosen: state.finding.value,
        focused: state.focusedTrack.value,
        width,
        height: planned.height,
        palette,
        resting,
        bins: [],
      };
      const context = main.getContext("2d")!;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      draw(context, scene);
      drawn.width = width;
      const small = strip.getContext("2d")!;
      small.setTransform(ratio, 0, 0, ratio, 0, 0);
      drawMinimap(small, { ...scene, height: 34 }, state.bounds());
      drawn.milliseconds.push(performance.now() - begun);
      if (data.rows && !performance.getEntriesByName("first picture").length) performance.mark("first picture");
      if (drawn.milliseconds.length > 400) drawn.milliseconds.splice(0, 200);
    };
    const later = () => {
      if (!waiting) waiting = requestAnimationFrame(paint);
    };
    const stop = effect(() => {
      void state.version.value;
      void state.view.value;
      void state.cursor.value;
      void state.selected.value;
      void state.markers.value;
      void state.stretch.value;
      void state.found.value;
      void state.findings.value;
      void badges.value;
      void state.finding.value;
      void state.dialect.value;
      void state.focusedTrack.value;
      later();
    });
    const observer = new ResizeObserver(() => {
      width = area.clientWidth;
      later();
    });
    observer.observe(area);
    const recolour = () => {
      palette = colours(main);
      later();
    };
    scheme.addEventListener("change", recolour);
    low.addEventListener("change", later);
    return () => {
      stop();
      observer.disconnect();
      scheme.removeEventListener("change", recolour);
      low.removeEventListener("change", later);
      cancelAnimationFrame(waiting);
    };
  }, []);

  const local = (event: MouseEvent) => {
    const area = canvas.current!.getBoundingClientRect();
    return { x: event.clientX - area.left, y: event.clientY - area.top };
  };
  const time = (x: number) => timeOf(state.view.value, box.current!.clientWidth, x);

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const { x } = local(event);
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      state.pan((event.deltaX || event.deltaY) / 900);
      return;
    }
    state.follow.value = false;
    state.zoom(Math.exp(event.deltaY * 0.0016), time(Math.max(GUTTER, x)));
  };

  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    const target = event.currentTarget as HTMLElement;
    target.setPointerCapture(event.pointerId);
    const begin = local(event);
    const view = state.view.value;
    const measuring = event.shiftKey || begin.y < AXIS;
    let moved = false;
    const move = (next: PointerEvent) => {
      const at = local(next);
      if (Math.abs(at.x - begin.x) > 3) moved = true;
      if (!moved) return;
      state.hover.value = null;
      if (measuring) {
        const [one, other] = [time(begin.x), time(at.x)].sort((left, right) => left - right);
        state.stretch.value = { t0: one, t1: other };
      } else {
        state.follow.value = false;
        const width = box.current!.clientWidth - GUTTER;
        const by = ((begin.x - at.x) / width) * (view.t1 - view.t0);
        state.setView(view.t0 + by, view.t1 + by);
      }
    };
    const up = (next: PointerEvent) => {
      target.removeEventListener("pointermove", move);
      target.removeEventListener("pointerup", up);
      target.removeEventListener("pointercancel", up);
      if (!moved) click(local(next));
    };
    target.addEventListener("pointermove", move);
    target.addEventListener("pointerup", up);
    target.addEventListener("pointercancel", up);
  };

  const click = ({ x, y }: { x: number; y: number }) => {
    state.stretch.value = null;
    if (x < GUTTER) {
      state.focusedTrack.value = tracks.findIndex((track) => y >= track.top && y < track.top + track.height);
      return;
    }
    const at = time(x);
    const index = tracks.findIndex((track) => y >= track.top && y < track.top + track.height);
    if (index >= 0) state.focusedTrack.value = index;
    const track = tracks[index];
    const badge = badgeAt(track, at, y, perPixel());
    if (badge) {
      choose(badge, false);
      return;
    }
    if (track?.kind === "frames") {
      const row = frameAt(track.name, at, 6);
      if (row !== null) {
        state.select(row, { keep: true });
        return;
      }
    }
    state.follow.value = false;
    state.cursor.value = at;
  };

  const perPixel = () => (state.view.value.t1 - state.view.value.t0) / (box.current!.clientWidth - GUTTER);

  const frameAt = (side: string, at: number, reach: number): number | null => {
    const sent = state.columns.value.sent[side === "body" ? 0 : 1];
    const slack = reach * perPixel();
    const index = lowerBound(sent.at.data, sent.length, at);
    let best: number | null = null;
    let away = slack;
    for (const one of [index - 1, index]) {
      if (one < 0 || one >= sent.length) continue;
      const [begin, end] = [sent.at.data[one], sent.end.data[one]];
      const distance = at < begin ? begin - at : at > end ? at - end : 0;
      if (distance <= away) {
        away = distance;
        best = sent.rows.data[one];
      }
    }
    return best;
  };

  const point = (event: PointerEvent) => {
    if (event.buttons) return;
    const { x, y } = local(event);
    const track = tracks.find((one) => y >= one.top && y < one.top + one.height);
    if (x < GUTTER || !track) {
      state.hover.value = null;
      return;
    }
    const at = time(x);
    const lines: string[] = [];
    const badge = badgeAt(track, at, y, perPixel());
    if (badge) lines.push(badge.text, `${moment(badge.t)} ms; click: its place in the list`);
    else if (track.kind === "line") {
      lines.push(...aboutPulse(track.name, at));
      if (track.carries) {
        const sides = track.carries === "both" ? (["body", "lens"] as const) : [track.carries];
        const carried = sides.map((side) => frameAt(side, at, 2)).find((row) => row !== null);
        lines.push(carried === undefined ? "no frame here" : `carries #${carried} ${namesOf(carried!)}`);
      }
    } else if (track.kind === "frames") {
      const row = frameAt(track.name, at, 4);
      if (row !== null) lines.push(...aboutFrame(row));
    } else if (track.kind === "states") {
      const now = state.findings.value?.states.findLast((one) => one.t <= at);
      if (now) lines.push(`link state ${now.state} (inferred)`, `since ${moment(now.t)} ms`);
    }
    state.hover.value = lines.length ? { x: event.clientX, y: event.clientY, lines: lines.filter(Boolean) } : null;
  };

  const drag = (event: PointerEvent) => {
    const strip = event.currentTarget as HTMLCanvasElement;
    const area = strip.getBoundingClientRect();
    const whole = state.bounds();
    const go = (next: PointerEvent) => {
      const share = (next.clientX - area.left) / area.width;
      const centre = whole.t0 + share * (whole.t1 - whole.t0);
      const width = state.view.value.t1 - state.view.value.t0;
      state.follow.value = false;
      state.setView(centre - width / 2, centre + width / 2);
    };
    strip.setPointerCapture(event.pointerId);
    go(event);
    strip.addEventListener("pointermove", go);
    strip.addEventListener("pointerup", () => strip.removeEventListener("pointermove", go), { once: true });
  };

  return (
    <div class="timeline" ref={box}>
      <canvas ref={mini} class="minimap" onPointerDown={drag} aria-hidden="true" />
      <canvas
        ref={canvas}
        class="tracks"
        tabIndex={0}
        role="application"
        aria-label="timeline; the message list below holds the same frames"
        onWheel={wheel}
        onPointerDown={down}
        onPointerMove={point}
        onPointerLeave={() => (state.hover.value = null)}
        onDblClick={() => state.frameSelection()}
      />
      <Tip />
    </div>
  );
}

function Tip() {
  const tip = state.hover.value;
  if (!tip) return null;
  const left = Math.min(tip.x + 14, window.innerWidth - 300);
  return (
    <div class="tip" style={{ left: `${left}px`, top: `${tip.y + 16}px` }}>
      {tip.lines.map((line, index) => (
        <div key={index}>{line}</div>
      ))}
    </div>
  );
}

/** Width of the pulse under a time, period, and the distance to both neighbours. */
export function aboutPulse(name: string, at: number): string[] {
  const line = state.columns.value.lines.get(name);
  const resting = state.info.value?.resting[name];
  if (!line || !line.length) return resting === undefined ? [] : [`${name} ${resting ? "high" : "low"}: it never changes`];
  const times = line.at.data;
  const next = lowerBound(times, line.length, at);
  const level = next > 0 ? line.level.data[next - 1] : (resting ?? null);
  const lines = [`${name} ${level === null ? "unknown" : level ? "high" : "low"} at ${moment(at)} ms`];
  if (next > 0 && next < line.length) lines.push(`width ${span(times[next] - times[next - 1])}`);
  // The period runs from an edge to the next one of the same direction.
  let before = next - 1;
  while (before >= 0 && line.level.data[before] !== 1) before--;
  let after = next;
  while (after < line.length && line.level.data[after] !== 1) after++;
  if (before >= 0 && after < line.length) {
    const period = times[after] - times[before];
    lines.push(`period ${span(period)} (${(1 / period).toPrecision(4)} Hz)`);
  }
  if (next > 0) lines.push(`${span(at - times[next - 1])} after the edge before`);
  if (next < line.length) lines.push(`${span(times[next] - at)} to the next edge`);
  return lines;
}

function namesOf(row: number): string {
  const composition = state.columns.value.composed(row);
  return composition
    ? composition.types.map((type, index) => `${hex(type)} ${composition.names[index]}`).join(" + ")
    : "bytes that are no frame";
}

function aboutFrame(row: number): string[] {
  const data = state.columns.value;
  const at = data.at.data[row];
  const lines = [`#${row} ${namesOf(row)}`, `${moment(at)} ms, ${data.size.data[row]} bytes, ${span(data.end.data[row] - at)}`];
  const delta = data.delta(row);
  if (delta === delta) lines.push(`Δ ${span(delta)} since the one before`);
  const answers = data.answers.data[row];
  if (answers >= 0) lines.push(`answers #${answers} after ${span(at - data.end.data[answers])}`);
  const opened = data.opened.data[row];
  const closed = data.closed.data[row];
  if (opened === opened && closed === closed) lines.push(`select window ${span(closed - opened)}`);
  if (data.pause.data[row] > 1e-6) lines.push(`longest pause inside ${span(data.pause.data[row])}`);
  return lines;
}

function size(canvas: HTMLCanvasElement, width: number, height: number, ratio: number): void {
  const w = Math.max(1, Math.round(width * ratio));
  const h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
}

/** The next or previous edge or frame of the track in focus. */
export function stepOnTrack(direction: 1 | -1): void {
  const data = state.columns.value;
  const track = tracks[state.focusedTrack.value];
  const at = state.cursor.value ?? state.view.value.t0;
  if (track?.kind === "line") {
    const line = data.lines.get(track.name);
    if (!line) return;
    const index = lowerBound(line.at.data, line.length, at + (direction > 0 ? 1e-12 : -1e-12));
    const chosen = direction > 0 ? index : index - 1;
    if (chosen < 0 || chosen >= line.length) return;
    state.cursor.value = line.at.data[chosen];
    state.reveal(state.cursor.value);
    state.spoken.value = `${track.name} ${line.level.data[chosen] ? "rises" : "falls"} at ${moment(state.cursor.value)} ms`;
    return;
  }
  if (track?.kind === "frames") {
    const sent = data.sent[track.name === "body" ? 0 : 1];
    const index = lowerBound(sent.at.data, sent.length, at + (direction > 0 ? 1e-12 : 0));
    const chosen = direction > 0 ? index : index - 1;
    if (chosen >= 0 && chosen < sent.length) state.select(sent.rows.data[chosen]);
    return;
  }
  if (track?.kind === "findings") {
    const next = nextFinding(at, direction);
    if (next) choose(next);
    return;
  }
  state.stepRow(direction);
}
