"""The reports of a lens with each frame, and the state that a lens takes from them when it joins a session.

Positions of its groups are sampled when the frame signal falls.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lensmount_emulator.engine.engine import Engine, HandlerTable
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.models.diaphragm import DiaphragmModel
from lensmount_emulator.models.focus_drive import FocusDriveModel
from lensmount_emulator.models.optics import distance_mm
from lensmount_emulator.roles.lmount.lens.engine_base import LensEngineBase
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureState, ZoomState
from lensmount_protocol.dialects.lmount.exposure import Exposure, FrameStart
from lensmount_protocol.dialects.lmount.focus import FocusState
from lensmount_protocol.dialects.lmount.framing import CYCLE
from lensmount_protocol.dialects.lmount.stabiliser import AngularRate, StabiliserState
from lensmount_protocol.dialects.lmount.types import ControlKind, ExposurePhase, FocusFlag, RingKind, StabiliserMode
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type

LATEST_US = 1_500.0
"""A report that cannot begin within this time after its frame signal is dropped; the next one has its own number."""

MOVING, REACHED, RING_AT_A, RING_CLICKS, RING_LOCKED = 1, 2, 4, 8, 16
"""Bits of an aperture state."""

AT_LIMIT, PANNING = 1, 2
"""Bits of a stabiliser state."""


def on_frame_signal(lens: LensEngineBase) -> None:
    """Begin a frame: report, if the body ordered reports."""
    requests = lens.body_requests
    requests.frame = (requests.frame + 1) & 0xFFFF
    if requests.frame_at:
        requests.period = lens.now - requests.frame_at
    requests.frame_at = lens.now
    if requests.reports:
        reports = [REPORTS[kind](lens) for kind in requests.reports]
        lens.spawn(_report(lens, reports, requests.frame_at))


def _report(lens: LensEngineBase, reports: list[Any], began: float) -> Task:
    yield lens.after(lens.settings.timing.cycle)
    if lens.body_requests.frame < 0:
        # After a new greeting in between the lens knows no frame number.
        return
    for report in reports:
        # By now the body has sent the number of this frame.
        report.frame = lens.body_requests.frame
    lens.queue_frame(reports, CYCLE, until=lens.at(began, LATEST_US))


def _focus(lens: LensEngineBase) -> FocusState:
    focus, now = lens.focus, lens.now
    position, moving = focus.position(now), focus.moving(now)
    flags = int(FocusFlag.MOVING if moving else FocusFlag.REACHED)
    flags |= FocusFlag.FAR_END * (position == focus.lower) | FocusFlag.NEAR_END * (position == focus.upper)
    flags |= FocusFlag.HOMING * lens.homing | FocusFlag.CANNOT * (not lens.settings.parts.focus_motor)
    flags |= FocusFlag.RELIABLE * lens.homed | FocusFlag.RING * (moving and lens.by_ring)
    speed = focus.velocity(now) * lens.body_requests.period
    return FocusState(
        frame=lens.body_requests.frame,
        position=position,
        target=focus.target,
        velocity=max(-0x8000, min(0x7FFF, round(speed))),
        distance_mm=distance_mm(lens.focus_plane(), lens.settings.focus.steps, lens.nearest_mm),
        flags=flags,
    )


def _aperture(lens: LensEngineBase) -> ApertureState:
    iris, now = lens.iris, lens.now
    ring = lens.ring_av
    flags = MOVING if iris.moving(now) else REACHED
    flags |= RING_AT_A * (lens.has_ring(RingKind.APERTURE) and ring is None) | RING_CLICKS * lens.body_requests.clicks
    flags |= RING_LOCKED * bool(lens.switches.get(ControlKind.RING_LOCK))
    return ApertureState(
        frame=lens.body_requests.frame,
        now=iris.position(now),
        target=iris.target,
        widest=lens.max_aperture_now(),
        smallest=lens.smallest,
        ring=0 if ring is None else ring,
        flags=flags,
    )


def _zoom(lens: LensEngineBase) -> ZoomState:
    zoom, now = lens.zoom, lens.now
    return ZoomState(
        frame=lens.body_requests.frame,
        focal_length_um=zoom.focal_um(now),
        position=zoom.position(now),
        moving=int(zoom.moving(now)),
    )


def _stabiliser(lens: LensEngineBase) -> StabiliserState:
    requests, now = lens.body_requests, lens.now
    x, y, at_limit = 0, 0, False
    lens.panning.add(lens.camera_shake.rate(now)[1], now)
    panning = lens.panning.panning(now)
    if requests.stabiliser != StabiliserMode.OFF and not requests.exposing:
        # During a pan the movement along it is intended.
        axes = requests.axes & ~YAW if panning and requests.stabiliser == StabiliserMode.PANNING else requests.axes
        pitch, yaw = lens.camera_shake.angle(now)
        if panning:
            # The end of the pan is the new reference.
            lens.yaw_held = yaw
        x, y, at_limit = lens.stabiliser.shift_um(
            (pitch, yaw - lens.yaw_held), lens.zoom.focal_um(now), requests.share, axes
        )
    return StabiliserState(
        frame=requests.frame,
        mode=requests.stabiliser,
        shift_x=x,
        shift_y=y,
        range_um=lens.settings.stabiliser.range_um if lens.settings.stabiliser.generation else 0,
        flags=AT_LIMIT * at_limit | PANNING * panning,
    )


YAW = 2

REPORTS: Mapping[int, Callable[[LensEngineBase], Message]] = {
    FocusState.TYPE: _focus,
    ApertureState.TYPE: _aperture,
    ZoomState.TYPE: _zoom,
    StabiliserState.TYPE: _stabiliser,
}
"""Type of a report -> the function that makes it."""

frame_handlers = HandlerTable[LensEngineBase, None]()
"""Handlers of the body's messages with each frame; they are not answered."""


@frame_handlers.on(FrameStart)
def _frame_start(lens: LensEngineBase, message: FrameStart) -> None:
    lens.body_requests.frame, lens.body_requests.period = message.frame, message.period_us * 1e-6


@frame_handlers.on(AngularRate)
def _rate(lens: LensEngineBase, message: AngularRate) -> None:
    lens.body_requests.rate = (message.pitch / 1000, message.yaw / 1000)


@frame_handlers.on(Exposure)
def _exposure(lens: LensEngineBase, message: Exposure) -> None:
    # At the announcement the group moves to its centre, to have its whole range during the exposure.
    lens.body_requests.exposing = message.phase == ExposurePhase.ANNOUNCED


def take_state(engine: Engine, frame: DecodedFrame, ours: DecodedFrame) -> dict[str, int]:
    """Take the state of a lens from a frame of the captured one; see `DialectRoles.take_state`.

    Orders under way, granted current and the pages in use are in no report, so they stay those of a usual start.
    """
    if not isinstance(engine, LensEngineBase):
        return {}
    given = {"Frame.sequence": 1}
    engine.sequence = (engine.sequence + frame.frame.sequence - ours.frame.sequence) & 0xFF
    for message in frame.messages:
        given |= _take_message(engine, message)
    if frame.frame.class_ == CYCLE:
        kinds = [type_ for type_ in map(message_type, frame.messages) if type_ in REPORTS]
        engine.body_requests.reports = kinds
        given["reports"] = len(kinds)
    return given


def _take_message(lens: LensEngineBase, message: AnyMessage) -> dict[str, int]:
    now = lens.now
    if isinstance(message, FocusState):
        settings = lens.settings.focus
        lens.focus = FocusDriveModel(
            steps=settings.steps,
            speed=settings.speed,
            acceleration=settings.acceleration,
            backlash=settings.backlash,
            settle=settings.settle_ms * 1e-3,
            start=message.position,
        )
        lens.homed, lens.homing = bool(message.flags & FocusFlag.RELIABLE), bool(message.flags & FocusFlag.HOMING)
        if message.target != message.position:
            lens.focus.set_target(message.target, now)
        return {"FocusState.position": 4, "FocusState.target": 4}
    if isinstance(message, ApertureState):
        blades = lens.settings.diaphragm
        lens.iris = DiaphragmModel(
            widest=message.widest, smallest=message.smallest, step=blades.step, av_per_s=blades.av_per_s
        )
        lens.iris.target = message.now
        if message.target != message.now:
            lens.iris.set_target(message.target, now)
        if lens.has_ring(RingKind.APERTURE):
            lens.ring_av = None if message.flags & RING_AT_A else message.ring
        return {"ApertureState.now": 2, "ApertureState.target": 2}
    if isinstance(message, ZoomState):
        lens.zoom.turn_to(message.focal_length_um, now, 0.0)
        return {"ZoomState.focal_length_um": 4}
    if isinstance(message, StabiliserState):
        lens.body_requests.stabiliser = StabiliserMode(message.mode)
        return {"StabiliserState.mode": 1}
    return {}
