"""A frame's declaration in construct as the source of the functions that find, check, open and build frames.

The declaration is a struct whose parts are known by name: a constant in front, perhaps one behind, `length` and, where
the mount has them, `class_` and `sequence` as integers, `payload` as bytes whose size depends on the length, and behind
that a `Checksum` over a `RawCopy`. A frame without class or sequence has 0 there.
"""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass, field
from typing import Any

from construct import Bytes, Checksum, Const, RawCopy, Struct, Tell

from lensmount_protocol.codec.conversions import put, unnamed
from lensmount_protocol.codec.scribe import NotCovered, Scribe
from lensmount_protocol.codec.slots import Slot, slot_of, struct_of_slots
from lensmount_protocol.deferred import resolve

_NUMBERS = ("length", "class_", "sequence")


@dataclass(slots=True)
class _Part:
    """One value of the frame outside its payload: what it is, its slot, and how many bytes stand in front of it."""

    kind: str
    slot: Slot
    before: int
    value: int = 0


@dataclass(slots=True)
class _Shape:
    head: list[_Part] = field(default_factory=lambda: list[_Part]())
    tail: list[_Part] = field(default_factory=lambda: list[_Part]())
    head_size: int = 0
    tail_size: int = 0
    payload: Any = None
    checked_from: int = 0
    checked_until: int = 0
    check: Any = None


def envelope_source(layout: Any) -> tuple[str, dict[str, object]]:
    """The source of a function `envelope(Frame, Reason, smallest, largest, classes)`, and the objects it refers to.

    It gives `measure`, `judge`, `open`, `build` and `scanner`, as `DeclaredFormat` describes them.

    Raises:
        NotCovered: the declaration has a part of another kind.
    """
    scribe = Scribe()
    shape = _shape_of(unnamed(resolve(layout)), scribe)
    body = [*_measure(shape, scribe), *_judge(shape, scribe), *_open(shape, scribe), *_build(shape, scribe)]
    body += [*_scanner(shape, scribe), "return measure, judge, open_, build, scanner"]
    inside = f"inside = slice({shape.head_size}, -{shape.tail_size})"
    absent = [f"{name} = 0" for name in ("class_", "sequence") if name not in {part.kind for part in shape.head}]
    lines = ["def envelope(Frame, Reason, smallest, largest, classes):"]
    lines += [f"    {line}" for line in [*scribe.lines, inside, *absent, *body]]
    return "\n".join(lines) + "\n", scribe.objects


def _shape_of(layout: Any, scribe: Scribe) -> _Shape:
    shape = _Shape()
    _walk(shape, layout, scribe)
    kinds = [part.kind for part in shape.head]
    if kinds[:1] != ["constant"] or shape.payload is None or "length" not in kinds:
        raise NotCovered("a frame without a start byte, and length and payload behind it")
    if shape.head[0].slot.size != 1:
        raise NotCovered("a start of more than one byte")
    return shape


def _walk(shape: _Shape, layout: Any, scribe: Scribe) -> None:
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
        elif named.name in _NUMBERS:
            _add(shape, named.name, part, scribe)
        elif part is not Tell:
            raise NotCovered(f"{named.name or type(part).__name__} in a frame")


def _add(shape: _Shape, kind: str, layout: Any, scribe: Scribe, value: Any = 0) -> None:
    slot = slot_of(layout, scribe)
    if slot is None or slot.decode != "{v}" or not isinstance(value, int):
        raise NotCovered(f"the {kind} of a frame")
    if shape.payload is None:
        shape.head.append(_Part(kind, slot, shape.head_size, value))
        shape.head_size += slot.size
    else:
        shape.tail.append(_Part(kind, slot, shape.tail_size, value))
        shape.tail_size += slot.size


def _surplus(shape: _Shape) -> int:
    """By how much the frame is longer than its length field says; that field must count bytes."""
    sizes = [shape.payload({"length": length}) + shape.head_size + shape.tail_size for length in (1000, 1001, 5000)]
    surplus: int = sizes[0] - 1000
    if sizes != [1000 + surplus, 1001 + surplus, 5000 + surplus]:
        raise NotCovered("a length that counts something else than bytes")
    return surplus


def _total(shape: _Shape) -> str:
    surplus = _surplus(shape)
    return f"length + {surplus}" if surplus > 0 else f"length - {-surplus}" if surplus else "length"


def _names(parts: list[_Part]) -> str:
    return ", ".join(part.kind if part.kind != "constant" else f"constant_{part.before}" for part in parts) + ","


def _taken(parts: list[_Part], scribe: Scribe) -> str:
    code, _ = struct_of_slots([part.slot for part in parts], scribe)
    return scribe.unpack_from(code)


def _until_length(shape: _Shape) -> list[_Part]:
    return shape.head[: [part.kind for part in shape.head].index("length") + 1]


def header_size(shape: _Shape) -> int:
    """Bytes that must be there before the length is known."""
    last = _until_length(shape)[-1]
    return last.before + last.slot.size


def _measure(shape: _Shape, scribe: Scribe) -> list[str]:
    parts = _until_length(shape)
    return [
        f"header_size = {header_size(shape)}",
        "def measure(header):",
        f"    {_names(parts)} = {_taken(parts, scribe)}(header, 0)",
        f"    total = {_total(shape)}",
        "    return total if smallest <= total <= largest else Reason.LENGTH",
        f"measure.start, measure.header_size = {shape.head[0].value}, header_size",
    ]


def _wrong_constant(parts: list[_Part]) -> str:
    wrong = [f"constant_{part.before} != {part.value}" for part in parts if part.kind == "constant"]
    return " or ".join(wrong) or "False"


def _checksum(shape: _Shape, scribe: Scribe, source: str, size: str) -> str:
    """Source of the sum over `source`, whose size is `size`."""
    function = shape.check.hashfunc
    name = scribe.refer(function.__name__, function)
    # The plain 16-bit sum in one call of the standard library, where it never reaches that function's modulus.
    if getattr(function, "__qualname__", "") == "sum16" and function.__module__ == "lensmount_protocol.checksums":
        return f"(adler32({source}, 0) & 65535 if {size} < 256 else {name}({source}))"
    return f"{name}({source})"


def _checked(shape: _Shape) -> str:
    return f"candidate[{shape.checked_from}:size - {shape.tail_size - shape.checked_until}]"


def _judge(shape: _Shape, scribe: Scribe) -> list[str]:
    lines = [
        "def judge(candidate):",
        "    size = len(candidate)",
        f"    {_names(shape.head)} = {_taken(shape.head, scribe)}(candidate, 0)",
        f"    if {_wrong_constant(shape.head)}: return Reason.NO_START",
    ]
    if shape.tail:
        lines += [
            f"    {_names(shape.tail)} = {_taken(shape.tail, scribe)}(candidate, size - {shape.tail_size})",
            f"    if {_wrong_constant(shape.tail)}: return Reason.END",
        ]
    if shape.check is not None:
        lines.append(f"    if {_checksum(shape, scribe, _checked(shape), 'size')} != checksum: return Reason.CHECKSUM")
    return [*lines, "    return None if class_ in classes else Reason.CLASS"]


def _open(shape: _Shape, scribe: Scribe) -> list[str]:
    return [
        "def open_(candidate, offset):",
        f"    {_names(shape.head)} = {_taken(shape.head, scribe)}(candidate, 0)",
        "    return Frame(candidate, offset, class_, sequence, inside)",
    ]


def _packed(parts: list[_Part], scribe: Scribe) -> str:
    code, placed = struct_of_slots([part.slot for part in parts], scribe)
    values = [
        put(slot.encode, str(part.value) if part.kind == "constant" else part.kind)
        for part, slot in zip(parts, placed, strict=True)
    ]
    return f"{scribe.pack(code)}({', '.join(values)})"


def _build(shape: _Shape, scribe: Scribe) -> list[str]:
    size = f"len(payload) + {shape.head_size + shape.tail_size - _surplus(shape)}"
    if shape.checked_until or shape.check is None or [part.kind for part in shape.tail[:1]] != ["checksum"]:
        raise NotCovered("a frame whose checksum does not follow what it checks")
    first = [part for part in shape.head if part.before < shape.checked_from]
    return [
        "def build(payload, class_, sequence):",
        f"    length = {size}",
        f"    checked = {_packed(shape.head[len(first) :], scribe)} + payload",
        f"    checksum = {_checksum(shape, scribe, 'checked', 'len(checked)')}",
        f"    return {_packed(first, scribe)} + checked + {_packed(shape.tail, scribe)}",
    ]


def _scanner(shape: _Shape, scribe: Scribe) -> list[str]:
    """The fused path: frames that follow each other without anything between them, their payloads read at once.

    It is written twice, for readers that want messages and for those that want headers: a question that is asked for
    each frame costs more than the lines.
    """
    read_now = [
        "try:",
        "    taken, take = entries[buffer[at]]",
        "    if at + taken == end: messages = [take(buffer, at)]",
        "    else: messages = read(buffer, at, end)",
        "except Exception: return position",
        *_framed("offset + position", "messages"),
    ]
    read_later = _framed("offset + position", "later")
    return [
        "def scanner(entries, read, selecting, choosing, later, careful):",
        *(f"    {line}" for line in _scan(shape, scribe, "scan", read_now)),
        *(f"    {line}" for line in _scan(shape, scribe, "scan_headers", read_later)),
        *(f"    {line}" for line in _parse(shape, scribe)),
        "    return scan if later is None else scan_headers, parse",
    ]


def _framed(offset: str, said: str) -> list[str]:
    """A frame made without calling its class, which takes half the time."""
    return [
        "frame = new(Frame)",
        f"frame.raw = raw; frame.offset = {offset}; frame.class_ = class_",
        f"frame.sequence = sequence; frame.inside = inside; frame.said = {said}",
    ]


def _parse(shape: _Shape, scribe: Scribe) -> list[str]:
    """The same for bytes that are one frame and nothing else; what it does not take is left to `careful`."""
    head, tail = shape.head_size, shape.tail_size
    checked = f"raw[{shape.checked_from}:size - {tail - shape.checked_until}]"
    return [
        "def parse(raw):",
        "    size = len(raw)",
        "    try:",
        f"        {_names(shape.head)} = {_taken(shape.head, scribe)}(raw, 0)",
        f"        end = size - {tail}",
        f"        {_names(shape.tail)} = {_taken(shape.tail, scribe)}(raw, end)",
        f"        if {_wrong_constant(shape.head)} or {_wrong_constant(shape.tail)}: return careful(raw)",
        f"        if {_total(shape)} != size or class_ not in classes: return careful(raw)",
        "        if not smallest <= size <= largest: return careful(raw)",
        f"        if {_checksum(shape, scribe, checked, 'size')} != checksum: return careful(raw)",
        f"        taken, take = entries[raw[{head}]]",
        f"        if taken + {head} == end: messages = [take(raw, {head})]",
        f"        else: messages = read(raw, {head}, end)",
        *(f"        {line}" for line in _framed("0", "messages")),
        "        return frame",
        "    except Exception:",
        "        return careful(raw)",
    ]


def _scan(shape: _Shape, scribe: Scribe, name: str, framed: list[str]) -> list[str]:
    head, tail = shape.head_size, shape.tail_size
    # The candidate is addressed inside the buffer, so that no bytes are copied but the frame's own.
    checked = f"buffer[position + {shape.checked_from}:stop - {tail - shape.checked_until}]"
    return [
        f"def {name}(framer, buffer, position, single, events):",
        "    size = len(buffer)",
        "    offset = framer.offset",
        "    watching = single or selecting is not None",
        f"    while size - position >= {head}:",
        f"        {_names(shape.head)} = {_taken(shape.head, scribe)}(buffer, position)",
        f"        if {_wrong_constant(shape.head)} or class_ not in classes: return position",
        f"        total = {_total(shape)}",
        "        if not smallest <= total <= largest: return position",
        "        stop = position + total",
        "        if stop > size:",
        "            framer.needed = total",
        "            return position",
        f"        end = stop - {tail}",
        f"        {_names(shape.tail)} = {_taken(shape.tail, scribe)}(buffer, end)",
        f"        if {_wrong_constant(shape.tail)}: return position",
        f"        if {_checksum(shape, scribe, checked, 'total')} != checksum: return position",
        "        raw = buffer[position:stop]",
        f"        at = position + {head}",
        *(f"        {line}" for line in framed),
        "        events.append(frame)",
        "        position = stop",
        "        if watching and (single or selecting in raw and choosing(frame)): return position",
        f"    if position == size or buffer[position] == {shape.head[0].value}: framer.needed = smallest",
        "    return position",
    ]
