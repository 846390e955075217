"""Words for people and values for machines: what a message says, field by field."""

import enum
from typing import Any, cast

from lensmount_protocol.message import FieldSpec, Message
from lensmount_protocol.paving import AnyMessage, type_of
from lensmount_protocol.records import Record


def name_of(message: AnyMessage) -> str:
    """The message's class name; `Unknown` where no declaration explains it."""
    return type(message).__name__


def show_value(spec: FieldSpec, value: Any) -> str:
    """A field's value as people read it, with its unit."""
    if spec.show is not None:
        return spec.show(value)
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, enum.IntEnum):
        return f"{value.name} ({value.value:#04x})"
    if isinstance(value, Record):
        return (
            "{"
            + ", ".join(f"{inner.name} {show_value(inner, getattr(value, inner.name))}" for inner in value.FIELDS)
            + "}"
        )
    return f"{value} {spec.unit}".rstrip()


def show_message(message: AnyMessage, *, every_field: bool = False) -> str:
    """One line: type, name and fields; fields that are zero are left out unless `every_field` is set."""
    head = f"{type_of(message):02X} {name_of(message)}"
    if not isinstance(message, Message):
        return f"{head} {message.data.hex(' ')} ({message.reason})"
    shown = (
        f"{spec.name}={show_value(spec, value)}"
        for spec in message.FIELDS
        if _is_told(value := getattr(message, spec.name)) or every_field
    )
    return " ".join((head, *shown))


def headline(message: AnyMessage) -> str:
    """The message in a few words: its type, its name and the fields that a story tells."""
    head = f"{type_of(message):02X} {name_of(message)}"
    if not isinstance(message, Message):
        return f"{head} ({message.reason})"
    told = (f"{spec.name} {show_value(spec, getattr(message, spec.name))}" for spec in message.FIELDS if spec.headline)
    return ", ".join((head, *told))


def values_for_json(message: AnyMessage) -> dict[str, Any]:
    """The fields with values that JSON carries: numbers, and bytes as hexadecimal text."""
    if not isinstance(message, Message):
        return {"data": message.data.hex(), "reason": message.reason}
    return {name: _plain(value) for name, value in message.values().items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, enum.IntEnum):
        return int(value)
    if isinstance(value, Record):
        return {spec.name: _plain(getattr(value, spec.name)) for spec in value.FIELDS}
    if isinstance(value, list):
        return [_plain(inside) for inside in cast("Any", value)]
    if isinstance(value, dict):
        return {str(name): _plain(inside) for name, inside in cast("Any", value).items()}
    return value


def _is_told(value: Any) -> bool:
    return any(value) if isinstance(value, bytes) else bool(value)
