"""Faults of single bytes on their way: flipped, dropped, inserted, doubled, or a line that is stuck while they pass."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from lensmount_emulator.faults.expected import Expected
from lensmount_emulator.faults.fault import Fault, Grip, Piece
from lensmount_emulator.faults.words import LEVEL, RATE, key
from lensmount_protocol.wire import Role


@dataclass(slots=True, kw_only=True)
class ByteFault(Fault):
    """A fault that changes bytes one by one."""

    TOUCHES: ClassVar[str] = "bytes"

    rate: float = key(1e-3, RATE, "the share of bytes that it takes")

    def alter(self, pieces: list[Piece], sender: Role, grip: Grip) -> list[Piece]:
        """Change the bytes that chance chooses."""
        for piece in pieces:
            self._alter(piece, sender, grip)
        return [piece for piece in pieces if piece.data]

    def declared(self, seconds: float) -> Expected:
        """An end none of whose bytes arrives as it was sent completes nothing; with fewer, retries must do."""
        return Expected.CANNOT if self.lasts(seconds) else Expected.COMPLETES

    def change(self, data: bytearray, at: int) -> None:
        """Change what stands at a place; places in front of it stay where they are."""

    def _alter(self, piece: Piece, sender: Role, grip: Grip) -> None:
        taken = self.chances(len(piece.data))
        if taken:
            data = bytearray(piece.data)
            # From the end, so that places in front keep their numbers.
            for at in reversed(taken):
                self.change(data, at)
            grip.note(f"{self.NAME} at {_places(taken)} of {len(piece.data)} bytes from the {sender.value}")
            piece.data = bytes(data)


def _places(taken: Iterable[int]) -> str:
    return ", ".join(f"byte {at}" for at in taken)


@dataclass(slots=True, kw_only=True)
class BitFlip(ByteFault):
    """A bit arrives as its opposite."""

    NAME: ClassVar[str] = "bitflip"

    rate: float = key(1e-4, RATE, "the share of bits that it takes")

    def _alter(self, piece: Piece, sender: Role, grip: Grip) -> None:
        taken = self.chances(8 * len(piece.data))
        if taken:
            data = bytearray(piece.data)
            for at in taken:
                data[at >> 3] ^= 1 << (at & 7)
            grip.note(f"{self.NAME} at {_places(at >> 3 for at in taken)} of {len(data)} bytes from the {sender.value}")
            piece.data = bytes(data)


@dataclass(slots=True, kw_only=True)
class Drop(ByteFault):
    """A byte does not arrive."""

    NAME: ClassVar[str] = "drop"

    def change(self, data: bytearray, at: int) -> None:
        """Leave it out."""
        del data[at]


@dataclass(slots=True, kw_only=True)
class Insert(ByteFault):
    """A byte arrives that nobody sent."""

    NAME: ClassVar[str] = "insert"

    def change(self, data: bytearray, at: int) -> None:
        """Put one in front."""
        data.insert(at, self.random.randrange(256))


@dataclass(slots=True, kw_only=True)
class Duplicate(ByteFault):
    """A byte arrives twice."""

    NAME: ClassVar[str] = "duplicate"

    def change(self, data: bytearray, at: int) -> None:
        """Put it in again."""
        data.insert(at, data[at])


@dataclass(slots=True, kw_only=True)
class StuckBytes(Fault):
    """A serial line hangs at a level: low, every byte reads as zero; high, none is seen."""

    NAME: ClassVar[str] = "stuck-bytes"
    TOUCHES: ClassVar[str] = "bytes"

    level: bool = key(False, LEVEL, "where the line hangs")

    def declared(self, seconds: float) -> Expected:
        """A line that hangs all the time carries nothing."""
        return Expected.CANNOT if self.lasts(seconds) else Expected.COMPLETES

    def alter(self, pieces: list[Piece], sender: Role, grip: Grip) -> list[Piece]:
        """Nothing, or zeros."""
        if not self.strikes():
            return pieces
        size = sum(len(piece.data) for piece in pieces)
        grip.note(f"{self.NAME} {'high' if self.level else 'low'}: {size} bytes from the {sender.value}")
        return [] if self.level else [Piece(bytes(len(p.data)), p.delay, p.rate) for p in pieces]
