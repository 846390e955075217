"""Measures the page in Chromium against its budgets: sizes, first picture, panning, scrolling, memory of the server.

Times are medians of `--rounds` rounds. `--scale 1.5` allows half as much again, for slow machines.
"""

import argparse
import dataclasses
import gzip
import shutil
import sys
import threading

from playwright.sync_api import Page, sync_playwright

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.traffic.event_columns import EventColumns
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.portability import resource
from lensmount_protocol.decoder import Decoded, Decoder, EmptyWindow, OrderedDecoder
from lensmount_web.app import static_folder
from lensmount_web.server import PageServer, Served
from lensmount_web.session_store import StoredSession

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
TIMEOUT_MS = 120_000

PAN = """async () => {
  const state = lensmount.state, times = [];
  state.showAll();
  state.zoom(0.5);
  for (let step = 0; step < 60; step++) {
    lensmount.drawn.milliseconds.length = 0;
    state.pan(step % 20 < 10 ? 0.02 : -0.02);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    times.push(...lensmount.drawn.milliseconds);
  }
  times.sort((one, other) => one - other);
  return times[Math.floor(times.length * 0.95)];
}"""

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


def later(event: Decoded, by: float) -> Decoded:
    if isinstance(event, EmptyWindow):
        return dataclasses.replace(event, opened=event.opened + by, closed=event.closed + by)
    times = {
        name: getattr(event, name) + by
        for name in ("at", "end", "clocked_end", "opened", "closed")
        if getattr(event, name, None) is not None
    }
    return dataclasses.replace(event, **times)


def long_session(events: int) -> StoredSession:
    """A session of so many events: one that is played over and over, each time later."""
    result = run_loopback(seconds=3.0, seed=1)
    once = list(OrderedDecoder(Decoder(result.dialect)).decode(result.records))
    columns = EventColumns(result.dialect)
    for number in range(events // len(once) + 1):
        columns.add_all(later(event, number * 3.2) for event in once)
    return StoredSession(f"{events} events", "capture", columns)


def first_picture(page: Page, address: str) -> float:
    """Milliseconds from the navigation to the first drawn timeline."""
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector(".row")
    return float(page.evaluate("performance.getEntriesByName('first picture')[0]?.startTime ?? performance.now()"))


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=1_000_000)
    arguments = parser.parse_args()
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        print("chromium is not installed; .ci/packages names it", file=sys.stderr)
        return 1
    rows: list[tuple[str, float, float, str]] = []
    files = [path for path in static_folder().rglob("*") if path.is_file() and path.name != "LICENSES.txt"]
    size = sum(len(gzip.compress(path.read_bytes(), 9, mtime=0)) for path in files) / 1024
    rows.append(("files of the page, gzip", size, 90, "KiB"))
    clock = MonotonicClock()
    began = clock.now()
    sessions = [long_session(1500), long_session(arguments.events)]
    print(f"made {arguments.events} events in {clock.now() - began:.1f} s")
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
            short, long = (f"{root}/session/{session.id}" for session in sessions)
            cold = first_picture(page, short)
            rows.append(("first picture, 1 500 events, first time", cold, 800, "ms"))
            warm = median([first_picture(page, short) for _ in range(arguments.rounds)])
            rows.append(("first picture, 1 500 events, warm", warm, 400, "ms"))
            large = median([first_picture(page, long) for _ in range(arguments.rounds)])
            rows.append((f"first picture, {arguments.events} events", large, 700, "ms"))
            pans = median([float(page.evaluate(PAN)) for _ in range(arguments.rounds)])
            rows.append((f"drawing while panning {arguments.events} events, p95", pans, 12, "ms"))
            speed = max(float(page.evaluate(SCROLL)) for _ in range(2))
            rows.append((f"scrolling {len(sessions[1].columns)} rows", -speed, -55, "frames/s"))
            browser.close()
    finally:
        server.stop()
        thread.join(10)
    if resource is not None:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"memory of this process, with the session and its making: {memory:.0f} MiB")
    failed = 0
    for what, value, budget, unit in rows:
        allowed = budget * arguments.scale if budget > 0 else budget / arguments.scale
        good = value <= allowed
        failed += not good
        print(f"{'ok  ' if good else 'over'}  {what:<52} {abs(value):8.1f} {unit:<8} budget {abs(allowed):g}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
