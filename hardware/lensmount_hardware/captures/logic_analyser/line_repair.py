"""Finds and repairs bad lines of a logic capture: stuck, chattering, swapped or missing ones.

Select lines are compared with the bytes. A select line that frames nothing must not spoil the bytes, and the user must
know which contact or probe is bad. So each defect becomes a `LineDefect`; a line beyond repair is marked as ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from lensmount_hardware.captures.logic_analyser.uart import LogicLine, Positions, decode_characters, find_activity
from lensmount_protocol.wire import BITS_PER_BYTE, Defect, LineDefect, SerialLine, Wiring

GLITCH = 4e-6
"""Seconds; a shorter pulse of a select line is a glitch; the shortest of real captures is 6.2 µs."""

BRIDGED_BYTES = 8
"""Byte times: a select line that falls inside a byte and is high again within them has chattered."""

MIN_FRAMED = 0.5
"""Minimum share of the runs of bytes in the windows of their select line; with less it frames something else."""

MIN_CROSSED = 0.8
"""Share of the runs that lie in the other end's windows where two lines are swapped."""

MAX_CUT = 0.02
"""Share of windows that may still open or close inside a byte after the repair."""

MIN_HELD = 0.95
"""Minimum share of the runs that a chattering select line must frame after the repair for its windows to be used."""

MIN_UNFRAMED, UNFRAMED_RATIO = 10, 3
"""Runs of bytes after the last edge of a select line that show that its contact was lost: at least so many, and so
many times as between any two of its other edges."""

MIN_VOTES = 3
"""Frames that only the other end sends before the serial lines count as swapped."""

MIN_SYNC_TIME = 0.2
"""Seconds of bytes in which a sync line must have moved; cameras have at least 24 cycles a second."""

SAMPLED_EDGES = (2_000, 10_000)
"""Edges of each serial line that are read to find its sender: more where the first ones are ambiguous."""


@dataclass(slots=True)
class RepairedLines:
    """The lines after the repair.

    Attributes:
        lines: every usable line by its published name.
        defects: the defects found.
    """

    lines: dict[str, LogicLine]
    defects: list[LineDefect] = field(default_factory=lambda: list[LineDefect]())


@dataclass(frozen=True, slots=True)
class _Activity:
    """Runs of bytes: the samples of the first and of the last falling edge of each."""

    first: Positions
    last: Positions
    _places: dict[int, tuple[LogicLine, Positions]] = field(
        default_factory=lambda: dict[int, tuple[LogicLine, Positions]]()
    )

    def places_in(self, select: LogicLine) -> Positions:
        """Return the number of edges of the select line before each run; computed once for a select line."""
        found = self._places.get(id(select))
        if found is None:
            # Keep a reference to the line, so that no other object gets its `id`.
            found = self._places[id(select)] = (select, np.searchsorted(select.edges, self.first, side="right"))
        return found[1]

    def framed_by(self, select: LogicLine) -> float:
        """The share of the runs that begin while the select line is high."""
        if not len(self.first):
            return 1.0
        odd = int(np.count_nonzero(self.places_in(select) & 1))
        return (len(self.first) - odd if select.initial else odd) / len(self.first)

    def held_by(self, select: LogicLine) -> float:
        """The share of the runs that begin and end while the select line is high."""
        return float((select.levels_at(self.first) & select.levels_at(self.last)).mean())

    def crossed_by(self, select: LogicLine) -> bool:
        """Whether an edge of the select line lies inside a run."""
        # The next edge after each run; there is none after the last edge.
        following = np.append(select.edges, np.iinfo(np.int64).max)[self.places_in(select)]
        return bool((following <= self.last).any())

    def unframed_after(self, select: LogicLine) -> int | None:
        """Return the last edge of a select line, if far more runs follow it than lie between any two others."""
        place = self.places_in(select)
        counts = np.bincount(place, minlength=len(select.edges) + 1)
        most = int(counts[:-1].max())
        lost = most > 0 and int(counts[-1]) >= max(MIN_UNFRAMED, UNFRAMED_RATIO * most)
        return int(select.edges[-1]) if lost else None


def repair_lines(lines: Mapping[str, LogicLine], wiring: Wiring, rate: float) -> RepairedLines:
    """Find and repair the bad lines of a capture.

    Args:
        lines: the lines of the mount that the capture has.
        wiring: the serial lines, and the select lines that frame them.
        rate: samples a second.
    """
    found = _LineRepair(wiring, rate, RepairedLines(dict(lines)))
    found.check_serial()
    found.remove_glitches()
    found.swap_crossed()
    for serial in wiring.serial:
        found.check_select(serial)
    found.check_sync()
    return found.result


@dataclass(slots=True)
class _LineRepair:
    wiring: Wiring
    rate: float
    result: RepairedLines
    activity: dict[str, _Activity] = field(default_factory=lambda: dict[str, _Activity]())
    glitches: dict[str, int] = field(default_factory=lambda: dict[str, int]())

    def add(self, line: str, defect: Defect, text: str, *, ignored: bool = False) -> None:
        self.result.defects.append(LineDefect(line, defect, f"{line} {text}", ignored))

    def add_stuck(self, line: str, level: bool, *, ignored: bool = False) -> None:
        """Add a defect for a line that never moves."""
        defect = Defect.STUCK_HIGH if level else Defect.STUCK_LOW
        self.add(line, defect, f"is {'high' if level else 'low'} all the time", ignored=ignored)

    def check_serial(self) -> None:
        """Find the runs of bytes of each serial line; report lines that never move."""
        for serial in self.wiring.serial:
            data = self.result.lines.get(serial.name)
            if data is None:
                continue
            if not len(data.edges):
                self.add_stuck(serial.name, data.initial)
            self.activity[serial.name] = _Activity(*find_activity(data, self.wiring, self.rate))

    def remove_glitches(self) -> None:
        """Take pulses out of the select lines that are too short to be windows or the pauses between them."""
        for serial in self.wiring.serial:
            select = self.result.lines.get(serial.select)
            if select is None or len(select.edges) < 2 or np.diff(select.edges).min() >= GLITCH * self.rate:
                continue
            kept: list[int] = []
            for edge in select.edges.tolist():
                if kept and edge - kept[-1] < GLITCH * self.rate:
                    kept.pop()
                else:
                    kept.append(edge)
            self.glitches[serial.select] = (len(select.edges) - len(kept)) // 2
            self.result.lines[serial.select] = LogicLine(select.initial, np.array(kept, np.int64), select.length)

    def swap_crossed(self) -> None:
        """Swap the serial lines, the select lines or both, where the frames and the windows show an exchange."""
        if len(self.wiring.serial) != 2:
            return
        one, other = self.wiring.serial
        windows = self._windows_crossed(one, other)
        senders = self._senders_crossed(one, other, windows)
        if senders:
            self._exchange(one.name, other.name)
            self.activity = {
                new: self.activity[old]
                for new, old in ((one.name, other.name), (other.name, one.name))
                if old in self.activity
            }
        if windows is not None and windows is not senders:
            self._exchange(one.select, other.select)

    def check_select(self, serial: SerialLine) -> None:
        """Report a select line that is missing, stuck, chatters or frames something else."""
        line, activity = serial.select, self.activity.get(serial.name)
        if not line or activity is None or not len(activity.first):
            return
        select = self.result.lines.get(line)
        if select is None:
            self.add(
                line, Defect.MISSING, f"is not in the capture; the frames of {serial.name} are found by their length"
            )
            return
        glitches = self.glitches.get(line, 0)
        cut = 0
        if len(select.edges) and activity.crossed_by(select):
            select, bridged, cut = self._bridged(serial, select)
            self.result.lines[line] = select
            glitches += bridged
        if not len(select.edges):
            if glitches:
                self.add(line, Defect.CHATTERS, _chatter_text(glitches, "it has no other edges"), ignored=True)
            else:
                self.add_stuck(line, select.initial, ignored=True)
            return
        framed = activity.framed_by(select)
        lost_at = activity.unframed_after(select)
        if lost_at is not None:
            level = bool(select.levels_at(np.array([lost_at]))[0])
            defect, level_name = (Defect.STUCK_HIGH, "high") if level else (Defect.STUCK_LOW, "low")
            self.add(
                line,
                defect,
                f"stays {level_name} from {lost_at / self.rate:.6f} s on, while bytes of {serial.name} come",
            )
        elif framed < MIN_FRAMED:
            text = f"frames {framed:.0%} of the runs of bytes of {serial.name}; its windows are not used"
            self.add(line, Defect.UNRELATED, text, ignored=True)
        elif glitches or cut:
            ignored = 2 * cut > max(1, MAX_CUT * len(select.edges)) or activity.held_by(select) < MIN_HELD
            what = "its windows are not used" if ignored else "they are left out"
            self.add(line, Defect.CHATTERS, _chatter_text(glitches + cut, what), ignored=ignored)

    def check_sync(self) -> None:
        """Report a sync line that is missing or stuck while there are bytes."""
        line, traffic = self.wiring.sync, [each for each in self.activity.values() if len(each.first)]
        if not line or not traffic:
            return
        sync = self.result.lines.get(line)
        span = max(int(each.last[-1]) for each in traffic) - min(int(each.first[0]) for each in traffic)
        if sync is None:
            self.add(line, Defect.MISSING, "is not in the capture; intervals that begin with it are not measured")
        elif not len(sync.edges) and span > MIN_SYNC_TIME * self.rate:
            self.add_stuck(line, sync.initial)
        elif len(sync.edges) > 1 and (short := int((np.diff(sync.edges) < GLITCH * self.rate).sum())):
            self.add(line, Defect.CHATTERS, _chatter_text(short, "they are kept"))

    def _exchange(self, one: str, other: str) -> None:
        lines = self.result.lines
        first, second = lines.pop(one, None), lines.pop(other, None)
        lines |= {name: line for name, line in ((one, second), (other, first)) if line is not None}
        glitches = self.glitches
        self.glitches = glitches | {one: glitches.get(other, 0), other: glitches.get(one, 0)}
        for name, peer in ((one, other), (other, one)):
            self.add(name, Defect.SWAPPED, f"is swapped with {peer}; both are read the other way round")

    def _windows_crossed(self, one: SerialLine, other: SerialLine) -> bool | None:
        """Return whether each select line frames the bytes of the other serial line; `None` without evidence."""
        verdicts: list[bool] = []
        for serial, peer in ((one, other), (other, one)):
            select = self.result.lines.get(serial.select)
            own, theirs = self.activity.get(serial.name), self.activity.get(peer.name)
            if select is None or not len(select.edges) or own is None or theirs is None:
                continue
            if not len(own.first) or not len(theirs.first):
                continue
            verdicts.append(own.framed_by(select) < MIN_FRAMED and theirs.framed_by(select) >= MIN_CROSSED)
        return all(verdicts) if verdicts else None

    def _senders_crossed(self, one: SerialLine, other: SerialLine, windows: bool | None) -> bool:
        """Return whether the frames on the serial lines are those that only the other end sends."""
        right = wrong = 0
        for edges in SAMPLED_EDGES:
            right = wrong = 0
            for serial, peer in ((one, other), (other, one)):
                select = self.result.lines.get(peer.select if windows else serial.select)
                for data in self._first_runs(serial.name, select, edges):
                    senders = self.wiring.possible_senders(data)
                    right += senders == frozenset((serial.sender,))
                    wrong += senders == frozenset((peer.sender,))
            if right >= MIN_VOTES and not wrong and not windows:
                return False
        return wrong >= MIN_VOTES and wrong > right

    def _first_runs(self, line: str, select: LogicLine | None, edges: int) -> list[bytes]:
        """Return the bytes of the first windows, or runs of bytes, of a serial line, up to a number of edges."""
        data = self.result.lines.get(line)
        if data is None:
            return []
        if len(data.edges) > edges:
            data = LogicLine(data.initial, data.edges[:edges], int(data.edges[edges]))
        usable = select if select is not None and len(select.edges) else None
        characters = decode_characters(data, usable, self.wiring, self.rate)
        if characters is None:
            return []
        values = characters.values.tobytes()
        cuts = [0, *(np.flatnonzero(np.diff(characters.group)) + 1).tolist(), len(values)]
        return [values[first:stop] for first, stop in pairwise(cuts)]

    def _bridged(self, serial: SerialLine, select: LogicLine) -> tuple[LogicLine, int, int]:
        """Return the select line without lows that touch a byte, their number, and the edges that remain in a byte."""
        characters = decode_characters(self.result.lines[serial.name], None, self.wiring, self.rate)
        if characters is None:
            return select, 0, 0
        bits = np.array([self.rate / baudrate for baudrate in self.wiring.baudrates])[characters.rate]
        begin = characters.begin[characters.stopped]
        end = begin + (BITS_PER_BYTE - 0.5) * bits[characters.stopped]
        if not len(begin):
            return select, 0, 0

        def inside(edges: Positions) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
            own = np.searchsorted(begin, edges, side="left") - 1
            return (own >= 0) & (edges < end[np.maximum(own, 0)])

        edges = select.edges
        falls = np.arange(int(not select.initial), len(edges) - 1, 2)
        longest = BRIDGED_BYTES * BITS_PER_BYTE * float(bits.max())
        false = (inside(edges[falls]) | inside(edges[falls + 1])) & (edges[falls + 1] - edges[falls] <= longest)
        kept = np.ones(len(edges), bool)
        kept[falls[false]] = kept[falls[false] + 1] = False
        rest = edges[kept]
        return LogicLine(select.initial, rest, select.length), int(false.sum()), int(inside(rest).sum())


def _chatter_text(count: int, what: str) -> str:
    return f"chatters: {count} pulses that are too short or inside bytes; {what}"
