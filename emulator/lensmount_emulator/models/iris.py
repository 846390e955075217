"""A diaphragm that moves a fixed number of aperture codes a frame and reports one frame ahead."""

import math
from dataclasses import dataclass


@dataclass(slots=True)
class IrisModel:
    """A diaphragm; codes are `4096 + 256 × Av`.

    Attributes:
        widest: smallest code it reaches.
        narrowest: largest code it reaches.
        offset: reported minus commanded code at rest.
        codes_per_frame: speed.
        current: the code it reports now.
        goal: the code it runs to.
    """

    widest: int
    narrowest: int
    offset: int
    codes_per_frame: int
    current: int
    goal: int
    fresh: bool = False

    def reachable(self, target: int) -> int:
        """The nearest commanded code that the blades can do."""
        return max(self.widest, min(self.narrowest, target))

    def order(self, target: int) -> None:
        """Run to a commanded code."""
        goal = self.reachable(target) + self.offset
        if goal != self.goal:
            self.goal = goal
            self.fresh = True

    def step(self) -> None:
        """One frame goes by."""
        self.current = self.next

    @property
    def next(self) -> int:
        """The code that the next frame will report."""
        distance = self.goal - self.current
        if abs(distance) <= self.codes_per_frame:
            return self.goal
        return self.current + int(math.copysign(self.codes_per_frame, distance))

    @property
    def frames_left(self) -> int:
        """Frames until the goal is reached, at most what a byte holds."""
        return min(255, math.ceil(abs(self.goal - self.current) / self.codes_per_frame))

    @property
    def at_rest(self) -> bool:
        """Whether the goal is reached."""
        return self.current == self.goal
