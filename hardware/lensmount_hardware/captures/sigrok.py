"""Logic captures of sigrok and PulseView: a ZIP of samples, with its channels mapped to a mount's lines."""

import heapq
import math
import zipfile
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import Capture, Progress, silent
from lensmount_hardware.captures.sigrok_file import (
    DAMAGE,
    LARGEST_SAMPLE,
    Layout,
    bits_of,
    check_rate,
    chunks_of,
    layout_of,
    one_line,
)
from lensmount_hardware.captures.uart import LogicLine, Ports, Positions, bursts_of, transitions
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Burst, Edge, Record, Wiring

_BLOCK = 65536
"""Edges that are Python numbers at a time."""


def read_sigrok(
    path: Path, wiring: Wiring, channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open a `.sr` file.

    Args:
        path: the file.
        wiring: the mount's lines.
        channels: line -> probe, by name or number from 0, for captures whose channels have other names.
        progress: told how far the samples have been read.

    Raises:
        CaptureError: no sigrok file, cut, too slow, or without the mount's serial lines.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            layout = layout_of(path, archive)
            bits = bits_of(path, layout, wiring, channels or {})
            check_rate(path, layout.rate, wiring)
            lines = _lines(path, archive, layout, bits, progress)
    except DAMAGE as error:
        raise CaptureError(f"{path}: no readable sigrok capture: {one_line(error)}") from error
    records = _records(lines, wiring, layout.rate)
    return Capture(path, "sigrok", records, lambda: tuple(lines), resolution=1 / layout.rate)


def _lines(
    path: Path, archive: zipfile.ZipFile, layout: Layout, bits: Mapping[str, int], progress: Progress
) -> dict[str, LogicLine]:
    """The edges of every mapped line, found chunk by chunk, so that memory holds edges and not samples."""
    mask = sum({1 << bit for bit in bits.values()})
    positions: list[Positions] = []
    values: list[Ports] = []
    before: int | None = None
    length = 0
    for data in chunks_of(path, archive, layout, progress):
        chunk = _ports(data, layout.sample_size)
        chunk = chunk & chunk.dtype.type(mask)
        if before is None:
            before = int(chunk[0])
            values.append(chunk[:1])
        at, became = transitions(chunk, before, length)
        positions.append(at)
        values.append(became)
        before, length = int(chunk[-1]), length + len(chunk)
    if before is None:
        raise CaptureError(f"{path}: no samples")
    where, port = np.concatenate(positions), np.concatenate(values).astype(np.uint64)
    return {line: _line(where, port, bit, length) for line, bit in bits.items()}


def _ports(data: bytes, sample_size: int) -> Ports:
    """Samples of any size as one integer each."""
    if sample_size in (1, 2, 4, 8):
        return np.frombuffer(data, f"<u{sample_size}")
    wide = np.zeros((len(data) // sample_size, LARGEST_SAMPLE), np.uint8)
    wide[:, :sample_size] = np.frombuffer(data, np.uint8).reshape(-1, sample_size)
    return wide.view("<u8")[:, 0]


def _line(where: Positions, port: Ports, bit: int, length: int) -> LogicLine:
    levels = (port >> np.uint64(bit)) & np.uint64(1)
    return LogicLine(bool(levels[0]), where[levels[1:] != levels[:-1]], length)


def _records(lines: Mapping[str, LogicLine], wiring: Wiring, rate: float) -> Iterator[Record]:
    """Everything in time order; at one and the same sample the edges come first, for they open windows."""
    edges: list[Iterator[Record]] = [
        _edges(name, line, rate) for name, line in lines.items() if all(name != serial.name for serial in wiring.serial)
    ]
    traffic: list[Iterator[Record]] = []
    for serial in wiring.serial:
        data = lines[serial.name]
        found = bursts_of(data, lines.get(serial.select), serial, wiring, rate)
        in_front: list[Record] = []
        first = math.inf
        for record in found:
            in_front.append(record)
            if isinstance(record, Burst):
                first = record.at or 0.0
                break
        edges.append(_edges(serial.name, data, rate, first))
        traffic.append(chain(in_front, found))
    return heapq.merge(*edges, *traffic, key=lambda record: record.at or 0.0)


def _edges(name: str, line: LogicLine, rate: float, end: float = math.inf) -> Iterator[Edge]:
    """The level at the start and every edge; of a serial line only those in front of its first byte."""
    level = line.initial
    yield Edge(0.0, name, level)
    for first in range(0, len(line.edges), _BLOCK):
        for sample in line.edges[first : first + _BLOCK].tolist():
            at = sample / rate
            if at >= end:
                return
            level = not level
            yield Edge(at, name, level)
