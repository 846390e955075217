"""The frames that codecs are compared on: a mix of small messages in one envelope, and a stream of them with garbage.

`F0 | length u16le of the whole frame | class | sequence | payload of 1 to 200 bytes | sum16 u16le | 55`
"""

import functools
import struct
from dataclasses import dataclass
from random import Random

LENS_STATUS, APERTURE_COMMAND, FOCUS_STATE, STEP, PING, BLOB = 0x05, 0x03, 0x06, 0x02, 0x01, 0x20

FIELDS: dict[int, tuple[tuple[str, str], ...]] = {
    LENS_STATUS: (
        *((name, "H") for name in ("aperture", "aperture_target", "aperture_min", "aperture_max")),
        *((name, "H") for name in ("focus_position", "focus_distance", "focal_length", "zoom_position")),
        *((name, "h") for name in ("gyro_x", "gyro_y")),
        *((name, "B") for name in ("temperature", "focus_state", "status", "errors")),
    ),
    APERTURE_COMMAND: (("flags", "B"), ("target", "H"), ("speed", "h")),
    FOCUS_STATE: (
        *(("position", "H"), ("velocity", "h"), ("flags", "B"), ("state", "B")),
        *(("near_limit", "H"), ("far_limit", "H")),
    ),
    STEP: (("value", "B"),),
}
"""Type byte -> name and struct code of each field, of the messages whose size is fixed."""

NAMES = {
    LENS_STATUS: "LensStatus",
    APERTURE_COMMAND: "ApertureCommand",
    FOCUS_STATE: "FocusState",
    STEP: "Step",
    PING: "Ping",
    BLOB: "Blob",
}

START, END, OVERHEAD, LONGEST_PAYLOAD = 0xF0, 0x55, 8, 200
LONGEST_FRAME = LONGEST_PAYLOAD + OVERHEAD

Plain = tuple[int, int, list[tuple[int, tuple[int | bytes, ...]]]]
"""What a frame says, whatever read it: class, sequence, and type and values of each message."""

_RANGES = {"B": (0, 0xFF), "H": (0, 0xFFFF), "h": (-0x8000, 0x7FFF)}
_STRUCTS = {type_: struct.Struct("<B" + "".join(code for _, code in fields)) for type_, fields in FIELDS.items()}
_MIX = (
    ((LENS_STATUS,), 50),
    ((APERTURE_COMMAND,), 20),
    ((FOCUS_STATE,), 10),
    ((LENS_STATUS, FOCUS_STATE, APERTURE_COMMAND), 10),
    ((PING,), 5),
    ((BLOB,), 5),
)


@dataclass(frozen=True)
class Workload:
    """Frames, what they say, and a stream that holds them.

    Attributes:
        said: what each frame says.
        frames: the bytes of each.
        chunks: all of them in order, with 1 % of random bytes between them, cut into pieces of 1 to 64 bytes.
    """

    said: list[Plain]
    frames: list[bytes]
    chunks: list[bytes]


def frame_of(class_: int, sequence: int, payload: bytes) -> bytes:
    """The frame around a payload."""
    inside = struct.pack("<HBB", len(payload) + OVERHEAD, class_, sequence) + payload
    return bytes((START,)) + inside + struct.pack("<HB", sum(inside) & 0xFFFF, END)


def build(said: Plain) -> bytes:
    """A frame, by the plainest way there is: what every candidate is held to."""
    class_, sequence, messages = said
    return frame_of(class_, sequence, b"".join(_message(type_, values) for type_, values in messages))


@functools.cache
def workload(count: int, seed: int) -> Workload:
    """So many frames; the same seed gives the same ones."""
    source = Random(seed)
    kinds = source.choices([kind for kind, _ in _MIX], [weight for _, weight in _MIX], k=count)
    said: list[Plain] = [
        (source.randint(1, 3), index & 0xFF, [(type_, _values(source, type_)) for type_ in kind])
        for index, kind in enumerate(kinds)
    ]
    frames = [build(frame) for frame in said]
    return Workload(said, frames, cut(with_garbage(frames, source), source))


def with_garbage(frames: list[bytes], source: Random, share: float = 0.01) -> bytes:
    """The frames, with bursts of random bytes between them."""
    left = int(sum(map(len, frames)) * share)
    bursts: dict[int, bytes] = {}
    while left > 0:
        size = min(left, source.randint(1, 16))
        place = source.randrange(len(frames))
        bursts[place] = bursts.get(place, b"") + source.randbytes(size)
        left -= size
    return b"".join(bursts.get(index, b"") + frame for index, frame in enumerate(frames))


def cut(stream: bytes, source: Random, longest: int = 64) -> list[bytes]:
    """A stream in pieces of 1 to `longest` bytes."""
    chunks: list[bytes] = []
    position = 0
    while position < len(stream):
        size = source.randint(1, longest)
        chunks.append(stream[position : position + size])
        position += size
    return chunks


def short(count: int, source: Random) -> list[Plain]:
    """Frames of 10 bytes, the shortest that say more than that they are there."""
    return [(1, index & 0xFF, [(STEP, (source.randrange(256),))]) for index in range(count)]


def exchange(source: Random) -> tuple[Plain, Plain]:
    """A request of 14 bytes and a reply of 33."""
    command, status = _values(source, APERTURE_COMMAND), _values(source, LENS_STATUS)
    return (1, 0, [(APERTURE_COMMAND, command)]), (1, 0, [(LENS_STATUS, status)])


def _values(source: Random, type_: int) -> tuple[int | bytes, ...]:
    if type_ == BLOB:
        longest = source.choice((40, LONGEST_PAYLOAD))
        return (source.randbytes(source.randrange(1, longest)),)
    return tuple(source.randint(*_RANGES[code]) for _, code in FIELDS.get(type_, ()))


def _message(type_: int, values: tuple[int | bytes, ...]) -> bytes:
    if type_ == BLOB:
        return bytes((type_,)) + bytes(values[0])
    return _STRUCTS[type_].pack(type_, *values) if type_ in _STRUCTS else bytes((type_,))
