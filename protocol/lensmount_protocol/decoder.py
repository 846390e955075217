"""Decodes recorded bytes and edges to typed frames, windows and garbage; every capture, recording and tap uses it.

It also reports bad lines: a select line that never moves, serial lines that are swapped. A frame becomes certain after
its end, and an empty window when it closes, so a decoder returns some events after later ones. The ordered decoder
holds events back until no undecided event can precede them, in bounded memory.
"""

import heapq
import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lensmount_protocol.describe import html_table
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, FrameEvent, Garbage, GarbageReason
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, PayloadMemo, PayloadParser, message_type
from lensmount_protocol.wire import (
    BITS_PER_BYTE,
    Annotation,
    Burst,
    ClockSync,
    DataLoss,
    Defect,
    Edge,
    LineDefect,
    Role,
    WireRecord,
)

MIN_SUSPECT_FRAMES = 5
"""Frames from which on a line is suspected."""

MAX_CHECKED_FRAMES = 200
"""Number of frames of each end that are kept for comparison with the messages that the end sends."""


@dataclass(slots=True)
class _LineCounts:
    """Edges and level of an end's select line, its valid frames, and of the first ones those of either end only."""

    edges: int = 0
    level: bool = False
    frames: int = 0
    right: int = 0
    wrong: int = 0


class LineDefectDetector:
    """Finds bad lines from what the lines of both ends do.

    Args:
        dialect: which end sends which messages on which lines.

    Attributes:
        counts: what the lines of each end do; the caller counts edges and frames by itself.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.counts = {role: _LineCounts() for role in Role}
        self._dialect = dialect
        self._reported: set[str] = set()

    def check_sender(self, sender: Role, payload: bytes) -> None:
        """Count whether a frame is one of its sender; the caller does so for the first `MAX_CHECKED_FRAMES`."""
        if payload:
            own, other = ((role, payload[0]) in self._dialect.messages for role in (sender, sender.peer))
            self.counts[sender].right += own and not other
            self.counts[sender].wrong += other and not own

    def defects(self) -> list[LineDefect]:
        """Return the defects that the counts show; each line is reported once."""
        found: list[LineDefect] = []
        for role, count in self.counts.items():
            if count.edges == 1 and count.frames >= MIN_SUSPECT_FRAMES:
                defect, level_name = (Defect.STUCK_HIGH, "high") if count.level else (Defect.STUCK_LOW, "low")
                select = self._dialect.select_line(role)
                found.append(LineDefect(select, defect, f"{select} is {level_name} all the time"))
        wrong = sum(count.wrong for count in self.counts.values())
        pair = [self._dialect.serial_line(role) for role in Role]
        suspect = wrong >= MIN_SUSPECT_FRAMES and wrong > sum(count.right for count in self.counts.values())
        for line, other in (pair, pair[::-1]) if suspect and pair[0] != pair[1] else ():
            text = f"{line} is swapped with {other}: {wrong} frames hold messages of the other end"
            found.append(LineDefect(line, Defect.SWAPPED, text))
        found = [defect for defect in found if defect.line not in self._reported]
        self._reported.update(defect.line for defect in found)
        return found


MAX_NAMED = 4
"""Number of messages of a frame that its `repr` names; it counts the others."""


@dataclass(slots=True, repr=False)
class DecodedFrame:
    """A valid frame with its messages and times, in seconds; `None` where the source has no times.

    Attributes:
        at: falling edge of the first start bit.
        end: end of the frame's last stop bit.
        sender: the end that sent it.
        baudrate: its rate, in bits a second.
        frame: the frame itself.
        max_pause: longest silence between two of its bytes.
        padding: bytes clocked after it in the same window.
        clocked_end: end of the last stop bit, padding included.
        opened: when the sender's select line rose.
        closed: when it fell.
    """

    at: float | None
    end: float | None
    sender: Role
    baudrate: int
    frame: Frame
    max_pause: float = 0.0
    padding: bytes = b""
    clocked_end: float | None = None
    opened: float | None = None
    closed: float | None = None

    @property
    def messages(self) -> list[AnyMessage]:
        """The messages of the frame's payload."""
        return self.frame.messages

    def __repr__(self) -> str:
        names = [f"{message_type(message):02X} {type(message).__name__}" for message in self.messages[:MAX_NAMED]]
        names += [f"{len(self.messages) - MAX_NAMED} more"] if len(self.messages) > MAX_NAMED else []
        size = len(self.frame.raw)
        return f"<frame {time_text(self.at)} {self.sender.value}: {', '.join(names) or 'no message'}; {size} bytes>"

    def _repr_html_(self) -> str:
        rows = [
            (f"{message_type(message):02X} {type(message).__name__}", name, value)
            for message in self.messages
            for name, value in (message.values() if isinstance(message, Message) else {"data": message.data}).items()
        ]
        return html_table(
            f"frame at {time_text(self.at)} from the {self.sender.value}", ("message", "field", "value"), rows
        )


def time_text(at: float | None) -> str:
    """A time in milliseconds, for users; `no time` where the source has none."""
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


Decoded = DecodedFrame | DecodedGarbage | EmptyWindow | Edge | Annotation | ClockSync | DataLoss | LineDefect

MAX_PADDING_PAUSE_BYTES = 10
"""Byte times: a sender that pads clocks its padding without a pause, so a start byte after one begins a frame."""


class Decoder:
    """Records in, decoded events out, in the order in which they become certain."""

    def __init__(self, dialect: Dialect, *, headers_only: bool = False, memo: PayloadMemo | None = None) -> None:
        """Make a decoder.

        Args:
            dialect: the dialect of the records.
            headers_only: parse the messages of a frame only on first access.
            memo: shared with both ends of a virtual session, so that each payload is parsed once.
        """
        payload_parser = dialect.payload_parser(memo)
        self._line_defects = LineDefectDetector(dialect)
        self._directions = {
            role: _Direction(dialect, role, payload_parser, headers_only, self._line_defects) for role in Role
        }
        self._by_select = {dialect.select_line(role): self._directions[role] for role in Role}

    def decode(self, records: Iterable[WireRecord]) -> Iterator[Decoded]:
        """Decode all records of a finite source."""
        add = self.add
        events: list[Decoded] = []
        for record in records:
            add(record, events)
            if events:
                yield from events
                events.clear()
        yield from self.finish()

    def feed(self, record: WireRecord) -> list[Decoded]:
        """Take one record; return the events that it makes certain."""
        events: list[Decoded] = []
        self.add(record, events)
        return events

    def add(self, record: WireRecord, events: list[Decoded]) -> None:
        """Take one record; append the events that it makes certain."""
        if isinstance(record, Burst):
            self._directions[record.sender].on_burst(record, events)
            return
        events.append(record)
        if isinstance(record, Edge):
            if (direction := self._by_select.get(record.line)) is not None:
                direction.on_edge(record, events)
        elif isinstance(record, LineDefect) and record.ignored:
            self._by_select.pop(record.line, None)

    def flush(self) -> list[Decoded]:
        """Return frames that are complete but might still be padded, outside windows; for live display."""
        events: list[Decoded] = []
        for direction in self._directions.values():
            direction.flush(events)
        return events

    @property
    def undecided_since(self) -> float:
        """Return the earliest time of an undecided event; infinite where there is none."""
        return min(direction.undecided_since() for direction in self._directions.values())

    def drop_timed_out(self, now: float) -> list[Decoded]:
        """Give up partial frames outside windows if the idle timeout has ended them before `now`."""
        events: list[Decoded] = []
        for direction in self._directions.values():
            direction.drop_timed_out(now, events)
        return events

    def finish(self) -> list[Decoded]:
        """Return the last events of a source that has ended; partial frames become garbage."""
        events: list[Decoded] = []
        for direction in self._directions.values():
            direction.end(GarbageReason.SOURCE_ENDED, events)
        events += self._line_defects.defects()
        return events


@dataclass(slots=True)
class _Direction:
    dialect: Dialect
    sender: Role
    payload_parser: PayloadParser
    headers_only: bool
    line_defects: LineDefectDetector
    counts: _LineCounts = field(init=False)
    idle_timeout: float = field(init=False)
    start: int = field(init=False)
    framer: FrameParser = field(init=False)
    bursts: deque[tuple[int, Burst]] = field(init=False, default_factory=lambda: deque[tuple[int, Burst]]())
    received: int = 0
    opened: float | None = None
    bytes_in_window: int = 0
    pending: DecodedFrame | None = None

    def __post_init__(self) -> None:
        self.counts = self.line_defects.counts[self.sender]
        self.idle_timeout = self.dialect.idle_timeout
        self.start = self.dialect.formats[self.sender].start
        self.framer = FrameParser(self.dialect, self.sender, self.payload_parser, headers_only=self.headers_only)

    def on_burst(self, burst: Burst, events: list[Decoded]) -> None:
        if self.opened is None and self.bursts and self._idle_timed_out(burst):
            self.end(GarbageReason.SILENCE, events)
        elif self.pending is not None and self.opened is not None and self._starts_next(burst):
            # The window is not one frame's: its select line is stuck, or the edge that closes it is lost.
            self._translate(self.framer.open_window(), events)
            self.flush_pending(events)
        self.bursts.append((self.received, burst))
        self.received += len(burst.data)
        self.bytes_in_window += len(burst.data)
        if found := self.framer.receive(burst.data):
            self._translate(found, events)
        elif len(self.bursts) > 1:
            self._drop_consumed()
        if burst.whole and self.opened is None:
            self.end(GarbageReason.SOURCE_ENDED, events)

    def on_edge(self, edge: Edge, events: list[Decoded]) -> None:
        self.counts.edges += 1
        self.counts.level = edge.level
        if edge.level:
            if found := self.framer.open_window():
                self._translate(found, events)
            self.flush_pending(events)
            self.opened, self.bytes_in_window = edge.at, 0
            return
        opened, self.opened = self.opened, None
        self._translate(self.framer.close(GarbageReason.WINDOW_CLOSED), events)
        if self.pending is not None:
            self.pending.closed = self.pending.closed if opened is None else edge.at
            self.flush_pending(events)
        if opened is not None and not self.bytes_in_window:
            events.append(EmptyWindow(self.sender, opened, edge.at))

    def flush(self, events: list[Decoded]) -> None:
        if self.opened is None:
            self.flush_pending(events)

    def flush_pending(self, events: list[Decoded]) -> None:
        if self.pending is not None:
            events.append(self.pending)
            self.pending = None

    def end(self, reason: GarbageReason, events: list[Decoded]) -> None:
        self._translate(self.framer.close(reason), events)
        self.flush_pending(events)

    def undecided_since(self) -> float:
        since = math.inf
        if self.pending is not None:
            since = math.inf if self.pending.at is None else self.pending.at
        elif self.opened is not None and not self.bytes_in_window:
            since = self.opened
        settled = self.framer.consumed_offset
        if settled < self.received:
            at = self._time_at(settled)
            since = since if at is None else min(since, at)
        return since

    def drop_timed_out(self, now: float, events: list[Decoded]) -> None:
        if self.opened is None and self.bursts and self.framer.consumed_offset < self.received:
            last = self.bursts[-1][1]
            ended = last.byte_at(len(last.data))
            if ended is not None and now - ended > self.idle_timeout:
                self.end(GarbageReason.SILENCE, events)

    def _idle_timed_out(self, burst: Burst) -> bool:
        if burst.at is None:
            return False
        last = self.bursts[-1][1]
        ended = last.byte_at(len(last.data))
        return ended is not None and burst.at - ended > self.idle_timeout

    def _starts_next(self, burst: Burst) -> bool:
        """Whether bytes in an open window that holds a frame begin another one, and are not its padding."""
        last = self.bursts[-1][1]
        if burst.data[0] != self.start or burst.at is None:
            return False
        ended = last.byte_at(len(last.data))
        return last.whole or (
            ended is not None and burst.at - ended > MAX_PADDING_PAUSE_BYTES * BITS_PER_BYTE / burst.baudrate
        )

    def _translate(self, found: Iterable[FrameEvent], events: list[Decoded]) -> None:
        for event in found:
            if isinstance(event, Frame):
                self.flush_pending(events)
                self.pending = self._decoded(event)
            elif isinstance(event, Garbage):
                self.flush_pending(events)
                at, baudrate = self._time_at(event.offset), self._burst_at(event.offset).baudrate
                events.append(DecodedGarbage(at, self.sender, baudrate, event.data, event.reason, event.offset))
            elif self.pending is not None:
                self.pending.padding += event.data
                self.pending.clocked_end = self._time_at(event.offset + len(event.data) - 1, after=True)
        if len(self.bursts) > 1:
            self._drop_consumed()

    def _decoded(self, frame: Frame) -> DecodedFrame:
        self.counts.frames += 1
        if self.counts.frames <= MAX_CHECKED_FRAMES:
            self.line_defects.check_sender(self.sender, frame.payload)
        first, size = frame.offset, len(frame.raw)
        start, burst = self.bursts[-1]
        if start <= first:
            # The frame lies in one burst, as nearly all do.
            at, until, pause = burst.byte_at(first - start), burst.byte_at(first - start + size), 0.0
        else:
            last = first + size - 1
            burst = self._burst_at(first)
            at, until, pause = self._time_at(first), self._time_at(last, after=True), self._max_pause(first, last)
        if burst.end is None:
            until = None
        return DecodedFrame(at, until, self.sender, burst.baudrate, frame, pause, b"", until, self.opened)

    def _drop_consumed(self) -> None:
        """Drop the bursts that the framer has consumed; keep the last one, from which silence is counted."""
        settled = self.framer.consumed_offset
        while len(self.bursts) > 1 and self.bursts[1][0] <= settled:
            self.bursts.popleft()

    def _burst_at(self, offset: int) -> Burst:
        return next(burst for start, burst in reversed(self.bursts) if start <= offset)

    def _time_at(self, offset: int, *, after: bool = False) -> float | None:
        start, burst = next((start, burst) for start, burst in reversed(self.bursts) if start <= offset)
        return burst.byte_at(offset - start + after)

    def _max_pause(self, first: int, last: int) -> float:
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


MAX_QUEUED = 4096
"""Events that wait at most; a select line that never falls again must not keep everything after it."""

SLACK = 20e-3
"""Seconds by which records may come late: a host that polls a port gets bytes and edges in any order."""

CLOCK_STEP = 1.0
"""Seconds: a time this far before the latest one is of another clock, such as that of a second log in one file."""


class OrderedDecoder:
    """A decoder that returns its events in the order of their times.

    An event without a time keeps its place after the previous one. Events that arrive later than `slack` allows, or
    after `MAX_QUEUED` others, are returned at once, out of order.

    Args:
        decoder: decodes the records.
        slack: seconds by which records may come after later ones.
    """

    def __init__(self, decoder: Decoder, slack: float = SLACK) -> None:
        self.returned_until = -math.inf  # Time of the last event returned; all earlier ones were returned too.
        self._decoder = decoder
        self._slack = slack
        self._waiting: list[tuple[float, int, Decoded]] = []
        self._count = 0
        self._position = -math.inf
        self._latest = -math.inf

    def decode(self, records: Iterable[WireRecord]) -> Iterator[Decoded]:
        """Decode all records of a finite source."""
        for record in records:
            if ready := self.feed(record):
                yield from ready
        yield from self.finish()

    def feed(self, record: WireRecord, *, flush: bool = False) -> list[Decoded]:
        """Take one record; return the events that are due.

        Args:
            record: the record.
            flush: whether frames need not wait for padding, because a user watches the line.
        """
        ready: list[Decoded] = []
        if (at := record.at) is not None:
            if at < self._latest - CLOCK_STEP:
                self._release(math.inf, ready)
                self._latest = self._position = at
            elif at > self._latest:
                self._latest = at
        self._add(self._decoder.feed(record))
        if flush:
            self._add(self._decoder.flush())
        waiting, due = self._waiting, self._latest - self._slack
        if waiting and (waiting[0][0] < due or len(waiting) > MAX_QUEUED):
            if (undecided := self._decoder.undecided_since) < due:
                self._add(self._decoder.drop_timed_out(self._latest))
                undecided = self._decoder.undecided_since
            self._release(min(undecided, due), ready)
            while len(waiting) > MAX_QUEUED:
                ready.append(heapq.heappop(waiting)[-1])
        return ready

    def finish(self) -> list[Decoded]:
        """Return all waiting events of a source that has ended."""
        self._add(self._decoder.finish())
        ready: list[Decoded] = []
        self._release(math.inf, ready)
        return ready

    def _add(self, events: Iterable[Decoded]) -> None:
        for event in events:
            at = event.opened if isinstance(event, EmptyWindow) else event.at
            if at is not None:
                self._position = at
            self._count += 1
            heapq.heappush(self._waiting, (self._position, self._count, event))

    def _release(self, until: float, ready: list[Decoded]) -> None:
        waiting = self._waiting
        while waiting and waiting[0][0] <= until:
            self.returned_until = waiting[0][0]
            ready.append(heapq.heappop(waiting)[-1])
