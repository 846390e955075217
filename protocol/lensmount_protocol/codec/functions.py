"""A message's declared fields as the source of the functions that read and build it.

The source is one function, named after the message, that takes the class and what asks construct to build, and gives
three things: whether the message is one struct, how to read it, and how to build it. One struct is read by
`(data, at)`, and whoever calls has made sure that its bytes are there; any other message by `(data, at, end)`, which
gives the message and where it ends.

Messages are made without calling their class: a `struct` unpacked straight into the attributes takes half the time of
a dataclass's own `__init__`.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from lensmount_protocol.codec.building import Building
from lensmount_protocol.codec.conversions import put
from lensmount_protocol.codec.reading import Reading
from lensmount_protocol.codec.scribe import NotCovered, Scribe
from lensmount_protocol.codec.slots import Slot, slot_of, struct_of_slots
from lensmount_protocol.deferred import resolve

if TYPE_CHECKING:
    from lensmount_protocol.message import FieldSpec, Message


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Generated source.

    Attributes:
        text: the function described above.
        objects: name -> object that the text refers to and that has no source of its own.
        size: bytes on the wire, type byte included; `None` where it depends on the bytes.
    """

    text: str
    objects: dict[str, object]
    size: int | None


def source_of_message(cls: "type[Message]", fields: "Sequence[FieldSpec]", fixed: dict[str, Any], name: str) -> Source:
    """The source of a message's functions.

    Args:
        cls: the message class.
        fields: those of its fields that are on the wire.
        fixed: name -> value of fields that are not on the wire and get another value than their default.
        name: of the function.

    Raises:
        NotCovered: a field's construct is of a kind that no source is written for.
    """
    scribe = Scribe()
    layouts = [resolve(spec.layout) for spec in fields]
    found = [slot_of(layout, scribe) for layout in layouts]
    slots = [slot for slot in found if slot is not None]
    if len(slots) == len(found) and cls.PREFIX is None:
        body, size = _fixed_size(cls, fields, slots, fixed, scribe)
    else:
        scribe = Scribe()
        body, size = _any_size(cls, fields, layouts, fixed, scribe), None
    lines = [f"def {name}(cls, ask):", *(f"    {line}" for line in [*scribe.lines, *body])]
    return Source("\n".join(lines) + "\n", scribe.objects, size)


def _fixed_size(
    cls: "type[Message]", fields: "Sequence[FieldSpec]", slots: list[Slot], fixed: dict[str, Any], scribe: Scribe
) -> tuple[list[str], int]:
    code, slots = struct_of_slots(slots, scribe)
    places = [f"message.{spec.name}" for spec in fields]
    pack = scribe.pack(f"{code[0]}B{code[1:]}")
    values = [put(slot.encode, place) for place, slot in zip(places, slots, strict=True)]
    taken = [f"{', '.join(places)}, = {scribe.unpack_from(f'{code[0]}x{code[1:]}')}(data, at)"] if places else []
    converted = [
        f"{place} = {put(slot.decode, place)}"
        for place, slot in zip(places, slots, strict=True)
        if slot.decode != "{v}"
    ]
    body = [
        "def read(data, at):",
        "    message = new(cls)",
        *(f"    {line}" for line in [*taken, *converted, *_absent(cls, fields, fixed, scribe)]),
        "    return message",
        "def build(message):",
        *_asking([f"return {pack}({', '.join([hex(cls.TYPE), *values])})"]),
        "return True, read, build",
    ]
    return body, 1 + sum(slot.size for slot in slots)


def _absent(cls: "type[Message]", fields: "Sequence[FieldSpec]", fixed: dict[str, Any], scribe: Scribe) -> list[str]:
    """What gives the attributes a value that are not on the wire: messages are made without their `__init__`."""
    there = {spec.name for spec in fields}
    lines: list[str] = []
    for known in dataclasses.fields(cast("Any", cls)):
        if known.name in fixed:
            lines.append(f"message.{known.name} = {fixed[known.name]!r}")
        elif known.name not in there:
            made = known.default is dataclasses.MISSING
            source = f"cls.__dataclass_fields__[{known.name!r}].{'default_factory' if made else 'default'}"
            lines.append(f"message.{known.name} = {scribe.constant('usual', source)}{'()' if made else ''}")
    if hasattr(cls, "__post_init__"):
        lines.append("message.__post_init__()")
    return lines


def _any_size(
    cls: "type[Message]", fields: "Sequence[FieldSpec]", layouts: list[Any], fixed: dict[str, Any], scribe: Scribe
) -> list[str]:
    pairs: list[tuple[str | None, Any]] = [(spec.name, layout) for spec, layout in zip(fields, layouts, strict=True)]
    reading, building = Reading(scribe), Building(scribe, indent=0)
    prefix = None if cls.PREFIX is None else resolve(cls.PREFIX)
    values = reading.fields(pairs) if prefix is None else reading.prefixed(prefix, pairs)
    given = [f"message.{spec.name} = {value}" for spec, value in zip(fields, values, strict=True)]
    places = [f"message.{spec.name}" for spec in fields]
    whole = ["parts = []; add = parts.append"]
    if prefix is None:
        building.fields(pairs, places, head=("B", hex(cls.TYPE)))
        whole += [*building.lines, "return b''.join(parts)"]
    else:
        building.fields(pairs, places)
        whole += [*building.lines, "data = b''.join(parts)", f"return {_headed(cls, prefix, scribe)} + data"]
    return [
        "def read(data, at, end):",
        "    p = at + 1",
        *reading.lines,
        "    message = new(cls)",
        *(f"    {line}" for line in [*given, *_absent(cls, fields, fixed, scribe)]),
        "    return message, p",
        "def build(message):",
        *_asking(whole),
        "return False, read, build",
    ]


def _headed(cls: "type[Message]", prefix: Any, scribe: Scribe) -> str:
    """Source of the type byte and the size behind it."""
    slot = slot_of(prefix, scribe)
    if slot is None or slot.decode != "{v}":
        raise NotCovered("a size that is no plain integer")
    return f"{scribe.pack(f'{slot.order or chr(60)}B{slot.code}')}({cls.TYPE:#x}, len(data))"


def _asking(body: list[str]) -> list[str]:
    """A building function's body; where it ends in an error of any kind, construct is asked."""
    return ["    try:", *(f"        {line}" for line in body), "    except Exception:", "        return ask(message)"]
