"""What every fault has: when it acts, on whom and how often, its own source of chance, and the hooks it may fill."""

import math
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Protocol

from lensmount_emulator.faults.expected import Expected
from lensmount_emulator.faults.words import DURATION, EXPECT, PER_SECOND, RATE, ROLE, key, whole
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FaultError
from lensmount_protocol.wire import Role

MOST = 1_000_000
"""Times that a fault can be told to strike."""

NEVER = float("inf")

ENDLESS_COUNT = 1000
"""A fault that strikes so often outlasts any session."""


class Grip(Protocol):
    """What a fault may do to a mount.

    Attributes:
        dialect: what is spoken.
        scheduler: where a fault plans what happens by time.
    """

    @property
    def dialect(self) -> Dialect:
        """See the class."""
        ...

    @property
    def scheduler(self) -> Scheduler:
        """See the class."""
        ...

    def hold(self, line: str, level: bool) -> None:
        """Put a line at a level, whatever its driver wants, until it is let go as often as it was held."""
        ...

    def let_go(self, line: str) -> None:
        """Give a line back to its driver, at the level that it wants by now."""
        ...

    def take_off(self) -> None:
        """Take the lens off."""
        ...

    def put_on(self) -> None:
        """Put on the mount what was taken off it."""
        ...

    def exchange(self, lens: str) -> None:
        """Have another lens by hand, to be put on next, by the name of its profile."""
        ...

    def note(self, text: str) -> None:
        """Say in the recording what a fault did."""
        ...

    def ends_of(self, sender: Role) -> float:
        """When an end's last bit so far is over, in seconds."""
        ...

    def byte_time(self, sender: Role) -> float:
        """Seconds that one byte of an end takes."""
        ...


@dataclass(slots=True)
class Piece:
    """Bytes on their way to the wire.

    Attributes:
        data: the bytes.
        delay: seconds that they wait; what is sent behind them waits with them.
        rate: bits a second, as a share of the rate in force.
    """

    data: bytes
    delay: float = 0.0
    rate: float = 1.0


@dataclass(slots=True, kw_only=True)
class Fault:
    """A deviation that is put on a session. A subclass fills the hooks that it needs.

    Attributes:
        NAME: what it is called.
        TOUCHES: what it is about: bytes, frames, lines, timing, power or attachment.
        BY_TIME: whether it happens by time, and not when a byte, a frame or an edge comes by.
        random: its own source of chance.
        since: the session's time at which its times begin to count, in seconds.
        struck: how often it has struck.
    """

    NAME: ClassVar[str]
    TOUCHES: ClassVar[str]
    BY_TIME: ClassVar[bool] = False

    at: float = key(0.0, DURATION, "when it begins, from the session's start on")
    for_: float | None = key(None, DURATION, "how long it lasts")
    until: float | None = key(None, DURATION, "when it ends")
    from_: Role | None = key(None, ROLE, "whose bytes and lines it touches")
    rate: float = key(1.0, RATE, "the share of chances that it takes")
    count: int | None = key(None, whole(1, MOST), "how often at most")
    expect: Expected | None = key(None, EXPECT, "what becomes of the script, where the fault's own answer does not fit")
    random: Random = field(default_factory=lambda: Random(0), init=False, repr=False, compare=False)
    since: float = field(default=0.0, init=False, repr=False, compare=False)
    struck: int = field(default=0, init=False, compare=False)
    _gap: int = field(default=-1, init=False, repr=False, compare=False)

    def expected(self, seconds: float) -> Expected:
        """What becomes of a script that may take so many seconds of the session.

        What the text says comes first; a subclass answers in `declared`.
        """
        return self.expect or self.declared(seconds)

    def declared(self, seconds: float) -> Expected:
        """The outcome that follows from the fault's own options: with retries a script completes, unless told."""
        return Expected.COMPLETES

    def lasts(self, seconds: float) -> bool:
        """Whether it still acts when so many seconds of the session are over, each chance taken, without an end."""
        relentless = self.BY_TIME or self.rate >= 1
        return relentless and self.ends >= self.since + seconds and (self.count is None or self.count >= ENDLESS_COUNT)

    def check(self, dialect: Dialect) -> None:
        """Refuse what cannot be done on this mount.

        Raises:
            FaultError: it names a line that the dialect does not have, or ends before it begins.
        """
        if self.for_ is not None and self.until is not None and not self.BY_TIME:
            raise FaultError(f"fault {self.NAME}: takes for or until, not both")
        if self.until is not None and self.until <= self.at:
            raise FaultError(f"fault {self.NAME}: until={self.until:g}s is not behind at={self.at:g}s")
        line = getattr(self, "line", None)
        if line is not None:
            try:
                line_of(line, self.from_, dialect)
            except FaultError as error:
                raise FaultError(f"fault {self.NAME}: {error}") from None

    def begin(self, grip: Grip) -> None:
        """The session begins: plan what happens by time."""

    def alter(self, pieces: list[Piece], sender: Role, grip: Grip) -> list[Piece]:
        """An end sends: what goes on the wire instead."""
        return pieces

    def delay(self, line: str, level: bool, grip: Grip) -> float:
        """An end moves a line: seconds that this comes late."""
        return 0.0

    def moved(self, line: str, level: bool, grip: Grip) -> None:
        """A line has moved."""

    @property
    def ends(self) -> float:
        """When it is over for good, in seconds of the session; infinite where it has no end."""
        if self.until is not None:
            return self.since + self.until
        return NEVER if self.for_ is None else self.since + self.at + self.for_

    def acts(self, now: float) -> bool:
        """Whether it acts at a time."""
        return self.since + self.at <= now < self.ends and (self.count is None or self.struck < self.count)

    def hits(self, role: Role) -> bool:
        """Whether it touches an end."""
        return self.from_ is None or self.from_ is role

    def strikes(self) -> bool:
        """Whether it takes this chance."""
        return bool(self.chances(1))

    def chances(self, number: int) -> list[int]:
        """Which of so many chances it takes, counted from 0."""
        left = MOST if self.count is None else self.count - self.struck
        taken: list[int] = []
        at = self._gap if self._gap >= 0 else self._next_gap()
        while at < number and len(taken) < left:
            taken.append(at)
            at += 1 + self._next_gap()
        self._gap = max(0, at - number)
        self.struck += len(taken)
        return taken

    def _next_gap(self) -> int:
        """Chances that are left out before the next one is taken."""
        if self.rate >= 1:
            return 0
        if self.rate <= 0:
            return MOST * MOST
        # One draw for each chance that is taken, and none for the many that are not.
        return min(MOST * MOST, int(math.log(1.0 - self.random.random()) / math.log1p(-self.rate)))


@dataclass(slots=True, kw_only=True)
class TimedFault(Fault):
    """A fault that happens by time: once, so many times, or so often a second, each time for as long as it lasts."""

    BY_TIME: ClassVar[bool] = True

    rate: float = key(0.0, PER_SECOND, "how often a second, by chance; 0: once, at its time")

    def begin(self, grip: Grip) -> None:
        """Plan the first time."""
        grip.scheduler.at(self._first(), self._happen, grip)

    @property
    def ends(self) -> float:
        """When it is over for good: with a rate at `until` or when it has come `count` times, else behind its time."""
        if self.until is not None:
            return self.since + self.until
        if self.rate:
            return NEVER
        return self.since + self.at + (self.for_ or 0.0)

    def recurs(self, seconds: float) -> bool:
        """Whether it still comes again and again when so many seconds of the session are over."""
        return bool(self.rate) and self.lasts(seconds)

    def happen(self, grip: Grip) -> None:
        """It happens, now."""

    def _first(self) -> float:
        begins = self.since + self.at
        return begins + self.random.expovariate(self.rate) if self.rate else begins

    def _happen(self, grip: Grip, now: float) -> None:
        over = self.since + self.until if self.until is not None else NEVER
        if now >= over or (self.count is not None and self.struck >= self.count):
            return
        self.struck += 1
        self.happen(grip)
        if self.rate:
            grip.scheduler.at(now + self.random.expovariate(self.rate), self._happen, grip)


def later(grip: Grip, seconds: float, call: Any, *arguments: Any) -> None:
    """Do something after a time."""
    grip.scheduler.at(grip.scheduler.now + seconds, lambda given, _now: call(*given), arguments)


def line_of(name: str, role: Role | None, dialect: Dialect) -> str:
    """The line that a fault means: `select` is the select line of the end it touches, the lens's for both.

    Raises:
        FaultError: the dialect has no such line (lists those that it has).
    """
    if name == "select":
        return dialect.select_line(role or Role.LENS)
    found = {"supply": dialect.supply, "detect": dialect.detect}.get(name)
    found = found or next((line for line in dialect.drivers if line.lower() == name.lower()), None)
    if found is None:
        known = ", ".join(sorted(dialect.drivers))
        raise FaultError(f"{dialect.name} has no line {name!r}; it has {known}, or say select, supply or detect")
    return found
