"""One direction's bytes to frames with typed messages: the framer and the tables in one pass."""

from collections.abc import Callable

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.envelope import DeclaredFormat
from lensmount_protocol.errors import FrameError
from lensmount_protocol.frame import Frame, FrameEvent, GarbageReason
from lensmount_protocol.framer import Framer
from lensmount_protocol.paving import Paving
from lensmount_protocol.wire import Role

_ANY = b""
"""Is found in all bytes: every frame may change the selection."""


class FrameReader:
    """Finds the frames of one sender and reads what they say.

    The events are those of `Framer`; each frame knows its `messages`, read when it came or, if that was asked for,
    when somebody wants them.

    Attributes:
        receive: takes bytes; gives the events that they complete.
        open_window: a window opens: whatever was pending ends here.
        parse: the frame that is all of some bytes (else a `FrameError`); it stands alone, and changes nothing of what
            later frames are read by.
    """

    def __init__(self, dialect: Dialect, sender: Role, paving: Paving, *, headers_only: bool = False) -> None:
        """Read frames as they come.

        Args:
            dialect: what is spoken.
            sender: whose frames.
            paving: the link's tables; both directions of a link share one.
            headers_only: read a frame's messages only when they are asked for. What they say is the same.
        """
        self._dialect = dialect
        self._sender = sender
        self._paving = paving
        self._format = dialect.formats[sender]
        self._chooses = _choosing_types(dialect, sender)
        self._later = headers_only
        self._entries = paving.entries(sender)
        self._framer = Framer(self._format, self._fill)
        self.receive: Callable[[bytes], list[FrameEvent]] = self._framer.receive
        self.open_window = self._framer.open_window
        self.parse: Callable[[bytes], Frame] = self._parse_carefully
        self._follow()
        paving.followers.append(self._follow)
        if isinstance(self._format, DeclaredFormat):
            self.receive, self.parse = self._format.scanner(
                self._framer, self._chooses, self._choose, self._parse_carefully, headers_only
            )

    @property
    def settled(self) -> int:
        """Offset up to which every byte has been told as part of an event."""
        return self._framer.settled

    def close(self, reason: GarbageReason) -> list[FrameEvent]:
        """The window, the stream or the dialect's patience ends: nothing that follows belongs to these bytes."""
        return self._framer.close(reason)

    def _parse_carefully(self, data: bytes) -> Frame:
        if not data or data[0] != self._format.start:
            raise FrameError(f"no frame: {GarbageReason.NO_START.value}")
        if len(data) < self._format.header_size:
            raise FrameError("no frame: cut inside its header", offset=len(data))
        size = self._format.measure(data[: self._format.header_size])
        if isinstance(size, GarbageReason):
            raise FrameError(f"no frame: {size.value}")
        if size != len(data):
            raise FrameError(f"the frame takes {size} bytes, not {len(data)}", offset=min(size, len(data)))
        reason = self._format.judge(data)
        if reason is not None:
            raise FrameError(f"no frame: {reason.value}")
        frame = self._format.open(data, 0)
        frame.said = self._entries.read_all
        return frame

    def _follow(self) -> None:
        """Read by the tables in force from now on."""
        self._entries = entries = self._paving.entries(self._sender)
        self._framer.tables = (entries.by_type, entries.read, entries.read_all)

    def _fill(self, frame: Frame) -> None:
        frame.said = self._entries.read_all
        if not self._later or self._chooses is not None:
            self._choose(frame)

    def _choose(self, frame: Frame) -> bool:
        """Let a frame's messages change what later ones are built from; whether they did."""
        messages = frame.messages
        if self._chooses is None:
            return False
        changed = False
        for message in messages:
            if type(message) in self._dialect.selecting:
                changed |= self._paving.select(self._dialect.selections(self._sender, message))
        return changed


def _choosing_types(dialect: Dialect, sender: Role) -> int | bytes | None:
    """What a frame's bytes must hold to change the selection: one type byte, anything, or nothing (`None`)."""
    types = {cls.TYPE for cls in dialect.selecting if cls.SENDER is sender}
    return None if not types else types.pop() if len(types) == 1 else _ANY
