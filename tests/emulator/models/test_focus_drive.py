"""The focus drive: figures by hand, and what no order may make it do."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.models.focus_drive import HOMING_PUSH, HOMING_SHARE, FocusDriveModel

TOP, ACCELERATION, SETTLE = 1000.0, 10_000.0, 0.01


def drive(steps: int = 2001, backlash: int = 0, start: int = 0, settle: float = SETTLE) -> FocusDriveModel:
    return FocusDriveModel(
        steps=steps, speed=TOP, acceleration=ACCELERATION, backlash=backlash, settle=settle, start=start
    )


def test_a_long_move_is_a_trapezium() -> None:
    # 0.1 s and 50 steps to speed up, the same to brake, 400 steps between: 0.1 + 0.4 + 0.1 s.
    focus = drive()
    assert focus.set_target(500, 2.0) == pytest.approx(2.6 + SETTLE)
    assert [focus.position(2.0 + t) for t in (0, 0.1, 0.3, 0.5, 0.6, 9)] == [0, 50, 250, 450, 500, 500]
    assert [focus.velocity(2.0 + t) for t in (0, 0.05, 0.3, 0.55, 0.6)] == pytest.approx([0, 500, 1000, 500, 0])
    assert focus.moving(2.6 + SETTLE / 2)
    assert not focus.moving(2.6 + SETTLE)


def test_a_short_move_is_a_triangle() -> None:
    # 25 steps to speed up and 25 to brake: a t² / 2 = 25 at 0.0707 s.
    focus = drive(settle=0.0)
    assert focus.set_target(50, 0.0) == pytest.approx(2 * 0.070711, abs=1e-5)
    assert focus.velocity(0.070711) == pytest.approx(707.11, rel=1e-3)


def test_a_reversal_brakes_first() -> None:
    focus = drive(settle=0.0)
    focus.set_target(2000, 0.0)
    # At 0.3 s it is at 250 with 1000 steps/s: 50 steps to brake, 300 back with 50 to speed up and 50 to brake.
    assert focus.set_target(0, 0.3) == pytest.approx(0.3 + 0.1 + 0.1 + 0.2 + 0.1)
    assert focus.position(0.4) == 300
    assert focus.velocity(0.4) == pytest.approx(0.0, abs=1e-6)
    assert [focus.position(t) for t in (0.5, 0.7, 0.8)] == [250, 50, 0]


def test_a_target_that_is_too_near_to_brake_for_is_passed_and_come_back_to() -> None:
    focus = drive(settle=0.0)
    focus.set_target(2000, 0.0)
    focus.set_target(260, 0.3)
    assert focus.position(0.4) == 300
    assert focus.position(focus.settles_at) == focus.target == 260


def test_a_slower_order_brakes_to_its_speed() -> None:
    focus = drive(settle=0.0)
    focus.set_target(2000, 0.0)
    # From 1000 to 500 steps/s in 0.05 s and 37.5 steps; the last 12.5 in 0.05 s; 1700 steps at 500 steps/s between.
    assert focus.set_target(2000, 0.3, 500.0) == pytest.approx(0.3 + 0.05 + 1700 / 500 + 0.05)
    assert focus.velocity(0.36) == pytest.approx(500)


def test_the_same_order_again_changes_nothing() -> None:
    focus, once = drive(backlash=3), drive(backlash=3)
    done_at = once.set_target(700, 0.0)
    for index in range(100):
        assert focus.set_target(700, index * 0.0083) == pytest.approx(max(done_at, index * 0.0083))
    assert focus.position(0.5) == once.position(0.5)


@given(st.floats(0.0, 1.0), st.integers(50, 1999), st.sampled_from([150.0, 600.0, 1000.0]))
def test_the_same_target_at_another_speed_is_no_turn(part: float, target: int, speed: float) -> None:
    # The play would have to be taken up again for the billionth of a step that rounding adds.
    focus = drive(backlash=30, settle=0.0)
    focus.set_target(target, 0.0, 999.0)
    now = focus.settles_at * part
    focus.set_target(target, now, speed)
    lasts = focus.settles_at - now
    assert all(focus.velocity(now + lasts * index / 50) >= -1e-3 for index in range(51))
    assert focus.motor(focus.settles_at) == pytest.approx(target + 30)
    assert focus.position(focus.settles_at) == target


def test_a_move_with_nowhere_to_go_is_done_at_once() -> None:
    focus = drive(start=40)
    assert focus.set_target(40, 3.0) == 3.0
    assert focus.stop(4.0) == 4.0
    assert not focus.moving(4.0)


def test_the_play_holds_the_group_after_a_turn_and_not_its_end() -> None:
    focus = drive(backlash=20, start=1000, settle=0.0)
    done = focus.set_target(1100, 0.0)
    # 20 motor steps to take up the play: a t² / 2 = 20 at 0.063 s.
    assert focus.position(0.0632) == 1000
    assert focus.motor(0.0632) == pytest.approx(1020, abs=0.1)
    assert focus.position(0.1) == 1030
    assert (focus.position(done), focus.motor(done)) == (1100, 1120)
    back = focus.set_target(1050, 1.0)
    assert focus.position(1.0632) == 1100
    assert (focus.position(back), focus.motor(back)) == (1050, 1050)
    # The same direction again has no play to take up: 30 steps by a triangle.
    assert focus.set_target(1020, 2.0) == pytest.approx(2.0 + 2 * (30 / ACCELERATION) ** 0.5)


def test_stop_brakes_and_freeze_does_not() -> None:
    focus = drive()
    focus.set_target(2000, 0.0)
    assert focus.stop(0.3) == pytest.approx(0.4 + SETTLE)
    assert focus.position(9.0) == focus.target == 300
    focus.set_target(2000, 10.0)
    focus.halt_without_brake(10.2)
    assert focus.position(10.2) == focus.position(99.0) == focus.target == 450
    assert focus.velocity(10.2) == 0.0
    assert not focus.moving(10.2)


def test_run_goes_to_the_limit_in_its_direction() -> None:
    focus = drive(start=1000, settle=0.0)
    focus.limit(200, 1800, 0.0)
    assert focus.run_at_velocity(-400.0, 0.0) == pytest.approx(0.04 + (800 - 16) / 400 + 0.04)
    assert focus.velocity(1.0) == pytest.approx(-400)
    assert focus.position(focus.settles_at) == focus.target == 200
    focus.run_at_velocity(1e9, 10.0)
    assert focus.velocity(10.5) == pytest.approx(TOP)
    assert focus.target == 1800
    focus.run_at_velocity(0.0, 10.5)
    assert focus.position(20.0) == focus.target == 700


def test_limits_move_a_drive_inside_that_stands_outside() -> None:
    focus = drive(start=1000)
    focus.limit(0, 400, 1.0)
    assert focus.target == 400
    assert focus.position(focus.settles_at) == 400
    assert focus.set_target(2000, 5.0) == 5.0
    focus.limit(-50, 99_999, 6.0)
    assert (focus.far_limit, focus.near_limit) == (0, 2000)
    assert focus.target == 400


def test_homing_heeds_no_limit_and_pushes_on_at_the_end() -> None:
    focus = drive(start=1000)
    focus.limit(500, 1500, 0.0)
    slow = TOP * HOMING_SHARE
    # 1000 steps at 500 steps/s with 0.05 s and 12.5 steps at either end.
    arrives = 0.05 + 975 / slow + 0.05
    assert focus.home(0.0) == pytest.approx(arrives + HOMING_PUSH / slow + SETTLE)
    assert focus.position(arrives) == 0
    assert focus.moving(focus.settles_at - 1e-6)
    assert focus.home(50.0) == pytest.approx(50.0 + HOMING_PUSH / slow + SETTLE)
    focus.set_target(0, 60.0)
    assert focus.target == 500


def test_a_drive_of_one_position_stays() -> None:
    focus = drive(steps=1, backlash=4)
    focus.set_target(7, 0.0)
    focus.run_at_velocity(300.0, 1.0)
    assert focus.position(0.5) == focus.position(5.0) == focus.target == 0


@pytest.mark.parametrize("speed", [1e-300, 5e-324, -3.0])
def test_absurd_speeds_are_kept_within_reason(speed: float) -> None:
    focus = drive()
    assert focus.set_target(100, 0.0, speed) <= 101 + SETTLE


LONGEST = 2.6
"""Seconds that no move of these drives can exceed at top speed, turn and play included."""

orders = st.one_of(
    st.tuples(st.just("order"), st.integers(-100, 2200), st.sampled_from([0.0, 50.0, 333.3, 1000.0, 5000.0])),
    st.tuples(st.just("run"), st.sampled_from([-900.0, -20.0, 0.0, 450.5, 3000.0]), st.none()),
    st.tuples(st.just("limit"), st.integers(-10, 2100), st.integers(-10, 2100)),
    st.sampled_from([("stop", None, None), ("home", None, None), ("halt_without_brake", None, None)]),
)


def obey(focus: FocusDriveModel, order: tuple[str, float | None, float | None], now: float) -> None:
    name, first, second = order
    if name == "order":
        assert focus.set_target(int(first or 0), now, second or 0.0) == focus.settles_at
        assert focus.far_limit <= focus.target <= focus.near_limit
    elif name == "run":
        assert focus.run_at_velocity(first or 0.0, now) == focus.settles_at
    elif name == "limit":
        focus.limit(int(first or 0), int(second or 0), now)
        assert focus.far_limit <= focus.target <= focus.near_limit
    else:
        getattr(focus, name)(now)
        assert focus.settles_at >= now


@given(
    st.lists(st.tuples(orders, st.floats(0.0, 1.2)), max_size=12),
    st.sampled_from([0, 1, 7, 40]),
    st.integers(0, 2000),
    st.floats(0.0005, 0.03),
)
def test_whatever_is_ordered_it_stays_between_its_ends_its_speed_and_its_acceleration(
    plan: list[tuple[tuple[str, float | None, float | None], float]], backlash: int, start: int, tick: float
) -> None:
    focus, now = drive(backlash=backlash, start=start), 0.0
    for order, pause in plan:
        before = (focus.position(now), focus.motor(now), focus.velocity(now))
        obey(focus, order, now)
        # An order changes where it goes, not where it is; only lost power may stop it dead.
        assert focus.position(now) == before[0]
        assert focus.motor(now) == pytest.approx(before[1], abs=1e-5)
        assert focus.velocity(now) == pytest.approx(0.0 if order[0] == "halt_without_brake" else before[2], abs=1e-2)
        times = [now + index * tick for index in range(int(pause / tick) + 1)]
        states = [(focus.position(at), focus.motor(at), focus.velocity(at)) for at in times]
        for position, motor, velocity in states:
            assert focus.lower <= position <= focus.upper
            assert -0.51 <= motor - position <= backlash + 0.51
            assert abs(velocity) <= TOP * (1 + 1e-9)
        for (position, motor, velocity), (next_position, next_motor, next_velocity) in itertools.pairwise(states):
            assert abs(next_position - position) <= TOP * tick + 1
            assert abs(next_motor - motor) <= TOP * tick + 1e-4
            assert abs(next_velocity - velocity) <= ACCELERATION * tick + 1e-2
        now += pause
    done_at = focus.stop(now)
    assert done_at <= now + TOP / ACCELERATION + SETTLE + 10
    assert focus.set_target(777, done_at + 1) <= done_at + 1 + LONGEST
    assert focus.position(focus.settles_at) == focus.target == max(focus.far_limit, min(focus.near_limit, 777))


@given(st.integers(0, 2000), st.integers(0, 2000), st.sampled_from([0, 9]), st.integers(2, 60))
def test_a_single_move_never_turns_and_lasts_what_its_length_asks_for(
    start: int, target: int, backlash: int, samples: int
) -> None:
    focus = drive(start=start, backlash=backlash, settle=0.0)
    done_at = focus.set_target(target, 0.0)
    track = [focus.position(done_at * index / samples) for index in range(samples + 1)]
    assert track == sorted(track, reverse=target < start)
    assert (track[0], track[-1]) == (start, target)
    # The play is taken up on the way to the near end; a new drive has none to take up on the way out.
    length = abs(target - start) + backlash * (target > start)
    ramp = TOP**2 / ACCELERATION
    lasts = length / TOP + TOP / ACCELERATION if length >= ramp else 2 * (length / ACCELERATION) ** 0.5
    assert done_at == pytest.approx(lasts, abs=1e-9)
