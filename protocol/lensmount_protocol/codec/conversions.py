"""Conversions between what a struct or a piece of bytes gives and a field's value, as source with a place for it."""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any

from construct import Adapter, FlagsEnum, GreedyBytes, NullStripped, Renamed, StringEncoded

from lensmount_protocol.codec.scribe import NotCovered, Scribe
from lensmount_protocol.constructs import OpenEnum, RecordOf

V = "{v}"
"""Where a conversion's source takes its value; the value is a name or an expression without side effects."""


def put(template: str, value: str) -> str:
    """A conversion's source with the value put in."""
    return template.replace(V, value)


def unnamed(layout: Any) -> Any:
    """The construct without its name."""
    while isinstance(layout, Renamed):
        if layout.parsed is not None:
            raise NotCovered("a function that is called when a field is parsed")
        layout = layout.subcon
    return layout


def made(names: list[str], values: list[str], kind: Any, scribe: Scribe) -> str:
    """Source that makes one value of several: a record of a class, or a dictionary."""
    pairs = zip(names, values, strict=True)
    if kind is None:
        return "{" + ", ".join(f"{name!r}: {value}" for name, value in pairs) + "}"
    return f"{scribe.refer(kind.__name__, kind)}({', '.join(f'{name}={value}' for name, value in pairs)})"


def member_of(value: str, field: Any, kind: Any) -> str:
    """Source that takes a field's value out of a record or a dictionary."""
    if kind is not None:
        return f"{value}.{field.name}"
    return f"{value}.get({field.name!r})" if field.flagbuildnone else f"{value}[{field.name!r}]"


def conversion_of_rest(named: Any, scribe: Scribe) -> tuple[str, str] | None:
    """The conversions of a construct that takes all the bytes that it is given; `None` where it does not."""
    given = layout = unnamed(named)
    if layout is GreedyBytes:
        return V, f"plain({V})"
    if is_a(layout, NullStripped):
        inner = conversion_of_rest(layout.subcon, scribe)
        return inner and (put(inner[0], f"stripped({V}, {layout.pad!r})"), inner[1])
    if is_a(layout, StringEncoded):
        inner = conversion_of_rest(given.subcon, scribe)
        encoding = layout.encoding
        return inner and (f"{inner[0]}.decode({encoding!r})", put(inner[1], f"encoded({V}, {encoding!r})"))
    if isinstance(layout, Adapter) and type(layout) not in (OpenEnum, FlagsEnum, RecordOf):
        inner = conversion_of_rest(layout.subcon, scribe)
        return inner and adapted(layout, *inner, scribe)
    return None


def is_a(layout: Any, kind: Any) -> bool:
    """Whether a construct is of a kind, and reads and builds as that kind does.

    Raises:
        NotCovered: it is of the kind, and does one of both in a way of its own.
    """
    if not isinstance(layout, kind):
        return False
    own = type(layout)
    if own._parse is not kind._parse or own._build is not kind._build:
        raise NotCovered(f"{own.__name__}, a {kind.__name__} that reads or builds in its own way")
    return True


def adapted(layout: Any, decode: str, encode: str, scribe: Scribe) -> tuple[str, str]:
    """An adapter's conversion around those of what it adapts."""
    if isinstance(layout, OpenEnum):
        members = scribe.constant("members", f"Members({scribe.refer(layout.members.__name__, layout.members)})")
        return f"{members}[{decode}]", put(encode, f"int({V})")
    if isinstance(layout, FlagsEnum):
        values = ", ".join(f"{name!r}: {decode} & {value} == {value}" for name, value in layout.flags.items())
        return "{" + values + "}", put(encode, f"flags({V}, {layout.flags!r})")
    if is_a(layout, StringEncoded):
        return f"{decode}.decode({layout.encoding!r})", put(encode, f"encoded({V}, {layout.encoding!r})")
    if type(layout)._parse is not Adapter._parse or type(layout)._build is not Adapter._build:
        raise NotCovered(f"{type(layout).__name__}, an adapter that reads the stream itself")
    name = scribe.refer("adapter", layout)
    return f"{name}._decode({decode}, NO_CONTEXT, '')", put(encode, f"{name}._encode({V}, NO_CONTEXT, '')")
