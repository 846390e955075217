"""The changes of one bit, taken one by one as a file of changes lists them."""

from array import array
from dataclasses import dataclass, field

import numpy as np

from lensmount_hardware.captures.uart import LogicLine


@dataclass(slots=True)
class BitChanges:
    """Where one bit changes.

    Attributes:
        steps: the steps at which it changes.
        initial: its level in front of the first of them.
        level: its level after the last of them.
        known: whether it has any level in the file.
    """

    steps: "array[int]" = field(default_factory=lambda: array("q"))
    initial: bool = False
    level: bool = False
    known: bool = False

    def take(self, at: int, level: bool) -> None:
        """Its level from a step on; the first one says how it was before, too."""
        if not self.known:
            self.known, self.initial, self.level = True, level, level
        elif level is not self.level:
            self.level = level
            if self.steps and self.steps[-1] == at:
                self.steps.pop()
            else:
                self.steps.append(at)

    def refine(self, factor: int) -> None:
        """Count in steps that are finer by a factor."""
        finer = np.array(self.steps, np.int64) * factor
        self.steps = array("q", finer.tobytes())

    def as_line(self, length: int) -> LogicLine:
        """The same as a logic line of a capture of so many steps."""
        return LogicLine(self.initial, np.array(self.steps, np.int64), length)
