"""Orders in their turn and in their time: windows that the board opens and closes, deadlines that are met or told."""

from typing import Any

import pytest

from lensmount_hardware.boards.link import BoardLink
from lensmount_hardware.boards.protocol.commands import (
    BaudrateCommand,
    Configure,
    DriveCommand,
    MappedLine,
    ReadCounters,
    Timing,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    ConfigureFlag,
    DriveFlag,
    ErrorCode,
    LineFlag,
    LineKind,
    TransmitFlag,
)
from lensmount_hardware.boards.protocol.message import BoardMessage
from lensmount_hardware.boards.protocol.reports import Counters, MessageRejected, TransmitDone, TransmitLate
from lensmount_hardware.boards.simulator.board import BoardSimulator

OUT = LineFlag.OUTPUT
WINDOW = Configure(
    BoardRole.BODY,
    ConfigureFlag.NO_INTERLOCK,
    1_000_000,
    Timing(setup_us=30, hold_us=40, gap_us=50),
    (MappedLine(0, LineKind.DATA, OUT), MappedLine(2, LineKind.ATTENTION, OUT), MappedLine(3, LineKind.PLAIN, OUT)),
)
BOTH = TransmitFlag.RAISE | TransmitFlag.LOWER


class Desk:
    """A configured board, what it did, and what it reported."""

    def __init__(self) -> None:
        self.board = BoardSimulator()
        self.did: list[tuple[Any, ...]] = []
        self.link = BoardLink(1)
        self.link.send_hello()
        self.tell()
        self.order(WINDOW)
        self.tell()
        self.board.on_drive = lambda line, level, at: self.did.append((line, level, at))
        self.board.on_transmit = lambda _line, data, begin, end: self.did.append((data, begin, end))
        self.board.advance_to(1000)

    def order(self, *messages: BoardMessage) -> None:
        for message in messages:
            self.link.send(message)
        self.board.receive(self.link.bytes_to_send())

    def tell(self) -> list[BoardMessage]:
        self.board.receive(self.link.bytes_to_send())
        self.link.receive(self.board.bytes_to_send(), 0.0)
        return list(self.link.events())

    def until(self, at_us: int) -> list[BoardMessage]:
        self.board.advance_to(at_us)
        return self.tell()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_whole_window_keeps_setup_hold_and_gap(desk: Desk) -> None:
    desk.order(TransmitCommand(1, BOTH, 2000, 0, b"abcd"), TransmitCommand(2, BOTH, 0, 0, b"ef"))
    reports = desk.until(9000)
    assert desk.did == [
        (1, True, 2000), (0, True, 2030), (b"abcd", 2030, 2070), (1, False, 2110),
        (1, True, 2160), (b"ef", 2190, 2210), (1, False, 2250),
    ]  # fmt: skip
    assert [report for report in reports if isinstance(report, TransmitDone)] == [
        TransmitDone(1, 2030, 2070),
        TransmitDone(2, 2190, 2210),
    ]


def test_a_window_of_parts_is_one_window(desk: Desk) -> None:
    desk.order(
        TransmitCommand(1, TransmitFlag.RAISE, 0, 0, b"abcd"), TransmitCommand(1, TransmitFlag.LOWER, 0, 0, b"efgh")
    )
    desk.until(9000)
    assert desk.did == [
        (1, True, 1000), (0, True, 1030), (b"abcd", 1030, 1070), (b"efgh", 1070, 1110), (1, False, 1150)
    ]  # fmt: skip


def test_what_cannot_begin_by_its_latest_is_dropped_with_its_window_and_told(desk: Desk) -> None:
    desk.order(
        TransmitCommand(1, BOTH, 0, 0, bytes(200)),
        TransmitCommand(2, TransmitFlag.RAISE, 1500, 1600, b"late"),
        TransmitCommand(2, TransmitFlag.LOWER, 0, 0, b"too"),
        TransmitCommand(3, BOTH, 1500, 0, b"next"),
    )
    reports = desk.until(9000)
    late = [report for report in reports if isinstance(report, TransmitLate)]
    begins = 1000 + 30 + 2000 + 40 + 50
    assert late[0] == TransmitLate(2, 1, begins - 1500)
    assert (late[1].id, late[1].dropped) == (2, 1)
    assert late[2] == TransmitLate(3, 0, begins - 1500)
    assert [did[0] for did in desk.did if isinstance(did[0], bytes)] == [bytes(200), b"next"]


def test_drives_and_rates_wait_their_turn_or_do_not(desk: Desk) -> None:
    desk.order(
        TransmitCommand(1, 0, 0, 0, bytes(100)),
        DriveCommand(2, DriveFlag.IN_TURN, 2, 1, 0),
        BaudrateCommand(3, 500_000, 3000),
        TransmitCommand(4, 0, 0, 0, b"x"),
        DriveCommand(5, 0, 2, 0, 0),
    )
    desk.until(9000)
    assert [did for did in desk.did if did[0] == 2] == [(2, True, 2000)]
    assert desk.did[-1] == (b"x", 3000, 3020)


def test_a_drive_that_is_not_in_turn_is_done_at_once(desk: Desk) -> None:
    desk.order(TransmitCommand(1, 0, 0, 0, bytes(100)), DriveCommand(2, 0, 2, 1, 0))
    assert (2, True, 1000) in desk.did


def test_an_order_that_is_late_says_so(desk: Desk) -> None:
    desk.order(DriveCommand(7, DriveFlag.IN_TURN, 2, 1, 500))
    assert TransmitLate(7, 0, 500) in desk.tell()


def test_what_makes_no_sense_is_refused_and_counted(desk: Desk) -> None:
    desk.order(DriveCommand(1, 0, 9, 1, 0), ReadCounters())
    refused, counters = desk.tell()
    assert isinstance(refused, MessageRejected)
    assert (refused.code, refused.detail) == (ErrorCode.BAD_LINE, 9)
    assert isinstance(counters, Counters)
    assert counters.refused == 1
