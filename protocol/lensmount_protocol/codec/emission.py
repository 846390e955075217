"""Generated code written out as modules: for reading, and so that a short command needs no construct to start."""

import re
from collections.abc import Iterator
from importlib import import_module

from lensmount_protocol.blocks import BlockedMessage
from lensmount_protocol.codec.emitted import emitted_module, envelope_fingerprint, fingerprint
from lensmount_protocol.codec.envelopes import envelope_source
from lensmount_protocol.codec.functions import source_of_message
from lensmount_protocol.codec.scribe import NotCovered
from lensmount_protocol.codec.support import NAMESPACE
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.envelope import DeclaredFormat
from lensmount_protocol.message import FieldSpec, Message

SUPPORT = "lensmount_protocol.codec.support"


def code_of(cls: type[Message]) -> str:
    """The source of a message's functions, under its usual selection; or why there is none.

    What is in force may be code that was emitted from the same declaration; the text is the same.
    """
    name, fields = _named(cls)
    try:
        return source_of_message(cls, fields, {}, name).text
    except NotCovered as gap:
        return f"# {cls.__name__} is read and built by construct: {gap}\n"


def emitted_modules(dialect: Dialect, package: str) -> dict[str, str]:
    """Module name -> source, of everything that a package declares for its dialect in words that can be told again.

    Messages declared with construct's own objects are left out: nothing could say whether they changed.
    """
    parts: dict[str, list[tuple[str, str, str, dict[str, object]]]] = {}
    for module, name, written, text, objects in (*_messages(dialect), *_envelopes(dialect)):
        if not module.startswith(f"{package}."):
            continue
        known = parts.setdefault(module, [])
        taken = {name: thing for *_, refers in known for name, thing in refers.items()}
        clash = any(taken.get(name, thing) is not thing for name, thing in objects.items())
        if not clash and all(_importable(thing) for thing in objects.values()):
            known.append((name, written, text, objects))
    return {
        emitted_module(module): _module(module, made, dialect.name) for module, made in sorted(parts.items()) if made
    }


def _messages(dialect: Dialect) -> Iterator[tuple[str, str, str, str, dict[str, object]]]:
    for cls in sorted(dialect.messages.values(), key=lambda cls: (cls.TYPE, cls.SENDER.value)):
        name, fields = _named(cls)
        written = fingerprint(cls, fields)
        if written is None:
            continue
        try:
            source = source_of_message(cls, fields, {}, name)
        except NotCovered:
            continue
        yield cls.__module__, name, written, source.text, source.objects


def _envelopes(dialect: Dialect) -> Iterator[tuple[str, str, str, str, dict[str, object]]]:
    told: set[str] = set()
    for declared in dialect.formats.values():
        if not isinstance(declared, DeclaredFormat) or declared.module in told:
            continue
        told.add(declared.module)
        written = envelope_fingerprint(declared.layout)
        if written is not None and declared.module:
            yield declared.module, "envelope", written, *envelope_source(declared.layout)


def _named(cls: type[Message]) -> tuple[str, tuple[FieldSpec, ...]]:
    if issubclass(cls, BlockedMessage):
        return f"{cls.__name__}_{cls.USUAL_BLOCKS:x}", cls.fields_with(cls.USUAL_BLOCKS)
    return cls.__name__, cls.FIELDS


def _module(module: str, made: list[tuple[str, str, str, dict[str, object]]], dialect: str) -> str:
    body = "\n\n".join(text for _, _, text, _ in made)
    used = sorted(name for name in NAMESPACE if re.search(rf"\b{name}\b", body))
    objects: dict[str, object] = {}
    for _, _, _, refers in made:
        objects |= refers
    imports = sorted(f"from {thing.__module__} import {thing.__name__} as {name}" for name, thing in objects.items())  # type: ignore[attr-defined]
    table = "".join(f"    {name!r}: ({written!r}, {name}),\n" for name, written, _, _ in made)
    return (
        f'"""Generated from {module} by `lensmount describe {dialect} --emit`; not to be edited."""\n\n'
        + "".join(f"{line}\n" for line in [*imports, f"from {SUPPORT} import {', '.join(used)}"])
        + f"\n\n{body}\n\nCODECS = {{\n{table}}}\n"
    )


def _importable(thing: object) -> bool:
    """Whether a module can import this by its name."""
    name, module = getattr(thing, "__qualname__", ""), getattr(thing, "__module__", "")
    return bool(name) and name.isidentifier() and getattr(import_module(module), name, None) is thing
