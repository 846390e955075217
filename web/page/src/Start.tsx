// The start page: a capture, a virtual pair, results, and what is open already.

import { useEffect, useRef, useState } from "preact/hooks";
import { go } from "./route";
import { getJson, postJson, request } from "./source";
import type { SessionInfo } from "./types";

interface About {
  version: string;
  dialects: string[];
  reads_only: boolean;
  /** Bytes of a file that can be uploaded. */
  max_upload: number;
  ports: string[];
  results: { id: string; title: string; kind: string }[];
}

interface Device {
  name: string;
  title: string;
  dialect: string;
  place: "body" | "lens" | "accessory";
  /** Whether it is of the pair that its dialect has where none is named. */
  default: boolean;
  /** Whether a body notices it. */
  contacts: boolean;
}

export function Start() {
  const [about, setAbout] = useState<About | null>(null);
  const [sessions, setSessions] = useState<SessionInfo[] | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    getJson<About>("/api/v1/about").then(setAbout, (failure) => setError(failure.message));
    getJson<SessionInfo[]>("/api/v1/sessions").then(setSessions, () => setSessions([]));
  }, []);
  return (
    <main class="start">
      <header>
        <h1>lensmount</h1>
        <p>Sessions of camera bodies and lenses: captures, virtual pairs, and results of runs.</p>
      </header>
      {error && (
        <p class="refused" role="alert">
          {error}
        </p>
      )}
      <div class="start-columns">
        <OpenFile onError={setError} dialects={about?.dialects ?? []} limit={about?.max_upload ?? Infinity} />
        {about && !about.reads_only && <NewPair onError={setError} />}
        {about && !about.reads_only && about.ports.length > 0 && (
          <section class="card">
            <h2>Ports</h2>
            {about.ports.map((spec, number) => (
              <Port key={spec} spec={spec} number={number} ports={about!.ports} onError={setError} dialects={about.dialects} />
            ))}
          </section>
        )}
        <section class="card">
          <h2>Open here</h2>
          {!(sessions && about) && !error && <p class="empty">Reading the list…</p>}
          {sessions?.length === 0 && about?.results.length === 0 && <p class="empty">Nothing yet. Open a file or start a pair.</p>}
          <ul class="open-list">
            {sessions?.map((one) => (
              <li key={one.id}>
                <a href={`/session/${one.id}`} onClick={go}>
                  <b>{one.title}</b>
                  <span>
                    {one.kind}, {one.dialect}, {one.rows.toLocaleString("en")} messages
                    {one.reading && one.kind === "virtual" ? (one.about.paused ? ", paused" : ", runs") : ""}
                  </span>
                </a>
              </li>
            ))}
            {about?.results.map((one) => (
              <li key={one.id}>
                <a href={`/${one.kind}/${one.id}`} onClick={go}>
                  <b>{one.title}</b>
                  <span>{one.kind}</span>
                </a>
              </li>
            ))}
          </ul>
        </section>
      </div>
      <footer>
        <p>
          Also on the command line: <code>lensmount ui CAPTURE</code>, <code>lensmount ui matrix.json</code>,{" "}
          <code>lensmount ui results.sqlite</code>. <code>lensmount matrix --json matrix.json</code> makes a matrix, and{" "}
          <code>lensmount campaign FILE.toml</code> the results of a campaign, FILE.sqlite. {about && `Version ${about.version}.`}
        </p>
      </footer>
    </main>
  );
}

function OpenFile(props: { onError: (text: string) => void; dialects: string[]; limit: number }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [busy, setBusy] = useState("");
  const [dialect, setDialect] = useState("");
  const send = async (file: File | undefined) => {
    if (!file) return;
    props.onError("");
    if (file.size > props.limit) {
      const most = `${Math.floor(props.limit / 2 ** 20)} MB`;
      props.onError(`${file.name}: larger than ${most}; open it with \`lensmount ui FILE\`, which reads it from its place`);
      return;
    }
    setBusy(`Reading ${file.name}…`);
    try {
      const path = `/api/v1/uploads?name=${encodeURIComponent(file.name)}&dialect=${encodeURIComponent(dialect)}`;
      const response = await request(path, {
        method: "POST",
        body: file,
        headers: { "content-type": "application/octet-stream" },
      });
      const info: { id: string; kind: string } = await response.json();
      go(`/${["matrix", "campaign"].includes(info.kind) ? info.kind : "session"}/${info.id}`);
    } catch (failure) {
      props.onError((failure as Error).message);
    } finally {
      setBusy("");
    }
  };
  return (
    <section class="card">
      <h2>Open a capture or a result</h2>
      <div
        class={`drop${over ? " over" : ""}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void send(event.dataTransfer?.files[0]);
        }}
      >
        <button class="main" onClick={() => input.current?.click()} disabled={!!busy}>
          {busy || "Choose a file"}
        </button>
        <p>or drop it here</p>
        <input ref={input} type="file" hidden onChange={(event) => void send(event.currentTarget.files?.[0])} />
      </div>
      <label>
        read as{" "}
        <select value={dialect} onChange={(event) => setDialect(event.currentTarget.value)}>
          <option value="">what the file declares, else emount</option>
          {props.dialects.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <p class="facts">
        sigrok .sr, Saleae .sal and exports, DSView, .vcd, .pcapng, sniffer logs, recordings (.lmx), and the results of a
        matrix (.json) or a campaign (.sqlite). The content decides. Recordings declare their dialect; logic captures declare none, so choose it.
      </p>
    </section>
  );
}

/** Listening is one click; playing an end sends to a device, so the user types the name of the port. */
function Port(props: {
  spec: string;
  number: number;
  ports: string[];
  dialects: string[];
  onError: (text: string) => void;
}) {
  const [devices, setDevices] = useState<Device[]>([]);
  const [dialect, setDialect] = useState("emount");
  const [second, setSecond] = useState("");
  const [role, setRole] = useState<"lens" | "body">("lens");
  const [profile, setProfile] = useState("");
  const [confirm, setConfirm] = useState("");
  const open = async (body: Record<string, string | number>) => {
    props.onError("");
    try {
      const info = await postJson<SessionInfo>(`/api/v1/ports/${props.number}`, body);
      go(`/session/${info.id}`);
    } catch (failure) {
      props.onError((failure as Error).message);
    }
  };
  const fitting = devices.filter((one) => one.place === role);
  return (
    <div class="port">
      <b>{props.spec}</b>
      <div class="buttons">
        <button class="main" onClick={() => open({ mode: "listen", dialect, ...(second ? { second: Number(second) } : {}) })}>
          listen
        </button>
        <select aria-label="dialect" value={dialect} onChange={(event) => setDialect(event.currentTarget.value)}>
          {props.dialects.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
        {props.ports.length > 1 && (
          <select
            aria-label="second port"
            title="where this port receives the body only: the port that receives the lens"
            value={second}
            onChange={(event) => setSecond(event.currentTarget.value)}
          >
            <option value="">alone</option>
            {props.ports.map((spec, number) =>
              number === props.number ? null : (
                <option key={spec} value={number}>
                  with {spec}
                </option>
              ),
            )}
          </select>
        )}
      </div>
      <details
        onToggle={() => {
          if (!devices.length) getJson<Device[]>("/api/v1/profiles").then(setDevices, (failure) => props.onError(failure.message));
        }}
      >
        <summary>play an end…</summary>
        <label class="wide">
          end
          <select value={role} onChange={(event) => setRole(event.currentTarget.value as "lens" | "body")}>
            <option value="lens">lens</option>
            <option value="body">body</option>
          </select>
        </label>
        <label class="wide">
          profile
          <select value={profile} onChange={(event) => setProfile(event.currentTarget.value)}>
            <option value="">choose one</option>
            {fitting.map((one) => (
              <option key={one.name} value={one.name}>
                {one.title}
              </option>
            ))}
          </select>
        </label>
        <label class="wide">
          This sends to the device. Messages that can leave a device dead stay blocked. Type the port's name to arm it:
          <input value={confirm} placeholder={props.spec} onInput={(event) => setConfirm(event.currentTarget.value)} />
        </label>
        <button disabled={!profile || !confirm} onClick={() => open({ mode: "play", role, profile, confirm })}>
          play on {props.spec}
        </button>
      </details>
    </div>
  );
}

function NewPair({ onError }: { onError: (text: string) => void }) {
  const [devices, setDevices] = useState<Device[]>([]);
  const [dialect, setDialect] = useState("emount");
  const [body, setBody] = useState("a6000");
  const [lens, setLens] = useState("sel55210");
  const [accessory, setAccessory] = useState("");
  const [script, setScript] = useState("");
  const [seed, setSeed] = useState("1");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    getJson<Device[]>("/api/v1/profiles").then(setDevices, (failure) => onError(failure.message));
  }, []);
  const of = (place: string) =>
    devices.filter((one) => one.place === place && (one.dialect === dialect || (place === "lens" && accessory !== "")));
  const choose = (name: string) => {
    setDialect(name);
    const usual = (place: string) => {
      const fitting = devices.filter((one) => one.place === place && one.dialect === name);
      return (fitting.find((one) => one.default) ?? fitting[0])?.name ?? "";
    };
    setBody(usual("body"));
    setLens(usual("lens"));
    setAccessory("");
  };
  const begin = async () => {
    setBusy(true);
    onError("");
    try {
      const wanted = { body, lens, accessories: accessory ? [accessory] : [], script, seed: Number(seed) || 0 };
      const info = await postJson<SessionInfo>("/api/v1/sessions", wanted);
      go(`/session/${info.id}`);
    } catch (failure) {
      onError((failure as Error).message);
      setBusy(false);
    }
  };
  const dialects = [...new Set(devices.filter((one) => one.place === "body").map((one) => one.dialect))];
  return (
    <section class="card">
      <h2>Start a virtual pair</h2>
      {!devices.length && <p class="empty">Reading the catalogue…</p>}
      <div class="choice" role="group" aria-label="dialect">
        {dialects.map((one) => (
          <button key={one} class={`chip${one === dialect ? " on" : ""}`} onClick={() => choose(one)}>
            {one}
          </button>
        ))}
      </div>
      <div class="pair">
        <Picture kind="body" />
        <label>
          body
          <select value={body} onChange={(event) => setBody(event.currentTarget.value)}>
            {of("body").map((one) => (
              <option key={one.name} value={one.name}>
                {one.title}
              </option>
            ))}
          </select>
        </label>
        {devices.some((one) => one.place === "accessory" && one.dialect === dialect) && (
          <>
            <Picture kind="accessory" />
            <label>
              accessory
              <select value={accessory} onChange={(event) => setAccessory(event.currentTarget.value)}>
                <option value="">none</option>
                {devices
                  .filter((one) => one.place === "accessory" && one.dialect === dialect)
                  .map((one) => (
                    <option key={one.name} value={one.name}>
                      {one.title}
                    </option>
                  ))}
              </select>
            </label>
          </>
        )}
        <Picture kind="lens" />
        <label>
          lens
          <select value={lens} onChange={(event) => setLens(event.currentTarget.value)}>
            {of("lens").map((one) => (
              <option key={one.name} value={one.name}>
                {one.title}
                {one.contacts ? "" : " (no contacts)"}
              </option>
            ))}
          </select>
        </label>
      </div>
      {devices.some((one) => one.name === lens && !one.contacts) && (
        <p class="facts" role="status">
          This lens has no contacts: the body does not notice it, so no message is sent.
        </p>
      )}
      <label class="wide">
        script (optional)
        <input
          value={script}
          placeholder="wait 0.5; focus +200"
          spellcheck={false}
          onInput={(event) => setScript(event.currentTarget.value)}
        />
      </label>
      <label>
        seed{" "}
        <input class="seed" inputMode="numeric" value={seed} onInput={(event) => setSeed(event.currentTarget.value)} />
      </label>
      <button class="main" onClick={begin} disabled={busy || !devices.length}>
        {busy ? "Starting…" : "Start"}
      </button>
    </section>
  );
}

/** What kind of device it is, as a drawing. */
function Picture({ kind }: { kind: "body" | "lens" | "accessory" }) {
  return (
    <svg class={`picture ${kind}`} viewBox="0 0 64 48" aria-hidden="true">
      {kind === "body" && (
        <>
          <rect x="6" y="14" width="52" height="28" rx="4" />
          <rect x="22" y="8" width="20" height="8" rx="2" />
          <circle cx="32" cy="28" r="11" />
          <circle cx="32" cy="28" r="7" class="fill" />
        </>
      )}
      {kind === "lens" && (
        <>
          <path d="M8 12h12l6-3h28v30H26l-6-3H8z" />
          <line x1="30" y1="9" x2="30" y2="39" />
          <line x1="42" y1="9" x2="42" y2="39" />
          <path d="M54 12q6 12 0 24" class="fill" />
        </>
      )}
      {kind === "accessory" && (
        <>
          <rect x="22" y="8" width="20" height="32" rx="2" />
          <line x1="28" y1="8" x2="28" y2="40" />
        </>
      )}
    </svg>
  );
}
