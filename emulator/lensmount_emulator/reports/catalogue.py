"""A dialect's messages as Markdown tables: the catalogue that stands in its specification, and is held equal to it."""

import enum
import re
from typing import Any

from lensmount_protocol.constructs import OpenEnum
from lensmount_protocol.deferred import resolve, text_of
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.message import FieldSpec, Message

MODULE_PATH = re.compile(r"\b(?:[a-z_]\w*\.)+(?=[a-z_]\w*\.[A-Z])")
"""The packages in front of a class's module and name."""


def catalogue(dialect: Dialect) -> str:
    """Every message with its fields, by type; then the numbers of every enumeration that a field uses."""
    ordered = sorted(dialect.messages.values(), key=lambda cls: (cls.TYPE, cls.SENDER.value))
    kinds: dict[str, type[enum.IntEnum]] = {}
    parts: list[str] = []
    for cls in ordered:
        parts.append(_message(cls))
        for spec in cls.FIELDS:
            kinds |= _kinds_of(resolve(spec.layout))
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
    written = (text_of(spec.layout) or str(spec.layout)).replace("|", "\\|")
    written = MODULE_PATH.sub("", written)
    unit = f", in {spec.unit}" if spec.unit else ""
    return f"| {at} | {'varies' if spec.varies else spec.size} | `{spec.name}` | `{written}` | {spec.meaning}{unit} |"


def _kinds_of(layout: Any) -> dict[str, type[enum.IntEnum]]:
    """The enumerations inside a construct, by name."""
    found: dict[str, type[enum.IntEnum]] = {}
    if isinstance(layout, OpenEnum):
        found[layout.members.__name__] = layout.members
    for inside in (getattr(layout, "subcon", None), *getattr(layout, "subcons", ())):
        if inside is not None:
            found |= _kinds_of(inside)
    return found


def _enumeration(kind: type[enum.IntEnum]) -> str:
    lines = [f"### {kind.__name__}", "", (kind.__doc__ or "").strip(), "", "| number | name |", "|---|---|"]
    return "\n".join([*lines, *(f"| {member.value} | `{member.name}` |" for member in kind)])
