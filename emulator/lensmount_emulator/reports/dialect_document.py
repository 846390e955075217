"""A dialect as one document for programs: lines, messages, fields, states, timing, script verbs and faults."""

import contextlib
import json
from typing import Any

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.faults.options import LINE, LINE_ALIASES, OptionType, option_type
from lensmount_emulator.faults.registry import FaultPlan, known_faults, option_fields, parse_fault
from lensmount_protocol.codec.lazy_construct import resolve
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, FaultError
from lensmount_protocol.message import Evidence, FieldSpec, Message, group_fields
from lensmount_protocol.wire import Role


def dialect_to_json(dialect: Dialect) -> str:
    """The document as text; the same dialect gives the same text."""
    return json.dumps(dialect_to_dict(dialect), ensure_ascii=False, indent=1)


def dialect_to_dict(dialect: Dialect) -> dict[str, Any]:
    """A dialect as the page and other programs read it."""
    table = dialect.transitions
    return {
        "name": dialect.name,
        "title": dialect.title,
        "notice": dialect.notice,
        "sources": dict(dialect.sources),
        "supply": dialect.supply,
        "detect": dialect.detect,
        "sync": dialect.sync,
        "lines": [_line(dialect, name) for name in dialect.wiring.lines],
        "serial": [
            {"line": line.name, "sender": line.sender.value, "select": line.select} for line in dialect.wiring.serial
        ],
        "baudrates": list(dialect.wiring.baudrates),
        "routine": sorted(dialect.routine),
        "messages": [
            message_to_dict(cls)
            for cls in sorted(dialect.messages.values(), key=lambda cls: (cls.TYPE, cls.SENDER.value))
        ],
        "states": {
            "initial": table.initial,
            "moves": {state: dict(moves) for state, moves in table.moves.items()},
            "triggered_by": {trigger: _role(role) for trigger, role in table.triggered_by.items()},
        },
        "timing": [
            {
                "name": rule.name,
                "start": list(rule.start),
                "end": list(rule.end),
                "minimum_us": rule.minimum_us,
                "maximum_us": rule.maximum_us,
                "evidence": evidence_to_dict(rule.evidence),
            }
            for rule in dialect.timing
        ],
        **_roles(dialect),
        "faults": faults_to_list(dialect),
    }


def message_to_dict(cls: type[Message]) -> dict[str, Any]:
    """One message with its fields."""
    return {
        "type": cls.TYPE,
        "name": cls.__name__,
        "sender": cls.SENDER.value,
        "size": cls.SIZE,
        "varies": cls.VARIES,
        "meaning": (cls.__doc__ or "").strip().splitlines()[0],
        "evidence": evidence_to_dict(cls.EVIDENCE),
        "fields": [_field(spec) for spec in cls.FIELDS],
    }


def evidence_to_dict(evidence: Evidence) -> dict[str, str]:
    """A claim's strength and source."""
    return {"level": evidence.level.value, "source": evidence.source, "note": evidence.note}


def faults_to_list(dialect: Dialect) -> list[dict[str, Any]]:
    """Every fault with its keys, for forms; empty where a fault of another package cannot be loaded.

    A key that takes a line has as values the lines of the dialect on which the fault can act.
    """
    try:
        known = known_faults()
    except FaultError:
        return []
    return [
        {
            "name": name,
            "touches": cls.TOUCHES,
            "meaning": (cls.__doc__ or "").strip().splitlines()[0],
            "keys": [
                {
                    "name": key,
                    "legal": option_type(one.metadata).legal,
                    "about": one.metadata["about"],
                    "values": _values(name, key, option_type(one.metadata), dialect),
                    "default": _default(option_type(one.metadata), one.default),
                }
                for key, one in option_fields(cls).items()
            ],
        }
        for name, cls in sorted(known.items())
    ]


def _default(kind: OptionType, value: Any) -> str:
    return kind.write(value) if isinstance(value, str | int | float) or value in kind.values else ""


def _values(fault: str, key: str, kind: OptionType, dialect: Dialect) -> list[str]:
    if kind is not LINE:
        return [kind.write(value) for value in kind.values]
    found: list[str] = []
    for line in (*LINE_ALIASES, *sorted(dialect.drivers)):
        # A line that carries bits has no edges of its own, and not every mount has a select line.
        with contextlib.suppress(FaultError):
            FaultPlan([parse_fault(f"{fault} {key}={line}")]).check(dialect)
            found.append(line)
    return found


def _line(dialect: Dialect, name: str) -> dict[str, Any]:
    driver = dialect.drivers.get(name)
    serial = next((line for line in dialect.wiring.serial if line.name == name), None)
    select = next((line for line in dialect.wiring.serial if line.select == name), None)
    kinds = {dialect.supply: "supply", dialect.detect: "detect", dialect.sync: "sync"}
    if dialect.wiring.clocked is not None:
        kinds[dialect.wiring.clocked.clock] = "clock"
    kind = "serial" if serial else "select" if select else kinds.get(name, "rail" if name in dialect.rails else "line")
    return {"name": name, "driver": _role(driver), "kind": kind}


def _role(role: Role | None) -> str | None:
    return None if role is None else role.value


def _field(spec: FieldSpec) -> dict[str, Any]:
    members = getattr(resolve(spec.layout), "members", None)
    return {
        "name": spec.name,
        "offset": spec.offset,
        "size": spec.size,
        "varies": spec.varies,
        "meaning": spec.meaning,
        "unit": spec.unit,
        "block": spec.block or None,
        "evidence": None if spec.evidence is None else evidence_to_dict(spec.evidence),
        "values": {} if members is None else {member.name: int(member) for member in members},
        "fields": [_field(inner) for inner in group_fields(spec)],
    }


def _roles(dialect: Dialect) -> dict[str, Any]:
    try:
        roles = get_roles(dialect.name)
    except DialectError:
        # A dialect that is only decoded plays no role.
        return {"verbs": [], "lens_verbs": [], "default_body": None, "default_lens": None}
    return {
        "verbs": sorted(roles.verbs),
        "lens_verbs": sorted(roles.lens_verbs),
        "default_body": roles.default_body,
        "default_lens": roles.default_lens,
    }
