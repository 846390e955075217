"""The frame of the open model: `E0`, payload length, class, sequence, payload, CRC-16."""

from lensmount_protocol.checksums import CRC16_IBM_3740
from lensmount_protocol.codec.lazy_construct import Bytes, Checksum, Const, Int8ub, Int16ul, RawCopy, Struct, this
from lensmount_protocol.frame_parser import ConstructFrameFormat
from lensmount_protocol.wire import Role

START = 0xE0
HEADER_SIZE = 5
TRAILER_SIZE = 2
MIN_SIZE = HEADER_SIZE + 3 + TRAILER_SIZE
"""The smallest message holds its type and a size of 0: three bytes."""
MAX_SIZE = {Role.BODY: 600, Role.LENS: 1_100}

LINK = 1
CYCLE = 2
ORDER = 3
EVENT = 4
CLASSES = frozenset({LINK, CYCLE, ORDER, EVENT})
"""Class of a frame: the link itself, the frame cycle, an order and its answer, or an event."""

crc16 = CRC16_IBM_3740.compute

ENVELOPE = Struct(
    "start" / Const(START, Int8ub),
    "checked"
    / RawCopy(
        Struct(
            "length" / Int16ul,
            "class_" / Int8ub,
            "sequence" / Int8ub,
            "payload" / Bytes(this.length),
        )
    ),
    "checksum" / Checksum(Int16ul, crc16, this.checked.data),
)

FORMATS = {role: ConstructFrameFormat(ENVELOPE, MIN_SIZE, MAX_SIZE[role], CLASSES, 0, __name__) for role in Role}
build_frame = FORMATS[Role.BODY].build


def end_of_unknown_message(payload: bytes, at: int) -> int | None:
    """Return the end of the message at `at`, by its size field; `None` where the payload is cut before that."""
    if at + 3 > len(payload):
        return None
    end = at + 3 + (payload[at + 1] | payload[at + 2] << 8)
    return end if end <= len(payload) else None
