"""Tracks our orders to a board, and records them with the time of execution instead of the time of the order.

The board reports to the microsecond when bytes were on the wire and when lines moved. Older firmware does not report
the lines that it drives for us, so their edges are calculated: a select line rises the set-up time before its bytes and
falls the hold time after them, which is exact unless host and USB were later than that. Other lines move at the
earliest arrival of the order.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lensmount_hardware.histogram import Histogram
from lensmount_protocol.wire import Burst, DataLoss, Edge, Role, WireRecord

MAX_RISE_WAIT = 5e-3
"""Seconds that a line's rise waits for bytes after it: their time gives the time of the rise."""

_MAX_DRIVES = 256


@dataclass(slots=True)
class _PendingCommand:
    """An order in transit.

    Attributes:
        number: its `id`.
        at: time of the order, in seconds.
        data: the bytes; `b""` for a level.
        baudrate: of the bytes.
        line: the line; `""` for bytes.
        level: of the line.
    """

    number: int
    at: float
    data: bytes = b""
    baudrate: int = 0
    line: str = ""
    level: bool = False


class TransmitTracker:
    """Orders in, records out; times are seconds of the host.

    Args:
        role: the end that we play.
        select: our select line; `""` where there is none.
        setup: seconds from its rise to the first start bit.
        hold: seconds from the last stop bit to its fall.
        idle: our lines -> their idle levels.
        latency: returns the seconds that an order takes to the board.
        reports_edges: whether the board reports when our lines moved, so that no edge is calculated.

    Attributes:
        reports_edges: the same.
        delays: delay from each order to the start of its transmission.
        unsent: bytes that were ordered and not sent.
    """

    def __init__(
        self,
        role: Role,
        select: str,
        setup: float,
        hold: float,
        idle: Mapping[str, bool],
        latency: Callable[[], float] = lambda: 0.0,
        *,
        reports_edges: bool = False,
        replaces: bool = False,
    ) -> None:
        self.reports_edges = reports_edges
        self._replaces = replaces
        self.delays = Histogram()
        self.unsent = 0
        self._role = role
        self._select = select
        self._setup, self._hold = setup, hold
        self._levels = dict(idle)
        self._queue: deque[_PendingCommand] = deque()
        self._drives: dict[int, _PendingCommand] = {}
        self._latency = latency
        self._last_end = float("-inf")

    def on_bytes_queued(self, number: int, data: bytes, baudrate: int, now: float) -> None:
        """Track ordered bytes."""
        if self._replaces and len(self._queue) > _MAX_DRIVES:
            self._queue.popleft()
        self._queue.append(_PendingCommand(number, now, data, baudrate))

    def on_level_command(
        self, number: int, line: str, level: bool, now: float, *, in_turn: bool
    ) -> Iterator[WireRecord]:
        """Track an ordered level, which the board drives after the bytes before it, or at once."""
        order = _PendingCommand(number, now, line=line, level=level)
        self._drives[number] = order
        if len(self._drives) > _MAX_DRIVES:
            del self._drives[next(iter(self._drives))]
        if in_turn:
            self._queue.append(order)
            yield from self.flush_due(now)
        else:
            yield from self._record_edge(line, level, now + self._latency())

    def on_sent(self, number: int, begin: float, end: float) -> Iterator[WireRecord]:
        """Record bytes that the board has sent, from their first start bit to their last stop bit."""
        if all(order.number != number or not order.data for order in self._queue):
            return
        mine = next(order for order in self._queue if order.number == number and order.data)
        delay = max(0.0, begin - mine.at)
        self.delays.add(delay)
        while (order := self._queue.popleft()) is not mine:
            if order.data:
                yield self._record_unsent(order, begin)
            else:
                yield from self._record_edge(order.line, order.level, self._level_time(order, begin, delay))
        self._last_end = end
        yield Burst(begin, self._role, mine.data, mine.baudrate, end)
        yield from self.flush_due(end)

    def on_shifted(self, number: int) -> bytes | None:
        """Return the unit that went out with a burst of a clocked mount; the board replaced the units before it."""
        mine = next((order for order in self._queue if order.number == number and order.data), None)
        while mine is not None and self._queue.popleft() is not mine:
            pass
        return None if mine is None else mine.data

    def flush_due(self, now: float) -> Iterator[WireRecord]:
        """Record levels for which no better time will become known; `now` is the current time."""
        while self._queue and not self._queue[0].data:
            order = self._queue[0]
            following = next((other for other in self._queue if other is not order), None)
            rises = order.level and order.line == self._select
            waits = now - order.at < MAX_RISE_WAIT if following is None else bool(following.data)
            if rises and waits:
                return
            self._queue.popleft()
            at = order.at + self._latency()
            if order.line == self._select and not order.level:
                at = max(at, self._last_end + self._hold)
            yield from self._record_edge(order.line, order.level, at)

    def on_rejected(self, number: int, at: float) -> Iterator[WireRecord]:
        """The board did not do this, at a time by which it would have."""
        found = next((order for order in self._queue if order.number == number), None)
        if found is not None:
            self._queue.remove(found)
            if found.data:
                yield self._record_unsent(found, at)
            yield from self.flush_due(at)
        elif (drive := self._drives.get(number)) is not None:
            # It is already recorded, but did not happen: record its reversal.
            yield from self._record_edge(drive.line, not drive.level, at)

    def on_queue_dropped(self, transmissions: int, others: int, at: float) -> Iterator[WireRecord]:
        """Record that the board has dropped so many of the oldest orders from its queue."""
        if self._replaces:
            # Units that were replaced are not among those that the board dropped.
            units = [order for order in self._queue if order.data]
            self._queue.clear()
            for order in units[len(units) - transmissions :]:
                yield self._record_unsent(order, at)
            return
        kept: deque[_PendingCommand] = deque()
        for order in self._queue:
            if order.data and transmissions:
                transmissions -= 1
                yield self._record_unsent(order, at)
            elif not order.data and others:
                others -= 1
            else:
                kept.append(order)
        self._queue = kept

    def on_safe_state(self, levels: Mapping[str, bool], at: float) -> Iterator[WireRecord]:
        """Record that the board has entered the safe state, with these levels on our lines."""
        for line, level in levels.items():
            yield from self._record_edge(line, level, at)

    def on_board_lost(self, at: float) -> Iterator[WireRecord]:
        """Record that the board has gone: pending orders may have been executed or not."""
        for order in self._queue:
            if order.data:
                yield self._record_unsent(order, at)
        self._queue.clear()

    def describe(self, number: int) -> str:
        """Return a description of an order."""
        order = next((order for order in self._queue if order.number == number), None) or self._drives.get(number)
        if order is None:
            return "an order"
        return f"{len(order.data)} bytes" if order.data else f"{order.line} {'high' if order.level else 'low'}"

    def _level_time(self, order: _PendingCommand, begin: float, delay: float) -> float:
        """Return when a level was driven that was ordered before bytes."""
        latest = begin - self._setup if order.line == self._select else begin
        return min(latest, order.at + delay)

    def _record_edge(self, line: str, level: bool, at: float) -> Iterator[WireRecord]:
        if not self.reports_edges and self._levels.get(line) is not level:
            self._levels[line] = level
            yield Edge(at, line, level)

    def _record_unsent(self, order: _PendingCommand, at: float) -> DataLoss:
        self.unsent += len(order.data)
        return DataLoss(at, f"bytes that the {self._role.value} was to send and did not", len(order.data))
