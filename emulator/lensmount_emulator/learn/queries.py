"""Queries to a system: answered from the cache where they can be, and repeated where two answers differ.

On a device an answer that clashes with an earlier one is asked again, and the majority of the answers counts. The cache
is one SQLite file, so that learning goes on where it was interrupted. A run writes nothing before its first output that
is no silence: the silence of an absent device is no answer.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from lensmount_emulator.learn.machine import SILENCE, Word
from lensmount_emulator.learn.system import LearnedSystem
from lensmount_protocol.errors import CaptureError, MountError

SEPARATOR = "\x1f"
"""Between the letters, and the outputs, of a word; neither can contain it."""


class QueryCache:
    """Words and their outputs, of one alphabet and one system.

    Args:
        path: the file; `None` keeps everything in memory.
        digest: of the alphabet.
        system: the name of the system.

    Raises:
        CaptureError: the file is no cache, or belongs to another alphabet or system.
    """

    def __init__(self, path: Path | None, digest: str, system: str) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(":memory:" if path is None else str(path))
            self._db.execute("CREATE TABLE IF NOT EXISTS owner (digest TEXT, system TEXT)")
            self._db.execute("CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY, outputs TEXT)")
            owner = self._db.execute("SELECT digest, system FROM owner").fetchone()
            if owner is None:
                self._db.execute("INSERT INTO owner VALUES (?, ?)", (digest, system))
                self._db.commit()
            rows = self._db.execute("SELECT word, outputs FROM words").fetchall()
        except sqlite3.Error as error:
            raise CaptureError(f"{path}: no cache of queries: {error}") from error
        if owner is not None and tuple(owner) != (digest, system):
            raise CaptureError(
                f"{path}: these are answers of {owner[1]} to another alphabet or of another system; take another file"
            )
        self._answers: dict[tuple[str, ...], str] = {}
        self._answered = False
        for word, outputs in rows:
            self._note(str(word).split(SEPARATOR), str(outputs).split(SEPARATOR))

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, word: tuple[str, ...]) -> str | None:
        """The last output of a word; `None` if it was never played."""
        return self._answers.get(word)

    def add(self, word: tuple[str, ...], outputs: list[str]) -> None:
        """Keep the outputs of a word, and of all its beginnings."""
        self._note(list(word), outputs)
        self._answered = self._answered or any(output != SILENCE for output in outputs)
        self._db.execute("INSERT OR REPLACE INTO words VALUES (?, ?)", (SEPARATOR.join(word), SEPARATOR.join(outputs)))
        if self._answered:
            self._db.commit()

    def _note(self, word: list[str], outputs: list[str]) -> None:
        for count in range(1, min(len(word), len(outputs)) + 1):
            self._answers[tuple(word[:count])] = outputs[count - 1]

    def close(self) -> None:
        """Close the file."""
        self._db.close()


MAX_REPEATS = 5


class NondeterminismError(MountError):
    """A system answers a word in two ways; the text shows both."""


class Queries:
    """Asks a system words.

    Args:
        system: the system.
        cache: earlier answers.
        repeats: how often a clash is asked again before the system counts as nondeterministic.
        on_query: called after each word that was played, with the number of words so far.
    """

    def __init__(
        self,
        system: LearnedSystem,
        cache: QueryCache,
        repeats: int = 3,
        on_query: Callable[[int], object] = lambda _count: None,
    ) -> None:
        self._system, self._cache = system, cache
        self._repeats = max(1, min(repeats, MAX_REPEATS))
        self._on_query = on_query
        self.words = 0
        self._live: Word | None = None

    def ask(self, word: Sequence[str]) -> list[str]:
        """The outputs of a word."""
        return [self.output(tuple(word[: count + 1])) for count in range(len(word))]

    def output(self, word: Word) -> str:
        """The output of the last letter of a word.

        Raises:
            NondeterminismError: the system answers differently, and no answer has the majority.
        """
        known = self._cache.get(word)
        if known is not None:
            return known
        if self._live is not None and self._live == word[:-1]:
            outputs = [*(self._known(word[:count]) for count in range(1, len(word))), self._system.play(word[-1])]
            self._live = word
            self._cache.add(word, outputs)
            return outputs[-1]
        outputs = self._play(word)
        clash = self._clash(word, outputs)
        if clash:
            outputs = self._majority(word, outputs, clash)
        self._cache.add(word, outputs)
        return outputs[-1]

    def end(self) -> None:
        """The current word is over: the next one begins with a reset."""
        self._live = None

    def _known(self, word: Word) -> str:
        return self._cache.get(word) or ""

    def _play(self, word: Word) -> list[str]:
        self._system.reset()
        self.words += 1
        outputs = [self._system.play(letter) for letter in word]
        self._live = word
        self._on_query(self.words)
        return outputs

    def _clash(self, word: Word, outputs: Sequence[str]) -> int:
        """The length of the shortest beginning that was answered differently before; 0 where there is none."""
        for count in range(1, len(word) + 1):
            known = self._cache.get(word[:count])
            if known is not None and known != outputs[count - 1]:
                return count
        return 0

    def _majority(self, word: Word, outputs: list[str], clash: int) -> list[str]:
        beginning = word[:clash]
        earlier = tuple(self._known(word[:count]) for count in range(1, clash + 1))
        answers = [tuple(outputs), *(tuple(self._play(word)) for _ in range(self._repeats - 1))]
        heads = Counter([earlier, *(answer[:clash] for answer in answers)])
        (best, count), *_ = heads.most_common()
        if count * 2 <= len(answers) + 1 or best != earlier:
            other = next(head for head in heads if head != earlier)
            raise NondeterminismError(
                f"{self._system.name} answers the word '{' '.join(beginning)}' in two ways: "
                f"'{' | '.join(earlier)}' and '{' | '.join(other)}'; make its letters longer than its slowest motion"
            )
        wholes = Counter(answer for answer in answers if answer[:clash] == earlier)
        return list(wholes.most_common(1)[0][0])
