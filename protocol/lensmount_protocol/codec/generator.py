"""Generates the functions that parse and build a message, from its declared fields.

The source is one function, named after the message. It takes the class and a fallback that builds by construct, and
returns three things: whether the message is one struct, its parse function, and its build function. The parse function
of one struct takes `(data, at)`, and its caller has checked that the bytes are there; that of any other message takes
`(data, at, end)`, and returns the message and its end.

Messages are made without calling their class: a `struct` unpacked straight into the attributes takes half the time of
a dataclass's own `__init__`.

`lensmount describe DIALECT --emit` writes the source to modules, so that a short command does not import construct.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, cast

from lensmount_protocol.checksums import find_made_crc
from lensmount_protocol.codec.generate_build import BuildGenerator
from lensmount_protocol.codec.generate_frame import generate_frame_source
from lensmount_protocol.codec.generate_parse import ParseGenerator
from lensmount_protocol.codec.generate_struct import StructField, combine_struct_fields, struct_field_for
from lensmount_protocol.codec.lazy_construct import resolve
from lensmount_protocol.codec.message_codec import fingerprint, frame_fingerprint, generated_module
from lensmount_protocol.codec.runtime import NAMESPACE
from lensmount_protocol.codec.source_builder import SourceBuilder, UnsupportedConstruct, substitute
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.frame_parser import ConstructFrameFormat
from lensmount_protocol.message import FieldSpec, Message, SelectableMessage


@dataclasses.dataclass(frozen=True, slots=True)
class GeneratedSource:
    """Generated source.

    Attributes:
        text: the function described above.
        objects: name -> object that the text refers to and that has no source of its own.
        size: bytes on the wire, type byte included; `None` where it depends on the bytes.
    """

    text: str
    objects: dict[str, object]
    size: int | None


def generate_message_source(
    cls: "type[Message]", fields: "Sequence[FieldSpec]", fixed: dict[str, Any], name: str
) -> GeneratedSource:
    """Generate the source of a message's functions.

    Args:
        cls: the message class.
        fields: those of its fields that are on the wire.
        fixed: name -> value of fields that are not on the wire and get another value than their default.
        name: name of the function.

    Raises:
        UnsupportedConstruct: a field has a construct that the generator does not support.
    """
    builder = SourceBuilder()
    layouts = [resolve(spec.layout) for spec in fields]
    found = [struct_field_for(layout, builder) for layout in layouts]
    slots = [slot for slot in found if slot is not None]
    if len(slots) == len(found) and cls.PREFIX is None:
        body, size = _fixed_size(cls, fields, slots, fixed, builder)
    else:
        builder = SourceBuilder()
        body, size = _any_size(cls, fields, layouts, fixed, builder), None
    lines = [f"def {name}(cls, ask):", *(f"    {line}" for line in [*builder.lines, *body])]
    return GeneratedSource("\n".join(lines) + "\n", builder.objects, size)


def _fixed_size(
    cls: "type[Message]",
    fields: "Sequence[FieldSpec]",
    slots: list[StructField],
    fixed: dict[str, Any],
    builder: SourceBuilder,
) -> tuple[list[str], int]:
    code, slots = combine_struct_fields(slots, builder)
    places = [f"message.{spec.name}" for spec in fields]
    pack = builder.pack(f"{code[0]}B{code[1:]}")
    values = [substitute(slot.encode, place) for place, slot in zip(places, slots, strict=True)]
    taken = [f"{', '.join(places)}, = {builder.unpack_from(f'{code[0]}x{code[1:]}')}(data, at)"] if places else []
    converted = [
        f"{place} = {substitute(slot.decode, place)}"
        for place, slot in zip(places, slots, strict=True)
        if slot.decode != "{v}"
    ]
    body = [
        "def read(data, at):",
        "    message = new(cls)",
        *(f"    {line}" for line in [*taken, *converted, *_default_assignments(cls, fields, fixed, builder)]),
        "    return message",
        "def build(message):",
        *_with_fallback([f"return {pack}({', '.join([hex(cls.TYPE), *values])})"]),
        "return True, read, build",
    ]
    return body, 1 + sum(slot.size for slot in slots)


def _default_assignments(
    cls: "type[Message]", fields: "Sequence[FieldSpec]", fixed: dict[str, Any], builder: SourceBuilder
) -> list[str]:
    """Source that sets the attributes that are not on the wire: messages are made without their `__init__`."""
    there = {spec.name for spec in fields}
    lines: list[str] = []
    for known in dataclasses.fields(cast("Any", cls)):
        if known.name in fixed:
            lines.append(f"message.{known.name} = {fixed[known.name]!r}")
        elif known.name not in there:
            made = known.default is dataclasses.MISSING
            source = f"cls.__dataclass_fields__[{known.name!r}].{'default_factory' if made else 'default'}"
            lines.append(f"message.{known.name} = {builder.constant('usual', source)}{'()' if made else ''}")
    if hasattr(cls, "__post_init__"):
        lines.append("message.__post_init__()")
    return lines


def _any_size(
    cls: "type[Message]",
    fields: "Sequence[FieldSpec]",
    layouts: list[Any],
    fixed: dict[str, Any],
    builder: SourceBuilder,
) -> list[str]:
    pairs: list[tuple[str | None, Any]] = [(spec.name, layout) for spec, layout in zip(fields, layouts, strict=True)]
    reading, building = ParseGenerator(builder), BuildGenerator(builder, indent=0)
    prefix = None if cls.PREFIX is None else resolve(cls.PREFIX)
    values = reading.fields(pairs) if prefix is None else reading.prefixed(prefix, pairs)
    given = [f"message.{spec.name} = {value}" for spec, value in zip(fields, values, strict=True)]
    places = [f"message.{spec.name}" for spec in fields]
    whole = ["parts = []; add = parts.append"]
    if prefix is None:
        building.fields(pairs, places, head=("B", hex(cls.TYPE)))
        whole += [*building.lines, "return b''.join(parts)"]
    else:
        building.fields(pairs, places)
        whole += [*building.lines, "data = b''.join(parts)", f"return {_prefix_source(cls, prefix, builder)} + data"]
    return [
        "def read(data, at, end):",
        "    p = at + 1",
        # Where all fields may be empty, no other check requires the type byte; a prefix is never empty.
        *(["    if p > end: reject()"] if prefix is None else []),
        *reading.lines,
        "    message = new(cls)",
        *(f"    {line}" for line in [*given, *_default_assignments(cls, fields, fixed, builder)]),
        "    return message, p",
        "def build(message):",
        *_with_fallback(whole),
        "return False, read, build",
    ]


def _prefix_source(cls: "type[Message]", prefix: Any, builder: SourceBuilder) -> str:
    """Source of the type byte and the size after it."""
    slot = struct_field_for(prefix, builder)
    if slot is None or slot.decode != "{v}":
        raise UnsupportedConstruct("a size that is no plain integer")
    return f"{builder.pack(f'{slot.order or chr(60)}B{slot.code}')}({cls.TYPE:#x}, len(data))"


def _with_fallback(body: list[str]) -> list[str]:
    """Body of a build function; after any exception it falls back to construct."""
    return ["    try:", *(f"        {line}" for line in body), "    except Exception:", "        return ask(message)"]


RUNTIME = "lensmount_protocol.codec.runtime"


def generated_source(cls: type[Message]) -> str:
    """Return the source of a message's functions, under its default selection; or the reason why there is none.

    The program may run code that was emitted from the same declaration; its text is the same.
    """
    name, fields = _named_fields(cls)
    try:
        return generate_message_source(cls, fields, {}, name).text
    except UnsupportedConstruct as gap:
        return f"# {cls.__name__} is read and built by construct: {gap}\n"


def generate_modules(dialect: Dialect, package: str) -> dict[str, str]:
    """Return module name -> source for all declarations of a package's dialect that use lazy constructs.

    Messages declared with construct's own objects are left out: they have no text that shows a change.
    """
    parts: dict[str, list[tuple[str, str, str, dict[str, object]]]] = {}
    for module, name, written, text, objects in (*_messages(dialect), *_frames(dialect)):
        if not module.startswith(f"{package}."):
            continue
        known = parts.setdefault(module, [])
        taken = {name: thing for *_, refers in known for name, thing in refers.items()}
        clash = any(taken.get(name, thing) is not thing for name, thing in objects.items())
        if not clash and all(_importable(thing) for thing in objects.values()):
            known.append((name, written, text, objects))
    return {
        generated_module(module): _module(module, made, dialect.name) for module, made in sorted(parts.items()) if made
    }


def _messages(dialect: Dialect) -> Iterator[tuple[str, str, str, str, dict[str, object]]]:
    for cls in sorted(dialect.messages.values(), key=lambda cls: (cls.TYPE, cls.SENDER.value)):
        name, fields = _named_fields(cls)
        written = fingerprint(cls, fields)
        if written is None:
            continue
        try:
            source = generate_message_source(cls, fields, {}, name)
        except UnsupportedConstruct:
            continue
        yield cls.__module__, name, written, source.text, source.objects


def _frames(dialect: Dialect) -> Iterator[tuple[str, str, str, str, dict[str, object]]]:
    seen_modules: set[str] = set()
    for declared in dialect.formats.values():
        if not isinstance(declared, ConstructFrameFormat) or declared.module in seen_modules:
            continue
        seen_modules.add(declared.module)
        written = frame_fingerprint(declared.layout)
        if written is not None and declared.module:
            yield declared.module, "envelope", written, *generate_frame_source(declared.layout)


def _named_fields(cls: type[Message]) -> tuple[str, tuple[FieldSpec, ...]]:
    if issubclass(cls, SelectableMessage):
        return f"{cls.__name__}_{cls.DEFAULT_BLOCKS:x}", cls.fields_with(cls.DEFAULT_BLOCKS)
    return cls.__name__, cls.FIELDS


def _module(module: str, made: list[tuple[str, str, str, dict[str, object]]], dialect: str) -> str:
    body = "\n\n".join(text for _, _, text, _ in made)
    used = sorted(name for name in NAMESPACE if re.search(rf"\b{name}\b", body))
    objects: dict[str, object] = {}
    for _, _, _, refers in made:
        objects |= refers
    made_crcs = {name: crc for name, thing in objects.items() if (crc := find_made_crc(thing)) is not None}
    imports: list[str] = []
    for name, thing in objects.items():
        if name not in made_crcs:
            # The others are functions and classes, which have names and modules.
            imports.append(f"from {thing.__module__} import {thing.__name__} as {name}")  # type: ignore[attr-defined]
    imports.sort()
    if made_crcs:
        imports.append("from lensmount_protocol.checksums import CrcAlgorithm, crc_function")
    table = "".join(f"    {name!r}: ({written!r}, {name}),\n" for name, written, _, _ in made)
    return (
        f'"""Generated from {module} by `lensmount describe {dialect} --emit`; not to be edited."""\n\n'
        + "".join(f"{line}\n" for line in [*imports, f"from {RUNTIME} import {', '.join(used)}"])
        + "".join(f"\n{name} = crc_function({crc!r})\n" for name, crc in made_crcs.items())
        + f"\n\n{body}\n\nCODECS = {{\n{table}}}\n"
    )


def _importable(thing: object) -> bool:
    """Whether a module can import this by its name, or make it."""
    if find_made_crc(thing) is not None:
        return True
    name, module = getattr(thing, "__qualname__", ""), getattr(thing, "__module__", "")
    return bool(name) and name.isidentifier() and getattr(import_module(module), name, None) is thing
