"""dissect.cstruct: the messages as C structures, compiled; the envelope by hand."""

from typing import Any

from dissect.cstruct import cstruct

from benchmarks.codec import Codec
from benchmarks.peers import envelope
from benchmarks.workload import FIELDS, NAMES

_TYPES = {"B": "uint8", "H": "uint16", "h": "int16"}


def _structures() -> Any:
    text = "".join(
        f"struct {NAMES[type_]} {{ {' '.join(f'{_TYPES[code]} {name};' for name, code in fields)} }};\n"
        for type_, fields in FIELDS.items()
    )
    made = cstruct(endian="<")
    made.load(text, compiled=True)
    return made


_MADE = _structures()
_CLASSES: dict[int, Any] = {type_: getattr(_MADE, NAMES[type_]) for type_ in FIELDS}

CODEC = Codec(
    "dissect.cstruct compiled",
    envelope.parser({type_: (1 + len(cls), cls) for type_, cls in _CLASSES.items()}),
    envelope.plain(lambda type_, value: tuple(int(getattr(value, name)) for name, _ in FIELDS[type_])),
    envelope.builder({type_: cls.dumps for type_, cls in _CLASSES.items()}),
    envelope.messages(
        lambda type_, values: _CLASSES[type_](
            **{name: value for (name, _), value in zip(FIELDS[type_], values, strict=True)}
        )
    ),
)
