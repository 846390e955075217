"""Faults of time: jitter, a clock that drifts, pauses inside a frame, a baud rate that is off."""

from dataclasses import dataclass
from typing import ClassVar

from lensmount_emulator.faults.expected import Expected
from lensmount_emulator.faults.fault import MOST, Fault, Grip, Piece, line_of
from lensmount_emulator.faults.misread import misread
from lensmount_emulator.faults.words import DELAY, LINE, ROLE, key, percent, whole
from lensmount_protocol.wire import Role

TOLERABLE_DELAY_S = 0.5e-3
"""With reactions that are late by 1 ms, every third session does not get through its start."""

TOLERABLE_DRIFT_PERCENT = 1.0
"""Tolerance of a cheap ceramic resonator, all causes together."""

READABLE_PERCENT = 4.0
UNREADABLE_PERCENT = 7.0


@dataclass(slots=True, kw_only=True)
class Jitter(Fault):
    """What an end does comes late by chance: its bytes and select line, or one line by name."""

    NAME: ClassVar[str] = "jitter"
    TOUCHES: ClassVar[str] = "timing"

    by: float = key(200e-6, DELAY, "how late at most")
    line: str | None = key(None, LINE, "which line; bytes and select line where it is not said")

    def declared(self, seconds: float) -> Expected:
        """Reactions that are late by much more than a real device's may miss every timeout."""
        return Expected.MAY_FAIL if self.lasts(seconds) and self.by > TOLERABLE_DELAY_S else Expected.COMPLETES

    def alter(self, pieces: list[Piece], sender: Role, grip: Grip) -> list[Piece]:
        """Hold up what is sent."""
        if self.line is None and self.strikes():
            pieces[0].delay += self.random.random() * self.by
        return pieces

    def delay(self, line: str, level: bool, grip: Grip) -> float:
        """Hold up an edge."""
        if self.line is None:
            meant = line in (grip.dialect.select_line(role) for role in Role if self.hits(role))
        else:
            meant = line == line_of(self.line, self.from_, grip.dialect)
        return self.random.random() * self.by if meant and self.strikes() else 0.0


@dataclass(slots=True, kw_only=True)
class Drift(Fault):
    """An end's clock is slow or fast: all its waits are longer or shorter."""

    NAME: ClassVar[str] = "drift"
    TOUCHES: ClassVar[str] = "timing"

    from_: Role | None = key(Role.LENS, ROLE, "whose clock")
    by: float = key(0.1, percent(-20.0, 20.0), "how much too slow it is")

    def declared(self, seconds: float) -> Expected:
        """A clock that is off by more than a resonator's tolerance may miss every timeout."""
        return Expected.MAY_FAIL if abs(self.by) > TOLERABLE_DRIFT_PERCENT else Expected.COMPLETES

    def local(self, now: float) -> float:
        """What the clock says at a time."""
        begins = self.since + self.at
        if now <= begins:
            return now
        slow = min(now, self.ends) - begins
        return now - slow + slow / self._factor

    def true(self, local: float) -> float:
        """The time at which the clock says something."""
        begins = self.since + self.at
        if local <= begins:
            return local
        ends = self.ends
        now = begins + (local - begins) * self._factor
        return now if now <= ends else local + (ends - begins) - (ends - begins) / self._factor

    @property
    def _factor(self) -> float:
        return 1.0 + self.by / 100


@dataclass(slots=True, kw_only=True)
class Pause(Fault):
    """An end rests inside a frame."""

    NAME: ClassVar[str] = "pause"
    TOUCHES: ClassVar[str] = "timing"

    by: float = key(3e-3, DELAY, "how long it rests")
    byte: int | None = key(None, whole(1, 2000), "behind which byte; by chance where it is not said")
    count: int | None = key(1, whole(1, MOST), "how often at most")

    def declared(self, seconds: float) -> Expected:
        """An end that rests in each frame may be too late with all of them."""
        return Expected.MAY_FAIL if self.lasts(seconds) else Expected.COMPLETES

    def alter(self, pieces: list[Piece], sender: Role, grip: Grip) -> list[Piece]:
        """Cut the first piece in two, and hold up the second."""
        first, size = pieces[0], len(pieces[0].data)
        if size < 2 or not self.strikes():
            return pieces
        stop = self.random.randrange(1, size) if self.byte is None else min(self.byte, size - 1)
        grip.note(f"{self.NAME} behind byte {stop} of {size} from the {sender.value}")
        # The pause begins when the bytes in front of it are over.
        rest = Piece(first.data[stop:], self.by, first.rate)
        return [Piece(first.data[:stop], first.delay, first.rate), rest, *pieces[1:]]


@dataclass(slots=True, kw_only=True)
class Baud(Fault):
    """An end sends at a rate that is off; from about 5 % on the other end misreads it."""

    NAME: ClassVar[str] = "baud"
    TOUCHES: ClassVar[str] = "timing"

    from_: Role | None = key(Role.LENS, ROLE, "who sends at the wrong rate")
    by: float = key(2.0, percent(-30.0, 30.0), "how much too fast")

    def declared(self, seconds: float) -> Expected:
        """A UART reads its stop bit wrong from about 5 % on; each byte is then another one."""
        if not self.lasts(seconds) or abs(self.by) < READABLE_PERCENT:
            return Expected.COMPLETES
        return Expected.CANNOT if abs(self.by) > UNREADABLE_PERCENT else Expected.MAY_FAIL

    def alter(self, pieces: list[Piece], sender: Role, grip: Grip) -> list[Piece]:
        """Send at that rate what the other end makes of it."""
        if self.strikes():
            for piece in pieces:
                piece.rate *= 1.0 + self.by / 100
                piece.data = misread(piece.data, piece.rate)
        return [piece for piece in pieces if piece.data]
