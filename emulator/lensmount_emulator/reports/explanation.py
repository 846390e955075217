"""Prints an explanation: the paragraph, then later findings, remarks and known symptoms as lists."""

from typing import TextIO

from lensmount_emulator.explain.finding import Explanation
from lensmount_emulator.reports.printable import Colour, write_line

HANG = 4
"""Columns by which the continuation of an item is indented."""


def print_explanation(out: TextIO, explanation: Explanation, *, quiet: bool = False) -> None:
    """Print an explanation for users.

    Args:
        out: the stream.
        explanation: the explanation.
        quiet: print the paragraph only.
    """
    lines = explanation.lines
    write_line(out, lines[0], None if explanation.ok else Colour.ERROR)
    for line in () if quiet else lines[1:]:
        write_line(out, line, hang=HANG)


def print_failure(out: TextIO, explanation: Explanation, *, quiet: bool = False) -> None:
    """Print the explanation of a failed session at its end; nothing where nothing went wrong on the wire."""
    if explanation.explains and not explanation.ok:
        write_line(out, "what went wrong:")
        print_explanation(out, explanation, quiet=quiet)
