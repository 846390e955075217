"""What tells the time: the machine's own clock, and one that only moves when it is told to."""

from time import perf_counter  # noqa: TID251  the one place where the machine's clock is read
from typing import Protocol


class Clock(Protocol):
    """Anything that tells the time."""

    def now(self) -> float:
        """Seconds since wherever this clock starts; it never goes back."""
        ...


class MonotonicClock:
    """The machine's time, in seconds since this clock was made; setting the date does not move it."""

    def __init__(self) -> None:
        self._start = perf_counter()

    def now(self) -> float:
        """Seconds since this clock was made."""
        return perf_counter() - self._start


class VirtualClock:
    """Time that stands still until somebody advances it, so that every run is the same run."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds, as of the last advance."""
        return self._now

    def advance_to(self, at: float) -> None:
        """Let the time be `at` seconds.

        Raises:
            ValueError: `at` lies in the past (or is not a number): time does not go back.
        """
        if not at >= self._now:
            raise ValueError(f"time does not go back: it is {self._now} s, asked for {at} s")
        self._now = at
