"""What generated functions call: the few helpers that would be too long to write out each time."""

from struct import Struct
from typing import Any, NoReturn, cast
from zlib import adler32

from_bytes = int.from_bytes
to_bytes = int.to_bytes
new = object.__new__


class Rejected(Exception):  # noqa: N818  (it never leaves the codec: construct is asked for the error)
    """A generated function met bytes or values that it does not take; construct says why, or takes them after all."""


def fail() -> NoReturn:
    """End the attempt."""
    raise Rejected


class Members(dict[int, Any]):
    """Value -> member of an open enumeration; unknown values are made members when they come."""

    def __init__(self, kind: Any) -> None:
        super().__init__((member.value, member) for member in kind)
        self._kind = kind

    def __missing__(self, value: int) -> Any:
        return self._kind(value)


class NoContext:
    """Stands where construct hands its context to an adapter; an adapter that looks into it is left to construct."""

    def __getattr__(self, name: str) -> NoReturn:
        raise Rejected

    def __getitem__(self, name: object) -> NoReturn:
        raise Rejected


NO_CONTEXT = NoContext()


def sized(values: Any, count: int) -> Any:
    """The values, if there are so many."""
    if len(values) != count:
        raise Rejected
    return values


def same(value: Any, expected: Any) -> Any:
    """The value, if it is the expected one."""
    if value != expected:
        raise Rejected
    return value


def ranged(value: Any, low: int, high: int) -> int:
    """An integer, if it is one and fits."""
    if not isinstance(value, int) or not low <= value <= high:
        raise Rejected
    return value


def padded(data: bytes, size: int) -> bytes:
    """Bytes with zeros behind them up to a size, if they fit."""
    if len(data) > size:
        raise Rejected
    return data.ljust(size, b"\0")


def stripped(data: bytes, pad: bytes) -> bytes:
    """Bytes without the padding units behind them; a cut unit at the very end counts as padding where it looks so."""
    unit = len(pad)
    rest = len(data) % unit
    stop = len(data)
    if rest and data[-rest:] == pad[:rest]:
        stop -= rest
    while stop >= unit and data[stop - unit : stop] == pad:
        stop -= unit
    return data[:stop]


def encoded(text: Any, encoding: str) -> bytes:
    """Text as bytes; no text is no bytes, in every encoding."""
    if type(text) is not str:
        raise Rejected
    return text.encode(encoding) if text else b""


def plain(data: Any) -> bytes:
    """Bytes, if they are bytes."""
    if type(data) is not bytes:
        raise Rejected
    return data


def flags(names: object, values: dict[str, int]) -> int:
    """The number that a dictionary of flags says."""
    if type(names) is not dict:
        raise Rejected
    number = 0
    given = cast("dict[str, Any]", names)
    for name, on in given.items():
        if on:
            number |= values[name]
    return number


NAMESPACE: dict[str, Any] = {
    "Members": Members,
    "NO_CONTEXT": NO_CONTEXT,
    "Struct": Struct,
    "adler32": adler32,
    "encoded": encoded,
    "fail": fail,
    "flags": flags,
    "new": new,
    "from_bytes": from_bytes,
    "padded": padded,
    "plain": plain,
    "ranged": ranged,
    "same": same,
    "sized": sized,
    "stripped": stripped,
    "to_bytes": to_bytes,
}
"""Every name that generated source may use without defining it."""
