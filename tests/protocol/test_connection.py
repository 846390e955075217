"""The connection: typed arrivals, blame, silence, windows, and the guard that nothing dangerous passes."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.connection import Connection, ReceivedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.emount.identification import Answer0B, Query0B
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.service import (
    Order4B,
    Order4C,
    ServiceCommand40,
    ServiceReply40,
    UpdateBlock15,
    UpdateOrder14,
)
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply, StreamLayoutRequest
from lensmount_protocol.errors import LocalProtocolError, MountError, RemoteProtocolError
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Garbage, GarbageReason
from lensmount_protocol.wire import LineChanged, Received, Role


def linked(dialect: Dialect, role: Role) -> Connection:
    connection = Connection(dialect, role)
    connection.move("power", by=Role.BODY)
    connection.move("linked", by=role)
    return connection


def events(connection: Connection) -> list[ReceivedFrame | Garbage]:
    found: list[ReceivedFrame | Garbage] = []
    while (event := connection.next_event()) is not None:
        found.append(event)
    return found


def test_a_question_and_its_answer(emount: Dialect) -> None:
    body, lens = linked(emount, Role.BODY), linked(emount, Role.LENS)
    lens.receive(Received(body.send([Query0B()], 2, 0)), 1.0)
    (question,) = events(lens)
    assert isinstance(question, ReceivedFrame)
    assert (question.messages, question.violation, lens.state) == ([Query0B()], None, "ASKED")
    body.receive(Received(lens.send([Answer0B()], 2, 0)), 1.1)
    (answer,) = events(body)
    assert isinstance(answer, ReceivedFrame)
    assert (answer.messages, body.state, lens.state) == ([Answer0B()], "READY", "READY")


def test_a_peer_out_of_turn_is_blamed_and_its_frame_is_kept(emount: Dialect) -> None:
    body = linked(emount, Role.BODY)
    body.receive(Received(emount.build_frame(Answer0B().build(), 2, 0)), 1.0)
    (arrival,) = events(body)
    assert isinstance(arrival, ReceivedFrame)
    assert isinstance(arrival.violation, RemoteProtocolError)
    assert arrival.messages == [Answer0B()]


def test_we_may_not_send_out_of_turn(emount: Dialect) -> None:
    with pytest.raises(LocalProtocolError, match="reply by the lens is not legal in state READY"):
        linked(emount, Role.LENS).send([Answer0B()], 2, 0)


def test_service_reply_of_a_lens_needs_no_permission(emount: Dialect) -> None:
    lens = linked(emount, Role.LENS)
    lens.receive(Received(emount.build_frame(ServiceCommand40().build(), 2, 0)), 1.0)
    assert lens.send([ServiceReply40()], 2, 0)


@pytest.mark.parametrize("message", [UpdateOrder14(), UpdateBlock15(), ServiceCommand40(), Order4B(), Order4C()])
def test_dangerous_messages_are_refused_unless_allowed(emount: Dialect, message: UpdateOrder14) -> None:
    with pytest.raises(LocalProtocolError, match="allow it by name"):
        linked(emount, Role.BODY).send([message], 2, 0)
    allowed = Connection(emount, Role.BODY, allowed=frozenset({message.TYPE}))
    allowed.move("power", by=Role.BODY)
    allowed.move("linked", by=Role.BODY)
    assert allowed.send([message], 2, 0)


def test_a_falling_select_line_ends_a_frame_only_where_it_can_be_trusted(emount: Dialect) -> None:
    raw = emount.build_frame(Query0B().build(), 2, 0)
    for keeps_windows, kinds in ((True, [Garbage, Garbage]), (False, [ReceivedFrame])):
        lens = Connection(emount, Role.LENS, keeps_windows=keeps_windows)
        lens.receive(LineChanged("BODY_CS", True), 0.0)
        lens.receive(Received(raw[:4]), 0.001)
        lens.receive(LineChanged("BODY_CS", False), 0.002)
        lens.receive(Received(raw[4:]), 0.003)
        lens.receive(LineChanged("BODY_CS", True), 0.004)
        found = events(lens)
        assert [type(event) for event in found] == kinds[: len(found)]
        assert found


def test_silence_drops_half_a_frame(emount: Dialect) -> None:
    lens = linked(emount, Role.LENS)
    raw = emount.build_frame(Query0B().build(), 2, 0)
    lens.receive(Received(raw[:6]), 1.0)
    lens.receive(Received(raw), 1.3)
    garbage, arrival = events(lens)
    assert garbage == Garbage(raw[:6], 0, GarbageReason.SILENCE)
    assert isinstance(arrival, ReceivedFrame)


@given(
    chunks=st.lists(st.one_of(st.binary(max_size=60), st.just(bytes.fromhex("f00b0002000b6000780055"))), max_size=10),
    role=st.sampled_from(Role),
)
def test_whatever_arrives_only_mount_errors_come_of_it(emount: Dialect, chunks: list[bytes], role: Role) -> None:
    connection = linked(emount, role)
    now = 0.0
    try:
        for chunk in chunks:
            now += 0.1
            connection.receive(LineChanged(emount.select_line(role.peer), now * 10 % 2 < 1), now)
            connection.receive(Received(chunk), now)
    except MountError as error:
        pytest.fail(f"bad bytes are data, not errors: {error}")
    for event in events(connection):
        assert isinstance(event, Garbage) or event.messages


STRAY = b"\xf0\x20\x00"
"""A start byte with a length that holds a whole frame: the frame is found when the wait for the rest ends."""


def test_a_frame_found_when_silence_ends_a_wait_arrives_then(emount: Dialect) -> None:
    lens = linked(emount, Role.LENS)
    raw = emount.build_frame(Query0B().build(), 2, 0)
    lens.receive(Received(STRAY + raw), 1.0)
    assert events(lens) == []
    lens.receive(Received(b"\x07"), 1.3)
    garbage, arrival = events(lens)
    assert garbage == Garbage(STRAY, 0, GarbageReason.SILENCE)
    assert isinstance(arrival, ReceivedFrame)
    assert (arrival.at, arrival.messages) == (1.3, [Query0B()])


def test_a_frame_found_when_a_window_closes_arrives_then(emount: Dialect) -> None:
    lens = linked(emount, Role.LENS)
    raw = emount.build_frame(Query0B().build(), 2, 0)
    lens.receive(LineChanged("BODY_CS", True), 1.0)
    lens.receive(Received(STRAY + raw), 1.1)
    lens.receive(LineChanged("BODY_CS", False), 1.2)
    garbage, arrival = events(lens)
    assert garbage == Garbage(STRAY, 0, GarbageReason.WINDOW_CLOSED)
    assert isinstance(arrival, ReceivedFrame)
    assert arrival.at == 1.2


@pytest.mark.parametrize(("pause", "found"), [(0.1999, [ReceivedFrame]), (0.2001, [Garbage, Garbage])])
def test_only_more_than_200_ms_are_silence(emount: Dialect, pause: float, found: list[type]) -> None:
    assert emount.idle_timeout == 0.2
    lens = linked(emount, Role.LENS)
    raw = emount.build_frame(Query0B().build(), 2, 0)
    lens.receive(Received(raw[:6]), 0.0)
    lens.receive(Received(raw[6:]), pause)
    lens.receive(Received(b""), pause + 1.0)
    assert [type(event) for event in events(lens)] == found


def test_exactly_the_silence_still_joins_a_frame(emount: Dialect) -> None:
    lens = linked(emount, Role.LENS)
    raw = emount.build_frame(Query0B().build(), 2, 0)
    lens.receive(Received(raw[:6]), 0.0)
    lens.receive(Received(raw[6:]), emount.idle_timeout)
    assert [type(event) for event in events(lens)] == [ReceivedFrame]


def test_in_a_window_silence_does_not_cut_a_frame(emount: Dialect) -> None:
    lens = linked(emount, Role.LENS)
    raw = emount.build_frame(Query0B().build(), 2, 0)
    lens.receive(LineChanged("BODY_CS", True), 0.0)
    lens.receive(Received(raw[:6]), 0.1)
    lens.receive(Received(raw[6:]), 5.0)
    assert [type(event) for event in events(lens)] == [ReceivedFrame]
    lens.receive(LineChanged("BODY_CS", False), 5.1)
    lens.receive(Received(raw[:6]), 6.0)
    lens.receive(Received(raw), 7.0)
    assert [type(event) for event in events(lens)] == [Garbage, ReceivedFrame]


def test_silence_is_counted_from_the_last_bytes_also_where_no_frame_came_of_them(emount: Dialect) -> None:
    lens = linked(emount, Role.LENS)
    raw = emount.build_frame(Query0B().build(), 2, 0)
    for number, part in enumerate((raw[:2], raw[2:4], raw[4:6], raw[6:])):
        lens.receive(Received(part), 0.15 * number)
    assert [type(event) for event in events(lens)] == [ReceivedFrame]


def test_a_line_that_is_not_the_peer_s_select_line_ends_no_frame(emount: Dialect) -> None:
    lens = linked(emount, Role.LENS)
    raw = emount.build_frame(Query0B().build(), 2, 0)
    lens.receive(Received(raw[:6]), 0.0)
    for line in ("LENS_CS", "VD"):
        lens.receive(LineChanged(line, True), 0.01)
        lens.receive(LineChanged(line, False), 0.02)
    lens.receive(LineChanged("BODY_CS", False), 0.03)
    lens.receive(Received(raw[6:]), 0.04)
    assert [type(event) for event in events(lens)] == [ReceivedFrame]


def test_every_message_of_a_frame_is_held_against_the_guard(emount: Dialect) -> None:
    body = linked(emount, Role.BODY)
    with pytest.raises(LocalProtocolError, match=r"UpdateBlock15 \(0x15\) can damage a device"):
        body.send([Query0B(), UpdateBlock15()], 2, 0)
    assert body.state == "READY"


def test_allowed_for_one_type_is_not_allowed_for_another(emount: Dialect) -> None:
    body = Connection(emount, Role.BODY, allowed=frozenset({UpdateOrder14.TYPE}))
    body.move("power", by=Role.BODY)
    with pytest.raises(LocalProtocolError, match="allow it by name"):
        body.send([UpdateBlock15()], 2, 0)


def test_a_layout_that_we_send_changes_what_we_read_and_build(emount: Dialect) -> None:
    lens = linked(emount, Role.LENS)
    lens.receive(Received(emount.build_frame(StreamLayoutRequest().build(), 2, 0)), 0.0)
    lens.send([StreamLayoutReply(status_blocks=0b11, focus_blocks=0b1)], 2, 0)
    assert lens.state == "STREAMING"
    body = linked(emount, Role.BODY)
    body.send([StreamLayoutRequest()], 2, 0)
    body.receive(
        Received(emount.build_frame(StreamLayoutReply(status_blocks=0b11, focus_blocks=0b1).build(), 2, 0)), 0.1
    )
    status = LensStatus(blocks=0b11, aperture=0x1400)
    body.receive(Received(lens.send([status], 1, 0)), 0.2)
    *_, last = events(body)
    assert isinstance(last, ReceivedFrame)
    assert last.messages == [status]
    assert last.violation is None


def test_settled_counts_what_has_become_an_event(emount: Dialect) -> None:
    lens = linked(emount, Role.LENS)
    raw = emount.build_frame(Query0B().build(), 2, 0)
    lens.receive(Received(raw + raw[:4]), 0.0)
    assert lens.consumed_offset == len(raw)


def test_by_default_edges_are_trusted_and_nothing_is_allowed(emount: Dialect) -> None:
    connection = Connection(emount, Role.BODY)
    assert connection.keeps_windows
    assert connection.allowed == frozenset()
    assert connection.next_event() is None
    assert connection.state == "OFF"


def test_an_arrival_is_legal_unless_it_says_otherwise(emount: Dialect) -> None:
    frame = FrameParser(emount, Role.BODY, emount.payload_parser()).parse(emount.build_frame(Query0B().build(), 2, 0))
    assert ReceivedFrame(1.0, frame, []).violation is None


def test_observer_sees_each_frame_and_move_of_a_connection(emount: Dialect) -> None:
    calls: list[tuple[Any, ...]] = []
    names = ("on_send", "on_frame", "on_garbage", "on_transition")
    body = linked(emount, Role.BODY)
    body.observe(SimpleNamespace(**{name: partial(lambda *call: calls.append(call), name) for name in names}))
    raw = body.send([Query0B()], 2, 7)
    answer = emount.build_frame(Answer0B().build(), 2, 0)
    body.receive(Received(b"\x07" + answer), 1.0)
    garbage, arrival = events(body)
    sent = [call for call in calls if call[0] != "on_transition"]
    assert sent == [
        ("on_send", Role.BODY, [Query0B()], raw),
        ("on_garbage", Role.BODY, garbage),
        ("on_frame", Role.BODY, arrival),
    ]
    moves = [call[1:] for call in calls if call[0] == "on_transition"]
    assert [(role, before, after) for role, before, _, after in moves] == [
        (Role.BODY, "READY", "ASKED"), (Role.BODY, "ASKED", "READY"),
    ]  # fmt: skip
