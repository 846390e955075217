"""The base classes of all faults: their times, target, rate and random generator, and the hooks of a subclass."""

import math
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Protocol

from lensmount_emulator.faults.options import DURATION, EXPECT, PER_SECOND, RATE, ROLE, ExpectedOutcome, integer, option
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FaultError
from lensmount_protocol.wire import Role

MAX_COUNT = 1_000_000
"""Largest number of times that a fault can be set to apply."""

NEVER = float("inf")

ENDLESS_COUNT = 1000
"""A fault that applies so often outlasts any session."""


class FaultTarget(Protocol):
    """The operations of a mount that a fault may use.

    Attributes:
        dialect: the dialect of the mount.
        scheduler: schedules timed effects.
    """

    @property
    def dialect(self) -> Dialect:
        """See the class."""
        ...

    @property
    def scheduler(self) -> Scheduler:
        """See the class."""
        ...

    def force_line(self, line: str, level: bool) -> None:
        """Force a line to a level, whatever its driver does, until each call is matched by `release_line`."""
        ...

    def release_line(self, line: str) -> None:
        """Return a line to its driver, at the level that the driver wants now."""
        ...

    def detach_lens(self) -> None:
        """Detach the lens."""
        ...

    def attach_lens(self) -> None:
        """Attach the detached lens."""
        ...

    def swap_lens(self, lens: str) -> None:
        """Select the lens that is attached next, by the name of its profile."""
        ...

    def annotate(self, text: str) -> None:
        """Write an effect of the fault to the recording."""
        ...

    def hold(self, text: str) -> None:
        """Stop time at this moment, as a breakpoint does, with what happens as text."""
        ...

    def get_busy_until(self, sender: Role) -> float:
        """Return the time at which an end's last bit so far is sent, in seconds."""
        ...

    def byte_time(self, sender: Role) -> float:
        """Return the duration of one byte of an end, in seconds."""
        ...


@dataclass(slots=True)
class OutgoingBytes:
    """Bytes on their way to the wire.

    Attributes:
        data: the bytes.
        delay: seconds that they wait; later bytes wait with them.
        rate: bits a second, as a share of the rate in force.
    """

    data: bytes
    delay: float = 0.0
    rate: float = 1.0


@dataclass(slots=True)
class ClockedBurst:
    """A burst of a clocked link on its way to the contacts: what each end shifts out, and the clock that each counts.

    Attributes:
        clocked_by: the end that drives the clock.
        units: end -> the bytes that it shifts out.
        pulses: end -> the pulses of the clock that it counts, each as the number of its bit time, ascending.
        kept: the unit that the clocked end has loaded, and shifts out in the next burst; empty for none.
    """

    clocked_by: Role
    units: dict[Role, bytes]
    pulses: dict[Role, list[int]]
    kept: bytes = b""


@dataclass(slots=True, kw_only=True)
class Fault:
    """A deviation that is injected into a session. A subclass overrides the hooks that it needs.

    Attributes:
        NAME: its name in the text form.
        TOUCHES: its subject: bytes, frames, lines, timing, clock, power or attachment.
        BY_TIME: whether it occurs by time, and not on a byte, a frame or an edge.
        NEEDS_CLOCK: whether it is possible on clocked links only.
        random: its own random generator.
        since: the session's time at which its times begin to count, in seconds.
        applied_count: how often it was applied.
    """

    NAME: ClassVar[str]
    TOUCHES: ClassVar[str]
    BY_TIME: ClassVar[bool] = False
    NEEDS_CLOCK: ClassVar[bool] = False

    at: float = option(0.0, DURATION, "when it begins, from the session's start on")
    for_: float | None = option(None, DURATION, "how long it lasts")
    until: float | None = option(None, DURATION, "when it ends")
    from_: Role | None = option(None, ROLE, "the end that it affects")
    rate: float = option(1.0, RATE, "the share of occasions on which it applies")
    count: int | None = option(None, integer(1, MAX_COUNT), "how often at most")
    expect: ExpectedOutcome | None = option(
        None, EXPECT, "outcome of the script, where the fault's own answer does not fit"
    )
    random: Random = field(default_factory=lambda: Random(0), init=False, repr=False, compare=False)
    since: float = field(default=0.0, init=False, repr=False, compare=False)
    applied_count: int = field(default=0, init=False, compare=False)
    _gap: int = field(default=-1, init=False, repr=False, compare=False)

    def expected(self, seconds: float) -> ExpectedOutcome:
        """Return the expected outcome of a script that may take so many seconds of the session.

        The key `expect` of the text form takes precedence; a subclass answers in `declared`.
        """
        return self.expect or self.declared(seconds)

    def declared(self, seconds: float) -> ExpectedOutcome:
        """Return the outcome that follows from the fault's own options: by default a script completes with retries."""
        return ExpectedOutcome.COMPLETES

    def lasts(self, seconds: float) -> bool:
        """Whether it applies on every occasion for at least so many seconds of the session, without an end."""
        relentless = self.BY_TIME or self.rate >= 1
        return (
            relentless and self.end_time >= self.since + seconds and (self.count is None or self.count >= ENDLESS_COUNT)
        )

    def check(self, dialect: Dialect) -> None:
        """Check that the fault is possible on this mount.

        Raises:
            FaultError: it names a line that the dialect does not have, needs a clock that the dialect does not have,
                or ends before it begins.
        """
        if self.NEEDS_CLOCK and dialect.wiring.clocked is None:
            raise FaultError(f"fault {self.NAME}: {dialect.name} has no clock; use a fault of bytes, frames or timing")
        if self.for_ is not None and self.until is not None and not self.BY_TIME:
            raise FaultError(f"fault {self.NAME}: takes for or until, not both")
        if self.until is not None and self.until <= self.at:
            raise FaultError(f"fault {self.NAME}: until={self.until:g}s is not after at={self.at:g}s")
        line = getattr(self, "line", None)
        if line is not None:
            try:
                resolve_line(line, self.from_, dialect)
            except FaultError as error:
                raise FaultError(f"fault {self.NAME}: {error}") from None

    def start(self, target: FaultTarget) -> None:
        """Plan timed effects; called at the start of the session."""

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Return the bytes that go on the wire instead; called when an end sends."""
        return pieces

    def modify_burst(self, burst: ClockedBurst, target: FaultTarget) -> None:
        """Change a burst of a clocked link; called when its clock begins."""

    def delay(self, line: str, level: bool, target: FaultTarget) -> float:
        """Return the delay of an edge, in seconds; called when an end moves a line."""
        return 0.0

    def on_edge(self, line: str, level: bool, target: FaultTarget) -> None:
        """Handle an edge; called after a line has moved."""

    @property
    def end_time(self) -> float:
        """Time at which it ends for good, in seconds of the session; infinite if it has no end."""
        if self.until is not None:
            return self.since + self.until
        return NEVER if self.for_ is None else self.since + self.at + self.for_

    def is_active(self, now: float) -> bool:
        """Whether it is active at a time."""
        return self.since + self.at <= now < self.end_time and (self.count is None or self.applied_count < self.count)

    def applies_to(self, role: Role) -> bool:
        """Whether it affects an end."""
        return self.from_ is None or self.from_ is role

    def should_apply(self) -> bool:
        """Whether it applies on this occasion."""
        return bool(self.select_hits(1))

    def select_hits(self, number: int) -> list[int]:
        """Return the occasions, of `number`, on which it applies, counted from 0."""
        left = MAX_COUNT if self.count is None else self.count - self.applied_count
        taken: list[int] = []
        at = self._gap if self._gap >= 0 else self._next_gap()
        while at < number and len(taken) < left:
            taken.append(at)
            at += 1 + self._next_gap()
        self._gap = max(0, at - number)
        self.applied_count += len(taken)
        return taken

    def _next_gap(self) -> int:
        """Return the number of occasions to skip before the next one."""
        if self.rate >= 1:
            return 0
        if self.rate <= 0:
            return MAX_COUNT * MAX_COUNT
        # One random draw for each hit, and none for the many occasions that are skipped.
        return min(MAX_COUNT * MAX_COUNT, int(math.log(1.0 - self.random.random()) / math.log1p(-self.rate)))


@dataclass(slots=True, kw_only=True)
class TimedFault(Fault):
    """A fault that occurs by time: once, a number of times, or at a rate, each time for `for_` seconds."""

    BY_TIME: ClassVar[bool] = True

    rate: float = option(0.0, PER_SECOND, "how often a second, at random; 0: once, at its time")

    def start(self, target: FaultTarget) -> None:
        """Plan the first time."""
        target.scheduler.call_at(self._first(), self._apply, target)

    @property
    def end_time(self) -> float:
        """Time at which it ends for good: `until`; else never with a rate, and after its duration without one."""
        if self.until is not None:
            return self.since + self.until
        if self.rate:
            return NEVER
        return self.since + self.at + (self.for_ or 0.0)

    def recurs(self, seconds: float) -> bool:
        """Whether it still recurs after so many seconds of the session."""
        return bool(self.rate) and self.lasts(seconds)

    def apply(self, target: FaultTarget) -> None:
        """Apply the fault now."""

    def _first(self) -> float:
        begins = self.since + self.at
        return begins + self.random.expovariate(self.rate) if self.rate else begins

    def _apply(self, target: FaultTarget, now: float) -> None:
        over = self.since + self.until if self.until is not None else NEVER
        if now >= over or (self.count is not None and self.applied_count >= self.count):
            return
        self.applied_count += 1
        self.apply(target)
        if self.rate:
            target.scheduler.call_at(now + self.random.expovariate(self.rate), self._apply, target)


def schedule_in(target: FaultTarget, seconds: float, call: Any, *arguments: Any) -> None:
    """Schedule a call after a time, in seconds."""
    target.scheduler.call_at(target.scheduler.now + seconds, lambda given, _now: call(*given), arguments)


def check_has_edges(fault: Fault, dialect: Dialect) -> None:
    """Check that the line of a fault has edges of its own: sessions have whole bytes of a line that carries bits.

    Raises:
        FaultError: it carries bytes or the clock (names the faults of those).
    """
    named = getattr(fault, "line", None)
    line = "" if named is None else resolve_line(named, fault.from_, dialect)
    if line not in bit_lines(dialect):
        return
    senders = [one.sender.value for one in dialect.wiring.serial if one.name == line]
    if not senders:
        raise FaultError(
            f"fault {fault.NAME}: {line} is the clock, which has no single edges here; use clock-lost or clock-extra"
        )
    end = senders[0] if len(senders) == 1 else "both"
    raise FaultError(
        f"fault {fault.NAME}: {line} carries bytes, which have no single edges here; use stuck-bytes from={end}"
    )


def bit_lines(dialect: Dialect) -> frozenset[str]:
    """Return the lines that carry bytes or the clock; sessions have no single edges of them."""
    clocked = dialect.wiring.clocked
    return frozenset({one.name for one in dialect.wiring.serial} | ({clocked.clock} if clocked is not None else set()))


def resolve_line(name: str, role: Role | None, dialect: Dialect) -> str:
    """Return the line that a name means: `select` is the select line of the affected end, the lens's for both.

    Raises:
        FaultError: the dialect has no such line (lists those that it has).
    """
    if name == "select":
        line = dialect.select_line(role or Role.LENS)
        if line:
            return line
        known = ", ".join(sorted(dialect.drivers))
        raise FaultError(f"{dialect.name} has no select line; name the line of the fault, such as line=supply: {known}")
    found = {"supply": dialect.supply, "detect": dialect.detect}.get(name)
    found = found or next((line for line in dialect.drivers if line.lower() == name.lower()), None)
    if found is None:
        known = ", ".join(sorted(dialect.drivers))
        raise FaultError(f"{dialect.name} has no line {name!r}; it has {known}, or use select, supply or detect")
    return found
