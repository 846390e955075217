"""Measures candidates against each other in one run: interleaved in random order, medians of values and of ratios."""

import gc
import importlib
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

FEWEST_ITEMS = 20


@dataclass(frozen=True)
class Settings:
    """How thoroughly to measure.

    Attributes:
        rounds: rounds of every section; each measures every candidate once.
        scale: how much work there is in a round; 1 is the usual amount.
        full: whether to run what takes many minutes as well.
        seed: of every random number, the order of the candidates included.
    """

    rounds: int = 9
    scale: float = 1.0
    full: bool = False
    seed: int = 1

    def count(self, usual: int, least: int = 1) -> int:
        """So many of something, scaled."""
        return max(least, int(usual * self.scale))

    def random(self) -> random.Random:
        """A fresh source of random numbers."""
        return random.Random(self.seed)


@dataclass(frozen=True)
class Candidate:
    """Something that is measured.

    Attributes:
        name: as the table shows it.
        work: takes a batch of items, and does the work for each of them.
        items: what batches are cut from.
    """

    name: str
    work: Callable[[Sequence[Any]], object]
    items: Sequence[Any]


@dataclass(frozen=True)
class Goal:
    """What a figure has to be.

    Attributes:
        text: the goal in words.
        limit: the figure that it asks for.
        measured: the figure that was found.
        at_least: whether more is better.
    """

    text: str
    limit: float
    measured: float
    at_least: bool = True

    @property
    def reached(self) -> bool:
        """Whether it is good enough."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


@dataclass
class Row:
    """One line of a section's table.

    Attributes:
        name: the candidate.
        median: the median of its values; `None` where it could not be measured.
        ratio: how many times better than the section's baseline it is; median of the ratios of each round.
        goal: what it, or ours against it, has to show.
        note: one remark.
        values: the value of each round.
    """

    name: str
    median: float | None = None
    ratio: float | None = None
    goal: Goal | None = None
    note: str = ""
    values: list[float] = field(default_factory=list)


@dataclass
class Table:
    """What a section found.

    Attributes:
        section: its name.
        title: what was measured.
        unit: of the medians.
        baseline: the candidate that ratios refer to; `""` where there is none.
        rows: one a candidate.
        notes: what a reader must know.
    """

    section: str
    title: str
    unit: str
    baseline: str = ""
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Comparison:
    """The values of each candidate, round by round.

    Attributes:
        values: candidate -> its value in each round.
    """

    values: dict[str, list[float]]

    def median(self, name: str) -> float:
        """The usual value of a candidate."""
        return statistics.median(self.values[name])

    def ratio(self, name: str, other: str) -> float:
        """How many times as large the value of `other` is; the median of what each round says."""
        pairs = zip(self.values[name], self.values[other], strict=True)
        return statistics.median(theirs / ours for ours, theirs in pairs)


def optional(module: str) -> ModuleType | None:
    """A module that wants something which may not be installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def each(function: Callable[[Any], object]) -> Callable[[Sequence[Any]], object]:
    """Work that calls a function for every item."""

    def work(items: Sequence[Any]) -> None:
        for item in items:
            function(item)

    return work


def cpu_per_item(candidates: Sequence[Candidate], settings: Settings, budget_ms: float = 40.0) -> Comparison:
    """Nanoseconds of CPU that each candidate takes for one item."""
    batch = {candidate.name: _batch_size(candidate, budget_ms * settings.scale) for candidate in candidates}

    def once(candidate: Candidate, source: random.Random) -> float:
        size = batch[candidate.name]
        first = source.randrange(len(candidate.items) - size + 1)
        items = candidate.items[first : first + size]
        began = time.process_time_ns()
        candidate.work(items)
        return max(1, time.process_time_ns() - began) / len(items)

    by_name = {candidate.name: candidate for candidate in candidates}
    return interleaved(by_name, lambda name, source: once(by_name[name], source), settings)


def interleaved(names: Iterable[str], measure: Callable[[str, random.Random], float], settings: Settings) -> Comparison:
    """Measure each of these once a round, in an order that is random in each round.

    The collector starts every measurement with nothing to do: what was there before is frozen, and what the
    candidate before left is collected.
    """
    order = list(names)
    values: dict[str, list[float]] = {name: [] for name in order}
    source = settings.random()
    with frozen_heap():
        for _ in range(settings.rounds):
            source.shuffle(order)
            for name in order:
                gc.collect()
                values[name].append(measure(name, source))
    return Comparison(values)


@contextmanager
def frozen_heap() -> Iterator[None]:
    """The collector looks at nothing that was there before: a workload in memory is none of a candidate's cost."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _batch_size(candidate: Candidate, budget_ms: float) -> int:
    """As many items as fill the budget; found by trying."""
    size = min(FEWEST_ITEMS, len(candidate.items))
    while True:
        began = time.process_time_ns()
        candidate.work(candidate.items[:size])
        took = max(1, time.process_time_ns() - began)
        if took > budget_ms * 1e5 or size >= len(candidate.items):
            return max(1, min(len(candidate.items), int(size * budget_ms * 1e6 / took)))
        size = min(size * 4, len(candidate.items))
