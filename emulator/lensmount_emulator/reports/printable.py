"""Text of untrusted origin, made safe to print: control characters are escaped, unencodable characters replaced.

File names, notes of recordings and texts of devices reach the output. A control character in them could move the
cursor, hide text or start a command of the terminal. `printing_safely` puts the only seam in front of both output
streams, so that no verb has to remember it. An escape has the form that JSON uses, so output that is JSON stays JSON.

Lines on a terminal: coloured by role and severity, and wrapped at its width with the continuation indented.

A stream that is no terminal gets each line as it is, so that `grep` finds a whole event in a line. `NO_COLOR`
(https://no-color.org) switches colours off, and `FORCE_COLOR` switches them on where the output is no terminal.
`NO_COLOR` wins. Output for machines (JSON, files) does not pass through this module.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import sys
from collections.abc import Callable, Generator, Iterable
from enum import Enum
from functools import cache
from textwrap import wrap as wrap_text

from lensmount_protocol.errors import MAX_ERROR, shorten

TYPE_CHECKING = False
"""Type checkers take it as true. `typing` itself is a sixth of the time that the help takes."""

if TYPE_CHECKING:
    from typing import Any, TextIO

_FORMAT = (
    *("\u00ad", "\u061c", "\u180e", "\u200b-\u200f", "\u2028-\u202e", "\u2060-\u206f", "\ufeff", "\ufff9-\ufffb"),
    *("\U000110bd", "\U000110cd", "\U00013430-\U0001343f", "\U0001bca0-\U0001bca3", "\U0001d173-\U0001d17a"),
    "\U000e0000-\U000e007f",
)
"""Characters without width and those that change the direction of text, as ranges."""

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff" + "".join(_FORMAT)
_IN_LINE = "\t\n"
"""What is unsafe too where a text has to stay in one line."""

_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}

_LOOK_ALIKES = {
    "µ": "u",
    "μ": "u",
    "×": "x",
    "–": "-",
    "—": "-",
    "…": "...",
    "⋯": "...",
    "‘": "'",
    "’": "'",
    "°": " deg",
    "─": "-",
    "▶": ">",
    "◀": "<",
    "●": "*",
    "→": "->",
    "←": "<-",
    "≤": "<=",
    "≥": ">=",
    "±": "+/-",
    "∞": "inf",
}
"""What stands for a character of our own texts where the output cannot encode it; any other becomes `?`."""

_REPLACE = "lensmount-replace"


def escape_controls(text: str) -> str:
    """The text without control, direction and zero-width characters and surrogates; newlines and tabs stay.

    Each is written as JSON does, beyond the basic plane as a surrogate pair.
    """
    # Lines of our own are printable; the search for unsafe characters takes ten times as long.
    return text if text.isprintable() or text.replace("\n", "").isprintable() else _unsafe().sub(_escape, text)


def one_line(text: object) -> str:
    """The text as `escape_controls` gives it, with its newlines and tabs escaped too, for text that is not ours."""
    line = str(text)
    return line if line.isprintable() else _unsafe(_IN_LINE).sub(_escape, line)


@cache
def _unsafe(more: str = "") -> re.Pattern[str]:
    """What is escaped; it is compiled on first use, since that takes a tenth of the time of `lensmount --help`."""
    return re.compile(f"[{more}{_CONTROLS}]")


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    short = _SHORT.get(character)
    if short is not None:
        return short
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_LOOK_ALIKES.get(one, "?") for one in error.object[error.start : error.end]), error.end


codecs.register_error(_REPLACE, _replaced)


class SafeStream:
    """A text stream that escapes what it is given, and replaces what its encoding does not have.

    Everything but writing is left to the stream inside.

    Args:
        stream: where the text goes.
        escapes: whether control characters are escaped; not for what a console has escaped already and styled.
        longest: characters of a line that are written; a longer one loses its middle. `None` for no limit.
    """

    def __init__(self, stream: TextIO, *, escapes: bool = True, max_line: int | None = None) -> None:
        self._stream = stream
        self._escapes = escapes
        self._max_line = max_line
        try:
            # Unicode encodings have every character that is left after the escapes.
            self._narrow = not codecs.lookup(stream.encoding or "utf-8").name.startswith("utf")
        except (LookupError, AttributeError, TypeError):
            self._narrow = False

    @property
    def styled(self) -> TextIO:
        """Return the same stream for a console: text is escaped, the console's own escape sequences are not."""
        return safe_stream(self._stream, escapes=False)

    def write(self, text: str) -> int:
        """Write the text; gives its length."""
        shown = escape_controls(text) if self._escapes else text
        if self._narrow and not shown.isascii():
            encoding = self._stream.encoding
            shown = shown.encode(encoding, _REPLACE).decode(encoding)
        if self._max_line is not None and len(shown) > self._max_line:
            shown = "\n".join(shorten(line, self._max_line) for line in shown.split("\n"))
        self._stream.write(shown)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of the texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def safe_stream(stream: TextIO, *, escapes: bool = True, max_line: int | None = None) -> TextIO:
    """A `SafeStream` as what it stands for."""
    safe: Any = SafeStream(stream, escapes=escapes, max_line=max_line)
    text: TextIO = safe
    return text


def styled(stream: TextIO) -> TextIO:
    """The stream on which a console may write its own escape sequences."""
    return stream.styled if isinstance(stream, SafeStream) else stream


@contextlib.contextmanager
def printing_safely() -> Generator[None]:
    """Escape all that is written to `sys.stdout` and `sys.stderr` within the context.

    A line on `sys.stderr` has at most `MAX_ERROR` characters: errors quote files, and no report goes there.
    """
    before = sys.stdout, sys.stderr
    safe = [
        stream if stream is None or isinstance(stream, SafeStream) else safe_stream(stream, max_line=max_length)
        for stream, max_length in zip(before, (None, MAX_ERROR), strict=True)
    ]
    sys.stdout, sys.stderr = safe
    try:
        yield
    finally:
        # A caller that has put streams of its own in place keeps them.
        sys.stdout = before[0] if sys.stdout is safe[0] else sys.stdout
        sys.stderr = before[1] if sys.stderr is safe[1] else sys.stderr


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


class Line:
    """A line for a person.

    Attributes:
        text: the line, without its newline.
        colour: `None` for the terminal's own.
        hang: columns by which its continuation is indented where it is wrapped.
    """

    __slots__ = ("colour", "hang", "text")

    def __init__(self, text: str, colour: Colour | None = None, hang: int = 0) -> None:
        self.text = text
        self.colour = colour
        self.hang = hang


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
        text, colour, hang = line.text, line.colour, line.hang
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
