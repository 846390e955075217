"""The focus drive model: a motor with acceleration, the backlash between motor and focus group, and two end stops.

Each order makes one motion plan, in pieces of constant acceleration; positions are computed from it. The drive knows
its backlash and runs the motor further by it, so that the group reaches its target; after each change of direction the
backlash costs time. All of it is modelled: no data of an L-Mount motor is public.
"""

import math

MIN_SPEED = 1.0
"""The lowest speed that a drive can keep, in steps a second."""

HOMING_SHARE = 0.5
"""Share of the top speed at which a drive searches for its zero position."""

HOMING_PUSH = 32
"""Motor steps for which it pushes against the far end, to reach it with certainty."""

_SAME = 1e-6
"""Rounding tolerance, in steps; two positions nearer than this are equal."""

_MotionPiece = tuple[float, float, float, float, float]
"""Begin, motor, velocity, acceleration, and where the group was at the beginning."""


class FocusDriveModel:
    """A focus group and its motor; positions are steps from the far end.

    The motor counts in the same steps: it is at the group's position after a move towards the far end, and `backlash`
    steps beyond it after one towards the near end. Query times from the last order on.

    Args:
        steps: positions of the group.
        speed: top speed, in steps a second.
        acceleration: in steps a second, a second.
        backlash: motor steps that do not move the group after a change of direction.
        settle: seconds between the end of the move and rest.
        start: first position of the group.

    Attributes:
        lower: the far end, 0.
        upper: the near end.
        far_limit: lower limit of all orders.
        near_limit: upper limit of all orders.
        target: the position that it runs to or has reached.
        settles_at: time at which it has settled, in seconds.
    """

    __slots__ = (
        "_acceleration",
        "_arrives",
        "_backlash",
        "_group",
        "_motor",
        "_pieces",
        "_settle",
        "_speed",
        "_top",
        "far_limit",
        "lower",
        "near_limit",
        "settles_at",
        "target",
        "upper",
    )  # fmt: skip

    def __init__(
        self, *, steps: int, speed: float, acceleration: float, backlash: int, settle: float, start: int = 0
    ) -> None:
        self.lower = self.far_limit = 0
        self.upper = self.near_limit = max(0, steps - 1)
        self.target = max(self.lower, min(self.upper, start))
        self.settles_at = 0.0
        self._top = self._speed = max(MIN_SPEED, speed)
        self._acceleration = acceleration
        self._backlash = backlash
        self._settle = settle
        # Final positions of both, and their time; before that the pieces give the positions.
        self._group = self._motor = float(self.target)
        self._arrives = -math.inf
        self._pieces: tuple[_MotionPiece, ...] = ()

    def set_target(self, target: int, now: float, speed: float = 0.0) -> float:
        """Run to a position within the limits, at most at `speed`; 0 is top speed. Returns the time of arrival."""
        goal = max(self.far_limit, min(self.near_limit, target))
        return self._go(goal, now, self._clamped(speed))

    def run_at_velocity(self, velocity: float, now: float) -> float:
        """Run at a speed, in steps a second, positive towards the near end; returns the time at the limit."""
        if not velocity:
            return self.stop(now)
        return self._go(self.near_limit if velocity > 0 else self.far_limit, now, self._clamped(abs(velocity)))

    def stop(self, now: float) -> float:
        """Brake; returns the time when it stands."""
        motor, velocity, group = self._at(now)
        if not velocity and now >= self._arrives:
            return self._stay(now)
        rest = motor + velocity * abs(velocity) / (2 * self._acceleration)
        self._plan(motor, velocity, group, rest, now)
        self.target = self._whole(self._group)
        return self.settles_at

    def halt_without_brake(self, now: float) -> None:
        """Stop at once at the current position, because motor power is lost."""
        self._motor, _, self._group = self._at(now)
        self._pieces = ()
        self._arrives = self.settles_at = now
        self.target = self._whole(self._group)

    def limit(self, far: int, near: int, now: float) -> None:
        """Keep between two positions from now on; a drive outside of them, or with a target outside, moves inside."""
        far, near = sorted((far, near))
        self.far_limit = max(self.lower, min(self.upper, far))
        self.near_limit = max(self.lower, min(self.upper, near))
        if not self.far_limit <= self.target <= self.near_limit:
            self.set_target(self.target, now, self._speed)

    def home(self, now: float) -> float:
        """Find the zero: run to the far end regardless of the limits and push against it; returns the end time.

        It stays there, even outside of the limits: the next order moves it inside.
        """
        speed = max(MIN_SPEED, self._top * HOMING_SHARE)
        self._go(self.lower, now, speed)
        self.settles_at = max(now, self._arrives) + HOMING_PUSH / speed + self._settle
        return self.settles_at

    def position(self, now: float) -> int:
        """Position of the group, without the backlash."""
        return self._whole(self._group if now >= self._arrives else self._at(now)[2])

    def motor(self, now: float) -> float:
        """Position of the motor, in its own steps: at most `backlash` beyond the group."""
        return self._motor if now >= self._arrives else self._at(now)[0]

    def velocity(self, now: float) -> float:
        """Speed of the motor, in steps a second, positive towards the near end."""
        return 0.0 if now >= self._arrives else self._at(now)[1]

    def moving(self, now: float) -> bool:
        """Whether it has not settled yet."""
        return now < self.settles_at

    def _clamped(self, speed: float) -> float:
        return max(MIN_SPEED, min(self._top, speed)) if speed > 0 else self._top

    def _whole(self, group: float) -> int:
        return max(self.lower, min(self.upper, round(group)))

    def _at(self, now: float) -> tuple[float, float, float]:
        """Motor, velocity, group."""
        if now >= self._arrives:
            return self._motor, 0.0, self._group
        piece = self._pieces[0]
        for piece in reversed(self._pieces):
            if piece[0] <= now:
                break
        begin, motor, velocity, acceleration, group = piece
        passed = max(0.0, now - begin)
        motor += (velocity + acceleration * passed / 2) * passed
        return motor, velocity + acceleration * passed, self._carried(group, motor)

    def _carried(self, group: float, motor: float) -> float:
        """Return the position of the group: the motor pushes it at either edge of the backlash."""
        return min(max(group, motor - self._backlash), motor)

    def _stay(self, now: float) -> float:
        self.settles_at = max(self.settles_at, now)
        return self.settles_at

    def _go(self, goal: int, now: float, speed: float) -> float:
        running = now < self._arrives
        if goal == self.target and (not running or speed == self._speed):
            return self._stay(now)
        motor, velocity, group = self._at(now)
        rest = motor + velocity * abs(velocity) / (2 * self._acceleration)
        stands = self._carried(group, rest)
        self._speed = speed
        away = goal - stands
        if abs(away) <= _SAME:
            end = rest
        elif away > 0:
            end = goal + self._backlash
        else:
            end = float(goal)
        self._plan(motor, velocity, group, end, now)
        self.target = goal
        return self.settles_at

    def _plan(self, motor: float, velocity: float, group: float, end: float, now: float) -> None:
        """Plan the quickest motion from the motor's state to rest at `end`: at most four pieces, one reversal."""
        limit, top = self._acceleration, self._speed
        rest = motor + velocity * abs(velocity) / (2 * limit)
        # The side of `end` on which it would rest, if it braked now, gives the direction of the push.
        push = velocity if abs(end - rest) <= _SAME else end - rest
        sign = 1.0 if push > 0 else -1.0
        pieces: list[_MotionPiece] = []
        time = now

        def add(to: float) -> None:
            """Change the velocity to `to`, as fast as it can."""
            nonlocal time, motor, velocity, group
            lasts = abs(to - velocity) / limit
            if lasts:
                pieces.append((time, motor, velocity, math.copysign(limit, to - velocity), group))
                time += lasts
                motor += (velocity + to) / 2 * lasts
                group = self._carried(group, motor)
                velocity = to

        if velocity * sign < 0:
            add(0.0)
        if velocity * sign > top:
            add(sign * top)
        left = max(0.0, (end - motor) * sign)
        peak = max(velocity * sign, min(top, math.sqrt(limit * left + velocity * velocity / 2)))
        # A distance within rounding is no reason to accelerate.
        if peak - velocity * sign > _SAME:
            add(sign * peak)
        cruise = (end - motor) * sign - velocity * velocity / (2 * limit)
        if cruise > _SAME and velocity:
            pieces.append((time, motor, velocity, 0.0, group))
            time += cruise / abs(velocity)
            motor += sign * cruise
            group = self._carried(group, motor)
        add(0.0)
        self._pieces = tuple(pieces)
        self._arrives, self._motor = time, end
        self._group = self._carried(group, end)
        self.settles_at = time + self._settle
