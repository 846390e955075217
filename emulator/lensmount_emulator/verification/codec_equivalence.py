"""Compares generated code with construct on valid, mutated and random input: same values, bytes and verdicts.

The reference is the slow way from bytes to messages: the plain framer, and construct itself for every field.
"""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from construct import ConstructError

from lensmount_protocol.codec.lazy_construct import resolve
from lensmount_protocol.codec.message_codec import interpreted_codec
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, FrameError
from lensmount_protocol.frame_parser import ConstructFrameFormat, FrameParser
from lensmount_protocol.framer import (
    BurstFrameFormat,
    BurstFramer,
    Frame,
    FrameEvent,
    Framer,
    GarbageReason,
    burst_format,
)
from lensmount_protocol.message import (
    LengthPrefixedMessage,
    Message,
    SelectableMessage,
    UnknownMessage,
    parse_message_at,
)
from lensmount_protocol.unit_forms import declared_forms, find_form
from lensmount_protocol.wire import Role


class ReferenceParser:
    """construct as the reader and builder of one dialect's messages."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._oracles: dict[tuple[type[Message], int], Any] = {}

    def interpreted_codec(self, cls: type[Message], blocks: int) -> Any:
        """Construct for one message, under one selection where it has blocks."""
        key = (cls, blocks)
        if key not in self._oracles:
            if len(self._oracles) > 500:
                self._oracles.clear()
            if issubclass(cls, SelectableMessage):
                fixed = {} if blocks == cls.DEFAULT_BLOCKS else {"blocks": blocks}
                self._oracles[key] = interpreted_codec(cls, cls.fields_with(blocks), fixed)
            else:
                self._oracles[key] = interpreted_codec(cls, cls.FIELDS, {})
        return self._oracles[key]

    def read_payload(self, sender: Role, payload: bytes, selections: dict[type[Message], int]) -> list[Any]:
        """The messages of a payload; `UnknownMessage` from the first byte on that no message explains."""
        messages: list[Any] = []
        position = 0
        while position < len(payload):
            cls = self._dialect.messages.get((sender, payload[position]))
            try:
                if cls is None:
                    raise FrameError(f"no message of type {payload[position]:#04x} from the {sender.value}")
                blocks = selections.get(cls, cls.DEFAULT_BLOCKS) if issubclass(cls, SelectableMessage) else 0
                message, position = self.interpreted_codec(cls, blocks).parse(payload, position, len(payload))
            except FrameError as error:
                stop = self._dialect.unknown_message_end(payload, position) or len(payload)
                messages.append(UnknownMessage(payload[position:stop], error.reason))
                position = stop
                continue
            messages.append(message)
        return messages

    def read_stream(self, sender: Role, data: bytes) -> list[tuple[FrameEvent, list[Any]]]:
        """Every event of a stream, frames with their messages."""
        by_burst = burst_format(self._dialect.formats[sender])
        framer = Framer(self._dialect.formats[sender]) if by_burst is None else BurstFramer(by_burst)
        events = [*framer.receive(data), *framer.close(GarbageReason.SOURCE_ENDED)]
        selections: dict[type[Message], int] = {}
        decoded: list[tuple[FrameEvent, list[Any]]] = []
        for event in events:
            messages: list[Any] = []
            if isinstance(event, Frame):
                messages = self.read_payload(sender, event.payload, selections)
                for message in messages:
                    if type(message) in self._dialect.selecting:
                        selections.update(self._dialect.selections(sender, message))
            decoded.append((event, messages))
        return decoded

    def is_frame(self, sender: Role, data: bytes) -> bool | None:
        """Whether the declaration accepts these bytes as one whole frame; `None` if nothing declares the frame."""
        declared = self._dialect.formats[sender]
        forms = declared_forms(declared)
        if forms:
            return find_form(forms, data) is not None
        if not isinstance(declared, ConstructFrameFormat):
            return None
        if not declared.min_size <= len(data) <= declared.max_size:
            return False
        stream = io.BytesIO(data)
        try:
            found = resolve(declared.layout).parse_stream(stream)
        except ConstructError:
            return False
        return stream.tell() == len(data) and found.checked.value.get("class_", 0) in declared.classes


MAX_SHOWN = 10
"""Mismatches that are kept in full; later ones are only counted."""

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
class EquivalenceResult:
    """The result of a comparison.

    Attributes:
        cases: kind of case -> how often; cases that construct accepted and rejected are counted separately.
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
            if len(self.shown) < MAX_SHOWN:
                self.shown.append(f"{what} {data}: {_difference(str(expected), str(found))}")


def _difference(expected: str, found: str) -> str:
    """The first difference of two texts, with the text around it."""
    at = next((at for at, (one, other) in enumerate(zip(expected, found, strict=False)) if one != other), 0)
    around = slice(max(0, at - 30), at + 90)
    return f"at character {at}: construct …{expected[around]}…; generated …{found[around]}…"


def compare_codecs(
    dialect: Dialect,
    frames: int,
    random: Random,
    progress: Callable[[int], None] = lambda _done: None,
    result: EquivalenceResult | None = None,
) -> EquivalenceResult:
    """Compare generated code with construct.

    Args:
        dialect: the dialect.
        frames: mutated frames to read; for each, one message is read by itself and one built of odd values.
        random: source of mutations; the same seed gives the same cases.
        progress: called now and then with the number of frames that are done.
        result: counts here, so that an interrupted run keeps its result; `None` for a new one.
    """
    found = result or EquivalenceResult()
    judge = ReferenceParser(dialect)
    classes = list(dialect.messages.values())
    makers = [_FrameGenerator(dialect, role, random) for role in Role]
    for number in range(frames):
        _compare_frame(found, judge, dialect, random.choice(makers), random)
        cls = random.choice(classes)
        _compare_message(found, judge, cls, random)
        _compare_values(found, judge, cls, random)
        if number % 1000 == 0:
            progress(number)
    progress(frames)
    return found


class _FrameGenerator:
    """Generates frames of one sender, with valid and mutated messages."""

    def __init__(self, dialect: Dialect, sender: Role, random: Random) -> None:
        self.sender = sender
        self._build = dialect.build_frame
        self._random = random
        self._messages = [cls for (role, _), cls in dialect.messages.items() if role is sender]
        self._max_payload = dialect.formats[sender].max_size
        self.by_burst = burst_format(dialect.formats[sender])

    def payload(self) -> bytes:
        """The bytes of one to three messages."""
        some = self._random.choices(self._messages, k=self._random.choice((1, 1, 2, 3)))
        return b"".join(message_bytes(cls, self._random) for cls in some)

    def frame(self) -> bytes:
        """A frame: one in three is valid, one has wrong contents in a valid envelope, one is damaged."""
        kind = self._random.randrange(3)
        if self.by_burst is not None:
            burst = random_burst(self.by_burst, self._build, self._messages, self._random)
            return burst if kind < 2 else mutate_bytes(burst, self._random)
        payload = self.payload()
        if kind == 1:
            payload = mutate_bytes(payload, self._random) or b"\0"
        payload = payload[: self._max_payload - 16]
        built = self._build(payload, self._random.choice((1, 1, 2, 3, 9)), self._random.randrange(256))
        return mutate_bytes(built, self._random) if kind == 2 else built


def message_bytes(cls: type[Message], random: Random) -> bytes:
    """Bytes of a message: its defaults, or random ones of its size; a message of variable size is often wrong."""
    if issubclass(cls, LengthPrefixedMessage) and random.random() < 0.6:
        body = random.randbytes(cls.SIZE - 3 + random.choice((0, 0, 1, 2, 5, 12)))
        return cls().build()[:1] + len(body).to_bytes(2, "little") + body
    if cls.VARIES:
        return (
            mutate_bytes(cls().build(), random) if random.random() < 0.8 else bytes((cls.TYPE,)) + random.randbytes(9)
        )
    size = cls.codec().size or cls.SIZE
    return cls().build() if random.random() < 0.1 else bytes((cls.TYPE,)) + random.randbytes(size - 1)


MAX_BURST_TRIES = 10_000


def random_burst(
    frame_format: BurstFrameFormat,
    build: Callable[[bytes, int, int], bytes],
    messages: Sequence[type[Message]],
    random: Random,
) -> bytes:
    """Return a valid unit of a clocked link: one message, with random fields.

    Raises:
        DialectError: no unit carries any of many random messages.
    """
    for _ in range(MAX_BURST_TRIES):
        payload = message_bytes(random.choice(messages), random)
        try:
            burst = build(payload, frame_format.class_of(payload[0]), 0)
        except FrameError:
            continue
        if frame_format.check(burst) is None:
            return burst
    raise DialectError(f"no unit carries any of {MAX_BURST_TRIES} random messages; check the forms of both senders")


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """The bytes with one to three changes: a bit, a byte, a cut, bytes removed or added."""
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


def _compare_frame(
    found: EquivalenceResult, reference: ReferenceParser, dialect: Dialect, maker: _FrameGenerator, random: Random
) -> None:
    frame = maker.frame()
    reader = FrameParser(dialect, maker.sender, dialect.payload_parser(), headers_only=random.random() < 0.2)
    taken = reference.is_frame(maker.sender, frame)
    if taken is not None:
        found.note("envelopes", taken, _outcome(reader.parse, frame)[0], frame.hex())
    stream = frame
    if maker.by_burst is None:
        stream = b"".join(
            (random.randbytes(random.choice((0, 0, 0, 3))), frame, maker.frame() if random.random() < 0.3 else b"")
        )
    expected = [_describe_event(event, messages) for event, messages in reference.read_stream(maker.sender, stream)]
    events: list[FrameEvent] = []
    position = 0
    while position < len(stream):
        stop = len(stream) if maker.by_burst is not None else position + random.randint(1, 64)
        events += reader.receive(stream[position:stop])
        position = stop
    events += reader.close(GarbageReason.SOURCE_ENDED)
    text = [_describe_event(event, event.messages if isinstance(event, Frame) else []) for event in events]
    found.note("frames", expected, text, stream.hex())
    found.cases["frames accepted" if any(isinstance(event, Frame) for event in events) else "frames refused"] += 1


def _describe_event(event: FrameEvent, messages: list[Any]) -> str:
    return f"{event!r} {messages!r}"


def _compare_message(found: EquivalenceResult, reference: ReferenceParser, cls: type[Message], random: Random) -> None:
    blocks = 0
    codec = cls.codec()
    if issubclass(cls, SelectableMessage):
        maximum = (1 << max(spec.block for spec in cls.FIELDS)) - 1
        blocks = random.choice((cls.DEFAULT_BLOCKS, maximum, maximum & 0x5555, 1))
        codec = cls.codec_with(blocks)
    data = message_bytes(cls, random)
    if codec.size is not None and codec.size != len(data):
        data = data[:1] + random.randbytes(codec.size - 1)
    if random.random() < 0.5:
        data = bytes((cls.TYPE,)) + mutate_bytes(data[1:], random)
    asked = reference.interpreted_codec(cls, blocks)
    shown = f"{cls.__name__} from the bytes {data.hex() or '(none)'}"
    expected = _outcome(_parsed, asked.parse, data)
    found.note("messages", expected, _outcome(_parsed, partial(parse_message_at, codec), data), shown)
    found.cases["messages accepted" if expected[0] else "messages refused"] += 1
    if expected[0]:
        # Generated code must accept by itself everything that construct accepts: it may not rely on being corrected.
        found.note("unaided", expected, _outcome(_parsed, codec.parse, data), shown)
        message, _ = asked.parse(data, 0, len(data))
        found.note("rebuilt", _outcome(asked.build, message), _outcome(codec.build, message), shown)


def _compare_values(found: EquivalenceResult, reference: ReferenceParser, cls: type[Message], random: Random) -> None:
    message = cls()
    for spec in random.choices(cls.FIELDS, k=random.randint(1, 2)) if cls.FIELDS else ():
        value = random.choice((*_ODD_VALUES, random.getrandbits(8), random.getrandbits(17)))
        setattr(message, spec.name, value)
    blocks = cls.DEFAULT_BLOCKS if issubclass(cls, SelectableMessage) else 0
    expected = _outcome(reference.interpreted_codec(cls, blocks).build, message)
    found.note("values", expected, _outcome(cls.codec().build, message), message)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A message and the number of its bytes, as they are shown where two parsers differ."""

    message: Any
    size: int

    def __repr__(self) -> str:
        return f"{self.message!r}, {self.size} bytes read"


def _parsed(parse: Callable[[bytes, int, int], tuple[Any, int]], data: bytes) -> _Parsed:
    return _Parsed(*parse(data, 0, len(data)))


def _outcome(call: Callable[..., Any], *arguments: Any) -> tuple[bool, str]:
    try:
        return True, repr(call(*arguments))
    except FrameError as error:
        return False, str(error)
    except Exception as error:
        return False, repr(error)
