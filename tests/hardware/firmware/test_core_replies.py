"""The firmware's core on a clocked link: replies that it loads by itself."""

import pytest

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.constants import (
    MAX_REPLIES,
    MAX_REPLY_UNIT,
    BoardRole,
    BurstFlag,
    ConfigureFlag,
    DriveFlag,
    ErrorCode,
    ReplyFlag,
)

from .clocked_core import (  # noqa: TID252  helpers of this folder
    BODY_DATA,
    LENS_DATA,
    bursts,
    clock,
    configure,
    shifted,
    start,
    unit,
)

ALL = b"\xff\xff\xff\xff"
WORD, ACKNOWLEDGE = bytes.fromhex("00003fc6"), bytes.fromhex("08108022")


def reply(number, match, answer, *, state=0, after=0, mask=ALL, next_mask=0, size=4, id_=None, copies=False):
    flags = ReplyFlag.COPY if copies else 0
    number_id = 0x8000 + number if id_ is None else id_
    return o.ReplyCommand(number, number_id, state, after, next_mask, flags, size, match, mask, answer)


@pytest.fixture
def answering(core):
    start(core, BoardRole.LENS, flags=ConfigureFlag.OWN_EDGES)
    core.send(unit(bytes(4)))
    return core


def test_a_burst_is_answered_before_the_host_knows_of_it(answering):
    answering.send(reply(0, WORD, bytes.fromhex("0800bfd8")))
    clock(answering, WORD, pause_us=40)
    clock(answering, ACKNOWLEDGE)
    first, second = bursts(answering)
    assert shifted(answering) == bytes(4) + bytes.fromhex("0800bfd8")
    assert (first.flags, second.flags) == (BurstFlag.LAST | BurstFlag.ANSWERED, BurstFlag.LAST)


def test_the_id_of_what_went_out_is_that_of_the_reply(answering):
    answering.send(reply(3, WORD, b"\x01", id_=0x9ABC))
    clock(answering, WORD)
    answering.send(reply(3, WORD, b"\x02", id_=0x9ABD))
    clock(answering, WORD)
    clock(answering, WORD)
    assert [sent.id for sent in answering.heard_of(r.TransmitDone)] == [1, 0x9ABC, 0x9ABD]
    assert shifted(answering)[4:] == b"\x01" + bytes(3) + b"\x02" + bytes(3)


def test_states_follow_each_other_and_the_burst_may_choose(answering):
    answering.send(
        reply(0, b"\x10\0\0\0", b"\xa0", mask=b"\xf0\0\0\0", after=4, next_mask=0x03),
        *(reply(1 + n, b"\x20\0\0\0", bytes((0xB0 + n,)), state=4 + n) for n in range(4)),
    )
    for word in (b"\x12\0\0\0", b"\x20\0\0\0", b"\x11\0\0\0", b"\x20\0\0\0", bytes(4)):
        clock(answering, word)
    assert shifted(answering)[4::4] == b"\xa0\xb2\xa0\xb1"
    assert [bool(one.flags & BurstFlag.ANSWERED) for one in bursts(answering)] == [True, True, True, True, False]


def test_a_burst_without_a_reply_leads_to_the_first_state(answering):
    answering.send(reply(0, WORD, b"\x01", after=7), reply(1, ACKNOWLEDGE, b"\x02", state=7, after=7))
    clock(answering, WORD)
    for odd in (b"\x01\x02\x03\x04", ACKNOWLEDGE):
        clock(answering, odd)
        assert not bursts(answering)[-1].flags & BurstFlag.ANSWERED
    clock(answering, WORD)
    assert bursts(answering)[-1].flags & BurstFlag.ANSWERED


def test_a_reply_looks_at_the_size_and_no_further_than_its_mask(answering):
    answering.send(reply(0, b"\x10\x20\0\0", b"\x01", mask=b"\xff\xff\0\0", size=2))
    for word, answered in ((b"\x10\x20", True), (b"\x10\x20\x30", False), (b"\x10\x21", False)):
        clock(answering, word)
        assert bool(bursts(answering)[-1].flags & BurstFlag.ANSWERED) is answered


@pytest.mark.parametrize("size", [4, MAX_REPLY_UNIT, MAX_REPLY_UNIT + 3])
def test_a_copy_is_the_burst_before_as_far_as_it_has_room(answering, size):
    data = bytes(range(1, size + 1))
    answering.send(reply(0, ACKNOWLEDGE, b"", copies=True))
    clock(answering, data)
    clock(answering, ACKNOWLEDGE)
    clock(answering, bytes(size))
    assert shifted(answering)[-size:] == data[:MAX_REPLY_UNIT].ljust(size, b"\0")


def test_a_copy_without_a_burst_before_is_empty(answering):
    answering.send(reply(0, ACKNOWLEDGE, b"", copies=True))
    clock(answering, ACKNOWLEDGE)
    clock(answering, bytes(4))
    assert shifted(answering) == bytes(8)


def test_a_burst_with_a_part_of_a_byte_is_not_answered(answering):
    answering.send(reply(0, WORD, b"\x01"))
    clock(answering, WORD, partial=0x80, bits=1)
    assert not bursts(answering)[0].flags & BurstFlag.ANSWERED


def test_a_reply_is_removed_by_its_number(answering):
    answering.send(reply(5, WORD, b"\x01"), reply(5, WORD, b"\x01", state=255))
    clock(answering, WORD)
    assert not bursts(answering)[0].flags & BurstFlag.ANSWERED


def test_the_host_may_load_another_unit_after_a_reply(answering):
    answering.send(reply(0, WORD, b"\x01" * 4))
    clock(answering, WORD)
    answering.send(unit(b"\x02" * 4, 9))
    clock(answering, bytes(4))
    assert shifted(answering)[4:] == b"\x02" * 4


def test_rest_forgets_the_state_and_a_new_map_the_replies(answering):
    answering.send(reply(0, WORD, b"\x01", after=3), reply(1, ACKNOWLEDGE, b"\x02", state=3))
    clock(answering, WORD)
    answering.send(o.EnterSafeState(), unit(bytes(4)))
    clock(answering, ACKNOWLEDGE)
    assert not bursts(answering)[-1].flags & BurstFlag.ANSWERED, "its state is over"
    clock(answering, WORD)
    assert bursts(answering)[-1].flags & BurstFlag.ANSWERED
    start(answering, BoardRole.LENS)
    answering.send(unit(bytes(4)))
    clock(answering, WORD)
    assert not bursts(answering)[-1].flags & BurstFlag.ANSWERED


def test_a_lens_at_rest_does_not_answer(core):
    start(core, BoardRole.LENS)
    core.send(reply(0, WORD, b"\x01"))
    clock(core, WORD)
    assert not bursts(core)[0].flags & BurstFlag.ANSWERED
    assert core.pin_state(3) == 1, "nothing has connected its data line"


def test_a_level_that_is_ordered_late_does_not_cut_an_answer(answering):
    answering.send(o.DriveCommand(2, DriveFlag.IN_TURN, LENS_DATA, 1, 0), reply(0, WORD, b"\x01" * 4))
    clock(answering, WORD, pause_us=40)
    answering.send(o.DriveCommand(2, DriveFlag.IN_TURN, LENS_DATA, 0, 0))
    clock(answering, ACKNOWLEDGE)
    assert shifted(answering)[4:] == b"\x01" * 4
    edges = [(one.line, one.level) for one in answering.heard_of(r.LineEdge) if one.line != BODY_DATA]
    assert edges == [(LENS_DATA, 1), (LENS_DATA, 0)]


@pytest.mark.parametrize(
    ("message", "code", "detail"),
    [
        (reply(MAX_REPLIES, WORD, b"x"), ErrorCode.MALFORMED, 2),
        (o.ReplyCommand(0, 0, 0, 0, 0, 2, 4, WORD, ALL, b"x"), ErrorCode.MALFORMED, 9),
        (reply(0, WORD, b""), ErrorCode.MALFORMED, 19),
        (reply(0, WORD, b"x", copies=True), ErrorCode.MALFORMED, 19),
        (reply(0, WORD, bytes(MAX_REPLY_UNIT + 1)), ErrorCode.MALFORMED, 27),
    ],
)
def test_a_reply_that_makes_no_sense_is_refused(answering, message, code, detail):
    answering.heard()
    answering.send(message)
    (refused,) = answering.heard_of(r.MessageRejected)
    assert (refused.code, refused.detail) == (code, detail)


def test_only_an_end_that_is_clocked_has_replies(core):
    for role in (BoardRole.BODY, BoardRole.SNIFFER):
        start(core, role)
        core.send(reply(0, WORD, b"x"))
        assert core.heard_of(r.MessageRejected)[-1].code == ErrorCode.BAD_LINE
    core.send(configure(BoardRole.LENS, wanted=()), run_us=5)
    core.start_lens()
    core.heard()
    core.send(reply(0, WORD, b"x"))
    assert core.heard_of(r.MessageRejected)[-1].code == ErrorCode.BAD_LINE
