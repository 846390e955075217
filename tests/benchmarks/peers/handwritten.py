"""Hand-written: cached structs, slotted dataclasses and an if-chain, as somebody writes it who knows the mix."""

from dataclasses import astuple, dataclass
from struct import Struct
from typing import Any
from zlib import adler32

from benchmarks.codec import Codec
from benchmarks.workload import APERTURE_COMMAND, BLOB, FOCUS_STATE, LENS_STATUS, LONGEST_FRAME, PING, STEP, Plain


@dataclass(slots=True)
class LensStatus:
    """Type 05."""

    aperture: int
    aperture_target: int
    aperture_min: int
    aperture_max: int
    focus_position: int
    focus_distance: int
    focal_length: int
    zoom_position: int
    gyro_x: int
    gyro_y: int
    temperature: int
    focus_state: int
    status: int
    errors: int


@dataclass(slots=True)
class ApertureCommand:
    """Type 03."""

    flags: int
    target: int
    speed: int


@dataclass(slots=True)
class FocusState:
    """Type 06."""

    position: int
    velocity: int
    flags: int
    state: int
    near_limit: int
    far_limit: int


@dataclass(slots=True)
class Step:
    """Type 02."""

    value: int


@dataclass(slots=True)
class Ping:
    """Type 01."""


@dataclass(slots=True)
class Blob:
    """Type 20: the rest of the payload."""

    data: bytes


@dataclass(slots=True)
class Frame:
    """A frame."""

    class_: int
    sequence: int
    messages: list[Any]


_CLASSES = {
    LENS_STATUS: LensStatus,
    APERTURE_COMMAND: ApertureCommand,
    FOCUS_STATE: FocusState,
    STEP: Step,
    PING: Ping,
    BLOB: Blob,
}
_TYPES = {cls: type_ for type_, cls in _CLASSES.items()}

_HEADER = Struct("<BHBB")
_TRAILER = Struct("<HB")
_INSIDE = Struct("<HBB")
_STATUS = Struct("<x8H2h4B")
_COMMAND = Struct("<xBHh")
_FOCUS = Struct("<xHhBBHH")
_STATUS_OUT = Struct("<B8H2h4B")
_COMMAND_OUT = Struct("<BBHh")
_FOCUS_OUT = Struct("<BHhBBHH")

_header, _trailer = _HEADER.unpack_from, _TRAILER.unpack_from
_status, _command, _focus = _STATUS.unpack_from, _COMMAND.unpack_from, _FOCUS.unpack_from
_put_status, _put_command, _put_focus = _STATUS_OUT.pack, _COMMAND_OUT.pack, _FOCUS_OUT.pack
_put_inside, _put_trailer = _INSIDE.pack, _TRAILER.pack


def parse(data: bytes) -> Frame:
    """Read a whole frame."""
    size = len(data)
    if size < 9:
        raise ValueError("short")
    start, length, class_, sequence = _header(data)
    end = size - 3
    total, last = _trailer(data, end)
    if start != 0xF0 or length != size or last != 0x55:
        raise ValueError("envelope")
    if adler32(data[1:end], 0) & 0xFFFF != total:
        raise ValueError("sum")
    messages: list[Any] = []
    at = 5
    while at < end:
        type_ = data[at]
        if type_ == 0x05:
            behind = at + 25
            if behind > end:
                raise ValueError("short")
            messages.append(LensStatus(*_status(data, at)))
            at = behind
        elif type_ == 0x03:
            behind = at + 6
            if behind > end:
                raise ValueError("short")
            messages.append(ApertureCommand(*_command(data, at)))
            at = behind
        elif type_ == 0x06:
            behind = at + 11
            if behind > end:
                raise ValueError("short")
            messages.append(FocusState(*_focus(data, at)))
            at = behind
        elif type_ == 0x01:
            messages.append(Ping())
            at += 1
        elif type_ == 0x20:
            messages.append(Blob(data[at + 1 : end]))
            at = end
        elif type_ == 0x02:
            behind = at + 2
            if behind > end:
                raise ValueError("short")
            messages.append(Step(data[at + 1]))
            at = behind
        else:
            raise ValueError("type")
    return Frame(class_, sequence, messages)


def _bytes_of(message: Any) -> Any:
    kind = message.__class__
    if kind is LensStatus:
        return _put_status(
            0x05,
            message.aperture,
            message.aperture_target,
            message.aperture_min,
            message.aperture_max,
            message.focus_position,
            message.focus_distance,
            message.focal_length,
            message.zoom_position,
            message.gyro_x,
            message.gyro_y,
            message.temperature,
            message.focus_state,
            message.status,
            message.errors,
        )
    if kind is ApertureCommand:
        return _put_command(0x03, message.flags, message.target, message.speed)
    if kind is FocusState:
        return _put_focus(
            0x06,
            message.position,
            message.velocity,
            message.flags,
            message.state,
            message.near_limit,
            message.far_limit,
        )
    if kind is Ping:
        return b"\x01"
    if kind is Step:
        return bytes((0x02, message.value))
    return b"\x20" + message.data


def build(class_: int, sequence: int, messages: list[Any]) -> bytes:
    """Build a whole frame."""
    payload = _bytes_of(messages[0]) if len(messages) == 1 else b"".join([_bytes_of(message) for message in messages])
    inside = _put_inside(len(payload) + 8, class_, sequence) + payload
    return b"\xf0" + inside + _put_trailer(adler32(inside, 0) & 0xFFFF, 0x55)


class Fused:
    """Finds frames and reads them in one pass; a frame is copied nowhere, and only its sum is taken of a slice."""

    __slots__ = ("_buffer", "_needed")

    def __init__(self) -> None:
        self._buffer = b""
        self._needed = 9

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take bytes; give the frames that they complete."""
        buffer = self._buffer + chunk
        size = len(buffer)
        frames: list[Frame] = []
        if size < self._needed:
            self._buffer = buffer
            return frames
        at, needed = 0, 9
        while size - at >= 9:
            if buffer[at] != 0xF0:
                at = buffer.find(b"\xf0", at)
                if at < 0:
                    at = size
                    break
                continue
            length = buffer[at + 1] | buffer[at + 2] << 8
            if 9 <= length <= LONGEST_FRAME:
                behind = at + length
                if behind > size:
                    needed = length
                    break
                end = behind - 3
                total, last = _trailer(buffer, end)
                if last == 0x55 and adler32(buffer[at + 1 : end], 0) & 0xFFFF == total:
                    first = at + 5
                    type_ = buffer[first]
                    if type_ == 0x05 and at + 30 == end:
                        messages: list[Any] = [LensStatus(*_status(buffer, first))]
                    elif type_ == 0x03 and at + 11 == end:
                        messages = [ApertureCommand(*_command(buffer, first))]
                    elif type_ == 0x06 and at + 16 == end:
                        messages = [FocusState(*_focus(buffer, first))]
                    else:
                        messages = self._messages(buffer, first, end)
                    frames.append(Frame(buffer[at + 3], buffer[at + 4], messages))
                    at = behind
                    continue
            at += 1
        self._buffer = buffer[at:]
        self._needed = needed
        return frames

    def _messages(self, buffer: bytes, at: int, end: int) -> list[Any]:
        messages: list[Any] = []
        while at < end:
            type_ = buffer[at]
            if type_ == 0x05 and at + 25 <= end:
                messages.append(LensStatus(*_status(buffer, at)))
                at += 25
            elif type_ == 0x03 and at + 6 <= end:
                messages.append(ApertureCommand(*_command(buffer, at)))
                at += 6
            elif type_ == 0x06 and at + 11 <= end:
                messages.append(FocusState(*_focus(buffer, at)))
                at += 11
            elif type_ == 0x01:
                messages.append(Ping())
                at += 1
            elif type_ == 0x02 and at + 2 <= end:
                messages.append(Step(buffer[at + 1]))
                at += 2
            else:
                # Of a type that nobody knows the size cannot be known either: the rest is one piece of bytes.
                messages.append(Blob(buffer[at + (type_ == 0x20) : end]))
                at = end
        return messages


def plain(frame: Frame) -> Plain:
    """What the frame says."""
    return frame.class_, frame.sequence, [(_TYPES[type(message)], astuple(message)) for message in frame.messages]


def messages_of(said: Plain) -> list[Any]:
    """The messages that say this."""
    return [_CLASSES[type_](*values) for type_, values in said[2]]


CODEC = Codec("hand-written", parse, plain, build, messages_of, Fused)
