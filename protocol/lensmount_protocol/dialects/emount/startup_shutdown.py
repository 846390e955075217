"""Messages of the start-up movement, of the shut-down, and of the stream's layout.

The layout selects the blocks of `05` and `06`, and whether the lens sends them at all.
"""

from lensmount_protocol.codec.lazy_construct import Int8ub, Int24ul
from lensmount_protocol.dialects.emount.units import format_hex8
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, field, message, unknown_bytes
from lensmount_protocol.wire import Role

_CAPTURED = Evidence(EvidenceLevel.CAPTURED, "SIG, LEX")


@message(0x10, Role.BODY, _CAPTURED)
class StartUpRequest(Message):
    """Home the drives."""

    drives: int = field(
        Int8ub,
        "1F native lens, 3F adapter; bit 2 iris, bit 3 focus",
        default=0x1F,
        formatter=format_hex8,
        in_summary=True,
    )


@message(0x10, Role.LENS, _CAPTURED)
class StartUpReply(Message):
    """The movement is over; it may take more than a second."""

    result: int = field(Int8ub, "0 done; 1 error (Tamron)", in_summary=True)


@message(0x16, Role.BODY, _CAPTURED)
class ShutDownRequest(Message):
    """Park and sleep."""

    order: int = field(Int8ub, "1", default=1, in_summary=True)


@message(0x16, Role.LENS, _CAPTURED)
class ShutDownReply(Message):
    """The iris is parked."""

    result: int = field(
        Int8ub,
        "0",
        evidence=Evidence(EvidenceLevel.CAPTURED, "LEX", "one adapter reportedly echoes the request (WZQ)"),
        in_summary=True,
    )


_LAYOUT_CAPTURED = Evidence(
    EvidenceLevel.CAPTURED, "SIG, LEX", "lengths always equal the masks; another source reads it as a link test"
)


def format_mask(value: int) -> str:
    """A selection of blocks."""
    return f"{value:#x}"


@message(0x0A, Role.BODY, _LAYOUT_CAPTURED)
class StreamLayoutRequest(Message):
    """The body orders a stream built from these blocks; all zero stops it."""

    status_blocks: int = field(
        Int24ul, "bit k: `05` carries block k+1", default=0x7FFF, formatter=format_mask, in_summary=True
    )
    unknown_3: bytes = unknown_bytes(5)
    focus_blocks: int = field(
        Int8ub, "bit k: `06` carries block k+1", default=0x3F, formatter=format_mask, in_summary=True
    )
    unknown_9: bytes = unknown_bytes(7)


@message(0x0A, Role.LENS, _LAYOUT_CAPTURED)
class StreamLayoutReply(Message):
    """The lens repeats the order, and executes it."""

    status_blocks: int = field(
        Int24ul, "bit k: `05` carries block k+1", default=0x7FFF, formatter=format_mask, in_summary=True
    )
    unknown_3: bytes = unknown_bytes(5)
    focus_blocks: int = field(
        Int8ub, "bit k: `06` carries block k+1", default=0x3F, formatter=format_mask, in_summary=True
    )
    unknown_9: bytes = unknown_bytes(7)
