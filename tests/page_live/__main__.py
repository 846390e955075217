"""`python -m page_live --minutes 10`: live ports with the page open in Chromium.

First both ends of a link send back to back at 1.5 Mbaud while the page listens and follows: every byte that was sent
must be in the recording; how far the page is behind is printed. Then a lens is played in pairs of short rounds, by
`lensmount run` alone and by the page: in the median of the pairs deadlines must not be met later.
"""

import argparse
import hashlib
import json
import os
import pty
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import tty
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_hardware.histogram import Histogram
from lensmount_protocol.decoder import DecodedFrame, Decoder, OrderedDecoder
from lensmount_protocol.wire import Burst, Role, WireRecord
from lensmount_web.port_player import PortPlayer
from lensmount_web.server import PageServer, Served

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
TIMEOUT_MS = 120_000
LENS, BODY = "sigma-45mm-f2.8-dg-dn", "panasonic-s5ii"
CATCH_UP_S = 300.0
"""Within this time after the last byte the page has shown everything."""

MOST_WORSE = 1.5
MOST_WORSE_US = 300
"""Lateness with the page may be this factor and so many microseconds above that without it, in the median of pairs."""


@contextmanager
def terminal() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: the descriptor of its far end, and the spec of its near end."""
    far, near = pty.openpty()
    tty.setraw(near)
    try:
        yield far, f"serial:{os.ttyname(near)}"
    finally:
        os.close(far)
        os.close(near)


class Bench:
    """A server with ports, and Chromium on it."""

    def __init__(self, browser: Browser, ports: list[str], folder: Path) -> None:
        self.server = PageServer(Served(ports=ports, recordings=folder, opens_browser=False))
        self._thread = threading.Thread(target=self.server.run, args=(lambda _url: None,), daemon=True)
        self._thread.start()
        self.root, _, key = self.server.url.partition("/#key=")
        self.client = httpx.Client(base_url=self.root, timeout=60)
        self.client.post("/api/v1/login", json={"token": key}).raise_for_status()
        self._context = browser.new_context(viewport={"width": 1600, "height": 960})
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.goto(self.server.url)
        self.page.wait_for_selector(".card")

    def open(self, body: dict[str, object]) -> str:
        answer = self.client.post("/api/v1/ports/0", json=body)
        answer.raise_for_status()
        identifier = str(answer.json()["id"])
        self.page.goto(f"{self.root}/session/{identifier}")
        self.page.wait_for_selector("canvas.tracks")
        return identifier

    def close(self) -> None:
        self.client.close()
        self._context.close()
        self.server.stop()
        self._thread.join(20)


def wait_until(condition, seconds: float) -> bool:
    pause = threading.Event()
    for _ in range(round(seconds * 5)):
        if condition():
            return True
        pause.wait(0.2)
    return False


def finished(process: "subprocess.Popen[str]", player: PortPlayer, seconds: float) -> list[str]:
    """What a feeder prints at its end; it is ended where the recorder takes no more bytes."""
    try:
        return process.communicate(timeout=3 * seconds + 20)[0].split()
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise SystemExit(f"the recorder takes no more bytes: {player.status()}") from None


def full_rate(browser: Browser, folder: Path, seconds: float) -> list[str]:
    """Both ends at 1.5 Mbaud; what is wrong."""
    with terminal() as (body, body_spec), terminal() as (lens, lens_spec):
        bench = Bench(browser, [body_spec, lens_spec], folder)
        identifier = bench.open({"mode": "listen", "dialect": "lmount", "second": 1})
        player = bench.server.bench.players[identifier]
        assert isinstance(player, PortPlayer)
        ends = {Role.BODY: body, Role.LENS: lens}
        feeders = {
            role: subprocess.Popen(
                [sys.executable, "-m", "page_live.feeder", str(descriptor), role.value, str(seconds)],
                stdout=subprocess.PIPE,
                text=True,
                pass_fds=[descriptor],
            )
            for role, descriptor in ends.items()
        }
        sent = {role: finished(process, player, seconds) for role, process in feeders.items()}
        behind = int(player.status()["rows"])
        # The recorder has everything when the terminals are empty; then it is stopped in order.
        wait_until(lambda: False, 2.0)
        player.order({"do": "stop"})
        caught_up = wait_until(lambda: not player.session.reading, CATCH_UP_S)
        rows = len(player.session.columns)
        shown = wait_until(lambda: bench.page.evaluate("lensmount.state.columns.value.rows") == rows, CATCH_UP_S)
        behind_bytes = int(player.status()["behind"])
        path = Path(str(player.session.about["file"]))
        error = player.session.error
        bench.close()
    recorded = {role: (hashlib.sha256(), [0]) for role in Role}

    def hashed(records: Iterable[WireRecord]) -> Iterator[WireRecord]:
        for record in records:
            if isinstance(record, Burst):
                digest, size = recorded[record.sender]
                digest.update(record.data)
                size[0] += len(record.data)
            yield record

    # One reading for both: the file of ten minutes is long.
    capture = open_capture(path, "lmount")
    events = OrderedDecoder(Decoder(capture.dialect)).decode(hashed(capture.records()))
    frames = sum(isinstance(event, DecodedFrame) for event in events)
    wrong = [error] if error else []
    for role, (size, digest, took) in sent.items():
        got = recorded[role][1][0]
        print(f"{role.value}: {int(size):,} bytes sent in {took} s, {got:,} recorded")
        wrong += lost_bytes(role.value, (int(size), digest), (got, recorded[role][0].hexdigest()))
    print(
        f"{frames:,} frames recorded; the page shows {rows:,} rows, {rows - behind:,} of them came after the last byte"
    )
    if not caught_up:
        # More comes than one process decodes; the page says how far it is behind, and the recording has everything.
        print(f"after {CATCH_UP_S:g} s the page was {behind_bytes:,} bytes of the recording behind")
    elif rows < frames or not shown:
        wrong.append(f"the page has {rows:,} rows of {frames:,} frames")
    path.unlink()
    return wrong


def lost_bytes(end: str, sent: tuple[int, str], recorded: tuple[int, str]) -> list[str]:
    """What is wrong with the bytes of an end, each a number and a digest."""
    if not sent[0]:
        return [f"{end}: nothing was sent, so there was nothing to lose"]
    return [] if sent == recorded else [f"{end}: the recording is not what was sent"]


def lateness(summary: dict[str, object]) -> Histogram:
    counts = summary["late_us"]
    assert isinstance(counts, dict)
    found = Histogram()
    for late, count in counts.items():
        found.counts[int(late)] += int(count)
    return found


def played_alone(folder: Path, seconds: float) -> Histogram:
    link = folder / "lens"
    words = ["run", "lens", "--profile", LENS, "--port", f"pty:{link}", "--json"]
    lens = subprocess.Popen([sys.executable, "-m", "lensmount", *words], stdout=subprocess.PIPE, text=True)
    wait_until(link.exists, 30)
    play_body(f"serial:{link}", seconds)
    lens.send_signal(signal.SIGTERM)
    out, _ = lens.communicate(timeout=60)
    return lateness(next(json.loads(line) for line in out.splitlines() if line.startswith('{"kind":"summary"')))


def play_body(port: str, seconds: float) -> None:
    words = ["run", "body", "--profile", BODY, "--port", port, "--duration", str(seconds), "--quiet"]
    subprocess.run([sys.executable, "-m", "lensmount", *words], stdout=subprocess.DEVNULL, check=False)


def played_by_the_page(browser: Browser, folder: Path, seconds: float) -> Histogram:
    link = folder / "lens"
    spec = f"pty:{link}"
    bench = Bench(browser, [spec], folder)
    identifier = bench.open({"mode": "play", "role": "lens", "profile": LENS, "confirm": spec})
    player = bench.server.bench.players[identifier]
    wait_until(link.exists, 30)
    play_body(f"serial:{link}", seconds)
    player.order({"do": "stop"})
    wait_until(lambda: not player.session.reading, 60)
    summary = next(line for line in reversed(player._lines) if line.get("kind") == "summary")
    Path(str(player.session.about["file"])).unlink(missing_ok=True)
    bench.close()
    return lateness(summary)


PERCENTS = (50, 99)


@dataclass
class Pair:
    """A round of the lens alone and one by the page, right after each other.

    Attributes:
        alone: lateness without the page.
        page: lateness with it.
        load: processes that wanted to run, for each core, while the pair was played.
    """

    alone: Histogram
    page: Histogram
    load: float

    def text(self) -> str:
        """The pair as a line."""
        sides = [
            f"{how} {' '.join(f'p{percent} {one.percentile_us(percent)} µs' for percent in PERCENTS)}"
            for how, one in (("alone", self.alone), ("by the page", self.page))
        ]
        return f"{'; '.join(sides)}; load {self.load:.1f} a core"


MIN_PAIRS = 3
"""Pairs whose median difference says something."""


def judged_lateness(pairs: Sequence[Pair]) -> list[str]:
    """What is wrong with the lateness of a lens by the page.

    A busy machine is late by itself, and differently from one minute to the next. So each round by the page is compared
    with the round alone beside it, and the median of the differences counts.
    """
    if len(pairs) < MIN_PAIRS:
        return [f"{len(pairs)} pairs are too few: at least {MIN_PAIRS}"]
    if not all(one.alone.total and one.page.total for one in pairs):
        return ["in a round no deadline was met, so there is no lateness"]
    wrong: list[str] = []
    for percent in PERCENTS:
        without = statistics.median(one.alone.percentile_us(percent) for one in pairs)
        more = statistics.median(one.page.percentile_us(percent) - one.alone.percentile_us(percent) for one in pairs)
        if more > (MOST_WORSE - 1) * without + MOST_WORSE_US:
            wrong.append(f"p{percent} is {more:.0f} µs later with the page than the {without:.0f} µs without it")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="time at full rate")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the lens, alone and by the page")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a round")
    arguments = parser.parse_args()
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        print("chromium is not installed; .ci/packages names it", file=sys.stderr)
        return 1
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="page-live-") as name, sync_playwright() as driver:
        folder = Path(name)
        browser = driver.chromium.launch(executable_path=browser_path, args=FLAGS, timeout=TIMEOUT_MS)
        if arguments.minutes:
            print(f"== both ends at 1.5 Mbaud, {arguments.minutes:g} minutes, the page open", flush=True)
            wrong += full_rate(browser, folder, arguments.minutes * 60)
            print("no byte lost" if not wrong else "\n".join(wrong), flush=True)
        pairs: list[Pair] = []
        for number in range(arguments.rounds):
            if number % 2:
                page = played_by_the_page(browser, folder, arguments.seconds)
                alone = played_alone(folder, arguments.seconds)
            else:
                alone = played_alone(folder, arguments.seconds)
                page = played_by_the_page(browser, folder, arguments.seconds)
            pairs.append(Pair(alone, page, os.getloadavg()[0] / (os.cpu_count() or 1)))
        browser.close()
    if arguments.rounds:
        print(f"== a lens, {arguments.rounds} pairs of {arguments.seconds:g} s, the first of each pair by turns")
        for one in pairs:
            print(one.text())
        for how in ("alone", "page"):
            whole = Histogram()
            for one in pairs:
                whole.counts.update(getattr(one, how).counts)
            print(f"{how}: {whole.total} deadlines met late by {whole.summary() if whole.total else 'nothing'}")
        wrong += judged_lateness(pairs)
    if not arguments.minutes and not arguments.rounds:
        wrong.append("nothing was asked for: --minutes and --rounds are both 0")
    print("\n".join(wrong) or "all as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
