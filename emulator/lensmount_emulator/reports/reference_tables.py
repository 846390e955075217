"""A dialect as Markdown tables: its messages, the faults, and known symptoms, as the reference pages show them.

The catalogue of messages stands in a dialect's specification; tests hold all pages equal to these tables.
"""

import enum
import re
from collections.abc import Iterator
from typing import Any

from lensmount_emulator.engine.session_knowledge import Symptom
from lensmount_emulator.explain.explainer import session_knowledge
from lensmount_emulator.faults.fault import Fault, TimedFault
from lensmount_emulator.faults.options import DURATION, LINE, NAME_OPTION, option_type
from lensmount_emulator.faults.registry import BUILT_IN_FAULTS, option_fields
from lensmount_protocol.codec.constructs import OpenEnum
from lensmount_protocol.codec.lazy_construct import declaration_text, resolve
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.message import FieldSpec, Message

MODULE_PATH = re.compile(r"\b(?:[a-z_]\w*\.)+(?=[a-z_]\w*\.[A-Z])")
"""The packages in front of a class's module and name."""


def message_catalogue(dialect: Dialect) -> str:
    """Every message with its fields, by type; then the numbers of every enumeration that a field uses."""
    ordered = sorted(dialect.messages.values(), key=lambda cls: (cls.TYPE, cls.SENDER.value))
    kinds: dict[str, type[enum.IntEnum]] = {}
    parts: list[str] = []
    for cls in ordered:
        parts.append(_message(cls))
        for spec in cls.FIELDS:
            kinds |= _enumerations_in(resolve(spec.layout))
    parts += [_enumeration(kind) for _, kind in sorted(kinds.items())]
    return "\n\n".join(parts) + "\n"


def _message(cls: type[Message]) -> str:
    opening = " ".join((cls.__doc__ or "").split())
    lines = [f"### `{cls.TYPE:02X}` {cls.__name__}, {cls.SENDER.value} to {cls.SENDER.peer.value}", "", opening]
    lines += [
        "",
        f"Evidence: {cls.EVIDENCE}.",
        "",
        "| at | bytes | field | written as | meaning |",
        "|---|---|---|---|---|",
    ]
    certain = True
    for spec in cls.FIELDS:
        if spec.name == "tail":
            continue
        lines.append(_row(spec, certain))
        certain = certain and not spec.varies
    return "\n".join(lines)


def _row(spec: FieldSpec, certain: bool) -> str:
    at = str(spec.offset) if certain else f"{spec.offset}+"
    written = (declaration_text(spec.layout) or str(spec.layout)).replace("|", "\\|")
    written = MODULE_PATH.sub("", written)
    unit = f", in {spec.unit}" if spec.unit else ""
    return f"| {at} | {'varies' if spec.varies else spec.size} | `{spec.name}` | `{written}` | {spec.meaning}{unit} |"


def _enumerations_in(layout: Any) -> dict[str, type[enum.IntEnum]]:
    """The enumerations inside a construct, by name."""
    found: dict[str, type[enum.IntEnum]] = {}
    if isinstance(layout, OpenEnum):
        found[layout.members.__name__] = layout.members
    for inside in (getattr(layout, "subcon", None), *getattr(layout, "subcons", ())):
        if inside is not None:
            found |= _enumerations_in(inside)
    return found


def _enumeration(kind: type[enum.IntEnum]) -> str:
    lines = [f"### {kind.__name__}", "", (kind.__doc__ or "").strip(), "", "| number | name |", "|---|---|"]
    return "\n".join([*lines, *(f"| {member.value} | `{member.name}` |" for member in kind)])


SHORT = {DURATION: "duration", LINE: "line", NAME_OPTION: "name"}
"""Kinds of values that the page explains once."""

COMMON = ("at", "for", "until", "from", "rate", "count", "expect")


def fault_table() -> Iterator[str]:
    """The lines of the reference, in Markdown: faults by what they touch, and their keys but those that all have."""
    yield "| affects | fault | effect | its keys |"
    yield "|---|---|---|---|"
    for cls in BUILT_IN_FAULTS:
        yield f"| {cls.TOUCHES} | `{cls.NAME}` | {_opening(cls)} | {'; '.join(_own_keys(cls)) or 'none'} |"


def key_table() -> Iterator[str]:
    """The keys that every fault has, in Markdown."""
    yield "| key | means | value | where it differs |"
    yield "|---|---|---|---|"
    default = option_fields(Fault)
    for name in COMMON:
        about, kind = default[name].metadata["about"], option_type(default[name].metadata)
        timed = option_fields(TimedFault)[name]
        other = timed.metadata["about"] if timed.metadata != default[name].metadata else ""
        more = f"by time: {other}, {option_type(timed.metadata).legal}" if other else ""
        yield f"| `{name}` | {about} | {kind.legal} | {more} |"


def _opening(cls: type[Fault]) -> str:
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split()).rstrip(".")


def _own_keys(cls: type[Fault]) -> Iterator[str]:
    default_value = option_fields(TimedFault if issubclass(cls, TimedFault) else Fault)
    for name, one in option_fields(cls).items():
        if name in COMMON and one.default == default_value[name].default:
            continue
        kind, default = option_type(one.metadata), one.default
        text = "" if default in (None, "") else f", else {kind.write(default)}"
        legal = SHORT.get(kind, kind.legal)
        yield f"`{name}`{text}" if name in COMMON else f"`{name}` {one.metadata['about']} ({legal}{text})"


def symptom_table(dialect: str) -> str:
    """Every known symptom of a dialect, as a table.

    Raises:
        DialectError: the dialect is unknown.
    """
    rows = ["| symptom | belongs to | what is known | what to do | evidence |", "|---|---|---|---|---|"]
    rows += [_symptom_row(one) for one in session_knowledge(load_dialect(dialect)).symptoms]
    return "\n".join(rows) + "\n"


def _symptom_row(one: Symptom) -> str:
    kinds = ", ".join(sorted(one.kinds))
    types = f" of {', '.join(f'`{type_:02X}`' for type_ in sorted(one.types))}" if one.types else ""
    by = f", {one.end.value}" if one.end is not None else ""
    cells = (f'<a id="{one.key}"></a>{one.title}', f"{kinds}{types}{by}", one.text, one.remedy, str(one.evidence))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
