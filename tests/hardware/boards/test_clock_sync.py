"""A board's clock against ours: the error stays within the bound that is stated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_hardware.boards.clock_sync import MAX_DRIFT, ClockMap

WAYS = st.tuples(st.floats(20e-6, 5e-3), st.floats(20e-6, 5e-3))


def filled(drift: float, offset: float, ways: list[tuple[float, float]], period: float = 0.1) -> ClockMap:
    """A map of a board that was started `offset` ago and runs fast by `drift`; `ways` are the times there and back."""
    clock = ClockMap()
    for number, (there, back) in enumerate(ways):
        sent = number * period
        clock.add(sent, sent + there + back, board_us(sent + there, drift, offset))
    return clock


def board_us(host: float, drift: float, offset: float) -> int:
    return int((host + offset) * (1 + drift) * 1e6)


@given(
    drift=st.floats(-MAX_DRIFT * 0.9, MAX_DRIFT * 0.9),
    offset=st.floats(0, 1e6),
    ways=st.lists(WAYS, min_size=1, max_size=300),
    ahead=st.floats(-1.0, 1.0),
)
def test_the_error_is_within_the_bound(
    drift: float, offset: float, ways: list[tuple[float, float]], ahead: float
) -> None:
    clock = filled(drift, offset, ways)
    assert clock.breaks == 0
    at = max(0.0, len(ways) * 0.1 + ahead)
    then = board_us(at, drift, offset)
    assert abs(clock.host_time(then) - at) <= clock.uncertainty(then) + 2e-6


def test_many_round_trips_find_offset_and_drift() -> None:
    ways = [(1e-4 + 3e-4 * (n * 7 % 11) / 11, 1e-4 + 3e-4 * (n * 5 % 13) / 13) for n in range(250)]
    clock = filled(50e-6, 12.5, ways)
    assert clock.drift_ppm == pytest.approx(-50, abs=3)
    then = board_us(20.0, 50e-6, 12.5)
    assert clock.host_time(then) == pytest.approx(20.0, abs=2e-5)
    assert clock.board_time_us(20.0) == pytest.approx(then, abs=20)
    assert clock.uncertainty(then) < 2.5e-3


def test_a_board_that_starts_again_begins_a_new_map() -> None:
    clock = filled(0.0, 100.0, [(1e-4, 1e-4)] * 20)
    clock.add(3.0, 3.0002, 500)
    assert clock.breaks == 1
    assert clock.host_time(500) == pytest.approx(3.0001, abs=1e-6)
    assert clock.uncertainty(500) == pytest.approx(1e-4, abs=5e-6)


def test_nothing_is_known_before_the_first_answer() -> None:
    clock = ClockMap()
    assert not clock.known
    assert clock.drift_ppm == 0
    with pytest.raises(ValueError, match="not known before the first round trip"):
        clock.host_time(0)
    with pytest.raises(ValueError, match="an answer at 1 s to a question at 2 s"):
        clock.add(2, 1, 0)
