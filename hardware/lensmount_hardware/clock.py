"""Clocks: the machine's monotonic clock, and a virtual clock that moves only on request."""

from time import perf_counter, process_time  # noqa: TID251  the one place where the machine's clock is read
from typing import Protocol


class Clock(Protocol):
    """A source of time."""

    def now(self) -> float:
        """Return the seconds since an arbitrary start; they never decrease."""
        ...


class MonotonicClock:
    """The machine's time, in seconds since this clock was created; setting the date does not change it."""

    def __init__(self) -> None:
        self._start = perf_counter()

    def now(self) -> float:
        """Return the seconds since this clock was created."""
        return perf_counter() - self._start


class ProcessorClock:
    """The processor time that this process has used, in seconds; the load of the machine does not change it."""

    def now(self) -> float:
        """Return the processor time of this process in seconds."""
        return process_time()


class VirtualClock:
    """A clock that stands still until the caller advances it, so that runs are reproducible."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Return the seconds, as of the last advance."""
        return self._now

    def advance_to(self, at: float) -> None:
        """Set the time to `at` seconds.

        Raises:
            ValueError: `at` lies in the past (or is not a number): time does not go back.
        """
        if not at >= self._now:
            raise ValueError(f"time does not go back: it is {self._now} s, asked for {at} s")
        self._now = at
