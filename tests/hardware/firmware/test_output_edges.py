"""The firmware's core tells when it moved its own lines, where the host asks for it: all of them, each at its time."""

import itertools

import pytest

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    ConfigureFlag,
    DriveFlag,
    LineFlag,
    LossKind,
    SyncFlag,
)

BAUDRATE = 750_000
PRESENCE, SUPPLY, RAIL, SYNC, ATTENTION, DATA, PLAIN = 0, 1, 2, 3, 4, 6, 8
LOW, HIGH, UART = 1, 2, 3
PRESENCE_PIN, SUPPLY_PIN = 6, 7


def configure(core, role, lines, flags=ConfigureFlag.OWN_EDGES):
    core.greet()
    core.send(o.Configure(role, flags, BAUDRATE, core.timing, lines))


def start(core, flags=ConfigureFlag.OWN_EDGES):
    """A body with a lens on its mount; nothing of it is on."""
    configure(core, BoardRole.BODY, core.body_lines, flags)
    core.set_pin(PRESENCE_PIN, False)
    core.run(600)
    core.heard()
    return core.change_count


def done(core, lines, since):
    """What became of our pins, as levels of our lines."""
    of_pin = {line.gpio: number for number, line in enumerate(lines) if line.flags & LineFlag.OUTPUT}
    moved, levels = [], {}
    for change in core.changes(*of_pin, since=since):
        line = of_pin[change.pin]
        level = (change.state in (HIGH, UART)) is not bool(lines[line].flags & LineFlag.INVERTED)
        if level is not levels.get(line, bool(lines[line].flags & LineFlag.IDLE_HIGH)):
            levels[line] = level
            moved.append((line, level, change.at_us))
    return moved


def told(core):
    return [(edge.line, bool(edge.level), edge.at_us) for edge in core.heard_of(r.LineEdge)]


def in_order(edges):
    """Each line's edges by themselves: two lines that move in one microsecond have no order."""
    return sorted(edges, key=lambda edge: (edge[2], edge[0], edge[1]))


def test_windows_rails_frame_signal_and_rest_are_told_as_the_pins_moved(core):
    since = start(core)
    core.drive(SUPPLY, 1)
    core.drive(RAIL, 1)
    core.run(700)
    core.send(o.Sync(SyncFlag.ON, 1000, 63, 0))
    core.window(b"abc")
    core.drive(PLAIN, 1, in_turn=True)
    core.run(3300)
    core.drive(DATA, 0)
    core.drive(SUPPLY, 0)
    core.run(3000)
    edges, moved = told(core), done(core, core.body_lines, since)
    assert {line for line, _, _ in edges} == {SUPPLY, RAIL, SYNC, ATTENTION, DATA, PLAIN}
    assert sum(line == SYNC for line, _, _ in edges) > 5
    assert in_order(edges) == in_order(moved)
    # The order in which they are told is that of their times.
    assert [at for _, _, at in edges] == sorted(at for _, _, at in edges)


def test_what_goes_to_rest_with_presence_is_reported(core):
    since = start(core)
    core.drive(SUPPLY, 1)
    core.run(400)
    core.drive(ATTENTION, 1)
    core.set_pin(PRESENCE_PIN, True)
    core.run(1000)
    edges = told(core)
    ours = [edge for edge in edges if edge[0] != PRESENCE]
    assert [(line, level) for line, level, _ in ours] == [
        (SUPPLY, True), (ATTENTION, True), (ATTENTION, False), (SUPPLY, False),
    ]  # fmt: skip
    assert in_order(ours) == in_order(done(core, core.body_lines, since))
    core.send(o.ReadCounters())
    assert core.heard_of(r.Counters)[-1].edges_seen == 2, "presence came and went; ours are not seen but made"


def test_a_line_that_rests_high_has_no_edge_when_the_supply_comes_or_goes(core):
    configure(core, BoardRole.LENS, core.lens_lines)
    core.heard()
    core.set_pin(SUPPLY_PIN, True)
    core.run(600)
    core.drive(PRESENCE, 0)
    core.drive(PLAIN, 0)
    core.drive(PLAIN, 1)
    core.set_pin(SUPPLY_PIN, False)
    core.run(600)
    ours = [(line, level) for line, level, _ in told(core) if line in (PRESENCE, PLAIN)]
    assert ours == [(PRESENCE, False), (PLAIN, False), (PLAIN, True)]


@pytest.mark.parametrize("flags", [0, ConfigureFlag.NO_INTERLOCK])
def test_who_does_not_ask_is_not_told(core, flags):
    start(core, flags)
    core.drive(SUPPLY, 1)
    core.run(400)
    core.window(b"abc")
    core.run(1000)
    assert told(core) == []
    # A new map is asked about anew.
    core.send(o.Configure(BoardRole.BODY, ConfigureFlag.OWN_EDGES, BAUDRATE, core.timing, core.body_lines), run_us=600)
    core.drive(SUPPLY, 1)
    core.run(400)
    assert [(line, level) for line, level, _ in told(core) if line == SUPPLY] == [(SUPPLY, True)]


def test_edges_of_ours_beyond_the_room_of_the_interrupts_are_counted(core):
    start(core)
    core.drive(SUPPLY, 1)
    core.run(400)
    core.heard()
    begins = core.now_us + 5000
    for number in range(300):
        core.send(o.DriveCommand(number, DriveFlag.IN_TURN, PLAIN, number % 2 == 0, begins))
    core.heard()
    core.slow(50_000)
    core.run(10_000)
    core.slow(0)
    core.run(80_000)
    said = core.heard()
    edges = [report for report in said if isinstance(report, r.LineEdge) and report.line == PLAIN]
    late = [report for report in said if isinstance(report, r.TransmitLate)]
    lost = {report.sort: report.count for report in said if isinstance(report, r.DataLost)}
    assert lost[LossKind.EDGES] > 0
    assert len(edges) + lost[LossKind.EDGES] == 300
    assert len(edges) + len(late) == 256


def test_pulses_come_in_their_order_among_all_else_and_those_beyond_the_room_are_counted(core):
    start(core)
    core.drive(SUPPLY, 1)
    core.run(400)
    core.heard()
    since = core.change_count
    core.slow(50_000)
    core.send(o.Sync(SyncFlag.ON, 500, 63, 0), run_us=10)
    for number in range(8):
        core.window(b"abc", number)
        core.feed(0, number, 0)
        core.run(1700)
    core.run(60_000)
    core.slow(0)
    core.send(o.Sync(0, 0, 0, 0), run_us=50_000)
    said = core.heard()
    edges = [report for report in said if isinstance(report, r.LineEdge)]
    lost = sum(report.count for report in said if isinstance(report, r.DataLost) and report.sort == LossKind.EDGES)
    moved = done(core, core.body_lines, since)
    assert lost > 20
    assert len(edges) + lost == len(moved)
    assert {(edge.line, bool(edge.level), edge.at_us) for edge in edges} < {*moved}
    times = [
        getattr(report, "end_us", None) or report.at_us
        for report in said
        if isinstance(report, r.LineEdge | r.TransmitDone)
    ]
    assert all(later >= earlier - 1 for earlier, later in itertools.pairwise(times))
    assert {edge.line for edge in edges} == {SYNC, ATTENTION, DATA}
    assert sum(report.count for report in said if isinstance(report, r.ReceivedBytes)) == 8


def test_a_change_of_the_pulses_polarity_tells_no_edge_that_there_is_not(core):
    start(core)
    core.drive(SUPPLY, 1)
    core.run(400)
    core.heard()
    since = core.change_count
    for flags in (SyncFlag.ON, SyncFlag.ON | SyncFlag.PULSE_HIGH, SyncFlag.ON):
        core.send(o.Sync(flags, 500, 63, 0), run_us=2200)
    assert in_order(told(core)) == in_order(done(core, core.body_lines, since))
