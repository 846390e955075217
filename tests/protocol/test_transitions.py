"""Transition tables: closed, reachable, with blame in the type, and equal to the diagram in the documentation."""

from pathlib import Path

import pytest

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import LocalProtocolError, RemoteProtocolError
from lensmount_protocol.transitions import TransitionTable
from lensmount_protocol.wire import Role

DOCS = Path(__file__).parents[2] / "docs"


def test_every_state_is_reached_and_every_trigger_used(emount: Dialect) -> None:
    table = emount.transitions
    reached, open_ = {table.initial}, [table.initial]
    while open_:
        for target in table.moves[open_.pop()].values():
            if target not in reached:
                reached.add(target)
                open_.append(target)
    assert reached == set(table.moves)
    assert {trigger for moves in table.moves.values() for trigger in moves} == set(table.triggered_by)


def test_every_state_can_lose_its_power(emount: Dialect) -> None:
    table = emount.transitions
    assert all(moves.get("power lost") == "OFF" for state, moves in table.moves.items() if state != "OFF")


@pytest.mark.parametrize("us", Role)
@pytest.mark.parametrize("by", Role)
def test_what_a_table_does_not_list_is_refused_with_blame(emount: Dialect, us: Role, by: Role) -> None:
    table = emount.transitions
    for state in table.moves:
        legal = set(table.legal(state, by))
        for trigger in table.triggered_by:
            if trigger in legal:
                assert table.next(state, trigger, by=by, us=us) in table.moves
            else:
                with pytest.raises(LocalProtocolError if by is us else RemoteProtocolError, match=state):
                    table.next(state, trigger, by=by, us=us)


def test_a_table_that_is_not_closed_is_refused() -> None:
    with pytest.raises(ValueError, match="no such state"):
        TransitionTable("A", {"A": {"go": "B"}}, {"go": None})
    with pytest.raises(ValueError, match="no end causes this trigger"):
        TransitionTable("A", {"A": {"go": "A"}}, {})


def test_the_diagram_in_the_documentation_is_the_table(emount: Dialect) -> None:
    assert emount.transitions.diagram() in (DOCS / "reference" / "emount-states.md").read_text()
