"""Sets the state of a lens of the open model that joins a session in the middle, from captured reports."""

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.models.diaphragm import DiaphragmModel
from lensmount_emulator.models.focus_drive import FocusDriveModel
from lensmount_emulator.roles.lmount.lens.engine_base import LensEngineBase
from lensmount_emulator.roles.lmount.lens.stream import REPORTS, RING_AT_A
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureState, ZoomState
from lensmount_protocol.dialects.lmount.focus import FocusState
from lensmount_protocol.dialects.lmount.framing import CYCLE
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserState
from lensmount_protocol.dialects.lmount.types import FocusFlag, RingKind, StabiliserMode
from lensmount_protocol.payload import AnyMessage, message_type


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
