"""AALpy's L# over our queries; imported only when something is learned, since it is an extra."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aalpy.base import SUL
from aalpy.learning_algs import run_Lsharp
from aalpy.oracles import StatePrefixEqOracle

from lensmount_emulator.learn.queries import Queries

Moves = Mapping[str, Mapping[str, tuple[str, str]]]
"""State -> letter -> output and next state."""


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Give the global source of random numbers, which AALpy uses, a seed of ours for a while."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


class _AskingSul(SUL):  # type: ignore[misc]  # AALpy has no types
    """Passes AALpy's steps to our queries."""

    def __init__(self, queries: Queries) -> None:
        super().__init__()
        self._queries = queries
        self._word: tuple[str, ...] = ()

    def pre(self) -> None:
        """Begin a word."""
        self._word = ()
        self._queries.end()

    def post(self) -> None:
        """End a word."""
        self._queries.end()

    def step(self, letter: str | None) -> str:
        """Play a letter; none asks for nothing."""
        if letter is None:
            return ""
        self._word = (*self._word, letter)
        return self._queries.output(self._word)


class _WatchedOracle(StatePrefixEqOracle):  # type: ignore[misc]  # AALpy has no types
    """Reports the size of each hypothesis."""

    on_hypothesis: Callable[[int], object] = staticmethod(lambda _states: None)

    def find_cex(self, hypothesis: Any) -> Any:
        """Report the hypothesis, and test it."""
        self.on_hypothesis(len(hypothesis.states))
        return super().find_cex(hypothesis)


def learn_moves(
    letters: list[str],
    queries: Queries,
    seed: int,
    walks: int,
    walk_letters: int,
    on_hypothesis: Callable[[int], object],
) -> tuple[Moves, str]:
    """Learn the transitions, and the initial state."""
    sul: Any = _AskingSul(queries)
    oracle: Any = _WatchedOracle(letters, sul, walks_per_state=walks, walk_len=walk_letters)
    oracle.on_hypothesis = on_hypothesis
    with _seeded(seed):
        found: Any = run_Lsharp(
            letters, sul, oracle, automaton_type="mealy", cache_and_non_det_check=False, print_level=0
        )
    moves: Moves = {
        str(state.state_id): {
            letter: (str(state.output_fun[letter]), str(state.transitions[letter].state_id)) for letter in letters
        }
        for state in found.states
    }
    return moves, str(found.initial_state.state_id)
