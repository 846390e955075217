"""Recorded bytes and edges to typed frames, windows and garbage: what every capture, recording and tap is read with."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.frame import Frame, FrameEvent, Garbage, GarbageReason, Padding
from lensmount_protocol.paving import AnyMessage, Paving
from lensmount_protocol.reader import FrameReader
from lensmount_protocol.wire import Burst, Edge, Record, Remark, Role


@dataclass(slots=True)
class DecodedFrame:
    """A valid frame with its messages, and how it travelled; times are seconds, `None` where the source has none.

    Attributes:
        at: falling edge of the first start bit.
        until: end of the frame's last stop bit.
        sender: who sent it.
        baudrate: at which rate.
        frame: the frame itself.
        longest_pause: longest silence between two of its bytes.
        padding: bytes clocked behind it in the same window.
        clocked_until: end of the last stop bit, padding included.
        opened: when the sender's select line rose.
        closed: when it fell.
    """

    at: float | None
    until: float | None
    sender: Role
    baudrate: int
    frame: Frame
    longest_pause: float = 0.0
    padding: bytes = b""
    clocked_until: float | None = None
    opened: float | None = None
    closed: float | None = None

    @property
    def messages(self) -> list[AnyMessage]:
        """What the frame's payload says."""
        return self.frame.messages


@dataclass(slots=True)
class DecodedGarbage:
    """A run of bytes that are no frame; `offset` counts the sender's bytes from the start of the source."""

    at: float | None
    sender: Role
    baudrate: int
    data: bytes
    reason: GarbageReason
    offset: int


@dataclass(slots=True)
class EmptyWindow:
    """A select line that rose and fell without a byte: a handshake or the speed switch."""

    sender: Role
    opened: float
    closed: float


Decoded = DecodedFrame | DecodedGarbage | EmptyWindow | Edge | Remark


class Decoder:
    """Records in, decoded events out, in the order in which they become certain."""

    def __init__(self, dialect: Dialect, *, headers_only: bool = False) -> None:
        """Decode what is spoken.

        Args:
            dialect: what is spoken.
            headers_only: read the messages of a frame only when somebody asks for them.
        """
        paving = dialect.paving()
        self._directions = {role: _Direction(dialect, role, paving, headers_only) for role in Role}
        self._by_select = {dialect.select_line(role): self._directions[role] for role in Role}

    def decode(self, records: Iterable[Record]) -> Iterator[Decoded]:
        """Everything that a finite source of records says."""
        for record in records:
            yield from self.feed(record)
        yield from self.finish()

    def feed(self, record: Record) -> Iterator[Decoded]:
        """Take one record; give what it makes certain."""
        if isinstance(record, Burst):
            yield from self._directions[record.sender].take_bytes(record)
            return
        yield record
        direction = self._by_select.get(record.line) if isinstance(record, Edge) else None
        if direction is not None and isinstance(record, Edge):
            yield from direction.take_edge(record)

    def settle(self) -> Iterator[Decoded]:
        """What is complete but might still be padded, outside windows; for those who watch a line as it happens."""
        for direction in self._directions.values():
            yield from direction.settle()

    def finish(self) -> Iterator[Decoded]:
        """The source has ended: what is still pending will not be completed."""
        for direction in self._directions.values():
            yield from direction.end(GarbageReason.SOURCE_ENDED)


@dataclass(slots=True)
class _Direction:
    dialect: Dialect
    sender: Role
    paving: Paving
    headers_only: bool
    framer: FrameReader = field(init=False)
    bursts: deque[tuple[int, Burst]] = field(init=False, default_factory=lambda: deque[tuple[int, Burst]]())
    received: int = 0
    opened: float | None = None
    bytes_in_window: int = 0
    pending: DecodedFrame | None = None

    def __post_init__(self) -> None:
        self.framer = FrameReader(self.dialect, self.sender, self.paving, headers_only=self.headers_only)

    def take_bytes(self, burst: Burst) -> Iterator[Decoded]:
        if self.opened is None and self._fell_silent(burst):
            yield from self.end(GarbageReason.SILENCE)
        self.bursts.append((self.received, burst))
        self.received += len(burst.data)
        self.bytes_in_window += len(burst.data)
        yield from self._translate(self.framer.receive(burst.data))
        if burst.whole and self.opened is None:
            yield from self.end(GarbageReason.SOURCE_ENDED)

    def take_edge(self, edge: Edge) -> Iterator[Decoded]:
        if edge.level:
            yield from self._translate(self.framer.open_window())
            yield from self._release()
            self.opened, self.bytes_in_window = edge.at, 0
            return
        opened, self.opened = self.opened, None
        yield from self._translate(self.framer.close(GarbageReason.WINDOW_CLOSED))
        if self.pending is not None and opened is not None:
            self.pending.closed = edge.at
        yield from self._release()
        if opened is not None and not self.bytes_in_window:
            yield EmptyWindow(self.sender, opened, edge.at)

    def settle(self) -> Iterator[Decoded]:
        if self.opened is None:
            yield from self._release()

    def end(self, reason: GarbageReason) -> Iterator[Decoded]:
        yield from self._translate(self.framer.close(reason))
        yield from self._release()

    def _fell_silent(self, burst: Burst) -> bool:
        if not self.bursts or burst.at is None:
            return False
        last = self.bursts[-1][1]
        ended = last.byte_at(len(last.data))
        return ended is not None and burst.at - ended > self.dialect.silence

    def _translate(self, events: Iterable[FrameEvent]) -> Iterator[Decoded]:
        for event in events:
            if isinstance(event, Padding):
                if self.pending is not None:
                    self.pending.padding += event.data
                    self.pending.clocked_until = self._time_of(event.offset + len(event.data) - 1, after=True)
                continue
            yield from self._release()
            burst = self._burst_of(event.offset)
            if isinstance(event, Garbage):
                at = self._time_of(event.offset)
                yield DecodedGarbage(at, self.sender, burst.baudrate, event.data, event.reason, event.offset)
            else:
                self.pending = self._decoded(event, burst)
        self._forget()

    def _decoded(self, frame: Frame, burst: Burst) -> DecodedFrame:
        last = frame.offset + len(frame.raw) - 1
        until = self._time_of(last, after=True) if burst.until is not None else None
        return DecodedFrame(
            self._time_of(frame.offset),
            until,
            self.sender,
            burst.baudrate,
            frame,
            longest_pause=self._longest_pause(frame.offset, last),
            clocked_until=until,
            opened=self.opened,
        )

    def _release(self) -> Iterator[Decoded]:
        if self.pending is not None:
            yield self.pending
            self.pending = None

    def _forget(self) -> None:
        """Nothing that the framer has settled will be asked for again, but silence is counted from the last burst."""
        while len(self.bursts) > 1 and self.bursts[1][0] <= self.framer.settled:
            self.bursts.popleft()

    def _burst_of(self, offset: int) -> Burst:
        return next(burst for start, burst in reversed(self.bursts) if start <= offset)

    def _time_of(self, offset: int, *, after: bool = False) -> float | None:
        start, burst = next((start, burst) for start, burst in reversed(self.bursts) if start <= offset)
        return burst.byte_at(offset - start + after)

    def _longest_pause(self, first: int, last: int) -> float:
        longest = 0.0
        before: Burst | None = None
        for start, burst in self.bursts:
            if start > last or start + len(burst.data) <= first:
                continue
            ended = None if before is None else before.byte_at(len(before.data))
            if ended is not None and burst.at is not None:
                longest = max(longest, burst.at - ended)
            before = burst
        return longest
