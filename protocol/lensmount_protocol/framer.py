"""Bytes in, frames out: finds frames in a stream, resynchronises, and accounts for every byte exactly once.

The events depend only on the bytes and on where windows open and close, never on how the bytes were cut into chunks.
"""

from lensmount_protocol.frame import Frame, FrameEvent, FrameFormat, Garbage, GarbageReason, Padding

LONGEST_RUN = 4096
"""Garbage or padding longer than this is told in pieces, so that memory stays bounded whatever arrives."""


class Framer:
    """Finds the frames of one direction.

    A candidate begins at each start byte and is judged by its length field. A candidate that fails gives up its
    first byte only, so a false start never swallows a good frame behind it.

    A sender that pads may follow a frame with bytes to ignore: zero bytes, and inside a window (`open_window` …
    `close`), which holds one frame, any bytes up to the format's longest padding.
    """

    def __init__(self, frame_format: FrameFormat) -> None:
        self._format = frame_format
        self._buffer = b""
        self._offset = 0
        self._needed = frame_format.header_size
        self._run = _Run()
        self._in_window = False
        self._pads_now = False
        self._padding_left = 0

    @property
    def settled(self) -> int:
        """Offset up to which every byte has been told as part of an event."""
        return self._run.offset if self._run.waiting else self._offset

    def open_window(self) -> list[FrameEvent]:
        """A window opens: whatever was pending ends here."""
        events = self.close(GarbageReason.WINDOW_CLOSED)
        self._in_window = True
        return events

    def receive(self, data: bytes) -> list[FrameEvent]:
        """Take bytes; give the events that they complete."""
        self._buffer += data
        events: list[FrameEvent] = []
        if len(self._buffer) >= self._needed:
            self._search(events, None)
        return events

    def close(self, reason: GarbageReason) -> list[FrameEvent]:
        """The window, the stream or the dialect's patience ends: nothing that follows belongs to these bytes."""
        events: list[FrameEvent] = []
        self._search(events, reason)
        self._run.flush(events)
        self._in_window = self._pads_now = False
        return events

    def _search(self, events: list[FrameEvent], ended: GarbageReason | None) -> None:
        buffer, position = self._buffer, 0
        self._needed = self._format.header_size
        while position < len(buffer):
            if self._pads_now:
                stop = self._padding_stop(buffer, position)
                self._run.extend(None, buffer[position:stop], self._offset + position, events)
                position = stop
                continue
            start = buffer.find(self._format.start, position)
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
                events.append(verdict)
                self._pads_now = self._format.longest_padding > 0
                self._padding_left = self._format.longest_padding if self._in_window else 0
                position += len(verdict.raw)
            else:
                self._discard(buffer, position, position + 1, verdict or ended or GarbageReason.NO_START, events)
                position += 1
        self._buffer = buffer[position:]
        self._offset += position

    def _judge(self, buffer: bytes, position: int) -> Frame | GarbageReason | None:
        """The frame at `position`, why there is none, or `None` while bytes are missing."""
        header = buffer[position : position + self._format.header_size]
        if len(header) < self._format.header_size:
            return None
        length = self._format.measure(header)
        if isinstance(length, GarbageReason):
            return length
        candidate = buffer[position : position + length]
        if len(candidate) < length:
            self._needed = length
            return None
        return self._format.judge(candidate) or self._format.open(candidate, self._offset + position)

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
        self._run.extend(reason, buffer[position:stop], self._offset + position, events)


class _Run:
    """Bytes of one fate that lie next to each other: garbage for the reason that began it, or padding (`None`)."""

    def __init__(self) -> None:
        self._data = bytearray()
        self.offset = 0
        self._reason: GarbageReason | None = None

    @property
    def waiting(self) -> bool:
        return bool(self._data)

    def extend(self, reason: GarbageReason | None, data: bytes, offset: int, events: list[FrameEvent]) -> None:
        if not data:
            return
        if self._data and (reason is None) != (self._reason is None):
            self.flush(events)
        if not self._data:
            self.offset, self._reason = offset, reason
        self._data += data
        while len(self._data) > LONGEST_RUN:
            self._emit(bytes(self._data[:LONGEST_RUN]), events)
            del self._data[:LONGEST_RUN]

    def flush(self, events: list[FrameEvent]) -> None:
        if self._data:
            self._emit(bytes(self._data), events)
            self._data.clear()

    def _emit(self, data: bytes, events: list[FrameEvent]) -> None:
        if self._reason is None:
            events.append(Padding(data, self.offset))
        else:
            events.append(Garbage(data, self.offset, self._reason))
        self.offset += len(data)
