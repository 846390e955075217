"""The firmware's core sends: windows, deadlines, rates and the queue."""

import itertools

import pytest

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.commands import MappedLine
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    ErrorCode,
    LineFlag,
    LineKind,
    LossKind,
    TransmitFlag,
)

BYTE_US = 1e7 / 750_000
SETUP, HOLD, GAP = 21, 31, 41
"""Those of the timing table, and the microsecond that has begun when the clock is read."""
ATTENTION, DATA, PLAIN = 4, 6, 8
ATTENTION_PIN, PLAIN_PIN, DATA_PIN = 11, 15, 0
LOW, HIGH, UART = 1, 2, 3


def test_a_window_has_its_setup_hold_and_gap(core):
    core.start_body()
    began = core.now_us
    core.window(b"abc", 1)
    core.window(b"de", 2)
    core.run(1000)
    (rise, fall, again, last) = core.moves(ATTENTION_PIN, began)
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
    assert len(core.moves(ATTENTION_PIN, began)) == 2
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
    assert [state for _, state in core.moves(ATTENTION_PIN, began)] == [HIGH, LOW]
    assert bytes(byte.value for byte in core.bytes_sent()) == b"abcd"


def test_a_window_by_hand_keeps_the_same_times(core):
    core.start_body()
    began = core.now_us
    core.drive(ATTENTION, 1, in_turn=True)
    core.send(o.TransmitCommand(1, 0, 0, 0, b"x"))
    core.drive(ATTENTION, 0, in_turn=True)
    core.drive(ATTENTION, 1, in_turn=True)
    core.run(1000)
    (rise, fall, again) = core.moves(ATTENTION_PIN, began)
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
    (rise, fall) = core.moves(ATTENTION_PIN, began)
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
    (rise, fall, again, _) = core.moves(ATTENTION_PIN, began)
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
    assert core.moves(PLAIN_PIN, began) == [(began + 500, LOW)], "inverted"


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
    assert [state for _, state in core.moves(ATTENTION_PIN, began)] == [HIGH, LOW]
    assert [(report.dropped, report.by_us) for report in core.heard_of(r.TransmitLate)] == [(1, 0)]


def test_a_late_part_of_another_window_leaves_the_open_one_alone(core):
    core.start_body()
    began = core.now_us
    core.send(o.TransmitCommand(2, TransmitFlag.RAISE, 0, 0, b"ab"))
    core.run(400)
    core.send(o.TransmitCommand(3, TransmitFlag.LOWER, 0, core.now_us - 100, b"cd"))
    core.send(o.TransmitCommand(4, 0, 0, core.now_us - 100, b"ef"), o.TransmitCommand(5, 0, 0, 0, b"gh"))
    core.run(400)
    assert [state for _, state in core.moves(ATTENTION_PIN, began)] == [HIGH]
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
    fall = core.moves(ATTENTION_PIN, began)[1][0]
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
        (LossKind.TRANSMISSIONS, 2),
        (LossKind.DRIVES, 1),
    }
    assert core.bytes_sent()[-1].cut
    core.run(1000)
    assert len(core.bytes_sent()) == 3
    assert [core.pin_state(pin) for pin in (0, 7, 8, 11)] == [LOW] * 4
    limit = [report.limit for report in said if isinstance(report, r.BoardCredit)]
    core.send(o.ReadCounters())
    assert limit, "credit of what was dropped is free again"
