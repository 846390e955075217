import { describe, expect, it } from "vitest";
import { Sent } from "../src/columns";
import { axisStep, levelRuns, lowerBound, rankBins } from "../src/lod";

function naive(at: number[], level: number[], t0: number, t1: number, pixels: number) {
  // The level at the end of each pixel, and the edges inside it.
  const scale = (t1 - t0) / pixels;
  return Array.from({ length: pixels }, (_, pixel) => {
    const [from, to] = [t0 + pixel * scale, t0 + (pixel + 1) * scale];
    const edges = at.filter((one) => one >= from && one < to).length;
    const before = at.findLastIndex((one) => one < to);
    return { edges, level: before < 0 ? -1 : level[before] };
  });
}

describe("level of detail", () => {
  it("finds the lower bound", () => {
    const values = [1, 2, 2, 3];
    expect([0, 1, 2, 2.5, 3, 4].map((one) => lowerBound(values, 4, one))).toEqual([0, 0, 1, 3, 3, 4]);
  });

  it("gives each pixel the level and the edges that brute force gives", () => {
    let seed = 7;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    for (let round = 0; round < 60; round++) {
      const count = Math.floor(random() * 80);
      const at = Array.from({ length: count }, () => random() * 10).sort((one, other) => one - other);
      const level = at.map((_, index) => index % 2);
      const [t0, t1] = [random() * 4 - 1, 5 + random() * 6];
      const pixels = 64;
      const expected = naive(at, level, t0, t1, pixels);
      const runs = levelRuns(at, level, count, t0, t1, pixels);
      const found = runs.flatMap((run) =>
        Array.from({ length: run.to - run.from + 1 }, () => ({ edges: run.edges, level: run.level })),
      );
      expect(found).toEqual(expected);
    }
  });

  it("keeps the highest rank of a pixel, so that a rare error does not vanish", () => {
    const sent = new Sent();
    for (let row = 0; row < 10000; row++) sent.add(row, row / 10000, row / 10000, row === 7777 ? 4 : 1);
    const bins = rankBins(sent, 0, 1, 100);
    expect(bins.rank[77]).toBe(4);
    expect(bins.rank.filter((one) => one === 4).length).toBe(1);
    expect(bins.count.reduce((sum, one) => sum + one)).toBe(10000);
  });

  it("gives each pixel the rank and the count that brute force gives, also for frames that come late", () => {
    let seed = 11;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    for (let round = 0; round < 40; round++) {
      const sent = new Sent();
      const all: { at: number; rank: number }[] = [];
      const add = (at: number, rank: number) => {
        sent.add(all.length, at, at, rank);
        all.push({ at, rank });
      };
      for (let row = 0; row < 900; row++) add(row / 100 + random() * 0.05, Math.floor(random() * 1.02 + 1));
      const [t0, t1] = [random() * 4 - 1, 5 + random() * 6];
      rankBins(sent, t0, t1, 64);
      // Late frames, after the blocks were made.
      for (let row = 0; row < 5; row++) add(random() * 9, 4);
      const bins = rankBins(sent, t0, t1, 64);
      const scale = (t1 - t0) / 64;
      const expected = { rank: new Uint8Array(64), count: new Uint32Array(64) };
      for (const one of all.filter((each) => each.at >= t0 && each.at < t1)) {
        const pixel = Math.min(63, Math.floor((one.at - t0) / scale));
        expected.count[pixel]++;
        expected.rank[pixel] = Math.max(expected.rank[pixel], one.rank);
      }
      expect(bins).toEqual(expected);
    }
  });

  it("chooses steps of 1, 2 or 5", () => {
    for (const span of [1e-6, 3e-5, 0.02, 1, 47, 3600]) {
      const step = axisStep(span, 1400);
      expect([1, 2, 5]).toContain(Math.round(step / 10 ** Math.floor(Math.log10(step) + 1e-9)));
      expect(span / step).toBeGreaterThan(3);
      expect(span / step).toBeLessThan(30);
    }
  });
});
