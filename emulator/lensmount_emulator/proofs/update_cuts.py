"""Cut the power at every byte of flash work of a firmware update, resume or roll back, and see that the lens starts.

`python -m lensmount_emulator.proofs.update_cuts --every 1` takes every cut; the last line that it prints is the figure.

The update runs once without a cut, and its store is kept before each step. A cut is tried on a copy of that store, so
nothing is replayed from the beginning. A resumed update is followed until its store cannot be told apart from one of
the run without a cut at the same place: from there both do the same, and that run is seen to end well.
`--to-the-end` follows every one to its end instead.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from random import Random

from lensmount_emulator.models.firmware_image import Image, make_image
from lensmount_emulator.models.firmware_journal import RECORD, ImageId
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.models.flash import SECTOR, PowerCutError
from lensmount_emulator.roles.lmount.body_update import Answer, UpdateOutcome, roll_back, update
from lensmount_emulator.roles.lmount.lens_update import UpdateOrder, UpdateReceiver
from lensmount_protocol.dialects.lmount.types import UpdateStage
from lensmount_protocol.message import Message

MAKER, MODEL = 3, 77
OLDER, OLD, NEW = (bytes((1, part, 0, 0)) for part in range(3))
SHOWN = 10

Step = Callable[[UpdateReceiver], object]
Conversation = Generator[Message, Answer, UpdateOutcome]


@dataclass(slots=True)
class Cuts:
    """What the cuts came to.

    Attributes:
        cuts: places at which power was cut.
        ends: way on -> how many ended with a lens that starts.
        shortened: resumed updates that met the run without a cut.
        failures: the first that did not end well, one line each.
        failed: how many did not.
    """

    cuts: int = 0
    ends: Counter[str] = field(default_factory=lambda: Counter[str]())
    shortened: int = 0
    failures: list[str] = field(default_factory=lambda: list[str]())
    failed: int = 0

    def fail(self, told: str) -> None:
        """Note an end without a lens that starts."""
        self.failed += 1
        if len(self.failures) < SHOWN:
            self.failures.append(told)

    def __str__(self) -> str:
        tried = self.ends.total() + self.failed
        ways = ", ".join(f"{count} {way}" for way, count in sorted(self.ends.items()))
        share = self.ends.total() / tried if tried else 0.0
        return f"{self.cuts} cuts, {ways}: {self.ends.total()} of {tried} end with a lens that starts ({share:.2%})"


@dataclass(frozen=True, slots=True)
class _Kept:
    """A step of the run without a cut, and the lens before it."""

    before: FirmwareStore
    stage: UpdateStage
    step: Step
    name: str
    work: int


class UpdateCuts:
    """An update of an image of this size, to be cut.

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
        store = FirmwareStore.holding(identity(self.old), self.old.content, slot_size)
        # Both slots are full, as in a lens that was updated before.
        store.begin(identity(self.older))
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
        """Bytes of flash work of the whole update: so many places to cut at."""
        return sum(kept.work for kept in self._kept)

    def try_cuts(self, every: int = 1, progress: Callable[[float], None] = lambda _done: None) -> Cuts:
        """Cut at every so many bytes, resume and roll back.

        Args:
            every: 1 for each byte.
            progress: told the fraction that is done.
        """
        found = Cuts()
        done, skip = 0, 0
        for kept in self._kept:
            for cut in range(skip, kept.work, every):
                self._try(kept, cut, found)
            skip = (skip - kept.work) % every
            done += kept.work
            progress(done / self.work)
        return found

    def _try(self, kept: _Kept, cut: int, found: Cuts) -> None:
        store = kept.before.copy()
        store.flash.cut_after, store.flash.torn_bits = cut, self._random.randrange(256)
        where = f"{kept.name}, byte {cut} of {kept.work}"
        try:
            kept.step(_receiver(store, kept.stage))
        except PowerCutError:
            found.cuts += 1
        else:
            found.fail(f"{where}: nothing was cut")
            return
        for way, follow in (("resumed", self._resume), ("rolled back", self._go_back), ("left alone", self._leave)):
            trouble = follow(store.copy(), found)
            if trouble:
                found.fail(f"{where}, {way}: {trouble}")
            else:
                found.ends[way] += 1

    def _resume(self, store: FirmwareStore, found: Cuts) -> str:
        """Offer the image again, as a body does that meets the lens after the cut; what went wrong, or `""`."""
        trouble = self._starts(store, (self.old, self.new))
        if trouble:
            return trouble
        store.confirm()
        receiver = UpdateReceiver(store, MAKER, MODEL)
        talk = update(self.new, cycle(range(1, 256)).__next__)
        for _ in _orders(talk, receiver):
            if not self._to_the_end and store.wanted % SECTOR == 0:
                landmark = self._landmarks.get((receiver.stage, store.wanted))
                if landmark is not None and store.same_as(landmark):
                    found.shortened += 1
                    return ""
        return self._settles(store, self.new)

    def _go_back(self, store: FirmwareStore, _found: Cuts) -> str:
        """Start, and ask for the image before; what went wrong, or `""`."""
        trouble = self._starts(store, (self.old, self.new))
        if trouble:
            return trouble
        store.confirm()
        # Before the new image is begun, and once it is confirmed, the other slot holds a good one.
        before = next((image for image in (self.older, self.old) if store.other.image == identity(image)), self.old)
        receiver = UpdateReceiver(store, MAKER, MODEL)
        for _ in _orders(roll_back(cycle(range(1, 256)).__next__), receiver):
            pass
        if receiver.stage != UpdateStage.ROLLED_BACK:
            return "there is no way back"
        return self._settles(store, before)

    def _leave(self, store: FirmwareStore, _found: Cuts) -> str:
        """Start twice, and confirm nothing: at most the first is a trial; what went wrong, or `""`."""
        trouble = self._starts(store, (self.old, self.new)) or self._starts(store, (self.old, self.new))
        return trouble or ("an image that was not confirmed has a second trial" if store.running.trial else "")

    def _settles(self, store: FirmwareStore, image: Image) -> str:
        """Whether this image runs from the next start on, confirmed, and from the one after."""
        trouble = self._starts(store, (image,))
        store.confirm()
        return trouble or self._starts(store, (image,))

    def _starts(self, store: FirmwareStore, images: tuple[Image, ...]) -> str:
        started = store.start()
        if started.recovery:
            return "it is in recovery"
        content = store.running_content()
        if any(started.image == identity(image) and content == image.content for image in images):
            return ""
        return f"it runs version {started.image.version.hex('.')}, which is not the image that it should be"

    def _uncut(self, store: FirmwareStore) -> Iterator[_Kept]:
        """The update without a cut: each step that works on the flash, with the store before it."""
        receiver = UpdateReceiver(store, MAKER, MODEL)
        talk = update(self.new, cycle(range(1, 256)).__next__)
        before, stage = store.copy(), receiver.stage
        for order in _orders(talk, receiver):
            yield _Kept(before, stage, _answering(order), _name(order), store.flash.worked - before.flash.worked)
            before, stage = store.copy(), receiver.stage
            self._landmarks[stage, store.wanted] = before
        for step, name in ((_start, "the trial start"), (_confirm, "its confirmation"), (_start, "the next start")):
            step(receiver)
            yield _Kept(before, stage, step, name, store.flash.worked - before.flash.worked)
            before = store.copy()
        trouble = self._settles(store, self.new)
        if trouble:
            raise AssertionError(f"the update without a cut: {trouble}")


def identity(image: Image) -> ImageId:
    """What a store knows an image by."""
    return ImageId(image.maker, image.model, image.version, len(image.content), image.crc32)


def _age(store: FirmwareStore) -> None:
    """Fill the journal's sector so far that it turns over in mid-update."""
    while _go_back_twice(store) < SECTOR:
        pass
    for _ in range(SECTOR // RECORD // 2 - 3):
        _go_back_twice(store)


def _go_back_twice(store: FirmwareStore) -> int:
    """Two records, and the same image runs again; bytes of flash work."""
    worked = store.flash.worked
    for _ in range(2):
        store.roll_back()
        store.start()
    return store.flash.worked - worked


def _orders(talk: Conversation, receiver: UpdateReceiver) -> Iterator[UpdateOrder]:
    """Let body and lens talk; gives each order when it was carried out."""
    order = next(talk)
    while True:
        assert isinstance(order, UpdateOrder)
        answer = receiver.answer(order)
        yield order
        try:
            order = talk.send(answer)
        except StopIteration:
            return


def _receiver(store: FirmwareStore, stage: UpdateStage) -> UpdateReceiver:
    receiver = UpdateReceiver(store, MAKER, MODEL)
    receiver.stage = stage
    return receiver


def _answering(order: UpdateOrder) -> Step:
    return lambda receiver: receiver.answer(order)


def _start(receiver: UpdateReceiver) -> object:
    return receiver.store.start()


def _confirm(receiver: UpdateReceiver) -> None:
    receiver.store.confirm()


def _name(order: UpdateOrder) -> str:
    offset = getattr(order, "offset", None)
    return type(order).__name__ + ("" if offset is None else f" at {offset:#x}")


def main() -> int:
    """Try the cuts that the command line asks for; exit code 1 where one does not end well."""
    parser = argparse.ArgumentParser(prog="python -m lensmount_emulator.proofs.update_cuts", description=__doc__)
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
