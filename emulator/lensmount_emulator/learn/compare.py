"""Differences between a machine and a build, and between two machines: grouped, with the shortest word of each."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lensmount_emulator.learn.machine import Machine, Word
from lensmount_emulator.learn.queries import Queries
from lensmount_protocol.errors import ProfileError


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference, by letter and outputs.

    Attributes:
        letter: the letter.
        expected: the output of the machine, or of the first machine.
        found: the output of the build, or of the second machine.
        word: the shortest word that shows it; its last letter is `letter`.
        count: words, or pairs of states, that show it.
    """

    letter: str
    expected: str
    found: str
    word: Word
    count: int


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of words played to a build.

    Attributes:
        words: how many were played.
        letters: how many letters they have.
        differences: what differs; none where the build does as the machine says.
    """

    words: int
    letters: int
    differences: tuple[Difference, ...]


class _Grouped:
    """Differences as they are found, one per letter and outputs."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], tuple[Word, int]] = {}

    def add(self, expected: str, found: str, word: Word) -> None:
        key = (word[-1], expected, found)
        shortest, count = self._found.get(key, (word, 0))
        self._found[key] = (min(shortest, word, key=lambda one: (len(one), one)), count + 1)

    def all(self) -> tuple[Difference, ...]:
        made = [Difference(*key, word, count) for key, (word, count) in self._found.items()]
        return tuple(sorted(made, key=lambda one: (len(one.word), one.word, one.found)))


def check_words(
    machine: Machine,
    queries: Queries,
    words: Iterable[Sequence[str]],
    on_word: Callable[[int, int], object] = lambda _done, _different: None,
) -> CheckResult:
    """Play words to a build and compare its outputs with the machine; a word ends at its first difference.

    Args:
        machine: what is expected.
        queries: asks the build.
        words: the words.
        on_word: called after each word, with the words so far and the differences so far.
    """
    grouped = _Grouped()
    played = letters = different = 0
    for word in words:
        queries.end()
        state = 0
        for count, letter in enumerate(word, 1):
            expected, state = machine.step(state, letter)
            found = queries.output(tuple(word[:count]))
            letters += 1
            if found != expected:
                grouped.add(expected, found, tuple(word[:count]))
                different += 1
                break
        played += 1
        on_word(played, different)
    return CheckResult(played, letters, grouped.all())


def diff_machines(a: Machine, b: Machine) -> tuple[Difference, ...]:
    """What the second machine does differently, over the letters that both have.

    Raises:
        ProfileError: the machines are of different ends or have no common letter.
    """
    if (a.dialect, a.role) != (b.dialect, b.role):
        raise ProfileError(f"{a.name} is a {a.role} of {a.dialect}, and {b.name} a {b.role} of {b.dialect}")
    letters = [letter for letter in a.letters if letter in b.letters]
    if not letters:
        raise ProfileError(f"{a.name} and {b.name} have no letter in common")
    grouped = _Grouped()
    words: dict[tuple[int, int], Word] = {(0, 0): ()}
    queue = deque([(0, 0)])
    while queue:
        pair = queue.popleft()
        for letter in letters:
            (output_a, after_a), (output_b, after_b) = a.step(pair[0], letter), b.step(pair[1], letter)
            word = (*words[pair], letter)
            if output_a != output_b:
                grouped.add(output_a, output_b, word)
            elif (after_a, after_b) not in words:
                words[after_a, after_b] = word
                queue.append((after_a, after_b))
    return grouped.all()
