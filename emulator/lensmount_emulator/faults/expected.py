"""The outcome that a fault leaves a script: it completes all the same, may fail, or cannot complete."""

from collections.abc import Iterable
from enum import Enum


class Expected(Enum):
    """What becomes of a script."""

    COMPLETES = "completes"
    MAY_FAIL = "may fail"
    CANNOT = "cannot complete"

    @property
    def word(self) -> str:
        """The value of the key `expect` of a fault."""
        return self.value.split()[0] if self is not Expected.MAY_FAIL else "may-fail"


def worst(outcomes: Iterable[Expected]) -> Expected:
    """The outcome under several faults: that of the one which leaves the least."""
    return max(outcomes, key=list(Expected).index, default=Expected.COMPLETES)
