import { describe, expect, it } from "vitest";
import { parseTime, span, tick } from "../src/time";

describe("times", () => {
  it("shows a length with its unit", () => {
    expect([0.016684, 1.5, 2.5e-6, 756e-6, 0, 1e-8].map(span)).toEqual([
      "16.684 ms",
      "1.5 s",
      "2.5 µs",
      "756 µs",
      "0 s",
      "10 ns",
    ]);
    expect(span(NaN)).toBe("–");
  });
  it("labels the axis with the digits of its step", () => {
    expect(tick(1.79, 0.005)).toBe("1790 ms");
    expect(tick(0.0000125, 5e-7)).toBe("12.5 µs");
    expect(tick(2, 0.5)).toBe("2.0 s");
  });
  it("reads times", () => {
    expect(parseTime("1.807")).toBeCloseTo(1.807);
    expect(parseTime("1807.4 ms")).toBeCloseTo(1.8074);
    expect(parseTime("5us")).toBeCloseTo(5e-6);
    expect(parseTime("soon")).toBeNaN();
  });
});
