"""The firmware's core reports what it receives: bytes, edges, their order, and what was lost."""

import random

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.commands import MappedLine
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    DriveFlag,
    ErrorCode,
    LineKind,
    LossKind,
    StateFlag,
    TimestampEncoding,
)

BYTE_US = 1e7 / 750_000
SUPPLY, ATTENTION, DATA, PLAIN, PLAIN_IN = 1, 4, 6, 8, 9


def test_bytes_back_to_back_are_told_as_a_run(core):
    core.start_body()
    core.heard()
    began = core.now_us
    for index in range(50):
        core.run(round(began + (index + 1) * BYTE_US) - core.now_us)
        core.feed(0, index, 0)
    core.run(2000)
    reports = core.heard_of(r.ReceivedBytes)
    assert b"".join(report.data for report in reports) == bytes(range(50))
    assert {report.spacing for report in reports} == {TimestampEncoding.RUN}
    assert reports[0].at_us == began + 13
    assert {report.line for report in reports} == {7}


def test_the_time_of_every_byte_can_be_told(core):
    core.start_body()
    core.heard()
    dice = random.Random(4)
    times = []
    for index in range(400):
        core.run(dice.choice((13, 14, 20, 90, 254, 255, 256, 257, 600)))
        core.feed(0, index % 256, 0)
        times.append(core.now_us)
    core.run(2000)
    told = []
    for report in core.heard_of(r.ReceivedBytes):
        at = report.at_us
        told.append(at)
        for gap in report.gaps or [None] * (report.count - 1):
            at += gap if gap is not None else 1e7 / 750_000
            told.append(at)
    assert len(told) == 400
    assert all(abs(one - other) <= 1 for one, other in zip(told, times, strict=True))


def test_long_rows_of_bytes_are_told_in_pieces(core):
    core.start_body()
    core.heard()
    for index in range(1000):
        core.feed(0, index % 256, 0)
        core.run(7)
    core.run(2000)
    reports = core.heard_of(r.ReceivedBytes)
    assert b"".join(report.data for report in reports) == bytes(index % 256 for index in range(1000))
    assert max(report.count for report in reports) <= 120
    assert max(report.at_us + 7 * report.count - report.at_us for report in reports) <= 1010


def test_a_main_loop_that_looks_seldom_still_tells_them_apart(core):
    core.start_body()
    core.heard()
    core.slow(3000)
    for index in range(300):
        core.feed(0, index % 256, 0)
        core.run(300 if index == 250 else 10 if index < 200 else 5)
    core.run(20_000)
    reports = core.heard_of(r.ReceivedBytes)
    assert b"".join(report.data for report in reports) == bytes(index % 256 for index in range(300))
    assert max(report.count for report in reports) <= 120
    assert max(sum(report.gaps) for report in reports) <= 1000


def test_bytes_that_came_before_an_edge_are_told_before_it(core):
    core.start_body()
    core.heard()
    core.slow(2000)
    core.run(5000)
    for round_ in range(20):
        core.set_pin(14, True)
        core.run(15)
        core.feed(0, round_, 0)
        core.run(10)
        core.set_pin(14, False)
        core.run(30)
    core.run(40_000)
    said = [report for report in core.heard() if isinstance(report, r.ReceivedBytes | r.LineEdge)]
    assert [type(report) for report in said] == [r.LineEdge, r.ReceivedBytes, r.LineEdge] * 20
    assert [report.at_us for report in said] == sorted(report.at_us for report in said)


def test_broken_bytes_and_overruns_are_counted(core):
    core.start_body()
    core.heard()
    for kind in (1, 2, 0):
        core.feed(0, 0x55, kind)
    core.run(1000)
    said = core.heard()
    assert {(report.sort, report.count) for report in said if isinstance(report, r.DataLost)} == {
        (LossKind.BROKEN_BYTES, 1),
        (LossKind.RECEIVED, 1),
    }
    core.send(o.ReadCounters())
    (counters,) = core.heard_of(r.Counters)
    assert (counters.bytes_broken, counters.bytes_lost, counters.bytes_received) == (1, 1, 1)


def test_more_bytes_than_the_main_loop_can_take_are_counted(core):
    core.start_body()
    core.heard()
    core.slow(100_000)
    core.run(100)
    for _ in range(1100):
        core.feed(0, 1, 0)
        core.run(7)
    core.slow(0)
    core.run(5000)
    said = core.heard()
    lost = sum(report.count for report in said if isinstance(report, r.DataLost) and report.sort == LossKind.RECEIVED)
    taken = sum(report.count for report in said if isinstance(report, r.ReceivedBytes))
    assert (lost, taken) == (76, 1024)


def test_bytes_of_a_uart_that_the_map_does_not_receive_are_nothing(core):
    core.start_body()
    core.heard()
    core.feed(1, 0x55, 0)
    core._sim.board_on_byte(1, 0x55, core.now_us)
    core.run(1000)
    assert core.heard() == []


def test_edges_are_told_with_their_times_and_undone_inversion(core):
    core.start_body()
    core.heard()
    core.set_pin(18, True)
    first = core.now_us
    core.run(77)
    core.set_pin(18, False)
    core.run(10)
    core.glitch(18)
    core.run(10)
    core.glitch(3)
    edges = core.heard_of(r.LineEdge)
    assert [(edge.line, edge.level, edge.at_us - first) for edge in edges] == [
        (PLAIN_IN, 0, 0),
        (PLAIN_IN, 1, 77),
        (PLAIN_IN, 0, 87),
        (PLAIN_IN, 1, 87),
    ]


def test_a_line_that_moves_too_fast_is_hushed_and_looked_at_again(core):
    core.start_body()
    core.heard()
    core.slow(50_000)
    core.run(10)
    for edge in range(401):
        core.set_pin(18, edge % 2 == 0)
        core.run(2)
    core.slow(0)
    core.run(50_000)
    core.set_pin(18, False)
    core.run(100)
    said = core.heard()
    edges = [report for report in said if isinstance(report, r.LineEdge)]
    lost = sum(report.count for report in said if isinstance(report, r.DataLost) and report.sort == LossKind.EDGES)
    assert len(edges) == 256 + 1 + 1, "what there was room for, the level afterwards, and the edge behind it"
    assert lost >= 1
    assert [edge.level for edge in edges[-2:]] == [0, 1]


def test_a_hushed_line_that_is_back_where_it_was_told_says_nothing_more(core):
    core.start_body()
    core.heard()
    core.slow(50_000)
    core.run(10)
    for edge in range(400):
        core.set_pin(18, edge % 2 == 0)
        core.run(2)
    core.slow(0)
    core.run(50_000)
    edges = core.heard_of(r.LineEdge)
    assert len(edges) == 256
    assert edges[-1].level == 1


def test_reports_beyond_the_room_of_the_interrupts_are_counted(core):
    core.start_body()
    core.heard()
    core.drive(PLAIN, 1, in_turn=True, at_us=core.now_us + 5000)
    for number in range(300):
        core.send(o.DriveCommand(number, DriveFlag.IN_TURN, PLAIN, 1, 1))
    core.slow(50_000)
    core.run(7000)
    core.set_pin(6, True)
    core.run(2000)
    core.slow(0)
    core.run(80_000)
    said = core.heard()
    late = [report for report in said if isinstance(report, r.TransmitLate)]
    lost = {report.sort: report.count for report in said if isinstance(report, r.DataLost)}
    assert len(late) + lost[LossKind.REPORTS] == 300
    assert lost[LossKind.EDGES] == 1, "the loss of presence, which is told by STATE all the same"


def test_the_queue_runs_round_its_end_many_times(core):
    core.start_body()
    core.heard()
    dice = random.Random(9)
    expected = b""
    for number in range(400):
        data = dice.randbytes(dice.randint(1, 231))
        core.send(o.TransmitCommand(number, 0, 0, 0, data))
        expected += data
        core.run(round(len(data) * 13.4) + 5)
    core.run(50_000)
    assert bytes(byte.value for byte in core.bytes_sent()) == expected
    reports = core.heard()
    assert len([report for report in reports if isinstance(report, r.TransmitDone)]) == 400
    assert [report for report in reports if isinstance(report, r.MessageRejected)] == []
    sent = sum(len(message) for message in (expected,))
    core.send(o.ReadCounters())
    assert core.heard_of(r.Counters)[0].bytes_sent == sent


def test_a_sniffer_receives_both_ends_and_drives_nothing(core):
    core.greet()
    lines = (
        MappedLine(1, LineKind.DATA),
        MappedLine(5, LineKind.DATA),
        MappedLine(6, LineKind.PRESENCE),
        MappedLine(7, LineKind.SUPPLY),
        MappedLine(11, LineKind.ATTENTION),
    )
    for flags in (0, 1):
        core.send(o.Configure(BoardRole.SNIFFER, flags, 750_000, o.Timing(), lines))
    core.run(100)
    assert core.heard_of(r.BoardState)[-1].flags == StateFlag.CONFIGURED | StateFlag.ALL_IDLE
    core.set_pin(6, False)
    core.set_pin(7, True)
    core.feed(0, 1, 0)
    core.run(14)
    core.feed(1, 2, 0)
    core.run(3000)
    said = core.heard()
    assert [(report.line, report.level) for report in said if isinstance(report, r.LineEdge)] == [(2, 0), (3, 1)]
    assert [(report.line, report.data) for report in said if isinstance(report, r.ReceivedBytes)] == [
        (0, b"\1"),
        (1, b"\2"),
    ]
    for order in (o.TransmitCommand(1, 0, 0, 0, b"x"), o.DriveCommand(1, 0, 4, 1, 0), o.Sync(1, 1000, 10, 0)):
        core.send(order)
        assert core.heard_of(r.MessageRejected)[0].code == ErrorCode.LISTENS_ONLY
    assert all(core.pin_state(pin) in (0, 4) for pin in range(30))
