"""Finds frames in a stream of bytes, or in bursts of a clock, and accounts for every byte exactly once.

In a stream it resynchronises; on a clocked link each burst holds one frame.

The events are frames, padding after them, and garbage with its reason. They depend only on the bytes and on where
windows open and close, never on how the bytes were cut into chunks.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, runtime_checkable


class GarbageReason(enum.Enum):
    """Reason why bytes are no frame."""

    NO_START = "no start byte"
    LENGTH = "length out of range"
    CLASS = "unknown class"
    CHECKSUM = "wrong checksum"
    END = "wrong end byte"
    WINDOW_CLOSED = "window closed inside the frame"
    SILENCE = "line fell silent inside the frame"
    SOURCE_ENDED = "source ended inside the frame"


@dataclass(slots=True)
class Frame:
    """A frame with a valid length, checksum and end.

    Attributes:
        raw: all its bytes.
        offset: offset of its first byte in the stream.
        class_: the frame's class, as the dialect numbers them.
        sequence: the sequence number.
        payload_slice: the payload's place in `raw`.
        lazy_messages: the messages of the payload, or a function that parses them; `None` from a plain framer.
    """

    raw: bytes
    offset: int
    class_: int
    sequence: int
    payload_slice: slice
    lazy_messages: "list[Any] | Callable[[bytes], list[Any]] | None" = field(default=None, repr=False, compare=False)

    @property
    def payload(self) -> bytes:
        """The bytes between header and checksum."""
        return self.raw[self.payload_slice]

    @property
    def messages(self) -> "list[Any]":
        """The messages of the payload, as the parser that found the frame reads them; empty from a plain framer."""
        messages: Any = self.lazy_messages
        if messages.__class__ is not list:
            self.lazy_messages = messages = [] if messages is None else messages(self.payload)
        parsed: list[Any] = messages
        return parsed


@dataclass(slots=True)
class Garbage:
    """A run of bytes that belong to no frame.

    Attributes:
        data: the bytes.
        offset: offset of the first one in the stream.
        reason: reason of the first byte of the run.
    """

    data: bytes
    offset: int
    reason: GarbageReason


@dataclass(slots=True)
class Padding:
    """Bytes that a sender clocks after a frame, and that the dialect ignores."""

    data: bytes
    offset: int


FrameEvent = Frame | Garbage | Padding


class FrameFormat(Protocol):
    """The frame format of one direction, as far as the framer needs it.

    Attributes:
        start: value of the first byte.
        header_size: bytes that the framer needs before the length is known.
        max_size: bytes of the largest legal frame; it bounds how long a false start can block the stream.
        max_padding: bytes that the sender may clock after a frame in one window; 0 where it never pads.
    """

    @property
    def start(self) -> int:
        """See the class."""
        ...

    @property
    def header_size(self) -> int:
        """See the class."""
        ...

    @property
    def max_size(self) -> int:
        """See the class."""
        ...

    @property
    def max_padding(self) -> int:
        """See the class."""
        ...

    def frame_length(self, header: bytes, /) -> int | GarbageReason:
        """Return the frame's total length in bytes, or the reason why this header begins no frame."""
        ...

    def check(self, candidate: bytes, /) -> GarbageReason | None:
        """Return the reason why a candidate of the right length is no frame; `None` if it is one."""
        ...

    def parse_header(self, candidate: bytes, offset: int, /) -> Frame:
        """Return the parts of a candidate that `check` accepted."""
        ...


MAX_RUN = 4096
"""Garbage or padding longer than this is reported in pieces, so that memory stays bounded on any input."""


class Framer:
    """Finds the frames of one direction.

    A candidate begins at each start byte and is checked by its length field. A candidate that fails gives up its
    first byte only, so a false start never swallows a good frame after it.

    A sender that pads may follow a frame with bytes to ignore: zero bytes, and inside a window (`open_window` …
    `close`), which holds one frame, any bytes up to the format's longest padding.

    Generated code may replace `receive` while a stream is valid; it shares the attributes below, and
    leaves everything else to `search`.

    Attributes:
        buffer: bytes that are part of no event or run yet.
        offset: offset of the first of them in the stream.
        needed: bytes that the buffer must hold before the next search.
        pads: whether the sender may pad.
        pads_now: whether the next bytes may be padding.
        pending: the run of bytes that is being collected.
        tables: the tables with which generated code parses messages; `None` where there is none.
        on_frame: called with each frame that `search` finds, before it is returned.
    """

    __slots__ = (
        *("buffer", "offset", "needed", "pads", "pads_now", "pending", "tables", "on_frame"),
        *("_format", "_header_size", "_in_window", "_padding_left", "_run", "_start"),
    )

    def __init__(self, frame_format: FrameFormat, on_frame: Callable[[Frame], None] | None = None) -> None:
        self.buffer: bytes = b""
        self.offset = 0
        self.needed = frame_format.header_size
        self.pads = frame_format.max_padding > 0
        self.pads_now = False
        self.tables: object = None
        self.on_frame = on_frame
        self._format = frame_format
        self._start = frame_format.start
        self._header_size = frame_format.header_size
        self._run = _Run()
        self.pending = self._run.data
        self._in_window = False
        self._padding_left = 0

    @property
    def consumed_offset(self) -> int:
        """Offset up to which every byte was reported as part of an event."""
        return self._run.offset if self.pending else self.offset

    def open_window(self) -> list[FrameEvent]:
        """Open a window; a pending run of bytes ends here."""
        events = self.close(GarbageReason.WINDOW_CLOSED)
        self._in_window = True
        return events

    def receive(self, data: bytes) -> list[FrameEvent]:
        """Take bytes; return the events that they complete."""
        buffer = self.buffer + data
        events: list[FrameEvent] = []
        position = 0
        if len(buffer) < self.needed:
            self.buffer = buffer
            return events
        while position >= 0:
            position = self.search(buffer, position, events, None)
        return events

    def flush(self, events: list[FrameEvent]) -> None:
        """Report the pending run of bytes, because a frame follows it."""
        self._run.flush(events)

    def ends_padding(self, buffer: bytes, position: int) -> bool:
        """Whether the padding after a frame is over, since the byte at a place begins the next frame."""
        if self._padding_left or position >= len(buffer) or buffer[position] != self._start or not self._start:
            return False
        self.pads_now = False
        return True

    def framed(self) -> None:
        """Update the state after a frame: padding may follow it."""
        self.pads_now = self.pads
        self._padding_left = self._format.max_padding if self._in_window else 0

    def close(self, reason: GarbageReason) -> list[FrameEvent]:
        """The window, the stream or the idle timeout ends: later bytes do not belong to these."""
        events: list[FrameEvent] = []
        if self.buffer:
            self.search(self.buffer, 0, events, reason)
        if self.pending:
            self._run.flush(events)
        # What a frame that was cut here would have needed is nothing that the next one has to wait for.
        self.needed = self._header_size
        self._in_window = self.pads_now = False
        return events

    def search(self, buffer: bytes, position: int, events: list[FrameEvent], ended: GarbageReason | None) -> int:
        """Search byte by byte from a place in the buffer.

        Returns:
            The place after a frame or of a start byte, where generated code may continue; -1 when the search is over:
            the rest of the buffer waits for more bytes, or with `ended` for nothing.
        """
        self.needed = self._header_size
        while position < len(buffer):
            if self.pads_now:
                stop = self._padding_stop(buffer, position)
                self._run.extend(None, buffer[position:stop], self.offset + position, events)
                position = stop
                continue
            start = buffer.find(self._start, position)
            if start != position:
                stop = len(buffer) if start < 0 else start
                self._discard(buffer, position, stop, GarbageReason.NO_START, events)
                position = stop
                if ended is None and start >= 0:
                    return position
                continue
            verdict = self._check_candidate(buffer, position)
            if verdict is None and ended is None:
                break
            if isinstance(verdict, Frame):
                self._run.flush(events)
                if self.on_frame is not None:
                    self.on_frame(verdict)
                events.append(verdict)
                self.framed()
                position += len(verdict.raw)
                if ended is None and not self.pads_now:
                    return position
            else:
                self._discard(buffer, position, position + 1, verdict or ended or GarbageReason.NO_START, events)
                position += 1
        self.buffer = buffer[position:]
        self.offset += position
        return -1

    def _check_candidate(self, buffer: bytes, position: int) -> Frame | GarbageReason | None:
        """Return the frame at `position`, the reason why there is none, or `None` while bytes are missing."""
        header = buffer[position : position + self._header_size]
        if len(header) < self._header_size:
            return None
        length = self._format.frame_length(header)
        if isinstance(length, GarbageReason):
            return length
        candidate = buffer[position : position + length]
        if len(candidate) < length:
            self.needed = length
            return None
        return self._format.check(candidate) or self._format.parse_header(candidate, self.offset + position)

    def _padding_stop(self, buffer: bytes, position: int) -> int:
        free = min(self._padding_left, len(buffer) - position)
        self._padding_left -= free
        position += free
        stop = len(buffer) - len(buffer[position:].lstrip(b"\0"))
        self.pads_now = stop == len(buffer)
        return stop

    def _discard(
        self, buffer: bytes, position: int, stop: int, reason: GarbageReason, events: list[FrameEvent]
    ) -> None:
        self._run.extend(reason, buffer[position:stop], self.offset + position, events)


class _Run:
    """A run of adjacent bytes: garbage with the reason of its first byte, or padding (`None`)."""

    __slots__ = ("_reason", "data", "offset")

    def __init__(self) -> None:
        self.data = bytearray()
        self.offset = 0
        self._reason: GarbageReason | None = None

    def extend(self, reason: GarbageReason | None, data: bytes, offset: int, events: list[FrameEvent]) -> None:
        if not data:
            return
        if self.data and (reason is None) != (self._reason is None):
            self.flush(events)
        if not self.data:
            self.offset, self._reason = offset, reason
        self.data += data
        while len(self.data) > MAX_RUN:
            self._emit(bytes(self.data[:MAX_RUN]), events)
            del self.data[:MAX_RUN]

    def flush(self, events: list[FrameEvent]) -> None:
        if self.data:
            self._emit(bytes(self.data), events)
            self.data.clear()

    def _emit(self, data: bytes, events: list[FrameEvent]) -> None:
        if self._reason is None:
            events.append(Padding(data, self.offset))
        else:
            events.append(Garbage(data, self.offset, self._reason))
        self.offset += len(data)


class UnitPlace(NamedTuple):
    """The bytes of a unit that hold one byte of its payload.

    Attributes:
        start: the first one.
        end: the byte after the last one; equal to `start` where no byte holds it.
        whole: whether that byte is the payload's as it stands, rather than bits of it or a number to look up.
    """

    start: int
    end: int
    whole: bool = True


@lru_cache(maxsize=1024)
def byte_places(start: int, end: int) -> tuple[UnitPlace, ...]:
    """Return the places of payload bytes that are bytes of the unit from `start` to before `end`."""
    return tuple(UnitPlace(at, at + 1) for at in range(start, end))


@dataclass(slots=True)
class UnitFrame(Frame):
    """A frame of a clocked link, with a payload that is not a slice of its bytes.

    Attributes:
        unit_payload: the payload: the type byte first, as the dialect numbers its messages.
        unit_places: the place of each byte of the payload in `raw`.
    """

    unit_payload: bytes = b""
    unit_places: tuple[UnitPlace, ...] = field(default=(), repr=False, compare=False)

    @property
    def payload(self) -> bytes:
        """The type byte and the fields."""
        return self.unit_payload


@runtime_checkable
class BurstFrameFormat(Protocol):
    """The frame format of one direction of a clocked link: each burst holds one frame.

    Attributes:
        sizes: the legal sizes of a frame, in bytes.
    """

    @property
    def sizes(self) -> frozenset[int]:
        """See the class."""
        ...

    def class_of(self, type_: int, /) -> int:
        """Return the class of the frames that carry messages of this type."""
        ...

    def check(self, candidate: bytes, /) -> GarbageReason | None:
        """Return the reason why a burst of a legal size is no frame; `None` if it is one."""
        ...

    def parse_header(self, candidate: bytes, offset: int, /) -> Frame:
        """Return the frame of a burst that `check` accepted."""
        ...


MAX_KNOWN_UNITS = 1024
"""Units of one direction that a framer keeps."""


class BurstFramer:
    """Finds the frames of one direction of a clocked link: each call of `receive` is one burst.

    It has the interface of `Framer`. A burst is a frame or garbage; nothing waits for later bytes.

    Args:
        frame_format: the frame format of this direction.
        on_frame: called with each frame, before it is returned.

    Attributes:
        tables: not used; a framer of a stream keeps the tables of generated code here.
        shares: whether frames of equal bytes share their messages, without a call of `on_frame` for the later ones.
    """

    __slots__ = ("_format", "_known", "_offset", "_on_frame", "shares", "tables")

    def __init__(self, frame_format: BurstFrameFormat, on_frame: Callable[[Frame], None] | None = None) -> None:
        self.tables: object = None
        self.shares = False
        self._format = frame_format
        # A link repeats few units: each is checked once.
        self._known: dict[bytes, UnitFrame] = {}
        self._on_frame = on_frame
        self._offset = 0

    @property
    def consumed_offset(self) -> int:
        """Offset up to which every byte was reported as part of an event."""
        return self._offset

    def receive(self, data: bytes) -> list[FrameEvent]:
        """Take one burst; return its frame, or its bytes as garbage."""
        if not data:
            return []
        offset = self._offset
        self._offset = offset + len(data)
        known = self._known.get(data)
        if known is None:
            reason = GarbageReason.LENGTH if len(data) not in self._format.sizes else self._format.check(data)
            if reason is not None:
                return [Garbage(data, offset, reason)]
            frame = self._format.parse_header(data, offset)
            self._remember(frame)
        else:
            frame = UnitFrame(
                data,
                offset,
                known.class_,
                known.sequence,
                known.payload_slice,
                known.lazy_messages,
                known.unit_payload,
                known.unit_places,
            )
            if self.shares:
                return [frame]
        if self._on_frame is not None:
            self._on_frame(frame)
        return [frame]

    def _remember(self, frame: Frame) -> None:
        """Keep a frame, so that later bursts of the same bytes are frames without a check; a subclass is not kept."""
        if type(frame) is UnitFrame:
            if len(self._known) >= MAX_KNOWN_UNITS:
                self._known.clear()
            self._known[frame.raw] = frame

    def open_window(self) -> list[FrameEvent]:
        """Do nothing: a clocked link has no windows."""
        return []

    def close(self, _reason: GarbageReason) -> list[FrameEvent]:
        """Return nothing: no burst is pending."""
        return []


def burst_format(frame_format: object) -> BurstFrameFormat | None:
    """Return a format as a `BurstFrameFormat`; `None` where it is the format of a stream of bytes."""
    return frame_format if isinstance(frame_format, BurstFrameFormat) else None
