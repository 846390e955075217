"""The virtual-time scheduler: calls functions at their times, in an order that depends only on the requests.

A mount, both engines and a campaign share one scheduler; it reads no clock. At one instant the `soon` queue runs
first, then the entries in the order of their requests. A scheduler is useful by itself:

```python
def blink(scheduler: Scheduler) -> Process:
    while True:
        print(scheduler.now)
        yield scheduler.now + 0.5

scheduler = Scheduler()
scheduler.start(blink(scheduler))
scheduler.run(10.0)
```
"""

import itertools
from collections import deque
from collections.abc import Callable, Generator
from heapq import heapify, heappop, heappush, heappushpop
from typing import Any, TypeVar

T = TypeVar("T")

Process = Generator[float, None, None]
"""A sequence of steps in time; each `yield` gives the time at which it continues, in seconds."""

_Entry = tuple[float, int, Callable[[Any, float], object] | None, Any]
"""Time, number, and either a function with its argument, or `None` with a process."""

MIN_CANCELLED = 8
"""Cancelled entries that may stay in the heap before the scheduler removes them."""


class _StoppedError(Exception):
    """Ends a run; it never leaves this module."""


def _raise_stopped(_none: None, _now: float) -> None:
    raise _StoppedError


class Scheduler:
    """Calls functions at their times.

    Attributes:
        now: seconds of virtual time; it never goes back.
        post: `call_soon` with its two arguments as a tuple, for callers that use it at each edge.
    """

    __slots__ = ("_cancelled", "_heap", "_next_number", "_soon", "_until", "now", "post")

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        # Plain tuples: the heap compares time and number in C, and never compares the functions.
        self._heap: list[_Entry] = []
        self._soon: deque[tuple[Callable[[Any, float], object], Any]] = deque()
        self.post: Callable[[tuple[Callable[[Any, float], object], Any]], object] = self._soon.append
        self._cancelled: set[int] = set()
        self._next_number = itertools.count(1).__next__
        self._until = now

    def __len__(self) -> int:
        """Entries that wait, including cancelled ones that are not removed yet."""
        return len(self._heap) + len(self._soon)

    def local(self, now: float) -> float:
        """Return the time of its clock at a true time, in seconds; a clock that drifts differs."""
        return now

    def call_at(self, when: float, call: Callable[[T, float], object], argument: T, number: int = 0) -> int:
        """Call a function at a time; a time in the past means now.

        Args:
            when: seconds.
            call: the function.
            argument: its first argument; the time is the second.
            number: the number of an earlier entry that has been called, to keep its place among equal times.

        Returns:
            The entry's number, for `cancel`.
        """
        number = number or self._next_number()
        heappush(self._heap, (when, number, call, argument))
        return number

    def call_soon(self, call: Callable[[T, float], object], argument: T) -> None:
        """Call a function at this instant, after the current call returns."""
        self._soon.append((call, argument))

    def cancel(self, number: int) -> None:
        """Cancel an entry that waits."""
        # It stays in the heap until its time comes: to find it there would cost more than to skip it.
        cancelled = self._cancelled
        cancelled.add(number)
        if len(cancelled) > MIN_CANCELLED and len(cancelled) * 2 > len(self._heap):
            # In place: a run that is under way holds the same list.
            self._heap[:] = [entry for entry in self._heap if entry[1] not in cancelled]
            heapify(self._heap)
            cancelled.clear()

    def next_time(self) -> float | None:
        """When something happens next, in seconds; `None`: nothing is planned."""
        if self._soon:
            return self.now
        heap, cancelled = self._heap, self._cancelled
        while heap and heap[0][1] in cancelled:
            cancelled.discard(heappop(heap)[1])
        return heap[0][0] if heap else None

    def run(self, until: float, stop_when: Callable[[], bool] | None = None) -> None:
        """Let time pass up to `until` seconds, or to the first event after which `stop_when` is true.

        A call of `stop` ends it earlier.
        """
        try:
            self._run(until, stop_when)
        except _StoppedError:
            return

    def stop(self) -> None:
        """End the run that is under way after the current call, at the time of that call."""
        if not self._soon or self._soon[0][0] is not _raise_stopped:
            self._soon.appendleft((_raise_stopped, None))

    def _run(self, until: float, stop_when: Callable[[], bool] | None) -> None:
        heap, soon, cancelled, next_number = self._heap, self._soon, self._cancelled, self._next_number
        # `try_advance_to` must not skip `stop_when`, which is checked after each event.
        self._until = until if stop_when is None else self.now
        back: _Entry | None = None
        while True:
            if soon or stop_when is not None:
                if back is not None:
                    heappush(heap, back)
                    back = None
                while soon:
                    call, argument = soon.popleft()
                    call(argument, self.now)
                if stop_when is not None and stop_when():
                    return
            if back is not None:
                # One heap operation instead of two.
                entry = heappushpop(heap, back)
                back = None
            elif heap:
                entry = heappop(heap)
            else:
                break
            when, number, action, argument = entry
            if when > until:
                heappush(heap, entry)
                break
            if cancelled and number in cancelled:
                cancelled.discard(number)
                continue
            if when > self.now:
                self.now = when
            else:
                when = self.now
            if action is not None:
                action(argument, when)
            elif (upcoming := next(argument, None)) is not None:
                back = (upcoming, next_number(), None, argument)
        self.now = max(self.now, until)

    def run_due(self, now: float) -> None:
        """Call every entry that is due, all of them at `now`: real time passes between two calls of this method."""
        self.now = now
        self.run(now)

    def try_advance_to(self, when: float) -> bool:
        """Advance time to `when` if no entry is due before and the run lasts until then; return whether it did.

        A caller that would only schedule itself again saves a heap operation.
        """
        heap = self._heap
        if self._soon or when > self._until or (heap and heap[0][0] <= when):
            return False
        self.now = when
        return True

    def spawn(self, process: Process) -> None:
        """Start a process; at this instant it runs up to its first wait."""
        heappush(self._heap, (self.now, self._next_number(), None, process))
