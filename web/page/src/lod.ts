// Level of detail: what a pixel shows where many edges or frames fall into it.

/** First index whose value is at least `wanted`. */
export function lowerBound(values: ArrayLike<number>, length: number, wanted: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface LevelRun {
  /** First and last pixel, both included. */
  from: number;
  to: number;
  level: number;
  /** Edges inside; 0 for a level that is held. */
  edges: number;
}

/**
 * Runs of pixels of one line: a held level, or a run of pixels with edges.
 *
 * The level before the first edge is `resting`; -1 is an unknown one.
 */
export function levelRuns(
  at: ArrayLike<number>,
  level: ArrayLike<number>,
  length: number,
  t0: number,
  t1: number,
  pixels: number,
  resting = -1,
): LevelRun[] {
  const runs: LevelRun[] = [];
  const scale = (t1 - t0) / pixels;
  let index = lowerBound(at, length, t0);
  let held = index > 0 ? level[index - 1] : resting;
  let pixel = 0;
  while (pixel < pixels) {
    if (index >= length || at[index] >= t1) {
      runs.push({ from: pixel, to: pixels - 1, level: held, edges: 0 });
      break;
    }
    const next = Math.min(pixels - 1, Math.max(pixel, Math.floor((at[index] - t0) / scale)));
    if (next > pixel) runs.push({ from: pixel, to: next - 1, level: held, edges: 0 });
    const after = lowerBoundFrom(at, length, t0 + (next + 1) * scale, index + 1);
    runs.push({ from: next, to: next, level: level[after - 1], edges: after - index });
    held = level[after - 1];
    index = after;
    pixel = next + 1;
  }
  return runs;
}

/** As `lowerBound`, where the answer is near `from`. */
function lowerBoundFrom(values: ArrayLike<number>, length: number, wanted: number, from: number): number {
  let step = 1;
  let low = from;
  let high = from;
  while (high < length && values[high] < wanted) {
    low = high + 1;
    high += step;
    step *= 2;
  }
  high = Math.min(high, length);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface Bins {
  rank: Uint8Array;
  count: Uint32Array;
}

/** Frames of one direction: when they begin, and the highest rank of a run of them. */
export interface Ranked {
  at: { data: ArrayLike<number>; length: number };
  highest(from: number, to: number): number;
}

/** Per pixel the highest rank and the number of frames that begin in it. */
export function rankBins(sent: Ranked, t0: number, t1: number, pixels: number): Bins {
  const bins = { rank: new Uint8Array(pixels), count: new Uint32Array(pixels) };
  const scale = (t1 - t0) / pixels;
  const { data, length } = sent.at;
  let index = lowerBound(data, length, t0);
  while (index < length && data[index] < t1) {
    const pixel = Math.min(pixels - 1, Math.max(0, Math.floor((data[index] - t0) / scale)));
    const after = lowerBoundFrom(data, length, pixel === pixels - 1 ? t1 : t0 + (pixel + 1) * scale, index + 1);
    bins.rank[pixel] = Math.max(bins.rank[pixel], sent.highest(index, after));
    bins.count[pixel] += after - index;
    index = after;
  }
  return bins;
}

/** Steps of a time axis that suit a width: 1, 2 or 5 times a power of ten. */
export function axisStep(span: number, pixels: number, wanted = 110): number {
  const rough = (span * wanted) / Math.max(1, pixels);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = rough / power;
  return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
}
