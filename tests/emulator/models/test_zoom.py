"""The zoom: equal factors over equal parts of its way, and the focus that it takes along."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.models.zoom import ZoomModel, focus_shift


def zoom(shortest_mm: float = 25, longest_mm: float = 100, seconds: float = 2.0) -> ZoomModel:
    return ZoomModel(min_focal_um=round(shortest_mm * 1000), max_focal_um=round(longest_mm * 1000), seconds=seconds)


def test_half_the_way_is_the_geometric_mean() -> None:
    lens = zoom()
    assert (lens.focal_um(0.0), lens.position(0.0), lens.fraction(0.0)) == (25_000, 0, 0.0)
    assert lens.turn_to(100_000, 1.0, 0.4) == pytest.approx(1.4)
    assert lens.fraction(1.2) == pytest.approx(0.5)
    assert lens.focal_um(1.2) == 50_000
    # A hand is gentle at both ends: 3 p² - 2 p³ at a quarter is 10/64.
    assert lens.fraction(1.1) == pytest.approx(10 / 64)
    assert lens.moving(1.39)
    assert (lens.focal_um(1.4), lens.position(1.4), lens.moving(1.4)) == (100_000, 255, False)


def test_the_motor_runs_to_the_end_at_the_speed_that_is_asked_for() -> None:
    lens = zoom()
    # 250 ‰ a second: four seconds for the range.
    assert lens.drive(250, 0.0) == pytest.approx(4.0)
    assert lens.focal_um(2.0) == 50_000
    assert lens.stop(2.0) == 2.0
    assert lens.focal_um(9.0) == 50_000
    # No faster than its two seconds for the range.
    assert lens.drive(-9000, 10.0) == pytest.approx(11.0)
    assert lens.focal_um(11.0) == 25_000
    assert lens.drive(0, 12.0) == 12.0


def test_a_prime_is_what_it_is() -> None:
    prime = zoom(45, 45)
    assert prime.turn_to(70_000, 1.0) == prime.drive(500, 1.0) == prime.stop(1.0) == 1.0
    assert (prime.focal_um(1.1), prime.position(1.1), prime.fraction(1.1), prime.moving(1.1)) == (45_000, 0, 0.0, False)


def test_a_ring_that_is_where_it_is_turned_to_does_not_move() -> None:
    lens = zoom()
    lens.turn_to(70_000, 0.0)
    assert lens.turn_to(70_000, 5.0) == 5.0


@given(st.integers(0, 200_000), st.floats(0.0, 2.0))
def test_it_comes_to_the_focal_length_exactly_or_to_an_end(focal_um: int, seconds: float) -> None:
    lens = zoom()
    done_at = lens.turn_to(focal_um, 3.0, seconds)
    assert lens.focal_um(done_at) == max(25_000, min(100_000, focal_um))
    assert lens.focal_um(lens.stop(done_at)) == lens.focal_um(done_at)


moves = st.tuples(
    st.booleans(), st.integers(10_000, 150_000), st.integers(-800, 800), st.floats(0.05, 1.0), st.floats(0.0, 1.5)
)


@given(st.lists(moves, max_size=10), st.floats(0.005, 0.05))
def test_it_stays_in_its_range_and_never_jumps(plan: list[tuple[bool, int, int, float, float]], tick: float) -> None:
    lens, now = zoom(), 0.0
    for by_hand, focal_um, rate, seconds, pause in plan:
        before = lens.fraction(now)
        done_at = lens.turn_to(focal_um, now, seconds) if by_hand else lens.drive(rate, now)
        assert done_at == lens.settles_at >= now
        assert lens.fraction(now) == pytest.approx(before)
        times = [now + index * tick for index in range(int(pause / tick) + 1)]
        track = [lens.fraction(at) for at in times]
        assert all(0.0 <= fraction <= 1.0 for fraction in track)
        assert all(25_000 <= lens.focal_um(at) <= 100_000 for at in times)
        steepest = 1.5 / seconds if by_hand else 0.5
        assert all(abs(b - a) <= steepest * tick + 1e-9 for a, b in itertools.pairwise(track))
        assert [lens.focal_um(at) for at in times] == pytest.approx([25_000 * 4**part for part in track], abs=1)
        now += pause


def test_the_focus_moves_with_the_square_of_the_way() -> None:
    assert [focus_shift(part / 4, 400) for part in range(5)] == [0, 25, 100, 225, 400]
    assert [focus_shift(part, -400) for part in (-1.0, 0.5, 2.0)] == [0, -100, -400]


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 5000))
def test_the_shift_grows_all_the_way(one: float, other: float, steps: int) -> None:
    near, far = sorted((one, other))
    assert 0 <= focus_shift(near, steps) <= focus_shift(far, steps) <= steps
