"""Messages of the Micro Four Thirds link: commands, single bytes of the lens, answers and written data, with evidence.

The type byte of each is ours: on the wire a command begins with the two bytes in its description, and data begin with
their length. No capture confirms any of them.
"""

from lensmount_protocol.codec.lazy_construct import Bytes, Int8ub, Int16ul, Int32ul
from lensmount_protocol.dialects.mft.framing import COMMAND_TYPES, LENS_BYTE_TYPE
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, field, message, unknown_bytes
from lensmount_protocol.wire import Role

_DOCUMENTED = Evidence(EvidenceLevel.DOCUMENTED, "BELL", "programs that ran with an E-P1 and an E-PL1")
_UNKNOWN = Evidence(EvidenceLevel.DOCUMENTED, "BELL", "the bytes are documented; their meaning is not")
_SEEN = Evidence(EvidenceLevel.DOCUMENTED, "BELL", "seen, not used by the programs; its meaning is not known")
_INFERRED = Evidence(EvidenceLevel.INFERRED, "BELL")
_GUESS = Evidence(EvidenceLevel.INFERRED, "BELL", "a guess of the document's author")


def format_hex(value: bytes) -> str:
    """Bytes in hexadecimal."""
    return value.hex(" ")


def format_byte(value: int) -> str:
    """A byte in hexadecimal."""
    return f"{value:#04x}"


def format_text(value: bytes) -> str:
    """Printable ASCII, other bytes escaped."""
    return value.decode("ascii", "backslashreplace")


def format_direction(value: bytes) -> str:
    """The direction of the ring for manual focus."""
    return {b"\xfe\x00": "forward", b"\xfe\x01": "reverse"}.get(value, format_hex(value))


def format_target(value: bytes) -> str:
    """The field that an order applies, as the bytes of its command look."""
    return {APERTURE_MASK: "aperture", FOCUS_MASK: "focus", FIRST_MASK: "sent once"}.get(value, format_hex(value))


APERTURE_MASK = b"\xfe\x02"
FOCUS_MASK = b"\x03\xfe"
FIRST_MASK = b"\x06\xfe"
"""Last two bytes of the command `60 80` for the aperture, for the focus, and in the second round."""


def _command(start: str) -> int:
    return COMMAND_TYPES[bytes.fromhex(start)]


@message(_command("b0f2"), Role.BODY, Evidence(EvidenceLevel.DOCUMENTED, "BELL", "WOLF has B0 F0: disputed"))
class HelloCommand(Message):
    """`B0 F2 00 00`, action: the first command after the lens woke up."""

    argument: bytes = field(Bytes(2), "always 00 00", default=bytes(2), formatter=format_hex)


@message(_command("b0f0"), Role.BODY, Evidence(EvidenceLevel.DISPUTED, "WOLF", "BELL has B0 F2"))
class OtherHelloCommand(Message):
    """`B0 F0 00 00`, action: the first command, as another document has it."""

    argument: bytes = field(Bytes(2), "always 00 00", default=bytes(2), formatter=format_hex)


@message(_command("c0f6"), Role.BODY, _UNKNOWN)
class SetupRequest(Message):
    """`C0 F6 00 00`, read: four bytes of unknown meaning, after the first command."""

    argument: bytes = field(Bytes(2), "always 00 00", default=bytes(2), formatter=format_hex)


@message(_command("a0f5"), Role.BODY, _DOCUMENTED)
class ClockHoldCommand(Message):
    """`A0 F5 01 00`, plain: the body then holds the clock low for about 1 ms, which resets a serial receiver."""

    argument: bytes = field(Bytes(2), "always 01 00", default=b"\1\0", formatter=format_hex)


@message(_command("c1f9"), Role.BODY, _DOCUMENTED)
class IdentityRequest(Message):
    """`C1 F9 00 00`, read: identity and limits of the lens."""

    argument: bytes = field(Bytes(2), "always 00 00", default=bytes(2), formatter=format_hex)


@message(_command("60f0"), Role.BODY, _UNKNOWN)
class SetupWriteCommand(Message):
    """`60 F0 00 00`, write: announces four bytes."""

    argument: bytes = field(Bytes(2), "always 00 00", default=bytes(2), formatter=format_hex)


@message(_command("c180"), Role.BODY, _DOCUMENTED)
class StandbyRequest(Message):
    """`C1 80`, read: the status of the lens, once in each round."""

    argument: bytes = field(
        Bytes(2), "01 06 from an E-PL1, 01 02 from an E-P1", default=b"\1\6", formatter=format_hex, in_summary=True
    )


@message(_command("a0b0"), Role.BODY, _DOCUMENTED)
class RingDirectionCommand(Message):
    """`A0 B0`, plain: the direction of the ring for manual focus."""

    argument: bytes = field(
        Bytes(2), "FE 00 forward, FE 01 reverse", default=b"\xfe\0", formatter=format_direction, in_summary=True
    )


@message(_command("b188"), Role.BODY, _UNKNOWN)
class SetupActionCommand(Message):
    """`B1 88 03 02`, action: the last command of the start-up."""

    argument: bytes = field(Bytes(2), "always 03 02", default=b"\3\2", formatter=format_hex)


@message(_command("6080"), Role.BODY, _DOCUMENTED)
class OrderCommand(Message):
    """`60 80`, write: announces the nine bytes of an order."""

    target: bytes = field(
        Bytes(2),
        "field that the order applies",
        default=APERTURE_MASK,
        formatter=format_target,
        evidence=_INFERRED,
        in_summary=True,
    )


@message(_command("c2f3"), Role.BODY, _SEEN)
class QueryF3Request(Message):
    """`C2 F3 00 00`, read: unknown."""

    argument: bytes = field(Bytes(2), "always 00 00", default=bytes(2), formatter=format_hex)


@message(_command("c3f0"), Role.BODY, Evidence(EvidenceLevel.DOCUMENTED, "BELL", "a firmware dump, by a guess"))
class DumpRequest(Message):
    """`C3 F0 00 00`, read: the lens announces 08BF bytes."""

    argument: bytes = field(Bytes(2), "always 00 00", default=bytes(2), formatter=format_hex)


@message(0x05, Role.BODY, _UNKNOWN)
class SetupData(Message):
    """The four bytes after `60 F0`; the lens sends their check."""

    content: bytes = field(Bytes(4), "always zero", default=bytes(4), formatter=format_hex)


@message(0x0A, Role.BODY, _DOCUMENTED)
class OrderData(Message):
    """The nine bytes after `60 80`; the command decides which field applies, and the lens sends their check."""

    first: int = field(Int8ub, "always 01", default=1, formatter=format_byte)
    aperture: int = field(Int16ul, "aperture, as the lens reports it", in_summary=True)
    unknown_3: bytes = unknown_bytes(2)
    focus: int = field(Int32ul, "focus: 0001FFD7 all the way in, 0000024E a bit out", in_summary=True)


@message(LENS_BYTE_TYPE, Role.LENS, _DOCUMENTED)
class LensByte(Message):
    """One byte of the lens: the check of a command or of written data, or the status that ends an action."""

    value: int = field(
        Int8ub, "low 8 bits of the sum of what the body sent, or 00", formatter=format_byte, in_summary=True
    )


@message(0x05, Role.LENS, _UNKNOWN)
class SetupReply(Message):
    """The answer to `C0 F6`."""

    content: bytes = field(Bytes(4), "unknown", default=bytes.fromhex("0a10c409"), formatter=format_hex)


@message(0x15, Role.LENS, Evidence(EvidenceLevel.DOCUMENTED, "BELL", "what a program sends that plays a lens"))
class IdentityReply(Message):
    """The answer to `C1 F9`: limits of aperture and focus, version, vendor, in an order that is not known."""

    unknown_0: bytes = unknown_bytes(6)
    text: bytes = field(
        Bytes(9), "looks like a serial or model number", default=b" " * 9, formatter=format_text, evidence=_INFERRED
    )
    unknown_15: bytes = unknown_bytes(5)


@message(0x1F, Role.LENS, Evidence(EvidenceLevel.DOCUMENTED, "BELL", "comments of a program that plays a lens"))
class StandbyReply(Message):
    """The answer to `C1 80`: status, zoom, focus and aperture."""

    status: bytes = field(Bytes(4), "status, not explained", default=bytes(4), formatter=format_hex)
    raw_zoom: int = field(Int8ub, "raw zoom")
    raw_focus: int = field(Int8ub, "raw focus")
    focus_distance: int = field(Int16ul, "focus distance", in_summary=True)
    aperture: int = field(Int16ul, "effective aperture; an order takes the same value", in_summary=True)
    scaled_zoom: int = field(Int16ul, "scaled zoom")
    second_focus: int = field(Int16ul, "raw focus", evidence=_GUESS)
    unknown_14: bytes = unknown_bytes(16)


COMMANDS: tuple[type[Message], ...] = (
    HelloCommand,
    OtherHelloCommand,
    SetupRequest,
    ClockHoldCommand,
    IdentityRequest,
    SetupWriteCommand,
    StandbyRequest,
    RingDirectionCommand,
    SetupActionCommand,
    OrderCommand,
    QueryF3Request,
    DumpRequest,
)
"""Every documented command of the body."""

MESSAGES: tuple[type[Message], ...] = (
    *COMMANDS,
    SetupData,
    OrderData,
    LensByte,
    SetupReply,
    IdentityReply,
    StandbyReply,
)

ANSWERS: dict[type[Message], type[Message]] = {
    SetupRequest: SetupReply,
    IdentityRequest: IdentityReply,
    StandbyRequest: StandbyReply,
}
"""Reads with a documented answer -> the answer."""

ORDERS: dict[type[Message], type[Message]] = {SetupWriteCommand: SetupData, OrderCommand: OrderData}
"""Writes -> the data that follow."""
