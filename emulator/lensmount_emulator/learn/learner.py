"""Active learning of a machine: AALpy's L#, with random walks from every state as the test of a hypothesis.

Other algorithms need many times the resets (L*), or miss states because of a weak test.
"""

from collections.abc import Callable
from importlib import import_module

from lensmount_emulator.learn.alphabet import Alphabet, Letter
from lensmount_emulator.learn.machine import Machine, renumber
from lensmount_emulator.learn.queries import Queries
from lensmount_emulator.learn.system import LearnedSystem
from lensmount_protocol.errors import MountError

WALKS_PER_STATE = 60
WALK_LETTERS = 20

DEFAULT_STATES = 11
"""States that an estimate assumes: those of a captured autofocus zoom."""


class LearnError(MountError):
    """Learning cannot begin or continue; the text gives the next step."""


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
        module = import_module("lensmount_emulator.learn.aalpy_learner")
    except ImportError as error:
        raise LearnError(f"learning needs AALpy; install lensmount with the extra `learn` ({error})") from error
    letters = list(alphabet.names)
    before = (system.resets, system.device_s)
    moves, initial = module.learn_moves(letters, queries, seed, walks, walk_letters, on_hypothesis)
    return Machine(
        name=system.name,
        dialect=alphabet.dialect.name,
        role=alphabet.role.value,
        alphabet=alphabet.name,
        digest=alphabet.digest,
        letters=alphabet.names,
        moves=renumber(letters, moves, initial),
        effort={"resets": system.resets - before[0], "device_s": round(system.device_s - before[1], 1)},
    )


def _usual_seconds(letter: Letter, period: float) -> float:
    """How long a letter takes: its steps, half of its wait since it is answered half of the time, and its end."""
    return sum(step.seconds for step in letter.steps) + 0.5 * letter.wait + letter.settle + 0.5 * period


def estimate(alphabet: Alphabet, states: int = DEFAULT_STATES) -> tuple[int, float]:
    """Resets, and seconds on a device, that learning usually takes.

    Args:
        alphabet: the letters.
        states: states that the machine is expected to have.
    """
    letters = len(alphabet.letters)
    resets = round(states * (WALKS_PER_STATE + 2 * letters))
    usual = sum(_usual_seconds(letter, alphabet.period) for letter in alphabet.letters) / letters
    return resets, resets * (0.3 + (states / 4 + WALK_LETTERS * 0.7) * usual)
