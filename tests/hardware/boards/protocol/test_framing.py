"""Frames and messages between host and board: there and back, cut, damaged, and foreign."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import crcmod.predefined
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_hardware.boards.protocol import constants
from lensmount_hardware.boards.protocol.commands import (
    COMMANDS,
    LINE_LAYOUT,
    Configure,
    MappedLine,
    Timing,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import MEANINGS
from lensmount_hardware.boards.protocol.framing import (
    BY_TYPE,
    CRC,
    DELIMITER,
    MAX_DATA,
    MAX_WIRE_SIZE,
    MESSAGES,
    build_frame,
    cobs_decode,
    cobs_encode,
    credit_cost,
    parse_frame,
)
from lensmount_hardware.boards.protocol.message import BoardMessage, field_offsets
from lensmount_hardware.boards.protocol.reports import REPORTS
from lensmount_protocol.errors import FrameError

Strategy = Callable[..., st.SearchStrategy[BoardMessage]]


@given(data=st.data(), sequence=st.integers(0, 255))
def test_every_message_comes_back_as_it_was(any_message: Strategy, data: st.DataObject, sequence: int) -> None:
    message = data.draw(any_message(MESSAGES.values()))
    wire = build_frame(message, sequence)
    assert len(wire) <= MAX_WIRE_SIZE
    assert wire.index(0) == len(wire) - 1
    frame = parse_frame(wire[:-1])
    assert (frame.message(), frame.sequence, frame.cost) == (message, sequence, credit_cost(message))


@given(st.binary(max_size=254))
def test_cobs_comes_back_without_a_zero_and_one_byte_longer(data: bytes) -> None:
    stuffed = cobs_encode(data)
    assert 0 not in stuffed
    assert len(stuffed) == len(data) + 1
    assert cobs_decode(stuffed) == data


@given(st.binary(max_size=400))
def test_any_bytes_are_a_frame_or_a_frame_error(data: bytes) -> None:
    try:
        frame = parse_frame(data)
        message = frame.message()
    except FrameError:
        return
    assert build_frame(message, frame.sequence)[:-1] == data


@given(data=st.data())
def test_a_damaged_byte_is_noticed(any_message: Strategy, data: st.DataObject) -> None:
    wire = bytearray(build_frame(data.draw(any_message(MESSAGES.values())), 0)[:-1])
    at = data.draw(st.integers(0, len(wire) - 1))
    wire[at] ^= data.draw(st.integers(1, 255))
    # A changed length of a run may shift zeros about, which the checksum tells; what it cannot, is 2 bytes in 65 536.
    with pytest.raises(FrameError):
        parse_frame(bytes(wire))


@given(data=st.data())
def test_a_frame_that_is_cut_is_no_frame(any_message: Strategy, data: st.DataObject) -> None:
    wire = build_frame(data.draw(any_message(MESSAGES.values())), 0)[:-1]
    for cut in range(1, len(wire)):
        with pytest.raises(FrameError):
            parse_frame(wire[:cut])


def test_the_checksum_is_the_one_that_crcmod_knows() -> None:
    known: Any = crcmod.predefined.mkPredefinedCrcFun("crc-ccitt-false")
    for data in (b"", b"123456789", bytes(range(256)) * 3):
        assert CRC.compute(data) == known(data)
    assert CRC.compute(b"123456789") == CRC.check == 0x29B1


@pytest.mark.parametrize("name", MESSAGES)
def test_fields_and_layout_agree(name: str) -> None:
    kind = MESSAGES[name]
    named = [place.name for place in field_offsets(kind.LAYOUT)]
    declared = [field.name for field in fields(kind)]
    assert declared[: len(named)] == named
    assert all(place.meaning for place in field_offsets(kind.LAYOUT))


def test_types_tell_who_speaks_and_are_there_once() -> None:
    assert all(message.TYPE < 0x80 for message in COMMANDS.values())
    assert all(message.TYPE >= 0x80 for message in REPORTS.values())
    assert len(BY_TYPE) == len(MESSAGES)


def test_every_value_has_its_meaning() -> None:
    for word, meanings in MEANINGS.items():
        assert [member.name for member in word] == list(meanings)
    assert constants.MAX_ABSENCE_US < 2000


def test_the_longest_map_fits_a_frame() -> None:
    lines = (MappedLine(1, 0),) * constants.MAX_LINES
    assert len(build_frame(Configure(0, 0, 1, Timing(), lines), 0)) <= MAX_WIRE_SIZE
    assert LINE_LAYOUT.sizeof() == 7


def test_a_transmission_has_room_for_just_so_many_bytes() -> None:
    assert len(build_frame(TransmitCommand(1, 0, 0, 0, bytes(MAX_DATA)), 0)) == MAX_WIRE_SIZE
    with pytest.raises(FrameError, match="it can have 254"):
        build_frame(TransmitCommand(1, 0, 0, 0, bytes(MAX_DATA + 1)), 0)


def test_a_value_that_does_not_fit_is_reported() -> None:
    with pytest.raises(FrameError, match="TransmitCommand cannot be built"):
        build_frame(TransmitCommand(70_000, 0, 0, 0, b"x"), 0)


def test_an_unknown_type_lists_the_known() -> None:
    body = b"\x7f\x00"
    frame = parse_frame(cobs_encode(body + CRC.compute(body).to_bytes(2, "little")))
    with pytest.raises(FrameError, match=r"unknown message '0x7f'; known: .*HELLO"):
        frame.message()
    assert DELIMITER == b"\x00"
