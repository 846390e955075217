"""Formats messages field by field: text for users, values for JSON, HTML for notebooks.

The HTML form of a result is a caption and a table, with every text escaped.
"""

import enum
from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import islice
from typing import Any, cast

from lensmount_protocol.message import FieldGroup, FieldSpec, Message
from lensmount_protocol.payload import AnyMessage, message_type


def message_name(message: AnyMessage) -> str:
    """The message's class name; `UnknownMessage` where no declaration explains it."""
    return type(message).__name__


def format_value(spec: FieldSpec, value: Any) -> str:
    """A field's value as text for users, with its unit."""
    if spec.formatter is not None:
        return spec.formatter(value)
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, enum.IntEnum):
        return f"{value.name} ({value.value:#04x})"
    if isinstance(value, FieldGroup):
        return (
            "{"
            + ", ".join(f"{inner.name} {format_value(inner, getattr(value, inner.name))}" for inner in value.FIELDS)
            + "}"
        )
    return f"{value} {spec.unit}".rstrip()


def format_message(message: AnyMessage, *, every_field: bool = False) -> str:
    """One line: type, name and fields.

    Fields that are zero are left out unless they are marked `in_summary` or `every_field` is set.
    """
    head = f"{message_type(message):02X} {message_name(message)}"
    if not isinstance(message, Message):
        return f"{head} {message.data.hex(' ')} ({message.reason})"
    shown = (
        f"{spec.name}={format_value(spec, value)}"
        for spec in message.FIELDS
        if _is_shown(value := getattr(message, spec.name)) or spec.in_summary or every_field
    )
    return " ".join((head, *shown))


def format_summary(message: AnyMessage) -> str:
    """Return the message in one line: its type, its name and the fields marked `in_summary`."""
    head = f"{message_type(message):02X} {message_name(message)}"
    if not isinstance(message, Message):
        return f"{head} ({message.reason})"
    shown = (
        f"{spec.name} {format_value(spec, getattr(message, spec.name))}" for spec in message.FIELDS if spec.in_summary
    )
    return ", ".join((head, *shown))


def to_json_values(message: AnyMessage) -> dict[str, Any]:
    """The fields with values that JSON carries: numbers, and bytes as hexadecimal text."""
    if not isinstance(message, Message):
        return {"data": message.data.hex(), "reason": message.reason}
    return {name: _plain(value) for name, value in message.values().items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, enum.IntEnum):
        return int(value)
    if isinstance(value, FieldGroup):
        return {spec.name: _plain(getattr(value, spec.name)) for spec in value.FIELDS}
    if isinstance(value, list):
        return [_plain(inside) for inside in cast("Any", value)]
    if isinstance(value, dict):
        return {str(name): _plain(inside) for name, inside in cast("Any", value).items()}
    return value


def _is_shown(value: Any) -> bool:
    return any(value) if isinstance(value, bytes) else bool(value)


MAX_ROWS = 100
"""Number of rows that one table shows; a last row counts the others."""


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]], count: int | None = None) -> str:
    """Return an HTML table that is safe to show, whatever its texts hold.

    Args:
        caption: text above the table.
        head: names of the columns; empty for a table without a head.
        rows: cells of each row; only the first `MAX_ROWS` rows are taken.
        count: number of rows in all, where `rows` gives only some of them.
    """
    # Only notebooks need it, and it takes longer to import than a short command runs.
    escape = import_module("html").escape

    def line(cells: Sequence[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    taken = list(islice(rows, MAX_ROWS + 1))
    more = (len(taken) if count is None else count) - MAX_ROWS
    body = [line(cells, "td") for cells in taken[:MAX_ROWS]]
    if more > 0:
        body.append(line(("and more" if count is None else f"and {more} more",), "td"))
    top = line(head, "th") if head else ""
    return f"<table><caption>{escape(caption)}</caption>{top}{''.join(body)}</table>"
