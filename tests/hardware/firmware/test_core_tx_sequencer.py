"""The firmware's core and its mount: windows, deadlines, the queue, the frame signal, bytes and edges."""

import itertools
import random

import pytest

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.commands import MappedLine
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    DriveFlag,
    ErrorCode,
    LineFlag,
    LineKind,
    Sort,
    Spacing,
    StateFlag,
    SyncFlag,
    TransmitFlag,
)

BYTE_US = 1e7 / 750_000
SETUP, HOLD, GAP = 21, 31, 41
"""Those of the timing table, and the microsecond that has begun when the clock is read."""
SUPPLY, SYNC, ATTENTION, DATA, PLAIN, PLAIN_IN = 1, 3, 4, 6, 8, 9
ATTENTION_PIN, SYNC_PIN, PLAIN_PIN, DATA_PIN = 11, 10, 15, 0
LOW, HIGH, UART = 1, 2, 3


def moves(core, pin, since=0):
    return [(change.at_us, change.state) for change in core.changes(pin) if change.at_us >= since]


def test_a_window_has_its_setup_hold_and_gap(core):
    core.start_body()
    began = core.now_us
    core.window(b"abc", 1)
    core.window(b"de", 2)
    core.run(1000)
    (rise, fall, again, last) = moves(core, ATTENTION_PIN, began)
    assert [state for _, state in (rise, fall, again, last)] == [HIGH, LOW, HIGH, LOW]
    sent = core.bytes_sent()
    assert bytes(byte.value for byte in sent) == b"abcde"
    assert sent[0].begin_us == rise[0] + SETUP
    for window in (sent[:3], sent[3:]):
        assert all(0 <= after.begin_us - before.end_us < 0.01 for before, after in itertools.pairwise(window))
    assert 0 <= fall[0] - (sent[2].end_us + HOLD) < 2
    assert again[0] == fall[0] + GAP
    reports = core.heard_of(r.TransmitDone)
    assert [report.id for report in reports] == [1, 2]
    assert reports[0].begin_us == rise[0] + SETUP
    assert abs(reports[0].end_us - sent[2].end_us) <= 1


def test_a_window_in_parts_is_one_row_of_bytes(core):
    core.start_body()
    began = core.now_us
    core.send(
        o.TransmitCommand(5, TransmitFlag.RAISE, 0, 0, bytes(range(100))),
        o.TransmitCommand(5, 0, 0, core.now_us + 10_000, bytes(range(100, 200))),
        o.TransmitCommand(5, TransmitFlag.LOWER, 0, 0, bytes(range(200, 250))),
    )
    core.run(5000)
    assert len(moves(core, ATTENTION_PIN, began)) == 2
    sent = core.bytes_sent()
    assert bytes(byte.value for byte in sent) == bytes(range(250))
    assert max(after.begin_us - before.end_us for before, after in itertools.pairwise(sent)) < 0.01
    reports = core.heard_of(r.TransmitDone)
    assert [report.id for report in reports] == [5, 5, 5]
    assert all(abs(after.begin_us - before.end_us) <= 1 for before, after in itertools.pairwise(reports))


def test_a_part_that_comes_late_goes_on_in_the_open_window(core):
    core.start_body()
    began = core.now_us
    core.send(o.TransmitCommand(5, TransmitFlag.RAISE, 0, 0, b"ab"))
    core.run(500)
    core.send(o.TransmitCommand(5, TransmitFlag.LOWER, 0, 0, b"cd"))
    core.run(500)
    assert [state for _, state in moves(core, ATTENTION_PIN, began)] == [HIGH, LOW]
    assert bytes(byte.value for byte in core.bytes_sent()) == b"abcd"


def test_a_window_by_hand_keeps_the_same_times(core):
    core.start_body()
    began = core.now_us
    core.drive(ATTENTION, 1, in_turn=True)
    core.send(o.TransmitCommand(1, 0, 0, 0, b"x"))
    core.drive(ATTENTION, 0, in_turn=True)
    core.drive(ATTENTION, 1, in_turn=True)
    core.run(1000)
    (rise, fall, again) = moves(core, ATTENTION_PIN, began)
    (byte,) = core.bytes_sent()
    assert byte.begin_us == rise[0] + SETUP
    assert 0 <= fall[0] - (byte.end_us + HOLD) < 2
    assert again[0] == fall[0] + GAP


def test_a_raise_of_a_line_that_is_high_waits_for_the_setup_only(core):
    core.start_body()
    began = core.now_us
    core.drive(ATTENTION, 1)
    core.window(b"x")
    core.run(500)
    (rise, fall) = moves(core, ATTENTION_PIN, began)
    assert core.bytes_sent()[0].begin_us == rise[0] + SETUP
    assert fall[1] == LOW


def test_an_order_never_begins_early_and_says_when_it_is_late(core):
    core.start_body()
    core.heard()
    began = core.now_us
    core.window(b"x" * 20, 1, at_us=began + 1000)
    core.window(b"y", 2, at_us=began + 1100)
    core.drive(PLAIN, 1, in_turn=True, at_us=began + 1200, id_=3)
    core.send(o.BaudrateCommand(4, 1_500_000, began + 1250))
    core.run(5000)
    (rise, fall, again, _) = moves(core, ATTENTION_PIN, began)
    assert rise[0] == began + 1000
    assert again[0] == fall[0] + GAP
    late = core.heard_of(r.TransmitLate)
    assert [(report.id, report.dropped) for report in late] == [(2, 0), (3, 0), (4, 0)]
    assert late[0].by_us == again[0] - (began + 1100)


def test_lateness_has_a_most(core):
    core.start_body(timing=o.Timing(presence_us=500, watchdog_ms=0))
    core.run(4_400_000_000)
    core.heard()
    core.drive(PLAIN, 1, in_turn=True, at_us=1)
    core.run(10)
    assert core.heard_of(r.TransmitLate)[0].by_us == 2**32 - 1


def test_what_is_on_time_is_not_late(core):
    core.start_body()
    core.heard()
    began = core.now_us
    core.window(b"x", 1, at_us=began + 100, latest_us=began + 100)
    core.drive(PLAIN, 1, in_turn=True, at_us=began + 500)
    core.run(1000)
    assert core.heard_of(r.TransmitLate) == []
    assert moves(core, PLAIN_PIN, began) == [(began + 500, LOW)], "inverted"


def test_a_window_that_cannot_begin_in_time_is_dropped_with_its_rest(core):
    core.start_body()
    core.heard()
    now = core.now_us
    core.send(
        o.TransmitCommand(1, TransmitFlag.RAISE | TransmitFlag.LOWER, 0, 0, bytes(50)),
        o.TransmitCommand(2, TransmitFlag.RAISE, now + 100, now + 300, b"ab"),
        o.TransmitCommand(2, 0, 0, 0, b"cd"),
        o.TransmitCommand(2, TransmitFlag.LOWER, 0, 0, b"ef"),
        o.TransmitCommand(3, TransmitFlag.RAISE, 0, now, b"--"),
        o.TransmitCommand(3, TransmitFlag.RAISE | TransmitFlag.LOWER, 0, 0, b"gh"),
    )
    core.run(3000)
    said = core.heard()
    late = [report for report in said if isinstance(report, r.TransmitLate)]
    assert [(report.id, report.dropped) for report in late] == [(2, 1)] * 3 + [(3, 1)]
    assert late[0].by_us > 200
    assert bytes(byte.value for byte in core.bytes_sent()) == bytes(50) + b"gh"
    assert [report.id for report in said if isinstance(report, r.TransmitDone)] == [1, 3]


def test_a_part_that_is_late_closes_the_window_that_an_earlier_one_opened(core):
    core.start_body()
    began = core.now_us
    core.send(o.TransmitCommand(2, TransmitFlag.RAISE, 0, 0, b"ab"))
    core.run(400)
    core.send(o.TransmitCommand(2, TransmitFlag.LOWER, 0, core.now_us - 100, b"cd"))
    core.run(400)
    assert [state for _, state in moves(core, ATTENTION_PIN, began)] == [HIGH, LOW]
    assert [(report.dropped, report.by_us) for report in core.heard_of(r.TransmitLate)] == [(1, 0)]


def test_a_late_part_of_another_window_leaves_the_open_one_alone(core):
    core.start_body()
    began = core.now_us
    core.send(o.TransmitCommand(2, TransmitFlag.RAISE, 0, 0, b"ab"))
    core.run(400)
    core.send(o.TransmitCommand(3, TransmitFlag.LOWER, 0, core.now_us - 100, b"cd"))
    core.send(o.TransmitCommand(4, 0, 0, core.now_us - 100, b"ef"), o.TransmitCommand(5, 0, 0, 0, b"gh"))
    core.run(400)
    assert [state for _, state in moves(core, ATTENTION_PIN, began)] == [HIGH]
    assert bytes(byte.value for byte in core.bytes_sent()) == b"abgh"


def test_a_part_with_a_time_of_its_own_waits_for_it(core):
    core.start_body()
    now = core.now_us
    core.send(
        o.TransmitCommand(2, TransmitFlag.RAISE, 0, 0, b"ab"),
        o.TransmitCommand(2, TransmitFlag.LOWER, now + 500, 0, b"cd"),
    )
    core.run(1000)
    assert [round(byte.begin_us) - now for byte in core.bytes_sent()][2] == 500


def test_a_part_in_the_past_is_late_even_without_a_pause(core):
    core.start_body()
    core.heard()
    core.send(
        o.TransmitCommand(2, TransmitFlag.RAISE, 0, 0, b"ab"),
        o.TransmitCommand(2, TransmitFlag.LOWER, core.now_us, 0, b"cd"),
    )
    core.run(1000)
    assert [report.id for report in core.heard_of(r.TransmitLate)] == [2]


@pytest.mark.parametrize(
    "second",
    [
        o.TransmitCommand(3, 0, 0, 0, b"x"),
        o.TransmitCommand(2, TransmitFlag.RAISE, 0, 0, b"x"),
        o.TransmitCommand(2, 0, 0, 1, b"x"),
        o.BaudrateCommand(2, 100_000, 0),
    ],
    ids=["other window", "raises again", "too late", "no transmission"],
)
def test_only_the_next_part_of_the_same_window_follows_without_a_pause(core, second):
    core.start_body()
    core.send(o.TransmitCommand(2, TransmitFlag.RAISE, 0, 0, b"ab"), second)
    core.run(1000)
    assert next(report.id for report in core.heard_of(r.TransmitDone)) == 2


def test_a_map_without_an_attention_line_sends_as_it_is(core):
    core.greet()
    lines = (
        MappedLine(6, LineKind.PRESENCE),
        MappedLine(0, LineKind.DATA, LineFlag.OUTPUT),
    )
    core.send(o.Configure(BoardRole.BODY, 0, 750_000, o.Timing(presence_us=10), lines))
    core.set_pin(6, False)
    core.run(100)
    core.window(b"abc")
    core.run(100)
    assert bytes(byte.value for byte in core.bytes_sent()) == b"abc"
    assert core.pin_state(DATA_PIN) == UART


def test_a_map_without_a_data_output_cannot_send(core):
    core.greet()
    core.send(o.Configure(BoardRole.BODY, 1, 750_000, o.Timing(), ()))
    core.heard()
    core.window(b"abc")
    assert core.heard_of(r.MessageRejected)[0].code == ErrorCode.BAD_LINE
    core.send(o.Sync(1, 1000, 10, 0))
    assert core.heard_of(r.MessageRejected)[0].code == ErrorCode.BAD_LINE


def test_a_rate_changes_between_two_frames(core):
    core.start_body()
    core.window(b"a", 1)
    core.send(o.BaudrateCommand(2, 1_500_000, 0))
    core.window(b"b", 3)
    core.run(1000)
    slow, fast = core.bytes_sent()
    assert round(slow.end_us - slow.begin_us, 2) == 13.33
    assert round(fast.end_us - fast.begin_us, 2) == 6.67
    assert core.rate() == 1_500_000


def test_a_rate_can_have_its_time(core):
    core.start_body()
    at = core.now_us + 500
    core.send(o.BaudrateCommand(2, 1_500_000, at))
    core.run(400)
    assert core.rate() == 750_000
    core.run(100)
    assert core.rate() == 1_500_000


def test_the_data_line_is_connected_and_put_at_rest(core):
    core.start_body()
    assert core.pin_state(DATA_PIN) == LOW
    core.drive(DATA, 1)
    assert core.pin_state(DATA_PIN) == UART
    core.send(o.ReadState())
    assert core.heard_of(r.BoardState)[-1].levels >> DATA & 1
    core.drive(DATA, 0)
    assert core.pin_state(DATA_PIN) == LOW


def test_a_uart_that_is_still_busy_is_waited_for(core):
    core.start_body()
    began = core.now_us
    core.busy_for(3)
    core.window(b"a")
    core.run(1000)
    fall = moves(core, ATTENTION_PIN, began)[1][0]
    assert round(fall - core.bytes_sent()[0].end_us - HOLD) in (3, 4)


def test_rest_in_the_middle_of_a_byte_cuts_it_and_tells_what_was_dropped(core):
    core.start_body()
    core.window(b"abcdef", 1)
    core.drive(PLAIN, 1, in_turn=True)
    core.window(b"ghi", 2)
    core.run(SETUP + round(2.5 * BYTE_US))
    core.heard()
    core.send(o.EnterSafeState())
    said = core.heard()
    assert {(report.sort, report.count) for report in said if isinstance(report, r.DataLost)} == {
        (Sort.TRANSMISSIONS, 2),
        (Sort.DRIVES, 1),
    }
    assert core.bytes_sent()[-1].cut
    core.run(1000)
    assert len(core.bytes_sent()) == 3
    assert [core.pin_state(pin) for pin in (0, 7, 8, 11)] == [LOW] * 4
    limit = [report.limit for report in said if isinstance(report, r.BoardCredit)]
    core.send(o.ReadCounters())
    assert limit, "credit of what was dropped is free again"


def test_the_frame_signal_keeps_its_times(core):
    core.start_body()
    began = core.now_us
    core.send(o.Sync(SyncFlag.ON, 1000, 63, began + 500))
    core.run(10_000)
    falls = [at for at, state in moves(core, SYNC_PIN, began + 400) if state == LOW]
    rises = [at for at, state in moves(core, SYNC_PIN, began + 501) if state == HIGH]
    assert falls == [began + 500 + 1000 * n for n in range(10)]
    assert rises == [at + 63 for at in falls]
    core.send(o.ReadState())
    assert core.heard_of(r.BoardState)[-1].flags & StateFlag.SYNC_ON
    core.send(o.Sync(0, 0, 0, 0))
    core.run(3000)
    assert core.pin_state(SYNC_PIN) == HIGH, "between pulses"
    assert len([at for at, state in moves(core, SYNC_PIN, began + 400) if state == LOW]) == 10


def test_pulses_can_be_high_and_begin_at_once(core):
    core.start_body()
    core.send(o.Sync(SyncFlag.ON | SyncFlag.PULSE_HIGH, 500, 100, 0), run_us=2)
    began = core.now_us
    core.run(1000)
    assert core.pin_state(SYNC_PIN) == HIGH or moves(core, SYNC_PIN, began)[0][1] == LOW
    highs = [at for at, state in moves(core, SYNC_PIN) if state == HIGH]
    assert [after - before for before, after in itertools.pairwise(highs)] == [500] * (len(highs) - 1)


def test_new_values_hold_from_the_next_pulse_on(core):
    core.start_body()
    began = core.now_us
    core.send(o.Sync(SyncFlag.ON, 1000, 50, began + 100))
    core.run(2500)
    core.send(o.Sync(SyncFlag.ON, 400, 20, 0))
    core.run(1500)
    falls = [at - began - 100 for at, state in moves(core, SYNC_PIN, began + 99) if state == LOW]
    assert falls == [0, 1000, 2000, 3000, 3400, 3800]
    core.send(o.Sync(SyncFlag.ON, 400, 20, began + 4700))
    core.run(1500)
    falls = [at - began for at, state in moves(core, SYNC_PIN, began + 4200) if state == LOW]
    assert falls == [4700, 5100, 5500]


def test_new_values_in_the_middle_of_a_pulse_wait_for_its_end(core):
    core.start_body()
    began = core.now_us
    core.send(o.Sync(SyncFlag.ON, 1000, 500, began + 100))
    core.run(300)
    core.send(o.Sync(SyncFlag.ON, 300, 10, began + 2000))
    core.run(3000)
    edges = [(at - began, state) for at, state in moves(core, SYNC_PIN, began + 99)]
    assert edges[:4] == [(100, LOW), (600, HIGH), (2000, LOW), (2010, HIGH)]
    assert edges[4:6] == [(2300, LOW), (2310, HIGH)]


def test_a_first_pulse_in_the_past_is_made_up_in_whole_periods(core):
    core.start_body()
    core.run(5000)
    began = core.now_us
    core.send(o.Sync(SyncFlag.ON, 1000, 50, began - 2700))
    core.run(2000)
    falls = [at - began for at, state in moves(core, SYNC_PIN, began + 5) if state == LOW]
    assert falls == [300, 1300]


def test_pulses_that_were_missed_are_left_out(core):
    core.start_body()
    began = core.now_us
    core.send(o.Sync(SyncFlag.ON, 1000, 50, began + 100))
    core.run(500)
    core.late_sync(5300)
    core.run(8000)
    falls = [at - began for at, state in moves(core, SYNC_PIN, began + 99) if state == LOW]
    assert falls == [100, 6400, 7100, 8100]


def test_an_alarm_that_was_underway_when_the_signal_ended_does_nothing(core):
    core.start_body()
    before = core.change_count
    core._sim.board_sync_service()
    core._sim.board_mount_service()
    core._sim.board_on_pins(1 << 19, 0, 1 << 19, core.now_us)
    assert core.change_count == before
    core.send(o.Sync(SyncFlag.ON, 1000, 50, core.now_us + 500))
    before = core.change_count
    core._sim.board_sync_service()
    assert core.change_count == before, "it was early"
    core.run(600)
    assert core.change_count == before + 2


def test_driving_the_frame_signals_line_ends_it(core):
    core.start_body()
    core.send(o.Sync(SyncFlag.ON, 1000, 50, 0))
    core.run(1500)
    core.drive(SYNC, 0)
    began = core.now_us
    core.run(3000)
    assert moves(core, SYNC_PIN, began) == []
    core.send(o.Sync(0, 0, 0, 0))
    core.run(10)
    assert core.pin_state(SYNC_PIN) == LOW


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
    assert {report.spacing for report in reports} == {Spacing.RUN}
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
        (Sort.BROKEN_BYTES, 1),
        (Sort.RECEIVED, 1),
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
    lost = sum(report.count for report in said if isinstance(report, r.DataLost) and report.sort == Sort.RECEIVED)
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
    lost = sum(report.count for report in said if isinstance(report, r.DataLost) and report.sort == Sort.EDGES)
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
    assert len(late) + lost[Sort.REPORTS] == 300
    assert lost[Sort.EDGES] == 1, "the loss of presence, which is told by STATE all the same"


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
    assert core.heard_of(r.BoardState)[-1].flags == StateFlag.CONFIGURED | StateFlag.AT_REST
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
