"""A frame signal that a late host drives is made by the board's timer, in step with the host's."""

from itertools import pairwise
from random import Random

import pytest

from lensmount_hardware.boards.frame_sync import SyncDetector, SyncPulse

PERIOD, WIDTH = 16.684e-3, 63e-6


def driven(follower: SyncDetector, falls: list[float], width: float = WIDTH) -> list[SyncPulse]:
    beats: list[SyncPulse] = []
    for fall in falls:
        beats += [beat for at, level in ((fall, False), (fall + width, True)) if (beat := follower.drive(level, at))]
    return beats


def test_the_sixteenth_pulse_hands_over_to_the_board() -> None:
    follower = SyncDetector()
    assert follower.drive(True, 0.0) is None
    assert driven(follower, [1.0 + n * PERIOD for n in range(15)]) == []
    assert not follower.running
    (beat,) = driven(follower, [1.0 + 15 * PERIOD])
    assert follower.running
    assert beat.first == pytest.approx(1.0 + 16 * PERIOD)
    assert beat.period == pytest.approx(PERIOD)
    assert beat.width == pytest.approx(WIDTH)


def test_a_late_host_is_smoothed_and_followed() -> None:
    """The host is up to 2 ms late at times, and its clock is its own; the board's pulses stay where they belong."""
    random, follower = Random(3), SyncDetector(WIDTH)
    falls = [n * PERIOD + (random.random() ** 8) * 2e-3 for n in range(3000)]
    beats = driven(follower, falls)
    assert follower.running
    last = beats[-1]
    assert last.period == pytest.approx(PERIOD, rel=1e-3)
    for beat in beats:
        phase = beat.first / PERIOD
        assert abs(phase - round(phase)) * PERIOD < 0.5e-3
    steps = [(after.first - before.first) % PERIOD for before, after in pairwise(beats)]
    assert max(min(step, PERIOD - step) for step in steps) < 150e-6


def test_a_steady_host_is_told_once() -> None:
    follower = SyncDetector(WIDTH)
    assert len(driven(follower, [n * PERIOD for n in range(500)])) == 1


def test_another_rate_is_followed_again() -> None:
    follower = SyncDetector(WIDTH)
    driven(follower, [n * PERIOD for n in range(20)])
    start = 19 * PERIOD
    beats = driven(follower, [start + n * 2.083e-3 for n in range(1, 20)])
    assert follower.running
    assert beats[-1].period == pytest.approx(2.083e-3)


def test_a_signal_ends_when_pulses_stay_away() -> None:
    follower = SyncDetector(WIDTH)
    assert follower.expires_at() is None
    driven(follower, [n * PERIOD for n in range(16)])
    assert follower.expires_at() == pytest.approx(16.5 * PERIOD)
    follower.stop()
    assert follower.expires_at() is None
    assert driven(follower, [1.0]) == []
