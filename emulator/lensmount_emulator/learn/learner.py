"""Active learning of a machine: AALpy's L#, with random walks from every state as the test of a hypothesis.

Other algorithms need many times the resets (L*), or miss states behind a weak test.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lensmount_emulator.learn.alphabet import Alphabet
from lensmount_emulator.learn.machine import Machine, renumber
from lensmount_emulator.learn.queries import Queries
from lensmount_emulator.learn.system import LearnedSystem
from lensmount_protocol.errors import MountError

WALKS_PER_STATE = 60
WALK_LETTERS = 20

USUAL_STATES = 11
"""States that an estimate assumes: those of a captured autofocus zoom."""


class LearnError(MountError):
    """Learning cannot begin or go on; the text says what to do."""


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Give the global source of random numbers, which AALpy uses, a seed of ours for a while."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def learn(
    alphabet: Alphabet,
    system: LearnedSystem,
    queries: Queries,
    *,
    seed: int = 1,
    walks: int = WALKS_PER_STATE,
    walk_letters: int = WALK_LETTERS,
    on_hypothesis: Callable[[int], object] = lambda _states: None,
) -> Machine:
    """Learn the machine of a system.

    Args:
        alphabet: the letters.
        system: the system, for its name and its effort.
        queries: asks it.
        seed: of the random walks.
        walks: random walks from each state.
        walk_letters: letters of a walk.
        on_hypothesis: called with the number of states of each hypothesis.

    Raises:
        LearnError: AALpy is not installed.
        NondeterminismError: the system answers a word in two ways.
    """
    try:
        from aalpy.base import SUL
        from aalpy.learning_algs import run_Lsharp
        from aalpy.oracles import StatePrefixEqOracle
    except ImportError as error:
        raise LearnError(f"learning needs AALpy: pip install 'lensmount[learn]' ({error})") from error

    class AskingSul(SUL):  # type: ignore[misc]  # AALpy has no types
        """Passes AALpy's steps to our queries."""

        def __init__(self) -> None:
            super().__init__()
            self.word: tuple[str, ...] = ()

        def pre(self) -> None:
            self.word = ()
            queries.end()

        def post(self) -> None:
            queries.end()

        def step(self, letter: str | None) -> str:
            if letter is None:
                return ""
            self.word = (*self.word, letter)
            return queries.output(self.word)

    class WatchedOracle(StatePrefixEqOracle):  # type: ignore[misc]  # AALpy has no types
        """Reports the size of each hypothesis."""

        def find_cex(self, hypothesis: Any) -> Any:
            on_hypothesis(len(hypothesis.states))
            return super().find_cex(hypothesis)

    letters = list(alphabet.names)
    sul = AskingSul()
    oracle = WatchedOracle(letters, sul, walks_per_state=walks, walk_len=walk_letters)
    before = (system.resets, system.device_s)
    with _seeded(seed):
        found: Any = run_Lsharp(
            letters, sul, oracle, automaton_type="mealy", cache_and_non_det_check=False, print_level=0
        )
    moves = {
        state.state_id: {letter: (state.output_fun[letter], state.transitions[letter].state_id) for letter in letters}
        for state in found.states
    }
    return Machine(
        name=system.name,
        dialect=alphabet.dialect.name,
        role=alphabet.role.value,
        alphabet=alphabet.name,
        digest=alphabet.digest,
        letters=alphabet.names,
        moves=renumber(letters, moves, found.initial_state.state_id),
        effort={"resets": system.resets - before[0], "device_s": round(system.device_s - before[1], 1)},
    )


def estimate(alphabet: Alphabet, states: int = USUAL_STATES) -> tuple[int, float]:
    """Resets, and seconds on a device, that learning usually takes.

    Args:
        alphabet: the letters.
        states: states that the machine is expected to have.
    """
    letters = len(alphabet.letters)
    resets = round(states * (WALKS_PER_STATE + 2 * letters))
    usual = sum(min(letter.wait, 0.1) + letter.settle + 0.5 * alphabet.period for letter in alphabet.letters) / letters
    return resets, resets * (0.3 + (states / 4 + WALK_LETTERS * 0.7) * usual)
