"""A good start-up to compare with. It gives colour, never the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from lensmount_emulator.explain.timeline import Timeline, first_type
from lensmount_protocol.timing import TimingResult, measure
from lensmount_protocol.wire import Role


@dataclass(slots=True)
class Reference:
    """A good start-up.

    Attributes:
        name: the file or the profiles, for users.
        timeline: its facts.
        exact: whether it is the same devices, so that their own times can be compared.
        measured: the intervals of the contract's rules.
    """

    name: str
    timeline: Timeline
    exact: bool = True
    measured: Mapping[str, TimingResult] = field(init=False)

    def __post_init__(self) -> None:
        marks = ((at, mark) for at, mark, _ in self.timeline.marks)
        self.measured = {
            one.rule.name: one for one in measure(self.timeline.dialect.timing, marks) if len(one.intervals)
        }

    def frame(self, sender: Role, type_: int) -> bytes | None:
        """The first frame of an end that begins with a message type."""
        return next(
            (one.frame.raw for one in self.timeline.frames if one.sender is sender and first_type(one) == type_), None
        )

    def types(self, sender: Role) -> frozenset[int]:
        """The types with which an end begins its frames."""
        return frozenset(
            type_ for one in self.timeline.frames if one.sender is sender and (type_ := first_type(one)) is not None
        )

    def next_after(self, sender: Role, type_: int | None) -> tuple[Role, int] | None:
        """The frame that follows a frame in the start-up: its sender and first type."""
        frames = self.timeline.frames
        for one, after in pairwise(frames):
            if one.sender is sender and first_type(one) == type_:
                found = first_type(after)
                return None if found is None else (after.sender, found)
        return None

    def seconds(self, rule: str) -> float | None:
        """The median of a rule's intervals here, in seconds."""
        result = self.measured.get(rule)
        return None if result is None else result.median_us * 1e-6
