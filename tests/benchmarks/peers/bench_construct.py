"""construct: the whole frame declared in it, interpreted, compiled as a whole, and with only its leaves compiled."""

import io
from collections.abc import Callable
from typing import Any
from zlib import adler32

from construct import (
    Bytes,
    Checksum,
    Const,
    Error,
    FixedSized,
    GreedyBytes,
    Int8ub,
    Int16sl,
    Int16ul,
    ListContainer,
    RawCopy,
    Struct,
    Subconstruct,
    Switch,
    this,
)

from benchmarks.codec import Codec
from benchmarks.workload import (
    APERTURE_COMMAND,
    BLOB,
    END,
    FIELDS,
    FOCUS_STATE,
    LENS_STATUS,
    LONGEST_FRAME,
    NAMES,
    OVERHEAD,
    PING,
    START,
    STEP,
    Plain,
)

_CODES: dict[str, Any] = {"B": Int8ub, "H": Int16ul, "h": Int16sl}
_LEAVES: dict[int, Any] = {
    **{type_: Struct(*(name / _CODES[code] for name, code in fields)) for type_, fields in FIELDS.items()},
    PING: Struct(),
    BLOB: Struct("data" / GreedyBytes),
}
_SIZES = {LENS_STATUS: 25, APERTURE_COMMAND: 6, FOCUS_STATE: 11, STEP: 2, PING: 1}


class UntilEnd(Subconstruct):  # type: ignore[type-arg]
    """The same again until the bytes are used up; unlike `GreedyRange` it lets no error disappear."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        found: Any = ListContainer()
        while stream.read(1):
            stream.seek(-1, io.SEEK_CUR)
            found.append(self.subcon._parsereport(stream, context, path))
        return found

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        for item in obj:
            self.subcon._build(item, stream, context, path)
        return obj


def _sum16(data: bytes) -> int:
    return adler32(data, 0) & 0xFFFF


def _kept(layout: Any) -> Any:
    return layout


def _compiled(layout: Any) -> Any:
    return layout.compile()


def _length(messages: list[dict[str, Any]]) -> int:
    # From a table, as one writes it who minds the cost: construct could only find it by building every message twice.
    return OVERHEAD + sum(_SIZES.get(item["type"]) or 1 + len(item["value"]["data"]) for item in messages)


def _frame(made: Callable[[Any], Any] = _kept) -> Any:
    """The whole frame; `made` is applied to each part that stands alone."""
    cases = {type_: NAMES[type_] / made(leaf) for type_, leaf in _LEAVES.items()}
    message = made(Struct("type" / Int8ub, "value" / Switch(this.type, cases, default=Error)))
    inside = Struct(
        "length" / Int16ul,
        "class_" / Int8ub,
        "sequence" / Int8ub,
        "messages" / FixedSized(this.length - OVERHEAD, UntilEnd(message)),
    )
    return made(
        Struct(
            "start" / Const(bytes((START,))),
            "inside" / RawCopy(made(inside)),
            "checksum" / Checksum(Int16ul, _sum16, this.inside.data),
            "end" / Const(bytes((END,))),
        )
    )


def _plain(container: Any) -> Plain:
    inside = container.inside.value
    messages = [
        (item.type, tuple(value for name, value in item.value.items() if not name.startswith("_")))
        for item in inside.messages
    ]
    return inside.class_, inside.sequence, messages


def _messages(said: Plain) -> list[dict[str, Any]]:
    names = {BLOB: ("data",), PING: (), **{type_: [name for name, _ in fields] for type_, fields in FIELDS.items()}}
    return [{"type": type_, "value": dict(zip(names[type_], values, strict=True))} for type_, values in said[2]]


class Deframer:
    """Finds frames by their start byte, skips work until one can be complete, and hands each to construct."""

    def __init__(self, parse: Any) -> None:
        self._parse = parse
        self._buffer = b""
        self._needed = 9

    def feed(self, chunk: bytes) -> list[Any]:
        """Take bytes; give the frames that they complete."""
        buffer = self._buffer + chunk
        size = len(buffer)
        frames: list[Any] = []
        at, needed = 0, 9
        if size < self._needed:
            self._buffer = buffer
            return frames
        while size - at >= 9:
            if buffer[at] != START:
                at = buffer.find(b"\xf0", at)
                if at < 0:
                    at = size
                    break
                continue
            length = buffer[at + 1] | buffer[at + 2] << 8
            if 9 <= length <= LONGEST_FRAME:
                behind = at + length
                if behind > size:
                    needed = length
                    break
                candidate = buffer[at:behind]
                if candidate[-1] == END and _sum16(candidate[1:-3]) == candidate[-3] | candidate[-2] << 8:
                    frames.append(self._parse(candidate))
                    at = behind
                    continue
            at += 1
        self._buffer = buffer[at:]
        self._needed = needed
        return frames


def _codec(name: str, frame: Any, note: str = "") -> Codec:
    def parse(data: bytes) -> Any:
        container = frame.parse(data)
        if container.inside.value.length != len(data):
            raise ValueError("length")
        return container

    def build(class_: int, sequence: int, messages: list[dict[str, Any]]) -> bytes:
        value = {"length": _length(messages), "class_": class_, "sequence": sequence, "messages": messages}
        return bytes(frame.build({"inside": {"value": value}}))

    return Codec(name, parse, _plain, build, _messages, lambda: Deframer(parse), note)


INTERPRETED = _codec("construct interpreted", _frame())
COMPILED = _codec("construct compile() whole", _frame().compile())
LEAVES = _codec("construct, compiled leaves", _frame(_compiled), "compile() on every part that it covers")
ENVELOPE = Struct(
    "start" / Const(bytes((START,))),
    "inside"
    / RawCopy(
        Struct(
            "length" / Int16ul,
            "class_" / Int8ub,
            "sequence" / Int8ub,
            "payload" / Bytes(this.length - OVERHEAD),
        )
    ),
    "checksum" / Checksum(Int16ul, _sum16, this.inside.data),
    "end" / Const(bytes((END,))),
)
"""The same envelope around a payload that is left alone."""
