"""E-mount traits for fuzzing: requests and replies, counters, motion bounds, profiles and scripts."""

from collections.abc import Container, Iterable

from lensmount_emulator.engine.dialect_roles import FuzzTraits, MotionBounds
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.roles.emount.body.startup import DEFAULT_REPLY_TIMEOUT_S, REPLY_TIMEOUTS_S
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.framer import Frame
from lensmount_protocol.wire import Role

FRAMES_PER_SECOND = 61.0
"""Frame-sync pulses, rounded up."""

EMOUNT_WIRE_S = 0.3
"""Longest time of a request and its reply on the wire, including pauses of a slow adapter, in seconds."""


def _request_key(frame: Frame) -> int | None:
    return frame.payload[0] if frame.class_ == REQUEST_CLASS else None


def _reply_keys(frame: Frame) -> Iterable[int]:
    return frame.payload[:1] if frame.class_ == REQUEST_CLASS else ()


def _counters(role: Role, frame: Frame) -> Iterable[tuple[str, int]]:
    if frame.class_ == LOOP_CLASS:
        yield role.value, frame.sequence


def _next_numbers(name: str, _before: int | None) -> Container[int]:
    """A busy body skips pulses, so only numbers that no end may send are wrong."""
    return range(0xF0) if name == Role.BODY.value else {*range(0xF0), *range(0xF1, 0x100)}


def _motion_bounds(lens: Engine, _now: float) -> Iterable[MotionBounds]:
    if not isinstance(lens, LensEngine):
        return
    motor, iris, settings = lens.motor, lens.iris, lens.settings
    planned = motor.planned(float(lens.stream.frame))
    speed = settings.focus.steps_per_frame
    yield MotionBounds("focus", planned, motor.lower, motor.upper, speed * FRAMES_PER_SECOND, 2 * speed)
    speed = iris.codes_per_frame
    lowest, highest = iris.widest + iris.offset, iris.narrowest + iris.offset
    yield MotionBounds("iris", iris.current, lowest, highest, speed * FRAMES_PER_SECOND, 2 * speed)


EMOUNT_TRAITS = FuzzTraits(
    request_key=_request_key,
    reply_key=_request_key,
    reply_keys=_reply_keys,
    unrequested=(Refusal.TYPE,),
    counters=_counters,
    next_numbers=_next_numbers,
    reply_timeout=lambda type_: REPLY_TIMEOUTS_S.get(type_, DEFAULT_REPLY_TIMEOUT_S) + EMOUNT_WIRE_S,
    recovery_s=15.0,
    motion_bounds=_motion_bounds,
    bodies=("a6000", "nex7"),
    lenses=("sel55210", "viltrox-ef50", "voigtlander-15", "loxia-21", "sel2870"),
    scripts=("", "wait 0.1; focus 0xFFFF; aperture f/22", "aperture f/11; focus 0; wait 0.3; focus 0xFFFF",
             "wait 0.1; sleep; wake; wait 0.1; sleep"),
    verbs=("wait 0.05", "focus 0", "focus 0xFFFF", "focus +20", "focus 0x4100", "focus -300", "stop",
           "aperture f/8", "aperture f/5.6", "aperture f/64", "aperture f/1", "frame 3", "sleep; wake",
           "sleep; wake"),
    baudrate_switch_s=0.02,
    window_lead_s=0.005,
    asleep=frozenset({"ASLEEP"}),
)  # fmt: skip
"""The E-mount traits for fuzzing."""
