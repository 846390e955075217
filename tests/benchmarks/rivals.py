"""What ours is measured against: construct in three forms, code written by hand, and a deframer for both."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from typing import Any
from zlib import adler32

import construct
from construct import this

from benchmarks.workload import FIELDS, NAMES
from lensmount_protocol.checksums import sum16
from lensmount_protocol.constructs import UntilEnd

Read = Callable[[bytes], Any]
Build = Callable[[int, int, list[tuple[int, tuple[Any, ...]]]], bytes]

_WORDS = {"H": construct.Int16ul, "h": construct.Int16sl, "B": construct.Int8ub}


def _leaf(type_: int) -> Any:
    if type_ == 0x20:
        return construct.Struct("data" / construct.GreedyBytes)
    return construct.Struct(*(name / _WORDS[code] for name, code in FIELDS.get(type_, ())))


def construct_frame(*, compiled_leaves: bool = False) -> Any:
    """The frame as construct's documentation would write it; `GreedyRange` swallows errors, so a strict repeat."""
    leaves = {type_: _leaf(type_).compile() if compiled_leaves else _leaf(type_) for type_ in NAMES}
    one: Any = construct.Struct(
        "type" / construct.Int8ub, "body" / construct.Switch(this.type, leaves, default=construct.Error)
    )
    if compiled_leaves:
        one = one.compile()
    return construct.Struct(
        "start" / construct.Const(b"\xf0"),
        "checked"
        / construct.RawCopy(
            construct.Struct(
                "length" / construct.Rebuild(construct.Int16ul, lambda context: context.length),
                "class_" / construct.Int8ub,
                "sequence" / construct.Int8ub,
                "messages" / construct.FixedSized(this.length - 8, UntilEnd(one)),
            )
        ),
        "checksum" / construct.Checksum(construct.Int16ul, sum16, this.checked.data),
        "end" / construct.Const(b"\x55"),
    )


def construct_values(class_: int, sequence: int, messages: list[tuple[int, tuple[Any, ...]]], size: int) -> Any:
    """What construct builds a frame of."""
    said = []
    for type_, values in messages:
        names = ["data"] if type_ == 0x20 else [name for name, _ in FIELDS.get(type_, ())]
        said.append({"type": type_, "body": dict(zip(names, values, strict=True))})
    inside = {"length": size, "class_": class_, "sequence": sequence, "messages": said}
    return {"checked": {"value": inside}}


@dataclass(slots=True)
class HandFrame:
    """A frame of the code written by hand."""

    class_: int
    sequence: int
    messages: list[Any]


HAND = {
    type_: make_dataclass(name, [(field, int) for field, _ in FIELDS.get(type_, ())] or [], slots=True)
    for type_, name in NAMES.items()
    if type_ != 0x20
}
HAND[0x20] = make_dataclass("Blob", [("data", bytes)], slots=True)
_status, _command, _focus, _ping, _blob = HAND[5], HAND[3], HAND[6], HAND[1], HAND[0x20]
_take_status = struct.Struct("<x8H2h4B").unpack_from
_take_command = struct.Struct("<xBHh").unpack_from
_take_focus = struct.Struct("<xHhBBHH").unpack_from
_pack_status = struct.Struct("<B8H2h4B").pack
_pack_command = struct.Struct("<BBHh").pack
_pack_focus = struct.Struct("<BHhBBHH").pack
_take_head = struct.Struct("<BHBB").unpack_from
_pack_head = struct.Struct("<HBB").pack
_pack_tail = struct.Struct("<HB").pack


def hand_read(data: bytes) -> HandFrame:
    """A frame, read as one would by hand."""
    size = len(data)
    start, length, class_, sequence = _take_head(data)
    if start != 0xF0 or length != size or data[size - 1] != 0x55:
        raise ValueError("no frame")
    end = size - 3
    if adler32(data[1:end], 0) & 0xFFFF != data[end] | data[end + 1] << 8:
        raise ValueError("wrong sum")
    at = 5
    messages: list[Any] = []
    while at < end:
        type_ = data[at]
        if type_ == 5:
            if at + 25 > end:
                raise ValueError("cut")
            messages.append(_status(*_take_status(data, at)))
            at += 25
        elif type_ == 3:
            if at + 6 > end:
                raise ValueError("cut")
            messages.append(_command(*_take_command(data, at)))
            at += 6
        elif type_ == 6:
            if at + 11 > end:
                raise ValueError("cut")
            messages.append(_focus(*_take_focus(data, at)))
            at += 11
        elif type_ == 1:
            messages.append(_ping())
            at += 1
        elif type_ == 0x20:
            messages.append(_blob(data[at + 1 : end]))
            at = end
        else:
            raise ValueError("unknown type")
    return HandFrame(class_, sequence, messages)


def _hand_message(said: Any) -> bytes:
    kind = type(said)
    if kind is _status:
        return _pack_status(
            5, said.aperture_now, said.aperture_target, said.aperture_min, said.aperture_max, said.focus_pos,
            said.focus_dist, said.focal_len, said.zoom_pos, said.gyro_x, said.gyro_y, said.temp, said.af_state,
            said.status, said.errors,
        )  # fmt: skip
    if kind is _command:
        return _pack_command(3, said.flags, said.target, said.speed)
    if kind is _focus:
        return _pack_focus(6, said.pos, said.vel, said.flags, said.state, said.near, said.far)
    return b"\x01" if kind is _ping else b"\x20" + said.data


def hand_build(frame: HandFrame) -> bytes:
    """A frame, built as one would by hand."""
    payload = b"".join([_hand_message(said) for said in frame.messages])
    inside = _pack_head(len(payload) + 8, frame.class_, frame.sequence) + payload
    return b"\xf0" + inside + _pack_tail(adler32(inside, 0) & 0xFFFF, 0x55)


class FindDeframer:
    """Frames out of a stream, by searching for the start byte: what stands in front of codecs that have no framer."""

    def __init__(self) -> None:
        self._buffer = b""
        self._needed = 9

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take bytes; give the frames that they complete."""
        buffer = self._buffer + chunk
        size = len(buffer)
        frames: list[bytes] = []
        if size < self._needed:
            self._buffer = buffer
            return frames
        position, needed = 0, 9
        while size - position >= 9:
            if buffer[position] != 0xF0:
                found = buffer.find(b"\xf0", position)
                if found < 0:
                    position = size
                    break
                position = found
                continue
            length = buffer[position + 1] | buffer[position + 2] << 8
            if 9 <= length <= 208:
                end = position + length
                if end > size:
                    needed = length
                    break
                right = buffer[end - 1] == 0x55
                if (
                    right
                    and adler32(buffer[position + 1 : end - 3], 0) & 0xFFFF == buffer[end - 3] | buffer[end - 2] << 8
                ):
                    frames.append(buffer[position:end])
                    position = end
                    continue
            position += 1
        self._buffer, self._needed = buffer[position:], needed
        return frames
