"""The other end gone at random moments of a session: the image that ships puts all at rest within 2 ms, every time."""

import os
import random

import pytest

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.commands import MappedLine, Timing
from lensmount_hardware.boards.protocol.constants import BoardRole, LineFlag, LineKind, SafeStateReason, SyncFlag

MOMENTS = int(os.environ.get("LENSMOUNT_EMULATED_MOMENTS", "40"))
"""Half of them with each role."""

OUT = LineFlag.OUTPUT
SUPPLY, RAIL, SYNC, ATTENTION = 1, 2, 3, 4
LINES = {
    BoardRole.BODY: (
        MappedLine(6, LineKind.PRESENCE, LineFlag.PULL_UP),
        MappedLine(7, LineKind.SUPPLY, OUT, 100),
        MappedLine(8, LineKind.RAIL, OUT, 100),
        MappedLine(10, LineKind.SYNC, OUT),
        MappedLine(11, LineKind.ATTENTION, OUT),
        MappedLine(0, LineKind.DATA, OUT),
    ),
    BoardRole.LENS: (
        MappedLine(6, LineKind.PRESENCE, OUT | LineFlag.OPEN_DRAIN | LineFlag.IDLE_HIGH),
        MappedLine(7, LineKind.SUPPLY, LineFlag.PULL_DOWN),
        MappedLine(8, LineKind.RAIL, LineFlag.PULL_DOWN),
        MappedLine(10, LineKind.PLAIN, OUT | LineFlag.IDLE_HIGH),
        MappedLine(11, LineKind.ATTENTION, OUT),
        MappedLine(0, LineKind.DATA, OUT),
    ),
}
OURS = {BoardRole.BODY: (0, 7, 8, 10, 11), BoardRole.LENS: (0, 10, 11)}
TIMING = Timing(setup_us=20, hold_us=30, gap_us=40, presence_us=300, absence_us=300, watchdog_ms=1000)
GUARDS = {BoardRole.BODY: (6, False), BoardRole.LENS: (7, True)}
"""Whose level tells that the other end is there, and which."""


def work(host, role, dice):
    """Lines, windows and the frame signal of a session, some of it still in the queue."""
    if role == BoardRole.BODY:
        host.send(*(o.DriveCommand(0, 0, line, 1, 0) for line in (SUPPLY, RAIL)), run_us=600)
        host.send(o.Sync(SyncFlag.ON, dice.randint(200, 3000), dice.randint(20, 99), 0), run_us=0)
    windows = [
        o.TransmitCommand(n, 3, 0, 0, dice.randbytes(dice.randint(1, 100))) for n in range(1 + dice.randrange(5))
    ]
    host.send(*windows, o.DriveCommand(9, 1, ATTENTION, 1, 0), run_us=dice.uniform(1, 6000))


@pytest.mark.parametrize("role", list(LINES)[:2], ids=["body", "lens"])
def test_everything_is_at_rest_within_2_ms_every_time(emulated, role):
    emulator, dice = emulated.emulator, random.Random(role)
    guard, there = GUARDS[role]
    emulator.set_pin(0, guard, not there)
    emulated.greet()
    emulated.send(o.Configure(role, 0, 1_500_000, TIMING, LINES[role]))
    worst, busy = 0.0, 0
    for moment in range(MOMENTS // 2):
        emulator.set_pin(0, guard, there)
        emulator.run(500)
        work(emulated, role, dice)
        states = emulator.board_status(0)["states"]
        busy += states[0] == "uart" or states[11] == "high"
        before = len(emulator.pins)
        gone_us = emulator.now_us
        emulator.set_pin(0, guard, not there)
        emulator.run(2000)
        states = emulator.board_status(0)["states"]
        assert [(pin, states[pin]) for pin in OURS[role] if states[pin] in ("high", "uart")] == [], f"moment {moment}"
        worst = max([worst, *(at - gone_us for at, _, pin, _ in emulator.pins[before:] if pin in OURS[role])])
        emulated.send(o.TransmitCommand(99, 3, 0, 0, b"late"), o.DriveCommand(0, 0, ATTENTION, 1, 0), run_us=1000)
        assert not [pin for at, _, pin, state in emulator.pins[before:] if at > gone_us + 2000 and pin in OURS[role]]
        assert emulated.received_of(r.BoardState)[-1].reason == SafeStateReason.ABSENT
    moments = f"{MOMENTS // 2} moments, {busy} with lines driven"
    print(f"{role.name}: at rest {worst:.0f} us behind the loss at most, of {moments}")
    assert worst < 2000
    assert busy > MOMENTS // 4
    assert emulator.board_status(0)["faults"] == []
