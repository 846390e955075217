"""Recorded bytes and edges to typed frames, windows and garbage: what every capture, recording and tap is read with."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.frame import Frame, FrameEvent, Garbage, GarbageReason
from lensmount_protocol.html_table import html_table
from lensmount_protocol.line_suspicion import LineSuspicion
from lensmount_protocol.message import Message
from lensmount_protocol.paving import AnyMessage, Paving, type_of
from lensmount_protocol.reader import FrameReader
from lensmount_protocol.wire import BITS_PER_BYTE, Burst, ClockFix, Drop, Edge, LineDefect, Record, Remark, Role

MAX_NAMED = 4
"""Messages of a frame that its `repr` names; it gives the number of the others."""


@dataclass(slots=True, repr=False)
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

    def __repr__(self) -> str:
        names = [f"{type_of(message):02X} {type(message).__name__}" for message in self.messages[:MAX_NAMED]]
        if len(self.messages) > MAX_NAMED:
            names.append(f"{len(self.messages) - MAX_NAMED} more")
        size = len(self.frame.raw)
        return f"<frame {time_text(self.at)} {self.sender.value}: {', '.join(names) or 'no message'}; {size} bytes>"

    def _repr_html_(self) -> str:
        rows = [
            (f"{type_of(message):02X} {type(message).__name__}", name, value)
            for message in self.messages
            for name, value in (message.values() if isinstance(message, Message) else {"data": message.data}).items()
        ]
        return html_table(
            f"frame at {time_text(self.at)} from the {self.sender.value}", ("message", "field", "value"), rows
        )


def time_text(at: float | None) -> str:
    """A time in milliseconds, for people; `no time` where the source has none."""
    return "no time" if at is None else f"{at * 1e3:.3f} ms"


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


Decoded = DecodedFrame | DecodedGarbage | EmptyWindow | Edge | Remark | ClockFix | Drop | LineDefect

PADDING_PAUSE_BYTES = 10
"""Byte times: a sender that pads clocks its padding without a pause, so a start byte after one begins a frame."""


class Decoder:
    """Records in, decoded events out, in the order in which they become certain."""

    def __init__(self, dialect: Dialect, *, headers_only: bool = False) -> None:
        """Decode what is spoken.

        Args:
            dialect: what is spoken.
            headers_only: read the messages of a frame only when somebody asks for them.
        """
        paving = dialect.paving()
        self._suspicion = LineSuspicion(dialect)
        self._directions = {role: _Direction(dialect, role, paving, headers_only, self._suspicion) for role in Role}
        self._by_select = {dialect.select_line(role): self._directions[role] for role in Role}

    def decode(self, records: Iterable[Record]) -> Iterator[Decoded]:
        """Everything that a finite source of records says."""
        feed = self.feed
        for record in records:
            yield from feed(record)
        yield from self.finish()

    def feed(self, record: Record) -> list[Decoded]:
        """Take one record; give what it makes certain."""
        events: list[Decoded] = []
        if isinstance(record, Burst):
            self._directions[record.sender].take_bytes(record, events)
            return events
        events.append(record)
        if isinstance(record, Edge):
            direction = self._by_select.get(record.line)
            if direction is not None:
                direction.take_edge(record, events)
        elif isinstance(record, LineDefect) and record.ignored:
            self._by_select.pop(record.line, None)
        return events

    def settle(self) -> list[Decoded]:
        """What is complete but might still be padded, outside windows; for those who watch a line as it happens."""
        events: list[Decoded] = []
        for direction in self._directions.values():
            direction.settle(events)
        return events

    @property
    def undecided_since(self) -> float:
        """The earliest time of anything that a later record may still make an event; infinite where there is none."""
        return min(direction.undecided_since() for direction in self._directions.values())

    def drop_silent(self, now: float) -> list[Decoded]:
        """Give up partial frames outside windows that the dialect's silence has ended before `now`."""
        events: list[Decoded] = []
        for direction in self._directions.values():
            direction.drop_silent(now, events)
        return events

    def finish(self) -> list[Decoded]:
        """The source has ended: what is still pending will not be completed."""
        events: list[Decoded] = []
        for direction in self._directions.values():
            direction.end(GarbageReason.SOURCE_ENDED, events)
        events += self._suspicion.defects()
        return events


@dataclass(slots=True)
class _Direction:
    dialect: Dialect
    sender: Role
    paving: Paving
    headers_only: bool
    suspicion: LineSuspicion
    silence: float = field(init=False)
    start: int = field(init=False)
    framer: FrameReader = field(init=False)
    bursts: deque[tuple[int, Burst]] = field(init=False, default_factory=lambda: deque[tuple[int, Burst]]())
    received: int = 0
    opened: float | None = None
    bytes_in_window: int = 0
    pending: DecodedFrame | None = None

    def __post_init__(self) -> None:
        self.silence = self.dialect.silence
        self.start = self.dialect.formats[self.sender].start
        self.framer = FrameReader(self.dialect, self.sender, self.paving, headers_only=self.headers_only)

    def take_bytes(self, burst: Burst, events: list[Decoded]) -> None:
        if self.opened is None and self.bursts and self._fell_silent(burst):
            self.end(GarbageReason.SILENCE, events)
        elif self.pending is not None and self.opened is not None and self._starts_next(burst):
            # The window is not one frame's: its select line is stuck, or the edge that closes it is lost.
            self._translate(self.framer.open_window(), events)
            self.settle_now(events)
        size = len(burst.data)
        self.bursts.append((self.received, burst))
        self.received += size
        self.bytes_in_window += size
        found = self.framer.receive(burst.data)
        if found:
            self._translate(found, events)
        elif len(self.bursts) > 1:
            self._forget()
        if burst.whole and self.opened is None:
            self.end(GarbageReason.SOURCE_ENDED, events)

    def take_edge(self, edge: Edge, events: list[Decoded]) -> None:
        self.suspicion.edge(self.sender, edge.level)
        if edge.level:
            self._translate(self.framer.open_window(), events)
            self.settle_now(events)
            self.opened, self.bytes_in_window = edge.at, 0
            return
        opened, self.opened = self.opened, None
        self._translate(self.framer.close(GarbageReason.WINDOW_CLOSED), events)
        if self.pending is not None:
            if opened is not None:
                self.pending.closed = edge.at
            self.settle_now(events)
        if opened is not None and not self.bytes_in_window:
            events.append(EmptyWindow(self.sender, opened, edge.at))

    def settle(self, events: list[Decoded]) -> None:
        if self.opened is None:
            self.settle_now(events)

    def settle_now(self, events: list[Decoded]) -> None:
        if self.pending is not None:
            events.append(self.pending)
            self.pending = None

    def end(self, reason: GarbageReason, events: list[Decoded]) -> None:
        self._translate(self.framer.close(reason), events)
        self.settle_now(events)

    def undecided_since(self) -> float:
        since = math.inf
        if self.pending is not None:
            since = math.inf if self.pending.at is None else self.pending.at
        elif self.opened is not None and not self.bytes_in_window:
            since = self.opened
        settled = self.framer.settled
        if settled < self.received:
            at = self._time_of(settled)
            since = since if at is None else min(since, at)
        return since

    def drop_silent(self, now: float, events: list[Decoded]) -> None:
        if self.opened is None and self.bursts and self.framer.settled < self.received:
            last = self.bursts[-1][1]
            ended = last.byte_at(len(last.data))
            if ended is not None and now - ended > self.silence:
                self.end(GarbageReason.SILENCE, events)

    def _fell_silent(self, burst: Burst) -> bool:
        if burst.at is None:
            return False
        last = self.bursts[-1][1]
        ended = last.byte_at(len(last.data))
        return ended is not None and burst.at - ended > self.silence

    def _starts_next(self, burst: Burst) -> bool:
        """Whether bytes in an open window that holds a frame begin another one, and are not its padding."""
        last = self.bursts[-1][1]
        if burst.data[0] != self.start or burst.at is None:
            return False
        ended = last.byte_at(len(last.data))
        return last.whole or (
            ended is not None and burst.at - ended > PADDING_PAUSE_BYTES * BITS_PER_BYTE / burst.baudrate
        )

    def _translate(self, found: Iterable[FrameEvent], events: list[Decoded]) -> None:
        for event in found:
            if isinstance(event, Frame):
                self.settle_now(events)
                self.pending = self._decoded(event)
            elif isinstance(event, Garbage):
                self.settle_now(events)
                at, baudrate = self._time_of(event.offset), self._burst_of(event.offset).baudrate
                events.append(DecodedGarbage(at, self.sender, baudrate, event.data, event.reason, event.offset))
            elif self.pending is not None:
                self.pending.padding += event.data
                self.pending.clocked_until = self._time_of(event.offset + len(event.data) - 1, after=True)
        if len(self.bursts) > 1:
            self._forget()

    def _decoded(self, frame: Frame) -> DecodedFrame:
        self.suspicion.frame(self.sender, frame.payload)
        first, size = frame.offset, len(frame.raw)
        start, burst = self.bursts[-1]
        if start <= first:
            # The frame lies in one burst, as nearly all do.
            at, until, pause = burst.byte_at(first - start), burst.byte_at(first - start + size), 0.0
        else:
            last = first + size - 1
            burst = self._burst_of(first)
            at, until, pause = self._time_of(first), self._time_of(last, after=True), self._longest_pause(first, last)
        if burst.until is None:
            until = None
        return DecodedFrame(at, until, self.sender, burst.baudrate, frame, pause, b"", until, self.opened)

    def _forget(self) -> None:
        """Nothing that the framer has settled will be asked for again, but silence is counted from the last burst."""
        settled = self.framer.settled
        while len(self.bursts) > 1 and self.bursts[1][0] <= settled:
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
