"""The timing contract as data: named intervals between two marks on the wire, with bounds, source and meter."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from lensmount_protocol.evidence import Evidence
from lensmount_protocol.intervals import Intervals
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


MOST_TOLD = 1000
"""Violations that a measurement keeps; all of them are counted."""

LOOK_AHEAD = 65536
"""Marks that a meter keeps of a long source, since a frame becomes certain only behind what follows it."""


@dataclass(slots=True, repr=False)
class Measurement:
    """What a rule measured.

    Attributes:
        rule: the rule.
        spread: every interval in microseconds.
        violations: those out of bounds, each behind the time of its end; the first `MOST_TOLD` of them.
        broken: how many were out of bounds.
    """

    rule: TimingRule
    spread: Intervals = field(default_factory=Intervals)
    violations: list[tuple[float, float]] = field(default_factory=lambda: list[tuple[float, float]]())
    broken: int = 0

    def __repr__(self) -> str:
        count = len(self.spread)
        bounds = f"{self.rule.minimum_us:g} to {self.rule.maximum_us:g} µs"
        return f"<{type(self).__name__} {self.rule.name!r}, {bounds}: {count} intervals, {self.broken} out of bounds>"

    def add(self, at: float, interval_us: float) -> None:
        """Count one interval that ended at `at`."""
        self.spread.add(interval_us)
        if not self.rule.allows(interval_us):
            self.broken += 1
            if self.broken <= MOST_TOLD:
                self.violations.append((at, interval_us))

    @property
    def intervals_us(self) -> list[float]:
        """Every interval, the shortest first."""
        return list(self.spread)

    @property
    def median_us(self) -> float:
        """Median of the intervals; there must be one."""
        return self.spread.median


_Steps = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""The rules that a mark ends, calls off and starts, in this order."""

_TIME = itemgetter(0)


class Meter:
    """Measures every rule over marks as they come.

    Args:
        rules: the contract.
        look_ahead: how many marks may come before one that happened earlier; without it all marks are kept until the
            end, and any order is right.

    Attributes:
        wanted: the marks that matter to a rule; the others need not be told.
        late: marks that came too late to be measured; 0 unless more than `look_ahead` came before them.
    """

    def __init__(self, rules: Sequence[TimingRule], look_ahead: int | None = None) -> None:
        self.wanted = _steps(rules)
        self.late = 0
        self._measurements = [Measurement(rule) for rule in rules]
        self._look_ahead = look_ahead
        self._waiting: list[tuple[float, _Steps]] = []
        self._since: dict[int, float] = {}
        self._measured_until = float("-inf")

    def take(self, marks: Iterable[tuple[float, Mark]]) -> None:
        """Take marks as they come, each with its time in seconds."""
        wanted = self.wanted
        self._waiting += [(at, wanted[mark]) for at, mark in marks if mark in wanted]
        if self._look_ahead is not None and len(self._waiting) > 2 * self._look_ahead:
            self._measure(self._look_ahead)

    def finish(self) -> list[Measurement]:
        """What was measured; a rule that met no interval is empty."""
        self._measure(0)
        return self._measurements

    def _measure(self, kept: int) -> None:
        """Measure the earliest marks and keep some for which others may still come first."""
        waiting, since, measurements = self._waiting, self._since, self._measurements
        # The sort is stable, and what is kept stands in front of what comes: marks of one time stay as they came.
        waiting.sort(key=_TIME)
        late = bisect_left(waiting, self._measured_until, key=_TIME)
        self.late += late
        stop = max(late, len(waiting) - kept)
        for at, (ends, stops, starts) in waiting[late:stop]:
            for index in ends:
                started = since.pop(index, None)
                if started is not None:
                    measurements[index].add(at, round((at - started) * 1e6, 3))
            for index in stops:
                since.pop(index, None)
            for index in starts:
                since[index] = at
        if stop > late:
            self._measured_until = waiting[stop - 1][0]
        del waiting[:stop]


def measure(rules: Sequence[TimingRule], marks: Iterable[tuple[float, Mark]]) -> list[Measurement]:
    """Measure every rule over marks in any order; a rule that met no interval comes back empty."""
    meter = Meter(rules)
    meter.take(marks)
    return meter.finish()


def _steps(rules: Sequence[TimingRule]) -> dict[Mark, _Steps]:
    table: dict[Mark, _Steps] = {}
    for index, rule in enumerate(rules):
        for place, marks in enumerate(((rule.until,), rule.unless, (rule.since,))):
            for mark in marks:
                steps = list(table.get(mark, ((), (), ())))
                steps[place] = (*steps[place], index)
                table[mark] = (steps[0], steps[1], steps[2])
    return table
