"""The declared transition tables beside the learned machines: every difference is listed here with its reason."""

import pytest

from learned.families import FAMILIES, Family
from lensmount_emulator.learn.system import VirtualSystem
from lensmount_emulator.profiles.library import load_profile
from lensmount_protocol.dialect import load_dialect

Moves = set[tuple[str, str]]

WITHIN_LETTERS = {
    # A letter waits for its reply, and is over in a state that lasts.
    "emount": {"ASKED", "STREAMING_ASKED"},
    # The greeting is answered within its letter, and so is the order for another rate; updates are never letters.
    "lmount": {"ASKED", "GREETED", "SWITCHING", "UPDATING"},
}
"""Declared states in which no learned machine rests."""

ONLY_DECLARED = {
    # The same letter wakes a lens and makes its handshake, so the machine goes to READY at once.
    "emount": {("ASLEEP", "WAKING")},
    # Follows from leaving the states above out: no table lets a lens sleep before its greeting.
    "lmount": {("POWERED", "ASLEEP")},
}
ONLY_LEARNED: dict[str, Moves] = {"emount": {("ASLEEP", "READY")}, "lmount": set()}


def learned_moves(family: Family) -> Moves:
    """The moves of a machine between declared states: those of its lens after the word that leads to each state."""
    machine, names = family.machine(), list[str]()
    system = VirtualSystem(family.letters(), load_profile(family.profile), 1)
    for word in machine.access_words():
        system.reset()
        for letter in word:
            system.play(letter)
        names.append(system.link_state)
    return {(names[state], names[after]) for state, _, _, after in machine.edges()}


def declared_moves(dialect: str) -> Moves:
    """The declared moves between states that last, through states that do not."""
    table = load_dialect(dialect).transitions.moves
    found: Moves = set()
    for state in table:
        open_, seen = list(table[state].values()), set[str]()
        while open_:
            after = open_.pop()
            if after in WITHIN_LETTERS[dialect] and after not in seen:
                seen.add(after)
                open_ += table[after].values()
            elif after not in seen:
                found.add((state, after))
    return {(state, after) for state, after in found if state not in WITHIN_LETTERS[dialect]}


@pytest.mark.parametrize(("dialect", "profile"), [("emount", "sel55210"), ("lmount", "sigma-45mm-f2.8-dg-dn")])
def test_declared_and_learned_states_differ_only_where_it_is_explained(dialect: str, profile: str) -> None:
    learned: Moves = set()
    for family in FAMILIES:
        if family.profile == profile:
            learned |= learned_moves(family)
    declared = declared_moves(dialect)
    assert set(load_dialect(dialect).transitions.moves) - {state for state, _ in learned} == WITHIN_LETTERS[dialect]
    assert {move for move in declared - learned if move[0] != move[1]} == ONLY_DECLARED[dialect]
    assert {move for move in learned - declared if move[0] != move[1]} == ONLY_LEARNED[dialect]
