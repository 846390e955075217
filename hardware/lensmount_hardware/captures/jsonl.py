"""Decoded captures as JSON lines: frames in `NAME.frames.jsonl`, edges in `NAME.lines.jsonl` beside it."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from lensmount_hardware.captures.capture import Capture, Progress, lines_of, numbered, read_bytes, silent
from lensmount_hardware.captures.records_json import bytes_of, object_from, record_of, seconds
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Burst, Edge, Record, Remark, Role, Wiring, transmission_time

FRAMES = ".frames.jsonl"
LINES = ".lines.jsonl"


def is_jsonl(head: bytes) -> bool:
    """Whether a file that begins like this may be JSON lines; the first of them may be damaged."""
    return any(line.lstrip().startswith(b"{") for line in head.splitlines())


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
    records, windows = _read(path, selects, progress)
    if not any(isinstance(record, Burst | Edge) for record in records):
        raise CaptureError(
            f"{path}: JSON lines, but none says a frame (hex, dir, baud) or an edge (line, level)"
        )
    edges: list[Record] = _read(beside, {}, silent)[0] if has_edges else [*windows]
    # In time order; a record without a time sorts first, so it stays behind the one in front of it.
    merged = list(heapq.merge(edges, records, key=lambda record: record.at or 0.0))
    return Capture(path, "frames", iter(merged), lines_of(merged))


def _read(path: Path, selects: Mapping[Role, str], progress: Progress) -> tuple[list[Record], list[Edge]]:
    """The records of a file, and the edges of the windows that its frames came in."""
    records: list[Record] = []
    windows: list[Edge] = []
    for number, line in numbered(read_bytes(path).splitlines(), progress):
        if not line.strip():
            continue
        try:
            told = object_from(line)
            record = record_of(told)
            if isinstance(record, Burst):
                record = _clocked(record, told)
                windows += _window(told, selects.get(record.sender, ""))
        except ValueError as error:
            record = Remark(None, f"{path.name} line {number} is no record: {error}")
        records.append(record)
    return records, sorted(windows, key=lambda edge: edge.at)


def _clocked(burst: Burst, told: Mapping[str, object]) -> Burst:
    """A frame with the bytes clocked behind it; a frame without its end is one line of a log."""
    data = burst.data + bytes_of(told.get("pad", ""))
    end = seconds(told.get("end_us"))
    if burst.at is None or end is None:
        return replace(burst, data=data, whole=True)
    return replace(
        burst, data=data, until=end + transmission_time(len(data) - len(burst.data), burst.baudrate)
    )


def _window(told: Mapping[str, object], select: str) -> Iterator[Edge]:
    times = told.get("cs_us")
    if not select or not isinstance(times, list):
        return
    for time_us, level in zip(cast("list[object]", times), (True, False), strict=False):
        at = seconds(time_us)
        if at is not None:
            yield Edge(at, select, level)
