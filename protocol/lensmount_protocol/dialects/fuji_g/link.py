"""Messages of the link itself: the null word, the acknowledge of both ends, and the blocks with their names."""

from lensmount_protocol.codec.lazy_construct import Bytes, Int8ub, Int16ub
from lensmount_protocol.dialects.fuji_g.units import format_ack, format_hex16, format_text
from lensmount_protocol.dialects.fuji_g.words import ACKNOWLEDGE_TYPE, BLOCK_TYPE, EMPTY_BLOCK_TYPE
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, field, message, unknown_bytes
from lensmount_protocol.wire import Role

_CAPTURED = Evidence(EvidenceLevel.CAPTURED, "FGM")
_BLOCK = Evidence(EvidenceLevel.CAPTURED, "FGM", "texts and sums; the other bytes are not explained")

FIRST_HEADER = 0x0000
REPEATED_HEADER = 0xFFFF
"""Headers of the side with data, the first and the second time."""

FIRST_EMPTY_HEADER = 0xFFFF
REPEATED_EMPTY_HEADER = 0xFF00
"""Headers of the other side, the first and the second time."""


@message(0x00, Role.BODY, _CAPTURED)
class BodyNull(Message):
    """The body has no request; the session ends after the acknowledge."""

    argument: int = field(Int16ub, "always zero", formatter=format_hex16)


@message(0x00, Role.LENS, _CAPTURED)
class LensNull(Message):
    """The lens has no reply: the first exchange of a session."""

    value: int = field(Int16ub, "always zero", formatter=format_hex16)


@message(ACKNOWLEDGE_TYPE, Role.BODY, _CAPTURED)
class BodyAcknowledge(Message):
    """The body acknowledges the lens's word, and numbers its own requests."""

    number: int = field(Int8ub, "08 and the number of the request, modulo 8", default=0x08, formatter=format_ack)
    first: int = field(Int8ub, "10 in the first exchange of a session, else zero", formatter=format_hex16)
    command: int = field(Int8ub, "command of the lens's word", formatter=format_hex16)


@message(ACKNOWLEDGE_TYPE, Role.LENS, _CAPTURED)
class LensAcknowledge(Message):
    """The lens acknowledges the body's word, with the body's number of the exchange before."""

    number: int = field(Int8ub, "08 and a number, modulo 8", default=0x08, formatter=format_ack)
    first: int = field(Int8ub, "always zero", formatter=format_hex16)
    command: int = field(Int8ub, "command of the body's word", formatter=format_hex16)


@message(BLOCK_TYPE, Role.LENS, _BLOCK)
class LensBlock(Message):
    """The lens's names and serial number; it comes twice."""

    header: int = field(Int16ub, "0000 the first time, ffff the second", formatter=format_hex16)
    code: bytes = field(Bytes(8), "code of the lens", default=bytes(8), formatter=format_text)
    model: bytes = field(Bytes(8), "model", default=bytes(8), formatter=format_text)
    name: bytes = field(Bytes(64), "name", default=bytes(64), formatter=format_text)
    serial_number: bytes = field(Bytes(10), "serial number", default=bytes(10), formatter=format_text)
    unknown_92: bytes = unknown_bytes(2)
    version: bytes = field(
        Bytes(8),
        "four times a number that may be the firmware version",
        default=bytes(8),
        evidence=Evidence(EvidenceLevel.INFERRED, "FGM", "01 10 ; the body of that lens shows 1.10"),
    )
    unknown_102: bytes = unknown_bytes(28)


@message(BLOCK_TYPE, Role.BODY, _BLOCK)
class BodyBlock(Message):
    """The body's names; it came only to a GF110, twice."""

    header: int = field(Int16ub, "0000 the first time, ffff the second", formatter=format_hex16)
    code: bytes = field(Bytes(10), "code of the body", default=bytes(10), formatter=format_text)
    model: bytes = field(Bytes(20), "model", default=bytes(20), formatter=format_text)
    name: bytes = field(Bytes(15), "model again", default=bytes(15), formatter=format_text)
    digits: bytes = field(Bytes(30), "thirty digits", default=bytes(30), formatter=format_text)
    unknown_77: bytes = unknown_bytes(53)


@message(EMPTY_BLOCK_TYPE, Role.BODY, _CAPTURED)
class BodyEmptyBlock(Message):
    """The body's side of a block of the lens."""

    header: int = field(Int16ub, "ffff the first time, ff00 the second", formatter=format_hex16)


@message(EMPTY_BLOCK_TYPE, Role.LENS, _CAPTURED)
class LensEmptyBlock(Message):
    """The lens's side of a block of the body."""

    header: int = field(Int16ub, "ffff the first time, ff00 the second", formatter=format_hex16)


MESSAGES: tuple[type[Message], ...] = (
    BodyNull,
    LensNull,
    BodyAcknowledge,
    LensAcknowledge,
    BodyBlock,
    LensBlock,
    BodyEmptyBlock,
    LensEmptyBlock,
)
