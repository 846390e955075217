"""The channels of a logic capture, found by name, full name, bit and number."""

import re
from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

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
        source: by which its reader finds its values.
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
        """What its bits and those of its other parts have in common; `None` for a variable that is no part of a bus."""
        return (self.name, self.scope) if self.selected or self.width > 1 else None

    def bit(self, index: int) -> int | None:
        """The place of a bit, counted from the lowest; `None` where there is no such bit."""
        place = index - self.right if self.left >= self.right else self.right - index
        return place if 0 <= place < self.width else None

    def label(self, place: int) -> str:
        """The full name of the bit at a place, counted from the lowest."""
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
        """What tells channels of one full name apart: the code or the number in the file."""
        source = self.variable.source
        return f"code {source.decode('utf-8', 'replace')}" if isinstance(source, bytes) else f"number {source}"


@dataclass(slots=True)
class ChannelTable:
    """The variables of a file, found by name, full name, bit and number.

    Numbers count the variables of one bit from 0, as they are declared; the bits of each bus follow, lowest first. A
    file that numbers its channels itself gives `numbers`.

    Attributes:
        variables: in the order of the file.
        numbers: number -> variable of one bit, where they are not simply counted.
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
        """The channels that a name, a full name or a number may mean; those that are equal by declaration once."""
        text = " ".join(text.split()).removeprefix("\\")
        found = self._named(text, self._exact) or self._named(text, self._folded)
        if not found and text.isascii() and text.isdecimal() and len(text) < 10:
            found = self._numbered(int(text))
        return list({channel.key: channel for channel in reversed(found)}.values())[::-1]

    def names(self) -> list[str]:
        """The full names, a bus with its range; no more than an error may list."""
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
