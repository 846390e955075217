"""Renders records as the levels of lines over time, as a logic analyser captures them.

Bytes are drawn bit by bit: 8N1, or on a clocked link with their clock.

Two passes: `analyse` finds the lines, their initial levels and the total time; `render_steps` draws, in memory that
does not grow with the recording.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt

from lensmount_hardware.captures.capture import sort_by_time
from lensmount_hardware.captures.logic_analyser.uart import Floats, Positions
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import (
    BITS_PER_BYTE,
    BITS_PER_CLOCKED_BYTE,
    AcknowledgeLines,
    Burst,
    ClockedLink,
    Edge,
    PartialBurst,
    Role,
    WireRecord,
    Wiring,
)

Levels = npt.NDArray[np.uint64]
"""The levels of all lines at a time, one bit each, the first line the lowest."""

MAX_LINES = 64

MAX_TIME_S = 4e9
"""More than a century; nanoseconds of longer times do not fit 64 bits."""

_PIECE = 65_536
"""Bytes of a burst that are drawn at a time: a change takes memory until it is passed on."""

_BATCH = 65_536
"""Changes that are drawn before they are passed on."""

_MAX_PENDING = 2 * BITS_PER_BYTE * _PIECE + _BATCH
"""Changes that wait for earlier records; only overlapping bursts need more. Then all are passed on, and later records
are drawn after them."""

_SAME_TIME = 1e-9
"""Seconds by which a burst may start before the end of the last one, by rounding alone."""


@dataclass(slots=True)
class Waveform:
    """The lines of a drawing, and counts of what it lacks.

    Attributes:
        lines: the names, serial lines included, in the order of their bits.
        initial: the level of each before the first record.
        serial: sender -> index of the line that carries its bytes; both may have one line.
        start: time of the first record.
        end: when the last one ends.
        timeless: bursts that are left out because they have no time.
        moved: records that are drawn later than recorded, because they overlap others or are far out of order.
        lost: changes of level that no step shows, because the line changes back within the same step.
        clocked: the physical layer of a clocked mount; `None` for 8N1.
    """

    lines: tuple[str, ...]
    initial: tuple[bool, ...]
    serial: dict[Role, int]
    start: float
    end: float
    timeless: int
    moved: int = 0
    lost: int = 0
    clocked: ClockedLink | None = None

    def notes(self) -> list[str]:
        """Return texts on the differences between the drawing and the records."""
        found = (
            (self.timeless, "runs of bytes without a time are left out"),
            (self.moved, "records overlap others or are out of order, and were drawn later than recorded"),
            (self.lost, "changes of level are closer than a step, and not shown; ask for a higher --samplerate"),
        )
        return [f"{number} {text}" for number, text in found if number]


def analyse(name: str, records: Iterable[WireRecord], wiring: Wiring) -> Waveform:
    """Run the first pass: find the lines and their initial levels.

    A serial line idles high unless an edge before its first byte has another level. Another line starts with the
    level of its first edge if that is at the start; a later first edge is a change from the other level.

    Args:
        name: of the recording, for errors.
        records: all of them.
        wiring: the mount's lines; its serial ones are drawn in any case.

    Raises:
        CaptureError: no record has a time, or there are more than 64 lines.
    """
    first: dict[str, Edge] = {}
    first_byte: dict[Role, float] = {}
    start, end, timeless = math.inf, -math.inf, 0
    for record in records:
        if isinstance(record, Burst):
            ends = record.byte_at(len(record.data))
            if record.at is None or ends is None:
                timeless += 1
                continue
            first_byte[record.sender] = min(record.at, first_byte.get(record.sender, math.inf))
            start, end = min(start, record.at), max(end, ends)
        elif isinstance(record, Edge):
            known = first.get(record.line)
            if known is None or record.at < known.at:
                first[record.line] = record
            start, end = min(start, record.at), max(end, record.at)
    if end < start:
        raise CaptureError(
            f"{name}: no byte or edge in it has a time, so there is nothing to draw; .pcapng can hold it"
        )
    if not -MAX_TIME_S <= start <= end <= MAX_TIME_S:
        raise CaptureError(
            f"{name}: its records are from {start:g} s to {end:g} s; a drawing has times up to {MAX_TIME_S:g} s; "
            "remove the record with the wrong time"
        )
    serial = {line.sender: line.name for line in wiring.serial}
    data_lines = set(serial.values())
    carriers = data_lines if wiring.clocked is None else {*data_lines, wiring.clocked.clock}
    lines = [line for line in wiring.lines if line in first or line in carriers]
    lines += [line for line in first if line not in wiring.lines]
    if len(lines) > MAX_LINES:
        raise CaptureError(f"{name}: {len(lines)} lines; a drawing has at most {MAX_LINES}")

    start_of_bytes = min(first_byte.values(), default=math.inf)
    first_byte_on = {serial[sender]: at for sender, at in first_byte.items()}

    def initial_level(line: str) -> bool:
        edge = first.get(line)
        if wiring.clocked is not None and line in carriers and (edge is None or edge.at >= start_of_bytes):
            return line == wiring.clocked.clock and wiring.clocked.idle_high
        if edge is None or (line in data_lines and edge.at > first_byte_on.get(line, math.inf)):
            return line in data_lines
        return edge.level if edge.at <= start else not edge.level

    return Waveform(
        tuple(lines),
        tuple(map(initial_level, lines)),
        {sender: lines.index(line) for sender, line in serial.items()},
        start,
        end,
        timeless,
        clocked=wiring.clocked,
    )


def render_steps(
    records: Iterable[WireRecord], waveform: Waveform, rate: float, origin: float
) -> Iterator[tuple[Positions, Levels]]:
    """Run the second pass: yield the steps of changes, and the levels of all lines from there on.

    Args:
        records: the same as in the first pass.
        waveform: the result of the first pass; this function updates its counts.
        rate: steps a second.
        origin: seconds at which step 0 is.
    """
    port = np.uint64(sum(1 << index for index, level in enumerate(waveform.initial) if level))
    # The last step waits, because more changes may fall into it.
    where: Positions = np.empty(0, np.int64)
    masks: Levels = np.empty(0, np.uint64)
    for at, toggled in chain(_changes(records, waveform), ((np.array([math.inf]), np.zeros(1, np.uint64)),)):
        finite = at[at < math.inf]
        if len(finite) and float(finite[-1]) > origin + MAX_TIME_S:
            raise CaptureError(
                f"records overlap, and are drawn after each other up to {finite[-1]:g} s; a drawing ends "
                f"{MAX_TIME_S:g} s after it begins"
            )
        where = np.concatenate((where, np.rint((finite - origin) * rate).astype(np.int64)))
        masks = np.concatenate((masks, np.uint64(1) << toggled[: len(finite)]))
        ready = len(where[where < where[-1]]) if len(where) and len(finite) == len(at) else len(where)
        if not ready:
            continue
        firsts = np.flatnonzero(np.diff(where[:ready], prepend=where[0] - 1))
        merged: Levels = np.bitwise_xor.reduceat(masks[:ready], firsts)
        waveform.lost += ready - int(np.count_nonzero(np.unpackbits(merged.view(np.uint8))))
        ports = np.bitwise_xor.accumulate(np.concatenate(([port], merged)))
        kept = np.flatnonzero(merged)
        port = ports[-1]
        if len(kept):
            yield where[firsts[kept]], ports[1:][kept]
        where, masks = where[ready:], masks[ready:]


def _changes(records: Iterable[WireRecord], waveform: Waveform) -> Iterator[tuple[Floats, Levels]]:
    """Yield the times of changes, ascending, with the index of the line."""
    drawing = _WaveformRenderer(waveform)
    for record in sort_by_time(records):
        for piece in _pieces(record):
            drawing.draw(piece, piece.at or 0.0)
            if drawing.count >= _BATCH:
                yield from _split(*drawing.take_before(drawing.horizon))
                if len(drawing.times[0]) > _MAX_PENDING:
                    drawing.horizon = max(drawing.horizon, float(drawing.times[0][-1]))
                    yield from _split(*drawing.take_before(math.inf))
    yield from _split(*drawing.take_before(math.inf))


def _split(times: Floats, lines: Levels) -> Iterator[tuple[Floats, Levels]]:
    """Split changes into pieces of limited size, because the text of many takes much memory."""
    for first in range(0, len(times), _BATCH):
        yield times[first : first + _BATCH], lines[first : first + _BATCH]


def _pieces(record: WireRecord) -> Iterator[Burst | Edge]:
    """Yield the parts of a record to draw: none without a time, and a long burst in pieces."""
    if not isinstance(record, Burst | Edge) or record.at is None:
        return
    if isinstance(record, Edge) or len(record.data) <= _PIECE:
        yield record
        return
    for first in range(0, len(record.data), _PIECE):
        data = record.data[first : first + _PIECE]
        until = record.byte_at(first + len(data))
        yield Burst(record.byte_at(first), record.sender, data, record.baudrate, until)


_BITS = np.arange(BITS_PER_BYTE)

_CLOCKED_PULSE = (0.1, 0.5)
_CLOCKING_PULSE = (0.2, 0.8)
"""Where an acknowledge line falls and rises, in parts of the pause between bytes; the clocked end is ready first."""


@dataclass(slots=True)
class _WaveformRenderer:
    """Changes that are drawn and not passed on yet; no more will be drawn before the time `horizon`."""

    waveform: Waveform
    horizon: float = -math.inf
    count: int = 0
    levels: list[bool] = field(init=False)
    free: list[float] = field(init=False)
    index: dict[str, int] = field(init=False)
    times: list[Floats] = field(default_factory=lambda: list[Floats]())
    lines: list[Levels] = field(default_factory=lambda: list[Levels]())

    def __post_init__(self) -> None:
        self.levels = list(self.waveform.initial)
        self.free = [-math.inf] * len(self.levels)
        self.index = {name: index for index, name in enumerate(self.waveform.lines)}

    def draw(self, record: Burst | Edge, time: float) -> None:
        """Draw a record, at its own time if the line is free."""
        line = self.waveform.serial[record.sender] if isinstance(record, Burst) else self.index[record.line]
        at = max(time, self.horizon, self.free[line])
        if at - time > _SAME_TIME:
            self.waveform.moved += 1
        self.horizon = max(self.horizon, time)
        if isinstance(record, Burst):
            clocked = self.waveform.clocked
            if clocked is None:
                self.free[line] = self._draw_bytes(record, line, at)
            elif clocked.acknowledge is not None:
                self.free[line] = self._draw_unit(record, line, at, clocked, clocked.acknowledge)
            else:
                self.free[line] = self._draw_clocked(record, line, at, clocked)
            return
        if record.level is not self.levels[line]:
            self.levels[line] = record.level
            self._add(np.array([at]), line)
        self.free[line] = at

    def take_before(self, end: float) -> tuple[Floats, Levels]:
        """Return and remove all changes before this time."""
        times, lines = np.concatenate([np.empty(0), *self.times]), np.concatenate([np.empty(0, np.uint64), *self.lines])
        order = np.argsort(times, kind="stable")
        times, lines = times[order], lines[order]
        ready = int(np.searchsorted(times, end))
        self.times, self.lines, self.count = [times[ready:]], [lines[ready:]], 0
        return times[:ready], lines[:ready]

    def _draw_bytes(self, burst: Burst, line: int, at: float) -> float:
        """Draw each byte; returns the end of the last stop bit."""
        size = len(burst.data)
        bit = 1 / burst.baudrate
        span = 0.0 if burst.end is None or burst.at is None else burst.end - burst.at
        pace = span / size if span > 0 else BITS_PER_BYTE * bit
        bit = min(bit, pace / BITS_PER_BYTE)
        levels = np.ones((size, BITS_PER_BYTE), bool)
        levels[:, 0] = False
        data = np.frombuffer(burst.data, np.uint8)
        levels[:, 1:-1] = np.unpackbits(data[:, None], axis=1, bitorder="little")
        flat = levels.ravel()
        changed = np.flatnonzero(flat != np.concatenate(([self.levels[line]], flat[:-1])))
        times = (at + pace * np.arange(size)[:, None] + bit * _BITS).ravel()
        self._add(times[changed], line)
        self.levels[line] = True
        return at + size * pace

    def _draw_clocked(self, burst: Burst, line: int, at: float, link: ClockedLink) -> float:
        """Draw a burst bit by bit, with its clock once for both ends; returns the end of the last clock period."""
        data = np.frombuffer(burst.data, np.uint8)
        bits = np.unpackbits(data) if link.msb_first else np.unpackbits(data, bitorder="little")
        if isinstance(burst, PartialBurst):
            bits = np.concatenate((bits, np.frombuffer(burst.bits.encode(), np.uint8) & 1))
        count = len(bits)
        span = 0.0 if burst.end is None or burst.at is None else burst.end - burst.at
        period = (span if span > 0 else (count - 0.5) / link.bit_rate) / (count - 0.5)
        starts = at + period * np.arange(count)
        # After the last period the data line idles low.
        flat = np.concatenate((bits.astype(bool), [False]))
        changed = np.flatnonzero(flat != np.concatenate(([self.levels[line]], flat[:-1])))
        self._add(np.concatenate((starts, [at + period * count]))[changed], line)
        self.levels[line] = False
        clock = self.index[link.clock]
        if burst.sender is link.clocked_by:
            if self.levels[clock] is not link.idle_high:
                self._add(np.array([at - period]), clock)
                self.levels[clock] = link.idle_high
            edges = np.empty(2 * count)
            edges[::2], edges[1::2] = starts, starts + period / 2
            self._add(edges, clock)
        return at + period * count

    def _draw_unit(self, burst: Burst, line: int, at: float, link: ClockedLink, acknowledge: AcknowledgeLines) -> float:
        """Draw a unit of a half-duplex link byte by byte, with its clock and the pulses of the acknowledge lines."""
        bit = 1 / link.bit_rate
        bits = np.unpackbits(np.frombuffer(burst.data, np.uint8), bitorder="big" if link.msb_first else "little")
        if isinstance(burst, PartialBurst):
            bits = np.concatenate((bits, np.frombuffer(burst.bits.encode(), np.uint8) & 1))
        size = -(-len(bits) // BITS_PER_CLOCKED_BYTE)
        span = 0.0 if burst.end is None or burst.at is None else burst.end - burst.at
        pitch = (span - (BITS_PER_CLOCKED_BYTE - 0.5) * bit) / (size - 1) if span > 0 and size > 1 else link.byte_pitch
        pitch = max(pitch, BITS_PER_CLOCKED_BYTE * bit)
        first = at + pitch * np.arange(size)
        starts = (first[:, None] + bit * np.arange(BITS_PER_CLOCKED_BYTE)).ravel()[: len(bits)]
        end = float(starts[-1]) + bit
        flat = np.concatenate((bits.astype(bool), [False]))
        changed = np.flatnonzero(flat != np.concatenate(([self.levels[line]], flat[:-1])))
        self._add(np.concatenate((starts, [end]))[changed], line)
        self.levels[line] = False
        clock = self.index[link.clock]
        if self.levels[clock] is not link.idle_high:
            self._add(np.array([at - bit]), clock)
            self.levels[clock] = link.idle_high
        self._add(np.stack((starts, starts + bit / 2), axis=1).ravel(), clock)
        pause = pitch - BITS_PER_CLOCKED_BYTE * bit
        pulses = [(acknowledge.clocked, _CLOCKED_PULSE)]
        if burst.sender is not link.clocked_by:
            pulses.append((acknowledge.clocking, _CLOCKING_PULSE))
        for name, places in pulses:
            pulsed = self.index.get(name, -1)
            if pulsed >= 0 and self.levels[pulsed] and pause > 0:
                after = first[:-1] + BITS_PER_CLOCKED_BYTE * bit
                self._add((after[:, None] + pause * np.array(places)).ravel(), pulsed)
        return end

    def _add(self, times: Floats, line: int) -> None:
        self.times.append(times)
        self.lines.append(np.full(len(times), line, np.uint64))
        self.count += len(times)


def whole_seconds_before(waveform: Waveform) -> float:
    """Return the whole second before the first record, at which a drawing starts."""
    return float(math.floor(waveform.start))
