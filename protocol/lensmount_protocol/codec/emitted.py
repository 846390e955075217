"""Codec code that was written out beforehand, so that a short command imports no construct to generate it.

Beside a module of declarations `package.group` stands `package.emitted.group`, written by `lensmount describe DIALECT
--emit`. It carries the fingerprint of each declaration that it was made from; code whose declaration has changed is
not used.
"""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

from lensmount_protocol.deferred import text_of

if TYPE_CHECKING:
    from lensmount_protocol.message import FieldSpec, Message

FOLDER = "emitted"
VERSION = 1
"""Of what is generated; code that was emitted by another version is not used."""

Maker = Callable[..., tuple[Any, ...]]


def fingerprint(cls: "type[Message]", fields: "Sequence[FieldSpec]") -> str | None:
    """A short text that changes when the declaration does; `None` where that cannot be told."""
    texts = [text_of(spec.layout) for spec in fields]
    prefix = "" if cls.PREFIX is None else text_of(cls.PREFIX)
    if None in texts or prefix is None:
        return None
    names = "; ".join(f"{spec.name}: {text}" for spec, text in zip(fields, texts, strict=True))
    # Attributes that are not on the wire count too: a message is made without its `__init__`.
    attributes = ", ".join(known.name for known in dataclasses.fields(cast("Any", cls)))
    return f"{VERSION}-{crc32(f'{cls.TYPE:#04x} {prefix} {names} {attributes}'.encode()):08x}"


def emitted_module(module: str) -> str:
    """The name of the module that holds the emitted code of this module's messages."""
    package, _, group = module.rpartition(".")
    return f"{package}.{FOLDER}.{group}"


def emitted_maker(cls: "type[Message]", fields: "Sequence[FieldSpec]", name: str) -> tuple[Maker | None, str]:
    """The emitted function that makes a message's functions, and what is to be said where there is none to use."""
    module = emitted_module(cls.__module__)
    made = _codecs(module)
    if made is None:
        return None, ""
    if name not in made:
        return None, ""
    written, maker = made[name]
    if written != fingerprint(cls, fields):
        return None, f"the code in {module} was emitted from another declaration; emit it anew"
    return maker, ""


def emitted_envelope(layout: Any, module: str) -> Maker | None:
    """The emitted functions of a frame's declaration, where there are some of just this declaration."""
    made = _codecs(emitted_module(module)) or {}
    written, maker = made.get("envelope", ("", None))
    if maker is not None and written != envelope_fingerprint(layout):
        told = f"the code in {emitted_module(module)} was emitted from another frame; generated afresh, emit it anew"
        warnings.warn(told, RuntimeWarning, stacklevel=3)
        return None
    return maker


def envelope_fingerprint(layout: Any) -> str | None:
    """As `fingerprint`, of a frame's declaration."""
    text = text_of(layout)
    return None if text is None else f"{VERSION}-{crc32(text.encode()):08x}"


def _codecs(module: str) -> dict[str, tuple[str, Maker]] | None:
    """What a module of emitted code holds; `None` where there is none."""
    package = module.rpartition(".")[0]
    if module not in _found:
        try:
            _found[module] = None if not package.rpartition(".")[0] else import_module(module).CODECS
        except ModuleNotFoundError as error:
            # Only that the module itself is missing means that nothing was emitted.
            if error.name not in (module, package):
                raise
            _found[module] = None
    return _found[module]


_found: dict[str, dict[str, tuple[str, Maker]] | None] = {}
