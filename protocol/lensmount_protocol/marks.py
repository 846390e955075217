"""Decoded traffic to the marks that timing rules are measured between."""

from collections.abc import Container, Iterable, Iterator

from lensmount_protocol.decoder import Decoded, DecodedFrame, EmptyWindow
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.timing import ANY, NOTHING, Mark, closes, edge, first_bit, frame_end, last_bit, opens
from lensmount_protocol.wire import Edge, Role

TimedMark = tuple[float, Mark]

_MOST_KINDS = 4096
"""Kinds of frames whose marks are kept; a source of noise must not fill the memory."""

_Kind = tuple[str, int, int | None]
"""Sender, class and first message type of a frame."""

_FrameMarks = tuple[tuple[Mark, ...], ...]
"""What happens when the window opens, at the first bit, at the end, at the last clocked bit, at the close."""


class MarkFinder:
    """Finds the marks of one source, event by event; what lines do while power settles is none.

    Args:
        dialect: what is spoken.
        wanted: the marks of interest; without it, all.
    """

    def __init__(self, dialect: Dialect, wanted: Container[Mark] | None = None) -> None:
        self._supply = dialect.supply
        self._settles = dialect.settles
        self._wanted = wanted
        self._seen: set[str] = set()
        self._settled = 0.0
        self._marks: dict[_Kind, _FrameMarks] = {}

    def marks(self, event: Decoded) -> list[TimedMark]:
        """The marks of one event, each with its time in seconds, in no particular order."""
        if isinstance(event, DecodedFrame):
            return self._of_frame(event)
        if isinstance(event, Edge):
            return self._of_edge(event)
        if isinstance(event, EmptyWindow) and event.opened >= self._settled:
            return [(event.opened, opens(event.sender, NOTHING)), (event.closed, closes(event.sender, NOTHING))]
        return []

    def _of_edge(self, event: Edge) -> list[TimedMark]:
        line, level, at = event.line, event.level, event.at
        # The first word about a line may only state its level; a line at rest is low, so that is no event.
        told = at >= self._settled and (level or line in self._seen)
        self._seen.add(line)
        if line == self._supply and level:
            self._settled, told = at + self._settles, True
        if not told:
            return []
        mark = edge(line, level)
        return [(at, mark)] if self._wanted is None or mark in self._wanted else []

    def _of_frame(self, event: DecodedFrame) -> list[TimedMark]:
        # A payload's first byte is the type of its first message, so what it says need not be read.
        payload = event.frame.payload
        type_ = payload[0] if payload else None
        kind = (event.sender.name, event.frame.class_, type_)
        marks = self._marks.get(kind)
        if marks is None:
            marks = self._marks_of(event.sender, event.frame.class_, type_)
            if len(self._marks) < _MOST_KINDS:
                self._marks[kind] = marks
        opened, first, end, last, closed = marks
        found: list[TimedMark] = []
        if opened and event.opened is not None:
            found += [(event.opened, mark) for mark in opened]
        if first and event.at is not None and event.until is not None:
            found += [(event.at, mark) for mark in first]
        if end and event.until is not None:
            found += [(event.until, mark) for mark in end]
        if last and event.clocked_until is not None:
            found += [(event.clocked_until, mark) for mark in last]
        if closed and event.closed is not None:
            found += [(event.closed, mark) for mark in closed]
        return found

    def _marks_of(self, sender: Role, class_: int, type_: int | None) -> _FrameMarks:
        names: list[int | str] = [ANY, f"class {class_}"]
        if type_ is not None:
            names.append(type_)
        kinds = (opens, first_bit, frame_end, last_bit, closes)
        every = tuple(tuple(kind(sender, name) for name in names) for kind in kinds)
        wanted = self._wanted
        if wanted is None:
            return every
        return tuple(tuple(mark for mark in marks if mark in wanted) for marks in every)


def marks_of(decoded: Iterable[Decoded], dialect: Dialect) -> Iterator[TimedMark]:
    """Every mark with its time in seconds, in no particular order; what lines do while power settles is none."""
    finder = MarkFinder(dialect)
    for event in decoded:
        yield from finder.marks(event)
