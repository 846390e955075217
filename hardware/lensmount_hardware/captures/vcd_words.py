"""The words of a Value Change Dump: everything between white space, with the line that each one stands in."""

import operator
from collections.abc import Iterator
from pathlib import Path

from lensmount_hardware.captures.capture import BLOCK, Progress
from lensmount_hardware.captures.source import Source
from lensmount_protocol.errors import CaptureError

MAX_WORD = 1024 * 1024
"""Bytes of the longest word; a value of a bus has one for each bit."""


class Words:
    """Reads a file word by word, in memory that does not grow with the file.

    Args:
        path: the file.
        progress: called with the fraction of the file that has been read.

    Attributes:
        unended: the file ends inside the word that was given last: no white space follows it.
        cut: the file ended in front of the `$end` of a command.
    """

    def __init__(self, path: Path, progress: Progress) -> None:
        self.unended = False
        self.cut = False
        self._path = path
        self._progress = progress
        self._lines = 1
        self._block = b""
        self._count = 0
        self._waiting: Iterator[bytes] = iter(())
        self._words = self._read()

    def __iter__(self) -> Iterator[bytes]:
        """The words that have not been given yet.

        Raises:
            CaptureError: the file cannot be read, or has a word beyond any sense.
        """
        return self._words

    @property
    def line(self) -> int:
        """The line of the word that was given last, from 1."""
        number = self._count - operator.length_hint(self._waiting)
        words = self._block.split(None, number)
        rest = words[number] if number < len(words) else b""
        return self._lines + self._block.rstrip()[: -len(rest) or None].rstrip().count(b"\n")

    def until_end(self, glued: bool = False) -> list[bytes]:
        """The words of a command, up to its `$end`; with `glued` that may stand at the end of a word, too."""
        found: list[bytes] = []
        for word in self._words:
            if word.lower() == b"$end":
                break
            if glued and word.lower().endswith(b"$end"):
                found.append(word[:-4])
                break
            found.append(word)
        else:
            self.cut = True
        return found

    def _read(self) -> Iterator[bytes]:
        with Source(self._path) as source:
            rest = b""
            while data := source.read(BLOCK):
                self._progress(source.fraction)
                data = rest + data
                # Behind the last white space a word may go on in the next block.
                end = len(data) if data[-1:].isspace() else len(data) - len(data.rsplit(None, 1)[-1])
                if len(data) - end > MAX_WORD:
                    raise CaptureError(
                        f"{self._path}: a word of more than {MAX_WORD} bytes after line {self._lines}; "
                        "no value change dump has such words, so cut the file in front of it"
                    )
                yield from self._given(data[:end])
                rest = data[end:]
            self._progress(1.0)
            self.unended = bool(rest)
            yield from self._given(rest)

    def _given(self, block: bytes) -> Iterator[bytes]:
        self._lines += self._block.count(b"\n")
        self._block = block
        words = block.split()
        self._count = len(words)
        self._waiting = iter(words)
        yield from self._waiting
