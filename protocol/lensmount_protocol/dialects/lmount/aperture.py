"""Aperture and zoom: orders, and the state with each frame."""

from lensmount_protocol.deferred import Int8ub, Int16sl, Int16ul, Int32ul
from lensmount_protocol.dialects.lmount.evidence import items
from lensmount_protocol.dialects.lmount.types import ApertureMode
from lensmount_protocol.enums import enum_field
from lensmount_protocol.message import SizedMessage, field, message
from lensmount_protocol.wire import Role


@message(0x28, Role.BODY, items(17))
class ApertureDrive(SizedMessage):
    """Move the diaphragm."""

    number: int = field(Int8ub, "of the order", headline=True)
    mode: ApertureMode = field(enum_field(Int8ub, ApertureMode), "how", default=ApertureMode.QUICK, headline=True)
    target: int = field(Int16sl, "where to", unit="Av/256", headline=True)
    duration_us: int = field(Int32ul, "over how long, where smooth", unit="µs")


@message(0xA8, Role.LENS, items(11, 18, 21))
class ApertureState(SizedMessage):
    """Where the diaphragm is, and between which limits at this zoom."""

    frame: int = field(Int16ul, "number of the frame", headline=True)
    now: int = field(Int16sl, "now", unit="Av/256", headline=True)
    target: int = field(Int16sl, "where it is going", unit="Av/256", headline=True)
    widest: int = field(Int16sl, "widest at this zoom", unit="Av/256")
    smallest: int = field(Int16sl, "smallest at this zoom", unit="Av/256")
    ring: int = field(Int16sl, "what the ring says", unit="Av/256")
    flags: int = field(Int8ub, "bit 0: moving; 1: reached; 2: ring at A; 3: ring clicks; 4: ring locked", show=hex)


@message(0x30, Role.BODY, items(38))
class ZoomDrive(SizedMessage):
    """Move a powered zoom; no known lens of the mount has one, so most refuse it."""

    number: int = field(Int8ub, "of the order", headline=True)
    rate: int = field(Int16sl, "how fast; 0 to go to `target`", unit="1/1000 of the range a second", headline=True)
    target_um: int = field(Int32ul, "focal length", unit="µm", headline=True)


@message(0xB0, Role.LENS, items(10))
class ZoomState(SizedMessage):
    """Where the zoom is."""

    frame: int = field(Int16ul, "number of the frame", headline=True)
    focal_length_um: int = field(Int32ul, "now", unit="µm", headline=True)
    position: int = field(Int8ub, "0 short end … 255 long end")
    moving: int = field(Int8ub, "1 while it is turned")
