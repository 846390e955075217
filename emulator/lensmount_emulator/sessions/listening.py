"""Listens between a body and a lens: bytes and edges to records and frames, at the rate that they speak. No I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain

from lensmount_emulator.sessions.rates import RateFollower
from lensmount_protocol.decoder import Decoded, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import (
    Burst,
    Edge,
    LineChanged,
    Received,
    Record,
    Remark,
    Role,
    WireEvent,
    transmission_time,
)


def _nothing(_what: object) -> None:
    return


@dataclass(slots=True)
class Listener:
    """Takes what is heard of either end, keeps it, and tells what it says.

    Attributes:
        dialect: what is spoken.
        tap: gets every byte, edge and remark as it comes.
        tell: gets what they decode to; where nobody wants to hear it, nothing is decoded.
        fixed: the rate that is listened at, whatever is heard; `None` to follow the link.
        baudrate: the rate to listen at now, in bits a second.
    """

    dialect: Dialect
    tap: Callable[[Record], None] = _nothing
    tell: Callable[[Decoded], None] | None = None
    fixed: int | None = None
    baudrate: int = field(init=False)
    _follower: RateFollower = field(init=False)
    _decoder: Decoder = field(init=False)
    _selects: frozenset[str] = field(init=False)
    _ended: dict[Role, float] = field(init=False, default_factory=dict[Role, float])

    def __post_init__(self) -> None:
        self._follower = RateFollower(self.dialect)
        self._decoder = Decoder(self.dialect)
        self._selects = frozenset(self.dialect.select_line(role) for role in Role)
        self.baudrate = self.fixed or self._follower.baudrate

    def hear(self, sender: Role, event: WireEvent, now: float) -> int | None:
        """Take what a port heard.

        Args:
            sender: whose bytes are heard at that port.
            event: what was heard.
            now: when, in seconds; bytes have just ended.

        Returns:
            The rate to listen at from now on, where it is another one.
        """
        if isinstance(event, LineChanged):
            self._edge(Edge(now, event.line, event.level))
            return None
        if not event.data:
            return None
        burst = self._burst(sender, event, now)
        self.tap(burst)
        if self.tell is not None:
            self._tell(chain(self._decoder.feed(burst), self._decoder.settle()))
        baudrate = None if self.fixed else self._follower.hear(burst)
        if baudrate is not None:
            self.baudrate = baudrate
            self.remark(now, f"no frames at {burst.baudrate} baud; listening at {baudrate} from here on")
        return baudrate

    def remark(self, now: float, text: str) -> None:
        """Something happened to the listening itself; what was heard before and after does not belong together."""
        remark = Remark(now, text)
        self.tap(remark)
        self.finish()
        self._tell([remark])

    def finish(self) -> None:
        """Nothing more will come of what is half heard."""
        if self.tell is not None:
            self._tell(self._decoder.finish())

    def _edge(self, edge: Edge) -> None:
        self.tap(edge)
        # Bytes lag behind edges by a driver's latency, so an edge of a select line ends no frame here.
        if edge.line in self._selects:
            self._tell([edge])
        elif self.tell is not None:
            self._tell(self._decoder.feed(edge))

    def _burst(self, sender: Role, event: Received, now: float) -> Burst:
        begins = now - transmission_time(len(event.data), self.baudrate)
        # Bytes that a driver held back come together; they were not sent before those that came earlier.
        begins = min(now, max(begins, self._ended.get(sender, begins)))
        self._ended[sender] = now
        return Burst(begins, sender, event.data, self.baudrate, now)

    def _tell(self, events: Iterable[Decoded]) -> None:
        if self.tell is not None:
            for event in events:
                self.tell(event)
