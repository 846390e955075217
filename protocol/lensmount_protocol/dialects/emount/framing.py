"""The E-mount frame: `F0`, length, class, sequence, payload, 16-bit sum, `55`."""

from dataclasses import dataclass

from construct import Bytes, Checksum, Const, Int8ub, Int16ul, RawCopy, Struct, Tell, this

from lensmount_protocol.checksums import sum16
from lensmount_protocol.frame import Frame, GarbageReason
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
"""The declaration of the frame; `EmountFormat` is the same by hand, and a property test holds the two together."""


@dataclass(frozen=True, slots=True)
class EmountFormat:
    """What the framer needs to know of one direction's frames."""

    largest: int
    longest_padding: int
    start: int = START
    header_size: int = HEADER_SIZE

    def measure(self, header: bytes) -> int | GarbageReason:
        """The total length that the header announces."""
        length = header[1] | header[2] << 8
        return length if SMALLEST <= length <= self.largest else GarbageReason.LENGTH

    def judge(self, candidate: bytes) -> GarbageReason | None:
        """Check the end byte, the sum and the class, in the order of what they say about a wire."""
        if candidate[-1] != END:
            return GarbageReason.END
        if sum16(candidate[1:-3]) != candidate[-3] | candidate[-2] << 8:
            return GarbageReason.CHECKSUM
        return None if candidate[3] in CLASSES else GarbageReason.CLASS

    def open(self, candidate: bytes, offset: int) -> Frame:
        """The parts of a good candidate."""
        return Frame(candidate, offset, candidate[3], candidate[4], candidate[PAYLOAD_OFFSET:-3], PAYLOAD_OFFSET)


# A lens never pads; a body clocks whole multiples of 16 bytes (1 725 of 1 725 windows of an A6000).
FORMATS = {
    Role.BODY: EmountFormat(LARGEST[Role.BODY], longest_padding=15),
    Role.LENS: EmountFormat(LARGEST[Role.LENS], longest_padding=0),
}


def build_frame(payload: bytes, class_: int, sequence: int) -> bytes:
    """The frame around a payload."""
    length = len(payload) + OVERHEAD
    inside = bytes((length & 0xFF, length >> 8, class_, sequence)) + payload
    return bytes((START,)) + inside + sum16(inside).to_bytes(2, "little") + bytes((END,))


def padded(frame: bytes, multiple: int) -> bytes:
    """A frame with zero bytes behind it up to a whole multiple of `multiple` bytes; 0 or 1 adds nothing."""
    return frame if multiple < 2 else frame + bytes(-len(frame) % multiple)
