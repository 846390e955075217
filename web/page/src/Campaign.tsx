// The explorer of a campaign: facets, conditions, why a case did not pass, and its session.

import { useEffect, useState } from "preact/hooks";
import { More } from "./More";
import { Facet, Play, Problem } from "./Results";
import { getJson } from "./source";

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
                <More
                  items={values}
                  first={30}
                  render={(one) => (
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
                  )}
                />
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
