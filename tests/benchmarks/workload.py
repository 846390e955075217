"""The frames that all candidates read and build: `F0`, length, class, sequence, payload, 16-bit sum, `55`.

Half are one status of 25 bytes, a fifth a short command, a tenth a focus state, a tenth all three in one frame, and a
tenth empty or raw messages; the mean is about 30 bytes.
"""

import struct
from dataclasses import dataclass
from random import Random
from typing import Any

from lensmount_protocol.deferred import GreedyBytes, Int8ub, Int16sl, Int16ul
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.emount.framing import ENVELOPE
from lensmount_protocol.envelope import DeclaredFormat
from lensmount_protocol.evidence import Evidence, Proof
from lensmount_protocol.message import Message, field, message
from lensmount_protocol.paving import message_table
from lensmount_protocol.transitions import TransitionTable
from lensmount_protocol.wire import Role, SerialLine, Wiring

STATUS = (
    ("aperture_now", "H"), ("aperture_target", "H"), ("aperture_min", "H"), ("aperture_max", "H"), ("focus_pos", "H"),
    ("focus_dist", "H"), ("focal_len", "H"), ("zoom_pos", "H"), ("gyro_x", "h"), ("gyro_y", "h"), ("temp", "B"),
    ("af_state", "B"), ("status", "B"), ("errors", "B"),
)  # fmt: skip
COMMAND = (("flags", "B"), ("target", "H"), ("speed", "h"))
FOCUS = (("pos", "H"), ("vel", "h"), ("flags", "B"), ("state", "B"), ("near", "H"), ("far", "H"))
FIELDS = {5: STATUS, 3: COMMAND, 6: FOCUS}
NAMES = {5: "LensStatus", 3: "ApertureCommand", 6: "FocusState", 1: "Ping", 0x20: "Blob"}
MIX = (((5,), 50), ((3,), 20), ((6,), 10), ((5, 6, 3), 10), ((1,), 5), ((0x20,), 5))
LARGEST = 208

_WORDS = {"H": Int16ul, "h": Int16sl, "B": Int8ub}
_RANGES = {"B": (0, 255), "H": (0, 65_535), "h": (-32_768, 32_767)}
_OURS = Evidence(Proof.MODELLED, "this benchmark")


def _declare(type_: int) -> type[Message]:
    fields = {name: field(_WORDS[code], "a number") for name, code in FIELDS.get(type_, ())}
    if type_ == 0x20:
        fields = {"data": field(GreedyBytes, "the rest", default=b"")}
    space = {"__doc__": "A message of the benchmark.", "__annotations__": dict.fromkeys(fields, Any), **fields}
    return message(type_, Role.LENS, _OURS)(type(NAMES[type_], (Message,), space))


MESSAGES = {type_: _declare(type_) for type_ in NAMES}
FORMAT = DeclaredFormat(ENVELOPE, 9, LARGEST, frozenset({1, 2, 3}))
DIALECT = Dialect(
    name="benchmark",
    title="A benchmark",
    notice="Nobody speaks this.",
    sources={},
    wiring=Wiring((SerialLine("R", Role.LENS), SerialLine("T", Role.BODY)), (1_500_000,), 5, ("R", "T", "V", "D")),
    drivers={"R": Role.LENS, "T": Role.BODY, "V": Role.BODY, "D": Role.LENS},
    messages=message_table(list(MESSAGES.values())),
    formats={Role.BODY: FORMAT, Role.LENS: FORMAT},
    build_frame=FORMAT.build,
    transitions=TransitionTable("ON", {"ON": {"any": "ON"}}, {"any": None}),
    trigger=lambda _sender, _class, _message: "any",
    timing=(),
    silence=0.2,
    supply="V",
    detect="D",
)


@dataclass(frozen=True)
class Workload:
    """Frames, and a stream of them with garbage in between, cut into chunks.

    Attributes:
        frames: the frames.
        contents: class, sequence and messages (type, values) of each.
        chunks: the stream: one byte in a hundred is garbage, chunks are 1 to 64 bytes long.
    """

    frames: list[bytes]
    contents: list[tuple[int, int, list[tuple[int, tuple[Any, ...]]]]]
    chunks: list[bytes]


def message_bytes(type_: int, values: tuple[Any, ...]) -> bytes:
    """The bytes of one message."""
    if type_ == 0x20:
        return b"\x20" + values[0]
    return struct.pack("<B" + "".join(code for _, code in FIELDS.get(type_, ())), type_, *values)


def make_workload(count: int, seed: int = 1) -> Workload:
    """So many frames; the same seed gives the same ones."""
    random = Random(seed)
    contents: list[tuple[int, int, list[tuple[int, tuple[Any, ...]]]]] = []
    for number, types in enumerate(random.choices([kind for kind, _ in MIX], [share for _, share in MIX], k=count)):
        messages = [(type_, _values(type_, random)) for type_ in types]
        contents.append((random.choice((1, 2, 3)), number & 255, messages))
    frames = [
        FORMAT.build(b"".join(message_bytes(*each) for each in messages), class_, sequence)
        for class_, sequence, messages in contents
    ]
    return Workload(frames, contents, _chunks(frames, random))


def _values(type_: int, random: Random) -> tuple[Any, ...]:
    if type_ == 0x20:
        return (random.randbytes(random.choice((random.randrange(1, 40), random.randrange(1, LARGEST - 8)))),)
    return tuple(random.randint(*_RANGES[code]) for _, code in FIELDS.get(type_, ()))


def _chunks(frames: list[bytes], random: Random) -> list[bytes]:
    share = sum(map(len, frames)) / 100 / 8.5 / len(frames)
    stream = bytearray()
    for frame in frames:
        if random.random() < share:
            stream += random.randbytes(random.randint(1, 16))
        stream += frame
    chunks: list[bytes] = []
    position = 0
    while position < len(stream):
        size = random.randint(1, 64)
        chunks.append(bytes(stream[position : position + size]))
        position += size
    return chunks
