"""Decoded captures as JSON lines: frames in `NAME.frames.jsonl`, and edges in `NAME.lines.jsonl` beside it."""

import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lensmount_hardware.captures.capture import Capture, Progress, read_bytes, silent
from lensmount_hardware.captures.records_json import record_of
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import BITS_PER_BYTE, Burst, Edge, Record, Remark, Wiring

FRAMES = ".frames.jsonl"
LINES = ".lines.jsonl"


def is_jsonl(head: bytes) -> bool:
    """Whether a file that begins like this may be JSON lines."""
    return head.lstrip().startswith(b"{")


def read_jsonl(
    path: Path, _wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open decoded frames or edges; a frames file brings the edges beside it along.

    Raises:
        CaptureError: not one line of it is a record.
    """
    beside = path.with_name(path.name.removesuffix(FRAMES) + LINES)
    records = list(_records(path, progress))
    if not any(isinstance(record, Burst | Edge) for record in records):
        raise CaptureError(f"{path}: JSON lines, but none says a frame (hex, dir, baud) or an edge (line, level)")
    if not path.name.endswith(FRAMES) or not beside.is_file():
        return Capture(path, "frames", iter(records))
    edges = list(_records(beside, silent))
    return Capture(path, "frames", _merged(records, edges))


def _records(path: Path, progress: Progress) -> Iterator[Record]:
    data = read_bytes(path)
    lines = data.splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
            record = record_of(told)
        except (ValueError, KeyError, TypeError) as error:
            yield Remark(None, f"{path.name} line {number} is no record: {error}")
            continue
        yield _clocked(record, told) if isinstance(record, Burst) else record
        progress(number / len(lines))


def _clocked(burst: Burst, told: dict[str, Any]) -> Burst:
    """A frame with the bytes clocked behind it; a frame without its end is one line of a log."""
    end_us = told.get("end_us")
    if burst.at is None or not isinstance(end_us, int | float):
        return replace(burst, whole=True)
    padding = bytes.fromhex(str(told.get("pad", "")))
    byte_time = BITS_PER_BYTE / burst.baudrate
    return replace(burst, data=burst.data + padding, until=end_us / 1e6 + len(padding) * byte_time)


def _merged(frames: list[Record], edges: list[Record]) -> Iterator[Record]:
    """Both in time order; frames without a time keep their place behind the frame in front of them."""
    latest = 0.0
    timed: list[tuple[float, Record]] = []
    for record in frames:
        latest = record.at if record.at is not None else latest
        timed.append((latest, record))
    lines = [(record.at or 0.0, record) for record in edges]
    yield from (record for _, record in heapq.merge(timed, lines, key=lambda item: item[0]))
