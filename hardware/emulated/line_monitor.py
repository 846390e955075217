"""Checks every edge that an emulated board makes: it drives nothing into an end that is absent or without power."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from emulated.emulator import Emulator
from lensmount_hardware.boards.protocol.commands import Configure, MappedLine
from lensmount_hardware.boards.protocol.constants import BoardRole, LineFlag, LineKind

GRACE_US = 2000.0
"""Microseconds for which a board may still drive its lines after the other end has gone."""

_TAKES_EFFECT_US = 20_000.0
"""Microseconds after which a new map is in force for certain; until then the previous one may be."""

_DRIVEN = ("low", "high", "uart")


@dataclass
class _Board:
    """Pin states and outside levels of one board, checked against the maps that may be in force."""

    maps: list[tuple[float, Configure]] = field(default_factory=list[tuple[float, Configure]])
    states: dict[int, str] = field(default_factory=dict[int, str])
    levels: dict[int, bool] = field(default_factory=dict[int, bool])
    there_us: float = float("-inf")

    def in_force(self, at_us: float) -> list[Configure | None]:
        if not self.maps:
            return [None]
        sent_us, newest = self.maps[-1]
        before = self.maps[-2][1] if len(self.maps) > 1 else None
        return [newest] if at_us > sent_us + _TAKES_EFFECT_US else [newest, before]

    def look(self, at_us: float) -> None:
        if any(wanted is not None and _is_there(wanted, self.levels) for wanted in self.in_force(at_us)):
            self.there_us = at_us

    def check(self, at_us: float) -> str | None:
        """Return what is wrong under every map that may be in force, as the newest map reports it."""
        found = [next(self._faults(wanted, at_us), None) for wanted in self.in_force(at_us)]
        return found[0] if all(found) else None

    def _faults(self, wanted: Configure | None, at_us: float) -> Iterator[str]:
        mapped = {line.gpio: line for line in wanted.lines} if wanted is not None else {}
        for pin, state in self.states.items():
            line = mapped.get(pin)
            listens = line is not None and line.kind == LineKind.DATA and state == "uart"
            if state in _DRIVEN and not listens and (line is None or not line.flags & LineFlag.OUTPUT):
                yield f"GP{pin} is {state}, and no output of the map"
        if wanted is None:
            return
        there = at_us <= self.there_us + GRACE_US
        supply = next((line for line in wanted.lines if _is_supply_output(line)), None)
        powered = there if supply is None else self._high(supply)
        for line in wanted.lines:
            if not line.flags & LineFlag.OUTPUT or _may_always(wanted, line):
                continue
            if self._away(line) and not there:
                yield f"GP{line.gpio} is not idle while the other end is absent"
            if line is not supply and self._high(line) and not powered:
                yield f"GP{line.gpio} is driven high into an end without power"

    def _high(self, line: MappedLine) -> bool:
        state = self.states.get(line.gpio, "input")
        return state == "uart" or (state != "input" and (state == "high") != bool(line.flags & LineFlag.INVERTED))

    def _away(self, line: MappedLine) -> bool:
        state = self.states.get(line.gpio, "input")
        if line.kind in (LineKind.DATA, LineKind.CLOCK) or state == "input":
            return state == "uart" or self._high(line)
        return self._high(line) != bool(line.flags & LineFlag.IDLE_HIGH)


def _is_supply_output(line: MappedLine) -> bool:
    return line.kind == LineKind.SUPPLY and bool(line.flags & LineFlag.OUTPUT)


def _may_always(wanted: Configure, line: MappedLine) -> bool:
    """Return whether a line may always be driven: a lens may ground the presence line at any time."""
    return wanted.role == BoardRole.LENS and line.kind == LineKind.PRESENCE


def _is_there(wanted: Configure, levels: dict[int, bool]) -> bool:
    kind, present = (LineKind.PRESENCE, False) if wanted.role == BoardRole.BODY else (LineKind.SUPPLY, True)
    guard = next((line for line in wanted.lines if line.kind == kind and not line.flags & LineFlag.OUTPUT), None)
    if guard is None:
        return True
    return (levels.get(guard.gpio, False) != bool(guard.flags & LineFlag.INVERTED)) == present


def _happened(emulator: Emulator) -> list[tuple[float, int, Callable[[_Board], None]]]:
    """Return all changes in time order; at equal times those from outside come first."""
    moved: list[tuple[float, int, Callable[[_Board], None]]] = []
    moved += [(at, board, _adopts(at, wanted)) for at, board, wanted in emulator.maps]
    moved += [(at, board, _is_put(pin, level)) for at, board, pin, level in emulator.outside]
    moved += [(at, board, _moves(pin, state)) for at, board, pin, state in emulator.pins]
    ended = [(emulator.now_us, board, _nothing) for board in {board for _, board, _ in moved}]
    return sorted(moved, key=_when) + ended


def _when(move: tuple[float, int, Callable[[_Board], None]]) -> tuple[float, int]:
    return move[:2]


def _adopts(at_us: float, wanted: Configure) -> Callable[[_Board], None]:
    return lambda board: board.maps.append((at_us, wanted))


def _is_put(pin: int, level: bool) -> Callable[[_Board], None]:
    return lambda board: board.levels.update({pin: level})


def _moves(pin: int, state: str) -> Callable[[_Board], None]:
    return lambda board: board.states.update({pin: state})


def _nothing(_: _Board) -> None:
    """Change nothing; only time has passed."""


def violations(emulator: Emulator) -> list[str]:
    """Return each fault of each board once, one line each, and each conflict between two boards."""
    boards: dict[int, _Board] = {}
    found = [f"at {at:.1f} us boards drive {pins} against each other" for at, pins in emulator.conflicts]
    known: set[tuple[int, str]] = set()
    # Changes at one time count as one: a reset releases all pins together.
    for (at_us, number), moves in groupby(_happened(emulator), key=_when):
        board = boards.setdefault(number, _Board())
        for together in ([], [move for *_, move in moves]):
            board.look(at_us)
            for move in together:
                move(board)
            board.look(at_us)
            fault = board.check(at_us)
            if fault is not None and (number, fault) not in known:
                known.add((number, fault))
                found.append(f"at {at_us:.1f} us board {number}: {fault}")
    return found
