"""Framing of the host-board protocol: COBS frames with a checksum, and every message by its type.

protocol/spec/board.md specifies it; `lensmount_hardware.boards.protocol.c_header` writes it as a C header.
"""

from dataclasses import dataclass

from lensmount_hardware.boards.protocol.commands import COMMANDS
from lensmount_hardware.boards.protocol.constants import MAX_FRAME
from lensmount_hardware.boards.protocol.message import HEAD_SIZE, BoardMessage
from lensmount_hardware.boards.protocol.reports import REPORTS
from lensmount_protocol.checksums import CRC16_IBM_3740
from lensmount_protocol.errors import FrameError, unknown_name_message

CRC = CRC16_IBM_3740
CRC_POLYNOMIAL = 0x1021
CRC_INITIAL = 0xFFFF
CRC_FINAL_XOR = 0x0000
CRC_SIZE = 2

DELIMITER = b"\x00"
"""Ends every frame on the wire, and does not occur inside a frame."""

MAX_WIRE_SIZE = MAX_FRAME + 2
"""Bytes of the longest frame with COBS's byte and the delimiter."""

MESSAGES: dict[str, type[BoardMessage]] = {**COMMANDS, **REPORTS}
"""Every message by its name."""

BY_TYPE: dict[int, type[BoardMessage]] = {message.TYPE: message for message in MESSAGES.values()}
"""Every message by its type byte."""

NAMES: dict[int, str] = {message.TYPE: name for name, message in MESSAGES.items()}
"""Type byte -> name."""

MAX_DATA = MAX_FRAME - CRC_SIZE - HEAD_SIZE - 19
"""Bytes that one TRANSMIT can carry."""


@dataclass(frozen=True, slots=True)
class BoardFrame:
    """A whole frame with a right checksum.

    Attributes:
        type: of the message.
        sequence: counts the sender's frames, modulo 256.
        fields: the message's bytes after the head.
        cost: credit that it spends if its message does: its bytes with head and checksum, without COBS.
    """

    type: int
    sequence: int
    fields: bytes

    @property
    def cost(self) -> int:
        """Credit that it spends if its message does."""
        return HEAD_SIZE + len(self.fields) + CRC_SIZE

    def message(self) -> BoardMessage:
        """The typed message.

        Raises:
            FrameError: an unknown type, or fields that do not parse.
        """
        kind = BY_TYPE.get(self.type)
        if kind is None:
            raise FrameError(unknown_name_message("message", f"{self.type:#04x}", NAMES.values()))
        return kind.parse(self.fields)


def credit_cost(message: BoardMessage) -> int:
    """Bytes of credit that a message takes when it spends some: head, fields and checksum."""
    return HEAD_SIZE + len(message.build()) + CRC_SIZE


def cobs_encode(frame: bytes) -> bytes:
    """COBS: bytes without a zero, one more than were given; of at most 254 bytes."""
    if len(frame) > MAX_FRAME:
        raise FrameError(f"a frame of {len(frame)} bytes; it can have {MAX_FRAME}")
    return b"".join(bytes((len(run) + 1,)) + run for run in frame.split(b"\x00"))


def cobs_decode(encoded: bytes) -> bytes:
    """Undo COBS.

    Raises:
        FrameError: a zero inside, or a run that ends after the frame.
    """
    runs: list[bytes] = []
    at = 0
    while at < len(encoded):
        end = at + encoded[at]
        if end == at or end > len(encoded) or 0 in encoded[at + 1 : end]:
            raise FrameError("this is not COBS", offset=at)
        runs.append(encoded[at + 1 : end])
        at = end
    return b"\x00".join(runs)


def build_frame(message: BoardMessage, sequence: int) -> bytes:
    """A message as it goes over the wire, delimiter included.

    Raises:
        FrameError: a value that its field cannot hold, or more data than a frame can.
    """
    return build_raw_frame(message.TYPE, message.build(), sequence)


def build_raw_frame(type_: int, fields: bytes, sequence: int) -> bytes:
    """As `build_frame`, from the bytes of a message's fields."""
    body = bytes((type_, sequence % 256)) + fields
    return cobs_encode(body + CRC.compute(body).to_bytes(CRC_SIZE, "little")) + DELIMITER


def parse_frame(encoded: bytes) -> BoardFrame:
    """Parse the bytes between two delimiters.

    Raises:
        FrameError: too long, no COBS, too short, or a wrong checksum.
    """
    if len(encoded) > MAX_FRAME + 1:
        raise FrameError(f"{len(encoded)} bytes without a delimiter; a frame has at most {MAX_FRAME + 1}")
    frame = cobs_decode(encoded)
    body, received_crc = frame[:-CRC_SIZE], frame[-CRC_SIZE:]
    if len(body) < HEAD_SIZE:
        raise FrameError(f"a frame of {len(frame)} bytes; the shortest has {HEAD_SIZE + CRC_SIZE}")
    if CRC.compute(body).to_bytes(CRC_SIZE, "little") != received_crc:
        raise FrameError(f"checksum {received_crc.hex()} is wrong", offset=len(body))
    return BoardFrame(body[0], body[1], body[HEAD_SIZE:])
