"""An end whose clock drifts: what it waits for and what it is told are in its own time."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from lensmount_emulator.faults.timing import Drift
from lensmount_emulator.mount.flight import Ear
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.wire import WireEvent

T = TypeVar("T")


class DriftingScheduler(Scheduler):
    """The scheduler of all, as seen by an end whose clock drifts.

    Args:
        true: the scheduler of all.
        drifts: what is wrong with the clock.
    """

    __slots__ = ("_drifts", "_true")

    def __init__(self, true: Scheduler, drifts: list[Drift]) -> None:
        super().__init__(true.now)
        self._true = true
        self._drifts = drifts

    def local(self, now: float) -> float:
        """What the clock says at a time."""
        for drift in self._drifts:
            now = drift.local(now)
        return now

    def at(self, when: float, call: Callable[[T, float], object], argument: T, number: int = 0) -> int:
        """See the class it is derived from; the time is that of the clock."""
        true = when
        for drift in reversed(self._drifts):
            true = drift.true(true)
        return self._true.at(true, partial(self._call, call, when), argument, number)

    def soon(self, call: Callable[[T, float], object], argument: T) -> None:
        """See the class it is derived from."""
        self._true.soon(partial(self._call, call, 0.0), argument)

    def cancel(self, number: int) -> None:
        """See the class it is derived from."""
        self._true.cancel(number)

    def ear(self, hears: Ear) -> Ear:
        """An ear that is told the clock's time."""

        def hear(event: WireEvent, now: float) -> None:
            hears(event, self.local(now))

        return hear

    def _call(self, call: Callable[[T, float], object], due: float, argument: T, now: float) -> None:
        # There and back the time is rounded; who is called a hair too early asks for the same time for ever.
        call(argument, max(due, self.local(now)))
