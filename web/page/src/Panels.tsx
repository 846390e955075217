// The body and the lens as things, at the cursor: iris, focus scale, zoom, lines, link state.

import * as state from "./state";
import { moment } from "./time";
import type { GaugeState } from "./types";

export function Panels() {
  const mount = state.mount.value;
  const at = mount?.t;
  const when = at === undefined ? "" : state.cursor.value === null ? "latest" : `${moment(at)} ms`;
  return (
    <>
      <section class="pane panel body-panel" aria-label="body">
        <header>
          <h2 class="body-name">
            body<small>{when}</small>
          </h2>
        </header>
        <dl class="values">
          <dt>link</dt>
          <dd>{mount?.link || "–"}</dd>
          {(mount?.gauges ?? [])
            .filter((gauge) => gauge.role === "body" && gauge.value)
            .map((gauge) => (
              <Value key={gauge.label} gauge={gauge} />
            ))}
        </dl>
        <Lines />
      </section>
      <section class="pane panel lens-panel" aria-label="lens">
        <header>
          <h2 class="lens-name">
            lens<small>{when}</small>
          </h2>
        </header>
        <Lens gauges={(mount?.gauges ?? []).filter((gauge) => gauge.role === "lens")} />
      </section>
    </>
  );
}

function Value({ gauge }: { gauge: GaugeState }) {
  return (
    <>
      <dt>{gauge.label}</dt>
      <dd>
        <button
          class="link plain"
          title={`${gauge.value!.field}: ${gauge.value!.text}`}
          onClick={() => state.select(gauge.value!.row)}
        >
          {short(gauge.value!.text)}
        </button>
      </dd>
    </>
  );
}

/** A value as a panel shows it: the name of a member of an enumeration without its number. */
function short(text: string): string {
  return /^[A-Z][A-Z0-9_]*(?= \(0x)/.exec(text)?.[0].replaceAll("_", " ").toLowerCase() ?? text;
}

function Lines() {
  const lines = state.mount.value?.lines ?? {};
  const about = new Map((state.dialect.value?.lines ?? []).map((line) => [line.name, line]));
  return (
    <ul class="line-lamps" aria-label="lines">
      {Object.entries(lines).map(([name, level]) => (
        <li
          key={name}
          class={`${about.get(name)?.driver ?? ""} ${level ? "high" : "low"}`}
          title={`${name} is ${level === null ? "unknown" : level ? "high" : "low"}; filled is high`}
        >
          <i aria-hidden="true" />
          {name}
          <span class="hidden">{level === null ? "unknown" : level ? "high" : "low"}</span>
        </li>
      ))}
    </ul>
  );
}

function Lens({ gauges }: { gauges: GaugeState[] }) {
  const of = (part: string) => gauges.find((gauge) => gauge.part === part);
  const aperture = of("aperture");
  const focus = of("focus");
  const zoom = of("zoom");
  const others = gauges.filter((gauge) => !["aperture", "focus", "distance"].includes(gauge.part) && gauge.value);
  const known = state.info.value?.gauges ?? [];
  if (!known.some((gauge) => gauge.role === "lens")) {
    return <p class="empty">This dialect declares no values that show the lens. Its messages are in the list.</p>;
  }
  if (!gauges.some((gauge) => gauge.value)) {
    return <p class="empty">The lens has sent no state before this time.</p>;
  }
  return (
    <div class="lens-view">
      {known.some((gauge) => gauge.role === "lens" && gauge.part === "aperture") && (
        <figure class="iris-figure">
          <Iris gauge={aperture} />
          <figcaption>
            {aperture?.value?.text ?? "aperture unknown"}
            {aperture?.target && aperture.target.value !== aperture.value?.value && <em>→ {aperture.target.text}</em>}
          </figcaption>
        </figure>
      )}
      <div class="lens-rest">
        <Scale gauge={focus} distance={of("distance")} />
        <dl class="values">
          {zoom?.value && <Value gauge={zoom} />}
          {others
            .filter((gauge) => gauge !== zoom)
            .map((gauge) => (
              <Value key={gauge.label} gauge={gauge} />
            ))}
        </dl>
      </div>
    </div>
  );
}

const BLADES = 9;
const WIDEST = 1;

/** An iris whose opening follows the f-number: its diameter is proportional to 1/N, drawn from f/1 on. */
function Iris({ gauge }: { gauge: GaugeState | undefined }) {
  const number = gauge?.value?.number ?? NaN;
  const wide = gauge?.minimum?.number ?? WIDEST;
  const share = Number.isFinite(number) && number > 0 ? Math.max(0.06, Math.min(1, Math.sqrt(wide / number))) : 0.5;
  const outer = 44;
  const inner = 40 * share;
  const turn = (1 - share) * 0.9;
  const corner = (index: number, radius: number, extra = 0) => {
    const angle = (index / BLADES) * 2 * Math.PI + extra;
    return `${(50 + radius * Math.cos(angle)).toFixed(2)},${(50 + radius * Math.sin(angle)).toFixed(2)}`;
  };
  const opening = Array.from({ length: BLADES }, (_, index) => corner(index, inner, turn)).join(" ");
  return (
    <svg class="iris" viewBox="0 0 100 100" role="img" aria-label={`aperture ${gauge?.value?.text ?? "unknown"}`}>
      <circle cx="50" cy="50" r="48" class="barrel" />
      <circle cx="50" cy="50" r={outer} class="blades" />
      {share < 0.97 &&
        Array.from({ length: BLADES }, (_, index) => (
          <line
            key={index}
            class="blade"
            x1={corner(index, inner, turn).split(",")[0]}
            y1={corner(index, inner, turn).split(",")[1]}
            x2={corner(index, outer, turn + 0.9).split(",")[0]}
            y2={corner(index, outer, turn + 0.9).split(",")[1]}
          />
        ))}
      <polygon points={opening} class={Number.isFinite(number) ? "opening" : "opening unknown"} />
    </svg>
  );
}

/** The focus drive between its limits, with the ordered position. */
function Scale({ gauge, distance }: { gauge: GaugeState | undefined; distance: GaugeState | undefined }) {
  if (!gauge?.value) return <p class="facts">no focus position yet</p>;
  const low = gauge.minimum?.value ?? Math.min(0, gauge.value.value);
  const high = gauge.maximum?.value ?? Math.max(gauge.value.value, 1);
  const place = (value: number) => {
    const share = high === low ? 0.5 : (value - low) / (high - low);
    return `${(Math.max(0, Math.min(1, share)) * 100).toFixed(2)}%`;
  };
  return (
    <div class="scale" aria-label={`focus ${gauge.value.text}`}>
      <div class="scale-head">
        <span>focus</span>
        <b>{gauge.value.text}</b>
        {distance?.value && <b class="distance">{distance.value.text}</b>}
      </div>
      {gauge.minimum || gauge.maximum ? (
        <div class="scale-bar">
          {gauge.target && (
            <i class="scale-target" style={{ left: place(gauge.target.value) }} title={`ordered ${gauge.target.text}`} />
          )}
          <i class="scale-now" style={{ left: place(gauge.value.value) }} />
        </div>
      ) : null}
      <div class="scale-ends">
        <span>{gauge.minimum || gauge.maximum ? low : "limits unknown"}</span>
        {gauge.target && <span>ordered {gauge.target.text}</span>}
        <span>{gauge.maximum ? high : ""}</span>
      </div>
    </div>
  );
}
