"""The firmware store of a lens: one slot runs while the other is loaded, so that a power cut leaves one whole image.

A journal records the content of a slot after it is written and before it is used. A new image is verified as a whole,
then activated; it gets one trial start, and stays only if it is confirmed during that. Modelled: the makers' methods
are not public.
"""

from dataclasses import dataclass, replace

from lensmount_emulator.models.firmware_flash import (
    EMPTY_SLOT,
    NO_IMAGE,
    PAGE,
    SECTOR,
    SECTORS,
    Flash,
    ImageId,
    Journal,
    SlotStage,
    SlotState,
    crc32,
)
from lensmount_protocol.errors import FirmwareError

SLOT_SIZE = 256 * 1024

_COMPLETE = (SlotStage.VERIFIED, SlotStage.FRESH, SlotStage.GOOD)


@dataclass(frozen=True, slots=True)
class BootResult:
    """Result of a start.

    Attributes:
        slot: the slot that runs; `None` in recovery, when only the loader runs.
        image: the image that runs; of size 0 in recovery.
        trial: whether this is the trial start of a new image, which must be confirmed.
    """

    slot: int | None = None
    image: ImageId = NO_IMAGE
    trial: bool = False

    @property
    def recovery(self) -> bool:
        """Whether no image was whole."""
        return self.slot is None


class FirmwareStore:
    """Two slots and their journal; call `start` first.

    Attributes:
        flash: the memory; set its `cut_after` to lose power: then every method may raise `PowerCutError`, and only
            `start` recovers.
        slot_size: maximum size of an image, in bytes.
        running: result of the last start.
        wanted: the next offset of the image that is being loaded.
        returning: whether the next start runs the previous image.
    """

    def __init__(self, slot_size: int = SLOT_SIZE) -> None:
        if slot_size <= 0 or slot_size % SECTOR:
            raise ValueError(f"slot_size is {slot_size}; it must be a multiple of {SECTOR}")
        self.slot_size = slot_size
        self.flash = Flash(SECTORS * SECTOR + 2 * slot_size)
        self.running = BootResult()
        self.wanted = 0
        self.returning = False
        self._journal = Journal(self.flash)
        self._open: int | None = None

    @classmethod
    def with_image(cls, image: ImageId, content: bytes, slot_size: int = SLOT_SIZE) -> "FirmwareStore":
        """Return a store in its factory state: one good image, started."""
        store = cls(slot_size)
        store.start()
        store.begin(image)
        store.write(0, content)
        if not store.verify():
            raise FirmwareError(f"the CRC-32 of the image is {crc32(content):#010x}, not {image.crc32:#010x}")
        store.activate()
        store.start()
        store.confirm()
        return store

    def start(self) -> BootResult:
        """Power up and select the image that runs."""
        self.flash.power_up()
        self.wanted, self.returning, self._open = 0, False, None
        record = self._journal.read()
        for slot, state in enumerate(record.slots):
            if state.stage == SlotStage.TRIED:
                # It was started once and never confirmed: the previous good image runs; the user may try again.
                self._note(slot, replace(state, stage=SlotStage.VERIFIED))
            elif state.stage == SlotStage.FRESH:
                if self._is_whole(slot):
                    self._note(slot, replace(state, stage=SlotStage.TRIED))
                    self.running = BootResult(slot, state.image, trial=True)
                    return self.running
                self._note(slot, EMPTY_SLOT)
        for slot in (record.chosen, 1 - record.chosen):
            if self._state(slot).stage == SlotStage.GOOD and self._is_whole(slot):
                self.running = BootResult(slot, self._state(slot).image)
                return self.running
        self.running = BootResult()
        return self.running

    def confirm(self) -> None:
        """Mark the running image as good, because it communicates, unless it was given up."""
        slot = self.running.slot
        if slot is None or not self.running.trial or self.returning:
            return
        record = self._journal.newest
        good = replace(self._state(slot), stage=SlotStage.GOOD)
        self._journal.write(replace(record.with_slot(slot, good), chosen=slot))
        self.running = replace(self.running, trial=False)

    @property
    def inactive_slot(self) -> SlotState:
        """State of the slot that does not run."""
        return self._state(self._target())

    def begin(self, image: ImageId) -> int:
        """Load this image into the inactive slot; returns the offset to continue at, its size if it is complete.

        Raises:
            FirmwareError: it is larger than a slot or empty, or the running image is not confirmed yet.
        """
        if not 0 < image.size <= self.slot_size:
            raise FirmwareError(f"an image of {image.size} bytes; a slot takes 1 to {self.slot_size}")
        if self.running.trial or self.returning:
            raise FirmwareError("the image that runs is not settled; start again first")
        slot = self._target(image)
        state = self._state(slot)
        if slot == self._open and state.image == image and state.stage == SlotStage.LOADING:
            return self.wanted
        self._open = slot
        if state.image == image and state.stage in _COMPLETE and self._is_whole(slot):
            self.wanted = image.size
        elif state.image == image and state.stage == SlotStage.LOADING:
            self.wanted = state.whole
        else:
            self._note(slot, SlotState(SlotStage.LOADING, image))
            self.wanted = 0
        return self.wanted

    def write(self, offset: int, content: bytes) -> None:
        """Write the next piece of the image.

        Raises:
            FirmwareError: no image is being loaded, or the piece is not the expected one.
        """
        slot = self._open
        if slot is None or offset != self.wanted or offset + len(content) > self._state(slot).image.size:
            raise FirmwareError(f"{len(content)} bytes at {offset}; {self.wanted} is wanted")
        base = self._base(slot)
        while content:
            at = self.wanted
            if at % SECTOR == 0:
                # Also when it looks erased: after a power cut an erase or a page may read well now and not later.
                self.flash.erase(base + at)
            piece = content[: PAGE - at % PAGE]
            content = content[len(piece) :]
            self.flash.program(base + at, piece)
            at += len(piece)
            if at % SECTOR == 0:
                self._note(slot, replace(self._state(slot), whole=at))
            self.wanted = at

    def verify(self) -> bool:
        """Whether the image is complete and correct; a complete but incorrect image is given up."""
        slot = self._open
        if slot is None:
            return False
        state = self._state(slot)
        if self.wanted < state.image.size:
            return False
        if state.stage in _COMPLETE:
            return True
        complete = replace(state, stage=SlotStage.VERIFIED, whole=state.image.size)
        if not self._is_whole(slot):
            self._note(slot, SlotState(SlotStage.LOADING, state.image))
            self.wanted = 0
            return False
        self._note(slot, complete)
        return True

    def activate(self) -> bool:
        """Make the next start the trial of the verified image; `False` if none is verified."""
        slot = self._target() if self._open is None else self._open
        state = self._state(slot)
        if slot == self.running.slot or self.returning:
            return False
        if state.stage == SlotStage.VERIFIED or (state.stage == SlotStage.GOOD and slot == self._open):
            self._note(slot, replace(state, stage=SlotStage.FRESH))
            return True
        return state.stage == SlotStage.FRESH

    def roll_back(self) -> bool:
        """Give up an unconfirmed image, or else make the next start run the previous one; `False` if none exists."""
        slot = self.running.slot
        if slot is None:
            return False
        if self.running.trial:
            self._note(slot, EMPTY_SLOT)
        elif self.inactive_slot.stage != SlotStage.GOOD:
            if self.inactive_slot.stage == SlotStage.EMPTY:
                return self.returning
            self._note(1 - slot, EMPTY_SLOT)
        elif self._is_whole(1 - slot):
            self._journal.write(replace(self._journal.newest, chosen=1 - slot))
            self.returning = True
        else:
            return False
        self.returning = self.returning or self.running.trial
        self._open, self.wanted = None, 0
        return True

    def running_content(self) -> bytes:
        """Return the running image as it reads now; empty in recovery."""
        slot = self.running.slot
        return b"" if slot is None else self._read(slot, self.running.image)

    def copy(self) -> "FirmwareStore":
        """Return an independent copy."""
        other = FirmwareStore.__new__(FirmwareStore)
        other.slot_size, other.running, other.wanted = self.slot_size, self.running, self.wanted
        other.returning, other._open = self.returning, self._open
        other.flash = self.flash.copy()
        other._journal = self._journal.copy_on(other.flash)
        return other

    def equals(self, other: "FirmwareStore") -> bool:
        """Whether both will always behave alike."""
        return (
            (self.wanted, self.running, self.returning, self._open)
            == (other.wanted, other.running, other.returning, other._open)
            and self._journal.equals(other._journal)
            and self.flash.cells == other.flash.cells
        )

    def _target(self, image: ImageId | None = None) -> int:
        """Return the slot that may be overwritten: the inactive one; in recovery the one that holds this image."""
        if self.running.slot is not None:
            return 1 - self.running.slot
        if self._open is not None and image is None:
            return self._open
        # The slot that is not chosen was being loaded when the failure occurred.
        spare = 1 - self._journal.newest.chosen
        holding = [slot for slot in (spare, 1 - spare) if self._state(slot).image == image]
        return holding[0] if holding else spare

    def _state(self, slot: int) -> SlotState:
        return self._journal.newest.slots[slot]

    def _note(self, slot: int, state: SlotState) -> None:
        self._journal.write(self._journal.newest.with_slot(slot, state))

    def _base(self, slot: int) -> int:
        return SECTORS * SECTOR + slot * self.slot_size

    def _read(self, slot: int, image: ImageId) -> bytes:
        return self.flash.read(self._base(slot), image.size)

    def _is_whole(self, slot: int) -> bool:
        image = self._state(slot).image
        return 0 < image.size <= self.slot_size and crc32(self._read(slot, image)) == image.crc32
