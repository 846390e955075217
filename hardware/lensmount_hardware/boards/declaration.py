"""How a message between host and board is declared: a class with its type, its sender and a construct layout."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, Self, cast

from construct import ConstructError, Int8ul, Struct

from lensmount_protocol.errors import FrameError

HEAD = Struct(
    "type" / Int8ul * "which message",
    "sequence" / Int8ul * "counts the sender's frames, modulo 256",
)
"""What every message begins with."""

HEAD_SIZE = 2


@dataclass(frozen=True, slots=True)
class BoardMessage:
    """What host and board say to each other; subclasses have one field for each of their layout.

    Attributes:
        TYPE: its type byte: below 0x80 the host's, from there on the board's.
        LAYOUT: its fields behind the head.
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
class Place:
    """Where a field lies.

    Attributes:
        name: the field's.
        offset: bytes from the start of what holds it.
        size: bytes; `None` where it takes the rest, or as many as a count says.
        meaning: one line.
    """

    name: str
    offset: int
    size: int | None
    meaning: str


def places(layout: Any, start: int = 0) -> Iterator[Place]:
    """The fields of a struct in their order, as far as their offsets are fixed."""
    offset = start
    for sub in layout.subcons:
        if sub.name is None:
            continue
        size = _size_of(sub)
        yield Place(sub.name, offset, size, sub.docs)
        if size is None:
            return
        offset += size


def _size_of(layout: Any) -> int | None:
    try:
        return int(layout.sizeof())
    except ConstructError:
        return None


def fixed_size(layout: Any, start: int = 0) -> int:
    """Bytes in front of the first field whose size is not fixed, or of the whole where all are."""
    return start + sum(place.size or 0 for place in places(layout, start))
