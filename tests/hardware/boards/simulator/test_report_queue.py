"""What a model board keeps for its host: the order, the credit, the room, and what is counted as lost."""

import pytest

from lensmount_hardware.boards.protocol.constants import LossKind, TimestampEncoding
from lensmount_hardware.boards.protocol.framing import credit_cost
from lensmount_hardware.boards.protocol.message import BoardMessage
from lensmount_hardware.boards.protocol.reports import BoardState, DataLost, LineEdge, ReceivedBytes, TransmitDone
from lensmount_hardware.boards.simulator.queues import MAX_WITH_GAPS, ReportQueue, SimulatedReceiver

EDGE, SENT, STATE = LineEdge(1, 1, 5), TransmitDone(1, 2, 3), BoardState(0, 0, 0, 0)
HEARD = ReceivedBytes(0, 1, TimestampEncoding.RUN, 3, b"abc", b"")


@pytest.fixture
def told() -> list[BoardMessage]:
    return []


def queue(told: list[BoardMessage], room: int = 1000, limit: int | None = None) -> ReportQueue:
    reports = ReportQueue(room, told.append)
    if limit is not None:
        reports.start(limit, resumes=False)
    return reports


def test_before_a_greeting_and_behind_its_end_everything_is_lost(told: list[BoardMessage]) -> None:
    reports = queue(told)
    reports.add(EDGE)
    reports.add(STATE)
    reports.pump()
    assert told == []
    assert reports.lost == {LossKind.EDGES: 1}
    reports.start(0, resumes=True)
    reports.add(SENT)
    reports.stop()
    reports.update_limit(1000)
    assert told == []
    assert reports.lost == {LossKind.EDGES: 1, LossKind.REPORTS: 1}


def test_a_host_that_goes_on_is_told_what_it_lost_and_another_is_not(told: list[BoardMessage]) -> None:
    for goes_on, expected in ((True, [DataLost(LossKind.RECEIVED, 3), DataLost(LossKind.EDGES, 1)]), (False, [])):
        told.clear()
        reports = queue(told)
        reports.add(HEARD)
        reports.add(EDGE)
        reports.start(1000, resumes=goes_on)
        reports.pump()
        assert told == expected
        reports.pump()
        assert told == expected
        assert reports.lost == {LossKind.RECEIVED: 3, LossKind.EDGES: 1}


def test_reports_go_out_in_order_as_far_as_credit_goes(told: list[BoardMessage]) -> None:
    cost = credit_cost(EDGE)
    reports = queue(told, limit=2 * cost - 1)
    reports.add(EDGE)
    reports.add(LineEdge(2, 0, 6))
    assert told == [EDGE]
    reports.update_limit(2 * cost - 2)
    assert told == [EDGE]
    reports.update_limit(2 * cost)
    assert told == [EDGE, LineEdge(2, 0, 6)]
    reports.add(EDGE)
    assert len(told) == 2


def test_a_state_does_not_wait_for_credit_but_waits_its_turn(told: list[BoardMessage]) -> None:
    reports = queue(told, limit=0)
    reports.add(STATE)
    assert told == [STATE]
    reports.add(EDGE)
    reports.add(STATE)
    assert told == [STATE, STATE]
    reports.update_limit(100)
    assert told == [STATE, STATE, EDGE]


def test_what_finds_no_room_is_counted_and_told_behind_what_waited(told: list[BoardMessage]) -> None:
    cost = credit_cost(EDGE)
    reports = queue(told, room=2 * cost, limit=0)
    for _ in range(5):
        reports.add(EDGE)
    assert reports.lost == {LossKind.EDGES: 3}
    reports.update_limit(cost)
    assert told == [EDGE]
    reports.add(EDGE)
    assert reports.lost == {LossKind.EDGES: 3}
    reports.update_limit(10 * cost)
    assert told == [EDGE, EDGE, EDGE, DataLost(LossKind.EDGES, 3)]


def test_room_is_free_again_behind_the_end_of_a_session(told: list[BoardMessage]) -> None:
    cost = credit_cost(EDGE)
    reports = queue(told, room=cost, limit=0)
    reports.add(EDGE)
    reports.stop()
    reports.start(cost, resumes=False)
    reports.add(EDGE)
    assert told == [EDGE]


def test_nothing_lost_is_nothing_counted(told: list[BoardMessage]) -> None:
    reports = queue(told, limit=100)
    reports.count_loss(LossKind.FRAMES, 0)
    reports.pump()
    assert told == []
    assert dict(reports.lost) == {}
    reports.count_loss(LossKind.FRAMES, 2)
    reports.count_loss(LossKind.FRAMES, 1)
    reports.pump()
    assert told == [DataLost(LossKind.FRAMES, 3)]


def byte_times(ear: SimulatedReceiver, line: int, times: list[int], baudrate: int = 1_000_000) -> list[ReceivedBytes]:
    return [report for at in times for report in ear.add_byte(line, at % 251, at, baudrate)]


def test_an_handler_is_due_200_us_behind_the_last_byte_and_1000_us_behind_the_first() -> None:
    ear = SimulatedReceiver()
    assert ear.due_us is None
    assert ear.take_reports() == []
    byte_times(ear, 1, [5000])
    assert ear.due_us == 5200
    byte_times(ear, 1, [5150, 5300, 5450, 5600, 5750])
    assert ear.due_us == 5950
    byte_times(ear, 1, [5900])
    assert ear.due_us == 6000
    ear.take_reports()
    assert ear.due_us is None


def test_bytes_on_the_grid_of_their_rate_are_a_run_and_others_have_gaps() -> None:
    ear = SimulatedReceiver()
    byte_times(ear, 2, [100, 110, 121, 129])
    assert ear.take_reports() == [ReceivedBytes(100, 2, TimestampEncoding.RUN, 4, bytes((100, 110, 121, 129)), b"")]
    byte_times(ear, 2, [100, 110, 122])
    assert ear.take_reports() == [
        ReceivedBytes(100, 2, TimestampEncoding.GAPS, 3, bytes((100, 110, 122)), bytes((10, 12)))
    ]


def test_a_gap_of_255_us_joins_and_one_of_256_does_not() -> None:
    ear = SimulatedReceiver()
    assert byte_times(ear, 1, [0, 255]) == []
    (report,) = byte_times(ear, 1, [511])
    assert (report.count, report.gaps) == (2, bytes((255,)))
    (last,) = ear.take_reports()
    assert (last.at_us, last.count) == (511, 1)


def test_another_line_and_a_full_report_begin_the_next_one() -> None:
    ear = SimulatedReceiver()
    assert [report.line for report in [*byte_times(ear, 1, [0]), *byte_times(ear, 2, [10])]] == [1]
    ear.take_reports()
    assert MAX_WITH_GAPS == 120
    assert byte_times(ear, 1, [10 * number for number in range(120)]) == []
    (full,) = byte_times(ear, 1, [1200])
    assert full.count == 120


def test_a_byte_that_is_told_late_is_not_earlier_than_the_one_before() -> None:
    ear = SimulatedReceiver()
    byte_times(ear, 1, [500, 400])
    (report,) = ear.take_reports()
    assert (report.at_us, report.gaps) == (500, bytes((0,)))
