// A live port: how late its deadlines are met, what it lost, and what it reports.

import { running, type Notice } from "./live";
import * as state from "./state";
import { moment } from "./time";

/** Lower bound of an octave of the histogram, as text. */
function bound(octave: number): string {
  const us = octave ? 2 ** (octave - 1) : 0;
  return us >= 1000 ? `${(us / 1000).toFixed(0)} ms` : `${us} µs`;
}

/** The octave below which a share of all deadlines was met. */
export function shareBelow(octaves: number[], share: number): number {
  const total = octaves.reduce((sum, one) => sum + one, 0);
  let seen = 0;
  for (let octave = 0; octave < octaves.length; octave++) {
    seen += octaves[octave];
    if (seen >= total * share) return octave + 1;
  }
  return octaves.length;
}

export function Live() {
  const now = running.value;
  const about = state.info.value!;
  if (!now) return <p class="empty">{about.reading ? "Waiting for the port…" : "This port does not run any more."}</p>;
  const octaves = now.octaves ?? [];
  const total = octaves.reduce((sum, one) => sum + one, 0);
  const lost = Object.entries(now.troubles ?? {});
  return (
    <div class="live-view">
      <section aria-label="lateness">
        <h3>Deadlines met late</h3>
        {total ? (
          <>
            <p class="facts">
              {total.toLocaleString("en")} deadlines; half below {bound(shareBelow(octaves, 0.5))}, 99 % below{" "}
              {bound(shareBelow(octaves, 0.99))}, all below {bound(octaves.length)}
            </p>
            <Histogram octaves={octaves} />
          </>
        ) : (
          <p class="facts">{about.about.plays ? "No deadline was due yet." : "Listening has no deadlines: nothing is sent."}</p>
        )}
      </section>
      <section aria-label="losses">
        <h3>Lost on the way</h3>
        {lost.length || now.losses || about.error ? (
          <ul>
            {about.error && <li class="bad">{about.error}</li>}
            {now.losses ? <li class="bad">{now.losses} places where the recording lacks something</li> : null}
            {lost.map(([what, count]) => (
              <li key={what} class="bad">
                {count} {what}
              </li>
            ))}
          </ul>
        ) : (
          <p class="facts">Nothing. Every byte that came is in {String(about.about.file)}.</p>
        )}
        {(now.behind ?? 0) > 1_000_000 && (
          <p>
            <b>The page is {((now.behind ?? 0) / 1e6).toFixed(0)} MB behind the recording</b>, which has everything: more comes
            than can be decoded here at once.
          </p>
        )}
        <p class="facts">
          {(now.rows ?? 0).toLocaleString("en")} rows and {(now.edges ?? 0).toLocaleString("en")} edges so far
        </p>
        {now.summary && <p>{now.summary}</p>}
      </section>
      <section aria-label="notices">
        <h3>Log</h3>
        <Log notices={now.notices} />
      </section>
    </div>
  );
}

function Histogram({ octaves }: { octaves: number[] }) {
  const most = Math.max(...octaves);
  return (
    <table class="histogram">
      <thead class="hidden">
        <tr>
          <th>later than</th>
          <th>deadlines</th>
        </tr>
      </thead>
      <tbody>
        {octaves.map((count, octave) => (
          <tr key={octave}>
            <td>{bound(octave)}</td>
            <td>
              <i style={{ width: `${((100 * Math.log1p(count)) / Math.log1p(most)).toFixed(1)}%` }} aria-hidden="true" />
              {count.toLocaleString("en")}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What was noticed in a session, the newest first. */
export function Log({ notices }: { notices: Notice[] }) {
  return (
    <ol class="log" aria-label="notices">
      {[...notices].reverse().map((one, index) => (
        <li key={index} class={one.error ? "bad" : ""}>
          <span>{moment(one.t)}</span> <b class={one.dir}>{one.dir}</b> {one.text}
        </li>
      ))}
    </ol>
  );
}
