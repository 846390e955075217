"""The frame by hand, for libraries that know messages and no envelopes: each brings its decoders in a table."""

from collections.abc import Callable
from struct import Struct
from typing import Any
from zlib import adler32

from benchmarks.workload import BLOB, PING, Plain

_HEADER = Struct("<BHBB").unpack_from
_TRAILER = Struct("<HB").unpack_from
_INSIDE = Struct("<HBB").pack
_OUT = Struct("<HB").pack

Decode = Callable[[bytes], Any]
"""The bytes of a message, without its type byte, to what the library gives."""


def parser(decoders: dict[int, tuple[int, Decode]]) -> Callable[[bytes], tuple[int, int, list[tuple[int, Any]]]]:
    """Reads whole frames; the table gives size (type byte included) and decoder of each type."""
    known = decoders.get

    def parse(data: bytes) -> tuple[int, int, list[tuple[int, Any]]]:
        size = len(data)
        if size < 9:
            raise ValueError("short")
        start, length, class_, sequence = _HEADER(data)
        end = size - 3
        total, last = _TRAILER(data, end)
        if start != 0xF0 or length != size or last != 0x55 or adler32(data[1:end], 0) & 0xFFFF != total:
            raise ValueError("envelope")
        messages: list[tuple[int, Any]] = []
        at = 5
        while at < end:
            type_ = data[at]
            entry = known(type_)
            if entry is not None:
                behind = at + entry[0]
                if behind > end:
                    raise ValueError("short")
                messages.append((type_, entry[1](data[at + 1 : behind])))
                at = behind
            elif type_ == PING:
                messages.append((type_, None))
                at += 1
            elif type_ == BLOB:
                messages.append((type_, data[at + 1 : end]))
                at = end
            else:
                raise ValueError("type")
        return class_, sequence, messages

    return parse


def builder(encoders: dict[int, Callable[[Any], bytes]]) -> Callable[[int, int, list[tuple[int, Any]]], bytes]:
    """Builds whole frames; the table gives the encoder of each type."""
    known = encoders.get

    def build(class_: int, sequence: int, messages: list[tuple[int, Any]]) -> bytes:
        parts: list[bytes] = []
        for type_, value in messages:
            parts.append(bytes((type_,)))
            encode = known(type_)
            if encode is not None:
                parts.append(encode(value))
            elif type_ == BLOB:
                parts.append(value)
        payload = b"".join(parts)
        inside = _INSIDE(len(payload) + 8, class_, sequence) + payload
        return b"\xf0" + inside + _OUT(adler32(inside, 0) & 0xFFFF, 0x55)

    return build


def plain(values: Callable[[int, Any], tuple[int, ...]]) -> Callable[[Any], Plain]:
    """Tells what was read, given what turns one message of the library into its values."""

    def tell(frame: tuple[int, int, list[tuple[int, Any]]]) -> Plain:
        class_, sequence, messages = frame
        told: list[tuple[int, tuple[int | bytes, ...]]] = []
        for type_, value in messages:
            told.append((type_, () if type_ == PING else (value,) if type_ == BLOB else values(type_, value)))
        return class_, sequence, told

    return tell


def messages(make: Callable[[int, tuple[Any, ...]], Any]) -> Callable[[Plain], list[tuple[int, Any]]]:
    """What to build a frame from, given what makes one message of the library."""

    def prepare(said: Plain) -> list[tuple[int, Any]]:
        return [
            (type_, None if type_ == PING else values[0] if type_ == BLOB else make(type_, values))
            for type_, values in said[2]
        ]

    return prepare
