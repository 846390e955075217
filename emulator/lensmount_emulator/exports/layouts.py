"""Layouts: the forms of fields on the wire as plain data, read off their constructs."""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from construct import (
    Adapter,
    Array,
    BitsInteger,
    Bytes,
    BytesInteger,
    Default,
    FixedSized,
    Flag,
    FocusedSeq,
    FormatField,
    GreedyBytes,
    NullStripped,
    Pass,
    Prefixed,
    Rebuild,
    Select,
    StringEncoded,
    Struct,
    Transformed,
)
from construct.lib import bytes2bits, swapbytes

from lensmount_protocol.codec.constructs import FieldGroupAdapter, OpenEnum, StrictGreedyRange
from lensmount_protocol.codec.source_builder import is_kind, unwrap_renamed


class UnsupportedLayout(Exception):  # noqa: N818  (it never leaves this package: the schema adds message and field)
    """A form that no target can carry."""


@dataclass(frozen=True, slots=True)
class EnumSchema:
    """Names of numbers.

    Attributes:
        name: the enumeration's name.
        members: name -> number.
    """

    name: str
    members: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class IntLayout:
    """An integer of 1 to 8 bytes."""

    size: int
    signed: bool
    little: bool
    enum: EnumSchema | None = None


@dataclass(frozen=True, slots=True)
class FlagLayout:
    """A byte that is false where it is 0."""

    size: int = 1


@dataclass(frozen=True, slots=True)
class FloatLayout:
    """An IEEE 754 number of 4 or 8 bytes."""

    size: int
    little: bool


@dataclass(frozen=True, slots=True)
class BytesLayout:
    """A fixed number of bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class BitMember:
    """One member of a group of bits; of `width` 1 and `flag` a truth value."""

    name: str
    width: int
    shift: int
    flag: bool
    enum: EnumSchema | None
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class BitsLayout:
    """Members packed into bytes, highest bit first."""

    name: str
    size: int
    members: tuple[BitMember, ...]


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """Fields that stand together."""

    name: str
    fields: tuple[tuple[str, "Layout"], ...]
    meanings: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ArrayLayout:
    """A fixed number of elements of a fixed size."""

    count: int
    element: "Layout"


@dataclass(frozen=True, slots=True)
class ListLayout:
    """Elements after their number."""

    count: IntLayout
    element: "Layout"


@dataclass(frozen=True, slots=True)
class BlobLayout:
    """Bytes, or text of an encoding, after their number of bytes."""

    length: IntLayout
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class TextLayout:
    """Text of an encoding in a fixed number of bytes, padded with zeros."""

    size: int
    encoding: str


@dataclass(frozen=True, slots=True)
class OptionalLayout:
    """A layout of fixed size that is absent where the bytes end before it."""

    inner: "Layout"


@dataclass(frozen=True, slots=True)
class RepeatLayout:
    """Elements until the bytes end; without an element, the bytes themselves."""

    element: "Layout | None" = None


Layout = (
    IntLayout
    | FlagLayout
    | FloatLayout
    | BytesLayout
    | BitsLayout
    | RecordLayout
    | ArrayLayout
    | ListLayout
    | BlobLayout
    | TextLayout
    | OptionalLayout
    | RepeatLayout
)

ELEMENTS = (IntLayout, FlagLayout, FloatLayout, BytesLayout, BitsLayout, RecordLayout)
"""What lists, arrays and repeats may hold."""

ENCODINGS = {"ascii": "ascii", "utf8": "utf-8", "utf-8": "utf-8"}


def fixed_size(layout: Layout, *, any_bytes: bool = False) -> int | None:
    """Bytes on the wire; `None` where they depend on the content.

    Args:
        layout: the layout.
        any_bytes: `None` also for a layout that not every content is valid for.
    """
    match layout:
        case TextLayout():
            return None if any_bytes else layout.size
        case IntLayout() | FlagLayout() | FloatLayout() | BytesLayout() | BitsLayout():
            return layout.size
        case RecordLayout():
            sizes = [fixed_size(inside, any_bytes=any_bytes) for _, inside in layout.fields]
            return None if None in sizes else sum(size or 0 for size in sizes)
        case ArrayLayout():
            size = fixed_size(layout.element, any_bytes=any_bytes)
            return None if size is None else size * layout.count
        case _:
            return None


def parse_layout(declared: Any, name: str) -> Layout:
    """Return the layout of a construct.

    Args:
        declared: the construct.
        name: name of a record that has no name of its own.

    Raises:
        UnsupportedLayout: it is of a form that no target can carry.
    """
    layout = unwrap_renamed(declared)
    if is_kind(layout, OpenEnum):
        return _enumeration(layout, name)
    if is_kind(layout, FormatField) or is_kind(layout, BytesInteger):
        return _number(layout)
    if layout is Flag:
        return FlagLayout()
    if is_kind(layout, Bytes):
        if not isinstance(layout.length, int):
            raise UnsupportedLayout("a number of bytes that depends on another field; use Prefixed")
        return BytesLayout(layout.length)
    if layout is GreedyBytes:
        return RepeatLayout()
    if isinstance(layout, FieldGroupAdapter):
        inside = layout.subcon
        meanings = tuple((spec.name, spec.meaning, spec.unit) for spec in layout.kind.FIELDS)
        if isinstance(inside, Transformed):
            return _bits(inside, layout.kind.__name__, {spec[0]: spec[1] for spec in meanings})
        return _record(inside, layout.kind.__name__, meanings)
    if isinstance(layout, Transformed):
        return _transformed(layout, name)
    if is_kind(layout, Struct):
        return _record(layout, name, ())
    return _compound(layout, name)


def _compound(layout: Any, name: str) -> Layout:
    if isinstance(layout, Array):
        if not isinstance(layout.count, int) or layout.discard:
            raise UnsupportedLayout("an array with a number of elements that depends on another field")
        element = _element(layout.subcon, name)
        if fixed_size(element, any_bytes=True) is None:
            raise UnsupportedLayout("an array of texts or of elements of variable size; use PrefixedArray of records")
        return ArrayLayout(layout.count, element)
    if is_kind(layout, StrictGreedyRange):
        return RepeatLayout(_element(layout.subcon, name))
    if isinstance(layout, FocusedSeq):
        return _prefixed_array(layout, name)
    if isinstance(layout, Prefixed):
        return _blob(layout)
    if isinstance(layout, StringEncoded):
        return _text(layout)
    if isinstance(layout, Select):
        if len(layout.subcons) != 2 or unwrap_renamed(layout.subcons[1]) is not Pass:
            raise UnsupportedLayout("a choice between several forms; declare one message for each")
        inner = parse_layout(layout.subcons[0], f"{name}_item")
        if fixed_size(inner, any_bytes=True) is None:
            raise UnsupportedLayout("an optional text or field of variable size; use optional Bytes")
        return OptionalLayout(_element(layout.subcons[0], name))
    if isinstance(layout, Default) and not callable(layout.value):
        return parse_layout(layout.subcon, name)
    what = type(layout).__name__
    article = "an adapter of its own, " if isinstance(layout, Adapter) else ""
    raise UnsupportedLayout(
        f"{article}{what}, which has no equal in the other languages; use a form of the table in the docs, or Bytes"
    )


def _element(declared: Any, name: str) -> Layout:
    element = parse_layout(declared, f"{name}_item")
    if not isinstance(element, ELEMENTS):
        raise UnsupportedLayout(f"a list of {type(element).__name__.removesuffix('Layout').lower()}s without a record")
    if fixed_size(element) == 0:
        raise UnsupportedLayout("a list of elements without bytes")
    return element


def _number(layout: Any) -> Layout:
    if isinstance(layout, BytesInteger):
        if not isinstance(layout.length, int) or not isinstance(layout.swapped, bool) or not 1 <= layout.length <= 8:
            raise UnsupportedLayout("an integer of variable size, or of more than 8 bytes")
        return IntLayout(layout.length, bool(layout.signed), layout.swapped)
    order, code = layout.fmtstr
    if order == "=":
        raise UnsupportedLayout("a number in the byte order of the machine; name the order")
    if code in "fd":
        return FloatLayout(layout.length, order == "<")
    if code not in "bBhHiIlLqQ":
        raise UnsupportedLayout(f"a number of the kind {code!r}")
    return IntLayout(layout.length, code.islower(), order == "<")


def _enumeration(layout: Any, name: str) -> Layout:
    inner = parse_layout(layout.subcon, name)
    if not isinstance(inner, IntLayout):
        raise UnsupportedLayout("an enumeration of something else than integers")
    return IntLayout(inner.size, inner.signed, inner.little, _enum_schema(layout.members))


def _enum_schema(members: Any) -> EnumSchema:
    return EnumSchema(members.__name__, tuple((member.name, int(member)) for member in members))


def _record(layout: Any, name: str, meanings: tuple[tuple[str, str, str], ...]) -> RecordLayout:
    fields: list[tuple[str, Layout]] = []
    for named in layout.subcons:
        if named.name is None:
            raise UnsupportedLayout("a record with a part that has no name")
        inside = parse_layout(named, f"{name}_{named.name}")
        if isinstance(inside, OptionalLayout | RepeatLayout):
            raise UnsupportedLayout(f"a record with {named.name}, which ends with the bytes")
        fields.append((named.name, inside))
    if not fields:
        raise UnsupportedLayout("a record without fields")
    return RecordLayout(name, tuple(fields), meanings)


def _transformed(layout: Any, name: str) -> Layout:
    if layout.decodefunc is bytes2bits:
        return _bits(layout, name, {})
    inner = parse_layout(layout.subcon, name) if layout.decodefunc is swapbytes else None
    if not isinstance(inner, IntLayout) or inner.size != layout.decodeamount:
        raise UnsupportedLayout("a transformation of bytes")
    return IntLayout(inner.size, inner.signed, not inner.little, inner.enum)


def _bits(layout: Any, name: str, meanings: Mapping[str, str]) -> BitsLayout:
    inside, size = unwrap_renamed(layout.subcon), layout.decodeamount
    if not is_kind(inside, Struct) or not isinstance(size, int) or not 1 <= size <= 8:
        raise UnsupportedLayout("bits that are no struct of 1 to 8 bytes")
    shift, members = size * 8, list[BitMember]()
    for named in inside.subcons:
        field: Any = unwrap_renamed(named)
        enum = None
        if is_kind(field, OpenEnum):
            enum, field = _enum_schema(field.members), unwrap_renamed(field.subcon)
        if is_kind(field, Default) and not callable(field.value):
            field = unwrap_renamed(field.subcon)
        flag = field is Flag
        if not flag and (
            not is_kind(field, BitsInteger) or not isinstance(field.length, int) or field.signed or field.swapped
        ):
            raise UnsupportedLayout(f"a group of bits with {named.name or type(field).__name__}, no unsigned number")
        if named.name is None:
            raise UnsupportedLayout("a group of bits with a part that has no name")
        width = 1 if flag else field.length
        if width > 32:
            raise UnsupportedLayout(f"a group of bits with {named.name}, which has more than 32 bits")
        shift -= width
        members.append(BitMember(named.name, width, shift, flag, enum, meanings.get(named.name, "")))
    if shift:
        raise UnsupportedLayout("bits that do not fill their bytes")
    return BitsLayout(name, size, tuple(members))


def _prefixed_array(layout: Any, name: str) -> ListLayout:
    if layout.parsebuildfrom != "items" or [field.name for field in layout.subcons] != ["count", "items"]:
        raise UnsupportedLayout("a sequence of which one part counts")
    count, items = unwrap_renamed(layout.subcons[0]), unwrap_renamed(layout.subcons[1])
    if (
        not isinstance(count, Rebuild)
        or not isinstance(items, Array)
        or items.discard
        or repr(count.func) != "len_(this['items'])"
        or repr(items.count) != "this['count']"
    ):
        raise UnsupportedLayout("a sequence that counts in its own way")
    return ListLayout(_count(count.subcon), _element(items.subcon, name))


def _count(declared: Any) -> IntLayout:
    count = parse_layout(declared, "count")
    if not isinstance(count, IntLayout) or count.signed or count.size > 4:
        raise UnsupportedLayout("a count or length that is no unsigned number of 1 to 4 bytes")
    return count


def _blob(layout: Any) -> BlobLayout:
    if layout.includelength or unwrap_renamed(layout.subcon) is not GreedyBytes:
        raise UnsupportedLayout("a prefixed part that holds more than bytes; use a record")
    return BlobLayout(_count(layout.lengthfield))


def _text(layout: Any) -> BlobLayout | TextLayout:
    inner = unwrap_renamed(layout.subcon)
    encoding = ENCODINGS.get(str(layout.encoding).lower())
    if encoding is None:
        raise UnsupportedLayout(f"a text in {layout.encoding}; use ascii or utf-8, or Bytes")
    if isinstance(inner, Prefixed):
        return BlobLayout(_blob(inner).length, encoding)
    if (
        not is_kind(inner, FixedSized)
        or not isinstance(inner.length, int)
        or inner.length < 1
        or not is_kind(inner.subcon, NullStripped)
        or unwrap_renamed(inner.subcon.subcon) is not GreedyBytes
        or inner.subcon.pad != b"\0"
    ):
        raise UnsupportedLayout("a text that is no PascalString and no PaddedString; use one of them, or Bytes")
    return TextLayout(inner.length, encoding)
