"""Converts logic lines of any capture to records, bytes and edges in time order, and collects changes of bits."""

import heapq
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import MissingRateError
from lensmount_hardware.captures.logic_analyser.clocked import decode_acknowledged, decode_clocked, line_defects
from lensmount_hardware.captures.logic_analyser.line_repair import repair_lines
from lensmount_hardware.captures.logic_analyser.uart import LogicLine, decode_uart
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge, LineDefect, WireRecord, Wiring

_BLOCK = 65536
"""Edges that are Python numbers at a time."""

MIN_EDGES_WITHOUT_BYTES = 40
"""Edges from which on a serial line that gives no byte is named."""

SAMPLES_PER_BIT = 3
"""Minimum number of samples a bit for decoding."""


SAMPLES_PER_CLOCK = 2
"""Minimum number of samples a period of a clock: each level lasts half of it."""


def check_rate(path: Path, rate: float, wiring: Wiring, *, drawn: bool = False) -> None:
    """Reject samples that are too far apart to decode bits.

    Args:
        path: the file, for errors.
        rate: samples a second.
        wiring: the mount's lines.
        drawn: whether bits are to be drawn at this rate; a clock needs more samples then.

    Raises:
        CaptureError: the rate is too low.
    """
    link = wiring.clocked
    needed = (SAMPLES_PER_BIT if link is None or drawn else SAMPLES_PER_CLOCK) * wiring.baudrates[-1]
    if rate < needed and link is not None:
        raise CaptureError(
            f"{path}: {rate / 1e6:g} MHz is too slow for {link.clock}, a clock of {link.bit_rate / 1e6:g} MHz; "
            f"sample at {SAMPLES_PER_BIT * link.bit_rate / 1e6:g} MHz or more"
        )
    if rate < needed:
        raise CaptureError(
            f"{path}: {rate / 1e6:g} MHz is too slow for {wiring.baudrates[-1]} baud; "
            f"sample at {needed / 1e6:g} MHz or more"
        )


_TIDY = 8
"""A byte may be off by one in this many parts of a bit, where the file's resolution is no finer."""


def pick_rate(path: Path, own: float | None, samplerate: float | None) -> tuple[float, list[Annotation]]:
    """Return the sample rate, and annotations on it.

    Args:
        path: the file, for errors.
        own: the rate in the file.
        samplerate: the rate from the user.

    Raises:
        MissingRateError: there is neither.
    """
    if samplerate is None:
        if own is None:
            raise MissingRateError(f"{path}: no sample rate in the file; give it with --samplerate HZ, such as 6M")
        return own, []
    if own is None or own == samplerate:
        return samplerate, []
    text = f"read at {samplerate:g} samples a second, by --samplerate; the file itself has {own:g}"
    return samplerate, [Annotation(None, text)]


def pace_jitter(lines: Mapping[str, LogicLine], rate: float, wiring: Wiring) -> float:
    """Return the steps by which bytes may be off an even pace: the least distance of two changes, or a part of a bit.

    In a file of changes from sampled lines all changes are at samples, whatever the unit of its times.
    """
    if not lines:
        return 1.0
    changes = np.unique(np.concatenate([line.edges for line in lines.values()]))
    closest = int(np.diff(changes).min()) if len(changes) > 1 else 1
    return max(1.0, min(float(closest), rate / wiring.baudrates[-1] / _TIDY))


def decode_logic_lines(
    lines: Mapping[str, LogicLine], wiring: Wiring, rate: float, jitter: float = 1.0
) -> Iterator[WireRecord]:
    """Yield all records in time order; at the same sample the edges come first, because they open windows.

    Args:
        lines: the lines of the mount that the capture has.
        wiring: the serial lines, and their rates.
        rate: samples a second.
        jitter: samples by which the start of a byte may be off an even pace before its burst is split there.
    """
    if wiring.clocked is not None:
        return _decode_clocked_lines(lines, wiring, rate)
    health = repair_lines(lines, wiring, rate)
    lines = health.lines
    ignored = {defect.line for defect in health.defects if defect.ignored}
    edges: list[Iterator[WireRecord]] = [
        _edges(name, line, rate) for name, line in lines.items() if all(name != serial.name for serial in wiring.serial)
    ]
    traffic: list[Iterator[WireRecord]] = []
    for serial in wiring.serial:
        data = lines.get(serial.name)
        if data is None:
            continue
        select = None if serial.select in ignored else lines.get(serial.select)
        found = decode_uart(data, select, serial, wiring, rate, jitter)
        in_front: list[WireRecord] = []
        first = math.inf
        for record in found:
            in_front.append(record)
            if isinstance(record, Burst):
                first = record.at or 0.0
                break
        else:
            if len(data.edges) >= MIN_EDGES_WITHOUT_BYTES:
                text = f"{serial.name} has {len(data.edges)} edges and no byte: inverted, or no serial data"
                in_front.append(Annotation(None, text))
        edges.append(_edges(serial.name, data, rate, first))
        traffic.append(chain(in_front, found))
    return chain(health.defects, heapq.merge(*edges, *traffic, key=lambda record: record.at or 0.0))


def _decode_clocked_lines(lines: Mapping[str, LogicLine], wiring: Wiring, rate: float) -> Iterator[WireRecord]:
    """Yield the records of a clocked link; the clock and the data lines are given by the bursts."""
    link = wiring.clocked
    carriers = {link.clock if link else "", *(serial.name for serial in wiring.serial)}
    acknowledge = None if link is None else link.acknowledge
    if acknowledge is not None:
        carriers |= {acknowledge.clocking, acknowledge.clocked}
    edges = [_edges(name, line, rate) for name, line in lines.items() if name not in carriers]
    found: Iterator[WireRecord] = (decode_clocked if acknowledge is None else decode_acknowledged)(lines, wiring, rate)
    defects: list[WireRecord] = [*line_defects(lines, wiring, rate)]
    in_front: list[WireRecord] = []
    for record in found:
        if not isinstance(record, LineDefect):
            in_front.append(record)
            break
        defects.append(record)
    traffic: Iterator[WireRecord] = chain(in_front, found)
    return chain(defects, heapq.merge(*edges, traffic, key=lambda record: record.at or 0.0))


def with_annotations(records: Iterator[WireRecord], annotations: Iterable[Annotation]) -> Iterator[WireRecord]:
    """Merge annotations into records; those without a time come first, or last if they report missing data."""
    pending = list(annotations)
    timed = sorted((remark for remark in pending if remark.at is not None), key=lambda remark: remark.at or 0.0)
    yield from (remark for remark in pending if remark.at is None and not remark.incomplete)
    yield from heapq.merge(timed, records, key=lambda record: record.at or 0.0) if timed else records
    yield from (remark for remark in pending if remark.at is None and remark.incomplete)


def _edges(name: str, line: LogicLine, rate: float, end: float = math.inf) -> Iterator[Edge]:
    """Yield the level at the start and all edges; for a serial line only those before its first byte."""
    level = line.initial
    yield Edge(0.0, name, level)
    for first in range(0, len(line.edges), _BLOCK):
        for sample in line.edges[first : first + _BLOCK].tolist():
            at = sample / rate
            if at >= end:
                return
            level = not level
            yield Edge(at, name, level)


@dataclass(slots=True)
class BitChanges:
    """The changes of one bit.

    Attributes:
        steps: the steps at which it changes.
        initial: its level before the first of them.
        level: its level after the last of them.
        known: whether it has any level in the file.
    """

    steps: "array[int]" = field(default_factory=lambda: array("q"))
    initial: bool = False
    level: bool = False
    known: bool = False

    def add(self, at: int, level: bool) -> None:
        """Add its level from a step on; the first one is also its level before."""
        if not self.known:
            self.known, self.initial, self.level = True, level, level
        elif level is not self.level:
            self.level = level
            if self.steps and self.steps[-1] == at:
                self.steps.pop()
            else:
                self.steps.append(at)

    def refine(self, factor: int) -> None:
        """Convert to steps that are finer by a factor."""
        finer = np.array(self.steps, np.int64) * factor
        self.steps = array("q", finer.tobytes())

    def as_line(self, length: int) -> LogicLine:
        """Return the bit as a `LogicLine` of a capture of so many steps."""
        return LogicLine(self.initial, np.array(self.steps, np.int64), length)
