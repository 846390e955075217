"""A dissector for Wireshark, in Lua, from a dialect's declarations: frames, checksums, messages and their fields."""

import enum
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from lensmount_protocol.checksums import CHECKSUMS, Checksum
from lensmount_protocol.codec.constructs import OpenEnum
from lensmount_protocol.codec.lazy_construct import declaration_text, resolve
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.message import FieldSpec, Message, SelectableMessage
from lensmount_protocol.wire import Role

SCRIPT_FILE = "dissector.lua"

_CRCS = {
    "crc16-ibm-3740": (16, 0x1021, 0xFFFF, False, 0),
    "crc16-ibm-sdlc": (16, 0x8408, 0xFFFF, True, 0xFFFF),
    "crc32-iso-hdlc": (32, 0xEDB8_8320, 0xFFFF_FFFF, True, 0xFFFF_FFFF),
}
"""Bits, polynomial (of a reflected one the reflection), start value, whether it is reflected, what is added at the end.

Source: Catalogue of parametrised CRC algorithms, https://reveng.sourceforge.io/crc-catalogue/.
"""

_NUMBER = re.compile(r"(?:OpenEnum\()?Int(8|16|24|32|64)([us])([bl])\b.*")

_PROBES = (bytes.fromhex("0102030405"), bytes(range(40)), b"\xff" * 77)
"""Payloads of the frames that are built to see where the parts of a frame stand."""


@dataclass(frozen=True, slots=True)
class DissectedLayout:
    """Where the parts of a dialect's frames stand, read off frames that it builds.

    Attributes:
        start: value of the first byte.
        length_offset: offset of the length, 16 bits, little-endian.
        class_offset: offset of the class.
        sequence_offset: offset of the sequence number.
        payload_offset: offset of the payload.
        bias: bytes that the length does not count.
        checksum: which sum follows the payload, little-endian.
        sum_size: its bytes.
        checked_from: offset of the first byte that it is over; the last is the payload's.
        end: the bytes after it.
    """

    start: int
    length_offset: int
    class_offset: int
    sequence_offset: int
    payload_offset: int
    bias: int
    checksum: Checksum
    sum_size: int
    checked_from: int
    end: bytes


def measure_layout(dialect: Dialect) -> DissectedLayout:
    """What the dialect's frames look like.

    Raises:
        DialectError: not like anything that the dissector can read.
    """
    build = dialect.build_frame
    class_, other = _two_classes(dialect)
    frames = [build(payload, class_, 0) for payload in _PROBES]
    first = frames[0]
    payload_at: int = dialect.formats[Role.LENS].parse_header(first, 0).payload_slice.start
    length_at = _difference(first, build(_PROBES[0] + b"\0", class_, 0), "length", dialect)
    lengths = {len(frame) - int.from_bytes(frame[length_at : length_at + 2], "little") for frame in frames}
    if len(lengths) != 1:
        raise _unreadable(dialect, "their length is not 16 bits, little-endian")
    found = [
        (checksum, size, start)
        for checksum in CHECKSUMS.values()
        for size in (2, 4)
        for start in range(payload_at + 1)
        if all(
            _is_checked(frame, payload, payload_at, checksum, size, start)
            for frame, payload in zip(frames, _PROBES, strict=True)
        )
    ]
    if len(found) != 1:
        raise _unreadable(dialect, "the sum after their payload is unknown")
    checksum, sum_size, checked_from = found[0]
    return DissectedLayout(
        first[0],
        length_at,
        _difference(first, build(_PROBES[0], other, 0), "class", dialect),
        _difference(first, build(_PROBES[0], class_, 1), "sequence number", dialect),
        payload_at,
        lengths.pop(),
        checksum,
        sum_size,
        checked_from,
        first[payload_at + len(_PROBES[0]) + sum_size :],
    )


def wireshark_dissector(dialect: Dialect) -> str:
    """The script, in Lua 5.2 as every Wireshark since 1.12 takes it.

    Raises:
        DialectError: the dialect's frames are of a kind that the script cannot read.
    """
    shape = measure_layout(dialect)
    sized = {cls.PREFIX is not None for cls in dialect.messages.values()}
    if len(sized) > 1:
        raise _unreadable(dialect, "some of their messages have a size field and some do not")
    kinds = {kind.__name__: kind for cls in dialect.messages.values() for kind in _enumerations(cls)}
    template = Template(files("lensmount_emulator.reports").joinpath(SCRIPT_FILE).read_text(encoding="utf-8"))
    return template.substitute(
        dialect=_one_line(dialect.name),
        dialect_text=_lua(dialect.name),
        title=_one_line(dialect.title),
        notice=_one_line(dialect.notice),
        proto="lensmount_" + re.sub(r"[^a-z0-9_]", "_", dialect.name.lower()),
        start=shape.start,
        smallest=shape.payload_offset + 1 + shape.sum_size + len(shape.end),
        largest_body=dialect.formats[Role.BODY].max_size,
        largest_lens=dialect.formats[Role.LENS].max_size,
        length_at=shape.length_offset,
        class_at=shape.class_offset,
        sequence_at=shape.sequence_offset,
        payload_at=shape.payload_offset,
        bias=shape.bias,
        tail=shape.sum_size + len(shape.end),
        checked_from=shape.checked_from,
        sum_size=shape.sum_size,
        end_bytes="{ " + ", ".join(map(str, shape.end)) + " }",
        message_size_at=1 if sized == {True} else "nil",
        checksum=lua_checksum(shape.checksum),
        enumerations="\n".join(_names(kind) for _, kind in sorted(kinds.items())),
        messages="\n".join(_messages(dialect)),
    )


def _two_classes(dialect: Dialect) -> tuple[int, int]:
    """Two classes that frames may have, found by asking for each."""
    judge = dialect.formats[Role.LENS].check
    legal = [class_ for class_ in range(256) if judge(dialect.build_frame(_PROBES[0], class_, 0)) is None]
    if len(legal) < 2:
        raise _unreadable(dialect, "they have no classes")
    return legal[0], legal[1]


def _difference(frame: bytes, other: bytes, what: str, dialect: Dialect) -> int:
    """The first byte in which two frames differ."""
    found = next((at for at, (a, b) in enumerate(zip(frame, other, strict=False)) if a != b), None)
    if found is None:
        raise _unreadable(dialect, f"their {what} is not in front")
    return found


def _is_checked(frame: bytes, payload: bytes, payload_at: int, checksum: Checksum, size: int, start: int) -> bool:
    stop = payload_at + len(payload)
    text = frame[stop : stop + size]
    return len(text) == size and checksum.compute(frame[start:stop]) == int.from_bytes(text, "little")


def _unreadable(dialect: Dialect, why: str) -> DialectError:
    return DialectError(f"no dissector for {dialect.name}: its frames cannot be read by the script: {why}")


def lua_checksum(checksum: Checksum) -> str:
    """The function `checksum(bytes, first, past_end)`, on the helpers of the script."""
    if checksum.name not in _CRCS:
        return (
            "local function checksum(bytes, first, past_end)\n"
            f"  return sum(bytes, first, past_end, {checksum.name.removeprefix('sum')})\nend"
        )
    bits, polynomial, initial, reflected, final = _CRCS[checksum.name]
    return (
        f"-- {checksum.name}\n"
        f"local STEPS = crc_table({bits}, {polynomial:#x}, {_lua(reflected)})\n"
        "local function checksum(bytes, first, past_end)\n"
        f"  return crc(bytes, first, past_end, {bits}, STEPS, {initial:#x}, {_lua(reflected)}, {final:#x})\nend"
    )


def _messages(dialect: Dialect) -> Iterator[str]:
    """One assignment a message; the fields of a message of variable size go as far as their offsets are fixed."""
    for (sender, type_), cls in sorted(dialect.messages.items(), key=lambda item: (item[0][1], item[0][0].value)):
        fields = cls.fields_with(cls.DEFAULT_BLOCKS) if issubclass(cls, SelectableMessage) else cls.FIELDS
        offset, rows = 1 + (2 if cls.PREFIX is not None else 0), list[str]()
        for spec in fields:
            if spec.varies:
                break
            rows.append(f"  {_field(cls, spec, offset)},\n")
            offset += spec.size
        size = "nil" if cls.VARIES or cls.PREFIX is not None else offset
        inside = "\n" + "".join(rows) if rows else ""
        yield (
            f"MESSAGES.{sender.value}[{type_:#04x}] = "
            f"{{ name = {_lua(cls.__name__)}, size = {size}, fields = {{{inside}}} }}"
        )


def _field(cls: type[Message], spec: FieldSpec, offset: int) -> str:
    """What shows one field: its ProtoField, offset, size, and whether it is little-endian."""
    number = _NUMBER.fullmatch(declaration_text(spec.layout) or "")
    kind = f"{'' if number[2] == 's' else 'u'}int{number[1]}" if number else "bytes"
    unit = f" [{spec.unit}]" if spec.unit else ""
    layout = resolve(spec.layout)
    names = f"names.{layout.members.__name__}" if isinstance(layout, OpenEnum) else "nil"
    filter_ = f"{cls.__name__.lower()}.{spec.name}"
    made = ", ".join(map(_lua, (kind, filter_, spec.name + unit, _one_line(spec.meaning))))
    little = number is not None and number[3] == "l"
    return f"{{ field({made}, {names}), {offset}, {spec.size}, {_lua(little)} }}"


def _enumerations(cls: type[Message]) -> Iterable[type[enum.IntEnum]]:
    layouts = (resolve(spec.layout) for spec in cls.FIELDS if not spec.varies)
    return [layout.members for layout in layouts if isinstance(layout, OpenEnum)]


def _names(kind: type[enum.IntEnum]) -> str:
    members = ", ".join(f"[{member.value}] = {_lua(member.name)}" for member in kind)
    return f"  {kind.__name__} = {{ {members} }},"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _lua(value: str | bool) -> str:
    """A value as Lua writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return '"' + "".join(map(_lua_character, value)) + '"'


def _lua_character(character: str) -> str:
    """A character in a string of Lua; controls, which could end a line of the script, as decimal escapes."""
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03}" for byte in character.encode("utf-8", "replace"))
