// The viewfinder: a test scene as the optical model sees it, with its blur, brightness, breathing and contrast.

import { useEffect, useRef, useState } from "preact/hooks";
import { paint, WIDTH, HEIGHT } from "./scene";
import * as state from "./state";
import type { ViewfinderState } from "./types";

const HISTORY = 90;

export function Viewfinder() {
  const found = state.mount.value?.viewfinder;
  const canvas = useRef<HTMLCanvasElement>(null);
  const history = useRef<{ t: number; contrast: number }[]>([]);
  const [corrected, setCorrected] = useState(true);
  const at = state.mount.value?.t ?? 0;

  useEffect(() => {
    if (!found || !canvas.current) return;
    paint(canvas.current, found, corrected);
  }, [found, corrected]);

  useEffect(() => {
    if (!found) return;
    const past = history.current;
    while (past.length && past[past.length - 1].t >= at) past.pop();
    past.push({ t: at, contrast: found.contrast });
    if (past.length > HISTORY) past.shift();
  }, [found, at]);

  if (!found) return null;
  const sharp = `${metres(found.sharp_mm[0])} to ${metres(found.sharp_mm[1])}`;
  const shutter = found.exposure_s === null ? "" : `, ${exposure(found.exposure_s)}`;
  const about = `test scene at ${found.focal_mm.toFixed(0)} mm, f/${found.f_number.toFixed(1)}${shutter}, focused at ${metres(found.focused_mm)}; sharp from ${sharp}; contrast of the chart ${found.contrast.toFixed(2)}`;
  return (
    <section class="pane panel viewfinder-panel" aria-label="viewfinder">
      <header>
        <h2>
          viewfinder<small title="computed from what the lens reports, for a test scene; no picture of a lens">our model</small>
        </h2>
        <button
          class={`chip${corrected ? " on" : ""}`}
          aria-pressed={corrected}
          title="correct distortion, vignetting and breathing, as the body would"
          onClick={() => setCorrected(!corrected)}
        >
          corrections
        </button>
      </header>
      <div class="finder">
        <canvas ref={canvas} width={WIDTH} height={HEIGHT} role="img" aria-label={about} />
        <div class="finder-facts">
          <span title="aperture and exposure time">
            f/{found.f_number.toFixed(1)}
            {shutter} <b>{stops(found.stops)}</b>
          </span>
          <span title="distances that are sharp in the picture">sharp {sharp}</span>
        </div>
      </div>
      <Contrast found={found} past={history.current} />
    </section>
  );
}

/** The contrast signal: its value as a bar, and how it came there. */
function Contrast({ found, past }: { found: ViewfinderState; past: { t: number; contrast: number }[] }) {
  const points = past.map((one, index) => `${index},${(20 - one.contrast * 19).toFixed(1)}`).join(" ");
  return (
    <div class="contrast">
      <span>contrast</span>
      <b>{found.contrast.toFixed(3)}</b>
      <svg viewBox={`0 0 ${HISTORY} 20`} preserveAspectRatio="none" aria-hidden="true">
        <polyline points={points} />
      </svg>
      <span class="chart-at">chart at {metres(found.subject_mm)}</span>
    </div>
  );
}

function metres(mm: number | null): string {
  return mm === null ? "∞" : mm >= 10_000 ? `${(mm / 1000).toFixed(0)} m` : `${(mm / 1000).toFixed(2)} m`;
}

function exposure(seconds: number): string {
  return seconds < 0.5 ? `1/${Math.round(1 / seconds)} s` : `${seconds.toPrecision(2)} s`;
}

function stops(value: number): string {
  return Math.abs(value) < 0.05 ? "±0 EV" : `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(1)} EV`;
}
