"""The list of mutants that no test can notice, each with the reason."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from mutation.places import ROOT

LIST = Path(__file__).with_name("equivalents.toml")

Key = tuple[str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A mutant that behaves as the original does.

    Attributes:
        file: the source file, relative to the project.
        scope: the function and class around it.
        text: its line, without indentation.
        change: what is changed into what.
        reason: why no test can notice it.
        number: counts mutants that are alike in all of this, from 1.
    """

    file: str
    scope: str
    text: str
    change: str
    reason: str
    number: int = 1

    @property
    def key(self) -> Key:
        """What identifies the mutant."""
        return self.file, self.scope, self.text, self.change, self.number


def read_equivalents() -> list[Equivalent]:
    """The list.

    Raises:
        ValueError: an entry has no reason, or stands there twice.
    """
    with LIST.open("rb") as file:
        entries = [Equivalent(**entry) for entry in tomllib.load(file).get("equivalent", [])]
    seen: set[Key] = set()
    for entry in entries:
        if len(entry.reason.split()) < 3:
            raise ValueError(f"{LIST.name}: {entry.change!r} in {entry.file} needs a reason")
        if entry.key in seen:
            raise ValueError(f"{LIST.name}: {entry.change!r} in {entry.file} is listed twice")
        seen.add(entry.key)
    return entries


def stale(entries: list[Equivalent]) -> list[Equivalent]:
    """The entries whose line no longer stands in their file."""
    lines = {
        file: {line.strip() for line in (ROOT / file).read_text().splitlines()} if (ROOT / file).is_file() else set()
        for file in {entry.file for entry in entries}
    }
    return [entry for entry in entries if entry.text not in lines[entry.file]]
