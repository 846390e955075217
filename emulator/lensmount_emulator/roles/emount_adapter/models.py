"""The groups of an E-mount lens on an adapter: they report the lens's last state, and send orders to it.

The frames of the lens and of the body are independent. Each report to the body contains the newest state of the lens,
and an order waits for the lens's next frame.
"""
# ruff: noqa: ARG002 - the base classes have arguments that E-mount messages do not support.

from collections.abc import Callable

from lensmount_emulator.models.diaphragm import DiaphragmModel
from lensmount_emulator.models.focus_drive import FocusDriveModel
from lensmount_emulator.models.zoom import ZoomModel
from lensmount_emulator.roles.emount_adapter.body import AdapterBodyEngine
from lensmount_emulator.roles.lmount.profile import LensSettings
from lensmount_protocol.dialects.emount.focus import FocusMove, FocusMoved, FocusStop

STEPS = 4096
"""Focus positions towards the body, independent of the lens: its own limits are known only when it streams."""

POLL_INTERVAL_S = 2e-3
"""Interval of the checks whether a group has stopped."""

FRAMES_TO_START = 4
"""Frames after an order before a diaphragm's report of rest is accepted."""

MAX_MOVE_S = 3.0
"""A move without a reported end counts as finished after this time."""

CODE_OF_ONE = 4096
"""Aperture code of f/1; both mounts use 256 codes for one Av."""

IDLE = 0x01


class RemoteFocusModel(FocusDriveModel):
    """The focus drive; positions are fractions of the range between the lens's limits."""

    def __init__(self, far: AdapterBodyEngine, clock: Callable[[], float]) -> None:
        self._ready = False
        super().__init__(steps=STEPS, speed=1.0, acceleration=1.0, backlash=0, settle=0.0)
        self._far, self._clock = far, clock
        self._ordered_at = self._moves = -MAX_MOVE_S
        self._ordered = False
        self._ready = True

    @property
    def settles_at(self) -> float:
        """Time of the next check while it moves, in seconds; else now."""
        if not self._ready:
            return 0.0
        now = self._clock()
        return now + POLL_INTERVAL_S if self.moving(now) else now

    @settles_at.setter
    def settles_at(self, _value: float) -> None:
        """Ignore the value: only the lens determines when it is done."""

    def set_target(self, target: int, now: float, speed: float = 0.0) -> float:
        """Order the lens to a position; it chooses its own speed."""
        self.target = max(self.far_limit, min(self.near_limit, target))
        self._far.acknowledged.clear()
        # Replace a move that is not sent yet: this side's orders are faster than the other side's frames.
        waiting = [order for order in self._far.orders if not isinstance(order, FocusMove)]
        self._far.orders.clear()
        self._far.orders.extend([*waiting, FocusMove(operand=self._code(self.target))])
        self._ordered, self._ordered_at = True, now
        return self.settles_at

    def stop(self, now: float) -> float:
        """Stop at the current position."""
        if self.moving(now):
            self._far.orders.clear()
            self._far.orders.append(FocusStop())
        self._ordered = False
        self.target = self.position(now)
        return now

    def halt_without_brake(self, now: float) -> None:
        """Stop, because drive power is lost."""
        self._ordered = False
        self.target = self.position(now)

    def home(self, now: float) -> float:
        """Return at once: the lens homes by itself when it gets drive power."""
        return now

    def position(self, now: float) -> int:
        """Return its position; the target itself, if the lens has no step nearer to it."""
        state = self._far.lens.focus
        if state is None or state.upper_limit <= state.lower_limit:
            return self.target
        if not self.moving(now) and state.planned_position == self._code(self.target):
            return self.target
        part = (state.planned_position - state.lower_limit) / (state.upper_limit - state.lower_limit)
        return max(self.lower, min(self.upper, round(part * (STEPS - 1))))

    def velocity(self, now: float) -> float:
        """Return 0: the unit of the lens's report is not known."""
        return 0.0

    def moving(self, now: float) -> bool:
        """Whether an order is in progress."""
        if self._ordered and any(isinstance(message, FocusMoved) for message in self._far.acknowledged):
            self._ordered = False
        return self._ordered and now - self._ordered_at < MAX_MOVE_S

    def _code(self, position: int) -> int:
        state = self._far.lens.focus
        if state is None:
            return 0
        return state.lower_limit + round(position / (STEPS - 1) * (state.upper_limit - state.lower_limit))


class RemoteIrisModel(DiaphragmModel):
    """The diaphragm; the lens's codes are Av/256 from f/1 on, as the body's are, and 4096 more."""

    def __init__(self, far: AdapterBodyEngine, clock: Callable[[], float], widest: int, smallest: int) -> None:
        self._ready = False
        super().__init__(widest=widest, smallest=smallest, step=1, av_per_s=60.0)
        self._far, self._clock = far, clock
        self._frame = -FRAMES_TO_START
        self._ready = True

    @property
    def settles_at(self) -> float:
        """See `RemoteFocusModel.settles_at`."""
        if not self._ready:
            return 0.0
        now = self._clock()
        return now + POLL_INTERVAL_S if self.moving(now) else now

    @settles_at.setter
    def settles_at(self, _value: float) -> None:
        """Ignore the value: only the lens determines when it is done."""

    def set_target(self, target: int, now: float, duration: float = 0.0) -> float:
        """Order the lens to an aperture within its range; it chooses its own speed."""
        self.target = max(self.widest, min(self.smallest, target))
        self._far.aperture = CODE_OF_ONE + self.target
        self._frame = self._far.loop.frame
        return self.settles_at

    def limits(self, widest: int, smallest: int, now: float) -> float:
        """Return at once: the lens limits its range by itself."""
        return now

    def position(self, now: float) -> int:
        """Return the aperture that the lens reports."""
        status = self._far.lens.status
        return self.target if status is None else status.aperture - CODE_OF_ONE

    def moving(self, now: float) -> bool:
        """Whether it moves, or has not had the time to report it."""
        status = self._far.lens.status
        if status is None or not self._far.drives:
            return False
        return self._far.loop.frame - self._frame < FRAMES_TO_START or not status.state & IDLE


class RemoteZoomModel(ZoomModel):
    """The zoom: the lens reports its focal length; the body cannot turn it."""

    def __init__(self, far: AdapterBodyEngine, settings: LensSettings) -> None:
        focal = settings.optics.focal_mm
        super().__init__(min_focal_um=round(focal[0] * 1000), max_focal_um=round(focal[-1] * 1000), seconds=1.0)
        self._far = far

    def focal_um(self, now: float) -> int:
        """Return the reported focal length, in micrometres; the shortest before the first report."""
        status = self._far.lens.status
        return super().focal_um(now) if status is None else status.focal_length_dmm * 100

    def fraction(self, now: float) -> float:
        """Return the fraction of the range from the short end."""
        status = self._far.lens.status
        if status is None or not status.focal_length_dmm:
            return super().fraction(now)
        return max(0.0, min(1.0, self._to_fraction(status.focal_length_dmm * 100)))

    def moving(self, now: float) -> bool:
        """Return `False`: the lens does not report it."""
        return False
