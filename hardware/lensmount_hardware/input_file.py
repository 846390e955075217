"""Input files from untrusted sources: opened only where they are regular files, and read up to a limit.

A pipe cannot be read twice and a device has no end, so both are refused before they are opened: opening a FIFO waits
for its writer, and opening a serial device moves its control lines.
"""

import contextlib
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from lensmount_protocol.errors import CaptureError, MountError

MAX_NESTING = 64
"""Levels of arrays and objects in JSON; files of this project have at most six."""

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


def _check_regular(path: Path, mode: int, error: type[MountError]) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no regular file")
        raise error(f"{path}: {kind}; a file is needed, so save its content to one")
