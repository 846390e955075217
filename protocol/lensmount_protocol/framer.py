"""Bytes in, frames out: finds frames in a stream, resynchronises, and accounts for every byte exactly once.

The events depend only on the bytes and on where windows open and close, never on how the bytes were cut into chunks.
"""

from collections.abc import Callable

from lensmount_protocol.frame import Frame, FrameEvent, FrameFormat, Garbage, GarbageReason, Padding

LONGEST_RUN = 4096
"""Garbage or padding longer than this is told in pieces, so that memory stays bounded whatever arrives."""


Scan = Callable[["Framer", bytes, int, bool, list[FrameEvent]], int]
"""Takes the frames that follow each other from a place on, without anything between them: gives where it stopped.

It sets the framer's `needed` where only bytes are missing; the fourth argument asks for one frame only."""


class Framer:
    """Finds the frames of one direction.

    A candidate begins at each start byte and is judged by its length field. A candidate that fails gives up its
    first byte only, so a false start never swallows a good frame behind it.

    A sender that pads may follow a frame with bytes to ignore: zero bytes, and inside a window (`open_window` …
    `close`), which holds one frame, any bytes up to the format's longest padding.

    Attributes:
        offset: of the first byte in the stream that is not part of an event or a run yet.
        needed: bytes that must be there before it is worth to look again.
        scan: a fast path for frames that nothing is wrong with.
        opened: told of each frame that the fast path did not find, before it is given out.
    """

    __slots__ = (
        *("offset", "needed", "scan", "opened", "_format", "_start", "_header_size", "_pads", "_buffer", "_run"),
        *("_pending", "_in_window", "_pads_now", "_padding_left"),
    )

    def __init__(
        self, frame_format: FrameFormat, scan: Scan | None = None, opened: Callable[[Frame], None] | None = None
    ) -> None:
        self.offset = 0
        self.needed = frame_format.header_size
        self.scan = scan
        self.opened = opened
        self._format = frame_format
        self._start = frame_format.start
        self._header_size = frame_format.header_size
        self._pads = frame_format.longest_padding > 0
        self._buffer: bytes = b""
        self._run = _Run()
        self._pending = self._run.data
        self._in_window = False
        self._pads_now = False
        self._padding_left = 0

    @property
    def settled(self) -> int:
        """Offset up to which every byte has been told as part of an event."""
        return self._run.offset if self._pending else self.offset

    def open_window(self) -> list[FrameEvent]:
        """A window opens: whatever was pending ends here."""
        events = self.close(GarbageReason.WINDOW_CLOSED)
        self._in_window = True
        return events

    def receive(self, data: bytes) -> list[FrameEvent]:
        """Take bytes; give the events that they complete."""
        buffer = self._buffer + data if self._buffer else data
        events: list[FrameEvent] = []
        position = 0
        if len(buffer) < self.needed:
            self._buffer = buffer
            return events
        if self.scan is not None and not self._pads_now and not self._pending:
            if self._pads:
                position = self._hurry(buffer, 0, events)
            else:
                self.needed = 0
                position = self.scan(self, buffer, 0, False, events)
            if self.needed:
                self.offset += position
                self._buffer = buffer[position:]
                return events
        self._buffer = buffer
        self._search(events, None, position)
        return events

    def _hurry(self, buffer: bytes, position: int, events: list[FrameEvent]) -> int:
        """Take what nothing is wrong with; `needed` is 0 where something else stands at the place that is given."""
        assert self.scan is not None
        self.needed = 0
        stopped = self.scan(self, buffer, position, self._in_window and self._pads, events)
        if stopped > position and self._pads:
            self._pads_now = True
            self._padding_left = self._format.longest_padding if self._in_window else 0
            if stopped < len(buffer):
                self.needed = 0
        return stopped

    def close(self, reason: GarbageReason) -> list[FrameEvent]:
        """The window, the stream or the dialect's patience ends: nothing that follows belongs to these bytes."""
        events: list[FrameEvent] = []
        if self._buffer:
            self._search(events, reason)
        self._run.flush(events)
        self._in_window = self._pads_now = False
        return events

    def _search(self, events: list[FrameEvent], ended: GarbageReason | None, position: int = 0) -> None:
        buffer = self._buffer
        self.needed = self._header_size
        while position < len(buffer):
            if self._pads_now:
                stop = self._padding_stop(buffer, position)
                self._run.extend(None, buffer[position:stop], self.offset + position, events)
                position = stop
                continue
            start = buffer.find(self._start, position)
            if start != position:
                stop = len(buffer) if start < 0 else start
                self._discard(buffer, position, stop, GarbageReason.NO_START, events)
                position = stop
                continue
            verdict = self._judge(buffer, position)
            if verdict is None and ended is None:
                break
            if isinstance(verdict, Frame):
                self._run.flush(events)
                if self.opened is not None:
                    self.opened(verdict)
                events.append(verdict)
                self._pads_now = self._pads
                self._padding_left = self._format.longest_padding if self._in_window else 0
                position += len(verdict.raw)
                if ended is None and self.scan is not None and not self._pads_now:
                    position = self._hurry(buffer, position, events)
                    if self.needed:
                        break
                    self.needed = self._header_size
            else:
                self._discard(buffer, position, position + 1, verdict or ended or GarbageReason.NO_START, events)
                position += 1
        self._buffer = buffer[position:]
        self.offset += position

    def _judge(self, buffer: bytes, position: int) -> Frame | GarbageReason | None:
        """The frame at `position`, why there is none, or `None` while bytes are missing."""
        header = buffer[position : position + self._header_size]
        if len(header) < self._header_size:
            return None
        length = self._format.measure(header)
        if isinstance(length, GarbageReason):
            return length
        candidate = buffer[position : position + length]
        if len(candidate) < length:
            self.needed = length
            return None
        return self._format.judge(candidate) or self._format.open(candidate, self.offset + position)

    def _padding_stop(self, buffer: bytes, position: int) -> int:
        free = min(self._padding_left, len(buffer) - position)
        self._padding_left -= free
        position += free
        stop = len(buffer) - len(buffer[position:].lstrip(b"\0"))
        self._pads_now = stop == len(buffer)
        return stop

    def _discard(
        self, buffer: bytes, position: int, stop: int, reason: GarbageReason, events: list[FrameEvent]
    ) -> None:
        self._run.extend(reason, buffer[position:stop], self.offset + position, events)


class _Run:
    """Bytes of one fate that lie next to each other: garbage for the reason that began it, or padding (`None`)."""

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
        while len(self.data) > LONGEST_RUN:
            self._emit(bytes(self.data[:LONGEST_RUN]), events)
            del self.data[:LONGEST_RUN]

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
