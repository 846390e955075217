"""Words and blocks of the Fuji G link: 32 bits with a checksum of five, and 131 bytes with a sum.

A word is an argument of 16 bits, an acknowledge flag, a command of 9 bits, a checksum of 5 bits, and a zero bit. The
highest command bit is never set, so the command is the type byte of the message; the three lowest commands never
occur, and their numbers stand for an acknowledge, a block, and the empty side of a block.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from lensmount_protocol.codec.lazy_construct import BitsInteger, BitStruct, Bytes, Flag, Int8ub, Int16ub, Struct
from lensmount_protocol.dialects.fuji_g.lines import BLOCK_SIZE, WORD_SIZE
from lensmount_protocol.errors import FrameError
from lensmount_protocol.framer import Frame, GarbageReason, UnitFrame, UnitPlace, byte_places

if TYPE_CHECKING:
    from lensmount_protocol.unit_forms import UnitForm

WORD = 0
ACKNOWLEDGE = 1
BLOCK = 2
"""Classes of a frame: a word, an acknowledge, or a block."""

ACKNOWLEDGE_TYPE = 0x01
BLOCK_TYPE = 0x02
EMPTY_BLOCK_TYPE = 0x03

WORD_LAYOUT = BitStruct(
    "argument" / BitsInteger(16),
    "acknowledge" / Flag,
    "command" / BitsInteger(9),
    "checksum" / BitsInteger(5),
    "zero" / BitsInteger(1),
)
"""The word as construct declares it; the functions below are held against it in the tests."""

BLOCK_LAYOUT = Struct("header" / Int16ub, "content" / Bytes(128), "sum" / Int8ub)

_FLAG = 1 << 15
_HIGH_COMMAND = 1 << 14
_COMMAND_PLACE = UnitPlace(2, 4, whole=False)
_WORD_PLACES = (_COMMAND_PLACE, *byte_places(0, 2))
"""The places of a word's command and argument in its bytes."""
_ACKNOWLEDGE_PLACES = (UnitPlace(2, 3, whole=False), *byte_places(0, 2), _COMMAND_PLACE)
_BLOCK_PLACES = (UnitPlace(0, 0), *byte_places(0, BLOCK_SIZE - 1))
EMPTY_SUM = 0x5A
_EMPTY_HEADERS = (b"\xff\xff", b"\xff\x00")
_DATA_HEADERS = (b"\x00\x00", b"\xff\xff")


def word_checksum(word: int) -> int:
    """Return the checksum of bits 31 to 6: five groups of five bits and one bit, added up, modulo 32.

    Source: captures of Scottapotamas/fuji-G-mount; valid on all 14 416 words.
    """
    return (
        (word >> 27) + (word >> 22 & 31) + (word >> 17 & 31) + (word >> 12 & 31) + (word >> 7 & 31) + (word >> 6 & 1)
    ) & 31


def build_word(command: int, argument: int, *, acknowledge: bool = False) -> bytes:
    """Return the four bytes of a word.

    Args:
        command: 0 to 255.
        argument: 0 to 65535.
        acknowledge: whether the flag of an acknowledge is set.
    """
    word = argument << 16 | (_FLAG if acknowledge else 0) | command << 6
    return (word | word_checksum(word) << 1).to_bytes(WORD_SIZE, "big")


def block_sum(data: bytes) -> int:
    """Return the sum of the first 130 bytes of a block, modulo 256."""
    return sum(data[: BLOCK_SIZE - 1]) & 0xFF


def is_empty_block(data: bytes) -> bool:
    """Whether a burst of 131 bytes is the side of a block that carries no data."""
    return data[:2] in _EMPTY_HEADERS and data[-1] == EMPTY_SUM and not any(data[2:-1])


@dataclass(frozen=True, slots=True)
class UnitFormat:
    """The frame format of both senders: a word of 4 bytes or a block of 131; a `BurstFrameFormat`.

    Attributes:
        sizes: the legal sizes of a burst, in bytes.
        start: no value of a byte begins a frame.
        header_size: bytes of a word.
        max_size: bytes of a block.
        max_padding: no end pads.
    """

    sizes: frozenset[int] = frozenset((WORD_SIZE, BLOCK_SIZE))
    start: int = -1
    header_size: int = WORD_SIZE
    max_size: int = BLOCK_SIZE
    max_padding: int = 0

    @property
    def forms(self) -> "tuple[UnitForm, ...]":
        """The units as declarations, for exports; no session needs them."""
        forms: tuple[UnitForm, ...] = import_module("lensmount_protocol.dialects.fuji_g.forms").FORMS
        return forms

    def frame_length(self, header: bytes, /) -> int | GarbageReason:
        """Return the size of a word: only the clock distinguishes a word from a block."""
        return WORD_SIZE if len(header) >= WORD_SIZE else GarbageReason.LENGTH

    def class_of(self, type_: int, /) -> int:
        """Return the class of the frames that carry messages of this type."""
        if type_ == ACKNOWLEDGE_TYPE:
            return ACKNOWLEDGE
        return BLOCK if type_ in (BLOCK_TYPE, EMPTY_BLOCK_TYPE) else WORD

    def check(self, candidate: bytes, /) -> GarbageReason | None:
        """Return the reason why a burst is no frame; `None` if it is one."""
        if len(candidate) == BLOCK_SIZE:
            if is_empty_block(candidate):
                return None
            if candidate[:2] not in _DATA_HEADERS:
                return GarbageReason.NO_START
            return None if block_sum(candidate) == candidate[-1] else GarbageReason.CHECKSUM
        if len(candidate) != WORD_SIZE:
            return GarbageReason.LENGTH
        word = int.from_bytes(candidate, "big")
        if word & _HIGH_COMMAND:
            return GarbageReason.CLASS
        if word & 1:
            return GarbageReason.END
        return None if word_checksum(word) == word >> 1 & 31 else GarbageReason.CHECKSUM

    def parse_header(self, candidate: bytes, offset: int, /) -> Frame:
        """Return the frame of a burst that `check` accepted."""
        if len(candidate) == BLOCK_SIZE:
            empty = is_empty_block(candidate)
            payload = bytes((EMPTY_BLOCK_TYPE,)) + candidate[:2] if empty else bytes((BLOCK_TYPE,)) + candidate[:-1]
            places = _BLOCK_PLACES[: len(payload)]
            return UnitFrame(candidate, offset, BLOCK, 0, slice(0, BLOCK_SIZE - 1), None, payload, places)
        word = int.from_bytes(candidate, "big")
        command = word >> 6 & 0xFF
        if word & _FLAG:
            payload = bytes((ACKNOWLEDGE_TYPE, candidate[0], candidate[1], command))
            number = candidate[0] & 7
            return UnitFrame(candidate, offset, ACKNOWLEDGE, number, slice(0, 3), None, payload, _ACKNOWLEDGE_PLACES)
        payload = bytes((command, candidate[0], candidate[1]))
        return UnitFrame(candidate, offset, WORD, 0, slice(0, 3), None, payload, _WORD_PLACES)


def build_frame(payload: bytes, class_: int, sequence: int) -> bytes:
    """Return the bytes of a word, an acknowledge or a block.

    Args:
        payload: one message, type byte first.
        class_: `WORD`, `ACKNOWLEDGE` or `BLOCK`.
        sequence: the number of an acknowledge, modulo 8.

    Raises:
        FrameError: the payload is not one message of that class.
    """
    if class_ == WORD and len(payload) == 3:
        return build_word(payload[0], payload[1] << 8 | payload[2])
    if class_ == ACKNOWLEDGE and len(payload) == 4:
        argument = (payload[1] & ~7 | sequence & 7) << 8 | payload[2]
        return build_word(payload[3], argument, acknowledge=True)
    if class_ == BLOCK and len(payload) == 3:
        return payload[1:] + bytes(BLOCK_SIZE - 3) + bytes((EMPTY_SUM,))
    if class_ == BLOCK and len(payload) == BLOCK_SIZE:
        return payload[1:] + bytes((block_sum(payload[1:]),))
    raise FrameError(f"a frame of class {class_} does not hold a payload of {len(payload)} bytes")


FORMAT = UnitFormat()
