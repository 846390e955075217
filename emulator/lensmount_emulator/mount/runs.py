"""How many bytes of a burst may arrive together: as many as nothing can come of before the last one.

Bytes are told one by one or in runs, and whoever hears them must not be able to tell which. A receiver acts when a
frame is whole, so the frame that a window begins with is a run (its length field says how long), and so is the
padding behind it; whatever is neither goes byte by byte, which is always right.
"""

from lensmount_protocol.frame import FrameFormat


class Runs:
    """Cuts the bursts of one direction into runs; without a window open, every byte is one.

    Args:
        frame_format: what frames of this direction look like.
    """

    __slots__ = ("_format", "_fresh", "_header_size", "_lengths", "_missing")

    def __init__(self, frame_format: FrameFormat) -> None:
        self._format = frame_format
        self._header_size = frame_format.header_size
        self._lengths: dict[bytes, int] = {}
        self._fresh = False
        self._missing = 0

    def turn_window(self, level: bool) -> None:
        """The select line took a level: the receiver starts afresh."""
        self._fresh = level
        self._missing = 0

    def cut(self, data: bytes) -> tuple[int, ...]:
        """Where the runs of a burst end: numbers of bytes from its start, the last one all of it."""
        size = len(data)
        if self._missing:
            # A sender that pauses inside a frame: more of what an earlier burst began.
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
        # Behind a bad frame the receiver looks for another one inside it, and may find it in what looks like padding.
        if size - length <= self._format.longest_padding and self._format.judge(data[:length]) is None:
            return (length, size)
        return (length, *range(length + 1, size + 1))

    def _length(self, header: bytes) -> int:
        """The length that a header announces; 0 where it begins no frame. Good ones are few, and kept."""
        if header[0] != self._format.start or len(header) < self._header_size:
            return 0
        length = self._format.measure(header)
        if not isinstance(length, int):
            return 0
        self._lengths[header] = length
        return length
