"""Input files from untrusted sources: opened only where they are regular files, and read up to a limit.

A pipe cannot be read twice and a device has no end, so both are refused before they are opened: opening a FIFO waits
for its writer, and opening a serial device moves its control lines.
"""

import codecs
import contextlib
import math
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from lensmount_protocol.errors import CaptureError, MountError

MAX_NESTING = 64
"""Levels of arrays and objects in JSON; files of this project have at most six."""

MAX_TOML = 256 * 1024
"""Maximum number of characters of a TOML text."""

MAX_PARTS = 16
"""Maximum number of parts of a dotted key."""

_LONG_KEY = re.compile(rf"(?<![\w\"'-])(?:[\w\"'-]+[ \t]*\.[ \t]*){{{MAX_PARTS},}}")
_INTEGER_BITS = 256

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks and their encodings; that of UTF-16 begins as that of UTF-32 does."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""Strings of JSON, of which the last may lack its end, and brackets outside them."""


def open_input(path: Path, error: type[MountError] = CaptureError, prefix: str = "") -> BinaryIO:
    """Open a regular file to be read.

    Args:
        path: the file; a link to a regular file is followed.
        error: the type of error to raise.
        prefix: text in front of the system's error text.

    Raises:
        MountError: of the given type: it is missing, not permitted, or no regular file.
    """
    with contextlib.suppress(OSError, ValueError):
        # Check the mode before the file is opened and again afterwards: the name may have changed in between.
        _check_regular(path, path.stat().st_mode, error)
    try:
        file = path.open("rb")
    except (OSError, ValueError) as reason:
        raise error(f"{path}: {prefix}{getattr(reason, 'strerror', None) or reason}") from reason
    try:
        _check_regular(path, os.fstat(file.fileno()).st_mode, error)
    except MountError:
        file.close()
        raise
    return file


def read_input(path: Path, limit: int, what: str, error: type[MountError] = CaptureError, prefix: str = "") -> bytes:
    """The whole content of a regular file.

    Args:
        path: the file.
        limit: bytes that it may have.
        what: the name of such files, for the error text.
        error: the type of error to raise.
        prefix: text in front of the system's error text.

    Raises:
        MountError: of the given type: as `open_input`, or the file is longer.
    """
    with open_input(path, error, prefix) as file:
        try:
            data = file.read(limit + 1)
        except OSError as reason:
            raise error(f"{path}: {prefix}{reason.strerror or reason}") from reason
    if len(data) > limit:
        raise error(f"{path}: more than {limit} bytes; {what} has at most that")
    return data


def read_text(path: Path, limit: int, what: str, error: type[MountError] = CaptureError) -> str:
    """The whole text of a regular file: UTF-8, or what its byte order mark names, as editors of Windows write it.

    Args:
        path: the file.
        limit: bytes that it may have.
        what: the name of such files, for the error text.
        error: the type of error to raise.

    Raises:
        MountError: of the given type: as `read_input`, or the bytes are no such text.
    """
    data = read_input(path, limit, what, error)
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as reason:
        raise error(
            f"{path}: no {encoding.upper().removesuffix('-SIG')} text: {reason.reason}, byte {reason.start}"
        ) from None


def check_nesting(text: bytes | str) -> None:
    """Refuse JSON that is nested deeper than any parser should follow.

    Args:
        text: the JSON; it need not be complete or legal.

    Raises:
        ValueError: more than `MAX_NESTING` arrays and objects lie in each other.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if data.count(b"[") + data.count(b"{") <= MAX_NESTING:
        return
    depth = 0
    for token in _TOKENS.finditer(data):
        found = token[0]
        if found in b"[{":
            depth += 1
            if depth > MAX_NESTING:
                raise ValueError(f"nested deeper than {MAX_NESTING} levels")
        elif found in b"]}":
            depth -= 1


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a TOML text into a table.

    Args:
        text: the TOML.

    Raises:
        ValueError: it is no TOML, too long, nested too deep, or holds a number that is not finite or too large.
    """
    if len(text) > MAX_TOML:
        raise ValueError(f"more than {MAX_TOML} characters")
    if _LONG_KEY.search(text) is not None:
        raise ValueError(f"a dotted key of more than {MAX_PARTS} parts")
    try:
        table = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:
        # The parser of Python's numbers, with advice for programmers.
        raise ValueError("a whole number of too many digits") from error
    for key, value in _numbers(table, ""):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{key}: {value} is no number to compute with")
        if isinstance(value, int) and abs(value) >> _INTEGER_BITS:
            raise ValueError(f"{key}: a whole number of more than {_INTEGER_BITS} bits")
    return table


def _numbers(value: object, key: str) -> Iterator[tuple[str, object]]:
    """Return every number with its key."""
    waiting: list[tuple[str, object]] = [(key, value)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{key}.{name}".lstrip("."), one) for name, one in cast("dict[str, object]", value).items()]
        elif isinstance(value, list):
            waiting += [(key, one) for one in cast("list[object]", value)]
        elif isinstance(value, int | float):
            yield key, value


def _check_regular(path: Path, mode: int, error: type[MountError]) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no regular file")
        raise error(f"{path}: {kind}; a file is needed, so save its content to one")
