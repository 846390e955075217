"""Refusals, service and update messages, and those that only firmware or a single report shows.

Their sizes are known, since a payload could not be walked without them; most of their bytes are not.
"""

from lensmount_protocol.codec.lazy_construct import Bytes, Int8ub, Int16ul
from lensmount_protocol.dialects.emount.units import RefusalCode, format_hex8, format_letter, format_tenths_mm
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, enum_field, field, message, unknown_bytes
from lensmount_protocol.wire import Role

_FIRMWARE = Evidence(EvidenceLevel.FIRMWARE, "BAS")
_CLAIM = Evidence(EvidenceLevel.CLAIM, "WZQ")
_BENCH = Evidence(EvidenceLevel.BENCH, "BAS-TR")
_SERVICE = Evidence(EvidenceLevel.BENCH, "BAS-TR", "a Samyang AF 135; also LB")
_UPDATE = Evidence(EvidenceLevel.FIRMWARE, "BAS", "firmware update path; never sent unless allowed by name")


@message(0x02, Role.LENS, _BENCH)
class Refusal(Message):
    """The lens could not read a frame, or does not know a message."""

    class_: int = field(Int8ub, "class received, or FF", default=0xFF, formatter=format_hex8, in_summary=True)
    type_: int = field(Int8ub, "type received, or FF", default=0xFF, formatter=format_hex8, in_summary=True)
    code: int = field(enum_field(Int8ub, RefusalCode), "why", default=RefusalCode.BAD_END, in_summary=True)
    unknown_3: bytes = unknown_bytes(4)


@message(0x14, Role.BODY, _UPDATE)
class UpdateOrder14(Message):
    """Firmware update."""

    content: bytes = unknown_bytes(15)


@message(0x15, Role.BODY, _UPDATE)
class UpdateBlock15(Message):
    """A block of a firmware update."""

    content: bytes = unknown_bytes(1031)


@message(0x17, Role.LENS, _FIRMWARE)
class ErrorReport(Message):
    """A spontaneous error report, class 3."""

    content: bytes = unknown_bytes(2)


@message(0x19, Role.BODY, _FIRMWARE)
class Query19(Message):
    """A request that an a9 II sends around the shutter press."""

    value: int = field(Int8ub, "unknown")


@message(0x19, Role.LENS, _FIRMWARE)
class Answer19(Message):
    """The answer."""

    value: int = field(Int8ub, "0")


@message(0x20, Role.LENS, Evidence(EvidenceLevel.DISPUTED, "ENT", "one Techart adapter, in the place of `05`"))
class AdapterStatus20(Message):
    """A short status of one adapter."""

    content: bytes = unknown_bytes(11)


@message(0x26, Role.BODY, _FIRMWARE)
class Query26(Message):
    """A question of unknown meaning."""

    value: int = field(Int8ub, "unknown")


@message(0x26, Role.LENS, _FIRMWARE)
class Answer26(Message):
    """The answer."""

    content: bytes = unknown_bytes(4)


@message(0x28, Role.BODY, _FIRMWARE)
class OpticsRequest28(Message):
    """The body requests the optical state, at the shutter press."""

    value: int = field(Int8ub, "unknown")


@message(0x28, Role.LENS, _CLAIM)
class OpticsReply28(Message):
    """Focal lengths and optical rows, which end in EXIF."""

    unknown_0: bytes = unknown_bytes(4)
    focal_length_dmm: int = field(Int16ul, "focal length", formatter=format_tenths_mm)
    nominal_focal_length_dmm: int = field(Int16ul, "focal length as marked", formatter=format_tenths_mm)
    unknown_8: int = field(Int8ub, "unknown")
    aperture: int = field(Int16ul, "aperture, where the descriptor request allows it")
    row_a: bytes = field(Bytes(6), "optical row A", default=bytes(6))
    row_b: bytes = field(Bytes(6), "optical row B", default=bytes(6))
    unknown_23: bytes = unknown_bytes(12)


@message(0x35, Role.BODY, _FIRMWARE)
class OpticsRequest35(Message):
    """The body requests the longer optical state."""

    value: int = field(Int8ub, "unknown")


@message(0x35, Role.LENS, _CLAIM)
class OpticsReply35(Message):
    """Focal lengths and optical rows."""

    unknown_0: bytes = unknown_bytes(4)
    focal_length_dmm: int = field(Int16ul, "focal length", formatter=format_tenths_mm)
    nominal_focal_length_dmm: int = field(Int16ul, "focal length as marked", formatter=format_tenths_mm)
    unknown_8: bytes = unknown_bytes(3)
    row_a: bytes = field(Bytes(6), "optical row A", default=bytes(6))
    unknown_17: bytes = unknown_bytes(3)
    row_b: bytes = field(Bytes(6), "optical row B", default=bytes(6))
    unknown_26: bytes = unknown_bytes(13)


@message(0x3A, Role.BODY, _FIRMWARE)
class TableRequest3A(Message):
    """Reads a table."""

    content: bytes = unknown_bytes(23)


@message(0x3A, Role.LENS, _FIRMWARE)
class TableReply3A(Message):
    """A part of a table, class 3."""

    content: bytes = unknown_bytes(23)


@message(0x3B, Role.BODY, _FIRMWARE)
class TableRequest3B(Message):
    """Reads a table."""

    content: bytes = unknown_bytes(7)


@message(0x3B, Role.LENS, _FIRMWARE)
class TableReply3B(Message):
    """A table, class 3; the longest message known."""

    content: bytes = unknown_bytes(491)


@message(0x3E, Role.BODY, _FIRMWARE)
class Query3E(Message):
    """A question of unknown meaning."""

    content: bytes = unknown_bytes(8)


@message(0x3E, Role.LENS, _FIRMWARE)
class Answer3E(Message):
    """The answer."""

    content: bytes = unknown_bytes(11)


@message(0x40, Role.BODY, Evidence(EvidenceLevel.BENCH, "BAS-TR", "a Samyang's service channel; locks up a Sony lens"))
class ServiceCommand40(Message):
    """A service command in ASCII; never sent unless allowed by name."""

    main: int = field(Int8ub, "command, an ASCII letter", formatter=format_letter, evidence=_SERVICE, in_summary=True)
    sub: int = field(Int8ub, "command below it, or 0", formatter=format_hex8, evidence=_SERVICE, in_summary=True)
    data: bytes = field(Bytes(16), "operands", default=bytes(16), evidence=_SERVICE)


@message(0x40, Role.LENS, _SERVICE)
class ServiceReply40(Message):
    """The answer to a service command, at least 50 ms later, or a report without a command (`W`, `H`, `L`)."""

    main: int = field(Int8ub, "the command's letter, or that of a report", formatter=format_letter, in_summary=True)
    sub: int = field(Int8ub, "as in the command; 0 in a report", formatter=format_hex8, in_summary=True)
    data: bytes = field(Bytes(16), "operands", default=bytes(16), in_summary=True)


@message(0x4B, Role.BODY, Evidence(EvidenceLevel.FIRMWARE, "BAS-SY", "a lens without its size can lock up"))
class Order4B(Message):
    """Known by its size only: a Samyang reads over it; never sent unless allowed by name."""

    content: bytes = unknown_bytes(2)


@message(0x4C, Role.BODY, Evidence(EvidenceLevel.FIRMWARE, "BAS-SY", "a lens without its size can lock up"))
class Order4C(Message):
    """Known by its size only: a Samyang reads over it; never sent unless allowed by name."""

    content: bytes = unknown_bytes(7)


@message(0x4A, Role.BODY, _CLAIM)
class Order4A(Message):
    """Seen once in a report, which calls it possible."""

    content: bytes = unknown_bytes(11)
