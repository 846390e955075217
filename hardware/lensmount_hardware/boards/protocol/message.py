"""The base class of messages between host and board: each declares its type, its sender and a construct layout."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, Self, cast

from construct import ConstructError, Int8ul, Struct

from lensmount_protocol.errors import FrameError

HEAD = Struct(
    "type" / Int8ul * "which message",
    "sequence" / Int8ul * "counts the sender's frames, modulo 256",
)
"""The start of every message."""

HEAD_SIZE = 2


@dataclass(frozen=True, slots=True)
class BoardMessage:
    """A message between host and board; subclasses have one attribute for each field of their layout.

    Attributes:
        TYPE: its type byte: below 0x80 the host's, from there on the board's.
        LAYOUT: its fields after the head.
        QUEUED: whether it spends credit.
    """

    TYPE: ClassVar[int]
    LAYOUT: ClassVar[Any]
    QUEUED: ClassVar[bool] = False

    def build(self) -> bytes:
        """The fields' bytes, without head and checksum.

        Raises:
            FrameError: a value that its field cannot hold.
        """
        values = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        try:
            return bytes(self.LAYOUT.build(values))
        except ConstructError as error:
            raise FrameError(f"{type(self).__name__} cannot be built: {_first_line(error)}") from error

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the fields' bytes.

        Raises:
            FrameError: too short, too long, or a value that makes no sense.
        """
        try:
            values = cls.LAYOUT.parse(data)
        except ConstructError as error:
            raise FrameError(f"{cls.__name__} does not parse: {_first_line(error)}", offset=HEAD_SIZE) from error
        return cls(**{field.name: values[field.name] for field in fields(cls)})


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__


@dataclass(frozen=True, slots=True)
class FieldOffset:
    """The place of a field.

    Attributes:
        name: the field's name.
        offset: bytes from the start of the message or structure.
        size: bytes; `None` where it takes the rest, or where a count gives its size.
        meaning: one line.
    """

    name: str
    offset: int
    size: int | None
    meaning: str


def field_offsets(layout: Any, start: int = 0) -> Iterator[FieldOffset]:
    """The fields of a struct in their order, as far as their offsets are fixed."""
    offset = start
    for sub in layout.subcons:
        if sub.name is None:
            continue
        size = _field_size(sub)
        yield FieldOffset(sub.name, offset, size, sub.docs)
        if size is None:
            return
        offset += size


def _field_size(layout: Any) -> int | None:
    try:
        return int(layout.sizeof())
    except ConstructError:
        return None


def fixed_size(layout: Any, start: int = 0) -> int:
    """Return the bytes before the first field of variable size, or of the whole where all sizes are fixed."""
    return start + sum(place.size or 0 for place in field_offsets(layout, start))
