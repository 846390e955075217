"""A capture: what every reader gives, whatever the file's format."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Edge, Record

Progress = Callable[[float], None]
"""Called now and then with the fraction of the file that has been read, 0 to 1."""

_LINES_PER_TELLING = 1000

_Line = TypeVar("_Line", str, bytes)


@dataclass(slots=True)
class Capture:
    """An open capture.

    Attributes:
        path: the file.
        format: the format's name.
        records: bytes, edges and remarks in time order, as far as the file tells times; to be taken once.
        lines: names of the lines whose edges it holds.
        resolution: seconds between samples of a logic capture; `None` where the source has no sample clock.
    """

    path: Path
    format: str
    records: Iterator[Record]
    lines: tuple[str, ...] = ()
    resolution: float | None = None


def silent(_fraction: float) -> None:
    """The progress of somebody who does not want to know."""


def numbered(lines: Sequence[_Line], progress: Progress) -> Iterator[tuple[int, _Line]]:
    """Lines of a file with their number from 1, telling the progress now and then and at the end."""
    for number, line in enumerate(lines, 1):
        yield number, line
        if number % _LINES_PER_TELLING == 0:
            progress(number / len(lines))
    progress(1.0)


def lines_of(records: Iterable[Record]) -> tuple[str, ...]:
    """The lines that have edges, in the order in which they appear."""
    return tuple(dict.fromkeys(record.line for record in records if isinstance(record, Edge)))


def read_bytes(path: Path) -> bytes:
    """The whole file.

    Raises:
        CaptureError: it is missing, a folder, or not permitted.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror or error}") from error
