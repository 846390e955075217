// Where the page gets its data: from the server, or from inside its own file.

import { unpack, type Packed } from "./columns";
import { evaluate, parseFilter } from "./filter";
import type {
  Change,
  DialectInfo,
  Explanation,
  Findings,
  Found,
  GaugeState,
  MountState,
  PlotData,
  RowDetail,
  SessionInfo,
} from "./types";
import { PageError } from "./types";

export type Part = "all" | "first" | "rest";

export interface Source {
  /** Whether the data is in the page's own file. */
  readonly embedded: boolean;
  info(): Promise<SessionInfo>;
  dialect(name: string): Promise<DialectInfo>;
  /** What is new since positions; of a long session first what its first picture needs, then the rest. */
  columns(since: string, part?: Part): Promise<Packed>;
  summaries(from: number, count: number): Promise<Map<number, string>>;
  detail(row: number): Promise<RowDetail>;
  find(text: string, marks: Record<string, number>): Promise<Found>;
  plot(name: string, t0: number, t1: number, pixels: number): Promise<PlotData>;
  /** The next or previous change of a field from a time on; null where there is none. */
  change(name: string, t: number, direction: 1 | -1): Promise<Change | null>;
  state(t: number): Promise<MountState>;
  findings(): Promise<Findings>;
  explanation(): Promise<Explanation>;
}

/** One request to the server's interface; an error is its sentence. */
export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new PageError("The server does not answer. It may have ended: start `lensmount ui` again.");
  }
  if (!response.ok) {
    let failure: { error?: string; at?: number } = {};
    try {
      failure = await response.json();
    } catch {
      // Not an answer of the interface.
    }
    throw new PageError(failure.error ?? `The server answered ${response.status}.`, failure.at ?? null);
  }
  return response;
}

export async function getJson<T>(path: string): Promise<T> {
  return (await request(path)).json() as Promise<T>;
}

export async function postJson<T>(path: string, body: unknown): Promise<T> {
  const response = await request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.json() as Promise<T>;
}

export class ServerSource implements Source {
  readonly embedded = false;
  private readonly base: string;
  constructor(id: string) {
    this.base = `/api/v1/sessions/${encodeURIComponent(id)}`;
  }
  info(): Promise<SessionInfo> {
    return getJson(this.base);
  }
  dialect(name: string): Promise<DialectInfo> {
    return getJson(`/api/v1/dialects/${encodeURIComponent(name)}`);
  }
  async columns(since: string, part: Part = "all"): Promise<Packed> {
    const path = `${this.base}/columns?since=${encodeURIComponent(since)}&part=${part}`;
    return unpack(await (await request(path)).arrayBuffer());
  }
  async summaries(from: number, count: number): Promise<Map<number, string>> {
    const lines = await getJson<{ row: number; summary: string }[]>(`${this.base}/frames?from=${from}&n=${count}`);
    return new Map(lines.map((line) => [line.row, line.summary]));
  }
  detail(row: number): Promise<RowDetail> {
    return getJson(`${this.base}/frames/${row}`);
  }
  async find(text: string, marks: Record<string, number>): Promise<Found> {
    const response = await request(`${this.base}/find`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ filter: text, marks }),
    });
    const count = Number(response.headers.get("x-count"));
    return { bits: new Uint8Array(await response.arrayBuffer()), count };
  }
  async plot(name: string, t0: number, t1: number, pixels: number): Promise<PlotData> {
    const path = `${this.base}/fields/${encodeURIComponent(name)}?t0=${t0}&t1=${t1}&px=${pixels}`;
    const { header, arrays } = unpack(await (await request(path)).arrayBuffer());
    return { ...(header as object), ...(arrays as object) } as unknown as PlotData;
  }
  change(name: string, t: number, direction: 1 | -1): Promise<Change | null> {
    const way = direction > 0 ? "next" : "previous";
    return getJson(`${this.base}/fields/${encodeURIComponent(name)}/change?t=${t}&way=${way}`);
  }
  state(t: number): Promise<MountState> {
    return getJson(`${this.base}/state?t=${t}`);
  }
  findings(): Promise<Findings> {
    return getJson(`${this.base}/findings`);
  }
  explanation(): Promise<Explanation> {
    return getJson(`${this.base}/explanation`);
  }
}

interface EmbeddedGauge {
  part: string;
  role: "body" | "lens";
  label: string;
  places: Record<string, { field: string; points: [number, number, number, string][] }>;
}

interface Embedded {
  info: SessionInfo;
  dialect: DialectInfo;
  findings: Findings;
  explanation: Explanation;
  rows: RowDetail[];
  columns: string;
  gauges: EmbeddedGauge[];
}

/** Seconds within which a change is the one at the cursor, and not the next one; the server has the same. */
const SAME_S = 1e-9;

export class EmbeddedSource implements Source {
  readonly embedded = true;
  private constructor(
    private readonly document: Embedded,
    private readonly packed: Packed,
  ) {}

  static async open(text: string): Promise<EmbeddedSource> {
    const stream = new Blob([bytesOf(text) as BlobPart]).stream().pipeThrough(new DecompressionStream("gzip"));
    const document: Embedded = await new Response(stream).json();
    return new EmbeddedSource(document, unpack(bytesOf(document.columns).buffer as ArrayBuffer));
  }
  async info(): Promise<SessionInfo> {
    return { ...this.document.info, reading: false };
  }
  async dialect(): Promise<DialectInfo> {
    return this.document.dialect;
  }
  async columns(): Promise<Packed> {
    return this.packed;
  }
  async summaries(from: number, count: number): Promise<Map<number, string>> {
    return new Map(this.document.rows.slice(from, from + count).map((row) => [row.row, row.summary ?? ""]));
  }
  async detail(row: number): Promise<RowDetail> {
    return this.document.rows[row];
  }
  async find(text: string, marks: Record<string, number>): Promise<Found> {
    const condition = parseFilter(text, this.document.dialect, marks);
    const bits = new Uint8Array(Math.ceil(this.document.rows.length / 8));
    let count = 0;
    for (const row of this.document.rows) {
      if (evaluate(condition, row, this.routine(row.row))) {
        bits[row.row >> 3] |= 1 << (row.row & 7);
        count++;
      }
    }
    return { bits, count };
  }
  async plot(name: string): Promise<PlotData> {
    const [message, field] = split(name);
    const at: number[] = [];
    const value: number[] = [];
    const rows: number[] = [];
    for (const row of this.document.rows) {
      for (const one of row.messages ?? []) {
        if (one.name !== message || row.t_us === null || row.t_us === undefined) continue;
        const found = one.fields?.find((each) => each.name === field);
        if (typeof found?.value !== "number" && typeof found?.value !== "boolean") continue;
        at.push(row.t_us / 1e6);
        value.push(Number(found.value));
        rows.push(row.row);
      }
    }
    if (!at.length) throw new PageError(`${name} holds no numbers here, so it has no plot.`);
    const about = this.document.dialect.messages.find((one) => one.name === message);
    const spec = about?.fields.find((one) => one.name === field);
    return {
      name,
      unit: spec?.unit ?? "",
      meaning: spec?.meaning ?? "",
      at: Float64Array.from(at),
      value: Float64Array.from(value),
      row: Uint32Array.from(rows),
    };
  }
  async change(name: string, t: number, direction: 1 | -1): Promise<Change | null> {
    const { at, value, row } = await this.plot(name);
    let found: Change | null = null;
    for (let index = 1; index < row.length; index++) {
      if (value[index] === value[index - 1]) continue;
      const change = { t: at[index], row: row[index], before: value[index - 1], after: value[index] };
      if (direction > 0 && at[index] > t + SAME_S) return change;
      if (direction < 0 && at[index] < t - SAME_S) found = change;
    }
    return found;
  }
  async state(t: number): Promise<MountState> {
    const lines: Record<string, number | null> = { ...this.document.info.resting };
    for (const [name, values] of Object.entries(this.packed.arrays)) {
      if (!name.startsWith("line:") || !name.endsWith(":at")) continue;
      const line = name.slice(5, -3);
      let index = -1;
      while (index + 1 < values.length && values[index + 1] <= t) index++;
      lines[line] = index < 0 ? (lines[line] ?? null) : this.packed.arrays[`line:${line}:level`][index];
    }
    const state = this.document.findings.states.findLast((one) => one.t <= t);
    const gauges = this.document.gauges.map((gauge) => {
      const found: GaugeState = { part: gauge.part, role: gauge.role, label: gauge.label };
      for (const [place, { field, points }] of Object.entries(gauge.places)) {
        const point = points.findLast((one) => (this.document.rows[one[0]].t_us ?? Infinity) / 1e6 <= t);
        if (!point) continue;
        const value = { row: point[0], value: point[1], number: point[2], text: point[3], field };
        (found as unknown as Record<string, unknown>)[place] = value;
      }
      return found;
    });
    return { t, lines, link: state?.state ?? "", gauges };
  }
  async findings(): Promise<Findings> {
    return this.document.findings;
  }
  async explanation(): Promise<Explanation> {
    return this.document.explanation;
  }
  private routine(row: number): boolean {
    const compositions = this.packed.header.compositions as { routine: boolean }[];
    return this.packed.arrays.kind[row] === 0 && compositions[this.packed.arrays.composition[row]].routine;
  }
}

function split(name: string): [string, string] {
  const place = name.indexOf(".");
  return [name.slice(0, place), name.slice(place + 1)];
}

function bytesOf(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}
