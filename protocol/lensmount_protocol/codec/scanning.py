"""The fast path of a frame's declaration: source that finds, checks and reads frames that nothing is wrong with."""

from lensmount_protocol.codec.scribe import Scribe
from lensmount_protocol.codec.shapes import Part, Shape, checksum_of, names_of, taken, total_of, wrong_constants


def scanner_of(shape: Shape, scribe: Scribe) -> list[str]:
    """The fused path: frames that follow each other without anything between them, their payloads read at once.

    It is written twice, for readers that want messages and for those that want headers: a question that is asked for
    each frame costs more than the lines.
    """
    read_now = [
        "try:",
        "    taken, take = entries[buffer[at]]",
        "    if at + taken == end: messages = [take(buffer, at)]",
        "    else: messages = read(buffer, at, end)",
        "except Exception: break",
        *_framed("offset + position", "messages"),
    ]
    read_later = _framed("offset + position", "later")
    return [
        "def scanner(framer, selecting, choosing, careful, headers_only):",
        "    pads, pending = framer.pads, framer.pending",
        *(f"    {line}" for line in _receive(shape, scribe, "receive", read_now)),
        *(f"    {line}" for line in _receive(shape, scribe, "receive_headers", read_later)),
        *(f"    {line}" for line in _parse(shape, scribe)),
        "    return receive_headers if headers_only else receive, parse",
    ]


def _receive(shape: Shape, scribe: Scribe, name: str, framed: list[str]) -> list[str]:
    """`Framer.receive` for a stream in which nothing is wrong; anything else is left to `Framer.search`."""
    head, tail = shape.head_size, shape.tail_size
    # The candidate is addressed inside the buffer, so that no bytes are copied but the frame's own.
    checked = f"buffer[position + {shape.checked_from}:stop - {tail - shape.checked_until}]"
    values = {part.kind: _value(part, "position", scribe) for part in shape.head}
    ends = [f"{_value(part, 'end', scribe)} != {part.value}" for part in shape.tail if part.kind == "constant"]
    sums = [_value(part, "end", scribe) for part in shape.tail if part.kind == "checksum"]
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
        "        straight = not framer.pads_now",
        "        while straight:",
        "            if position == size:",
        "                needed = smallest",
        "                break",
        f"            if buffer[position] != {shape.head[0].value}: break",
        f"            if size - position < {head}:",
        "                needed = smallest",
        "                break",
        *_total_lines(values["length"], total_of(shape)),
        "            if not smallest <= total <= largest: break",
        "            stop = position + total",
        "            if stop > size:",
        "                needed = total",
        "                break",
        f"            end = stop - {tail}",
        *(f"            if {wrong}: break" for wrong in ends),
        f"            if {checksum_of(shape, scribe, checked, 'total')} != {sums[0]}: break",
        *(f"            {kind} = {values[kind]}" for kind in ("class_", "sequence") if kind in values),
        "            if class_ not in classes: break",
        "            raw = buffer[position:stop]",
        f"            at = position + {head}",
        *(f"            {line}" for line in framed),
        "            if pending: framer.flush(events)",
        "            events.append(frame)",
        "            position = stop",
        "            if selecting is not None and selecting in raw and choosing(frame):",
        "                entries, read, later = framer.tables",
        "            if pads:",
        "                framer.framed()",
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


def _value(part: Part, base: str, scribe: Scribe) -> str:
    """A part's value, taken out of the buffer without a call where it has one or two bytes."""
    at = f"{base} + {part.before}" if part.before else base
    if part.slot.code == "B":
        return f"buffer[{at}]"
    if part.slot.code == "H":
        low, high = (0, 1) if part.slot.order == "<" else (1, 0)
        places = [
            f"buffer[{base} + {part.before + step}]" if part.before + step else f"buffer[{base}]"
            for step in (low, high)
        ]
        return f"({places[0]} | {places[1]} << 8)"
    return f"{scribe.unpack_from((part.slot.order or '<') + part.slot.code)}(buffer, {at})[0]"


def _framed(offset: str, said: str) -> list[str]:
    """A frame made without calling its class, which takes half the time."""
    return [
        "frame = new(Frame)",
        f"frame.raw = raw; frame.offset = {offset}; frame.class_ = class_",
        f"frame.sequence = sequence; frame.inside = inside; frame.said = {said}",
    ]


def _parse(shape: Shape, scribe: Scribe) -> list[str]:
    """The same for bytes that are one frame and nothing else; what it does not take is left to `careful`."""
    head, tail = shape.head_size, shape.tail_size
    checked = f"raw[{shape.checked_from}:size - {tail - shape.checked_until}]"
    return [
        "def parse(raw):",
        "    size = len(raw)",
        "    try:",
        f"        {names_of(shape.head)} = {taken(shape.head, scribe)}(raw, 0)",
        f"        end = size - {tail}",
        f"        {names_of(shape.tail)} = {taken(shape.tail, scribe)}(raw, end)",
        f"        if {wrong_constants(shape.head)} or {wrong_constants(shape.tail)}: return careful(raw)",
        f"        if {total_of(shape)} != size or class_ not in classes: return careful(raw)",
        "        if not smallest <= size <= largest: return careful(raw)",
        f"        if {checksum_of(shape, scribe, checked, 'size')} != checksum: return careful(raw)",
        f"        taken, take = framer.tables[0][raw[{head}]]",
        f"        if taken + {head} == end: messages = [take(raw, {head})]",
        f"        else: messages = framer.tables[1](raw, {head}, end)",
        *(f"        {line}" for line in _framed("0", "messages")),
        "        return frame",
        "    except Exception:",
        "        return careful(raw)",
    ]
