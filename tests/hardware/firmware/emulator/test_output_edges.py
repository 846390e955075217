"""The image that ships tells when it moved its own lines: as the pins moved, the frame signal's pulses included."""

import pytest

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.commands import MappedLine, Timing
from lensmount_hardware.boards.protocol.constants import BoardRole, ConfigureFlag, LineFlag, LineKind, SyncFlag

OUT = LineFlag.OUTPUT
PRESENCE, SUPPLY, RAIL, SYNC, ATTENTION, DATA = range(6)
LINES = (
    MappedLine(6, LineKind.PRESENCE, LineFlag.PULL_UP),
    MappedLine(7, LineKind.SUPPLY, OUT),
    MappedLine(8, LineKind.RAIL, OUT, 700),
    MappedLine(10, LineKind.SYNC, OUT),
    MappedLine(11, LineKind.ATTENTION, OUT),
    MappedLine(0, LineKind.DATA, OUT),
)
PINS = {line.gpio: number for number, line in enumerate(LINES) if line.flags & OUT and line.kind != LineKind.DATA}


def test_edges_of_our_own_lines_have_the_times_of_the_pins(emulated):
    emulator = emulated.emulator
    emulator.set_pin(0, 6, False)
    emulated.greet()
    timing = Timing(20, 30, 40, 500, 300, 1000)
    emulated.send(o.Configure(BoardRole.BODY, ConfigureFlag.OWN_EDGES, 1_500_000, timing, LINES))
    emulated.received()
    emulator.pins.clear()
    emulated.send(o.DriveCommand(1, 0, SUPPLY, 1, 0), o.DriveCommand(2, 0, RAIL, 1, 0), run_us=3000)
    emulated.send(o.Sync(SyncFlag.ON, 1000, 63, 0))
    for number in range(20):
        emulated.send(o.TransmitCommand(number, 3, 0, 0, bytes(50)), run_us=500)
    emulator.set_pin(0, 6, True)
    emulator.run(5000)
    told = [one for one in emulated.received_of(r.LineEdge) if one.line in PINS.values()]
    moved = [(at, PINS[pin], state == "high") for at, _, pin, state in emulator.pins if pin in PINS]
    levels, edges = dict.fromkeys(PINS.values(), False), []
    for at, line, level in moved:
        if levels[line] is not level:
            levels[line] = level
            edges.append((at, line, level))
    assert len(edges) > 60
    for line in PINS.values():
        there = [(at, level) for at, of, level in edges if of == line]
        here = [(one.at_us, bool(one.level)) for one in told if one.line == line]
        assert [level for _, level in here] == [level for _, level in there]
        # A stamp has no fractions of a microsecond.
        for (at_us, _), (at, _) in zip(here, there, strict=True):
            assert at_us == pytest.approx(at, abs=2)
