"""Set points within the frame, by themselves: when each is due, what is measured there, and what is reported."""

from dataclasses import dataclass, field

import pytest

from lensmount_emulator.roles.lmount.lens.extensions import FastFocus, PlannedPoint
from lensmount_protocol.dialects.lmount.extensions import UNSCALED, FocusSequenceReport, MeasuredPoint


@dataclass
class Drive:
    """A drive that stands where it is put and keeps its orders."""

    upper: int = 1000
    place: int = 0
    orders: list[tuple[int, float, float]] = field(default_factory=list)

    def set_target(self, target: int, now: float, speed: float = 0.0) -> float:
        self.orders.append((target, now, speed))
        return now

    def position(self, _now: float) -> int:
        return self.place


def points(*due: tuple[int, float, int]) -> list[PlannedPoint]:
    return [PlannedPoint(frame, 7, at, position) for frame, at, position in due]


def test_a_run_goes_to_each_point_at_the_speed_that_gets_it_there_in_time() -> None:
    drive = Drive(place=100)
    run = FastFocus(drive)
    assert (run.next_deadline, run.sequence) == (None, 0)
    run.follow(3, points((1, 2.0, 300), (1, 4.0, 100)), 1.0)
    assert (run.sequence, run.next_deadline) == (3, 2.0)
    assert drive.orders == [(300, 1.0, 200.0)]
    drive.place = 290
    assert run.advance(1.999) == []
    assert run.advance(2.0) == []
    assert drive.orders[1:] == [(100, 2.0, 95.0)]
    drive.place = 100
    (report,) = run.advance(9.0)
    assert report == FocusSequenceReport(
        run=3,
        frame=1,
        left=0,
        points=[
            MeasuredPoint(at=7, position=290, error=-10, scale=UNSCALED),
            MeasuredPoint(at=7, position=100, error=0, scale=UNSCALED),
        ],
    )
    assert run.advance(10.0) == []


def test_each_frame_is_a_report_of_its_own_that_says_what_is_left() -> None:
    run = FastFocus(Drive())
    run.follow(1, points((1, 1.0, 0), (2, 2.0, 0), (2, 3.0, 0), (3, 4.0, 0)), 0.0)
    assert [(report.frame, report.left, len(report.points)) for report in run.advance(4.0)] == [
        (1, 3, 1),
        (2, 1, 2),
        (3, 0, 1),
    ]
    run.follow(1, points(*((n, 5.0 + n, 0) for n in range(300))), 4.5)
    assert [report.left for report in run.advance(5.0)] == [255]


def test_more_points_of_a_run_go_behind_those_that_wait_and_another_run_takes_their_place() -> None:
    drive = Drive()
    run = FastFocus(drive)
    run.follow(1, points((1, 1.0, 10)), 0.0)
    run.follow(1, points((2, 2.0, 20)), 0.5)
    assert [point.position for point in run.waiting] == [10, 20]
    assert len(drive.orders) == 1
    run.follow(2, points((3, 3.0, 30)), 0.6)
    assert [point.position for point in run.waiting] == [30]
    assert (run.sequence, len(drive.orders)) == (2, 2)
    run.cancel()
    assert (run.next_deadline, run.advance(9.0)) == (None, [])


def test_a_drive_that_is_there_gets_no_order_and_one_without_time_the_highest_speed() -> None:
    drive = Drive(place=50)
    run = FastFocus(drive)
    run.follow(1, points((1, 1.0, 50)), 0.0)
    assert drive.orders == []
    run.follow(2, points((1, 1.0, 51)), 2.0)
    assert drive.orders == [(51, 2.0, pytest.approx(1e6))]


@pytest.mark.parametrize(
    ("place", "error"), [(32_767, 32_767), (32_768, 32_767), (-32_767, -32_767), (-40_000, -32_767)]
)
def test_an_error_fits_its_field(place: int, error: int) -> None:
    run = FastFocus(Drive(place=place))
    run.follow(1, points((1, 1.0, 0)), 0.0)
    (report,) = run.advance(1.0)
    assert report.points[0].error == error


def test_the_field_of_view_lies_between_the_nearest_two_that_are_known() -> None:
    drive = Drive(upper=1000)
    assert FastFocus(drive).scale_at(500) == UNSCALED
    assert FastFocus(drive, [7]).scale_at(500) == 7
    known = FastFocus(drive, [100, 200, 400])
    assert [known.scale_at(position) for position in (-5, 0, 250, 500, 750, 1000, 2000)] == [
        100, 100, 150, 200, 300, 400, 400,
    ]  # fmt: skip
    assert FastFocus(Drive(upper=0), [100, 200]).scale_at(1) == 200
