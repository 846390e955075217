"""One line of text for each thing that happens on the wire.

A session line by line: notices of the engines, requests and replies, and of the loop only what is new.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.reports.printable import ROLES, Colour, Line, one_line
from lensmount_emulator.sessions.traffic_stats import frame_composition
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, EmptyWindow
from lensmount_protocol.describe import format_message, format_summary, message_name
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import Annotation, ClockSync, DataLoss, Edge, LineDefect, Role

ARROWS = {Role.BODY: "body ─▶", Role.LENS: "◀─ lens"}
HANG = 23
"""Columns by which the continuation of an event is indented: it begins below the messages."""

FIELD_INDENT = 14
"""Columns in front of a field."""

NO_TIME = "-"
MAX_HEX = 24
"""Bytes of garbage that a line shows; the JSON form has them all."""

NOTABLE_PAUSE_S = 50e-6
"""A pause inside a frame longer than this is shown; the largest between bytes of a Sony lens is 0.17 µs."""


def format_time(at: float | None) -> str:
    """A time in milliseconds with microseconds after the point; a dash where the source has none."""
    return f"{NO_TIME if at is None else f'{at * 1e3:.3f}':>12}"


def event_colour(event: Decoded) -> Colour | None:
    """Return the colour of an event's line: the sender's for a frame, a warning for what is not as it should be."""
    if isinstance(event, DecodedFrame):
        return ROLES[event.sender.value]
    return None if isinstance(event, Edge | ClockSync) else Colour.WARNING


def format_event(event: Decoded, dialect: Dialect, *, every_field: bool = False) -> str:
    """The line for one decoded event; what could break the line is escaped."""
    return one_line(_format_event(event, dialect, every_field=every_field))


MAX_TEXTS = 1024
"""Texts of messages that an `EventFormatter` keeps."""


class EventFormatter:
    """Formats decoded events as `format_event` does; frames that share their messages are formatted once.

    Args:
        dialect: the dialect of the events.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._texts: dict[int, tuple[list[AnyMessage], str]] = {}

    def __call__(self, event: Decoded) -> str:
        """Return the line for one decoded event; what could break the line is escaped."""
        if not isinstance(event, DecodedFrame):
            return format_event(event, self._dialect)
        messages = event.messages
        known = self._texts.get(id(messages))
        if known is None or known[0] is not messages:
            if len(self._texts) >= MAX_TEXTS:
                self._texts.clear()
            known = self._texts[id(messages)] = messages, one_line(_format_messages(messages, every_field=False))
        return f"{_head(event.at, event.sender)} {event.frame.sequence:02x}  {known[1]}{_extras(event)}"


def _format_messages(messages: Iterable[AnyMessage], *, every_field: bool) -> str:
    return "  +  ".join([format_message(message, every_field=every_field) for message in messages])


def _format_event(event: Decoded, dialect: Dialect, *, every_field: bool) -> str:
    if isinstance(event, DecodedFrame):
        text = _format_messages(event.messages, every_field=every_field)
        return f"{_head(event.at, event.sender)} {event.frame.sequence:02x}  {text}{_extras(event)}"
    if isinstance(event, DecodedGarbage):
        more = "…" if len(event.data) > MAX_HEX else ""
        shown = event.data[:MAX_HEX].hex(" ") + more
        return f"{_head(event.at, event.sender)} !!  {len(event.data)} bytes, {event.reason.value}: {shown}"
    if isinstance(event, EmptyWindow):
        length_us = (event.closed - event.opened) * 1e6
        return f"{_head(event.opened, event.sender)} --  select high for {length_us:.1f} µs without a byte"
    if isinstance(event, Edge):
        driver = dialect.drivers.get(event.line)
        who = ARROWS[driver] if driver is not None else " " * len(ARROWS[Role.BODY])
        return f"{format_time(event.at)}  {who}     {event.line} {'high' if event.level else 'low'}"
    assert isinstance(event, Annotation | ClockSync | DataLoss | LineDefect)
    return f"{format_time(event.at)}  # {event.text}"


def format_fields(event: DecodedFrame) -> list[str]:
    """The lines that show every field of a frame's messages, one field a line."""
    return [
        f"{'':>{FIELD_INDENT}}{row}"
        for message in event.messages
        for row in one_line(format_message(message, every_field=True)).replace(" ", "\n", 1).split("\n")
    ]


def format_row(event: DecodedFrame) -> str:
    """A frame as a row of a table: how it travelled, and what it holds by name."""
    names = " + ".join(message_name(message) for message in event.messages)
    types = "+".join(f"{message_type(message):02X}" for message in event.messages)
    rate = f"{event.baudrate / 1000:g}k"
    size = f"{len(event.frame.raw)}+{len(event.padding)}" if event.padding else str(len(event.frame.raw))
    return (
        f"{format_time(event.at)}  {ARROWS[event.sender]}  {rate:>5}  class {event.frame.class_}"
        f"  seq {event.frame.sequence:02x}  {size:>6}  {types:<8} {names}"
    )


def _head(at: float | None, sender: Role) -> str:
    return f"{format_time(at)}  {ARROWS[sender]}"


def _extras(event: DecodedFrame) -> str:
    extras = ""
    if event.padding:
        extras += f"  [{len(event.padding)} pad]"
    if event.max_pause > NOTABLE_PAUSE_S:
        extras += f"  [pause {event.max_pause * 1e3:.2f} ms]"
    return extras


NOTICE_HANG = 16
"""Columns by which the continuation of a notice is indented."""


@dataclass(slots=True)
class EventNarrator:
    """Turns events into lines as they come.

    Attributes:
        routine: compositions that a loop repeats every frame, as the dialect declares.
        every_frame: show each frame of the loop too.
    """

    routine: frozenset[str]
    every_frame: bool = False
    _reported: set[str] = field(default_factory=lambda: set[str]())
    _skipped: int = 0

    def frame(self, event: Decoded) -> Iterator[Line]:
        """The lines for something on the wire."""
        if isinstance(event, DecodedFrame):
            composition = frame_composition(event)
            if not self.every_frame and composition in self.routine and composition in self._reported:
                self._skipped += 1
                return
            self._reported.add(composition)
            yield from self._skipped_line(event.at)
            summary = "  +  ".join(format_summary(message) for message in event.messages)
            text = f"{format_time(event.at)}  {ARROWS[event.sender]}  {one_line(summary)}"
            yield Line(text, event_colour(event), HANG)
        elif isinstance(event, DecodedGarbage):
            text = f"{format_time(event.at)}  {ARROWS[event.sender]}  {len(event.data)} bytes, {event.reason.value}"
            yield Line(text, event_colour(event), HANG)
        elif isinstance(event, EmptyWindow):
            length_ms = (event.closed - event.opened) * 1e3
            text = f"select line high for {length_ms:.3f} ms, no byte"
            yield Line(f"{format_time(event.opened)}  {ARROWS[event.sender]}  {text}", event_colour(event), HANG)

    def notice(self, notice: Notice) -> Iterator[Line]:
        """Return the line for a notice of an engine; the next frames of the loop are shown again."""
        yield from self._skipped_line(notice.at)
        self._reported.clear()
        mark = "!" if notice.is_error else "●"
        text = f"{format_time(notice.at)}  {mark} {notice.role.value}: {one_line(notice.text)}"
        yield Line(text, Colour.ERROR if notice.is_error else ROLES[notice.role.value], NOTICE_HANG)

    def _skipped_line(self, at: float | None) -> Iterator[Line]:
        if self._skipped:
            yield Line(f"{format_time(at)}  ⋯ {self._skipped} loop frame{'s' if self._skipped > 1 else ''}")
            self._skipped = 0


def narrate(
    events: Sequence[Decoded], notices: Sequence[Notice], routine: frozenset[str], *, every_frame: bool = False
) -> Iterator[Line]:
    """The lines of a session, in the order of time."""
    narrator = EventNarrator(routine, every_frame)
    timed: list[tuple[float, int, Decoded | Notice]] = [(_time(event), 1, event) for event in events]
    timed += [(notice.at, 0, notice) for notice in notices]
    for _, _, what in sorted(timed, key=lambda item: item[:2]):
        yield from narrator.notice(what) if isinstance(what, Notice) else narrator.frame(what)


def _time(event: Decoded) -> float:
    return event.opened if isinstance(event, EmptyWindow) else event.at or 0.0


def engine_errors(notices: Sequence[Notice], role: Role | None = None) -> list[Notice]:
    """What went wrong, as the engines saw it."""
    return [notice for notice in notices if notice.is_error and role in (None, notice.role)]
