"""Events a second of virtual time: our scheduler, asyncio on a clock that jumps, and simpy."""

import time
from collections.abc import Callable

from benchmarks.harness import Settings, Table, interleaved, optional
from benchmarks.peers import fake_clock
from benchmarks.tables import OURS, absent, rows_of

STEPS = 30_000
BASELINE = "asyncio, fake clock: sleep"
GOALS = {BASELINE: 10.0, "simpy": 2.0}
CROWDS = (2, 1000)
"""Processes that wait at once."""

Play = Callable[[int, int], None]


def scheduler(settings: Settings) -> list[Table]:
    """Few processes, and many."""
    return [_crowd(count, settings) for count in CROWDS]


def _crowd(count: int, settings: Settings) -> Table:
    plays, missing = _plays()
    steps = max(1, settings.count(STEPS, 100) // count)

    def cost_ns(name: str) -> float:
        began = time.process_time_ns()
        plays[name](count, steps)
        return (time.process_time_ns() - began) / (count * steps)

    found = interleaved(plays, lambda name, _source: cost_ns(name), settings)
    rows = rows_of(found, BASELINE, goals=GOALS if count == CROWDS[0] else {})
    title = f"{count} processes that wait, {steps} times each"
    return Table("scheduler", title, "events/s", BASELINE, [*rows, *(absent(*entry) for entry in missing)])


def _plays() -> tuple[dict[str, Play], list[tuple[str, str]]]:
    plays: dict[str, Play] = {BASELINE: fake_clock.sleep, "asyncio, fake clock: call_later": fake_clock.call_later}
    missing: list[tuple[str, str]] = []
    ours, simpy = optional("benchmarks.our_scheduler"), optional("benchmarks.peers.bench_simpy")
    if ours is None:
        missing.append((OURS, "this tree has no scheduler of its own"))
    else:
        plays |= {OURS: ours.processes, "ours, functions": ours.functions}
    if simpy is None:
        missing.append(("simpy", "not installed"))
    else:
        plays["simpy"] = simpy.run
    return plays, missing
