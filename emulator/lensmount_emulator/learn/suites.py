"""Words that test a build against a machine: every transition once, or all that the Wp-method needs.

The transition cover finds most changes of an output. The Wp-method also checks each target state, and finds every
change of a build with no more states than the machine (Fujiwara and others, 1991).
"""

from collections import deque
from collections.abc import Iterable, Sequence

from lensmount_emulator.learn.machine import Machine, Word


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
