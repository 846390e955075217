"""How long something took, many times: the count, the extremes and the median, exact, in little memory."""

import heapq
from array import array
from collections.abc import Iterator
from itertools import chain, islice, repeat

MOST_DISTINCT = 4096
"""Intervals that are counted by value: a logic analyser's samples give a rule a few hundred, at any length."""

_RUN = 65536
"""Intervals that are sorted at a time; the runs are merged when somebody asks."""


class Intervals:
    """Intervals of one rule, in microseconds.

    Those of a source with a coarse clock are few different ones, so they are counted and memory is bounded. A source
    that tells nanoseconds hardly repeats itself: what is new beyond `MOST_DISTINCT` takes 8 bytes each.
    """

    __slots__ = ("_count", "_counts", "_run", "_runs")

    def __init__(self) -> None:
        self._count = 0
        self._counts: dict[float, int] = {}
        self._run = array("d")
        self._runs: list[array[float]] = []

    def add(self, interval_us: float) -> None:
        """Take one."""
        self._count += 1
        counts = self._counts
        if interval_us in counts:
            counts[interval_us] += 1
        elif len(counts) < MOST_DISTINCT:
            counts[interval_us] = 1
        else:
            self._run.append(interval_us)
            if len(self._run) == _RUN:
                self._runs.append(array("d", sorted(self._run)))
                self._run = array("d")

    def __len__(self) -> int:
        """How many."""
        return self._count

    def __iter__(self) -> Iterator[float]:
        """All of them, the shortest first."""
        counted = chain.from_iterable(repeat(value, self._counts[value]) for value in sorted(self._counts))
        if not self._run and not self._runs:
            return counted
        return heapq.merge(counted, sorted(self._run), *self._runs)

    @property
    def shortest(self) -> float:
        """The shortest; there must be one."""
        return min(chain(self._counts, self._run, (run[0] for run in self._runs)))

    @property
    def longest(self) -> float:
        """The longest; there must be one."""
        return max(chain(self._counts, self._run, (run[-1] for run in self._runs)))

    @property
    def median(self) -> float:
        """The one in the middle, or half-way between the two there; there must be one."""
        two = list(islice(self, (self._count - 1) // 2, self._count // 2 + 1))
        return two[0] if len(two) == 1 else (two[0] + two[1]) / 2
