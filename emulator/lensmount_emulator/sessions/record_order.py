"""Records of a port that keeps time, put in the order of their times: it reports a run of bytes when that is over."""

import heapq
import math
from collections.abc import Callable

from lensmount_protocol.wire import Record

HOLD = 0.1
"""Seconds that a record waits for an earlier one: the longest frame of any dialect takes 96 ms at its slowest rate."""

MAX_WAITING = 4096


class RecordOrder:
    """Passes records on in the order of their times.

    A record without a time keeps its place after the one before it.

    Args:
        tap: takes the records.
    """

    def __init__(self, tap: Callable[[Record], None]) -> None:
        self._tap = tap
        self._waiting: list[tuple[float, int, Record]] = []
        self._count = 0
        self._place = -math.inf
        self._latest = -math.inf

    def put(self, record: Record) -> None:
        """Take a record; pass on those that nothing can come before any more."""
        if record.at is not None:
            self._place = record.at
            self._latest = max(self._latest, record.at)
        heapq.heappush(self._waiting, (self._place, self._count, record))
        self._count += 1
        self.release(self._latest - HOLD)
        while len(self._waiting) > MAX_WAITING:
            self._tap(heapq.heappop(self._waiting)[-1])

    def release(self, until: float) -> None:
        """Pass on everything up to a time."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= until:
            self._tap(heapq.heappop(waiting)[-1])

    def flush(self) -> None:
        """The session is over: pass on everything."""
        self.release(math.inf)
