"""Finds the channels of a logic capture by name, full name, bit and number, and picks one for each line of a mount."""

import re
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import NO_CHANNEL
from lensmount_hardware.captures.logic_analyser.uart import LogicLine
from lensmount_protocol.errors import CaptureError, unknown_name_message
from lensmount_protocol.wire import Annotation, Wiring

MAX_NAMED = 40
"""Channels that an error lists."""

_MAX_BITS = 64
"""Bits of a bus that are compared where only the name of the bus is given."""

_BIT = re.compile(r"(.*?)\s*\[\s*(-?\d{1,9})\s*\]", re.DOTALL)
_QUOTES = "\"'`"


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A named part of a design that holds variables and further scopes."""

    name: str
    parent: "Scope | None" = None

    @property
    def path(self) -> str:
        """The names from the outermost scope to this one, with dots between."""
        names: list[str] = []
        scope: Scope | None = self
        while scope is not None:
            names.append(scope.name)
            scope = scope.parent
        return ".".join(reversed(names))


@dataclass(frozen=True, slots=True)
class Variable:
    """A named channel of one bit, or a bus of several.

    Attributes:
        name: its name, without a range of bits.
        source: the key by which its reader finds its values.
        width: bits.
        left: index of the highest bit, where the file gives a range or selects one bit.
        right: index of the lowest bit.
        selected: whether the file gives `left` and `right`.
        scope: where it is declared.
    """

    name: str
    source: Hashable
    width: int = 1
    left: int = 0
    right: int = 0
    selected: bool = False
    scope: Scope | None = None

    @property
    def bus(self) -> tuple[str, Scope | None] | None:
        """The key of its bus, which all parts of the bus share; `None` for a variable that is no part of a bus."""
        return (self.name, self.scope) if self.selected or self.width > 1 else None

    def bit(self, index: int) -> int | None:
        """Return the place of a bit, counted from the lowest; `None` where there is no such bit."""
        place = index - self.right if self.left >= self.right else self.right - index
        return place if 0 <= place < self.width else None

    def label(self, place: int) -> str:
        """Return the full name of the bit at a place, counted from the lowest."""
        index = self.right + place if self.left >= self.right else self.right - place
        name = f"{self.name}[{index}]" if self.selected or self.width > 1 else self.name
        return f"{self.scope.path}.{name}" if self.scope is not None else name


@dataclass(frozen=True, slots=True)
class Channel:
    """One bit of a variable.

    Attributes:
        variable: the variable.
        place: the bit, counted from the lowest.
    """

    variable: Variable
    place: int = 0

    @property
    def key(self) -> tuple[Hashable, int]:
        """Equal for two channels that have the same values by declaration."""
        return self.variable.source, self.place

    @property
    def label(self) -> str:
        """The full name."""
        return self.variable.label(self.place)

    @property
    def origin(self) -> str:
        """The code or number in the file, which distinguishes channels of one full name."""
        source = self.variable.source
        return f"code {source.decode('utf-8', 'replace')}" if isinstance(source, bytes) else f"number {source}"


@dataclass(slots=True)
class ChannelTable:
    """The variables of a file, found by name, full name, bit and number.

    Numbers count the variables of one bit from 0, as they are declared; the bits of each bus follow, lowest first. For
    a file with its own channel numbers, `numbers` has these.

    Attributes:
        variables: in the order of the file.
        numbers: number -> variable of one bit, where the file has its own numbers.
    """

    variables: Sequence[Variable]
    numbers: Mapping[int, Variable] | None = None
    _exact: dict[str, list[Variable]] = field(init=False)
    _folded: dict[str, list[Variable]] = field(init=False)
    _singles: list[Variable] = field(init=False)
    _buses: list[Variable] = field(init=False)
    _ends: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._exact, self._folded = {}, {}
        self._singles, self._buses, self._ends = [], [], []
        for variable in self.variables:
            for name in dict.fromkeys((variable.name, variable.name.strip(_QUOTES).strip())):
                self._exact.setdefault(name, []).append(variable)
                self._folded.setdefault(name.upper(), []).append(variable)
            (self._singles if variable.width == 1 else self._buses).append(variable)
        end = len(self._singles)
        for bus in self._buses:
            end += bus.width
            self._ends.append(end)

    def find(self, text: str) -> list[Channel]:
        """Return the channels that match a name, a full name or a number; equal declarations once."""
        text = " ".join(text.split()).removeprefix("\\")
        found = self._named(text, self._exact) or self._named(text, self._folded)
        if not found and text.isascii() and text.isdecimal() and len(text) < 10:
            found = self._numbered(int(text))
        return list({channel.key: channel for channel in reversed(found)}.values())[::-1]

    def names(self) -> list[str]:
        """Return the full names, a bus with its range; at most as many as an error lists."""
        first = list(islice(self.variables, MAX_NAMED))
        names = [
            variable.label(0) if variable.width == 1 else f"{variable.label(variable.width - 1)} to [{variable.right}]"
            for variable in first
        ]
        more = len(self.variables) - len(first)
        return [*names, f"{more} more"] if more else names

    def _named(self, text: str, index: Mapping[str, list[Variable]]) -> list[Channel]:
        fold = index is self._folded
        text = text.upper() if fold else text
        found = [channel for variable in self._placed(text, index, fold) for channel in _every_bit(variable)]
        select = _BIT.fullmatch(text)
        if not found and select is not None:
            bit = int(select[2])
            for variable in self._placed(select[1], index, fold):
                place = variable.bit(bit) if variable.selected or variable.width > 1 else None
                if place is not None:
                    found.append(Channel(variable, place))
        return found

    def _placed(self, text: str, index: Mapping[str, list[Variable]], fold: bool) -> list[Variable]:
        """The variables of this name, or of this name in these scopes."""
        found = list(index.get(text, ()))
        cut = len(text)
        while not found and (cut := text.rfind(".", 0, cut)) >= 0:
            scopes = text[:cut]
            for variable in index.get(text[cut + 1 :], ()):
                path = variable.scope.path if variable.scope is not None else ""
                path = path.upper() if fold else path
                if path == scopes or path.endswith("." + scopes):
                    found.append(variable)
        return found

    def _numbered(self, number: int) -> list[Channel]:
        if self.numbers is not None:
            variable = self.numbers.get(number)
            return [] if variable is None else [Channel(variable)]
        if number < len(self._singles):
            return [Channel(self._singles[number])]
        place = bisect_right(self._ends, number)
        if place == len(self._ends):
            return []
        bus = self._buses[place]
        return [Channel(bus, number - (self._ends[place] - bus.width))]


def _every_bit(variable: Variable) -> list[Channel]:
    return [Channel(variable, place) for place in range(min(variable.width, _MAX_BITS))]


_SPELLINGS = ("{line}", "{line}_BODY", "{line}_LENS", "BODY_{line}_LENS", "LENS_{line}_BODY", "LOGIC_{line}")
"""Names of a line in captures: the plain name, or with the ends that drive and receive it."""

_MAX_CANDIDATES = 256


def pick_channels(
    path: Path, table: ChannelTable, wiring: Wiring, wanted: Mapping[str, str]
) -> dict[str, list[Channel]]:
    """Return for each line the channels that may carry it: by the user's choice, else by the usual names.

    Args:
        path: the file, for errors.
        table: its channels.
        wiring: the mount's lines.
        wanted: line -> name or number of a channel, or `none`, from the user.

    Raises:
        CaptureError: a serial line has none, or on a clocked mount the clock or every data line; or the user names a
            line or a channel that is not there.
    """
    found: dict[str, list[Channel]] = {}
    for line in wiring.lines:
        text = wanted.get(line)
        if text is None:
            names = (*(spelling.format(line=line) for spelling in _SPELLINGS), *wiring.aliases.get(line, ()))
            channels = next((some for name in names if (some := table.find(name))), None)
            if channels is None:
                continue
        elif text.lower() == NO_CHANNEL:
            continue
        else:
            channels = table.find(text)
            if not channels:
                raise CaptureError(
                    f"{path}: {unknown_name_message('channel', text, table.names())}; or its number from 0"
                )
        if len(channels) > _MAX_CANDIDATES:
            raise CaptureError(
                f"{path}: {line} may be any of {len(channels)} channels; use --channel {line}={channels[0].label}"
            )
        found[line] = channels
    for line in wanted:
        if line not in wiring.lines:
            raise CaptureError(f"{path}: {unknown_name_message('line', line, wiring.lines)}")
    needed = list(dict.fromkeys(serial.name for serial in wiring.serial))
    if wiring.clocked is not None:
        # With the clock, the units of one data line are readable without the other one.
        needed = [wiring.clocked.clock, *(needed if not any(line in found for line in needed) else [])]
    missing = [line for line in needed if line not in found and wanted.get(line, "").lower() != NO_CHANNEL]
    if missing:
        lacking, known = " and ".join(missing), ", ".join(table.names()) or "none"
        raise CaptureError(
            f"{path}: no channel for {lacking}; the file has {known}; use --channel {missing[0]}=NAME, "
            f"{missing[0]}={NO_CHANNEL} to read without it, or --dialect for another mount"
        )
    return found


def choose_channels(
    path: Path, candidates: Mapping[str, Sequence[Channel]], levels: Mapping[tuple[Hashable, int], LogicLine]
) -> tuple[dict[str, LogicLine], list[Annotation]]:
    """Choose one channel for each line: of several, the one that changes; of those, the one in the main scope.

    Args:
        path: the file, for errors.
        candidates: the result of `pick_channels`.
        levels: the levels of each channel, by its key; a missing one has no level in the file.

    Returns:
        Line -> its levels, and an annotation for each line that had several channels.

    Raises:
        CaptureError: several bits of one bus change, so its name alone is ambiguous.
    """
    home = _main_scope(candidates)
    lines: dict[str, LogicLine] = {}
    remarks: list[Annotation] = []
    for line, channels in candidates.items():
        known = [channel for channel in channels if channel.key in levels]
        active = _different([channel for channel in known if len(levels[channel.key].edges)], levels)
        buses = [one.variable.bus for one in active if one.variable.bus is not None]
        if len(set(buses)) < len(buses):
            names = ", ".join(channel.label for channel in active[:MAX_NAMED])
            raise CaptureError(f"{path}: {line} may be {names}; use --channel {line}={active[0].label}")
        beside = [channel for channel in active if channel.variable.scope is home]
        chosen = next(iter(beside or active or known), None)
        if chosen is None:
            remarks.append(Annotation(None, f"{line}: {channels[0].label} has no level in this file; it is left out"))
            continue
        lines[line] = levels[chosen.key]
        others = [channel for channel in channels if channel.key != chosen.key][:MAX_NAMED]
        if others:
            labels = [chosen.label, *(channel.label for channel in others)]
            if chosen.label in labels[1:]:
                labels = [f"{channel.label} ({channel.origin})" for channel in (chosen, *others)]
            reason = "the only one that changes" if len(active) == 1 else f"use --channel {line}=NAME for another"
            remarks.append(Annotation(None, f"{line} is {labels[0]} and not {', '.join(labels[1:])}: {reason}"))
    return lines, remarks


def _main_scope(candidates: Mapping[str, Sequence[Channel]]) -> Scope | None:
    """Return the scope in which most lines have a channel."""
    counts: dict[Scope | None, int] = {}
    for channels in candidates.values():
        for scope in {id(one.variable.scope): one.variable.scope for one in channels}.values():
            counts[scope] = counts.get(scope, 0) + 1
    return max(counts, key=lambda scope: counts[scope]) if counts else None


def _different(channels: Iterable[Channel], levels: Mapping[tuple[Hashable, int], LogicLine]) -> list[Channel]:
    """Return the channels without those that have the same levels as an earlier one."""
    kept: list[Channel] = []
    for channel in channels:
        mine = levels[channel.key]
        if not any(_equal(mine, levels[other.key]) for other in kept):
            kept.append(channel)
    return kept


def _equal(one: LogicLine, other: LogicLine) -> bool:
    return one.initial is other.initial and np.array_equal(one.edges, other.edges)
