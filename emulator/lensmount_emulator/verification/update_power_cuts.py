"""Cuts the power at every byte of flash work of a firmware update, resumes or rolls back, and checks the lens start.

`python -m lensmount_emulator.verification.update_power_cuts --every 1` tries every cut; its last line is the result.

The update runs once without a cut, and its store is kept before each step. A cut is tried on a copy of that store, so
nothing is repeated from the beginning. A resumed update runs until its store equals that of the uncut run at the same
place: from there both are the same, and the uncut run is checked to its end. `--to-the-end` runs every one to its end.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from random import Random

from lensmount_emulator.models.firmware_flash import RECORD, SECTOR, ImageId, PowerCutError
from lensmount_emulator.models.firmware_image import Image, make_image
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.roles.lmount.body.firmware_update import UpdateOutcome, UpdateReply, roll_back, update
from lensmount_emulator.roles.lmount.lens.firmware_update import UpdateCommand, UpdateReceiver
from lensmount_protocol.dialects.lmount.types import UpdateStage
from lensmount_protocol.message import Message

MAKER, MODEL = 3, 77
OLDER, OLD, NEW = (bytes((1, part, 0, 0)) for part in range(3))
MAX_SHOWN = 10

UpdateStep = Callable[[UpdateReceiver], object]
UpdateConversation = Generator[Message, UpdateReply, UpdateOutcome]


@dataclass(slots=True)
class PowerCutResult:
    """The result of the cuts.

    Attributes:
        cuts: places at which power was cut.
        ends: recovery path -> how many ended with a lens that starts.
        shortened: resumed updates that met the run without a cut.
        failures: the first failures, one line each.
        failed: number of failures.
    """

    cuts: int = 0
    ends: Counter[str] = field(default_factory=lambda: Counter[str]())
    shortened: int = 0
    failures: list[str] = field(default_factory=lambda: list[str]())
    failed: int = 0

    def record_failure(self, text: str) -> None:
        """Record an end without a lens that starts."""
        self.failed += 1
        if len(self.failures) < MAX_SHOWN:
            self.failures.append(text)

    def __str__(self) -> str:
        tried = self.ends.total() + self.failed
        ways = ", ".join(f"{count} {way}" for way, count in sorted(self.ends.items()))
        share = self.ends.total() / tried if tried else 0.0
        return f"{self.cuts} cuts, {ways}: {self.ends.total()} of {tried} end with a lens that starts ({share:.2%})"


@dataclass(frozen=True, slots=True)
class _UncutStep:
    """A step of the run without a cut, and the lens before it."""

    before: FirmwareStore
    stage: UpdateStage
    step: UpdateStep
    name: str
    work: int


class UpdateCuts:
    """An update of an image of this size, for power cuts.

    Attributes:
        older: the image before that one.
        old: the image that runs when the update begins.
        new: the image that is loaded.
    """

    def __init__(self, size: int, seed: int = 1, *, to_the_end: bool = False) -> None:
        slot_size = -(-size // SECTOR) * SECTOR
        self.older, self.old, self.new = (
            make_image(MAKER, MODEL, version, size, seed + more) for more, version in enumerate((OLDER, OLD, NEW))
        )
        self._random = Random(seed)
        self._to_the_end = to_the_end
        self._landmarks: dict[tuple[UpdateStage, int], FirmwareStore] = {}
        store = FirmwareStore.with_image(image_identity(self.old), self.old.content, slot_size)
        # Both slots are full, as in a lens that was updated before.
        store.begin(image_identity(self.older))
        store.write(0, self.older.content)
        store.verify()
        store.activate()
        store.start()
        store.confirm()
        store.roll_back()
        store.start()
        _age(store)
        self._kept = list(self._uncut(store))

    @property
    def work(self) -> int:
        """Bytes of flash work of the whole update: the number of possible cuts."""
        return sum(kept.work for kept in self._kept)

    def try_cuts(self, every: int = 1, progress: Callable[[float], None] = lambda _done: None) -> PowerCutResult:
        """Cut once per `every` bytes, and resume or roll back.

        Args:
            every: 1 for each byte.
            progress: called with the fraction that is done.
        """
        found = PowerCutResult()
        done, skip = 0, 0
        for kept in self._kept:
            for cut in range(skip, kept.work, every):
                self._try(kept, cut, found)
            skip = (skip - kept.work) % every
            done += kept.work
            progress(done / self.work)
        return found

    def _try(self, kept: _UncutStep, cut: int, found: PowerCutResult) -> None:
        store = kept.before.copy()
        store.flash.cut_after, store.flash.torn_bits = cut, self._random.randrange(256)
        where = f"{kept.name}, byte {cut} of {kept.work}"
        try:
            kept.step(_receiver(store, kept.stage))
        except PowerCutError:
            found.cuts += 1
        else:
            found.record_failure(f"{where}: nothing was cut")
            return
        for way, follow in (("resumed", self._resume), ("rolled back", self._go_back), ("left alone", self._leave)):
            trouble = follow(store.copy(), found)
            if trouble:
                found.record_failure(f"{where}, {way}: {trouble}")
            else:
                found.ends[way] += 1

    def _resume(self, store: FirmwareStore, found: PowerCutResult) -> str:
        """Offer the image again, as a body does that meets the lens after the cut; return the problem, or `""`."""
        trouble = self._starts(store, (self.old, self.new))
        if trouble:
            return trouble
        store.confirm()
        receiver = UpdateReceiver(store, MAKER, MODEL)
        talk = update(self.new, cycle(range(1, 256)).__next__)
        for _ in _run_conversation(talk, receiver):
            if not self._to_the_end and store.wanted % SECTOR == 0:
                landmark = self._landmarks.get((receiver.stage, store.wanted))
                if landmark is not None and store.equals(landmark):
                    found.shortened += 1
                    return ""
        return self._settles(store, self.new)

    def _go_back(self, store: FirmwareStore, _found: PowerCutResult) -> str:
        """Start, and request the previous image; return the problem, or `""`."""
        trouble = self._starts(store, (self.old, self.new))
        if trouble:
            return trouble
        store.confirm()
        # Before the new image is started, and once it is confirmed, the other slot holds a good one.
        before = next(
            (image for image in (self.older, self.old) if store.inactive_slot.image == image_identity(image)), self.old
        )
        receiver = UpdateReceiver(store, MAKER, MODEL)
        for _ in _run_conversation(roll_back(cycle(range(1, 256)).__next__), receiver):
            pass
        if receiver.stage != UpdateStage.ROLLED_BACK:
            return "there is no way back"
        return self._settles(store, before)

    def _leave(self, store: FirmwareStore, _found: PowerCutResult) -> str:
        """Start twice, and confirm nothing: at most the first is a trial; return the problem, or `""`."""
        trouble = self._starts(store, (self.old, self.new)) or self._starts(store, (self.old, self.new))
        return trouble or ("an image that was not confirmed has a second trial" if store.running.trial else "")

    def _settles(self, store: FirmwareStore, image: Image) -> str:
        """Check that this image runs, confirmed, at the next two starts; return the problem, or `""`."""
        trouble = self._starts(store, (image,))
        store.confirm()
        return trouble or self._starts(store, (image,))

    def _starts(self, store: FirmwareStore, images: tuple[Image, ...]) -> str:
        started = store.start()
        if started.recovery:
            return "it is in recovery"
        content = store.running_content()
        if any(started.image == image_identity(image) and content == image.content for image in images):
            return ""
        return f"it runs version {started.image.version.hex('.')}, which is not the image that it should be"

    def _uncut(self, store: FirmwareStore) -> Iterator[_UncutStep]:
        """Run the update without a cut; yield each step that works on the flash, with the store before it."""
        receiver = UpdateReceiver(store, MAKER, MODEL)
        talk = update(self.new, cycle(range(1, 256)).__next__)
        before, stage = store.copy(), receiver.stage
        for order in _run_conversation(talk, receiver):
            yield _UncutStep(before, stage, _answering(order), _name(order), store.flash.worked - before.flash.worked)
            before, stage = store.copy(), receiver.stage
            self._landmarks[stage, store.wanted] = before
        for step, name in ((_start, "the trial start"), (_confirm, "its confirmation"), (_start, "the next start")):
            step(receiver)
            yield _UncutStep(before, stage, step, name, store.flash.worked - before.flash.worked)
            before = store.copy()
        trouble = self._settles(store, self.new)
        if trouble:
            raise AssertionError(f"the update without a cut: {trouble}")


def image_identity(image: Image) -> ImageId:
    """The identity of an image in a store."""
    return ImageId(image.maker, image.model, image.version, len(image.content), image.crc32)


def _age(store: FirmwareStore) -> None:
    """Fill the journal's sector so far that it wraps during the update."""
    while _roll_back_twice(store) < SECTOR:
        pass
    for _ in range(SECTOR // RECORD // 2 - 3):
        _roll_back_twice(store)


def _roll_back_twice(store: FirmwareStore) -> int:
    """Write two records after which the same image runs again; return the bytes of flash work."""
    worked = store.flash.worked
    for _ in range(2):
        store.roll_back()
        store.start()
    return store.flash.worked - worked


def _run_conversation(talk: UpdateConversation, receiver: UpdateReceiver) -> Iterator[UpdateCommand]:
    """Run the update conversation of body and lens; yield each command after it was carried out."""
    order = next(talk)
    while True:
        assert isinstance(order, UpdateCommand)
        answer = receiver.handle_command(order)
        yield order
        try:
            order = talk.send(answer)
        except StopIteration:
            return


def _receiver(store: FirmwareStore, stage: UpdateStage) -> UpdateReceiver:
    receiver = UpdateReceiver(store, MAKER, MODEL)
    receiver.stage = stage
    return receiver


def _answering(order: UpdateCommand) -> UpdateStep:
    return lambda receiver: receiver.handle_command(order)


def _start(receiver: UpdateReceiver) -> object:
    return receiver.store.start()


def _confirm(receiver: UpdateReceiver) -> None:
    receiver.store.confirm()


def _name(order: UpdateCommand) -> str:
    offset = getattr(order, "offset", None)
    return type(order).__name__ + ("" if offset is None else f" at {offset:#x}")


def main() -> int:
    """Try the cuts that the command line requests; exit code 1 if one fails."""
    parser = argparse.ArgumentParser(
        prog="python -m lensmount_emulator.verification.update_power_cuts", description=__doc__
    )
    parser.add_argument("--every", type=int, default=97, help="cut at every so many bytes (default: %(default)s)")
    parser.add_argument("--size", type=int, default=65_536, help="bytes of the image (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of images and torn bits (default: %(default)s)")
    parser.add_argument("--to-the-end", action="store_true", help="follow every resumed update to its end")
    arguments = parser.parse_args()
    cuts = UpdateCuts(arguments.size, arguments.seed, to_the_end=arguments.to_the_end)
    found = cuts.try_cuts(arguments.every, lambda done: print(f"\r{done:4.0%}", end="", file=sys.stderr, flush=True))
    print(file=sys.stderr)
    for failure in found.failures:
        print(failure)
    print(found)
    return 1 if found.failed else 0


if __name__ == "__main__":
    sys.exit(main())
