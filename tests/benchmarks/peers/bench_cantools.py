"""cantools: each message a CAN message of a database, raw values as dictionaries; the envelope by hand."""

from typing import Any

import cantools

from benchmarks.codec import Codec
from benchmarks.peers import envelope
from benchmarks.workload import FIELDS, NAMES

_BITS = {"B": (8, "+"), "H": (16, "+"), "h": (16, "-")}


def _database() -> Any:
    lines = ['VERSION ""', "NS_ :", "BS_:", "BU_: N"]
    for type_, fields in FIELDS.items():
        size = sum(_BITS[code][0] for _, code in fields) // 8
        lines += ["", f"BO_ {type_} {NAMES[type_]}: {size} N"]
        bit = 0
        for name, code in fields:
            width, sign = _BITS[code]
            lines.append(f' SG_ {name} : {bit}|{width}@1{sign} (1,0) [0|0] "" N')
            bit += width
    return cantools.database.load_string("\n".join(lines) + "\n", database_format="dbc", strict=False)


_MESSAGES = {type_: _database().get_message_by_name(NAMES[type_]) for type_ in FIELDS}


def _decoder(message: Any) -> envelope.Decode:
    decode = message.decode
    return lambda data: decode(data, decode_choices=False, scaling=False)


def _encoder(message: Any) -> Any:
    encode = message.encode
    return lambda value: encode(value, scaling=False, strict=False)


CODEC = Codec(
    "cantools",
    envelope.parser({type_: (1 + message.length, _decoder(message)) for type_, message in _MESSAGES.items()}),
    envelope.plain(lambda type_, value: tuple(value[name] for name, _ in FIELDS[type_])),
    envelope.builder({type_: _encoder(message) for type_, message in _MESSAGES.items()}),
    envelope.messages(
        lambda type_, values: {name: value for (name, _), value in zip(FIELDS[type_], values, strict=True)}
    ),
)
