"""Generates the functions that find, check, parse and build frames, from the frame's declaration in construct.

The declaration is a struct with named parts: a constant at the start, optionally one at the end, `length` and, where
the mount has them, `class_` and `sequence` as integers, `payload` as bytes with a size that depends on the length, and
after that a `Checksum` over a `RawCopy`. A frame without class or sequence has 0 there.

A scanner is the fast path: source that finds, checks and parses valid frames, and leaves the rest to the framer.
"""


# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass, field
from typing import Any

from construct import Bytes, Checksum, Const, RawCopy, Struct, Tell

from lensmount_protocol.codec.generate_struct import StructField, combine_struct_fields, struct_field_for
from lensmount_protocol.codec.lazy_construct import resolve

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from lensmount_protocol.codec.source_builder import SourceBuilder, UnsupportedConstruct, substitute, unwrap_renamed

NUMBERS = ("length", "class_", "sequence")


@dataclass(slots=True)
class FramePart:
    """One value of the frame outside its payload: its kind, its slot, and the number of bytes before it."""

    kind: str
    struct_field: StructField
    before: int
    value: int = 0


@dataclass(slots=True)
class FrameLayout:
    """A frame's parts before and after the payload, and the range of the checksum."""

    head: list[FramePart] = field(default_factory=lambda: list[FramePart]())
    tail: list[FramePart] = field(default_factory=lambda: list[FramePart]())
    head_size: int = 0
    tail_size: int = 0
    payload: Any = None
    checked_from: int = 0
    checked_until: int = 0
    check: Any = None


def parse_frame_layout(layout: Any, builder: SourceBuilder) -> FrameLayout:
    """The parts of a declaration.

    Raises:
        UnsupportedConstruct: it has a part of another kind.
    """
    shape = FrameLayout()
    _walk(shape, layout, builder)
    kinds = [part.kind for part in shape.head]
    if kinds[:1] != ["constant"] or shape.payload is None or "length" not in kinds:
        raise UnsupportedConstruct("a frame without a start byte that length and payload follow")
    if shape.head[0].struct_field.size != 1:
        raise UnsupportedConstruct("a start of more than one byte")
    return shape


def _walk(frame_layout: FrameLayout, layout: Any, builder: SourceBuilder) -> None:
    if not isinstance(layout, Struct):
        raise UnsupportedConstruct("a frame that is no struct")
    for named in layout.subcons:
        part = unwrap_renamed(named)
        if isinstance(part, RawCopy):
            frame_layout.checked_from = frame_layout.head_size
            _walk(frame_layout, unwrap_renamed(part.subcon), builder)
            frame_layout.checked_until = frame_layout.tail_size
        elif named.name == "payload" and isinstance(part, Bytes) and callable(part.length):
            frame_layout.payload = part.length
        elif isinstance(part, Checksum):
            frame_layout.check = part
            _add(frame_layout, "checksum", part.checksumfield, builder)
        elif isinstance(part, Const):
            _add(frame_layout, "constant", part.subcon, builder, part.value)
        elif named.name in NUMBERS:
            _add(frame_layout, named.name, part, builder)
        elif part is not Tell:
            raise UnsupportedConstruct(
                f"{named.name or type(part).__name__} in a frame; the fields of a frame are called `length`, "
                "`class_`, `sequence` and `payload`"
            )


def _add(frame_layout: FrameLayout, kind: str, layout: Any, builder: SourceBuilder, value: Any = 0) -> None:
    slot = struct_field_for(layout, builder)
    if slot is None or slot.decode != "{v}" or not isinstance(value, int):
        raise UnsupportedConstruct(f"the {kind} of a frame")
    if frame_layout.payload is None:
        frame_layout.head.append(FramePart(kind, slot, frame_layout.head_size, value))
        frame_layout.head_size += slot.size
    else:
        frame_layout.tail.append(FramePart(kind, slot, frame_layout.tail_size, value))
        frame_layout.tail_size += slot.size


def length_surplus(frame_layout: FrameLayout) -> int:
    """Return the size of the frame minus the value of its length field, in bytes; that field must count bytes."""
    sizes = [
        frame_layout.payload({"length": length}) + frame_layout.head_size + frame_layout.tail_size
        for length in (1000, 1001, 5000)
    ]
    surplus: int = sizes[0] - 1000
    if sizes != [1000 + surplus, 1001 + surplus, 5000 + surplus]:
        raise UnsupportedConstruct("a length that counts something else than bytes")
    return surplus


def total_size_source(frame_layout: FrameLayout) -> str:
    """Source of the frame's size, by its length field."""
    surplus = length_surplus(frame_layout)
    return f"length + {surplus}" if surplus > 0 else f"length - {-surplus}" if surplus else "length"


def value_names(parts: list[FramePart]) -> str:
    """Source of the names that take the parts' values."""
    return ", ".join(part.kind if part.kind != "constant" else f"constant_{part.before}" for part in parts) + ","


def unpack_function(parts: list[FramePart], builder: SourceBuilder) -> str:
    """The name of a function that takes the parts' values out of bytes."""
    code, _ = combine_struct_fields([part.struct_field for part in parts], builder)
    return builder.unpack_from(code)


def parts_through_length(frame_layout: FrameLayout) -> list[FramePart]:
    """The parts in front of the payload, up to the length."""
    return frame_layout.head[: [part.kind for part in frame_layout.head].index("length") + 1]


def constants_mismatch(parts: list[FramePart]) -> str:
    """Source of whether a constant among the parts has another value."""
    wrong = [f"constant_{part.before} != {part.value}" for part in parts if part.kind == "constant"]
    return " or ".join(wrong) or "False"


def checksum_source(frame_layout: FrameLayout, builder: SourceBuilder, source: str, size: str) -> str:
    """Source of the checksum over `source`, which has `size` bytes."""
    function = frame_layout.check.hashfunc
    name = builder.reference(function.__name__, function)
    # The plain 16-bit sum in one call of the standard library, where it never reaches that function's modulus.
    if getattr(function, "__qualname__", "") == "sum16" and function.__module__ == "lensmount_protocol.checksums":
        return f"(adler32({source}, 0) & 65535 if {size} < 256 else {name}({source}))"
    return f"{name}({source})"


def generate_scanner(frame_layout: FrameLayout, builder: SourceBuilder) -> list[str]:
    """Source of the fused path: it parses consecutive frames without bytes between them, payloads included.

    It is written twice, for callers that want messages and for those that want headers: a test in each frame costs more
    than the lines.
    """
    read_now = [
        "try:",
        "    taken, take = entries[buffer[at]]",
        "    if at + taken == end: messages = [take(buffer, at)]",
        "    else: messages = read(buffer, at, end)",
        "except Exception: break",
        *_new_frame_lines("offset + position", "messages"),
    ]
    read_later = _new_frame_lines("offset + position", "later")
    return [
        "def scanner(framer, selecting, choosing, careful, headers_only):",
        "    pads, pending = framer.pads, framer.pending",
        *(f"    {line}" for line in _receive(frame_layout, builder, "receive", read_now)),
        *(f"    {line}" for line in _receive(frame_layout, builder, "receive_headers", read_later)),
        *(f"    {line}" for line in _parse(frame_layout, builder)),
        "    return receive_headers if headers_only else receive, parse",
    ]


def _receive(frame_layout: FrameLayout, builder: SourceBuilder, name: str, frame_lines: list[str]) -> list[str]:
    """Source of `Framer.receive` for a valid stream; it leaves anything else to `Framer.search`."""
    head, tail = frame_layout.head_size, frame_layout.tail_size
    # The candidate is addressed inside the buffer, so that no bytes are copied but the frame's own.
    checked = f"buffer[position + {frame_layout.checked_from}:stop - {tail - frame_layout.checked_until}]"
    values = {part.kind: _part_source(part, "position", builder) for part in frame_layout.head}
    ends = [
        f"{_part_source(part, 'end', builder)} != {part.value}" for part in frame_layout.tail if part.kind == "constant"
    ]
    sums = [_part_source(part, "end", builder) for part in frame_layout.tail if part.kind == "checksum"]
    # The start byte is compared first; further constants of the head, once the frame is whole.
    starts = [
        f"{_part_source(part, 'position', builder)} != {part.value}"
        for part in frame_layout.head[1:]
        if part.kind == "constant"
    ]
    return [
        f"def {name}(data):",
        "    buffer = framer.buffer + data",
        "    size = len(buffer)",
        "    if size < framer.needed:",
        "        framer.buffer = buffer",
        "        return []",
        "    events = []",
        "    position = 0",
        "    offset = framer.offset",
        "    entries, read, later = framer.tables",
        "    while position >= 0:",
        "        needed = 0",
        "        straight = not framer.pads_now or framer.ends_padding(buffer, position)",
        "        while straight:",
        "            if position == size:",
        "                needed = smallest",
        "                break",
        f"            if buffer[position] != {frame_layout.head[0].value}: break",
        f"            if size - position < {head}:",
        "                needed = smallest",
        "                break",
        *_total_lines(values["length"], total_size_source(frame_layout)),
        "            if not smallest <= total <= largest: break",
        "            stop = position + total",
        "            if stop > size:",
        "                needed = total",
        "                break",
        f"            end = stop - {tail}",
        *(f"            if {wrong}: break" for wrong in (*starts, *ends)),
        f"            if {checksum_source(frame_layout, builder, checked, 'total')} != {sums[0]}: break",
        *(f"            {kind} = {values[kind]}" for kind in ("class_", "sequence") if kind in values),
        "            if class_ not in classes: break",
        "            raw = buffer[position:stop]",
        f"            at = position + {head}",
        *(f"            {line}" for line in frame_lines),
        "            if pending: framer.flush(events)",
        "            events.append(frame)",
        "            position = stop",
        "            if selecting is not None and selecting in raw and choosing(frame):",
        "                entries, read, later = framer.tables",
        "            if pads:",
        "                framer.framed()",
        "                if position == size: needed = header_size",
        "                break",
        "        if needed:",
        "            framer.buffer = buffer[position:]",
        "            framer.offset = offset + position",
        "            framer.needed = needed",
        "            return events",
        "        position = framer.search(buffer, position, events, None)",
        # What it found may have changed what the rest is read by.
        "        entries, read, later = framer.tables",
        "    return events",
    ]


def _total_lines(length: str, total: str) -> list[str]:
    """The frame's size; where the length field is just that, without a step in between."""
    if total == "length":
        return [f"            total = {length}"]
    return [f"            length = {length}", f"            total = {total}"]


def _part_source(part: FramePart, base: str, builder: SourceBuilder) -> str:
    """A part's value, taken out of the buffer without a call where it has one or two bytes."""
    at = f"{base} + {part.before}" if part.before else base
    if part.struct_field.code == "B":
        return f"buffer[{at}]"
    if part.struct_field.code == "H":
        low, high = (0, 1) if part.struct_field.order == "<" else (1, 0)
        places = [
            f"buffer[{base} + {part.before + step}]" if part.before + step else f"buffer[{base}]"
            for step in (low, high)
        ]
        return f"({places[0]} | {places[1]} << 8)"
    return f"{builder.unpack_from((part.struct_field.order or '<') + part.struct_field.code)}(buffer, {at})[0]"


def _new_frame_lines(offset: str, messages: str) -> list[str]:
    """A frame made without calling its class, which takes half the time."""
    return [
        "frame = new(Frame)",
        f"frame.raw = raw; frame.offset = {offset}; frame.class_ = class_",
        f"frame.sequence = sequence; frame.payload_slice = inside; frame.lazy_messages = {messages}",
    ]


def _parse(frame_layout: FrameLayout, builder: SourceBuilder) -> list[str]:
    """The same for bytes that are exactly one frame; it leaves other bytes to `careful`."""
    head, tail = frame_layout.head_size, frame_layout.tail_size
    checked = f"raw[{frame_layout.checked_from}:size - {tail - frame_layout.checked_until}]"
    return [
        "def parse(raw):",
        "    size = len(raw)",
        "    try:",
        f"        {value_names(frame_layout.head)} = {unpack_function(frame_layout.head, builder)}(raw, 0)",
        f"        end = size - {tail}",
        f"        {value_names(frame_layout.tail)} = {unpack_function(frame_layout.tail, builder)}(raw, end)",
        (
            f"        if {constants_mismatch(frame_layout.head)} or {constants_mismatch(frame_layout.tail)}: return "
            f"careful(raw)"
        ),
        f"        if {total_size_source(frame_layout)} != size or class_ not in classes: return careful(raw)",
        "        if not smallest <= size <= largest: return careful(raw)",
        f"        if {checksum_source(frame_layout, builder, checked, 'size')} != checksum: return careful(raw)",
        f"        taken, take = framer.tables[0][raw[{head}]]",
        f"        if taken + {head} == end: messages = [take(raw, {head})]",
        f"        else: messages = framer.tables[1](raw, {head}, end)",
        *(f"        {line}" for line in _new_frame_lines("0", "messages")),
        "        return frame",
        "    except Exception:",
        "        return careful(raw)",
    ]


def generate_frame_source(layout: Any) -> tuple[str, dict[str, object]]:
    """The source of a function `envelope(Frame, Reason, smallest, largest, classes)`, and the objects it refers to.

    It returns `measure`, `judge`, `open`, `build`, `build_messages` and `scanner`, as `ConstructFrameFormat` describes
    them.

    Raises:
        UnsupportedConstruct: the declaration has a part of another kind.
    """
    builder = SourceBuilder()
    shape = parse_frame_layout(unwrap_renamed(resolve(layout)), builder)
    body = [
        *_frame_length(shape, builder),
        *_check(shape, builder),
        *_parse_header(shape, builder),
        *_build(shape, builder),
    ]
    body += [*generate_scanner(shape, builder), "return measure, judge, open_, build, build_messages, scanner"]
    inside = f"inside = slice({shape.head_size}, -{shape.tail_size})"
    absent = [f"{name} = 0" for name in ("class_", "sequence") if name not in {part.kind for part in shape.head}]
    lines = ["def envelope(Frame, Reason, smallest, largest, classes):"]
    lines += [f"    {line}" for line in [*builder.lines, inside, *absent, *body]]
    return "\n".join(lines) + "\n", builder.objects


def header_size(frame_layout: FrameLayout) -> int:
    """Number of bytes that the framer needs before the length is known."""
    last = parts_through_length(frame_layout)[-1]
    return last.before + last.struct_field.size


def _frame_length(frame_layout: FrameLayout, builder: SourceBuilder) -> list[str]:
    parts = parts_through_length(frame_layout)
    return [
        f"header_size = {header_size(frame_layout)}",
        "def measure(header):",
        f"    {value_names(parts)} = {unpack_function(parts, builder)}(header, 0)",
        f"    total = {total_size_source(frame_layout)}",
        "    return total if smallest <= total <= largest else Reason.LENGTH",
        f"measure.start, measure.header_size = {frame_layout.head[0].value}, header_size",
    ]


def _checked(frame_layout: FrameLayout) -> str:
    return f"candidate[{frame_layout.checked_from}:size - {frame_layout.tail_size - frame_layout.checked_until}]"


def _check(frame_layout: FrameLayout, builder: SourceBuilder) -> list[str]:
    lines = [
        "def judge(candidate):",
        "    size = len(candidate)",
        f"    {value_names(frame_layout.head)} = {unpack_function(frame_layout.head, builder)}(candidate, 0)",
        f"    if {constants_mismatch(frame_layout.head)}: return Reason.NO_START",
    ]
    if frame_layout.tail:
        lines += [
            (
                f"    {value_names(frame_layout.tail)} = {unpack_function(frame_layout.tail, builder)}(candidate, size "
                f"- {frame_layout.tail_size})"
            ),
            f"    if {constants_mismatch(frame_layout.tail)}: return Reason.END",
        ]
    if frame_layout.check is not None:
        lines.append(
            f"    if {checksum_source(frame_layout, builder, _checked(frame_layout), 'size')} != checksum: return "
            f"Reason.CHECKSUM"
        )
    return [*lines, "    return None if class_ in classes else Reason.CLASS"]


def _parse_header(frame_layout: FrameLayout, builder: SourceBuilder) -> list[str]:
    return [
        "def open_(candidate, offset):",
        f"    {value_names(frame_layout.head)} = {unpack_function(frame_layout.head, builder)}(candidate, 0)",
        "    return Frame(candidate, offset, class_, sequence, inside)",
    ]


def _pack_source(parts: list[FramePart], builder: SourceBuilder) -> str:
    if all(part.kind == "constant" and part.struct_field.code == "B" for part in parts):
        return repr(bytes(part.value for part in parts))
    code, placed = combine_struct_fields([part.struct_field for part in parts], builder)
    values = [
        substitute(slot.encode, str(part.value) if part.kind == "constant" else part.kind)
        for part, slot in zip(parts, placed, strict=True)
    ]
    return f"{builder.pack(code)}({', '.join(values)})"


def _build(frame_layout: FrameLayout, builder: SourceBuilder) -> list[str]:
    size = f"len(payload) + {frame_layout.head_size + frame_layout.tail_size - length_surplus(frame_layout)}"
    if (
        frame_layout.checked_until
        or frame_layout.check is None
        or [part.kind for part in frame_layout.tail[:1]] != ["checksum"]
    ):
        raise UnsupportedConstruct("a frame with a checksum that does not follow its range")
    first = [part for part in frame_layout.head if part.before < frame_layout.checked_from]
    return [
        "def build(payload, class_, sequence):",
        f"    length = {size}",
        f"    checked = {_pack_source(frame_layout.head[len(first) :], builder)} + payload",
        f"    checksum = {checksum_source(frame_layout, builder, 'checked', 'length')}",
        f"    return {_pack_source(first, builder)} + checked + {_pack_source(frame_layout.tail, builder)}",
        "def build_messages(class_, sequence, messages):",
        "    built = [message.build() for message in messages]",
        "    payload = built[0] if len(built) == 1 else b''.join(built)",
        f"    length = {size}",
        f"    checked = {_pack_source(frame_layout.head[len(first) :], builder)} + payload",
        f"    checksum = {checksum_source(frame_layout, builder, 'checked', 'length')}",
        f"    return {_pack_source(first, builder)} + checked + {_pack_source(frame_layout.tail, builder)}",
    ]
