"""bitstruct's C extension: the messages to dictionaries; the envelope by hand.

It knows no little end, so bytes and fields are both taken backwards: the same values, read in one call.
"""

from typing import Any

from bitstruct import c as bitstruct

from benchmarks.codec import Codec
from benchmarks.peers import envelope
from benchmarks.workload import FIELDS

_FORMATS = {"B": "u8", "H": "u16", "h": "s16"}


def _compiled(fields: tuple[tuple[str, str], ...]) -> Any:
    backwards = fields[::-1]
    return bitstruct.compile("".join(_FORMATS[code] for _, code in backwards), [name for name, _ in backwards])


_MADE = {type_: _compiled(fields) for type_, fields in FIELDS.items()}


def _decoder(made: Any) -> envelope.Decode:
    unpack = made.unpack
    return lambda data: unpack(data[::-1])


def _encoder(made: Any) -> Any:
    pack = made.pack
    return lambda value: pack(value)[::-1]


CODEC = Codec(
    "bitstruct.c",
    envelope.parser({type_: (1 + made.calcsize() // 8, _decoder(made)) for type_, made in _MADE.items()}),
    envelope.plain(lambda type_, value: tuple(value[name] for name, _ in FIELDS[type_])),
    envelope.builder({type_: _encoder(made) for type_, made in _MADE.items()}),
    envelope.messages(
        lambda type_, values: {name: value for (name, _), value in zip(FIELDS[type_], values, strict=True)}
    ),
)
