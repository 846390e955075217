"""The schema of a dialect: its frames, messages and fields as plain data, from which every export is written.

A form that no target can carry is refused with the names of its message and its field.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

from lensmount_emulator.exports.layouts import (
    BitsLayout,
    EnumSchema,
    IntLayout,
    Layout,
    ListLayout,
    OptionalLayout,
    RecordLayout,
    RepeatLayout,
    UnsupportedLayout,
    fixed_size,
    parse_layout,
)
from lensmount_protocol.checksums import Checksum, find_checksum
from lensmount_protocol.codec.generate_frame import FrameLayout, FramePart, length_surplus, parse_frame_layout
from lensmount_protocol.codec.lazy_construct import resolve
from lensmount_protocol.codec.source_builder import SourceBuilder, UnsupportedConstruct, unwrap_renamed
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.frame_parser import ConstructFrameFormat
from lensmount_protocol.framer import burst_format
from lensmount_protocol.message import Evidence, Message, SelectableMessage
from lensmount_protocol.wire import Role

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field of a message or a record.

    Attributes:
        name: its name in the declaration.
        layout: its form on the wire.
        meaning: its meaning, for users.
        unit: unit of its number; `""` where it has none.
        evidence: its evidence, where that differs from the message's.
        block: 1-based number of the selectable block that holds it; 0 for none.
        offset: bytes from the type byte; `None` where it depends on earlier fields or on the selection.
    """

    name: str
    layout: Layout
    meaning: str
    unit: str = ""
    evidence: Evidence | None = None
    block: int = 0
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class MessageSchema:
    """One message.

    Attributes:
        name: the class's name.
        type_: the type byte.
        sender: the end that sends it.
        doc: the first line of its description.
        evidence: evidence of the message.
        prefix: the number after the type byte that counts the bytes after it; `None` without one.
        fields: its fields in wire order.
        size: bytes with the type byte, under the default selection; `None` where it depends on the bytes.
        default_blocks: the default selection of blocks; 0 where it has none.
        protected: whether it is never sent to a device unless a run allows it by name.
        cls: the declaration.
    """

    name: str
    type_: int
    sender: Role
    doc: str
    evidence: Evidence
    prefix: IntLayout | None
    fields: tuple[FieldSchema, ...]
    size: int | None
    default_blocks: int
    protected: bool
    cls: type[Message]

    @property
    def default_fields(self) -> tuple[FieldSchema, ...]:
        """The fields that are sent under the default selection."""
        if not self.default_blocks:
            return self.fields
        return tuple(field for field in self.fields if self.default_blocks >> (field.block - 1) & 1)


@dataclass(frozen=True, slots=True)
class PartSchema:
    """One part of a frame outside its payload.

    Attributes:
        kind: `constant`, `length`, `class_`, `sequence` or `checksum`.
        layout: its number.
        offset: bytes from the start of the frame, or from the end of the payload.
        value: value of a constant.
    """

    kind: str
    layout: IntLayout
    offset: int
    value: int


@dataclass(frozen=True, slots=True)
class FrameSchema:
    """The frame of a dialect.

    Attributes:
        head: the parts in front of the payload.
        tail: the parts after it.
        head_size: bytes in front of the payload.
        tail_size: bytes after it.
        header_size: bytes that are needed to read the length.
        surplus: bytes of a frame minus the value of its length.
        checksum: the checksum after the payload.
        checked_from: offset of the first byte under the checksum; the last one is the payload's.
        min_size: bytes of the smallest frame, by sender.
        max_size: bytes of the largest frame, by sender.
        classes: legal classes, by sender.
    """

    head: tuple[PartSchema, ...]
    tail: tuple[PartSchema, ...]
    head_size: int
    tail_size: int
    header_size: int
    surplus: int
    checksum: Checksum
    checked_from: int
    min_size: dict[Role, int]
    max_size: dict[Role, int]
    classes: dict[Role, tuple[int, ...]]

    @property
    def start(self) -> int:
        """Value of the first byte."""
        return self.head[0].value

    def part(self, kind: str) -> PartSchema | None:
        """The part of this kind; `None` where the frame has none."""
        return next((part for part in (*self.head, *self.tail) if part.kind == kind), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesSchema:
    """The messages of a dialect as data; all that a dialect with units of its own on a clocked link has.

    Attributes:
        name: its name.
        identifier: its name in languages that know only letters, digits and underscores.
        messages: its messages by type byte and sender.
        unknown_prefix: the number after the type byte by which an unknown message is skipped; `None` where an unknown
            message takes the rest of its payload.
        dialect: the declaration.
    """

    name: str
    identifier: str
    messages: tuple[MessageSchema, ...]
    unknown_prefix: IntLayout | None
    dialect: Dialect

    def enums(self) -> list[EnumSchema]:
        """Every enumeration that a field uses, by name."""
        found: dict[str, EnumSchema] = {}
        for layout in self._layouts():
            for enum in _enums(layout):
                found[enum.name] = enum
        return [found[name] for name in sorted(found)]

    def records(self) -> list[RecordLayout | BitsLayout]:
        """Every record that a field uses; a record comes after those that it holds."""
        found: dict[str, RecordLayout | BitsLayout] = {}
        for layout in self._layouts():
            for record in _records(layout):
                found.setdefault(record.name, record)
        return list(found.values())

    def _layouts(self) -> Iterator[Layout]:
        for message in self.messages:
            for field in message.fields:
                yield field.layout


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectSchema(MessagesSchema):
    """A dialect as data.

    Attributes:
        frame: its frame.
    """

    frame: FrameSchema


class Refusals:
    """Collects why the parts of a dialect cannot be exported, so that all reasons are reported at once."""

    def __init__(self, dialect: Dialect) -> None:
        self._place = f"dialect {dialect.name}: "
        self._reasons: list[str] = []

    def attempt(self, make: Callable[[], _T]) -> _T | None:
        """Return what `make` returns; `None` where it refuses."""
        try:
            return make()
        except DialectError as error:
            self._reasons.append(str(error).removeprefix(self._place))
            return None

    def check(self) -> None:
        """Report the refusals.

        Raises:
            DialectError: there are some; its text has every reason.
        """
        if self._reasons:
            raise DialectError(self._place + "; ".join(self._reasons))


def make_schema(dialect: Dialect) -> DialectSchema:
    """Return the schema of a dialect with frames in a stream of bytes.

    Raises:
        DialectError: a field or a frame has a form that no target can carry (names every such message and field).
    """
    refusals = Refusals(dialect)
    plain = refusals.attempt(lambda: make_messages_schema(dialect))
    frame = refusals.attempt(lambda: _make_frame(dialect))
    refusals.check()
    # Only a refusal leaves one of them out.
    assert plain is not None
    assert frame is not None
    return DialectSchema(
        name=plain.name,
        identifier=plain.identifier,
        frame=frame,
        messages=plain.messages,
        unknown_prefix=plain.unknown_prefix,
        dialect=dialect,
    )


def make_messages_schema(dialect: Dialect) -> MessagesSchema:
    """Return the schema of a dialect without its frame.

    Raises:
        DialectError: a field has a form that no target can carry (names every such message and field).
    """
    refusals = Refusals(dialect)
    order = sorted(dialect.messages.items(), key=lambda item: (item[0][1], item[0][0].value))
    found = [refusals.attempt(partial(_make_message, dialect, cls)) for _, cls in order]
    messages = tuple(message for message in found if message is not None)
    unknown_prefix = refusals.attempt(lambda: _unknown_prefix(dialect, messages))
    refusals.check()
    identifier = re.sub(r"[^a-z0-9_]", "_", dialect.name.lower())
    if not identifier[:1].isalpha():
        identifier = f"d_{identifier}"
    schema = MessagesSchema(
        name=dialect.name,
        identifier=identifier,
        messages=messages,
        unknown_prefix=unknown_prefix,
        dialect=dialect,
    )
    _check_names(schema)
    return schema


def _make_message(dialect: Dialect, cls: type[Message]) -> MessageSchema:
    prefix: IntLayout | None = None
    if cls.PREFIX is not None:
        found = _parse(dialect, cls, "the size after the type byte", cls.PREFIX)
        if not isinstance(found, IntLayout) or found.signed or found.size > 4:
            raise _refuse(dialect, cls, "the size after the type byte", "a size that is no unsigned number")
        prefix = found
    selectable = issubclass(cls, SelectableMessage)
    default_blocks = cls.DEFAULT_BLOCKS if issubclass(cls, SelectableMessage) else 0
    fields: list[FieldSchema] = []
    offset: int | None = 1 + (prefix.size if prefix else 0)
    refusals = Refusals(dialect)
    for spec in cls.FIELDS:
        layout = refusals.attempt(partial(_parse, dialect, cls, spec.name, spec.layout))
        if layout is None:
            continue
        fields.append(
            FieldSchema(
                spec.name, layout, spec.meaning, spec.unit, spec.evidence, spec.block, None if selectable else offset
            )
        )
        size = fixed_size(layout)
        offset = None if offset is None or size is None else offset + size
    refusals.attempt(lambda: _check_optionals(dialect, cls, fields))
    refusals.check()
    doc = next((line.strip() for line in (cls.__doc__ or "").splitlines() if line.strip()), "")
    return MessageSchema(
        cls.__name__,
        cls.TYPE,
        cls.SENDER,
        doc,
        cls.EVIDENCE,
        prefix,
        tuple(fields),
        None if cls.VARIES or prefix is not None else cls.codec().size,
        default_blocks,
        cls.TYPE in dialect.types_protected_from(cls.SENDER),
        cls,
    )


def _check_optionals(dialect: Dialect, cls: type[Message], fields: list[FieldSchema]) -> None:
    """After an optional field only optional ones and the rest of the bytes can follow."""
    optional = ""
    for field in fields:
        if isinstance(field.layout, OptionalLayout):
            optional = field.name
        elif optional and not (isinstance(field.layout, RepeatLayout) and field.layout.element is None):
            raise _refuse(dialect, cls, field.name, f"a field after the optional field {optional}")


def _parse(dialect: Dialect, cls: type[Message], name: str, declared: object) -> Layout:
    try:
        return parse_layout(resolve(declared), f"{cls.__name__}_{name}")
    except (UnsupportedLayout, UnsupportedConstruct) as error:
        raise _refuse(dialect, cls, name, str(error)) from error


def _refuse(dialect: Dialect, cls: type[Message], name: str, what: str) -> DialectError:
    return DialectError(f"dialect {dialect.name}: {cls.__name__}.{name} cannot be exported: it is {what}")


def _refuse_frame(dialect: Dialect, why: str) -> DialectError:
    return DialectError(f"dialect {dialect.name}: its frames cannot be exported: {why}")


def _make_frame(dialect: Dialect) -> FrameSchema:
    shapes: list[tuple[FrameLayout, int]] = []
    for role in Role:
        declared = dialect.formats[role]
        if burst_format(declared) is not None:
            raise _refuse_frame(dialect, "the link is clocked, so it has units and no frames")
        if not isinstance(declared, ConstructFrameFormat):
            raise _refuse_frame(
                dialect,
                f"the frames of the {role.value} are read by {type(declared).__name__}, a class of its own; declare"
                " them as a ConstructFrameFormat",
            )
        try:
            shape = parse_frame_layout(unwrap_renamed(resolve(declared.layout)), SourceBuilder())
            shapes.append((shape, length_surplus(shape)))
        except UnsupportedConstruct as error:
            raise _refuse_frame(dialect, f"they have {error}") from error
    (shape, surplus), (other, other_surplus) = shapes
    parts = [_describe_parts(dialect, each) for each, _ in shapes]
    if parts[0] != parts[1] or surplus != other_surplus or shape.checked_from != other.checked_from:
        raise _refuse_frame(dialect, "the two ends have frames of different layouts")
    checksum = find_checksum(shape.check.hashfunc)
    if checksum is None or checksum.algorithm is None:
        raise _refuse_frame(
            dialect, "their checksum is a function of its own; use a checksum of lensmount.dialect, or make_crc"
        )
    head, tail = parts[0]
    length = next(part for part in head if part.kind == "length")
    formats = dialect.formats
    return FrameSchema(
        head,
        tail,
        shape.head_size,
        shape.tail_size,
        length.offset + length.layout.size,
        surplus,
        checksum,
        shape.checked_from,
        {role: max(_declared(formats[role]).min_size, shape.head_size + shape.tail_size) for role in Role},
        {role: formats[role].max_size for role in Role},
        {role: tuple(sorted(_declared(formats[role]).classes)) for role in Role},
    )


def _declared(frame_format: object) -> ConstructFrameFormat:
    assert isinstance(frame_format, ConstructFrameFormat)
    return frame_format


def _describe_parts(dialect: Dialect, shape: FrameLayout) -> tuple[tuple[PartSchema, ...], tuple[PartSchema, ...]]:
    return (
        tuple(_describe_part(dialect, part) for part in shape.head),
        tuple(_describe_part(dialect, part) for part in shape.tail),
    )


def _describe_part(dialect: Dialect, part: FramePart) -> PartSchema:
    slot = part.struct_field
    if slot.code not in ("B", "H", "I", "L"):
        raise _refuse_frame(dialect, f"their {part.kind} is no unsigned number of 1, 2 or 4 bytes")
    return PartSchema(part.kind, IntLayout(slot.size, False, slot.order != ">"), part.before, part.value)


def _unknown_prefix(dialect: Dialect, messages: tuple[MessageSchema, ...]) -> IntLayout | None:
    """How an unknown message is skipped, found by asking the dialect's function about payloads of many sizes."""
    prefixes = {message.prefix for message in messages}
    prefix = prefixes.pop() if len(prefixes) == 1 else None
    answers = [dialect.unknown_message_end(payload, at) for payload, at, _ in _skip_probes(prefix)]
    if all(answer is None for answer in answers):
        return None
    if answers != [end for _, _, end in _skip_probes(prefix)] or prefix is None:
        raise DialectError(
            f"dialect {dialect.name}: unknown_message_end cannot be exported: it skips an unknown message by more than"
            " the size that every message has; make every message a LengthPrefixedMessage, or leave unknown_message_end"
            " out, and an unknown message takes the rest of its payload"
        )
    return prefix


def _skip_probes(prefix: IntLayout | None) -> Iterator[tuple[bytes, int, int | None]]:
    size = prefix.size if prefix else 1
    order: Literal["little", "big"] = "little" if prefix is None or prefix.little else "big"
    for at in (0, 3):
        for length in (0, 1, 5, 200):
            for there in (0, length - 1, length, length + 4):
                if there >= 0:
                    payload = bytes(at) + b"\xfe" + length.to_bytes(size, order) + bytes(there)
                    yield payload, at, at + 1 + size + length if there >= length else None
        yield bytes(at) + b"\xfe", at, None


def _check_names(schema: MessagesSchema) -> None:
    seen: dict[str, str] = {}
    for name, what in [
        *((message.name, f"a message of the {message.sender.value}") for message in schema.messages),
        *((record.name, "a record") for record in schema.records()),
        *((enum.name, "an enumeration") for enum in schema.enums()),
    ]:
        key = snake_case(name)
        if key in seen:
            raise DialectError(
                f"dialect {schema.name} cannot be exported: {name} is the name of {seen[key]} and of {what}"
            )
        seen[key] = what


def snake_case(name: str) -> str:
    """A class's name as C and Kaitai write it: `FocusDrive` as `focus_drive`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"\W", "_", spaced).lower()


def _enums(layout: Layout) -> Iterator[EnumSchema]:
    for inside in walk_layout(layout):
        if isinstance(inside, IntLayout) and inside.enum is not None:
            yield inside.enum
        elif isinstance(inside, BitsLayout):
            yield from (member.enum for member in inside.members if member.enum is not None)


def _records(layout: Layout) -> Iterator[RecordLayout | BitsLayout]:
    inside = [each for each in walk_layout(layout) if isinstance(each, RecordLayout | BitsLayout)]
    yield from reversed(inside)


def walk_layout(layout: Layout) -> Iterator[Layout]:
    """A layout and every layout inside it, outermost first."""
    yield layout
    match layout:
        case RecordLayout():
            for _, inside in layout.fields:
                yield from walk_layout(inside)
        case ListLayout():
            yield from walk_layout(layout.element)
        case OptionalLayout():
            yield from walk_layout(layout.inner)
        case RepeatLayout() if layout.element is not None:
            yield from walk_layout(layout.element)
        case _:
            element = getattr(layout, "element", None)
            if element is not None:
                yield from walk_layout(element)
