"""Mealy machines: what an end answers to each letter in each state, as data, with their JSON form.

States are numbered by their shortest access word, breadth first in the order of the letters, so equal machines have
equal files.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lensmount_hardware.input_file import check_nesting, read_text
from lensmount_protocol.errors import CaptureError

SILENCE = "-"
"""The output of a letter after which nothing happens."""

FORMAT = 1
MAX_MACHINE = 1 << 24
"""Bytes of a machine's file."""

MAX_STATES = 5_000

Word = tuple[str, ...]
"""Letters in order."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A learned machine.

    Attributes:
        name: what was learned: `profile sel55210`.
        dialect: the dialect.
        role: the end that was learned: `lens` or `body`.
        alphabet: the name of the alphabet.
        digest: the digest of the alphabet.
        letters: the names of its letters.
        moves: per state and letter, the output and the next state; state 0 is the first one.
        effort: how it was learned: words, resets, seconds on a device.
    """

    name: str
    dialect: str
    role: str
    alphabet: str
    digest: str
    letters: tuple[str, ...]
    moves: tuple[tuple[tuple[str, int], ...], ...]
    effort: Mapping[str, int | float]

    @property
    def states(self) -> int:
        """The number of states."""
        return len(self.moves)

    @property
    def is_silent(self) -> bool:
        """Whether no letter has an output in any state."""
        return all(output == SILENCE for row in self.moves for output, _ in row)

    def step(self, state: int, letter: str) -> tuple[str, int]:
        """The output and the next state of a letter."""
        return self.moves[state][self.letters.index(letter)]

    def run(self, word: Sequence[str], state: int = 0) -> list[str]:
        """The outputs of a word."""
        outputs: list[str] = []
        for letter in word:
            output, state = self.step(state, letter)
            outputs.append(output)
        return outputs

    def state_after(self, word: Sequence[str], state: int = 0) -> int:
        """The state that a word leads to."""
        for letter in word:
            state = self.step(state, letter)[1]
        return state

    def edges(self) -> Iterator[tuple[int, str, str, int]]:
        """Every transition: state, letter, output, next state."""
        for state, row in enumerate(self.moves):
            for letter, (output, after) in zip(self.letters, row, strict=True):
                yield state, letter, output, after

    def access_words(self) -> list[Word]:
        """The shortest word that leads to each state."""
        found: dict[int, Word] = {0: ()}
        queue = deque([0])
        while queue:
            state = queue.popleft()
            for letter, (_, after) in zip(self.letters, self.moves[state], strict=True):
                if after not in found:
                    found[after] = (*found[state], letter)
                    queue.append(after)
        return [found[state] for state in range(self.states)]

    def is_equal(self, other: "Machine") -> bool:
        """Whether both have the same letters and transitions."""
        return (self.letters, self.moves) == (other.letters, other.moves)

    def to_json(self) -> str:
        """The file of the machine: the same text for the same machine."""
        data: dict[str, Any] = {
            "format": FORMAT,
            "name": self.name,
            "dialect": self.dialect,
            "role": self.role,
            "alphabet": self.alphabet,
            "digest": self.digest,
            "letters": list(self.letters),
            "effort": dict(self.effort),
            "states": self.states,
        }
        head = json.dumps(data, indent=1)[:-2]
        rows = ",\n".join(f"  {json.dumps([list(move) for move in row], ensure_ascii=True)}" for row in self.moves)
        return f'{head},\n "moves": [\n{rows}\n ]\n}}\n'


def renumber(
    letters: Sequence[str], moves: Mapping[Any, Mapping[str, tuple[str, Any]]], initial: Any
) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Number states breadth first from the initial one.

    Args:
        letters: the letters, in order.
        moves: state -> letter -> output and next state, for states of any kind.
        initial: the initial state.
    """
    numbers = {initial: 0}
    order = [initial]
    for state in order:
        for letter in letters:
            after = moves[state][letter][1]
            if after not in numbers:
                numbers[after] = len(order)
                order.append(after)
    return tuple(tuple((moves[s][one][0], numbers[moves[s][one][1]]) for one in letters) for s in order)


class _MachineText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: int
    name: str
    dialect: str
    role: str
    alphabet: str
    digest: str
    letters: list[str]
    effort: dict[str, int | float]
    states: int
    moves: list[list[tuple[str, int]]]


def read_machine(path: Path) -> Machine:
    """Read a machine.

    Raises:
        CaptureError: the file is no machine, is too large, or is not complete; the text names what is wrong.
    """
    text = read_text(path, MAX_MACHINE, "a machine", CaptureError)
    try:
        check_nesting(text)
        raw = msgspec.json.decode(text, type=_MachineText)
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise CaptureError(f"{path}: no machine: {error}") from error
    if raw.format != FORMAT:
        raise CaptureError(f"{path}: a machine of format {raw.format}; this version reads {FORMAT}")
    letters, states = len(raw.letters), len(raw.moves)
    if not 1 <= states <= MAX_STATES or states != raw.states:
        raise CaptureError(
            f"{path}: {states} states are there and {raw.states} are announced; 1 to {MAX_STATES} are legal"
        )
    if not letters or len(set(raw.letters)) != letters:
        raise CaptureError(f"{path}: its letters are not different")
    for number, row in enumerate(raw.moves):
        if len(row) != letters or any(not 0 <= after < states for _, after in row):
            raise CaptureError(f"{path}: state {number} has no transition to a state for each of the {letters} letters")
    moves = tuple(tuple((output, after) for output, after in row) for row in raw.moves)
    machine = Machine(
        raw.name, raw.dialect, raw.role, raw.alphabet, raw.digest, tuple(raw.letters), moves, dict(raw.effort)
    )  # fmt: skip
    found = {0}
    queue = deque([0])
    while queue:
        for _, after in moves[queue.popleft()]:
            if after not in found:
                found.add(after)
                queue.append(after)
    if len(found) != states:
        raise CaptureError(f"{path}: no word leads to state {min(set(range(states)) - found)}")
    return machine
