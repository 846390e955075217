"""lensmount on the workload: its messages declared as any dialect declares them, and its public calls around them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from construct import Int8ub, Int16sl, Int16ul

from benchmarks.codec import Codec
from benchmarks.workload import APERTURE_COMMAND, BLOB, FOCUS_STATE, LENS_STATUS, LONGEST_FRAME, PING, STEP, Plain
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.evidence import Evidence, Proof
from lensmount_protocol.frame import Frame, GarbageReason
from lensmount_protocol.framer import Framer
from lensmount_protocol.message import Message, Unknown, field, message
from lensmount_protocol.paving import build_payload, message_table
from lensmount_protocol.wire import Role

_MADE_UP = Evidence(Proof.MODELLED, "made up to be measured")


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


# The one place that treats the blob by hand: nothing can be declared yet that takes the rest of a payload, so it is
# read as bytes that no table explains, which are its type byte and the rest.
def _blob(data: bytes) -> Unknown:
    return Unknown(bytes((BLOB,)) + data, "a blob")


_CLASSES: dict[int, type[Message]] = {cls.TYPE: cls for cls in (LensStatus, ApertureCommand, FocusState, Step, Ping)}
_FORMAT = dataclasses.replace(EMOUNT.formats[Role.LENS], largest=LONGEST_FRAME)  # type: ignore[type-var]

DIALECT: Dialect = dataclasses.replace(
    EMOUNT, name="workload", messages=message_table(list(_CLASSES.values())), formats=dict.fromkeys(Role, _FORMAT)
)
"""The workload's frames are those of the E-mount; its messages are its own."""

_PAVING = DIALECT.paving()
_build_frame = DIALECT.build_frame

Read = tuple[int, int, Sequence[Any]]


def parse(data: bytes) -> Read:
    """Read a whole frame.

    Raises:
        ValueError: it is none.
    """
    if _FORMAT.measure(data[:3]) != len(data) or _FORMAT.judge(data) is not None:
        raise ValueError("no frame")
    frame = _FORMAT.open(data, 0)
    return frame.class_, frame.sequence, _PAVING.parse(Role.LENS, frame.payload)


def build(class_: int, sequence: int, messages: Sequence[Any]) -> bytes:
    """Build a whole frame."""
    return _build_frame(build_payload(messages), class_, sequence)


def emount_parser() -> Callable[[Role, bytes], list[Any]]:
    """Reads whole frames of the E-mount, of either end, to their messages."""
    formats, paving = EMOUNT.formats, EMOUNT.paving()

    def read(sender: Role, data: bytes) -> list[Any]:
        frame_format = formats[sender]
        if frame_format.measure(data[:3]) != len(data) or frame_format.judge(data) is not None:
            raise ValueError("no frame")
        return paving.parse(sender, frame_format.open(data, 0).payload)

    return read


class Stream:
    """Finds frames in chunks of bytes and reads them."""

    def __init__(self) -> None:
        self._framer = Framer(_FORMAT)
        self._paving = DIALECT.paving()

    def feed(self, chunk: bytes) -> list[Read]:
        """Take bytes; give the frames that they complete."""
        return [
            (event.class_, event.sequence, self._paving.parse(Role.LENS, event.payload))
            for event in self._framer.receive(chunk)
            if isinstance(event, Frame)
        ]

    def close(self) -> list[Read]:
        """No more bytes will come."""
        return [
            (event.class_, event.sequence, self._paving.parse(Role.LENS, event.payload))
            for event in self._framer.close(GarbageReason.SOURCE_ENDED)
            if isinstance(event, Frame)
        ]


def sequence_of(read: Read) -> int:
    """The number of a frame."""
    return read[1]


def plain(read: Read) -> Plain:
    """What a frame says."""
    class_, sequence, messages = read
    return class_, sequence, [_plain_message(message_) for message_ in messages]


def messages_of(said: Plain) -> list[Any]:
    """The messages that say this."""
    return [
        _blob(bytes(values[0])) if type_ == BLOB else _CLASSES[type_](*values)  # type: ignore[arg-type]
        for type_, values in said[2]
    ]


def _plain_message(message_: Any) -> tuple[int, tuple[int | bytes, ...]]:
    if isinstance(message_, Unknown):
        return message_.data[0], (message_.data[1:],)
    return message_.TYPE, tuple(message_.values().values())


CODEC = Codec("ours", parse, plain, build, messages_of, Stream)
