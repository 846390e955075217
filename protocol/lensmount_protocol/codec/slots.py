"""Constructs of a fixed size, each as one slot of a `struct` with a conversion before or behind it."""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from construct import (
    Adapter,
    Array,
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
    Struct,
    Transformed,
)
from construct.lib import bytes2bits, swapbytes

from lensmount_protocol.codec.bits import bit_functions
from lensmount_protocol.codec.conversions import V, adapted, conversion_of_rest, is_a, made, member_of, put, unnamed
from lensmount_protocol.codec.scribe import NotCovered, Scribe, size_of
from lensmount_protocol.constructs import RecordOf


@dataclass(frozen=True, slots=True)
class Slot:
    """One value of a struct.

    Attributes:
        code: its struct code, without the byte order.
        order: `<`, `>`, or `""` where there is none.
        decode: source that makes the field's value of the struct's value.
        encode: source that makes the struct's value of the field's value.
    """

    code: str
    order: str = ""
    decode: str = V
    encode: str = V

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return size_of((self.order or "<") + self.code)

    def converted(self, decode: str, encode: str) -> "Slot":
        """The slot with another conversion around its own."""
        return replace(self, decode=put(decode, self.decode), encode=put(self.encode, encode))


def slot_of(layout: "Construct[Any, Any]", scribe: Scribe) -> Slot | None:
    """The slot of a construct; `None` where its size is not fixed.

    Raises:
        NotCovered: it is of a kind that no source is written for.
    """
    layout = unnamed(layout)
    for kind, write in _SLOTS:
        if is_a(layout, kind):
            return write(layout, scribe)
    return None


def boxed(slot: Slot, scribe: Scribe, *, size: int | None = None, turned: bool = False) -> Slot:
    """The slot as plain bytes of its own struct: padded to a size, or with its bytes turned round."""
    size = slot.size if size is None else size
    code = f"{slot.order or '<'}{slot.code}" + (f"{size - slot.size}x" if size > slot.size else "")
    turn = "[::-1]" if turned else ""
    return Slot(
        f"{size}s",
        decode=put(slot.decode, f"{scribe.unpack(code)}({V}{turn})[0]"),
        encode=f"{scribe.pack(code)}({slot.encode}){turn}",
    )


def in_order(slot: Slot, order: str, scribe: Scribe) -> Slot:
    """The slot in a struct of this byte order."""
    return slot if slot.order in ("", order) else boxed(slot, scribe)


def struct_of_slots(slots: list[Slot], scribe: Scribe) -> tuple[str, list[Slot]]:
    """One struct for all of them, byte order first, and the slots as they stand in it."""
    orders = [slot.order for slot in slots if slot.order]
    order = max(("<", ">"), key=orders.count)
    placed = [in_order(slot, order, scribe) for slot in slots]
    return order + "".join(slot.code for slot in placed), placed


def _number(layout: Any, _scribe: Scribe) -> Slot:
    order, code = layout.fmtstr
    native = "<" if sys.byteorder == "little" else ">"
    order = native if order == "=" else order
    return Slot(code, "" if layout.length == 1 else order)


def _wide(layout: Any, _scribe: Scribe) -> Slot:
    if not isinstance(layout.length, int) or not isinstance(layout.swapped, bool):
        raise NotCovered("an integer whose size or order depends on other fields")
    order = "little" if layout.swapped else "big"
    signed = f", signed={layout.signed}" if layout.signed else ""
    return Slot(
        f"{layout.length}s",
        decode=f"from_bytes({V}, {order!r}{signed})",
        encode=f"to_bytes({V}, {layout.length}, {order!r}{signed})",
    )


def _truth(_layout: Any, _scribe: Scribe) -> Slot:
    return Slot("?")


def _raw(layout: Any, _scribe: Scribe) -> Slot | None:
    if not isinstance(layout.length, int):
        return None
    return Slot(f"{layout.length}s", encode=f"({V} if len({V}) == {layout.length} else fail())")


def _constant(layout: Any, scribe: Scribe) -> Slot | None:
    inner = slot_of(layout.subcon, scribe)
    if inner is None:
        return None
    value = scribe.literal(layout.value)
    return inner.converted(f"same({V}, {value})", f"({value} if {V} is None else same({V}, {value}))")


def _default(layout: Any, scribe: Scribe) -> Slot | None:
    inner = slot_of(layout.subcon, scribe)
    if inner is None or callable(layout.value):
        return None
    return inner.converted(V, f"({scribe.literal(layout.value)} if {V} is None else {V})")


def _array(layout: Any, scribe: Scribe) -> Slot | None:
    inner = slot_of(layout.subcon, scribe)
    if inner is None or not isinstance(layout.count, int):
        return None
    if layout.discard:
        raise NotCovered("an array that is read and thrown away")
    count, order = layout.count, inner.order or "<"
    if inner.decode == inner.encode == V and not inner.code.endswith("s"):
        code = f"{order}{count}{inner.code}"
        return Slot(
            f"{size_of(code)}s", decode=f"list({scribe.unpack(code)}({V}))", encode=f"{scribe.pack(code)}(*{V})"
        )
    each = scribe.name("each")
    code = order + inner.code
    steps = scribe.constant("steps", f"Struct({code!r}).iter_unpack")
    return Slot(
        f"{inner.size * count}s",
        decode=f"[{put(inner.decode, each)} for ({each},) in {steps}({V})]",
        encode=f"b''.join([{scribe.pack(code)}({put(inner.encode, each)}) for {each} in sized({V}, {count})])",
    )


def _together(layout: Any, scribe: Scribe) -> Slot | None:
    if isinstance(layout, RecordOf):
        kind, inside = layout.kind, layout.subcon
        if isinstance(inside, Transformed):
            return _bits(inside, scribe, kind)
        return _fields(inside, scribe, kind)
    return _fields(layout, scribe, None)


def _fields(layout: Any, scribe: Scribe, kind: Any) -> Slot | None:
    """Fields that stand together, as bytes of a struct of their own with a function each way."""
    names = [field.name for field in layout.subcons]
    if None in names:
        return None
    found = [slot_of(field, scribe) for field in layout.subcons]
    if None in found or not found:
        return None
    code, slots = struct_of_slots([slot for slot in found if slot is not None], scribe)
    values = [scribe.name(name) for name in names]
    decoded = [put(slot.decode, value) for slot, value in zip(slots, values, strict=True)]
    encoded = [
        put(slot.encode, member_of("value", field, kind)) for slot, field in zip(slots, layout.subcons, strict=True)
    ]
    read = scribe.function(
        "read",
        "data",
        [f"{', '.join(values)}, = {scribe.unpack(code)}(data)", f"return {made(names, decoded, kind, scribe)}"],
    )
    write = scribe.function("write", "value", [f"return {scribe.pack(code)}({', '.join(encoded)})"])
    return Slot(f"{size_of(code)}s", decode=f"{read}({V})", encode=f"{write}({V})")


def _transformed(layout: Any, scribe: Scribe) -> Slot | None:
    if layout.decodefunc is bytes2bits:
        return _bits(layout, scribe, None)
    inner = slot_of(layout.subcon, scribe) if layout.decodefunc is swapbytes else None
    if inner is None or inner.size != layout.decodeamount:
        raise NotCovered("a transformation of bytes")
    return boxed(inner, scribe, turned=True)


def _bits(layout: Any, scribe: Scribe, kind: Any) -> Slot:
    inside = unnamed(layout.subcon)
    if not isinstance(inside, Struct):
        raise NotCovered("bits that are no struct")
    read, write = bit_functions(inside.subcons, layout.decodeamount, kind, scribe)
    return Slot(f"{layout.decodeamount}s", decode=f"{read}({V})", encode=f"{write}({V})")


def _padded(layout: Any, scribe: Scribe) -> Slot | None:
    if not isinstance(layout.length, int):
        return None
    if unnamed(layout.subcon) is Pass:
        return Slot(f"{layout.length}s", decode="None", encode=repr(layout.pattern * layout.length))
    inner = slot_of(layout.subcon, scribe)
    if inner is None or inner.size > layout.length or layout.pattern != b"\0":
        return None
    return boxed(inner, scribe, size=layout.length)


def _bounded(layout: Any, scribe: Scribe) -> Slot | None:
    if not isinstance(layout.length, int):
        return None
    whole = conversion_of_rest(layout.subcon, scribe)
    if whole is None:
        return None
    return Slot(f"{layout.length}s", decode=whole[0], encode=f"padded({whole[1]}, {layout.length})")


def _adapter(layout: Any, scribe: Scribe) -> Slot | None:
    inner = slot_of(layout.subcon, scribe)
    if inner is None:
        return None
    decode, encode = adapted(layout, V, V, scribe)
    return inner.converted(decode, encode)


_Writer = Callable[[Any, Scribe], Slot | None]

_SLOTS: tuple[tuple[type[Any], _Writer], ...] = (
    (FormatField, _number),
    (BytesInteger, _wide),
    (type(Flag), _truth),
    (Bytes, _raw),
    (Const, _constant),
    (Default, _default),
    (Array, _array),
    (RecordOf, _together),
    (Struct, _together),
    (Transformed, _transformed),
    (Padded, _padded),
    (FixedSized, _bounded),
    (NullTerminated, lambda _layout, _scribe: None),
    (Adapter, _adapter),
)
"""Asked in this order; what none of them knows has no fixed size, or no source."""
