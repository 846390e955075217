"""The firmware's core gives the frame signal: its times, new values, and pulses that were missed."""

import itertools

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.constants import (
    StateFlag,
    SyncFlag,
)

SYNC = 3
SYNC_PIN = 10
LOW, HIGH = 1, 2


def test_the_frame_signal_keeps_its_times(core):
    core.start_body()
    began = core.now_us
    core.send(o.Sync(SyncFlag.ON, 1000, 63, began + 500))
    core.run(10_000)
    falls = [at for at, state in core.moves(SYNC_PIN, began + 400) if state == LOW]
    rises = [at for at, state in core.moves(SYNC_PIN, began + 501) if state == HIGH]
    assert falls == [began + 500 + 1000 * n for n in range(10)]
    assert rises == [at + 63 for at in falls]
    core.send(o.ReadState())
    assert core.heard_of(r.BoardState)[-1].flags & StateFlag.SYNC_ON
    core.send(o.Sync(0, 0, 0, 0))
    core.run(3000)
    assert core.pin_state(SYNC_PIN) == HIGH, "between pulses"
    assert len([at for at, state in core.moves(SYNC_PIN, began + 400) if state == LOW]) == 10


def test_pulses_can_be_high_and_begin_at_once(core):
    core.start_body()
    core.send(o.Sync(SyncFlag.ON | SyncFlag.PULSE_HIGH, 500, 100, 0), run_us=2)
    began = core.now_us
    core.run(1000)
    assert core.pin_state(SYNC_PIN) == HIGH or core.moves(SYNC_PIN, began)[0][1] == LOW
    highs = [at for at, state in core.moves(SYNC_PIN) if state == HIGH]
    assert [after - before for before, after in itertools.pairwise(highs)] == [500] * (len(highs) - 1)


def test_new_values_hold_from_the_next_pulse_on(core):
    core.start_body()
    began = core.now_us
    core.send(o.Sync(SyncFlag.ON, 1000, 50, began + 100))
    core.run(2500)
    core.send(o.Sync(SyncFlag.ON, 400, 20, 0))
    core.run(1500)
    falls = [at - began - 100 for at, state in core.moves(SYNC_PIN, began + 99) if state == LOW]
    assert falls == [0, 1000, 2000, 3000, 3400, 3800]
    core.send(o.Sync(SyncFlag.ON, 400, 20, began + 4700))
    core.run(1500)
    falls = [at - began for at, state in core.moves(SYNC_PIN, began + 4200) if state == LOW]
    assert falls == [4700, 5100, 5500]


def test_new_values_in_the_middle_of_a_pulse_wait_for_its_end(core):
    core.start_body()
    began = core.now_us
    core.send(o.Sync(SyncFlag.ON, 1000, 500, began + 100))
    core.run(300)
    core.send(o.Sync(SyncFlag.ON, 300, 10, began + 2000))
    core.run(3000)
    edges = [(at - began, state) for at, state in core.moves(SYNC_PIN, began + 99)]
    assert edges[:4] == [(100, LOW), (600, HIGH), (2000, LOW), (2010, HIGH)]
    assert edges[4:6] == [(2300, LOW), (2310, HIGH)]


def test_a_first_pulse_in_the_past_is_made_up_in_whole_periods(core):
    core.start_body()
    core.run(5000)
    began = core.now_us
    core.send(o.Sync(SyncFlag.ON, 1000, 50, began - 2700))
    core.run(2000)
    falls = [at - began for at, state in core.moves(SYNC_PIN, began + 5) if state == LOW]
    assert falls == [300, 1300]


def test_pulses_that_were_missed_are_left_out(core):
    core.start_body()
    began = core.now_us
    core.send(o.Sync(SyncFlag.ON, 1000, 50, began + 100))
    core.run(500)
    core.late_sync(5300)
    core.run(8000)
    falls = [at - began for at, state in core.moves(SYNC_PIN, began + 99) if state == LOW]
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
    assert core.moves(SYNC_PIN, began) == []
    core.send(o.Sync(0, 0, 0, 0))
    core.run(10)
    assert core.pin_state(SYNC_PIN) == LOW
