"""Bit structs as shifts and masks of one integer."""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any

from construct import Adapter, BitsInteger, Const, Default, Flag, Padded, Pass, Renamed

from lensmount_protocol.codec.conversions import is_a
from lensmount_protocol.codec.scribe import NotCovered, Scribe
from lensmount_protocol.constructs import OpenEnum


def bit_functions(fields: list[Any], size: int, kind: Any, scribe: Scribe) -> tuple[str, str]:
    """The names of two functions: bytes to the record (a dictionary where `kind` is `None`), and back.

    Raises:
        NotCovered: a field is of a kind that no source is written for.
    """
    shift = size * 8
    reads: list[str] = []
    writes: list[str] = []
    for field in fields:
        name, width, decode, encode = _bit_field(field, scribe)
        shift -= width
        if shift < 0:
            raise NotCovered("bits that do not fit their bytes")
        taken = f"(number >> {shift} & {(1 << width) - 1})" if shift else f"(number & {(1 << width) - 1})"
        if name is None and decode != "None":
            raise NotCovered("a bit field without a name")
        if name is not None:
            value = f"value.{name}" if kind is not None else _out_of(field, name)
            reads.append(
                f"{name}={decode.replace('{v}', taken)}" if kind else f"{name!r}: {decode.replace('{v}', taken)}"
            )
            writes.append(f"{encode.replace('{v}', value)} << {shift}")
    if shift:
        raise NotCovered("bits that do not fill their bytes")
    record = scribe.refer(kind.__name__, kind) if kind else ""
    whole = f"{record}({', '.join(reads)})" if kind else "{" + ", ".join(reads) + "}"
    read = scribe.function("read_bits", "data", ["number = from_bytes(data, 'big')", f"return {whole}"])
    number = " | ".join(writes) or "0"
    write = scribe.function("write_bits", "value", [f"return ({number}).to_bytes({size}, 'big')"])
    return read, write


def _out_of(field: Any, name: str) -> str:
    return f"value.get({name!r})" if field.flagbuildnone else f"value[{name!r}]"


def _bit_field(field: Any, scribe: Scribe) -> tuple[str | None, int, str, str]:
    """Name, width, and the sources of the conversions each way."""
    name = field.name
    while isinstance(field, Renamed):
        if field.parsed is not None:
            raise NotCovered("a function that is called when a field is parsed")
        field = field.subcon
    return (name, *_conversions(field, scribe))


def _conversions(field: Any, scribe: Scribe) -> tuple[int, str, str]:
    if isinstance(field, Renamed):
        return _conversions(field.subcon, scribe)
    if field is Flag:
        return 1, "({v} != 0)", "(1 if {v} else 0)"
    if is_a(field, BitsInteger) and isinstance(field.length, int) and not field.swapped:
        width = field.length
        if not field.signed:
            return width, "{v}", f"ranged({{v}}, 0, {(1 << width) - 1})"
        sign = 1 << width - 1
        return width, f"(({{v}} ^ {sign}) - {sign})", f"(ranged({{v}}, {-sign}, {sign - 1}) & {(1 << width) - 1})"
    if is_a(field, Padded) and isinstance(field.length, int) and field.subcon is Pass and field.pattern == b"\0":
        return field.length, "None", "0"
    if is_a(field, Const):
        width, decode, encode = _conversions(field.subcon, scribe)
        value = scribe.literal(field.value)
        expected = encode.replace("{v}", value)
        return width, f"same({decode}, {value})", f"({expected} if {{v}} is None or {{v}} == {value} else fail())"
    if is_a(field, Default) and not callable(field.value):
        width, decode, encode = _conversions(field.subcon, scribe)
        return width, decode, encode.replace("{v}", f"({scribe.literal(field.value)} if {{v}} is None else {{v}})")
    if is_a(field, OpenEnum):
        width, decode, encode = _conversions(field.subcon, scribe)
        members = scribe.constant("members", f"Members({scribe.refer(field.members.__name__, field.members)})")
        return width, f"{members}[{decode}]", encode.replace("{v}", "int({v})")
    if isinstance(field, Adapter) and type(field)._parse is Adapter._parse and type(field)._build is Adapter._build:
        width, decode, encode = _conversions(field.subcon, scribe)
        name = scribe.refer("adapter", field)
        return (
            width,
            f"{name}._decode({decode}, NO_CONTEXT, '')",
            encode.replace("{v}", f"{name}._encode({{v}}, NO_CONTEXT, '')"),
        )
    raise NotCovered(f"{type(field).__name__} among bits")
