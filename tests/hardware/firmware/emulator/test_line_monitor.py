"""Who looks at every edge of the emulated boards: that a wrong one is seen. Needs no emulator."""

from types import SimpleNamespace

import pytest

from emulated.line_monitor import violations
from lensmount_hardware.boards.protocol.commands import Configure, MappedLine, Timing
from lensmount_hardware.boards.protocol.constants import BoardRole, LineFlag, LineKind

OUT = LineFlag.OUTPUT
BODY = Configure(
    BoardRole.BODY,
    0,
    750_000,
    Timing(),
    (
        MappedLine(6, LineKind.PRESENCE),
        MappedLine(7, LineKind.SUPPLY, OUT),
        MappedLine(11, LineKind.ATTENTION, OUT),
        MappedLine(0, LineKind.DATA, OUT),
        MappedLine(1, LineKind.DATA),
        MappedLine(15, LineKind.PLAIN, OUT | LineFlag.INVERTED),
    ),
)
LENS = Configure(
    BoardRole.LENS,
    0,
    750_000,
    Timing(),
    (MappedLine(6, LineKind.PRESENCE, OUT), MappedLine(7, LineKind.SUPPLY), MappedLine(11, LineKind.ATTENTION, OUT)),
)
COMES, GOES, NOW = 100_000.0, 200_000.0, 300_000.0


def seen(wanted, *pins, conflicts=()):
    """A lens comes and goes again at its body, or a body's supply at its lens."""
    guard, there = (6, False) if wanted.role == BoardRole.BODY else (7, True)
    outside = [(0.0, 0, guard, not there), (COMES, 0, guard, there), (GOES, 0, guard, not there)]
    moved = [(at, 0, pin, state) for at, pin, state in pins]
    return violations(
        SimpleNamespace(maps=[(1000.0, 0, wanted)], outside=outside, pins=moved, conflicts=list(conflicts), now_us=NOW)
    )


SUPPLY_ON, SUPPLY_OFF = (COMES + 500, 7, "high"), (GOES + 400, 7, "low")


def test_a_session_as_it_should_be_is_no_matter():
    line = [(COMES + 600, 11, "high"), (COMES + 600, 0, "uart"), (COMES + 600, 1, "uart")]
    rest = [(GOES + 300, 11, "low"), (GOES + 300, 0, "low")]
    assert seen(BODY, (2000.0, 7, "low"), (2000.0, 11, "low"), SUPPLY_ON, *line, *rest, SUPPLY_OFF) == []
    assert seen(LENS, (2000.0, 6, "low"), (COMES + 500, 11, "high"), (GOES + 1900, 11, "low")) == []


@pytest.mark.parametrize(
    ("wanted", "pins", "words"),
    [
        (BODY, [(50_000.0, 7, "high"), (50_001.0, 7, "low")], "GP7 is not idle while the other end is absent"),
        (BODY, [(COMES + 100, 11, "high"), (COMES + 200, 11, "low")], "GP11 is driven high into an end without power"),
        (BODY, [(COMES + 100, 0, "uart"), (COMES + 200, 0, "low")], "GP0 is driven high into an end without power"),
        (BODY, [(COMES + 100, 15, "low"), (COMES + 200, 15, "high")], "GP15 is driven high into an end without power"),
        (BODY, [SUPPLY_ON, (COMES + 600, 11, "high"), (COMES + 700, 7, "low")], "GP11 is driven high into an end"),
        (BODY, [SUPPLY_ON, (GOES + 2100, 7, "low")], "GP7 is not idle while the other end is absent"),
        (BODY, [SUPPLY_ON], "GP7 is not idle while the other end is absent"),
        (BODY, [(COMES + 100, 22, "low")], "GP22 is low, and no output of the map"),
        (BODY, [(COMES + 100, 1, "low")], "GP1 is low, and no output of the map"),
        (LENS, [(COMES - 100, 11, "high"), (COMES, 11, "low")], "GP11 is not idle while the other end is absent"),
        (LENS, [(COMES + 100, 11, "high"), (GOES + 2100, 11, "low")], "GP11 is not idle while the other end is absent"),
    ],
)
def test_what_is_wrong_is_seen(wanted, pins, words):
    (first, *_) = seen(wanted, *pins)
    assert words in first


def test_whatever_is_driven_before_there_is_a_map_is_seen():
    assert seen(BODY, (500.0, 11, "low"), (600.0, 11, "input")) == [
        "at 500.0 us board 0: GP11 is low, and no output of the map"
    ]


def test_boards_that_drive_against_each_other_are_seen():
    assert "against each other" in seen(BODY, conflicts=[(5000.0, [[0, 6], [1, 6]])])[0]
