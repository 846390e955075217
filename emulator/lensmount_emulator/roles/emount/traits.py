"""Traits of the E-mount for fuzzing, gauges and learning: requests and replies, shown fields, frames as words."""

from collections.abc import Container, Iterable

from lensmount_emulator.engine.dialect_roles import FuzzTraits, MotionBounds
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.traits import Answer, Gauge, LearnTraits, OutputToken
from lensmount_emulator.roles.emount.body.startup import DEFAULT_REPLY_TIMEOUT_S, REPLY_TIMEOUTS_S
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply, StreamLayoutRequest
from lensmount_protocol.dialects.emount.units import INFINITY, RefusalCode, f_number, metres
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type
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


_BODY_NUMBERS = range(0xF0)
_LENS_NUMBERS = frozenset(range(0x100)) - {0xF0}


def _next_numbers(name: str, _before: int | None) -> Container[int]:
    """A busy body skips pulses, so only numbers that no end may send are wrong."""
    return _BODY_NUMBERS if name == Role.BODY.value else _LENS_NUMBERS


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
)  # fmt: skip
"""The E-mount traits for fuzzing."""


def _aperture(code: int) -> str:
    return f"f/{f_number(code):.1f}"


def _distance(code: int) -> str:
    return "∞" if code >= INFINITY else f"{metres(code):.2f} m"


def _millimetres(tenths: int) -> str:
    return f"{tenths / 10:g} mm"


EMOUNT_GAUGES = (
    Gauge(
        "aperture",
        Role.LENS,
        "aperture",
        "LensStatus.aperture",
        target="LensStatus.aperture_next",
        number=f_number,
        text=_aperture,
    ),
    Gauge(
        "focus",
        Role.LENS,
        "focus",
        "FocusStatus.position",
        target="FocusStatus.planned_position",
        minimum="FocusStatus.lower_limit",
        maximum="FocusStatus.upper_limit",
        text=str,
    ),
    Gauge("distance", Role.LENS, "distance", "LensStatus.distance", text=_distance),
    Gauge("zoom", Role.LENS, "focal length", "LensStatus.focal_length_dmm", text=_millimetres),
    Gauge("switch", Role.LENS, "AF/MF switch", "LensStatus.focus_switch"),
    Gauge("buttons", Role.LENS, "barrel", "LensStatus.barrel_flags"),
    Gauge("mode", Role.BODY, "focus mode", "BodyMode.focus_mode"),
    Gauge("aperture", Role.BODY, "aperture ordered", "BodyState.aperture_target", number=f_number, text=_aperture),
    Gauge("state", Role.BODY, "body state", "BodyState.state"),
    Gauge("cycle", Role.BODY, "frames a cycle", "BodyState.cycle_length"),
)


STREAMED = frozenset({0x03, 0x04, 0x05, 0x06, 0x2F})
"""Types that an end sends with every frame."""

SHORT = 2
"""Size of a message with one byte, which is part of its word: `10(0)`."""


def _word(message: AnyMessage) -> str:
    type_ = message_type(message)
    if isinstance(message, Refusal):
        return f"02({message.type_:02X},{int(message.code)})"
    if isinstance(message, Message) and message.SIZE == SHORT:
        return f"{type_:02X}({message.build()[1]})"
    return f"{type_:02X}"


def _words(arrival: ReceivedFrame) -> Iterable[OutputToken]:
    for message in arrival.messages:
        streams = arrival.frame.class_ == LOOP_CLASS and message_type(message) in STREAMED
        yield OutputToken(_word(message), streams)


OTHER = 0x26
"""A reply of this type answers no request of a start."""


def _answer(arrival: ReceivedFrame, how: str) -> Answer | None:
    """The answer of a lens without a fast rate: it must not leave the rate that the probe listens at."""
    if arrival.frame.class_ == LOOP_CLASS:
        # Whatever the letter: silence in the loop would count time.
        return Answer((LensStatus(),), LOOP_CLASS)
    if arrival.frame.class_ != REQUEST_CLASS or not arrival.messages:
        return None
    request = arrival.messages[0]
    type_ = message_type(request) if how != "other" else OTHER
    if how == "refuse":
        return Answer((Refusal(type_=type_, code=RefusalCode.UNKNOWN_MESSAGE),), REQUEST_CLASS)
    if isinstance(request, StreamLayoutRequest) and how == "right":
        layout = StreamLayoutReply(status_blocks=request.status_blocks, focus_blocks=request.focus_blocks)
        return Answer((layout,), REQUEST_CLASS)
    reply = EMOUNT.messages.get((Role.LENS, type_))
    return None if reply is None else Answer((reply(),), REQUEST_CLASS)


EMOUNT_LEARN = LearnTraits(
    alphabets="lensmount_emulator.roles.emount.alphabets",
    describe=lambda arrival: tuple(_words(arrival)),
    answer=_answer,
)
"""The E-mount traits for learning."""
