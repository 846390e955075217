"""How late one wakes up: a live session whose engine asks for short delays, beside the system's ways and asyncio."""

import asyncio
import select
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.harness import Goal, Row, Settings, Table, frozen_heap
from benchmarks.tables import OURS, number
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import open_transport
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Role

DELAYS_US = (100, 300, 1000, 5000)
WAITS = 150
MOST_LATE_US = 80.0

Waiting = Callable[[int, int], list[float]]
"""Waits so often for so many microseconds; gives how late each wait ended, in microseconds, negative when early."""


def timer(settings: Settings) -> list[Table]:
    """Every way at every delay, in each round."""
    ways: dict[str, Waiting] = {
        OURS: _ours,
        "time.sleep": _sleep,
        "select": _select,
        "asyncio": _asyncio,
    }
    late: dict[tuple[str, int], list[float]] = {(name, delay): [] for name in ways for delay in DELAYS_US}
    medians: dict[tuple[str, int], list[float]] = {key: [] for key in late}
    order = list(late)
    source = settings.random()
    with frozen_heap():
        for _ in range(settings.rounds):
            source.shuffle(order)
            for name, delay in order:
                found = ways[name](delay, settings.count(WAITS * 300 // (delay + 200), 5))
                late[name, delay] += found
                medians[name, delay].append(statistics.median(found))
    return [_table(delay, ways, late, medians) for delay in DELAYS_US]


def _table(
    delay: int,
    ways: dict[str, Waiting],
    late: dict[tuple[str, int], list[float]],
    medians: dict[tuple[str, int], list[float]],
) -> Table:
    rows: list[Row] = []
    for name in ways:
        found = sorted(late[name, delay])
        median = statistics.median(medians[name, delay])
        early = sum(value < 0 for value in found)
        note = f"p99 {number(found[len(found) * 99 // 100])} us, early {early} of {len(found)}"
        goal = None
        if name == OURS:
            # A wait that ends early is no wait: it misses the goal, whatever its median.
            measured = median if not early else float("inf")
            goal = Goal(f"at most {MOST_LATE_US:g} us, never early", MOST_LATE_US, measured, False)
        rows.append(Row(name, median, None, goal, note, medians[name, delay]))
    return Table("timer", f"a wait of {delay} us", "us late, p50", "", rows)


class _Ticking(Engine):
    """An engine that does nothing but wait, and notes how late it was."""

    def __init__(self, delay_us: int, count: int, clock: MonotonicClock) -> None:
        super().__init__(load_dialect("emount"), Role.LENS, frozenset())
        self.late: list[float] = []
        self.done = False
        self._delay_us = delay_us
        self._count = count
        self._clock = clock

    def on_start(self) -> None:
        """Begin to wait."""
        self.spawn(self._tick())

    def _tick(self) -> Any:
        for _ in range(self._count):
            # The engine's own time is that of its last event; what the clock says now is what a device would count.
            self.now = self._clock.now()
            due = self.now + self._delay_us * 1e-6
            yield self.after(self._delay_us)
            self.late.append((self._clock.now() - due) * 1e6)
        self.done = True


def _ours(delay_us: int, count: int) -> list[float]:
    clock = MonotonicClock()
    engine = _Ticking(delay_us, count, clock)
    with open_transport("pty:", role=Role.LENS, baudrate=750_000) as port:
        EngineDriver(engine, port, clock).run(60.0, stop_when=lambda: engine.done)
    return engine.late


def _timed(wait: Callable[[float], object], delay_us: int, count: int) -> list[float]:
    late: list[float] = []
    clock = time.perf_counter_ns
    for _ in range(count):
        due = clock() + delay_us * 1000
        wait(delay_us * 1e-6)
        late.append((clock() - due) / 1e3)
    return late


def _sleep(delay_us: int, count: int) -> list[float]:
    return _timed(time.sleep, delay_us, count)


def _select(delay_us: int, count: int) -> list[float]:
    return _timed(lambda seconds: select.select([], [], [], seconds), delay_us, count)


def _asyncio(delay_us: int, count: int) -> list[float]:
    async def waits() -> list[float]:
        late: list[float] = []
        clock = time.perf_counter_ns
        for _ in range(count):
            due = clock() + delay_us * 1000
            await asyncio.sleep(delay_us * 1e-6)
            late.append((clock() - due) / 1e3)
        return late

    return asyncio.run(waits())
