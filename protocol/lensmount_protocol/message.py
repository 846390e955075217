"""A message is declared once: its fields, their construct layouts, meanings, units and evidence in one class.

```python
@message(0x1D, Role.BODY, Evidence(Proof.CAPTURED, "LEX"))
class FocusMove(Message):
    \"\"\"The body drives the focus group.\"\"\"

    operand: int = field(Int16ul, "target or distance", unit="motor steps")
    flags: int = field(Int8ub, "unit, relative, wait", default=0)
```

Everything else derives from that: the dataclass, the construct `LAYOUT`, the functions that read and build it,
descriptions and strategies. The layouts may be construct's own objects, or the same words from
`lensmount_protocol.deferred`, which do not import construct before somebody asks for it.
"""

import dataclasses
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, ClassVar, Self, TypeVar, cast, dataclass_transform

from lensmount_protocol.codec.codecs import MessageCodec, make_codec
from lensmount_protocol.deferred import Bytes, GreedyBytes, Int16ul, known_size
from lensmount_protocol.errors import FrameError
from lensmount_protocol.evidence import Evidence
from lensmount_protocol.wire import Role

TYPE_BYTE_SIZE = 1


@dataclasses.dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a message, as its declaration says it.

    Attributes:
        name: the attribute's name.
        layout: its construct, perhaps as a deferred word (`lensmount_protocol.deferred.resolve` gives the construct).
        offset: where it starts, in bytes after the type byte, with every block present; fields whose size varies are
            counted as empty.
        size: bytes on the wire; 0 where it varies.
        varies: whether the size depends on the bytes.
        meaning: what it says, in words.
        unit: of the number; `""` where it has none.
        evidence: of this field where it differs from the message's.
        show: turns a value into text for people; `None` for the plain number.
        block: 1-based number of the selectable block that holds it; 0 where the message has no blocks.
        headline: whether a story that has one line for the message tells it.
    """

    name: str
    layout: Any
    offset: int
    size: int
    varies: bool
    meaning: str
    unit: str
    evidence: Evidence | None
    show: Callable[[Any], str] | None
    block: int
    headline: bool


def field(
    layout: Any,
    meaning: str,
    *,
    default: Any = 0,
    unit: str = "",
    evidence: Evidence | None = None,
    show: Callable[[Any], str] | None = None,
    block: int = 0,
    headline: bool = False,
) -> Any:
    """Declare one field: its construct, what it means, and how that is known.

    A default that can be changed in place (a list, a dictionary) is copied for each message.
    """
    size = known_size(layout)
    if size is None:
        size = cast("int | None", import_module("lensmount_protocol.interpreted").fixed_size(layout))
    spec = FieldSpec("", layout, 0, size or 0, size is None, meaning, unit, evidence, show, block, headline)
    if isinstance(default, list | dict):
        kept = cast("list[Any] | dict[str, Any]", default)
        return dataclasses.field(default_factory=lambda: kept.copy(), metadata={"spec": spec})
    return dataclasses.field(default=default, metadata={"spec": spec})


def unknown_bytes(size: int, *, default: bytes | None = None, meaning: str = "unknown", block: int = 0) -> Any:
    """Declare bytes that nobody understands yet; they round-trip unchanged and are shown as unknown."""
    return field(Bytes(size), meaning, default=bytes(size) if default is None else default, block=block)


class _Layout:
    """The construct of a class's fields, made when somebody asks for it."""

    def __get__(self, instance: object, owner: "type[Message]") -> Any:
        layout = import_module("lensmount_protocol.interpreted").struct_of(owner.FIELDS, owner.PREFIX)
        owner.LAYOUT = layout
        return layout


class Message:
    """A typed payload; subclasses are declared with `@message`.

    Attributes:
        TYPE: the type byte.
        SENDER: the end that sends it.
        EVIDENCE: how the message is known.
        FIELDS: its fields in wire order.
        LAYOUT: the construct of everything after the type byte.
        SIZE: bytes on the wire, type byte included, with every block present; of a message that varies, the bytes of
            its other fields.
        VARIES: whether the size depends on the bytes.
        PREFIX: what says the size of the rest behind the type byte; `None` where only tables know it.
    """

    __slots__ = ()

    TYPE: ClassVar[int]
    SENDER: ClassVar[Role]
    EVIDENCE: ClassVar[Evidence]
    FIELDS: ClassVar[tuple[FieldSpec, ...]]
    LAYOUT: ClassVar[Any]
    SIZE: ClassVar[int]
    VARIES: ClassVar[bool]
    PREFIX: ClassVar[Any] = None
    CODECS: ClassVar[dict[int, MessageCodec]]

    @classmethod
    def codec(cls) -> MessageCodec:
        """How the message is read and built; made on first use."""
        if 0 not in cls.CODECS:
            cls.CODECS[0] = make_codec(cls, cls.FIELDS, {}, cls.__name__)
        return cls.CODECS[0]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The message that `data` (type byte included, nothing behind it) says.

        Raises:
            FrameError: `data` has another type byte or size than the message, or a field cannot be read.
        """
        return cast("Self", parse_whole(cls, cls.codec(), data, ""))

    def build(self) -> bytes:
        """The bytes that say this message, type byte first.

        Raises:
            FrameError: a field holds a value that does not fit its layout.
        """
        build = self.codec().build
        # From now on the class has the function itself, without this detour.
        setattr(type(self), "build", build)  # noqa: B010
        return build(self)

    def values(self) -> dict[str, Any]:
        """The fields by name, in wire order."""
        return {spec.name: getattr(self, spec.name) for spec in self.FIELDS}


class SizedMessage(Message):
    """A message that says its own size, so that whoever does not know it can step over it.

    Fields that came with a later revision are declared as `Optional` behind the others: an older peer leaves them out,
    and they are `None`. What a newer peer says behind the last field is kept in `tail` and goes out again unchanged.

    Attributes:
        tail: bytes behind the last field that this revision knows.
    """

    __slots__ = ()

    PREFIX: ClassVar[Any] = Int16ul
    tail: bytes


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


def parse_whole(cls: type[Message], codec: MessageCodec, data: bytes, which: str) -> Message:
    """The message that is all of `data`.

    Args:
        cls: the message class.
        codec: of the selection in force.
        data: type byte included.
        which: words behind the class's name in errors.

    Raises:
        FrameError: another type byte or size, or a field cannot be read.
    """
    if not data or data[0] != cls.TYPE:
        raise FrameError(f"no {cls.__name__}: type byte is not {cls.TYPE:#04x}")
    size = len(data)
    if codec.size is not None and codec.size != size:
        raise FrameError(f"{cls.__name__}{which} takes {codec.size} bytes, not {size}", offset=min(size, codec.size))
    message, stop = read_message(codec, data, 0, size)
    if stop != size:
        raise FrameError(f"{cls.__name__}{which} ends before {size - stop} of its bytes", offset=stop)
    return message


def read_message(codec: MessageCodec, data: bytes, at: int, end: int) -> tuple[Message, int]:
    """The message at `at` and where it ends; what generated code does not take, construct is asked about.

    Raises:
        FrameError: there is none.
    """
    try:
        return codec.read(data, at, end)
    except FrameError:
        raise
    except Exception:
        return codec.ask(data, at, end)


M = TypeVar("M", bound=Message)


# Without field specifiers a checker takes what `field` gives for the default value, which every field has.
@dataclass_transform()
def message(type_: int, sender: Role, evidence: Evidence) -> Callable[[type[M]], type[M]]:
    """Declare a message: make the class a slotted dataclass and derive the rest from its fields."""

    def declare(cls: type[M]) -> type[M]:
        if issubclass(cls, SizedMessage):
            cls.__annotations__["tail"] = bytes
            cls.tail = field(GreedyBytes, "bytes of a later revision", default=b"")
        made = dataclasses.dataclass(slots=True)(cls)
        made.TYPE, made.SENDER, made.EVIDENCE = type_, sender, evidence
        made.FIELDS = tuple(laid_out(made))
        made.LAYOUT = _Layout()
        made.SIZE = TYPE_BYTE_SIZE + (known_size(made.PREFIX) or 0) + sum(spec.size for spec in made.FIELDS)
        made.VARIES = any(spec.varies for spec in made.FIELDS)
        made.CODECS = {}
        return made

    return declare


def laid_out(cls: type[Any]) -> Iterable[FieldSpec]:
    """The fields that a dataclass declares with `field`, with their names and offsets."""
    offset = 0
    for declared in dataclasses.fields(cls):
        spec = declared.metadata.get("spec")
        if isinstance(spec, FieldSpec):
            yield dataclasses.replace(spec, name=declared.name, offset=offset)
            offset += spec.size
