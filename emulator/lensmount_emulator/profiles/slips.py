"""What is wrong in a profile, with what would be right: a key that nobody knows beside those that are known."""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec

from lensmount_protocol.errors import unknown

_UNKNOWN_KEY = re.compile(r"Object contains unknown field `(?P<key>[^`]+)`(?: - at `\$\.?(?P<path>.*)`)?")


def said_plainly(error: str, shape: type[msgspec.Struct], within: str = "") -> str:
    """What msgspec says of a value, with the known keys where it found an unknown one.

    Args:
        error: its words.
        shape: what the whole should have been.
        within: the table that the whole is.
    """
    found = _UNKNOWN_KEY.fullmatch(error)
    if found is None:
        return error
    path = found["path"] or ""
    place = f"{within}.{path}".strip(".")
    for step in filter(None, re.split(r"\.|\[.*?\]", path)):
        inner = next(_shapes_in(get_type_hints(shape).get(step)), None)
        if inner is None:
            return error
        shape = inner
    line = unknown("key", found["key"], shape.__struct_encode_fields__)
    return line.replace(";", f" in [{place}];", 1) if place else line


def _shapes_in(hint: Any) -> Iterator[type[msgspec.Struct]]:
    """Structures that a value of this type can be: itself, or what its sequence, table or union holds."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for part in get_args(hint):
        yield from _shapes_in(part)
