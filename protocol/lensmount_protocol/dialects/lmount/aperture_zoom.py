"""Aperture and zoom: orders, and the state with each frame."""

from lensmount_protocol.codec.lazy_construct import Int8ub, Int16sl, Int16ul, Int32ul
from lensmount_protocol.dialects.lmount.types import ApertureMode, evidence_items
from lensmount_protocol.message import LengthPrefixedMessage, enum_field, field, message
from lensmount_protocol.wire import Role


@message(0x28, Role.BODY, evidence_items(17))
class ApertureDrive(LengthPrefixedMessage):
    """Move the diaphragm."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    mode: ApertureMode = field(
        enum_field(Int8ub, ApertureMode), "kind of movement", default=ApertureMode.QUICK, in_summary=True
    )
    target: int = field(Int16sl, "target aperture", unit="Av/256", in_summary=True)
    duration_us: int = field(Int32ul, "over how long, where smooth", unit="µs")


@message(0xA8, Role.LENS, evidence_items(11, 18, 21))
class ApertureState(LengthPrefixedMessage):
    """State of the diaphragm, and its limits at this zoom."""

    frame: int = field(Int16ul, "number of the frame", in_summary=True)
    now: int = field(Int16sl, "now", unit="Av/256", in_summary=True)
    target: int = field(Int16sl, "target aperture", unit="Av/256", in_summary=True)
    widest: int = field(Int16sl, "widest at this zoom", unit="Av/256")
    smallest: int = field(Int16sl, "smallest at this zoom", unit="Av/256")
    ring: int = field(Int16sl, "setting of the ring", unit="Av/256")
    flags: int = field(Int8ub, "bit 0: moving; 1: reached; 2: ring at A; 3: ring clicks; 4: ring locked", formatter=hex)


@message(0x30, Role.BODY, evidence_items(38))
class ZoomDrive(LengthPrefixedMessage):
    """Move a powered zoom; no known lens of the mount has one, so most refuse it."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    rate: int = field(Int16sl, "speed; 0 to go to `target`", unit="1/1000 of the range a second", in_summary=True)
    target_um: int = field(Int32ul, "focal length", unit="µm", in_summary=True)


@message(0xB0, Role.LENS, evidence_items(10))
class ZoomState(LengthPrefixedMessage):
    """State of the zoom."""

    frame: int = field(Int16ul, "number of the frame", in_summary=True)
    focal_length_um: int = field(Int32ul, "now", unit="µm", in_summary=True)
    position: int = field(Int8ub, "0 short end … 255 long end")
    moving: int = field(Int8ub, "1 while it is turned")
