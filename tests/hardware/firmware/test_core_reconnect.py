"""A host that dies, or whose cable comes out in mid-frame: the core rests, and tells the same host what is missing."""

import pytest

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.commands import Timing
from lensmount_hardware.boards.protocol.constants import (
    VERSION,
    BoardRole,
    DriveFlag,
    ErrorCode,
    LossKind,
    SafeStateReason,
)
from lensmount_hardware.boards.protocol.framing import build_frame

PRESENCE_PIN, SUPPLY_PIN, ATTENTION_PIN, DATA_PIN, LOOK_PIN = 6, 7, 11, 0, 18
SUPPLY, ATTENTION = 1, 4
INPUT, LOW, HIGH = 0, 1, 2
SESSION = 7


def start(core, limit=1 << 20, watchdog_ms=100):
    """A body at work: an open window, an order for later of each sort."""
    core.greet(SESSION, limit)
    timing = Timing(20, 30, 40, 500, 300, watchdog_ms)
    core.send(o.Configure(BoardRole.BODY, 0, 750_000, timing, core.body_lines))
    core.set_pin(PRESENCE_PIN, False)
    core.run(600)
    core.send(o.DriveCommand(0, 0, SUPPLY, 1, 0), run_us=400)
    core.run(20_000)
    core.heard()
    core.window(bytes(200), 1)
    core.window(bytes(20), 2)
    core.send(o.DriveCommand(3, DriveFlag.IN_TURN, ATTENTION, 1, 0))
    core.send(o.BaudrateCommand(4, 1_500_000, 0), run_us=500)
    assert (core.pin_state(SUPPLY_PIN), core.pin_state(ATTENTION_PIN)) == (HIGH, HIGH)


def missing(core):
    return {report.sort: report.count for report in core.heard_of(r.DataLost)}


def at_rest(core):
    return all(core.pin_state(pin) in (INPUT, LOW) for pin in (SUPPLY_PIN, ATTENTION_PIN, DATA_PIN))


def half_a_frame(core):
    frame = build_frame(o.TransmitCommand(9, 0, 0, 0, b"never whole"), core._sequence)
    core._sequence = (core._sequence + 1) % 256
    core.write(frame[: len(frame) // 2])
    core.run(1)


def test_a_host_that_is_killed_in_mid_frame_leaves_rest_behind_and_is_told_what_is_missing(core):
    start(core)
    core.window(b"later", 5, at_us=core.now_us + 5_000_000)
    half_a_frame(core)
    died = core.now_us
    core.run(101_000)
    assert at_rest(core)
    off = [change for change in core.changes(SUPPLY_PIN) if change.state == LOW][-1]
    assert off.at_us <= died + 101_000
    told = core.heard()
    assert [state.reason for state in told if isinstance(state, r.BoardState)] == [SafeStateReason.WATCHDOG]
    assert [report for report in told if isinstance(report, r.DataLost)] == [r.DataLost(LossKind.TRANSMISSIONS, 1)]
    core.greet(SESSION)
    assert missing(core) == {LossKind.FRAMES: 2}, "one that was no frame, and one that is missing"


def test_usb_unplugged_in_mid_frame_rests_at_once_and_the_rest_is_told_later(core):
    start(core)
    half_a_frame(core)
    core.usb(False)
    core.run(1)
    assert at_rest(core)
    core.run(50_000)
    core.usb(True)
    core.run(1)
    assert core.heard_of(r.BoardState) == [], "nobody is there to be told"
    core.greet(SESSION)
    said = core.heard()
    assert [type(report) for report in said[:2]] == [r.HelloReply, r.BoardState]
    lost = {report.sort: report.count for report in said[2:]}
    assert lost == {LossKind.FRAMES: 2, LossKind.TRANSMISSIONS: 2, LossKind.DRIVES: 2}
    core.greet(SESSION)
    assert missing(core) == {}, "once is enough"


def test_reports_that_waited_are_missing_too(core):
    start(core, limit=1)
    core.run(5000)
    for edge in range(30):
        core.set_pin(LOOK_PIN, edge % 2 == 0)
        core.run(10)
    for value in range(50):
        core.feed(0, value, 0)
        core.run(14)
    core.heard()
    core.usb(False)
    core.usb(True)
    core.greet(SESSION)
    lost = missing(core)
    # With those of the start: the edge of presence, and two transmissions that were over.
    assert lost == {LossKind.EDGES: 31, LossKind.RECEIVED: 50, LossKind.REPORTS: 2}


def test_reports_that_were_told_are_not_missing(core):
    start(core)
    core.run(5000)
    for edge in range(30):
        core.set_pin(LOOK_PIN, edge % 2 == 0)
        core.feed(0, edge, 0)
        core.run(300)
        core.send(o.TimeRequest(1))
    said = core.heard()
    assert {type(report) for report in said} >= {r.LineEdge, r.ReceivedBytes, r.TransmitDone}
    core.greet(SESSION)
    assert missing(core) == {}


def test_another_host_is_told_nothing_of_what_was_before(core):
    start(core)
    half_a_frame(core)
    core.usb(False)
    core.usb(True)
    core.greet(SESSION + 1)
    assert [type(report) for report in core.heard()] == [r.HelloReply, r.BoardState]


def test_an_old_number_in_front_of_a_greeting_is_no_gap(core):
    start(core)
    core.run(5000)
    core.heard()
    core._sequence -= 5
    core.greet(SESSION)
    assert missing(core) == {}


@pytest.mark.parametrize("sort_of_work", ["idle", "sending"])
def test_a_second_host_is_refused_and_no_wire_moves(core, sort_of_work):
    start(core, watchdog_ms=1000)
    if sort_of_work == "idle":
        core.send(o.EnterSafeState())
        core.run(2000)
    else:
        core.run(5000)
    core.heard()
    before = core.change_count
    core.greet(SESSION + 1)
    core.run(10_000)
    (refused,) = core.heard()
    assert (refused.code, refused.detail) == (ErrorCode.BUSY, SESSION)
    assert core.change_count == before


def test_a_second_host_that_keeps_knocking_does_not_speak_for_a_dead_one(core):
    start(core)
    died = core.now_us
    core.heard()
    answers = []
    while core.now_us < died + 150_000:
        core.write(build_frame(o.Hello(VERSION, 0, SESSION + 1, 1000), 0))
        core.run(10_000)
        answers += [type(report) for report in core.heard() if isinstance(report, r.MessageRejected | r.HelloReply)]
        assert at_rest(core) or core.now_us < died + 102_000
    assert answers[:9] == [r.MessageRejected] * 9
    assert answers[-1] is r.HelloReply
