// Findings in the timeline: a badge on the track that each concerns, which leads to the list, and back from there.

import { computed, signal } from "@preact/signals";
import { AXIS, xOf, type Scene, type Track } from "./draw";
import { lowerBound } from "./lod";
import * as state from "./state";
import type { Finding } from "./types";

/** A finding with a time: of the list, or of the explanation. */
export interface Marked extends Finding {
  t: number;
  explained: boolean;
  key: string;
}

/** Names a finding; it stays the same while a session goes on and its findings are read again. */
export function keyOf(one: { kind: string; t: number | null; text: string }, explained: boolean): string {
  return `${explained ? "explained" : "listed"} ${one.t} ${one.kind} ${one.text}`;
}

/** All findings with a time, in the order of time. */
const marked = computed<Marked[]>(() => {
  const found: Marked[] = [];
  for (const one of state.findings.value?.findings ?? []) {
    if (one.t !== null) found.push({ ...one, t: one.t, explained: false, key: keyOf(one, false) });
  }
  for (const one of state.explanation.value?.findings ?? []) {
    if (one.t !== null) found.push({ ...one, t: one.t, row: null, explained: true, key: keyOf(one, true) });
  }
  return found.sort((one, other) => one.t - other.t);
});

/** The badges of each track by the track's name. */
export const badges = computed(() => {
  const found = new Map<string, Marked[]>([["findings", marked.value]]);
  for (const one of marked.value) {
    if (!one.track || one.kind === "note") continue;
    const known = found.get(one.track);
    if (known) known.push(one);
    else found.set(one.track, [one]);
  }
  return found;
});

const LETTERS: Record<string, string> = {
  timing: "T",
  garbage: "G",
  error: "E",
  state: "S",
  unknown: "?",
  loss: "L",
  incomplete: "I",
  note: "n",
};

/** Height of a badge on a track that shows something else as well: it stands at its top. */
const RADIUS = 5;
const OWN_RADIUS = 6.5;
export const BADGE_MIDDLE = RADIUS + 1;

export function drawBadges(context: CanvasRenderingContext2D, scene: Scene, track: Track): void {
  const all = scene.badges.get(track.name) ?? [];
  if (!all.length) return;
  const { palette, view } = scene;
  const own = track.kind === "findings";
  const radius = own ? OWN_RADIUS : RADIUS;
  const y = own ? track.top + track.height / 2 - 0.5 : track.top + BADGE_MIDDLE;
  context.font = `bold ${own ? 10 : 8}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.textAlign = "center";
  // A badge keeps its room: first what the explanation found, then what is wrong, then notes.
  const taken = new Map<number, number>();
  const from = firstFrom(all, view.t0);
  for (let rank = 0; rank < 3; rank++) {
    for (let index = from; index < all.length && all[index].t <= view.t1; index++) {
      const one = all[index];
      if (rankOf(one) !== rank) continue;
      const x = xOf(scene, one.t);
      const lit = one.key === scene.chosen;
      context.fillStyle = one.kind === "note" ? palette.dim : palette.wrong;
      if (own && one.from !== undefined) {
        const left = xOf(scene, one.from);
        if (x - left > 2) context.fillRect(left, track.top + track.height - 6, x - left, 2);
      }
      const cell = Math.floor(x / (2 * radius));
      if (!lit && [cell - 1, cell, cell + 1].some((near) => Math.abs((taken.get(near) ?? Infinity) - x) < 2 * radius)) {
        if (own) context.fillRect(x, track.top + 4, 1, track.height - 9);
        continue;
      }
      taken.set(cell, x);
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      context.fill();
      if (lit) {
        context.strokeStyle = palette.select;
        context.lineWidth = 2;
        context.stroke();
      }
      context.fillStyle = palette.back;
      context.fillText(one.explained ? "!" : (LETTERS[one.kind] ?? "!"), x, y + 0.5);
    }
  }
  context.textAlign = "left";
}

function rankOf(one: Marked): number {
  return one.explained ? 0 : one.kind === "note" ? 2 : 1;
}

/** A line from the axis down to the tracks at the finding that is chosen. */
export function drawChosen(context: CanvasRenderingContext2D, scene: Scene): void {
  const one = scene.badges.get("findings")?.find((each) => each.key === scene.chosen);
  if (!one || one.t < scene.view.t0 || one.t > scene.view.t1) return;
  context.globalAlpha = 0.5;
  context.fillStyle = scene.palette.wrong;
  context.fillRect(Math.round(xOf(scene, one.t)), AXIS, 1, scene.height);
  context.globalAlpha = 1;
}

function firstFrom(all: readonly Marked[], at: number): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (all[middle].t < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The finding under the pointer: on a track with something else only where its badge is. */
export function badgeAt(track: Track | undefined, at: number, y: number, perPixel: number): Marked | null {
  if (!track || (track.kind !== "findings" && y > track.top + 2 * RADIUS + 3)) return null;
  let best: Marked | null = null;
  const reach = ((track.kind === "findings" ? OWN_RADIUS : RADIUS) + 1) * perPixel;
  let away = Infinity;
  for (const one of badges.value.get(track.name) ?? []) {
    const distance = Math.abs(one.t - at);
    // Of those whose badges share their room, the one that is drawn.
    if (distance >= reach) continue;
    const better = best === null ? 1 : rankOf(best) - rankOf(one);
    if (better > 0 || (better === 0 && distance < away)) {
      away = distance;
      best = one;
    }
  }
  return best;
}

/** Rises whenever the list should bring its entry of the chosen finding into view. */
export const asked = signal(0);

/** Show a finding that was chosen in the timeline: its frame, and its entry in the list. */
export function choose(one: Marked, reveal = true): void {
  state.finding.value = one.key;
  state.tab.value = "findings";
  asked.value++;
  focus(one);
  if (reveal) state.reveal(one.t);
  state.spoken.value = `finding: ${one.text}`;
}

/** Bring the cursor to a finding, and select the frame that it concerns, if there is one. */
export function focus(one: { t: number; row: number | null; track?: string }): void {
  state.follow.value = false;
  state.select(one.row ?? frameAt(one.track, one.t), { keep: true });
  state.cursor.value = one.t;
}

/** The frame of an end that a time is in, or at whose edge it is. */
function frameAt(end: string | undefined, at: number): number | null {
  const side = ["body", "lens"].indexOf(end ?? "");
  if (side < 0) return null;
  const sent = state.columns.value.sent[side];
  const index = lowerBound(sent.at.data, sent.length, at + SAME_S) - 1;
  return index >= 0 && sent.end.data[index] >= at - SAME_S ? sent.rows.data[index] : null;
}

/** Times within this are the same: a finding may be at the end of the last bit. */
const SAME_S = 1e-6;

/** The next or previous finding from a time on. */
export function nextFinding(at: number, direction: 1 | -1): Marked | undefined {
  const all = marked.value;
  return direction > 0 ? all.find((one) => one.t > at + 1e-12) : all.findLast((one) => one.t < at - 1e-12);
}
