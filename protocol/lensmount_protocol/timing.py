"""The timing contract as data: named intervals between two marks on the wire, with bounds, source and meter."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lensmount_protocol.evidence import Evidence
from lensmount_protocol.wire import Role

Mark = tuple[str, ...]
"""Something that happens at an instant: `edge`, `open`, `first`, `end`, `last` or `close`, and of what."""

ANY = "any"
NOTHING = "nothing"
"""What a select window holds that no byte travelled in: a handshake, or the speed switch."""


def edge(line: str, level: bool) -> Mark:
    """A line takes a level."""
    return ("edge", line, "high" if level else "low")


def opens(sender: Role, what: int | str = ANY) -> Mark:
    """A select window opens that will hold `what`: a message type, `class 1`, `class 2`, or `NOTHING`."""
    return ("open", sender.value, _what(what))


def first_bit(sender: Role, what: int | str = ANY) -> Mark:
    """The first start bit of a frame."""
    return ("first", sender.value, _what(what))


def frame_end(sender: Role, what: int | str = ANY) -> Mark:
    """The last stop bit of a frame."""
    return ("end", sender.value, _what(what))


def last_bit(sender: Role, what: int | str = ANY) -> Mark:
    """The last clocked bit of a frame's window, padding included."""
    return ("last", sender.value, _what(what))


def closes(sender: Role, what: int | str = ANY) -> Mark:
    """The select window closes that held `what`."""
    return ("close", sender.value, _what(what))


def _what(what: int | str) -> str:
    return what if isinstance(what, str) else f"{what:#04x}"


@dataclass(frozen=True, slots=True)
class TimingRule:
    """One sentence of the contract: from `since` to the next `until` it takes `minimum_us` … `maximum_us`.

    Attributes:
        name: what people call the interval.
        since: where it starts; each new one starts it afresh.
        until: where it ends.
        minimum_us: shortest legal value, in microseconds.
        maximum_us: longest legal value, in microseconds.
        evidence: how the bounds are known.
        unless: marks that call the measurement off.
    """

    name: str
    since: Mark
    until: Mark
    minimum_us: float
    maximum_us: float
    evidence: Evidence
    unless: tuple[Mark, ...] = ()

    def allows(self, interval_us: float) -> bool:
        """Whether an interval is within the bounds."""
        return self.minimum_us <= interval_us <= self.maximum_us


@dataclass(slots=True)
class Measurement:
    """What a rule measured: every interval in microseconds with the time of its end, and those out of bounds."""

    rule: TimingRule
    intervals_us: list[float] = field(default_factory=lambda: list[float]())
    violations: list[tuple[float, float]] = field(default_factory=lambda: list[tuple[float, float]]())

    def add(self, at: float, interval_us: float) -> None:
        """Count one interval that ended at `at`."""
        self.intervals_us.append(interval_us)
        if not self.rule.allows(interval_us):
            self.violations.append((at, interval_us))

    @property
    def median_us(self) -> float:
        """Median of the intervals; there must be one."""
        return statistics.median(self.intervals_us)


def measure(rules: Sequence[TimingRule], marks: Iterable[tuple[float, Mark]]) -> list[Measurement]:
    """Measure every rule over marks in any order; a rule that met no interval comes back empty."""
    measurements = [Measurement(rule) for rule in rules]
    ends, starts, stops = (
        _by_mark((rule.until,) for rule in rules),
        _by_mark((rule.since,) for rule in rules),
        _by_mark(rule.unless for rule in rules),
    )
    since: dict[int, float] = {}
    for at, mark in sorted(marks, key=lambda timed: timed[0]):
        for index in ends.get(mark, ()):
            started = since.pop(index, None)
            if started is not None:
                measurements[index].add(at, round((at - started) * 1e6, 3))
        for index in stops.get(mark, ()):
            since.pop(index, None)
        for index in starts.get(mark, ()):
            since[index] = at
    return measurements


def _by_mark(marks_of_rules: Iterable[tuple[Mark, ...]]) -> Mapping[Mark, list[int]]:
    table: dict[Mark, list[int]] = {}
    for index, marks in enumerate(marks_of_rules):
        for mark in marks:
            table.setdefault(mark, []).append(index)
    return table
