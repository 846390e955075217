"""One line of text for each thing that happens on the wire."""

from lensmount_emulator.reports.printable import one_line
from lensmount_emulator.reports.terminal import ROLES, Colour
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, EmptyWindow
from lensmount_protocol.describe import name_of, show_message
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.paving import type_of
from lensmount_protocol.wire import ClockFix, Drop, Edge, LineDefect, Remark, Role

ARROWS = {Role.BODY: "body ─▶", Role.LENS: "◀─ lens"}
HANG = 23
"""Columns by which the continuation of an event is indented: it begins below the messages."""

FIELD_INDENT = 14
"""Columns in front of a field."""

NO_TIME = "-"
LONGEST_HEX = 24
"""Bytes of garbage that a line shows; the JSON form has them all."""

NOTABLE_PAUSE_S = 50e-6
"""A pause inside a frame longer than this is told; the largest between bytes of a Sony lens is 0.17 µs."""


def time_text(at: float | None) -> str:
    """A time in milliseconds with microseconds behind the point; a dash where the source has none."""
    return f"{NO_TIME if at is None else f'{at * 1e3:.3f}':>12}"


def colour_of(event: Decoded) -> Colour | None:
    """Return the colour of an event's line: the sender's for a frame, a warning for what is not as it should be."""
    if isinstance(event, DecodedFrame):
        return ROLES[event.sender.value]
    return None if isinstance(event, Edge | ClockFix) else Colour.WARNING


def line_of(event: Decoded, dialect: Dialect, *, every_field: bool = False) -> str:
    """The line for one decoded event; what could break the line is escaped."""
    return one_line(_line_of(event, dialect, every_field=every_field))


def _line_of(event: Decoded, dialect: Dialect, *, every_field: bool) -> str:
    if isinstance(event, DecodedFrame):
        said = "  +  ".join(show_message(message, every_field=every_field) for message in event.messages)
        return f"{_head(event.at, event.sender)} {event.frame.sequence:02x}  {said}{_extras(event)}"
    if isinstance(event, DecodedGarbage):
        more = "…" if len(event.data) > LONGEST_HEX else ""
        shown = event.data[:LONGEST_HEX].hex(" ") + more
        return f"{_head(event.at, event.sender)} !!  {len(event.data)} bytes, {event.reason.value}: {shown}"
    if isinstance(event, EmptyWindow):
        length_us = (event.closed - event.opened) * 1e6
        return f"{_head(event.opened, event.sender)} --  select high for {length_us:.1f} µs without a byte"
    if isinstance(event, Edge):
        driver = dialect.drivers.get(event.line)
        who = ARROWS[driver] if driver is not None else " " * len(ARROWS[Role.BODY])
        return f"{time_text(event.at)}  {who}     {event.line} {'high' if event.level else 'low'}"
    assert isinstance(event, Remark | ClockFix | Drop | LineDefect)
    return f"{time_text(event.at)}  # {event.text}"


def fields_of(event: DecodedFrame) -> list[str]:
    """The lines that show every field of a frame's messages, one field a line."""
    return [
        f"{'':>{FIELD_INDENT}}{row}"
        for message in event.messages
        for row in one_line(show_message(message, every_field=True)).replace(" ", "\n", 1).split("\n")
    ]


def row_of(event: DecodedFrame) -> str:
    """A frame as a row of a table: how it travelled, and what it holds by name."""
    names = " + ".join(name_of(message) for message in event.messages)
    types = "+".join(f"{type_of(message):02X}" for message in event.messages)
    rate = f"{event.baudrate / 1000:g}k"
    size = f"{len(event.frame.raw)}+{len(event.padding)}" if event.padding else str(len(event.frame.raw))
    return (
        f"{time_text(event.at)}  {ARROWS[event.sender]}  {rate:>5}  class {event.frame.class_}"
        f"  seq {event.frame.sequence:02x}  {size:>6}  {types:<8} {names}"
    )


def _head(at: float | None, sender: Role) -> str:
    return f"{time_text(at)}  {ARROWS[sender]}"


def _extras(event: DecodedFrame) -> str:
    extras = ""
    if event.padding:
        extras += f"  [{len(event.padding)} pad]"
    if event.longest_pause > NOTABLE_PAUSE_S:
        extras += f"  [pause {event.longest_pause * 1e3:.2f} ms]"
    return extras
