// The page: the start, a session with its tabs, and the explorers.

import { effect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { Campaign } from "./Campaign";
import { Detail } from "./Detail";
import { FilterBar } from "./FilterBar";
import { findingCount, Findings } from "./Findings";
import { KEYS, onKey } from "./keys";
import { connect, disconnect, order, running } from "./live";
import { Live } from "./Live";
import { MessageList } from "./MessageList";
import { Panels } from "./Panels";
import { Plots } from "./Plots";
import { Matrix, Problem } from "./Results";
import { go, path } from "./route";
import { ServerSource } from "./source";
import { Start } from "./Start";
import * as state from "./state";
import { Statistics } from "./Statistics";
import { parseTime, span } from "./time";
import { Timeline } from "./Timeline";
import { Viewfinder } from "./Viewfinder";
import { Virtual } from "./Virtual";

export function App({ problem, fragment }: { problem: string; fragment: string }) {
  const [kind, id] = path.value.split("/").slice(1);
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  if (problem) return <Problem text={problem} />;
  if (state.source.value?.embedded) return <SessionView />;
  if (kind === "session" && id) return <Loaded id={id} fragment={fragment} />;
  if (kind === "matrix" && id) return <Framed title="matrix"><Matrix id={id} /></Framed>;
  if (kind === "campaign" && id) return <Framed title="campaign"><Campaign id={id} /></Framed>;
  return <Start />;
}

function Framed({ title, children }: { title: string; children: preact.ComponentChildren }) {
  return (
    <div class="page">
      <header class="top">
        <Home />
        <h1 class="session-title">{title}</h1>
      </header>
      <Message />
      {children}
    </div>
  );
}

function Home() {
  return (
    <a class="home" href="/" onClick={go}>
      lensmount
    </a>
  );
}

function Loaded({ id, fragment }: { id: string; fragment: string }) {
  const [error, setError] = useState("");
  const [ready, setReady] = useState(false);
  useEffect(() => {
    let here = true;
    setReady(false);
    setError("");
    // What was reported of another session is not about this one.
    state.message.value = state.spoken.value = "";
    state
      .open(new ServerSource(id))
      .then(() => {
        if (!here) return;
        const given = location.hash.length > 1 ? location.hash.slice(1) : fragment;
        if (given) state.restore(given);
        setReady(true);
        const about = state.info.value!;
        if (about.kind !== "capture" && about.reading) connect(id);
      })
      .catch((failure: Error) => here && setError(failure.message));
    return () => {
      here = false;
      disconnect();
      document.title = "lensmount";
      state.message.value = state.spoken.value = "";
      state.source.value = null;
    };
  }, [id]);
  useEffect(() => {
    let timer = 0;
    return effect(() => {
      const text = state.address.value;
      if (!state.source.value || state.follow.value) return;
      clearTimeout(timer);
      timer = window.setTimeout(() => state.source.value && history.replaceState(null, "", `#${text}`), 300);
    });
  }, []);
  if (error) return <Problem text={error} />;
  if (!ready) {
    return (
      <p class="empty" aria-busy="true">
        Reading…
      </p>
    );
  }
  return <SessionView />;
}

function SessionView() {
  const about = state.info.value!;
  const live = about.kind === "virtual" && (about.reading || running.value !== null);
  const paused = live && running.value?.paused === true;
  useEffect(() => {
    document.title = `${about.title}${paused ? " (paused)" : ""} - lensmount`;
  }, [about.title, paused]);
  const port = about.kind === "live";
  const tab = state.tab.value;
  const setTab = (name: state.Tab) => (state.tab.value = name);
  const count = findingCount();
  const tabs: [state.Tab, string][] = [
    ["messages", "Messages"],
    ["findings", `Findings${count ? ` ${count}` : ""}`],
    ["statistics", "Statistics"],
  ];
  if (live) tabs.unshift(["control", "Control"]);
  if (port) tabs.push(["live", "Live"]);
  return (
    <div class={`page session${live ? " live" : ""}${port && about.reading && about.about.plays ? " armed" : ""}`}>
      <header class="top">
        {state.source.value?.embedded ? <span class="home">lensmount</span> : <Home />}
        <h1 class="session-title" title={about.title}>
          {about.title}
        </h1>
        {port ? (
          <PortBadge />
        ) : (
          <span class={`badge ${about.kind}`}>{live ? `virtual · ${paused ? "paused" : "runs"}` : `${about.kind} · read only`}</span>
        )}
        <FilterBar />
        <GoTo />
        {!state.source.value?.embedded && <Export id={about.id} />}
        <button class="icon" title="keys (?)" aria-label="keys" onClick={() => (state.helpOpen.value = true)}>
          ?
        </button>
      </header>
      <Message />
      {!state.folded.value && (
        <div class={`upper${state.mount.value?.viewfinder ? " with-finder" : ""}`}>
          <Panels />
          <Viewfinder />
          <Plots />
        </div>
      )}
      <Timeline />
      <div class="tabs">
        <nav role="tablist" aria-label="views">
          {tabs.map(([name, label]) => (
            <button
              key={name}
              role="tab"
              id={`tab-${name}`}
              aria-selected={tab === name}
              aria-controls="lower"
              class={tab === name ? "on" : ""}
              onClick={() => setTab(name)}
            >
              {label}
            </button>
          ))}
        </nav>
        {state.failed.value && tab !== "findings" && (
          <button class="chip failed" title={state.explanation.value!.paragraph} onClick={() => setTab("findings")}>
            ⚠ something went wrong: show why
          </button>
        )}
        <Status />
        <button
          class="chip"
          aria-pressed={state.folded.value}
          title={`${state.folded.value ? "show" : "hide"} the panels of body and lens and the plot (p)`}
          onClick={() => state.fold(!state.folded.value)}
        >
          {state.folded.value ? "▾ panels" : "▴ panels"}
        </button>
      </div>
      <div class={`lower ${tab}`} id="lower" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {tab === "messages" && (
          <>
            <MessageList />
            <Detail />
          </>
        )}
        {tab === "findings" && (
          <>
            <section class="pane scroll" tabIndex={0} aria-label="findings">
              <Findings />
            </section>
            <Detail />
          </>
        )}
        {tab === "statistics" && (
          <section class="pane scroll whole" tabIndex={0} aria-label="statistics">
            <Statistics />
          </section>
        )}
        {tab === "live" && (
          <section class="pane scroll whole" tabIndex={0} aria-label="live">
            <Live />
          </section>
        )}
        {tab === "control" && (
          <section class="pane scroll whole" tabIndex={0} aria-label="control">
            <Virtual />
          </section>
        )}
      </div>
      <Help />
      <div class="hidden" aria-live="polite">
        {state.spoken.value}
      </div>
    </div>
  );
}

let escaped = 0;

/** The state of a port; while an end is played, STOP and Esc Esc end it. */
function PortBadge() {
  const about = state.info.value!;
  const plays = String(about.about.plays ?? "");
  const runs = about.reading && running.value?.running !== false;
  useEffect(() => {
    const twice = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      if (event.timeStamp - escaped < 600) void order("stop");
      escaped = event.timeStamp;
    };
    addEventListener("keydown", twice);
    return () => removeEventListener("keydown", twice);
  }, []);
  return (
    <>
      <span class={`badge ${plays && runs ? "armed" : "live"}`}>
        {runs ? (plays ? `ARMED · plays the ${plays}` : "listens · drives nothing") : "ended"}
      </span>
      {runs && (
        <button
          class="stop"
          title={`the recording stays in ${about.about.file} (Esc Esc)`}
          onClick={async () => {
            const refusal = await order("stop");
            if (refusal) state.message.value = refusal;
          }}
        >
          STOP
        </button>
      )}
    </>
  );
}

function Message() {
  if (!state.message.value) return null;
  return (
    <p class="message" role="alert">
      {state.message.value}
      <button aria-label="close the message" onClick={() => (state.message.value = "")}>
        ×
      </button>
    </p>
  );
}

function GoTo() {
  const [wrong, setWrong] = useState(false);
  return (
    <label class="go-to">
      <span class="hidden">go to a time</span>
      <input
        id="go-to"
        placeholder="time   g"
        title="a time such as 1.807 or 1807.4 ms"
        aria-invalid={wrong}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.blur();
          if (event.key !== "Enter") return;
          const at = parseTime(event.currentTarget.value);
          setWrong(Number.isNaN(at));
          if (Number.isNaN(at)) return;
          state.follow.value = false;
          state.cursor.value = at;
          state.reveal(at);
          event.currentTarget.blur();
        }}
      />
    </label>
  );
}

const FORMS: [string, string][] = [
  [".html", "one page (.html)"],
  [".csv", "table (.csv)"],
  [".pftrace", "Perfetto (.pftrace)"],
];

function Export({ id }: { id: string }) {
  return (
    <label class="export">
      <span class="hidden">export</span>
      <select
        aria-label="export"
        value=""
        onChange={async (event) => {
          const form = event.currentTarget.value;
          event.currentTarget.value = "";
          if (!form) return;
          try {
            const response = await fetch(`/api/v1/sessions/${id}/export?form=${form}`);
            if (!response.ok) throw new Error((await response.json()).error);
            const link = document.createElement("a");
            link.href = URL.createObjectURL(await response.blob());
            link.download = `${(state.info.value?.title ?? "session").replace(/\.[^.]*$/, "")}${form}`;
            link.click();
            setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
          } catch (failure) {
            state.message.value = (failure as Error).message;
          }
        }}
      >
        <option value="">export</option>
        {FORMS.map(([form, label]) => (
          <option key={form} value={form}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

function Status() {
  void state.version.value;
  const about = state.info.value!;
  const data = state.columns.value;
  const edges = [...data.lines.values()].reduce((sum, line) => sum + line.length, 0);
  const first = Number.isFinite(data.first) ? data.first : 0;
  const last = Number.isFinite(data.last) ? data.last : 0;
  return (
    <p class="status-line">
      {about.reading && about.kind === "capture" && <b>reading… </b>}
      {data.rows.toLocaleString("en")} rows · {edges.toLocaleString("en")} edges · {span(last - first)} · {about.dialect}
      {about.reading && about.kind !== "capture" && (
        <button
          class={`chip${state.follow.value ? " on" : ""}`}
          aria-pressed={state.follow.value}
          title="follow the end (Space)"
          onClick={() => {
            state.follow.value = !state.follow.value;
            if (state.follow.value) state.followEnd();
          }}
        >
          {state.follow.value ? "following" : "follow"}
        </button>
      )}
    </p>
  );
}

function Help() {
  if (!state.helpOpen.value) return null;
  return (
    <div class="veil" onClick={() => (state.helpOpen.value = false)}>
      <div class="help" role="dialog" aria-modal="true" aria-label="keys" onClick={(event) => event.stopPropagation()}>
        <h2>Keys</h2>
        <dl>
          {KEYS.map((key) => (
            <div key={key.shown}>
              <dt>
                <kbd>{key.shown}</kbd>
              </dt>
              <dd>{key.about}</dd>
            </div>
          ))}
        </dl>
        <p class="facts">
          Wheel zooms at the pointer, drag moves, drag on the axis or with Shift measures a stretch. Colours: blue from the
          body, green from the lens, purple an order, yellow an answer, red with a letter something wrong.
        </p>
        <p class="facts">{state.info.value?.notice}</p>
        <button class="main" onClick={() => (state.helpOpen.value = false)}>
          close
        </button>
      </div>
    </div>
  );
}
