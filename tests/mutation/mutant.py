"""One change of one source file; needs no mutation library, so tests and results can be read without one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one source file.

    Attributes:
        file: the source file, relative to the project.
        scope: the function and class around the change, "" at module level.
        text: the line as it stands, without its indentation.
        change: what is changed into what.
        number: counts the mutants that are alike in all of the above, from 1.
        line: where the changed expression begins.
        last_line: where it ends.
    """

    file: str
    scope: str
    text: str
    change: str
    number: int
    line: int
    last_line: int

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What identifies the mutant as long as the line and its function stay: no line number."""
        return self.file, self.scope, self.text, self.change, self.number
