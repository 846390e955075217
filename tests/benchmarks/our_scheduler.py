"""lensmount's virtual time, on its own: processes that yield when they want to go on, and functions at a time."""

from typing import Any

from lensmount_emulator.scheduler import Process, Scheduler

LATEST = 1e12


def processes(count: int, steps: int) -> None:
    """So many processes, each of so many steps."""
    scheduler = Scheduler()

    def tick(period: float) -> Process:
        for _ in range(steps):
            yield scheduler.now + period

    for index in range(count):
        scheduler.spawn(tick(1.0 + index / count))
    scheduler.run(LATEST)


def functions(count: int, steps: int) -> None:
    """So many functions that have themselves called again, each so many times."""
    scheduler = Scheduler()
    left: list[Any] = [steps] * count

    def tick(index: int, now: float) -> None:
        if left[index]:
            left[index] -= 1
            scheduler.call_at(now + 1.0 + index / count, tick, index)

    for index in range(count):
        scheduler.call_at(0.0, tick, index)
    scheduler.run(LATEST)
