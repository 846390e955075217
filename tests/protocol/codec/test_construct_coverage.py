"""Every construct that declarations use, generated and interpreted: same values, same bytes, same verdict."""

from random import Random
from typing import Any

import pytest
from construct import (
    Array,
    Bit,
    BitsInteger,
    BitStruct,
    Bytes,
    ByteSwapped,
    Computed,
    Const,
    Construct,
    CString,
    Default,
    Enum,
    ExprAdapter,
    FixedSized,
    Flag,
    FlagsEnum,
    Float16b,
    Float32l,
    Float64b,
    GreedyBytes,
    GreedyRange,
    GreedyString,
    Hex,
    If,
    IfThenElse,
    Int8sb,
    Int8ub,
    Int16sb,
    Int16ub,
    Int16ul,
    Int16un,
    Int24sl,
    Int24ub,
    Int24ul,
    Int32sl,
    Int32ub,
    Int64sl,
    Int64ub,
    Mapping,
    Nibble,
    NoneOf,
    NullStripped,
    OneOf,
    Optional,
    Padded,
    PaddedString,
    Padding,
    PascalString,
    Pass,
    Pointer,
    Prefixed,
    PrefixedArray,
    Rebuild,
    Struct,
    Switch,
    VarInt,
    len_,
    this,
)
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.codec.constructs import StrictGreedyRange
from lensmount_protocol.codec.message_codec import interpreted_codec
from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import (
    Evidence,
    EvidenceLevel,
    FieldGroup,
    Message,
    OpenIntEnum,
    enum_field,
    field,
    field_group,
    field_group_layout,
    message,
    parse_message_at,
)
from lensmount_protocol.wire import Role


class Colour(OpenIntEnum):
    """Some are named."""

    RED = 0
    GREEN = 7


@field_group
class Point(FieldGroup):
    """Two numbers that stand together."""

    across: int = field(Int16ul, "from the left")
    along: int = field(Int8sb, "from the top")


@field_group
class Switches(FieldGroup):
    """Three bit fields in a byte."""

    on: bool = field(Flag, "whether", default=False)
    kind: Colour = field(enum_field(BitsInteger(4), Colour), "which", default=Colour.RED)
    level: int = field(BitsInteger(3, signed=True), "how much")


@field_group
class Named(FieldGroup):
    """A record whose size varies."""

    size: int = field(Int8ub, "of the name")
    name: bytes = field(Bytes(this.size), "the name", default=b"")


class _Odd(Array):
    """Looks like an array of two and is none: it reads what it likes."""

    def __init__(self, subcon: Any) -> None:
        super().__init__(2, subcon)

    def _parse(self, stream: Any, context: Any, path: Any) -> Any:
        return [self.subcon._parsereport(stream, context, path)]

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:
        return self.subcon._build(obj[0], stream, context, path)

    def _sizeof(self, context: Any, path: Any) -> int:
        return 1


def _uncountable() -> Any:
    layout: Any = Array(2, Int8ub)
    layout.count = 2.0
    return layout


COVERED: dict[str, list[Any]] = {
    "unsigned": [Int8ub, Int16ul, Int32ub, Int64ub],
    "signed": [Int8sb, Int16sb, Int32sl, Int64sl],
    "odd widths": [Int24ub, Int24ul, Int24sl],
    "native order": [Int16un, Int8ub],
    "mixed orders": [Int16ul, Int16ub, Int32ub, Int16ul, Int24ul],
    "floats": [Float16b, Float32l, Float64b],
    "flags": [Flag, Flag],
    "bytes": [Bytes(3), Int8ub, Bytes(1)],
    "rest": [Int8ub, GreedyBytes],
    "constants": [Const(b"AB"), Const(7, Int16ul), Int8ub],
    "padding": [Padding(2), Int8ub, Padded(4, Int16ub)],
    "default": [Default(Int8ub, 5), Int8ub],
    "array of numbers": [Array(3, Int16ul), Int8ub[2]],
    "array of wide numbers": [Array(2, Int24ub)],
    "array of arrays": [Array(2, Array(2, Int16ub))],
    "bits": [BitStruct("a" / Nibble, "b" / Flag, "c" / BitsInteger(10, signed=True), "d" / Bit)],
    "bits with gaps": [BitStruct("a" / BitsInteger(3), "gap" / Padding(4), "b" / Flag, Padding(8))],
    "bit constants": [BitStruct("a" / Const(5, BitsInteger(3)), "b" / Default(BitsInteger(5), 3))],
    "nested": [Struct("x" / Int16ul, "y" / Struct("z" / Int8sb, "w" / Bytes(2))), Int8ub],
    "array of structs": [Array(2, Struct("x" / Int16ul, "y" / Flag))],
    "record": [field_group_layout(Point), Int8ub],
    "array of records": [Array(2, field_group_layout(Point).resolve())],
    "record of bits": [field_group_layout(Switches, bits=True), Int8ub],
    "swapped": [ByteSwapped(Int24ub), ByteSwapped(Struct("x" / Int16ub, "y" / Int8ub))],
    "open enumeration": [enum_field(Int8ub, Colour), enum_field(Int16ub, Colour)],
    "construct's enumeration": [Enum(Int8ub, one=1, two=2)],
    "flags by name": [FlagsEnum(Int16ub, ready=1, busy=0x8000, both=0x8001)],
    "mapping": [Mapping(Int8ub, {"a": 0, "b": 1}), Int8ub],
    "validators": [OneOf(Int8ub, [1, 2, 3]), NoneOf(Int8ub, [9])],
    "expressions": [ExprAdapter(Int8ub, lambda value, _: value * 2, lambda value, _: value // 2)],
    "hexadecimal": [Hex(Int32ub), Hex(Bytes(2))],
    "padded text": [PaddedString(5, "ascii"), PaddedString(4, "utf-16-le"), PaddedString(3, "utf-8")],
    "prefixed text": [PascalString(Int8ub, "utf-8"), PascalString(Int16ul, "ascii")],
    "terminated text": [CString("ascii"), Int8ub],
    "text to the end": [Int8ub, GreedyString("utf-8")],
    "counted bytes": [Int8ub, Bytes(this.f0), Bytes(this.f0 // 2 + 1)],
    "counted array": [Int8ub, Array(this.f0 & 3, Int16ub), Int8ub],
    "counted structs": [Int8ub, Array(this.f0 % 3, Struct("n" / Int8ub, "d" / Bytes(this.n)))],
    "prefixed array": [PrefixedArray(Int8ub, Int16ul), Int8ub],
    "prefixed array of strings": [PrefixedArray(Int8ub, PascalString(Int8ub, "ascii"))],
    "prefixed bytes": [Prefixed(Int8ub, GreedyBytes), Prefixed(Int16ul, GreedyBytes, includelength=True)],
    "prefixed struct": [Prefixed(Int8ub, Struct("a" / Int8ub, "b" / GreedyBytes)), Int8ub],
    "fixed room": [FixedSized(6, NullStripped(GreedyBytes)), Int8ub],
    "fixed room for more": [FixedSized(4, Struct("n" / Int8ub, "d" / Bytes(this.n))), Int8ub],
    "room by a field": [Int8ub, FixedSized(this.f0, GreedyBytes), Int8ub],
    "condition": [Int8ub, If(this.f0 > 127, Int16ub), IfThenElse(this.f0 == 3, Int8ub, Int32ub)],
    "choice": [Int8ub, Switch(this.f0, {1: Int16ul, 2: Bytes(3), 3: Struct("q" / Int8ub)}, default=Int8ub)],
    "choice without default": [Int8ub, Switch(this.f0, {1: Int16ul})],
    "optional tail": [Int8ub, Optional(Int16ul)],
    "optional tails": [Int8ub, Optional(Int16ul), Optional(Int8ub)],
    "computed": [Int8ub, Computed(this.f0 * 2), Int8ub],
    "rebuilt": [Rebuild(Int8ub, len_(this.f1)), Array(this.f0, Int16ub)],
    "repeated to the end": [Int8ub, StrictGreedyRange(Struct("t" / Int8ub, "v" / Int16ub))],
    "strings to the end": [StrictGreedyRange(PascalString(Int8ub, "ascii"))],
    "record that varies": [field_group_layout(Named), Int8ub],
    "default by a field": [Int8ub, Default(Int8ub, this.f0), Int8ub],
    "negative lengths": [Int8sb, Bytes(this.f0)],
    "negative sizes": [Prefixed(Int8sb, GreedyBytes), PascalString(Int8sb, "ascii")],
    "negative counts": [PrefixedArray(Int8sb, Int16ul), PrefixedArray(Int8sb, PascalString(Int8ub, "ascii"))],
    "no fields": [],
    "nothing to read": [Pass, Computed(3), If(False, Int8ub), Bytes(0), Padding(0)],
    "only the rest": [GreedyBytes],
    "only numbers to the end": [StrictGreedyRange(Int16ul)],
    "only an optional": [Optional(Int16ul)],
}
LEFT_TO_CONSTRUCT: dict[str, list[Any]] = {
    "swallows errors": [GreedyRange(Int16ul)],
    "variable integers": [VarInt, Int8ub],
    "a function of its own": [Int8ub, Bytes(lambda context: context.f0)],
    "elsewhere": [Pointer(0, Int8ub), Int8ub],
    "somebody else's": [_Odd(Int8ub)],
    "a count that is no number": [_uncountable()],
    "the outer struct": [Int8ub, Array(1, Struct("d" / Bytes(this._.f0)))],
}


def declare(layouts: list[Any]) -> type[Message]:
    names = [f"f{number}" for number in range(len(layouts))]
    fields = {name: field(layout, "a field", default=None) for name, layout in zip(names, layouts, strict=True)}
    made = type("Made", (Message,), {"__doc__": "Made.", "__annotations__": dict.fromkeys(names, Any), **fields})
    return message(0x77, Role.LENS, Evidence(EvidenceLevel.MODELLED, "this test"))(made)


def outcome(call: Any, *arguments: Any) -> Any:
    try:
        return repr(call(*arguments))
    except FrameError as error:
        return f"refused: {error}"


CASES = {name: declare(layouts) for name, layouts in {**COVERED, **LEFT_TO_CONSTRUCT}.items()}
INTERESTING = st.sampled_from([0, 1, 2, 3, 4, 5, 7, 9, 0x41, 0x42, 0x7F, 0x80, 0xC3, 0xFF])
DATA = st.one_of(
    st.binary(max_size=24),
    st.lists(INTERESTING, max_size=24).map(bytes),
    st.tuples(st.just(b"AB\x07\x00"), st.binary(max_size=6)).map(b"".join),
)


@pytest.mark.parametrize("name", COVERED)
def test_it_is_generated(name: str) -> None:
    codec = CASES[name].codec()
    assert (codec.origin, codec.reason) == ("generated", "")


@pytest.mark.parametrize("name", LEFT_TO_CONSTRUCT)
def test_what_is_not_generated_says_so(name: str) -> None:
    codec = CASES[name].codec()
    assert codec.origin == "construct"
    assert codec.reason.startswith("construct reads it: ")


@pytest.mark.parametrize("name", CASES)
@given(data=DATA)
def test_any_bytes_read_and_build_the_same(name: str, data: bytes) -> None:
    cls = CASES[name]
    codec, judge = cls.codec(), interpreted_codec(cls, cls.FIELDS, {})
    raw = b"\x77" + data
    assert outcome(parse_message_at, codec, raw, 0, len(raw)) == outcome(judge.parse, raw, 0, len(raw))
    try:
        made, stop = judge.parse(raw, 0, len(raw))
    except FrameError:
        # Any exception says that construct is to be asked; that there is one at all is what counts.
        with pytest.raises(Exception):  # noqa: B017, PT011
            codec.parse(raw, 0, len(raw))
        return
    # The fallback may not hide that generated code refuses what construct accepts.
    assert repr(codec.parse(raw, 0, len(raw))) == repr((made, stop))
    assert outcome(codec.build, made) == outcome(judge.build, made)


class SignedPrefix(Message):
    """A message whose size can be negative."""

    __slots__ = ()
    PREFIX = Int8sb


def forms_at_the_end() -> dict[str, type[Message]]:
    """Each message, and each construct that can stand alone as the only field and after a byte."""
    found = dict(CASES)
    for name, layouts in COVERED.items():
        for number, layout in enumerate(layouts):
            if "this[" not in repr(vars(layout)):
                found[f"only {name} {number}"] = declare([layout])
                found[f"last {name} {number}"] = declare([Int8ub, layout])
    return found


ENDS = forms_at_the_end()


@pytest.mark.parametrize("empty_at", [0, 2])
def test_a_message_without_its_type_byte_is_rejected(empty_at: int) -> None:
    for cls in ENDS.values():
        raw = b"\x77" * (empty_at + 3)
        with pytest.raises(FrameError):
            interpreted_codec(cls, cls.FIELDS, {}).parse(raw, empty_at, empty_at)
        with pytest.raises(Exception):  # noqa: B017, PT011  (any exception says that construct is to be asked)
            cls.codec().parse(raw, empty_at, empty_at)


def test_a_message_is_read_inside_its_bounds() -> None:
    random, kinds = Random(1), (0, 1, 2, 3, 4, 0x41, 0x80, 0xFC, 0xFE, 0xFF)
    accepted = 0
    for name, cls in ENDS.items():
        codec, judge = cls.codec(), interpreted_codec(cls, cls.FIELDS, {})
        for size in (0, 0, 1, 2, 3, 5, 8, 12):
            body = bytes(random.choices(kinds, k=size))
            # What lies before and after the message is not read: bytes that would make it another one.
            raw, at = b"\x03\x77\x02" + b"\x77" + body + b"\x01\x00\x41\x00", 3
            end = at + 1 + size
            alone = outcome_at(judge.parse, b"\x77" + body, 0, 1 + size)
            assert outcome_at(judge.parse, raw, at, end) == alone, (name, body)
            assert outcome_at(codec.parse, raw, at, end) == alone, (name, body)
            accepted += alone is not None
    assert accepted > len(ENDS)


def outcome_at(call: Any, data: bytes, at: int, end: int) -> tuple[str, int] | None:
    """The message and its size; `None` where it is rejected, with any exception."""
    try:
        message, stop = call(data, at, end)
    except Exception:
        return None
    assert at < stop <= end
    return repr(message), stop - at


@pytest.mark.parametrize("body", [b"", b"\x80", b"\xff\x01", b"\xfe\x01\x02\x03"])
def test_a_negative_size_of_a_message_is_rejected(body: bytes) -> None:
    namespace = {"__doc__": "Made.", "__annotations__": {"f0": Any}, "f0": field(GreedyBytes, "the rest", default=b"")}
    made = message(0x77, Role.LENS, Evidence(EvidenceLevel.MODELLED, "this test"))(
        type("Made", (SignedPrefix,), namespace)
    )
    assert made.codec().origin == "generated"
    raw = b"\x77" + body + b"\x00\x00"
    for parse in (made.codec().parse, interpreted_codec(made, made.FIELDS, {}).parse):
        assert outcome_at(parse, raw, 0, 1 + len(body)) is None
        assert outcome_at(parse, b"\x77\x01\x41", 0, 3) == ("Made(f0=b'A')", 3)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-300, 70_000),
    st.integers(),
    st.floats(),
    st.binary(max_size=6),
    st.text(max_size=6),
    st.lists(st.integers(-1, 300), max_size=4),
    st.lists(st.binary(max_size=3) | st.text(max_size=3), max_size=3),
    st.builds(Point, st.integers(-1, 70_000), st.integers(-200, 200)),
    st.builds(Switches, st.booleans(), st.integers(0, 20), st.integers(-5, 5)),
    st.dictionaries(st.sampled_from(["a", "b", "c", "d", "x", "y", "n", "ready", "busy"]), st.integers(-1, 9)),
    st.sampled_from(list(Colour)),
)


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_any_values_build_the_same_or_are_refused_alike(name: str, data: st.DataObject) -> None:
    cls = CASES[name]
    made = cls(*[data.draw(VALUES) for _ in cls.FIELDS])
    judge = interpreted_codec(cls, cls.FIELDS, {})
    assert outcome(cls.codec().build, made) == outcome(judge.build, made)


def test_a_layout_can_be_asked_for() -> None:
    assert isinstance(CASES["unsigned"].LAYOUT, Construct)
    assert CASES["unsigned"].LAYOUT.sizeof() == 15
