"""Identity and abilities of the lens, and the accessories between it and the body."""

from lensmount_protocol.codec.lazy_construct import (
    Bytes,
    Int8ub,
    Int16sl,
    Int16ul,
    Int32ul,
    Optional,
    PascalString,
    PrefixedArray,
)
from lensmount_protocol.dialects.lmount.types import AccessoryKind, ImageCircle, evidence_items
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


@message(0x08, Role.BODY, evidence_items(6, 7, 8))
class IdentityRequest(LengthPrefixedMessage):
    """The body requests the identity of the lens."""

    number: int = field(Int8ub, "of the request", in_summary=True)


@message(0x88, Role.LENS, evidence_items(6, 7, 8))
class Identity(LengthPrefixedMessage):
    """The lens's name and versions."""

    number: int = field(Int8ub, "of the request", in_summary=True)
    maker: int = field(Int16ul, "maker's number in this model", in_summary=True)
    model: int = field(Int16ul, "the maker's number of the lens", in_summary=True)
    firmware: bytes = field(Bytes(4), "version, highest part first", default=bytes(4), in_summary=True)
    name: str = field(
        PascalString(Int8ub, "utf-8"), "as on the barrel; 43 characters are the longest known", default=""
    )
    serial: str = field(PascalString(Int8ub, "utf-8"), "serial number", default="")


@message(0x09, Role.BODY, evidence_items(9, 10, 11, 12, 13, 23))
class LensCapabilitiesRequest(LengthPrefixedMessage):
    """The body requests the abilities of the lens."""

    number: int = field(Int8ub, "of the request", in_summary=True)


@message(0x89, Role.LENS, evidence_items(9, 10, 11, 12, 13, 23, 38))
class LensCapabilities(LengthPrefixedMessage):
    """Parts and abilities of the lens; the lens refuses orders for missing ones."""

    number: int = field(Int8ub, "of the request", in_summary=True)
    image_circle: ImageCircle = field(
        enum_field(Int8ub, ImageCircle), "its image circle", default=ImageCircle.FULL_FRAME, in_summary=True
    )
    parts: int = field(Int32ul, "bit set of section 5", formatter=hex, in_summary=True)
    shortest_um: int = field(Int32ul, "shortest focal length", unit="µm", in_summary=True)
    longest_um: int = field(Int32ul, "longest focal length", unit="µm", in_summary=True)
    widest_wide: int = field(Int16sl, "widest aperture at the short end", unit="Av/256")
    widest_tele: int = field(Int16sl, "widest aperture at the long end", unit="Av/256")
    smallest: int = field(Int16sl, "smallest aperture", unit="Av/256")
    focus_steps: int = field(Int16ul, "positions of the focus drive; 0 without one", unit="steps")
    nearest_mm: int = field(Int32ul, "nearest focus", unit="mm")
    stabiliser: int = field(Int8ub, "generation; 0 without one")
    drive_rates_hz: list[int] = field(PrefixedArray(Int8ub, Int16ul), "focus drive rates", default=[60], unit="Hz")
    breathing: int | None = field(Optional(Int8ub), "revision 2: 1 where it has breathing data", default=None)


@field_group
class AccessoryEntry(FieldGroup):
    """One accessory in the chain, from the body on."""

    kind: AccessoryKind = field(enum_field(Int8ub, AccessoryKind), "its kind", default=AccessoryKind.TELECONVERTER)
    maker: int = field(Int16ul, "maker's number in this model")
    model: int = field(Int16ul, "the maker's number")
    factor_permille: int = field(Int16ul, "resulting focal length by the lens's own", default=1000, unit="1/1000")
    limits: int = field(Int8ub, "bit 0: single autofocus only; bit 1: identity is the lens's, folded")


@message(0x8A, Role.LENS, evidence_items(31, 32))
class AccessoryReport(LengthPrefixedMessage):
    """The accessories between lens and body; an active accessory puts itself in front of the list."""

    entries: list[AccessoryEntry] = field(
        PrefixedArray(Int8ub, field_group_layout(AccessoryEntry)), "the chain", default=[]
    )


@message(0x0B, Role.BODY, evidence_items(7))
class MetadataRequest(LengthPrefixedMessage):
    """The body requests the metadata for the picture's file."""

    number: int = field(Int8ub, "of the request", in_summary=True)


@field_group
class MetadataEntry(FieldGroup):
    """One thing to write."""

    tag: int = field(Int16ul, "number of the EXIF tag that it ends in")
    text: str = field(PascalString(Int8ub, "utf-8"), "text of the tag", default="")


@message(0x8B, Role.LENS, evidence_items(7, 10, 11))
class Metadata(LengthPrefixedMessage):
    """The metadata for the picture's file."""

    number: int = field(Int8ub, "of the request", in_summary=True)
    entries: list[MetadataEntry] = field(
        PrefixedArray(Int8ub, field_group_layout(MetadataEntry)), "in order", default=[]
    )
