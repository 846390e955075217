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
class Growing<T extends Typed> {
  data: T;
  length = 0;
  constructor(private readonly make: { new (size: number): T }) {
    this.data = new make(1024);
  }
  append(values: Typed): void {
    const needed = this.length + values.length;
    if (needed > this.data.length) {
      const larger = new this.make(Math.max(needed, 2 * this.data.length));
      larger.set(this.data.subarray(0, this.length) as never);
      this.data = larger;
    }
    this.data.set(values as never, this.length);
    this.length = needed;
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
  padding = new Growing<Uint32Array>(Uint32Array);
  answers = new Growing<Int32Array>(Int32Array);
  kind = new Growing<Uint8Array>(Uint8Array);
  sender = new Growing<Uint8Array>(Uint8Array);
  sequence = new Growing<Uint8Array>(Uint8Array);
  class = new Growing<Uint8Array>(Uint8Array);
  rank = new Growing<Uint8Array>(Uint8Array);
  /** Rows of each direction with their start and end, in the order of time: of the body, of the lens. */
  sent = [new Sent(), new Sent()];
  lines = new Map<string, Line>();
  compositions: Composition[] = [];
  /** Start of the row before with the same composition, for the difference in time. */
  delta = new Growing<Float64Array>(Float64Array);
  first = Infinity;
  last = -Infinity;
  private latest = new Map<number, number>();

  append(packed: Packed): void {
    const { header, arrays } = packed;
    if ((header.since as number) !== this.rows) return;
    this.compositions = header.compositions as Composition[];
    const names = [
      "at",
      "end",
      "opened",
      "closed",
      "pause",
      "composition",
      "size",
      "padding",
      "answers",
      "kind",
      "sender",
      "sequence",
      "class",
    ] as const;
    for (const name of names) (this[name] as Growing<Typed>).append(arrays[name]);
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
    const count = this.rows - from;
    const rank = new Uint8Array(count);
    const delta = new Float64Array(count).fill(NaN);
    const unknown = this.compositions.map((one) => one.names.includes("UnknownMessage"));
    const routine = this.compositions.map((one) => one.routine);
    for (let row = from; row < this.rows; row++) {
      const at = this.at.data[row];
      const end = this.end.data[row];
      if (at === at) {
        if (at < this.first) this.first = at;
        if (at > this.last) this.last = at;
        if (end > this.last) this.last = end;
      }
      const kind = this.kind.data[row];
      if (kind === FRAME) {
        const composition = this.composition.data[row];
        rank[row - from] = unknown[composition]
          ? WRONG
          : this.answers.data[row] >= 0
            ? ANSWER
            : routine[composition]
              ? ROUTINE
              : ORDER;
        const before = this.latest.get(composition);
        if (before !== undefined) delta[row - from] = at - before;
        this.latest.set(composition, at);
      } else {
        rank[row - from] = kind === GARBAGE || kind >= 5 ? WRONG : 0;
      }
      const sender = this.sender.data[row];
      if (sender && kind <= GARBAGE && at === at) {
        this.sent[sender - 1].add(row, at, end === end ? end : at);
      }
    }
    this.rank.append(rank);
    this.delta.append(delta);
  }
}

/** Rows of one direction. */
export class Sent {
  rows: number[] = [];
  at: number[] = [];
  end: number[] = [];
  add(row: number, at: number, end: number): void {
    // A few rows come late; they go to their place.
    let place = this.at.length;
    while (place > 0 && this.at[place - 1] > at) place--;
    if (place === this.at.length) {
      this.rows.push(row);
      this.at.push(at);
      this.end.push(end);
    } else {
      this.rows.splice(place, 0, row);
      this.at.splice(place, 0, at);
      this.end.splice(place, 0, end);
    }
  }
}
