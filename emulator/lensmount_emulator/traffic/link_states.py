"""Infers the states of a link from decoded traffic, by the dialect's transition table.

Some transitions cause no frame: power, a handshake, a switch of the rate. Where a frame is not legal in the present
state, the shortest path of such transitions to a state where it is legal is assumed. A frame that no such path explains
is reported and changes nothing.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Edge

MAX_CHANGES = 200_000
"""Changes that are kept; a link that changes its state more often is cut there."""

MAX_SILENT_STEPS = 5


class StateChange(NamedTuple):
    """The link takes a state.

    Attributes:
        at: time in seconds.
        state: name of the new state.
        trigger: the transition that led there.
        legal: whether the transition table allows the frame; false for a frame that is reported and changes nothing.
    """

    at: float
    state: str
    trigger: str
    legal: bool


@dataclass(slots=True)
class LinkStateTracker:
    """Follows the state of a link.

    Attributes:
        dialect: gives the transition table.
        state: the present state.
        changes: every change so far, and every frame that is not legal.
    """

    dialect: Dialect
    state: str
    changes: list[StateChange]
    _of_frames: set[str]

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.state = dialect.transitions.initial
        self.changes = []
        self._of_frames = set()

    def add(self, event: Decoded) -> None:
        """Take an event in the order of time."""
        if isinstance(event, Edge):
            if event.line == self.dialect.supply and not event.level:
                self._move(event.at, self.dialect.transitions.initial, "power lost")
        elif isinstance(event, DecodedFrame) and event.at is not None and event.messages:
            at = event.at if event.end is None else event.end
            trigger = self.dialect.trigger_for(event.sender, event.frame.class_, event.messages[0])
            self._of_frames.add(trigger)
            target = self._target(trigger)
            if target is None:
                self._note(StateChange(at, self.state, trigger, False))
            else:
                self._move(at, target, trigger)

    def _move(self, at: float, state: str, trigger: str) -> None:
        if state != self.state:
            self.state = state
            self._note(StateChange(at, state, trigger, True))

    def _note(self, change: StateChange) -> None:
        if len(self.changes) < MAX_CHANGES:
            self.changes.append(change)

    def _target(self, trigger: str) -> str | None:
        """The state after a trigger, with transitions before it that cause no frame; `None` where none explains it."""
        moves = self.dialect.transitions.moves
        direct = moves.get(self.state, {}).get(trigger)
        if direct is not None:
            return direct
        # A capture may begin anywhere, so from the initial state every path is possible.
        anything = self.state == self.dialect.transitions.initial
        seen, waiting = {self.state}, deque([(self.state, 0)])
        while waiting:
            state, steps = waiting.popleft()
            if steps == MAX_SILENT_STEPS:
                break
            for silent, after in moves.get(state, {}).items():
                if after in seen or not (anything or silent not in self._of_frames):
                    continue
                target = moves.get(after, {}).get(trigger)
                if target is not None:
                    return target
                seen.add(after)
                waiting.append((after, steps + 1))
        return None
