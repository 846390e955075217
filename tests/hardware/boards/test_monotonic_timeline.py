"""Times of a board on the host's clock: they never jump, follow drift, and keep the board's microseconds apart."""

from itertools import pairwise
from random import Random

import pytest

from lensmount_hardware.boards.clock_sync import MAX_SLEW, ClockMap, MonotonicTimeline


def trips(clock: ClockMap, random: Random, seconds: float, drift: float, start: float = 0.0) -> list[float]:
    """Round trips ten times a second over a jittery USB; gives the times of the host at which they came back."""
    times: list[float] = []
    at = start
    while at < start + seconds:
        out, back = random.uniform(1e-4, 2e-3), random.uniform(1e-4, 2e-3)
        clock.add(at, at + out + back, round((at + out) * (1 + drift) * 1e6))
        times.append(at + out + back)
        at += 0.1
    return times


@pytest.mark.parametrize("drift", [0.0, 40e-6, -90e-6])
def test_a_timeline_comes_to_the_true_time_and_never_jumps(drift: float) -> None:
    random, clock = Random(7), ClockMap()
    trips(clock, random, 0.3, drift)
    line = MonotonicTimeline(clock, follows=True)
    told: list[tuple[float, float]] = []
    for step in range(300):
        begin = 0.3 + step * 0.1
        for edge in range(20):
            true = begin + edge * 5e-3
            told.append((true, line.at(round(true * (1 + drift) * 1e6))))
        trips(clock, random, 0.05, drift, begin + 0.0999)
        line.follow()
    for (true, at), (later_true, later) in pairwise(told):
        assert abs((later - at) - (later_true - true)) <= 2 * (MAX_SLEW + 200e-6) * (later_true - true) + 2e-6
    assert max(abs(at - true) for true, at in told[-200:]) < 3e-4


def test_without_following_times_differ_by_the_boards_microseconds() -> None:
    random, clock = Random(7), ClockMap()
    trips(clock, random, 1.0, 50e-6)
    line = MonotonicTimeline(clock, follows=False)
    first = line.at(1_000_000)
    trips(clock, random, 5.0, 50e-6, 1.0)
    line.follow()
    assert line.at(6_000_007) - first == pytest.approx(5.000007, abs=1e-9)


def test_a_clock_that_jumped_is_believed_at_once() -> None:
    clock = ClockMap()
    clock.add(0.0, 0.001, 500)
    line = MonotonicTimeline(clock, follows=True)
    assert line.at(500) == pytest.approx(0.0005, abs=1e-6)
    clock.add(10.0, 10.001, 20_000_000)
    assert clock.breaks == 1
    line.reset()
    assert line.at(20_000_000) == pytest.approx(10.0005, abs=1e-6)


def test_the_way_to_the_board_is_half_of_the_shortest_round_trip() -> None:
    clock = ClockMap()
    assert clock.one_way() == 0
    clock.add(0.0, 0.004, 2000)
    clock.add(1.0, 1.001, 1_000_500)
    assert clock.one_way() == pytest.approx(0.0005)
    assert (clock.trips, clock.last_us) == (2, 1_000_500)
