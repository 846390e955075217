"""What a lens remembers of its two firmware slots: records of everything, of which the newest whole one counts.

The journal is the lens's own and never crosses the contacts. A record is written behind the one before; when its
sector is full the other sector is erased, so that there is a whole record at any time. A record that power was taken
from fails its CRC-32 and is stepped over.
"""

import enum
from dataclasses import dataclass, field, replace
from struct import Struct

from lensmount_emulator.models.flash import ERASED, SECTOR, Flash
from lensmount_protocol.checksums import CRC32_ISO_HDLC

SECTORS = 2
RECORD = 64
CHECKED = RECORD - 4
_BLANK = bytes((ERASED,)) * RECORD
_HEAD = Struct("<LB3x")
_SLOT = Struct("<BxHH4sLLL")
_TAIL = Struct("<L")
_SEQUENCE = Struct(f"<L{RECORD - 4}x")
_NO_SEQUENCE = 0xFFFFFFFF
"""What blank flash reads as; no journal lives to count so far."""

crc32 = CRC32_ISO_HDLC.of


class SlotStage(enum.IntEnum):
    """What is in a slot."""

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
    """What tells an image from every other.

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
    """What is known of a slot.

    Attributes:
        stage: what is in it.
        image: which image that is, or will be.
        whole: bytes from its beginning on that are surely there.
    """

    stage: SlotStage = SlotStage.EMPTY
    image: ImageId = NO_IMAGE
    whole: int = 0


EMPTY_SLOT = SlotState()


@dataclass(frozen=True, slots=True)
class Record:
    """All that is remembered.

    Attributes:
        sequence: the higher, the newer.
        chosen: the slot that runs, if it can.
        slots: what is in each.
    """

    sequence: int = 0
    chosen: int = 0
    slots: tuple[SlotState, SlotState] = (EMPTY_SLOT, EMPTY_SLOT)

    def with_slot(self, slot: int, state: SlotState) -> "Record":
        """The same, with another state of one slot."""
        first, second = self.slots
        return replace(self, slots=(first, state) if slot else (state, second))


def packed(record: Record) -> bytes:
    """A record as it stands in flash; its CRC-32 comes last."""
    text = _HEAD.pack(record.sequence, record.chosen)
    for state in record.slots:
        image = state.image
        text += _SLOT.pack(state.stage, image.maker, image.model, image.version, image.size, image.crc32, state.whole)
    text = text.ljust(CHECKED, b"\0")
    return text + _TAIL.pack(crc32(text))


def unpacked(raw: bytes) -> Record:
    """The record that a whole one says."""
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
        """Find the record that counts; an empty one where there is none."""
        sequences = enumerate(_SEQUENCE.iter_unpack(self.flash.read(0, SECTORS * SECTOR)))
        candidates = sorted((sequence, place * RECORD) for place, (sequence,) in sequences if sequence != _NO_SEQUENCE)
        for _, place in reversed(candidates):
            raw = self.flash.read(place, RECORD)
            if crc32(raw[:CHECKED]) == _TAIL.unpack_from(raw, CHECKED)[0]:
                self.newest, self._next = unpacked(raw), self._behind(place)
                return self.newest
        self.newest, self._next = Record(), None
        return self.newest

    def write(self, record: Record) -> None:
        """Remember this from now on.

        Raises:
            PowerCutError: power was lost meanwhile; what counts is the record before, or this one.
        """
        record = replace(record, sequence=self.newest.sequence + 1)
        place = self._next
        if place is None:
            place = 0
            self.flash.erase(place)
        elif place % SECTOR == 0:
            place %= SECTORS * SECTOR
            self.flash.erase(place)
        self.flash.program(place, packed(record))
        self.newest, self._next = record, place + RECORD

    def copy_on(self, flash: Flash) -> "Journal":
        """The same over a copy of the memory."""
        return Journal(flash, self.newest, self._next)

    def same_as(self, other: "Journal") -> bool:
        """Whether the two remember the same and go on writing at the same place."""
        return (self.newest, self._next) == (other.newest, other._next)

    def _behind(self, at: int) -> int:
        """The first place behind which nothing was ever begun; the end of the sector where there is none."""
        end = at - at % SECTOR + SECTOR
        place = end
        while place - RECORD > at and self.flash.read(place - RECORD, RECORD) == _BLANK:
            place -= RECORD
        return place
