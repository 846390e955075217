"""A conversation with a board in virtual time: each wait to its bound, and what each loss is called."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lensmount_hardware.boards import session
from lensmount_hardware.boards.link import ResumePoint, pop_resume_point
from lensmount_hardware.boards.protocol.commands import (
    Bootloader,
    Configure,
    EnterSafeState,
    Hello,
    ReadCounters,
    TimeRequest,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    ConfigureFlag,
    ErrorCode,
    HelloFlag,
    LossKind,
    SafeStateFlag,
    StateFlag,
)
from lensmount_hardware.boards.protocol.framing import DELIMITER, build_frame, parse_frame
from lensmount_hardware.boards.protocol.reports import BoardState, DataLost, HelloReply, MessageRejected, TimeResponse
from lensmount_hardware.boards.session import BoardInfo, BoardSession, baudrate_error, board_info_from, query_session
from lensmount_hardware.boards.simulator.bench import SimulatorBench
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.clock import VirtualClock
from lensmount_hardware.histogram import Histogram
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.errors import BoardError, TransportLostError, TransportOpenError

WELCOME = HelloReply(1, 7, bytes(range(8)), 16, 9_600, 3_000_000, 4096, 16384, b"rev 1")


class Far:
    """The far end of a stream: it answers by a rule, and keeps what came with its time."""

    def __init__(self, answers: Callable[[object], list[object]] = lambda _message: []) -> None:
        self.name = "far"
        self.clock = VirtualClock()
        self.answers = answers
        self.came: list[tuple[float, object]] = []
        self.waits: list[float | None] = []
        self.closed = 0
        self.broken: OSError | None = None
        self.trip = 0.0
        self._to_host = bytearray()
        self._sequence = 0

    def say(self, *messages: Any) -> None:
        for message in messages:
            self._to_host += build_frame(message, self._sequence)
            self._sequence = (self._sequence + 1) % 256

    def read(self, wait: float | None) -> bytes:
        self.waits.append(wait)
        if self.broken:
            raise self.broken
        data = bytes(self._to_host)
        self._to_host.clear()
        self.clock.advance_to(round(self.clock.now() + (self.trip if data else wait or 0.0), 6))
        return data

    def write(self, data: bytes) -> None:
        if self.broken:
            raise self.broken
        for piece in filter(None, data.split(DELIMITER)):
            message = parse_frame(piece).message()
            self.came.append((round(self.clock.now(), 6), message))
            self.say(*self.answers(message))

    def close(self) -> None:
        self.closed += 1

    def kinds(self) -> list[type]:
        return [type(message) for _, message in self.came]


def friendly(message: object) -> list[object]:
    if isinstance(message, Hello):
        return [replace(WELCOME, session=message.session)]
    if isinstance(message, TimeRequest):
        return [TimeResponse(message.token, 1000)]
    if isinstance(message, Configure):
        return [BoardState(0, 0, 0, 0), BoardState(StateFlag.CONFIGURED, 0, 0, 0)]
    return []


def talk_to(far: Far) -> BoardSession:
    return BoardSession(far, far.clock, 7)


def test_the_waits_of_a_conversation() -> None:
    assert (session.PING_PERIOD, session.REPLY_TIMEOUT, session.INITIAL_ROUND_TRIPS) == (0.1, 2.0, 5)


def test_a_greeting_is_repeated_each_half_second_for_two_seconds() -> None:
    far = Far()
    with pytest.raises(TransportOpenError, match="board:far: nothing answers; is it the board"):
        talk_to(far).handshake()
    assert [at for at, _ in far.came] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert all(message == Hello(1, 0, 7, 262_144) for _, message in far.came)
    assert set(far.waits) == {0.05}
    assert 2.0 < far.clock.now() <= 2.1


def test_what_answers_something_else_is_counted() -> None:
    far = Far(lambda message: [DataLost(0, 1)] if isinstance(message, Hello) else [])
    with pytest.raises(TransportOpenError, match="something else answers, 5 times"):
        talk_to(far).handshake(take_over=True)
    assert far.came[0][1] == Hello(1, HelloFlag.TAKE_OVER, 7, 262_144)


def test_a_greeting_that_is_answered_is_followed_by_five_questions() -> None:
    far = Far(friendly)
    talk = talk_to(far)
    welcome = talk.handshake()
    assert welcome == WELCOME
    assert far.kinds() == [Hello, *[TimeRequest] * 5]
    assert talk.link.clock.trips == 5


def test_a_round_trip_is_measured() -> None:
    far = Far(friendly)
    talk = talk_to(far)
    talk.handshake()
    far.trip = 0.003
    assert talk.request_time() == pytest.approx(0.003)


def test_a_question_that_is_not_answered_ends_the_beginning_after_two_seconds() -> None:
    far = Far(lambda message: friendly(message) if isinstance(message, Hello) else [])
    with pytest.raises(TransportOpenError, match="answered HELLO and then no more"):
        talk_to(far).handshake()
    assert 2.0 < far.clock.now() <= 2.1


def test_a_session_that_was_refused_names_the_port() -> None:
    far = Far(lambda message: [MessageRejected(ErrorCode.BUSY, Hello.TYPE, 0, 0)])
    with pytest.raises(BoardError, match=r"^board:far: another host has the board"):
        talk_to(far).handshake()


def test_a_configuration_asks_for_own_edges_and_is_over_when_the_board_is_configured(planned: Any) -> None:
    far = Far(friendly)
    talk = talk_to(far)
    talk.handshake()
    plan = planned(BoardRole.BODY)
    state = talk.configure(plan)
    assert state.flags == StateFlag.CONFIGURED
    (sent,) = [message for _, message in far.came if isinstance(message, Configure)]
    assert sent == replace(plan.configure, flags=plan.configure.flags | ConfigureFlag.OWN_EDGES)
    assert talk.reports_own_edges


def test_a_sniffer_has_no_own_edges(planned: Any) -> None:
    far = Far(friendly)
    talk = talk_to(far)
    talk.handshake()
    plan = planned(BoardRole.SNIFFER)
    talk.configure(plan)
    assert not talk.reports_own_edges
    assert [message for _, message in far.came if isinstance(message, Configure)] == [plan.configure]


def test_older_firmware_that_refuses_the_flag_is_asked_without_it(planned: Any) -> None:
    def older(message: object) -> list[object]:
        if isinstance(message, Configure) and message.flags & ConfigureFlag.OWN_EDGES:
            return [MessageRejected(ErrorCode.MALFORMED, Configure.TYPE, 0, 3), DataLost(LossKind.EDGES, 2)]
        return friendly(message)

    far = Far(older)
    talk = talk_to(far)
    talk.handshake()
    talk.configure(planned(BoardRole.BODY))
    assert not talk.reports_own_edges
    assert far.kinds().count(Configure) == 2
    assert talk.lost_before == [DataLost(LossKind.EDGES, 2)]


@pytest.mark.parametrize(
    "refused",
    [
        MessageRejected(ErrorCode.MALFORMED, Configure.TYPE, 0, 2),
        MessageRejected(ErrorCode.BAD_LINE, Configure.TYPE, 0, 3),
        MessageRejected(ErrorCode.MALFORMED, EnterSafeState.TYPE, 0, 3),
    ],
)
def test_any_other_refusal_of_a_configuration_is_an_error(planned: Any, refused: MessageRejected) -> None:
    far = Far(lambda message: [refused] if isinstance(message, Configure) else friendly(message))
    talk = talk_to(far)
    talk.handshake()
    with pytest.raises(BoardError, match="board:far: the board refuses"):
        talk.configure(planned(BoardRole.BODY))


def test_a_board_that_says_nothing_to_its_configuration_is_given_two_seconds(planned: Any) -> None:
    far = Far(lambda message: [] if isinstance(message, Configure) else friendly(message))
    talk = talk_to(far)
    talk.handshake()
    start = far.clock.now()
    with pytest.raises(TransportOpenError, match="answered HELLO and then no more"):
        talk.configure(planned(BoardRole.BODY))
    assert 2.0 < far.clock.now() - start <= 2.1


def test_a_rate_is_refused_beyond_the_board_s_bounds() -> None:
    assert baudrate_error(WELCOME, 9_600) == baudrate_error(WELCOME, 3_000_000) == ""
    assert baudrate_error(WELCOME, 9_599) == "the board cannot do 9599 baud, only 9600 to 3000000"
    assert baudrate_error(WELCOME, 3_000_001)


def test_a_question_is_due_each_tenth_of_a_second() -> None:
    far = Far(friendly)
    talk = talk_to(far)
    for at in (0.05, 0.0999, 0.1, 0.15, 0.1999, 0.2, 0.25):
        far.clock.advance_to(at)
        talk.ping()
    talk.flush()
    assert len(far.came) == 2


def test_orders_wait_while_too_many_wait_already_and_two_seconds_are_the_end() -> None:
    far = Far(friendly)
    talk = talk_to(far)
    talk.handshake()
    order = TransmitCommand(1, 0, 0, 0, bytes(213))
    number = 0
    while talk.link.queued_bytes <= 1 << 16:
        talk.send_command(order)
        number += 1
    # 17 of 236 bytes spend the credit of 4096; 278 more are the first to be more than 65536.
    assert number == 17 + 278
    start = far.clock.now()
    far.waits.clear()
    with pytest.raises(TransportLostError, match="it takes no orders any more"):
        talk.send_command(order)
    assert 2.0 < far.clock.now() - start <= 2.2
    assert set(far.waits) == {0.1}


def test_a_stream_that_breaks_is_a_loss_with_its_reason_and_its_last_frame() -> None:
    for act in (lambda talk: talk.exchange(0.1), lambda talk: (talk.link.send(EnterSafeState()), talk.flush())):
        far = Far(friendly)
        talk = talk_to(far)
        talk.handshake()
        talk.require_open()
        far.broken = ConnectionError("the cable is out")
        with pytest.raises(
            TransportLostError,
            match="board:far: the board has gone: the cable is out; its last frame was number 5, at 1000 µs of its",
        ) as lost:
            act(talk)
        assert lost.value.__cause__ is far.broken
        with pytest.raises(TransportLostError, match="the cable is out"):
            talk.require_open()
        assert pop_resume_point("board:far") == ResumePoint(7, talk.link.resume_point.next_sequence, 6, 1000)
        talk.close()
        assert far.closed == 1
        assert EnterSafeState not in far.kinds()


def test_a_board_that_never_answered_leaves_nothing_behind() -> None:
    far = Far()
    talk = talk_to(far)
    far.broken = ConnectionError("out")
    with pytest.raises(TransportLostError, match=r"the board has gone: out$"):
        talk.exchange(0.1)
    assert pop_resume_point("board:far") is None


def test_a_board_that_forgets_us_is_lost_in_a_session_and_an_error_at_its_beginning() -> None:
    for opening, kind in ((True, BoardError), (False, TransportLostError)):
        far = Far(friendly)
        talk = talk_to(far)
        talk.handshake()
        far.say(MessageRejected(ErrorCode.NO_SESSION, EnterSafeState.TYPE, 0, 0))
        with pytest.raises(kind, match=r"board:far: .*the board has lost the session") as lost:
            talk.exchange(0.1, opening=opening)
        assert isinstance(lost.value.__cause__, BoardError)
        pop_resume_point("board:far")


def test_closing_puts_the_board_at_rest_once() -> None:
    far = Far(friendly)
    talk = talk_to(far)
    talk.handshake()
    talk.close()
    talk.close()
    assert far.came[-1][1] == EnterSafeState(SafeStateFlag.FORGET)
    assert far.closed == 1
    assert pop_resume_point("board:far") is None


def test_closing_before_an_answer_says_nothing() -> None:
    far = Far()
    talk_to(far).close()
    assert (far.came, far.closed) == ([], 1)


def test_a_board_that_cannot_take_the_farewell_is_closed_all_the_same() -> None:
    far = Far(friendly)
    talk = talk_to(far)
    talk.handshake()
    far.broken = ConnectionError("out")
    talk.close()
    assert far.closed == 1


def test_an_answer_in_words() -> None:
    answer = board_info_from(WELCOME, Histogram(), None)
    assert (answer.firmware, answer.version, answer.unique_id) == ("rev 1", 1, "0001020304050607")
    assert (answer.lines, answer.baudrates) == (16, (9_600, 3_000_000))
    assert (answer.queue_bytes, answer.report_bytes) == (4096, 16384)
    assert answer.roles == ("body", "lens", "sniffer")
    assert BoardInfo("f", 1, "id", 16, (1, 2), 3, 4).counters is None
    assert board_info_from(replace(WELCOME, firmware=b"r\xff"), Histogram(), None).firmware == "r\ufffd"


def test_asking_a_board_gives_its_counters_where_questions_are_wanted() -> None:
    board = BoardSimulator()
    bench = SimulatorBench(board)
    talk = BoardSession(bench.stream(board), bench.clock, 7)
    answer = query_session(talk, 3)
    assert sum(answer.round_trips.counts.values()) == 3
    assert answer.counters is not None
    assert answer.counters.frames_taken == 9
    other = BoardSimulator()
    bench = SimulatorBench(other)
    assert query_session(BoardSession(bench.stream(other), bench.clock, 8), 0).counters is None


def test_counters_that_do_not_come_are_waited_for_two_seconds() -> None:
    far = Far(friendly)
    with pytest.raises(TransportOpenError, match="does not send its counters"):
        query_session(talk_to(far), 1)
    assert far.kinds()[-1] is ReadCounters
    assert 2.0 < far.clock.now() <= 2.2
    assert far.waits[-1] == 0.1


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Far:
    """A far end that `open_stream` leads to."""
    far = Far(friendly)
    monkeypatch.setattr(session, "open_stream", lambda _spec: far)
    return far


def test_asking_greets_asks_and_lets_go(opened: Far) -> None:
    answer = session.query_board(parse_spec("board:X"), opened.clock)
    assert (answer.firmware, answer.counters, sum(answer.round_trips.counts.values())) == ("rev 1", None, 0)
    assert opened.kinds()[0] is Hello
    assert opened.came[-1][1] == EnterSafeState(SafeStateFlag.FORGET)
    assert opened.closed == 1


def test_a_board_is_let_go_of_also_where_it_does_not_answer(opened: Far) -> None:
    opened.answers = lambda _message: []
    assert session.query_or_error("X", opened.clock).startswith("board:far: nothing answers")
    assert opened.closed == 1


def test_a_board_that_goes_to_its_boot_mode_gets_no_farewell(opened: Far) -> None:
    assert session.restart_in_boot_mode(parse_spec("board:X"), opened.clock) == "rev 1"
    assert opened.came[-1][1] == Bootloader()
    assert opened.closed == 1
    assert pop_resume_point("board:far") is not None


def test_an_answer_or_the_trouble(opened: Far) -> None:
    answer = session.query_or_error("X", opened.clock)
    assert not isinstance(answer, str)
    assert answer.lines == 16
