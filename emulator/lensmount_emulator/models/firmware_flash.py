"""The flash memory of a lens and its journal, the records of both firmware slots; the newest whole record counts.

The flash may lose power at any byte of its work. Programming clears bits, within a page; erasing sets them, a sector
at once. The result of an interrupted operation is modelled byte by byte: earlier bytes are done, later bytes are
unchanged, and the byte in work is half of each.

The journal never crosses the contacts. A record is written after the previous one; when the sector is full, the other
sector is erased, so that a whole record exists at any time. A record that a power cut interrupted fails its CRC-32 and
is skipped.
"""

import enum
from dataclasses import dataclass, field, replace
from struct import Struct

from lensmount_protocol.checksums import CRC32_ISO_HDLC
from lensmount_protocol.errors import MountError

PAGE = 256
SECTOR = 4096
ERASED = 0xFF


class PowerCutError(MountError):
    """Power was lost in the middle of an operation; nothing works before `Flash.power_up`."""


class Flash:
    """Memory cells with a programmable power cut.

    Attributes:
        cells: their content.
        worked: bytes programmed or erased so far.
        cut_after: bytes that may still be programmed or erased before power is lost; `None` for no cut.
        torn_bits: bits of the byte in work that have changed when power is lost.
    """

    __slots__ = ("_powered", "cells", "cut_after", "torn_bits", "worked")

    def __init__(self, size: int) -> None:
        self.cells = bytearray(bytes((ERASED,)) * size)
        self.worked = 0
        self.cut_after: int | None = None
        self.torn_bits = 0
        self._powered = True

    def power_up(self) -> None:
        """Work again after a cut."""
        self._powered = True

    def read(self, at: int, count: int) -> bytes:
        """Read `count` bytes at `at`."""
        return bytes(self.cells[at : at + count])

    def program(self, at: int, content: bytes) -> None:
        """Clear the bits that are 0 in `content`, all of it within one page.

        Raises:
            PowerCutError: power was lost during the operation.
            ValueError: the content exceeds the page; a real chip then continues at the beginning of the page.
        """
        count = len(content)
        if at % PAGE + count > PAGE:
            raise ValueError(f"programming {count} bytes at {at:#x} leaves the page of {PAGE} bytes")
        done = self._spend(count)
        cells = self.cells
        both = int.from_bytes(cells[at : at + done]) & int.from_bytes(content[:done])
        cells[at : at + done] = both.to_bytes(done)
        if done < count:
            cells[at + done] &= content[done] | ~self.torn_bits & 0xFF
            self._lose_power()

    def erase(self, at: int) -> None:
        """Set all bits of the sector that begins at `at`.

        Raises:
            PowerCutError: power was lost during the operation.
            ValueError: no sector begins there.
        """
        if at % SECTOR:
            raise ValueError(f"no sector begins at {at:#x}; they are {SECTOR} bytes each")
        done = self._spend(SECTOR)
        self.cells[at : at + done] = bytes((ERASED,)) * done
        if done < SECTOR:
            self.cells[at + done] |= self.torn_bits
            self._lose_power()

    def copy(self) -> "Flash":
        """Return an independent copy."""
        other = Flash(0)
        other.cells = bytearray(self.cells)
        other.worked, other.cut_after, other.torn_bits = self.worked, self.cut_after, self.torn_bits
        other._powered = self._powered
        return other

    def _spend(self, count: int) -> int:
        """Return how many of `count` bytes are done before power is lost."""
        if not self._powered:
            raise PowerCutError("the lens has no power; start it again")
        if self.cut_after is not None:
            count, left = min(count, self.cut_after), self.cut_after
            self.cut_after = left - count
        self.worked += count
        return count

    def _lose_power(self) -> None:
        self.cut_after = None
        self._powered = False
        raise PowerCutError(f"power was lost after {self.worked} bytes of flash work")


SECTORS = 2
RECORD = 64
CHECKED = RECORD - 4
_BLANK = bytes((ERASED,)) * RECORD
_HEAD = Struct("<LB3x")
_SLOT = Struct("<BxHH4sLLL")
_TAIL = Struct("<L")
_SEQUENCE = Struct(f"<L{RECORD - 4}x")
_NO_SEQUENCE = 0xFFFFFFFF
"""Value of blank flash; no journal counts so far."""

crc32 = CRC32_ISO_HDLC.compute


class SlotStage(enum.IntEnum):
    """Content of a slot."""

    EMPTY = 0
    LOADING = 1
    VERIFIED = 2
    FRESH = 3
    """Activated; its trial start is to come."""
    TRIED = 4
    """Its trial start was begun; if the next start finds it so, it was never confirmed."""
    GOOD = 5


@dataclass(frozen=True, slots=True)
class ImageId:
    """The values that identify an image.

    Attributes:
        maker: the number of the lens's maker.
        model: the maker's number of the lens.
        version: of the image, four bytes, highest part first.
        size: in bytes.
        crc32: of the content.
    """

    maker: int = 0
    model: int = 0
    version: bytes = bytes(4)
    size: int = 0
    crc32: int = 0


NO_IMAGE = ImageId()


@dataclass(frozen=True, slots=True)
class SlotState:
    """State of a slot.

    Attributes:
        stage: its content.
        image: the image that it holds or loads.
        whole: bytes from its beginning on that are certainly written.
    """

    stage: SlotStage = SlotStage.EMPTY
    image: ImageId = NO_IMAGE
    whole: int = 0


EMPTY_SLOT = SlotState()


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the journal: the state of both slots.

    Attributes:
        sequence: the higher, the newer.
        chosen: the slot that runs, if it can.
        slots: what is in each.
    """

    sequence: int = 0
    chosen: int = 0
    slots: tuple[SlotState, SlotState] = (EMPTY_SLOT, EMPTY_SLOT)

    def with_slot(self, slot: int, state: SlotState) -> "Record":
        """Return a copy with another state of one slot."""
        first, second = self.slots
        return replace(self, slots=(first, state) if slot else (state, second))


def pack_record(record: Record) -> bytes:
    """Return the bytes of a record in flash; its CRC-32 is last."""
    text = _HEAD.pack(record.sequence, record.chosen)
    for state in record.slots:
        image = state.image
        text += _SLOT.pack(state.stage, image.maker, image.model, image.version, image.size, image.crc32, state.whole)
    text = text.ljust(CHECKED, b"\0")
    return text + _TAIL.pack(crc32(text))


def unpack_record(raw: bytes) -> Record:
    """Parse the bytes of a whole record."""
    sequence, chosen = _HEAD.unpack_from(raw)
    states: list[SlotState] = []
    for slot in range(2):
        stage, maker, model, version, size, crc, whole = _SLOT.unpack_from(raw, _HEAD.size + slot * _SLOT.size)
        states.append(SlotState(SlotStage(stage), ImageId(maker, model, version, size, crc), whole))
    return Record(sequence, chosen, (states[0], states[1]))


@dataclass(slots=True)
class Journal:
    """The records in the first two sectors of a flash.

    Attributes:
        flash: the memory.
        newest: the record that counts.
    """

    flash: Flash
    newest: Record = field(default=Record())
    _next: int | None = None

    def read(self) -> Record:
        """Find the newest whole record; an empty record if there is none."""
        sequences = enumerate(_SEQUENCE.iter_unpack(self.flash.read(0, SECTORS * SECTOR)))
        candidates = sorted((sequence, place * RECORD) for place, (sequence,) in sequences if sequence != _NO_SEQUENCE)
        for _, place in reversed(candidates):
            raw = self.flash.read(place, RECORD)
            if crc32(raw[:CHECKED]) == _TAIL.unpack_from(raw, CHECKED)[0]:
                self.newest, self._next = unpack_record(raw), self._end_of_records(place)
                return self.newest
        self.newest, self._next = Record(), None
        return self.newest

    def write(self, record: Record) -> None:
        """Write a record, which counts from now on.

        Raises:
            PowerCutError: power was lost during the write; the previous record counts, or this one.
        """
        record = replace(record, sequence=self.newest.sequence + 1)
        place = self._next
        if place is None:
            place = 0
            self.flash.erase(place)
        elif place % SECTOR == 0:
            place %= SECTORS * SECTOR
            self.flash.erase(place)
        self.flash.program(place, pack_record(record))
        self.newest, self._next = record, place + RECORD

    def copy_on(self, flash: Flash) -> "Journal":
        """Return a journal of the same state on a copy of the memory."""
        return Journal(flash, self.newest, self._next)

    def equals(self, other: "Journal") -> bool:
        """Whether both hold the same record and write the next one at the same place."""
        return (self.newest, self._next) == (other.newest, other._next)

    def _end_of_records(self, at: int) -> int:
        """Return the first place after which no write was ever begun; the end of the sector if there is none."""
        end = at - at % SECTOR + SECTOR
        place = end
        while place - RECORD > at and self.flash.read(place - RECORD, RECORD) == _BLANK:
            place -= RECORD
        return place
