"""Units of a Micro Four Thirds transaction: commands of 4 bytes, single bytes of the lens, and data with a length.

A unit is a run of bytes of one sender. Nothing on the wire marks its kind: a command begins with a known family, and
data begin with their length. lensmount gives each unit a type byte of its own, which is not on the wire.
"""

import enum
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from lensmount_protocol.codec.lazy_construct import Bytes, Int8ub, Int16ul, Struct
from lensmount_protocol.errors import FrameError
from lensmount_protocol.framer import Frame, GarbageReason, UnitFrame, UnitPlace, byte_places
from lensmount_protocol.wire import Role

if TYPE_CHECKING:
    from lensmount_protocol.unit_forms import UnitForm

COMMAND_SIZE = 4
LENGTH_SIZE = 2
MAX_DATA = LENGTH_SIZE + 0x08BF
"""Bytes of the longest answer that a document announces, to `C3 F0`."""

COMMAND = 0
LENS_BYTE = 1
WRITTEN = 2
ANSWER = 3
"""Classes of a frame: a command, a single byte of the lens, data of the body, or data of the lens with their check."""

LENS_BYTE_TYPE = 0x01
OTHER_DATA_TYPE = 0x02
OTHER_COMMAND_TYPE = 0x03
"""Type bytes of a single byte of the lens, of data of a length that no document has, and of an unknown command."""

COMMAND_TYPES = {
    b"\xb0\xf2": 0xB0,
    b"\xb0\xf0": 0xB8,
    b"\xc0\xf6": 0xC0,
    b"\xa0\xf5": 0xA0,
    b"\xc1\xf9": 0xC1,
    b"\x60\xf0": 0x60,
    b"\xc1\x80": 0xC9,
    b"\xa0\xb0": 0xA8,
    b"\xb1\x88": 0xB9,
    b"\x60\x80": 0x68,
    b"\xc2\xf3": 0xC2,
    b"\xc3\xf0": 0xC3,
}
"""The first two bytes of each documented command -> its type byte."""

_COMMAND_STARTS = {type_: start for start, type_ in COMMAND_TYPES.items()}

DATA_LENGTHS = {Role.BODY: (0x05, 0x0A), Role.LENS: (0x05, 0x15, 0x1F)}
"""The documented lengths of data; each is the type byte of its message."""

COMMAND_LAYOUT = Struct("start" / Bytes(2), "argument" / Bytes(2))
"""A command as construct declares it."""

ANSWER_LAYOUT = Struct("length" / Int16ul, "payload" / Bytes(lambda this: this.length - 1), "check" / Int8ub)
"""Data of the lens; the body's data lack the check, which the lens sends."""


@lru_cache(maxsize=1024)
def _places(type_size: int, begin: int, end: int) -> tuple[UnitPlace, ...]:
    """The places of a payload's bytes: those that its type byte stands for, and those that it carries."""
    return (UnitPlace(0, type_size, whole=False), *byte_places(begin, end))


class Form(enum.Enum):
    """What follows the check of a command, by the upper half of its first byte (inferred)."""

    PLAIN = 0xA
    ACTION = 0xB
    READ = 0xC
    WRITE = 0x6


_FORMS = {form.value: form for form in Form}


def find_transaction_form(first: int) -> Form | None:
    """Return the form of a command by its first byte; `None` where no document has that family."""
    return _FORMS.get(first >> 4)


def byte_sum(data: bytes) -> int:
    """Return the check of bytes: the low 8 bits of their sum."""
    return sum(data) & 0xFF


def sent_sum(unit: bytes) -> int:
    """Return the check that the lens sends for a unit of the body: of a command, or of the payload of data."""
    return byte_sum(unit if len(unit) == COMMAND_SIZE and find_transaction_form(unit[0]) else unit[LENGTH_SIZE:])


@dataclass(frozen=True, slots=True)
class TransactionFormat:
    """The frame format of one end; a `BurstFrameFormat`.

    Attributes:
        sender: the end.
        sizes: the legal sizes of a unit, in bytes.
        start: no value of a byte begins a unit.
        header_size: bytes of the shortest unit.
        max_size: bytes of the longest.
        max_padding: no end pads.
    """

    sender: Role
    sizes: frozenset[int]
    start: int = -1
    header_size: int = 1
    max_size: int = MAX_DATA
    max_padding: int = 0

    @property
    def forms(self) -> "tuple[UnitForm, ...]":
        """The units as declarations, for exports; no session needs them."""
        forms: tuple[UnitForm, ...] = import_module("lensmount_protocol.dialects.mft.forms").FORMS[self.sender]
        return forms

    def frame_length(self, header: bytes, /) -> int | GarbageReason:
        """Return the size of a unit as its first byte alone shows it: only the turn of the senders ends it."""
        return 1 if header else GarbageReason.LENGTH

    def class_of(self, type_: int, /) -> int:
        """Return the class of the frames that carry messages of this type."""
        if type_ == LENS_BYTE_TYPE and self.sender is Role.LENS:
            return LENS_BYTE
        if self.sender is Role.LENS:
            return ANSWER
        return WRITTEN if type_ == OTHER_DATA_TYPE or type_ in DATA_LENGTHS[Role.BODY] else COMMAND

    def check(self, candidate: bytes, /) -> GarbageReason | None:
        """Return the reason why a unit is no frame; `None` if it is one."""
        size = len(candidate)
        if self.sender is Role.LENS and size == 1:
            return None
        if self._is_command(candidate):
            return None
        body = self.sender is Role.BODY
        if size not in self.sizes:
            return GarbageReason.LENGTH
        if int.from_bytes(candidate[:LENGTH_SIZE], "little") != size - LENGTH_SIZE + body:
            return GarbageReason.CLASS if body and size == COMMAND_SIZE else GarbageReason.LENGTH
        if body or byte_sum(candidate[LENGTH_SIZE:-1]) == candidate[-1]:
            return None
        return GarbageReason.CHECKSUM

    def parse_header(self, candidate: bytes, offset: int, /) -> Frame:
        """Return the frame of a unit that `check` accepted."""
        if self.sender is Role.LENS and len(candidate) == 1:
            return UnitFrame(candidate, offset, LENS_BYTE, 0, slice(0, 1), None, b"\x01" + candidate, _places(0, 0, 1))
        if self._is_command(candidate):
            type_ = COMMAND_TYPES.get(candidate[:2])
            payload = b"\x03" + candidate if type_ is None else bytes((type_,)) + candidate[2:]
            places = _places(0, 0, COMMAND_SIZE) if type_ is None else _places(LENGTH_SIZE, LENGTH_SIZE, COMMAND_SIZE)
            return UnitFrame(candidate, offset, COMMAND, 0, slice(0, COMMAND_SIZE), None, payload, places)
        length = int.from_bytes(candidate[:LENGTH_SIZE], "little")
        carried = slice(LENGTH_SIZE, len(candidate) - (self.sender is Role.LENS))
        type_ = length if length in DATA_LENGTHS[self.sender] else OTHER_DATA_TYPE
        class_ = ANSWER if self.sender is Role.LENS else WRITTEN
        payload = bytes((type_,)) + candidate[carried]
        places = _places(LENGTH_SIZE, carried.start, carried.stop)
        return UnitFrame(candidate, offset, class_, 0, carried, None, payload, places)

    def _is_command(self, candidate: bytes) -> bool:
        return self.sender is Role.BODY and len(candidate) == COMMAND_SIZE and candidate[0] >> 4 in _FORMS


FORMATS = {
    Role.BODY: TransactionFormat(Role.BODY, frozenset(range(LENGTH_SIZE, MAX_DATA))),
    Role.LENS: TransactionFormat(Role.LENS, frozenset((1, *range(LENGTH_SIZE + 1, MAX_DATA + 1)))),
}


def build_frame(payload: bytes, class_: int, _sequence: int) -> bytes:
    """Return the bytes of a unit.

    Args:
        payload: one message, type byte first.
        class_: `COMMAND`, `LENS_BYTE`, `WRITTEN` or `ANSWER`.
        _sequence: no unit carries a number.

    Raises:
        FrameError: the payload is not one message of that class, or is longer than any document has it.
    """
    type_, carried = payload[:1], payload[1:]
    if class_ == LENS_BYTE:
        if len(payload) == 2 and type_[0] == LENS_BYTE_TYPE:
            return carried
    elif class_ == COMMAND:
        if len(payload) == 3 and type_[0] in _COMMAND_STARTS:
            return _COMMAND_STARTS[type_[0]] + carried
        if len(payload) == 5 and type_[0] == OTHER_COMMAND_TYPE and carried[0] >> 4 in _FORMS:
            return carried
    elif class_ in (WRITTEN, ANSWER) and payload and LENGTH_SIZE + len(payload) <= MAX_DATA:
        length = len(carried) + 1
        sender = Role.LENS if class_ == ANSWER else Role.BODY
        # Data of a documented length always have its type, so a unit has one type only.
        if type_[0] == (length if length in DATA_LENGTHS[sender] else OTHER_DATA_TYPE):
            check = bytes((byte_sum(carried),)) if class_ == ANSWER else b""
            return length.to_bytes(LENGTH_SIZE, "little") + carried + check
    raise FrameError(f"a frame of class {class_} does not hold a payload of {len(payload)} bytes")


class TransactionSplitter:
    """Divides the bytes of a capture into units by the forms of a transaction; a `UnitSplitter`.

    The acknowledge lines show the sender; where a capture lacks them, the order of the units shows it. A byte of the
    body where the lens is due begins a new command.
    """

    def __init__(self) -> None:
        self._unit = bytearray()
        self._sender = Role.BODY
        self._due: list[tuple[Role, int]] = []
        self._size = COMMAND_SIZE
        self._ended = True

    def next(self, value: int, sender: Role | None, /) -> tuple[Role, bool]:
        """Take a byte; return its sender and whether it begins a unit."""
        begins = self._ended or (sender is not None and sender is not self._sender)
        if begins:
            self._begin(sender)
        self._unit.append(value)
        if self._size < 0 and len(self._unit) == LENGTH_SIZE:
            length, body = int.from_bytes(self._unit, "little"), self._sender is Role.BODY
            if body and length >= MAX_DATA and find_transaction_form(self._unit[0]) is not None:
                # A command, in place of the data that were due: the write was given up.
                self._due, self._size = [], COMMAND_SIZE
            else:
                self._size = LENGTH_SIZE + min(length, MAX_DATA) - body
        self._ended = 0 <= self._size <= len(self._unit)
        if self._ended:
            self._end()
        return self._sender, begins

    def _begin(self, sender: Role | None) -> None:
        expected, size = self._due.pop(0) if self._due else (Role.BODY, COMMAND_SIZE)
        if sender is not None and sender is not expected:
            # A transaction was given up, or the capture begins inside one.
            self._due = []
            expected, size = sender, COMMAND_SIZE if sender is Role.BODY else 1
        self._sender, self._size = expected, size
        self._unit.clear()

    def _end(self) -> None:
        """Note which units follow a command."""
        if self._sender is not Role.BODY or self._size != COMMAND_SIZE or self._due:
            return
        self._due = {
            Form.PLAIN: [(Role.LENS, 1)],
            Form.ACTION: [(Role.LENS, 1), (Role.LENS, 1)],
            Form.READ: [(Role.LENS, 1), (Role.LENS, -1)],
            Form.WRITE: [(Role.LENS, 1), (Role.BODY, -1), (Role.LENS, 1)],
            None: [(Role.LENS, 1)],
        }[find_transaction_form(self._unit[0])]
