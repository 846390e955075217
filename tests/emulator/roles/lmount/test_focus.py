"""Focus on both sides: every kind of drive, its end, the reports of each frame, limits, rings, switches and tables."""

from typing import Any

import pytest

from lensmount_emulator.models.optics import distance_mm
from lensmount_protocol.dialects.lmount.exposure import ControlEvent
from lensmount_protocol.dialects.lmount.focus import (
    INFINITY_MM,
    BreathingTable,
    DefocusTable,
    DistanceScale,
    FocusDrive,
    FocusLimits,
    FocusState,
    FocusTableRequest,
    RingBehaviour,
    RingMoved,
)
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected
from lensmount_protocol.dialects.lmount.types import (
    ControlKind,
    FocusCommand,
    FocusFlag,
    Outcome,
    RejectionCode,
    RingKind,
)
from lensmount_protocol.wire import Edge

STEPS = 4000


def drive(mounted: Any, order: FocusCommand, value: int = 0, **more: Any) -> Any:
    return mounted.request(FocusDrive(order=order, value=value, **more))


def now(mounted: Any) -> int:
    return int(mounted.lens.focus.position(mounted.virtual_session.now))


@pytest.mark.parametrize(
    ("order", "value", "target"),
    [
        (FocusCommand.ABSOLUTE, 2345, 2345),
        (FocusCommand.NEAR_END, 0, STEPS - 1),
        (FocusCommand.FAR_END, 0, 0),
        (FocusCommand.RELATIVE, 100, 100),
        (FocusCommand.VELOCITY, 4000, STEPS - 1),
    ],
)
def test_every_kind_of_drive_ends_where_it_should(mount: Any, order: FocusCommand, value: int, target: int) -> None:
    mounted = mount().streams()
    start = now(mounted)
    answer = drive(mounted, order, value)
    assert isinstance(answer, CommandDone)
    assert answer.outcome == Outcome.ACCEPTED
    mounted.wait_until(lambda: mounted.body.outcomes.get(answer.number) is not None)
    assert mounted.body.outcomes[answer.number] == Outcome.DONE
    assert now(mounted) == (start + target if order == FocusCommand.RELATIVE else target)


def test_a_stop_ends_the_drive_before_it(mount: Any) -> None:
    mounted = mount().streams()
    running = drive(mounted, FocusCommand.VELOCITY, 1000)
    mounted.run(0.2)
    assert drive(mounted, FocusCommand.STOP).outcome == Outcome.DONE
    mounted.run(0.1)
    assert mounted.body.outcomes[running.number] == Outcome.STOPPED
    stopped = now(mounted)
    assert 100 < stopped < 400 + STEPS // 3
    mounted.run(0.2)
    assert now(mounted) == stopped


def test_a_new_drive_replaces_the_one_before_it(mount: Any) -> None:
    mounted = mount().streams()
    first = drive(mounted, FocusCommand.NEAR_END)
    second = drive(mounted, FocusCommand.ABSOLUTE, 10)
    mounted.wait_until(lambda: second.number in mounted.body.outcomes)
    assert mounted.body.outcomes[first.number] == Outcome.REPLACED
    assert now(mounted) == 10


def test_a_home_finds_the_zero(mount: Any) -> None:
    mounted = mount().streams()
    assert drive(mounted, FocusCommand.HOME).outcome == Outcome.ACCEPTED
    mounted.run(1.5)
    assert now(mounted) == 0


@pytest.mark.parametrize(
    ("order", "code", "field"),
    [
        (FocusDrive(order=FocusCommand.ABSOLUTE, value=STEPS), RejectionCode.OUT_OF_RANGE, 3),
        (FocusDrive(order=FocusCommand.ABSOLUTE, value=-1), RejectionCode.OUT_OF_RANGE, 3),
        (FocusDrive(order=FocusCommand(99)), RejectionCode.OUT_OF_RANGE, 2),
        (FocusLimits(far=10, near=STEPS), RejectionCode.OUT_OF_RANGE, 2),
        (FocusLimits(far=20, near=10), RejectionCode.OUT_OF_RANGE, 3),
        (FocusTableRequest(table=9), RejectionCode.OUT_OF_RANGE, 2),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(mount: Any, order: Any, code: RejectionCode, field: int) -> None:
    mounted = mount().streams()
    before = now(mounted)
    answer = mounted.request(order)
    assert isinstance(answer, CommandRejected)
    assert (answer.code, answer.field_number, answer.order) == (code, field, order.TYPE)
    mounted.run(0.1)
    assert now(mounted) == before


def test_a_lens_without_a_motor_cannot(mount: Any) -> None:
    mounted = mount(lens_changes={"parts": {"focus_motor": False}}).streams()
    for order in (FocusDrive(order=FocusCommand.NEAR_END), FocusLimits(far=0, near=10)):
        assert mounted.request(order).code == RejectionCode.NOT_ABLE
    assert mounted.body.lens_info.focus.flags & FocusFlag.CANNOT


def test_a_drive_while_it_homes_is_refused(mount: Any) -> None:
    mounted = mount().streams()
    mounted.lens.homing = True
    assert drive(mounted, FocusCommand.NEAR_END).code == RejectionCode.NOT_NOW


def test_positions_are_those_of_the_frame_signal(mount: Any) -> None:
    """Each report holds where the group was when the frame signal fell, and the frame's own number."""
    mounted = mount().streams()
    mounted.records.clear()
    truth: dict[float, int] = {}
    drive(mounted, FocusCommand.NEAR_END)

    class Watched:
        """The focus drive, and a memory of what it was asked."""

        def __init__(self, focus: Any) -> None:
            self.focus = focus

        def __getattr__(self, name: str) -> Any:
            return getattr(self.focus, name)

        def position(self, moment: float) -> int:
            truth[moment] = self.focus.position(moment)
            return truth[moment]

    mounted.lens.focus = Watched(mounted.lens.focus)
    mounted.run(0.3)
    falls = [record.at for record in mounted.records if isinstance(record, Edge) and record.line == "FSYNC"]
    reports = mounted.of(FocusState)[2:-2]
    sampled = [truth[at] for at in falls if at in truth]
    assert len(reports) > 8
    assert all(report.position in sampled for report in reports)
    numbers = [report.frame for report in reports]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_the_flags_report_moving_reached_and_ends(mount: Any) -> None:
    mounted = mount().streams()
    drive(mounted, FocusCommand.NEAR_END)
    mounted.run(0.05)
    assert mounted.body.lens_info.focus.flags & FocusFlag.MOVING
    mounted.run(1.5)
    flags = mounted.body.lens_info.focus.flags
    assert flags & FocusFlag.REACHED
    assert flags & FocusFlag.NEAR_END
    assert not flags & (FocusFlag.MOVING | FocusFlag.FAR_END)


def test_the_limiter_keeps_the_drive_in_between(mount: Any) -> None:
    mounted = mount().streams()
    assert isinstance(mounted.request(FocusLimits(far=500, near=900)), CommandDone)
    for order, end in ((FocusCommand.NEAR_END, 900), (FocusCommand.FAR_END, 500)):
        drive(mounted, order)
        mounted.run(1.0)
        assert now(mounted) == end


def test_a_drive_for_a_frame_is_there_when_it_begins(mount: Any) -> None:
    mounted = mount().streams()
    target = now(mounted) + 300
    frame = (mounted.body.frame + 12) & 0xFFFF
    answer = drive(mounted, FocusCommand.ABSOLUTE, target, frame=frame)
    assert isinstance(answer, CommandDone)
    mounted.wait_until(lambda: mounted.body.frame == frame)
    assert abs(now(mounted) - target) <= 3
    begun = [report for report in mounted.of(FocusState) if report.frame == (frame - 6) & 0xFFFF]
    assert begun
    assert begun[0].position < target - 50, "it takes its time instead of rushing"


def test_a_drive_for_a_frame_needs_the_feature(mount: Any) -> None:
    mounted = mount(lens_changes={"firmware": {"features": ("corrections",)}}).streams()
    assert drive(mounted, FocusCommand.ABSOLUTE, 10, frame=5).code == RejectionCode.NOT_AGREED


@pytest.mark.parametrize(("body", "lens", "rate"), [("panasonic-s1r", "panasonic-s-pro-50mm-f1.4", 480)])
def test_set_points_follow_at_480_hz(mount: Any, body: str, lens: str, rate: int) -> None:
    mounted = mount(body, lens, body_changes={"camera": {"highest_hz": 480}}).streams()
    mounted.script(f"rate {rate}; wait 0.05; track 0.1")
    assert mounted.body.rate_hz == rate
    told = next(notice.text for notice in mounted.notices if "set points" in notice.text)
    accepted, frames = int(told.split()[0]), int(told.split()[4])
    assert frames >= 45
    assert accepted >= frames - 2
    assert mounted.troubles == []


def test_the_ring_moves_the_focus_by_the_lens_in_mf_and_by_the_body_in_af(mount: Any) -> None:
    mounted = mount().streams()
    before = now(mounted)
    mounted.operate("turn focus 10")
    mounted.run(0.6)
    assert now(mounted) > before, "AF+MF: the body follows the ring"
    drives = len(mounted.of(FocusDrive))
    assert drives > 0
    mounted.operate("switch af 1")
    mounted.run(0.1)
    assert mounted.body.lens_info.manual
    before = now(mounted)
    mounted.operate("turn focus 10")
    mounted.run(0.6)
    assert now(mounted) > before, "MF: the lens moves by itself"
    assert len(mounted.of(FocusDrive)) == drives
    assert sum(turned.delta for turned in mounted.of(RingMoved)) == 200


def test_the_switch_at_mf_has_the_last_word(mount: Any) -> None:
    mounted = mount().streams()
    mounted.operate("switch af 1")
    mounted.run(0.05)
    before = now(mounted)
    assert drive(mounted, FocusCommand.NEAR_END).code == RejectionCode.BLOCKED
    assert isinstance(drive(mounted, FocusCommand.STOP), CommandDone)
    mounted.script("focus near")
    assert now(mounted) == before
    mounted.operate("turn focus 5")
    mounted.run(0.035)
    assert any(state.flags & FocusFlag.RING for state in mounted.of(FocusState))
    assert mounted.troubles == []


def test_a_linear_ring_takes_its_throw_for_the_whole_range(mount: Any) -> None:
    mounted = mount(lens_changes={"parts": {"linear_ring": True}}).streams()
    mounted.script("focus far; linear 180")
    mounted.operate("switch af 1")
    mounted.run(0.05)
    mounted.operate("turn focus 90")
    mounted.run(2.0)
    assert now(mounted) == pytest.approx(STEPS / 2, rel=0.02)
    assert isinstance(
        mounted.request(RingBehaviour(ring=RingKind.FOCUS, linear=1, throw_degrees=90, reversed_=1)), CommandDone
    )
    mounted.operate("turn focus 22.5")
    mounted.run(1.5)
    assert now(mounted) == pytest.approx(STEPS / 4, rel=0.04)


@pytest.mark.parametrize(
    ("order", "code", "field"),
    [
        (RingBehaviour(ring=RingKind.FOCUS, linear=1, throw_degrees=5), RejectionCode.OUT_OF_RANGE, 4),
        (RingBehaviour(ring=RingKind.APERTURE), RejectionCode.NOT_ABLE, 2),
        (RingBehaviour(ring=RingKind.CONTROL), RejectionCode.NOT_ABLE, 2),
    ],
)
def test_ring_settings_that_cannot_be_are_refused(mount: Any, order: Any, code: RejectionCode, field: int) -> None:
    mounted = mount(lens_changes={"parts": {"linear_ring": True, "aperture_ring": False}}).streams()
    answer = mounted.request(order)
    assert (answer.code, answer.field_number) == (code, field)


def test_the_button_locks_the_focus(mount: Any) -> None:
    mounted = mount(lens_changes={"parts": {"afl_button": True}}).streams()
    drive(mounted, FocusCommand.VELOCITY, 500)
    mounted.operate("press afl")
    mounted.run(0.1)
    assert mounted.body.lens_info.locked
    held = now(mounted)
    mounted.run(0.2)
    assert now(mounted) == held
    mounted.operate("release afl")
    mounted.run(0.1)
    assert not mounted.body.lens_info.locked
    assert [(event.control, event.value) for event in mounted.of(ControlEvent)] == [
        (ControlKind.AFL_BUTTON, 1),
        (ControlKind.AFL_BUTTON, 0),
    ]


@pytest.mark.parametrize("switch", ["stabiliser", "limiter", "click", "lock"])
def test_every_switch_that_it_has_is_reported(mount: Any, switch: str) -> None:
    parts = {"limiter": True, "click_switch": True, "aperture_ring": True}
    mounted = mount(lens_changes={"parts": parts, "stabiliser": {"generation": 1}}).streams()
    mounted.operate(f"switch {switch} 2")
    mounted.run(0.05)
    assert [event.value for event in mounted.of(ControlEvent)] == [2]
    without = mount(lens_changes={"parts": dict.fromkeys(parts, False), "stabiliser": {"generation": 0}}).streams()
    without.operate(f"switch {switch} 2")
    without.run(0.05)
    assert without.of(ControlEvent) == []


def test_the_distance_scale_is_what_the_reports_mean(mount: Any) -> None:
    mounted = mount().streams()
    scale = mounted.request(FocusTableRequest(table=1, focal_length_um=45_000))
    assert isinstance(scale, DistanceScale)
    assert scale.points[0].distance_mm == INFINITY_MM
    assert scale.points[-1].distance_mm == mounted.lens.nearest_mm == 240
    distances = [point.distance_mm for point in scale.points]
    assert distances == sorted(distances, reverse=True)
    mounted.script("focus 1m")
    state = mounted.body.lens_info.focus
    assert state.distance_mm == distance_mm(state.position, STEPS, 240)
    assert state.distance_mm == pytest.approx(1000, rel=0.01)


@pytest.mark.parametrize(("table", "kind", "feature"), [(2, BreathingTable, "breathing"), (3, DefocusTable, "defocus")])
def test_breathing_and_defocus_are_for_those_that_have_them(mount: Any, table: int, kind: Any, feature: str) -> None:
    features = ("corrections", feature)
    mounted = mount(lens_changes={"firmware": {"features": features}}).streams()
    assert isinstance(mounted.request(FocusTableRequest(table=table, focal_length_um=45_000)), kind)
    without = mount(lens_changes={"firmware": {"features": ("corrections",)}}).streams()
    assert without.request(FocusTableRequest(table=table)).code == RejectionCode.NOT_AGREED


def test_the_field_of_view_changes_as_the_breathing_table_says(mount: Any) -> None:
    mounted = mount(lens_changes={"focus": {"breathes_percent": 10.0}}).streams()
    scales = mounted.request(FocusTableRequest(table=2, focal_length_um=45_000)).scales
    assert abs(scales[-1] / scales[0] - 1) == pytest.approx(0.1, rel=0.1)
