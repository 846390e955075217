"""Decodes edges of a half-duplex clocked link to units: bytes by the clock, and their sender by the acknowledge lines.

A byte is eight periods of the clock; a pause separates it from the next. The end that clocks sends where its
acknowledge line rose first. Edges of the clock and of the acknowledge lines that are part of a unit are not repeated
as edges.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lensmount_hardware.captures.logic_analyser.clocked import ClockBursts, find_bursts, pack_bits
from lensmount_hardware.captures.logic_analyser.uart import LogicLine, Positions
from lensmount_protocol.wire import (
    BITS_PER_CLOCKED_BYTE,
    AcknowledgeLines,
    Annotation,
    Burst,
    ClockedLink,
    Defect,
    Edge,
    LineDefect,
    Role,
    Wiring,
)

Decoded = Burst | Edge | Annotation | LineDefect


def decode_acknowledged(lines: Mapping[str, LogicLine], wiring: Wiring, rate: float) -> Iterator[Decoded]:
    """Decode all units of a half-duplex link, in time order; defects of lines come first.

    A byte is not data if it has not eight edges of the clock; an annotation names its place.

    Args:
        lines: the lines that the capture has.
        wiring: a wiring with a `clocked` link that has acknowledge lines.
        rate: samples a second.
    """
    link = wiring.clocked
    if link is None or link.acknowledge is None:
        return
    clock, data = lines.get(link.clock), lines.get(wiring.serial[0].name)
    if clock is None or data is None or not len(clock.edges):
        return
    found = find_bursts(clock, link, rate)
    yield from found.defects
    acknowledge = link.acknowledge
    missing = [name for name in (acknowledge.clocking, acknowledge.clocked) if name not in lines]
    for name in missing:
        text = f"{name} is missing: the sender of a byte is taken from the order of the units"
        yield LineDefect(name, Defect.MISSING, text)
    senders = None if missing else _senders(lines, acknowledge, found.begins)
    units = _units(found, data, link, senders)
    records: list[Burst | Edge | Annotation] = [*_odd_bytes(found, link, rate)]
    records += [
        Burst(unit.begin / rate, unit.sender, bytes(unit.data), link.bit_rate, unit.end / rate, whole=True)
        for unit in units
        if unit.data
    ]
    begins = np.array([unit.begin for unit in units], np.int64)
    ends = np.array([unit.end for unit in units], np.int64)
    for name in (link.clock, acknowledge.clocking, acknowledge.clocked):
        if name in lines:
            of_bytes = (found.begins, found.ends + 1) if name == link.clock else (begins + 1, ends)
            records += _edges_outside(name, lines[name], *of_bytes, rate)
    yield from sorted(records, key=lambda record: record.at or 0.0)


def _senders(lines: Mapping[str, LogicLine], acknowledge: AcknowledgeLines, begins: Positions) -> list[Role | None]:
    """Return the sender of each byte, by which acknowledge line rose first; `None` where neither shows it."""
    clocking, clocked = lines[acknowledge.clocking], lines[acknowledge.clocked]
    rises = clocking.edges[clocking.levels_at(clocking.edges)]
    if not len(rises):
        return [None] * len(begins)
    last = np.searchsorted(rises, begins, side="right") - 1
    known = (last >= 0) & clocking.levels_at(begins)
    before = np.maximum(rises[np.maximum(last, 0)] - 1, 0)
    from_clocked = clocked.levels_at(before)
    return [
        None if not one else Role.LENS if lens else Role.BODY
        for one, lens in zip(known.tolist(), from_clocked.tolist(), strict=True)
    ]


@dataclass(slots=True)
class _Unit:
    """A unit: its sender, its bytes, and the samples at which it begins and ends."""

    sender: Role
    begin: int
    end: int
    data: bytearray


def _units(found: ClockBursts, data: LogicLine, link: ClockedLink, senders: list[Role | None] | None) -> list[_Unit]:
    """Return the units in order; a byte with another number of bits keeps its place and adds no data."""
    assert link.acknowledge is not None
    splitter = link.acknowledge.make_splitter()
    units: list[_Unit] = []
    begins, ends, counts = found.begins.tolist(), found.ends.tolist(), found.counts.tolist()
    for number, value in enumerate(_values(found, data, link)):
        sender, starts = splitter.next(value, None if senders is None else senders[number])
        if starts or not units:
            units.append(_Unit(sender, begins[number], ends[number], bytearray()))
        units[-1].end = ends[number]
        if counts[number] == BITS_PER_CLOCKED_BYTE:
            units[-1].data.append(value)
    return units


def _values(found: ClockBursts, data: LogicLine, link: ClockedLink) -> bytes:
    """Return a value for each byte; missing bits of one are zero, and further ones are left out."""
    places = found.firsts[:, None] + np.arange(BITS_PER_CLOCKED_BYTE)
    present = np.arange(BITS_PER_CLOCKED_BYTE) < found.counts[:, None]
    levels = data.levels_at(found.sampled[np.where(present, places, 0).ravel()])
    return pack_bits((levels & present.ravel()).astype(np.uint8), link)


def _odd_bytes(found: ClockBursts, link: ClockedLink, rate: float) -> Iterator[Annotation]:
    odd = found.counts != BITS_PER_CLOCKED_BYTE
    for begin, count in zip(found.begins[odd].tolist(), found.counts[odd].tolist(), strict=True):
        text = f"{link.clock}: a byte of {count} clock edges; a byte has {BITS_PER_CLOCKED_BYTE}; not taken as data"
        yield Annotation(begin / rate, text)


def _edges_outside(name: str, line: LogicLine, begins: Positions, ends: Positions, rate: float) -> Iterator[Edge]:
    """Yield the level at the start and the edges outside some spans; a change over a span comes at its end.

    Args:
        name: the line.
        line: its levels.
        begins: the first sample of each span, ascending.
        ends: the sample after each span.
        rate: samples a second.
    """
    yield Edge(0.0, name, line.initial)
    edges = line.edges
    where = np.searchsorted(begins, edges, side="right") - 1
    inside = (where >= 0) & (edges < ends[np.maximum(where, 0)]) if len(begins) else np.zeros(len(edges), bool)
    kept = edges[~inside]
    if len(begins):
        changed = line.levels_at(np.maximum(begins - 1, 0)) != line.levels_at(np.maximum(ends - 1, 0))
        kept = np.union1d(kept, ends[changed])
    levels = line.levels_at(kept)
    for at, level in zip(kept.tolist(), levels.tolist(), strict=True):
        yield Edge(at / rate, name, level)
