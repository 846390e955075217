"""The E-mount frame: `F0`, length, class, sequence, payload, 16-bit sum, `55`.

Sequence numbers: the body sends a masked counter of frame-sync pulses, the lens answers with the next number.

Evidence: 840 of 840 loop frames of five logic captures, through the wraps (protocol/spec/emount.md, frame layer).
"""

from lensmount_protocol.checksums import sum16
from lensmount_protocol.codec.lazy_construct import Bytes, Checksum, Const, Int8ub, Int16ul, RawCopy, Struct, Tell, this
from lensmount_protocol.frame_parser import ConstructFrameFormat
from lensmount_protocol.wire import Role

START = 0xF0
END = 0x55
OVERHEAD = 8
HEADER_SIZE = 3
PAYLOAD_OFFSET = 5
MIN_SIZE = OVERHEAD + 1
MAX_SIZE = {Role.BODY: 255, Role.LENS: 1023}
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


def _make_format(sender: Role, max_padding: int) -> ConstructFrameFormat:
    return ConstructFrameFormat(ENVELOPE, MIN_SIZE, MAX_SIZE[sender], CLASSES, max_padding, __name__)


# A lens never pads; a body clocks whole multiples of 16 bytes (1 725 of 1 725 windows of an A6000).
FORMATS = {Role.BODY: _make_format(Role.BODY, 15), Role.LENS: _make_format(Role.LENS, 0)}

build_frame = FORMATS[Role.BODY].build
"""Payload, class and sequence number to a frame's bytes; both directions build theirs alike."""


def pad_frame(frame: bytes, multiple: int) -> bytes:
    """Pad a frame with zero bytes to a whole multiple of `multiple` bytes; 0 or 1 adds nothing."""
    return frame if multiple < 2 else frame + bytes(-len(frame) % multiple)


_FORBIDDEN = 0xF0


def next_body_sequence(pulse_count: int) -> int:
    """The number that a body sends after `pulse_count` pulses: 0xF0..0xFF travel as 0x80..0x8F."""
    number = pulse_count & 0xFF
    return number & 0x8F if number >= _FORBIDDEN else number


def next_lens_sequence(last_body_sequence: int) -> int:
    """The number that a lens sends after the body's: one more, where 0xF0 is sent as 0."""
    number = last_body_sequence + 1 & 0xFF
    return 0 if number == _FORBIDDEN else number
