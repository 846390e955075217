"""The canonical text of a frame or a unit that code compiled from the Kaitai Struct description has parsed."""

from typing import Any

from lensmount_emulator.exports.canonical import value_text
from lensmount_emulator.exports.kaitai import kaitai_name
from lensmount_emulator.exports.kaitai_units import has_type_in_bytes
from lensmount_emulator.exports.layouts import (
    ArrayLayout,
    BitsLayout,
    IntLayout,
    Layout,
    ListLayout,
    OptionalLayout,
    RecordLayout,
    RepeatLayout,
)
from lensmount_emulator.exports.schema import DialectSchema, MessageSchema, MessagesSchema
from lensmount_emulator.exports.units_schema import UnitsSchema
from lensmount_protocol.unit_forms import ChecksumIs, ZeroAfter, distinct_forms
from lensmount_protocol.wire import Role


def kaitai_text(schema: DialectSchema, sender: Role, frame: Any) -> str:
    """The canonical text of a parsed frame."""
    class_ = frame.frame_class if schema.frame.part("class_") else 0
    sequence = frame.sequence if schema.frame.part("sequence") else 0
    parts = [f"{class_}.{sequence}"]
    known = {message.type_: message for message in schema.messages if message.sender is sender}
    parts += [_message(schema, known, message) for message in frame.payload.messages]
    return " ".join(parts)


def is_unit(schema: UnitsSchema, unit: Any, data: bytes) -> bool:
    """Whether a parsed unit has a form, with what a reader has to check itself: checksums and padding."""
    forms, number = distinct_forms(schema.forms), int(unit.form)
    return number < len(forms) and all(
        rule.check(data) is None for rule in forms[number].rules if isinstance(rule, ChecksumIs | ZeroAfter)
    )


def unit_text(schema: UnitsSchema, sender: Role, unit: Any) -> str:
    """The canonical text of a parsed unit that has a form."""
    form = distinct_forms(schema.forms)[int(unit.form)]
    known = {message.type_: message for message in schema.messages if message.sender is sender}
    parts = [f"{form.class_}.{unit.sequence}"]
    holder = getattr(unit, f"payload_{unit.form}")
    if has_type_in_bytes(form):
        return " ".join([*parts, *(_message(schema, known, message) for message in holder.messages)])
    declared = known.get(unit.type_byte)
    if declared is None or type(holder).__name__ == "UnknownMessage":
        return " ".join([*parts, f"?{{:{(bytes((unit.type_byte,)) + holder.content).hex()}}}"])
    return " ".join([*parts, _fields(declared, holder)])


def _message(schema: MessagesSchema, known: dict[int, MessageSchema], message: Any) -> str:
    declared = known.get(message.type_byte)
    if declared is None:
        return _unknown(schema, message)
    return _fields(declared, message.body if declared.prefix is None else message.body.fields)


def _fields(declared: MessageSchema, holder: Any) -> str:
    fields = (f"{one.name}={_text(one.layout, _member(holder, one.name))}" for one in declared.default_fields)
    return f"{declared.name}{{{','.join(fields)}}}"


def _unknown(schema: MessagesSchema, message: Any) -> str:
    prefix, content = schema.unknown_prefix, message.body.content
    size = b"" if prefix is None else len(content).to_bytes(prefix.size, "little" if prefix.little else "big")
    return f"?{{:{(bytes((message.type_byte,)) + size + content).hex()}}}"


def _member(holder: Any, name: str) -> Any:
    # A field that its condition leaves out has no attribute, or `None`.
    return getattr(holder, kaitai_name(name), None)


def _text(layout: Layout, value: Any) -> str:
    match layout:
        case IntLayout():
            number = int(getattr(value, "value", value))
            # Integers of three and more odd bytes are unsigned in Kaitai Struct.
            if layout.signed and layout.size not in (1, 2, 4, 8) and number >> (8 * layout.size - 1):
                number -= 1 << 8 * layout.size
            return str(number)
        case RecordLayout():
            members = (f"{name}={_text(inside, _member(value, name))}" for name, inside in layout.fields)
            return "{" + ",".join(members) + "}"
        case BitsLayout():
            members = (f"{one.name}={_bits_number(_member(value, one.name))}" for one in layout.members)
            return "{" + ",".join(members) + "}"
        case ListLayout() | ArrayLayout():
            return f"[{','.join(_text(layout.element, each) for each in value)}]"
        case RepeatLayout() if layout.element is not None:
            return f"[{','.join(_text(layout.element, each) for each in value)}]"
        case OptionalLayout():
            return "-" if value is None else _text(layout.inner, value)
        case _:
            return value_text(layout, value)


def _bits_number(value: Any) -> int:
    return int(getattr(value, "value", value))
