"""Faults of single bytes on the wire: flipped, dropped, inserted, duplicated, or read from a stuck line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lensmount_emulator.faults.fault import Fault, FaultTarget, OutgoingBytes
from lensmount_emulator.faults.options import LEVEL, RATE, ExpectedOutcome, option
from lensmount_protocol.wire import Role


@dataclass(slots=True, kw_only=True)
class ByteFault(Fault):
    """A fault that changes bytes one by one."""

    TOUCHES: ClassVar[str] = "bytes"

    rate: float = option(1e-3, RATE, "the share of bytes that it changes")

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Change randomly selected bytes."""
        for piece in pieces:
            self._alter(piece, sender, target)
        return [piece for piece in pieces if piece.data]

    def declared(self, seconds: float) -> ExpectedOutcome:
        """A script cannot complete if every byte is changed; else it completes with retries."""
        return ExpectedOutcome.CANNOT if self.lasts(seconds) else ExpectedOutcome.COMPLETES

    def change(self, data: bytearray, at: int) -> None:
        """Change the byte at an index; bytes before it keep their index."""

    def _alter(self, piece: OutgoingBytes, sender: Role, target: FaultTarget) -> None:
        taken = self.select_hits(len(piece.data))
        if taken:
            data = bytearray(piece.data)
            # From the end, so that earlier bytes keep their index.
            for at in reversed(taken):
                self.change(data, at)
            target.annotate(f"{self.NAME} at {_positions(taken, len(piece.data))} from the {sender.value}")
            piece.data = bytes(data)


MAX_LISTED = 8
"""Bytes that a note lists; of more it gives the count, and the first and the last one."""


def _positions(taken: Sequence[int], size: int) -> str:
    places = sorted(set(taken))
    if len(places) == size > 1:
        return f"all {size} bytes"
    if len(places) > MAX_LISTED:
        return f"{len(places)} of {size} bytes, byte {places[0]} to byte {places[-1]},"
    return f"{', '.join(f'byte {at}' for at in taken)} of {size} bytes"


@dataclass(slots=True, kw_only=True)
class BitFlip(ByteFault):
    """A bit arrives inverted."""

    NAME: ClassVar[str] = "bitflip"

    rate: float = option(1e-4, RATE, "the share of bits that it flips")

    def _alter(self, piece: OutgoingBytes, sender: Role, target: FaultTarget) -> None:
        taken = self.select_hits(8 * len(piece.data))
        if taken:
            data = bytearray(piece.data)
            for at in taken:
                data[at >> 3] ^= 1 << (at & 7)
            places = _positions([at >> 3 for at in taken], len(data))
            target.annotate(f"{self.NAME} at {places} from the {sender.value}")
            piece.data = bytes(data)


@dataclass(slots=True, kw_only=True)
class DropByte(ByteFault):
    """A byte does not arrive."""

    NAME: ClassVar[str] = "drop"

    def change(self, data: bytearray, at: int) -> None:
        """Drop the byte."""
        del data[at]


@dataclass(slots=True, kw_only=True)
class InsertByte(ByteFault):
    """A byte arrives that the sender did not send."""

    NAME: ClassVar[str] = "insert"

    def change(self, data: bytearray, at: int) -> None:
        """Insert a random byte before it."""
        data.insert(at, self.random.randrange(256))


@dataclass(slots=True, kw_only=True)
class DuplicateByte(ByteFault):
    """A byte arrives twice."""

    NAME: ClassVar[str] = "duplicate"

    def change(self, data: bytearray, at: int) -> None:
        """Duplicate the byte."""
        data.insert(at, data[at])


@dataclass(slots=True, kw_only=True)
class StuckBytes(Fault):
    """A serial line is stuck at a level: at low, every byte reads as zero; at high, no byte arrives."""

    NAME: ClassVar[str] = "stuck-bytes"
    TOUCHES: ClassVar[str] = "bytes"

    level: bool = option(False, LEVEL, "the level of the stuck line")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """A line that is stuck all the time carries nothing."""
        return ExpectedOutcome.CANNOT if self.lasts(seconds) else ExpectedOutcome.COMPLETES

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Return zeros, or nothing."""
        if not self.should_apply():
            return pieces
        size = sum(len(piece.data) for piece in pieces)
        target.annotate(f"{self.NAME} {'high' if self.level else 'low'}: {size} bytes from the {sender.value}")
        return [] if self.level else [OutgoingBytes(bytes(len(p.data)), p.delay, p.rate) for p in pieces]
