"""Both clocks: one follows the machine, the other only its owner."""

import math

import pytest

from lensmount_hardware.clock import Clock, MonotonicClock, VirtualClock


def test_the_machines_clock_starts_at_its_making_and_never_goes_back() -> None:
    clock = MonotonicClock()
    readings = [clock.now() for _ in range(1000)]
    assert 0 <= readings[0] < 60
    assert readings == sorted(readings)
    assert readings[-1] > readings[0]


def test_two_clocks_count_from_their_own_making() -> None:
    older = MonotonicClock()
    while older.now() == 0:
        pass
    younger = MonotonicClock()
    assert younger.now() < older.now()


def test_virtual_time_stands_until_it_is_advanced() -> None:
    clock = VirtualClock(2.0)
    assert [clock.now(), clock.now()] == [2.0, 2.0]
    clock.advance_to(2.5)
    clock.advance_to(2.5)
    assert clock.now() == 2.5


@pytest.mark.parametrize("at", [0.999, -1.0, -math.inf, math.nan])
def test_virtual_time_does_not_go_back(at: float) -> None:
    clock = VirtualClock(1.0)
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance_to(at)
    assert clock.now() == 1.0


@pytest.mark.parametrize("clock", [MonotonicClock(), VirtualClock()])
def test_both_are_clocks(clock: Clock) -> None:
    assert isinstance(clock.now(), float)
