"""The canonical text of a frame: one line that every decoder of a dialect writes alike, so that they can be compared.

A frame is `CLASS.SEQUENCE MESSAGE …`, a message `Name{field=value,…}`, bytes that no message explains `?{:hex}`.
Numbers are decimal, truth values 0 or 1, bytes and text `:hex`, floats `~nan` or `~hex` with the highest byte first,
lists `[a,b]`, records `{name=value}`, an absent field `-`.
"""

import math
import struct
from typing import Any, cast

from lensmount_emulator.exports.layouts import (
    ArrayLayout,
    BitsLayout,
    BlobLayout,
    FlagLayout,
    FloatLayout,
    IntLayout,
    Layout,
    ListLayout,
    OptionalLayout,
    RecordLayout,
    RepeatLayout,
    TextLayout,
)
from lensmount_emulator.exports.schema import MessageSchema, MessagesSchema
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import AnyMessage


class CanonicalWriter:
    """Writes the canonical text of frames and messages of one dialect.

    Args:
        schema: the dialect.
    """

    def __init__(self, schema: MessagesSchema) -> None:
        self._by_class: dict[type[Message], MessageSchema] = {message.cls: message for message in schema.messages}

    def frame(self, frame: Frame, messages: list[AnyMessage]) -> str:
        """The text of a frame with these messages."""
        return " ".join((f"{frame.class_}.{frame.sequence}", *map(self.message, messages)))

    def message(self, message: AnyMessage) -> str:
        """The text of a message."""
        if isinstance(message, UnknownMessage):
            return f"?{{:{message.data.hex()}}}"
        schema = self._by_class[type(message)]
        fields = (
            f"{field.name}={value_text(field.layout, getattr(message, field.name))}" for field in schema.default_fields
        )
        return f"{schema.name}{{{','.join(fields)}}}"


def value_text(layout: Layout, value: Any) -> str:
    """The canonical text of a value."""
    match layout:
        case IntLayout():
            return str(int(value))
        case FlagLayout():
            return str(int(bool(value)))
        case FloatLayout():
            # Reading a signalling NaN may quieten it, so that its bits are no fact.
            nan = math.isnan(value)
            return "~nan" if nan else f"~{struct.pack('>f' if layout.size == 4 else '>d', value).hex()}"
        case BlobLayout():
            return f":{(value.encode(layout.encoding) if layout.encoding else value).hex()}"
        case TextLayout():
            return f":{value.encode(layout.encoding).ljust(layout.size, bytes(1)).hex()}"
        case ListLayout() | ArrayLayout():
            return f"[{','.join(value_text(layout.element, each) for each in value)}]"
        case RepeatLayout() if layout.element is not None:
            return f"[{','.join(value_text(layout.element, each) for each in value)}]"
        case OptionalLayout():
            return "-" if value is None else value_text(layout.inner, value)
        case RecordLayout():
            return (
                "{"
                + ",".join(f"{name}={value_text(inside, _member(value, name))}" for name, inside in layout.fields)
                + "}"
            )
        case BitsLayout():
            members = (f"{member.name}={int(_member(value, member.name))}" for member in layout.members)
            return "{" + ",".join(members) + "}"
        case _:
            return f":{bytes(value).hex()}"


def _member(value: object, name: str) -> Any:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)[name]
    return getattr(value, name)
