"""The moving parts of a Fuji G lens: a focus drive with speed and ramp, and an iris in third stops.

Positions are functions of time, so nothing happens between the events of a session. The speed of a move can change
while it runs. Speeds and durations come from captures; the ramp is inferred, see protocol/spec/fuji-g.md.
"""

import math
from copy import copy
from dataclasses import dataclass, field

from lensmount_emulator.roles.fuji_g.profile import FocusValues, IrisValues

SLOW_RAMP = 0x20
"""Bit of the focus mode that is set in moves by the ring and in the last approach, with slower ramps (captures)."""

FAST_MODES = (6, 7)
"""Modes of an iris order around the exposure, in which the iris moves faster."""


@dataclass(slots=True)
class FocusMotion:
    """A focus drive; it moves with a ramp at both ends.

    Attributes:
        values: limits, speed and ramp.
        origin: position at the start of the current part of the move.
        target: where it goes.
        began: start of that part, in seconds.
        start_speed: speed at its start, in units a second, positive towards the target.
        speed: highest speed of the move.
        acceleration: of its ramps, in units a second squared.
        previous: the part before the current one, for positions of the past.
    """

    values: FocusValues
    origin: float = 0.0
    target: float = 0.0
    began: float = 0.0
    start_speed: float = 0.0
    speed: float = 1.0
    acceleration: float = 1.0
    previous: "FocusMotion | None" = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.acceleration = self.values.acceleration
        self.origin = self.target = float(self.values.initial)
        self.speed = self.values.speed

    def move(self, target: int, speed: float, now: float, mode: int = 0) -> float:
        """Start a move from the current position; return its end in seconds.

        Args:
            target: position units; a target outside the limits is the limit.
            speed: units a second.
            now: seconds.
            mode: the argument of 15.1.
        """
        self._rebase(now)
        self.acceleration = self.values.ring_acceleration if mode & SLOW_RAMP else self.values.acceleration
        goal = float(min(max(target, self.values.lower), self.values.upper))
        if (goal - self.origin) * (self.target - self.origin) < 0:
            self.start_speed = 0.0
        self.target = goal
        self.speed = min(max(speed, 1.0), self.values.speed)
        return self.end

    def set_speed(self, speed: float, now: float) -> float:
        """Change the speed of the current move; return its end in seconds."""
        self._rebase(now)
        self.speed = min(max(speed, 1.0), self.values.speed)
        return self.end

    def stop(self, now: float) -> float:
        """Slow down to a stop; return the time of the stop in seconds."""
        self._rebase(now)
        way = self.start_speed**2 / (2 * self.acceleration)
        step = math.copysign(min(way, abs(self.target - self.origin)), self.target - self.origin)
        self.target = self.origin + step
        return self.end

    @property
    def end(self) -> float:
        """The end of the move, in seconds; the start of a move that goes nowhere."""
        parts = self._parts()
        return self.began + (sum(duration for duration, _, _ in parts) if parts else self.values.idle_ms * 1e-3)

    def position(self, now: float) -> float:
        """The position at a time, in position units; a time of the past is in the current part or the one before."""
        if now < self.began and self.previous is not None:
            return self.previous.position(now)
        return self._state(now)[0]

    def is_moving(self, now: float) -> bool:
        """Whether it moves at a time."""
        return self.origin != self.target and now < self.end

    def _rebase(self, now: float) -> None:
        self.previous = None
        self.previous = copy(self)
        position, speed = self._state(now)
        self.origin, self.start_speed, self.began = position, speed, now

    def _parts(self) -> list[tuple[float, float, float]]:
        """The parts of the move: duration, speed at the start, acceleration."""
        way = abs(self.target - self.origin)
        if not way:
            return []
        ramp = self.acceleration
        first, top = self.start_speed, self.speed
        change = ramp if top >= first else -ramp
        to_top = abs(top**2 - first**2) / (2 * ramp)
        to_rest = top**2 / (2 * ramp)
        if to_top + to_rest <= way:
            return [
                (abs(top - first) / ramp, first, change),
                ((way - to_top - to_rest) / top, top, 0.0),
                (top / ramp, top, -ramp),
            ]
        if change < 0 or first**2 / (2 * ramp) >= way:
            # There is no way left to slow down at the ramp: it stops at the target.
            return [(2 * way / first, first, -(first**2) / (2 * way))] if first else []
        peak = math.sqrt(ramp * way + first**2 / 2)
        return [((peak - first) / ramp, first, ramp), (peak / ramp, peak, -ramp)]

    def _state(self, now: float) -> tuple[float, float]:
        """Position and speed at a time."""
        left = now - self.began
        way = speed = 0.0
        for duration, first, change in self._parts():
            passed = min(max(left, 0.0), duration)
            way += first * passed + change * passed**2 / 2
            speed = first + change * passed
            left -= duration
            if left < 0:
                return self.origin + math.copysign(way, self.target - self.origin), max(speed, 0.0)
        return self.target, 0.0


def way_of_move(duration: float, speed: float, acceleration: float) -> float:
    """Return the way of a move from rest to rest.

    Args:
        duration: seconds.
        speed: highest speed, in units a second.
        acceleration: in units a second squared.
    """
    ramp = speed / acceleration
    if duration >= 2 * ramp:
        return speed * (duration - ramp)
    return acceleration * (duration / 2) ** 2


@dataclass(slots=True)
class IrisMotion:
    """An iris that moves in third stops.

    Attributes:
        values: steps and durations.
        step: the step that is reached at the end of the move.
        origin: the step at its start.
        began: its start, in seconds.
        end: its end, in seconds.
    """

    values: IrisValues
    step: int = 0
    origin: int = 0
    began: float = 0.0
    end: float = 0.0

    def __post_init__(self) -> None:
        self.step = self.origin = self.values.initial

    def move(self, step: int, mode: int, now: float) -> float:
        """Start a move; return its end in seconds.

        Args:
            step: third stops from the widest; a step outside the range is its end.
            mode: 6 and 7 move faster.
            now: seconds.
        """
        self.origin = round(self.position(now))
        self.step = min(max(step, 0), self.values.steps)
        count = abs(self.step - self.origin)
        each = self.values.fast_step_ms if mode in FAST_MODES else self.values.step_ms
        duration = self.values.base_ms + each * count if count else self.values.idle_ms
        self.began, self.end = now, now + duration * 1e-3
        return self.end

    def position(self, now: float) -> float:
        """The position at a time, in third stops from the widest."""
        if now >= self.end or self.end <= self.began:
            return float(self.step)
        share = max(now - self.began, 0.0) / (self.end - self.began)
        return self.origin + (self.step - self.origin) * share
