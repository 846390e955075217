"""Sections on virtual time: whole sessions, and the scheduler by itself."""

import asyncio
import heapq
from collections.abc import Callable, Generator
from importlib import import_module
from random import Random
from typing import Any

from benchmarks.harness import Candidate, Goal, Result, side_by_side
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.registry import cast_of
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.sessions.bench import Bench
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Record, Role

WARM_UP = 1.0
SECONDS = 5.0


def _session(resolution: str) -> Bench:
    """A body and a lens whose loop runs."""
    body, lens = load_profile("a6000", Role.BODY), load_profile("sel55210", Role.LENS)
    cast = cast_of("emount")
    engines = (
        cast.engine(body.settings, None, Random("1 body"), ()),
        cast.engine(lens.settings, None, Random("1 lens"), ()),
    )
    records: list[Record] = []
    bench = Bench(load_dialect("emount"), *engines, tap=records.append, resolution=resolution)
    bench.start()
    bench.run(WARM_UP)
    return bench


def virtual(rounds: int, _size: int) -> Result:
    """Both E-mount engines on the virtual mount, their loop running."""
    benches = {resolution: _session(resolution) for resolution in ("frame", "byte")}

    def goes_on(resolution: str) -> Callable[[], None]:
        def run() -> None:
            bench = benches[resolution]
            bench.run(bench.now + SECONDS)

        return run

    candidates = [Candidate(f"{name} by {name}", goes_on(name), round(SECONDS * 1e3)) for name in benches]
    title = "virtual: an E-mount session, both engines, loop running"
    result = side_by_side(title, candidates, [], rounds, unit="ns a virtual millisecond")
    for name, goal in (("frame", 1000), ("byte", 250)):
        result.figure(f"{name} by {name}: times real time", 1e6 / result.values[f"{name} by {name}"], goal)
    return result


class _FakeClockLoop(asyncio.SelectorEventLoop):
    """asyncio with a clock that jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        waiting: list[Any] = self._scheduled  # type: ignore[attr-defined]
        if not self._ready and waiting:  # type: ignore[attr-defined]
            self._now = max(self._now, waiting[0]._when)
        super()._run_once()  # type: ignore[misc]


def scheduler(rounds: int, size: int) -> Result:
    """Two things that wake each other, over and over."""

    def ours() -> None:
        clock = Scheduler()
        left = size

        def again(now: float) -> None:
            nonlocal left
            left -= 1
            if left > 0:
                clock.at(now + 1e-6, again)

        clock.at(0.0, again)
        clock.at(0.0, again)
        clock.run(float(size))

    def by_heap() -> None:
        heap: list[tuple[float, int]] = [(0.0, 0), (0.0, 1)]
        for number in range(2, size):
            now, _ = heapq.heappop(heap)
            heapq.heappush(heap, (now + 1e-6, number))

    def by_asyncio() -> None:
        async def wait(count: int) -> None:
            for _ in range(count):
                await asyncio.sleep(1e-6)

        async def both() -> None:
            await asyncio.gather(wait(size // 2), wait(size // 2))

        loop = _FakeClockLoop()
        try:
            loop.run_until_complete(both())
        finally:
            loop.close()

    candidates = [
        Candidate("lensmount", ours, size),
        Candidate("asyncio with a fake clock", by_asyncio, size),
        Candidate("a bare heap, without calls", by_heap, size),
    ]
    result_remarks: list[str] = []
    try:
        candidates.append(Candidate("simpy", _simpy(import_module("simpy"), size), size))
    except ImportError:
        result_remarks.append("simpy: not installed")
    goals = [Goal("lensmount", "asyncio with a fake clock", 10), Goal("lensmount", "simpy", 2)]
    result = side_by_side("scheduler: events in virtual time", candidates, goals, rounds, unit="ns an event")
    result.remarks += result_remarks
    return result


def _simpy(library: Any, size: int) -> Callable[[], None]:
    def run() -> None:
        world = library.Environment()

        def wait(count: int) -> Generator[Any, Any, None]:
            for _ in range(count):
                yield world.timeout(1e-6)

        world.process(wait(size // 2))
        world.process(wait(size // 2))
        world.run()

    return run
