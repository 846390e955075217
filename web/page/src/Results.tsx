// Explorers of a matrix and of a campaign: filters, facets, reasons, sources, and the session of any cell or case.

import { useEffect, useMemo, useState } from "preact/hooks";
import { go } from "./route";
import { getJson, postJson } from "./source";
import type { SessionInfo } from "./types";

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
          {data.cells.length !== data.planned && `; ${data.planned - data.cells.length} were not run`}
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

function Play({ id, number }: { id: string; number: number }) {
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

function Facet(props: {
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

interface CaseRow {
  number: number;
  status: string;
  body: string;
  lens: string;
  accessories: string[];
  faults: string[];
  seed: number;
  script: string;
  /** How far the script came, and how far its faults let expect. */
  progress: string;
  expected: string;
  first_error: string;
  verdict: string;
  violations: { invariant: string; at: number; text: string }[];
  seconds: number;
  frames: number;
}

interface CampaignData {
  title: string;
  dialect: string;
  planned: number;
  finished: number;
  selected: number;
  page: number;
  pages: number;
  columns: string[];
  counts: Record<string, number>;
  facets: Record<string, { value: string; passed: number; tolerated: number; failing: number }[]>;
  cases: CaseRow[];
}

export function Campaign({ id }: { id: string }) {
  const [data, setData] = useState<CampaignData | null>(null);
  const [error, setError] = useState("");
  const [where, setWhere] = useState("");
  const [asked, setAsked] = useState("");
  const [page, setPage] = useState(0);
  const [chosen, setChosen] = useState<CaseRow | null>(null);
  useEffect(() => {
    getJson<CampaignData>(`/api/v1/campaigns/${id}/cases?where=${encodeURIComponent(asked)}&page=${page}`).then(
      (found) => {
        setData(found);
        setError("");
      },
      (failure) => setError(failure.message),
    );
  }, [id, asked, page]);
  const ask = (text: string) => {
    setWhere(text);
    setAsked(text);
    setPage(0);
  };
  if (!data) return error ? <Problem text={error} /> : <p class="empty">Reading the campaign…</p>;
  const facetColumn: Record<string, string> = { body: "body", lens: "lens", faults: "faults" };
  return (
    <div class="results">
      <aside class="facets">
        <h2>{data.title}</h2>
        <p class="facts">
          {data.finished.toLocaleString("en")} of {data.planned.toLocaleString("en")} cases are done
        </p>
        <h3>status</h3>
        <Facet
          values={Object.entries(data.counts).filter(([, count]) => count)}
          chosen={/^standing = '(\w+)'$/.exec(asked)?.[1] ?? ""}
          choose={(name) => ask(name ? `standing = '${name}'` : "")}
        />
        {Object.entries(data.facets)
          .filter(([, values]) => values.length)
          .map(([name, values]) => (
            <details key={name} open={name !== "message"}>
              <summary>{name}</summary>
              <ul class="facet">
                {values.slice(0, 30).map((one) => (
                  <li key={one.value}>
                    <button
                      disabled={!facetColumn[name]}
                      onClick={() =>
                        ask(`${facetColumn[name]} = '${one.value === "none" ? "" : one.value.replaceAll("'", "''")}'`)
                      }
                    >
                      <span>{one.value}</span>
                      <b>{one.passed + one.tolerated}</b>
                      {one.failing > 0 && <b class="bad">{one.failing} fail</b>}
                    </button>
                  </li>
                ))}
              </ul>
            </details>
          ))}
      </aside>
      <section class="matrix-area">
        <form
          class="line-form"
          onSubmit={(event) => {
            event.preventDefault();
            ask(where);
          }}
        >
          <input
            aria-label="condition"
            value={where}
            placeholder="condition, such as verdict = 'broken' AND body LIKE 'sigma%'"
            spellcheck={false}
            onInput={(event) => setWhere(event.currentTarget.value)}
          />
          <button type="submit">select</button>
          {asked && (
            <button type="button" onClick={() => ask("")}>
              all
            </button>
          )}
        </form>
        {error && <p class="refused">{error}</p>}
        <p class="facts" role="status">
          {data.selected.toLocaleString("en")} cases{asked && ` where ${asked}`}
          {data.pages > 1 && (
            <>
              {" "}
              · page {data.page + 1} of {data.pages}{" "}
              <button disabled={!data.page} onClick={() => setPage(page - 1)}>
                ‹
              </button>
              <button disabled={data.page + 1 >= data.pages} onClick={() => setPage(page + 1)}>
                ›
              </button>
            </>
          )}
        </p>
        <div class="matrix-scroll" tabIndex={0} role="region" aria-label="cases">
          <table class="numbers cases">
            <thead>
              <tr>
                <th>#</th>
                <th>status</th>
                <th>body</th>
                <th>lens</th>
                <th>faults</th>
                <th>seed</th>
                <th>frames</th>
                <th>why it did not pass</th>
              </tr>
            </thead>
            <tbody>
              {data.cases.map((one) => (
                <tr key={one.number} class={chosen?.number === one.number ? "lit" : ""} onClick={() => setChosen(one)}>
                  <td>
                    <button class="link" onClick={() => setChosen(one)}>
                      {one.number}
                    </button>
                  </td>
                  <td>
                    <span class={`status ${one.status}`}>{one.status}</span>
                  </td>
                  <td>{one.body}</td>
                  <td>{[one.lens, ...one.accessories].join(" + ")}</td>
                  <td title={one.faults.join("; ")}>{one.faults.join("; ") || "none"}</td>
                  <td>{one.seed}</td>
                  <td>{one.frames}</td>
                  <td title={complaint(one)}>{complaint(one)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {!data.cases.length && <p class="empty">No case passes this condition.</p>}
        </div>
      </section>
      {chosen && (
        <aside class="chosen" aria-label="case">
          <button class="close" aria-label="close" onClick={() => setChosen(null)}>
            ×
          </button>
          <h2>
            case {chosen.number} <span class={`status ${chosen.status}`}>{chosen.status}</span>
          </h2>
          <p>
            <b>{chosen.body}</b> + {[chosen.lens, ...chosen.accessories].join(" + ")}
          </p>
          <p class="facts">
            faults: {chosen.faults.join("; ") || "none"}
            <br />
            script: {chosen.script || "none"}
            <br />
            seed {chosen.seed}, {chosen.seconds.toFixed(3)} s, {chosen.frames.toLocaleString("en")} frames
          </p>
          <dl class="values">
            <dt>script came to</dt>
            <dd class="whole-text">{chosen.progress}</dd>
            <dt>expected</dt>
            <dd class="whole-text">{chosen.expected}</dd>
            <dt>invariants</dt>
            <dd class="whole-text">{chosen.violations.length ? `${chosen.violations.length} broken` : chosen.verdict}</dd>
            {chosen.first_error && (
              <>
                <dt>first error</dt>
                <dd class="whole-text">{chosen.first_error}</dd>
              </>
            )}
          </dl>
          <ol class="reasons">
            {chosen.violations.map((one, index) => (
              <li key={index}>
                <b>{one.invariant}</b> at {(one.at * 1e3).toFixed(3)} ms: {one.text}
              </li>
            ))}
          </ol>
          <Play id={id} number={chosen.number} />
        </aside>
      )}
    </div>
  );
}

/** Why a case did not pass, in short. */
function complaint(one: CaseRow): string {
  if (one.violations.length) return one.violations[0].text;
  return one.status === "passed" ? "" : `script: ${one.progress}; expected: ${one.expected}`;
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
