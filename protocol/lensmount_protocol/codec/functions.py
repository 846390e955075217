"""A message's declared fields as the source of the functions that read and build it.

The source is one function, named after the message, that takes the class and what asks construct to build, and gives
three things:

- of a message of fixed size: how to unpack its struct, how to make a message of what that gives, and how to build;
- of any other: `None`, how to read it from bytes (giving the message and where it ends), and how to build.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from lensmount_protocol.codec.building import Building
from lensmount_protocol.codec.conversions import put
from lensmount_protocol.codec.reading import Reading
from lensmount_protocol.codec.scribe import Scribe
from lensmount_protocol.codec.slots import Slot, slot_of, struct_of_slots
from lensmount_protocol.deferred import resolve

if TYPE_CHECKING:
    from lensmount_protocol.message import FieldSpec, Message

MANY_FIELDS = 8
FEW_CONVERSIONS = 3
"""A message with more fields than the first, of which at most one in the second needs a conversion, is made first and
corrected behind that: passing sixty values through one more call costs more than setting five of them again."""


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
    if len(slots) == len(found):
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
    unpack = scribe.unpack_from(f"{code[0]}x{code[1:]}")
    pack = scribe.pack(f"{code[0]}B{code[1:]}")
    encoded = [put(slot.encode, f"message.{spec.name}") for spec, slot in zip(fields, slots, strict=True)]
    values = ", ".join([hex(cls.TYPE), *encoded])
    build = ["def build(message):", *_asking([f"return {pack}({values})"])]
    return [*_maker(cls, fields, slots, fixed), *build, f"return {unpack}, make, build"], 1 + sum(
        slot.size for slot in slots
    )


def _maker(cls: "type[Message]", fields: "Sequence[FieldSpec]", slots: list[Slot], fixed: dict[str, Any]) -> list[str]:
    converted = [(spec, slot) for spec, slot in zip(fields, slots, strict=True) if slot.decode != "{v}"]
    names = [spec.name for spec in fields]
    in_front = [known.name for known in dataclasses.fields(cast("Any", cls))][: len(names)] == names
    behind = "".join(f", {name}={value!r}" for name, value in fixed.items())
    if in_front and not converted and not fixed:
        return ["make = cls"]
    if in_front and (not converted or len(fields) > max(MANY_FIELDS, FEW_CONVERSIONS * len(converted))):
        corrected = (
            f"    message.{spec.name} = {put(slot.decode, f'message.{spec.name}')}" for spec, slot in converted
        )
        return ["def make(*values):", f"    message = cls(*values{behind})", *corrected, "    return message"]
    decoded = [put(slot.decode, f"{spec.name}_") for spec, slot in zip(fields, slots, strict=True)]
    if not in_front:
        decoded = [f"{name}={value}" for name, value in zip(names, decoded, strict=True)]
    parameters = ", ".join(f"{name}_" for name in names)
    return [f"def make({parameters}):", f"    return cls({', '.join(decoded)}{behind})"]


def _any_size(
    cls: "type[Message]", fields: "Sequence[FieldSpec]", layouts: list[Any], fixed: dict[str, Any], scribe: Scribe
) -> list[str]:
    pairs: list[tuple[str | None, Any]] = [(spec.name, layout) for spec, layout in zip(fields, layouts, strict=True)]
    reading, building = Reading(scribe), Building(scribe, indent=0)
    values = reading.fields(pairs)
    named = [f"{spec.name}={value}" for spec, value in zip(fields, values, strict=True)]
    named += [f"{name}={value!r}" for name, value in fixed.items()]
    building.fields(pairs, [f"message.{spec.name}" for spec in fields], head=("B", hex(cls.TYPE)))
    return [
        "def read(data, at, end):",
        "    p = at + 1",
        *reading.lines,
        f"    return cls({', '.join(named)}), p",
        "def build(message):",
        *_asking(["parts = []; add = parts.append", *building.lines, "return b''.join(parts)"]),
        "return None, read, build",
    ]


def _asking(body: list[str]) -> list[str]:
    """A building function's body; where it ends in an error of any kind, construct is asked."""
    return ["    try:", *(f"        {line}" for line in body), "    except Exception:", "        return ask(message)"]
