"""Logic lines of any capture to records: which probe carries which line, and bytes and edges in the order of time."""

import heapq
import math
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from lensmount_hardware.captures.uart import LogicLine, bursts_of
from lensmount_protocol.errors import CaptureError, unknown
from lensmount_protocol.wire import Burst, Edge, Record, Wiring

_BLOCK = 65536
"""Edges that are Python numbers at a time."""

SAMPLES_PER_BIT = 3
"""Fewest samples a bit that can be decoded."""

_SPELLINGS = ("{line}", "{line}_BODY", "{line}_LENS", "BODY_{line}_LENS", "LENS_{line}_BODY", "LOGIC_{line}")
"""How captures name a line: plainly, or with the ends that drive and hear it."""


def probes_of(
    path: Path, probes: Mapping[str, int], count: int, wiring: Wiring, channels: Mapping[str, str]
) -> dict[str, int]:
    """Line -> number of its probe, by the names that captures of this mount use, then by what the caller says.

    Args:
        path: the file, for errors.
        probes: name -> number, as the file has them.
        count: how many there are, named or not.
        wiring: the mount's lines.
        channels: line -> name or number of a probe, from the caller.

    Raises:
        CaptureError: a serial line has none, or the caller names a line or a probe that is not there.
    """
    by_name = {name.upper(): number for name, number in probes.items()}
    found: dict[str, int] = {}
    for line in wiring.lines:
        if line in channels:
            found[line] = _probe(path, probes, count, channels[line])
            continue
        spoken = (spelling.format(line=line) for spelling in _SPELLINGS)
        named = next((by_name[name] for name in spoken if name in by_name), None)
        if named is not None:
            found[line] = named
    for line in channels:
        if line not in wiring.lines:
            raise CaptureError(f"{path}: {unknown('line', line, wiring.lines)}")
    missing = [serial.name for serial in wiring.serial if serial.name not in found]
    if missing:
        wanted, known = " and ".join(missing), ", ".join(probes) or "none"
        raise CaptureError(f"{path}: no channel for {wanted}; the file has {known}; say --channel {missing[0]}=NAME")
    return found


def _probe(path: Path, probes: Mapping[str, int], count: int, probe: str) -> int:
    folded = {name.upper(): number for name, number in probes.items()}
    if probe.upper() in folded:
        return folded[probe.upper()]
    if re.fullmatch(r"\d{1,3}", probe) and int(probe) < count:
        return int(probe)
    raise CaptureError(f"{path}: {unknown('channel', probe, probes)}; or its number from 0")


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


def records_of_lines(
    lines: Mapping[str, LogicLine], wiring: Wiring, rate: float, jitter: float = 1.0
) -> Iterator[Record]:
    """Everything in time order; at one and the same sample the edges come first, for they open windows.

    Args:
        lines: the serial lines, and others of the mount.
        wiring: which are serial, and their rates.
        rate: samples a second.
        jitter: samples by which the start of a byte may be away from an even pace before its burst is cut there.
    """
    edges: list[Iterator[Record]] = [
        _edges(name, line, rate) for name, line in lines.items() if all(name != serial.name for serial in wiring.serial)
    ]
    traffic: list[Iterator[Record]] = []
    for serial in wiring.serial:
        data = lines[serial.name]
        found = bursts_of(data, lines.get(serial.select), serial, wiring, rate, jitter)
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
