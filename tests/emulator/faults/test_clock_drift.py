"""A drifting clock: rounding must not make it ring before the time that was asked for."""

from random import Random

import pytest

from lensmount_emulator.faults.timing_faults import ClockDrift, DriftingScheduler
from lensmount_emulator.scheduler import Scheduler


@pytest.mark.parametrize("by", [-8.0, -3.0, 0.5, 9.0])
def test_no_one_is_called_before_the_time_that_he_asked_for(by: float) -> None:
    """Who is called a hair too early waits for the same time again, and time stands still."""
    true, random = Scheduler(), Random(f"drift {by}")
    clock = DriftingScheduler(true, [ClockDrift(by=by, at=0.265353, until=0.865353)])
    early: list[float] = []

    def ring(asked: float, now: float) -> None:
        if now < asked:
            early.append(asked)

    for _ in range(2000):
        asked = random.random()
        clock.call_at(asked, ring, asked)
    true.run(2.0)
    assert early == []
