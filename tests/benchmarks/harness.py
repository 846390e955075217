"""Measures candidates side by side: in random order inside each round, so that what disturbs one disturbs all."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """One way to do the work.

    Attributes:
        name: what the table calls it.
        run: does the work once.
        operations: how many operations that is.
    """

    name: str
    run: Callable[[], object]
    operations: int


@dataclass(frozen=True)
class Goal:
    """How many times faster than another candidate one should be; a factor of 0 asks for the figure without a goal."""

    of: str
    over: str
    factor: float
    at_most: bool = False


@dataclass
class Result:
    """What a section came to.

    Attributes:
        title: of the section.
        unit: of the values.
        values: candidate -> median.
        ratios: (words, measured, goal, whether it was reached); a goal of `None` is a figure without one.
        remarks: what to know beside it.
    """

    title: str
    unit: str
    values: dict[str, float] = field(default_factory=dict)
    ratios: list[tuple[str, float, float | None, bool]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def figure(self, words: str, measured: float, goal: float | None = None, *, at_most: bool = False) -> None:
        """Add a figure that is not the ratio of two candidates."""
        reached = goal is None or (measured <= goal if at_most else measured >= goal)
        self.ratios.append((words, measured, goal, reached))

    def as_dict(self) -> dict[str, Any]:
        """The section for JSON."""
        ratios = [
            {"what": words, "measured": measured, "goal": goal, "reached": reached}
            for words, measured, goal, reached in self.ratios
        ]
        return {
            "title": self.title,
            "unit": self.unit,
            "values": self.values,
            "ratios": ratios,
            "remarks": self.remarks,
        }


def side_by_side(
    title: str, candidates: Sequence[Candidate], goals: Sequence[Goal], rounds: int, *, unit: str = "ns"
) -> Result:
    """CPU time of each candidate per operation: medians over the rounds, and medians of the ratios in each round."""
    times: dict[str, list[float]] = {candidate.name: [] for candidate in candidates}
    order = list(candidates)
    random = Random(1)
    for candidate in order:
        candidate.run()
    for _ in range(rounds):
        random.shuffle(order)
        for candidate in order:
            gc.collect()
            began = time.process_time_ns()
            candidate.run()
            times[candidate.name].append((time.process_time_ns() - began) / candidate.operations)
    result = Result(title, unit, {name: statistics.median(found) for name, found in times.items()})
    for goal in goals:
        if goal.of in times and goal.over in times:
            pairs = zip(times[goal.over], times[goal.of], strict=True)
            ratio = statistics.median(over / of for over, of in pairs)
            result.figure(f"{goal.of} against {goal.over}", ratio, goal.factor or None, at_most=goal.at_most)
    return result


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
