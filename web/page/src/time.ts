// Times as text.

import type { Precision } from "./types";

/** A length of time with the unit that suits it, to nanoseconds at most. */
export function span(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const size = Math.abs(seconds);
  if (size >= 1) return `${trim(seconds, 6)} s`;
  if (size >= 1e-3) return `${trim(seconds * 1e3, 3)} ms`;
  if (size === 0) return "0 s";
  if (size < 1e-7) return `${trim(seconds * 1e9, 1)} ns`;
  return `${trim(seconds * 1e6, 3)} µs`;
}

/** From where to where a reply time is measured. */
export const REPLY_TIME =
  "from the end of the last bit of the request (its stop bit) to the start of the first bit of the answer (its start bit); padding after the request is not part of the request";

/** A measured length of time with how far it may be off, where that is known. */
export function measured(seconds: number, precision: Precision | undefined): string {
  const within = precision?.within_s;
  return within ? `${span(seconds)} ± ${span(within)}` : span(seconds);
}

/** How precise the times of a session are, as a sentence. */
export function precisionText(precision: Precision | undefined): string {
  if (!precision) return "";
  return `Times of this session: ${precision.text}${precision.within_s ? `, ± ${span(precision.within_s)}` : ""}.`;
}

/** A moment in milliseconds, as the list shows it. */
export function moment(seconds: number): string {
  return Number.isNaN(seconds) ? "–" : (seconds * 1e3).toFixed(3);
}

/** A label of the axis, with as many digits as the step needs. */
export function tick(seconds: number, step: number): string {
  const [factor, unit] = step >= 0.1 ? [1, "s"] : step >= 1e-4 ? [1e3, "ms"] : [1e6, "µs"];
  const digits = Math.max(0, Math.ceil(-Math.log10(step * factor) - 1e-9));
  return `${(seconds * factor).toFixed(digits)} ${unit}`;
}

/** Seconds from text such as `1.2`, `200ms`, `5 us`; NaN where it is none. */
export function parseTime(text: string): number {
  const match = /^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(ns|us|µs|ms|s)?\s*$/i.exec(text);
  if (!match) return NaN;
  const factor = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1 }[(match[2] ?? "s").toLowerCase()] ?? 1;
  return Number(match[1]) * factor;
}

function trim(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.?0+$/, "");
}

export function hex(value: number, digits = 2): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
