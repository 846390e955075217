"""What the host's side of a board counts, sequence by sequence, and what it keeps at each bound."""

import pytest

from lensmount_hardware.boards.link import REPORT_CAPACITY, BoardLink, ResumePoint
from lensmount_hardware.boards.protocol.commands import (
    BaudrateCommand,
    DriveCommand,
    EnterSafeState,
    Hello,
    HostCredit,
    TimeRequest,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import DriveFlag, ErrorCode, HelloFlag, TimestampEncoding
from lensmount_hardware.boards.protocol.framing import DELIMITER, build_frame, credit_cost, parse_frame
from lensmount_hardware.boards.protocol.reports import (
    BoardCredit,
    BoardState,
    DataLost,
    HelloReply,
    LineEdge,
    MessageRejected,
    ReceivedBytes,
    TimeResponse,
    TransmitDone,
)
from lensmount_protocol.errors import BoardError

SESSION = 99


def welcome(session: int = SESSION, *, version: int = 1, queue_bytes: int = 600) -> HelloReply:
    return HelloReply(version, session, bytes(8), 16, 9600, 3_000_000, queue_bytes, 4096, b"test")


def greeted(sequence: int = 5, **more: int) -> BoardLink:
    link = BoardLink(SESSION)
    link.send_hello()
    link.bytes_to_send()
    link.receive(build_frame(welcome(**more), sequence), 0.0)
    return link


def frames_out(link: BoardLink) -> list[tuple[int, object]]:
    frames = [parse_frame(piece) for piece in link.bytes_to_send().split(DELIMITER) if piece]
    return [(frame.sequence, frame.message()) for frame in frames]


def test_a_greeting_is_a_delimiter_and_a_hello_with_our_room() -> None:
    assert REPORT_CAPACITY == 262_144
    link = BoardLink(SESSION)
    link.send_hello()
    wire = link.bytes_to_send()
    assert wire[:1] == DELIMITER
    assert [parse_frame(piece).message() for piece in wire.split(DELIMITER) if piece] == [Hello(1, 0, SESSION, 262_144)]
    assert link.bytes_to_send() == b""
    link.send_hello(take_over=True)
    assert frames_out(link) == [(1, Hello(1, HelloFlag.TAKE_OVER, SESSION, 262_144))]


def test_a_new_link_has_seen_nothing() -> None:
    link = BoardLink(SESSION)
    counts = link.counts
    assert (counts.frames, counts.garbage, counts.missed, counts.repeated) == (0, 0, 0, 0)
    assert (counts.unknown, counts.stale, counts.over_credit) == (0, 0, 0)
    assert (link.hello_reply, link.board_us, link.queued_bytes, link.last_sequence) == (None, 0, 0, 255)
    assert link.missing_frames() == []
    assert link.resume_point == ResumePoint(SESSION, 0, 0, 0)
    assert link.interruption_summary() == ""


def test_before_the_answer_every_other_frame_is_stale() -> None:
    link = BoardLink(SESSION)
    link.send_hello()
    for message in (DataLost(0, 1), welcome(SESSION + 1), MessageRejected(ErrorCode.BUSY, EnterSafeState.TYPE, 0, 0)):
        link.receive(build_frame(message, 3), 0.0)
    assert (link.counts.stale, link.counts.frames, link.hello_reply) == (3, 0, None)
    link.receive(build_frame(welcome(), 7), 0.0)
    assert (link.counts.stale, link.counts.frames, link.last_sequence) == (3, 1, 7)


def test_a_refusal_of_our_own_greeting_ends_it_and_one_of_another_does_not() -> None:
    link = BoardLink(SESSION)
    link.send_hello()
    link.send_hello()
    link.receive(build_frame(MessageRejected(ErrorCode.BUSY, Hello.TYPE, 0, 0), 3), 0.0)
    assert link.counts.stale == 1
    with pytest.raises(BoardError, match="another host has the board"):
        link.receive(build_frame(MessageRejected(ErrorCode.BUSY, Hello.TYPE, 1, 0), 4), 0.0)


def test_another_version_of_the_protocol_is_an_error() -> None:
    with pytest.raises(BoardError, match="has version 2 of the protocol, this program has version 1"):
        greeted(version=2)


def test_sequence_numbers_up_to_127_ahead_are_gaps_and_others_are_old() -> None:
    link = greeted(sequence=5)
    link.receive(build_frame(DataLost(0, 1), (6 + 127) % 256), 0.0)
    assert (link.counts.missed, link.counts.repeated, link.counts.frames) == (127, 0, 2)
    assert link.missing_frames() == [(6, 127)]
    assert link.missing_frames() == []
    link = greeted(sequence=5)
    link.receive(build_frame(DataLost(0, 1), (6 + 128) % 256), 0.0)
    assert (link.counts.missed, link.counts.repeated, link.counts.frames) == (0, 1, 1)
    assert list(link.events()) == []


def test_sequence_numbers_go_round_behind_255() -> None:
    link = greeted(sequence=254)
    for sequence in (255, 0, 1):
        link.receive(build_frame(DataLost(0, 1), sequence), 0.0)
    assert (link.counts.missed, link.counts.repeated, link.counts.frames) == (0, 0, 4)
    assert link.last_sequence == 1
    link.receive(build_frame(DataLost(0, 1), 1), 0.0)
    assert link.counts.repeated == 1


def test_an_answer_to_our_greeting_that_comes_twice_is_counted_and_takes_no_number() -> None:
    link = greeted(sequence=5)
    link.receive(build_frame(welcome(), 6), 0.0)
    link.receive(build_frame(DataLost(0, 1), 6), 0.0)
    assert (link.counts.repeated, link.counts.missed, link.counts.frames) == (1, 0, 2)
    with pytest.raises(BoardError, match="another host has taken the board"):
        link.receive(build_frame(welcome(SESSION + 1), 7), 0.0)


def test_what_is_no_frame_is_garbage_and_what_no_table_knows_is_unknown() -> None:
    link = greeted()
    link.receive(b"\x00\x00\x05\x01\x00" + b"\x03\x03\x00", 0.0)
    assert link.counts.garbage == 2
    link.receive(build_frame(EnterSafeState(), 6), 0.0)
    assert (link.counts.unknown, link.counts.frames) == (1, 2)


def test_a_piece_of_255_bytes_may_be_a_frame_and_one_of_256_is_dropped_as_it_comes() -> None:
    link = greeted()
    longest = build_frame(ReceivedBytes(0, 1, TimestampEncoding.RUN, 236, bytes(range(1, 237)), b""), 6)
    for at in range(0, len(longest), 50):
        link.receive(longest[at : at + 50], 0.0)
    assert (link.counts.frames, link.counts.garbage) == (2, 0)
    link.receive(b"\x01" * 255, 0.0)
    assert len(link._partial) == 255
    link.receive(b"\x01", 0.0)
    assert len(link._partial) == 255
    link.receive(b"\x00" + build_frame(DataLost(0, 1), 7), 0.0)
    assert (link.counts.frames, link.counts.garbage) == (3, 1)


def test_the_board_s_time_is_the_latest_that_a_report_tells() -> None:
    link = greeted()
    reports = (
        (TimeResponse(0, 10), 10),
        (LineEdge(1, 1, 30), 30),
        (BoardState(0, 0, 0, 20), 30),
        (ReceivedBytes(40, 1, TimestampEncoding.RUN, 1, b"x", b""), 40),
        (BoardState(0, 0, 0, 50), 50),
        (TransmitDone(1, 60, 70), 50),
    )
    for number, (report, expected) in enumerate(reports):
        link.receive(build_frame(report, 6 + number), 0.0)
        assert link.board_us == expected


def test_only_the_newest_16_questions_for_the_time_wait_for_their_answer() -> None:
    link = greeted()
    for number in range(17):
        link.request_time(float(number))
    asked = [message for _, message in frames_out(link)]
    assert asked == [TimeRequest(number) for number in range(1, 18)]
    link.receive(build_frame(TimeResponse(1, 1_000_000), 6), 20.0)
    assert link.clock.trips == 0
    link.receive(build_frame(TimeResponse(2, 1_000_000), 7), 1.5)
    assert (link.clock.trips, link.clock.last_trip) == (1, 0.5)
    # The same answer again, and one that would be earlier than its question, are no round trips.
    link.receive(build_frame(TimeResponse(2, 1_000_000), 8) + build_frame(TimeResponse(17, 1_000_000), 9), 15.0)
    assert link.clock.trips == 1
    link.receive(build_frame(TimeResponse(16, 1_000_000), 10), 15.0)
    assert link.clock.trips == 2


def test_orders_wait_for_credit_in_their_order_and_others_go_at_once() -> None:
    link = greeted(queue_bytes=100)
    order = TransmitCommand(1, 0, 0, 0, bytes(40))
    cost = credit_cost(order)
    assert cost == 63
    link.send(order)
    link.send(TransmitCommand(2, 0, 0, 0, b"x"))
    link.send(TransmitCommand(3, 0, 0, 0, bytes(40)))
    link.send(DriveCommand(4, DriveFlag.IN_TURN, 1, 1, 0))
    link.send(DriveCommand(5, 0, 1, 1, 0))
    sent = [message for _, message in frames_out(link)]
    assert sent == [order, TransmitCommand(2, 0, 0, 0, b"x"), DriveCommand(5, 0, 1, 1, 0)]
    assert link.queued_bytes == cost + credit_cost(DriveCommand(4, DriveFlag.IN_TURN, 1, 1, 0))
    link.receive(build_frame(BoardCredit(187), 6), 0.0)
    assert [message for _, message in frames_out(link)] == [
        TransmitCommand(3, 0, 0, 0, bytes(40)),
        DriveCommand(4, DriveFlag.IN_TURN, 1, 1, 0),
    ]
    assert link.queued_bytes == 0


def test_an_order_as_large_as_the_board_s_room_is_sent_and_a_larger_one_is_an_error() -> None:
    link = greeted(queue_bytes=63)
    link.send(TransmitCommand(1, 0, 0, 0, bytes(40)))
    assert len(frames_out(link)) == 1
    with pytest.raises(BoardError, match="a message of 64 bytes; the board's queue holds 63"):
        link.send(TransmitCommand(1, 0, 0, 0, bytes(41)))
    assert link.queued_bytes == 0


def test_an_order_is_known_by_the_number_of_its_frame_until_the_number_comes_again() -> None:
    link = greeted()
    link.send(TransmitCommand(300, 0, 0, 0, b"x"))
    link.send(DriveCommand(301, 0, 1, 1, 0))
    link.send(BaudrateCommand(302, 9600, 0))
    link.send(EnterSafeState())
    numbers = [number for number, _ in frames_out(link)]
    assert numbers == [1, 2, 3, 4]
    assert [link.command_id_for(number) for number in (1, 2, 3, 4, 0)] == [300, 301, 302, None, None]
    for _ in range(253):
        link.send(EnterSafeState())
    assert link.command_id_for(1) is None
    assert link.command_id_for(2) == 301


def test_credit_is_given_back_when_reports_are_taken() -> None:
    link = BoardLink(SESSION, capacity=100)
    link.send_hello()
    link.bytes_to_send()
    link.receive(build_frame(welcome(), 5), 0.0)
    assert frames_out(link) == []
    link.receive(build_frame(TransmitDone(1, 0, 0), 6), 0.0)
    assert frames_out(link) == []
    assert list(link.events()) == [TransmitDone(1, 0, 0)]
    cost = credit_cost(TransmitDone(1, 0, 0))
    assert frames_out(link) == [(1, HostCredit(100 + cost))]


def test_states_cost_no_credit() -> None:
    link = BoardLink(SESSION, capacity=0)
    link.send_hello()
    link.receive(build_frame(welcome(), 5), 0.0)
    link.receive(build_frame(BoardState(0, 0, 0, 0), 6) + build_frame(TransmitDone(1, 0, 0), 7), 0.0)
    assert list(link.events()) == [BoardState(0, 0, 0, 0)]
    assert link.counts.over_credit == 1


def test_another_greeting_forgets_what_waits() -> None:
    link = greeted(queue_bytes=63)
    for number in range(3):
        link.send(TransmitCommand(number, 0, 0, 0, bytes(40)))
    link.request_time(1.0)
    link.receive(build_frame(TransmitDone(1, 0, 0), 6), 0.0)
    link.send_hello()
    assert (link.queued_bytes, link.hello_reply) == (0, None)
    assert [type(message) for _, message in frames_out(link)] == [Hello]
    link.receive(build_frame(welcome(queue_bytes=63), 7), 0.0)
    assert list(link.events()) == []
    link.receive(build_frame(TimeResponse(1, 5), 8), 2.0)
    assert link.clock.trips == 0
    assert frames_out(link) == []


def going_on(theirs: int, board_us: int) -> BoardLink:
    link = BoardLink(1, resume_from=ResumePoint(SESSION, 40, theirs, board_us))
    link.send_hello()
    return link


def test_a_conversation_goes_on_with_its_session_and_its_numbers() -> None:
    link = going_on(theirs=250, board_us=1000)
    assert link.resume_point == ResumePoint(SESSION, 41, 250, 0)
    assert frames_out(link) == [(40, Hello(1, 0, SESSION, 262_144))]


@pytest.mark.parametrize(
    ("sequence", "told"),
    [
        (250, "no frame of it is missing, or a multiple of 256"),
        (251, "1 of its frames are missing from number 250 on, or that and a multiple of 256"),
        ((250 + 127) % 256, "127 of its frames are missing from number 250 on, or that and a multiple of 256"),
        ((250 + 128) % 256, "128 of its frames are missing from number 250 on, or that and a multiple of 256"),
        ((250 + 255) % 256, "255 of its frames are missing from number 250 on, or that and a multiple of 256"),
    ],
)
def test_what_lies_between_two_conversations(sequence: int, told: str) -> None:
    link = going_on(theirs=250, board_us=1000)
    link.receive(build_frame(welcome(), sequence), 0.0)
    assert "clock is not known yet" in link.interruption_summary()
    link.request_time(1.0)
    link.receive(build_frame(TimeResponse(1, 1000), (sequence + 1) % 256), 1.001)
    assert link.interruption_summary() == f"the board kept its power; {told}"


def test_a_clock_that_is_behind_shows_that_the_board_lost_its_power() -> None:
    link = going_on(theirs=250, board_us=1000)
    link.receive(build_frame(welcome(), 0), 0.0)
    link.request_time(1.0)
    link.receive(build_frame(TimeResponse(1, 999), 1), 1.001)
    assert link.interruption_summary().startswith("the board had lost its power")
