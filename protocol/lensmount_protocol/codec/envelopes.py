"""A frame's declaration in construct as the source of the functions that find, check, open and build frames.

The declaration is a struct whose parts are known by name: a constant in front, perhaps one behind, `length` and, where
the mount has them, `class_` and `sequence` as integers, `payload` as bytes whose size depends on the length, and behind
that a `Checksum` over a `RawCopy`. A frame without class or sequence has 0 there.
"""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any

from lensmount_protocol.codec.conversions import put, unnamed
from lensmount_protocol.codec.scanning import scanner_of
from lensmount_protocol.codec.scribe import NotCovered, Scribe
from lensmount_protocol.codec.shapes import (
    Part,
    Shape,
    checksum_of,
    names_of,
    shape_of,
    surplus_of,
    taken,
    total_of,
    until_length,
    wrong_constants,
)
from lensmount_protocol.codec.slots import struct_of_slots
from lensmount_protocol.deferred import resolve


def envelope_source(layout: Any) -> tuple[str, dict[str, object]]:
    """The source of a function `envelope(Frame, Reason, smallest, largest, classes)`, and the objects it refers to.

    It gives `measure`, `judge`, `open`, `build`, `build_messages` and `scanner`, as `DeclaredFormat` describes them.

    Raises:
        NotCovered: the declaration has a part of another kind.
    """
    scribe = Scribe()
    shape = shape_of(unnamed(resolve(layout)), scribe)
    body = [*_measure(shape, scribe), *_judge(shape, scribe), *_open(shape, scribe), *_build(shape, scribe)]
    body += [*scanner_of(shape, scribe), "return measure, judge, open_, build, build_messages, scanner"]
    inside = f"inside = slice({shape.head_size}, -{shape.tail_size})"
    absent = [f"{name} = 0" for name in ("class_", "sequence") if name not in {part.kind for part in shape.head}]
    lines = ["def envelope(Frame, Reason, smallest, largest, classes):"]
    lines += [f"    {line}" for line in [*scribe.lines, inside, *absent, *body]]
    return "\n".join(lines) + "\n", scribe.objects


def header_size(shape: Shape) -> int:
    """Bytes that must be there before the length is known."""
    last = until_length(shape)[-1]
    return last.before + last.slot.size


def _measure(shape: Shape, scribe: Scribe) -> list[str]:
    parts = until_length(shape)
    return [
        f"header_size = {header_size(shape)}",
        "def measure(header):",
        f"    {names_of(parts)} = {taken(parts, scribe)}(header, 0)",
        f"    total = {total_of(shape)}",
        "    return total if smallest <= total <= largest else Reason.LENGTH",
        f"measure.start, measure.header_size = {shape.head[0].value}, header_size",
    ]


def _checked(shape: Shape) -> str:
    return f"candidate[{shape.checked_from}:size - {shape.tail_size - shape.checked_until}]"


def _judge(shape: Shape, scribe: Scribe) -> list[str]:
    lines = [
        "def judge(candidate):",
        "    size = len(candidate)",
        f"    {names_of(shape.head)} = {taken(shape.head, scribe)}(candidate, 0)",
        f"    if {wrong_constants(shape.head)}: return Reason.NO_START",
    ]
    if shape.tail:
        lines += [
            f"    {names_of(shape.tail)} = {taken(shape.tail, scribe)}(candidate, size - {shape.tail_size})",
            f"    if {wrong_constants(shape.tail)}: return Reason.END",
        ]
    if shape.check is not None:
        lines.append(
            f"    if {checksum_of(shape, scribe, _checked(shape), 'size')} != checksum: return Reason.CHECKSUM"
        )
    return [*lines, "    return None if class_ in classes else Reason.CLASS"]


def _open(shape: Shape, scribe: Scribe) -> list[str]:
    return [
        "def open_(candidate, offset):",
        f"    {names_of(shape.head)} = {taken(shape.head, scribe)}(candidate, 0)",
        "    return Frame(candidate, offset, class_, sequence, inside)",
    ]


def _packed(parts: list[Part], scribe: Scribe) -> str:
    if all(part.kind == "constant" and part.slot.code == "B" for part in parts):
        return repr(bytes(part.value for part in parts))
    code, placed = struct_of_slots([part.slot for part in parts], scribe)
    values = [
        put(slot.encode, str(part.value) if part.kind == "constant" else part.kind)
        for part, slot in zip(parts, placed, strict=True)
    ]
    return f"{scribe.pack(code)}({', '.join(values)})"


def _build(shape: Shape, scribe: Scribe) -> list[str]:
    size = f"len(payload) + {shape.head_size + shape.tail_size - surplus_of(shape)}"
    if shape.checked_until or shape.check is None or [part.kind for part in shape.tail[:1]] != ["checksum"]:
        raise NotCovered("a frame whose checksum does not follow what it checks")
    first = [part for part in shape.head if part.before < shape.checked_from]
    return [
        "def build(payload, class_, sequence):",
        f"    length = {size}",
        f"    checked = {_packed(shape.head[len(first) :], scribe)} + payload",
        f"    checksum = {checksum_of(shape, scribe, 'checked', 'length')}",
        f"    return {_packed(first, scribe)} + checked + {_packed(shape.tail, scribe)}",
        "def build_messages(class_, sequence, messages):",
        "    payload = messages[0].build() if len(messages) == 1 else b''.join([said.build() for said in messages])",
        f"    length = {size}",
        f"    checked = {_packed(shape.head[len(first) :], scribe)} + payload",
        f"    checksum = {checksum_of(shape, scribe, 'checked', 'length')}",
        f"    return {_packed(first, scribe)} + checked + {_packed(shape.tail, scribe)}",
    ]
