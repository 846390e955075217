// What the page shows: one time axis, one selection, and the data behind them.

import { batch, computed, effect, signal } from "@preact/signals";
import { Columns } from "./columns";
import { lowerBound } from "./lod";
import type { Source } from "./source";
import type { DialectInfo, Explanation, Findings, Found, MountState, RowDetail, SessionInfo } from "./types";
import { PageError } from "./types";

export interface View {
  t0: number;
  t1: number;
}

export const source = signal<Source | null>(null);
export const info = signal<SessionInfo | null>(null);
export const dialect = signal<DialectInfo | null>(null);
export const columns = signal(new Columns());
/** Rises whenever rows or edges come. */
export const version = signal(0);
export const view = signal<View>({ t0: 0, t1: 1 });
/** The time that the panels show; `null` for the end. */
export const cursor = signal<number | null>(null);
export const selected = signal<number | null>(null);
/** The field that is pointed at: index of its message, and its name. */
export const field = signal<{ message: number; name: string; pinned: boolean } | null>(null);
export const markers = signal<number[]>([]);
export const stretch = signal<View | null>(null);
export const filterText = signal("");
export const found = signal<Found | null>(null);
export const filterError = signal<PageError | null>(null);
export const follow = signal(false);
export const plots = signal<string[]>([]);
export const findings = signal<Findings | null>(null);
/** Key of the finding that is chosen in the timeline or in the list; empty for none. */
export const finding = signal("");
/** What `lensmount explain` makes of the session; `null` while it is not known. */
export const explanation = signal<Explanation | null>(null);
export type Tab = "messages" | "findings" | "statistics" | "control" | "live";
export const tab = signal<Tab>("messages");
export const mount = signal<MountState | null>(null);
export const message = signal("");
export const spoken = signal("");
export const helpOpen = signal(false);
export const hover = signal<{ x: number; y: number; lines: string[] } | null>(null);
export const focusedTrack = signal(-1);
/** Whether the panels above the timeline are folded away. */
export const folded = signal(remembered("folded") === "yes");

export function fold(now: boolean): void {
  folded.value = now;
  try {
    localStorage.setItem("folded", now ? "yes" : "no");
  } catch {
    // A page that is opened as a file may have no storage.
  }
}

function remembered(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export const markNames = computed(() => Object.fromEntries(markers.value.map((at, index) => [`M${index + 1}`, at])));

/** Rows of the list: all of them, or those that the filter accepts. */
export const listed = computed<Uint32Array | null>(() => {
  const bits = found.value;
  if (!bits) return null;
  const rows = new Uint32Array(bits.count);
  let count = 0;
  for (let row = 0; count < rows.length && row >> 3 < bits.bits.length; row++) {
    if (bits.bits[row >> 3] & (1 << (row & 7))) rows[count++] = row;
  }
  return rows;
});

export function passes(row: number): boolean {
  const bits = found.value;
  return !bits || (bits.bits[row >> 3] & (1 << (row & 7))) !== 0;
}

export function bounds(): View {
  const { first, last } = columns.value;
  if (!Number.isFinite(first) || !Number.isFinite(last)) return { t0: 0, t1: 1 };
  const margin = Math.max(1e-4, (last - first) * 0.01);
  return { t0: first - margin, t1: last + margin };
}

export const MIN_SPAN = 2e-6;

export function setView(t0: number, t1: number): void {
  const limit = bounds();
  const whole = limit.t1 - limit.t0;
  let width = Math.min(Math.max(t1 - t0, MIN_SPAN), whole * 1.02);
  let from = t0 + (t1 - t0 - width) / 2;
  from = Math.max(limit.t0 - width * 0.5, Math.min(from, limit.t1 - width * 0.5));
  if (!Number.isFinite(from) || !Number.isFinite(width)) {
    from = limit.t0;
    width = whole;
  }
  view.value = { t0: from, t1: from + width };
}

export function zoom(factor: number, at?: number): void {
  const { t0, t1 } = view.value;
  const centre = at ?? (cursor.value !== null && cursor.value >= t0 && cursor.value <= t1 ? cursor.value : (t0 + t1) / 2);
  setView(centre - (centre - t0) * factor, centre + (t1 - centre) * factor);
}

export function pan(share: number): void {
  const { t0, t1 } = view.value;
  follow.value = false;
  setView(t0 + (t1 - t0) * share, t1 + (t1 - t0) * share);
}

export function showAll(): void {
  const limit = bounds();
  setView(limit.t0, limit.t1);
}

/** Bring a time into the picture without changing the scale. */
export function reveal(at: number): void {
  const { t0, t1 } = view.value;
  if (at >= t0 && at <= t1) return;
  const width = t1 - t0;
  setView(at - width / 2, at + width / 2);
}

export function select(row: number | null, options: { keep?: boolean; frame?: boolean } = {}): void {
  batch(() => {
    selected.value = row;
    if (!field.value?.pinned) field.value = null;
    if (row === null) return;
    follow.value = false;
    const at = columns.value.at.data[row];
    if (at === at) {
      cursor.value = at;
      if (!options.keep) reveal(at);
    }
  });
}

/** Zoom so that the selection fills a third of the picture. */
export function frameSelection(): void {
  const row = selected.value;
  if (row === null) return;
  const data = columns.value;
  const at = data.opened.data[row] === data.opened.data[row] ? data.opened.data[row] : data.at.data[row];
  const closed = data.closed.data[row];
  const end = closed === closed ? closed : data.end.data[row];
  if (at !== at) return;
  const width = Math.max((end === end ? end - at : 0) * 3, 30e-6);
  const centre = (at + (end === end ? end : at)) / 2;
  setView(centre - width / 2, centre + width / 2);
}

export function addMarker(at: number | null = cursor.value): void {
  if (at === null) return;
  if (markers.value.some((one) => one === at)) return;
  markers.value = [...markers.value, at].sort((one, other) => one - other).slice(-20);
}

export function stepMarker(direction: 1 | -1): void {
  const at = cursor.value ?? view.value.t0;
  const chosen =
    direction > 0 ? markers.value.find((one) => one > at + 1e-12) : markers.value.findLast((one) => one < at - 1e-12);
  if (chosen === undefined) return;
  cursor.value = chosen;
  reveal(chosen);
}

/** The next or previous row of the list. */
export function stepRow(step: number): void {
  const rows = listed.value;
  const count = rows ? rows.length : columns.value.rows;
  if (!count) return;
  const now = selected.value;
  let index: number;
  if (now === null) index = step > 0 ? 0 : count - 1;
  else if (rows) {
    index = lowerBound(rows, rows.length, now);
    if (step < 0 || rows[index] === now) index += step;
  } else index = now + step;
  index = Math.max(0, Math.min(count - 1, index));
  select(rows ? rows[index] : index);
}

let details = new Map<number, Promise<RowDetail>>();

export function detail(row: number): Promise<RowDetail> {
  let known = details.get(row);
  if (!known) {
    known = source.value!.detail(row);
    known.catch(() => details.delete(row));
    if (details.size > 300) details.clear();
    details.set(row, known);
  }
  return known;
}

let summaries = new Map<number, Promise<Map<number, string>>>();
export const CHUNK = 100;

export function summariesOf(chunk: number): Promise<Map<number, string>> {
  let known = summaries.get(chunk);
  if (!known) {
    known = source.value!.summaries(chunk * CHUNK, CHUNK);
    known.catch(() => summaries.delete(chunk));
    if (summaries.size > 200) summaries.clear();
    const whole = (chunk + 1) * CHUNK <= columns.value.rows;
    if (whole) summaries.set(chunk, known);
  }
  return known;
}

let filterRun = 0;

export async function applyFilter(text: string): Promise<void> {
  filterText.value = text;
  const run = ++filterRun;
  if (!text.trim()) {
    batch(() => {
      found.value = null;
      filterError.value = null;
    });
    return;
  }
  try {
    const result = await source.value!.find(text, markNames.value);
    if (run !== filterRun) return;
    batch(() => {
      found.value = result;
      filterError.value = null;
    });
  } catch (error) {
    if (run === filterRun) filterError.value = error instanceof PageError ? error : new PageError(String(error));
  }
}

export function nextMatch(direction: 1 | -1): void {
  stepRow(direction);
}

let plotsChosen = false;

export function choosePlots(names: string[]): void {
  plotsChosen = true;
  plots.value = names.slice(-6);
}

/** Reported against ordered focus position. */
function usualPlots(about: SessionInfo): string[] {
  const focus = about.gauges.find((gauge) => gauge.part === "focus");
  return focus ? [focus.fields.value, focus.fields.target].filter((name) => about.fields.includes(name)) : [];
}

/** Open a session from a source. */
export async function open(from: Source): Promise<void> {
  details = new Map();
  summaries = new Map();
  const about = await from.info();
  const language = await from.dialect(about.dialect);
  const data = new Columns();
  data.append(await from.columns("", about.rows > ROWS_AT_ONCE ? "first" : "all"));
  batch(() => {
    source.value = from;
    info.value = about;
    dialect.value = language;
    columns.value = data;
    version.value++;
    selected.value = null;
    cursor.value = null;
    markers.value = [];
    stretch.value = null;
    found.value = null;
    filterText.value = "";
    filterError.value = null;
    findings.value = null;
    finding.value = "";
    explanation.value = null;
    mount.value = null;
    field.value = null;
    follow.value = about.kind !== "capture" && about.reading;
    tab.value = about.kind === "virtual" && about.reading ? "control" : "messages";
    plotsChosen = false;
    plots.value = usualPlots(about);
    showAll();
    if (follow.value) view.value = { t0: 0, t1: FOLLOW_SPAN };
  });
  if (!data.whole) {
    // The picture is shown before the page waits for the rest.
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    void complete(from, data).then(() => more(from, about));
  } else more(from, about);
}

/** Rows up to which a session comes in one answer. */
const ROWS_AT_ONCE = 200_000;

async function complete(from: Source, data: Columns): Promise<void> {
  try {
    const rest = await from.columns("", "rest");
    if (source.value !== from) return;
    data.complete(rest);
    version.value++;
  } catch (error) {
    message.value = (error as Error).message;
  }
}

function more(from: Source, about: SessionInfo): void {
  if (source.value !== from) return;
  if (about.reading) {
    void grow(from);
    return;
  }
  if (about.error) message.value = about.error;
  void readFindings(from);
}

async function readFindings(from: Source): Promise<void> {
  try {
    const result = await from.findings();
    if (source.value === from) findings.value = result;
    if (!info.value?.reading && columns.value.rows <= EXPLAINED_AT_ONCE) await explain();
  } catch (error) {
    message.value = String((error as Error).message);
  }
}

/** Rows up to which a session is explained before the user asks. */
const EXPLAINED_AT_ONCE = 20_000;

/** What the explanation is of: the session, its rows then, and whether more came. */
let explained: { from: Source; rows: number; reading: boolean } | null = null;
let explaining: Source | null = null;

/** Rows of the session that the explanation does not know of. */
export const unexplained = signal(0);

/** Ask for the explanation of the session as it is now, unless that one is here or on its way. */
export async function explain(): Promise<void> {
  const from = source.value;
  if (!from || explaining === from) return;
  const { rows } = columns.value;
  const reading = !!info.value?.reading;
  if (explanation.value && explained?.from === from && explained.rows === rows && explained.reading === reading) return;
  explaining = from;
  try {
    const result = await from.explanation();
    if (source.value !== from) return;
    explained = { from, rows, reading };
    explanation.value = result;
    unexplained.value = columns.value.rows - rows;
  } finally {
    if (explaining === from) explaining = null;
  }
}

/** A session that goes on: explain it again while that takes the server a moment, and count what came since. */
export async function explainAgain(): Promise<void> {
  const from = source.value;
  if (!explanation.value || columns.value.rows <= LIVE_EXPLAINED) await explain();
  else if (explained && explained.from === from) unexplained.value = columns.value.rows - explained.rows;
}

/** Rows of a session that goes on up to which it is explained again by itself. */
const LIVE_EXPLAINED = 2_000;

/** Whether the explanation names something that went wrong. */
export const failed = computed(() => explanation.value?.verdict === "something went wrong");

const POLL_MS = 66;
const FINDINGS_EVERY = 15;

/** Fetch what comes while the server still reads or plays. */
async function grow(from: Source): Promise<void> {
  let round = 0;
  let wasWhole = true;
  while (source.value === from) {
    await new Promise((done) => setTimeout(done, POLL_MS));
    if (source.value !== from) return;
    try {
      const data = columns.value;
      const before = data.rows;
      const limit = bounds();
      wasWhole = view.value.t0 <= limit.t0 && view.value.t1 >= limit.t1;
      data.append(await from.columns(data.positions()));
      const about = round % 8 === 0 ? await from.info() : null;
      if (source.value !== from) return;
      batch(() => {
        version.value++;
        if (about) {
          info.value = about;
          if (!plotsChosen && !plots.value.length) plots.value = usualPlots(about);
        }
        if (follow.value) followEnd();
        else if (wasWhole && info.value?.kind === "capture") showAll();
      });
      if (data.rows !== before && filterText.value) void applyFilter(filterText.value);
      if (round++ % FINDINGS_EVERY === 0) void readFindings(from);
      if (about && !about.reading) {
        data.append(await from.columns(data.positions()));
        version.value++;
        if (about.error) message.value = about.error;
        void readFindings(from);
        return;
      }
    } catch (error) {
      message.value = (error as Error).message;
      return;
    }
  }
}

export const FOLLOW_SPAN = 0.35;

export function followEnd(): void {
  const width = Math.min(view.value.t1 - view.value.t0, 2) || FOLLOW_SPAN;
  const end = columns.value.last;
  if (!Number.isFinite(end)) return;
  const span = width > 1.9 ? FOLLOW_SPAN : width;
  view.value = { t0: end - span * 0.95, t1: end + span * 0.05 };
  cursor.value = null;
}

// The state of both ends at the cursor: one request at a time, the latest wins.
let asking = false;
let again = false;

async function askState(): Promise<void> {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    do {
      again = false;
      const from = source.value;
      if (!from) return;
      const at = cursor.value ?? columns.value.last;
      if (!Number.isFinite(at)) return;
      const state = await from.state(at);
      if (source.value === from) mount.value = state;
    } while (again);
  } catch {
    // The list and the timeline report a server that is gone.
  } finally {
    asking = false;
  }
}

effect(() => {
  void cursor.value;
  void version.value;
  if (source.value) void askState();
});

/** What a view is, for the address: a link shows the same moment. */
export const address = computed(() => {
  const parts: string[] = [];
  const { t0, t1 } = view.value;
  parts.push(`v=${t0.toPrecision(12)}..${t1.toPrecision(12)}`);
  if (selected.value !== null) parts.push(`row=${selected.value}`);
  if (filterText.value) parts.push(`filter=${encodeURIComponent(filterText.value)}`);
  if (markers.value.length) parts.push(`m=${markers.value.map((at) => at.toPrecision(12)).join(",")}`);
  return parts.join("&");
});

export function restore(fragment: string): void {
  const parts = new URLSearchParams(fragment);
  const range = /^(-?[\d.e-]+)\.\.(-?[\d.e-]+)$/.exec(parts.get("v") ?? "");
  batch(() => {
    if (parts.get("m")) markers.value = parts.get("m")!.split(",").map(Number).filter(Number.isFinite);
    const row = Number(parts.get("row") ?? NaN);
    if (Number.isInteger(row) && row >= 0 && row < columns.value.rows) select(row);
    if (range) setView(Number(range[1]), Number(range[2]));
    const at = Number(parts.get("t") ?? NaN);
    if (Number.isFinite(at)) {
      cursor.value = at;
      setView(at - 0.02, at + 0.02);
    }
  });
  const text = parts.get("filter");
  if (text) void applyFilter(text);
}
