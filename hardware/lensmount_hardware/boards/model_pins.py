"""The line map of a model board: what may be mapped, what a line's level is, and what may be driven when."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lensmount_hardware.boards.declaration import HEAD_SIZE
from lensmount_hardware.boards.orders import Configure, MappedLine
from lensmount_hardware.boards.words import (
    LONGEST_ABSENCE_US,
    BoardRole,
    ConfigureFlag,
    ErrorCode,
    LineFlag,
    LineKind,
)

MODEL_PINS = frozenset(range(30))
"""The pins that a Pico's chip has."""

ONCE = frozenset({LineKind.PRESENCE, LineKind.SUPPLY, LineKind.SYNC})
"""Kinds of which a map can have one line; of ATTENTION and DATA one for each direction, of DATA two inputs to sniff."""

Objection = tuple[int, int]
"""An error's code and detail."""

_ABSENCE_OFFSET = HEAD_SIZE + 6 + 10


@dataclass(slots=True)
class Contact:
    """One line of the map and how it is.

    Attributes:
        number: its place in the map.
        mapped: what the host said of it.
        level: as driven or seen, behind the filter where it has one.
    """

    number: int
    mapped: MappedLine
    level: bool

    @property
    def driven(self) -> bool:
        """Whether it is ours."""
        return bool(self.mapped.flags & LineFlag.OUTPUT)

    @property
    def idle(self) -> bool:
        """Its level at rest."""
        return bool(self.mapped.flags & LineFlag.IDLE_HIGH)

    @property
    def is_rail(self) -> bool:
        """Whether it is a rail that we switch."""
        return self.driven and self.mapped.kind in (LineKind.SUPPLY, LineKind.RAIL)


def contacts_of(wanted: Configure, find: Callable[[int], bool]) -> list[Contact]:
    """The lines of a map that was found good; `find` tells an input pin's level."""
    contacts: list[Contact] = []
    for number, mapped in enumerate(wanted.lines):
        inverted = bool(mapped.flags & LineFlag.INVERTED)
        contact = Contact(number, mapped, False)
        contact.level = contact.idle if contact.driven else find(mapped.gpio) is not inverted
        contacts.append(contact)
    return contacts


def guard_of(contacts: Iterable[Contact]) -> tuple[Contact, bool] | None:
    """The line that tells presence and its level when the other end is there; `None` without one."""
    for contact in contacts:
        if not contact.driven and contact.mapped.kind == LineKind.PRESENCE:
            return contact, False
        if not contact.driven and contact.mapped.kind == LineKind.SUPPLY:
            return contact, True
    return None


def objection(wanted: Configure, most_lines: int, bounds: tuple[int, int]) -> Objection | None:
    """What is wrong with a configuration; `None` where nothing is."""
    if wanted.role not in tuple(BoardRole):
        return ErrorCode.MALFORMED, HEAD_SIZE
    if wanted.flags >= 2 * max(ConfigureFlag):
        return ErrorCode.MALFORMED, HEAD_SIZE + 1
    if wanted.timing.absence_us > LONGEST_ABSENCE_US:
        return ErrorCode.BAD_TIMING, _ABSENCE_OFFSET
    if not bounds[0] <= wanted.baudrate <= bounds[1]:
        return ErrorCode.BAD_BAUDRATE, min(max(wanted.baudrate, bounds[0]), bounds[1])
    if len(wanted.lines) > most_lines:
        return ErrorCode.TOO_MANY_LINES, most_lines
    if (found := _objection_to_lines(wanted)) is not None:
        return found
    sniffs = wanted.role == BoardRole.SNIFFER
    guarded = guard_of(contacts_of(wanted, lambda _gpio: False)) is not None
    if not (sniffs or guarded or wanted.flags & ConfigureFlag.UNGUARDED):
        return ErrorCode.NO_GUARD, 0
    return None


def _objection_to_lines(wanted: Configure) -> Objection | None:
    pins: set[int] = set()
    kinds: set[tuple[int, bool]] = set()
    data_inputs = 0
    for number, line in enumerate(wanted.lines):
        output = bool(line.flags & LineFlag.OUTPUT)
        if line.gpio in pins:
            return ErrorCode.LINE_TWICE, number
        if line.gpio not in MODEL_PINS:
            return ErrorCode.BAD_PIN, number
        both_pulls = LineFlag.PULL_UP | LineFlag.PULL_DOWN
        if line.kind not in tuple(LineKind) or line.flags & both_pulls == both_pulls or line.flags >= 2 * max(LineFlag):
            return ErrorCode.BAD_KIND, number
        if wanted.role == BoardRole.SNIFFER and output:
            return ErrorCode.LISTENS_ONLY, number
        is_data_input = line.kind == LineKind.DATA and not output
        data_inputs += is_data_input
        single = line.kind in ONCE or line.kind in (LineKind.ATTENTION, LineKind.DATA)
        again = (line.kind, output) in kinds
        if wanted.role == BoardRole.SNIFFER and line.kind in (LineKind.ATTENTION, LineKind.DATA):
            again = is_data_input and data_inputs > 2
        if single and again:
            return ErrorCode.LINE_TWICE, number
        pins.add(line.gpio)
        kinds.add((line.kind, output))
    return None
