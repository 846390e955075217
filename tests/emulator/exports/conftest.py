"""A dialect with a message for every form of field that exports carry."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest

from lensmount.dialect import (
    Array,
    BitsInteger,
    Bytes,
    Checksum,
    Const,
    ConstructFrameFormat,
    Default,
    Dialect,
    Evidence,
    EvidenceLevel,
    FieldGroup,
    Flag,
    Float32b,
    Float64l,
    GreedyBytes,
    Int8sb,
    Int8ub,
    Int16sb,
    Int16sl,
    Int16ub,
    Int16ul,
    Int24sl,
    Int24ub,
    Int32sl,
    Int32ub,
    Int64sb,
    Int64ul,
    Message,
    OpenIntEnum,
    Optional,
    PaddedString,
    PascalString,
    Prefixed,
    PrefixedArray,
    RawCopy,
    Role,
    SelectableMessage,
    StrictGreedyRange,
    Struct,
    enum_field,
    field,
    field_group,
    field_group_of,
    make_crc,
    message,
    message_table,
    this,
)
from lensmount_protocol.dialect import load_dialect

OURS = Evidence(EvidenceLevel.MODELLED, "this test")
CRC8 = make_crc("crc8-smbus", 8, 0x07, initial=0, reflected=False, final_xor=0, source="CRC catalogue, CRC-8/SMBUS")

FRAME = Struct(
    "start" / Const(0xA5, Int8ub),
    "second" / Const(0x5AA5, Int16ub),
    "checked" / RawCopy(Struct("length" / Int8ub, "payload" / Bytes(this.length - 4))),
    "checksum" / Checksum(Int8ub, CRC8.compute, this.checked.data),
    "end" / Const(0x0D0A, Int16ub),
)


class Colour(OpenIntEnum):
    """Names of numbers."""

    RED = 1
    GREEN = 200


@field_group
class Bits(FieldGroup):
    """Two bytes of bits."""

    on: bool = field(Flag, "a flag", default=False)
    colour: int = field(enum_field(BitsInteger(8), Colour), "a colour", default=Colour.RED)
    rest: int = field(BitsInteger(7), "the rest")


@field_group
class Pair(FieldGroup):
    """A record of fixed size, with another inside."""

    left: int = field(Int16sb, "left")
    bits: Bits = field(field_group_of(Bits, bits=True), "bits", default=Bits())
    wide: int = field(Int24ub, "three bytes")


@field_group
class Named(FieldGroup):
    """A record of variable size."""

    text: str = field(PascalString(Int8ub, "utf-8"), "a text", default="")
    values: list[int] = field(PrefixedArray(Int8ub, Int24sl), "numbers", default=[])


@message(0x01, Role.BODY, OURS)
class Numbers(Message):
    """Every number."""

    a: int = field(Int8sb, "8 bits */ \\")
    register: int = field(Int16sl, "16 bits")
    c: int = field(Int24sl, "24 bits")
    d: int = field(Int32sl, "32 bits")
    e: int = field(Int64sb, "64 bits")
    f: int = field(Int64ul, "64 bits")
    g: float = field(Float32b, "a float", default=0.0)
    h: float = field(Float64l, "a double", default=0.0)
    on: bool = field(Flag, "a flag", default=False)
    colour: int = field(enum_field(Int8ub, Colour), "a colour", default=Colour.RED)


@message(0x02, Role.LENS, OURS)
class Groups(Message):
    """Records, arrays and bytes."""

    pair: Pair = field(field_group_of(Pair), "a record", default=Pair())
    bits: Bits = field(field_group_of(Bits, bits=True), "bits", default=Bits())
    three: list[int] = field(Array(3, Int32ub), "three numbers", default=[0, 0, 0])
    pairs: list[Pair] = field(Array(2, field_group_of(Pair)), "two records", default=[Pair(), Pair()])
    few: bytes = field(Bytes(4), "four bytes", default=bytes(4))
    many: bytes = field(Bytes(20), "twenty bytes", default=bytes(20))
    usual: int = field(Default(Int8ub, 7), "with a default", default=7)


@message(0x03, Role.LENS, OURS)
class Lists(Message):
    """What varies."""

    numbers: list[int] = field(PrefixedArray(Int16ub, Int16ul), "numbers", default=[])
    pairs: list[Pair] = field(PrefixedArray(Int8ub, field_group_of(Pair)), "records", default=[])
    named: list[Named] = field(PrefixedArray(Int8ub, field_group_of(Named)), "records that vary", default=[])
    one: Named = field(field_group_of(Named), "one of them", default=Named(text="", values=[]))
    data: bytes = field(Prefixed(Int16ul, GreedyBytes), "bytes", default=b"")
    text: str = field(PascalString(Int8ub, "ascii"), "a text", default="")
    bytes_: list[bytes] = field(PrefixedArray(Int8ub, Bytes(3)), "bytes by three", default=[])


@message(0x04, Role.BODY, OURS)
class Late(Message):
    """What later revisions add."""

    first: int = field(Int8ub, "there")
    second: int | None = field(Optional(Int16ul), "perhaps", default=None)
    third: int | None = field(Optional(Int32sl), "perhaps", default=None)


@message(0x05, Role.BODY, OURS)
class Rest(Message):
    """Records until the bytes end."""

    pairs: list[Pair] = field(StrictGreedyRange(field_group_of(Pair)), "records", default=[])


@message(0x06, Role.BODY, OURS)
class NamedRest(Message):
    """Records that vary until the bytes end."""

    named: list[Named] = field(StrictGreedyRange(field_group_of(Named)), "records", default=[])


@message(0x07, Role.LENS, OURS)
class Blocks(SelectableMessage):
    """Fields by selection."""

    DEFAULT_BLOCKS: ClassVar[int] = 0b101
    blocks: int = 0b101

    first: int = field(Int16ub, "block 1", block=1)
    second: int = field(Int8ub, "block 2", block=2)
    third: bytes = field(Bytes(2), "block 3", default=bytes(2), block=3)


@message(0x08, Role.BODY, OURS)
class Empty(Message):
    """A message without a field."""


@field_group
class Labelled(FieldGroup):
    """A record with a padded text."""

    label: str = field(PaddedString(5, "ascii"), "a label", default="")
    number: int = field(Int8ub, "its number")


@message(0x09, Role.LENS, OURS)
class Padded(Message):
    """Texts of a fixed size, short and long, by themselves and in records."""

    maker: int = field(Int8ub, "a number before")
    name: str = field(PaddedString(12, "ascii"), "a short text", default="")
    long: str = field(PaddedString(40, "utf-8"), "a long text", default="")
    label: Labelled = field(field_group_of(Labelled), "a record", default=Labelled(label="", number=0))
    labels: list[Labelled] = field(PrefixedArray(Int8ub, field_group_of(Labelled)), "records", default=[])
    last: str = field(PaddedString(3, "utf-8"), "a text at the end", default="")


@message(0x0A, Role.BODY, OURS)
class OnlyText(Message):
    """A text by itself."""

    text: str = field(PaddedString(8, "ascii"), "a text", default="")


EVERY_FORM = (Numbers, Groups, Lists, Late, Rest, NamedRest, Blocks, Empty, Padded, OnlyText)


def dialect_of(*messages: type[Message]) -> Dialect:
    """A dialect of these messages, with frames of this module."""
    formats = {role: ConstructFrameFormat(FRAME, 8, 250, frozenset({0})) for role in Role}
    return replace(
        load_dialect("lmount"),
        name="every form",
        messages=message_table(messages),
        formats=formats,
        build_frame=formats[Role.BODY].build,
        unknown_message_end=lambda _payload, _at: None,
        protected_types=frozenset({0x04}),
    )


@pytest.fixture(scope="session")
def every_form() -> Dialect:
    return dialect_of(*EVERY_FORM)


@pytest.fixture(scope="session")
def make_dialect() -> Callable[..., Dialect]:
    return dialect_of
