"""The catalogue of a dialect: frames, messages and fields with units, offsets and evidence, as JSON and as Markdown."""

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any, cast

from lensmount_emulator.exports.layouts import (
    ArrayLayout,
    BitsLayout,
    BlobLayout,
    BytesLayout,
    FlagLayout,
    FloatLayout,
    IntLayout,
    Layout,
    ListLayout,
    OptionalLayout,
    RecordLayout,
    RepeatLayout,
    TextLayout,
    fixed_size,
)
from lensmount_emulator.exports.schema import DialectSchema, FieldSchema, FrameSchema, MessageSchema, MessagesSchema
from lensmount_emulator.exports.tables import frame_table, layout_table, units_table
from lensmount_emulator.exports.units_schema import UnitsSchema
from lensmount_protocol.checksums import Checksum, CrcAlgorithm, SumAlgorithm
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.message import Evidence
from lensmount_protocol.wire import Role

CATALOGUE_VERSION = 1


def json_files(schema: MessagesSchema) -> dict[str, str]:
    """Return file name -> text of the catalogue as JSON."""
    dialect = schema.dialect
    document = {
        "version": CATALOGUE_VERSION,
        "dialect": schema.name,
        "title": dialect.title,
        "notice": dialect.notice,
        "sources": dict(dialect.sources),
        "baudrates": list(dialect.wiring.baudrates),
        "idle_timeout_s": dialect.idle_timeout,
        "lines": {line: driver.value for line, driver in dialect.drivers.items()},
        "states": {
            "initial": dialect.transitions.initial,
            "moves": {state: dict(moves) for state, moves in dialect.transitions.moves.items()},
            "triggered_by": {
                trigger: None if owner is None else owner.value
                for trigger, owner in dialect.transitions.triggered_by.items()
            },
        },
        "timing": [
            {
                "name": rule.name,
                "minimum_us": rule.minimum_us,
                "maximum_us": rule.maximum_us if isfinite(rule.maximum_us) else None,
                "evidence": _evidence(rule.evidence),
            }
            for rule in dialect.timing
        ],
        "frame": frame_table(schema.frame) if isinstance(schema, DialectSchema) else None,
        "unknown_prefix": None if schema.unknown_prefix is None else layout_table(schema.unknown_prefix),
        "enums": {enum.name: dict(enum.members) for enum in schema.enums()},
        "messages": [_message_document(message) for message in schema.messages],
    }
    link = _clock_document(dialect)
    if link is not None:
        document["clocked"] = link
    if isinstance(schema, UnitsSchema):
        document["units"] = {role.value: units_table(forms) for role, forms in schema.forms.items()}
    return {f"{schema.identifier}.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n"}


def _clock_document(dialect: Dialect) -> dict[str, Any] | None:
    """The clock of a dialect and the sizes of its bursts; `None` where bytes travel asynchronously."""
    link = dialect.wiring.clocked
    if link is None:
        return None
    document: dict[str, Any] = {
        "clock": link.clock,
        "clocked_by": link.clocked_by.value,
        "data": {line.sender.value: line.name for line in dialect.wiring.serial},
        "bit_rate": link.bit_rate,
        "idle_high": link.idle_high,
        "sampled_on_rise": link.sampled_on_rise,
        "msb_first": link.msb_first,
        "burst_sizes": list(link.burst_sizes),
        "gap_us": round(link.gap_s * 1e6, 3),
        "load_us": round(link.load_s * 1e6, 3),
    }
    lines = link.acknowledge
    if lines is not None:
        pause_us = round(lines.pause_s * 1e6, 3)
        document["acknowledge"] = {"clocking": lines.clocking, "clocked": lines.clocked, "pause_us": pause_us}
    return document


def _message_document(message: MessageSchema) -> dict[str, Any]:
    return {
        "name": message.name,
        "type": message.type_,
        "sender": message.sender.value,
        "about": message.doc,
        "evidence": _evidence(message.evidence),
        "size": message.size,
        "prefix": None if message.prefix is None else layout_table(message.prefix),
        "default_blocks": message.default_blocks or None,
        "protected": message.protected,
        "fields": [_field_document(field) for field in message.fields],
    }


def _field_document(field: FieldSchema) -> dict[str, Any]:
    return {
        "name": field.name,
        "meaning": field.meaning,
        "unit": field.unit or None,
        "offset": field.offset,
        "size": fixed_size(field.layout),
        "block": field.block or None,
        "layout": layout_table(field.layout),
        "evidence": None if field.evidence is None else _evidence(field.evidence),
    }


def _evidence(evidence: Evidence) -> dict[str, str]:
    return {"level": evidence.level.value, "source": evidence.source, "note": evidence.note}


def markdown_files(schema: MessagesSchema) -> dict[str, str]:
    """Return file name -> text of the catalogue as Markdown."""
    return {f"{schema.identifier}.md": "\n".join(_markdown(schema)) + "\n"}


def _markdown(schema: MessagesSchema) -> Iterator[str]:
    dialect = schema.dialect
    yield f"# {_cell(dialect.title)}"
    yield from ("", _cell(dialect.notice), "")
    yield f"Dialect `{schema.name}`. Generated by `lensmount export --from-dialect {schema.name} --format markdown`."
    yield from _frame_markdown(schema.frame) if isinstance(schema, DialectSchema) else _clock_markdown(dialect)
    yield from _link_markdown(dialect)
    yield from ("", "## Messages")
    for message in schema.messages:
        yield from _message_markdown(message)
    if schema.enums():
        yield from ("", "## Names of numbers")
    for enum in schema.enums():
        yield from ("", f"### {enum.name}", "", "| number | name |", "|---:|---|")
        for label, number in enum.members:
            yield f"| {number} | {label} |"
    yield from ("", "## Sources", "", "| key | source |", "|---|---|")
    for key, source in dialect.sources.items():
        yield f"| {_cell(key)} | {_cell(source)} |"


def _frame_markdown(frame: FrameSchema) -> Iterator[str]:
    yield from ("", "## Frame", "", "| part | offset | bytes | value |", "|---|---:|---:|---|")
    for base, parts in (("", frame.head), ("after the payload", frame.tail)):
        for part in parts:
            offset = f"{base} + {part.offset}" if base and part.offset else base or str(part.offset)
            value = {"constant": f"`{part.value:#x}`", "checksum": frame.checksum.name}.get(part.kind, "")
            order = "" if part.layout.size == 1 else ", little-endian" if part.layout.little else ", big-endian"
            yield f"| {part.kind.rstrip('_')} | {offset} | {part.layout.size}{order} | {value} |"
    amount = f"{abs(frame.surplus)} byte{'s' if abs(frame.surplus) > 1 else ''}"
    size = f"{amount} {'more' if frame.surplus > 0 else 'less'} than" if frame.surplus else "equal to"
    yield from (
        "",
        f"The payload begins at offset {frame.head_size}. The size of a frame is {size} the value of its length field."
        f" The checksum is over the bytes from offset {frame.checked_from} to the end of the payload.",
        "",
        f"Checksum {frame.checksum.name}: {_checksum_text(frame.checksum)}.",
        "",
        "| sender | smallest frame | largest frame | classes |",
        "|---|---:|---:|---|",
    )
    for role in Role:
        classes = ", ".join(map(str, frame.classes[role])) if frame.part("class_") else "none"
        yield f"| {role.value} | {frame.min_size[role]} | {frame.max_size[role]} | {classes} |"


def _checksum_text(checksum: Checksum) -> str:
    """The parameters of a checksum, and its value over the check input."""
    match checksum.algorithm:
        case CrcAlgorithm() as crc:
            digits = crc.width // 4 + 2
            parameters = (
                f"{crc.width} bits, polynomial {crc.polynomial:#0{digits}x}, initial {crc.initial:#0{digits}x}, "
                f"{'reflected' if crc.reflected else 'not reflected'}, final xor {crc.final_xor:#0{digits}x}"
            )
        case SumAlgorithm() as total:
            parameters = f"{'exclusive or' if total.exclusive else 'sum'} of the bytes, {total.width} bits"
        case None:
            parameters = "a function of its own"
    return f"{parameters}; {checksum.check:#x} over the text 123456789"


def _link_markdown(dialect: Dialect) -> Iterator[str]:
    """The contacts, the states and the timing contract."""
    rates = " or ".join(map(str, dialect.wiring.baudrates))
    yield from (
        "",
        "## Lines",
        "",
        f"Rates: {rates} bits a second.",
        "",
        "| line | driven by | carries |",
        "|---|---|---|",
    )
    senders: dict[str, list[str]] = {}
    for serial in dialect.wiring.serial:
        senders.setdefault(serial.name, []).append(serial.sender.value)
    uses = {dialect.supply: "the supply of the lens", dialect.detect: "low while a lens is attached"}
    uses |= {line: f"bytes of the {' and of the '.join(ends)}" for line, ends in senders.items()}
    for line in dialect.wiring.lines:
        driver = dialect.drivers.get(line)
        end = driver.value if driver and len(senders.get(line, ())) < 2 else "either end"
        yield f"| {_cell(line)} | {end} | {_cell(uses.get(line, 'a level'))} |"
    table = dialect.transitions
    yield from ("", "## States", "", f"A session begins in {_cell(table.initial)}.", "")
    yield from ("| state | trigger | caused by | next state |", "|---|---|---|---|")
    for state, moves in table.moves.items():
        for trigger, target in moves.items():
            owner = table.triggered_by[trigger]
            cause = owner.value if owner else "either end"
            yield f"| {_cell(state)} | {_cell(trigger)} | {cause} | {_cell(target)} |"
    if dialect.timing:
        yield from ("", "## Timing", "", "| interval | from µs | to µs | evidence |", "|---|---:|---:|---|")
    for rule in dialect.timing:
        bounds = f"{rule.minimum_us:.12g} | {f'{rule.maximum_us:.12g}' if isfinite(rule.maximum_us) else 'any'}"
        yield f"| {_cell(rule.name)} | {bounds} | {_cell(str(rule.evidence))} |"


def _clock_markdown(dialect: Dialect) -> Iterator[str]:
    document = _clock_document(dialect) or {}
    yield from ("", "## Clock", "", "| what | value |", "|---|---|")
    for key, value in document.items():
        if isinstance(value, dict):
            shown = ", ".join(f"{sender} {line}" for sender, line in cast("dict[str, str]", value).items())
        else:
            shown = " or ".join(map(str, cast("list[int]", value))) if isinstance(value, list) else str(value)
        yield f"| {key.replace('_', ' ')} | {_cell(shown)} |"
    yield from (
        "",
        "Each burst holds one message; offsets count from its type byte, as the dialect numbers it.",
    )


def _message_markdown(message: MessageSchema) -> Iterator[str]:
    size = "varies" if message.size is None else f"{message.size} bytes"
    guarded = "; guarded: never sent to a device unless a run allows it" if message.protected else ""
    yield from ("", f"### `{message.type_:02X}` {message.name}, from the {message.sender.value}", "")
    yield f"{_cell(message.doc)} Size: {size}{guarded}. Evidence: {_cell(_evidence_text(message.evidence))}."
    if not message.fields:
        return
    yield from ("", "| field | offset | form | unit | meaning | evidence |", "|---|---:|---|---|---|---|")
    for field in message.fields:
        offset = "" if field.offset is None else str(field.offset)
        block = f", block {field.block}" if field.block else ""
        evidence = "" if field.evidence is None else _evidence_text(field.evidence)
        cells = (f"`{field.name}`", offset, layout_text(field.layout) + block, field.unit, field.meaning, evidence)
        yield f"| {' | '.join(map(_cell, cells))} |"


def _evidence_text(evidence: Evidence) -> str:
    note = f" ({evidence.note})" if evidence.note else ""
    return f"{evidence.level.value}: {evidence.source}{note}"


def layout_text(layout: Layout) -> str:
    """The form of a field in a few words."""
    match layout:
        case IntLayout():
            order = "" if layout.size == 1 else " le" if layout.little else " be"
            enum = f" {layout.enum.name}" if layout.enum else ""
            return f"{'' if layout.signed else 'u'}int{layout.size * 8}{order}{enum}"
        case FlagLayout():
            return "flag"
        case FloatLayout():
            return f"float{layout.size * 8} {'le' if layout.little else 'be'}"
        case BytesLayout():
            return f"{layout.size} bytes"
        case BitsLayout():
            return "bits, highest first: " + ", ".join(f"{one.name} {one.width}" for one in layout.members)
        case RecordLayout():
            return (
                layout.name + " {" + ", ".join(f"{name} {layout_text(inside)}" for name, inside in layout.fields) + "}"
            )
        case ArrayLayout():
            return f"{layout.count} × {layout_text(layout.element)}"
        case ListLayout():
            return f"{layout_text(layout.count)} count, then {layout_text(layout.element)} each"
        case BlobLayout():
            return f"{layout_text(layout.length)} size, then {layout.encoding or 'bytes'}"
        case TextLayout():
            return f"{layout.size} bytes of {layout.encoding}, padded with zeros"
        case OptionalLayout():
            return f"{layout_text(layout.inner)}, or absent"
        case RepeatLayout():
            return "the rest" if layout.element is None else f"{layout_text(layout.element)} until the end"


def _cell(text: str) -> str:
    """Text that stays in one cell of a table."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return clean.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
