"""Faults of the supply: a brown-out, rails in the wrong order, a rail that is lost in the midst of a frame."""

from dataclasses import dataclass
from typing import ClassVar

from lensmount_emulator.faults.expected import Expected
from lensmount_emulator.faults.fault import MOST, Fault, Grip, Piece, TimedFault, later, line_of
from lensmount_emulator.faults.words import DELAY, DURATION, LINE, key, whole
from lensmount_protocol.wire import Role


@dataclass(slots=True, kw_only=True)
class BrownOut(TimedFault):
    """A rail falls away, though the body did not take it, and comes back."""

    NAME: ClassVar[str] = "brownout"
    TOUCHES: ClassVar[str] = "power"

    for_: float | None = key(0.02, DURATION, "how long it is gone, each time")
    line: str = key("supply", LINE, "which rail")

    def declared(self, seconds: float) -> Expected:
        """A supply that does not come back ends it; other rails, and cuts that come again, may leave it time enough."""
        if self.recurs(seconds):
            return Expected.MAY_FAIL
        if not self.lasts(seconds):
            return Expected.COMPLETES
        return Expected.CANNOT if self.line == "supply" else Expected.MAY_FAIL

    def happen(self, grip: Grip) -> None:
        """Hold the rail low."""
        line = line_of(self.line, self.from_, grip.dialect)
        grip.note(f"{self.NAME}: {line} is gone")
        grip.hold(line, False)
        later(grip, self.for_ or 0.0, grip.let_go, line)


@dataclass(slots=True, kw_only=True)
class RailOrder(Fault):
    """A rail comes up late, behind those that it should be in front of."""

    NAME: ClassVar[str] = "rail-order"
    TOUCHES: ClassVar[str] = "power"

    line: str = key("supply", LINE, "which rail")
    by: float = key(0.02, DELAY, "how late")
    count: int | None = key(1, whole(1, MOST), "how often at most")

    def declared(self, seconds: float) -> Expected:
        """A rail that is late each time may be too late for every start."""
        return Expected.MAY_FAIL if self.lasts(seconds) else Expected.COMPLETES

    def delay(self, line: str, level: bool, grip: Grip) -> float:
        """The time, for the rise of its own rail."""
        if not level or line != line_of(self.line, self.from_, grip.dialect) or not self.strikes():
            return 0.0
        grip.note(f"{self.NAME}: {line} comes late")
        return self.by


@dataclass(slots=True, kw_only=True)
class RailLost(Fault):
    """A rail is lost in the midst of a frame, and comes back."""

    NAME: ClassVar[str] = "rail-lost"
    TOUCHES: ClassVar[str] = "power"

    line: str = key("supply", LINE, "which rail")
    byte: int | None = key(None, whole(0, 2000), "behind which byte; by chance where it is not said")
    gone: float = key(0.02, DURATION, "how long it is gone")
    count: int | None = key(1, whole(1, MOST), "how often at most")

    def declared(self, seconds: float) -> Expected:
        """A rail that is lost in each frame, or does not come back, may be one that the script needs."""
        return Expected.MAY_FAIL if self.lasts(seconds) or self.gone >= seconds else Expected.COMPLETES

    def alter(self, pieces: list[Piece], sender: Role, grip: Grip) -> list[Piece]:
        """Plan the loss for the end of one of the bytes."""
        if self.strikes():
            line = line_of(self.line, self.from_, grip.dialect)
            inside = behind_byte(self, pieces, sender, grip, self.byte)
            later(grip, inside, grip.note, f"{self.NAME}: {line} is gone inside a frame of the {sender.value}")
            later(grip, inside, grip.hold, line, False)
            later(grip, inside + self.gone, grip.let_go, line)
        return pieces


def behind_byte(fault: Fault, pieces: list[Piece], sender: Role, grip: Grip, byte: int | None) -> float:
    """Seconds until a byte of what is being sent is over; by chance one of them where none is said."""
    size = sum(len(piece.data) for piece in pieces)
    number = fault.random.randrange(size + 1) if byte is None else min(byte, size)
    # In the midst of the next one, so that nobody has to say which of two things at one instant is the earlier.
    return max(0.0, grip.ends_of(sender) - grip.scheduler.now) + (number + 0.5) * grip.byte_time(sender)
