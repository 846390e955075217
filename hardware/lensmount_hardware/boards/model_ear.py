"""How a model board gathers the bytes that it hears into reports: runs, gaps, and when to tell."""

from lensmount_hardware.boards.declaration import HEAD_SIZE
from lensmount_hardware.boards.protocol import CRC_SIZE
from lensmount_hardware.boards.reports import ReceivedBytes
from lensmount_hardware.boards.words import LONGEST_FRAME, Spacing

QUIET_US = 200
"""Without a byte for that long, what was gathered is told."""

GATHERED_US = 1000
"""Longest that a byte waits."""

_WIDEST_GAP_US = 255
_ROOM = LONGEST_FRAME - CRC_SIZE - HEAD_SIZE - 11
MOST_WITH_GAPS = (_ROOM + 1) // 2
"""Bytes of one report when each gap is told."""


class ModelEar:
    """Bytes of the data lines, each with the time at which its stop bit was over."""

    def __init__(self) -> None:
        self._line = 0
        self._data = bytearray()
        self._times: list[int] = []
        self._byte_us = 0.0

    @property
    def due_us(self) -> int | None:
        """When what was gathered is to be told; `None` where there is nothing."""
        return min(self._times[0] + GATHERED_US, self._times[-1] + QUIET_US) if self._times else None

    def hear(self, line: int, byte: int, at_us: int, baudrate: int) -> list[ReceivedBytes]:
        """Take one byte; what can be gathered no longer with it comes back."""
        told: list[ReceivedBytes] = []
        at_us = max(at_us, self._times[-1]) if self._times else at_us
        fits = len(self._data) < MOST_WITH_GAPS and line == self._line
        if self._times and not (fits and at_us - self._times[-1] <= _WIDEST_GAP_US):
            told = self.told()
        self._line, self._byte_us = line, 10e6 / baudrate
        self._data.append(byte)
        self._times.append(at_us)
        return told

    def told(self) -> list[ReceivedBytes]:
        """What was gathered; nothing is kept."""
        if not self._times:
            return []
        gaps = bytes(later - earlier for earlier, later in zip(self._times, self._times[1:], strict=False))
        first = self._times[0]
        run = all(abs(at - first - n * self._byte_us) <= 1 for n, at in enumerate(self._times))
        spacing = Spacing.RUN if run else Spacing.GAPS
        report = ReceivedBytes(first, self._line, spacing, len(self._data), bytes(self._data), b"" if run else gaps)
        self._data.clear()
        self._times.clear()
        return [report]
