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
    TextLayout,
)
from lensmount_emulator.exports.schema import DialectSchema, FrameSchema
from lensmount_emulator.exports.units_schema import AnySchema
from lensmount_protocol.checksums import Checksum, CrcAlgorithm, SumAlgorithm
from lensmount_protocol.unit_forms import (
    ChecksumIs,
    OneOf,
    PayloadPart,
    SizeIs,
    SumIs,
    UnitBits,
    UnitBytes,
    UnitForm,
    UnitLookup,
    UnitRule,
    ZeroAfter,
)
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
        case TextLayout():
            return ["text", layout.size, layout.encoding]
        case OptionalLayout():
            return ["optional", layout_table(layout.inner)]
        case RepeatLayout():
            return ["rest", None if layout.element is None else layout_table(layout.element)]


def _enum_name(enum: EnumSchema | None) -> str | None:
    return None if enum is None else enum.name


def frame_table(frame: FrameSchema) -> dict[str, Any]:
    """A frame as a dictionary."""
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
    table["checksum"] = checksum_table(frame.checksum)
    return table


def checksum_table(checksum: Checksum) -> dict[str, Any]:
    """A checksum with known parameters as a dictionary."""
    algorithm = checksum.algorithm
    match algorithm:
        case SumAlgorithm():
            kind = "xor" if algorithm.exclusive else "sum"
            return {"name": checksum.name, "kind": kind, "width": algorithm.width}
        case CrcAlgorithm():
            return {
                "name": checksum.name,
                "kind": "crc",
                "width": algorithm.width,
                "polynomial": algorithm.polynomial,
                "initial": algorithm.initial,
                "reflected": algorithm.reflected,
                "final_xor": algorithm.final_xor,
            }
        case None:
            raise TypeError("a checksum without an algorithm has no table")


def units_table(forms: tuple[UnitForm, ...]) -> list[dict[str, Any]]:
    """The forms of one sender's units as dictionaries; a number is at, size, shift, mask and whether it is little."""
    return [
        {
            "name": form.name,
            "class": form.class_,
            "sizes": list(form.sizes),
            "rules": list(map(_rule, form.all_rules)),
            "payload": list(map(_payload_part, form.payload)),
            "sequence": None if form.sequence is None else _bits(form.sequence),
        }
        for form in forms
    ]


def _bits(bits: UnitBits) -> list[Any]:
    return [bits.at, bits.size, bits.shift, bits.mask, bits.little]


def _bytes(span: UnitBytes) -> list[Any]:
    return [span.start, _bits(span.size) if isinstance(span.size, UnitBits) else span.size, span.after]


def _rule(rule: UnitRule) -> list[Any]:
    match rule:
        case OneOf():
            return ["one of", _bits(rule.number), list(rule.values)]
        case SizeIs():
            return ["size", _bits(rule.number), rule.surplus]
        case ZeroAfter():
            return ["zero", _bytes(rule.carried), rule.after]
        case ChecksumIs():
            return ["checksum", _bits(rule.number), _bytes(rule.over), checksum_table(rule.checksum)]
        case SumIs():
            return ["sum", _bits(rule.number), list(map(_bits, rule.terms))]


def _payload_part(part: PayloadPart) -> list[Any]:
    match part:
        case int():
            return ["byte", part]
        case UnitBits():
            return ["bits", _bits(part)]
        case UnitLookup():
            return ["lookup", _bits(part.number), dict(part.values)]
        case UnitBytes():
            return ["bytes", _bytes(part)]


def _part(kind: str, layout: IntLayout, offset: int, value: int) -> dict[str, Any]:
    part: dict[str, Any] = {"kind": kind, "size": layout.size, "little": layout.little, "offset": offset}
    if kind == "constant":
        part["value"] = value
    return part


def decoder_tables(schema: AnySchema) -> dict[str, Any]:
    """All that a decoder needs; every message under the default selection."""
    messages: dict[str, dict[int, Any]] = {role.value: {} for role in Role}
    for message in schema.messages:
        messages[message.sender.value][message.type_] = [
            message.name,
            None if message.prefix is None else layout_table(message.prefix),
            [[field.name, layout_table(field.layout)] for field in message.default_fields],
        ]
    framed: dict[str, Any]
    if isinstance(schema, DialectSchema):
        framed = {"frame": frame_table(schema.frame)}
    else:
        framed = {
            "units": {role.value: units_table(schema.forms[role]) for role in Role},
            "gap_s": schema.link.gap_s,
        }
    return {
        "name": schema.name,
        **framed,
        "messages": messages,
        "enums": {enum.name: {value: name for name, value in reversed(enum.members)} for enum in schema.enums()},
        "unknown_prefix": None if schema.unknown_prefix is None else layout_table(schema.unknown_prefix),
        "idle_timeout_s": schema.dialect.idle_timeout,
    }
