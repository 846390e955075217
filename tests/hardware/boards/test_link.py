"""The host's side of a board: credit that is never exceeded, garbage, frames cut or twice, another greeting."""

from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_hardware.boards.flow_control import ReceiveCredit, SendCredit
from lensmount_hardware.boards.link import BoardLink
from lensmount_hardware.boards.protocol.commands import (
    Configure,
    DriveCommand,
    EnterSafeState,
    Hello,
    MappedLine,
    ReadCounters,
    TimeRequest,
    Timing,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    ConfigureFlag,
    DriveFlag,
    ErrorCode,
    LineFlag,
    LineKind,
    LossKind,
    StateFlag,
)
from lensmount_hardware.boards.protocol.framing import BY_TYPE, DELIMITER, build_frame, parse_frame
from lensmount_hardware.boards.protocol.message import BoardMessage
from lensmount_hardware.boards.protocol.reports import (
    REPORTS,
    BoardCredit,
    BoardState,
    Counters,
    DataLost,
    HelloReply,
    MessageRejected,
    ReceivedBytes,
    TransmitDone,
)
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_protocol.errors import BoardError

Strategy = Callable[..., st.SearchStrategy[BoardMessage]]

LOOP = Configure(
    BoardRole.BODY,
    ConfigureFlag.NO_INTERLOCK,
    1_500_000,
    Timing(),
    (MappedLine(0, LineKind.DATA, LineFlag.OUTPUT), MappedLine(1, LineKind.DATA)),
)
"""A data output and a data input and nothing else."""


def greeted(board: BoardSimulator, room: int = 1 << 16) -> BoardLink:
    link = BoardLink(99, capacity=room)
    link.send_hello()
    board.receive(link.bytes_to_send())
    link.receive(board.bytes_to_send(), 0.0)
    assert link.hello_reply is not None
    assert [type(event) for event in link.events()] == [BoardState]
    return link


def welcomed(queue_bytes: int = 600) -> BoardLink:
    link = BoardLink(99)
    link.send_hello()
    link.receive(
        b"\x00" + build_frame(HelloReply(1, 99, bytes(8), 16, 9600, 3_000_000, queue_bytes, 4096, b"test"), 5), 0.0
    )
    return link


def spent_by(data: bytes) -> int:
    """Credit that these bytes of a host spend."""
    total = 0
    for stuffed in filter(None, data.split(DELIMITER)):
        frame = parse_frame(stuffed)
        message = frame.message()
        waits = message.QUEUED and not (isinstance(message, DriveCommand) and not message.flags & DriveFlag.IN_TURN)
        total += frame.cost if waits else 0
    return total


@given(
    limits=st.lists(st.one_of(st.integers(0, 3000), st.integers(0, 2**32 - 1)), max_size=20),
    sizes=st.lists(st.integers(1, 231), max_size=40),
)
def test_credit_is_never_exceeded_whatever_the_board_tells(limits: list[int], sizes: list[int]) -> None:
    """A limit that shrinks, or is beyond the board's own room, is no limit."""
    link = welcomed()
    for size in sizes:
        link.send(TransmitCommand(1, 0, 0, 0, bytes(size)))
    spent, told = spent_by(link.bytes_to_send()), 600
    assert spent <= told
    for number, limit in enumerate(limits):
        link.receive(build_frame(BoardCredit(limit), 6 + number), 0.0)
        if told <= limit <= spent + 600:
            told = limit
        spent += spent_by(link.bytes_to_send())
        assert spent <= told


@given(st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=60), st.integers(300, 2000))
def test_what_both_ends_count_agrees(story: list[tuple[int, bool]], room: int) -> None:
    ours, theirs = SendCredit(room), ReceiveCredit(room)
    kept: list[int] = []
    for cost, free in story:
        if ours.consume(cost):
            assert theirs.accept(cost)
            kept.append(cost)
        if free and kept:
            theirs.release(kept.pop(0))
            if (news := theirs.limit_update()) is not None:
                ours.update_limit(news)
    for cost in kept:
        theirs.release(cost)
    if (news := theirs.limit_update()) is not None:
        ours.update_limit(news)
    assert ours.invalid_limits == 0
    assert ours.available == room


@given(
    data=st.data(),
    noise=st.lists(st.tuples(st.sampled_from(["noise", "twice", "cut", "flip"]), st.binary(max_size=300)), max_size=30),
)
def test_noise_is_survived_and_good_frames_are_not_harmed(
    any_message: Strategy, data: st.DataObject, noise: list[tuple[str, bytes]]
) -> None:
    """Between frames there may be anything; each good one is delivered once, and in order."""
    link = welcomed()
    kinds = [kind for kind in REPORTS.values() if kind in (ReceivedBytes, TransmitDone, DataLost, Counters)]
    sequence, expected, wire = 6, list[BoardMessage](), b""
    for what, extra in noise:
        message = data.draw(any_message(kinds))
        frame = build_frame(message, sequence)
        sequence += 1
        expected.append(message)
        wire += b"\x00" + frame
        if what == "noise":
            wire += extra + b"\x00"
        elif what == "twice":
            wire += frame
        elif what == "cut":
            wire += frame[: len(extra) % len(frame)] + b"\x00"
    at = 0
    got: list[BoardMessage] = []
    while at < len(wire):
        step = data.draw(st.integers(1, 400))
        link.receive(wire[at : at + step], 0.0)
        got += link.events()
        at += step
    assert got == expected
    assert link.counts.frames == len(expected) + 1
    assert link.counts.missed == 0


@given(st.lists(st.binary(max_size=2000), max_size=10), st.booleans())
def test_nothing_but_a_board_error_whatever_comes(pieces: list[bytes], known: bool) -> None:
    link = welcomed() if known else BoardLink(1)
    with suppress(BoardError):
        for piece in pieces:
            link.receive(piece, 0.0)
            link.bytes_to_send()
            list(link.events())
    assert len(link._partial) <= 255


@given(data=st.data())
def test_the_model_survives_any_host(any_message: Strategy, data: st.DataObject) -> None:
    """Frames in any order, damaged or not: the board answers with frames, and keeps to the host's credit."""
    board = BoardSimulator(queue_bytes=512, report_bytes=512)
    limit = data.draw(st.integers(0, 600))
    board.receive(build_frame(Hello(1, 0, 1, limit), 0))
    board.receive(build_frame(LOOP, 1))
    orders = [kind for kind in BY_TYPE.values() if kind.TYPE not in (Hello.TYPE, 0x03)]
    spent = 0
    for number in range(data.draw(st.integers(0, 12))):
        wire = bytearray(build_frame(data.draw(any_message(orders)), number + 2))
        if data.draw(st.booleans()):
            wire[data.draw(st.integers(0, len(wire) - 1))] ^= data.draw(st.integers(0, 255))
        board.receive(bytes(wire))
        board.advance_to(board.now_us + 2000)
        for stuffed in filter(None, board.bytes_to_send().split(DELIMITER)):
            frame = parse_frame(stuffed)
            spent += frame.cost if frame.message().QUEUED else 0
    assert spent <= limit


def test_a_gap_is_counted_and_what_follows_is_taken() -> None:
    link = welcomed()
    link.receive(build_frame(DataLost(0, 1), 6) + build_frame(DataLost(0, 2), 9), 0.0)
    assert list(link.events()) == [DataLost(0, 1), DataLost(0, 2)]
    assert link.counts.missed == 2


def test_an_old_frame_is_not_carried_out_twice_by_the_board() -> None:
    board = BoardSimulator()
    link = greeted(board)
    link.send(LOOP)
    board.receive(link.bytes_to_send())
    said: list[bytes] = []
    board.on_transmit = lambda _line, data, _begin, _end: said.append(data)
    link.send(TransmitCommand(1, 0, 0, 0, b"once"))
    wire = link.bytes_to_send()
    board.receive(wire + wire)
    board.advance_to(10_000)
    assert said == [b"once"]


def test_reports_beyond_our_credit_are_dropped_and_counted() -> None:
    link = BoardLink(99, capacity=300)
    link.send_hello()
    link.receive(build_frame(HelloReply(1, 99, bytes(8), 16, 9600, 3_000_000, 600, 4096, b""), 0), 0.0)
    for number in range(1, 40):
        link.receive(build_frame(TransmitDone(number, 0, 0), number), 0.0)
    assert link.counts.over_credit == 39 - 300 // 22
    assert len(list(link.events())) == 300 // 22


def test_another_greeting_begins_again() -> None:
    board = BoardSimulator()
    link = greeted(board)
    link.send(LOOP)
    for number in range(9):
        link.send(TransmitCommand(number, 0, 0, 0, bytes(200)))
    board.receive(link.bytes_to_send())
    board.advance_to(3000)
    stale = board.bytes_to_send()
    link.send_hello()
    board.receive(link.bytes_to_send())
    link.receive(stale[:50] + b"\x00" + stale[50:] + board.bytes_to_send(), 1.0)
    assert link.hello_reply is not None
    assert link.counts.missed == 0
    state, dropped = link.events()
    assert isinstance(state, BoardState)
    assert not state.flags & StateFlag.CONFIGURED
    assert dropped == DataLost(LossKind.TRANSMISSIONS, 7)
    link.send(LOOP)
    link.send(TransmitCommand(1, 0, 0, 0, b"again"))
    board.receive(link.bytes_to_send())
    board.advance_to(10_000)
    link.receive(board.bytes_to_send(), 1.0)
    assert [event.id for event in link.events() if isinstance(event, TransmitDone)] == [1]


def test_time_is_asked_and_known() -> None:
    board = BoardSimulator()
    link = greeted(board)
    board.advance_to(2_000_000)
    link.request_time(10.0)
    board.receive(link.bytes_to_send())
    link.receive(board.bytes_to_send(), 10.001)
    assert link.clock.host_time(2_000_000) == pytest.approx(10.0005)
    for _ in range(40):
        link.request_time(11.0)
    assert len(link._time_requests) == 16


def test_a_board_that_forgot_us_is_reported() -> None:
    board = BoardSimulator()
    link = greeted(board)
    link.send(EnterSafeState(1))
    board.receive(link.bytes_to_send())
    link.send(ReadCounters())
    board.receive(link.bytes_to_send())
    with pytest.raises(BoardError, match="has lost the session: it was restarted or unplugged"):
        link.receive(board.bytes_to_send(), 0.0)


def test_what_a_board_refuses_before_and_after() -> None:
    board = BoardSimulator()
    board.receive(build_frame(TimeRequest(1), 0))
    frame = parse_frame(board.bytes_to_send()[:-1])
    assert frame.message() == MessageRejected(ErrorCode.NO_SESSION, TimeRequest.TYPE, 0, 0)
    link = greeted(board)
    link.send(TransmitCommand(1, 0, 0, 0, b"x"))
    board.receive(link.bytes_to_send())
    link.receive(board.bytes_to_send(), 0.0)
    (refused,) = link.events()
    assert isinstance(refused, MessageRejected)
    assert refused.code == ErrorCode.NOT_CONFIGURED


def test_orders_before_the_greeting_and_orders_too_long_are_reported() -> None:
    with pytest.raises(BoardError, match="has not answered HELLO yet"):
        BoardLink(1).send(EnterSafeState())
    with pytest.raises(BoardError, match="a message of 223 bytes; the board's queue holds 100"):
        welcomed(100).send(TransmitCommand(1, 0, 0, 0, bytes(200)))


@pytest.mark.parametrize("stalls", [False, True], ids=["full credit", "a host that stalls"])
def test_many_bytes_are_neither_lost_nor_reordered(stalls: bool) -> None:
    random = Random(7)
    board = BoardSimulator(queue_bytes=4096, report_bytes=8192)
    board.on_transmit = lambda _line, data, begin, _end: board.on_line_bytes(1, data, begin, 1_500_000)
    link = greeted(board, room=20_000)
    link.send(LOOP)
    sent, got, at = random.randbytes(300_000), bytearray(), 0
    now = 0.0
    while len(got) < len(sent):
        while at < len(sent) and link.queued_bytes < 4096:
            link.send(TransmitCommand(at % 65_536, 0, 0, 0, sent[at : at + 200]))
            at += 200
        board.receive(link.bytes_to_send())
        now += 0.5 if stalls and random.random() < 0.02 else 0.002
        board.advance_to(round(now * 1e6))
        link.receive(board.bytes_to_send(), now)
        for event in link.events():
            if isinstance(event, ReceivedBytes):
                got += event.data
            assert not isinstance(event, DataLost | MessageRejected), event
    assert bytes(got) == sent
    assert sum(board.lost.values()) == 0
    assert now < 60


def test_a_host_without_credit_loses_only_what_the_board_says() -> None:
    """Bytes from a peer that nobody can stop: what finds no room is counted to the byte."""
    board = BoardSimulator(report_bytes=2000)
    link = greeted(board, room=2000)
    link.send(LOOP)
    board.receive(link.bytes_to_send())
    for number in range(200):
        board.advance_to((number + 1) * 1000)
        board.on_line_bytes(1, bytes([number]) * 100, number * 1000 + 300, 1_500_000)
    board.advance_to(300_000)
    got, lost = 0, 0
    for _ in range(50):
        link.receive(board.bytes_to_send(), 0.0)
        for event in link.events():
            got += event.count if isinstance(event, ReceivedBytes) else 0
            lost += event.count if isinstance(event, DataLost) and event.sort == LossKind.RECEIVED else 0
        board.receive(link.bytes_to_send())
    assert lost > 0
    assert got + lost == 20_000
