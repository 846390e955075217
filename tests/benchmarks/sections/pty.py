"""A request and its reply over a pty, to a process at the other end: what we add to a raw echo."""

import os
import select
import statistics
import time
import tty
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.harness import Goal, Row, Settings, Table, frozen_heap
from benchmarks.processes import start, stop
from benchmarks.pty_ends import REPLY_SIZE, asking
from benchmarks.workload import build, exchange
from lensmount_hardware.port_spec import open_transport
from lensmount_protocol.wire import Received, Role, Transmit

EXCHANGES = 2_000
RAW = "raw echo"
SELECT = "raw echo, waiting in select"
"""What whoever has a deadline besides a port cannot do without."""

MOST = 1.5
WAYS = {"ours, bytes alone": "bytes", "ours": "ours", "construct through our transport": "construct"}
ANSWER_WITHIN = 10.0


def pty(settings: Settings) -> list[Table]:
    """Every pair is open all the time; each round asks each of them so many times."""
    with ExitStack() as stack, frozen_heap():
        ask: dict[str, Callable[[], None]] = {
            RAW: _raw(stack, settings, "raw"),
            SELECT: _raw(stack, settings, "select"),
        }
        for name, way in WAYS.items():
            ask[name] = _through_transport(stack, way)
        medians: dict[str, list[float]] = {name: [] for name in ask}
        tails: dict[str, list[float]] = {name: [] for name in ask}
        source = settings.random()
        order = list(ask)
        for _ in range(settings.rounds):
            source.shuffle(order)
            for name in order:
                times = sorted(_times_us(ask[name], settings.count(EXCHANGES, 20)))
                medians[name].append(times[len(times) // 2])
                tails[name].append(times[len(times) * 99 // 100])
    rows: list[Row] = []
    for name in sorted(ask, key=lambda name: statistics.median(medians[name])):
        times_raw = statistics.median(ours / raw for ours, raw in zip(medians[name], medians[RAW], strict=True))
        goal = Goal(f"at most {MOST:g}x a raw echo", MOST, times_raw, False) if name == "ours" else None
        note = f"{times_raw:.2f}x a raw echo, p99 {statistics.median(tails[name]):.0f} us"
        rows.append(Row(name, statistics.median(medians[name]), None, goal, note, medians[name]))
    title = "14 bytes there, 33 back, to another process; ours opens, reads and builds at both ends"
    return [Table("pty", title, "us at p50", "", rows, ["wall time; a pty's own time swings with the machine's load"])]


def _times_us(ask: Callable[[], None], count: int) -> list[float]:
    times: list[float] = []
    clock = time.perf_counter_ns
    for _ in range(count):
        began = clock()
        ask()
        times.append((clock() - began) / 1e3)
    return times


def _raw(stack: ExitStack, settings: Settings, way: str) -> Callable[[], None]:
    near, far = os.openpty()
    stack.callback(os.close, near)
    stack.callback(os.close, far)
    tty.setraw(far)
    _peer(stack, way, os.ttyname(far))
    request = build(exchange(settings.random())[0])

    def ask() -> None:
        os.write(near, request)
        left = REPLY_SIZE
        while left > 0:
            if way == "select":
                select.select([near], [], [], ANSWER_WITHIN)
            left -= len(os.read(near, 4096))

    return ask


def _through_transport(stack: ExitStack, way: str) -> Callable[[], None]:
    port = stack.enter_context(open_transport("pty:", role=Role.LENS, baudrate=1_500_000))
    _peer(stack, way, port.name.removeprefix("pty:"))
    request, replies = asking(way)

    def ask() -> None:
        port.send(Transmit(request()))
        while True:
            events = port.receive(ANSWER_WITHIN)
            if not events:
                raise RuntimeError("the other end has gone silent")
            for event in events:
                if isinstance(event, Received) and replies(event.data):
                    return

    return ask


def _peer(stack: ExitStack, way: str, path: str) -> None:
    process = start("benchmarks.echo", way, path)
    stack.callback(stop, process)
    assert process.stdout is not None
    if process.stdout.readline().strip() != b"ready":
        raise RuntimeError(f"the other end ({way}) did not start")
