"""Faults of the bayonet: a lens taken off at any time or byte, put on again, or another one put on."""

from dataclasses import dataclass
from typing import ClassVar

from lensmount_emulator.faults.expected import Expected
from lensmount_emulator.faults.fault import MOST, Fault, Grip, Piece, TimedFault, later
from lensmount_emulator.faults.power import behind_byte
from lensmount_emulator.faults.words import DURATION, WORD, key, whole
from lensmount_protocol.wire import Role


@dataclass(slots=True, kw_only=True)
class Detach(TimedFault):
    """The lens is taken off, and put on again if it says for how long."""

    NAME: ClassVar[str] = "detach"
    TOUCHES: ClassVar[str] = "attachment"

    def declared(self, seconds: float) -> Expected:
        """A lens that does not come back ends it; one that is taken off again and again may leave it time enough."""
        if self.for_ is None or self.at + self.for_ >= seconds:
            return Expected.CANNOT
        return Expected.MAY_FAIL if self.recurs(seconds) else Expected.COMPLETES

    def happen(self, grip: Grip) -> None:
        """Take it off."""
        grip.note(f"{self.NAME}: the lens is taken off")
        grip.take_off()
        if self.for_ is not None:
            later(grip, self.for_, grip.put_on)


@dataclass(slots=True, kw_only=True)
class DetachInside(Fault):
    """The lens is taken off in the midst of what an end sends, and put on again."""

    NAME: ClassVar[str] = "detach-inside"
    TOUCHES: ClassVar[str] = "attachment"

    byte: int | None = key(None, whole(0, 2000), "behind which byte; by chance where it is not said")
    off: float = key(0.2, DURATION, "how long it is off")
    count: int | None = key(1, whole(1, MOST), "how often at most")

    def declared(self, seconds: float) -> Expected:
        """A lens that leaves in everything that is sent, or stays away, ends it."""
        return Expected.CANNOT if self.lasts(seconds) or self.off >= seconds else Expected.COMPLETES

    def alter(self, pieces: list[Piece], sender: Role, grip: Grip) -> list[Piece]:
        """Plan it for the end of one of the bytes."""
        if self.strikes():
            inside = behind_byte(self, pieces, sender, grip, self.byte)
            later(grip, inside, grip.note, f"{self.NAME}: the lens is taken off while the {sender.value} sends")
            later(grip, inside, grip.take_off)
            later(grip, inside + self.off, grip.put_on)
        return pieces


@dataclass(slots=True, kw_only=True)
class OtherLens(TimedFault):
    """The lens is taken off, and another one is put on."""

    NAME: ClassVar[str] = "other-lens"
    TOUCHES: ClassVar[str] = "attachment"

    for_: float | None = key(0.3, DURATION, "how long the mount is empty")
    lens: str = key("", WORD, "its profile; the same again where it is not said")

    def declared(self, seconds: float) -> Expected:
        """A mount that stays empty ends it; lenses that are exchanged again and again may leave it time enough."""
        if self.at + (self.for_ or 0.0) >= seconds:
            return Expected.CANNOT
        return Expected.MAY_FAIL if self.recurs(seconds) else Expected.COMPLETES

    def happen(self, grip: Grip) -> None:
        """Take off the one, and put on the other."""
        grip.note(f"{self.NAME}: {self.lens or 'another of its kind'} is put on")
        grip.take_off()
        grip.exchange(self.lens)
        later(grip, self.for_ or 0.0, grip.put_on)
