"""Decodes edges of logic lines to bytes; it works on the transitions of a capture, not on its samples."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lensmount_protocol.wire import BITS_PER_BYTE, Annotation, Burst, SerialLine, Wiring

Positions = npt.NDArray[np.int64]
Ports = npt.NDArray[np.unsignedinteger]
Levels = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_CLOCK_TOLERANCE = 0.03
"""Maximum deviation of a sender's bit time from its nominal rate; a UART loses bits beyond that."""

_CHARACTER_LOW_BITS = BITS_PER_BYTE - 1
"""Longest low inside a character: the start bit and eight zeros. A longer one is a break."""

_BLOCK = 65536
"""Falls that are converted to Python numbers at a time."""


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
        """Return the falls that may start a start bit; computed once for a line and a rate.

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

    @property
    def edge_levels(self) -> Levels:
        """The level after each edge."""
        return np.asarray((np.arange(len(self.edges)) & 1 == 0) != self.initial)

    def levels_at(self, samples: Positions) -> Levels:
        """Return the level at each of these samples."""
        changes = np.searchsorted(self.edges, samples, side="right")
        return np.asarray((changes % 2 == 1) != self.initial)

    def held(self) -> Positions:
        """Return for how many samples the level after each edge lasts."""
        return np.diff(self.edges, append=self.length)


@dataclass(frozen=True, slots=True)
class UartCharacters:
    """The characters of one line, one row each, in time order.

    Attributes:
        begin: samples of the falling edges of the start bits.
        group: number of the window, or of the run of activity, of each.
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
    """Return where samples of a chunk differ from their predecessors, and the new values there.

    Args:
        chunk: samples, one port value each, at least one.
        before: the port value before the chunk.
        first: sample number of the chunk's first sample.
    """
    at = np.flatnonzero(chunk[1:] != chunk[:-1]) + 1
    if int(chunk[0]) != before:
        at = np.concatenate(([0], at))
    return (at + first).astype(np.int64), chunk[at]


def decode_uart(
    data: LogicLine, select: LogicLine | None, line: SerialLine, wiring: Wiring, rate: float, jitter: float = 1.0
) -> Iterator[Burst | Annotation]:
    """Decode the bytes of one serial line to bursts, in time order.

    The first byte of each select window gives the rate, or of each run of activity without a select line. While the
    line is off, from a break or from a low level at the start until it idles high, there is no data. A character
    with a low stop bit is no data either, and gets an annotation.

    Args:
        data: the serial line.
        select: the line that frames its windows.
        line: its name and sender.
        wiring: the mount's rates and first byte.
        rate: samples a second.
        jitter: samples by which the start of a byte may be off an even pace before its burst is split there.
    """
    characters = decode_characters(data, select if select is not None and len(select.edges) else None, wiring, rate)
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
            yield Annotation(int(characters.begin[first]) / rate, text)
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


def find_activity(data: LogicLine, wiring: Wiring, rate: float) -> tuple[Positions, Positions]:
    """Return the runs of activity of a serial line between pauses: the first and the last falling edge of each."""
    slowest = rate / min(wiring.baudrates)
    falls = data.starts(slowest)
    if not len(falls):
        return falls, falls
    cuts = np.flatnonzero(np.diff(_groups(falls, None, slowest))) + 1
    return falls[np.concatenate(([0], cuts))], falls[np.concatenate((cuts - 1, [len(falls) - 1]))]


def decode_characters(data: LogicLine, select: LogicLine | None, wiring: Wiring, rate: float) -> UartCharacters | None:
    """Decode all characters of a serial line, valid or not, grouped by windows or pauses; `None` without any."""
    bits = np.array([rate / baudrate for baudrate in wiring.baudrates])
    falls = data.starts(float(bits.max()))
    if not len(falls):
        return None
    group = _groups(falls, select, float(bits.max()))
    open_window = np.ones(len(falls), dtype=bool) if select is None else select.levels_at(falls)
    return _characters(data, falls, group, _rates(data, falls, group, open_window, bits, wiring.start_low_bits), bits)


def _may_start(data: LogicLine, slowest_bit: float) -> Levels:
    """Return which falls can be a start bit: the line has idled high, without a break since then or at the fall."""
    held = data.held()
    high = data.edge_levels
    idles = high & (held >= BITS_PER_BYTE * slowest_bit)
    breaks = ~high & (held > (_CHARACTER_LOW_BITS + 0.5) * slowest_bit)
    order = np.arange(1, len(held) + 1)
    last_idle = np.maximum.accumulate(np.where(idles, order, 0))
    last_break = np.maximum.accumulate(np.where(breaks, order, 0))
    on = (last_idle > last_break) | ((last_break == 0) & data.initial)
    return np.asarray(on[~high])


def _groups(falls: Positions, select: LogicLine | None, slowest_bit: float) -> Positions:
    """Return the number of each fall's window; without a select line, of its run of activity."""
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
    """Return the index of each fall's rate, one for each group.

    The first byte gives the rate; where that is damaged, the shortest pulse of the group does. Activity without a
    clear rate, or outside any window, has the rate of the previous group.
    """
    firsts = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    low = data.held()[np.searchsorted(data.edges, falls)]
    high = np.append(np.diff(falls) - low[:-1], data.length)
    shortest = np.minimum.reduceat(np.minimum(low, high), firsts)
    by_first, first_fits = _nearest(low[firsts], start_low_bits * bits, 1 + _CLOCK_TOLERANCE * start_low_bits * bits)
    by_pulse, pulse_fits = _nearest(shortest, bits, bits / 3)
    found = np.where(first_fits, by_first, by_pulse)
    sure = (first_fits | pulse_fits) & open_window[firsts]
    last_sure = np.maximum.accumulate(np.where(sure, np.arange(len(firsts)), -1))
    own = np.where(first_fits | pulse_fits, found, 0)
    chosen = np.where(last_sure < 0, own, found[np.maximum(last_sure, 0)])
    return np.repeat(chosen, np.diff(firsts, append=len(falls))).astype(np.intp)


def _nearest(measured: Positions, nominal: Floats, tolerance: Floats) -> tuple[npt.NDArray[np.intp], Levels]:
    """Return the nominal duration nearest to each measured one, and whether it is within the tolerance."""
    error = np.abs(measured[:, None] - nominal)
    nearest = error.argmin(axis=1)
    return nearest, np.asarray(error.min(axis=1) <= tolerance[nearest])


def _characters(
    data: LogicLine, falls: Positions, group: Positions, rates: npt.NDArray[np.intp], bits: Floats
) -> UartCharacters:
    """Decode each character: its value, sampled in the middle of its bits, and whether a stop bit follows."""
    starts = _start_bits(falls, bits[rates])
    begin, rate = falls[starts], rates[starts]
    middles = np.floor((np.arange(BITS_PER_BYTE) + 0.5) * bits[:, None]).astype(np.int64)
    ends = begin + middles[rate, -1]
    sampled = _sampled(data.edges, begin, rate, middles)
    # Where the next character starts before the middle of a stop bit, its edges belong to both.
    early = np.flatnonzero(begin[1:] <= ends[:-1])
    if len(early):
        levels = data.levels_at((begin[early, None] + middles[rate[early]]).ravel()).reshape(-1, BITS_PER_BYTE)
        sampled[early] = (levels << np.arange(BITS_PER_BYTE)).sum(axis=1)
    stopped = (sampled & 1 == 0) & (sampled >> (BITS_PER_BYTE - 1) == 1) & (ends < data.length)
    return UartCharacters(begin, group[starts], rate, (sampled >> 1).astype(np.uint8), stopped)


def _sampled(
    edges: Positions, begin: Positions, rate: npt.NDArray[np.intp], middles: Positions
) -> npt.NDArray[np.int64]:
    """Return the levels in the middles of each character's bits, the start bit as the lowest.

    The line is high before a character. Each edge inverts the level of all later middles. The function iterates over
    edges, because they are fewer than bits.
    """
    own = np.searchsorted(edges, begin)
    edges = edges[own[0] :]
    own -= own[0]
    counts = np.diff(own, append=len(edges))
    since = edges - np.repeat(begin, counts)
    its_rate = np.repeat(rate, counts)
    # An edge leaves the middles before it unchanged; `alone` is their number.
    alone = np.zeros(len(edges), np.intp)
    for number, offsets in enumerate(middles):
        mine = its_rate == number
        alone[mine] = np.searchsorted(offsets, since[mine])
    every = (1 << BITS_PER_BYTE) - 1
    turned = np.array([every >> index << index for index in range(BITS_PER_BYTE + 1)])[alone]
    return every ^ np.bitwise_xor.reduceat(turned, own)


def _start_bits(falls: Positions, bit: Floats) -> npt.NDArray[np.intp]:
    """Return which falls are start bits: the first, then always the next one after the character's data bits."""
    found: list[npt.NDArray[np.intp]] = []
    index = 0
    for first in range(0, len(falls), _BLOCK):
        some = slice(first, first + _BLOCK)
        following = (np.searchsorted(falls, falls[some] + _CHARACTER_LOW_BITS * bit[some]) - first).tolist()
        count, starts = len(following), list[int]()
        while index < count:
            starts.append(index)
            index = following[index]
        found.append(np.array(starts, np.intp) + first)
        index -= count
    return np.concatenate(found)


def _runs(characters: UartCharacters, bits: Floats) -> tuple[Positions, Positions]:
    """Return runs of characters without a pause in one window: the first index of each, and the one after its last."""
    bit = bits[characters.rate]
    pause = np.diff(characters.begin) > (BITS_PER_BYTE + 1) * bit[:-1]
    window = np.diff(characters.group) != 0
    broken = ~characters.stopped[1:] | ~characters.stopped[:-1]
    cuts = np.flatnonzero(pause | window | broken) + 1
    return np.concatenate(([0], cuts)), np.append(cuts, len(bit))


def _straight(
    characters: UartCharacters, firsts: Positions, stops: Positions, bits: Floats, jitter: float
) -> tuple[Levels, Floats]:
    """Return which runs have evenly spaced characters, within jitter; and where each run ends, as `_end` does."""
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
    """Split a run of characters at its largest gaps until the characters of each part are evenly spaced, within jitter.

    Yields:
        the first character, the one after the last, and where the last one's stop bit ends.
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
    """Return where the last stop bit ends, by the sender's own clock where its characters follow closely."""
    nominal = BITS_PER_BYTE * bit
    count = len(starts) - 1
    period = (int(starts[-1]) - int(starts[0])) / count if count else nominal
    steady = abs(period - nominal) <= _CLOCK_TOLERANCE * nominal
    return float(starts[-1]) + (period if steady else nominal)
