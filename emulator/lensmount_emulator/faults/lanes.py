"""What comes late: deeds of one lane keep their order, however long each is held up."""

from collections.abc import Callable, Hashable

from lensmount_emulator.scheduler import Scheduler

GAP_S = 10e-6
"""Between two deeds of a lane of which the first came late: a select line that moves twice is seen to."""


class _Lane:
    """What is late on a lane.

    Attributes:
        waiting: deeds that wait.
        due: when the last of them is done.
        run: counts up when those that wait are forgotten.
    """

    __slots__ = ("due", "run", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        self.due = 0.0
        self.run = 0


class Lanes:
    """Does things at once or late, in order.

    Args:
        scheduler: where what is late waits.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._lanes: dict[Hashable, _Lane] = {}

    def waits(self, key: Hashable) -> bool:
        """Whether anything of a lane is late, so that what follows has to wait for it."""
        lane = self._lanes.get(key)
        return lane is not None and lane.waiting > 0

    def do(self, key: Hashable, delay: float, deed: Callable[[], None], still: Callable[[], bool]) -> None:
        """Do something: at once if nothing of its lane waits and it is not late itself.

        Args:
            key: the lane.
            delay: seconds that it is late.
            deed: what to do.
            still: asked when its time has come; else it is left out.
        """
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
        if not lane.waiting and delay <= 0:
            deed()
            return
        when = self._scheduler.now + delay
        lane.due = max(when, lane.due + GAP_S) if lane.waiting else when
        lane.waiting += 1
        self._scheduler.at(lane.due, self._run, (lane, lane.run, deed, still))

    def forget(self, key: Hashable) -> None:
        """What waits on a lane is not done any more."""
        lane = self._lanes.get(key)
        if lane is not None:
            lane.run += 1
            lane.waiting = 0

    def _run(self, late: tuple[_Lane, int, Callable[[], None], Callable[[], bool]], _now: float) -> None:
        lane, run, deed, still = late
        if lane.run == run:
            lane.waiting -= 1
            if still():
                deed()
