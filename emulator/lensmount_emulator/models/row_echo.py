"""The echo of the body's row select, a fixed number of frames late."""

from collections import deque
from dataclasses import dataclass, field

RowPair = tuple[int, int]


@dataclass(slots=True)
class RowEcho:
    """A delay line for row selects.

    Attributes:
        delay_frames: 1 for simple lenses, 2 for Sony AF lenses; 0 for one that never echoes.
        shown: the pair that the lens reports now.
    """

    delay_frames: int
    shown: RowPair
    _latest: RowPair | None = None
    _line: deque[RowPair | None] = field(default_factory=lambda: deque[RowPair | None]())

    def select(self, pair: RowPair) -> None:
        """The body asks for a pair."""
        self._latest = pair

    def step(self) -> RowPair:
        """One frame goes by; the pair that it reports."""
        if not self.delay_frames:
            return self.shown
        self._line.append(self._latest)
        while len(self._line) >= self.delay_frames:
            due = self._line.popleft()
            self.shown = self.shown if due is None else due
        return self.shown

    def clear(self) -> None:
        """A session ends."""
        self._latest = None
        self._line.clear()
