// Statistics of a stretch of time: counts, intervals and lengths per message, and edges per line.

import * as state from "./state";
import { FRAME } from "./columns";
import { lowerBound } from "./lod";
import { hex, precisionText, REPLY_TIME, span } from "./time";

interface Line {
  name: string;
  side: string;
  count: number;
  bytes: number;
  intervals: number[];
  replies: number[];
}

export function Statistics() {
  const range = state.stretch.value ?? state.view.value;
  const data = state.columns.value;
  void state.version.value;
  const lines = new Map<string, Line>();
  const latest = new Map<string, number>();
  for (let row = 0; row < data.rows; row++) {
    const at = data.at.data[row];
    if (!(at >= range.t0 && at <= range.t1) || data.kind.data[row] !== FRAME) continue;
    if (state.found.value && !state.passes(row)) continue;
    const composition = data.compositions[data.composition.data[row]];
    const name = composition.types.map((type, index) => `${hex(type)} ${composition.names[index]}`).join(" + ");
    const key = `${composition.sender} ${name}`;
    let line = lines.get(key);
    if (!line) lines.set(key, (line = { name, side: composition.sender, count: 0, bytes: 0, intervals: [], replies: [] }));
    line.count++;
    line.bytes += data.size.data[row];
    const before = latest.get(key);
    if (before !== undefined) line.intervals.push(at - before);
    latest.set(key, at);
    const answers = data.answers.data[row];
    if (answers >= 0) line.replies.push(at - data.end.data[answers]);
  }
  const precision = precisionText(state.info.value?.about.precision);
  const sorted = [...lines.values()].sort((one, other) => other.count - one.count);
  const edges = [...data.lines].map(([name, line]) => {
    const from = lowerBound(line.at.data, line.length, range.t0);
    const to = lowerBound(line.at.data, line.length, range.t1);
    const rises: number[] = [];
    for (let index = from; index < to; index++) if (line.level.data[index]) rises.push(line.at.data[index]);
    const periods = rises.slice(1).map((at, index) => at - rises[index]);
    return { name, count: to - from, periods };
  });
  return (
    <div class="statistics">
      <p class="facts">
        {state.stretch.value ? "chosen stretch" : "visible stretch"}: {span(range.t1 - range.t0)}
        {state.found.value && ", messages that pass the filter"}. Drag on the time axis, or with Shift, to choose another.
      </p>
      <p class="facts">
        Reply time: {REPLY_TIME}. It stands with the message that answers. {precision}
      </p>
      <table class="numbers">
        <thead>
          <tr>
            <th rowSpan={2}>message</th>
            <th rowSpan={2}>from</th>
            <th rowSpan={2}>count</th>
            <th rowSpan={2}>bytes</th>
            <th colSpan={3} class="group" title="from the start of a message to the start of the next one of its kind">
              interval
            </th>
            <th colSpan={3} class="group" title={`${REPLY_TIME}. ${precision}`}>
              reply time, as the answer
            </th>
          </tr>
          <tr>
            <th>min</th>
            <th>mean</th>
            <th>max</th>
            <th>min</th>
            <th>mean</th>
            <th>max</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((line) => (
            <tr key={`${line.side}${line.name}`}>
              <td>{line.name}</td>
              <td class={line.side}>{line.side}</td>
              <td>{line.count.toLocaleString("en")}</td>
              <td>{line.bytes.toLocaleString("en")}</td>
              <Three values={line.intervals} />
              <Three values={line.replies} />
            </tr>
          ))}
          {!sorted.length && (
            <tr>
              <td colSpan={10}>no message in this stretch</td>
            </tr>
          )}
        </tbody>
      </table>
      <table class="numbers">
        <thead>
          <tr>
            <th>line</th>
            <th>edges</th>
            <th>period min</th>
            <th>mean</th>
            <th>max</th>
          </tr>
        </thead>
        <tbody>
          {edges.map((line) => (
            <tr key={line.name}>
              <td>{line.name}</td>
              <td>{line.count.toLocaleString("en")}</td>
              <Three values={line.periods} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Three({ values }: { values: number[] }) {
  if (!values.length) {
    return (
      <>
        <td>–</td>
        <td>–</td>
        <td>–</td>
      </>
    );
  }
  let least = Infinity;
  let most = -Infinity;
  let sum = 0;
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
    sum += value;
  }
  return (
    <>
      <td>{span(least)}</td>
      <td>{span(sum / values.length)}</td>
      <td>{span(most)}</td>
    </>
  );
}
