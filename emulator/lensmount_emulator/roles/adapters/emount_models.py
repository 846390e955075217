"""The groups of an E-mount lens behind an adapter: what they report is what it said last, orders go out to it.

The lens's frames and the body's are not the same. Each report of the body's tells the newest that the lens has said,
and an order waits for the lens's next frame.
"""
# ruff: noqa: ARG002 - what the body wishes beyond an E-mount's words is asked of these groups all the same.

from collections.abc import Callable

from lensmount_emulator.models.diaphragm import DiaphragmMotion
from lensmount_emulator.models.focus_group import FocusMotion
from lensmount_emulator.models.zoom_group import ZoomMotion
from lensmount_emulator.roles.adapters.emount_body import FarBody
from lensmount_emulator.roles.adapters.emount_identity import STEPS
from lensmount_emulator.roles.lmount.settings import LensSettings
from lensmount_protocol.dialects.emount.focus import FocusMove, FocusMoved, FocusStop

LOOK_S = 2e-3
"""How often it is looked whether a group has come to rest."""

FRAMES_TO_START = 4
"""Frames behind an order after which a diaphragm that says it rests is believed."""

LONGEST_MOVE_S = 3.0
"""A move of which no end was told is over by then."""

CODE_OF_ONE = 4096
"""Aperture code of f/1; both mounts count 256 an Av from there."""

AT_REST = 0x01


class FarFocus(FocusMotion):
    """The focus drive; positions are parts of the way between the lens's limits."""

    def __init__(self, far: FarBody, clock: Callable[[], float]) -> None:
        self._ready = False
        super().__init__(steps=STEPS, speed=1.0, acceleration=1.0, backlash=0, settle=0.0)
        self._far, self._clock = far, clock
        self._ordered_at = self._moves = -LONGEST_MOVE_S
        self._ordered = False
        self._ready = True

    @property
    def done_at(self) -> float:
        """When it will next be worth a look, while it moves; else now."""
        if not self._ready:
            return 0.0
        now = self._clock()
        return now + LOOK_S if self.moving(now) else now

    @done_at.setter
    def done_at(self, _value: float) -> None:
        """The lens says when it is done, and nobody else."""

    def order(self, target: int, now: float, speed: float = 0.0) -> float:
        """Send the lens to a position; how fast, is its own choice."""
        self.target = max(self.far_limit, min(self.near_limit, target))
        self._far.acknowledged.clear()
        # A move that has not left yet is replaced: orders of this side come faster than frames of the other.
        waiting = [order for order in self._far.orders if not isinstance(order, FocusMove)]
        self._far.orders.clear()
        self._far.orders.extend([*waiting, FocusMove(operand=self._code(self.target))])
        self._ordered, self._ordered_at = True, now
        return self.done_at

    def stop(self, now: float) -> float:
        """Stop it where it is."""
        if self.moving(now):
            self._far.orders.clear()
            self._far.orders.append(FocusStop())
        self._ordered = False
        self.target = self.position(now)
        return now

    def freeze(self, now: float) -> None:
        """Drive power is gone."""
        self._ordered = False
        self.target = self.position(now)

    def home(self, now: float) -> float:
        """The lens finds its zero by itself, when it gets drive power."""
        return now

    def position(self, now: float) -> int:
        """Where it is; the place that it was sent to, where the lens has no step nearer to it."""
        state = self._far.lens.focus
        if state is None or state.upper_limit <= state.lower_limit:
            return self.target
        if not self.moving(now) and state.planned_position == self._code(self.target):
            return self.target
        part = (state.planned_position - state.lower_limit) / (state.upper_limit - state.lower_limit)
        return max(self.lower, min(self.upper, round(part * (STEPS - 1))))

    def velocity(self, now: float) -> float:
        """Not told in a unit that anybody knows."""
        return 0.0

    def moving(self, now: float) -> bool:
        """Whether an order is under way."""
        if self._ordered and any(isinstance(said, FocusMoved) for said in self._far.acknowledged):
            self._ordered = False
        return self._ordered and now - self._ordered_at < LONGEST_MOVE_S

    def _code(self, position: int) -> int:
        state = self._far.lens.focus
        if state is None:
            return 0
        return state.lower_limit + round(position / (STEPS - 1) * (state.upper_limit - state.lower_limit))


class FarIris(DiaphragmMotion):
    """The diaphragm; the lens's codes are Av/256 from f/1 on, as the body's are, and 4096 more."""

    def __init__(self, far: FarBody, clock: Callable[[], float], widest: int, smallest: int) -> None:
        self._ready = False
        super().__init__(widest=widest, smallest=smallest, step=1, av_per_s=60.0)
        self._far, self._clock = far, clock
        self._frame = -FRAMES_TO_START
        self._ready = True

    @property
    def done_at(self) -> float:
        """See `FarFocus.done_at`."""
        if not self._ready:
            return 0.0
        now = self._clock()
        return now + LOOK_S if self.moving(now) else now

    @done_at.setter
    def done_at(self, _value: float) -> None:
        """The lens says when it is done, and nobody else."""

    def order(self, target: int, now: float, duration: float = 0.0) -> float:
        """Send it to an aperture within its range; how fast, is its own choice."""
        self.target = max(self.widest, min(self.smallest, target))
        self._far.aperture = CODE_OF_ONE + self.target
        self._frame = self._far.loop.frame
        return self.done_at

    def limits(self, widest: int, smallest: int, now: float) -> float:
        """The lens keeps its range by itself."""
        return now

    def position(self, now: float) -> int:
        """Where the lens says that it is."""
        status = self._far.lens.status
        return self.target if status is None else status.aperture - CODE_OF_ONE

    def moving(self, now: float) -> bool:
        """Whether it is on its way, or has not had the time to say so."""
        status = self._far.lens.status
        if status is None or not self._far.drives:
            return False
        return self._far.loop.frame - self._frame < FRAMES_TO_START or not status.state & AT_REST


class FarZoom(ZoomMotion):
    """The zoom: the lens tells its focal length, and nobody can turn it from here."""

    def __init__(self, far: FarBody, settings: LensSettings) -> None:
        focal = settings.optics.focal_mm
        super().__init__(shortest_um=round(focal[0] * 1000), longest_um=round(focal[-1] * 1000), seconds=1.0)
        self._far = far

    def focal_um(self, now: float) -> int:
        """What the lens says, in micrometres; its shortest before it has said anything."""
        status = self._far.lens.status
        return super().focal_um(now) if status is None else status.focal_length_dmm * 100

    def fraction(self, now: float) -> float:
        """Part of the way from the short end."""
        status = self._far.lens.status
        if status is None or not status.focal_length_dmm:
            return super().fraction(now)
        return max(0.0, min(1.0, self._fraction_of(status.focal_length_dmm * 100)))

    def moving(self, now: float) -> bool:
        """Nobody tells."""
        return False
