"""Logic lines of any capture to records: bytes and edges in the order of time."""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import MissingRateError
from lensmount_hardware.captures.line_health import examine
from lensmount_hardware.captures.uart import LogicLine, bursts_of
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Burst, Edge, Record, Remark, Wiring

_BLOCK = 65536
"""Edges that are Python numbers at a time."""

SAMPLES_PER_BIT = 3
"""Fewest samples a bit that can be decoded."""


def check_rate(path: Path, rate: float, wiring: Wiring) -> None:
    """Refuse samples that are too far apart to tell bits.

    Raises:
        CaptureError: they are.
    """
    needed = SAMPLES_PER_BIT * wiring.baudrates[-1]
    if rate < needed:
        raise CaptureError(
            f"{path}: {rate / 1e6:g} MHz is too slow for {wiring.baudrates[-1]} baud; "
            f"sample at {needed / 1e6:g} MHz or more"
        )


_TIDY = 8
"""Part of a bit by which a byte may come early or late, where the file itself is no finer."""


def pick_rate(path: Path, own: float | None, samplerate: float | None) -> tuple[float, list[Remark]]:
    """The rate of the samples, and what is to be said of it.

    Args:
        path: the file, for errors.
        own: what the file says.
        samplerate: what the user says.

    Raises:
        MissingRateError: neither says one.
    """
    if samplerate is None:
        if own is None:
            raise MissingRateError(f"{path}: no sample rate in the file; say it with --samplerate HZ, such as 6M")
        return own, []
    if own is None or own == samplerate:
        return samplerate, []
    text = f"read at {samplerate:g} samples a second, as --samplerate says; the file itself says {own:g}"
    return samplerate, [Remark(None, text)]


def pace_jitter(lines: Mapping[str, LogicLine], rate: float, wiring: Wiring) -> float:
    """Steps by which bytes may be off an even pace: what lies between the closest two changes, at most a part of a bit.

    A file of changes of sampled lines has all its changes where samples were, whatever the unit of its times.
    """
    if not lines:
        return 1.0
    changes = np.unique(np.concatenate([line.edges for line in lines.values()]))
    closest = int(np.diff(changes).min()) if len(changes) > 1 else 1
    return max(1.0, min(float(closest), rate / wiring.baudrates[-1] / _TIDY))


def records_of_lines(
    lines: Mapping[str, LogicLine], wiring: Wiring, rate: float, jitter: float = 1.0
) -> Iterator[Record]:
    """Everything in time order; at one and the same sample the edges come first, for they open windows.

    Args:
        lines: the lines of the mount that the capture has.
        wiring: which are serial, and their rates.
        rate: samples a second.
        jitter: samples by which the start of a byte may be away from an even pace before its burst is cut there.
    """
    health = examine(lines, wiring, rate)
    lines = health.lines
    ignored = {defect.line for defect in health.defects if defect.ignored}
    edges: list[Iterator[Record]] = [
        _edges(name, line, rate) for name, line in lines.items() if all(name != serial.name for serial in wiring.serial)
    ]
    traffic: list[Iterator[Record]] = []
    for serial in wiring.serial:
        data = lines.get(serial.name)
        if data is None:
            continue
        select = None if serial.select in ignored else lines.get(serial.select)
        found = bursts_of(data, select, serial, wiring, rate, jitter)
        in_front: list[Record] = []
        first = math.inf
        for record in found:
            in_front.append(record)
            if isinstance(record, Burst):
                first = record.at or 0.0
                break
        edges.append(_edges(serial.name, data, rate, first))
        traffic.append(chain(in_front, found))
    return chain(health.defects, heapq.merge(*edges, *traffic, key=lambda record: record.at or 0.0))


def with_remarks(records: Iterator[Record], remarks: Iterable[Remark]) -> Iterator[Record]:
    """Records with remarks at their times; those without a time in front, or at the end where something is missing."""
    told = list(remarks)
    timed = sorted((remark for remark in told if remark.at is not None), key=lambda remark: remark.at or 0.0)
    yield from (remark for remark in told if remark.at is None and not remark.incomplete)
    yield from heapq.merge(timed, records, key=lambda record: record.at or 0.0) if timed else records
    yield from (remark for remark in told if remark.at is None and remark.incomplete)


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
