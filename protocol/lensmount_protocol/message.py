"""A message is declared once: its fields, their construct layouts, meanings, units and evidence in one class.

```python
@message(0x1D, Role.BODY, Evidence(Proof.CAPTURED, "LEX"))
class FocusMove(Message):
    \"\"\"The body drives the focus group.\"\"\"

    operand: int = field(Int16ul, "target or distance", unit="motor steps")
    flags: int = field(Int8ub, "unit, relative, wait", default=0)
```

Everything else derives from that: the dataclass, the construct `LAYOUT`, the codec, descriptions and strategies.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from construct import Bytes, Construct, ConstructError, Struct

from lensmount_protocol.errors import FrameError
from lensmount_protocol.evidence import Evidence
from lensmount_protocol.wire import Role

TYPE_BYTE_SIZE = 1


@dataclasses.dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a message, as its declaration says it.

    Attributes:
        name: the attribute's name.
        layout: its construct.
        offset: where it starts, in bytes after the type byte, with every block present.
        size: bytes on the wire.
        meaning: what it says, in words.
        unit: of the number; `""` where it has none.
        evidence: of this field where it differs from the message's.
        show: turns a value into text for people; `None` for the plain number.
        block: 1-based number of the selectable block that holds it; 0 where the message has no blocks.
        headline: whether a story that has one line for the message tells it.
    """

    name: str
    layout: "Construct[Any, Any]"
    offset: int
    size: int
    meaning: str
    unit: str
    evidence: Evidence | None
    show: Callable[[Any], str] | None
    block: int
    headline: bool


def field(
    layout: "Construct[Any, Any]",
    meaning: str,
    *,
    default: Any = 0,
    unit: str = "",
    evidence: Evidence | None = None,
    show: Callable[[Any], str] | None = None,
    block: int = 0,
    headline: bool = False,
) -> Any:
    """Declare one field of a message: how it stands on the wire, what it means, and how that is known."""
    spec = FieldSpec("", layout, 0, layout.sizeof(), meaning, unit, evidence, show, block, headline)
    return dataclasses.field(default=default, metadata={"spec": spec})


def unknown_bytes(size: int, *, default: bytes | None = None, meaning: str = "unknown", block: int = 0) -> Any:
    """Declare bytes that nobody understands yet; they round-trip unchanged and are shown as unknown."""
    return field(Bytes(size), meaning, default=bytes(size) if default is None else default, block=block)


class Message:
    """A typed payload; subclasses are declared with `@message`.

    Attributes:
        TYPE: the type byte.
        SENDER: the end that sends it.
        EVIDENCE: how the message is known.
        FIELDS: its fields in wire order.
        LAYOUT: the construct of everything after the type byte.
        SIZE: bytes on the wire, type byte included, with every block present.
    """

    __slots__ = ()

    TYPE: ClassVar[int]
    SENDER: ClassVar[Role]
    EVIDENCE: ClassVar[Evidence]
    FIELDS: ClassVar[tuple[FieldSpec, ...]]
    LAYOUT: ClassVar["Construct[Any, Any]"]
    SIZE: ClassVar[int]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The message that `data` (type byte included, nothing behind it) says.

        Raises:
            FrameError: `data` has another type byte or size than the message, or a field cannot be read.
        """
        if not data or data[0] != cls.TYPE:
            raise FrameError(f"no {cls.__name__}: type byte is not {cls.TYPE:#04x}")
        if len(data) != cls.SIZE:
            raise FrameError(f"{cls.__name__} takes {cls.SIZE} bytes, not {len(data)}", offset=min(len(data), cls.SIZE))
        return cls(**parse_fields(cls, cls.LAYOUT, data))

    def build(self) -> bytes:
        """The bytes that say this message, type byte first.

        Raises:
            FrameError: a field holds a value that does not fit its layout.
        """
        return build_fields(self, self.LAYOUT, self.FIELDS)

    def values(self) -> dict[str, Any]:
        """The fields by name, in wire order."""
        return {spec.name: getattr(self, spec.name) for spec in self.FIELDS}


@dataclasses.dataclass(slots=True)
class Unknown:
    """Bytes of a payload that no declaration explains; they round-trip unchanged.

    Attributes:
        data: the bytes, type byte first.
        reason: why they have no type.
    """

    data: bytes
    reason: str

    def build(self) -> bytes:
        """The bytes, unchanged."""
        return self.data


def parse_fields(cls: type[Message], layout: "Construct[Any, Any]", data: bytes) -> dict[str, Any]:
    """The fields that `layout` finds behind the type byte of `data`, as keyword arguments of the message."""
    try:
        container = layout.parse(data[TYPE_BYTE_SIZE:])
    except ConstructError as error:
        raise FrameError(f"{cls.__name__}: {_reason(error)}", offset=TYPE_BYTE_SIZE, path=error.path or "") from error
    return {name: value for name, value in container.items() if not name.startswith("_")}


def build_fields(message_: Message, layout: "Construct[Any, Any]", fields: Iterable[FieldSpec]) -> bytes:
    """The type byte and the given fields of a message, written by `layout`."""
    values = {spec.name: getattr(message_, spec.name) for spec in fields}
    try:
        return bytes((message_.TYPE,)) + layout.build(values)
    except (ConstructError, TypeError, ValueError) as error:
        path = getattr(error, "path", None) or ""
        raise FrameError(f"{type(message_).__name__}: {_reason(error)}", offset=TYPE_BYTE_SIZE, path=path) from error


def struct_of(fields: Iterable[FieldSpec]) -> "Construct[Any, Any]":
    """The construct of these fields, in this order."""
    return Struct(*(spec.name / spec.layout for spec in fields))


M = TypeVar("M", bound=Message)


# Without field specifiers a checker takes what `field` gives for the default value, which every field has.
@dataclass_transform()
def message(type_: int, sender: Role, evidence: Evidence) -> Callable[[type[M]], type[M]]:
    """Declare a message: make the class a slotted dataclass and derive its construct from its fields."""

    def declare(cls: type[M]) -> type[M]:
        made = dataclasses.dataclass(slots=True)(cls)
        made.TYPE, made.SENDER, made.EVIDENCE = type_, sender, evidence
        made.FIELDS = tuple(_laid_out(dataclasses.fields(made)))  # type: ignore[arg-type]
        made.LAYOUT = struct_of(made.FIELDS)
        made.SIZE = TYPE_BYTE_SIZE + sum(spec.size for spec in made.FIELDS)
        return made

    return declare


def _laid_out(fields: "Iterable[dataclasses.Field[Any]]") -> Iterable[FieldSpec]:
    offset = 0
    for declared in fields:
        spec = declared.metadata.get("spec")
        if isinstance(spec, FieldSpec):
            yield dataclasses.replace(spec, name=declared.name, offset=offset)
            offset += spec.size


def _reason(error: Exception) -> str:
    # construct's text repeats the path on a line of its own; an error here is one line.
    lines = [line for line in str(error).splitlines() if line and not line.startswith("Error in path")]
    return lines[0] if lines else type(error).__name__
