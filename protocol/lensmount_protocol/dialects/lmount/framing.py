"""The frame of the open model: `E0`, payload length, class, sequence, payload, CRC-16."""

from lensmount_protocol.checksums import CRC16_IBM_3740
from lensmount_protocol.deferred import Bytes, Checksum, Const, Int8ub, Int16ul, RawCopy, Struct, this
from lensmount_protocol.envelope import DeclaredFormat
from lensmount_protocol.wire import Role

START = 0xE0
HEAD = 5
TAIL = 2
SMALLEST = HEAD + 3 + TAIL
"""The smallest message says its type and that nothing follows: three bytes."""
LARGEST = {Role.BODY: 600, Role.LENS: 1_100}

LINK = 1
CYCLE = 2
ORDER = 3
EVENT = 4
CLASSES = frozenset({LINK, CYCLE, ORDER, EVENT})
"""What a frame is about: the link itself, the picture that is being taken, an order and its answer, or news."""

crc16 = CRC16_IBM_3740.of

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

FORMATS = {role: DeclaredFormat(ENVELOPE, SMALLEST, LARGEST[role], CLASSES, 0, __name__) for role in Role}
build_frame = FORMATS[Role.BODY].build


def message_end(payload: bytes, at: int) -> int | None:
    """Where the message at `at` ends, by the size that it says; `None` where the payload is cut before that."""
    if at + 3 > len(payload):
        return None
    end = at + 3 + (payload[at + 1] | payload[at + 2] << 8)
    return end if end <= len(payload) else None
