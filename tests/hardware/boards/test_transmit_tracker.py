"""What we do through a board, told when it was done: bytes as the board says, lines as its timing makes them."""

from collections.abc import Iterable

import pytest

from lensmount_hardware.boards.transmit_tracker import MAX_RISE_WAIT, TransmitTracker
from lensmount_protocol.wire import Burst, DataLoss, Edge, Role, WireRecord

SETUP, HOLD, WAY = 20e-6, 30e-6, 4e-4
RATE = 750_000


def doing() -> TransmitTracker:
    idle = {"CS": False, "VD": False, "DETECT": True}
    return TransmitTracker(Role.LENS, "CS", SETUP, HOLD, idle, lambda: WAY)


def edges(records: Iterable[WireRecord]) -> list[tuple[str, bool, float]]:
    return [(one.line, one.level, round(one.at, 9)) for one in records if isinstance(one, Edge)]


def test_a_window_stands_around_its_bytes_as_the_board_keeps_it() -> None:
    own = doing()
    assert list(own.on_level_command(1, "CS", True, 1.0, in_turn=True)) == []
    own.on_bytes_queued(2, b"abc", RATE, 1.0)
    assert list(own.on_level_command(3, "CS", False, 1.0001, in_turn=True)) == []
    told = list(own.on_sent(2, 1.00082, 1.00086))
    assert told == [
        Edge(pytest.approx(1.00082 - SETUP), "CS", True),
        Burst(1.00082, Role.LENS, b"abc", RATE, 1.00086),
        Edge(pytest.approx(1.00086 + HOLD), "CS", False),
    ]
    assert own.delays.counts == {820: 1}


def test_a_line_that_was_raised_long_before_its_bytes_rose_then() -> None:
    own = doing()
    list(own.on_level_command(1, "CS", True, 1.0, in_turn=True))
    own.on_bytes_queued(2, b"abc", RATE, 1.003)
    told = list(own.on_sent(2, 1.0034, 1.00344))
    assert edges(told) == [("CS", True, 1.0004)]
    # A fall that is ordered when the bytes are long over takes its way to the board.
    assert edges(own.on_level_command(3, "CS", False, 1.01, in_turn=True)) == [("CS", False, 1.01 + WAY)]


def test_a_window_without_bytes_is_told_by_its_orders() -> None:
    own = doing()
    assert list(own.on_level_command(1, "CS", True, 1.0, in_turn=True)) == []
    assert list(own.flush_due(1.0 + MAX_RISE_WAIT / 2)) == []
    assert edges(own.flush_due(1.0 + 1.01 * MAX_RISE_WAIT)) == [("CS", True, 1.0 + WAY)]
    assert edges(own.on_level_command(2, "CS", False, 1.02, in_turn=True)) == [("CS", False, 1.02 + WAY)]


def test_other_lines_move_when_the_order_is_there() -> None:
    own = doing()
    assert edges(own.on_level_command(1, "VD", True, 2.0, in_turn=False)) == [("VD", True, 2.0 + WAY)]
    assert edges(own.on_level_command(2, "VD", True, 2.1, in_turn=False)) == []


def test_what_was_refused_is_told_as_not_done() -> None:
    own = doing()
    list(own.on_level_command(1, "VD", True, 2.0, in_turn=False))
    assert edges(own.on_rejected(1, 2.1)) == [("VD", False, 2.1)]
    own.on_bytes_queued(2, b"abcd", RATE, 2.2)
    assert list(own.on_rejected(2, 2.3)) == [DataLoss(2.3, "bytes that the lens was to send and did not", 4)]
    assert own.unsent == 4
    assert list(own.on_rejected(99, 2.4)) == []
    assert list(own.on_sent(2, 2.5, 2.6)) == []


def test_a_transmission_that_is_told_leaves_none_in_front_of_it() -> None:
    own = doing()
    own.on_bytes_queued(1, b"lost", RATE, 1.0)
    own.on_bytes_queued(2, b"sent", RATE, 1.0)
    kinds = [type(one) for one in own.on_sent(2, 1.1, 1.2)]
    assert kinds == [DataLoss, Burst]


def test_an_emptied_queue_loses_the_oldest_of_each_kind() -> None:
    own = doing()
    own.on_bytes_queued(1, b"a", RATE, 1.0)
    list(own.on_level_command(2, "CS", True, 1.0, in_turn=True))
    own.on_bytes_queued(3, b"bc", RATE, 1.0)
    assert [one.count for one in own.on_queue_dropped(1, 1, 1.1) if isinstance(one, DataLoss)] == [1]
    assert edges(own.on_sent(3, 1.2, 1.3)) == []


def test_rest_is_told_of_what_was_away_from_it() -> None:
    own = doing()
    list(own.on_level_command(1, "VD", True, 1.0, in_turn=False))
    assert edges(own.on_safe_state({"VD": False, "CS": False, "DETECT": True}, 1.5)) == [("VD", False, 1.5)]


def test_what_was_under_way_when_the_board_went_is_told_once() -> None:
    own = doing()
    own.on_bytes_queued(1, b"abc", RATE, 1.0)
    assert [one.count for one in own.on_board_lost(2.0) if isinstance(one, DataLoss)] == [3]
    assert list(own.on_board_lost(2.0)) == []


def test_an_order_is_described() -> None:
    own = doing()
    own.on_bytes_queued(1, b"abc", RATE, 1.0)
    list(own.on_level_command(2, "VD", True, 1.0, in_turn=False))
    assert [own.describe(number) for number in (1, 2, 3)] == ["3 bytes", "VD high", "an order"]
