"""Bytes in, frames out: finds frames in a stream, resynchronises, and accounts for every byte exactly once.

The events depend only on the bytes and on where windows open and close, never on how the bytes were cut into chunks.
"""

from collections.abc import Callable

from lensmount_protocol.frame import Frame, FrameEvent, FrameFormat, Garbage, GarbageReason, Padding

LONGEST_RUN = 4096
"""Garbage or padding longer than this is told in pieces, so that memory stays bounded whatever arrives."""


class Framer:
    """Finds the frames of one direction.

    A candidate begins at each start byte and is judged by its length field. A candidate that fails gives up its
    first byte only, so a false start never swallows a good frame behind it.

    A sender that pads may follow a frame with bytes to ignore: zero bytes, and inside a window (`open_window` …
    `close`), which holds one frame, any bytes up to the format's longest padding.

    Generated code may stand in for `receive` while nothing is wrong with a stream; it shares the attributes below, and
    leaves everything else to `search`.

    Attributes:
        buffer: bytes that are part of no event or run yet.
        offset: of the first of them in the stream.
        needed: bytes that must be there before it is worth to look again.
        pads: whether the sender may pad.
        pads_now: whether what comes next may be padding.
        pending: a run that is being gathered.
        tables: what generated code reads messages by; `None` where there is none.
        opened: told of each frame that `search` finds, before it is given out.
    """

    __slots__ = (
        *("buffer", "offset", "needed", "pads", "pads_now", "pending", "tables", "opened"),
        *("_format", "_header_size", "_in_window", "_padding_left", "_run", "_start"),
    )

    def __init__(self, frame_format: FrameFormat, opened: Callable[[Frame], None] | None = None) -> None:
        self.buffer: bytes = b""
        self.offset = 0
        self.needed = frame_format.header_size
        self.pads = frame_format.longest_padding > 0
        self.pads_now = False
        self.tables: object = None
        self.opened = opened
        self._format = frame_format
        self._start = frame_format.start
        self._header_size = frame_format.header_size
        self._run = _Run()
        self.pending = self._run.data
        self._in_window = False
        self._padding_left = 0

    @property
    def settled(self) -> int:
        """Offset up to which every byte has been told as part of an event."""
        return self._run.offset if self.pending else self.offset

    def open_window(self) -> list[FrameEvent]:
        """A window opens: whatever was pending ends here."""
        events = self.close(GarbageReason.WINDOW_CLOSED)
        self._in_window = True
        return events

    def receive(self, data: bytes) -> list[FrameEvent]:
        """Take bytes; give the events that they complete."""
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
        """Tell the run that is being gathered: a frame stands behind it."""
        self._run.flush(events)

    def framed(self) -> None:
        """A frame was found: what may follow it?"""
        self.pads_now = self.pads
        self._padding_left = self._format.longest_padding if self._in_window else 0

    def close(self, reason: GarbageReason) -> list[FrameEvent]:
        """The window, the stream or the dialect's patience ends: nothing that follows belongs to these bytes."""
        events: list[FrameEvent] = []
        if self.buffer:
            self.search(self.buffer, 0, events, reason)
        self._run.flush(events)
        # What a frame that was cut here would have needed is nothing that the next one has to wait for.
        self.needed = self._header_size
        self._in_window = self.pads_now = False
        return events

    def search(self, buffer: bytes, position: int, events: list[FrameEvent], ended: GarbageReason | None) -> int:
        """Search byte by byte from a place in the buffer on.

        Returns:
            The place behind a frame or of a start byte, where somebody faster may go on; -1 when the buffer is done
            with: what is left of it waits for more bytes, or with `ended` for nothing.
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
            verdict = self._judge(buffer, position)
            if verdict is None and ended is None:
                break
            if isinstance(verdict, Frame):
                self._run.flush(events)
                if self.opened is not None:
                    self.opened(verdict)
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
        self.pads_now = stop == len(buffer)
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
