"""The timing contract as data: named intervals between two marks on the wire, with bounds, source and meter.

The measurements of an interval keep count, extremes and median, exact, in little memory.
"""

import heapq
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from operator import itemgetter

from lensmount_protocol.message import Evidence
from lensmount_protocol.wire import Role

MAX_DISTINCT = 4096
"""Intervals that are counted by value: a logic analyser's samples give a rule a few hundred, at any length."""

_RUN_LENGTH = 65536
"""Number of intervals that are sorted at a time; the runs are merged on access."""


class IntervalStats:
    """Intervals of one rule, in microseconds.

    A source with a coarse clock repeats few values, so they are counted and memory is bounded. A source
    with a resolution of nanoseconds rarely repeats a value: each new one beyond `MAX_DISTINCT` takes 8 bytes.
    """

    __slots__ = ("_count", "_counts", "_run", "_runs")

    def __init__(self) -> None:
        self._count = 0
        self._counts = Counter[float]()
        self._run = array("d")
        self._runs: list[array[float]] = []

    def add(self, interval_us: float) -> None:
        """Add one interval, in microseconds."""
        self._count += 1
        counts = self._counts
        if interval_us in counts:
            counts[interval_us] += 1
        elif len(counts) < MAX_DISTINCT:
            counts[interval_us] = 1
        else:
            self._run.append(interval_us)
            if len(self._run) == _RUN_LENGTH:
                self._runs.append(array("d", sorted(self._run)))
                self._run = array("d")

    def extend(self, intervals_us: Sequence[float]) -> None:
        """Add intervals, in microseconds."""
        if len(self._counts) + len(intervals_us) > MAX_DISTINCT:
            for interval_us in intervals_us:
                self.add(interval_us)
            return
        self._count += len(intervals_us)
        self._counts.update(intervals_us)

    def __len__(self) -> int:
        """Number of intervals."""
        return self._count

    def __iter__(self) -> Iterator[float]:
        """Iterate over all intervals, the shortest first."""
        counted = chain.from_iterable(repeat(value, self._counts[value]) for value in sorted(self._counts))
        if not self._run and not self._runs:
            return counted
        return heapq.merge(counted, sorted(self._run), *self._runs)

    @property
    def minimum(self) -> float:
        """The shortest; there must be one."""
        return min(chain(self._counts, self._run, (run[0] for run in self._runs)))

    @property
    def maximum(self) -> float:
        """The longest; there must be one."""
        return max(chain(self._counts, self._run, (run[-1] for run in self._runs)))

    @property
    def median(self) -> float:
        """The one in the middle, or half-way between the two there; there must be one."""
        two = list(islice(self, (self._count - 1) // 2, self._count // 2 + 1))
        return two[0] if len(two) == 1 else (two[0] + two[1]) / 2


Mark = tuple[str, ...]
"""Something that happens at an instant: `edge`, `open`, `first`, `end`, `last` or `close`, and of what."""

EDGE = "edge"
ANY = "any"
EMPTY = "nothing"
"""Content of a select window without bytes: a handshake, or the speed switch."""


def edge(line: str, level: bool) -> Mark:
    """A line takes a level."""
    return (EDGE, line, "high" if level else "low")


def window_opens(sender: Role, what: int | str = ANY) -> Mark:
    """A select window opens that will hold `what`: a message type, `class 1`, `class 2`, or `EMPTY`."""
    return ("open", sender.value, _frame_kind(what))


def first_bit(sender: Role, what: int | str = ANY) -> Mark:
    """The first start bit of a frame."""
    return ("first", sender.value, _frame_kind(what))


def frame_end(sender: Role, what: int | str = ANY) -> Mark:
    """The last stop bit of a frame."""
    return ("end", sender.value, _frame_kind(what))


def last_bit(sender: Role, what: int | str = ANY) -> Mark:
    """The last clocked bit of a frame's window, padding included."""
    return ("last", sender.value, _frame_kind(what))


def window_closes(sender: Role, what: int | str = ANY) -> Mark:
    """The select window closes that held `what`."""
    return ("close", sender.value, _frame_kind(what))


def _frame_kind(what: int | str) -> str:
    return what if isinstance(what, str) else f"{what:#04x}"


@dataclass(frozen=True, slots=True)
class TimingRule:
    """One rule of the contract: from `start` to the next `end` it takes `minimum_us` … `maximum_us`.

    Attributes:
        name: common name of the interval.
        start: mark at its start; each new one restarts the measurement.
        end: mark at its end.
        minimum_us: shortest legal value, in microseconds.
        maximum_us: longest legal value, in microseconds.
        evidence: how the bounds are known.
        cancelled_by: marks that cancel the measurement.
    """

    name: str
    start: Mark
    end: Mark
    minimum_us: float
    maximum_us: float
    evidence: Evidence
    cancelled_by: tuple[Mark, ...] = ()

    def allows(self, interval_us: float) -> bool:
        """Whether an interval is within the bounds."""
        return self.minimum_us <= interval_us <= self.maximum_us


MAX_VIOLATIONS = 1000
"""Violations that a measurement keeps; all of them are counted."""

MARK_LOOK_AHEAD = 65536
"""Marks that a meter keeps of a long source, since a frame becomes certain only after the bytes that follow it."""

LIVE_LOOK_AHEAD = 2048
"""Marks that a meter keeps of a source that is asked while it runs; each time they are measured again."""


@dataclass(slots=True, repr=False)
class TimingResult:
    """Measurements of one rule.

    Attributes:
        rule: the rule.
        intervals: every interval in microseconds.
        violations: time of the end and length of those out of bounds; the first `MAX_VIOLATIONS` of them.
        violation_count: how many were out of bounds.
    """

    rule: TimingRule
    intervals: IntervalStats = field(default_factory=IntervalStats)
    violations: list[tuple[float, float]] = field(default_factory=lambda: list[tuple[float, float]]())
    violation_count: int = 0

    def __repr__(self) -> str:
        count = len(self.intervals)
        bounds = f"{self.rule.minimum_us:g} to {self.rule.maximum_us:g} µs"
        return (
            f"<{type(self).__name__} {self.rule.name!r}, {bounds}: {count} intervals, {self.violation_count} out of "
            f"bounds>"
        )

    def add(self, at: float, interval_us: float) -> None:
        """Count one interval that ended at `at`."""
        self.add_all([at], [interval_us])

    def add_all(self, ends: Sequence[float], intervals_us: Sequence[float]) -> None:
        """Count intervals, each with the time of its end; at least one."""
        self.intervals.extend(intervals_us)
        rule = self.rule
        if rule.minimum_us <= min(intervals_us) and max(intervals_us) <= rule.maximum_us:
            return
        for at, interval_us in zip(ends, intervals_us, strict=True):
            if not rule.allows(interval_us):
                self.violation_count += 1
                if self.violation_count <= MAX_VIOLATIONS:
                    self.violations.append((at, interval_us))

    @property
    def intervals_us(self) -> list[float]:
        """Every interval, the shortest first."""
        return list(self.intervals)

    @property
    def median_us(self) -> float:
        """Median of the intervals; there must be one."""
        return self.intervals.median


MarkSteps = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""The rules that a mark ends, calls off and starts, in this order."""

_TIME = itemgetter(0)


class TimingAnalyzer:
    """Measures every rule over marks as they come.

    Args:
        rules: the contract.
        look_ahead: number of marks that may arrive before an earlier one; without it all marks are kept until the
            end, and any order is valid.

    Attributes:
        wanted: the marks that a rule uses; the caller may leave out the others.
        late: number of marks that came too late to be measured; 0 unless more than `look_ahead` came before them.
    """

    def __init__(self, rules: Sequence[TimingRule], look_ahead: int | None = None) -> None:
        self.wanted = _steps(rules)
        self.late = 0
        self._results = [TimingResult(rule) for rule in rules]
        self._look_ahead = look_ahead
        self._waiting: list[tuple[float, MarkSteps]] = []
        self._started: list[float | None] = [None] * len(rules)
        self._measured_until = float("-inf")

    def add_marks(self, marks: Iterable[tuple[float, Mark]]) -> None:
        """Add marks as they arrive, each with its time in seconds."""
        wanted = self.wanted
        self.add_steps([(at, wanted[mark]) for at, mark in marks if mark in wanted])

    def add_steps(self, steps: Iterable[tuple[float, MarkSteps]]) -> None:
        """Add marks as what `wanted` has for them."""
        self._waiting += steps
        if self._look_ahead is not None and len(self._waiting) > 2 * self._look_ahead:
            self._measure(self._look_ahead)

    def finish(self) -> list[TimingResult]:
        """Return the measurements; a rule without an interval is empty."""
        self._measure(0)
        return self._results

    def violations(self) -> list[tuple[TimingRule, float, float]]:
        """What is out of bounds so far, while marks still come: rule, time of the end and length in microseconds.

        From here on only `LIVE_LOOK_AHEAD` marks may arrive before an earlier one.
        """
        if len(self._waiting) > 2 * LIVE_LOOK_AHEAD:
            self._measure(LIVE_LOOK_AHEAD)
        # The last marks are measured on a copy: earlier ones may come, and call off or end what they started.
        ahead = TimingAnalyzer(())
        ahead._results = [TimingResult(one.rule, violations=list(one.violations)) for one in self._results]
        ahead._waiting, ahead._started = list(self._waiting), list(self._started)
        ahead._measured_until = self._measured_until
        return [(one.rule, at, length) for one in ahead.finish() for at, length in one.violations[:MAX_VIOLATIONS]]

    def _measure(self, kept: int) -> None:
        """Measure the earliest marks and keep some for which others may still come first."""
        waiting, since, measurements = self._waiting, self._started, self._results
        # The sort is stable, and the kept marks precede the new ones: marks of one time stay in the order of arrival.
        waiting.sort(key=_TIME)
        late = bisect_left(waiting, self._measured_until, key=_TIME)
        self.late += late
        stop = max(late, len(waiting) - kept)
        found: list[tuple[list[float], list[float]]] = [([], []) for _ in measurements]
        for at, (ends, stops, starts) in waiting[late:stop]:
            for index in ends:
                started = since[index]
                if started is not None:
                    since[index] = None
                    times, intervals_us = found[index]
                    times.append(at)
                    intervals_us.append(round((at - started) * 1e6, 3))
            for index in stops:
                since[index] = None
            for index in starts:
                since[index] = at
        for measurement, (times, intervals_us) in zip(measurements, found, strict=True):
            if times:
                measurement.add_all(times, intervals_us)
        if stop > late:
            self._measured_until = waiting[stop - 1][0]
        del waiting[:stop]


def measure(rules: Sequence[TimingRule], marks: Iterable[tuple[float, Mark]]) -> list[TimingResult]:
    """Measure every rule over marks in any order; a rule without an interval is empty."""
    meter = TimingAnalyzer(rules)
    meter.add_marks(marks)
    return meter.finish()


def _steps(rules: Sequence[TimingRule]) -> dict[Mark, MarkSteps]:
    table: dict[Mark, MarkSteps] = {}
    for index, rule in enumerate(rules):
        for place, marks in enumerate(((rule.end,), rule.cancelled_by, (rule.start,))):
            for mark in marks:
                steps = list(table.get(mark, ((), (), ())))
                steps[place] = (*steps[place], index)
                table[mark] = (steps[0], steps[1], steps[2])
    return table
