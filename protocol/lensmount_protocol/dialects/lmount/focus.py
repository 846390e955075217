"""Focus: orders, the state with each frame, rings, limits, the distance scale, breathing and defocus data."""

from lensmount_protocol.codec.lazy_construct import Int8ub, Int16sl, Int16ul, Int32sl, Int32ul, Optional, PrefixedArray
from lensmount_protocol.dialects.lmount.types import FocusCommand, RingKind, evidence_items
from lensmount_protocol.message import (
    FieldGroup,
    LengthPrefixedMessage,
    enum_field,
    field,
    field_group,
    field_group_layout,
    message,
)
from lensmount_protocol.wire import Role

INFINITY_MM = 65_535_000
"""Distance that stands for infinity, as bodies write it into their files."""


@message(0x20, Role.BODY, evidence_items(15))
class FocusDrive(LengthPrefixedMessage):
    """Drive the focus group; a new order replaces the one before it."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    order: FocusCommand = field(
        enum_field(Int8ub, FocusCommand),
        "kind of drive, and meaning of `value`",
        default=FocusCommand.ABSOLUTE,
        in_summary=True,
    )
    value: int = field(Int32sl, "steps, or steps a second", in_summary=True)
    speed: int = field(Int16ul, "at most this fast; 0 for as fast as it can", unit="steps/s")
    frame: int | None = field(Optional(Int16ul), "revision 2: be there when this frame begins", default=None)


@message(0xA0, Role.LENS, evidence_items(14, 16))
class FocusState(LengthPrefixedMessage):
    """State of the focus, sampled at the frame's start."""

    frame: int = field(Int16ul, "number of the frame", in_summary=True)
    position: int = field(Int16ul, "now", unit="steps", in_summary=True)
    target: int = field(Int16ul, "target position", unit="steps", in_summary=True)
    velocity: int = field(Int16sl, "now", unit="steps/frame")
    distance_mm: int = field(Int32ul, "object distance", unit="mm", default=INFINITY_MM)
    flags: int = field(Int8ub, "bit set of `FocusFlag`", formatter=hex, in_summary=True)


@message(0x21, Role.BODY, evidence_items(13, 22))
class FocusLimits(LengthPrefixedMessage):
    """Between which positions autofocus may move."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    near: int = field(Int16ul, "near limit", unit="steps", in_summary=True)
    far: int = field(Int16ul, "far limit", unit="steps", in_summary=True)


@message(0x22, Role.BODY, evidence_items(20))
class RingBehaviour(LengthPrefixedMessage):
    """Behaviour of a ring by wire; a lens with another kind of ring refuses it."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    ring: RingKind = field(enum_field(Int8ub, RingKind), "the ring", default=RingKind.FOCUS, in_summary=True)
    linear: int = field(Int8ub, "1: linear; 0: the faster, the further", in_summary=True)
    throw_degrees: int = field(Int16ul, "angle for the whole range, where linear", unit="°", in_summary=True)
    reversed_: int = field(Int8ub, "1: the other way round")
    clicks: int = field(Int8ub, "1: with clicks, where the ring has them")


@message(0xA1, Role.LENS, evidence_items(19, 21))
class RingMoved(LengthPrefixedMessage):
    """A ring was turned."""

    ring: RingKind = field(enum_field(Int8ub, RingKind), "the ring", default=RingKind.FOCUS, in_summary=True)
    delta: int = field(Int16sl, "movement since the last report", unit="1/10 °", in_summary=True)
    speed: int = field(Int16ul, "speed", unit="°/s")


@field_group
class ScalePoint(FieldGroup):
    """A position and the distance that it means."""

    position: int = field(Int16ul, "focus position", unit="steps")
    distance_mm: int = field(Int32ul, "object distance", unit="mm")


@message(0x23, Role.BODY, evidence_items(13, 29, 30))
class FocusTableRequest(LengthPrefixedMessage):
    """Send a table of the focus: 1 the distance scale, 2 breathing, 3 defocus."""

    number: int = field(Int8ub, "of the request", in_summary=True)
    table: int = field(Int8ub, "number of the table", in_summary=True)
    focal_length_um: int = field(Int32ul, "for which focal length", unit="µm")


@message(0xA3, Role.LENS, evidence_items(13, 14))
class DistanceScale(LengthPrefixedMessage):
    """The distance scale at one focal length, from the far end on."""

    number: int = field(Int8ub, "of the request", in_summary=True)
    focal_length_um: int = field(Int32ul, "for which focal length", unit="µm")
    points: list[ScalePoint] = field(PrefixedArray(Int8ub, field_group_layout(ScalePoint)), "the scale", default=[])


@message(0xA4, Role.LENS, evidence_items(30))
class BreathingTable(LengthPrefixedMessage):
    """Change of the field of view with focus at one focal length, so that the body can crop it away."""

    number: int = field(Int8ub, "of the request", in_summary=True)
    focal_length_um: int = field(Int32ul, "for which focal length", unit="µm")
    scales: list[int] = field(PrefixedArray(Int8ub, Int16ul), "from the far end on", default=[], unit="1/32768")


@message(0xA5, Role.LENS, evidence_items(29))
class DefocusTable(LengthPrefixedMessage):
    """Growth of the blur with defocus at one focal length, for bodies that focus by depth from defocus."""

    number: int = field(Int8ub, "of the request", in_summary=True)
    focal_length_um: int = field(Int32ul, "for which focal length", unit="µm")
    blur: list[int] = field(PrefixedArray(Int8ub, Int16sl), "per step of defocus", default=[], unit="1/256")
