// The explorer of a matrix: filters, facets, reasons, sources, and the session of any cell.

import { useEffect, useMemo, useState } from "preact/hooks";
import { go } from "./route";
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
  const [outcome, setOutcome] = useState("");
  const [rule, setRule] = useState("");
  const [text, setText] = useState("");
  const [bodyFormat, setBodyFormat] = useState("");
  const [lensFormat, setLensFormat] = useState("");
  const [chosen, setChosen] = useState<Cell | null>(null);
  useEffect(() => {
    getJson<MatrixData>(`/api/v1/matrix/${id}`).then(setData, (failure) => setError(failure.message));
  }, [id]);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = useMemo(() => {
    if (!data) return [];
    return data.cells.filter((cell) => {
      if (outcome && cell.outcome !== outcome) return false;
      if (rule && !cell.rules.includes(rule)) return false;
      if (bodyFormat && data.facts[cell.body]?.format !== bodyFormat) return false;
      if (lensFormat && data.facts[cell.lens]?.format !== lensFormat) return false;
      const names = [
        cell.body,
        data.bodies[cell.body],
        cell.lens,
        data.lenses[cell.lens],
        ...Object.values(data.facts[cell.body] ?? {}),
        ...Object.values(data.facts[cell.lens] ?? {}),
        ...cell.accessories.flatMap((one) => [one, data.accessories[one]]),
      ]
        .join(" ")
        .toLowerCase();
      return words.every((word) => names.includes(word));
    });
  }, [data, outcome, rule, text, bodyFormat, lensFormat]);
  if (error) return <Problem text={error} />;
  if (!data) return <p class="empty">Reading the matrix…</p>;
  const columns = [...new Set(shown.map((cell) => cell.body))];
  const rows = new Map<string, Map<string, Cell>>();
  for (const cell of shown) {
    const key = [cell.lens, ...cell.accessories].join(" + ");
    if (!rows.has(key)) rows.set(key, new Map());
    rows.get(key)!.set(cell.body, cell);
  }
  const ruleCounts = new Map<string, number>();
  for (const cell of data.cells) for (const one of cell.rules) ruleCounts.set(one, (ruleCounts.get(one) ?? 0) + 1);
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
          values={Object.entries(data.counts)}
          chosen={outcome}
          choose={setOutcome}
          mark={(name) => <i class={`cell ${name}`}>{LETTER[name]}</i>}
        />
        <Formats title="format of the body" names={data.cells.map((cell) => cell.body)} facts={data.facts} chosen={bodyFormat} choose={setBodyFormat} />
        <Formats title="format of the lens" names={data.cells.map((cell) => cell.lens)} facts={data.facts} chosen={lensFormat} choose={setLensFormat} />
        <h3>rule</h3>
        <Facet values={[...ruleCounts].sort((one, other) => other[1] - one[1])} chosen={rule} choose={setRule} />
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
                            onClick={() => setChosen(cell)}
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
          <button class="close" aria-label="close" onClick={() => setChosen(null)}>
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
          {!chosen.findings.length && !chosen.errors.length && <p class="facts">Every step of the script works.</p>}
          <ol class="reasons">
            {chosen.findings.map((one, index) => (
              <li key={index}>
                <b>{one.step}</b> {one.verdict}: {one.text}
                {one.rule && data.rules[one.rule] && (
                  <p class="facts">
                    rule <b>{one.rule}</b>: {data.rules[one.rule].title} ({data.rules[one.rule].known};{" "}
                    {data.rules[one.rule].source})
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

function Formats(props: {
  title: string;
  names: string[];
  facts: Record<string, Record<string, string>>;
  chosen: string;
  choose: (name: string) => void;
}) {
  const counts = new Map<string, number>();
  for (const name of props.names) {
    const format = props.facts[name]?.format;
    if (format) counts.set(format, (counts.get(format) ?? 0) + 1);
  }
  if (!counts.size) return null;
  return (
    <>
      <h3>{props.title}</h3>
      <Facet values={[...counts]} chosen={props.chosen} choose={props.choose} />
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
}) {
  return (
    <ul class="facet">
      {props.values.map(([name, count]) => (
        <li key={name}>
          <button
            class={props.chosen === name ? "on" : ""}
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
