"""What a lens reports with each frame, bit by bit, and how it takes the messages that a body sends with each frame."""

from typing import Any

import pytest

from lensmount_emulator.roles.lmount.lens import stream
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureState, ZoomState
from lensmount_protocol.dialects.lmount.exposure import Exposure, FrameStart
from lensmount_protocol.dialects.lmount.focus import FocusState
from lensmount_protocol.dialects.lmount.stabiliser import AngularRate, StabiliserState
from lensmount_protocol.dialects.lmount.types import (
    ControlKind,
    ExposurePhase,
    FocusFlag,
    StabiliserMode,
)

TELE = "panasonic-s-pro-70-200mm-f2.8"
RINGS = "sigma-28-45mm-f1.8-dg-dn"


@pytest.fixture
def lens(mount: Any) -> Any:
    """A lens that reports, with its clock at the present."""

    def ready(profile: str = TELE, **changes: Any) -> Any:
        mounted = mount("panasonic-s1ii", profile, lens_changes=changes).streams()
        mounted.run(0.3)
        mounted.lens.now = mounted.virtual_session.now
        return mounted.lens

    return ready


def report(lens: Any, kind: type[Any]) -> Any:
    return stream.REPORTS[kind.TYPE](lens)


@pytest.mark.parametrize(
    ("position", "flags"),
    [
        (0, FocusFlag.REACHED | FocusFlag.FAR_END | FocusFlag.RELIABLE),
        (1, FocusFlag.REACHED | FocusFlag.RELIABLE),
        (3998, FocusFlag.REACHED | FocusFlag.RELIABLE),
        (3999, FocusFlag.REACHED | FocusFlag.NEAR_END | FocusFlag.RELIABLE),
    ],
)
def test_the_flags_of_a_focus_that_stands(lens: Any, position: int, flags: int) -> None:
    played = lens()
    arrives = played.focus.set_target(position, played.now)
    played.now = arrives + 1.0
    state = report(played, FocusState)
    assert (state.position, state.target, state.velocity, state.flags) == (position, position, 0, flags)
    assert state.frame == played.body_requests.frame


def test_the_flags_of_a_focus_that_moves(lens: Any) -> None:
    played = lens()
    played.focus.set_target(3999, played.now)
    played.now += 0.1
    played.body_requests.period = 0.01
    state = report(played, FocusState)
    # At 12 000 steps a second, in a frame of 10 ms.
    assert (state.target, state.velocity) == (3999, 120)
    assert state.flags == FocusFlag.MOVING | FocusFlag.RELIABLE
    played.by_ring = True
    assert report(played, FocusState).flags == FocusFlag.MOVING | FocusFlag.RELIABLE | FocusFlag.RING
    played.homed, played.homing = False, True
    assert report(played, FocusState).flags == FocusFlag.MOVING | FocusFlag.HOMING | FocusFlag.RING
    for period, velocity in ((2.7, 32_400), (2.8, 32_767)):
        played.body_requests.period = period
        assert report(played, FocusState).velocity == velocity
    played.focus.set_target(0, played.now)
    played.now += 0.07
    assert report(played, FocusState).velocity == -32_768
    played.now += 2.0
    # A ring that moves nothing is not reported.
    assert not report(played, FocusState).flags & FocusFlag.RING


def test_the_flag_of_a_lens_without_a_motor(lens: Any) -> None:
    assert report(lens(parts={"focus_motor": False}), FocusState).flags & FocusFlag.CANNOT
    assert not report(lens(), FocusState).flags & FocusFlag.CANNOT


def test_an_aperture_report_of_diaphragm_and_ring(lens: Any) -> None:
    played = lens(RINGS)
    widest, smallest = played.widest[0], played.smallest
    reached, at_a, clicks, locked, moving = 2, 4, 8, 16, 1
    state = report(played, ApertureState)
    assert (state.now, state.target, state.widest, state.smallest, state.ring) == (widest, widest, widest, smallest, 0)
    assert (state.frame, state.flags) == (played.body_requests.frame, reached | at_a | clicks)
    played.ring_av, played.body_requests.clicks = 1000, False
    state = report(played, ApertureState)
    assert (state.ring, state.flags) == (1000, reached)
    played.switches[ControlKind.RING_LOCK] = 1
    assert report(played, ApertureState).flags == reached | locked
    played.switches[ControlKind.RING_LOCK] = 0
    played.iris.set_target(widest + 400, played.now)
    played.now += 0.005
    state = report(played, ApertureState)
    assert (state.target, state.flags) == (widest + 400, moving)
    assert widest < state.now < widest + 400


def test_the_flags_of_a_lens_without_an_aperture_ring(lens: Any) -> None:
    played = lens("sigma-18-50mm-f2.8-dc-dn")
    assert report(played, ApertureState).flags == 2 | 8


def test_a_zoom_report_follows_the_zoom(lens: Any) -> None:
    played = lens()
    state = report(played, ZoomState)
    assert (state.frame, state.focal_length_um, state.position, state.moving) == (
        played.body_requests.frame,
        70_000,
        0,
        0,
    )
    played.zoom.turn_to(200_000, played.now, 2.0)
    played.now += 1.0
    state = report(played, ZoomState)
    assert 70_000 < state.focal_length_um < 200_000
    assert (0 < state.position < 65_535, state.moving) == (True, 1)
    played.now += 2.0
    state = report(played, ZoomState)
    assert (state.focal_length_um, state.moving) == (200_000, 0)


def test_a_stabiliser_report_off_on_and_while_a_picture_is_taken(lens: Any) -> None:
    played = lens()
    played.body_requests.stabiliser = StabiliserMode.NORMAL
    state = report(played, StabiliserState)
    assert (state.frame, state.mode, state.range_um, state.flags) == (
        played.body_requests.frame,
        StabiliserMode.NORMAL,
        1500,
        0,
    )
    assert 0 not in (state.shift_x, state.shift_y)
    played.body_requests.axes = 2
    alone = report(played, StabiliserState)
    assert (alone.shift_x, alone.shift_y) == (state.shift_x, 0)
    played.body_requests.axes, played.body_requests.exposing = 3, True
    assert (report(played, StabiliserState).shift_x, report(played, StabiliserState).shift_y) == (0, 0)
    played.body_requests.exposing, played.body_requests.stabiliser = False, StabiliserMode.OFF
    off = report(played, StabiliserState)
    assert (off.mode, off.shift_x, off.shift_y) == (StabiliserMode.OFF, 0, 0)


def test_a_lens_without_a_stabiliser_has_no_range(lens: Any) -> None:
    assert report(lens("sigma-45mm-f2.8-dg-dn"), StabiliserState).range_um == 0


def test_the_flags_of_a_stabiliser_at_its_limit_and_in_a_pan(lens: Any) -> None:
    played = lens(stabiliser={"range_um": 5})
    played.body_requests.stabiliser = StabiliserMode.NORMAL
    assert report(played, StabiliserState).flags == 1
    played = lens()
    played.body_requests.stabiliser = StabiliserMode.PANNING
    began = played.now
    played.camera_shake.pan(30.0, began, began + 60.0)
    for _ in range(60):
        played.now += 1 / 60
        state = report(played, StabiliserState)
    assert (state.flags & 2, state.shift_x) == (2, 0)
    # The angle at the end of a pan is the new centre.
    assert played.yaw_held == pytest.approx(played.camera_shake.angle(played.now)[1])
    played.body_requests.stabiliser = StabiliserMode.NORMAL
    assert report(played, StabiliserState).flags & 2


def test_a_frame_signal_counts_and_measures_the_frames(lens: Any) -> None:
    played = lens()
    told = played.body_requests
    told.frame, told.frame_at, told.period, told.reports = 0xFFFE, 5.0, 0.5, ()
    for now, frame, period in ((5.25, 0xFFFF, 0.25), (6.0, 0, 0.75), (6.125, 1, 0.125)):
        played.now = now
        stream.on_frame_signal(played)
        assert (told.frame, told.frame_at, told.period) == (frame, now, period)
    told.frame_at, told.period = 0.0, 0.5
    stream.on_frame_signal(played)
    # The first signal after a greeting measures nothing.
    assert (told.period, told.frame_at) == (0.5, 6.125)


def test_messages_of_the_body_with_a_frame_are_taken(lens: Any) -> None:
    played = lens()
    stream.frame_handlers(played, FrameStart(frame=77, period_us=20_000))
    assert (played.body_requests.frame, played.body_requests.period) == (77, pytest.approx(0.02))
    stream.frame_handlers(played, AngularRate(frame=77, pitch=1500, yaw=-250, roll=9))
    assert played.body_requests.rate == (1.5, -0.25)
    for phase, exposing in (
        (ExposurePhase.ANNOUNCED, True), (ExposurePhase.BEGINS, False), (ExposurePhase.ENDS, False),
    ):  # fmt: skip
        stream.frame_handlers(played, Exposure(number=1, phase=phase, duration_us=1000))
        assert played.body_requests.exposing is exposing


def test_a_report_is_the_frame_s_and_is_left_out_where_it_would_be_late(mount: Any) -> None:
    for cycle, comes in ((1400.0, True), (1501.0, False)):
        mounted = mount("panasonic-s1r", TELE).streams()
        mounted.lens.settings = mounted.lens.settings.__class__(
            **{
                **{key: getattr(mounted.lens.settings, key) for key in mounted.lens.settings.__struct_fields__},
                "timing": type(mounted.lens.settings.timing)(cycle=cycle),
            }
        )
        before = len(mounted.of(FocusState))
        mounted.run(0.1)
        states = mounted.of(FocusState)[before:]
        # What was under way when it changed still comes; after that all reports, or none.
        assert (len(states) >= 5) is comes
        assert len(states) <= 1 or comes
        frames = [state.frame for state in states]
        assert frames == [*range(frames[0], frames[0] + len(frames))] if frames else not comes
        # Each report has the number of the frame that runs, of which the last one may be still to come.
        assert not comes or frames[-1] in [start.frame for start in mounted.of(FrameStart)][-2:]


def test_a_lens_that_was_greeted_meanwhile_reports_of_no_frame(mount: Any) -> None:
    mounted = mount("panasonic-s1r", TELE).streams()
    lens = mounted.lens
    before = len(mounted.of(FocusState))
    mounted.body.stop_tasks()
    for frame, comes in ((-1, 0), (0, 1)):
        lens.now = mounted.virtual_session.now
        lens.spawn(stream._report(lens, [report(lens, FocusState)], lens.now))
        lens.body_requests.frame = frame
        mounted.run(0.01)
        assert len(mounted.of(FocusState)) - before == comes
    assert mounted.of(FocusState)[-1].frame == 0
