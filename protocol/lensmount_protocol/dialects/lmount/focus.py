"""Focus: orders, the state with each frame, rings, limits, the distance scale, breathing and defocus data."""

from lensmount_protocol.deferred import Int8ub, Int16sl, Int16ul, Int32sl, Int32ul, Optional, PrefixedArray
from lensmount_protocol.dialects.lmount.evidence import items
from lensmount_protocol.dialects.lmount.types import FocusOrder, RingKind
from lensmount_protocol.enums import enum_field
from lensmount_protocol.message import SizedMessage, field, message
from lensmount_protocol.records import Record, record, record_of
from lensmount_protocol.wire import Role

INFINITY_MM = 65_535_000
"""Distance that stands for infinity, as bodies write it into their files."""


@message(0x20, Role.BODY, items(15))
class FocusDrive(SizedMessage):
    """Drive the focus group; a new order replaces the one before it."""

    number: int = field(Int8ub, "of the order", headline=True)
    order: FocusOrder = field(
        enum_field(Int8ub, FocusOrder), "what `value` means", default=FocusOrder.ABSOLUTE, headline=True
    )
    value: int = field(Int32sl, "steps, or steps a second", headline=True)
    speed: int = field(Int16ul, "at most this fast; 0 for as fast as it can", unit="steps/s")
    frame: int | None = field(Optional(Int16ul), "revision 2: be there when this frame begins", default=None)


@message(0xA0, Role.LENS, items(14, 16))
class FocusState(SizedMessage):
    """Where the focus is, sampled at the frame's start."""

    frame: int = field(Int16ul, "number of the frame", headline=True)
    position: int = field(Int16ul, "now", unit="steps", headline=True)
    target: int = field(Int16ul, "where it is going", unit="steps", headline=True)
    velocity: int = field(Int16sl, "now", unit="steps/frame")
    distance_mm: int = field(Int32ul, "object distance", unit="mm", default=INFINITY_MM)
    flags: int = field(Int8ub, "bit set of `FocusFlag`", show=hex, headline=True)


@message(0x21, Role.BODY, items(13, 22))
class FocusLimits(SizedMessage):
    """Between which positions autofocus may move."""

    number: int = field(Int8ub, "of the order", headline=True)
    near: int = field(Int16ul, "near limit", unit="steps", headline=True)
    far: int = field(Int16ul, "far limit", unit="steps", headline=True)


@message(0x22, Role.BODY, items(20))
class RingBehaviour(SizedMessage):
    """How a ring by wire acts; refused by a lens whose ring cannot."""

    number: int = field(Int8ub, "of the order", headline=True)
    ring: RingKind = field(enum_field(Int8ub, RingKind), "which ring", default=RingKind.FOCUS, headline=True)
    linear: int = field(Int8ub, "1: linear; 0: the faster, the further", headline=True)
    throw_degrees: int = field(Int16ul, "angle for the whole range, where linear", unit="°", headline=True)
    reversed_: int = field(Int8ub, "1: the other way round")
    clicks: int = field(Int8ub, "1: with clicks, where the ring has them")


@message(0xA1, Role.LENS, items(19, 21))
class RingTurned(SizedMessage):
    """A ring was turned."""

    ring: RingKind = field(enum_field(Int8ub, RingKind), "which ring", default=RingKind.FOCUS, headline=True)
    delta: int = field(Int16sl, "how far since the last report", unit="1/10 °", headline=True)
    speed: int = field(Int16ul, "how fast", unit="°/s")


@record
class ScalePoint(Record):
    """A position and the distance that it means."""

    position: int = field(Int16ul, "focus position", unit="steps")
    distance_mm: int = field(Int32ul, "object distance", unit="mm")


@message(0x23, Role.BODY, items(13, 29, 30))
class FocusTableRequest(SizedMessage):
    """Send a table of the focus: 1 the distance scale, 2 breathing, 3 defocus."""

    number: int = field(Int8ub, "of the request", headline=True)
    table: int = field(Int8ub, "which", headline=True)
    focal_length_um: int = field(Int32ul, "for which focal length", unit="µm")


@message(0xA3, Role.LENS, items(13, 14))
class DistanceScale(SizedMessage):
    """The distance scale at one focal length, from the far end on."""

    number: int = field(Int8ub, "of the request", headline=True)
    focal_length_um: int = field(Int32ul, "for which focal length", unit="µm")
    points: list[ScalePoint] = field(PrefixedArray(Int8ub, record_of(ScalePoint)), "the scale", default=[])


@message(0xA4, Role.LENS, items(30))
class BreathingTable(SizedMessage):
    """How the field of view changes with focus at one focal length, so that the body can crop it away."""

    number: int = field(Int8ub, "of the request", headline=True)
    focal_length_um: int = field(Int32ul, "for which focal length", unit="µm")
    scales: list[int] = field(PrefixedArray(Int8ub, Int16ul), "from the far end on", default=[], unit="1/32768")


@message(0xA5, Role.LENS, items(29))
class DefocusTable(SizedMessage):
    """How the blur grows with defocus at one focal length, for bodies that focus by depth from defocus."""

    number: int = field(Int8ub, "of the request", headline=True)
    focal_length_um: int = field(Int32ul, "for which focal length", unit="µm")
    blur: list[int] = field(PrefixedArray(Int8ub, Int16sl), "per step of defocus", default=[], unit="1/256")
