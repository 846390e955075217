import { describe, expect, it } from "vitest";
import { nearestRow, valueRange } from "../src/Plots";
import type { PlotData } from "../src/types";

function part(points: [number, number][]): PlotData {
  return {
    name: "Message.field",
    unit: "",
    meaning: "",
    at: Float64Array.from(points, ([at]) => at),
    value: Float64Array.from(points, ([, value]) => value),
    row: Uint32Array.from(points, (_, index) => 10 * index),
  };
}

describe("plots", () => {
  it("show the values of the view, and the one that holds from before it", () => {
    const one = part([
      [0, 500],
      [1, 100],
      [4, 200],
      [8, 900],
    ]);
    const [low, high] = valueRange([one], 2, 5);
    expect(low).toBeCloseTo(92);
    expect(high).toBeCloseTo(208);
    expect(valueRange([one], 2, 3)).toEqual([99, 101]);
    expect(valueRange([], 2, 3)).toEqual([0, 1]);
  });

  it("select the frame near a time, and rather one that changes the value", () => {
    const one = part([
      [1, 5],
      [2, 5],
      [2.4, 6],
    ]);
    expect(nearestRow([one], 1.1, 0.5)).toBe(0);
    expect(nearestRow([one], 2.1, 0.5)).toBe(20);
    expect(nearestRow([one], 2.1, 0.2)).toBe(10);
    expect(nearestRow([one], 9, 0.5)).toBeNull();
  });
});
