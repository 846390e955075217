"""TOML from untrusted files: bounded in size, nesting and the length of its keys, with numbers that make sense.

The parser of the standard library takes time in the square of the parts of a dotted key, and fails on deep nesting.
"""

import math
import re
import tomllib
from collections.abc import Iterator
from typing import Any, cast

MAX_SIZE = 256 * 1024
"""Bytes of a file; the largest profile has six thousand."""

MAX_PARTS = 16
"""Parts of a dotted key."""

_LONG_KEY = re.compile(rf"(?<![\w\"'-])(?:[\w\"'-]+[ \t]*\.[ \t]*){{{MAX_PARTS},}}")
_INTEGER_BITS = 256


def parse_toml(text: str) -> dict[str, Any]:
    """The table that a TOML text holds.

    Args:
        text: the TOML.

    Raises:
        ValueError: it is no TOML, too long, nested too deep, or holds a number that is not finite or beyond all sense.
    """
    if len(text) > MAX_SIZE:
        raise ValueError(f"more than {MAX_SIZE} characters")
    if _LONG_KEY.search(text) is not None:
        raise ValueError(f"a dotted key of more than {MAX_PARTS} parts")
    try:
        table = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    for key, value in _numbers(table, ""):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{key}: {value} is no number to compute with")
        if isinstance(value, int) and abs(value) >> _INTEGER_BITS:
            raise ValueError(f"{key}: a whole number of more than {_INTEGER_BITS} bits")
    return table


def _numbers(value: object, key: str) -> Iterator[tuple[str, object]]:
    """Every number with its key."""
    waiting: list[tuple[str, object]] = [(key, value)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{key}.{name}".lstrip("."), one) for name, one in cast("dict[str, object]", value).items()]
        elif isinstance(value, list):
            waiting += [(key, one) for one in cast("list[object]", value)]
        elif isinstance(value, int | float):
            yield key, value
