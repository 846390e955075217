// The explorer of a matrix: filters, facets, reasons, sources, and the session of any cell.

import { useEffect, useMemo, useState } from "preact/hooks";
import { go, useKeptInAddress } from "./route";
import { getJson, postJson } from "./source";
import type { SessionInfo } from "./types";
import { CopyButton } from "./Virtual";

interface Cell {
  number: number;
  body: string;
  lens: string;
  accessories: string[];
  outcome: "works" | "reduced" | "refused" | "broken";
  rules: string[];
  findings: { step: string; verdict: string; text: string; rule: string }[];
  errors: string[];
  seconds: number;
  replay: string;
}

interface MatrixData {
  title: string;
  notice: string;
  dialect: string;
  script: string;
  planned: number;
  bodies: Record<string, string>;
  lenses: Record<string, string>;
  accessories: Record<string, string>;
  facts: Record<string, Record<string, string>>;
  rules: Record<string, { title: string; known: string; source: string }>;
  counts: Record<string, number>;
  cells: Cell[];
}

const LETTER: Record<string, string> = { works: "", reduced: "r", refused: "x", broken: "!" };

export function Matrix({ id }: { id: string }) {
  const [data, setData] = useState<MatrixData | null>(null);
  const [error, setError] = useState("");
  const [outcome, setOutcome] = useKeptInAddress("outcome");
  const [rule, setRule] = useKeptInAddress("rule");
  const [text, setText] = useKeptInAddress("names");
  const [bodyFormat, setBodyFormat] = useKeptInAddress("body-format");
  const [lensFormat, setLensFormat] = useKeptInAddress("lens-format");
  const [number, setNumber] = useKeptInAddress("cell");
  useEffect(() => {
    getJson<MatrixData>(`/api/v1/matrix/${id}`).then(setData, (failure) => setError(failure.message));
  }, [id]);
  const { shown, counts } = useMemo(
    () => select(data, { outcome, rule, text, bodyFormat, lensFormat }),
    [data, outcome, rule, text, bodyFormat, lensFormat],
  );
  if (error) return <Problem text={error} />;
  if (!data) return <p class="empty">Reading the matrix…</p>;
  const chosen = number ? data.cells.find((cell) => cell.number === Number(number)) : undefined;
  const here = new Set(shown.map((cell) => cell.body));
  const columns = Object.keys(data.bodies).filter((body) => here.has(body));
  const rows = new Map<string, Map<string, Cell>>();
  const keyed = shown.map((cell) => [[cell.lens, ...cell.accessories].join(" + "), cell] as const);
  for (const [key, cell] of keyed.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))) {
    if (!rows.has(key)) rows.set(key, new Map());
    rows.get(key)!.set(cell.body, cell);
  }
  const lensTitle = (key: string) => {
    const [lens, ...others] = key.split(" + ");
    return [data.lenses[lens] ?? lens, ...others.map((one) => data.accessories[one] ?? one)].join(" + ");
  };
  return (
    <div class="results">
      <aside class="facets">
        <h2>{data.title}</h2>
        <p class="facts">{data.notice}</p>
        <label class="wide">
          names
          <input
            value={text}
            placeholder="body or lens, such as sigma aps-c"
            onInput={(event) => setText(event.currentTarget.value)}
            aria-label="names"
          />
        </label>
        <h3>outcome</h3>
        <Facet
          values={[...counts.outcome]}
          chosen={outcome}
          choose={setOutcome}
          mark={(name) => <i class={`cell ${name}`}>{LETTER[name]}</i>}
        />
        <Formats title="format of the body" counts={counts.bodyFormat} chosen={bodyFormat} choose={setBodyFormat} />
        <Formats title="format of the lens" counts={counts.lensFormat} chosen={lensFormat} choose={setLensFormat} />
        <h3>rule</h3>
        <Facet
          values={[...counts.rule].sort((one, other) => other[1] - one[1])}
          chosen={rule}
          choose={setRule}
          title={(name) => data.rules[name]?.title}
        />
        <p class="facts">script: {data.script || "start and run"}</p>
      </aside>
      <section class="matrix-area">
        <p class="facts" role="status">
          {shown.length.toLocaleString("en")} of {data.cells.length.toLocaleString("en")} combinations: {columns.length}{" "}
          bodies × {rows.size} lenses
          {data.cells.length !== data.planned && `; ${data.planned - data.cells.length} were not run`}{" "}
          {!!rows.size && (
            <CopyButton
              class="chip"
              label={`copy the names of ${rows.size} lenses`}
              text={`${[...rows.keys()].join("\n")}\n`}
              title={[...rows.keys()].join("\n")}
            />
          )}
        </p>
        {!shown.length && <p class="empty">No combination passes these filters.</p>}
        {!!shown.length && (
          <div class="matrix-scroll" tabIndex={0} role="region" aria-label="combinations">
            <table class="matrix">
              <thead>
                <tr>
                  <th />
                  {columns.map((body) => (
                    <th key={body} scope="col" title={data.bodies[body]}>
                      <span>{body}</span>
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {[...rows].map(([key, cells]) => (
                  <tr key={key}>
                    <th scope="row" title={lensTitle(key)}>
                      {key}
                    </th>
                    {columns.map((body) => {
                      const cell = cells.get(body);
                      if (!cell) return <td key={body} />;
                      return (
                        <td key={body}>
                          <button
                            class={`cell ${cell.outcome}${chosen === cell ? " on" : ""}`}
                            title={`${data.bodies[body]} + ${lensTitle(key)}: ${cell.outcome}${cell.rules.length ? ` (${cell.rules.join(", ")})` : ""}`}
                            aria-label={`${body} with ${key}: ${cell.outcome}`}
                            onClick={() => setNumber(String(cell.number))}
                          >
                            {LETTER[cell.outcome]}
                          </button>
                        </td>
                      );
                    })}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
      {chosen && (
        <aside class="chosen" aria-label="combination">
          <button class="close" aria-label="close" onClick={() => setNumber("")}>
            ×
          </button>
          <h2>
            <i class={`cell ${chosen.outcome}`}>{LETTER[chosen.outcome]}</i> {chosen.outcome}
          </h2>
          <p>
            <b>{data.bodies[chosen.body] ?? chosen.body}</b>
            <br />
            {lensTitle([chosen.lens, ...chosen.accessories].join(" + "))}
          </p>
          {chosen.findings.every((one) => one.verdict === "works") && !chosen.errors.length && <p class="facts">Every step of the script works.</p>}
          <ol class="reasons">
            {chosen.findings.map((one, index) => (
              <li key={index} class={rule && one.rule === rule ? "lit" : undefined}>
                <b>{one.step}</b> {one.verdict}: {one.text}
                {one.rule && (
                  <p class="facts">
                    rule <b>{one.rule}</b>
                    {data.rules[one.rule] &&
                      `: ${data.rules[one.rule].title} (${data.rules[one.rule].known}; ${data.rules[one.rule].source})`}
                  </p>
                )}
              </li>
            ))}
            {chosen.errors.map((one, index) => (
              <li key={`e${index}`} class="bad">
                {one}
              </li>
            ))}
          </ol>
          <Play id={id} number={chosen.number} />
          <p class="facts">
            <code>{chosen.replay}</code>
          </p>
        </aside>
      )}
    </div>
  );
}

interface Filters {
  outcome: string;
  rule: string;
  text: string;
  bodyFormat: string;
  lensFormat: string;
}

/** The cells that pass the filters, and for each value of a filter the number of those that pass the other filters. */
export function select(
  data: Pick<MatrixData, "cells" | "bodies" | "lenses" | "accessories" | "facts" | "counts"> | null,
  filters: Filters,
): { shown: Cell[]; counts: Record<Exclude<keyof Filters, "text">, Map<string, number>> } {
  const counts = {
    outcome: new Map(Object.keys(data?.counts ?? {}).map((name) => [name, 0])),
    rule: new Map<string, number>(),
    bodyFormat: new Map<string, number>(),
    lensFormat: new Map<string, number>(),
  };
  const shown: Cell[] = [];
  if (!data) return { shown, counts };
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const cell of data.cells) {
    const facts = [data.facts[cell.body] ?? {}, data.facts[cell.lens] ?? {}];
    const values = {
      outcome: [cell.outcome as string],
      rule: cell.rules,
      bodyFormat: facts[0].format ? [facts[0].format] : [],
      lensFormat: facts[1].format ? [facts[1].format] : [],
    };
    const names = [
      cell.body,
      data.bodies[cell.body],
      cell.lens,
      data.lenses[cell.lens],
      ...facts.flatMap((one) => Object.values(one)),
      ...cell.accessories.flatMap((one) => [one, data.accessories[one]]),
    ]
      .join(" ")
      .toLowerCase();
    const named = words.every((word) => names.includes(word));
    const keys = Object.keys(counts) as (keyof typeof counts)[];
    const failed = keys.filter((key) => filters[key] && !values[key].includes(filters[key]));
    if (named && !failed.length) shown.push(cell);
    for (const key of keys) {
      const passes = named && failed.every((one) => one === key);
      for (const value of values[key]) counts[key].set(value, (counts[key].get(value) ?? 0) + (passes ? 1 : 0));
    }
  }
  return { shown, counts };
}

function Formats(props: {
  title: string;
  counts: Map<string, number>;
  chosen: string;
  choose: (name: string) => void;
}) {
  if (!props.counts.size) return null;
  return (
    <>
      <h3>{props.title}</h3>
      <Facet values={[...props.counts]} chosen={props.chosen} choose={props.choose} />
    </>
  );
}

export function Play({ id, number }: { id: string; number: number }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  return (
    <>
      <button
        class="main"
        disabled={busy}
        onClick={async () => {
          setBusy(true);
          try {
            const info = await postJson<SessionInfo>(`/api/v1/results/${id}/${number}`, {});
            go(`/session/${info.id}`);
          } catch (failure) {
            setError((failure as Error).message);
            setBusy(false);
          }
        }}
      >
        {busy ? "Playing…" : "Show its session"}
      </button>
      {error && <p class="refused">{error}</p>}
    </>
  );
}

export function Facet(props: {
  values: [string, number][];
  chosen: string;
  choose: (name: string) => void;
  mark?: (name: string) => preact.ComponentChild;
  title?: (name: string) => string | undefined;
}) {
  return (
    <ul class="facet">
      {props.values.map(([name, count]) => (
        <li key={name}>
          <button
            class={props.chosen === name ? "on" : count ? "" : "none"}
            title={props.title?.(name)}
            aria-pressed={props.chosen === name}
            onClick={() => props.choose(props.chosen === name ? "" : name)}
          >
            {props.mark?.(name)} <span>{name}</span> <b>{count.toLocaleString("en")}</b>
          </button>
        </li>
      ))}
    </ul>
  );
}

export function Problem({ text }: { text: string }) {
  return (
    <main class="problem">
      <h2>This cannot be shown</h2>
      <p>{text}</p>
      <p>
        <a href="/" onClick={go}>
          Go to the start page
        </a>
      </p>
    </main>
  );
}
