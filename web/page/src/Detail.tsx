// One message: its fields with unit, meaning and evidence, and its bytes; pointing at one lights the other.

import { useEffect, useState } from "preact/hooks";
import * as state from "./state";
import { hex, measured, precisionText, REPLY_TIME, span } from "./time";
import type { Evidence, FieldDetail, FieldInfo, MessageDetail, MessageInfo, RowDetail } from "./types";

export function useDetail(): { detail: RowDetail | null; error: string } {
  const row = state.selected.value;
  const [detail, setDetail] = useState<RowDetail | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    let here = true;
    setError("");
    if (row === null || !state.source.value) {
      setDetail(null);
      return;
    }
    state
      .detail(row)
      .then((found) => {
        if (!here) return;
        setDetail(found);
        const names = (found.messages ?? []).map((one) => one.name).join(" and ") || found.kind;
        const way = found.dir === "body" ? ", body to lens" : found.dir === "lens" ? ", lens to body" : "";
        const when = found.t_us === null || found.t_us === undefined ? "" : `, ${(found.t_us / 1e3).toFixed(3)} ms`;
        state.spoken.value = `row ${row}, ${names}${way}${when}`;
      })
      .catch((failure: Error) => here && setError(failure.message));
    return () => {
      here = false;
    };
  }, [row, state.source.value]);
  return { detail: detail?.row === row ? detail : null, error };
}

export function Detail() {
  const { detail, error } = useDetail();
  if (state.selected.value === null) {
    return (
      <>
        <section class="pane fields both" aria-label="fields">
          <p class="empty">
            Select a message in the list or in the timeline. Its fields, their meaning and its bytes are shown here.
          </p>
        </section>
      </>
    );
  }
  if (error) {
    return (
      <>
        <section class="pane fields" aria-label="fields">
          <p class="empty bad">{error}</p>
        </section>
        <section class="pane bytes" aria-label="bytes" />
      </>
    );
  }
  if (!detail) {
    return (
      <>
        <section class="pane fields" aria-label="fields" aria-busy="true" />
        <section class="pane bytes" aria-label="bytes" />
      </>
    );
  }
  return (
    <>
      <Fields detail={detail} />
      <Bytes detail={detail} />
    </>
  );
}

function about(message: MessageDetail, sender: string | null | undefined): MessageInfo | undefined {
  return state.dialect.value?.messages.find((one) => one.name === message.name && one.sender === sender);
}

function Fields({ detail }: { detail: RowDetail }) {
  const when = detail.t_us === null || detail.t_us === undefined ? null : detail.t_us / 1e6;
  const end = detail.end_us === null || detail.end_us === undefined ? null : detail.end_us / 1e6;
  const precision = state.info.value?.about.precision;
  const facts: string[] = [];
  if (when !== null) facts.push(`${(when * 1e3).toFixed(3)} ms`);
  if (when !== null && end !== null) facts.push(span(end - when));
  // Frames of some dialects have neither.
  if (detail.kind === "frame" && (detail.class || detail.seq)) {
    facts.push(`class ${detail.class ?? 0}, sequence ${hex(detail.seq ?? 0)}`);
  }
  if (detail.baud) facts.push(`${detail.baud.toLocaleString("en")} baud`);
  if (detail.gap_us) facts.push(`longest pause ${span(detail.gap_us / 1e6)}`);
  if (detail.cs_us && detail.cs_us[1] !== null && detail.cs_us[1] !== undefined) {
    facts.push(`select window ${span((detail.cs_us[1] - detail.cs_us[0]) / 1e6)}`);
  }
  return (
    <section class="pane fields" aria-label="fields">
      <header>
        <h2>
          {(detail.messages ?? []).map((one) => one.name).join(" + ") || detail.kind}
          {detail.dir && <small>{detail.dir === "body" ? "body → lens" : "lens → body"}</small>}
        </h2>
        <p class="facts">{facts.join(" · ")}</p>
        {detail.answers !== undefined && (
          <p class="facts">
            answers{" "}
            <button class="link" onClick={() => state.select(detail.answers!)}>
              #{detail.answers}
            </button>
            {detail.reply_us !== null && detail.reply_us !== undefined && (
              <span class="reply" title={`reply time: ${REPLY_TIME}. ${precisionText(precision)}`}>
                {" "}
                after {measured(detail.reply_us / 1e6, precision)}
              </span>
            )}
          </p>
        )}
        {(detail.text || detail.reason) && <p class="facts">{detail.text ?? detail.reason}</p>}
      </header>
      {(detail.messages ?? []).map((message, index) => (
        <MessageTable key={index} message={message} index={index} info={about(message, detail.dir)} />
      ))}
    </section>
  );
}

function MessageTable(props: { message: MessageDetail; index: number; info: MessageInfo | undefined }) {
  const { message, info } = props;
  const chosen = state.field.value;
  return (
    <table class="field-table">
      <caption>
        <b>{hex(message.type)}</b> {message.name}
        {info && <> · {info.meaning}</>}
        {info && <Mark evidence={info.evidence} />}
        {message.reason && <> · {message.reason}</>}
      </caption>
      <thead>
        <tr>
          <th>field</th>
          <th>value</th>
          <th>raw</th>
          <th>meaning</th>
          <th aria-label="plot" />
        </tr>
      </thead>
      <tbody>
        {(message.fields ?? []).map((one) => (
          <FieldRow
            key={one.name}
            field={one}
            message={message}
            index={props.index}
            info={info?.fields.find((each) => each.name === one.name)}
            evidence={info?.evidence}
            lit={chosen?.message === props.index && chosen.name === one.name}
          />
        ))}
      </tbody>
    </table>
  );
}

function FieldRow(props: {
  field: FieldDetail;
  message: MessageDetail;
  index: number;
  info: FieldInfo | undefined;
  evidence: Evidence | undefined;
  lit: boolean;
}) {
  const { field, info, index } = props;
  const number = typeof field.value === "number" || typeof field.value === "boolean";
  const raw =
    typeof field.value === "number" && Number.isInteger(field.value)
      ? field.value < 0
        ? `-0x${hex(-field.value, 1)}`
        : `0x${hex(field.value, 2 * Math.max(1, field.end - field.start))}`
      : "";
  const name = `${props.message.name}.${field.name}`;
  const plotted = state.plots.value.includes(name);
  const point = (pinned: boolean) => (state.field.value = { message: index, name: field.name, pinned });
  return (
    <tr
      class={props.lit ? "lit" : ""}
      data-field={field.name}
      tabIndex={0}
      onFocus={() => !state.field.value?.pinned && point(false)}
      onMouseEnter={() => !state.field.value?.pinned && point(false)}
      onMouseLeave={() => !state.field.value?.pinned && (state.field.value = null)}
      onClick={() => (props.lit && state.field.value?.pinned ? (state.field.value = null) : point(true))}
    >
      <td>{field.name}</td>
      <td class="value" title={raw || undefined}>{field.text}</td>
      <td class="raw">{raw}</td>
      <td class="meaning">
        {info?.meaning}
        {info?.evidence && <Mark evidence={info.evidence} />}
      </td>
      <td>
        {number && (
          <button
            class={`plot-button${plotted ? " on" : ""}`}
            aria-pressed={plotted}
            title={plotted ? `remove ${name} from the plot` : `plot ${name} over time`}
            aria-label={`plot ${name}`}
            onClick={(event) => {
              event.stopPropagation();
              const now = state.plots.value;
              state.choosePlots(plotted ? now.filter((one) => one !== name) : [...now, name]);
            }}
          >
            ∿
          </button>
        )}
      </td>
    </tr>
  );
}

/** How well something is known; nothing is shown as a fact that is only assumed. */
export function Mark({ evidence }: { evidence: Evidence }) {
  const level = evidence.level;
  const short = /inferred/.test(level) ? "inferred" : /captured/.test(level) ? "captured" : level.split(" ")[0];
  const note = evidence.note ? `: ${evidence.note}` : "";
  return (
    <span class={`evidence ${short}`} title={`${level} (${evidence.source})${note}`}>
      {short}
    </span>
  );
}

/** Bytes of a group; two of them stand on a line where there is room. */
const PER_LINE = 8;

function Bytes({ detail }: { detail: RowDetail }) {
  const bytes = detail.hex ?? "";
  const padding = detail.pad ?? "";
  const count = bytes.length / 2;
  const total = count + padding.length / 2;
  const owner = new Array<{ message: number; name: string } | null>(total).fill(null);
  const types = new Set<number>();
  (detail.messages ?? []).forEach((message, index) => {
    if (message.end > message.start) types.add(message.start);
    for (const one of message.fields ?? []) {
      for (let at = one.start; at < one.end; at++) owner[at] = { message: index, name: one.name };
    }
  });
  const chosen = state.field.value;
  const [from, to] = detail.payload ?? [0, count];
  const lines: number[] = [];
  for (let at = 0; at < total; at += PER_LINE) lines.push(at);
  const byte = (at: number) => (at < count ? bytes.slice(2 * at, 2 * at + 2) : padding.slice(2 * (at - count), 2 * (at - count) + 2));
  const kind = (at: number) => {
    if (at >= count) return "pad";
    if (detail.kind !== "frame") return "";
    if (types.has(at) && !owner[at]) return "type-byte";
    return at < from || at >= to ? "envelope" : "";
  };
  return (
    <section class="pane bytes" aria-label="bytes">
      <header>
        <h2>
          bytes<small>{count}{total > count ? ` + ${total - count} padding` : ""}</small>
        </h2>
      </header>
      {total === 0 && <p class="empty">This row holds no bytes.</p>}
      <div class="hex" onMouseLeave={() => !state.field.value?.pinned && (state.field.value = null)}>
        {lines.map((start) => (
          <div key={start} class="hex-line">
            <span class="offset">{hex(start, 4)}</span>
            {Array.from({ length: Math.min(PER_LINE, total - start) }, (_, index) => {
              const at = start + index;
              const one = owner[at];
              const lit = !!one && chosen?.message === one.message && chosen.name === one.name;
              return (
                <span
                  key={at}
                  class={`byte ${kind(at)}${lit ? " lit" : ""}`}
                  data-at={at}
                  title={one ? one.name : kind(at) === "envelope" ? "frame" : kind(at) === "pad" ? "padding" : undefined}
                  onMouseEnter={() => {
                    if (!state.field.value?.pinned) state.field.value = one ? { ...one, pinned: false } : null;
                  }}
                  onClick={() => (state.field.value = one ? { ...one, pinned: true } : null)}
                >
                  {byte(at)}
                </span>
              );
            })}
          </div>
        ))}
      </div>
    </section>
  );
}
