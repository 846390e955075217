"""Decoded traffic to the marks that timing rules are measured between."""

from collections.abc import Iterable, Iterator

from lensmount_protocol.decoder import Decoded, DecodedFrame, EmptyWindow
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.paving import type_of
from lensmount_protocol.timing import ANY, NOTHING, Mark, closes, edge, first_bit, frame_end, last_bit, opens
from lensmount_protocol.wire import Edge


def marks_of(decoded: Iterable[Decoded], dialect: Dialect) -> Iterator[tuple[float, Mark]]:
    """Every mark with its time in seconds, in no particular order; what lines do while power settles is none."""
    seen: set[str] = set()
    settled = 0.0
    for event in decoded:
        if isinstance(event, DecodedFrame):
            yield from _frame_marks(event)
        elif isinstance(event, EmptyWindow):
            if event.opened >= settled:
                yield event.opened, opens(event.sender, NOTHING)
                yield event.closed, closes(event.sender, NOTHING)
        elif isinstance(event, Edge):
            if event.line == dialect.supply and event.level:
                settled = event.at + dialect.settles
                yield event.at, edge(event.line, True)
            # The first word about a line may only state its level; a line at rest is low, so that is no event.
            elif event.at >= settled and (event.level or event.line in seen):
                yield event.at, edge(event.line, event.level)
            seen.add(event.line)


def _frame_marks(event: DecodedFrame) -> Iterator[tuple[float, Mark]]:
    times = (
        (event.opened, opens),
        (event.at if event.until is not None else None, first_bit),
        (event.until, frame_end),
        (event.clocked_until, last_bit),
        (event.closed, closes),
    )
    names = [ANY, f"class {event.frame.class_}"]
    if event.messages:
        names.append(f"{type_of(event.messages[0]):#04x}")
    for at, kind in times:
        if at is not None:
            for name in names:
                yield at, kind(event.sender, name)
