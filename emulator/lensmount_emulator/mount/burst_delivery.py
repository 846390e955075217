"""Bursts on their way: which of their bytes have arrived, and where a burst is split into runs."""

from collections.abc import Callable

from lensmount_protocol.framer import FrameFormat
from lensmount_protocol.wire import Burst, WireEvent

EventHandler = Callable[[WireEvent, float], object]
"""The event handler of an end: an event and its time, in seconds."""


class BurstInFlight:
    """A burst on the wire: the delivered part and the next delivery.

    Attributes:
        burst: the burst.
        on_event: the handler that receives it.
        stops: ends of its runs, in bytes; empty if each byte is a run.
        delivered: bytes delivered so far.
        run: index of the next run.
        due: time of the next run; calls at other times are left over from before `resplit`.
        kept: time of such a leftover call, which can be reused; 0 if there is none.
        number: its number in the scheduler; 0 after its end.
    """

    __slots__ = ("burst", "delivered", "due", "kept", "number", "on_event", "run", "stops")

    def __init__(self, burst: Burst, on_event: EventHandler, stops: tuple[int, ...], due: float) -> None:
        self.burst = burst
        self.on_event = on_event
        self.stops = stops
        self.delivered = 0
        self.run = 0
        self.due = due
        self.kept = 0.0
        self.number = 0

    @property
    def by_byte(self) -> bool:
        """Whether every remaining byte is a run."""
        return len(self.stops) - self.run == len(self.burst.data) - self.delivered

    def complete_bytes(self, now: float, *, with_now: bool) -> int:
        """Return the number of bytes that are complete before a time, or up to it."""
        burst, count, size = self.burst, self.delivered, len(self.burst.data)
        while count < size and ((end := byte_end(burst, count + 1)) < now or (with_now and end == now)):
            count += 1
        return count

    def resplit(self, arrived: int) -> None:
        """Deliver the bytes after the first `arrived` ones one by one."""
        self.delivered, self.run = arrived, 0
        self.stops = tuple(range(arrived + 1, len(self.burst.data) + 1))
        self.kept, self.due = self.due, byte_end(self.burst, arrived + 1)


def byte_end(burst: Burst, count: int) -> float:
    """Return the end time of the stop bit of the byte with this number, counted from 1."""
    begins, ends, size = burst.at or 0.0, burst.end or 0.0, len(burst.data)
    return ends if count == size else begins + (ends - begins) * count / size


class BurstSplitter:
    """Splits the bursts of one direction into runs; without an open window, every byte is a run.

    Args:
        frame_format: the frame format of this direction.
    """

    __slots__ = ("_format", "_fresh", "_header_size", "_lengths", "_missing")

    def __init__(self, frame_format: FrameFormat) -> None:
        self._format = frame_format
        self._header_size = frame_format.header_size
        self._lengths: dict[bytes, int] = {}
        self._fresh = False
        self._missing = 0

    def turn_window(self, level: bool) -> None:
        """Handle a level change of the select line: the receiver starts a new window."""
        self._fresh = level
        self._missing = 0

    def cut(self, data: bytes) -> tuple[int, ...]:
        """Return the ends of the runs of a burst, in bytes from its start; the last one is its size."""
        size = len(data)
        if self._missing:
            # The sender paused inside a frame: this burst continues it.
            run = min(self._missing, size)
            self._missing -= run
            return (run, *range(run + 1, size + 1))
        length = 0
        if self._fresh:
            self._fresh = False
            header = data[: self._header_size]
            length = self._lengths.get(header) or self._length(header)
            if length >= size:
                self._missing = length - size
                return (size,)
        if not length:
            return tuple(range(1, size + 1))
        # After a bad frame the receiver searches another one inside it, and may find it in apparent padding.
        if size - length <= self._format.max_padding and self._format.check(data[:length]) is None:
            return (length, size)
        return (length, *range(length + 1, size + 1))

    def _length(self, header: bytes) -> int:
        """Return the length that a header announces; 0 if it begins no frame. Valid headers are few, and cached."""
        if header[0] != self._format.start or len(header) < self._header_size:
            return 0
        length = self._format.frame_length(header)
        if not isinstance(length, int):
            return 0
        self._lengths[header] = length
        return length
