"""The parser fuzzer: readers under every kind of input, and what must be true of whatever comes out.

Every byte is told exactly once and in order; the frames are those that a plain search of the bytes finds; where bytes
are cut into chunks changes nothing, nor whether messages are read at once or later; what a frame says is built to the
same bytes again; a right frame is told with its last byte, whatever was cut off before it; nothing but a `MountError`
leaves a parser; and memory stays bounded.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from random import Random

from lensmount_emulator.fuzz.inputs import Input, Inputs, as_input
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError
from lensmount_protocol.frame import Frame, FrameEvent, FrameFormat, GarbageReason
from lensmount_protocol.framer import LONGEST_RUN
from lensmount_protocol.message import Message
from lensmount_protocol.paving import build_payload
from lensmount_protocol.reader import FrameReader

SHOWN = 10

ROOM = LONGEST_RUN + 104
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
        broken: the first of them, each as short as it can be.
        shown: the same, one line each.
    """

    cases: int = 0
    bytes: int = 0
    frames: int = 0
    refused: int = 0
    violations: int = 0
    broken: list[Input] = field(default_factory=lambda: list[Input]())
    shown: list[str] = field(default_factory=lambda: list[str]())


def wrong_with(dialect: Dialect, given: Input, came: ParserFigures | None = None) -> Iterator[str]:
    """What is not true of a reader's answer to an input; what it found is counted where that is wanted."""
    if given.alone is not None:
        cls = dialect.messages.get((given.sender, given.alone))
        if cls is not None:
            yield from wrong_message(cls, given.data)
        return
    whole = list(_read(dialect, given, ()))
    found = [event for event in whole if isinstance(event, Frame)]
    if came is not None:
        came.frames += len(found)
        came.refused += len(whole) - len(found)
    if given.right and not (whole and isinstance(whole[-1], Frame) and whole[-1].raw == given.right):
        yield "a frame that is right is not found"
    elif given.right and list(_read(dialect, given, (), ends=False))[-1:] != whole[-1:]:
        yield "a frame that is right is not told with its last byte"
    told = b"".join([_bytes_of(event) for event in whole])
    if told != given.data:
        yield f"{len(given.data)} bytes went in and {len(told)} came out, or others"
    at = 0
    for event in whole:
        if event.offset != at:
            yield f"an event says offset {event.offset} and begins at {at}"
        at += len(_bytes_of(event))
    for frame in found:
        rebuilt = dialect.build_frame(build_payload(frame.messages), frame.class_, frame.sequence)
        if rebuilt != frame.raw:
            yield f"frame {frame.raw.hex()} is built as {rebuilt.hex()}"
    places = [(frame.offset, frame.offset + len(frame.raw)) for frame in found]
    expected = list(frames_in(dialect.formats[given.sender], given))
    if places != expected:
        yield f"frames are at {places}; a plain search finds them at {expected}"
    if given.cuts:
        chunked = list(_read(dialect, given, given.cuts, later=bool(given.cuts[0] & 1)))
        if chunked != whole or [_said(event) for event in chunked] != [_said(event) for event in whole]:
            yield "cut into chunks it is told otherwise"


def _said(event: FrameEvent) -> object:
    return event.messages if isinstance(event, Frame) else None


def _bytes_of(event: FrameEvent) -> bytes:
    return event.raw if isinstance(event, Frame) else event.data


def _read(
    dialect: Dialect, given: Input, cuts: tuple[int, ...], *, later: bool = False, ends: bool = True
) -> Iterator[FrameEvent]:
    reader = FrameReader(dialect, given.sender, dialect.paving(), headers_only=later)
    most = dialect.formats[given.sender].largest + ROOM
    if given.window:
        yield from reader.open_window()
    before = 0
    for stop in (*sorted((*cuts, *given.breaks)), len(given.data)) if cuts or given.breaks else (len(given.data),):
        yield from reader.receive(given.data[before:stop])
        before = stop
        if before - reader.settled > most:
            raise MemoryError(f"{before - reader.settled} bytes are held back")
        if stop in given.breaks:
            yield from reader.open_window() if given.window else reader.close(GarbageReason.SILENCE)
    if not ends:
        return
    yield from reader.close(GarbageReason.WINDOW_CLOSED if given.window else GarbageReason.SOURCE_ENDED)


def frames_in(frame_format: FrameFormat, given: Input) -> Iterator[tuple[int, int]]:
    """Where frames are, found without a framer: each begin is tried in turn, and whoever pads may then pad."""
    data, begin = given.data, 0
    for end in (*given.breaks, len(data)):
        at = data.find(frame_format.start, begin, end)
        while at >= 0:
            header = data[at : min(at + frame_format.header_size, end)]
            size = frame_format.measure(header) if len(header) == frame_format.header_size else GarbageReason.LENGTH
            if isinstance(size, int) and at + size <= end and frame_format.judge(data[at : at + size]) is None:
                yield at, at + size
                at += size
                if frame_format.longest_padding:
                    at = min(at + frame_format.longest_padding, end) if given.window else at
                    at = end - len(data[at:end].lstrip(b"\0"))
            else:
                at += 1
            at = data.find(frame_format.start, at, end)
        begin = end


def wrong_message(cls: type[Message], data: bytes) -> Iterator[str]:
    """What is not true of a message that is read by itself: read or refused, and built to the same bytes."""
    try:
        message = cls.parse(data)
    except MountError:
        return
    built = message.build()
    if built != data:
        yield f"{cls.__name__} {data.hex()} is built as {built.hex()}"


def attempt(dialect: Dialect, given: Input, came: ParserFigures | None = None) -> list[str]:
    """What is wrong with an input; an error that comes out of a reader is wrong as well."""
    try:
        return list(wrong_with(dialect, given, came))
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


def kind_of(wrong: list[str]) -> str:
    """What is wrong, without the figures and bytes."""
    return "; ".join(re.sub(r"[0-9a-f]*[0-9][0-9a-f]*", "#", text) for text in wrong)


def fuzz_parser(
    dialect: Dialect,
    cases: int,
    seed: int,
    progress: Callable[[int], None] = lambda _done: None,
    *,
    first: Iterable[Input] = (),
    found: Callable[[Input], None] = lambda _given: None,
    came: ParserFigures | None = None,
) -> ParserFigures:
    """Give a dialect's readers so many inputs.

    Args:
        dialect: whose readers.
        cases: inputs; with every fourth one, a message is read by itself as well.
        seed: where they come from; the same seed gives the same ones.
        progress: told now and then how many are done.
        first: inputs of earlier runs, which are tried before any other; they are no cases.
        found: told at once of each input that is kept because something is wrong with it, as short as it can be.
        came: figures to count in, for those who want them although the run is stopped; new ones where none are given.
    """
    inputs, came = Inputs(dialect, Random(f"{seed} parser {dialect.name}")), came or ParserFigures()
    for given in first:
        note(dialect, given, attempt(dialect, given), came, found)
    for number in range(cases):
        given = inputs.next()
        came.cases += 1
        came.bytes += len(given.data)
        if wrong := attempt(dialect, given, came):
            note(dialect, given, wrong, came, found)
        if number % 4 == 0:
            given = inputs.message()
            if wrong := attempt(dialect, given):
                note(dialect, given, wrong, came, found)
        if number % 1000 == 0:
            progress(number)
    progress(cases)
    return came


def note(dialect: Dialect, given: Input, wrong: list[str], came: ParserFigures, found: Callable[[Input], None]) -> None:
    """Count what is wrong with an input, and keep it if it is one of the first."""
    if not wrong:
        return
    came.violations += 1
    if len(came.broken) < SHOWN:
        shorter = shortest(dialect, given)
        came.broken.append(shorter)
        came.shown.append(_shown(shorter, attempt(dialect, shorter) or wrong))
        found(shorter)


def shortest(dialect: Dialect, given: Input) -> Input:
    """An input with which something is wrong, as short as it can be; itself where nothing is."""
    for change in ({"cuts": ()}, {"breaks": (), "right": b""}, {"window": False}):
        given = _if_wrong(dialect, replace(given, **change), given)
    size = len(given.data)
    while size >= 1:
        at = 0
        while at < len(given.data):
            shorter = _if_wrong(dialect, _without(given, at, size), given)
            if shorter is given:
                at += size
            given = shorter
        size //= 2
    for number in range(len(_frames_of(dialect, given))):
        given = _less_said(dialect, given, number)
    return given


def _if_wrong(dialect: Dialect, tried: Input, given: Input) -> Input:
    return tried if attempt(dialect, tried) else given


def _frames_of(dialect: Dialect, given: Input) -> list[tuple[int, int]]:
    """Where frames are; none where even that cannot be said."""
    try:
        return [] if given.alone is not None else list(frames_in(dialect.formats[given.sender], given))
    except Exception:
        return []


def _less_said(dialect: Dialect, given: Input, number: int) -> Input:
    """With a frame that says less, in an envelope that is right again."""
    size = len(given.data)
    while size >= 1:
        at = 0
        while (places := _frames_of(dialect, given))[number:]:
            begin, stop = places[number]
            try:
                frame = dialect.formats[given.sender].open(given.data[begin:stop], 0)
                if at >= len(frame.payload):
                    break
                payload = frame.payload[:at] + frame.payload[at + size :]
                built = dialect.build_frame(payload, frame.class_, frame.sequence)
            except Exception:
                return given
            data = given.data[:begin] + built + given.data[stop:]
            cuts, breaks = (tuple(min(place, len(data)) for place in some) for some in (given.cuts, given.breaks))
            tried = replace(given, data=data, cuts=cuts, breaks=breaks, right=b"")
            if _if_wrong(dialect, tried, given) is given:
                at += size
            else:
                given = tried
        size //= 2
    return given


def _without(given: Input, at: int, size: int) -> Input:
    """Without some of its bytes; a frame that has to be found stays whole, or has no longer to be found."""
    data = given.data[:at] + given.data[at + size :]
    places = [
        tuple(place if place <= at else max(at, place - size) for place in some) for some in (given.cuts, given.breaks)
    ]
    right = given.right if at + size <= len(given.data) - len(given.right) else b""
    return replace(given, data=data, cuts=places[0], breaks=places[1], right=right)


def _shown(given: Input, wrong: list[str]) -> str:
    """An input, and what is wrong with it."""
    if given.alone is not None:
        return f"{given.sender.value} message {given.data.hex()}: {'; '.join(wrong)[:300]}"
    where = " in a window" if given.window else ""
    marks = "".join(f", {name} {some}" for name, some in (("cuts", given.cuts), ("breaks", given.breaks)) if some)
    return f"{given.sender.value}{where}: {given.data.hex()}{marks}: {'; '.join(wrong)[:300]}"


def one_input(dialect: Dialect) -> Callable[[bytes], None]:
    """A target for fuzzers that are guided by coverage.

    It takes bytes as `as_input` reads them, and raises where something is not true.
    """

    def target(data: bytes) -> None:
        for text in wrong_with(dialect, as_input(data)):
            raise AssertionError(text)

    return target
