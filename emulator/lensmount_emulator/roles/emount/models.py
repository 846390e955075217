"""Models of an E-mount lens: focus motor, diaphragm, and the echo of the body's row select.

Time counts in frames of the mount, so that a run needs no clock; positions are motor steps.

- Focus motor: a plan runs to its target at top speed, and an encoder follows it later. On a Sony FE 24-105 the
  reported plan reaches its target about one and a half frames before the encoder (some 35 orders, basilisk bench
  traces).
- Diaphragm: moves a fixed number of aperture codes a frame and reports one frame ahead.
- Row echo: a fixed number of frames late.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class _MotorRun:
    begins: float
    origin: float
    target: int
    speed: int


@dataclass(slots=True)
class EmountFocusMotor:
    """A motor between two limits.

    Attributes:
        lower: lower limit (far end on every lens where it can be checked).
        upper: upper limit (near end).
        start: its position without an order.
        steps_per_frame: top speed.
        lag_frames: lag of the encoder after the plan.
        encoder_offset: encoder minus plan at rest.
    """

    lower: int
    upper: int
    start: int
    steps_per_frame: int
    lag_frames: float
    encoder_offset: int = 0
    _runs: list[_MotorRun] = field(default_factory=lambda: list[_MotorRun]())

    def clamp(self, target: int) -> int:
        """The nearest position within the limits."""
        return max(self.lower, min(self.upper, target))

    def set_target(self, target: int, frame: float, speed: int | None = None) -> int:
        """Run to a target from the planned position, at top speed or slower; returns the target within the limits."""
        goal = self.clamp(target)
        origin = self._planned(frame)
        if self._runs and self._runs[-1].begins == frame:
            # A run that another one replaces in the same frame has no effect; only the last one is kept.
            del self._runs[-1]
        self._runs.append(_MotorRun(frame, origin, goal, self.steps_per_frame if speed is None else speed))
        # The encoder needs only its lag; one older run must stay for that.
        while len(self._runs) > 2 and self._runs[1].begins < frame - self.lag_frames - 1:
            del self._runs[0]
        return goal

    def stop(self, frame: float) -> int:
        """Stop at the planned position."""
        return self.set_target(round(self._planned(frame)), frame)

    def settle_at(self, position: int) -> None:
        """Stand at a position: a movement is over that no frame has shown."""
        self.start = self.clamp(position)
        self._runs.clear()

    def hold_position(self, frame: float) -> None:
        """Stand still at the planned position: power is lost, or the frame count restarts."""
        self.start = self.planned(frame)
        self._runs.clear()

    def planned(self, frame: float) -> int:
        """Return the planned position."""
        return round(self._planned(frame))

    def encoder(self, frame: float) -> int:
        """Return the encoder reading."""
        return round(self._planned(frame - self.lag_frames)) + self.encoder_offset

    def moving(self, frame: float) -> bool:
        """Whether plan or encoder still move."""
        return self.planned(frame) != self._goal() or self.encoder(frame) - self.encoder_offset != self._goal()

    def velocity(self, frame: float, samples: int) -> bytes:
        """Previous minus current encoder reading at eighths of a frame, oldest first, as signed bytes."""
        if self._settled(frame - self.lag_frames - samples / 8):
            return bytes(samples)
        readings = [round(self._planned(frame - self.lag_frames - k / 8)) for k in range(samples, -1, -1)]
        steps = (before - after for before, after in pairwise(readings))
        return bytes(max(-128, min(127, step)) & 0xFF for step in steps)

    def _settled(self, frame: float) -> bool:
        """Whether the plan has not moved since `frame`."""
        if not self._runs:
            return True
        last = self._runs[-1]
        return last.begins <= frame and (frame - last.begins) * last.speed >= abs(last.target - last.origin)

    def _goal(self) -> int:
        return self._runs[-1].target if self._runs else self.start

    def _planned(self, frame: float) -> float:
        if not self._runs:
            return self.start
        run = next((run for run in reversed(self._runs) if run.begins <= frame), None)
        if run is None:
            return self._runs[0].origin
        travelled = (frame - run.begins) * run.speed
        if travelled >= abs(run.target - run.origin):
            return run.target
        return run.origin + (travelled if run.target > run.origin else -travelled)


@dataclass(slots=True)
class EmountIris:
    """A diaphragm; codes are `4096 + 256 × Av`.

    Attributes:
        widest: smallest code it reaches.
        narrowest: largest code it reaches.
        offset: reported minus commanded code at rest.
        codes_per_frame: speed.
        current: the code it reports now.
        goal: the code it runs to.
    """

    widest: int
    narrowest: int
    offset: int
    codes_per_frame: int
    current: int
    goal: int
    fresh: bool = False

    def reachable(self, target: int) -> int:
        """Return the nearest commanded code within the range of the blades."""
        return max(self.widest, min(self.narrowest, target))

    def set_target(self, target: int) -> None:
        """Run to a commanded code."""
        goal = self.reachable(target) + self.offset
        if goal != self.goal:
            self.goal = goal
            self.fresh = True

    def step(self) -> None:
        """Advance by one frame."""
        self.current = self.next

    @property
    def next(self) -> int:
        """The code that the next frame will report."""
        distance = self.goal - self.current
        if abs(distance) <= self.codes_per_frame:
            return self.goal
        return self.current + int(math.copysign(self.codes_per_frame, distance))

    @property
    def frames_left(self) -> int:
        """Frames until the goal is reached, at most 255."""
        return min(255, math.ceil(abs(self.goal - self.current) / self.codes_per_frame))

    @property
    def is_idle(self) -> bool:
        """Whether the goal is reached."""
        return self.current == self.goal


RowPair = tuple[int, int]


@dataclass(slots=True)
class RowEcho:
    """A delay line for row selects.

    Attributes:
        delay_frames: 1 for simple lenses, 2 for Sony AF lenses; 0 for a lens that never echoes.
        shown: the pair that the lens reports now.
    """

    delay_frames: int
    shown: RowPair
    _latest: RowPair | None = None
    _line: deque[RowPair | None] = field(default_factory=lambda: deque[RowPair | None]())

    def select(self, pair: RowPair) -> None:
        """Take the pair that the body requests."""
        self._latest = pair

    def step(self) -> RowPair:
        """Advance by one frame; returns the pair to report."""
        if not self.delay_frames:
            return self.shown
        self._line.append(self._latest)
        while len(self._line) >= self.delay_frames:
            due = self._line.popleft()
            self.shown = self.shown if due is None else due
        return self.shown

    def clear(self) -> None:
        """Forget all pairs at the end of a session."""
        self._latest = None
        self._line.clear()
