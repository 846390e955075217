// Everything that is not as it should be, counted by kind; a click leads there.

import { useEffect, useRef, useState } from "preact/hooks";
import { asked, focus, keyOf } from "./badges";
import { lowerBound } from "./lod";
import { More } from "./More";
import * as state from "./state";
import { moment } from "./time";
import type { Explanation, Finding } from "./types";

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

/** Findings of the list, or of the explanation where the list has none. */
export function findingCount(): number {
  const listed = (state.findings.value?.findings ?? []).filter((one) => one.kind !== "note").length;
  return listed || (state.explanation.value?.findings.length ?? 0);
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
  const place = found?.findings.findIndex((one) => keyOf(one, true) === state.finding.value) ?? -1;
  const cause = found?.findings.find((one) => one.t !== null && one.t === found.cause_t);
  useScroll(place >= 0);
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
          <button class="link" onClick={() => show(found.cause_t!, cause)}>
            show {moment(found.cause_t)} ms
          </button>
        )}
      </p>
      <Items title="later findings" items={found.consequences} closing={found.closing} />
      <Items title="remarks" items={found.remarks} />
      <Items title="known symptoms" items={found.symptoms ?? []} />
      {found.findings.length > 0 && (
        <details open={place >= 0}>
          <summary>
            {found.findings.length === 1 ? "1 finding" : `${found.findings.length} findings in the order of time`}
          </summary>
          <ol>
            <More
              items={found.findings}
              first={Math.max(100, place + 1)}
              render={(one, index) => (
                <li key={index} {...litIf(index === place)}>
                  {one.t !== null && (
                    <button class="link" onClick={() => show(one.t!, one)}>
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

/** What marks the entry of the finding that is chosen. */
function litIf(lit: boolean): { class?: string; "aria-current"?: "true" } {
  return lit ? { class: "lit", "aria-current": "true" } : {};
}

/** Bring the entry of the finding into view that was chosen in the timeline. */
function useScroll(here: boolean): void {
  const done = useRef(0);
  useEffect(() => {
    if (!here || done.current === asked.value) return;
    done.current = asked.value;
    document.querySelector(".findings li.lit")?.scrollIntoView({ block: "nearest" });
  }, [here, asked.value]);
}

function show(at: number, one: Explanation["findings"][number] | undefined): void {
  state.finding.value = one ? keyOf(one, true) : "";
  focus({ t: at, row: null, track: one?.track });
  state.setView(ledFrom(at), at + MARGIN_S);
}

const MARGIN_S = 0.015;
/** How long before a finding a frame may be that is shown as what led to it. */
const LEAD_S = 0.25;

/** Where a picture of a finding begins: before the last frame of each end, so that what led to it is in view. */
function ledFrom(at: number): number {
  let from = at - MARGIN_S;
  for (const sent of state.columns.value.sent) {
    const index = lowerBound(sent.at.data, sent.length, at) - 1;
    if (index >= 0 && sent.at.data[index] > at - LEAD_S) from = Math.min(from, sent.at.data[index] - MARGIN_S / 5);
  }
  return from;
}

export function Findings() {
  const [kind, setKind] = useState("");
  const all = state.findings.value?.findings ?? [];
  const total = state.findings.value?.total ?? 0;
  const counts = new Map<string, number>();
  for (const one of all) counts.set(one.kind, (counts.get(one.kind) ?? 0) + 1);
  const wanted = all.find((one) => keyOf(one, false) === state.finding.value);
  // One that is chosen in the timeline is shown, whatever kinds the list had.
  useEffect(() => {
    if (wanted && kind && wanted.kind !== kind) setKind("");
  }, [state.finding.value]);
  const shown = all.filter((one) => !kind || one.kind === kind);
  const place = wanted ? shown.indexOf(wanted) : -1;
  useScroll(place >= 0);
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
          first={Math.max(400, place + 1)}
          render={(one, index) => (
            <li key={index} {...litIf(index === place)}>
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
  state.finding.value = keyOf(one, false);
  if (one.t === null) {
    if (one.row !== null) state.select(one.row);
    return;
  }
  focus({ ...one, t: one.t });
  if (one.from !== undefined) {
    const margin = Math.max((one.t - one.from) * 0.5, 1e-4);
    state.setView(one.from - margin, one.t + margin);
  } else state.reveal(one.t);
}
