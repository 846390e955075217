"""AALpy's L# over our queries; imported only when something is learned, since it is an extra."""

import random
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from lensmount_emulator.learn.queries import Queries

# AALpy has no types that describe it, so its names are of any type here.
# AALpy 1.x holds an escape sequence that Python warns of when it compiles the module for the first time.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", category=SyntaxWarning)
    warnings.filterwarnings("ignore", "invalid escape sequence", DeprecationWarning)
    _SUL: Any = import_module("aalpy.base").SUL
    _run_lsharp: Any = import_module("aalpy.learning_algs").run_Lsharp
    _StatePrefixOracle: Any = import_module("aalpy.oracles").StatePrefixEqOracle

Moves = Mapping[str, Mapping[str, tuple[str, str]]]
"""State -> letter -> output and next state."""


@contextmanager
def _seeded(seed: int) -> Generator[None]:
    """Give the global source of random numbers, which AALpy uses, a seed of ours for a while."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


class _AskingSul(_SUL):  # type: ignore[misc]  # AALpy has no types
    """Passes AALpy's steps to our queries."""

    def __init__(self, queries: Queries) -> None:
        base: Any = super()
        base.__init__()
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


class _WatchedOracle(_StatePrefixOracle):  # type: ignore[misc]  # AALpy has no types
    """Reports the size of each hypothesis."""

    on_hypothesis: Callable[[int], object] | None = None

    def find_cex(self, hypothesis: Any) -> Any:
        """Report the hypothesis, and test it."""
        if self.on_hypothesis is not None:
            self.on_hypothesis(len(hypothesis.states))
        base: Any = super()
        return base.find_cex(hypothesis)


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
        found: Any = _run_lsharp(
            letters, sul, oracle, automaton_type="mealy", cache_and_non_det_check=False, print_level=0
        )
    moves: Moves = {
        str(state.state_id): {
            letter: (str(state.output_fun[letter]), str(state.transitions[letter].state_id)) for letter in letters
        }
        for state in found.states
    }
    return moves, str(found.initial_state.state_id)
