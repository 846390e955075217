"""Edges of logic lines to bytes: works on the transitions of a capture, never on its samples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lensmount_protocol.wire import BITS_PER_BYTE, Burst, Role, SerialLine, Wiring

Positions = npt.NDArray[np.int64]

START_LOW_TOLERANCE = 0.2
"""How far the low of a first byte may be off and still tell the rate."""

SAMPLES_PER_BIT = 3
"""Fewest samples a bit that can be decoded."""


@dataclass(frozen=True, slots=True)
class LogicLine:
    """One line of a logic capture.

    Attributes:
        initial: its level at the first sample.
        edges: sample numbers at which the level changed.
        length: samples in the capture.
    """

    initial: bool
    edges: Positions
    length: int

    @property
    def falls(self) -> Positions:
        """Samples at which the line went low."""
        return self.edges[int(not self.initial) :: 2]

    @property
    def rises(self) -> Positions:
        """Samples at which the line went high."""
        return self.edges[int(self.initial) :: 2]

    def levels_at(self, samples: Positions) -> npt.NDArray[np.bool_]:
        """The level at each of these samples."""
        changes = np.searchsorted(self.edges, samples, side="right")
        levels: npt.NDArray[np.bool_] = (changes % 2 == 1) ^ self.initial
        return levels


def transitions(chunk: npt.NDArray[np.unsignedinteger], before: int, first: int) -> tuple[Positions, list[int]]:
    """Where a chunk of samples differs from the sample in front of it, and what it becomes there.

    Args:
        chunk: samples, one port value each.
        before: the port value in front of the chunk.
        first: sample number of the chunk's first sample.
    """
    previous = np.concatenate((np.array([before], dtype=chunk.dtype), chunk[:-1]))
    at = np.flatnonzero(chunk != previous)
    return (at + first).astype(np.int64), chunk[at].tolist()


def bursts_of(
    data: LogicLine, select: LogicLine | None, line: SerialLine, wiring: Wiring, rate: float
) -> Iterator[Burst]:
    """The bytes of one serial line as bursts, in time order.

    The rate is read from the first byte of each select window (of each run of activity, where there is no select
    line). A character whose stop bit is low is no data: it is a break, or a line whose sender is not switched on yet.

    Args:
        data: the serial line.
        select: the line that frames its windows.
        line: its name and sender.
        wiring: the mount's rates and first byte.
        rate: samples a second.
    """
    falls = data.falls
    if not len(falls):
        return
    group = _groups(falls, select, wiring, rate)
    bit = _samples_per_bit(data, falls, group, wiring, rate)
    starts = _start_bits(falls, bit)
    begin, width = falls[starts], bit[starts]
    values, good = _characters(data, begin, width)
    keep = np.flatnonzero(good)
    yield from _joined(begin[keep], width[keep], group[starts][keep], values[keep], line.sender, wiring, rate)


def _groups(falls: Positions, select: LogicLine | None, wiring: Wiring, rate: float) -> Positions:
    """The number of the window that each fall is in; without a select line, of the run of activity."""
    if select is not None:
        return np.searchsorted(select.edges, falls, side="right").astype(np.int64)
    pause = 2 * BITS_PER_BYTE * rate / wiring.baudrates[0]
    return np.concatenate(([0], np.cumsum(np.diff(falls) > pause))).astype(np.int64)


def _samples_per_bit(
    data: LogicLine, falls: Positions, group: Positions, wiring: Wiring, rate: float
) -> npt.NDArray[np.float64]:
    candidates = np.array([rate / baudrate for baudrate in wiring.baudrates])
    rises = data.rises
    first = np.flatnonzero(np.concatenate(([True], np.diff(group) != 0)))
    rise = np.searchsorted(rises, falls[first], side="right")
    low = np.where(rise < len(rises), rises[np.minimum(rise, len(rises) - 1)], data.length) - falls[first]
    ratio = np.abs(low[:, None] / (wiring.start_low_bits * candidates) - 1)
    width = candidates[np.argmin(ratio, axis=1)]
    unsure = np.flatnonzero(ratio.min(axis=1) > START_LOW_TOLERANCE)
    if len(unsure):
        width[unsure] = _from_shortest_pulse(data, falls, group, first[unsure], candidates)
    return np.repeat(width, np.diff(np.append(first, len(falls))))


def _from_shortest_pulse(
    data: LogicLine,
    falls: Positions,
    group: Positions,
    first: npt.NDArray[np.intp],
    candidates: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """The fastest rate whose bit is no longer than the shortest pulse of the group; first bytes can be damaged."""
    widths = np.empty(len(first))
    for index, start in enumerate(first.tolist()):
        inside = falls[group == group[start]]
        near = data.edges[np.searchsorted(data.edges, inside[0]) : np.searchsorted(data.edges, inside[-1], "right") + 1]
        shortest = np.diff(near).min() if len(near) > 1 else candidates[0]
        fitting = candidates[candidates <= shortest * (1 + START_LOW_TOLERANCE)]
        widths[index] = fitting.max() if len(fitting) else candidates.min()
    return widths


def _start_bits(falls: Positions, bit: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Which falls are start bits: the first one, then always the next one behind the character's data bits."""
    behind = np.searchsorted(falls, falls + (BITS_PER_BYTE - 1) * bit).tolist()
    starts: list[int] = []
    index = 0
    while index < len(behind):
        starts.append(index)
        index = behind[index]
    return np.array(starts, dtype=np.intp)


def _characters(
    data: LogicLine, begin: Positions, bit: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """The value of each character, sampled in the middle of its bits, and whether start and stop bit are right."""
    middles = begin[:, None] + np.floor((np.arange(BITS_PER_BYTE) + 0.5) * bit[:, None]).astype(np.int64)
    levels = data.levels_at(middles.ravel()).reshape(middles.shape)
    values = np.packbits(levels[:, 1:9], axis=1, bitorder="little")[:, 0]
    return values, ~levels[:, 0] & levels[:, 9] & (middles[:, 9] < data.length)


def _joined(
    begin: Positions,
    bit: npt.NDArray[np.float64],
    group: Positions,
    values: npt.NDArray[np.uint8],
    sender: Role,
    wiring: Wiring,
    rate: float,
) -> Iterator[Burst]:
    """Characters that follow each other without a pause, as one burst each."""
    if not len(begin):
        return
    pause = np.diff(begin) > (BITS_PER_BYTE + 1) * bit[:-1]
    cuts = np.flatnonzero(pause | (np.diff(group) != 0)) + 1
    rates = {round(rate / baudrate * 1e6): baudrate for baudrate in wiring.baudrates}
    bounds: Sequence[int] = [0, *cuts.tolist(), len(begin)]
    for first, stop in pairwise(bounds):
        width = float(bit[first])
        end = float(begin[stop - 1]) + BITS_PER_BYTE * width
        yield Burst(
            int(begin[first]) / rate,
            sender,
            values[first:stop].tobytes(),
            rates[round(width * 1e6)],
            end / rate,
        )
