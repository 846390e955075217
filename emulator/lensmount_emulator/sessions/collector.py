"""Keeps garbage collection out of an exchange: it runs when a session has time, and not when a reply is due."""

import gc
from types import TracebackType
from typing import Self

WORTH_WHILE = 700
"""Objects made and not freed since the last collection that make one worth while; the interpreter's own figure."""


class QuietCollector:
    """A context in which objects in cycles are only collected when `rest` is called.

    The collector belongs to the whole process: whatever else runs in it makes do with these rests too. What exists
    when the context begins is put aside, so that a rest looks only at what came since. On the way out everything is
    as it was, whatever happened inside.

    Attributes:
        rests: how often there was something worth collecting.
    """

    def __init__(self) -> None:
        self.rests = 0
        self._was_on = self._was_frozen = False

    def __enter__(self) -> Self:
        self._was_on = gc.isenabled()
        self._was_frozen = gc.get_freeze_count() > 0
        gc.collect()
        gc.freeze()
        gc.disable()
        return self

    def rest(self) -> None:
        """There is time now: collect, where enough has gathered."""
        if gc.get_count()[0] > WORTH_WHILE:
            self.rests += 1
            # Every tenth time all that came since the context began, else only what is young.
            gc.collect(2 if self.rests % 10 == 0 else 1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._was_frozen:
            gc.unfreeze()
        if self._was_on:
            gc.enable()
