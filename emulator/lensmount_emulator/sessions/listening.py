"""Listens between a body and a lens: bytes and edges to records and frames, at the rate that they speak. No I/O."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from lensmount_emulator.sessions.rates import RateChange, RateFollower
from lensmount_emulator.sessions.record_order import RecordOrder
from lensmount_hardware.transport import BROKEN_BYTES
from lensmount_protocol.decoder import Decoded, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import (
    Burst,
    Drop,
    Edge,
    LineChanged,
    Received,
    Record,
    Remark,
    Role,
    WireEvent,
    polled,
    transmission_time,
)


def _nothing(_what: object) -> None:
    return


def times_of_look(events: Sequence[WireEvent], now: float, baudrate: int) -> list[float]:
    """When the events of one look at a port happened, in their order, in seconds.

    Bytes have just ended. A line that changed before them was looked at after they began.

    Args:
        events: as the port gave them.
        now: when it gave them.
        baudrate: the rate of the bytes.
    """
    times: list[float] = []
    at = now
    for event in reversed(events):
        times.append(now if isinstance(event, Received) else at)
        if isinstance(event, Received):
            at -= transmission_time(len(event.data), baudrate)
    return times[::-1]


@dataclass(slots=True)
class Listener:
    """Takes what is heard of either end, keeps it, and tells what it says.

    Attributes:
        dialect: what is spoken.
        tap: gets every byte, edge and remark as it comes.
        tell: gets what they decode to; where nobody wants to hear it, nothing is decoded.
        keeps_windows: whether edges and bytes come in their true order, so that a falling select line ends a frame.
        fixed: the rate that is listened at, whatever is heard; `None` to follow the link.
        baudrate: the rate in force, in bits a second.
    """

    dialect: Dialect
    tap: Callable[[Record], None] = _nothing
    tell: Callable[[Decoded], None] | None = None
    fixed: int | None = None
    keeps_windows: bool = False
    baudrate: int = field(init=False)
    _follower: RateFollower = field(init=False)
    _decoder: Decoder = field(init=False)
    _selects: frozenset[str] = field(init=False)
    _polled: set[str] = field(init=False, default_factory=set[str])
    _order: RecordOrder = field(init=False)
    _latest: float = field(init=False, default=-math.inf)
    _ended: dict[Role, float] = field(init=False, default_factory=dict[Role, float])

    def __post_init__(self) -> None:
        self._order = RecordOrder(self.tap)
        self._follower = RateFollower(self.dialect)
        self._decoder = Decoder(self.dialect)
        self._selects = frozenset(self.dialect.select_line(role) for role in Role)
        self.baudrate = self.fixed or self._follower.baudrate

    @property
    def frames(self) -> Mapping[Role, int]:
        """Valid frames so far, by sender; at a fixed rate and at one that is followed."""
        return self._follower.frames

    @property
    def in_haste(self) -> bool:
        """Whether the ends are about to agree on another rate, so that a change may have to be made soon."""
        return self.fixed is None and self._follower.in_haste

    def hear(self, sender: Role, event: WireEvent, now: float) -> RateChange | None:
        """Take what a port heard.

        Args:
            sender: whose bytes are heard at that port.
            event: what was heard.
            now: when, in seconds; bytes have just ended.

        Returns:
            The rate to listen at, where it is another one.
        """
        self._look_at_rate(now)
        if isinstance(event, LineChanged):
            return self.see(Edge(max(now, self._latest), event.line, event.level))
        return self.see(self._burst(sender, event, now)) if event.data else None

    def see(self, record: Record) -> RateChange | None:
        """Take what a port saw that keeps time; gives the rate to listen at, where it is another one."""
        self._look_at_rate(record.at)
        if isinstance(record, Burst):
            return self._bytes(record)
        if isinstance(record, Edge):
            self._edge(record)
            return None if self.fixed else self._go_to(self._follower.see(record), record.at)
        self._keep(record)
        self._tell([record])
        if isinstance(record, Drop) and record.what == BROKEN_BYTES and not self.fixed:
            return self._go_to(self._follower.miss(record), record.at)
        return None

    def remark(self, now: float | None, text: str) -> None:
        """Something happened to the listening itself; what was heard before and after does not belong together."""
        remark = Remark(now, text)
        self._keep(remark)
        if now is not None:
            # When a burst began is reckoned from its end, and a port hears nothing before it is back.
            self._ended.update({sender: max(now, self._ended.get(sender, now)) for sender in Role})
        self.finish()
        self._tell([remark])

    def finish(self) -> None:
        """Nothing more will come of what is half heard."""
        self._order.flush()
        if self.tell is not None:
            self._tell(self._decoder.finish())

    def _bytes(self, burst: Burst) -> RateChange | None:
        self._keep(burst)
        if self.tell is not None:
            self._tell(chain(self._decoder.feed(burst), self._decoder.settle()))
        change = self._follower.hear(burst)
        return self._go_to(None if self.fixed else change, burst.until)

    def _go_to(self, change: RateChange | None, now: float | None) -> RateChange | None:
        if change is not None and change.at is None:
            self.baudrate = change.baudrate
            self.remark(now, change.why)
        return change

    def _look_at_rate(self, now: float | None) -> None:
        """Whether what comes now comes at a rate that was announced."""
        if now is not None and (change := self._follower.come_into_force(now)) is not None:
            self.baudrate = change.baudrate
            # What was begun before is over, or goes on: it does not end by this.
            remark = Remark(change.at, change.why)
            self._keep(remark)
            self._tell([remark])

    def _edge(self, edge: Edge) -> None:
        # Where bytes lag behind edges by a driver's latency, an edge of a select line ends no frame.
        unordered = edge.line in self._selects and not self.keeps_windows
        if unordered and edge.line not in self._polled:
            self._polled.add(edge.line)
            self._keep(polled(edge.line, edge.at))
        self._keep(edge)
        if unordered:
            self._tell([edge])
        elif self.tell is not None:
            self._tell(self._decoder.feed(edge))

    def _keep(self, record: Record) -> None:
        if record.at is not None:
            self._latest = max(self._latest, record.at)
        if self.keeps_windows:
            self._order.put(record)
        else:
            self.tap(record)

    def _burst(self, sender: Role, event: Received, now: float) -> Burst:
        begins = now - transmission_time(len(event.data), self.baudrate)
        # Bytes that a driver held back come together; they were not sent before those that came earlier, and the
        # records of both ends stay in the order of their times.
        begins = min(now, max(begins, self._ended.get(sender, begins), self._latest))
        self._ended[sender] = now
        return Burst(begins, sender, event.data, self.baudrate, now)

    def _tell(self, events: Iterable[Decoded]) -> None:
        if self.tell is not None:
            for event in events:
                self.tell(event)
