"""Rows as the page shows them: a line of the list, a frame with its fields and their bytes, the track of a finding."""

from typing import Any

from lensmount_emulator.explain.explainer import session_knowledge
from lensmount_emulator.explain.finding import Finding
from lensmount_emulator.reports.event_json import event_to_dict
from lensmount_emulator.reports.event_text import format_event
from lensmount_emulator.traffic.event_columns import KINDS, EventColumns
from lensmount_protocol.codec.field_spans import frame_spans
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, EmptyWindow
from lensmount_protocol.describe import format_summary, format_value, message_name, to_json_values
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.message import FieldSpec, Message
from lensmount_protocol.payload import message_type
from lensmount_protocol.timing import EDGE

MAX_SUMMARY = 240
"""Characters of a line of the list."""

MAX_VALUE = 400
"""Characters of a value; a list or a run of bytes may be longer, and the bytes show it whole."""


def row_summary(columns: EventColumns, row: int) -> str:
    """One line about a row, for the list."""
    event = columns.event(row)
    if isinstance(event, DecodedFrame):
        parts = [format_summary(message) for message in event.messages]
        text = " + ".join(part.partition(", ")[2] for part in parts if ", " in part)
    elif isinstance(event, DecodedGarbage):
        text = f"{len(event.data)} bytes, {event.reason.value}"
    elif isinstance(event, EmptyWindow):
        text = f"select high for {(event.closed - event.opened) * 1e6:.1f} µs without a byte"
    else:
        text = str(getattr(event, "text", "")) or format_event(event, columns.dialect)
    return text if len(text) <= MAX_SUMMARY else text[: MAX_SUMMARY - 1] + "…"


def row_details(columns: EventColumns, row: int) -> dict[str, Any]:
    """Everything about a row.

    Raises:
        IndexError: there is no such row.
    """
    event = columns.event(row)
    details = event_to_dict(event, columns.dialect)
    details["row"] = row
    details["summary"] = row_summary(columns, row)
    details["messages"] = frame_messages(event) if isinstance(event, DecodedFrame) else []
    if isinstance(event, DecodedFrame):
        first, last, _ = event.frame.payload_slice.indices(len(event.frame.raw))
        details["payload"] = [first, last]
    else:
        details["kind"] = KINDS[int(columns.cell("kind", row))]
    return details


def frame_messages(event: DecodedFrame) -> list[dict[str, Any]]:
    """The messages of a frame, each with the spans of its fields."""
    messages: list[dict[str, Any]] = []
    for span in frame_spans(event.frame):
        message = span.message
        head: dict[str, Any] = {
            "type": message_type(message),
            "name": message_name(message),
            "start": span.start,
            "end": span.end,
        }
        if isinstance(message, Message):
            values = to_json_values(message)
            head["fields"] = [
                {
                    "name": one.name,
                    "start": one.start,
                    "end": one.end,
                    "value": values[one.name],
                    "text": value_text(one.spec, getattr(message, one.name)),
                }
                for one in span.fields
            ]
        else:
            head["fields"] = []
            head["reason"] = message.reason
        messages.append(head)
    return messages


def value_text(spec: FieldSpec, value: Any) -> str:
    """A field's value as text with its unit; empty where a later revision added it and the peer left it out."""
    if value is None:
        return "not sent"
    text = format_value(spec, value)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"


def finding_track(finding: Finding, dialect: Dialect) -> str:
    """The track of the timeline that a finding of an explanation concerns: a line, an end, or none."""
    if finding.subject in dialect.drivers:
        return finding.subject
    # An edge that was due and did not come concerns its line.
    ends = [step.ends for step in session_knowledge(dialect).steps if step.name == finding.subject]
    lines = {mark[1] for marks in ends for mark in marks if mark[0] == EDGE}
    if len(lines) == 1:
        return lines.pop()
    return finding.end.value if finding.end else ""
