"""The answers of earlier queries in one SQLite file, so that learning goes on where it was interrupted."""

import sqlite3
from pathlib import Path

from lensmount_protocol.errors import CaptureError

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
        self._db.execute("INSERT OR REPLACE INTO words VALUES (?, ?)", (SEPARATOR.join(word), SEPARATOR.join(outputs)))
        self._db.commit()

    def _note(self, word: list[str], outputs: list[str]) -> None:
        for count in range(1, min(len(word), len(outputs)) + 1):
            self._answers[tuple(word[:count])] = outputs[count - 1]

    def close(self) -> None:
        """Close the file."""
        self._db.close()
