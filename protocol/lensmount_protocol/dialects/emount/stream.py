"""The stream's layout: which blocks `05` and `06` are built from, and whether they are sent at all."""

from lensmount_protocol.deferred import Int8ub, Int24ul
from lensmount_protocol.evidence import Evidence, Proof
from lensmount_protocol.message import Message, field, message, unknown_bytes
from lensmount_protocol.wire import Role

_CAPTURED = Evidence(
    Proof.CAPTURED, "SIG, LEX", "lengths always equal the masks; another source reads it as a link test"
)


def show_mask(value: int) -> str:
    """A selection of blocks."""
    return f"{value:#x}"


@message(0x0A, Role.BODY, _CAPTURED)
class StreamLayoutRequest(Message):
    """The body orders a stream built from these blocks; all zero stops it."""

    status_blocks: int = field(Int24ul, "bit k: `05` carries block k+1", default=0x7FFF, show=show_mask, headline=True)
    unknown_3: bytes = unknown_bytes(5)
    focus_blocks: int = field(Int8ub, "bit k: `06` carries block k+1", default=0x3F, show=show_mask, headline=True)
    unknown_9: bytes = unknown_bytes(7)


@message(0x0A, Role.LENS, _CAPTURED)
class StreamLayoutReply(Message):
    """The lens repeats the order, and obeys it."""

    status_blocks: int = field(Int24ul, "bit k: `05` carries block k+1", default=0x7FFF, show=show_mask, headline=True)
    unknown_3: bytes = unknown_bytes(5)
    focus_blocks: int = field(Int8ub, "bit k: `06` carries block k+1", default=0x3F, show=show_mask, headline=True)
    unknown_9: bytes = unknown_bytes(7)
