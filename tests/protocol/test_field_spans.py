"""Byte spans of fields: every field parses again from its own bytes, for blocks, several messages and varying sizes."""

import pytest

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.codec.field_spans import frame_spans
from lensmount_protocol.codec.lazy_construct import Int8ub, Int16ub, resolve
from lensmount_protocol.dialects.emount.body_status import BodyState, RowSelect
from lensmount_protocol.dialects.emount.framing import FORMATS
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.framer import Frame, UnitFrame
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, UnknownMessage, field, message
from lensmount_protocol.payload import build_payload
from lensmount_protocol.unit_forms import DeclaredUnitFormat, PayloadPart, UnitBits, UnitBytes, UnitForm
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


@message(0x01, Role.BODY, Evidence(EvidenceLevel.MODELLED, "this test"))
class Move(Message):
    """A position, and a speed."""

    position: int = field(Int16ub, "position")
    speed: int = field(Int8ub, "speed")


@pytest.mark.parametrize(
    ("payload", "position", "speed"),
    [
        ((UnitBytes(1, 4),), (2, 4, True), (4, 5, True)),
        ((1, UnitBytes(2, 3)), (2, 4, True), (4, 5, True)),
        ((UnitBytes(1, 3), UnitBits(-2)), (2, 4, True), (5, 6, True)),
        ((UnitBytes(1, 3), UnitBits(-2, 1, 2)), (2, 4, True), (5, 6, False)),
        ((UnitBytes(1, 3), UnitBits(3, 4, 10, 8)), (2, 4, True), (4, 6, False)),
        ((UnitBytes(1, 3), UnitBits(3, 4, 10, 8, little=True)), (2, 4, True), (4, 6, False)),
        ((UnitBytes(1, 3), UnitBits(3, 4, 8, 8)), (2, 4, True), (5, 6, True)),
        ((1, UnitBytes(3, 1), UnitBytes(2, 1), 9), (2, 4, False), (0, 0, False)),
        ((1, 9, UnitBytes(3, 2)), (3, 4, False), (4, 5, True)),
    ],
)
def test_fields_of_a_declared_unit_are_where_its_form_places_them(
    payload: tuple[PayloadPart, ...], position: tuple[int, int, bool], speed: tuple[int, int, bool]
):
    one = DeclaredUnitFormat((UnitForm("unit", 0, (7, 7), (), payload),))
    raw = bytes((4, 1, 0x41, 0x42, 0x43, 0x44, 0x45))
    (span,) = frame_spans(one.parse_header(raw, 0), [Move()])
    assert [(each.start, each.end, each.exact) for each in span.fields] == [position, speed]


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
