"""Frames of one direction: declared formats, and the parser to typed messages."""

from dataclasses import replace
from typing import Any

import pytest
from construct import Bytes, Checksum, Const, ConstructError, Int8ub, Int16ub, Int16ul, RawCopy, Struct, this
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.checksums import CRC16_IBM_3740, sum16
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import FORMATS
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply
from lensmount_protocol.errors import DialectError, FrameError
from lensmount_protocol.frame_parser import ConstructFrameFormat, FrameParser
from lensmount_protocol.framer import Frame, Framer, Garbage, GarbageReason
from lensmount_protocol.payload import PayloadParser, build_payload
from lensmount_protocol.wire import Role

CRC_BEHIND_ALL = Struct(
    "checked"
    / RawCopy(
        Struct(
            "start" / Const(0xA5, Int8ub),
            "sequence" / Int8ub,
            "length" / Int16ub,
            "payload" / Bytes(this.length),
        )
    ),
    "checksum" / Checksum(Int16ub, CRC16_IBM_3740.compute, this.checked.data),
)
SUM_AND_END = Struct(
    "start" / Const(0x5AA5, Int16ub),
    "checked" / RawCopy(Struct("length" / Int8ub, "class_" / Int8ub, "payload" / Bytes(this.length - 2))),
    "checksum" / Checksum(Int16ul, sum16, this.checked.data),
    "end" / Const(0x0D, Int8ub),
)


def _crc(smallest: int = 6) -> ConstructFrameFormat:
    return ConstructFrameFormat(CRC_BEHIND_ALL, smallest, 64, frozenset({0}))


DECLARED = {"crc": _crc(), "emount": FORMATS[Role.LENS]}


@pytest.mark.parametrize("name", DECLARED)
@given(payload=st.binary(max_size=40), class_=st.integers(0, 3), sequence=st.integers(0, 255))
def test_what_is_built_is_what_construct_reads(name: str, payload: bytes, class_: int, sequence: int) -> None:
    declared = DECLARED[name]
    data = declared.build(payload, class_, sequence)
    found: Any = declared.layout.parse(data)
    assert found.checked.value.payload == payload
    assert found.checked.value.sequence == sequence
    assert declared.frame_length(data[: declared.header_size]) in (len(data), GarbageReason.LENGTH)
    verdict = declared.check(data)
    assert verdict is None or (verdict is GarbageReason.CLASS and class_ not in declared.classes)
    assert declared.parse_header(data, 9) == Frame(
        data, 9, class_ if name == "emount" else 0, sequence, declared.parse_header(data, 9).payload_slice
    )
    assert declared.parse_header(data, 9).payload == payload


@pytest.mark.parametrize("name", DECLARED)
@given(st.data())
def test_it_checks_as_construct_does(name: str, data: st.DataObject) -> None:
    declared = DECLARED[name]
    frame = bytearray(declared.build(data.draw(st.binary(min_size=1, max_size=9)), 1, 5))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(frame) - 1), st.integers(0, 255)), max_size=2)):
        frame[at] = value
    whole = (
        declared.frame_length(bytes(frame[: declared.header_size])) == len(frame)
        and declared.check(bytes(frame)) is None
    )
    try:
        found: Any = declared.layout.parse(bytes(frame))
        taken = declared.layout.build(found) == bytes(frame) and declared.min_size <= len(frame) <= declared.max_size
        taken = taken and (name == "crc" or found.checked.value.class_ in declared.classes)
    except ConstructError:
        taken = False
    assert whole == taken


@given(
    st.lists(st.one_of(st.binary(max_size=6), st.binary(max_size=20).map(lambda payload: _crc().build(payload, 0, 3))))
)
def test_the_fast_path_finds_what_the_plain_framer_finds(pieces: list[bytes]) -> None:
    declared, stream = _crc(), b"".join(pieces)
    fast, plain = Framer(declared), Framer(declared)
    fast.tables = ([(-1, None)] * 256, lambda *_: [], lambda _: [])
    receive, _ = declared.scanner(fast, None, None, None, False)
    assert [*receive(stream), *fast.close(GarbageReason.SOURCE_ENDED)] == [
        *plain.receive(stream),
        *plain.close(GarbageReason.SOURCE_ENDED),
    ]


def test_a_start_of_two_bytes_is_refused_when_it_is_declared() -> None:
    with pytest.raises(DialectError, match="start"):
        ConstructFrameFormat(SUM_AND_END, 7, 64, frozenset({1}))


def test_a_length_that_counts_words_is_refused_when_it_is_declared() -> None:
    words = Struct(
        "start" / Const(0x11, Int8ub),
        "checked" / RawCopy(Struct("length" / Int8ub, "payload" / Bytes(this.length * 2))),
        "checksum" / Checksum(Int8ub, lambda data: sum(data) & 0xFF, this.checked.data),
    )
    with pytest.raises(DialectError, match="counts something else"):
        ConstructFrameFormat(words, 3, 64, frozenset({0}))


TWO_MARKS = Struct(
    "start" / Const(0xA5, Int8ub),
    "second" / Const(0x5AA5, Int16ub),
    "checked" / RawCopy(Struct("length" / Int8ub, "payload" / Bytes(this.length - 1))),
    "checksum" / Checksum(Int16ub, CRC16_IBM_3740.compute, this.checked.data),
)


@pytest.mark.parametrize("place", [1, 2])
def test_a_wrong_constant_after_the_start_byte_begins_no_frame(place: int) -> None:
    declared = ConstructFrameFormat(TWO_MARKS, 7, 64, frozenset({0}))
    frame = bytearray(declared.build(b"abc", 0, 0))
    parser = FrameParser(
        replace(load_dialect("emount"), formats=dict.fromkeys(Role, declared)), Role.LENS, PayloadParser({})
    )
    assert [type(event) for event in parser.receive(bytes(frame))] == [Frame]
    frame[place] ^= 1
    assert parser.receive(bytes(frame)) == []
    (event,) = parser.close(GarbageReason.SOURCE_ENDED)
    assert isinstance(event, Garbage)
    assert (event.data, event.reason) == (bytes(frame), GarbageReason.NO_START)


EMOUNT = load_dialect("emount")
LMOUNT = load_dialect("lmount")
FRAME = EMOUNT.build_frame(build_payload([LensStatus(), FocusStatus()]), 1, 7)
CHOOSING = EMOUNT.build_frame(StreamLayoutReply(status_blocks=0x3, focus_blocks=0x1).build(), 2, 9)
SHORT = EMOUNT.build_frame(build_payload([LensStatus(blocks=0x3), FocusStatus(blocks=0x1)]), 1, 8)


def reader(dialect: Dialect, *, headers_only: bool = False) -> FrameParser:
    return FrameParser(dialect, Role.LENS, dialect.payload_parser(), headers_only=headers_only)


def told(reader: FrameParser, chunks: list[bytes]) -> list[tuple[Any, Any]]:
    events = [event for chunk in chunks for event in reader.receive(chunk)]
    events += reader.close(GarbageReason.SOURCE_ENDED)
    return [(event, event.messages if isinstance(event, Frame) else None) for event in events]


PIECES = st.one_of(
    st.sampled_from([FRAME, CHOOSING, SHORT, FRAME[:9], b"\xf0", b"\0\0"]), st.binary(min_size=1, max_size=9)
)


@given(st.lists(PIECES, max_size=8), st.lists(st.integers(1, 64), min_size=1), st.booleans())
def test_chunks_and_laziness_change_nothing(pieces: list[bytes], sizes: list[int], headers_only: bool) -> None:
    stream = b"".join(pieces)
    chunks: list[bytes] = []
    position = 0
    while position < len(stream):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(stream[position : position + size])
        position += size
    assert told(reader(EMOUNT, headers_only=headers_only), chunks) == told(reader(EMOUNT), [stream])


@pytest.mark.parametrize("cut_at", [1, 4, 40])
@pytest.mark.parametrize("ended_by", ["silence", "window"])
@pytest.mark.parametrize("headers_only", [False, True])
@pytest.mark.parametrize("dialect", [EMOUNT, LMOUNT], ids=lambda dialect: dialect.name)
def test_a_frame_that_was_cut_off_does_not_keep_the_next_one_waiting(
    dialect: Dialect, headers_only: bool, ended_by: str, cut_at: int
) -> None:
    """The generated reader and the framer share what is known of the bytes that are missing."""
    long, short = dialect.build_frame(b"\x7f\xc0\0" + bytes(192), 2, 7), dialect.build_frame(b"\x7f\0\0", 2, 8)
    reading = reader(dialect, headers_only=headers_only)
    assert reading.receive(long[:cut_at]) == []
    cut = reading.close(GarbageReason.SILENCE) if ended_by == "silence" else reading.open_window()
    assert b"".join(event.data for event in cut if isinstance(event, Garbage)) == long[:cut_at]
    assert [event.raw for event in reading.receive(short) if isinstance(event, Frame)] == [short]


@pytest.mark.parametrize("headers_only", [False, True])
def test_a_choice_holds_for_what_follows_in_the_same_chunk(headers_only: bool) -> None:
    events = told(reader(EMOUNT, headers_only=headers_only), [FRAME + CHOOSING + SHORT + SHORT])
    kinds = [[type(message) for message in messages] for _, messages in events]
    assert kinds == [
        [LensStatus, FocusStatus],
        [StreamLayoutReply],
        [LensStatus, FocusStatus],
        [LensStatus, FocusStatus],
    ]
    assert [messages[0].blocks for _, messages in events[2:]] == [3, 3]


def test_messages_are_read_when_asked_for() -> None:
    frame = reader(EMOUNT, headers_only=True).receive(FRAME)[0]
    assert isinstance(frame, Frame)
    assert callable(frame.lazy_messages)
    assert frame.messages == [LensStatus(), FocusStatus()]
    assert frame.messages is frame.lazy_messages


def test_a_choice_of_one_end_is_known_to_the_reader_of_the_other() -> None:
    paving = EMOUNT.payload_parser()
    lens, body = FrameParser(EMOUNT, Role.LENS, paving), FrameParser(EMOUNT, Role.BODY, paving)
    before = paving.parsers(Role.BODY)
    lens.receive(CHOOSING)
    assert paving.parsers(Role.BODY) is not before
    assert body.parse(EMOUNT.build_frame(bytes.fromhex("0b"), 2, 1)).messages


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (FRAME + b"\0", "the frame takes"),
        (FRAME[:-1], "the frame takes"),
        (FRAME[:-1] + b"\x56", "wrong end byte"),
        (FRAME[:6] + b"\xee" + FRAME[7:], "wrong checksum"),
        (b"\xf1" + FRAME[1:], "no start byte"),
        (b"\xf0\x03\x00" + FRAME[3:], "length out of range"),
        (b"", "no start byte"),
        (b"\xf0\x09", "cut inside its header"),
        (EMOUNT.build_frame(b"\x0b", 7, 1), "unknown class"),
    ],
)
def test_one_frame_or_why_it_is_none(damaged: bytes, reason: str) -> None:
    assert reader(EMOUNT).parse(FRAME).messages == [LensStatus(), FocusStatus()]
    with pytest.raises(FrameError, match=reason):
        reader(EMOUNT).parse(damaged)


def test_a_message_that_no_one_knows_is_kept() -> None:
    frame = EMOUNT.build_frame(b"\x7f\x01\x02", 1, 3)
    said = reader(EMOUNT).parse(frame).messages
    assert build_payload(said) == b"\x7f\x01\x02"
    assert said == reader(EMOUNT).receive(frame)[0].messages  # type: ignore[union-attr]


def test_where_one_frame_is_cut_or_too_long_is_in_the_error() -> None:
    for damaged, offset in ((b"\xf0\x09", 2), (FRAME[:-1], len(FRAME) - 1), (FRAME + b"\0\0", len(FRAME))):
        with pytest.raises(FrameError) as raised:
            reader(EMOUNT).parse(damaged)
        assert raised.value.offset == offset


def test_a_frame_that_is_read_alone_changes_nothing_and_follows_the_choice() -> None:
    reading = reader(EMOUNT)
    alone = reading.parse(CHOOSING)
    assert (alone.offset, [type(message) for message in alone.messages]) == (0, [StreamLayoutReply])
    assert [message.build() for message in reading.parse(FRAME).messages] == [
        LensStatus().build(),
        FocusStatus().build(),
    ]
    reading.receive(CHOOSING)
    assert reading.parse(SHORT).messages == [LensStatus(blocks=0x3), FocusStatus(blocks=0x1)]


@pytest.mark.parametrize("headers_only", [False, True])
@pytest.mark.parametrize("noise", [b"", b"\x07"])
def test_a_choice_takes_effect_also_behind_noise(headers_only: bool, noise: bytes) -> None:
    reading = reader(EMOUNT, headers_only=headers_only)
    events = told(reading, [noise + CHOOSING[:7], CHOOSING[7:] + noise + SHORT])
    assert [said for _, said in events if said] == [
        [StreamLayoutReply(status_blocks=0x3, focus_blocks=0x1)],
        [LensStatus(blocks=0x3), FocusStatus(blocks=0x1)],
    ]


def test_without_being_told_otherwise_messages_are_read_at_once() -> None:
    paving = EMOUNT.payload_parser()
    eager = FrameParser(EMOUNT, Role.LENS, paving)
    (frame,) = eager.receive(FRAME)
    assert isinstance(frame, Frame)
    assert isinstance(frame.lazy_messages, list)


def test_a_frame_found_by_search_is_read_later_where_that_is_asked_for() -> None:
    reading = reader(LMOUNT, headers_only=True)
    raw = LMOUNT.build_frame(b"\x7f\x00\x00", 2, 7)
    _, frame = reading.receive(b"\x07" + raw)
    assert isinstance(frame, Frame)
    assert callable(frame.lazy_messages)
    assert build_payload(frame.messages) == b"\x7f\x00\x00"


def test_settled_follows_the_frames() -> None:
    reading = reader(EMOUNT)
    assert reading.consumed_offset == 0
    reading.receive(FRAME + FRAME[:5])
    assert reading.consumed_offset == len(FRAME)
    reading.open_window()
    assert reading.consumed_offset == len(FRAME) + 5


class OwnFormat:
    """A format that is not declared in construct, as a dialect with other frames brings it."""

    def __init__(self, declared: Any) -> None:
        for name in ("start", "header_size", "max_size", "max_padding", "frame_length", "check", "parse_header"):
            setattr(self, name, getattr(declared, name))


OWN = replace(EMOUNT, formats={role: OwnFormat(declared) for role, declared in EMOUNT.formats.items()})


@pytest.mark.parametrize("headers_only", [False, True])
def test_a_format_that_is_not_declared_is_read_alike(headers_only: bool) -> None:
    chunks = [b"\x07" + FRAME + CHOOSING[:9], CHOOSING[9:] + SHORT + FRAME[:5]]
    events = told(reader(OWN, headers_only=headers_only), chunks)
    assert events == told(reader(EMOUNT), chunks)
    assert [type(event) for event, _ in events] == [Garbage, Frame, Frame, Frame, Garbage]


def test_one_frame_of_a_format_that_is_not_declared() -> None:
    alone = reader(OWN).parse(FRAME)
    assert (alone, alone.offset, alone.raw) == (reader(EMOUNT).parse(FRAME), 0, FRAME)
    assert alone.messages == [LensStatus(), FocusStatus()]
    for length, text, offset in (
        (2, "cut inside its header", 2),
        (EMOUNT.formats[Role.LENS].header_size, f"the frame takes {len(FRAME)} bytes", 3),
    ):
        with pytest.raises(FrameError, match=text) as raised:
            reader(OWN).parse(FRAME[:length])
        assert raised.value.offset == offset
