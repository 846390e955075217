"""Tests of a build against a machine, and differences of both: words to ask, and the shortest word of each difference.

The transition cover finds most changes of an output. The Wp-method also checks each target state, and finds every
change of a build with no more states than the machine (Fujiwara and others, 1991).
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lensmount_emulator.learn.machine import Machine, Word
from lensmount_emulator.learn.queries import Queries
from lensmount_protocol.errors import ProfileError


def transition_cover(machine: Machine) -> list[Word]:
    """A word for each transition, from its state's shortest access word; beginnings of other words are left out."""
    access = machine.access_words()
    return without_prefixes((*access[state], letter) for state, letter, _, _ in machine.edges())


def wp_method(machine: Machine) -> list[Word]:
    """The words of the Wp-method, complete for builds with no more states than the machine."""
    access = machine.access_words()
    apart = distinguishing_words(machine)
    identify = [_identification(machine, state, apart) for state in range(machine.states)]
    all_words = sorted({word for words in identify for word in words}, key=lambda word: (len(word), word))
    words: list[Word] = [access[state] + tail for state in range(machine.states) for tail in all_words or [()]]
    for state, letter, _, after in machine.edges():
        words += [(*access[state], letter, *tail) for tail in identify[after] or [()]]
    return without_prefixes(words)


def distinguishing_words(machine: Machine) -> dict[tuple[int, int], Word]:
    """The shortest word that separates two states, for each pair; pairs that none does are left out."""
    states = range(machine.states)
    found: dict[tuple[int, int], Word] = {}
    columns = range(len(machine.letters))
    before: dict[tuple[int, int], list[tuple[tuple[int, int], int]]] = {}
    queue: deque[tuple[int, int]] = deque()
    for a in states:
        for b in range(a + 1, machine.states):
            for column in columns:
                (output_a, after_a), (output_b, after_b) = machine.moves[a][column], machine.moves[b][column]
                if output_a != output_b:
                    found[a, b] = (machine.letters[column],)
                    queue.append((a, b))
                    break
                if after_a != after_b:
                    pair = (min(after_a, after_b), max(after_a, after_b))
                    before.setdefault(pair, []).append(((a, b), column))
    while queue:
        pair = queue.popleft()
        for earlier, column in before.get(pair, ()):
            if earlier not in found:
                found[earlier] = (machine.letters[column], *found[pair])
                queue.append(earlier)
    return found


def _identification(machine: Machine, state: int, apart: dict[tuple[int, int], Word]) -> list[Word]:
    """Words that separate a state from every other one, few of them."""
    others = {other for other in range(machine.states) if other != state}
    candidates = sorted(set(apart.values()), key=lambda word: (len(word), word))
    own = {word: machine.run(word, state) for word in candidates}
    splits = {word: {other for other in others if machine.run(word, other) != own[word]} for word in candidates}
    chosen: list[Word] = []
    left = {other for other in others if (min(state, other), max(state, other)) in apart}
    while left:
        best = max(candidates, key=lambda word: (len(splits[word] & left), -len(word)))
        chosen.append(best)
        left -= splits[best]
    return chosen


def without_prefixes(words: Iterable[Sequence[str]]) -> list[Word]:
    """The words that are no beginning of another one, shortest first."""
    kept = sorted({tuple(word) for word in words})
    long = [word for word, after in zip(kept, [*kept[1:], ()], strict=True) if after[: len(word)] != word]
    return sorted(long, key=lambda word: (len(word), word))


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
        differences: what differs; none if the build equals the machine.
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
