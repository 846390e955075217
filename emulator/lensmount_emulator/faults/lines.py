"""Faults of lines that carry a level: bounce, stuck, glitch, an edge that comes late, both selects high at once."""

from dataclasses import dataclass, field
from typing import ClassVar

from lensmount_emulator.faults.expected import Expected
from lensmount_emulator.faults.fault import MOST, Fault, Grip, TimedFault, later, line_of
from lensmount_emulator.faults.words import DELAY, DURATION, LEVEL, LINE, key, whole
from lensmount_protocol.wire import Role


@dataclass(slots=True, kw_only=True)
class Bounce(Fault):
    """An edge is followed by others: the contact bounces."""

    NAME: ClassVar[str] = "bounce"
    TOUCHES: ClassVar[str] = "lines"

    line: str = key("detect", LINE, "which line")
    by: float = key(2e-3, DELAY, "how long it bounces")
    times: int = key(3, whole(1, 100), "how often it falls back")
    _busy: bool = field(default=False, init=False, repr=False, compare=False)

    def moved(self, line: str, level: bool, grip: Grip) -> None:
        """Plan the bounces behind an edge; its own edges have none."""
        if self._busy or line != line_of(self.line, self.from_, grip.dialect) or not self.strikes():
            return
        self._busy = True
        grip.note(f"{self.NAME} of {line}")
        moments = sorted(self.random.random() * self.by for _ in range(2 * self.times))
        for moment, what in zip(moments, (True, False) * self.times, strict=True):
            if what:
                later(grip, moment, grip.hold, line, not level)
            else:
                later(grip, moment, grip.let_go, line)
        later(grip, self.by, setattr, self, "_busy", False)


@dataclass(slots=True, kw_only=True)
class Stuck(TimedFault):
    """A line hangs at a level, whatever its driver does."""

    NAME: ClassVar[str] = "stuck"
    TOUCHES: ClassVar[str] = "lines"

    for_: float | None = key(0.05, DURATION, "how long it hangs, each time")
    line: str = key("select", LINE, "which line")
    level: bool = key(False, LEVEL, "where it hangs")

    def declared(self, seconds: float) -> Expected:
        """A line that never works again, or fails again and again, may be one that the script needs."""
        return Expected.MAY_FAIL if self.lasts(seconds) else Expected.COMPLETES

    def happen(self, grip: Grip) -> None:
        """Hold it for the time."""
        line = line_of(self.line, self.from_, grip.dialect)
        grip.note(f"{self.NAME}: {line} hangs {'high' if self.level else 'low'}")
        grip.hold(line, self.level)
        later(grip, self.for_ or 0.0, grip.let_go, line)


@dataclass(slots=True, kw_only=True)
class Glitch(Stuck):
    """A line takes a level for a moment."""

    NAME: ClassVar[str] = "glitch"

    for_: float | None = key(20e-6, DURATION, "how long it is there, each time")
    level: bool = key(True, LEVEL, "the level that it takes")


@dataclass(slots=True, kw_only=True)
class LateEdge(Fault):
    """An edge of a line comes late; what its driver does on it behind that waits."""

    NAME: ClassVar[str] = "late-edge"
    TOUCHES: ClassVar[str] = "lines"

    line: str = key("select", LINE, "which line")
    by: float = key(1e-3, DELAY, "how late")

    def declared(self, seconds: float) -> Expected:
        """Where every edge is late, the timing contract may not be met any more."""
        return Expected.MAY_FAIL if self.lasts(seconds) else Expected.COMPLETES

    count: int | None = key(1, whole(1, MOST), "how many edges at most")

    def delay(self, line: str, level: bool, grip: Grip) -> float:
        """The time, for its own line."""
        if line != line_of(self.line, self.from_, grip.dialect) or not self.strikes():
            return 0.0
        grip.note(f"{self.NAME}: {line} goes {'high' if level else 'low'} later")
        return self.by


@dataclass(slots=True, kw_only=True)
class BothSelects(TimedFault):
    """Both ends' select lines are high at once."""

    NAME: ClassVar[str] = "selects"
    TOUCHES: ClassVar[str] = "lines"

    for_: float | None = key(0.01, DURATION, "how long, each time")

    def declared(self, seconds: float) -> Expected:
        """While both are high nobody may send."""
        return Expected.MAY_FAIL if self.lasts(seconds) else Expected.COMPLETES

    def happen(self, grip: Grip) -> None:
        """Hold both."""
        grip.note(f"{self.NAME}: both select lines are high")
        for line in (grip.dialect.select_line(role) for role in Role):
            grip.hold(line, True)
            later(grip, self.for_ or 0.0, grip.let_go, line)
