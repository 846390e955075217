"""The parts of a frame's declaration in construct, and the sources that all functions made of them share."""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass, field
from typing import Any

from construct import Bytes, Checksum, Const, RawCopy, Struct, Tell

from lensmount_protocol.codec.conversions import unnamed
from lensmount_protocol.codec.scribe import NotCovered, Scribe
from lensmount_protocol.codec.slots import Slot, slot_of, struct_of_slots

NUMBERS = ("length", "class_", "sequence")


@dataclass(slots=True)
class Part:
    """One value of the frame outside its payload: what it is, its slot, and how many bytes stand in front of it."""

    kind: str
    slot: Slot
    before: int
    value: int = 0


@dataclass(slots=True)
class Shape:
    """A frame's parts in front of the payload and behind it, and what the checksum is over."""

    head: list[Part] = field(default_factory=lambda: list[Part]())
    tail: list[Part] = field(default_factory=lambda: list[Part]())
    head_size: int = 0
    tail_size: int = 0
    payload: Any = None
    checked_from: int = 0
    checked_until: int = 0
    check: Any = None


def shape_of(layout: Any, scribe: Scribe) -> Shape:
    """The parts of a declaration.

    Raises:
        NotCovered: it has a part of another kind.
    """
    shape = Shape()
    _walk(shape, layout, scribe)
    kinds = [part.kind for part in shape.head]
    if kinds[:1] != ["constant"] or shape.payload is None or "length" not in kinds:
        raise NotCovered("a frame without a start byte, and length and payload behind it")
    if shape.head[0].slot.size != 1:
        raise NotCovered("a start of more than one byte")
    return shape


def _walk(shape: Shape, layout: Any, scribe: Scribe) -> None:
    if not isinstance(layout, Struct):
        raise NotCovered("a frame that is no struct")
    for named in layout.subcons:
        part = unnamed(named)
        if isinstance(part, RawCopy):
            shape.checked_from = shape.head_size
            _walk(shape, unnamed(part.subcon), scribe)
            shape.checked_until = shape.tail_size
        elif named.name == "payload" and isinstance(part, Bytes) and callable(part.length):
            shape.payload = part.length
        elif isinstance(part, Checksum):
            shape.check = part
            _add(shape, "checksum", part.checksumfield, scribe)
        elif isinstance(part, Const):
            _add(shape, "constant", part.subcon, scribe, part.value)
        elif named.name in NUMBERS:
            _add(shape, named.name, part, scribe)
        elif part is not Tell:
            raise NotCovered(f"{named.name or type(part).__name__} in a frame")


def _add(shape: Shape, kind: str, layout: Any, scribe: Scribe, value: Any = 0) -> None:
    slot = slot_of(layout, scribe)
    if slot is None or slot.decode != "{v}" or not isinstance(value, int):
        raise NotCovered(f"the {kind} of a frame")
    if shape.payload is None:
        shape.head.append(Part(kind, slot, shape.head_size, value))
        shape.head_size += slot.size
    else:
        shape.tail.append(Part(kind, slot, shape.tail_size, value))
        shape.tail_size += slot.size


def surplus_of(shape: Shape) -> int:
    """By how much the frame is longer than its length field says; that field must count bytes."""
    sizes = [shape.payload({"length": length}) + shape.head_size + shape.tail_size for length in (1000, 1001, 5000)]
    surplus: int = sizes[0] - 1000
    if sizes != [1000 + surplus, 1001 + surplus, 5000 + surplus]:
        raise NotCovered("a length that counts something else than bytes")
    return surplus


def total_of(shape: Shape) -> str:
    """Source of the frame's size, by its length field."""
    surplus = surplus_of(shape)
    return f"length + {surplus}" if surplus > 0 else f"length - {-surplus}" if surplus else "length"


def names_of(parts: list[Part]) -> str:
    """Source of the names that take the parts' values."""
    return ", ".join(part.kind if part.kind != "constant" else f"constant_{part.before}" for part in parts) + ","


def taken(parts: list[Part], scribe: Scribe) -> str:
    """The name of a function that takes the parts' values out of bytes."""
    code, _ = struct_of_slots([part.slot for part in parts], scribe)
    return scribe.unpack_from(code)


def until_length(shape: Shape) -> list[Part]:
    """The parts in front of the payload, up to the length."""
    return shape.head[: [part.kind for part in shape.head].index("length") + 1]


def wrong_constants(parts: list[Part]) -> str:
    """Source of whether a constant among the parts has another value."""
    wrong = [f"constant_{part.before} != {part.value}" for part in parts if part.kind == "constant"]
    return " or ".join(wrong) or "False"


def checksum_of(shape: Shape, scribe: Scribe, source: str, size: str) -> str:
    """Source of the sum over `source`, whose size is `size`."""
    function = shape.check.hashfunc
    name = scribe.refer(function.__name__, function)
    # The plain 16-bit sum in one call of the standard library, where it never reaches that function's modulus.
    if getattr(function, "__qualname__", "") == "sum16" and function.__module__ == "lensmount_protocol.checksums":
        return f"(adler32({source}, 0) & 65535 if {size} < 256 else {name}({source}))"
    return f"{name}({source})"
