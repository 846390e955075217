"""The focus motor's extremes and its history: held against a model that keeps every run, and by hand."""

from itertools import pairwise
from random import Random

import pytest

from lensmount_emulator.roles.emount.models import EmountFocusMotor

LOWER, UPPER, START, SPEED, LAG, OFFSET = 1000, 5000, 2000, 300, 1.5, -1


def motor(**changes: float) -> EmountFocusMotor:
    values = {
        "lower": LOWER, "upper": UPPER, "start": START, "steps_per_frame": SPEED, "lag_frames": LAG,
        "encoder_offset": OFFSET,
    }  # fmt: skip
    return EmountFocusMotor(**values | changes)  # type: ignore[arg-type]


class Whole:
    """The same motor with its whole history: (frame, target), in order."""

    def __init__(self) -> None:
        self.orders: list[tuple[float, int]] = []

    def order(self, target: int, frame: float) -> None:
        self.orders.append((frame, max(LOWER, min(UPPER, target))))

    def planned(self, frame: float) -> float:
        place, since, goal = float(START), 0.0, START
        for begins, target in self.orders:
            if begins > frame:
                break
            place, since, goal = _moved(place, goal, begins - since), begins, target
        return _moved(place, goal, frame - since)


def _moved(place: float, goal: int, frames: float) -> float:
    way = SPEED * frames
    return float(goal) if abs(goal - place) <= way else place + (way if goal > place else -way)


@pytest.mark.parametrize("seed", range(24))
def test_history_that_is_forgotten_is_never_missed(seed: int) -> None:
    random, kept, whole, frame = Random(seed), motor(), Whole(), 10.0
    for _ in range(60):
        frame += random.choice((0.0, 0.125, 0.5, 1.0, 2.5, 2.625, 4.0, 20.0))
        near = round(whole.planned(frame)) + random.randrange(-290, 290)
        target = random.choice((LOWER, UPPER, 0, 70_000, random.randrange(900, 5100), near))
        if random.random() < 0.2:
            target = round(whole.planned(frame))
            kept.stop(frame)
        else:
            kept.set_target(target, frame)
        whole.order(target, frame)
        for ahead in (0.0, 0.25, 1.0, LAG, 2.25, 2.75, 3.0, 30.0):
            at = frame + ahead
            assert kept.planned(at) == pytest.approx(whole.planned(at), abs=0.51)
            assert kept.encoder(at) == pytest.approx(whole.planned(at - LAG) + OFFSET, abs=0.51)
            samples = [byte - 256 if byte > 127 else byte for byte in kept.velocity(at, 4)]
            readings = [whole.planned(at - LAG - k / 8) for k in range(4, -1, -1)]
            steps = [before - after for before, after in pairwise(readings)]
            assert samples == pytest.approx(steps, abs=1.01)
        assert len(kept._runs) <= 12


def test_history_is_bounded_where_frames_stand_still() -> None:
    kept = motor()
    kept.set_target(3000, 1.0)
    for target in range(1000, 4000):
        kept.set_target(target, 2.0)
    assert len(kept._runs) == 2
    assert kept.planned(2.0) == 2300
    assert kept.planned(5.0) == 2300 + 3 * SPEED


def test_an_order_at_once_behind_another_starts_where_that_one_started() -> None:
    kept = motor()
    kept.set_target(5000, 1.0)
    kept.set_target(1000, 4.0)
    kept.set_target(3200, 4.0)
    assert [kept.planned(frame) for frame in (4.0, 4.5, 5.0)] == [2900, 3050, 3200]


@pytest.mark.parametrize(
    ("target", "goal"), [(999, 1000), (1000, 1000), (1001, 1001), (4999, 4999), (5000, 5000), (5001, 5000)]
)
def test_a_target_is_clamped_at_either_limit_and_not_before(target: int, goal: int) -> None:
    kept = motor()
    assert kept.clamp(target) == goal
    assert kept.set_target(target, 0.0) == goal
    assert kept.planned(100.0) == goal


def test_a_stop_rounds_to_a_step_and_is_a_target_within_the_limits() -> None:
    kept = motor()
    kept.set_target(5000, 0.0)
    assert kept.stop(1.001) == 2300
    assert kept.planned(50.0) == 2300
    assert not kept.moving(50.0)


def test_rest_forgets_the_runs_and_stays_where_the_plan_was() -> None:
    kept = motor()
    kept.set_target(5000, 0.0)
    kept.hold_position(2.0)
    assert kept._runs == []
    assert (kept.start, kept.planned(0.0), kept.planned(99.0)) == (2600, 2600, 2600)
    assert kept.encoder(2.0) == 2599
    assert kept.velocity(2.0, 3) == bytes(3)
    assert not kept.moving(2.0)


def test_before_the_first_run_the_motor_is_where_that_run_began() -> None:
    kept = motor()
    kept.set_target(5000, 10.0)
    assert kept.planned(9.0) == START
    assert kept.encoder(10.0) == START + OFFSET
    assert kept.velocity(10.0, 7) == bytes(7)


def test_moving_ends_when_the_encoder_has_arrived_and_not_when_the_plan_has() -> None:
    kept = motor()
    kept.set_target(2300, 0.0)
    assert [kept.moving(frame) for frame in (0.0, 0.5, 1.0, 2.0, 2.5, 3.0)] == [True, True, True, True, False, False]


@pytest.mark.parametrize(("speed", "sample"), [(8, -1), (1016, -127), (1024, -128), (1032, -128), (3000, -128)])
def test_a_velocity_is_cut_at_what_a_byte_holds_upwards(speed: int, sample: int) -> None:
    kept = motor(steps_per_frame=speed, upper=60_000)
    kept.set_target(60_000, 0.0)
    assert kept.velocity(4.0, 2) == bytes((sample & 0xFF,)) * 2


@pytest.mark.parametrize(("speed", "sample"), [(8, 1), (1016, 127), (1024, 127), (3000, 127)])
def test_a_velocity_is_cut_at_what_a_byte_holds_downwards(speed: int, sample: int) -> None:
    kept = motor(steps_per_frame=speed, lower=0, upper=60_000, start=60_000)
    kept.set_target(0, 0.0)
    assert kept.velocity(4.0, 2) == bytes((sample,)) * 2


def test_a_velocity_is_nothing_only_once_all_its_samples_are_behind_the_move() -> None:
    kept = motor()
    kept.set_target(2300, 0.0)
    # The encoder moves from frame 1.5 to 2.5; four samples look back half a frame.
    assert kept.velocity(1.5, 4) == bytes(4)
    assert kept.velocity(1.625, 4)[-1] != 0
    assert kept.velocity(2.875, 4)[0] != 0
    assert kept.velocity(3.0, 4) == bytes(4)
