"""Text of untrusted origin, made safe to print: control characters are escaped, unencodable characters replaced.

File names, notes of recordings and texts of devices reach the output. A control character in them could move the
cursor, hide text or start a command of the terminal. `printing_safely` puts the only seam in front of both output
streams, so that no verb has to remember it. An escape has the form that JSON uses, so output that is JSON stays JSON.
"""

import codecs
import contextlib
import re
import sys
from collections.abc import Generator, Iterable
from typing import Any, TextIO, cast

from lensmount_protocol.errors import MAX_ERROR, shorten

_FORMAT = (
    *("\u00ad", "\u061c", "\u180e", "\u200b-\u200f", "\u2028-\u202e", "\u2060-\u206f", "\ufeff", "\ufff9-\ufffb"),
    *("\U000110bd", "\U000110cd", "\U00013430-\U0001343f", "\U0001bca0-\U0001bca3", "\U0001d173-\U0001d17a"),
    "\U000e0000-\U000e007f",
)
"""Characters without width and those that change the direction of text, as ranges."""

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff" + "".join(_FORMAT)
_UNSAFE = re.compile(f"[{_CONTROLS}]")
_UNSAFE_IN_LINE = re.compile(f"[\t\n{_CONTROLS}]")

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
    return _UNSAFE.sub(_escape, text)


def one_line(text: object) -> str:
    """The text as `escape_controls` gives it, with its newlines and tabs escaped too, for text that is not ours."""
    return _UNSAFE_IN_LINE.sub(_escape, str(text))


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

    def __init__(self, stream: TextIO, *, escapes: bool = True, longest: int | None = None) -> None:
        self._stream = stream
        self._escapes = escapes
        self._longest = longest
        try:
            # Unicode encodings have every character that is left after the escapes.
            self._narrow = not codecs.lookup(stream.encoding or "utf-8").name.startswith("utf")
        except (LookupError, AttributeError, TypeError):
            self._narrow = False

    @property
    def styled(self) -> TextIO:
        """The same stream for a console, whose text is escaped and whose escape sequences are its own."""
        return cast("TextIO", SafeStream(self._stream, escapes=False))

    def write(self, text: str) -> int:
        """Write the text; gives its length."""
        shown = escape_controls(text) if self._escapes else text
        if self._narrow and not shown.isascii():
            encoding = self._stream.encoding
            shown = shown.encode(encoding, _REPLACE).decode(encoding)
        if self._longest is not None and len(shown) > self._longest:
            shown = "\n".join(shorten(line, self._longest) for line in shown.split("\n"))
        self._stream.write(shown)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of the texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


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
        stream
        if stream is None or isinstance(stream, SafeStream)
        else cast("TextIO", SafeStream(stream, longest=longest))
        for stream, longest in zip(before, (None, MAX_ERROR), strict=True)
    ]
    sys.stdout, sys.stderr = safe
    try:
        yield
    finally:
        # A caller that has put streams of its own in place keeps them.
        sys.stdout = before[0] if sys.stdout is safe[0] else sys.stdout
        sys.stderr = before[1] if sys.stderr is safe[1] else sys.stderr
