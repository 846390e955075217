"""Decodes edges of clocked links: to bursts, cut where the clock pauses, and to units of a half-duplex link.

It works on the transitions of a capture. A clock that idles at the wrong level is read as inverted, and data lines
that are swapped are read as the dialect knows them; both are reported.

A byte of a half-duplex link is eight periods of the clock; a pause separates it from the next. The end that clocks
sends where its acknowledge line rose first. Edges of the clock and of the acknowledge lines that are part of a unit
are not repeated as edges.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

from lensmount_hardware.captures.logic_analyser.uart import LogicLine, Positions
from lensmount_protocol.wire import (
    BITS_PER_CLOCKED_BYTE,
    AcknowledgeLines,
    Annotation,
    AnnotationKind,
    Burst,
    ClockedLink,
    Defect,
    Edge,
    LineDefect,
    Role,
    Wiring,
)

Bits = npt.NDArray[np.uint8]

MAX_PAIRS = 4096
"""Bursts that are examined for swapped data lines."""

_BLOCK = 65536
"""Bursts that are converted to Python objects at a time."""


def decode_clocked(
    lines: Mapping[str, LogicLine], wiring: Wiring, rate: float
) -> Iterator[Burst | Annotation | LineDefect]:
    """Decode all bursts of a full-duplex clocked link, in time order; defects of lines come first.

    A burst is not data if the number of its clock edges is no multiple of eight; an annotation names its place.

    Args:
        lines: the lines that the capture has; a data line that is missing gives no bursts of its sender.
        wiring: a wiring with a `clocked` link.
        rate: samples a second.
    """
    link = wiring.clocked
    clock = lines.get(link.clock) if link is not None else None
    if link is None or clock is None or not len(clock.edges):
        return
    bursts = find_bursts(clock, link, rate)
    yield from bursts.defects
    sampled, firsts, counts = bursts.sampled, bursts.firsts, bursts.counts
    if not len(firsts):
        return
    data: dict[Role, Bits] = {
        serial.sender: lines[serial.name].levels_at(sampled).astype(np.uint8)
        for serial in wiring.serial
        if serial.name in lines
    }
    swapped = len(data) == len(Role) and link.find_swapped(_pairs(data, firsts, counts, link))
    if swapped:
        data = {role.peer: bits for role, bits in data.items()}
        names = {serial.sender: serial.name for serial in wiring.serial}
        first, second = names[Role.BODY], names[Role.LENS]
        yield LineDefect(
            first, Defect.SWAPPED, f"{first} is swapped with {second}: requests come on {second}; it is read swapped"
        )
    yield from _records(data, sampled, (bursts.begins, firsts, counts), link, rate)


MIN_EVIDENCE = 64
"""Edges of a clock after which a data line that never changes is reported."""

_CLEAR_SAMPLES = 3.0
"""Samples a period of a clock from which on no pulse can be missed."""


def line_defects(lines: Mapping[str, LogicLine], wiring: Wiring, rate: float) -> Iterator[LineDefect | Annotation]:
    """Report lines that are missing or never change, and a clock that is too fast for the samples; one line each.

    Args:
        lines: the lines that the capture has.
        wiring: a wiring with a `clocked` link.
        rate: samples a second.
    """
    link = wiring.clocked
    if link is None:
        return
    clock = lines.get(link.clock)
    if clock is None or not len(clock.edges):
        lost = "no burst is read"
        yield _dead_line(link.clock, clock, lost)
        return
    for name in dict.fromkeys(serial.name for serial in wiring.serial):
        senders = " and ".join(serial.sender.value for serial in wiring.serial if serial.name == name)
        data = lines.get(name)
        if data is None:
            yield _dead_line(name, None, f"the units of the {senders} are left out")
        elif not len(data.edges) and len(clock.edges) >= MIN_EVIDENCE:
            yield _dead_line(name, data, f"every bit of the {senders} is the same")
    short = np.diff(clock.edges)
    short = short[short <= link.gap_s * rate]
    period = 2 * float(np.mean(short)) if len(short) else _CLEAR_SAMPLES
    if period < _CLEAR_SAMPLES:
        yield Annotation(
            float(clock.edges[0]) / rate,
            f"{link.clock}: {period:.2g} samples a period at {rate / 1e6:g} MHz; pulses may be missing; sample at "
            f"{_CLEAR_SAMPLES * rate / period / 1e6:.3g} MHz or more",
            kind=AnnotationKind.LOST_BURST,
        )


def _dead_line(name: str, line: LogicLine | None, lost: str) -> LineDefect:
    advice = f"{lost}; check its probe, or use --channel {name}=NAME"
    if line is None:
        return LineDefect(name, Defect.MISSING, f"{name} is not in the capture: {advice}")
    defect, level = (Defect.STUCK_HIGH, "high") if line.initial else (Defect.STUCK_LOW, "low")
    return LineDefect(name, defect, f"{name} is {level} all the time: {advice}")


@dataclass(frozen=True, slots=True)
class ClockBursts:
    """The bursts of a clock line.

    Attributes:
        defects: what is wrong with the line.
        sampled: the samples at which data are valid.
        begins: where each burst begins.
        firsts: index in `sampled` of the first bit of each burst.
        counts: bits of each burst.
    """

    defects: tuple[LineDefect, ...]
    sampled: Positions
    begins: Positions
    firsts: Positions
    counts: Positions

    @property
    def ends(self) -> Positions:
        """The last valid sample of each burst."""
        return self.sampled[self.firsts + self.counts - 1] if len(self.firsts) else self.firsts


def find_bursts(clock: LogicLine, link: ClockedLink, rate: float) -> ClockBursts:
    """Find the bursts of a clock line: a clock that idles at the wrong level is read inverted.

    Args:
        clock: the line, with at least one edge.
        link: the clocked link.
        rate: samples a second.
    """
    idles_high = _idles_high(clock)
    defects: list[LineDefect] = []
    if idles_high is not link.idle_high:
        level = "high" if idles_high else "low"
        expected = "high" if link.idle_high else "low"
        text = f"{link.clock} idles {level}, and the clock of this mount idles {expected}: it is read inverted"
        defects.append(LineDefect(link.clock, Defect.INVERTED, text))
    valid_edges_rise = link.sampled_on_rise is (idles_high is link.idle_high)
    sampled, firsts, counts = _bursts(clock, valid_edges_rise, link, rate)
    begins = _begins(clock, sampled[firsts], link, rate) if len(firsts) else firsts
    return ClockBursts(tuple(defects), sampled, begins, firsts, counts)


def _records(
    data: Mapping[Role, Bits],
    sampled: Positions,
    places: tuple[Positions, Positions, Positions],
    link: ClockedLink,
    rate: float,
) -> Iterator[Burst | Annotation]:
    begins, firsts, counts = places
    legal = sorted(size * BITS_PER_CLOCKED_BYTE for size in link.burst_sizes)
    senders = sorted(data, key=lambda role: role is not link.clocked_by)
    for start in range(0, len(firsts), _BLOCK):
        part = slice(start, start + _BLOCK)
        for begin, first, count in zip(
            begins[part].tolist(), firsts[part].tolist(), counts[part].tolist(), strict=True
        ):
            at, end = begin / rate, int(sampled[first + count - 1]) / rate
            if count % BITS_PER_CLOCKED_BYTE:
                sizes = " or ".join(map(str, legal))
                text = f"{link.clock}: a burst of {count} clock edges; a burst has {sizes}; not taken as data"
                yield Annotation(at, text, kind=AnnotationKind.LOST_BURST)
                continue
            for sender in senders:
                yield Burst(
                    at, sender, pack_bits(data[sender][first : first + count], link), link.bit_rate, end, whole=True
                )


def _idles_high(clock: LogicLine) -> bool:
    """Whether the clock rests high: the level of most of the time outside its first and last edge."""
    held = clock.held()[:-1]
    high = clock.edge_levels[:-1]
    return bool(held[high].sum() >= held[~high].sum()) if len(held) else clock.initial


def _bursts(clock: LogicLine, on_rise: bool, link: ClockedLink, rate: float) -> tuple[Positions, Positions, Positions]:
    """Return the samples at which data are valid, and the index of the first one and the number of each burst."""
    levels = clock.edge_levels
    # An edge long after the one before it brings the clock to its idle level: no bit lasts that long.
    short = np.diff(clock.edges, prepend=-int(link.gap_s * rate) - 2) <= link.gap_s * rate
    sampled = clock.edges[(levels if on_rise else ~levels) & short]
    if not len(sampled):
        return sampled, sampled, sampled
    cuts = np.flatnonzero(np.diff(sampled) > link.gap_s * rate) + 1
    firsts = np.concatenate(([0], cuts)).astype(np.int64)
    return sampled, firsts, np.diff(firsts, append=len(sampled)).astype(np.int64)


def _begins(clock: LogicLine, valid: Positions, link: ClockedLink, rate: float) -> Positions:
    """Return where each burst begins: the edge that leaves the idle level, before its first valid edge."""
    before = np.searchsorted(clock.edges, valid) - 1
    leaves = np.where(before >= 0, clock.edges[np.maximum(before, 0)], valid)
    return np.where(valid - leaves > link.gap_s * rate, valid, leaves).astype(np.int64)


def _pairs(
    data: Mapping[Role, Bits], firsts: Positions, counts: Positions, link: ClockedLink
) -> list[tuple[bytes, bytes]]:
    """Return the bytes of both lines in the first bursts of a legal size."""
    legal = {size * BITS_PER_CLOCKED_BYTE for size in link.burst_sizes}
    pairs: list[tuple[bytes, bytes]] = []
    for first, count in zip(firsts[:MAX_PAIRS].tolist(), counts[:MAX_PAIRS].tolist(), strict=True):
        if count in legal:
            body, lens = (pack_bits(data[role][first : first + count], link) for role in (Role.BODY, Role.LENS))
            pairs.append((body, lens))
    return pairs


def pack_bits(bits: Bits, link: ClockedLink) -> bytes:
    """Return the bytes of a burst's bits."""
    packed = np.packbits(bits, bitorder="big") if link.msb_first else np.packbits(bits, bitorder="little")
    return packed.tobytes()


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
    rises = clocking.edges[clocking.edge_levels]
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
    split = link.acknowledge.make_splitter().next
    units: list[_Unit] = []
    unit: _Unit | None = None
    bytes_ = zip(
        _values(found, data, link),
        senders or repeat(None),
        found.begins.tolist(),
        found.ends.tolist(),
        (found.counts == BITS_PER_CLOCKED_BYTE).tolist(),
        strict=False,
    )
    for value, known, begin, end, whole in bytes_:
        sender, starts = split(value, known)
        if starts or unit is None:
            unit = _Unit(sender, begin, end, bytearray())
            units.append(unit)
        unit.end = end
        if whole:
            unit.data.append(value)
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
