"""The capture that every reader returns, for any file format."""

import heapq
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from lensmount_hardware.captures.source import Source
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Burst, Edge, LineDefect, WireRecord, Wiring

Progress = Callable[[float], None]
"""Called repeatedly with the fraction of the file that has been read, 0 to 1."""

BLOCK = 128 * 1024
"""Bytes that are read from a text file at a time."""

LOOK_AHEAD = 4096
"""Records that are sorted by time at once: a recorder writes bytes at their end, but edges when they happen."""

MAX_LINE = 16 * 1024 * 1024
"""Bytes of the longest line; without a limit a file without line ends would fill the memory."""


class MissingRateError(CaptureError):
    """A file of samples that does not state its sample rate."""


@dataclass(slots=True)
class Capture:
    """An open capture.

    Attributes:
        path: the file.
        format: the format's name.
        records: bytes, edges and annotations in time order, as far as the file has times; to be iterated once. They
            are read lazily, so the file is open until they are exhausted or dropped.
        find_lines: returns the names of the lines.
        resolution: seconds between samples of a logic capture; `None` where the source has no sample clock.
    """

    path: Path
    format: str
    records: Iterator[WireRecord]
    find_lines: Callable[[], tuple[str, ...]]
    resolution: float | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the lines with edges; where its format does not list them, this reads the file."""
        return self.find_lines()


def no_progress(_fraction: float) -> None:
    """Ignore the progress."""


def read_blocks(path: Path, progress: Progress = no_progress) -> Iterator[bytes]:
    """Read a text file in blocks of whole lines: each ends with a newline; only the last one may lack it.

    Raises:
        CaptureError: the file is missing, a folder, not permitted, or has a line of more than `MAX_LINE` bytes.
    """
    with Source(path) as source:
        done, rest = 0, b""
        while data := source.read(BLOCK):
            done += len(data)
            progress(source.fraction)
            end = data.rfind(b"\n") + 1
            if end:
                yield rest + data[:end]
                rest = data[end:]
                continue
            rest += data
            if len(rest) > MAX_LINE:
                raise CaptureError(
                    f"{path}: a line of more than {MAX_LINE} bytes, {done - len(rest)} bytes from the start; "
                    "no capture has such lines, so cut the file in front of it"
                )
        progress(1.0)
        if rest:
            yield rest


def sort_by_time(records: Iterable[WireRecord]) -> Iterator[WireRecord]:
    """Sort records by time, within a window of `LOOK_AHEAD`; a record without a time follows its predecessor."""
    numbers = count()
    waiting: list[tuple[float, int, WireRecord]] = []
    place = -math.inf
    for record in records:
        place = place if record.at is None else record.at
        heapq.heappush(waiting, (place, next(numbers), record))
        if len(waiting) > LOOK_AHEAD:
            yield heapq.heappop(waiting)[-1]
    while waiting:
        yield heapq.heappop(waiting)[-1]


NO_CHANNEL = "none"
"""The channel name with which the user leaves a line out."""


def without_lines(records: Iterable[WireRecord], wiring: Wiring, left_out: Collection[str]) -> Iterator[WireRecord]:
    """Yield the records except the edges, bytes and defects of some lines."""
    senders = {serial.sender for serial in wiring.serial if serial.name in left_out}
    for record in records:
        if isinstance(record, Burst):
            if record.sender in senders:
                continue
        elif isinstance(record, Edge | LineDefect) and record.line in left_out:
            continue
        yield record


def line_names(records: Iterable[WireRecord]) -> tuple[str, ...]:
    """Return the lines that have edges, in the order in which they appear."""
    return tuple(dict.fromkeys(record.line for record in records if isinstance(record, Edge)))
