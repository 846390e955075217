"""Who the lens is, what it can, and what stands between it and the body."""

from lensmount_protocol.deferred import Bytes, Int8ub, Int16sl, Int16ul, Int32ul, Optional, PascalString, PrefixedArray
from lensmount_protocol.dialects.lmount.evidence import items
from lensmount_protocol.dialects.lmount.types import AccessoryKind, ImageCircle
from lensmount_protocol.enums import enum_field
from lensmount_protocol.message import SizedMessage, field, message
from lensmount_protocol.records import Record, record, record_of
from lensmount_protocol.wire import Role


@message(0x08, Role.BODY, items(6, 7, 8))
class IdentityRequest(SizedMessage):
    """Who are you?"""

    number: int = field(Int8ub, "of the request", headline=True)


@message(0x88, Role.LENS, items(6, 7, 8))
class Identity(SizedMessage):
    """The lens's name and versions."""

    number: int = field(Int8ub, "of the request", headline=True)
    maker: int = field(Int16ul, "maker's number in this model", headline=True)
    model: int = field(Int16ul, "the maker's number of the lens", headline=True)
    firmware: bytes = field(Bytes(4), "version, highest part first", default=bytes(4), headline=True)
    name: str = field(
        PascalString(Int8ub, "utf-8"), "as on the barrel; 43 characters are the longest known", default=""
    )
    serial: str = field(PascalString(Int8ub, "utf-8"), "serial number", default="")


@message(0x09, Role.BODY, items(9, 10, 11, 12, 13, 23))
class AbilitiesRequest(SizedMessage):
    """What can you?"""

    number: int = field(Int8ub, "of the request", headline=True)


@message(0x89, Role.LENS, items(9, 10, 11, 12, 13, 23, 38))
class Abilities(SizedMessage):
    """What the lens has and can; what it has not, an order refuses."""

    number: int = field(Int8ub, "of the request", headline=True)
    image_circle: ImageCircle = field(
        enum_field(Int8ub, ImageCircle), "what it covers", default=ImageCircle.FULL_FRAME, headline=True
    )
    parts: int = field(Int32ul, "bit set of section 5", show=hex, headline=True)
    shortest_um: int = field(Int32ul, "shortest focal length", unit="µm", headline=True)
    longest_um: int = field(Int32ul, "longest focal length", unit="µm", headline=True)
    widest_wide: int = field(Int16sl, "widest aperture at the short end", unit="Av/256")
    widest_tele: int = field(Int16sl, "widest aperture at the long end", unit="Av/256")
    smallest: int = field(Int16sl, "smallest aperture", unit="Av/256")
    focus_steps: int = field(Int16ul, "positions of the focus drive; 0 without one", unit="steps")
    nearest_mm: int = field(Int32ul, "nearest focus", unit="mm")
    stabiliser: int = field(Int8ub, "generation; 0 without one")
    drive_rates_hz: list[int] = field(PrefixedArray(Int8ub, Int16ul), "focus drive rates", default=[60], unit="Hz")
    breathing: int | None = field(Optional(Int8ub), "revision 2: 1 where it has breathing data", default=None)


@record
class AccessoryEntry(Record):
    """One accessory in the chain, from the body on."""

    kind: AccessoryKind = field(enum_field(Int8ub, AccessoryKind), "what it is", default=AccessoryKind.TELECONVERTER)
    maker: int = field(Int16ul, "maker's number in this model")
    model: int = field(Int16ul, "the maker's number")
    factor_permille: int = field(Int16ul, "focal length behind it, of the lens's own", default=1000, unit="1/1000")
    limits: int = field(Int8ub, "bit 0: single autofocus only; bit 1: identity is the lens's, folded")


@message(0x8A, Role.LENS, items(31, 32))
class AccessoryReport(SizedMessage):
    """What stands between lens and body; an accessory that speaks puts itself in front of the list."""

    entries: list[AccessoryEntry] = field(PrefixedArray(Int8ub, record_of(AccessoryEntry)), "the chain", default=[])


@message(0x0B, Role.BODY, items(7))
class MetadataRequest(SizedMessage):
    """What is to be written into the picture's file?"""

    number: int = field(Int8ub, "of the request", headline=True)


@record
class MetadataEntry(Record):
    """One thing to write."""

    tag: int = field(Int16ul, "number of the EXIF tag that it ends in")
    text: str = field(PascalString(Int8ub, "utf-8"), "what to write", default="")


@message(0x8B, Role.LENS, items(7, 10, 11))
class Metadata(SizedMessage):
    """What is to be written into the picture's file."""

    number: int = field(Int8ub, "of the request", headline=True)
    entries: list[MetadataEntry] = field(PrefixedArray(Int8ub, record_of(MetadataEntry)), "in order", default=[])
