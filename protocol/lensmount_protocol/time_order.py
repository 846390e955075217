"""Decoded events of both directions in the order of their times, in bounded memory.

A frame becomes certain after its end, and an empty window when it closes, so a decoder gives events later than other
events that happened after them. Here they wait until nothing that is still undecided can have happened before them.
"""

import heapq
import math
from collections.abc import Iterable, Iterator

from lensmount_protocol.decoder import Decoded, Decoder, EmptyWindow
from lensmount_protocol.wire import Record

MAX_WAITING = 4096
"""Events that wait at most; a select line that never falls again must not keep everything after it."""

SLACK = 20e-3
"""Seconds by which records may come late: a host that polls a port hears of bytes and edges in any order."""

CLOCK_STEP = 1.0
"""Seconds: a time this far before the latest one is of another clock, such as that of a second log in one file."""


class OrderedDecoder:
    """A decoder whose events come in the order of their times.

    An event without a time keeps its place after the one before it. Events that come later than `slack` allows, or
    after `MAX_WAITING` others, are given at once, out of order.

    Args:
        decoder: decodes the records.
        slack: seconds by which records may come after later ones.
    """

    def __init__(self, decoder: Decoder, slack: float = SLACK) -> None:
        self._decoder = decoder
        self._slack = slack
        self._waiting: list[tuple[float, int, Decoded]] = []
        self._count = 0
        self._place = -math.inf
        self._latest = -math.inf

    def decode(self, records: Iterable[Record]) -> Iterator[Decoded]:
        """Everything that a finite source of records holds."""
        for record in records:
            yield from self.feed(record)
        yield from self.finish()

    def feed(self, record: Record, *, settle: bool = False) -> list[Decoded]:
        """Take one record; give the events whose turn it is.

        Args:
            record: the record.
            settle: whether frames need not wait for padding, because a user watches the line.
        """
        ready: list[Decoded] = []
        at = record.at
        if at is not None:
            if at < self._latest - CLOCK_STEP:
                self._release(math.inf, ready)
                self._latest = self._place = at
            elif at > self._latest:
                self._latest = at
        self._add(self._decoder.feed(record))
        if settle:
            self._add(self._decoder.settle())
        waiting = self._waiting
        if waiting and (len(waiting) > MAX_WAITING or waiting[0][0] < self._latest - self._slack):
            undecided = self._decoder.undecided_since
            if undecided < self._latest - self._slack:
                self._add(self._decoder.drop_silent(self._latest))
                undecided = self._decoder.undecided_since
            self._release(min(undecided, self._latest - self._slack), ready)
            while len(waiting) > MAX_WAITING:
                ready.append(heapq.heappop(waiting)[-1])
        return ready

    def finish(self) -> list[Decoded]:
        """The source has ended: everything that waits."""
        self._add(self._decoder.finish())
        ready: list[Decoded] = []
        self._release(math.inf, ready)
        return ready

    def _add(self, events: Iterable[Decoded]) -> None:
        for event in events:
            at = event.opened if isinstance(event, EmptyWindow) else event.at
            if at is not None:
                self._place = at
            heapq.heappush(self._waiting, (self._place, self._count, event))
            self._count += 1

    def _release(self, until: float, ready: list[Decoded]) -> None:
        waiting = self._waiting
        while waiting and waiting[0][0] <= until:
            ready.append(heapq.heappop(waiting)[-1])
