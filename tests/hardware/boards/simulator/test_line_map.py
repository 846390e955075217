"""Line maps that a board refuses, each with its code and the line that is to blame, and with no pin touched."""

import pytest

from lensmount_hardware.boards.protocol.commands import Configure, MappedLine, Timing
from lensmount_hardware.boards.protocol.constants import BoardRole, ConfigureFlag, ErrorCode, LineFlag, LineKind
from lensmount_hardware.boards.simulator.lines import check_configuration

OUT = LineFlag.OUTPUT
GUARD = MappedLine(6, LineKind.PRESENCE)
RATES = (9_600, 3_000_000)


def map_of(*lines: MappedLine, role: int = BoardRole.BODY, baudrate: int = 115_200, absence_us: int = 500) -> Configure:
    return Configure(role, 0, baudrate, Timing(absence_us=absence_us), lines)


@pytest.mark.parametrize(
    ("wanted", "code", "detail"),
    [
        (map_of(GUARD, MappedLine(7, 0), MappedLine(7, 0)), ErrorCode.LINE_TWICE, 2),
        (map_of(GUARD, MappedLine(7, LineKind.PRESENCE)), ErrorCode.LINE_TWICE, 1),
        (map_of(GUARD, MappedLine(0, LineKind.DATA, OUT), MappedLine(4, LineKind.DATA, OUT)), ErrorCode.LINE_TWICE, 2),
        (map_of(GUARD, MappedLine(30, 0)), ErrorCode.BAD_PIN, 1),
        (map_of(GUARD, MappedLine(7, 7)), ErrorCode.BAD_KIND, 1),
        (map_of(GUARD, MappedLine(7, 0, LineFlag.PULL_UP | LineFlag.PULL_DOWN)), ErrorCode.BAD_KIND, 1),
        (map_of(GUARD, MappedLine(7, 0, 64)), ErrorCode.BAD_KIND, 1),
        (map_of(MappedLine(7, 0, OUT)), ErrorCode.NO_INTERLOCK, 0),
        (map_of(MappedLine(7, LineKind.SUPPLY, OUT)), ErrorCode.NO_INTERLOCK, 0),
        (map_of(*(MappedLine(pin, 0) for pin in range(17))), ErrorCode.TOO_MANY_LINES, 16),
        (map_of(GUARD, baudrate=300), ErrorCode.BAD_BAUDRATE, 9_600),
        (map_of(GUARD, absence_us=1001), ErrorCode.BAD_TIMING, 18),
        (map_of(GUARD, role=3), ErrorCode.MALFORMED, 2),
        (map_of(MappedLine(7, 0, OUT), role=BoardRole.SNIFFER), ErrorCode.LISTENS_ONLY, 0),
    ],
)
def test_a_bad_map_is_refused_with_its_reason(wanted: Configure, code: ErrorCode, detail: int) -> None:
    assert check_configuration(wanted, 16, RATES) == (code, detail)


@pytest.mark.parametrize(
    "wanted",
    [
        map_of(
            GUARD, MappedLine(7, LineKind.SUPPLY, OUT), MappedLine(0, LineKind.DATA, OUT), MappedLine(1, LineKind.DATA)
        ),
        map_of(MappedLine(7, LineKind.SUPPLY), role=BoardRole.LENS),
        map_of(MappedLine(1, LineKind.DATA), MappedLine(5, LineKind.DATA), role=BoardRole.SNIFFER),
        map_of(MappedLine(8, LineKind.ATTENTION), MappedLine(9, LineKind.ATTENTION), role=BoardRole.SNIFFER),
        Configure(BoardRole.BODY, ConfigureFlag.NO_INTERLOCK, 9_600, Timing(), ()),
    ],
)
def test_a_good_map_is_taken(wanted: Configure) -> None:
    assert check_configuration(wanted, 16, RATES) is None
