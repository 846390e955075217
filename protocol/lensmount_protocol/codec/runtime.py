"""Helpers that generated functions call."""

from struct import Struct
from typing import Any, NoReturn, cast
from zlib import adler32

from_bytes = int.from_bytes
to_bytes = int.to_bytes
new = object.__new__


class ParseRejected(Exception):  # noqa: N818  (it never leaves the codec: construct reports the error)
    """A generated function rejects bytes or values; construct then reports the error, or accepts them."""


def reject() -> NoReturn:
    """End the attempt."""
    raise ParseRejected


class EnumMemberCache(dict[int, Any]):
    """Value -> member of an open enumeration; unknown values are made members when they come."""

    def __init__(self, kind: Any) -> None:
        super().__init__((member.value, member) for member in kind)
        self._kind = kind

    def __missing__(self, value: int) -> Any:
        return self._kind(value)


class NoContext:
    """Replaces the context that construct passes to an adapter; construct handles an adapter that reads it."""

    def __getattr__(self, name: str) -> NoReturn:
        raise ParseRejected

    def __getitem__(self, name: object) -> NoReturn:
        raise ParseRejected


NO_CONTEXT = NoContext()


def require_length(values: Any, count: int) -> Any:
    """The values, if there are so many."""
    if len(values) != count:
        raise ParseRejected
    return values


def require_equal(value: Any, expected: Any) -> Any:
    """The value, if it is the expected one."""
    if value != expected:
        raise ParseRejected
    return value


def require_range(value: Any, low: int, high: int) -> int:
    """An integer, if it is one and fits."""
    if not isinstance(value, int) or not low <= value <= high:
        raise ParseRejected
    return value


def pad(data: bytes, size: int) -> bytes:
    """Bytes padded with zeros to a size, if they fit."""
    if len(data) > size:
        raise ParseRejected
    return data.ljust(size, b"\0")


def strip(data: bytes, pad: bytes) -> bytes:
    """Bytes without the padding units at the end; a cut unit at the very end counts as padding if it matches."""
    unit = len(pad)
    rest = len(data) % unit
    stop = len(data)
    if rest and data[-rest:] == pad[:rest]:
        stop -= rest
    while stop >= unit and data[stop - unit : stop] == pad:
        stop -= unit
    return data[:stop]


def encode_text(text: Any, encoding: str) -> bytes:
    """Text as bytes; no text is no bytes, in every encoding."""
    if type(text) is not str:
        raise ParseRejected
    return text.encode(encoding) if text else b""


def require_bytes(data: Any) -> bytes:
    """Bytes, if they are bytes."""
    if type(data) is not bytes:
        raise ParseRejected
    return data


def pack_flags(names: object, values: dict[str, int]) -> int:
    """The number of a dictionary of flags."""
    if type(names) is not dict:
        raise ParseRejected
    number = 0
    given = cast("dict[str, Any]", names)
    for name, on in given.items():
        if on:
            number |= values[name]
    return number


NAMESPACE: dict[str, Any] = {
    "EnumMemberCache": EnumMemberCache,
    "NO_CONTEXT": NO_CONTEXT,
    "Struct": Struct,
    "adler32": adler32,
    "encode_text": encode_text,
    "reject": reject,
    "pack_flags": pack_flags,
    "new": new,
    "from_bytes": from_bytes,
    "pad": pad,
    "require_bytes": require_bytes,
    "require_range": require_range,
    "require_equal": require_equal,
    "require_length": require_length,
    "strip": strip,
    "to_bytes": to_bytes,
}
"""Every name that generated source may use without defining it."""
