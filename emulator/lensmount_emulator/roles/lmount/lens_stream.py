"""What a lens reports with each frame: where its groups are, sampled when the frame signal fell."""

from collections.abc import Callable, Mapping
from typing import Any

from lensmount_emulator.models.optics import distance_mm
from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.lmount.lens_core import LensCore
from lensmount_emulator.roles.tasks import Task
from lensmount_protocol.dialects.lmount.aperture import ApertureState, ZoomState
from lensmount_protocol.dialects.lmount.focus import FocusState
from lensmount_protocol.dialects.lmount.framing import CYCLE
from lensmount_protocol.dialects.lmount.picture import Exposure, FrameStart
from lensmount_protocol.dialects.lmount.stabiliser import AngularRate, StabiliserState
from lensmount_protocol.dialects.lmount.types import ControlKind, ExposurePhase, FocusFlag, RingKind, StabiliserMode
from lensmount_protocol.message import Message

LATEST_US = 1_500.0
"""A report that cannot begin within this of its frame signal is left out; the next one has its own number."""

MOVING, REACHED, RING_AT_A, RING_CLICKS, RING_LOCKED = 1, 2, 4, 8, 16
"""Bits of an aperture state."""

AT_LIMIT, PANNING = 1, 2
"""Bits of a stabiliser state."""


def on_frame_signal(lens: LensCore) -> None:
    """A frame begins: report, if the body ordered reports."""
    told = lens.told
    told.frame = (told.frame + 1) & 0xFFFF
    if told.frame_at:
        told.period = lens.now - told.frame_at
    told.frame_at = lens.now
    if told.reports:
        reports = [REPORTS[kind](lens) for kind in told.reports]
        lens.spawn(_report(lens, reports, told.frame_at))


def _report(lens: LensCore, reports: list[Any], began: float) -> Task:
    yield lens.after(lens.settings.timing.cycle)
    if lens.told.frame < 0:
        # Greeted anew meanwhile, it knows of no frame any more.
        return
    for report in reports:
        # By now the body has said which frame this is.
        report.frame = lens.told.frame
    lens.say(reports, CYCLE, until=lens.at(began, LATEST_US))


def _focus(lens: LensCore) -> FocusState:
    focus, now = lens.focus, lens.now
    position, moving = focus.position(now), focus.moving(now)
    flags = int(FocusFlag.MOVING if moving else FocusFlag.REACHED)
    flags |= FocusFlag.FAR_END * (position == focus.lower) | FocusFlag.NEAR_END * (position == focus.upper)
    flags |= FocusFlag.HOMING * lens.homing | FocusFlag.CANNOT * (not lens.settings.parts.focus_motor)
    flags |= FocusFlag.RELIABLE * lens.homed | FocusFlag.RING * (moving and lens.by_ring)
    speed = focus.velocity(now) * lens.told.period
    return FocusState(
        frame=lens.told.frame,
        position=position,
        target=focus.target,
        velocity=max(-0x8000, min(0x7FFF, round(speed))),
        distance_mm=distance_mm(lens.plane(), lens.settings.focus.steps, lens.nearest_mm),
        flags=flags,
    )


def _aperture(lens: LensCore) -> ApertureState:
    iris, now = lens.iris, lens.now
    ring = lens.ring_av
    flags = MOVING if iris.moving(now) else REACHED
    flags |= RING_AT_A * (lens.ring(RingKind.APERTURE) and ring is None) | RING_CLICKS * lens.told.clicks
    flags |= RING_LOCKED * bool(lens.switches.get(ControlKind.RING_LOCK))
    return ApertureState(
        frame=lens.told.frame,
        now=iris.position(now),
        target=iris.target,
        widest=lens.widest_now(),
        smallest=lens.smallest,
        ring=0 if ring is None else ring,
        flags=flags,
    )


def _zoom(lens: LensCore) -> ZoomState:
    zoom, now = lens.zoom, lens.now
    return ZoomState(
        frame=lens.told.frame,
        focal_length_um=zoom.focal_um(now),
        position=zoom.position(now),
        moving=int(zoom.moving(now)),
    )


def _stabiliser(lens: LensCore) -> StabiliserState:
    told, now = lens.told, lens.now
    x, y, at_limit = 0, 0, False
    lens.panning.add(lens.shake.rate(now)[1], now)
    panning = lens.panning.panning(now)
    if told.stabiliser != StabiliserMode.OFF and not told.exposing:
        # Who pans wants the movement along the pan.
        axes = told.axes & ~YAW if panning and told.stabiliser == StabiliserMode.PANNING else told.axes
        pitch, yaw = lens.shake.angle(now)
        if panning:
            # Where the pan ends is where the hand holds it from then on.
            lens.yaw_held = yaw
        x, y, at_limit = lens.stabiliser.shift_um(
            (pitch, yaw - lens.yaw_held), lens.zoom.focal_um(now), told.share, axes
        )
    return StabiliserState(
        frame=told.frame,
        mode=told.stabiliser,
        shift_x=x,
        shift_y=y,
        range_um=lens.settings.stabiliser.range_um if lens.settings.stabiliser.generation else 0,
        flags=AT_LIMIT * at_limit | PANNING * panning,
    )


YAW = 2

REPORTS: Mapping[int, Callable[[LensCore], Message]] = {
    FocusState.TYPE: _focus,
    ApertureState.TYPE: _aperture,
    ZoomState.TYPE: _zoom,
    StabiliserState.TYPE: _stabiliser,
}
"""Type of a report to what makes it."""

hear = Handlers[LensCore, None]()
"""Take what the body says with each frame; none of it is answered."""


@hear.on(FrameStart)
def _frame_start(lens: LensCore, message: FrameStart) -> None:
    lens.told.frame, lens.told.period = message.frame, message.period_us * 1e-6


@hear.on(AngularRate)
def _rate(lens: LensCore, message: AngularRate) -> None:
    lens.told.rate = (message.pitch / 1000, message.yaw / 1000)


@hear.on(Exposure)
def _exposure(lens: LensCore, message: Exposure) -> None:
    # At the announcement the group goes to its middle, to have its whole range while the picture is taken.
    lens.told.exposing = message.phase == ExposurePhase.ANNOUNCED
