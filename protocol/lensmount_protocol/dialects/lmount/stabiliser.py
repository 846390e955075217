"""Stabilisation: by the lens, by the body, or shared frame by frame."""

from lensmount_protocol.codec.lazy_construct import Int8ub, Int16sl, Int16ul, Int32ul
from lensmount_protocol.dialects.lmount.types import StabiliserMode, evidence_items
from lensmount_protocol.message import LengthPrefixedMessage, enum_field, field, message
from lensmount_protocol.wire import Role


@message(0x38, Role.BODY, evidence_items(24, 25))
class StabiliserCommand(LengthPrefixedMessage):
    """Mode of the lens's stabiliser, and its share of the correction."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    mode: StabiliserMode = field(
        enum_field(Int8ub, StabiliserMode), "mode to use", default=StabiliserMode.NORMAL, in_summary=True
    )
    axes: int = field(Int8ub, "bit 0: pitch; bit 1: yaw", default=3, formatter=hex, in_summary=True)
    share_permille: int = field(
        Int16ul, "the lens's part of the correction", default=1000, unit="1/1000", in_summary=True
    )


@message(0x39, Role.BODY, evidence_items(25, 26))
class AngularRate(LengthPrefixedMessage):
    """Angular rate of the body's own sensor, so that both halves correct the same movement."""

    frame: int = field(Int16ul, "number of the frame", in_summary=True)
    time_us: int = field(Int32ul, "of the sample, from the frame's start", unit="µs")
    pitch: int = field(Int16sl, "angular rate", unit="1/1000 °/s", in_summary=True)
    yaw: int = field(Int16sl, "angular rate", unit="1/1000 °/s", in_summary=True)
    roll: int = field(Int16sl, "angular rate", unit="1/1000 °/s")


@message(0xB8, Role.LENS, evidence_items(23, 25))
class StabiliserState(LengthPrefixedMessage):
    """Position and range of the stabiliser's group."""

    frame: int = field(Int16ul, "number of the frame", in_summary=True)
    mode: StabiliserMode = field(
        enum_field(Int8ub, StabiliserMode), "current mode", default=StabiliserMode.OFF, in_summary=True
    )
    shift_x: int = field(Int16sl, "of the image", unit="µm", in_summary=True)
    shift_y: int = field(Int16sl, "of the image", unit="µm", in_summary=True)
    range_um: int = field(Int16ul, "largest shift each way", unit="µm")
    flags: int = field(Int8ub, "bit 0: at its limit; bit 1: panning seen", formatter=hex)
