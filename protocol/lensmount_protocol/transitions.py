"""Transition tables: states of a link, legal triggers, and the end that may cause each; no role is hard-wired."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lensmount_protocol.errors import LocalTransitionError, RemoteTransitionError
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class TransitionTable:
    """A link's states and the triggers that each allows.

    Attributes:
        initial: the state before anything happened.
        moves: state -> trigger -> next state; a trigger that a state does not list is not legal there.
        triggered_by: trigger -> the end that causes it; `None` where both may, or neither does.
    """

    initial: str
    moves: Mapping[str, Mapping[str, str]]
    triggered_by: Mapping[str, Role | None]

    def __post_init__(self) -> None:
        """Refuse a table that is not closed: each target is a state, each trigger has its owner."""
        for state, moves in self.moves.items():
            for trigger, target in moves.items():
                if target not in self.moves:
                    raise ValueError(f"{state} --{trigger}--> {target}: no such state")
                if trigger not in self.triggered_by:
                    raise ValueError(f"{state} --{trigger}-->: no end causes this trigger")

    def next(self, state: str, trigger: str, *, by: Role, us: Role) -> str:
        """Return the state after `trigger`.

        Raises:
            LocalTransitionError: we (`by` is `us`) may not cause it in this state.
            RemoteTransitionError: the peer may not.
        """
        owner = self.triggered_by.get(trigger)
        target = self.moves[state].get(trigger)
        if target is not None and (owner is None or owner is by):
            return target
        blame = LocalTransitionError if by is us else RemoteTransitionError
        legal = ", ".join(self.legal(state, by)) or "nothing"
        raise blame(f"{trigger} by the {by.value} is not legal in state {state}; legal there: {legal}")

    def legal(self, state: str, by: Role) -> Iterable[str]:
        """Return the triggers that an end may cause in a state, sorted."""
        return sorted(trigger for trigger in self.moves[state] if self.triggered_by[trigger] in (None, by))

    def diagram(self) -> str:
        """Return the table as a Mermaid state diagram, as in the documentation."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for state, moves in self.moves.items():
            by_target: dict[str, list[str]] = {}
            for trigger, target in moves.items():
                by_target.setdefault(target, []).append(trigger)
            lines += [f"    {state} --> {target}: {', '.join(sorted(names))}" for target, names in by_target.items()]
        return "\n".join(lines)
