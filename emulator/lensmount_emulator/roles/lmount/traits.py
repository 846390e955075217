"""Traits of the open model for fuzzing, gauges and learning: requests and replies, shown fields, frames as words."""

import math
from collections.abc import Container, Iterable
from typing import Any

from lensmount_emulator.engine.dialect_roles import FuzzTraits, MotionBounds
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.traits import Answer, Gauge, LearnTraits, OutputToken, ViewfinderFields
from lensmount_emulator.roles.lmount.lens.engine import NUMBER_OFFSET, LensEngine
from lensmount_emulator.roles.lmount.lens_rules import LmountLensRules
from lensmount_emulator.roles.lmount.link_engine import MAX_QUEUED, LmountEngine
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.lmount.focus import INFINITY_MM, FocusState
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT, LINK, ORDER
from lensmount_protocol.dialects.lmount.identity import (
    Identity,
    IdentityRequest,
    LensCapabilities,
    LensCapabilitiesRequest,
)
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone, CommandRejected, LensHello
from lensmount_protocol.dialects.lmount.types import ImageCircle, Outcome, RejectionCode
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import Role

MAX_OPEN = 16
"""Orders that wait for their answers at once."""


def _request_key(frame: Frame) -> int | None:
    """Return the number of a frame's only message."""
    if frame.class_ != ORDER or len(frame.messages) != 1 or isinstance(frame.messages[0], BodyHello):
        return None
    message = frame.messages[0]
    if isinstance(message, UnknownMessage):
        return message.data[NUMBER_OFFSET] if len(message.data) > NUMBER_OFFSET else 0
    return int(getattr(message, "number", 0))


def _reply_keys(frame: Frame) -> Iterable[int]:
    """Return the keys of every message that is no report or event; each has its own answer."""
    if frame.class_ not in (CYCLE, EVENT):
        for message in frame.messages:
            data = message.build()
            yield data[NUMBER_OFFSET] if len(data) > NUMBER_OFFSET else 0
            yield int(getattr(message, "number", 0))


def _counters(role: Role, frame: Frame) -> Iterable[tuple[str, int]]:
    yield "frames", frame.sequence
    number = _request_key(frame)
    if number is not None and role is Role.BODY:
        yield "orders", number


def _next_numbers(name: str, before: int | None) -> Container[int]:
    """Return the legal next numbers: frames count by one; orders from 1 to 255, and an open one may be repeated."""
    if name == "frames":
        return range(256) if before is None else ((before + 1) % 256,)
    near = range(-MAX_OPEN, MAX_OPEN + 1)
    return range(1, 256) if before is None else [(before - 1 + by) % 255 + 1 for by in near]


def _motion_bounds(lens: Engine, now: float) -> Iterable[MotionBounds]:
    if not isinstance(lens, LensEngine):
        return
    focus, iris = lens.focus, lens.iris
    yield MotionBounds("focus", focus.position(now), focus.lower, focus.upper, lens.settings.focus.speed, 2)
    if not lens.is_zoom:
        # A zoom changes the range of its diaphragm at once.
        speed = lens.settings.diaphragm.av_per_s * 256
        yield MotionBounds(
            "iris", iris.position(now), iris.widest, iris.smallest, 1.5 * speed, lens.settings.diaphragm.step
        )


def _overflowed(lens: Engine) -> float:
    return lens.overflowed_at if isinstance(lens, LmountEngine) else -math.inf


def _is_focus_idle(lens: Engine) -> bool:
    return not isinstance(lens, LensEngine) or not lens.driving


def _is_iris_idle(lens: Engine) -> bool:
    return not isinstance(lens, LensEngine) or not lens.closing


LMOUNT_TRAITS = FuzzTraits(
    request_key=_request_key,
    reply_key=_request_key,
    reply_keys=_reply_keys,
    unrequested=(0,),
    counters=_counters,
    next_numbers=_next_numbers,
    reply_timeout=lambda _number: 0.2,
    lens_reply_s=0.1,
    overflowed=_overflowed,
    recovery_s=8.0,
    motion_bounds=_motion_bounds,
    bodies=("panasonic-s1r", "leica-sl2", "sigma-fp"),
    lenses=("sigma-45mm-f2.8-dg-dn", "panasonic-s-pro-70-200mm-f2.8", "sigma-50mm-f1.4-dg-dn"),
    scripts=("", "focus near; aperture f/8; focus far", "wait 0.1; focus 2m; expose 1/60; fetch-corrections",
             "wait 0.3; sleep; wake; wait 0.5; sleep"),
    verbs=("wait 0.05", "focus near", "focus far", "focus 2m", "focus +100", "velocity 500", "stop", "aperture f/8",
           "aperture f/64", "aperture f/1",
           "ramp-aperture f/4 200ms", "open-aperture", "stabilise normal", "stabilise off", "expose 1/60", "rate 120",
           "rate 60", "track-focus 0.1", "limits 100 700", "limits off", "fetch-corrections",
           "extension joint corrections", "sleep; wake", "sleep; wake"),
    control_steps=("zoom 70", "zoom 120", "turn focus 30", "turn focus -50", "press afl", "release afl", "switch af 1",
           "switch af 0", "ring f/4", "ring A", "turn aperture 20"),
    idle_checks={"focus": _is_focus_idle, "aperture": _is_iris_idle, "ramp-aperture": _is_iris_idle,
           "open-aperture": _is_iris_idle, "expose": _is_iris_idle},
    queue_bounds={"_outbox": MAX_QUEUED},
    hello=BodyHello,
    is_hello_reply=lambda frame: frame.class_ == LINK,
    baudrate_switch_s=0.003,
    window_lead_s=0.001,
    device_rules={Role.LENS: LmountLensRules},
    uncarried_lines=(frozenset({"FSYNC"}), frozenset({"V_DRIVE"}), frozenset({"BODY_ATT", "LENS_ATT"})),
)  # fmt: skip
"""The traits of the open model for fuzzing."""


def _f_number(value: int) -> float:
    return float(2.0 ** (value / 512))


def _aperture(value: int) -> str:
    return f"f/{_f_number(value):.1f}"


def _focal_length(um: int) -> str:
    return f"{um / 1000:.4g} mm"


def _distance(mm: int) -> str:
    return "∞" if mm >= INFINITY_MM else f"{mm / 1000:.2f} m"


LMOUNT_GAUGES = (
    Gauge(
        "aperture",
        Role.LENS,
        "aperture",
        "ApertureState.now",
        target="ApertureState.target",
        minimum="ApertureState.widest",
        maximum="ApertureState.smallest",
        number=_f_number,
        text=_aperture,
    ),
    Gauge(
        "focus",
        Role.LENS,
        "focus",
        "FocusState.position",
        target="FocusState.target",
        minimum="FocusLimits.near",
        maximum="LensCapabilities.focus_steps",
    ),
    Gauge("distance", Role.LENS, "distance", "FocusState.distance_mm", text=_distance),
    Gauge(
        "zoom",
        Role.LENS,
        "focal length",
        "ZoomState.focal_length_um",
        minimum="LensCapabilities.shortest_um",
        maximum="LensCapabilities.longest_um",
        text=_focal_length,
    ),
    Gauge("stabiliser", Role.LENS, "stabiliser", "StabiliserState.mode"),
    Gauge("power", Role.LENS, "current", "PowerReport.draw_ma", maximum="PowerGrant.limit_ma"),
    Gauge("control", Role.LENS, "last control", "ControlEvent.control"),
    Gauge("power_class", Role.BODY, "power granted", "PowerGrant.granted"),
    Gauge("circle", Role.BODY, "image circle", "ImageCircleSelect.used"),
    Gauge("exposure", Role.BODY, "exposure", "Exposure.phase"),
    Gauge("rate", Role.BODY, "frame period", "FrameStart.period_us"),
)


def _breathes_percent(settings: Any) -> float:
    return float(settings.focus.breathes_percent)


LMOUNT_VIEWFINDER = ViewfinderFields(
    focused_mm="FocusState.distance_mm",
    infinity_mm=INFINITY_MM,
    focal_um="ZoomState.focal_length_um",
    aperture="ApertureState.now",
    f_number=_f_number,
    exposure_us="Exposure.duration_us",
    shortest_um="LensCapabilities.shortest_um",
    longest_um="LensCapabilities.longest_um",
    nearest_mm="LensCapabilities.nearest_mm",
    circle="ImageCircleSelect.used",
    crops=lambda used: bool(used == ImageCircle.APS_C),
    breathes_percent=_breathes_percent,
)


def _word(message: AnyMessage) -> str:
    if isinstance(message, CommandDone):
        return f"done({message.order:02X},{_name(message.outcome)})"
    if isinstance(message, CommandRejected):
        return f"no({message.order:02X},{_name(message.code)})"
    return f"{message_type(message):02X}"


def _name(value: int) -> str:
    """The name of an enumeration's member, or its number."""
    return str(getattr(value, "name", None) or int(value))


def _words(arrival: ReceivedFrame) -> Iterable[OutputToken]:
    """The words of a frame; spontaneous reports are left out, since they come when they come."""
    if arrival.frame.class_ == EVENT:
        return
    for message in arrival.messages:
        yield OutputToken(_word(message), arrival.frame.class_ == CYCLE)


def _number(message: Any, number: int) -> None:
    if hasattr(message, "number"):
        message.number = number


RELIABLE = 64
"""Flag of a focus position that counts: the lens has homed."""

OTHER = 100
"""Added to the number of an order, for the answer to another one."""


def _answer(arrival: ReceivedFrame, how: str) -> Answer | None:
    """The answer of a lens without motors that speaks at the first rate only."""
    class_ = arrival.frame.class_
    order = arrival.messages[0] if arrival.messages else None
    if not isinstance(order, Message):
        return None
    if class_ == CYCLE:
        # Whatever the letter: silence in the loop would count time.
        return Answer((FocusState(flags=RELIABLE),), CYCLE)
    if isinstance(order, BodyHello):
        return Answer((LensHello(),), LINK) if how == "right" else None
    number = getattr(order, "number", None)
    if number is None:
        return None
    if how == "refuse":
        rejection = CommandRejected(number=number, order=order.TYPE, code=RejectionCode.NOT_NOW)
        return Answer((rejection,), class_)
    if how == "other":
        number = (number + OTHER) % 255 + 1
    return Answer((_reply(order, number),), class_)


def _reply(order: Message, number: int) -> Message:
    if isinstance(order, IdentityRequest):
        return Identity(number=number)
    if isinstance(order, LensCapabilitiesRequest):
        return LensCapabilities(number=number)
    return CommandDone(number=number, order=order.TYPE, outcome=Outcome.DONE)


LMOUNT_LEARN = LearnTraits(
    alphabets="lensmount_emulator.roles.lmount.alphabets",
    describe=lambda arrival: tuple(_words(arrival)),
    number=_number,
    answer=_answer,
)
"""The open model's traits for learning."""
