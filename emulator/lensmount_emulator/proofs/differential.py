"""Generated code against construct, on valid, mutated and random input: same values, same bytes, same verdict."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lensmount_emulator.proofs.reference import Judge
from lensmount_protocol.blocks import BlockedMessage
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FrameError
from lensmount_protocol.frame import Frame, FrameEvent, GarbageReason
from lensmount_protocol.message import Message, SizedMessage, read_message
from lensmount_protocol.reader import FrameReader
from lensmount_protocol.wire import Role

SHOWN = 10
"""Mismatches that are kept in full; the others are counted."""

_SPECIAL = (0, 1, 2, 3, 4, 5, 6, 0x0A, 0x20, 0x55, 0x7F, 0x80, 0xF0, 0xFF)
_ODD_VALUES: tuple[Any, ...] = (
    None,
    -1,
    0,
    1,
    255,
    256,
    65535,
    65536,
    1 << 40,
    1.5,
    b"",
    b"\1",
    bytes(6),
    "text",
    [],
    [1, 2],
)


@dataclass(slots=True)
class Differential:
    """What a comparison came to.

    Attributes:
        cases: what was compared -> how often; what construct accepted and refused is counted beside it.
        mismatches: cases in which the two disagreed.
        shown: the first of them, one line each.
    """

    cases: Counter[str] = field(default_factory=lambda: Counter[str]())
    mismatches: int = 0
    shown: list[str] = field(default_factory=lambda: list[str]())

    def note(self, what: str, expected: object, found: object, data: object) -> None:
        """Count one comparison."""
        self.cases[what] += 1
        if expected != found:
            self.mismatches += 1
            if len(self.shown) < SHOWN:
                self.shown.append(f"{what} {data}: {_difference(str(expected), str(found))}")


def _difference(expected: str, found: str) -> str:
    """Where two texts part, with what each says there."""
    at = next((at for at, (one, other) in enumerate(zip(expected, found, strict=False)) if one != other), 0)
    around = slice(max(0, at - 30), at + 90)
    return f"at character {at}: construct …{expected[around]}…; generated …{found[around]}…"


def compare(
    dialect: Dialect,
    frames: int,
    random: Random,
    progress: Callable[[int], None] = lambda _done: None,
    came: Differential | None = None,
) -> Differential:
    """Compare generated code with construct.

    Args:
        dialect: whose messages.
        frames: mutated frames to read; for each, one message is read by itself and one built of odd values.
        random: where mutations come from; the same seed gives the same cases.
        progress: told now and then how many frames are done.
        came: what to count in, for those who want it although the run is stopped; a new one where none is given.
    """
    found = came or Differential()
    judge = Judge(dialect)
    classes = list(dialect.messages.values())
    makers = [_Frames(dialect, role, random) for role in Role]
    for number in range(frames):
        _compare_frame(found, judge, dialect, random.choice(makers), random)
        cls = random.choice(classes)
        _compare_message(found, judge, cls, random)
        _compare_values(found, judge, cls, random)
        if number % 1000 == 0:
            progress(number)
    progress(frames)
    return found


class _Frames:
    """Frames of one sender: of its messages, valid and mutated."""

    def __init__(self, dialect: Dialect, sender: Role, random: Random) -> None:
        self.sender = sender
        self._build = dialect.build_frame
        self._random = random
        self._messages = [cls for (role, _), cls in dialect.messages.items() if role is sender]
        self._largest = dialect.formats[sender].largest

    def payload(self) -> bytes:
        """The bytes of one to three messages."""
        some = self._random.choices(self._messages, k=self._random.choice((1, 1, 2, 3)))
        return b"".join(message_bytes(cls, self._random) for cls in some)

    def frame(self) -> bytes:
        """A frame; of every three, one is right, one has wrong contents in a right envelope, one is damaged."""
        kind = self._random.randrange(3)
        payload = self.payload()
        if kind == 1:
            payload = mutated(payload, self._random) or b"\0"
        payload = payload[: self._largest - 16]
        built = self._build(payload, self._random.choice((1, 1, 2, 3, 9)), self._random.randrange(256))
        return mutated(built, self._random) if kind == 2 else built


def message_bytes(cls: type[Message], random: Random) -> bytes:
    """Bytes of a message: its defaults, or random ones of its size; of a message that varies, often wrong ones."""
    if issubclass(cls, SizedMessage) and random.random() < 0.6:
        body = random.randbytes(cls.SIZE - 3 + random.choice((0, 0, 1, 2, 5, 12)))
        return cls().build()[:1] + len(body).to_bytes(2, "little") + body
    if cls.VARIES:
        return mutated(cls().build(), random) if random.random() < 0.8 else bytes((cls.TYPE,)) + random.randbytes(9)
    size = cls.codec().size or cls.SIZE
    return cls().build() if random.random() < 0.1 else bytes((cls.TYPE,)) + random.randbytes(size - 1)


def mutated(data: bytes, random: Random) -> bytes:
    """The bytes with one to three changes: a bit, a byte, a cut, bytes gone or more of them."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(changed) + 1)
        match random.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << random.randrange(8)
            case 1 if at < len(changed):
                changed[at] = random.choice(_SPECIAL)
            case 2:
                del changed[at:]
            case 3:
                changed += random.randbytes(random.randint(1, 5))
            case 4:
                del changed[at : at + random.randint(1, 4)]
            case _:
                changed[at:at] = random.randbytes(random.randint(1, 4))
    return bytes(changed)


def _compare_frame(found: Differential, judge: Judge, dialect: Dialect, maker: _Frames, random: Random) -> None:
    frame = maker.frame()
    reader = FrameReader(dialect, maker.sender, dialect.paving(), headers_only=random.random() < 0.2)
    taken = judge.is_frame(maker.sender, frame)
    if taken is not None:
        found.note("envelopes", taken, _outcome(reader.parse, frame)[0], frame.hex())
    stream = b"".join(
        (random.randbytes(random.choice((0, 0, 0, 3))), frame, maker.frame() if random.random() < 0.3 else b"")
    )
    expected = [_told(event, messages) for event, messages in judge.read_stream(maker.sender, stream)]
    events: list[FrameEvent] = []
    position = 0
    while position < len(stream):
        stop = position + random.randint(1, 64)
        events += reader.receive(stream[position:stop])
        position = stop
    events += reader.close(GarbageReason.SOURCE_ENDED)
    said = [_told(event, event.messages if isinstance(event, Frame) else []) for event in events]
    found.note("frames", expected, said, stream.hex())
    found.cases["frames accepted" if any(isinstance(event, Frame) for event in events) else "frames refused"] += 1


def _told(event: FrameEvent, messages: list[Any]) -> str:
    return f"{event!r} {messages!r}"


def _compare_message(found: Differential, judge: Judge, cls: type[Message], random: Random) -> None:
    blocks = 0
    codec = cls.codec()
    if issubclass(cls, BlockedMessage):
        most = (1 << max(spec.block for spec in cls.FIELDS)) - 1
        blocks = random.choice((cls.USUAL_BLOCKS, most, most & 0x5555, 1))
        codec = cls.codec_with(blocks)
    data = message_bytes(cls, random)
    if codec.size is not None and codec.size != len(data):
        data = data[:1] + random.randbytes(codec.size - 1)
    if random.random() < 0.5:
        data = bytes((cls.TYPE,)) + mutated(data[1:], random)
    asked = judge.of(cls, blocks)
    expected = _outcome(asked.read, data, 0, len(data))
    found.note("messages", expected, _outcome(read_message, codec, data, 0, len(data)), f"{cls.__name__} {data.hex()}")
    found.cases["messages accepted" if expected[0] else "messages refused"] += 1
    if expected[0]:
        # What construct takes, generated code takes by itself: it may not live on being corrected.
        found.note("unaided", expected, _outcome(codec.read, data, 0, len(data)), f"{cls.__name__} {data.hex()}")
        message, _ = asked.read(data, 0, len(data))
        found.note("rebuilt", _outcome(asked.build, message), _outcome(codec.build, message), data.hex())


def _compare_values(found: Differential, judge: Judge, cls: type[Message], random: Random) -> None:
    message = cls()
    for spec in random.choices(cls.FIELDS, k=random.randint(1, 2)) if cls.FIELDS else ():
        value = random.choice((*_ODD_VALUES, random.getrandbits(8), random.getrandbits(17)))
        setattr(message, spec.name, value)
    blocks = cls.USUAL_BLOCKS if issubclass(cls, BlockedMessage) else 0
    expected = _outcome(judge.of(cls, blocks).build, message)
    found.note("values", expected, _outcome(cls.codec().build, message), message)


def _outcome(call: Callable[..., Any], *arguments: Any) -> tuple[bool, str]:
    try:
        return True, repr(call(*arguments))
    except FrameError as error:
        return False, str(error)
    except Exception as error:
        return False, repr(error)
