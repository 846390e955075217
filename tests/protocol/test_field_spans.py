"""Byte spans of fields: every field parses again from its own bytes, for blocks, several messages and varying sizes."""

import pytest

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.codec.field_spans import frame_spans
from lensmount_protocol.codec.lazy_construct import resolve
from lensmount_protocol.dialects.emount.body_status import BodyState, RowSelect
from lensmount_protocol.dialects.emount.framing import FORMATS
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.framer import Frame, UnitFrame
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import build_payload
from lensmount_protocol.wire import Role


def frame_of(*messages, sender=Role.LENS) -> Frame:
    raw = FORMATS[sender].build(build_payload(messages), 1, 0)
    return FORMATS[sender].parse_header(raw, 0)


def test_fields_of_one_message_follow_each_other():
    message = LensStatus(aperture=0x147D, distance=0x0700)
    (span,) = frame_spans(frame_of(message), [message])
    assert (span.start, span.end) == (5, 5 + LensStatus.size_with(LensStatus.DEFAULT_BLOCKS))
    places = {one.name: (one.start, one.end) for one in span.fields}
    assert places["aperture"] == (6, 8)
    assert places["distance"] == (26, 28)
    assert [one.start for one in span.fields[1:]] == [one.end for one in span.fields[:-1]]


def test_fields_of_left_out_blocks_have_no_span_and_later_fields_move():
    whole = LensStatus.DEFAULT_BLOCKS
    message = LensStatus(distance=0x1234, blocks=whole & ~0b1110)
    frame = frame_of(message)
    (span,) = frame_spans(frame, [message])
    places = {one.name: (one.start, one.end) for one in span.fields}
    assert "ring_aperture" not in places
    assert places["distance"] == (14, 16)
    assert frame.raw[14:16] == b"\x34\x12"


def test_several_messages_of_a_frame_have_their_own_spans():
    first, second = BodyState(), RowSelect(row_a=0x17, row_b=0x18)
    frame = frame_of(first, second, sender=Role.BODY)
    spans = frame_spans(frame, [first, second])
    assert spans[0].end == spans[1].start
    assert frame.raw[spans[1].start] == RowSelect.TYPE
    assert spans[1].end == len(frame.raw) - 3


def test_unknown_message_takes_its_bytes():
    unknown = UnknownMessage(b"\x7f\x01\x02", "no message of this type")
    (span,) = frame_spans(frame_of(unknown), [unknown])
    assert (span.start, span.end, span.fields) == (5, 8, ())


PAIRS = [
    ("a6000", "sel55210"),
    ("panasonic-s5ii", "panasonic-s-20-60mm-f3.5-5.6"),
    ("gfx50r", "gf45"),
    ("e-pl1", "bell-lens"),
]
DERIVED = {"first", "command"}
"""Fields of a word's acknowledge that are bits, and no bytes of their own."""


@pytest.mark.parametrize(("body", "lens"), PAIRS)
def test_every_field_parses_from_its_span(body, lens):
    result = run_loopback(body, lens, script="", seconds=1.3, seed=1)
    seen = 0
    for frame in result.frames:
        spans = frame_spans(frame.frame)
        if not isinstance(frame.frame, UnitFrame):
            assert not spans or spans[-1].end == frame.frame.payload_slice.indices(len(frame.frame.raw))[1]
        for span in spans:
            assert isinstance(span.message, Message)
            for one in span.fields:
                data = frame.frame.raw[one.start : one.end]
                if isinstance(frame.frame, UnitFrame) and one.name in DERIVED:
                    assert data
                    continue
                assert resolve(one.spec.layout).parse(data) == getattr(span.message, one.name)
                seen += 1
    assert seen > (500 if body in ("a6000", "panasonic-s5ii") else 90)
