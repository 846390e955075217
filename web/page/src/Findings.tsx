// Everything that is not as it should be, counted by kind; a click leads there.

import { useState } from "preact/hooks";
import * as state from "./state";
import { moment } from "./time";
import type { Finding } from "./types";

const NAMES: Record<string, string> = {
  timing: "timing rules broken",
  garbage: "bytes in no frame",
  error: "errors reported",
  state: "frames not allowed in their state",
  unknown: "messages that nothing explains",
  loss: "lost data",
  incomplete: "missing parts of the file",
  note: "notes",
};

export function findingCount(): number {
  return (state.findings.value?.findings ?? []).filter((one) => one.kind !== "note").length;
}

export function Findings() {
  const [kind, setKind] = useState("");
  const all = state.findings.value?.findings ?? [];
  const counts = new Map<string, number>();
  for (const one of all) counts.set(one.kind, (counts.get(one.kind) ?? 0) + 1);
  const shown = all.filter((one) => !kind || one.kind === kind);
  if (!state.findings.value) return <p class="empty">{state.info.value?.reading ? "Reading…" : "No findings yet."}</p>;
  if (!all.length) {
    return <p class="empty">Nothing is wrong: every byte is in a frame, and every timing rule is kept.</p>;
  }
  return (
    <div class="findings">
      <div class="chips" role="group" aria-label="kinds">
        <button class={`chip${kind ? "" : " on"}`} onClick={() => setKind("")}>
          all {all.length}
        </button>
        {[...counts].map(([name, count]) => (
          <button key={name} class={`chip${kind === name ? " on" : ""}`} onClick={() => setKind(name)}>
            {NAMES[name] ?? name} {count}
          </button>
        ))}
      </div>
      <ol class="finding-list">
        {shown.slice(0, 400).map((one, index) => (
          <li key={index}>
            <button class={`finding ${one.kind}`} onClick={() => go(one)}>
              <b>{one.kind}</b>
              <span>{one.t === null ? "–" : `${moment(one.t)} ms`}</span>
              <span>{one.text}</span>
            </button>
          </li>
        ))}
      </ol>
      {shown.length > 400 && <p class="empty">and {shown.length - 400} more; choose a kind</p>}
    </div>
  );
}

function go(one: Finding): void {
  if (one.row !== null) {
    state.select(one.row);
    return;
  }
  if (one.t === null) return;
  state.follow.value = false;
  state.cursor.value = one.t;
  if (one.from !== undefined) {
    const margin = Math.max((one.t - one.from) * 0.5, 1e-4);
    state.setView(one.from - margin, one.t + margin);
  } else state.reveal(one.t);
}
