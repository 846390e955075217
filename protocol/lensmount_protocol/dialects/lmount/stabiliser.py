"""Stabilisation: by the lens, by the body, or shared frame by frame."""

from lensmount_protocol.deferred import Int8ub, Int16sl, Int16ul, Int32ul
from lensmount_protocol.dialects.lmount.evidence import items
from lensmount_protocol.dialects.lmount.types import StabiliserMode
from lensmount_protocol.enums import enum_field
from lensmount_protocol.message import SizedMessage, field, message
from lensmount_protocol.wire import Role


@message(0x38, Role.BODY, items(24, 25))
class StabiliserOrder(SizedMessage):
    """What the lens's stabiliser does, and which part of the correction is its own."""

    number: int = field(Int8ub, "of the order", headline=True)
    mode: StabiliserMode = field(
        enum_field(Int8ub, StabiliserMode), "what for", default=StabiliserMode.NORMAL, headline=True
    )
    axes: int = field(Int8ub, "bit 0: pitch; bit 1: yaw", default=3, show=hex, headline=True)
    share_permille: int = field(
        Int16ul, "the lens's part of the correction", default=1000, unit="1/1000", headline=True
    )


@message(0x39, Role.BODY, items(25, 26))
class AngularRate(SizedMessage):
    """What the body's own sensor measured, so that both halves correct the same movement."""

    frame: int = field(Int16ul, "number of the frame", headline=True)
    time_us: int = field(Int32ul, "of the sample, from the frame's start", unit="µs")
    pitch: int = field(Int16sl, "angular rate", unit="1/1000 °/s", headline=True)
    yaw: int = field(Int16sl, "angular rate", unit="1/1000 °/s", headline=True)
    roll: int = field(Int16sl, "angular rate", unit="1/1000 °/s")


@message(0xB8, Role.LENS, items(23, 25))
class StabiliserState(SizedMessage):
    """Where the stabiliser's group is, and how far it could go."""

    frame: int = field(Int16ul, "number of the frame", headline=True)
    mode: StabiliserMode = field(
        enum_field(Int8ub, StabiliserMode), "what it does", default=StabiliserMode.OFF, headline=True
    )
    shift_x: int = field(Int16sl, "of the image", unit="µm", headline=True)
    shift_y: int = field(Int16sl, "of the image", unit="µm", headline=True)
    range_um: int = field(Int16ul, "largest shift each way", unit="µm")
    flags: int = field(Int8ub, "bit 0: at its limit; bit 1: panning seen", show=hex)
