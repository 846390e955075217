// Columns of a session: packed arrays from the server, appended as they come.

import type { Composition } from "./types";

type Typed = Float64Array | Float32Array | Uint32Array | Int32Array | Uint8Array;
type TypedClass = { new (size: number): Typed; new (buffer: ArrayBuffer, offset: number, length: number): Typed };

const TYPES: Record<string, TypedClass> = {
  f8: Float64Array as unknown as TypedClass,
  f4: Float32Array as unknown as TypedClass,
  u4: Uint32Array as unknown as TypedClass,
  i4: Int32Array as unknown as TypedClass,
  u1: Uint8Array as unknown as TypedClass,
};

export interface Packed {
  header: Record<string, unknown>;
  arrays: Record<string, Typed>;
}

export function unpack(buffer: ArrayBuffer): Packed {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays: Record<string, Typed> = {};
  for (const place of header.arrays as { name: string; type: string; offset: number; length: number }[]) {
    arrays[place.name] = new TYPES[place.type](buffer, 4 + length + place.offset, place.length);
  }
  return { header, arrays };
}

/** An array that grows; `data` is longer than what is used. */
export class Growing<T extends Typed> {
  data: T;
  length = 0;
  constructor(private readonly make: { new (size: number): T }) {
    this.data = new make(1024);
  }
  append(values: Typed): void {
    if (!this.length && values.length > this.data.length) {
      // The first part of a long session is taken as it came, and not copied.
      this.data = values as T;
      this.length = values.length;
      return;
    }
    this.reserve(values.length);
    this.data.set(values as never, this.length);
    this.length += values.length;
  }
  push(value: number): void {
    if (this.length === this.data.length) this.reserve(1);
    this.data[this.length++] = value;
  }
  insert(place: number, value: number): void {
    this.push(value);
    this.data.copyWithin(place + 1, place, this.length - 1);
    this.data[place] = value;
  }
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.data.length) return;
    const larger = new this.make(Math.max(needed, 2 * this.data.length));
    larger.set(this.data.subarray(0, this.length) as never);
    this.data = larger;
  }
}

export class Line {
  at = new Growing<Float64Array>(Float64Array);
  level = new Growing<Uint8Array>(Uint8Array);
  get length(): number {
    return this.at.length;
  }
}

export const KINDS = ["frame", "garbage", "window", "note", "clock", "drop", "defect"];
export const FRAME = 0;
export const GARBAGE = 1;
export const WINDOW = 2;

// Rank of a row: what outranks the others in a pixel.
export const ROUTINE = 1;
export const ANSWER = 2;
export const ORDER = 3;
export const WRONG = 4;

export class Columns {
  rows = 0;
  at = new Growing<Float64Array>(Float64Array);
  end = new Growing<Float64Array>(Float64Array);
  opened = new Growing<Float64Array>(Float64Array);
  closed = new Growing<Float64Array>(Float64Array);
  pause = new Growing<Float32Array>(Float32Array);
  composition = new Growing<Uint32Array>(Uint32Array);
  size = new Growing<Uint32Array>(Uint32Array);
  answers = new Growing<Int32Array>(Int32Array);
  kind = new Growing<Uint8Array>(Uint8Array);
  sender = new Growing<Uint8Array>(Uint8Array);
  rank = new Growing<Uint8Array>(Uint8Array);
  /** Rows of each direction with their start and end, in the order of time: of the body, of the lens. */
  sent = [new Sent(), new Sent()];
  lines = new Map<string, Line>();
  compositions: Composition[] = [];
  first = Infinity;
  last = -Infinity;
  /** Whether every column is there; of a long session some come after the first picture. */
  whole = true;

  append(packed: Packed): void {
    const { header, arrays } = packed;
    if ((header.since as number) !== this.rows) return;
    this.compositions = header.compositions as Composition[];
    const part = header.part as string;
    for (const name of ["at", "end", "composition", "answers", "kind", "sender"] as const) {
      (this[name] as Growing<Typed>).append(arrays[name]);
    }
    const count = arrays.at.length;
    for (const name of LATER) {
      const values = arrays[name] ?? emptyOf(name, count);
      (this[name] as Growing<Typed>).append(values);
    }
    this.whole = this.whole && part !== "first";
    const before = this.rows;
    this.rows = this.at.length;
    this.derive(before);
    for (const [name, values] of Object.entries(arrays)) {
      if (!name.startsWith("line:") || !name.endsWith(":at")) continue;
      const line = name.slice(5, -3);
      let kept = this.lines.get(line);
      if (!kept) this.lines.set(line, (kept = new Line()));
      kept.at.append(values);
      kept.level.append(arrays[`line:${line}:level`]);
      if (values.length) {
        this.first = Math.min(this.first, values[0]);
        this.last = Math.max(this.last, values[values.length - 1]);
      }
    }
  }

  /** Take the columns that were left out of the first part. */
  complete(packed: Packed): void {
    const count = this.rows;
    for (const name of LATER) (this[name] as Growing<Typed>).data.set(packed.arrays[name].subarray(0, count) as never);
    this.whole = true;
  }

  /** What the server need not send again. */
  positions(): string {
    const parts = [`rows:${this.rows}`];
    for (const [name, line] of this.lines) parts.push(`line:${name}:${line.length}`);
    return parts.join(",");
  }

  composed(row: number): Composition | null {
    return this.kind.data[row] === FRAME ? this.compositions[this.composition.data[row]] : null;
  }

  private derive(from: number): void {
    const { rows } = this;
    const at = this.at.data;
    const end = this.end.data;
    const kind = this.kind.data;
    const sender = this.sender.data;
    const answers = this.answers.data;
    const composition = this.composition.data;
    const rank = new Uint8Array(rows - from);
    const ranks = this.compositions.map((one) =>
      one.names.includes("UnknownMessage") ? WRONG : one.routine ? ROUTINE : ORDER,
    );
    const counts = [0, 0, 0];
    for (let row = from; row < rows; row++) counts[sender[row]]++;
    this.sent[0].reserve(counts[1]);
    this.sent[1].reserve(counts[2]);
    let { first, last } = this;
    for (let row = from; row < rows; row++) {
      const begin = at[row];
      const stop = end[row];
      if (begin === begin) {
        if (begin < first) first = begin;
        if (begin > last) last = begin;
        if (stop > last) last = stop;
      }
      const what = kind[row];
      let one = 0;
      if (what === FRAME) {
        one = ranks[composition[row]];
        if (one !== WRONG && answers[row] >= 0) one = ANSWER;
      } else if (what === GARBAGE || what >= 5) one = WRONG;
      rank[row - from] = one;
      const side = sender[row];
      if (side && what <= GARBAGE && begin === begin) {
        this.sent[side - 1].add(row, begin, stop === stop ? stop : begin, one);
      }
    }
    this.first = first;
    this.last = last;
    this.rank.append(rank);
  }

  /** Time since the frame before with the same messages; NaN where there is none nearby. */
  delta(row: number): number {
    if (this.kind.data[row] !== FRAME) return NaN;
    const wanted = this.composition.data[row];
    for (let before = row - 1; before >= 0 && before > row - FAR; before--) {
      if (this.composition.data[before] === wanted && this.kind.data[before] === FRAME) {
        return this.at.data[row] - this.at.data[before];
      }
    }
    return NaN;
  }
}

const LATER = ["opened", "closed", "pause", "size"] as const;

function emptyOf(name: (typeof LATER)[number], count: number): Typed {
  if (name === "size") return new Uint32Array(count);
  return name === "pause" ? new Float32Array(count) : new Float64Array(count).fill(NaN);
}

/** Rows that are searched for the frame before with the same messages. */
const FAR = 50_000;

/** Frames of a block, whose highest rank is kept, so that a pixel with many frames needs few steps. */
export const BLOCK = 64;

/** Rows of one direction. */
export class Sent {
  rows = new Growing<Uint32Array>(Uint32Array);
  at = new Growing<Float64Array>(Float64Array);
  end = new Growing<Float64Array>(Float64Array);
  rank = new Growing<Uint8Array>(Uint8Array);
  private blocks = new Growing<Uint8Array>(Uint8Array);
  get length(): number {
    return this.at.length;
  }
  reserve(more: number): void {
    this.rows.reserve(more);
    this.at.reserve(more);
    this.end.reserve(more);
    this.rank.reserve(more);
  }
  add(row: number, at: number, end: number, rank: number): void {
    let place = this.at.length;
    if (place === 0 || this.at.data[place - 1] <= at) {
      this.rows.push(row);
      this.at.push(at);
      this.end.push(end);
      this.rank.push(rank);
    } else {
      // A few rows come late; they go to their place.
      while (place > 0 && this.at.data[place - 1] > at) place--;
      this.rows.insert(place, row);
      this.at.insert(place, at);
      this.end.insert(place, end);
      this.rank.insert(place, rank);
      this.blocks.length = Math.min(this.blocks.length, Math.floor(place / BLOCK));
    }
  }
  /** The highest rank of a run of frames. */
  highest(from: number, to: number): number {
    const { data } = this.rank;
    let found = 0;
    let index = from;
    while (index < to) {
      if (index % BLOCK === 0 && index + BLOCK <= to) {
        const one = this.block(index / BLOCK);
        if (one > found) found = one;
        index += BLOCK;
      } else {
        if (data[index] > found) found = data[index];
        index++;
      }
    }
    return found;
  }
  private block(number: number): number {
    const { data } = this.rank;
    while (this.blocks.length <= number) {
      const first = this.blocks.length * BLOCK;
      let found = 0;
      for (let index = first; index < first + BLOCK; index++) if (data[index] > found) found = data[index];
      this.blocks.push(found);
    }
    return this.blocks.data[number];
  }
}
