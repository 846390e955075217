"""What an end can have heard: windows and silences cut it, and no frame lies across such a cut."""

from lensmount_protocol.wire import LineChanged


class Listening:
    """What an end hears: where in it a window, or the silence outside of one, has ended what came before.

    Attributes:
        begins: bytes that were heard before the last such end; a frame lies on one side of it.
        count: bytes that were heard.
    """

    __slots__ = ("_at", "_select", "_silence", "_window", "begins", "count")

    def __init__(self, select: str, silence: float) -> None:
        self.begins = 0
        self._select = select
        self._silence = silence
        self.count = 0
        self._at = 0.0
        self._window = False

    def turn(self, event: LineChanged) -> None:
        """A line of the other end moved."""
        if event.line == self._select and self._window != event.level:
            self._window = event.level
            self.begins = self.count

    def take(self, data: bytes, now: float) -> None:
        """Bytes came."""
        if not self._window and now - self._at > self._silence:
            self.begins = self.count
        self._at = now
        self.count += len(data)
