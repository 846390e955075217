"""Faults of the contacts: of level lines, of the supply and of the attachment of the lens.

- Lines: bounce, stuck, glitch, a late edge, both select lines high at once.
- Supply: a brown-out, rails in the wrong order, a rail that is lost inside a frame.
- Attachment: a lens that is detached at any time or byte, attached again, or exchanged.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from lensmount_emulator.faults.fault import (
    MAX_COUNT,
    Fault,
    FaultTarget,
    OutgoingBytes,
    TimedFault,
    resolve_line,
    schedule_in,
)
from lensmount_emulator.faults.options import (
    DELAY,
    DURATION,
    LEVEL,
    LINE,
    NAME_OPTION,
    ExpectedOutcome,
    integer,
    option,
)
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Role


@dataclass(slots=True, kw_only=True)
class Bounce(Fault):
    """The contact bounces: more edges follow an edge."""

    NAME: ClassVar[str] = "bounce"
    TOUCHES: ClassVar[str] = "lines"

    line: str = option("detect", LINE, "which line")
    by: float = option(2e-3, DELAY, "how long it bounces")
    times: int = option(3, integer(1, 100), "how many bounces")
    _busy: bool = field(default=False, init=False, repr=False, compare=False)

    def on_edge(self, line: str, level: bool, target: FaultTarget) -> None:
        """Plan the bounces after an edge; its own edges have none."""
        if self._busy or line != resolve_line(self.line, self.from_, target.dialect) or not self.should_apply():
            return
        self._busy = True
        target.annotate(f"{self.NAME} of {line}")
        moments = sorted(self.random.random() * self.by for _ in range(2 * self.times))
        for moment, what in zip(moments, (True, False) * self.times, strict=True):
            if what:
                schedule_in(target, moment, target.force_line, line, not level)
            else:
                schedule_in(target, moment, target.release_line, line)
        schedule_in(target, self.by, setattr, self, "_busy", False)


@dataclass(slots=True, kw_only=True)
class StuckLine(TimedFault):
    """A line is stuck at a level, whatever its driver does."""

    NAME: ClassVar[str] = "stuck-line"
    TOUCHES: ClassVar[str] = "lines"

    for_: float | None = option(0.05, DURATION, "how long it is stuck, each time")
    line: str = option("select", LINE, "which line")
    level: bool = option(False, LEVEL, "the level at which it is stuck")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """The script may need a line that never works again or fails repeatedly."""
        return ExpectedOutcome.MAY_FAIL if self.lasts(seconds) else ExpectedOutcome.COMPLETES

    def apply(self, target: FaultTarget) -> None:
        """Force the line to the level for the time."""
        line = resolve_line(self.line, self.from_, target.dialect)
        target.annotate(f"{self.NAME}: {line} hangs {'high' if self.level else 'low'}")
        target.force_line(line, self.level)
        schedule_in(target, self.for_ or 0.0, target.release_line, line)


@dataclass(slots=True, kw_only=True)
class Glitch(StuckLine):
    """A line takes a level for a short time."""

    NAME: ClassVar[str] = "glitch"

    for_: float | None = option(20e-6, DURATION, "how long, each time")
    level: bool = option(True, LEVEL, "the level that it takes")


@dataclass(slots=True, kw_only=True)
class LateEdge(Fault):
    """An edge of a line is late; later edges of its driver on this line wait for it."""

    NAME: ClassVar[str] = "late-edge"
    TOUCHES: ClassVar[str] = "lines"

    line: str = option("select", LINE, "which line")
    by: float = option(1e-3, DELAY, "how late")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """If every edge is late, the timing contract may be violated."""
        return ExpectedOutcome.MAY_FAIL if self.lasts(seconds) else ExpectedOutcome.COMPLETES

    count: int | None = option(1, integer(1, MAX_COUNT), "how many edges at most")

    def delay(self, line: str, level: bool, target: FaultTarget) -> float:
        """Return the delay for an edge of its line, in seconds."""
        if line != resolve_line(self.line, self.from_, target.dialect) or not self.should_apply():
            return 0.0
        target.annotate(f"{self.NAME}: {line} goes {'high' if level else 'low'} later")
        return self.by


@dataclass(slots=True, kw_only=True)
class BothSelects(TimedFault):
    """Both ends' select lines are high at once."""

    NAME: ClassVar[str] = "selects"
    TOUCHES: ClassVar[str] = "lines"

    for_: float | None = option(0.01, DURATION, "how long, each time")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """While both are high, neither end may send."""
        return ExpectedOutcome.MAY_FAIL if self.lasts(seconds) else ExpectedOutcome.COMPLETES

    def check(self, dialect: Dialect) -> None:
        """Check that the mount has select lines.

        Raises:
            FaultError: it has none; also as `Fault.check`.
        """
        TimedFault.check(self, dialect)
        resolve_line("select", None, dialect)

    def apply(self, target: FaultTarget) -> None:
        """Force both lines high."""
        target.annotate(f"{self.NAME}: both select lines are high")
        for line in (target.dialect.select_line(role) for role in Role):
            target.force_line(line, True)
            schedule_in(target, self.for_ or 0.0, target.release_line, line)


@dataclass(slots=True, kw_only=True)
class BrownOutFault(TimedFault):
    """A rail fails although the body keeps it on, and comes back."""

    NAME: ClassVar[str] = "brownout"
    TOUCHES: ClassVar[str] = "power"

    for_: float | None = option(0.02, DURATION, "how long it is off, each time")
    line: str = option("supply", LINE, "which rail")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """A supply that does not come back ends the script; after other cuts it may complete."""
        if self.recurs(seconds):
            return ExpectedOutcome.MAY_FAIL
        if not self.lasts(seconds):
            return ExpectedOutcome.COMPLETES
        return ExpectedOutcome.CANNOT if self.line == "supply" else ExpectedOutcome.MAY_FAIL

    def apply(self, target: FaultTarget) -> None:
        """Force the rail low."""
        line = resolve_line(self.line, self.from_, target.dialect)
        target.annotate(f"{self.NAME}: {line} is gone")
        target.force_line(line, False)
        schedule_in(target, self.for_ or 0.0, target.release_line, line)


@dataclass(slots=True, kw_only=True)
class RailOrder(Fault):
    """A rail rises late, after rails that it must precede."""

    NAME: ClassVar[str] = "rail-order"
    TOUCHES: ClassVar[str] = "power"

    line: str = option("supply", LINE, "which rail")
    by: float = option(0.02, DELAY, "how late")
    count: int | None = option(1, integer(1, MAX_COUNT), "how often at most")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """A rail that is always late may be too late for every start."""
        return ExpectedOutcome.MAY_FAIL if self.lasts(seconds) else ExpectedOutcome.COMPLETES

    def delay(self, line: str, level: bool, target: FaultTarget) -> float:
        """Return the delay for a rising edge of its rail, in seconds."""
        if not level or line != resolve_line(self.line, self.from_, target.dialect) or not self.should_apply():
            return 0.0
        target.annotate(f"{self.NAME}: {line} comes late")
        return self.by


@dataclass(slots=True, kw_only=True)
class RailLost(Fault):
    """A rail fails inside a frame, and comes back."""

    NAME: ClassVar[str] = "rail-lost"
    TOUCHES: ClassVar[str] = "power"

    line: str = option("supply", LINE, "which rail")
    byte: int | None = option(None, integer(0, 2000), "after which byte; random if not given")
    gone: float = option(0.02, DURATION, "how long it is off")
    count: int | None = option(1, integer(1, MAX_COUNT), "how often at most")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """The script may need a rail that fails in each frame or does not come back."""
        return ExpectedOutcome.MAY_FAIL if self.lasts(seconds) or self.gone >= seconds else ExpectedOutcome.COMPLETES

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Plan the failure for the end of one of the bytes."""
        if self.should_apply():
            line = resolve_line(self.line, self.from_, target.dialect)
            inside = at_byte(self, pieces, sender, target, self.byte)
            schedule_in(
                target, inside, target.annotate, f"{self.NAME}: {line} is gone inside a frame of the {sender.value}"
            )
            schedule_in(target, inside, target.force_line, line, False)
            schedule_in(target, inside + self.gone, target.release_line, line)
        return pieces


def at_byte(fault: Fault, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget, byte: int | None) -> float:
    """Return the seconds until a byte of the pieces is sent; a random byte if none is given."""
    size = sum(len(piece.data) for piece in pieces)
    number = fault.random.randrange(size + 1) if byte is None else min(byte, size)
    # In the middle of the next byte, so that the order of two events at one instant does not matter.
    return max(0.0, target.get_busy_until(sender) - target.scheduler.now) + (number + 0.5) * target.byte_time(sender)


@dataclass(slots=True, kw_only=True)
class Detach(TimedFault):
    """The lens is detached, and attached again after `for` if that is given."""

    NAME: ClassVar[str] = "detach"
    TOUCHES: ClassVar[str] = "attachment"

    def declared(self, seconds: float) -> ExpectedOutcome:
        """A lens that stays detached ends the script; with repeated detaching it may complete."""
        if self.for_ is None or self.at + self.for_ >= seconds:
            return ExpectedOutcome.CANNOT
        return ExpectedOutcome.MAY_FAIL if self.recurs(seconds) else ExpectedOutcome.COMPLETES

    def apply(self, target: FaultTarget) -> None:
        """Detach the lens."""
        target.annotate(f"{self.NAME}: the lens is taken off")
        target.detach_lens()
        if self.for_ is not None:
            schedule_in(target, self.for_, target.attach_lens)


@dataclass(slots=True, kw_only=True)
class DetachMidFrame(Fault):
    """The lens is detached while an end sends, and attached again."""

    NAME: ClassVar[str] = "detach-inside"
    TOUCHES: ClassVar[str] = "attachment"

    byte: int | None = option(None, integer(0, 2000), "after which byte; random if not given")
    off: float = option(0.2, DURATION, "how long it is off")
    count: int | None = option(1, integer(1, MAX_COUNT), "how often at most")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """A lens that leaves in everything that is sent, or stays away, ends it."""
        return ExpectedOutcome.CANNOT if self.lasts(seconds) or self.off >= seconds else ExpectedOutcome.COMPLETES

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Plan it for the end of one of the bytes."""
        if self.should_apply():
            inside = at_byte(self, pieces, sender, target, self.byte)
            schedule_in(
                target, inside, target.annotate, f"{self.NAME}: the lens is taken off while the {sender.value} sends"
            )
            schedule_in(target, inside, target.detach_lens)
            schedule_in(target, inside + self.off, target.attach_lens)
        return pieces


@dataclass(slots=True, kw_only=True)
class SwapLens(TimedFault):
    """The lens is detached, and another one is attached."""

    NAME: ClassVar[str] = "swap-lens"
    TOUCHES: ClassVar[str] = "attachment"

    for_: float | None = option(0.3, DURATION, "how long the mount is empty")
    lens: str = option("", NAME_OPTION, "its profile; the same lens if not given")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """A mount that stays empty ends the script; with repeated exchanges it may complete."""
        if self.at + (self.for_ or 0.0) >= seconds:
            return ExpectedOutcome.CANNOT
        return ExpectedOutcome.MAY_FAIL if self.recurs(seconds) else ExpectedOutcome.COMPLETES

    def apply(self, target: FaultTarget) -> None:
        """Detach the lens, and attach the other one after `for`."""
        target.annotate(f"{self.NAME}: {self.lens or 'another of its kind'} is put on")
        target.detach_lens()
        target.swap_lens(self.lens)
        schedule_in(target, self.for_ or 0.0, target.attach_lens)
