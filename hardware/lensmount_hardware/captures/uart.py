"""Edges of logic lines to bytes: works on the transitions of a capture, never on its samples."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lensmount_protocol.wire import BITS_PER_BYTE, Burst, Remark, SerialLine, Wiring

Positions = npt.NDArray[np.int64]
Ports = npt.NDArray[np.unsignedinteger]
Levels = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_CLOCK_TOLERANCE = 0.03
"""How far a sender's bit time may be from its nominal rate; a UART loses bits beyond that."""

_CHARACTER_LOW_BITS = BITS_PER_BYTE - 1
"""Longest low inside a character: the start bit and eight zeros. A longer one is a break."""

_BLOCK = 65536
"""Falls whose followers are Python numbers at a time."""


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
    _starts: dict[float, Positions] = field(default_factory=lambda: dict[float, Positions](), repr=False, compare=False)

    def starts(self, slowest_bit: float) -> Positions:
        """Samples at which the line went low and that may begin a start bit; computed once for a line and a rate.

        Args:
            slowest_bit: samples of a bit at the mount's slowest rate.
        """
        found = self._starts.get(slowest_bit)
        if found is None:
            found = self._starts[slowest_bit] = self.falls[_may_start(self, slowest_bit)]
        return found

    @property
    def falls(self) -> Positions:
        """Samples at which the line went low."""
        return self.edges[int(not self.initial) :: 2]

    def levels_at(self, samples: Positions) -> Levels:
        """The level at each of these samples."""
        changes = np.searchsorted(self.edges, samples, side="right")
        return np.asarray((changes % 2 == 1) != self.initial)

    def held(self) -> Positions:
        """For how many samples the level behind each edge lasts."""
        return np.diff(self.edges, append=self.length)


@dataclass(frozen=True, slots=True)
class Characters:
    """What the start bits of one line lead to, one row a character, in time order.

    Attributes:
        begin: samples of the falling edges of the start bits.
        group: number of the window, or of the run of activity, that each is in.
        rate: index of the rate of each.
        values: the eight data bits.
        stopped: whether a stop bit follows.
    """

    begin: Positions
    group: Positions
    rate: npt.NDArray[np.intp]
    values: npt.NDArray[np.uint8]
    stopped: Levels


def transitions(chunk: Ports, before: int, first: int) -> tuple[Positions, Ports]:
    """Where a chunk of samples differs from the sample in front of it, and what it becomes there.

    Args:
        chunk: samples, one port value each, at least one.
        before: the port value in front of the chunk.
        first: sample number of the chunk's first sample.
    """
    at = np.flatnonzero(chunk[1:] != chunk[:-1]) + 1
    if int(chunk[0]) != before:
        at = np.concatenate(([0], at))
    return (at + first).astype(np.int64), chunk[at]


def bursts_of(
    data: LogicLine, select: LogicLine | None, line: SerialLine, wiring: Wiring, rate: float, jitter: float = 1.0
) -> Iterator[Burst | Remark]:
    """The bytes of one serial line as bursts, in time order.

    The rate is read from the first byte of each select window, or of each run of activity without a select
    line. Nothing is data while the line is off: from a break, or from a start at low, until it idles high. A
    character whose stop bit is low is no data either, but is remarked upon.

    Args:
        data: the serial line.
        select: the line that frames its windows.
        line: its name and sender.
        wiring: the mount's rates and first byte.
        rate: samples a second.
        jitter: samples by which the start of a byte may be away from an even pace before its burst is cut there.
    """
    characters = characters_of(data, select if select is not None and len(select.edges) else None, wiring, rate)
    if characters is None:
        return
    bits = np.array([rate / baudrate for baudrate in wiring.baudrates])
    firsts, stops = _runs(characters, bits)
    straight, ends = _straight(characters, firsts, stops, bits, jitter)
    values = characters.values.tobytes()
    places: list[tuple[int, int]] = list(zip(firsts.tolist(), stops.tolist(), strict=True))
    for run, (first, stop) in enumerate(places):
        if not characters.stopped[first]:
            value = values[first]
            text = f"{line.name}: a character without a stop bit (0x{value:02x}); not taken as data"
            yield Remark(int(characters.begin[first]) / rate, text)
            continue
        bit = float(bits[characters.rate[first]])
        whole = ((first, stop, float(ends[run])),)
        for start, end, until in whole if straight[run] else _pieces(characters.begin, first, stop, bit, jitter):
            yield Burst(
                int(characters.begin[start]) / rate,
                line.sender,
                values[start:end],
                wiring.baudrates[int(characters.rate[first])],
                until / rate,
            )


def activity_of(data: LogicLine, wiring: Wiring, rate: float) -> tuple[Positions, Positions]:
    """The runs of activity of a serial line between pauses: the first and the last falling edge of each."""
    slowest = rate / min(wiring.baudrates)
    falls = data.starts(slowest)
    if not len(falls):
        return falls, falls
    cuts = np.flatnonzero(np.diff(_groups(falls, None, slowest))) + 1
    return falls[np.concatenate(([0], cuts))], falls[np.concatenate((cuts - 1, [len(falls) - 1]))]


def characters_of(data: LogicLine, select: LogicLine | None, wiring: Wiring, rate: float) -> Characters | None:
    """The characters of a serial line, whole or not, grouped by windows or else by pauses; `None` where it has none."""
    bits = np.array([rate / baudrate for baudrate in wiring.baudrates])
    falls = data.starts(float(bits.max()))
    if not len(falls):
        return None
    group = _groups(falls, select, float(bits.max()))
    open_window = np.ones(len(falls), dtype=bool) if select is None else select.levels_at(falls)
    return _characters(data, falls, group, _rates(data, falls, group, open_window, bits, wiring.start_low_bits), bits)


def _may_start(data: LogicLine, slowest_bit: float) -> Levels:
    """Which falls can be a start bit: the line idled high, no break has been since, and none begins here."""
    held = data.held()
    high = data.levels_at(data.edges)
    idles = high & (held >= BITS_PER_BYTE * slowest_bit)
    breaks = ~high & (held > (_CHARACTER_LOW_BITS + 0.5) * slowest_bit)
    order = np.arange(1, len(held) + 1)
    last_idle = np.maximum.accumulate(np.where(idles, order, 0))
    last_break = np.maximum.accumulate(np.where(breaks, order, 0))
    on = (last_idle > last_break) | ((last_break == 0) & data.initial)
    return np.asarray(on[~high])


def _groups(falls: Positions, select: LogicLine | None, slowest_bit: float) -> Positions:
    """The number of the window that each fall is in; without a select line, of the run of activity."""
    if select is not None:
        return np.searchsorted(select.edges, falls, side="right").astype(np.int64)
    pauses = np.diff(falls, prepend=falls[0]) > 2 * BITS_PER_BYTE * slowest_bit
    return np.cumsum(pauses).astype(np.int64)


def _rates(
    data: LogicLine,
    falls: Positions,
    group: Positions,
    open_window: Levels,
    bits: Floats,
    start_low_bits: int,
) -> npt.NDArray[np.intp]:
    """Which of the rates each fall belongs to: one for its whole group.

    A first byte says it; where that is damaged, the shortest pulse of the group does. Activity that says
    nothing, or is outside any window, has the rate of the group in front of it.
    """
    firsts = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    low = data.held()[np.searchsorted(data.edges, falls)]
    high = np.append(np.diff(falls) - low[:-1], data.length)
    shortest = np.minimum.reduceat(np.minimum(low, high), firsts)
    by_first, first_fits = _nearest(low[firsts], start_low_bits * bits, 1 + _CLOCK_TOLERANCE * start_low_bits * bits)
    by_pulse, pulse_fits = _nearest(shortest, bits, bits / 3)
    found = np.where(first_fits, by_first, by_pulse)
    sure = (first_fits | pulse_fits) & open_window[firsts]
    told = np.maximum.accumulate(np.where(sure, np.arange(len(firsts)), -1))
    own = np.where(first_fits | pulse_fits, found, 0)
    chosen = np.where(told < 0, own, found[np.maximum(told, 0)])
    return np.repeat(chosen, np.diff(firsts, append=len(falls))).astype(np.intp)


def _nearest(measured: Positions, nominal: Floats, tolerance: Floats) -> tuple[npt.NDArray[np.intp], Levels]:
    """Which nominal duration each measured one is nearest to, and whether it is near enough."""
    error = np.abs(measured[:, None] - nominal)
    nearest = error.argmin(axis=1)
    return nearest, np.asarray(error.min(axis=1) <= tolerance[nearest])


def _characters(
    data: LogicLine, falls: Positions, group: Positions, rates: npt.NDArray[np.intp], bits: Floats
) -> Characters:
    """Every character: its value, sampled in the middle of its bits, and whether a stop bit is behind it."""
    starts = _start_bits(falls, bits[rates])
    begin, rate = falls[starts], rates[starts]
    middles = np.floor((np.arange(BITS_PER_BYTE) + 0.5) * bits[:, None]).astype(np.int64)
    ends = begin + middles[rate, -1]
    sampled = _sampled(data.edges, begin, rate, middles)
    # Where the next character begins in front of the middle of a stop bit, its edges belong to both.
    early = np.flatnonzero(begin[1:] <= ends[:-1])
    if len(early):
        levels = data.levels_at((begin[early, None] + middles[rate[early]]).ravel()).reshape(-1, BITS_PER_BYTE)
        sampled[early] = (levels << np.arange(BITS_PER_BYTE)).sum(axis=1)
    stopped = (sampled & 1 == 0) & (sampled >> (BITS_PER_BYTE - 1) == 1) & (ends < data.length)
    return Characters(begin, group[starts], rate, (sampled >> 1).astype(np.uint8), stopped)


def _sampled(
    edges: Positions, begin: Positions, rate: npt.NDArray[np.intp], middles: Positions
) -> npt.NDArray[np.int64]:
    """The levels in the middles of each character's bits, the start bit as the lowest.

    The line is high in front of a character. Each edge turns the level of every middle that it is not behind, so the
    edges are looked at, which are fewer than the bits.
    """
    own = np.searchsorted(edges, begin)
    edges = edges[own[0] :]
    own -= own[0]
    counts = np.diff(own, append=len(edges))
    since = edges - np.repeat(begin, counts)
    its_rate = np.repeat(rate, counts)
    # Counted from zero, as many of the middles are in front of an edge as it leaves alone.
    alone = np.zeros(len(edges), np.intp)
    for number, offsets in enumerate(middles):
        mine = its_rate == number
        alone[mine] = np.searchsorted(offsets, since[mine])
    every = (1 << BITS_PER_BYTE) - 1
    turned = np.array([every >> index << index for index in range(BITS_PER_BYTE + 1)])[alone]
    return every ^ np.bitwise_xor.reduceat(turned, own)


def _start_bits(falls: Positions, bit: Floats) -> npt.NDArray[np.intp]:
    """Which falls are start bits: the first, then always the next one behind the character's data bits."""
    found: list[npt.NDArray[np.intp]] = []
    index = 0
    for first in range(0, len(falls), _BLOCK):
        some = slice(first, first + _BLOCK)
        behind = (np.searchsorted(falls, falls[some] + _CHARACTER_LOW_BITS * bit[some]) - first).tolist()
        count, starts = len(behind), list[int]()
        while index < count:
            starts.append(index)
            index = behind[index]
        found.append(np.array(starts, np.intp) + first)
        index -= count
    return np.concatenate(found)


def _runs(characters: Characters, bits: Floats) -> tuple[Positions, Positions]:
    """Characters that follow each other without a pause in one window: the first ones, those behind the last."""
    bit = bits[characters.rate]
    pause = np.diff(characters.begin) > (BITS_PER_BYTE + 1) * bit[:-1]
    window = np.diff(characters.group) != 0
    broken = ~characters.stopped[1:] | ~characters.stopped[:-1]
    cuts = np.flatnonzero(pause | window | broken) + 1
    return np.concatenate(([0], cuts)), np.append(cuts, len(bit))


def _straight(
    characters: Characters, firsts: Positions, stops: Positions, bits: Floats, jitter: float
) -> tuple[Levels, Floats]:
    """Which runs start their characters on a straight line, but for jitter; and where each run ends, as `_end` says."""
    begin, lengths = characters.begin, stops - firsts
    first, last, nominal = begin[firsts], begin[stops - 1], BITS_PER_BYTE * bits[characters.rate[firsts]]
    period = np.where(lengths > 1, (last - first) / np.maximum(lengths - 1, 1), nominal)
    steady = np.abs(period - nominal) <= _CLOCK_TOLERANCE * nominal
    until = last.astype(np.float64) + np.where(steady, period, nominal)
    place = np.arange(len(begin)) - np.repeat(firsts, lengths)
    line = np.repeat(first, lengths) + np.repeat((until - first) / lengths, lengths) * place
    away = np.maximum.reduceat(np.abs(begin - line), firsts)
    return np.asarray((away <= jitter) | (lengths == 1)), until


def _pieces(begin: Positions, first: int, stop: int, bit: float, jitter: float) -> Iterator[tuple[int, int, float]]:
    """A run of characters, cut at its largest gaps until each starts on a straight line, but for jitter.

    Yields:
        the first character, the one behind the last, and where the last one's stop bit ends.
    """
    pending = [(first, stop)]
    while pending:
        first, stop = pending.pop()
        starts = begin[first:stop]
        until = _end(starts, bit)
        straight = starts[0] + (until - starts[0]) / len(starts) * np.arange(len(starts))
        if len(starts) == 1 or np.abs(starts - straight).max() <= jitter:
            yield first, stop, until
            continue
        cut = first + 1 + int(np.diff(starts).argmax())
        pending += [(cut, stop), (first, cut)]


def _end(starts: Positions, bit: float) -> float:
    """Where the last stop bit ends, by the sender's own clock where its characters follow closely."""
    nominal = BITS_PER_BYTE * bit
    count = len(starts) - 1
    period = (int(starts[-1]) - int(starts[0])) / count if count else nominal
    steady = abs(period - nominal) <= _CLOCK_TOLERANCE * nominal
    return float(starts[-1]) + (period if steady else nominal)
