"""The schema of a dialect as plain tuples and dictionaries: what table-driven decoders in other languages read."""

from typing import Any

from lensmount_emulator.exports.layouts import (
    ArrayLayout,
    BitsLayout,
    BlobLayout,
    BytesLayout,
    EnumSchema,
    FlagLayout,
    FloatLayout,
    IntLayout,
    Layout,
    ListLayout,
    OptionalLayout,
    RecordLayout,
    RepeatLayout,
)
from lensmount_emulator.exports.schema import DialectSchema, FrameSchema
from lensmount_protocol.checksums import CrcAlgorithm, SumAlgorithm
from lensmount_protocol.wire import Role


def layout_table(layout: Layout) -> list[Any]:
    """A layout as a list: its kind, then its parameters."""
    match layout:
        case IntLayout():
            return ["int", layout.size, layout.signed, layout.little, _enum_name(layout.enum)]
        case FlagLayout():
            return ["flag"]
        case FloatLayout():
            return ["float", layout.size, layout.little]
        case BytesLayout():
            return ["bytes", layout.size]
        case BitsLayout():
            return [
                "bits",
                layout.size,
                [[one.name, one.width, one.shift, _enum_name(one.enum)] for one in layout.members],
            ]
        case RecordLayout():
            return ["record", [[name, layout_table(inside)] for name, inside in layout.fields]]
        case ArrayLayout():
            return ["array", layout.count, layout_table(layout.element)]
        case ListLayout():
            return ["list", layout_table(layout.count), layout_table(layout.element)]
        case BlobLayout():
            return ["blob", layout_table(layout.length), layout.encoding]
        case OptionalLayout():
            return ["optional", layout_table(layout.inner)]
        case RepeatLayout():
            return ["rest", None if layout.element is None else layout_table(layout.element)]


def _enum_name(enum: EnumSchema | None) -> str | None:
    return None if enum is None else enum.name


def frame_table(frame: FrameSchema) -> dict[str, Any]:
    """A frame as a dictionary."""
    algorithm = frame.checksum.algorithm
    table: dict[str, Any] = {
        "head": [_part(part.kind, part.layout, part.offset, part.value) for part in frame.head],
        "tail": [_part(part.kind, part.layout, part.offset, part.value) for part in frame.tail],
        "head_size": frame.head_size,
        "tail_size": frame.tail_size,
        "header_size": frame.header_size,
        "surplus": frame.surplus,
        "checked_from": frame.checked_from,
        "min_size": {role.value: frame.min_size[role] for role in Role},
        "max_size": {role.value: frame.max_size[role] for role in Role},
        "classes": {role.value: list(frame.classes[role]) for role in Role} if frame.part("class_") else None,
    }
    match algorithm:
        case SumAlgorithm():
            table["checksum"] = {
                "name": frame.checksum.name,
                "kind": "xor" if algorithm.exclusive else "sum",
                "width": algorithm.width,
            }
        case CrcAlgorithm():
            table["checksum"] = {
                "name": frame.checksum.name,
                "kind": "crc",
                "width": algorithm.width,
                "polynomial": algorithm.polynomial,
                "initial": algorithm.initial,
                "reflected": algorithm.reflected,
                "final_xor": algorithm.final_xor,
            }
        case None:
            raise TypeError("a frame without an algorithm has no schema")
    return table


def _part(kind: str, layout: IntLayout, offset: int, value: int) -> dict[str, Any]:
    part: dict[str, Any] = {"kind": kind, "size": layout.size, "little": layout.little, "offset": offset}
    if kind == "constant":
        part["value"] = value
    return part


def decoder_tables(schema: DialectSchema) -> dict[str, Any]:
    """All that a decoder needs; every message under the default selection."""
    messages: dict[str, dict[int, Any]] = {role.value: {} for role in Role}
    for message in schema.messages:
        messages[message.sender.value][message.type_] = [
            message.name,
            None if message.prefix is None else layout_table(message.prefix),
            [[field.name, layout_table(field.layout)] for field in message.default_fields],
        ]
    return {
        "name": schema.name,
        "frame": frame_table(schema.frame),
        "messages": messages,
        "enums": {enum.name: {value: name for name, value in reversed(enum.members)} for enum in schema.enums()},
        "unknown_prefix": None if schema.unknown_prefix is None else layout_table(schema.unknown_prefix),
        "idle_timeout_s": schema.dialect.idle_timeout,
    }
