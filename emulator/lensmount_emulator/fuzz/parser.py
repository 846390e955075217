"""The parser fuzzer: valid frames, near misses, noise, cut and joined, and what must be true of whatever comes out.

Every byte is told exactly once and in order; where bytes are cut into chunks changes nothing; what a frame says is
built to the same bytes again; nothing but a `MountError` leaves a parser; and memory stays bounded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from lensmount_emulator.fuzz.chance import any_frame, messages_of
from lensmount_emulator.proofs.differential import message_bytes, mutated
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.envelope import DeclaredFormat
from lensmount_protocol.errors import MountError
from lensmount_protocol.frame import Frame, FrameEvent, GarbageReason
from lensmount_protocol.message import Message
from lensmount_protocol.paving import build_payload
from lensmount_protocol.reader import FrameReader
from lensmount_protocol.wire import Role

SHOWN = 10
POOL = 256
"""Whole frames that are kept to be joined, cut and hurt; one of them is made anew now and then."""

RENEWED = 4
"""Cases between two new ones."""

RIGHT = 0.15
"""Share of inputs that end with one whole frame, behind nothing or a little noise."""

LONG = 1000
"""Cases between two in which nothing comes for long."""

ROOM = 4200
"""Bytes that a reader may hold back beyond its largest frame: the longest run that it tells in one piece."""


@dataclass(slots=True)
class ParserFigures:
    """What many inputs came to.

    Attributes:
        cases: inputs.
        bytes: their bytes.
        frames: frames that were found in them.
        refused: runs of bytes that were no frame, padding among them.
        violations: inputs of which something was not true.
        shown: the first of them, each as short as it can be, one line each.
    """

    cases: int = 0
    bytes: int = 0
    frames: int = 0
    refused: int = 0
    violations: int = 0
    shown: list[str] = field(default_factory=lambda: list[str]())


@dataclass(frozen=True, slots=True)
class Input:
    """What a reader is given.

    Attributes:
        sender: whose frames it reads.
        data: the bytes.
        cuts: where they are cut into chunks.
        window: whether they come in a select window.
        right: the frame that they end with, behind bytes that begin none, and that has to be found; empty for none.
    """

    sender: Role
    data: bytes
    cuts: tuple[int, ...] = ()
    window: bool = False
    right: bytes = b""


class Inputs:
    """Inputs by chance.

    Args:
        dialect: whose frames.
        random: where chance comes from.
    """

    def __init__(self, dialect: Dialect, random: Random) -> None:
        self._dialect = dialect
        self._random = random
        self._pools = {role: [self._frame(role) for _ in range(POOL)] for role in Role}
        self._long = bytes(ROOM * 2)
        self._starts = {role: bytes((dialect.formats[role].start,)) for role in Role}
        self._made = 0

    def next(self) -> Input:
        """One input."""
        random = self._random
        sender = Role.LENS if random.random() < 0.5 else Role.BODY
        pool = self._pools[sender]
        self._made += 1
        if self._made % RENEWED == 0:
            pool[random.randrange(POOL)] = self._frame(sender)
        right = b""
        if random.random() < RIGHT:
            right = random.choice(pool)
            data = random.randbytes(random.choice((0, 0, 5))).replace(self._starts[sender], b"") + right
        elif self._made % LONG == 0:
            data = self._starts[sender] * random.randrange(3) + self._long + self._part(sender)
        else:
            data = b"".join([self._part(sender) for _ in range(random.choice((1, 1, 1, 2, 3)))])
        cuts = tuple(sorted(random.randrange(len(data) + 1) for _ in range(random.choice((0, 1, 1, 3)))))
        return Input(sender, data, cuts, random.random() < 0.5, right if self._classes(sender) else b"")

    def _frame(self, sender: Role) -> bytes:
        """A frame that is right outside, whatever it says."""
        frame_format, classes = self._dialect.formats[sender], self._classes(sender) or (1, 2, 3, 4)
        while True:
            frame = any_frame(self._random, self._dialect, sender, classes)
            if not isinstance(frame_format, DeclaredFormat) or len(frame) >= frame_format.smallest:
                return frame

    def _classes(self, sender: Role) -> tuple[int, ...]:
        """The classes that frames may have; none where the format is not declared, and does not say."""
        frame_format = self._dialect.formats[sender]
        return tuple(sorted(frame_format.classes)) if isinstance(frame_format, DeclaredFormat) else ()

    def _part(self, sender: Role) -> bytes:
        random = self._random
        kind = random.random()
        if kind < 0.08:
            return random.randbytes(random.randrange(24))
        if kind < 0.14:
            return self._starts[sender] * random.randrange(1, 4) + random.randbytes(random.randrange(6))
        frame = random.choice(self._pools[sender])
        if kind < 0.5:
            return frame
        if kind < 0.62:
            return frame[: random.randrange(len(frame) + 1)]
        if kind < 0.7:
            return frame[random.randrange(len(frame)) :]
        if kind < 0.8:
            # Wrong contents in a right envelope.
            payload = mutated(frame[5:-3], random)[: self._dialect.formats[sender].largest - 16] or b"\0"
            return self._dialect.build_frame(payload, random.randrange(6), random.randrange(256))
        return mutated(frame, random)


def wrong_with(dialect: Dialect, given: Input, came: ParserFigures | None = None) -> Iterator[str]:
    """What is not true of a reader's answer to an input; what it found is counted where that is wanted."""
    whole = list(_read(dialect, given, ()))
    if came is not None:
        frames = sum(isinstance(event, Frame) for event in whole)
        came.frames += frames
        came.refused += len(whole) - frames
    if given.right and not (whole and isinstance(whole[-1], Frame) and whole[-1].raw == given.right):
        yield "a frame that is right is not found"
    told = b"".join(_bytes_of(event) for event in whole)
    if told != given.data:
        yield f"{len(given.data)} bytes went in and {len(told)} came out, or others"
    at = 0
    for event in whole:
        if event.offset != at:
            yield f"an event says offset {event.offset} and begins at {at}"
        at += len(_bytes_of(event))
        if isinstance(event, Frame):
            rebuilt = dialect.build_frame(build_payload(event.messages), event.class_, event.sequence)
            if rebuilt != event.raw:
                yield f"frame {event.raw.hex()} is built as {rebuilt.hex()}"
    if given.cuts:
        chunked = list(_read(dialect, given, given.cuts))
        if chunked != whole or [_said(event) for event in chunked] != [_said(event) for event in whole]:
            yield "cut into chunks it is told otherwise"


def _said(event: FrameEvent) -> object:
    return event.messages if isinstance(event, Frame) else None


def _bytes_of(event: FrameEvent) -> bytes:
    return event.raw if isinstance(event, Frame) else event.data


def _read(dialect: Dialect, given: Input, cuts: tuple[int, ...]) -> Iterator[FrameEvent]:
    reader = FrameReader(dialect, given.sender, dialect.paving())
    if given.window:
        yield from reader.open_window()
    before = 0
    for stop in (*cuts, len(given.data)):
        yield from reader.receive(given.data[before:stop])
        before = stop
        if before - reader.settled > dialect.formats[given.sender].largest + ROOM:
            raise MemoryError(f"{before - reader.settled} bytes are held back")
    yield from reader.close(GarbageReason.WINDOW_CLOSED if given.window else GarbageReason.SOURCE_ENDED)


def wrong_message(cls: type[Message], data: bytes) -> Iterator[str]:
    """What is not true of a message that is read by itself: read or refused, and built to the same bytes."""
    try:
        message = cls.parse(data)
    except MountError:
        return
    built = message.build()
    if built != data:
        yield f"{cls.__name__} {data.hex()} is built as {built.hex()}"


def attempt(check: Callable[[], Iterator[str]]) -> list[str]:
    """What a check finds wrong; an error that comes out of it is wrong as well."""
    try:
        return list(check())
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


def fuzz_parser(
    dialect: Dialect, cases: int, seed: int, progress: Callable[[int], None] = lambda _done: None
) -> ParserFigures:
    """Give a dialect's readers so many inputs.

    Args:
        dialect: whose readers.
        cases: inputs; with every fourth one, a message is read by itself as well.
        seed: where they come from; the same seed gives the same ones.
        progress: told now and then how many are done.
    """
    random = Random(f"{seed} parser {dialect.name}")
    inputs, came = Inputs(dialect, random), ParserFigures()
    both = [messages_of(dialect, role) for role in Role]
    for number in range(cases):
        given = inputs.next()
        came.cases += 1
        came.bytes += len(given.data)
        wrong = attempt(lambda given=given: wrong_with(dialect, given, came))  # type: ignore[misc]
        if number % 4 == 0:
            cls = random.choice(random.choice(both))
            data = message_bytes(cls, random)
            data = mutated(data, random) if random.random() < 0.5 else data
            wrong += attempt(lambda cls=cls, data=data: wrong_message(cls, data))  # type: ignore[misc]
        if wrong:
            came.violations += 1
            if len(came.shown) < SHOWN:
                came.shown.append(_shown(dialect, given, wrong))
        if number % 1000 == 0:
            progress(number)
    progress(cases)
    return came


def _shown(dialect: Dialect, given: Input, wrong: list[str]) -> str:
    """An input as short as it can be, and what is wrong with it."""
    shorter = given
    size = len(given.data)
    while size >= 1:
        at = 0
        while at < len(shorter.data):
            tried = Input(given.sender, shorter.data[:at] + shorter.data[at + size :], (), given.window)
            if attempt(lambda tried=tried: wrong_with(dialect, tried)):  # type: ignore[misc]
                shorter = tried
            else:
                at += size
        size //= 2
    where = " in a window" if given.window else ""
    return f"{given.sender.value}{where}: {shorter.data.hex()} (cuts {given.cuts}): {'; '.join(wrong)[:300]}"


def one_input(dialect: Dialect) -> Callable[[bytes], None]:
    """A target for fuzzers that are guided by coverage: takes bytes, and raises where something is not true.

    The first byte says whose frames they are, whether they come in a window, and where they are cut.
    """

    def target(data: bytes) -> None:
        if not data:
            return
        role = Role.LENS if data[0] & 1 else Role.BODY
        cuts = tuple(sorted(place for place in (data[0] >> 2, 2 * (data[0] >> 3)) if place < len(data)))
        for text in wrong_with(dialect, Input(role, data[1:], cuts, bool(data[0] & 2))):
            raise AssertionError(text)

    return target
