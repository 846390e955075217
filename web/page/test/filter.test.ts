import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { complete, evaluate, parseFilter } from "../src/filter";
import type { DialectInfo, RowDetail } from "../src/types";
import { PageError } from "../src/types";

// The same vectors as the filter in Python: tests/web/filter_vectors.json holds a dialect's part, rows, and which rows
// each filter accepts, or the place where it cannot be read.
interface Vectors {
  dialect: DialectInfo;
  rows: (RowDetail & { routine: boolean })[];
  filters: { text: string; rows?: number[]; at?: number }[];
}
const file = new URL("../../../tests/web/filter_vectors.json", import.meta.url);
const vectors: Vectors = JSON.parse(readFileSync(file, "utf8"));

describe("filter", () => {
  it.each(vectors.filters)("$text", ({ text, rows, at }) => {
    if (at !== undefined) {
      let place: number | null = -1;
      try {
        parseFilter(text, vectors.dialect, {});
      } catch (error) {
        place = (error as PageError).at;
      }
      expect(place).toBe(at);
      return;
    }
    const condition = parseFilter(text, vectors.dialect, {});
    const found = vectors.rows.filter((row) => evaluate(condition, row, row.routine)).map((row) => row.row);
    expect(found).toEqual(rows);
  });

  it("completes messages and fields", () => {
    expect(complete("lens LensSt", vectors.dialect).words.map((one) => one.text)).toContain("LensStatus");
    expect(complete("LensStatus.dist", vectors.dialect).words.map((one) => one.text)).toContain("LensStatus.distance");
    expect(complete("size>", vectors.dialect).words).toEqual([]);
  });
});
