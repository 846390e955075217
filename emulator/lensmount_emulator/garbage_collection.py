"""When the interpreter collects objects in cycles: never while a reply is due, and rarely in virtual sessions.

The collector belongs to the whole process, so other code is collected at these times too.
"""

import gc
from threading import Lock
from types import TracebackType
from typing import Self

MIN_GARBAGE = 700
"""Objects made and not freed since the last collection that make one worth while; the interpreter's own threshold."""


class DeferredGC:
    """A context in which objects in cycles are only collected when `collect_if_due` is called.

    The collector belongs to the whole process, so other code is collected at these times too. Objects that exist at the
    start of the context are frozen, so a collection looks only at newer ones. At its end the collector has its former
    state, also after an error.

    Attributes:
        collections: number of collections that had garbage to collect.
    """

    def __init__(self) -> None:
        self.collections = 0
        self._was_on = self._was_frozen = False

    def __enter__(self) -> Self:
        self._was_on = gc.isenabled()
        self._was_frozen = gc.get_freeze_count() > 0
        # Young objects only: contexts may follow each other closely in a large process, as when a machine is learned.
        gc.collect(1)
        gc.freeze()
        gc.disable()
        return self

    def collect_if_due(self) -> None:
        """Collect if enough garbage has gathered; called when there is time."""
        if gc.get_count()[0] > MIN_GARBAGE:
            self.collections += 1
            # Every tenth time collect everything made since the context began, else only young objects.
            gc.collect(2 if self.collections % 10 == 0 else 1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._was_frozen:
            gc.unfreeze()
        if self._was_on:
            gc.enable()


RARE_GC_OBJECTS = 50_000
"""Objects made and not freed after which `RareGC` lets the collector look: a virtual minute makes ten times as many."""


class RareGC:
    """A context in which the collector runs rarely: a virtual session makes many objects that are no garbage.

    Contexts may overlap, also in several threads: the last one to end restores the thresholds.
    """

    _lock = Lock()
    _open = 0
    _before = (0, 0, 0)

    def __enter__(self) -> Self:
        with RareGC._lock:
            if not RareGC._open:
                RareGC._before = gc.get_threshold()
                # A threshold of 0 is the caller's wish for no collection at all.
                if 0 < RareGC._before[0] < RARE_GC_OBJECTS:
                    gc.set_threshold(RARE_GC_OBJECTS, *RareGC._before[1:])
            RareGC._open += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with RareGC._lock:
            RareGC._open -= 1
            if not RareGC._open:
                gc.set_threshold(*RareGC._before)
