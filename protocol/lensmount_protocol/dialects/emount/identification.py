"""Identification messages: capabilities, identity, descriptor, speed, frame rate and name."""

from lensmount_protocol.codec.lazy_construct import Bytes, Int8ub, Int16ul, Int32ul, Int64ul
from lensmount_protocol.dialects.emount.units import (
    MountKind,
    format_aperture,
    format_hex8,
    format_hex16,
    format_lens_spec,
    format_text,
    format_version,
)
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, enum_field, field, message, unknown_bytes
from lensmount_protocol.wire import Role

_CAPTURED = Evidence(EvidenceLevel.CAPTURED, "SIG, LEX")
_BENCH = Evidence(EvidenceLevel.BENCH, "BAS-TR")
_SIG = Evidence(EvidenceLevel.CAPTURED, "SIG")
_FIRMWARE = Evidence(EvidenceLevel.FIRMWARE, "BAS")
_EXIF = Evidence(EvidenceLevel.INFERRED, "SIG, EXIF", "values agree with what ExifTool lists per lens")

_BITMAP = "bit n set: message type n+1 is known"
_BITMAP_PROOF = Evidence(EvidenceLevel.CAPTURED, "SIG, LEX", "rule from WZQ, consistent with every lens")


def format_types(bitmap: int) -> str:
    """The types that a capability bitmap lists, as ranges."""
    known = [bit + 1 for bit in range(64) if bitmap >> bit & 1]
    ranges: list[list[int]] = []
    for number in known:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{a:02X}" if a == b else f"{a:02X}-{b:02X}" for a, b in ranges) or "none"


@message(0x01, Role.BODY, _CAPTURED)
class BodyCapabilities(Message):
    """The body offers the message types that it knows, and requests the lens's."""

    types: int = field(
        Int64ul, _BITMAP, default=0x1FFFFFFFFFFFFFFF, formatter=format_types, evidence=_BITMAP_PROOF, in_summary=True
    )
    rest: bytes = unknown_bytes(24, meaning="zero; types beyond 40 if the rule continues")


@message(0x01, Role.LENS, _CAPTURED)
class LensCapabilities(Message):
    """The message types that the lens knows, those that only it sends included."""

    types: int = field(Int64ul, _BITMAP, formatter=format_types, evidence=_BITMAP_PROOF, in_summary=True)
    rest: bytes = unknown_bytes(24, meaning="zero; FF 0F F8 01 first on a Sony FE 24-105")


@message(0x07, Role.BODY, _CAPTURED)
class IdentityRequest(Message):
    """The body requests the identity of the lens."""

    unknown_0: int = field(Int8ub, "zero")


@message(0x07, Role.LENS, _CAPTURED)
class IdentityReply(Message):
    """Identity of the device on the mount: kind, abilities, versions and Sony's lens number."""

    kind: int = field(
        enum_field(Int8ub, MountKind), "native lens or adapter", default=MountKind.NATIVE, in_summary=True
    )
    capabilities: int = field(
        Int8ub,
        "bit 1: can switch to 1.5 Mbaud",
        default=3,
        formatter=format_hex8,
        evidence=Evidence(EvidenceLevel.INFERRED, "SIG, BAS-TA"),
    )
    mount_version: int = field(
        Int16ul, "E-mount version, digits as decimal", formatter=format_version, evidence=_EXIF, in_summary=True
    )
    unknown_4: int = field(Int8ub, "zero")
    firmware_version: int = field(
        Int16ul,
        "firmware version; makers differ in its form",
        formatter=format_version,
        evidence=_EXIF,
        in_summary=True,
    )
    unknown_7: int = field(Int8ub, "unknown, per lens", formatter=format_hex8)
    unknown_8: int = field(Int8ub, "A0; 00 on a Samyang 135", default=0xA0, formatter=format_hex8)
    lens_id: int = field(Int16ul, "Sony's lens number, LensType2 in EXIF", evidence=_EXIF, in_summary=True)
    unknown_11: bytes = unknown_bytes(4)
    unknown_15: bytes = unknown_bytes(4, default=bytes.fromhex("6092865E"), meaning="the same on every native lens")
    unknown_19: bytes = unknown_bytes(7, meaning="serial-like on some lenses")
    unknown_26: bytes = unknown_bytes(3, meaning="serial-like on a Sony FE 24-105")
    unknown_29: bytes = unknown_bytes(5)


@message(0x08, Role.BODY, _CAPTURED)
class DescriptorRequest(Message):
    """The body names its family and requests the lens's description."""

    flags_0: int = field(Int8ub, "C2 A6000, C0 NEX-7; bit 2: modern body", default=0xC2, formatter=format_hex8)
    flags_1: int = field(Int8ub, "bit 7: the lens must not fill in apertures", default=0x61, formatter=format_hex8)
    unknown_2: bytes = unknown_bytes(2)
    body_family: int = field(Int16ul, "model or family", default=0x0C00, formatter=format_hex16, evidence=_FIRMWARE)
    unknown_6: bytes = unknown_bytes(2, default=bytes.fromhex("6202"), meaning="62 02 on every body")


@message(0x08, Role.LENS, _CAPTURED)
class DescriptorReply(Message):
    """The lens's description: apertures, specification, serial number, and many bytes of unknown meaning."""

    widest_aperture: int = field(
        Int16ul, "widest aperture", unit="aperture code", formatter=format_aperture, in_summary=True
    )
    narrowest_aperture: int = field(
        Int16ul, "narrowest aperture", unit="aperture code", formatter=format_aperture, in_summary=True
    )
    unknown_4: bytes = unknown_bytes(11)
    lens_spec: bytes = field(
        Bytes(8),
        "focal lengths, apertures and marks, BCD",
        default=bytes(8),
        formatter=format_lens_spec,
        evidence=_EXIF,
        in_summary=True,
    )
    unknown_23: bytes = unknown_bytes(4)
    serial: int = field(Int32ul, "serial number, probably", evidence=Evidence(EvidenceLevel.INFERRED, "SIG, BAS-TA"))
    rest: bytes = unknown_bytes(170, meaning="alike on native lenses, zero on adapters")


@message(0x09, Role.BODY, _CAPTURED)
class Query09(Message):
    """A request of unknown meaning, sent to every lens."""

    unknown_0: bytes = unknown_bytes(4)


@message(0x09, Role.LENS, _CAPTURED)
class Answer09(Message):
    """The answer, which differs by kind of lens."""

    content: bytes = unknown_bytes(11, meaning="zero Sony AF zoom, 01 01 adapter, 00 02 manual lens")


@message(0x0B, Role.BODY, _CAPTURED)
class Query0B(Message):
    """The first exchange after the speed switch, and the first of all in a warm start."""

    value: int = field(Int8ub, "60 on every body", default=0x60, formatter=format_hex8)
    unknown_1: int = field(Int8ub, "zero")


@message(0x0B, Role.LENS, _CAPTURED)
class Answer0B(Message):
    """The lens's answer."""

    value: int = field(Int8ub, "60 on every lens", default=0x60, formatter=format_hex8)
    unknown_1: int = field(Int8ub, "zero; 20 on two Sony lenses", formatter=format_hex8)


@message(0x0C, Role.BODY, _SIG)
class SpeedRequest(Message):
    """The body requests 1.5 Mbaud; a second, silent handshake follows."""

    speed: int = field(Int8ub, "2", default=2)


@message(0x0C, Role.LENS, _SIG)
class SpeedReply(Message):
    """Whether the lens follows."""

    accepted: int = field(Int8ub, "bit 0: accepted", default=1, evidence=_FIRMWARE, in_summary=True)


@message(0x0D, Role.BODY, _CAPTURED)
class FrameRateRequest(Message):
    """The body announces the rate of its frame sync."""

    rate: int = field(Int8ub, "0: 60 Hz (1: 50 Hz, 2: 48 Hz)", evidence=Evidence(EvidenceLevel.FIRMWARE, "BAS-SY"))


@message(0x0D, Role.LENS, _CAPTURED)
class FrameRateReply(Message):
    """1 from autofocus lenses, 0 from two manual ones."""

    rate: int = field(Int8ub, "1 autofocus lens, 0 manual lens", default=1, in_summary=True)


@message(0x3F, Role.BODY, _BENCH)
class NameRequest(Message):
    """The body requests the lens's name."""

    unknown_0: int = field(Int8ub, "zero")


@message(0x3F, Role.LENS, _BENCH)
class NameReply(Message):
    """The lens's name."""

    status: int = field(Int8ub, "zero")
    name: bytes = field(Bytes(64), "ASCII, zero padded", default=bytes(64), formatter=format_text, in_summary=True)


@message(0x3D, Role.BODY, _FIRMWARE)
class Query3D(Message):
    """A request of unknown meaning that an a9 II sends at the start."""

    content: bytes = unknown_bytes(23)


@message(0x3D, Role.LENS, _FIRMWARE)
class Answer3D(Message):
    """The answer."""

    content: bytes = unknown_bytes(63)
