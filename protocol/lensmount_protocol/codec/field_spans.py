"""Byte spans of messages and fields in a frame, with selected blocks, several messages and sizes that vary.

A span counts from the first byte of the frame. Spans of fixed size come from the declaration and the blocks that the
message was read with. For sizes that vary, construct parses the bytes again and reports where each field ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from lensmount_protocol.codec.lazy_construct import known_size, resolve
from lensmount_protocol.framer import Frame, UnitFrame, UnitPlace, byte_places
from lensmount_protocol.message import TYPE_BYTE_SIZE, FieldSpec, Message, SelectableMessage, UnknownMessage
from lensmount_protocol.payload import AnyMessage


@dataclass(frozen=True, slots=True)
class FieldSpan:
    """The bytes of one field.

    Attributes:
        spec: the declaration of the field.
        start: first byte, from the start of the frame.
        end: the byte after the last one; equal to `start` for a field that holds nothing here.
        exact: whether these bytes are those of the field as they stand; a unit may hold a field in bits of other bytes.
    """

    spec: FieldSpec
    start: int
    end: int
    exact: bool = True

    @property
    def name(self) -> str:
        """Name of the field."""
        return self.spec.name


@dataclass(frozen=True, slots=True)
class MessageSpan:
    """The bytes of one message and of its fields.

    Attributes:
        message: the message.
        start: its type byte, from the start of the frame.
        end: the byte after the last one.
        fields: its fields on the wire, in wire order; fields of blocks that are left out are absent.
    """

    message: AnyMessage
    start: int
    end: int
    fields: tuple[FieldSpan, ...] = field(default=())


def frame_spans(frame: Frame, messages: Sequence[AnyMessage] | None = None) -> list[MessageSpan]:
    """Return the spans of every message of a frame, in order, with their fields.

    Args:
        frame: a valid frame.
        messages: its messages; `None` for those that the frame's parser found.
    """
    places = _unit_places(frame) if isinstance(frame, UnitFrame) and frame.payload else None
    data = frame.raw if places is None else frame.payload
    at, stop, _ = (frame.payload_slice if places is None else slice(None)).indices(len(data))
    spans: list[MessageSpan] = []
    for message in frame.messages if messages is None else messages:
        span = message_spans(message, data, at, stop)
        spans.append(span if places is None else _placed(span, places))
        at = span.end
    return spans


def _unit_places(frame: UnitFrame) -> Sequence[UnitPlace]:
    """The places of a payload's bytes; where the format states none, the fields are the payload's slice."""
    if frame.unit_places:
        return frame.unit_places
    begin, inside = frame.payload_slice.start or 0, frame.raw[frame.payload_slice] == frame.payload
    places = byte_places(begin, begin + len(frame.payload))
    return places if inside else (UnitPlace(begin, begin), *places[:-1])


def _placed(span: MessageSpan, places: Sequence[UnitPlace]) -> MessageSpan:
    """Spans inside a payload as spans of the bytes that hold it."""

    def place(start: int, end: int) -> tuple[int, int, bool]:
        held = [one for one in places[start:end] if one.start < one.end]
        if not held:
            edge = places[start].start if start < len(places) else places[-1].end
            return edge, edge, start == end
        first = min(one.start for one in held)
        exact = tuple(places[start:end]) == byte_places(first, first + end - start)
        return first, max(one.end for one in held), exact

    fields = tuple(FieldSpan(one.spec, *place(one.start, one.end)) for one in span.fields)
    return MessageSpan(span.message, places[span.start].start, place(span.start, span.end)[1], fields)


def message_spans(message: AnyMessage, data: bytes, start: int, stop: int) -> MessageSpan:
    """Return the spans of a message that was read from `data`.

    Args:
        message: the message.
        data: the bytes that it was read from.
        start: its type byte.
        stop: the byte after the last one that the message may take.
    """
    if isinstance(message, UnknownMessage):
        return MessageSpan(message, start, start + len(message.data))
    cls = type(message)
    blocks = message.blocks if isinstance(message, SelectableMessage) else 0
    fixed = _fixed_layout(cls, blocks)
    if fixed is None:
        return _varying_spans(message, data, start, stop)
    fields, size = fixed
    spans = tuple(FieldSpan(spec, start + first, start + last) for spec, first, last in fields)
    return MessageSpan(message, start, start + size, spans)


def _fields(cls: type[Message], blocks: int) -> tuple[FieldSpec, ...]:
    return cls.fields_with(blocks) if issubclass(cls, SelectableMessage) else cls.FIELDS


_Fixed = tuple[tuple[tuple[FieldSpec, int, int], ...], int]
"""Every field with its first byte and the byte after its last one, from the type byte; the size of the message."""

MAX_LAYOUTS = 4096
"""Number of layouts that are kept; a peer chooses the blocks, and must not fill the memory."""

_layouts: dict[tuple[type[Message], int], _Fixed | None] = {}


def _fixed_layout(cls: type[Message], blocks: int) -> _Fixed | None:
    """The places of all fields; `None` where the size of the message depends on its bytes."""
    key = (cls, blocks)
    if key not in _layouts:
        if len(_layouts) >= MAX_LAYOUTS:
            _layouts.clear()
        _layouts[key] = _make_fixed_layout(cls, blocks)
    return _layouts[key]


def _make_fixed_layout(cls: type[Message], blocks: int) -> _Fixed | None:
    specs = _fields(cls, blocks)
    if cls.PREFIX is not None or any(spec.varies for spec in specs):
        return None
    places: list[tuple[FieldSpec, int, int]] = []
    at = TYPE_BYTE_SIZE
    for spec in specs:
        places.append((spec, at, at + spec.size))
        at += spec.size
    return tuple(places), at


def _varying_spans(message: Message, data: bytes, start: int, stop: int) -> MessageSpan:
    """The spans of a message of varying size."""
    cls = type(message)
    blocks = message.blocks if isinstance(message, SelectableMessage) else 0
    at = start + TYPE_BYTE_SIZE
    if cls.PREFIX is not None:
        prefix = known_size(cls.PREFIX) or resolve(cls.PREFIX).sizeof()
        size: int = resolve(cls.PREFIX).parse(data[at : at + prefix])
        at += prefix
        stop = min(stop, at + size)
    specs, layout = _measured_struct(cls, blocks)
    found: Any = layout.parse(data[at:stop])
    ends = [at + found[f"_end_{index}"] for index in range(len(specs))]
    starts = [at, *ends[:-1]]
    fields = tuple(FieldSpan(spec, first, last) for spec, first, last in zip(specs, starts, ends, strict=True))
    end = stop if cls.PREFIX is not None else (ends[-1] if ends else at)
    return MessageSpan(message, start, end, fields)


_structs: dict[tuple[type[Message], int], tuple[tuple[FieldSpec, ...], Any]] = {}


def _measured_struct(cls: type[Message], blocks: int) -> tuple[tuple[FieldSpec, ...], Any]:
    """The fields, and a construct of them that reports the end of each."""
    key = (cls, blocks)
    if key not in _structs:
        if len(_structs) >= MAX_LAYOUTS:
            _structs.clear()
        _structs[key] = _make_measured_struct(cls, blocks)
    return _structs[key]


def _make_measured_struct(cls: type[Message], blocks: int) -> tuple[tuple[FieldSpec, ...], Any]:
    construct = import_module("construct")
    specs = _fields(cls, blocks)
    parts: list[Any] = []
    for index, spec in enumerate(specs):
        parts += [spec.name / resolve(spec.layout), f"_end_{index}" / construct.Tell]
    return specs, construct.Struct(*parts)
