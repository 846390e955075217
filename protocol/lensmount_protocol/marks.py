"""Decoded traffic to the marks that timing rules are measured between."""

from collections.abc import Iterable, Iterator

from lensmount_protocol.decoder import Decoded, DecodedFrame, EmptyWindow
from lensmount_protocol.paving import type_of
from lensmount_protocol.timing import ANY, Mark, closes, edge, first_bit, frame_end, last_bit, opens
from lensmount_protocol.wire import Edge

NOTHING = "nothing"
"""What a select window holds that no byte travelled in."""


def marks_of(decoded: Iterable[Decoded]) -> Iterator[tuple[float, Mark]]:
    """Every mark with its time in seconds, in no particular order."""
    seen: set[str] = set()
    for event in decoded:
        if isinstance(event, Edge):
            # The first word about a line may only state its level; a line at rest is low, so that is no event.
            if event.level or event.line in seen:
                yield event.at, edge(event.line, event.level)
            seen.add(event.line)
        elif isinstance(event, EmptyWindow):
            yield event.opened, opens(event.sender, NOTHING)
            yield event.closed, closes(event.sender, NOTHING)
        elif isinstance(event, DecodedFrame):
            yield from _frame_marks(event)


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
