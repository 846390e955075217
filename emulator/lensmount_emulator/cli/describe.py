"""Show a dialect's messages: all of them in a line each, or one with its fields, offsets, units and evidence."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from lensmount_emulator.reports.printable import ROLES, Line, line_writer

if TYPE_CHECKING:
    from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount describe`."""
    from lensmount_emulator.cli.options import add_force

    parser.add_argument("dialect", metavar="DIALECT", help="such as emount")
    parser.add_argument("message", metavar="MESSAGE", nargs="?", help="type byte or name: 0x05, 05, LensStatus")
    parser.add_argument("--json", action="store_true", help="the dialect as one JSON document, or one object a message")
    parser.add_argument("--states", action="store_true", help="the dialect's states as a Mermaid diagram")
    parser.add_argument("--timing", action="store_true", help="the dialect's timing contract")
    parser.add_argument("--markdown", action="store_true", help="every message as a table, as specifications have them")
    parser.add_argument("--code", action="store_true", help="the generated functions that read and build messages")
    parser.add_argument(
        "--write-codecs", action="store_true", help="write them as modules beside the dialect's own, for a faster start"
    )
    add_force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for."""
    from lensmount_emulator.cli.options import find_messages
    from lensmount_protocol.dialect import load_dialect

    dialect = load_dialect(arguments.dialect)
    write = line_writer(sys.stdout)
    if arguments.write_codecs:
        return _write_codecs(dialect, overwrite=arguments.force)
    if arguments.markdown:
        from lensmount_emulator.reports.reference_tables import message_catalogue

        print(message_catalogue(dialect), end="")
    elif arguments.code:
        items = arguments.message
        chosen = dialect.messages.values() if items is None else find_messages(items, dialect.messages)
        print(_code(chosen))
    elif arguments.states:
        print(dialect.transitions.diagram())
    elif arguments.timing:
        for rule in dialect.timing:
            bounds = f"{rule.minimum_us:>10g} … {rule.maximum_us:<10g} µs"
            write(Line(f"{rule.name:<28} {bounds}  {rule.evidence}", None, 30))
    elif arguments.message is None and arguments.json:
        from lensmount_emulator.reports.dialect_document import dialect_to_json

        print(dialect_to_json(dialect))
    elif arguments.message is None:
        for cls in sorted(dialect.messages.values(), key=lambda cls: (cls.TYPE, cls.SENDER.value)):
            head = f"{cls.TYPE:02X}  {cls.SENDER.value}  {_size(cls):>4} bytes  {cls.__name__:<22} "
            write(Line(f"{head}{_opening(cls)}", ROLES[cls.SENDER.value], len(head)))
    else:
        for cls in find_messages(arguments.message, dialect.messages):
            if arguments.json:
                print(json.dumps(_as_dict(cls, dialect)))
                continue
            for text, hang in _as_lines(cls, dialect):
                write(Line(text, None, hang))
    return 0


def _code(classes: Any) -> str:
    from lensmount_protocol.codec.generator import generated_source

    return "\n\n".join(generated_source(cls) for cls in classes)


def _write_codecs(dialect: Any, *, overwrite: bool) -> int:
    """Write the dialect's modules of generated code; print each file.

    Files of an earlier run are replaced. Other files are replaced only where that is allowed.
    """
    from importlib import import_module
    from pathlib import Path

    from lensmount_hardware.output_file import write_output
    from lensmount_protocol.codec.generator import generate_modules
    from lensmount_protocol.dialect import dialect_package
    from lensmount_protocol.errors import DialectError

    for name, text in generate_modules(dialect, dialect_package(dialect.name)).items():
        package, _, group = name.rpartition(".")
        home = Path(str(import_module(package.rpartition(".")[0]).__file__)).parent / package.rpartition(".")[2]
        try:
            home.mkdir(exist_ok=True)
            opening = home / "__init__.py"
            if not opening.exists():
                text_of_package = f'"""Code generated from the declarations of the dialect {dialect.name}."""\n'
                write_output(opening, text_of_package.encode())
            file = home / f"{group}.py"
            write_output(file, text.encode(), overwrite=overwrite or _is_generated(file))
        except OSError as error:
            raise DialectError(f"{home}: {error.strerror}; the code is generated at each start instead") from error
        print(home / f"{group}.py", file=sys.stdout)
    return 0


def _is_generated(file: "Path") -> bool:
    """Whether a file is the output of an earlier run."""
    return file.is_file() and file.read_bytes().startswith(b'"""Generated from lensmount')


def _opening(cls: Any) -> str:
    return (cls.__doc__ or "").splitlines()[0]


def _is_guarded(cls: Any, dialect: Any) -> bool:
    return cls.TYPE in dialect.types_protected_from(cls.SENDER)


def _as_lines(cls: Any, dialect: Any) -> list[tuple[str, int]]:
    """The lines about a message, each with the columns by which its continuation is indented."""
    lines = [
        (f"{cls.TYPE:#04x} {cls.__name__}, {cls.SENDER.value} to {cls.SENDER.peer.value}, {_size(cls)} bytes", 2),
        (f"  {_opening(cls)}", 2),
        (f"  evidence: {cls.EVIDENCE}", 4),
        (f"  codec: {_codec(cls)}", 4),
    ]
    if _is_guarded(cls, dialect):
        lines.append(("  guarded: never sent to a device unless a run allows it by name", 4))
    if cls.FIELDS:
        lines.append((f"  {'offset':<8}{'size':<7}{'field':<26}meaning", 0))
    for spec in cls.FIELDS:
        unit = f" [{spec.unit}]" if spec.unit else ""
        block = f" (block {spec.block})" if spec.block else ""
        size = "varies" if spec.varies else str(spec.size)
        lines.append((f"  {_span(cls, spec):<8}{size:<7}{spec.name:<26}{spec.meaning}{unit}{block}", 43))
        lines += [
            (f"  {'':<8}{place:<7}{'  ' + part.name:<26}{part.meaning}{f' [{part.unit}]' if part.unit else ''}", 43)
            for place, part in _parts(spec)
        ]
        if spec.evidence is not None:
            lines.append((f"  {'':<41}evidence: {spec.evidence}", 45))
    return lines


def _size(cls: Any) -> str:
    return f"at least {cls.SIZE}" if cls.VARIES else str(cls.SIZE)


def _span(cls: Any, spec: Any) -> str:
    """Which bytes a field takes; after one of variable size, only its earliest offset."""
    if any(before.varies for before in cls.FIELDS[: cls.FIELDS.index(spec)]):
        return f"f{spec.offset}+"
    return f"f{spec.offset}" if spec.size <= 1 else f"f{spec.offset}-{spec.offset + spec.size - 1}"


def _parts(spec: Any) -> list[tuple[str, Any]]:
    """The fields inside a field group, each with its bits (7 is the highest of a byte) or its bytes."""
    from lensmount_protocol.message import group_fields

    parts = group_fields(spec)
    if spec.varies or sum(part.size for part in parts) != spec.size * 8:
        return [("" if part.varies else str(part.size), part) for part in parts]
    placed: list[tuple[str, Any]] = []
    high = spec.size * 8 - 1
    for part in parts:
        low = high - part.size + 1
        placed.append((f"b{high}" if low == high else f"b{high}-{low}", part))
        high = low - 1
    return placed


def _part_documents(spec: Any) -> list[dict[str, str]]:
    return [
        {"name": part.name, "place": place, "meaning": part.meaning, "unit": part.unit} for place, part in _parts(spec)
    ]


def _codec(cls: Any) -> str:
    """Where the functions come from that read and build a message, and what is to be known of that."""
    codec = cls.codec()
    return f"{codec.origin} ({codec.reason})" if codec.reason else str(codec.origin)


def _as_dict(cls: Any, dialect: Any) -> dict[str, Any]:
    return {
        "type": cls.TYPE,
        "name": cls.__name__,
        "sender": cls.SENDER.value,
        "size": cls.SIZE,
        "meaning": _opening(cls),
        "evidence": str(cls.EVIDENCE),
        "codec": _codec(cls),
        "guarded": _is_guarded(cls, dialect),
        "fields": [
            {
                "name": spec.name,
                "offset": spec.offset,
                "size": spec.size,
                "meaning": spec.meaning,
                "unit": spec.unit,
                "block": spec.block or None,
                "evidence": None if spec.evidence is None else str(spec.evidence),
                **({"parts": parts} if (parts := _part_documents(spec)) else {}),
            }
            for spec in cls.FIELDS
        ],
    }
