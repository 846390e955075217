"""Reads decoded captures as JSON lines: frames in `NAME.frames.jsonl`, edges in `NAME.lines.jsonl` beside it."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import cast

from lensmount_hardware.captures.capture import Capture, Progress, line_names, no_progress, read_blocks
from lensmount_hardware.captures.record_json import (
    MAX_BAD_LINES,
    parse_hex,
    parse_object,
    parse_seconds,
    record_from_json,
)
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge, Role, WireRecord, Wiring, transmission_time

FRAMES = ".frames.jsonl"
LINES = ".lines.jsonl"

LOOK_AHEAD = 4096
"""Frames that are read before the edges of their windows are yielded, so that these are in time order."""


def read_jsonl(
    path: Path, wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = no_progress
) -> Capture:
    """Open decoded frames or edges; a frames file is read together with the edges file beside it.

    Without an edges file, the windows of the frames give the edges of the select lines.

    Raises:
        CaptureError: not one line of it is a record.
    """
    selects = {serial.sender: serial.select for serial in wiring.serial if serial.select in wiring.lines}
    beside = path.with_name(path.name.removesuffix(FRAMES) + LINES)
    has_edges = path.name.endswith(FRAMES) and beside.is_file()
    if not any(isinstance(record, Burst | Edge) for record, _ in _read(path, {}, no_progress)):
        raise CaptureError(f"{path}: JSON lines, but none has a frame (hex, dir, baud) or an edge (line, level)")
    if has_edges:
        next(read_blocks(beside), b"")

    def records(on_progress: Progress) -> Iterator[WireRecord]:
        lines = _read(path, selects, on_progress)
        if not has_edges:
            return _with_windows(lines)
        edges = (record for record, _ in _read(beside, {}, no_progress))
        return heapq.merge(edges, (record for record, _ in lines), key=_time_key)

    return Capture(path, "frames", records(progress), lambda: line_names(records(no_progress)))


def _time_key(record: WireRecord) -> float:
    """Return the sort key of a record; one without a time sorts first, so it stays after its predecessor."""
    return record.at or 0.0


def _with_windows(lines: Iterable[tuple[WireRecord, Sequence[Edge]]]) -> Iterator[WireRecord]:
    """Merge the records with the edges of their windows.

    The edges are queued by time, until `LOOK_AHEAD` records have been read: that many may precede a record with a
    window that opened before them.
    """
    waiting: deque[WireRecord] = deque()
    edges: list[tuple[float, int, Edge]] = []
    numbers = count()
    for record, window in lines:
        waiting.append(record)
        for edge in window:
            heapq.heappush(edges, (edge.at, next(numbers), edge))
        if len(waiting) > LOOK_AHEAD:
            yield from _next_in_time(edges, waiting)
        while len(edges) > 4 * LOOK_AHEAD:
            # Windows long after their frames: unordered times must not grow the queue without bound.
            yield heapq.heappop(edges)[-1]
    while waiting:
        yield from _next_in_time(edges, waiting)
    while edges:
        yield heapq.heappop(edges)[-1]


def _next_in_time(edges: list[tuple[float, int, Edge]], waiting: deque[WireRecord]) -> Iterator[WireRecord]:
    """Yield the oldest record, after the edges that are not later."""
    place = _time_key(waiting[0])
    while edges and edges[0][0] <= place:
        yield heapq.heappop(edges)[-1]
    yield waiting.popleft()


def _read(path: Path, selects: Mapping[Role, str], progress: Progress) -> Iterator[tuple[WireRecord, Sequence[Edge]]]:
    """Yield each record of a file with the edges of its window."""
    lines = (line for block in read_blocks(path, progress) for line in block.splitlines())
    damaged = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        window: list[Edge] = []
        try:
            fields = parse_object(line)
            record = record_from_json(fields)
            if isinstance(record, Burst):
                _add_clocked_bytes(record, fields)
                window += _window(fields, selects.get(record.sender, ""))
        except ValueError as error:
            damaged += 1
            if damaged > MAX_BAD_LINES:
                continue
            record = Annotation(None, f"{path.name} line {number} is no record: {error}", True)
        yield record, window
    if damaged > MAX_BAD_LINES:
        yield Annotation(None, f"{damaged - MAX_BAD_LINES} more lines are no records", True), ()


def _add_clocked_bytes(burst: Burst, entry: Mapping[str, object]) -> None:
    """Add the bytes clocked after a frame; a frame without its end is one line of a log."""
    padding = parse_hex(entry.get("pad", ""))
    end = parse_seconds(entry.get("end_us"))
    burst.data += padding
    if burst.at is None or end is None:
        burst.whole = True
    else:
        burst.end = end + transmission_time(len(padding), burst.baudrate)


def _window(entry: Mapping[str, object], select: str) -> Iterator[Edge]:
    times = entry.get("cs_us")
    if not select or not isinstance(times, list):
        return
    for time_us, level in zip(cast("list[object]", times), (True, False), strict=False):
        at = parse_seconds(time_us)
        if at is not None:
            yield Edge(at, select, level)
