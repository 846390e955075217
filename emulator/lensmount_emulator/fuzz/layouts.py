"""Bytes of any message, field by field as its constructs declare them: sizes, counts and cases fit each other."""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable
from typing import Any

import construct
from hypothesis import strategies as st

from lensmount_protocol.blocks import BlockedMessage
from lensmount_protocol.constructs import UntilEnd
from lensmount_protocol.deferred import resolve
from lensmount_protocol.message import TYPE_BYTE_SIZE, Message

MOST_ITEMS = 4
"""Things in a list whose declaration does not say how many there are."""

MOST_BYTES = 8
"""Bytes where the declaration does not say how many there are."""

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def declared(draw: Draw, cls: type[Message]) -> bytes:
    """Bytes of a message, type byte first, that fit its declaration; a field may hold any value that it can."""
    fields = cls.fields_with(cls.USUAL_BLOCKS) if issubclass(cls, BlockedMessage) else cls.FIELDS
    inside = construct.Struct(*(spec.name / resolve(spec.layout) for spec in fields))
    body = _drawn(draw, inside, construct.Container())
    prefix = b"" if cls.PREFIX is None else bytes(resolve(cls.PREFIX).build(len(body)))
    return cls.TYPE.to_bytes(TYPE_BYTE_SIZE, "big") + prefix + body


def _drawn(draw: Draw, layout: Any, context: Any) -> bytes:
    for kind, make in KINDS:
        if isinstance(layout, kind):
            return make(draw, layout, context)
    try:
        size = layout.sizeof(**context)
    except (construct.SizeofError, KeyError, AttributeError):
        size = None
    if isinstance(layout, construct.Subconstruct) and not isinstance(layout, construct.Transformed):
        return _drawn(draw, layout.subcon, context)
    return bytes(draw(st.binary(min_size=size, max_size=size) if size is not None else st.binary(max_size=MOST_BYTES)))


def _struct(draw: Draw, layout: Any, context: Any) -> bytes:
    """One field after the other; what those before it say is what sizes and cases are taken from."""
    parts, inner = list[bytes](), construct.Container(_=context)
    for field in layout.subcons:
        parts.append(_drawn(draw, field, inner))
        if field.name:
            try:
                inner[field.name] = field.parse(parts[-1], **{key: inner[key] for key in inner if key != "_"})
            except construct.ConstructError:
                inner[field.name] = None
    return b"".join(parts)


def _array(draw: Draw, layout: Any, context: Any) -> bytes:
    count: Any = layout.count(context) if callable(layout.count) else layout.count
    return b"".join(_drawn(draw, layout.subcon, context) for _ in range(int(count)))


def _counted(draw: Draw, layout: Any, context: Any) -> bytes:
    """What construct makes of `PrefixedArray`: a count, and so many things."""
    if layout.parsebuildfrom != "items" or len(layout.subcons) != 2:
        return _struct(draw, layout, context)
    count, items = layout.subcons
    number = draw(st.integers(0, MOST_ITEMS))
    things = [_drawn(draw, items.subcon.subcon, context) for _ in range(number)]
    return b"".join([_field(count).build(number), *things])


def _field(layout: Any) -> Any:
    """What is behind names and rebuilding."""
    while isinstance(layout, construct.Renamed | construct.Rebuild):
        layout = layout.subcon
    return layout


def _prefixed(draw: Draw, layout: Any, context: Any) -> bytes:
    inside = _drawn(draw, layout.subcon, context)
    own = layout.lengthfield.sizeof() if layout.includelength else 0
    return bytes(layout.lengthfield.build(len(inside) + own)) + inside


def _text(draw: Draw, layout: Any, context: Any) -> bytes:
    text = draw(st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=MOST_BYTES))
    try:
        size = layout.sizeof(**context)
    except construct.SizeofError:
        return bytes(layout.build(text))
    return bytes(layout.build(text[: size // 4 or size]))


def _several(draw: Draw, layout: Any, context: Any) -> bytes:
    return b"".join(_drawn(draw, layout.subcon, context) for _ in range(draw(st.integers(0, MOST_ITEMS))))


def _one_of(draw: Draw, layout: Any, context: Any) -> bytes:
    return _drawn(draw, draw(st.sampled_from(layout.subcons)), context)


def _if(draw: Draw, layout: Any, context: Any) -> bytes:
    holds = layout.condfunc(context) if callable(layout.condfunc) else layout.condfunc
    return _drawn(draw, layout.thensubcon if holds else layout.elsesubcon, context)


def _switch(draw: Draw, layout: Any, context: Any) -> bytes:
    key = layout.keyfunc(context) if callable(layout.keyfunc) else layout.keyfunc
    return _drawn(draw, layout.cases.get(key, layout.default), context)


def _number(draw: Draw, layout: Any, _context: Any) -> bytes:
    """Any number of this width; a simpler one is a smaller one, whatever the order of its bytes."""
    if layout.fmtstr[-1] not in "bBhHiIlLqQ":
        return bytes(draw(st.binary(min_size=layout.length, max_size=layout.length)))
    return bytes(layout.build(draw(_numbers(8 * layout.length, signed=layout.fmtstr[-1].islower()))))


def _long_number(draw: Draw, layout: Any, _context: Any) -> bytes:
    if callable(layout.length):
        return bytes(draw(st.binary(max_size=MOST_BYTES)))
    return bytes(layout.build(draw(_numbers(8 * layout.length, signed=layout.signed))))


def _numbers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    lowest = -(1 << bits - 1) if signed else 0
    return st.integers(lowest, lowest + (1 << bits) - 1)


def _constant(_draw: Draw, layout: Any, _context: Any) -> bytes:
    return bytes(layout.build(None))


def _nothing(_draw: Draw, _layout: Any, _context: Any) -> bytes:
    return b""


KINDS: tuple[tuple[Any, Callable[[Draw, Any, Any], bytes]], ...] = (
    (construct.FormatField, _number), (construct.BytesInteger, _long_number),
    (construct.Const, _constant), (construct.Struct, _struct), (construct.FocusedSeq, _counted),
    (construct.Array, _array), (construct.Prefixed, _prefixed), (construct.StringEncoded, _text),
    (construct.Select, _one_of), (construct.IfThenElse, _if), (construct.Switch, _switch),
    ((construct.GreedyRange, UntilEnd), _several), (type(construct.Pass), _nothing),
    (type(construct.Terminated), _nothing),
)  # fmt: skip
"""What bytes of a construct are made by; whatever else there is has a size, or takes a few bytes."""
