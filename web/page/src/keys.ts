// The keyboard: one table, which `?` shows and the page acts on.

import * as state from "./state";
import { currentTracks, stepOnTrack } from "./Timeline";

export interface Key {
  keys: string[];
  shown: string;
  about: string;
  act: () => void;
}

function stepTrack(by: number): void {
  const count = currentTracks().length;
  if (!count) return;
  state.focusedTrack.value = Math.max(0, Math.min(count - 1, state.focusedTrack.value + by));
  const track = currentTracks()[state.focusedTrack.value];
  state.spoken.value = `track ${track.label}`;
}

function goTo(): void {
  document.getElementById("go-to")?.focus();
}

export const KEYS: Key[] = [
  { keys: ["w", "W", "+"], shown: "w", about: "zoom in", act: () => state.zoom(0.6) },
  { keys: ["s", "S", "-"], shown: "s", about: "zoom out", act: () => state.zoom(1 / 0.6) },
  { keys: ["a", "A"], shown: "a", about: "earlier", act: () => state.pan(-0.2) },
  { keys: ["d", "D"], shown: "d", about: "later", act: () => state.pan(0.2) },
  { keys: ["0"], shown: "0", about: "the whole session", act: () => state.showAll() },
  { keys: ["f", "F"], shown: "f", about: "zoom to the selection", act: () => state.frameSelection() },
  { keys: ["."], shown: ".", about: "next edge or message on the track in focus", act: () => stepOnTrack(1) },
  { keys: [","], shown: ",", about: "previous edge or message", act: () => stepOnTrack(-1) },
  { keys: ["ArrowDown"], shown: "↓", about: "next row of the list", act: () => state.stepRow(1) },
  { keys: ["ArrowUp"], shown: "↑", about: "previous row", act: () => state.stepRow(-1) },
  { keys: ["PageDown"], shown: "Page ↓", about: "twenty rows on", act: () => state.stepRow(20) },
  { keys: ["PageUp"], shown: "Page ↑", about: "twenty rows back", act: () => state.stepRow(-20) },
  { keys: ["e", "E"], shown: "e", about: "next track", act: () => stepTrack(1) },
  { keys: ["q", "Q"], shown: "q", about: "previous track", act: () => stepTrack(-1) },
  { keys: ["m", "M"], shown: "m", about: "set a marker at the cursor", act: () => state.addMarker() },
  { keys: ["["], shown: "[", about: "previous marker", act: () => state.stepMarker(-1) },
  { keys: ["]"], shown: "]", about: "next marker", act: () => state.stepMarker(1) },
  { keys: ["x", "X"], shown: "x", about: "remove all markers", act: () => (state.markers.value = []) },
  { keys: ["/"], shown: "/", about: "filter", act: () => document.getElementById("filter")?.focus() },
  { keys: ["n"], shown: "n", about: "next match of the filter", act: () => state.nextMatch(1) },
  { keys: ["N"], shown: "N", about: "previous match", act: () => state.nextMatch(-1) },
  { keys: ["g", "G"], shown: "g", about: "go to a time", act: goTo },
  { keys: [" "], shown: "Space", about: "follow the end of a running session", act: toggleFollow },
  { keys: ["p", "P"], shown: "p", about: "hide or show the panels", act: () => state.fold(!state.folded.value) },
  { keys: ["?"], shown: "?", about: "these keys", act: () => (state.helpOpen.value = !state.helpOpen.value) },
  { keys: ["Escape"], shown: "Esc", about: "close, or drop the selection", act: escape },
];

function toggleFollow(): void {
  if (!state.info.value?.reading) return;
  state.follow.value = !state.follow.value;
  if (state.follow.value) state.followEnd();
}

function escape(): void {
  if (state.helpOpen.value) state.helpOpen.value = false;
  else if (state.field.value) state.field.value = null;
  else if (state.stretch.value) state.stretch.value = null;
  else if (state.selected.value !== null) state.select(null);
}

export function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target as HTMLElement;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !(event.key === "Escape")) return;
  if (!state.source.value) return;
  if (event.key === " " && target.tagName === "BUTTON") return;
  const key = KEYS.find((one) => one.keys.includes(event.key));
  if (!key) return;
  event.preventDefault();
  key.act();
}

