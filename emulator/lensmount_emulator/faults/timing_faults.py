"""Faults of timing: jitter, clock drift, pauses inside a frame, a wrong baud rate.

`resample_uart` computes the bytes that a receiver reads at another baud rate. An end with clock drift waits and
receives events in its own time (`DriftingScheduler`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import ClassVar, TypeVar

from lensmount_emulator.faults.fault import MAX_COUNT, Fault, FaultTarget, OutgoingBytes, resolve_line
from lensmount_emulator.faults.options import DELAY, LINE, ROLE, ExpectedOutcome, integer, option, percent
from lensmount_emulator.mount.burst_delivery import EventHandler
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FaultError
from lensmount_protocol.wire import Role, WireEvent

BITS_PER_BYTE = 10
"""Start bit, eight data bits, stop bit."""


@lru_cache(maxsize=4096)
def resample_uart(data: bytes, rate: float) -> bytes:
    """Return the bytes that a receiver reads from bytes that are sent back to back.

    It waits for a falling edge, and samples the line in the middle of each of its own bits. A byte with a low stop bit
    is lost; then it waits for the line to rise before it searches the next start bit.

    Args:
        data: the bytes that are sent.
        rate: the sender's rate as a multiple of the receiver's.
    """
    bits = [bit for byte in data for bit in (0, *(byte >> place & 1 for place in range(8)), 1)]
    read = bytearray()
    at, ends = 0.0, float(len(bits))

    def level(place: float) -> int:
        return bits[int(place)] if place < ends else 1

    while at < ends:
        if level(at):
            at = float(int(at) + 1)
            continue
        # Positions count in bits of the sender; one bit of the receiver takes `rate` of them.
        value = sum(level(at + (place + 1.5) * rate) << place for place in range(8))
        stop = at + (BITS_PER_BYTE - 0.5) * rate
        if level(stop):
            read.append(value)
            at = stop
        else:
            at = stop
            while at < ends and not level(at):
                at = float(int(at) + 1)
    return bytes(read)


TOLERABLE_DELAY_S = 0.5e-3
"""With reactions that are 1 ms late, every third session fails to start."""

TOLERABLE_DRIFT_PERCENT = 1.0
"""Tolerance of a cheap ceramic resonator, all causes together."""

READABLE_PERCENT = 4.0
UNREADABLE_PERCENT = 7.0


@dataclass(slots=True, kw_only=True)
class Jitter(Fault):
    """Actions of an end are late by a random time: its bytes and select line, or one line by name."""

    NAME: ClassVar[str] = "jitter"
    TOUCHES: ClassVar[str] = "timing"

    by: float = option(200e-6, DELAY, "how late at most")
    line: str | None = option(None, LINE, "which line; bytes and select line if not given")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """Reactions that are late by much more than a real device's may miss every timeout."""
        return (
            ExpectedOutcome.MAY_FAIL
            if self.lasts(seconds) and self.by > TOLERABLE_DELAY_S
            else ExpectedOutcome.COMPLETES
        )

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Delay the bytes."""
        if self.line is None and self.should_apply():
            pieces[0].delay += self.random.random() * self.by
        return pieces

    def delay(self, line: str, level: bool, target: FaultTarget) -> float:
        """Return the random delay of an edge, in seconds."""
        if self.line is None:
            meant = line in (target.dialect.select_line(role) for role in Role if self.applies_to(role))
        else:
            meant = line == resolve_line(self.line, self.from_, target.dialect)
        return self.random.random() * self.by if meant and self.should_apply() else 0.0


@dataclass(slots=True, kw_only=True)
class ClockDrift(Fault):
    """An end's clock is slow or fast: all its waits are longer or shorter."""

    NAME: ClassVar[str] = "drift"
    TOUCHES: ClassVar[str] = "timing"

    from_: Role | None = option(Role.LENS, ROLE, "the end with the wrong clock")
    by: float = option(0.1, percent(-20.0, 20.0), "how much too slow it is")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """A clock that is off by more than a resonator's tolerance may miss every timeout."""
        return ExpectedOutcome.MAY_FAIL if abs(self.by) > TOLERABLE_DRIFT_PERCENT else ExpectedOutcome.COMPLETES

    def local(self, now: float) -> float:
        """Return the time of the clock at a true time, in seconds."""
        begins = self.since + self.at
        if now <= begins:
            return now
        slow = min(now, self.end_time) - begins
        return now - slow + slow / self._factor

    def true(self, local: float) -> float:
        """Return the true time for a time of the clock, in seconds."""
        begins = self.since + self.at
        if local <= begins:
            return local
        ends = self.end_time
        now = begins + (local - begins) * self._factor
        return now if now <= ends else local + (ends - begins) - (ends - begins) / self._factor

    @property
    def _factor(self) -> float:
        return 1.0 + self.by / 100


@dataclass(slots=True, kw_only=True)
class InterByteGap(Fault):
    """An end pauses inside a frame."""

    NAME: ClassVar[str] = "pause"
    TOUCHES: ClassVar[str] = "timing"

    by: float = option(3e-3, DELAY, "how long it pauses")
    byte: int | None = option(None, integer(1, 2000), "after which byte; random if not given")
    count: int | None = option(1, integer(1, MAX_COUNT), "how often at most")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """An end that pauses in each frame may be too late with all of them."""
        return ExpectedOutcome.MAY_FAIL if self.lasts(seconds) else ExpectedOutcome.COMPLETES

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Split the first piece in two, and delay the second."""
        first, size = pieces[0], len(pieces[0].data)
        if size < 2 or not self.should_apply():
            return pieces
        stop = self.random.randrange(1, size) if self.byte is None else min(self.byte, size - 1)
        target.annotate(f"{self.NAME} after byte {stop} of {size} from the {sender.value}")
        # The pause begins when the bytes before it are sent.
        rest = OutgoingBytes(first.data[stop:], self.by, first.rate)
        return [OutgoingBytes(first.data[:stop], first.delay, first.rate), rest, *pieces[1:]]


@dataclass(slots=True, kw_only=True)
class BaudrateError(Fault):
    """An end sends at a wrong rate; from about 5 % on the other end misreads it."""

    NAME: ClassVar[str] = "baud"
    TOUCHES: ClassVar[str] = "timing"

    from_: Role | None = option(Role.LENS, ROLE, "which end sends at the wrong rate")
    by: float = option(2.0, percent(-30.0, 30.0), "how much too fast")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """A UART reads its stop bit wrong from about 5 % on; each byte is then another one."""
        if not self.lasts(seconds) or abs(self.by) < READABLE_PERCENT:
            return ExpectedOutcome.COMPLETES
        return ExpectedOutcome.CANNOT if abs(self.by) > UNREADABLE_PERCENT else ExpectedOutcome.MAY_FAIL

    def check(self, dialect: Dialect) -> None:
        """Check that each end of the mount has a rate of its own.

        Raises:
            FaultError: both ends follow one clock; also as `Fault.check`.
        """
        Fault.check(self, dialect)
        if dialect.wiring.clocked is not None:
            raise FaultError(
                f"fault {self.NAME}: both ends of {dialect.name} follow its clock; use clock-lost, clock-extra or drift"
            )

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Send at that rate the bytes that the other end reads from it."""
        if self.should_apply():
            for piece in pieces:
                piece.rate *= 1.0 + self.by / 100
                piece.data = resample_uart(piece.data, piece.rate)
        return [piece for piece in pieces if piece.data]


T = TypeVar("T")


class DriftingScheduler(Scheduler):
    """The shared scheduler as seen by an end with clock drift.

    Args:
        true: the shared scheduler.
        drifts: the drifts of the clock.
    """

    __slots__ = ("_drifts", "_true")

    def __init__(self, true: Scheduler, drifts: list[ClockDrift]) -> None:
        super().__init__(true.now)
        self.post = lambda entry: self.call_soon(*entry)
        self._true = true
        self._drifts = drifts

    def add(self, drift: ClockDrift) -> None:
        """Let the clock drift by another drift as well, from its time on."""
        self._drifts.append(drift)

    def local(self, now: float) -> float:
        """See the base class."""
        for drift in self._drifts:
            now = drift.local(now)
        return now

    def call_at(self, when: float, call: Callable[[T, float], object], argument: T, number: int = 0) -> int:
        """See the base class; the time is that of the clock."""
        true = when
        for drift in reversed(self._drifts):
            true = drift.true(true)
        return self._true.call_at(true, partial(self._call, call, when), argument, number)

    def call_soon(self, call: Callable[[T, float], object], argument: T) -> None:
        """See the base class."""
        self._true.call_soon(partial(self._call, call, 0.0), argument)

    def cancel(self, number: int) -> None:
        """See the base class."""
        self._true.cancel(number)

    def wrap_handler(self, handler: EventHandler) -> EventHandler:
        """Return a handler that receives the clock's time."""

        def on_event(event: WireEvent, now: float) -> None:
            handler(event, self.local(now))

        return on_event

    def _call(self, call: Callable[[T, float], object], due: float, argument: T, now: float) -> None:
        # Both conversions round: a caller that is called slightly early would request the same time forever.
        call(argument, max(due, self.local(now)))
