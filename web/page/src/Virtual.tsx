// Controls of a virtual session: time, script, operator's controls, attachment, faults; copied as command or test.

import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { Log } from "./Live";
import { order, running } from "./live";
import * as state from "./state";
import { moment } from "./time";
import type { FaultInfo } from "./types";

export function Virtual() {
  const now = running.value;
  const [answer, setAnswer] = useState({ text: "", bad: false });
  const give = async (what: string, text = "") => {
    const error = await order(what, text);
    const noted = ["script", "operate", "fault", "rules", "attach", "detach"].includes(what);
    const about = `${what === "rules" ? "the file of rules" : what} ${what === "rules" ? "" : text}`.trim();
    setAnswer(error ? { text: `Refused: ${error}`, bad: true } : { text: noted ? `Done: ${about}` : "", bad: false });
    return !error;
  };
  if (!now) return <p class="empty">Connecting to the session…</p>;
  return (
    <div class="virtual">
      <div class="virtual-row">
        <fieldset>
          <legend>time</legend>
          <button class="main" onClick={() => give(now.paused ? "resume" : "pause")} aria-pressed={now.paused}>
            {now.paused ? "▶ go on" : "❚❚ pause"}
          </button>
          <button onClick={() => give("step")} title="run to the next record or notice">
            step
          </button>
          <label>
            speed{" "}
            <select value={String(now.speed)} onChange={(event) => give("speed", event.currentTarget.value)}>
              {["0.01", "0.05", "0.1", "0.25", "0.5", "1", "2", "5", "10"].map((one) => (
                <option key={one} value={one}>
                  {one}×
                </option>
              ))}
            </select>
          </label>
          <span class="clock">{moment(now.now)} ms</span>
        </fieldset>
        <fieldset>
          <legend>states</legend>
          <span class="pill body">body {now.body}</span>
          <span class="pill lens">lens {now.lens}</span>
          <button onClick={() => give(now.attached ? "detach" : "attach")}>{now.attached ? "detach lens" : "attach lens"}</button>
        </fieldset>
      </div>
      {now.controls === false && (
        <p class="watching" role="status">
          Another tab or window controls this session, and this one watches. Close that one to control it here.
        </p>
      )}
      {answer.text && (
        <p class={`answer ${answer.bad ? "refused" : "done"}`} role={answer.bad ? "alert" : "status"}>
          {answer.text}
        </p>
      )}
      {now.held && (
        <p class="facts" role="status">
          held: <code>{now.held}</code> Step or go on to let it pass.
        </p>
      )}
      {now.error && (
        <p class="refused" role="alert">
          {now.error}
        </p>
      )}
      <div class="virtual-columns">
        <div>
          <Orders give={give} />
          <Operator give={give} />
        </div>
        <FaultForm give={give} />
        <div>
          <h3>this session, with what was done to it</h3>
          <Copy label="as command" text={now.command} file="session.sh" />
          <Copy label="as pytest" text={now.test} file="test_session.py" />
          <h3>log</h3>
          <Log notices={now.notices} />
        </div>
      </div>
    </div>
  );
}

type Give = (what: string, text?: string) => Promise<boolean>;

const kept = signal(new Map<string, unknown>());

/** A value of a form that outlives the view: a user who looks at another tab finds it again. Each session has its own. */
function useKept<T>(name: string, first: T): [T, (value: T) => void] {
  const place = `${state.info.value?.id} ${name}`;
  const set = (value: T) => (kept.value = new Map(kept.value).set(place, value));
  return [(kept.value.get(place) as T | undefined) ?? first, set];
}

/** Orders that the bodies of the dialect know. */
function exampleScript(verbs: string[]): string {
  const orders = [["focus", "focus +200"], ["aperture", "aperture f/8"], ["wait", "wait 0.2"]];
  return orders.filter(([verb]) => verbs.includes(verb)).map(([, order]) => order).join("; ");
}

function Orders({ give }: { give: Give }) {
  const [text, setText] = useKept("script", "");
  const verbs = state.dialect.value?.verbs ?? [];
  const focus = state.mount.value?.gauges.find((gauge) => gauge.part === "focus" && gauge.role === "lens");
  const low = focus?.minimum?.value ?? 0;
  const high = focus?.maximum?.value ?? Math.max(1, (focus?.value?.value ?? 1) * 2);
  return (
    <fieldset>
      <legend>orders of the body</legend>
      <form
        class="line-form"
        onSubmit={async (event) => {
          event.preventDefault();
          if (text.trim() && (await give("script", text))) setText("");
        }}
      >
        <input
          aria-label="script"
          value={text}
          placeholder={exampleScript(verbs)}
          onInput={(event) => setText(event.currentTarget.value)}
          spellcheck={false}
        />
        <button type="submit">order</button>
      </form>
      {verbs.includes("focus") && focus?.value && (
        <label class="slider">
          focus {focus.value.text}
          <input
            type="range"
            min={low}
            max={high}
            value={focus.target?.value ?? focus.value.value}
            aria-label="order a focus position"
            onChange={(event) => give("script", `focus ${event.currentTarget.value}`)}
          />
        </label>
      )}
      {verbs.includes("autofocus") && (
        <div class="buttons">
          <button
            title="the body climbs the contrast of the test scene, by our model; first far or near shows how"
            onClick={() => give("script", "autofocus")}
          >
            autofocus
          </button>
          <button onClick={() => give("script", "focus far")}>far end</button>
          <button onClick={() => give("script", "focus near")}>near end</button>
          <button title="a picture: the viewfinder keeps its exposure" onClick={() => give("script", "expose 1/125")}>
            expose 1/125
          </button>
        </div>
      )}
      {verbs.includes("aperture") && (
        <div class="buttons" role="group" aria-label="aperture">
          {["2.8", "4", "5.6", "8", "11", "16"].map((stop) => (
            <button key={stop} onClick={() => give("script", `aperture f/${stop}`)}>
              f/{stop}
            </button>
          ))}
        </div>
      )}
      <p class="facts">verbs: {verbs.join(", ")}</p>
    </fieldset>
  );
}

function Operator({ give }: { give: Give }) {
  const [text, setText] = useKept("action", "");
  const verbs = state.dialect.value?.lens_verbs ?? [];
  const zoom = state.mount.value?.gauges.find((gauge) => gauge.part === "zoom");
  const has = (verb: string) => verbs.includes(verb);
  if (!verbs.length) {
    return (
      <fieldset>
        <legend>controls of the lens</legend>
        <p class="facts">
          The model of this dialect has no rings or buttons to operate. Attach, detach, orders and faults work.
        </p>
      </fieldset>
    );
  }
  const wide = zoom?.minimum?.value;
  const long = zoom?.maximum?.value;
  return (
    <fieldset>
      <legend>controls of the lens</legend>
      {has("turn") && (
        <div class="buttons" role="group" aria-label="focus ring">
          <span>focus ring</span>
          {["-90", "-30", "-5", "5", "30", "90"].map((angle) => (
            <button key={angle} onClick={() => give("operate", `turn focus ${angle}`)}>
              {angle}°
            </button>
          ))}
        </div>
      )}
      {has("zoom") && wide !== undefined && long !== undefined && long > wide && (
        <label class="slider">
          zoom ring {zoom?.value?.text}
          <input
            type="range"
            min={wide / 1000}
            max={long / 1000}
            step="0.1"
            value={(zoom?.value?.value ?? wide) / 1000}
            aria-label="zoom ring"
            onChange={(event) => give("operate", `zoom ${event.currentTarget.value}`)}
          />
        </label>
      )}
      <form
        class="line-form"
        onSubmit={async (event) => {
          event.preventDefault();
          if (text.trim() && (await give("operate", text))) setText("");
        }}
      >
        <input
          aria-label="operator's action"
          value={text}
          placeholder={has("press") ? "press afl" : verbs[0]}
          onInput={(event) => setText(event.currentTarget.value)}
          spellcheck={false}
        />
        <button type="submit">do</button>
      </form>
      <p class="facts">verbs: {verbs.filter((verb) => verb !== "wait").join(", ")}</p>
    </fieldset>
  );
}

function FaultForm({ give }: { give: Give }) {
  const faults = state.dialect.value?.faults ?? [];
  const [name, setName] = useKept("fault", "detach");
  const [values, setValues] = useKept<Record<string, string>>(`fault ${name}`, {});
  const fault: FaultInfo | undefined = faults.find((one) => one.name === name) ?? faults[0];
  const text = [name, ...Object.entries(values).filter(([, value]) => value.trim()).map(([key, value]) => `${key}=${value.trim()}`)].join(" ");
  const groups = [...new Set(faults.map((one) => one.touches))];
  return (
    <fieldset class="fault-form">
      <legend>fault</legend>
      <label>
        kind{" "}
        <select
          value={name}
          aria-label="kind of fault"
          onChange={(event) => setName(event.currentTarget.value)}
        >
          {groups.map((group) => (
            <optgroup key={group} label={group}>
              {faults
                .filter((one) => one.touches === group)
                .map((one) => (
                  <option key={one.name} value={one.name}>
                    {one.name}
                  </option>
                ))}
            </optgroup>
          ))}
        </select>
      </label>{" "}
      <button class="main" onClick={() => give("fault", text)}>
        inject now
      </button>
      <p class="facts">
        {fault?.meaning} Times count from now; leave a key empty for its default.
      </p>
      <div class="fault-keys">
        {(fault?.keys ?? []).map((key) => (
          <label key={key.name} title={`${key.about}; ${key.legal}`.replaceAll("`", "")}>
            <span>{key.name}</span>
            {key.values.length ? (
              <select
                value={values[key.name] ?? ""}
                onChange={(event) => setValues({ ...values, [key.name]: event.currentTarget.value })}
              >
                <option value="">
                  {!key.default ? "–" : key.values.includes(key.default) ? `${key.default} (default)` : "choose one"}
                </option>
                {key.values.map((value) => (
                  <option key={value}>{value}</option>
                ))}
              </select>
            ) : (
              <input
                value={values[key.name] ?? ""}
                placeholder={key.default ? `${key.default} if empty` : key.legal}
                onInput={(event) => setValues({ ...values, [key.name]: event.currentTarget.value })}
                spellcheck={false}
              />
            )}
          </label>
        ))}
      </div>
      <p class="facts">
        <code>{text}</code>
      </p>
      <label class="rules-file">
        file of rules{" "}
        <input
          type="file"
          accept=".toml"
          aria-label="file of rules"
          onChange={async (event) => {
            const chosen = event.currentTarget;
            const file = chosen.files?.[0];
            if (file) await give("rules", await file.text());
            chosen.value = "";
          }}
        />
      </label>
    </fieldset>
  );
}

/** Copies a text, and says whether the browser did. */
export function CopyButton(props: { label: string; text: string; class?: string; title?: string }) {
  const [done, setDone] = useState("");
  return (
    <button
      class={props.class}
      title={props.title}
      onClick={async (event) => {
        // In a summary a click also opens what it stands for.
        event.preventDefault();
        try {
          await navigator.clipboard.writeText(props.text);
          setDone("copied");
        } catch {
          setDone("the browser does not allow copying; select the text");
        }
        setTimeout(() => setDone(""), 1500);
      }}
    >
      {done || props.label}
    </button>
  );
}

/** What was done so far as text, to copy or to save. */
function Copy({ label, text, file }: { label: string; text: string; file: string }) {
  return (
    <details class="copy">
      <summary>
        {label}
        <CopyButton label="copy" text={text} />
        <a
          class="button"
          download={file}
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(text)}`}
          title={`save it as ${file}`}
        >
          save
        </a>
      </summary>
      <pre aria-label={label}>{text}</pre>
    </details>
  );
}
