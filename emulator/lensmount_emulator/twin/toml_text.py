"""Writes the table of a profile as TOML: numbers of messages in hexadecimal, long tables row by row.

The standard library reads TOML only. Values are numbers, texts, lists and tables as the inference makes them.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from msgspec import Struct

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEXADECIMAL_IN = frozenset({"messages", "start", "field", "state", "iris", "focus", "adapter", "farewell"})
"""Tables in which numbers are written in hexadecimal from ten on."""

MAX_INLINE = 100
"""Longest table on one line."""


def without_defaults(value: Any) -> Any:
    """Turn structures into tables that hold what differs from the defaults."""
    if isinstance(value, Struct):
        fields, defaults = value.__struct_fields__, value.__struct_defaults__
        given = dict(zip(fields[len(fields) - len(defaults) :], defaults, strict=True))
        return {
            name: without_defaults(item)
            for name in fields
            if (item := getattr(value, name)) is not None and not _is_default(item, given.get(name, _MISSING))
        }
    if isinstance(value, Mapping):
        return {key: without_defaults(item) for key, item in _items(value)}
    if isinstance(value, list | tuple):
        return [without_defaults(item) for item in cast("Sequence[Any]", value)]
    return value


def _items(table: Any) -> list[tuple[str, Any]]:
    return [(str(key), item) for key, item in table.items()]


def _list(values: Any) -> list[Any]:
    return list(values)


_MISSING = object()


def _is_default(value: object, default: object) -> bool:
    if default is _MISSING:
        return False
    if isinstance(value, list | dict) and not value and "factory" in type(default).__name__.lower():
        return True
    return value == default


def format_toml(table: Mapping[str, Any]) -> str:
    """Return the TOML of a table: plain values first, then its tables in their order."""
    return "\n".join(_table((), without_defaults(table))).strip("\n") + "\n"


def _table(path: tuple[str, ...], table: Mapping[str, Any], *, heading: str = "") -> Iterator[str]:
    in_hexadecimal = bool(path) and path[0] in _HEXADECIMAL_IN
    # Tables of the top level have their own sections.
    plain = {
        key: value
        for key, value in table.items()
        if _is_inline(value, in_hexadecimal) and (path or not isinstance(value, Mapping))
    }
    nested = {key: value for key, value in table.items() if key not in plain}
    if heading and (plain or not nested):
        yield ""
        yield heading
    for key, value in plain.items():
        yield f"{_key(key)} = {_value(value, in_hexadecimal)}"
    for key, value in nested.items():
        inner = (*path, key)
        name = ".".join(_key(part) for part in inner)
        if isinstance(value, list):
            for row in cast("list[Mapping[str, Any]]", value):
                yield from _table(inner, row, heading=f"[[{name}]]")
                if not row:
                    continue
        else:
            yield from _table(inner, value, heading=f"[{name}]")


def _is_inline(value: Any, in_hexadecimal: bool) -> bool:
    if isinstance(value, Mapping):
        tables = cast("Mapping[str, Any]", value)
        if not tables or any(isinstance(item, Mapping | list) for item in tables.values()):
            return False
        return len(_value(value, in_hexadecimal)) <= MAX_INLINE and len(tables) <= MAX_INLINE // 8
    return not (isinstance(value, list) and any(isinstance(item, Mapping) for item in _list(value)))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any, in_hexadecimal: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"0x{value:X}" if in_hexadecimal and value > 9 else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        items = (f"{_key(key)} = {_value(item, in_hexadecimal)}" for key, item in _items(value))
        return "{ " + ", ".join(items) + " }"
    return "[" + ", ".join(_value(item, in_hexadecimal) for item in _list(value)) + "]"
