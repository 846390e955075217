// The list of messages: only the visible rows exist, and its height is scaled where a browser would give up.

import { useEffect, useRef, useState } from "preact/hooks";
import { FRAME, GARBAGE, KINDS } from "./columns";
import * as state from "./state";
import { hex, moment, precisionText, REPLY_TIME, span } from "./time";

export const ROW_HEIGHT = 24;
const MAX_HEIGHT = 8_000_000;

export function MessageList() {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(300);
  void state.version.value;
  const rows = state.listed.value;
  const data = state.columns.value;
  const count = rows ? rows.length : data.rows;
  const full = count * ROW_HEIGHT;
  const scaled = Math.min(full, MAX_HEIGHT);
  const factor = full > MAX_HEIGHT ? (full - height) / Math.max(1, scaled - height) : 1;
  const first = Math.max(0, Math.floor((top * factor) / ROW_HEIGHT) - 2);
  const last = Math.min(count, first + Math.ceil(height / ROW_HEIGHT) + 5);
  const selected = state.selected.value;

  useEffect(() => {
    const area = box.current!;
    const observer = new ResizeObserver(() => setHeight(area.clientHeight));
    observer.observe(area);
    return () => observer.disconnect();
  }, []);

  const indexOf = (row: number): number => {
    if (!rows) return row;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (rows[middle] < row) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  const bring = (index: number, centre: boolean) => {
    const area = box.current!;
    const y = index * ROW_HEIGHT;
    const shown = area.scrollTop * factor;
    if (!centre && y >= shown && y + ROW_HEIGHT <= shown + area.clientHeight) return;
    area.scrollTop = Math.max(0, (y - area.clientHeight / 2) / factor);
  };

  useEffect(() => {
    if (selected !== null && box.current) bring(indexOf(selected), false);
  }, [selected, rows]);

  useEffect(() => {
    if (state.follow.value && count && box.current) box.current.scrollTop = scaled;
  }, [count, state.follow.value]);

  const chunks = new Set<number>();
  const visible: number[] = [];
  for (let index = first; index < last; index++) {
    const row = rows ? rows[index] : index;
    visible.push(row);
    chunks.add(Math.floor(row / state.CHUNK));
  }
  const precision = precisionText(state.info.value?.about.precision);
  const summaries = useSummaries([...chunks], state.version.value);

  return (
    <section class="pane list" aria-label="messages">
      <div class="list-head" role="presentation">
        <span>#</span>
        <span>time ms</span>
        <span title="time since the same message before">Δ same</span>
        <span>from</span>
        <span>message</span>
        <span title={`↩ #7 395 µs: answers row 7, with this reply time: ${REPLY_TIME}. ${precision}`}>
          ↩ reply time · content
        </span>
        <span>bytes</span>
      </div>
      <div
        ref={box}
        class="list-body"
        role="grid"
        aria-label="messages"
        aria-rowcount={count}
        aria-colcount={7}
        tabIndex={0}
        onScroll={(event) => {
          const area = event.currentTarget;
          setTop(area.scrollTop);
          if (state.follow.value && area.scrollTop + area.clientHeight < area.scrollHeight - 2 * ROW_HEIGHT) {
            state.follow.value = false;
          }
        }}
        onKeyDown={(event) => {
          const page = Math.max(1, Math.floor(height / ROW_HEIGHT) - 1);
          const steps: Record<string, number> = { PageDown: page, PageUp: -page, Home: -count, End: count };
          if (event.key in steps) {
            event.preventDefault();
            state.stepRow(steps[event.key]);
          }
        }}
      >
        <div style={{ height: `${scaled}px` }} class="list-space" role="presentation">
          <div
            role="presentation"
            style={{ transform: `translateY(${factor === 1 ? first * ROW_HEIGHT : top - ((top * factor) % ROW_HEIGHT) - 2 * ROW_HEIGHT + (first === 0 ? 2 * ROW_HEIGHT : 0)}px)` }}
          >
            {visible.map((row, index) => (
              <Row
                key={row}
                row={row}
                index={first + index}
                selected={row === selected}
                summary={summaries.get(row) ?? ""}
              />
            ))}
          </div>
        </div>
        {!count && (
          <p class="empty">
            {state.found.value
              ? "No message passes the filter. Change it, or press Esc in the filter to clear it."
              : state.info.value?.reading
                ? "Reading…"
                : "This session holds no messages. Edges of its lines are in the timeline."}
          </p>
        )}
      </div>
    </section>
  );
}

function useSummaries(chunks: number[], version: number): Map<number, string> {
  const [known, setKnown] = useState(new Map<number, string>());
  useEffect(() => {
    let here = true;
    Promise.all(chunks.map(state.summariesOf))
      .then((parts) => {
        if (here) setKnown(new Map(parts.flatMap((part) => [...part])));
      })
      .catch((error: Error) => (state.message.value = error.message));
    return () => {
      here = false;
    };
  }, [chunks.join(), version]);
  return known;
}

function Row(props: { row: number; index: number; selected: boolean; summary: string }) {
  const { row } = props;
  const data = state.columns.value;
  const kind = data.kind.data[row];
  const composition = data.composed(row);
  const sender = data.sender.data[row];
  const delta = data.delta(row);
  const answers = data.answers.data[row];
  const rank = data.rank.data[row];
  const size = data.size.data[row];
  return (
    <div
      role="row"
      aria-rowindex={props.index + 1}
      aria-selected={props.selected}
      class={`row rank${rank}${props.selected ? " selected" : ""} side${sender}`}
      onClick={() => state.select(row)}
      data-row={row}
    >
      <span role="gridcell">{row}</span>
      <span role="gridcell">{moment(data.at.data[row])}</span>
      <span role="gridcell">{delta === delta ? span(delta) : ""}</span>
      <span role="gridcell">{sender === 1 ? "body ▸" : sender === 2 ? "◂ lens" : ""}</span>
      <span role="gridcell" class="names">
        {kind === FRAME && composition ? (
          composition.types.map((type, index) => (
            <span key={index}>
              <b class={`type rank${rank}`}>{hex(type)}</b> {composition.names[index]}
            </span>
          ))
        ) : (
          <em>{KINDS[kind]}</em>
        )}
      </span>
      <span role="gridcell" class="summary">
        {answers >= 0 ? `↩ #${answers} ${span(data.at.data[row] - data.end.data[answers])}  ` : ""}
        {props.summary}
      </span>
      <span role="gridcell">{kind <= GARBAGE ? size : ""}</span>
    </div>
  );
}
