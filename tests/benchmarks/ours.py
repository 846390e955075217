"""lensmount on the workload: its messages declared as any dialect declares them, and its public calls around them."""

import dataclasses
from collections.abc import Callable
from typing import Any

from benchmarks.codec import Codec
from benchmarks.workload import APERTURE_COMMAND, BLOB, FOCUS_STATE, LENS_STATUS, LONGEST_FRAME, PING, STEP, Plain
from lensmount_protocol.codec.lazy_construct import GreedyBytes, Int8ub, Int16sl, Int16ul
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, GarbageReason
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, field, message
from lensmount_protocol.payload import message_table
from lensmount_protocol.wire import Role

_MADE_UP = Evidence(EvidenceLevel.MODELLED, "made up to be measured")


@message(LENS_STATUS, Role.LENS, _MADE_UP)
class LensStatus(Message):
    """25 bytes."""

    aperture: int = field(Int16ul, "a number")
    aperture_target: int = field(Int16ul, "a number")
    aperture_min: int = field(Int16ul, "a number")
    aperture_max: int = field(Int16ul, "a number")
    focus_position: int = field(Int16ul, "a number")
    focus_distance: int = field(Int16ul, "a number")
    focal_length: int = field(Int16ul, "a number")
    zoom_position: int = field(Int16ul, "a number")
    gyro_x: int = field(Int16sl, "a number")
    gyro_y: int = field(Int16sl, "a number")
    temperature: int = field(Int8ub, "a number")
    focus_state: int = field(Int8ub, "a number")
    status: int = field(Int8ub, "a number")
    errors: int = field(Int8ub, "a number")


@message(APERTURE_COMMAND, Role.LENS, _MADE_UP)
class ApertureCommand(Message):
    """6 bytes."""

    flags: int = field(Int8ub, "a number")
    target: int = field(Int16ul, "a number")
    speed: int = field(Int16sl, "a number")


@message(FOCUS_STATE, Role.LENS, _MADE_UP)
class FocusState(Message):
    """11 bytes."""

    position: int = field(Int16ul, "a number")
    velocity: int = field(Int16sl, "a number")
    flags: int = field(Int8ub, "a number")
    state: int = field(Int8ub, "a number")
    near_limit: int = field(Int16ul, "a number")
    far_limit: int = field(Int16ul, "a number")


@message(STEP, Role.LENS, _MADE_UP)
class Step(Message):
    """2 bytes."""

    value: int = field(Int8ub, "a number")


@message(PING, Role.LENS, _MADE_UP)
class Ping(Message):
    """The type byte alone."""


@message(BLOB, Role.LENS, _MADE_UP)
class Blob(Message):
    """The rest of its frame."""

    content: bytes = field(GreedyBytes, "bytes", default=b"")


_CLASSES: dict[int, type[Message]] = {
    cls.TYPE: cls for cls in (LensStatus, ApertureCommand, FocusState, Step, Ping, Blob)
}
_FORMAT = dataclasses.replace(EMOUNT.formats[Role.LENS], max_size=LONGEST_FRAME)  # type: ignore[type-var]

DIALECT: Dialect = dataclasses.replace(
    EMOUNT,
    name="workload",
    messages=message_table(list(_CLASSES.values())),
    formats=dict.fromkeys(Role, _FORMAT),
    selecting=frozenset(),
)
"""The workload's frames are those of the E-mount; its messages are its own."""

parse = FrameParser(DIALECT, Role.LENS, DIALECT.payload_parser()).parse
"""Read a whole frame."""

build = _FORMAT.build_messages
"""Build a whole frame of class, sequence and messages."""


def emount_parser() -> Callable[[Role, bytes], list[Any]]:
    """Reads whole frames of the E-mount, of either end, to their messages."""
    paving = EMOUNT.payload_parser()
    readers = {role: FrameParser(EMOUNT, role, paving).parse for role in Role}
    return lambda sender, data: readers[sender](data).messages


class Stream:
    """Finds frames in chunks of bytes and reads them."""

    def __init__(self) -> None:
        self._reader = FrameParser(DIALECT, Role.LENS, DIALECT.payload_parser())
        self.feed = self._reader.receive

    def close(self) -> list[Any]:
        """No more bytes will come."""
        return self._reader.close(GarbageReason.SOURCE_ENDED)


def sequence_of(read: Frame) -> int:
    """The number of a frame."""
    return read.sequence


def plain(read: Frame) -> Plain:
    """What a frame says."""
    said = [(message_.TYPE, tuple(message_.values().values())) for message_ in read.messages]
    return read.class_, read.sequence, said


def messages_of(said: Plain) -> list[Any]:
    """The messages that say this."""
    return [_CLASSES[type_](*values) for type_, values in said[2]]  # type: ignore[arg-type]


CODEC = Codec("ours", parse, plain, build, messages_of, Stream)
