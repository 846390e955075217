"""Show a dialect's messages: all of them in a line each, or one with its fields, offsets, units and evidence."""

import argparse
import json
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount describe`."""
    parser.add_argument("dialect", metavar="DIALECT", help="such as emount")
    parser.add_argument("message", metavar="MESSAGE", nargs="?", help="type byte or name: 0x05, 05, LensStatus")
    parser.add_argument("--json", action="store_true", help="one JSON object a message")
    parser.add_argument("--states", action="store_true", help="the dialect's states as a Mermaid diagram")
    parser.add_argument("--timing", action="store_true", help="the dialect's timing contract")


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for."""
    from lensmount_emulator.cli.words import messages_of
    from lensmount_protocol.registry import load_dialect

    dialect = load_dialect(arguments.dialect)
    if arguments.states:
        print(dialect.transitions.diagram())
    elif arguments.timing:
        for rule in dialect.timing:
            print(f"{rule.name:<28} {rule.minimum_us:>10g} … {rule.maximum_us:<10g} µs  {rule.evidence}")
    elif arguments.message is None:
        for cls in sorted(dialect.messages.values(), key=lambda cls: (cls.TYPE, cls.SENDER.value)):
            print(f"{cls.TYPE:02X}  {cls.SENDER.value}  {cls.SIZE:>4} bytes  {cls.__name__:<22} {_opening(cls)}")
    else:
        for cls in messages_of(arguments.message, dialect.messages):
            print(json.dumps(_as_dict(cls)) if arguments.json else _as_text(cls))
    return 0


def _opening(cls: Any) -> str:
    return (cls.__doc__ or "").splitlines()[0]


def _as_text(cls: Any) -> str:
    lines = [
        f"{cls.TYPE:#04x} {cls.__name__}, {cls.SENDER.value} to {cls.SENDER.peer.value}, {cls.SIZE} bytes",
        f"  {_opening(cls)}",
        f"  evidence: {cls.EVIDENCE}",
    ]
    if cls.FIELDS:
        lines.append(f"  {'offset':<8}{'size':<6}{'field':<26}meaning")
    for spec in cls.FIELDS:
        span = f"f{spec.offset}" if spec.size == 1 else f"f{spec.offset}-{spec.offset + spec.size - 1}"
        unit = f" [{spec.unit}]" if spec.unit else ""
        block = f" (block {spec.block})" if spec.block else ""
        lines.append(f"  {span:<8}{spec.size:<6}{spec.name:<26}{spec.meaning}{unit}{block}")
        if spec.evidence is not None:
            lines.append(f"  {'':<40}evidence: {spec.evidence}")
    return "\n".join(lines)


def _as_dict(cls: Any) -> dict[str, Any]:
    return {
        "type": cls.TYPE,
        "name": cls.__name__,
        "sender": cls.SENDER.value,
        "size": cls.SIZE,
        "meaning": _opening(cls),
        "evidence": str(cls.EVIDENCE),
        "fields": [
            {
                "name": spec.name,
                "offset": spec.offset,
                "size": spec.size,
                "meaning": spec.meaning,
                "unit": spec.unit,
                "block": spec.block or None,
                "evidence": None if spec.evidence is None else str(spec.evidence),
            }
            for spec in cls.FIELDS
        ],
    }
