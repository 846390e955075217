// Fields over time, on the axis of the timeline.

import { effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import * as state from "./state";
import type { Change, PlotData } from "./types";

const COLOURS = ["var(--lens)", "var(--marker)", "var(--body)", "var(--order)", "var(--answer)", "var(--wrong)"];
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [1, 2], [12, 4]];

export function Plots() {
  const box = useRef<HTMLDivElement>(null);
  const [error, setError] = useState("");
  const names = state.plots.value;

  useEffect(() => {
    const area = box.current!;
    let plot: uPlot | null = null;
    let gone = false;
    let loading = false;
    let again = false;
    let timer = 0;
    const soon = () => {
      if (!timer) timer = window.setTimeout(load, 40);
    };
    // One request at a time, and each is shown: while a session runs there is always a newer one.
    const load = async () => {
      timer = 0;
      if (loading) {
        again = true;
        return;
      }
      const { t0, t1 } = state.view.value;
      const from = state.source.value;
      if (!from || !names.length) {
        plot?.destroy();
        plot = null;
        return;
      }
      loading = true;
      try {
        const parts = await Promise.all(names.map((name) => from.plot(name, t0, t1, area.clientWidth)));
        if (gone || state.source.value !== from) return;
        setError("");
        plot = show(area, plot, state.info.value?.reading ? parts.map(held) : parts, names);
      } catch (failure) {
        if (!gone) setError((failure as Error).message);
      } finally {
        loading = false;
        if (again && !gone) {
          again = false;
          soon();
        }
      }
    };
    const stop = effect(() => {
      void state.view.value;
      void state.version.value;
      if (plot) scale(plot, shown);
      soon();
    });
    const mark = effect(() => {
      void state.cursor.value;
      plot?.redraw(false, false);
    });
    const observer = new ResizeObserver(() => plot?.setSize({ width: area.clientWidth, height: area.clientHeight }));
    observer.observe(area);
    return () => {
      stop();
      mark();
      clearTimeout(timer);
      observer.disconnect();
      gone = true;
      plot?.destroy();
    };
  }, [names.join(), state.source.value]);

  const [change, setChange] = useState("");
  useEffect(() => setChange(""), [names.join(), state.source.value]);
  const step = (direction: 1 | -1) =>
    stepChange(names, direction).then(setChange, (failure: Error) => (state.message.value = failure.message));
  // The message is left out where all fields are of one.
  const messages = new Set(names.map((name) => name.split(".")[0]));
  const short = (name: string) => (messages.size === 1 ? name.slice(name.indexOf(".") + 1) : name);
  const choices = (state.info.value?.fields ?? []).filter((name) => !names.includes(name));
  return (
    <section class="pane panel plots" aria-label="fields over time">
      <header>
        <h2>fields over time</h2>
        <div class="legend">
          {names.map((name, index) => (
            <button
              key={name}
              class="chip"
              title={`remove ${name}`}
              onClick={() => state.choosePlots(names.filter((one) => one !== name))}
            >
              <i style={{ background: COLOURS[index] }} aria-hidden="true" />
              {short(name)} <span aria-hidden="true">×</span>
            </button>
          ))}
          {!!names.length && (
            <span class="changes" role="group" aria-label="changes of the plotted fields">
              <button title="previous change of a plotted field" aria-label="previous change" onClick={() => step(-1)}>
                ◂
              </button>
              change
              <button title="next change of a plotted field" aria-label="next change" onClick={() => step(1)}>
                ▸
              </button>{" "}
            </span>
          )}
          <span role="status">{change}</span>
          <label class="add-field">
            <span class="hidden">add a field</span>
            <input
              list="field-names"
              placeholder="add a field"
              onKeyDown={(event) => {
                if (event.key === "Escape") event.currentTarget.blur();
              }}
              onChange={(event) => {
                const name = event.currentTarget.value.trim();
                if (choices.includes(name)) {
                  state.choosePlots([...names, name]);
                  event.currentTarget.value = "";
                } else if (name && !names.includes(name)) setChange(`no field ${name} occurs in this session`);
              }}
            />
          </label>
          <datalist id="field-names">
            {choices.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </div>
      </header>
      <div ref={box} class="plot-area" />
      {error && <p class="empty bad">{error}</p>}
      {!names.length && !error && <p class="empty">Choose a field, or press ∿ beside a field of a message.</p>}
    </section>
  );
}

/** While a session grows a value holds beyond the last frame that carried it. */
function held(part: PlotData): PlotData {
  const { t0, t1 } = state.view.value;
  if (!part.at.length) return part;
  const last = part.at.length - 1;
  return {
    ...part,
    at: Float64Array.from([...part.at, Math.max(part.at[last], t1) + 3 * (t1 - t0)]),
    value: Float64Array.from([...part.value, part.value[last]]),
  };
}

/** The values that the view shows, the ones that hold from before it among them, with a margin. */
export function valueRange(parts: PlotData[], t0: number, t1: number): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const part of parts) {
    for (let index = 0; index < part.at.length && part.at[index] <= t1; index++) {
      const ends = index + 1 < part.at.length ? part.at[index + 1] : Infinity;
      if (ends < t0 || part.value[index] !== part.value[index]) continue;
      low = Math.min(low, part.value[index]);
      high = Math.max(high, part.value[index]);
    }
  }
  if (low > high) return [0, 1];
  const margin = high > low ? (high - low) * 0.08 : Math.max(1, Math.abs(high) * 1e-4);
  return [low - margin, high + margin];
}

function scale(plot: uPlot, parts: PlotData[]): void {
  const { t0, t1 } = state.view.value;
  const [min, max] = valueRange(parts, t0, t1);
  plot.batch(() => {
    plot.setScale("x", { min: t0, max: t1 });
    plot.setScale("y", { min, max });
  });
}

const NEAR_PX = 7;
let shown: PlotData[] = [];

/** The frame whose value is drawn near a time; one that changes the value before others. */
export function nearestRow(parts: PlotData[], at: number, reach: number): number | null {
  let best: number | null = null;
  let away = reach;
  for (const part of parts) {
    for (let index = 0; index < part.row.length; index++) {
      const distance = Math.abs(part.at[index] - at);
      if (distance > reach) continue;
      const changes = index > 0 && part.value[index] !== part.value[index - 1];
      const rank = distance + (changes ? 0 : reach);
      if (best === null || rank < away) {
        best = part.row[index];
        away = rank;
      }
    }
  }
  return best;
}

/** Select the next or previous frame in which a plotted field has another value than before; describe the change. */
async function stepChange(names: string[], direction: 1 | -1): Promise<string> {
  const from = state.source.value;
  if (!from) return "";
  const at = state.cursor.value ?? state.view.value.t0;
  const all = (t: number, way: 1 | -1) => Promise.all(names.map((name) => from.change(name, t, way)));
  const changes = (await all(at, direction)).map((one, index) => ({ one, name: names[index] }));
  if (state.source.value !== from) return "";
  const found = changes
    .filter((each): each is { one: Change; name: string } => each.one !== null)
    .sort((first, second) => direction * (first.one.t - second.one.t));
  if (found.length) {
    const { one, name } = found[0];
    state.select(one.row);
    return `${name.slice(name.indexOf(".") + 1)} ${one.before} → ${one.after}, #${one.row}`;
  }
  const any = (await all(BEFORE_ALL, 1)).some((one) => one !== null);
  const session = state.info.value?.reading ? "this session so far" : "this session";
  return any ? `no change ${direction > 0 ? "after" : "before"} the cursor` : `no plotted field changes in ${session}`;
}

/** Before the first frame of any session. */
const BEFORE_ALL = -1e9;

function show(area: HTMLDivElement, old: uPlot | null, parts: PlotData[], names: string[]): uPlot {
  shown = parts;
  const data = uPlot.join(parts.map((part) => [part.at, part.value] as unknown as uPlot.AlignedData));
  const same = old && (old as unknown as { names: string }).names === names.join();
  if (same) {
    old.setData(data, false);
    scale(old, parts);
    return old;
  }
  old?.destroy();
  const style = getComputedStyle(area);
  const colour = (text: string) => style.getPropertyValue(text.slice(4, -1)).trim();
  const stepped = uPlot.paths.stepped!({ align: 1 });
  const plot = new uPlot(
    {
      width: area.clientWidth,
      height: area.clientHeight,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 5 } },
      scales: {
        x: { time: false, min: state.view.value.t0, max: state.view.value.t1 },
        // Set with each view: a value that holds may have no point in it.
        y: { auto: false, range: (_plot, min, max) => [min, max] },
      },
      axes: [
        {
          stroke: style.getPropertyValue("--dim"),
          grid: { stroke: style.getPropertyValue("--grid"), width: 1 },
          ticks: { show: false },
          size: 24,
          space: 92,
          values: (_plot, ticks) => ticks.map((tick) => `${Number((tick * 1e3).toPrecision(9))} ms`),
        },
        {
          stroke: style.getPropertyValue("--dim"),
          grid: { stroke: style.getPropertyValue("--grid"), width: 1 },
          ticks: { show: false },
          size: 62,
        },
      ],
      series: [
        {},
        ...parts.map((part, index) => ({
          label: part.name,
          stroke: colour(COLOURS[index]),
          width: 1.5,
          dash: DASHES[index],
          paths: stepped,
          spanGaps: true,
          points: { show: part.at.length < 60, size: 4 },
        })),
      ],
      hooks: {
        draw: [
          (one: uPlot) => {
            const at = state.cursor.value;
            if (at === null) return;
            const x = one.valToPos(at, "x", true);
            one.ctx.fillStyle = style.getPropertyValue("--select");
            one.ctx.fillRect(x, one.bbox.top, window.devicePixelRatio || 1, one.bbox.height);
          },
        ],
        ready: [
          (one: uPlot) =>
            one.over.addEventListener("click", () => {
              const at = one.posToVal(one.cursor.left ?? 0, "x");
              if (!Number.isFinite(at)) return;
              const reach = Math.abs(one.posToVal(NEAR_PX, "x") - one.posToVal(0, "x"));
              const row = nearestRow(shown, at, reach);
              state.follow.value = false;
              if (row !== null) state.select(row, { keep: true });
              else state.cursor.value = at;
            }),
        ],
      },
    },
    data,
    area,
  );
  (plot as unknown as { names: string }).names = names.join();
  scale(plot, parts);
  return plot;
}
