"""Frames declared in construct: what they declare is what is found, checked, opened and built."""

from dataclasses import replace
from typing import Any

import pytest
from construct import Bytes, Checksum, Const, ConstructError, Int8ub, Int16ub, Int16ul, RawCopy, Struct, this
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.checksums import CRC16_IBM_3740, sum16
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.framing import FORMATS
from lensmount_protocol.errors import DialectError
from lensmount_protocol.frame_format import ConstructFrameFormat
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, Framer, Garbage, GarbageReason
from lensmount_protocol.payload import PayloadParser
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
