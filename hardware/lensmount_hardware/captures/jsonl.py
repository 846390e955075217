"""Decoded captures as JSON lines: frames in `NAME.frames.jsonl`, edges in `NAME.lines.jsonl` beside it."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import cast

from lensmount_hardware.captures.capture import Capture, Progress, blocks_of, lines_of, silent
from lensmount_hardware.captures.records_json import bytes_of, object_from, record_of, seconds
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Burst, Edge, Record, Remark, Role, Wiring, transmission_time

FRAMES = ".frames.jsonl"
LINES = ".lines.jsonl"

LOOK_AHEAD = 4096
"""Frames that are read before the edges of their windows are told, so that these come in the order of time."""


def read_jsonl(
    path: Path, wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open decoded frames or edges; a frames file brings the edges beside it along.

    Where no edges are beside it, the windows that the frames came in give those of the select lines.

    Raises:
        CaptureError: not one line of it is a record.
    """
    selects = {serial.sender: serial.select for serial in wiring.serial if serial.select in wiring.lines}
    beside = path.with_name(path.name.removesuffix(FRAMES) + LINES)
    has_edges = path.name.endswith(FRAMES) and beside.is_file()
    if not any(isinstance(record, Burst | Edge) for record, _ in _read(path, {}, silent)):
        raise CaptureError(f"{path}: JSON lines, but none says a frame (hex, dir, baud) or an edge (line, level)")
    if has_edges:
        next(blocks_of(beside), b"")

    def records(told: Progress) -> Iterator[Record]:
        lines = _read(path, selects, told)
        if not has_edges:
            return _with_windows(lines)
        edges = (record for record, _ in _read(beside, {}, silent))
        return heapq.merge(edges, (record for record, _ in lines), key=_place)

    return Capture(path, "frames", records(progress), lambda: lines_of(records(silent)))


def _place(record: Record) -> float:
    """Where a record goes; one without a time sorts first, so it stays behind the one in front of it."""
    return record.at or 0.0


def _with_windows(lines: Iterable[tuple[Record, Sequence[Edge]]]) -> Iterator[Record]:
    """The records with the edges of their windows in between.

    The edges wait in the order of time, those of one time as they came, until as many records have been read as may
    stand in front of one whose window opened before them.
    """
    waiting: deque[Record] = deque()
    edges: list[tuple[float, int, Edge]] = []
    numbers = count()
    for record, window in lines:
        waiting.append(record)
        for edge in window:
            heapq.heappush(edges, (edge.at, next(numbers), edge))
        if len(waiting) > LOOK_AHEAD:
            yield from _next_in_time(edges, waiting)
        while len(edges) > 4 * LOOK_AHEAD:
            # Windows far behind their frames: time that nobody keeps is no reason to keep everything.
            yield heapq.heappop(edges)[-1]
    while waiting:
        yield from _next_in_time(edges, waiting)
    while edges:
        yield heapq.heappop(edges)[-1]


def _next_in_time(edges: list[tuple[float, int, Edge]], waiting: deque[Record]) -> Iterator[Record]:
    """The record that waits longest, behind the edges that are not later."""
    place = _place(waiting[0])
    while edges and edges[0][0] <= place:
        yield heapq.heappop(edges)[-1]
    yield waiting.popleft()


def _read(path: Path, selects: Mapping[Role, str], progress: Progress) -> Iterator[tuple[Record, Sequence[Edge]]]:
    """Each record of a file with the edges of the window that it came in."""
    lines = (line for block in blocks_of(path, progress) for line in block.splitlines())
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        window: list[Edge] = []
        try:
            told = object_from(line)
            record = record_of(told)
            if isinstance(record, Burst):
                _take_clocked(record, told)
                window += _window(told, selects.get(record.sender, ""))
        except ValueError as error:
            record = Remark(None, f"{path.name} line {number} is no record: {error}", True)
        yield record, window


def _take_clocked(burst: Burst, told: Mapping[str, object]) -> None:
    """Add the bytes clocked behind a frame; a frame without its end is one line of a log."""
    padding = bytes_of(told.get("pad", ""))
    end = seconds(told.get("end_us"))
    burst.data += padding
    if burst.at is None or end is None:
        burst.whole = True
    else:
        burst.until = end + transmission_time(len(padding), burst.baudrate)


def _window(told: Mapping[str, object], select: str) -> Iterator[Edge]:
    times = told.get("cs_us")
    if not select or not isinstance(times, list):
        return
    for time_us, level in zip(cast("list[object]", times), (True, False), strict=False):
        at = seconds(time_us)
        if at is not None:
            yield Edge(at, select, level)
