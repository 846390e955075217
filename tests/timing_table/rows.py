"""A row of the timing table: what is measured in which session, and what must come out."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One absolute expectation.

    Attributes:
        name: of the interval.
        measured: gives it, or all of them, in seconds.
        expected_us: what it must be, in microseconds.
        within_us: how much it may differ.
        source: where the expectation is from.
    """

    name: str
    measured: Callable[[], float | list[float]]
    expected_us: float
    within_us: float
    source: str

    def failure(self) -> str:
        """What is wrong, empty where nothing is."""
        try:
            values = self.measured()
        except (AssertionError, IndexError, StopIteration) as error:
            return f"{self.name}: {type(error).__name__}: {error}"
        if isinstance(values, list):
            if not values:
                return f"{self.name}: nothing was measured"
            values = median(values)
        measured_us = values * 1e6
        if abs(measured_us - self.expected_us) <= self.within_us:
            return ""
        return f"{self.name}: {measured_us:.2f} us, expected {self.expected_us:g} +- {self.within_us:g} ({self.source})"
