"""Measures the page in Chromium against its budgets: sizes, first picture, panning, scrolling, memory of the server.

Times are medians of `--rounds` rounds; on a busy machine the fastest round counts. `--scale 1.5` allows half as much
again, for slow machines.
"""

import argparse
import gzip
import os
import shutil
import sys
import threading
from array import array
from dataclasses import dataclass

import numpy as np
from playwright.sync_api import Page, sync_playwright

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.traffic.event_columns import EventColumns
from lensmount_hardware.portability import resource
from lensmount_web.app import static_folder
from lensmount_web.server import PageServer, Served
from lensmount_web.session_store import StoredSession

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
TIMEOUT_MS = 120_000

PAN = """async (step) => {
  const { state, drawn } = lensmount;
  if (step === 0) { state.showAll(); state.zoom(0.5); }
  const settled = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  await settled();
  drawn.milliseconds.length = 0;
  state.pan(step % 20 < 10 ? 0.02 : -0.02);
  await settled();
  return Math.max(0, ...drawn.milliseconds);
}"""
PAN_STEPS = 60

SCROLL = """async () => {
  const list = document.querySelector(".list-body");
  let frames = 0;
  const begun = performance.now();
  while (performance.now() - begun < 1500) {
    list.scrollTop += 240;
    await new Promise((done) => requestAnimationFrame(done));
    frames++;
  }
  return frames / ((performance.now() - begun) / 1000);
}"""


REPEATED = ("at", "end", "clocked_end", "opened", "closed")
"""Columns of rows that are times."""


def long_session(events: int) -> StoredSession:
    """A session of so many events: one that is played over and over, each time later."""
    result = run_loopback(seconds=3.0, seed=1)
    once = result.to_columns()
    count = events // (len(once) + once.edge_count) + 1
    columns = EventColumns(result.dialect)
    columns.compositions, columns.notes = once.compositions, once.notes
    later = np.arange(count, dtype=np.float64)[:, None] * 3.2
    for name, values in once.rows().items():
        tiled = np.tile(values, (count, 1))
        if name in REPEATED:
            tiled += later
        elif name == "answers":
            tiled = np.where(tiled >= 0, tiled + np.arange(count)[:, None] * len(once), tiled).astype(values.dtype)
        columns._rows[name].frombytes(np.ascontiguousarray(tiled.astype(values.dtype)).tobytes())
    offsets = np.array(once._offsets, np.uint64) + np.arange(count, dtype=np.uint64)[:, None] * len(once._blob)
    columns._offsets.frombytes(offsets.tobytes())
    columns._blob = once._blob * count
    for name, line in once.lines().items():
        columns._line_at[name] = array("d", (line.at + later).tobytes())
        columns._line_level[name] = array("B", np.tile(line.level, count).tobytes())
    return StoredSession(f"{events} events", "capture", columns)


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of the page.

    Attributes:
        usual: the median of the rounds.
        best: the fastest round, which other programs disturb least.
    """

    usual: float
    best: float


def first_picture(page: Page, address: str) -> float:
    """Milliseconds from the navigation to the first drawn timeline."""
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector(".row")
    return float(page.evaluate("performance.getEntriesByName('first picture')[0]?.startTime ?? performance.now()"))


def first_pictures(page: Page, address: str, rounds: int) -> Measured:
    times = sorted(first_picture(page, address) for _ in range(rounds))
    return Measured(times[rounds // 2], times[0])


def panning(page: Page, rounds: int) -> Measured:
    """Milliseconds of a drawing while the picture moves, 95th percentile.

    Each round takes the same steps, so the fastest of a step's drawings is what the step costs.
    """
    steps = [[float(page.evaluate(PAN, step)) for step in range(PAN_STEPS)] for _ in range(rounds)]
    usual = sorted(percentile(times) for times in steps)[rounds // 2]
    return Measured(usual, percentile([min(times) for times in zip(*steps, strict=True)]))


def percentile(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--huge", type=int, default=10_000_000, help="events of the longest session; 0 for none")
    arguments = parser.parse_args()
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        print("chromium is not installed; .ci/packages names it", file=sys.stderr)
        return 1
    rows: list[tuple[str, Measured, float, str]] = []
    load = os.getloadavg()[0]
    files = [path for path in static_folder().rglob("*") if path.is_file() and path.name != "LICENSES.txt"]
    size = sum(len(gzip.compress(path.read_bytes(), 9, mtime=0)) for path in files) / 1024
    rows.append(("files of the page, gzip", Measured(size, size), 90, "KiB"))
    lengths = [1500, arguments.events, *([arguments.huge] if arguments.huge else [])]
    sessions = [long_session(length) for length in lengths]
    server = PageServer(Served(sessions=sessions, opens_browser=False))
    thread = threading.Thread(target=server.run, args=(lambda _url: None,), daemon=True)
    thread.start()
    root, _, key = server.url.partition("/#")
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=browser_path, args=FLAGS, timeout=TIMEOUT_MS)
            page = browser.new_context(viewport={"width": 1600, "height": 960}).new_page()
            page.set_default_timeout(TIMEOUT_MS)
            page.goto(f"{root}/#{key}")
            page.wait_for_selector(".card")
            addresses = [f"{root}/session/{session.id}" for session in sessions]
            cold = first_pictures(page, addresses[0], 1)
            rows.append(("first picture, 1,500 events, first time", cold, 800, "ms"))
            for length, address, budget in zip(lengths, addresses, (400, 700, 3000), strict=False):
                times = first_pictures(page, address, arguments.rounds)
                rows.append((f"first picture, {length:,} events", times, budget, "ms"))
                if length == lengths[0]:
                    continue
                pans = panning(page, arguments.rounds)
                rows.append((f"drawing while panning {length:,} events, p95", pans, 12, "ms"))
                speeds = sorted(-float(page.evaluate(SCROLL)) for _ in range(arguments.rounds))
                count = int(page.evaluate("lensmount.state.columns.value.rows"))
                scrolled = Measured(speeds[arguments.rounds // 2], speeds[0])
                rows.append((f"scrolling {count:,} rows", scrolled, -55, "frames/s"))
            browser.close()
    finally:
        server.stop()
        thread.join(10)
    if resource is not None:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"memory of this process, with the sessions and their making: {memory:.0f} MiB")
    load = max(load, os.getloadavg()[0]) / (os.cpu_count() or 1)
    # Where other programs use the processors too, the median measures them as well.
    busy = load > 1.25
    print(f"load of the machine: {load:.1f} a core; judged by the {'fastest round' if busy else 'median'}")
    failed = 0
    for what, value, budget, unit in rows:
        allowed = budget * arguments.scale if budget > 0 else budget / arguments.scale
        good = (value.best if busy else value.usual) <= allowed
        failed += not good
        figures = f"median {abs(value.usual):8.1f}  best {abs(value.best):8.1f} {unit:<8}"
        print(f"{'ok  ' if good else 'over'}  {what:<50} {figures}  budget {abs(allowed):g}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
