import { describe, expect, it } from "vitest";
import { Columns } from "../src/columns";
import { columnFiller, draw, EACH_UP_TO, frameBins, GUTTER, layout, type Scene } from "../src/draw";
import { drawActivity, drawLine } from "../src/lines";

interface Rectangle {
  x: number;
  width: number;
  top: number;
  colour: string;
  alpha: number;
}

/** A canvas that keeps the rectangles filled on it. */
function recorder() {
  const filled: Rectangle[] = [];
  const lines: number[] = [];
  let from = 0;
  const state = { fillStyle: "", globalAlpha: 1 };
  const kept = {
    fillRect: (x: number, top: number, width: number) =>
      filled.push({ x, width, top, colour: state.fillStyle, alpha: state.globalAlpha }),
    measureText: () => ({ width: 20 }),
    moveTo: (x: number) => (from = x),
    lineTo: (x: number) => lines.push(x - from),
  };
  const context = new Proxy(state, {
    get: (target, name) => Reflect.get(kept, name) ?? Reflect.get(target, name) ?? (() => undefined),
  });
  return { filled, lines, state, context: context as unknown as CanvasRenderingContext2D };
}

function scene(frames: number, width = 300): Scene {
  const data = new Columns();
  for (let row = 0; row < frames; row++) {
    const at = row / frames;
    data.sent[row % 2].add(row, at, at + 0.5 / frames, 1 + (row % 7 === 0 ? 2 : 0));
  }
  const names = ["back", "raised", "grid", "text", "dim", "body", "lens", "order", "answer", "wrong", "marker", "select"];
  const palette = Object.fromEntries(names.map((name) => [name, name])) as unknown as Scene["palette"];
  const { tracks, height } = layout(data, null, {});
  return {
    data,
    tracks,
    view: { t0: -0.2, t1: 0.8 },
    cursor: null,
    selected: null,
    markers: [],
    stretch: null,
    passes: null,
    findings: null,
    badges: new Map(),
    chosen: "",
    focused: -1,
    width,
    height,
    palette,
    resting: {},
    bins: [],
  };
}

describe("drawing", () => {
  it("joins neighbouring columns that look alike, and no others", () => {
    const { filled, state, context } = recorder();
    const fill = columnFiller(context, 3, 10);
    fill.add(5, "a", 0.5);
    fill.add(6, "a", 0.5);
    fill.add(7, "a", 0.6);
    fill.add(8, "b", 0.6);
    fill.add(10, "b", 0.6);
    fill.flush();
    expect(filled).toEqual([
      { x: 5, width: 2, top: 3, colour: "a", alpha: 0.5 },
      { x: 7, width: 1, top: 3, colour: "a", alpha: 0.6 },
      { x: 8, width: 1, top: 3, colour: "b", alpha: 0.6 },
      { x: 10, width: 1, top: 3, colour: "b", alpha: 0.6 },
    ]);
    expect(state.globalAlpha).toBe(1);
  });

  it("shows bits of many frames in whole pixels, exactly where frames are", () => {
    const wanted = scene(4 * EACH_UP_TO);
    const { filled, context } = recorder();
    const track = { kind: "line", name: "TXD", label: "TXD", side: "body", top: 0, height: 20, carries: "body" } as const;
    drawActivity(context, wanted, track);
    const { count } = frameBins(wanted, 0);
    const columns = filled.flatMap(({ x, width }) => Array.from({ length: width }, (_, index) => x + index - GUTTER));
    expect(columns).toEqual([...count.keys()].filter((pixel) => count[pixel]));
    expect(filled.length).toBe(1);
    expect(columns[0]).toBeCloseTo((300 - GUTTER) * 0.2, -1);
  });

  it("has a track for a line that never changed, with the level that it rests at", () => {
    const wanted = scene(10);
    wanted.resting = { DETECT: 1, VCC: 0 };
    const { tracks } = layout(wanted.data, null, wanted.resting);
    expect(tracks.filter((one) => one.kind === "line").map((one) => one.label)).toEqual(["DETECT", "VCC"]);
    for (const [track, filled] of [
      [tracks[0], 1],
      [tracks[1], 0],
    ] as const) {
      const { filled: rectangles, lines, context } = recorder();
      drawLine(context, wanted, track);
      // A high level is shaded below, and both are one line over the whole width.
      expect(rectangles.length).toBe(filled);
      expect(lines).toEqual([300 - GUTTER + 0.5]);
    }
    wanted.resting = {};
    const { lines, context } = recorder();
    drawLine(context, wanted, tracks[0]);
    expect(lines).toEqual([]);
  });

  it("counts the frames of a direction once a drawing", () => {
    const wanted = scene(4 * EACH_UP_TO);
    draw(recorder().context, wanted);
    const bins = wanted.bins[0];
    expect(bins?.count.reduce((sum, one) => sum + one)).toBe(6400);
    expect(frameBins(wanted, 0)).toBe(bins);
  });
});
