// Everything that is not as it should be, counted by kind; a click leads there.

import { useEffect, useState } from "preact/hooks";
import { More } from "./More";
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

/** What `lensmount explain` makes of the session, with its causes in the order of time. */
function Explained() {
  const found = state.explanation.value;
  const [error, setError] = useState("");
  const reading = !!state.info.value?.reading;
  const reads = reading && state.info.value?.kind === "capture";
  const explain = (ask: () => Promise<void>) => ask().catch((failure: Error) => setError(failure.message));
  // The findings of a session that goes on come about once a second.
  useEffect(() => {
    if (!reads) void explain(reading ? state.explainAgain : state.explain);
  }, [reads, reading, state.source.value, reading && state.findings.value]);
  if (error) return <p class="refused">{error}</p>;
  if (!found) return <p class="facts">Explaining…</p>;
  return (
    <article class={`explanation ${found.verdict === "something went wrong" ? "wrong" : ""}`}>
      <h2>{found.verdict || "explanation"}</h2>
      {reading && state.unexplained.value > 0 && (
        <p class="facts">
          {state.unexplained.value.toLocaleString("en")} messages came since.{" "}
          <button class="link" onClick={() => void explain(state.explain)}>
            explain again
          </button>
        </p>
      )}
      <p>
        {found.paragraph}{" "}
        {found.cause_t !== null && found.cause_t !== undefined && (
          <button class="link" onClick={() => show(found.cause_t!)}>
            show {moment(found.cause_t)} ms
          </button>
        )}
      </p>
      <Items title="later findings" items={found.consequences} closing={found.closing} />
      <Items title="remarks" items={found.remarks} />
      <Items title="known symptoms" items={found.symptoms ?? []} />
      {found.findings.length > 1 && (
        <details>
          <summary>{found.findings.length} findings in the order of time</summary>
          <ol>
            <More
              items={found.findings}
              first={100}
              render={(one, index) => (
                <li key={index}>
                  {one.t !== null && (
                    <button class="link" onClick={() => show(one.t!)}>
                      {moment(one.t)} ms
                    </button>
                  )}{" "}
                  <b>{one.kind}</b> {one.text}
                  {one.count > 1 && ` (${one.count} times)`}
                </li>
              )}
            />
          </ol>
        </details>
      )}
    </article>
  );
}

/** The first items of an explanation's list, a button for the others, and the last ones, which close it. */
function Items({ title, items, closing = 0 }: { title: string; items: string[]; closing?: number }) {
  if (!items.length) return null;
  const item = (one: string, index: number) => <li key={index}>{one}</li>;
  const place = items.length - closing;
  return (
    <>
      <h3>{title}</h3>
      <ul>
        <More items={items.slice(0, place)} first={8} render={item} />
        {items.slice(place).map(item)}
      </ul>
    </>
  );
}

function show(at: number): void {
  state.follow.value = false;
  state.cursor.value = at;
  state.setView(at - 0.015, at + 0.015);
}

export function Findings() {
  const [kind, setKind] = useState("");
  const all = state.findings.value?.findings ?? [];
  const total = state.findings.value?.total ?? 0;
  const counts = new Map<string, number>();
  for (const one of all) counts.set(one.kind, (counts.get(one.kind) ?? 0) + 1);
  const shown = all.filter((one) => !kind || one.kind === kind);
  if (!state.findings.value) return <p class="empty">{state.info.value?.reading ? "Reading…" : "No findings yet."}</p>;
  if (!all.length) {
    return (
      <div class="findings">
        <Explained />
        <p class="empty">Every byte is in a frame, and every timing rule is kept.</p>
      </div>
    );
  }
  return (
    <div class="findings">
      <Explained />
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
        <More
          key={kind}
          items={shown}
          first={400}
          render={(one, index) => (
            <li key={index}>
              <button class={`finding ${one.kind}`} onClick={() => go(one)}>
                <b>{one.kind}</b>
                <span>{one.t === null ? "–" : `${moment(one.t)} ms`}</span>
                <span>{one.text}</span>
              </button>
            </li>
          )}
        />
      </ol>
      {total > all.length && (
        <p class="empty">
          The list has the first {all.length.toLocaleString("en")} of {total.toLocaleString("en")}. The filter <code>garbage</code>{" "}
          selects every row with bytes in no frame.
        </p>
      )}
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
