"""Records drawn as the levels of lines over time, as a logic analyser would have seen them: bytes bit by bit, 8N1.

Two passes: `survey` finds the lines, how they begin and how long it all takes; `steps` draws, in memory that does not
grow with the recording.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt

from lensmount_hardware.captures.capture import in_time_order
from lensmount_hardware.captures.uart import Floats, Positions
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import BITS_PER_BYTE, Burst, Edge, Record, Wiring

Levels = npt.NDArray[np.uint64]
"""All lines at a moment, each one bit, the first line the lowest."""

MOST_LINES = 64

MAX_TIME_S = 4e9
"""More than a century; beyond, nanoseconds do not fit 64 bits."""

_PIECE = 65_536
"""Bytes of a burst that are drawn at a time: a change takes memory until it is handed on."""

_BATCH = 65_536
"""Changes that are drawn before they are handed on."""

_MAX_PENDING = 2 * BITS_PER_BYTE * _PIECE + _BATCH
"""Changes that wait for records that may come before them; only bursts that overlap need more. Then all are handed on,
and later records are drawn after them."""

_SAME_TIME = 1e-9
"""Less than this a burst may begin in front of the end of the last one, by rounding alone."""


@dataclass(slots=True)
class Waveform:
    """What is to be drawn, and what drawing it came to.

    Attributes:
        lines: the names, serial lines included, in the order of their bits.
        initial: the level of each in front of the first record.
        serial: sender -> index of the line that carries its bytes.
        start: time of the first record.
        end: when the last one ends.
        timeless: bursts that are left out because nobody knows when they were.
        moved: records that were drawn later than they say, because they overlap others or come far behind later ones.
        lost: changes of level that no step shows, because a line changed back within the same step.
    """

    lines: tuple[str, ...]
    initial: tuple[bool, ...]
    serial: dict[object, int]
    start: float
    end: float
    timeless: int
    moved: int = 0
    lost: int = 0

    def remarks(self) -> list[str]:
        """What the drawing does not say as the records do, in words."""
        found = (
            (self.timeless, "runs of bytes without a time are left out"),
            (self.moved, "records overlap others or are out of order, and were drawn later than they say"),
            (self.lost, "changes of level are closer than a step, and not shown; ask for a higher --samplerate"),
        )
        return [f"{number} {words}" for number, words in found if number]


def survey(name: str, records: Iterable[Record], wiring: Wiring) -> Waveform:
    """The first pass: which lines there are, and how they begin.

    A serial line idles high unless an edge in front of its first byte says otherwise. Another line begins with the
    level that its first edge states at the very start; a later first edge changed it.

    Args:
        name: of the recording, for errors.
        records: all of them.
        wiring: the mount's lines; its serial ones are drawn in any case.

    Raises:
        CaptureError: no record has a time, or there are more than 64 lines.
    """
    first: dict[str, Edge] = {}
    first_byte: dict[object, float] = {}
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
            "cut the record whose time is wrong out"
        )
    serial = {line.name: line.sender for line in wiring.serial}
    lines = [line for line in wiring.lines if line in first or line in serial]
    lines += [line for line in first if line not in wiring.lines]
    if len(lines) > MOST_LINES:
        raise CaptureError(f"{name}: {len(lines)} lines; a drawing has at most {MOST_LINES}")

    def level_of(line: str) -> bool:
        edge = first.get(line)
        if edge is None or (line in serial and edge.at > first_byte.get(serial[line], math.inf)):
            return line in serial
        return edge.level if edge.at <= start else not edge.level

    return Waveform(
        tuple(lines),
        tuple(map(level_of, lines)),
        {sender: lines.index(line) for line, sender in serial.items()},
        start,
        end,
        timeless,
    )


def steps(
    records: Iterable[Record], waveform: Waveform, rate: float, origin: float
) -> Iterator[tuple[Positions, Levels]]:
    """The second pass: where anything changes, and the levels of all lines from there on.

    Args:
        records: the same as in the first pass.
        waveform: what that found; told what could not be drawn as it is.
        rate: steps a second.
        origin: seconds at which step 0 is.
    """
    port = np.uint64(sum(1 << index for index, level in enumerate(waveform.initial) if level))
    # The last step waits, for more changes may fall into it.
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


def _changes(records: Iterable[Record], waveform: Waveform) -> Iterator[tuple[Floats, Levels]]:
    """Times at which a line takes its other level, ascending, and the index of the line."""
    drawing = _Drawing(waveform)
    for record in in_time_order(records):
        for piece in _pieces(record):
            drawing.take(piece, piece.at or 0.0)
            if drawing.count >= _BATCH:
                yield from _split(*drawing.until(drawing.horizon))
                if len(drawing.times[0]) > _MAX_PENDING:
                    drawing.horizon = max(drawing.horizon, float(drawing.times[0][-1]))
                    yield from _split(*drawing.until(math.inf))
    yield from _split(*drawing.until(math.inf))


def _split(times: Floats, lines: Levels) -> Iterator[tuple[Floats, Levels]]:
    """Changes in pieces of a bounded number, as the text of many takes much memory."""
    for first in range(0, len(times), _BATCH):
        yield times[first : first + _BATCH], lines[first : first + _BATCH]


def _pieces(record: Record) -> Iterator[Burst | Edge]:
    """What is drawn of a record: nothing without a time, and a long burst piece by piece."""
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


@dataclass(slots=True)
class _Drawing:
    """The changes that are drawn and not handed on; `horizon` is the time in front of which no more will come."""

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

    def take(self, record: Burst | Edge, told: float) -> None:
        """Draw a record, at the time that it tells if nothing is in the way."""
        line = self.waveform.serial[record.sender] if isinstance(record, Burst) else self.index[record.line]
        at = max(told, self.horizon, self.free[line])
        if at - told > _SAME_TIME:
            self.waveform.moved += 1
        self.horizon = max(self.horizon, told)
        if isinstance(record, Burst):
            self.free[line] = self._draw_bytes(record, line, at)
            return
        if record.level is not self.levels[line]:
            self.levels[line] = record.level
            self._add(np.array([at]), line)
        self.free[line] = at

    def until(self, end: float) -> tuple[Floats, Levels]:
        """Hand on everything in front of this time."""
        times, lines = np.concatenate([np.empty(0), *self.times]), np.concatenate([np.empty(0, np.uint64), *self.lines])
        order = np.argsort(times, kind="stable")
        times, lines = times[order], lines[order]
        ready = int(np.searchsorted(times, end))
        self.times, self.lines, self.count = [times[ready:]], [lines[ready:]], 0
        return times[:ready], lines[:ready]

    def _draw_bytes(self, burst: Burst, line: int, at: float) -> float:
        """Draw each byte; gives when the last stop bit ends."""
        size = len(burst.data)
        bit = 1 / burst.baudrate
        span = 0.0 if burst.until is None or burst.at is None else burst.until - burst.at
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

    def _add(self, times: Floats, line: int) -> None:
        self.times.append(times)
        self.lines.append(np.full(len(times), line, np.uint64))
        self.count += len(times)


def whole_seconds_before(waveform: Waveform) -> float:
    """The whole second in front of the first record: where a drawing begins whose recording began at any time."""
    return float(math.floor(waveform.start))
