"""A message is declared once: its fields, their construct layouts, meanings, units and evidence in one class.

```python
@message(0x1D, Role.BODY, Evidence(EvidenceLevel.CAPTURED, "LEX"))
class FocusMove(Message):
    \"\"\"The body drives the focus group.\"\"\"

    operand: int = field(Int16ul, "target or distance", unit="motor steps")
    flags: int = field(Int8ub, "unit, relative, wait", default=0)
```

Everything else derives from that: the dataclass, the construct `LAYOUT`, the functions that parse and build it,
descriptions and strategies. The layouts may be construct's own objects, or the same names from
`lensmount_protocol.codec.lazy_construct`, which imports construct on first use.

A `SelectableMessage` is built from blocks that the body selects: one declaration, one layout per selection.

Every message carries its evidence, and so does each field of which more or less is known. An enumeration that unknown
values survive is an `OpenIntEnum`.

A field group is a class of its own inside a message:

```python
@field_group
class Flags(FieldGroup):
    \"\"\"The button byte.\"\"\"

    pressed: bool = field(Flag, "whether it is down", default=False)
    which: int = field(BitsInteger(7), "which button")


buttons: Flags = field(field_group_layout(Flags, bits=True), "the buttons", default=Flags())
```
"""

import dataclasses
import enum
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, ClassVar, Self, TypeVar, cast, dataclass_transform

from lensmount_protocol.codec.lazy_construct import (
    Bytes,
    FieldGroupAdapter,
    GreedyBytes,
    Int16ul,
    OpenEnum,
    declaration_text,
    is_lazy,
    known_size,
    known_to_vary,
)
from lensmount_protocol.codec.message_codec import MessageCodec, make_codec
from lensmount_protocol.errors import FrameError
from lensmount_protocol.wire import Role


class EvidenceLevel(enum.Enum):
    """The strength of a claim about a wire, strongest first."""

    CAPTURED = "captured"
    BENCH = "captured by others"
    DOCUMENTED = "documented by others, no capture"
    PUBLIC_CODE = "public code that runs on real devices"
    FIRMWARE = "static analysis of firmware"
    CLAIM = "third-party claim"
    INFERRED = "inferred from captures"
    DISPUTED = "disputed"
    MODELLED = "our own model"


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """A claim's strength and source.

    Attributes:
        level: how strongly it is known.
        source: where from, as keys of the dialect's list of sources.
        note: what to know beside it.
    """

    level: EvidenceLevel
    source: str
    note: str = ""

    def __str__(self) -> str:
        text = f"{self.level.value} ({self.source})"
        return f"{text}: {self.note}" if self.note else text


class OpenIntEnum(enum.IntEnum):
    """An `IntEnum` in which a value without a name becomes a member called `UNKNOWN_<hex>`."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value:X}"
        member._value_ = value
        return member

    @property
    def is_known(self) -> bool:
        """Whether this value has a name."""
        return self._name_ in type(self).__members__


def enum_field(layout: Any, members: type[OpenIntEnum]) -> Any:
    """The integer `layout`, read as a member of `members` and written as its number."""
    return OpenEnum(layout, members)


TYPE_BYTE_SIZE = 1


@dataclasses.dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a message, as declared.

    Attributes:
        name: the attribute's name.
        layout: its construct, perhaps a lazy one, which `lensmount_protocol.codec.lazy_construct.resolve` resolves.
        offset: its start, in bytes after the type byte, with every block present; fields of variable size
            count as empty.
        size: bytes on the wire; 0 where it varies.
        varies: whether the size depends on the bytes.
        meaning: its meaning, as text for users.
        unit: unit of the number; `""` where it has none.
        evidence: evidence of this field where it differs from the message's.
        formatter: turns a value into text for users; `None` for the plain number.
        block: 1-based number of the selectable block that holds it; 0 where the message has no blocks.
        in_summary: whether a one-line summary of the message includes it.
    """

    name: str
    layout: Any
    offset: int
    size: int
    varies: bool
    meaning: str
    unit: str
    evidence: Evidence | None
    formatter: Callable[[Any], str] | None
    block: int
    in_summary: bool


def field(
    layout: Any,
    meaning: str,
    *,
    default: Any = 0,
    unit: str = "",
    evidence: Evidence | None = None,
    formatter: Callable[[Any], str] | None = None,
    block: int = 0,
    in_summary: bool = False,
) -> Any:
    """Declare one field: its construct, its meaning, and the evidence.

    A default that can be changed in place (a list, a dictionary) is copied for each message.
    """
    size = known_size(layout)
    if size is None and not known_to_vary(layout):
        size = cast("int | None", import_module("lensmount_protocol.codec.interpreter").fixed_size(layout))
    spec = FieldSpec("", layout, 0, size or 0, size is None, meaning, unit, evidence, formatter, block, in_summary)
    if isinstance(default, list | dict):
        kept = cast("list[Any] | dict[str, Any]", default)
        return dataclasses.field(default_factory=lambda: kept.copy(), metadata={"spec": spec})
    return dataclasses.field(default=default, metadata={"spec": spec})


def unknown_bytes(size: int, *, default: bytes | None = None, meaning: str = "unknown", block: int = 0) -> Any:
    """Declare bytes of unknown meaning; they round-trip unchanged and are shown as unknown."""
    return field(Bytes(size), meaning, default=bytes(size) if default is None else default, block=block)


class _LazyLayout:
    """The construct of a class's fields, made on first access."""

    def __get__(self, instance: object, owner: "type[Message]") -> Any:
        layout = import_module("lensmount_protocol.codec.interpreter").make_struct(owner.FIELDS, owner.PREFIX)
        owner.LAYOUT = layout
        return layout


class Message:
    """A typed payload; subclasses are declared with `@message`.

    Attributes:
        TYPE: the type byte.
        SENDER: the end that sends it.
        EVIDENCE: evidence of the message.
        FIELDS: its fields in wire order.
        LAYOUT: the construct of everything after the type byte.
        SIZE: bytes on the wire, type byte included, with every block present; of a message that varies, the bytes of
            its other fields.
        VARIES: whether the size depends on the bytes.
        PREFIX: construct of the size of the rest, after the type byte; `None` where only tables know the size.
    """

    __slots__ = ()

    TYPE: ClassVar[int]
    SENDER: ClassVar[Role]
    EVIDENCE: ClassVar[Evidence]
    FIELDS: ClassVar[tuple[FieldSpec, ...]]
    LAYOUT: ClassVar[Any]
    SIZE: ClassVar[int]
    VARIES: ClassVar[bool]
    PREFIX: ClassVar[Any] = None
    CODECS: ClassVar[dict[int, MessageCodec]]

    @classmethod
    def codec(cls) -> MessageCodec:
        """The codec of the message; made on first use."""
        if 0 not in cls.CODECS:
            cls.CODECS[0] = make_codec(cls, cls.FIELDS, {}, cls.__name__)
        return cls.CODECS[0]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parse a message that is all of `data`, type byte included.

        Raises:
            FrameError: `data` has another type byte or size than the message, or a field cannot be read.
        """
        return cast("Self", parse_exact(cls, cls.codec(), data, ""))

    def build(self) -> bytes:
        """Return the bytes of this message, type byte first.

        Raises:
            FrameError: a field holds a value that does not fit its layout.
        """
        build = self.codec().build
        # From now on the class has the function itself, without this detour.
        setattr(type(self), "build", build)  # noqa: B010
        return build(self)

    def values(self) -> dict[str, Any]:
        """The fields by name, in wire order."""
        return {spec.name: getattr(self, spec.name) for spec in self.FIELDS}


class LengthPrefixedMessage(Message):
    """A message that carries its own size, so that a receiver can skip an unknown one.

    Fields of a later revision are declared as `Optional` after the others: an older peer leaves them out, and they are
    `None`. Bytes that a newer peer sends after the last field are kept in `tail` and built again unchanged.

    Attributes:
        tail: bytes after the last field that this revision knows.
    """

    __slots__ = ()

    PREFIX: ClassVar[Any] = Int16ul
    tail: bytes


@dataclasses.dataclass(slots=True)
class UnknownMessage:
    """Bytes of a payload that no declaration explains; they round-trip unchanged.

    Attributes:
        data: the bytes, type byte first.
        reason: the reason why they have no type.
    """

    data: bytes
    reason: str

    def build(self) -> bytes:
        """The bytes, unchanged."""
        return self.data


def parse_exact(cls: type[Message], codec: MessageCodec, data: bytes, which: str) -> Message:
    """Parse a message that is all of `data`.

    Args:
        cls: the message class.
        codec: codec of the selection in force.
        data: the message, type byte included.
        which: text after the class's name in errors.

    Raises:
        FrameError: another type byte or size, or a field cannot be read.
    """
    if not data or data[0] != cls.TYPE:
        raise FrameError(f"no {cls.__name__}: type byte is not {cls.TYPE:#04x}")
    size = len(data)
    if codec.size is not None and codec.size != size:
        raise FrameError(f"{cls.__name__}{which} takes {codec.size} bytes, not {size}", offset=min(size, codec.size))
    message, stop = parse_message_at(codec, data, 0, size)
    if stop != size:
        raise FrameError(f"{cls.__name__}{which} ends before {size - stop} of its bytes", offset=stop)
    return message


def parse_message_at(codec: MessageCodec, data: bytes, at: int, end: int) -> tuple[Message, int]:
    """Parse the message at `at`; return it and its end. Construct parses what generated code rejects.

    Raises:
        FrameError: there is no valid message.
    """
    try:
        return codec.parse(data, at, end)
    except FrameError:
        raise
    except Exception:
        return codec.parse_interpreted(data, at, end)


M = TypeVar("M", bound=Message)


# Without field specifiers a type checker takes the result of `field` for the default value, which every field has.
@dataclass_transform()
def message(type_: int, sender: Role, evidence: Evidence) -> Callable[[type[M]], type[M]]:
    """Declare a message: make the class a slotted dataclass and derive the rest from its fields."""

    def declare(cls: type[M]) -> type[M]:
        if issubclass(cls, LengthPrefixedMessage):
            cls.__annotations__["tail"] = bytes
            cls.tail = field(GreedyBytes, "bytes of a later revision", default=b"")
        made = dataclasses.dataclass(slots=True)(cls)
        made.TYPE, made.SENDER, made.EVIDENCE = type_, sender, evidence
        made.FIELDS = tuple(field_layout(made))
        made.LAYOUT = _LazyLayout()
        made.SIZE = TYPE_BYTE_SIZE + (known_size(made.PREFIX) or 0) + sum(spec.size for spec in made.FIELDS)
        made.VARIES = any(spec.varies for spec in made.FIELDS)
        made.CODECS = {}
        return made

    return declare


def field_layout(cls: type[Any]) -> Iterable[FieldSpec]:
    """The fields that a dataclass declares with `field`, with their names and offsets."""
    offset = 0
    for declared in dataclasses.fields(cls):
        spec = declared.metadata.get("spec")
        if isinstance(spec, FieldSpec):
            yield dataclasses.replace(spec, name=declared.name, offset=offset)
            offset += spec.size


MAX_SELECTIONS = 64
"""Number of selections with cached codecs; a peer that orders a new one in every frame must not fill the memory."""


class SelectableMessage(Message):
    """A message with fields that are declared with `block=k` and sent only while bit k-1 of `blocks` is set.

    Attributes:
        DEFAULT_BLOCKS: the selection that `parse` and a fresh message assume.
        blocks: the selection that this message was read or will be written with; not on the wire itself.
    """

    __slots__ = ()

    DEFAULT_BLOCKS: ClassVar[int]
    blocks: int

    @classmethod
    def codec_with(cls, blocks: int) -> MessageCodec:
        """The codec of the message under this selection; made on first use."""
        found = cls.CODECS.get(blocks)
        if found is None:
            if len(cls.CODECS) >= MAX_SELECTIONS:
                cls.CODECS.clear()
            fixed: dict[str, Any] = {} if blocks == cls.DEFAULT_BLOCKS else {"blocks": blocks}
            found = make_codec(cls, cls.fields_with(blocks), fixed, f"{cls.__name__}_{blocks:x}")
            cls.CODECS[blocks] = found
        return found

    @classmethod
    def codec(cls) -> MessageCodec:
        """The codec of the message under the default selection."""
        return cls.codec_with(cls.DEFAULT_BLOCKS)

    @classmethod
    def fields_with(cls, blocks: int) -> tuple[FieldSpec, ...]:
        """The fields that are sent under this selection."""
        return tuple(spec for spec in cls.FIELDS if blocks >> (spec.block - 1) & 1)

    @classmethod
    def size_with(cls, blocks: int) -> int:
        """Bytes on the wire under this selection, type byte included."""
        return 1 + sum(spec.size for spec in cls.fields_with(blocks))

    @classmethod
    def parse_with(cls, data: bytes, blocks: int) -> Self:
        """Parse `data` under this selection; fields of absent blocks keep their defaults.

        Raises:
            FrameError: as `Message.parse`.
        """
        return cast("Self", parse_exact(cls, cls.codec_with(blocks), data, f" with blocks {blocks:#x}"))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parse the message under the default selection."""
        return cls.parse_with(data, cls.DEFAULT_BLOCKS)

    def build(self) -> bytes:
        """The bytes under this message's own selection."""
        return self.codec_with(self.blocks).build(self)


class FieldGroup:
    """A group of fields; subclasses are declared with `@field_group`.

    Attributes:
        FIELDS: its fields in wire order.
        DECLARED: text of the declaration, so that a changed group changes the fingerprint of the messages that hold it.
    """

    __slots__ = ()

    FIELDS: ClassVar[tuple[FieldSpec, ...]]
    DECLARED: ClassVar[str]


R = TypeVar("R", bound=FieldGroup)


@dataclass_transform()
def field_group(cls: type[R]) -> type[R]:
    """Declare a field group: make the class a slotted, frozen dataclass, so that one can be a default."""
    made = dataclasses.dataclass(slots=True, frozen=True)(cls)
    made.FIELDS = tuple(field_layout(made))
    made.DECLARED = "(" + ", ".join(f"{spec.name}: {declaration_text(spec.layout)}" for spec in made.FIELDS) + ")"
    return made


def field_group_layout(kind: type[FieldGroup], *, bits: bool = False) -> Any:
    """Return the construct of a field group: its fields in order, or packed as bits, highest first.

    Raises:
        ValueError: the bits do not fill whole bytes.
    """
    total = sum(spec.size for spec in kind.FIELDS)
    if bits and total % 8 and not any(spec.varies for spec in kind.FIELDS):
        raise ValueError(
            f"{kind.__name__} has {total} bits; a group of bits fills whole bytes: add reserved bits, {-total % 8} here"
        )
    return FieldGroupAdapter(kind, bits=bits)


def group_fields(spec: FieldSpec) -> tuple[FieldSpec, ...]:
    """The fields inside a field that is a field group; empty for any other field."""
    kind = spec.layout.group if is_lazy(spec.layout) else getattr(spec.layout, "kind", None)
    return kind.FIELDS if isinstance(kind, type) and issubclass(kind, FieldGroup) else ()
