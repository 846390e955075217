"""What fuzzing knows of the E-mount: questions and answers, counters, what moves how fast, and what to play."""

from collections.abc import Container, Iterable

from lensmount_emulator.roles.emount.body_requests import PATIENCE_S, USUAL_PATIENCE_S
from lensmount_emulator.roles.emount.lens import LensEngine
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.fuzz_traits import FuzzTraits, MotionBounds
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.frame import Frame
from lensmount_protocol.wire import Role

FRAMES_A_SECOND = 61.0
"""Frame-sync pulses, rounded up."""

EMOUNT_WIRE_S = 0.3
"""What a request and its answer may take on the wire, pauses of a slow adapter included."""


def _asks(frame: Frame) -> int | None:
    return frame.payload[0] if frame.class_ == REQUEST_CLASS else None


def _numbers(frame: Frame) -> Iterable[int]:
    return frame.payload[:1] if frame.class_ == REQUEST_CLASS else ()


def _counted(role: Role, frame: Frame) -> Iterable[tuple[str, int]]:
    if frame.class_ == LOOP_CLASS:
        yield role.value, frame.sequence


def _follows(name: str, _before: int | None) -> Container[int]:
    """A body skips pulses where it is busy, so only numbers that nobody may send are wrong."""
    return range(0xF0) if name == Role.BODY.value else {*range(0xF0), *range(0xF1, 0x100)}


def _places(lens: Engine, _now: float) -> Iterable[MotionBounds]:
    if not isinstance(lens, LensEngine):
        return
    motor, iris, settings = lens.motor, lens.iris, lens.settings
    planned = motor.planned(float(lens.stream.frame))
    speed = settings.focus.steps_per_frame
    yield MotionBounds("focus", planned, motor.lower, motor.upper, speed * FRAMES_A_SECOND, 2 * speed)
    speed = iris.codes_per_frame
    lowest, highest = iris.widest + iris.offset, iris.narrowest + iris.offset
    yield MotionBounds("iris", iris.current, lowest, highest, speed * FRAMES_A_SECOND, 2 * speed)


EMOUNT_TRAITS = FuzzTraits(
    asks=_asks,
    answers=_asks,
    numbers=_numbers,
    unasked=(Refusal.TYPE,),
    counted=_counted,
    follows=_follows,
    patience=lambda type_: PATIENCE_S.get(type_, USUAL_PATIENCE_S) + EMOUNT_WIRE_S,
    recovers=15.0,
    places=_places,
    bodies=("a6000", "nex7"),
    lenses=("sel55210", "viltrox-ef50", "voigtlander-15", "loxia-21", "sel2870"),
    scripts=("", "wait 0.1; focus 0xFFFF; aperture f/22", "aperture f/11; focus 0; wait 0.3; focus 0xFFFF",
             "wait 0.1; sleep; wake; wait 0.1; sleep"),
    verbs=("wait 0.05", "focus 0", "focus 0xFFFF", "focus +20", "focus 0x4100", "focus -300", "stop",
           "aperture f/8", "aperture f/5.6", "aperture f/64", "aperture f/1", "frame 3", "sleep; wake",
           "sleep; wake"),
    parts=0.02,
    opens=0.005,
    asleep=frozenset({"ASLEEP"}),
)  # fmt: skip
"""What fuzzing knows of the E-mount."""
