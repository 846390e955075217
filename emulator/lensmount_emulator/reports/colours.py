"""Colours of lines on a terminal: one for each role, one for each severity, and none where the output is not for eyes.

`NO_COLOR` (https://no-color.org) switches colours off, and `FORCE_COLOR` switches them on where the output is no
terminal. `NO_COLOR` wins. Output for machines (JSON, files) does not pass through this module.
"""

import os
from enum import Enum
from typing import TextIO

from lensmount_emulator.reports.printable import escape_controls, styled


class Colour(Enum):
    """Colours by meaning; each value is the number of an SGR escape sequence."""

    BODY = 36
    LENS = 32
    WARNING = 33
    ERROR = 31


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
    try:
        return out.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    except (AttributeError, ValueError):
        # A stream that a caller put in place, or one that is closed.
        return False


def paint(out: TextIO, line: str, colour: Colour | None) -> None:
    """Write a line, in a colour where the stream is to have colours.

    Args:
        out: where to.
        line: the text, without its newline; control characters in it are escaped where it is coloured.
        colour: `None` for the terminal's own.
    """
    if colour is None or not wants_colour(out):
        out.write(f"{line}\n")
        return
    styled(out).write(f"\x1b[{colour.value}m{escape_controls(line)}\x1b[0m\n")
