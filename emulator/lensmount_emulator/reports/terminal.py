"""Lines on a terminal: coloured by role and severity, and wrapped at its width with the continuation indented.

A stream that is no terminal gets each line as it is, so that `grep` finds a whole event in a line. `NO_COLOR`
(https://no-color.org) switches colours off, and `FORCE_COLOR` switches them on where the output is no terminal.
`NO_COLOR` wins. Output for machines (JSON, files) does not pass through this module.
"""

import os
import sys
from collections.abc import Callable
from enum import Enum
from textwrap import wrap as wrap_text
from typing import NamedTuple, TextIO

from lensmount_emulator.reports.printable import escape_controls, styled

MIN_WIDTH = 40
"""Columns below which nothing is wrapped: the result would be harder to read than what the terminal does."""

MIN_TEXT = 24
"""Columns that an indented continuation must leave for text; where it leaves fewer, it is indented less."""


class Colour(Enum):
    """Colours by meaning; each value is the number of an SGR escape sequence."""

    BODY = 36
    LENS = 32
    WARNING = 33
    ERROR = 31


class Line(NamedTuple):
    """A line for a person.

    Attributes:
        text: the line, without its newline.
        colour: `None` for the terminal's own.
        hang: columns by which its continuation is indented where it is wrapped.
    """

    text: str
    colour: Colour | None = None
    hang: int = 0


SEVERITIES = {"error": Colour.ERROR, "critical": Colour.ERROR, "warning": Colour.WARNING}
"""Severity, as `logging` names it in lower case -> its colour."""

ROLES = {"body": Colour.BODY, "lens": Colour.LENS}
"""Role, by the value of its `Role` -> its colour."""


def wants_colour(out: TextIO) -> bool:
    """Return whether text for this stream is coloured."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(out) and os.environ.get("TERM", "") not in ("dumb", "unknown")


def is_terminal(out: TextIO) -> bool:
    """Return whether a stream is a terminal; one that is closed or that a caller put in place need not know."""
    try:
        return out.isatty()
    except (AttributeError, ValueError):
        return False


def terminal_width(out: TextIO) -> int | None:
    """Return the columns of a terminal, by `COLUMNS` where it is set; `None` where the stream is no terminal."""
    if not is_terminal(out):
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(out.fileno()).columns or 80
    except (OSError, ValueError, AttributeError):
        return 80


def wrap(text: str, width: int, hang: int = 0) -> list[str]:
    """Return a line as lines of at most `width` columns; a word that is longer stays whole.

    Args:
        text: the line.
        width: columns; below `MIN_WIDTH` the line is returned as it is.
        hang: columns by which the continuation is indented.
    """
    if len(text) <= width or width < MIN_WIDTH:
        return [text]
    indent = " " * max(0, min(hang, width - MIN_TEXT))
    return wrap_text(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, replace_whitespace=False
    ) or [text]


def line_writer(out: TextIO) -> Callable[[Line], None]:
    """Return a function that writes lines to a stream; whether it is a terminal is looked up once."""
    colours, width = wants_colour(out), terminal_width(out)
    if not colours and width is None:
        return lambda line: _write_plain(out, line)
    coloured = styled(out) if colours else out

    def write(line: Line) -> None:
        text, colour, hang = line
        parts = [text] if width is None else wrap(text, width, hang)
        if colour is None or not colours:
            out.write("\n".join(parts) + "\n")
            return
        for part in parts:
            coloured.write(f"\x1b[{colour.value}m{escape_controls(part)}\x1b[0m\n")

    return write


def write_line(out: TextIO, text: str, colour: Colour | None = None, hang: int = 0) -> None:
    """Write one line; see `Line`."""
    line_writer(out)(Line(text, colour, hang))


def report(text: str, colour: Colour = Colour.WARNING) -> None:
    """Write a message of the program to the error stream as one line, which is never wrapped.

    Args:
        text: the message, without the name of the program.
        colour: that of its severity.
    """
    out = sys.stderr
    if wants_colour(out):
        styled(out).write(f"\x1b[{colour.value}m{escape_controls(f'lensmount: {text}')}\x1b[0m\n")
    else:
        out.write(f"lensmount: {text}\n")
    out.flush()


def _write_plain(out: TextIO, line: Line) -> None:
    out.write(f"{line.text}\n")
