"""The diaphragm of the open model: its grid, its speed, and a range that the zoom moves."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.models.diaphragm import DiaphragmModel

WIDEST, SMALLEST, STEP = 512, 2283, 8
"""f/2 to f/22."""


def iris(av_per_s: float = 10.0) -> DiaphragmModel:
    return DiaphragmModel(widest=WIDEST, smallest=SMALLEST, step=STEP, av_per_s=av_per_s)


def test_it_runs_evenly_at_its_speed() -> None:
    blades = iris()
    assert blades.position(0.0) == WIDEST
    # Two stops at 10 a second.
    assert blades.set_target(1024, 1.0) == pytest.approx(1.2)
    assert [blades.position(t) for t in (1.0, 1.05, 1.1, 1.2, 9.0)] == [512, 640, 768, 1024, 1024]
    assert blades.moving(1.19)
    assert not blades.moving(1.2)


def test_a_smooth_movement_begins_and_ends_gently() -> None:
    blades = iris()
    assert blades.set_target(1024, 0.0, 2.0) == 2.0
    # 3 p² - 2 p³ at a quarter is 10/64.
    assert [blades.position(t) for t in (0.5, 1.0, 1.5)] == [592, 768, 944]


def test_a_smooth_movement_is_no_faster_than_the_blades() -> None:
    blades = iris()
    assert blades.set_target(1024, 0.0, 0.05) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("target", "goes_to"),
    [(-9999, WIDEST), (515, 512), (516, 520), (1000, 1000), (1003, 1000), (2280, 2280), (2282, 2280), (9999, SMALLEST)],
)
def test_targets_lie_on_the_grid_or_at_an_end(target: int, goes_to: int) -> None:
    blades = iris()
    blades.set_target(target, 0.0)
    assert blades.target == goes_to


def test_a_zoom_that_narrows_the_range_takes_the_light_at_once() -> None:
    blades = iris()
    assert blades.limits(1100, 2400, 3.0) == 3.0
    assert blades.position(3.0) == blades.target == 1100
    assert not blades.moving(3.0)
    assert blades.limits(512, 2283, 4.0) == 4.0
    assert blades.position(4.0) == 1100


def test_a_range_that_moves_under_a_movement_leaves_it_running() -> None:
    blades = iris()
    blades.set_target(1536, 0.0)
    assert blades.limits(640, 2283, 0.1) == pytest.approx(0.4)
    assert blades.position(0.2) == 1024
    # Its goal is now outside: the rest of the way is shorter.
    assert blades.limits(640, 1280, 0.2) == pytest.approx(0.3)
    assert blades.position(0.25) == 1152
    assert blades.position(1.0) == blades.target == 1280


def test_a_range_upside_down_is_one_aperture() -> None:
    blades = iris()
    blades.limits(1000, 900, 0.0)
    assert (blades.widest, blades.smallest, blades.position(0.0)) == (1000, 1000, 1000)


@given(
    st.lists(
        st.tuples(st.integers(-500, 4000), st.sampled_from([0.0, 0.02, 0.7]), st.floats(0.0, 0.5)),
        min_size=1,
        max_size=10,
    ),
    st.floats(0.001, 0.05),
)
def test_it_never_leaves_its_range_nor_jumps(orders: list[tuple[int, float, float]], tick: float) -> None:
    blades, now = iris(), 0.0
    for target, duration, pause in orders:
        before = blades.position(now)
        assert blades.set_target(target, now, duration) == blades.settles_at >= now
        assert blades.position(now) == before
        assert blades.target == SMALLEST or (blades.target - WIDEST) % STEP == 0
        track = [blades.position(now + index * tick) for index in range(int(pause / tick) + 1)]
        assert all(WIDEST <= aperture <= SMALLEST for aperture in track)
        assert all(abs(b - a) <= 2560 * tick + 1 for a, b in itertools.pairwise(track))
        assert track in (sorted(track), sorted(track, reverse=True))
        now += pause
    assert blades.position(blades.settles_at) == blades.target


@given(st.integers(-500, 4000), st.integers(-500, 4000))
def test_a_smaller_target_is_never_a_wider_aperture(one: int, other: int) -> None:
    goals: list[int] = []
    for target in sorted((one, other)):
        blades = iris()
        blades.set_target(target, 0.0)
        goals.append(blades.target)
        assert target <= WIDEST or target >= SMALLEST or abs(blades.target - target) <= STEP
    assert goals == sorted(goals)


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 3000), st.floats(0.0, 0.5), st.floats(0.0, 0.2))
def test_whatever_the_zoom_does_it_is_within_the_range(
    target: int, widest: int, smallest: int, at: float, later: float
) -> None:
    blades = iris()
    blades.set_target(target, 0.0, 0.4)
    done_at = blades.limits(widest, smallest, at)
    assert blades.widest <= blades.position(at + later) <= blades.smallest
    assert blades.widest <= blades.target <= blades.smallest
    assert blades.position(done_at) == blades.target
