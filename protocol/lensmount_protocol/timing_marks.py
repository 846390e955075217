"""Finds the timing marks of decoded traffic; timing rules measure the intervals between them."""

from collections.abc import Container, Iterable, Iterator

from lensmount_protocol.decoder import Decoded, DecodedFrame, EmptyWindow
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.timing import (
    ANY,
    EDGE,
    EMPTY,
    Mark,
    MarkSteps,
    TimingAnalyzer,
    TimingResult,
    edge,
    first_bit,
    frame_end,
    last_bit,
    window_closes,
    window_opens,
)
from lensmount_protocol.wire import Edge, Role

TimedMark = tuple[float, Mark]

_MAX_KINDS = 4096
"""Number of kinds of frames with marks; a source of noise must not fill the memory."""

_Kind = tuple[str, int, int | None]
"""Sender, class and first message type of a frame."""

_FrameMarks = tuple[tuple[Mark, ...], ...]
"""Marks at the window's opening, the first bit, the end, the last clocked bit and the window's closing."""


class TimingMarkExtractor:
    """Finds the marks of one source, event by event; edges while power settles are no marks.

    Args:
        dialect: the dialect of the source.
        wanted: the marks of interest; without it, all.
    """

    def __init__(self, dialect: Dialect, wanted: Container[Mark] | None = None) -> None:
        self._supply = dialect.supply
        self._settling_s = dialect.power_settling_s
        self._wanted = wanted
        self._seen: set[str] = set()
        self._settled_at = 0.0
        self._marks: dict[_Kind, _FrameMarks] = {}

    def marks(self, event: Decoded) -> list[TimedMark]:
        """The marks of one event, each with its time in seconds, in no particular order."""
        if isinstance(event, DecodedFrame):
            return self._frame_marks(event)
        if isinstance(event, Edge):
            return self._edge_marks(event)
        if isinstance(event, EmptyWindow) and event.opened >= self._settled_at:
            return [
                (event.opened, window_opens(event.sender, EMPTY)),
                (event.closed, window_closes(event.sender, EMPTY)),
            ]
        return []

    def _edge_marks(self, event: Edge) -> list[TimedMark]:
        line, level, at = event.line, event.level, event.at
        # The first record of a line may only state its level; an idle line is low, so that is no event.
        is_event = at >= self._settled_at and (level or line in self._seen)
        if level or not is_event:
            self._seen.add(line)
        if line == self._supply and level:
            self._settled_at, is_event = at + self._settling_s, True
        if not is_event:
            return []
        mark = edge(line, level)
        return [(at, mark)] if self._wanted is None or mark in self._wanted else []

    def _frame_marks(self, event: DecodedFrame) -> list[TimedMark]:
        # A payload's first byte is the type of its first message, so the message need not be parsed.
        payload = event.frame.payload
        type_ = payload[0] if payload else None
        kind = (event.sender.name, event.frame.class_, type_)
        marks = self._marks.get(kind)
        if marks is None:
            marks = self.frame_marks(event.sender, event.frame.class_, type_)
            if len(self._marks) < _MAX_KINDS:
                self._marks[kind] = marks
        opened, first, end, last, closed = marks
        found: list[TimedMark] = []
        if opened and event.opened is not None:
            found += [(event.opened, mark) for mark in opened]
        if first and event.at is not None and event.end is not None:
            found += [(event.at, mark) for mark in first]
        if end and event.end is not None:
            found += [(event.end, mark) for mark in end]
        if last and event.clocked_end is not None:
            found += [(event.clocked_end, mark) for mark in last]
        if closed and event.closed is not None:
            found += [(event.closed, mark) for mark in closed]
        return found

    def frame_marks(self, sender: Role, class_: int, type_: int | None) -> _FrameMarks:
        """The marks of a frame of this sender, class and type of its first message."""
        names: list[int | str] = [ANY, f"class {class_}"]
        if type_ is not None:
            names.append(type_)
        kinds = (window_opens, first_bit, frame_end, last_bit, window_closes)
        every = tuple(tuple(kind(sender, name) for name in names) for kind in kinds)
        wanted = self._wanted
        if wanted is None:
            return every
        return tuple(tuple(mark for mark in marks if mark in wanted) for marks in every)


_FrameSteps = list[tuple[str, tuple[MarkSteps, ...]]]
"""Attribute of a frame that has the time, and what the marks at that time do."""

_FRAME_TIMES = ("opened", "at", "end", "clocked_end", "closed")
"""Attributes of a frame with the times of `_FrameMarks`."""


class TimingMeter:
    """Measures the timing contract of a dialect over decoded events.

    It measures what `TimingAnalyzer` measures over the marks of `TimingMarkExtractor`, without making the marks.

    Args:
        dialect: the dialect of the events.
        look_ahead: number of marks that may arrive before an earlier one; without it all marks are kept until the
            end, and any order is valid.
    """

    def __init__(self, dialect: Dialect, look_ahead: int | None = None) -> None:
        self._analyzer = TimingAnalyzer(dialect.timing, look_ahead)
        self._finder = TimingMarkExtractor(dialect, self._analyzer.wanted)
        self._frames: dict[tuple[Role, int, int | None], _FrameSteps] = {}
        # Edges of other lines have no marks, and change none.
        self._lines = {dialect.supply, *(mark[1] for mark in self._analyzer.wanted if mark[0] == EDGE)}

    @property
    def late(self) -> int:
        """Number of marks that came too late to be measured."""
        return self._analyzer.late

    def add(self, events: Iterable[Decoded]) -> None:
        """Add events, in any order of time within the look-ahead."""
        steps: list[tuple[float, MarkSteps]] = []
        wanted, frames, marks, lines = self._analyzer.wanted, self._frames, self._finder.marks, self._lines
        for event in events:
            if isinstance(event, DecodedFrame):
                frame = event.frame
                payload = frame.payload
                kind = (event.sender, frame.class_, payload[0] if payload else None)
                known = frames.get(kind)
                if known is None:
                    known = self._timing_steps(kind)
                    if len(frames) < _MAX_KINDS:
                        frames[kind] = known
                for name, doing in known:
                    at = getattr(event, name)
                    if at is not None and (name != "at" or event.end is not None):
                        for one in doing:
                            steps.append((at, one))
            elif not isinstance(event, Edge) or event.line in lines:
                for at, mark in marks(event):
                    if mark in wanted:
                        steps.append((at, wanted[mark]))
        self._analyzer.add_steps(steps)

    def finish(self) -> list[TimingResult]:
        """Return the measurements; a rule without an interval is empty."""
        return self._analyzer.finish()

    def _timing_steps(self, kind: tuple[Role, int, int | None]) -> _FrameSteps:
        wanted = self._analyzer.wanted
        pairs = zip(_FRAME_TIMES, self._finder.frame_marks(*kind), strict=True)
        return [(name, tuple(wanted[mark] for mark in marks)) for name, marks in pairs if marks]


def measure_events(events: Iterable[Decoded], dialect: Dialect) -> list[TimingResult]:
    """Measure the timing contract of a dialect over events in any order; a rule without an interval is empty."""
    meter = TimingMeter(dialect)
    meter.add(events)
    return meter.finish()


def extract_marks(decoded: Iterable[Decoded], dialect: Dialect) -> Iterator[TimedMark]:
    """Every mark with its time in seconds, in no particular order; edges while power settles are no marks."""
    finder = TimingMarkExtractor(dialect)
    for event in decoded:
        yield from finder.marks(event)
