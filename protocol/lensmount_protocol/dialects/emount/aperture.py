"""The iris order that a newer body sends at the shutter press."""

from lensmount_protocol.codec.lazy_construct import Int8ub, Int16ul
from lensmount_protocol.dialects.emount.units import format_aperture, format_hex8
from lensmount_protocol.evidence import Evidence, EvidenceLevel
from lensmount_protocol.message import Message, field, message, unknown_bytes
from lensmount_protocol.wire import Role

_DISPUTED = Evidence(EvidenceLevel.DISPUTED, "BAS, WZQ", "an older page of WZQ reads it as a focus target")


@message(0x1B, Role.BODY, _DISPUTED)
class ApertureOrder(Message):
    """Take one of two apertures."""

    aperture: int = field(Int16ul, "aperture", unit="aperture code", formatter=format_aperture)
    aperture_other: int = field(Int16ul, "the other aperture", unit="aperture code", formatter=format_aperture)
    select: int = field(Int8ub, "bit 7 selects", formatter=format_hex8)


@message(0x1B, Role.LENS, _DISPUTED)
class ApertureAnswer(Message):
    """The current aperture, twice."""

    aperture: int = field(Int16ul, "aperture now", unit="aperture code", formatter=format_aperture)
    aperture_again: int = field(Int16ul, "the same", unit="aperture code", formatter=format_aperture)
    unknown_4: bytes = unknown_bytes(6)
