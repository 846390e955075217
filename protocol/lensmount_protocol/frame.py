"""What a stream of bytes turns out to be: frames, padding behind them, and garbage with its reason."""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast


class GarbageReason(enum.Enum):
    """Why bytes are no frame."""

    NO_START = "no start byte"
    LENGTH = "length out of range"
    CLASS = "unknown class"
    CHECKSUM = "wrong checksum"
    END = "wrong end byte"
    WINDOW_CLOSED = "window closed inside the frame"
    SILENCE = "line fell silent inside the frame"
    SOURCE_ENDED = "source ended inside the frame"


@dataclass(slots=True)
class Frame:
    """A frame whose length, checksum and end are right.

    Attributes:
        raw: all its bytes.
        offset: of its first byte in the stream.
        class_: the frame's class, as the dialect numbers them.
        sequence: the sequence number.
        inside: where the payload lies in `raw`.
        said: what the payload says, or what reads it when somebody asks; `None` from a plain framer.
    """

    raw: bytes
    offset: int
    class_: int
    sequence: int
    inside: slice
    said: "list[Any] | Callable[[bytes], list[Any]] | None" = field(default=None, repr=False, compare=False)

    @property
    def payload(self) -> bytes:
        """The bytes between header and checksum."""
        return self.raw[self.inside]

    @property
    def messages(self) -> "list[Any]":
        """What the payload says, as the reader that found the frame reads it; empty from a plain framer."""
        said: Any = self.said
        if not isinstance(said, list):
            self.said = said = [] if said is None else said(self.payload)
        return cast("list[Any]", said)


@dataclass(slots=True)
class Garbage:
    """A run of bytes that belong to no frame.

    Attributes:
        data: the bytes.
        offset: of the first one in the stream.
        reason: why the run began.
    """

    data: bytes
    offset: int
    reason: GarbageReason


@dataclass(slots=True)
class Padding:
    """Bytes that a sender clocks behind a frame, which the dialect says to ignore."""

    data: bytes
    offset: int


FrameEvent = Frame | Garbage | Padding


class FrameFormat(Protocol):
    """What a dialect says of one direction's frames; the framer asks nothing else.

    Attributes:
        start: value of the first byte.
        header_size: bytes that must be there before the length is known.
        largest: bytes of the largest legal frame; it bounds how long a false start can hold the line.
        longest_padding: bytes that the sender may clock behind a frame in one window; 0 where it never pads.
    """

    @property
    def start(self) -> int:
        """See the class."""
        ...

    @property
    def header_size(self) -> int:
        """See the class."""
        ...

    @property
    def largest(self) -> int:
        """See the class."""
        ...

    @property
    def longest_padding(self) -> int:
        """See the class."""
        ...

    def measure(self, header: bytes, /) -> int | GarbageReason:
        """The frame's total length in bytes, or why this header begins no frame."""
        ...

    def judge(self, candidate: bytes, /) -> GarbageReason | None:
        """Why a candidate of the right length is no frame; `None` where it is one."""
        ...

    def open(self, candidate: bytes, offset: int, /) -> Frame:
        """The parts of a candidate that `judge` accepted."""
        ...
