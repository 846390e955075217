"""Lines that a source of records shows to be bad: a select line that never moves, serial lines that are swapped."""

from dataclasses import dataclass

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Defect, LineDefect, Role

MIN_FRAMES = 5
"""Frames from which on a line is suspected."""

MAX_CHECKED = 200
"""Frames of each end whose messages are compared with those that the end sends."""


@dataclass(slots=True)
class _Count:
    edges: int = 0
    level: bool = False
    frames: int = 0
    right: int = 0
    wrong: int = 0


class LineSuspicion:
    """Counts what the lines of both ends do.

    Args:
        dialect: which end sends which messages on which lines.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._counts = {role: _Count() for role in Role}
        self._named: set[str] = set()

    def edge(self, sender: Role, level: bool) -> None:
        """The select line of an end took a level; the first edge only states one."""
        count = self._counts[sender]
        count.edges += 1
        count.level = level

    def frame(self, sender: Role, payload: bytes) -> None:
        """A valid frame came on the serial line of an end."""
        count = self._counts[sender]
        count.frames += 1
        if count.frames <= MAX_CHECKED and payload:
            messages = self._dialect.messages
            own, other = (sender, payload[0]) in messages, (sender.peer, payload[0]) in messages
            count.right += own and not other
            count.wrong += other and not own

    def defects(self) -> list[LineDefect]:
        """What the counts show; each line is named once."""
        found: list[LineDefect] = []
        for role, count in self._counts.items():
            if count.edges == 1 and count.frames >= MIN_FRAMES:
                defect, word = (Defect.STUCK_HIGH, "high") if count.level else (Defect.STUCK_LOW, "low")
                line = self._dialect.select_line(role)
                found.append(LineDefect(line, defect, f"{line} is {word} all the time"))
        wrong = sum(count.wrong for count in self._counts.values())
        if wrong >= MIN_FRAMES and wrong > sum(count.right for count in self._counts.values()):
            lines = {role: self._dialect.serial_line(role) for role in Role}
            for role, line in lines.items():
                text = f"{line} is swapped with {lines[role.peer]}: {wrong} frames hold messages of the other end"
                found.append(LineDefect(line, Defect.SWAPPED, text))
        fresh = [defect for defect in found if defect.line not in self._named]
        self._named.update(defect.line for defect in fresh)
        return fresh
