"""A capture: what every reader gives, whatever the file's format."""

import heapq
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from lensmount_hardware.captures.source import Source
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Burst, Edge, LineDefect, Record, Wiring

Progress = Callable[[float], None]
"""Called now and then with the fraction of the file that has been read, 0 to 1."""

BLOCK = 128 * 1024
"""Bytes that are read from a file of lines at a time."""

LOOK_AHEAD = 4096
"""Records that are put into the order of time: a recorder tells bytes when they have ended, edges when they happen."""

LONGEST_LINE = 16 * 1024 * 1024
"""No capture has a longer line, and without a limit one file without line ends would fill the memory."""


class MissingRateError(CaptureError):
    """A file of samples that does not say how fast they were taken."""


@dataclass(slots=True)
class Capture:
    """An open capture.

    Attributes:
        path: the file.
        format: the format's name.
        records: bytes, edges and remarks in time order, as far as the file tells times; to be taken once. They are
            read as they are taken, so the file is open until they are exhausted or dropped.
        find_lines: what finds the names of the lines.
        resolution: seconds between samples of a logic capture; `None` where the source has no sample clock.
    """

    path: Path
    format: str
    records: Iterator[Record]
    find_lines: Callable[[], tuple[str, ...]]
    resolution: float | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the lines whose edges it holds; where its format does not list them, the file is read for them."""
        return self.find_lines()


def silent(_fraction: float) -> None:
    """The progress of somebody who does not want to know."""


def blocks_of(path: Path, progress: Progress = silent) -> Iterator[bytes]:
    """A file of lines in blocks of whole lines: each ends with a newline; only the last one may lack it.

    Raises:
        CaptureError: the file is missing, a folder, not permitted, or has a line beyond any sense.
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
            if len(rest) > LONGEST_LINE:
                raise CaptureError(
                    f"{path}: a line of more than {LONGEST_LINE} bytes, {done - len(rest)} bytes from the start; "
                    "no capture has such lines, so cut the file in front of it"
                )
        progress(1.0)
        if rest:
            yield rest


def in_time_order(records: Iterable[Record]) -> Iterator[Record]:
    """The records in the order of time, as far as `LOOK_AHEAD` of them can tell; who has none stays behind the last."""
    numbers = count()
    waiting: list[tuple[float, int, Record]] = []
    place = -math.inf
    for record in records:
        place = place if record.at is None else record.at
        heapq.heappush(waiting, (place, next(numbers), record))
        if len(waiting) > LOOK_AHEAD:
            yield heapq.heappop(waiting)[-1]
    while waiting:
        yield heapq.heappop(waiting)[-1]


NO_CHANNEL = "none"
"""What the user gives in place of a channel to leave a line out."""


def without_lines(records: Iterable[Record], wiring: Wiring, left_out: Collection[str]) -> Iterator[Record]:
    """The records without the edges, bytes and defects of some lines."""
    senders = {serial.sender for serial in wiring.serial if serial.name in left_out}
    for record in records:
        if isinstance(record, Burst):
            if record.sender in senders:
                continue
        elif isinstance(record, Edge | LineDefect) and record.line in left_out:
            continue
        yield record


def lines_of(records: Iterable[Record]) -> tuple[str, ...]:
    """The lines that have edges, in the order in which they appear."""
    return tuple(dict.fromkeys(record.line for record in records if isinstance(record, Edge)))
