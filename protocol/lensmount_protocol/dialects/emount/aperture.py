"""The iris order that a newer body sends at the shutter press."""

from lensmount_protocol.codec.lazy_construct import Int8ub, Int16ul
from lensmount_protocol.dialects.emount.units import format_aperture, format_hex8, format_hex16
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, field, message
from lensmount_protocol.wire import Role

_FIRMWARE = Evidence(EvidenceLevel.FIRMWARE, "BAS-SY, BAS-TA")
_DISPUTED = Evidence(EvidenceLevel.DISPUTED, "BAS, WZQ", "an older page of WZQ reads it as a focus target")


@message(0x1B, Role.BODY, _DISPUTED)
class ApertureOrder(Message):
    """Take one of two apertures."""

    aperture: int = field(Int16ul, "aperture", unit="aperture code", formatter=format_aperture)
    aperture_other: int = field(Int16ul, "the other aperture", unit="aperture code", formatter=format_aperture)
    select: int = field(Int8ub, "bit 7 selects", formatter=format_hex8)


@message(0x1B, Role.LENS, _DISPUTED)
class ApertureAnswer(Message):
    """The current aperture, twice, and copies of fields of `05`; makers fill the last ones differently."""

    aperture: int = field(Int16ul, "aperture now", unit="aperture code", formatter=format_aperture)
    aperture_again: int = field(Int16ul, "the same", unit="aperture code", formatter=format_aperture)
    aperture_frames_left: int = field(Int8ub, "as `05` f4", unit="frames", evidence=_FIRMWARE)
    aperture_error: int = field(
        Int16ul, "reported minus commanded aperture, as `05` f5-6", formatter=format_hex16, evidence=_FIRMWARE
    )
    pair_15: int = field(
        Int8ub, "low byte of `05` f15-16 on a Tamron, FF on a Samyang", formatter=format_hex8, evidence=_FIRMWARE
    )
    pair_13: int = field(
        Int8ub, "low byte of `05` f13-14 on a Tamron, FF on a Samyang", formatter=format_hex8, evidence=_FIRMWARE
    )
    state: int = field(
        Int8ub,
        "bits 0-2 as `05` f8: bit 0 aperture at rest; a Samyang sets bits 1-2 always",
        formatter=format_hex8,
        evidence=_FIRMWARE,
    )
