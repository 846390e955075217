"""A model board's answers to its host, frame by frame: sequence, greeting, watchdog, counters, state."""

from dataclasses import replace
from typing import Any

import pytest

from lensmount_hardware.boards.protocol.commands import (
    BaudrateCommand,
    Bootloader,
    Configure,
    DriveCommand,
    EnterSafeState,
    Hello,
    HostCredit,
    MappedLine,
    ReadCounters,
    ReadState,
    Sync,
    TimeRequest,
    Timing,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    ConfigureFlag,
    DriveFlag,
    ErrorCode,
    HelloFlag,
    LineFlag,
    LineKind,
    LossKind,
    SafeStateFlag,
    SafeStateReason,
    StateFlag,
    SyncFlag,
    TimestampEncoding,
    TransmitFlag,
)
from lensmount_hardware.boards.protocol.framing import DELIMITER, build_frame, parse_frame
from lensmount_hardware.boards.protocol.message import BoardMessage
from lensmount_hardware.boards.protocol.reports import (
    BoardCredit,
    BoardState,
    Counters,
    DataLost,
    HelloReply,
    LineEdge,
    MessageRejected,
    ReceivedBytes,
    TimeResponse,
    TransmitDone,
)
from lensmount_hardware.boards.simulator.bench import SimulatorBench, connect_boards
from lensmount_hardware.boards.simulator.board import BoardSimulator

OUT = LineFlag.OUTPUT
LOOP = Configure(
    BoardRole.BODY,
    ConfigureFlag.NO_INTERLOCK,
    1_000_000,
    Timing(setup_us=30, hold_us=40, gap_us=50, watchdog_ms=0),
    (
        MappedLine(0, LineKind.DATA, OUT),
        MappedLine(1, LineKind.DATA),
        MappedLine(2, LineKind.ATTENTION, OUT),
        MappedLine(3, LineKind.PLAIN),
        MappedLine(4, LineKind.SYNC, OUT),
    ),
)
CONFIGURED = StateFlag.CONFIGURED | StateFlag.PRESENT | StateFlag.POWERED


class Host:
    """A host that counts its frames, and reads every frame of the board."""

    def __init__(self, **limits: Any) -> None:
        self.board = BoardSimulator(**limits)
        self.sequence = 0
        self.numbers: list[int] = []

    def send(self, *messages: BoardMessage) -> list[BoardMessage]:
        for message in messages:
            self.board.receive(build_frame(message, self.sequence))
            self.sequence = (self.sequence + 1) % 256
        return self.take()

    def take(self) -> list[BoardMessage]:
        frames = [parse_frame(piece) for piece in self.board.bytes_to_send().split(DELIMITER) if piece]
        self.numbers += [frame.sequence for frame in frames]
        return [frame.message() for frame in frames]

    def greet(self, session: int = 7, limit: int = 5000, flags: int = 0) -> list[BoardMessage]:
        return self.send(Hello(1, flags, session, limit))

    def ready(self, wanted: Configure = LOOP) -> "Host":
        self.greet()
        self.send(wanted)
        return self

    def counters(self) -> Counters:
        return next(report for report in self.send(ReadCounters()) if isinstance(report, Counters))


def test_a_greeting_is_answered_with_who_the_board_is_and_its_state() -> None:
    host = Host()
    assert host.greet(session=300) == [
        HelloReply(1, 300, b"MODEL\0\0\0", 16, 9_600, 3_000_000, 4096, 16384, b"model"),
        BoardState(StateFlag.ALL_IDLE, SafeStateReason.HELLO, 0, 0),
    ]
    assert host.numbers == [0, 1]
    other = Host(queue_bytes=1, report_bytes=2, max_lines=3, baudrates=(4, 5), firmware=b"x")
    assert other.greet()[0] == HelloReply(1, 7, b"MODEL\0\0\0", 3, 4, 5, 1, 2, b"x")


def test_another_version_is_refused_with_the_own_one() -> None:
    host = Host(version=3)
    assert host.greet() == [MessageRejected(ErrorCode.VERSION, Hello.TYPE, 0, 3)]


def test_before_a_greeting_everything_is_refused() -> None:
    host = Host()
    host.sequence = 9
    assert host.send(ReadState(), HostCredit(5)) == [
        MessageRejected(ErrorCode.NO_SESSION, ReadState.TYPE, 9, 0),
        MessageRejected(ErrorCode.NO_SESSION, HostCredit.TYPE, 10, 0),
    ]


def test_a_second_host_is_refused_while_the_first_is_there_and_may_take_over() -> None:
    host = Host().ready()
    host.board.advance_to(1_999_999)
    assert host.greet(session=8) == [MessageRejected(ErrorCode.BUSY, Hello.TYPE, 2, 7)]
    host.board.advance_to(2_000_000)
    assert isinstance(host.greet(session=8)[0], HelloReply)
    host.send(LOOP)
    assert host.greet(session=9) == [MessageRejected(ErrorCode.BUSY, Hello.TYPE, 5, 8)]
    assert isinstance(host.greet(session=8)[0], HelloReply)
    host.send(LOOP)
    assert isinstance(host.greet(session=9, flags=HelloFlag.TAKE_OVER)[0], HelloReply)


def test_a_refused_greeting_does_not_keep_the_first_host_alive() -> None:
    host = Host().ready(replace(LOOP, timing=replace(LOOP.timing, watchdog_ms=100)))
    host.board.advance_to(60_000)
    assert isinstance(host.greet(session=8)[0], MessageRejected)
    host.board.advance_to(100_000)
    assert host.take() == [
        BoardState(CONFIGURED | StateFlag.ALL_IDLE, SafeStateReason.WATCHDOG, 0, 100_000),
        BoardState(StateFlag.ALL_IDLE, SafeStateReason.WATCHDOG, 0, 100_000),
    ]


def test_a_board_without_a_map_belongs_to_whoever_greets() -> None:
    host = Host()
    host.greet(session=7)
    assert isinstance(host.greet(session=8)[0], HelloReply)


def test_the_watchdog_counts_from_the_last_good_frame() -> None:
    host = Host().ready(replace(LOOP, timing=replace(LOOP.timing, watchdog_ms=100)))
    assert host.board.next_us() == 100_000
    host.board.advance_to(70_000)
    assert host.send(TimeRequest(5)) == [TimeResponse(5, 70_000)]
    host.board.advance_to(169_999)
    assert host.board.configured
    host.board.advance_to(170_000)
    assert not host.board.configured
    assert host.board.next_us() is None
    assert host.send(BaudrateCommand(1, 9600, 0))[-1] == MessageRejected(
        ErrorCode.NOT_CONFIGURED, BaudrateCommand.TYPE, 3, 0
    )


def test_frames_up_to_127_ahead_are_taken_with_a_gap_and_older_ones_are_not() -> None:
    host = Host()
    host.greet()
    host.sequence = 128
    assert host.send(TimeRequest(1)) == [TimeResponse(1, 0), DataLost(LossKind.FRAMES, 127)]
    host.sequence = (129 + 128) % 256
    assert host.send(TimeRequest(2)) == []
    host.sequence = 129
    assert host.send(TimeRequest(3)) == [TimeResponse(3, 0)]
    host.sequence = 130
    counters = host.counters()
    assert (counters.frames_missed, counters.frames_taken, counters.frames_bad) == (127, 3, 0)


def test_sequence_numbers_go_round() -> None:
    host = Host()
    host.sequence = 255
    host.greet()
    assert host.send(TimeRequest(1), TimeRequest(2)) == [TimeResponse(1, 0), TimeResponse(2, 0)]
    for _ in range(130):
        host.send(TimeRequest(3), TimeRequest(3))
    assert host.numbers == [number % 256 for number in range(len(host.numbers))]


def test_what_is_no_frame_is_counted_and_reported() -> None:
    host = Host()
    host.greet()
    host.board.receive(b"\x05\x01\x00\x00")
    assert host.take() == []
    assert host.send(TimeRequest(1)) == [TimeResponse(1, 0), DataLost(LossKind.FRAMES, 1)]
    assert host.counters().frames_bad == 1


def test_a_frame_may_come_in_pieces_and_one_that_is_too_long_is_bad() -> None:
    host = Host()
    host.greet()
    wire = build_frame(TimeRequest(9), 1)
    for at in range(len(wire)):
        host.board.receive(wire[at : at + 1])
    assert host.take() == [TimeResponse(9, 0)]
    host.board.receive(b"\x01" * 1000)
    assert len(host.board._partial) <= 256
    host.board.receive(b"\x00")
    host.sequence = 2
    assert host.counters().frames_bad == 1


def test_an_unknown_type_and_bytes_that_do_not_fit_their_type_are_told_apart() -> None:
    from lensmount_hardware.boards.protocol.framing import build_raw_frame

    host = Host()
    host.greet()
    host.board.receive(
        build_raw_frame(0x7F, b"", 1) + build_raw_frame(TimeRequest.TYPE, b"\x01", 2) + build_raw_frame(0x81, b"", 3)
    )
    host.board.receive(build_frame(TransmitDone(1, 2, 3), 4))
    assert host.take() == [
        MessageRejected(ErrorCode.UNKNOWN_TYPE, 0x7F, 1, 0),
        MessageRejected(ErrorCode.MALFORMED, TimeRequest.TYPE, 2, 0),
        MessageRejected(ErrorCode.MALFORMED, 0x81, 3, 0),
        MessageRejected(ErrorCode.UNKNOWN_TYPE, TransmitDone.TYPE, 4, 0),
    ]


def test_a_host_that_goes_on_is_told_of_the_frames_between() -> None:
    host = Host()
    host.greet(session=7)
    host.sequence = 4
    assert host.greet(session=7)[2:] == [DataLost(LossKind.FRAMES, 3)]
    assert host.send(TimeRequest(1)) == [TimeResponse(1, 0)]
    assert host.counters().frames_missed == 3


def test_another_host_begins_to_count_where_it_stands() -> None:
    host = Host()
    host.greet(session=7)
    host.sequence = 4
    host.greet(session=8)
    assert host.send(TimeRequest(1)) == [TimeResponse(1, 0)]
    assert host.counters().frames_missed == 0


def test_states_say_what_holds() -> None:
    host = Host().ready()
    at_rest = CONFIGURED | StateFlag.ALL_IDLE
    assert host.send(ReadState()) == [BoardState(at_rest, SafeStateReason.START, 0, 0)]
    host.board.advance_to(50)
    assert host.send(DriveCommand(1, 0, 2, 1, 0), ReadState()) == [
        BoardState(CONFIGURED, SafeStateReason.START, 0b100, 50)
    ]
    assert host.send(DriveCommand(1, 0, 2, 0, 0), ReadState()) == [BoardState(at_rest, SafeStateReason.START, 0, 50)]
    on = Sync(SyncFlag.ON, 1000, 60, 500)
    syncing = BoardState(CONFIGURED | StateFlag.SYNC_ON, SafeStateReason.START, 0b10000, 50)
    assert host.send(on, ReadState()) == [syncing, syncing]
    assert host.send(TransmitCommand(1, 0, 9000, 0, b"x"), ReadState())[-1].flags & StateFlag.ALL_IDLE == 0
    host.send(EnterSafeState())
    assert host.send(ReadState())[-1] == BoardState(at_rest, SafeStateReason.HOST, 0, 50)


def test_a_rest_forgets_the_map_where_that_is_asked_for() -> None:
    host = Host().ready()
    host.send(TransmitCommand(1, 0, 9000, 0, b"x"), BaudrateCommand(2, 9600, 0))
    state = BoardState(CONFIGURED | StateFlag.ALL_IDLE, SafeStateReason.HOST, 0, 0)
    dropped = [DataLost(LossKind.TRANSMISSIONS, 1), DataLost(LossKind.DRIVES, 1)]
    assert host.send(EnterSafeState()) == [state, *dropped, state, BoardCredit(4138)]
    assert host.board.configured
    host.send(EnterSafeState(SafeStateFlag.FORGET))
    assert not host.board.configured
    assert host.send(ReadState()) == [MessageRejected(ErrorCode.NO_SESSION, ReadState.TYPE, host.sequence - 1, 0)]


def test_boot_mode_wants_its_magic() -> None:
    host = Host().ready()
    host.send(DriveCommand(1, 0, 2, 1, 0))
    reports = host.send(Bootloader(1))
    assert reports[-1] == MessageRejected(ErrorCode.BAD_MAGIC, Bootloader.TYPE, 3, 0)
    assert not host.board.simulated_lines.pins[2].level
    assert not any(isinstance(report, MessageRejected) for report in host.send(Bootloader()))


@pytest.mark.parametrize(
    ("sync", "fits"),
    [
        (Sync(SyncFlag.ON, 100, 1, 0), True),
        (Sync(SyncFlag.ON, 99, 1, 0), False),
        (Sync(SyncFlag.ON, 100, 99, 0), True),
        (Sync(SyncFlag.ON, 100, 100, 0), False),
        (Sync(SyncFlag.ON, 100, 0, 0), False),
        (Sync(0, 0, 0, 0), True),
    ],
)
def test_a_frame_signal_has_a_shortest_period_and_a_width_within_it(sync: Sync, fits: bool) -> None:
    refused = [report for report in Host().ready().send(sync) if isinstance(report, MessageRejected)]
    assert refused == ([] if fits else [MessageRejected(ErrorCode.BAD_TIMING, Sync.TYPE, 2, 3)])


def test_an_order_beyond_the_credit_is_refused_with_the_room_that_there_is() -> None:
    host = Host(queue_bytes=100)
    host.greet()
    host.send(LOOP)
    first = TransmitCommand(1, 0, 9000, 0, bytes(40))
    assert host.send(first, first) == [MessageRejected(ErrorCode.NO_CREDIT, TransmitCommand.TYPE, 3, 37)]
    assert host.counters().refused == 1


def test_room_is_told_when_orders_are_done() -> None:
    host = Host(queue_bytes=100)
    host.greet()
    host.send(LOOP)
    host.send(TransmitCommand(1, 0, 0, 0, bytes(40)))
    host.board.advance_to(500)
    assert host.take() == [TransmitDone(1, 0, 400), BoardCredit(163)]


def test_bytes_of_another_rate_are_broken_and_counted() -> None:
    host = Host().ready()
    host.board.on_line_bytes(1, b"abc", 0, 999_999)
    host.board.advance_to(1000)
    assert host.send(TimeRequest(1)) == [TimeResponse(1, 1000), DataLost(LossKind.BROKEN_BYTES, 3)]
    counters = host.counters()
    assert (counters.bytes_broken, counters.bytes_received) == (3, 0)


def test_bytes_have_the_times_of_their_stop_bits() -> None:
    host = Host().ready()
    host.board.set_time(100)
    host.board.on_line_bytes(1, b"abc", 70, 1_000_000)
    host.board.advance_to(299)
    assert host.take() == []
    host.board.advance_to(300)
    assert host.take() == [ReceivedBytes(80, 1, TimestampEncoding.RUN, 3, b"abc", b"")]


def test_an_edge_comes_behind_the_bytes_before_it() -> None:
    host = Host().ready()
    host.board.set_time(100)
    host.board.on_line_bytes(1, b"a", 90, 1_000_000)
    host.board.on_line_level(3, True)
    assert host.take() == [ReceivedBytes(100, 1, TimestampEncoding.RUN, 1, b"a", b""), LineEdge(3, 1, 100)]
    assert host.board.pins == {3: True}
    counters = host.counters()
    assert (counters.edges_seen, counters.bytes_received) == (1, 1)


def test_counters_count_what_was_done() -> None:
    host = Host().ready()
    host.board.advance_to(100)
    both = TransmitFlag.RAISE | TransmitFlag.LOWER
    host.send(TransmitCommand(1, both, 50, 0, b"abc"), DriveCommand(2, DriveFlag.IN_TURN, 9, 1, 0), EnterSafeState())
    host.board.advance_to(5000)
    host.send(TransmitCommand(1, both, 0, 0, b"abcd"))
    host.board.advance_to(9000)
    reports = host.take()
    assert [report for report in reports if isinstance(report, TransmitDone)] == [TransmitDone(1, 5030, 5070)]
    counters = host.counters()
    assert (counters.bytes_sent, counters.late, counters.rests, counters.refused) == (4, 1, 1, 0)
    assert (counters.frames_taken, counters.edges_lost, counters.reports_lost, counters.worst_loop_us) == (6, 0, 0, 0)


def test_without_a_map_nothing_is_seen_or_received() -> None:
    host = Host()
    host.greet()
    host.board.on_line_level(0, True)
    host.board.on_line_bytes(0, b"x", 0, 9600)
    assert (host.take(), host.board.pins, host.board.next_us()) == ([], {}, None)


def test_a_configuration_that_is_refused_leaves_the_old_one() -> None:
    host = Host().ready()
    wire = host.board.simulated_lines
    assert host.send(replace(LOOP, baudrate=1)) == [MessageRejected(ErrorCode.BAD_BAUDRATE, Configure.TYPE, 2, 9_600)]
    assert host.board.simulated_lines is wire


def test_two_boards_that_are_joined_share_wires_and_time() -> None:
    body, lens = Host().ready(), Host().ready()
    bench = SimulatorBench(body.board, lens.board)
    connect_boards(body.board, lens.board, [(body.board, 0, 1), (lens.board, 0, 1), (body.board, 2, 3)])
    stream = bench.stream(body.board, "b")
    assert (stream.name, stream.closed_reason) == ("b", "")
    body.send(TransmitCommand(1, TransmitFlag.RAISE | TransmitFlag.LOWER, 1000, 0, b"hi"))
    bench.advance(0.01)
    assert bench.clock.now() == 0.01
    assert lens.take() == [
        LineEdge(3, 1, 1000),
        ReceivedBytes(1040, 1, TimestampEncoding.RUN, 2, b"hi", b""),
        LineEdge(3, 0, 1090),
    ]
    lens.send(BaudrateCommand(1, 500_000, 0), TransmitCommand(2, 0, 0, 0, b"yo"))
    bench.advance(0.01)
    assert DataLost(LossKind.BROKEN_BYTES, 2) in body.send(TimeRequest(1))


def test_a_stream_reads_what_comes_within_the_wait_and_no_longer() -> None:
    host = Host().ready()
    bench = SimulatorBench(host.board)
    stream = bench.stream(host.board)
    stream.write(build_frame(TransmitCommand(1, 0, 5000, 0, b"x"), 2))
    assert stream.read(0.002) == b""
    assert bench.clock.now() == 0.002
    first = parse_frame(stream.read(0.1).split(DELIMITER)[0]).message()
    assert first == TransmitDone(1, 5000, 5010)
    assert bench.clock.now() == pytest.approx(0.00501)
    stream.noise_to_host = b"noise"
    assert stream.read(None) == b"noise"
    assert stream.read(None) == b""
    assert bench.clock.now() == pytest.approx(60.00501)
    assert stream.read(-1.0) == b""
    stream.close()
    for act in (lambda: stream.read(0), lambda: stream.write(b"")):
        with pytest.raises(ConnectionError, match="closed"):
            act()
