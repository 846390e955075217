"""The E-mount frame: `F0`, length, class, sequence, payload, 16-bit sum, `55`."""

from lensmount_protocol.checksums import sum16
from lensmount_protocol.deferred import Bytes, Checksum, Const, Int8ub, Int16ul, RawCopy, Struct, Tell, this
from lensmount_protocol.envelope import DeclaredFormat
from lensmount_protocol.wire import Role

START = 0xF0
END = 0x55
OVERHEAD = 8
HEADER_SIZE = 3
PAYLOAD_OFFSET = 5
SMALLEST = OVERHEAD + 1
LARGEST = {Role.BODY: 255, Role.LENS: 1023}
"""A body frame stays below 256 (a Samyang lens drops longer ones; basilisk, static analysis); the longest lens
message known is 492 bytes, so the next power of two bounds a false length."""
CLASSES = frozenset({1, 2, 3})

LOOP_CLASS = 1
REQUEST_CLASS = 2

ENVELOPE = Struct(
    "start" / Const(START, Int8ub),
    "checked"
    / RawCopy(
        Struct(
            "length" / Int16ul,
            "class_" / Int8ub,
            "sequence" / Int8ub,
            "payload" / Bytes(this.length - OVERHEAD),
        )
    ),
    "checksum" / Checksum(Int16ul, sum16, this.checked.data),
    "end" / Const(END, Int8ub),
    "size" / Tell,
)


def _format(sender: Role, longest_padding: int) -> DeclaredFormat:
    return DeclaredFormat(ENVELOPE, SMALLEST, LARGEST[sender], CLASSES, longest_padding, __name__)


# A lens never pads; a body clocks whole multiples of 16 bytes (1 725 of 1 725 windows of an A6000).
FORMATS = {Role.BODY: _format(Role.BODY, 15), Role.LENS: _format(Role.LENS, 0)}

build_frame = FORMATS[Role.BODY].build
"""Payload, class and sequence number to a frame's bytes; both directions build theirs alike."""


def padded(frame: bytes, multiple: int) -> bytes:
    """A frame with zero bytes behind it up to a whole multiple of `multiple` bytes; 0 or 1 adds nothing."""
    return frame if multiple < 2 else frame + bytes(-len(frame) % multiple)
