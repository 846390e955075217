"""Focus set points within the frame: ordered one after the other, each measured when it is due.

A lens that follows set points runs to each at just the speed that gets it there in time; what it misses, by its
acceleration, its top speed or its backlash, is in the report.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lensmount_protocol.dialects.lmount.pages import UNSCALED, FocusRunReport, MeasuredPoint

LARGEST_ERROR = 32_767


class FocusDrive(Protocol):
    """The focus drive as a page needs it; position 0 is the far end, times are seconds."""

    @property
    def upper(self) -> int:
        """The near end, in steps."""
        ...

    def order(self, target: int, now: float, speed: float = 0.0) -> float:
        """Run there, at most this many steps a second; gives when it arrives."""
        ...

    def position(self, now: float) -> int:
        """Where it is, in steps."""
        ...


@dataclass(frozen=True, slots=True)
class PlannedPoint:
    """A set point with its time.

    Attributes:
        frame: number of its frame.
        at: how far in that frame, in 1/65536.
        due: when that is, in seconds.
        position: where the focus is to be, in steps.
    """

    frame: int
    at: int
    due: float
    position: int


@dataclass(slots=True)
class FastFocus:
    """A run of set points under way.

    Attributes:
        focus: what moves.
        scales: field of view from the far end to the near end, in 1/32768; none for a lens that does not know it.
        run: number of the run.
        waiting: set points that are still to come.
    """

    focus: FocusDrive
    scales: Sequence[int] = ()
    run: int = 0
    waiting: deque[PlannedPoint] = field(default_factory=lambda: deque[PlannedPoint]())
    _measured: list[MeasuredPoint] = field(default_factory=lambda: list[MeasuredPoint]())

    @property
    def next_deadline(self) -> float | None:
        """When the next set point is due; `None` where none waits."""
        return self.waiting[0].due if self.waiting else None

    def take(self, run: int, points: Sequence[PlannedPoint], now: float) -> None:
        """Follow these set points: behind those that wait, if the run goes on, otherwise instead of them."""
        if run != self.run:
            self.drop()
        self.run = run
        idle = not self.waiting
        self.waiting.extend(points)
        if idle:
            self._run_to_next(now)

    def drop(self) -> None:
        """Forget what is still to come; the drive ends at the set point that it runs to."""
        self.waiting.clear()
        self._measured.clear()

    def advance(self, now: float) -> list[FocusRunReport]:
        """Measure what is due; gives the reports of the frames that are complete."""
        reports: list[FocusRunReport] = []
        while self.waiting and self.waiting[0].due <= now:
            point = self.waiting.popleft()
            self._measured.append(self._measure(point))
            if not self.waiting or self.waiting[0].frame != point.frame:
                left = min(255, len(self.waiting))
                reports.append(FocusRunReport(run=self.run, frame=point.frame, left=left, points=self._measured))
                self._measured = []
            self._run_to_next(point.due)
        return reports

    def scale_at(self, position: int) -> int:
        """Field of view at a position, between the nearest two of what the lens knows."""
        if not self.scales:
            return UNSCALED
        place = max(0.0, min(1.0, position / max(1, self.focus.upper))) * (len(self.scales) - 1)
        below = min(int(place), max(0, len(self.scales) - 2))
        above = min(below + 1, len(self.scales) - 1)
        return round(self.scales[below] + (self.scales[above] - self.scales[below]) * (place - below))

    def _measure(self, point: PlannedPoint) -> MeasuredPoint:
        position = self.focus.position(point.due)
        error = max(-LARGEST_ERROR, min(LARGEST_ERROR, position - point.position))
        return MeasuredPoint(at=point.at, position=position, error=error, scale=self.scale_at(position))

    def _run_to_next(self, now: float) -> None:
        if not self.waiting:
            return
        point = self.waiting[0]
        distance = abs(point.position - self.focus.position(now))
        if distance:
            self.focus.order(point.position, now, distance / max(point.due - now, 1e-6))
