"""What we do ourselves through a board, as a recording keeps it: told when it was done, not when it was ordered.

The board says when bytes were on the wire and when lines moved, to the microsecond. Older firmware says nothing of
lines that it drives for us, so their edges are reckoned: a select line rises the set-up time in front of its bytes and
falls the hold time behind them, which the board keeps exactly where host and USB were not later than that; other lines
move when the order can have arrived.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lensmount_hardware.histogram import Histogram
from lensmount_protocol.wire import Burst, Drop, Edge, Record, Role

LONGEST_RISE = 5e-3
"""Seconds that a line's rise waits for bytes behind it, whose time would tell its own."""

_REMEMBERED = 256


@dataclass(slots=True)
class _Ordered:
    """An order on its way.

    Attributes:
        number: its `id`.
        at: when it was given, in seconds.
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


class OwnDoing:
    """Orders in, records out; times are seconds of the host.

    Args:
        role: the end that we play.
        select: our select line; `""` where there is none.
        setup: seconds from its rise to the first start bit.
        hold: seconds from the last stop bit to its fall.
        idle: our lines -> their levels at rest.
        way: tells how many seconds an order takes to the board.
        told: whether the board tells when lines of ours moved, so that nothing is to be reckoned.

    Attributes:
        told: the same.
        delays: how long behind its order each transmission began.
        unsent: bytes that were ordered and never sent.
    """

    def __init__(
        self,
        role: Role,
        select: str,
        setup: float,
        hold: float,
        idle: Mapping[str, bool],
        way: Callable[[], float] = lambda: 0.0,
        *,
        told: bool = False,
    ) -> None:
        self.told = told
        self.delays = Histogram()
        self.unsent = 0
        self._role = role
        self._select = select
        self._setup, self._hold = setup, hold
        self._levels = dict(idle)
        self._queue: deque[_Ordered] = deque()
        self._drives: dict[int, _Ordered] = {}
        self._way = way
        self._ended = float("-inf")

    def bytes_ordered(self, number: int, data: bytes, baudrate: int, now: float) -> None:
        """Bytes were ordered."""
        self._queue.append(_Ordered(number, now, data, baudrate))

    def level_ordered(self, number: int, line: str, level: bool, now: float, *, in_turn: bool) -> Iterator[Record]:
        """A level was ordered, to be taken behind the bytes in front of it, or at once."""
        order = _Ordered(number, now, line=line, level=level)
        self._drives[number] = order
        if len(self._drives) > _REMEMBERED:
            del self._drives[next(iter(self._drives))]
        if in_turn:
            self._queue.append(order)
            yield from self.due(now)
        else:
            yield from self._move(line, level, now + self._way())

    def sent(self, number: int, begin: float, end: float) -> Iterator[Record]:
        """The board has sent bytes, from their first start bit to their last stop bit."""
        if all(order.number != number or not order.data for order in self._queue):
            return
        mine = next(order for order in self._queue if order.number == number and order.data)
        delay = max(0.0, begin - mine.at)
        self.delays.add(delay)
        while (order := self._queue.popleft()) is not mine:
            if order.data:
                yield self._never(order, begin)
            else:
                yield from self._move(order.line, order.level, self._in_front(order, begin, delay))
        self._ended = end
        yield Burst(begin, self._role, mine.data, mine.baudrate, end)
        yield from self.due(end)

    def due(self, now: float) -> Iterator[Record]:
        """Levels whose time nothing will tell any better; `now` is when we ask."""
        while self._queue and not self._queue[0].data:
            order = self._queue[0]
            behind = next((other for other in self._queue if other is not order), None)
            rises = order.level and order.line == self._select
            waits = now - order.at < LONGEST_RISE if behind is None else bool(behind.data)
            if rises and waits:
                return
            self._queue.popleft()
            at = order.at + self._way()
            if order.line == self._select and not order.level:
                at = max(at, self._ended + self._hold)
            yield from self._move(order.line, order.level, at)

    def refused(self, number: int, at: float) -> Iterator[Record]:
        """The board did not do this, at a time by which it would have."""
        found = next((order for order in self._queue if order.number == number), None)
        if found is not None:
            self._queue.remove(found)
            if found.data:
                yield self._never(found, at)
            yield from self.due(at)
        elif (drive := self._drives.get(number)) is not None:
            # It has been told already, and did not happen.
            yield from self._move(drive.line, not drive.level, at)

    def emptied(self, transmissions: int, others: int, at: float) -> Iterator[Record]:
        """The board has emptied its queue of the oldest so many orders."""
        kept: deque[_Ordered] = deque()
        for order in self._queue:
            if order.data and transmissions:
                transmissions -= 1
                yield self._never(order, at)
            elif not order.data and others:
                others -= 1
            else:
                kept.append(order)
        self._queue = kept

    def rested(self, levels: Mapping[str, bool], at: float) -> Iterator[Record]:
        """The board has put our lines at rest by itself: at these levels."""
        for line, level in levels.items():
            yield from self._move(line, level, at)

    def abandoned(self, at: float) -> Iterator[Record]:
        """The board has gone, and what was ordered of it may have been sent or not."""
        for order in self._queue:
            if order.data:
                yield self._never(order, at)
        self._queue.clear()

    def describe(self, number: int) -> str:
        """An order in words."""
        order = next((order for order in self._queue if order.number == number), None) or self._drives.get(number)
        if order is None:
            return "an order"
        return f"{len(order.data)} bytes" if order.data else f"{order.line} {'high' if order.level else 'low'}"

    def _in_front(self, order: _Ordered, begin: float, delay: float) -> float:
        """When a level was taken that was ordered in front of bytes."""
        latest = begin - self._setup if order.line == self._select else begin
        return min(latest, order.at + delay)

    def _move(self, line: str, level: bool, at: float) -> Iterator[Record]:
        if not self.told and self._levels.get(line) is not level:
            self._levels[line] = level
            yield Edge(at, line, level)

    def _never(self, order: _Ordered, at: float) -> Drop:
        self.unsent += len(order.data)
        return Drop(at, f"bytes that the {self._role.value} was to send and did not", len(order.data))
