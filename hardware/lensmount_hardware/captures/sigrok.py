"""Logic captures of sigrok and PulseView: a ZIP of samples, with its channels mapped to a mount's lines."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import Capture, Progress, silent
from lensmount_hardware.captures.limits import EdgeBudget
from lensmount_hardware.captures.logic import check_rate, records_of_lines
from lensmount_hardware.captures.sigrok_file import (
    DAMAGE,
    LARGEST_SAMPLE,
    Layout,
    bits_of,
    chunks_of,
    layout_of,
    one_line,
)
from lensmount_hardware.captures.uart import LogicLine, Ports, Positions, transitions
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Wiring


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
    records = records_of_lines(lines, wiring, layout.rate)
    return Capture(path, "sigrok", records, lambda: tuple(lines), resolution=1 / layout.rate)


def _lines(
    path: Path, archive: zipfile.ZipFile, layout: Layout, bits: Mapping[str, int], progress: Progress
) -> dict[str, LogicLine]:
    """The edges of every mapped line, found chunk by chunk, so that memory holds edges and not samples."""
    mask = sum({1 << bit for bit in bits.values()})
    positions: list[Positions] = []
    values: list[Ports] = []
    before: int | None = None
    budget = EdgeBudget.for_file(path)
    length = 0
    for data in chunks_of(path, archive, layout, progress):
        chunk = _ports(data, layout.sample_size)
        chunk = chunk & chunk.dtype.type(mask)
        if before is None:
            before = int(chunk[0])
            values.append(chunk[:1])
        at, became = transitions(chunk, before, length)
        budget.take(len(at))
        positions.append(at)
        values.append(became)
        before, length = int(chunk[-1]), length + len(chunk)
    if before is None:
        raise CaptureError(f"{path}: no samples")
    where, port = np.concatenate(positions), np.concatenate(values).astype(np.uint64)
    lines: dict[str, LogicLine] = {}
    budget.count = 0
    for line, bit in bits.items():
        lines[line] = _line(where, port, bit, length)
        budget.take(len(lines[line].edges))
    return lines


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
