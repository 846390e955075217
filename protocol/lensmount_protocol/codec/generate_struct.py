"""Generates source for constructs of a fixed size: each is one slot of a `struct`, with a conversion.

Bit structs become shifts and masks of one integer.
"""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from construct import (
    Adapter,
    Array,
    BitsInteger,
    Bytes,
    BytesInteger,
    Const,
    Construct,
    Default,
    FixedSized,
    Flag,
    FormatField,
    NullTerminated,
    Padded,
    Pass,
    Renamed,
    Struct,
    Transformed,
)
from construct.lib import bytes2bits, swapbytes

from lensmount_protocol.codec.constructs import FieldGroupAdapter, OpenEnum
from lensmount_protocol.codec.source_builder import (
    VALUE,
    SourceBuilder,
    UnsupportedConstruct,
    apply_adapter,
    construct_call,
    is_kind,
    member_source,
    rest_conversion,
    struct_size,
    substitute,
    unwrap_renamed,
)


def generate_bit_functions(fields: list[Any], size: int, kind: Any, builder: SourceBuilder) -> tuple[str, str]:
    """The names of two functions: bytes to the record (a dictionary where `kind` is `None`), and back.

    Raises:
        UnsupportedConstruct: a field is of a kind that no source is written for.
    """
    shift = size * 8
    reads: list[str] = []
    writes: list[str] = []
    for field in fields:
        name, width, decode, encode = _bit_field(field, builder)
        shift -= width
        if shift < 0:
            raise UnsupportedConstruct("bits that do not fit their bytes")
        taken = f"(number >> {shift} & {(1 << width) - 1})" if shift else f"(number & {(1 << width) - 1})"
        if name is None and decode != "None":
            raise UnsupportedConstruct("a bit field without a name")
        if name is not None:
            value = f"value.{name}" if kind is not None else _member_source(field, name)
            reads.append(
                f"{name}={decode.replace('{v}', taken)}" if kind else f"{name!r}: {decode.replace('{v}', taken)}"
            )
            writes.append(f"{encode.replace('{v}', value)} << {shift}")
    if shift:
        raise UnsupportedConstruct("bits that do not fill their bytes")
    record = builder.reference(kind.__name__, kind) if kind else ""
    whole = f"{record}({', '.join(reads)})" if kind else "{" + ", ".join(reads) + "}"
    read = builder.function("read_bits", "data", ["number = from_bytes(data, 'big')", f"return {whole}"])
    number = " | ".join(writes) or "0"
    write = builder.function("write_bits", "value", [f"return ({number}).to_bytes({size}, 'big')"])
    return read, write


def _member_source(field: Any, name: str) -> str:
    return f"value.get({name!r})" if field.flagbuildnone else f"value[{name!r}]"


def _bit_field(field: Any, builder: SourceBuilder) -> tuple[str | None, int, str, str]:
    """Name, width, and the sources of the conversions each way."""
    name = field.name
    while isinstance(field, Renamed):
        if field.parsed is not None:
            raise UnsupportedConstruct("a function that is called when a field is parsed")
        field = field.subcon
    return (name, *_conversions(field, builder))


def _conversions(field: Any, builder: SourceBuilder) -> tuple[int, str, str]:
    if isinstance(field, Renamed):
        return _conversions(field.subcon, builder)
    if field is Flag:
        return 1, "({v} != 0)", "(1 if {v} else 0)"
    if is_kind(field, BitsInteger) and isinstance(field.length, int) and not field.swapped:
        width = field.length
        if not field.signed:
            return width, "{v}", f"require_range({{v}}, 0, {(1 << width) - 1})"
        sign = 1 << width - 1
        return (
            width,
            f"(({{v}} ^ {sign}) - {sign})",
            f"(require_range({{v}}, {-sign}, {sign - 1}) & {(1 << width) - 1})",
        )
    if is_kind(field, Padded) and isinstance(field.length, int) and field.subcon is Pass and field.pattern == b"\0":
        return field.length, "None", "0"
    if is_kind(field, Const):
        width, decode, encode = _conversions(field.subcon, builder)
        value = builder.literal(field.value)
        expected = encode.replace("{v}", value)
        return (
            width,
            f"require_equal({decode}, {value})",
            f"({expected} if {{v}} is None or {{v}} == {value} else reject())",
        )
    if is_kind(field, Default) and not callable(field.value):
        width, decode, encode = _conversions(field.subcon, builder)
        return width, decode, encode.replace("{v}", f"({builder.literal(field.value)} if {{v}} is None else {{v}})")
    if is_kind(field, OpenEnum):
        width, decode, encode = _conversions(field.subcon, builder)
        members = builder.constant(
            "members", f"EnumMemberCache({builder.reference(field.members.__name__, field.members)})"
        )
        return width, f"{members}[{decode}]", encode.replace("{v}", "int({v})")
    if isinstance(field, Adapter) and type(field)._parse is Adapter._parse and type(field)._build is Adapter._build:
        width, decode, encode = _conversions(field.subcon, builder)
        name = builder.reference("adapter", field)
        return (
            width,
            f"{name}._decode({decode}, NO_CONTEXT, '')",
            encode.replace("{v}", f"{name}._encode({{v}}, NO_CONTEXT, '')"),
        )
    raise UnsupportedConstruct(f"{type(field).__name__} among bits")


@dataclass(frozen=True, slots=True)
class StructField:
    """One value of a struct.

    Attributes:
        code: its struct code, without the byte order.
        order: `<`, `>`, or `""` where there is none.
        decode: source that makes the field's value of the struct's value.
        encode: source that makes the struct's value of the field's value.
    """

    code: str
    order: str = ""
    decode: str = VALUE
    encode: str = VALUE

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return struct_size((self.order or "<") + self.code)

    def with_conversion(self, decode: str, encode: str) -> "StructField":
        """The slot with another conversion around its own."""
        return replace(self, decode=substitute(decode, self.decode), encode=substitute(self.encode, encode))


def struct_field_for(layout: "Construct[Any, Any]", builder: SourceBuilder) -> StructField | None:
    """The slot of a construct; `None` where its size is not fixed.

    Raises:
        UnsupportedConstruct: it is of a kind that no source is written for.
    """
    layout = unwrap_renamed(layout)
    for kind, write in _STRUCT_FIELDS:
        if is_kind(layout, kind):
            return write(layout, builder)
    return None


def as_bytes_field(
    struct_field: StructField, builder: SourceBuilder, *, size: int | None = None, byte_swapped: bool = False
) -> StructField:
    """The slot as plain bytes of its own struct: padded to a size, or with its bytes turned round."""
    size = struct_field.size if size is None else size
    code = f"{struct_field.order or '<'}{struct_field.code}" + (
        f"{size - struct_field.size}x" if size > struct_field.size else ""
    )
    turn = "[::-1]" if byte_swapped else ""
    return StructField(
        f"{size}s",
        decode=substitute(struct_field.decode, f"{builder.unpack(code)}({VALUE}{turn})[0]"),
        encode=f"{builder.pack(code)}({struct_field.encode}){turn}",
    )


def with_byte_order(struct_field: StructField, order: str, builder: SourceBuilder) -> StructField:
    """The slot in a struct of this byte order."""
    return struct_field if struct_field.order in ("", order) else as_bytes_field(struct_field, builder)


def combine_struct_fields(struct_fields: list[StructField], builder: SourceBuilder) -> tuple[str, list[StructField]]:
    """One struct for all of them, byte order first, and the slots as they stand in it."""
    orders = [slot.order for slot in struct_fields if slot.order]
    order = max(("<", ">"), key=orders.count)
    placed = [with_byte_order(slot, order, builder) for slot in struct_fields]
    return order + "".join(slot.code for slot in placed), placed


def _number(layout: Any, _builder: SourceBuilder) -> StructField:
    order, code = layout.fmtstr
    native = "<" if sys.byteorder == "little" else ">"
    order = native if order == "=" else order
    return StructField(code, "" if layout.length == 1 else order)


def _wide_integer(layout: Any, _builder: SourceBuilder) -> StructField:
    if not isinstance(layout.length, int) or not isinstance(layout.swapped, bool):
        raise UnsupportedConstruct("an integer with a size or byte order that depends on other fields")
    order = "little" if layout.swapped else "big"
    signed = f", signed={layout.signed}" if layout.signed else ""
    return StructField(
        f"{layout.length}s",
        decode=f"from_bytes({VALUE}, {order!r}{signed})",
        encode=f"to_bytes({VALUE}, {layout.length}, {order!r}{signed})",
    )


def _flag(_layout: Any, _builder: SourceBuilder) -> StructField:
    return StructField("?")


def _raw(layout: Any, _builder: SourceBuilder) -> StructField | None:
    if not isinstance(layout.length, int):
        return None
    return StructField(f"{layout.length}s", encode=f"({VALUE} if len({VALUE}) == {layout.length} else reject())")


def _constant(layout: Any, builder: SourceBuilder) -> StructField | None:
    inner = struct_field_for(layout.subcon, builder)
    if inner is None:
        return None
    value = builder.literal(layout.value)
    return inner.with_conversion(
        f"require_equal({VALUE}, {value})", f"({value} if {VALUE} is None else require_equal({VALUE}, {value}))"
    )


def _default(layout: Any, builder: SourceBuilder) -> StructField | None:
    inner = struct_field_for(layout.subcon, builder)
    if inner is None or callable(layout.value):
        return None
    return inner.with_conversion(VALUE, f"({builder.literal(layout.value)} if {VALUE} is None else {VALUE})")


def _array(layout: Any, builder: SourceBuilder) -> StructField | None:
    inner = struct_field_for(layout.subcon, builder)
    if inner is None or not isinstance(layout.count, int):
        return None
    if layout.discard:
        raise UnsupportedConstruct("an array that is read and thrown away")
    count, order = layout.count, inner.order or "<"
    if inner.decode == inner.encode == VALUE and not inner.code.endswith("s"):
        code = f"{order}{count}{inner.code}"
        return StructField(
            f"{struct_size(code)}s",
            decode=f"list({builder.unpack(code)}({VALUE}))",
            encode=f"{builder.pack(code)}(*{VALUE})",
        )
    each = builder.name("each")
    code = order + inner.code
    steps = builder.constant("steps", f"Struct({code!r}).iter_unpack")
    return StructField(
        f"{inner.size * count}s",
        decode=f"[{substitute(inner.decode, each)} for ({each},) in {steps}({VALUE})]",
        encode=(
            f"b''.join([{builder.pack(code)}({substitute(inner.encode, each)}) "
            f"for {each} in require_length({VALUE}, {count})])"
        ),
    )


def _group(layout: Any, builder: SourceBuilder) -> StructField | None:
    if isinstance(layout, FieldGroupAdapter):
        kind, inside = layout.kind, layout.subcon
        if isinstance(inside, Transformed):
            return _bits(inside, builder, kind)
        return _fields(inside, builder, kind)
    return _fields(layout, builder, None)


def _fields(layout: Any, builder: SourceBuilder, kind: Any) -> StructField | None:
    """Fields that stand together, as bytes of a struct of their own with a function each way."""
    names = [field.name for field in layout.subcons]
    if None in names:
        return None
    found = [struct_field_for(field, builder) for field in layout.subcons]
    if None in found or not found:
        return None
    code, slots = combine_struct_fields([slot for slot in found if slot is not None], builder)
    values = [builder.name(name) for name in names]
    decoded = [substitute(slot.decode, value) for slot, value in zip(slots, values, strict=True)]
    encoded = [
        substitute(slot.encode, member_source("value", field, kind))
        for slot, field in zip(slots, layout.subcons, strict=True)
    ]
    read = builder.function(
        "read",
        "data",
        [
            f"{', '.join(values)}, = {builder.unpack(code)}(data)",
            f"return {construct_call(names, decoded, kind, builder)}",
        ],
    )
    write = builder.function("write", "value", [f"return {builder.pack(code)}({', '.join(encoded)})"])
    return StructField(f"{struct_size(code)}s", decode=f"{read}({VALUE})", encode=f"{write}({VALUE})")


def _transformed(layout: Any, builder: SourceBuilder) -> StructField | None:
    if layout.decodefunc is bytes2bits:
        return _bits(layout, builder, None)
    inner = struct_field_for(layout.subcon, builder) if layout.decodefunc is swapbytes else None
    if inner is None or inner.size != layout.decodeamount:
        raise UnsupportedConstruct("a transformation of bytes")
    return as_bytes_field(inner, builder, byte_swapped=True)


def _bits(layout: Any, builder: SourceBuilder, kind: Any) -> StructField:
    inside = unwrap_renamed(layout.subcon)
    if not isinstance(inside, Struct):
        raise UnsupportedConstruct("bits that are no struct")
    read, write = generate_bit_functions(inside.subcons, layout.decodeamount, kind, builder)
    return StructField(f"{layout.decodeamount}s", decode=f"{read}({VALUE})", encode=f"{write}({VALUE})")


def _padded(layout: Any, builder: SourceBuilder) -> StructField | None:
    if not isinstance(layout.length, int):
        return None
    if unwrap_renamed(layout.subcon) is Pass:
        return StructField(f"{layout.length}s", decode="None", encode=repr(layout.pattern * layout.length))
    inner = struct_field_for(layout.subcon, builder)
    if inner is None or inner.size > layout.length or layout.pattern != b"\0":
        return None
    return as_bytes_field(inner, builder, size=layout.length)


def _bounded(layout: Any, builder: SourceBuilder) -> StructField | None:
    if not isinstance(layout.length, int):
        return None
    whole = rest_conversion(layout.subcon, builder)
    if whole is None:
        return None
    return StructField(f"{layout.length}s", decode=whole[0], encode=f"pad({whole[1]}, {layout.length})")


def _adapter(layout: Any, builder: SourceBuilder) -> StructField | None:
    inner = struct_field_for(layout.subcon, builder)
    if inner is None:
        return None
    decode, encode = apply_adapter(layout, VALUE, VALUE, builder)
    return inner.with_conversion(decode, encode)


_Writer = Callable[[Any, SourceBuilder], StructField | None]

_STRUCT_FIELDS: tuple[tuple[type[Any], _Writer], ...] = (
    (FormatField, _number),
    (BytesInteger, _wide_integer),
    (type(Flag), _flag),
    (Bytes, _raw),
    (Const, _constant),
    (Default, _default),
    (Array, _array),
    (FieldGroupAdapter, _group),
    (Struct, _group),
    (Transformed, _transformed),
    (Padded, _padded),
    (FixedSized, _bounded),
    (NullTerminated, lambda _layout, _builder: None),
    (Adapter, _adapter),
)
"""Tried in this order; a construct that none of them accepts has no fixed size, or no source."""
