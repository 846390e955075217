"""The hand that shakes, and the stabiliser that works against it."""

import itertools
import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.models.stabiliser import PITCH, YAW, CameraShake, ImageStabiliser, PanningDetector

BOTH = PITCH | YAW
hands = st.one_of(st.none(), st.integers(0, 2**32).map(Random))


@given(hands, st.floats(0, 1000), st.floats(0.01, 2))
def test_the_tremor_keeps_its_size(random: Random | None, now: float, amplitude: float) -> None:
    hand = CameraShake(random, amplitude)
    assert all(abs(angle) <= amplitude * (1 + 1e-9) for angle in hand.angle(now))


@given(hands, st.floats(0, 100))
def test_the_rate_is_the_slope_of_the_angle(random: Random | None, now: float) -> None:
    hand = CameraShake(random)
    hand.pan(12.0, -1.0, 200.0)
    tick = 1e-5
    slopes = [(b - a) / (2 * tick) for a, b in zip(hand.angle(now - tick), hand.angle(now + tick), strict=True)]
    assert slopes == pytest.approx(list(hand.rate(now)[:2]), abs=1e-4)


@given(hands)
def test_the_tremor_lies_between_1_and_12_hertz(random: Random | None) -> None:
    # Sampled for 64 s; what a discrete transform finds below and above is a leak of the window only.
    hand, samples, rate_hz = CameraShake(random), 1024, 64
    angles = [hand.angle(index / rate_hz)[1] for index in range(samples)]
    window = [0.5 - 0.5 * math.cos(math.tau * index / samples) for index in range(samples)]

    def power(hertz: float) -> float:
        turns = [math.tau * hertz * index / rate_hz for index in range(samples)]
        real = sum(a * w * math.cos(turn) for a, w, turn in zip(angles, window, turns, strict=True))
        imaginary = sum(a * w * math.sin(turn) for a, w, turn in zip(angles, window, turns, strict=True))
        return math.hypot(real, imaginary) / samples

    inside = max(power(hertz / 8) for hertz in range(8, 17))
    assert inside > 0.01
    assert max(power(hertz) for hertz in (0.25, 0.5, 14.0, 20.0, 30.0)) < inside / 20


def test_two_hands_without_a_generator_are_one_and_with_a_seed_the_same() -> None:
    times = [index / 7 for index in range(20)]
    assert [CameraShake(None).angle(t) for t in times] == [CameraShake(None).angle(t) for t in times]
    assert [CameraShake(Random(4)).rate(t) for t in times] == [CameraShake(Random(4)).rate(t) for t in times]
    assert CameraShake(Random(4)).angle(1.0) != CameraShake(Random(5)).angle(1.0)
    assert CameraShake(None).rate(1.0)[2] != 0.0


def test_panning_turns_the_yaw_and_nothing_else() -> None:
    hand, still = CameraShake(None), CameraShake(None)
    hand.pan(10.0, 2.0, 5.0)
    turned = {t: hand.angle(t)[1] - still.angle(t)[1] for t in (1.0, 2.0, 3.5, 5.0, 9.0)}
    assert turned == pytest.approx({1.0: 0.0, 2.0: 0.0, 3.5: 15.0, 5.0: 30.0, 9.0: 30.0})
    assert [hand.rate(t)[1] - still.rate(t)[1] for t in (1.9, 2.0, 4.9, 5.0)] == pytest.approx([0, 10, 10, 0])
    assert hand.angle(3.5)[0] == still.angle(3.5)[0]
    assert hand.rate(3.5)[::2] == still.rate(3.5)[::2]


def test_the_shift_is_focal_length_times_tangent_times_share() -> None:
    lens = ImageStabiliser(1500)
    # 100 mm · tan 0.5° = 872.7 µm; · tan 0.2° = 349.1 µm.
    assert lens.shift_um((0.5, 0.2), 100_000, 1.0, BOTH) == (349, 873, False)
    assert lens.shift_um((0.5, -0.2), 100_000, 0.5, BOTH) == (-175, 436, False)
    assert lens.shift_um((0.5, 0.2), 100_000, 1.0, PITCH) == (0, 873, False)
    assert lens.shift_um((0.5, 0.2), 100_000, 1.0, YAW) == (349, 0, False)
    assert lens.shift_um((0.5, 0.2), 100_000, 1.0, 0) == (0, 0, False)


def test_at_its_limit_it_says_so() -> None:
    lens = ImageStabiliser(500)
    assert lens.shift_um((0.5, 0.2), 100_000, 1.0, BOTH) == (349, 500, True)
    assert lens.shift_um((0.5, 0.2), 100_000, 1.0, YAW) == (349, 0, False)
    assert lens.shift_um((0.0, -170.0), 100_000, 1.0, BOTH) == (-500, 0, True)


@given(st.floats(-400, 400), st.floats(-400, 400), st.integers(8000, 800_000), st.floats(0, 1), st.integers(0, 3))
def test_a_shift_keeps_its_range_and_its_side(pitch: float, yaw: float, focal_um: int, share: float, axes: int) -> None:
    x, y, saturated = ImageStabiliser(1500).shift_um((pitch, yaw), focal_um, share, axes)
    assert max(abs(x), abs(y)) <= 1500
    assert x * yaw >= 0
    assert y * pitch >= 0
    assert not saturated or 1500 in (abs(x), abs(y))
    further = ImageStabiliser(1500).shift_um((pitch * 1.5, yaw * 1.5), focal_um, share, axes)
    assert abs(further[0]) >= abs(x)
    assert abs(further[1]) >= abs(y)


def seen(rates: list[tuple[float, float]]) -> list[float]:
    """Times at which a detector that is fed these (time, rate) sees panning."""
    detector = PanningDetector()
    found: list[float] = []
    for at, rate in rates:
        detector.add(rate, at)
        if detector.panning(at):
            found.append(at)
    return found


def test_panning_is_seen_after_a_fifth_of_a_second_of_it() -> None:
    found = seen([(index / 120, 8.0 if index >= 30 else 0.0) for index in range(120)])
    assert found[0] == pytest.approx(0.25 + 0.2, abs=1 / 120)
    assert found == [index / 120 for index in range(round(found[0] * 120), 120)]


@pytest.mark.parametrize(
    "rates",
    [
        [(index / 120, 4.9) for index in range(200)],
        [(index / 120, 9.0 if index % 20 else 1.0) for index in range(200)],
        [(index / 120, 9.0 * (-1) ** (index // 20)) for index in range(200)],
        [(index * 0.3, 9.0) for index in range(20)],
    ],
    ids=["too slow", "interrupted", "to and fro", "measured too seldom"],
)
def test_what_is_not_steady_is_not_panning(rates: list[tuple[float, float]]) -> None:
    assert not seen(rates)


def test_panning_ends_with_its_measurements() -> None:
    detector = PanningDetector()
    assert not detector.panning(5.0)
    for index in range(100):
        detector.add(-20.0, index / 100)
    assert detector.panning(1.0)
    assert not detector.panning(2.0)
    detector.add(0.0, 1.0)
    assert not detector.panning(1.0)


@given(hands, st.floats(0, 100), st.sampled_from([24, 60, 120, 480]))
def test_a_tremor_alone_is_never_taken_for_panning_and_a_pan_always_is(
    random: Random | None, begins: float, rate_hz: int
) -> None:
    hand = CameraShake(random)
    times = [begins + index / rate_hz for index in range(2 * rate_hz)]
    assert not seen([(at, hand.rate(at)[1]) for at in times])
    hand.pan(-12.0, begins + 0.5, begins + 1.5)
    found = seen([(at, hand.rate(at)[1]) for at in times])
    assert found[0] == pytest.approx(begins + 0.7, abs=1.5 / rate_hz)
    assert found[-1] == pytest.approx(begins + 1.5, abs=1.5 / rate_hz)
    assert all(b - a < 1.5 / rate_hz for a, b in itertools.pairwise(found))
