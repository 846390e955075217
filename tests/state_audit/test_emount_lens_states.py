"""What an E-mount lens does in states that a body reaches by leaving out a step, and under a flood."""

import pytest

from lensmount_emulator.roles.emount.lens.engine_base import MAX_QUEUED
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState, RowSelect
from lensmount_protocol.dialects.emount.focus import FocusMove, PositionToDistance
from lensmount_protocol.dialects.emount.identification import Answer0B, Query0B, SpeedReply, SpeedRequest
from lensmount_protocol.dialects.emount.service import Query26, Refusal
from lensmount_protocol.dialects.emount.startup_shutdown import (
    ShutDownReply,
    ShutDownRequest,
    StartUpRequest,
    StreamLayoutReply,
    StreamLayoutRequest,
)
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.wire import Role
from state_audit.raw import Raw

SLOW, FAST = 750_000, 1_500_000


class Lens(Raw):
    """A raw E-mount body with the steps that the tests share."""

    def __init__(self, profile: str = "sel55210") -> None:
        super().__init__("emount", profile)

    def power(self) -> None:
        for line in ("LENS_POWER", "VCC", "VD"):
            self.drive(line, True)
        self.body.connection.move("power", by=Role.BODY)
        self.run(0.119)

    def shake_hands(self) -> None:
        self.drive("BODY_CS", True)
        self.drive("TXD", True)
        assert self.until(lambda: self.level("RXD"), 0.1)
        self.drive("BODY_CS", False)
        assert self.until(lambda: not self.level("LENS_CS"), 0.1)
        self.body.connection.move("linked", by=Role.BODY)

    def start(self) -> "Lens":
        self.power()
        self.shake_hands()
        return self

    def ask(self, message, patience: float = 1.0):
        before = len(self.body.arrivals)
        self.frame([message], 2)
        self.until(lambda: len(self.body.arrivals) > before and not self.level("LENS_CS"), patience)
        return self.said(before)

    def sleep(self) -> None:
        assert isinstance(self.ask(ShutDownRequest())[0], ShutDownReply)

    def bare_window(self, seconds: float = 60e-6) -> None:
        self.drive("BODY_CS", True)
        self.run(seconds)
        self.drive("BODY_CS", False)
        self.run(1e-3)

    def pulse(self, count: int = 1) -> None:
        for _ in range(count):
            self.drive("VD", False)
            self.run(63e-6)
            self.drive("VD", True)
            self.run(16_684e-6 - 63e-6)


@pytest.mark.parametrize("state", ["WAKING", "ASLEEP"])
def test_the_table_allows_no_request_before_the_handshake(state: str) -> None:
    lens = Lens()
    if state == "WAKING":
        lens.power()
    else:
        lens.start().sleep()
    assert lens.body.connection.state == lens.lens.connection.state == state
    with pytest.raises(LocalProtocolError, match=f"request by the body is not legal in state {state}"):
        lens.body.connection.send([Query0B()], 2, 0)


def test_a_request_to_a_sleeping_lens_wakes_it_and_is_lost() -> None:
    lens = Lens().start()
    lens.sleep()
    assert lens.ask(Query0B(), 0.2) == []
    assert lens.lens.connection.state == "READY"
    lens.body.connection.state = "READY"
    assert [type(said) for said in lens.ask(Query0B())] == [Answer0B]


def test_bytes_without_a_window_do_not_reach_a_sleeping_lens() -> None:
    lens = Lens().start()
    lens.sleep()
    lens.frame([Query0B()], 2, select=False)
    lens.run(0.2)
    assert lens.lens.connection.state == "ASLEEP"
    assert [notice.text for notice in lens.notices if notice.is_error] == []
    lens.body.connection.move("wake", by=Role.BODY)
    lens.shake_hands()
    assert [type(said) for said in lens.ask(Query0B())] == [Answer0B]


def test_a_lens_that_sleeps_in_its_stream_sends_nothing_more() -> None:
    lens = Lens().start()
    assert isinstance(lens.ask(StreamLayoutRequest())[0], StreamLayoutReply)
    lens.pulse(2)
    lens.sleep()
    before = len(lens.body.arrivals)
    lens.pulse(3)
    assert len(lens.body.arrivals) == before
    assert [notice.text for notice in lens.notices if notice.is_error] == []


@pytest.mark.parametrize("then", ["late window", "bad sum", "held window"])
def test_without_its_silent_handshake_a_lens_keeps_its_rate(then: str) -> None:
    lens = Lens().start()
    (reply,) = lens.ask(SpeedRequest())
    assert isinstance(reply, SpeedReply)
    if then == "late window":
        lens.run(0.0101)
        lens.bare_window()
    elif then == "bad sum":
        raw = bytearray(lens.dialect.build_frame(Query0B().build(), 2, 0))
        raw[-3] ^= 1
        lens.window(bytes(raw))
    else:
        lens.bare_window(0.0102)
    lens.run(0.05)
    assert lens.lens.baudrate == SLOW
    assert lens.lens.connection.state == "READY"
    assert not lens.level("LENS_CS")
    assert Answer0B in [type(said) for said in lens.ask(Query0B())]


@pytest.mark.parametrize("after_us", [110, 5_000, 9_900])
def test_with_its_silent_handshake_a_lens_takes_the_fast_rate(after_us: int) -> None:
    lens = Lens().start()
    lens.ask(SpeedRequest())
    lens.run(after_us * 1e-6)
    lens.bare_window()
    assert lens.lens.baudrate == FAST
    lens.rate(FAST)
    lens.body.connection.move("switched", by=Role.BODY)
    assert [type(said) for said in lens.ask(Query0B())] == [Answer0B]


def test_a_refused_bad_frame_leaves_the_request_before_it_to_be_answered() -> None:
    lens = Lens().start()
    lens.frame([StartUpRequest()], 2)
    lens.run(0.01)
    raw = bytearray(lens.dialect.build_frame(Query0B().build(), 2, 0))
    raw[-1] ^= 1
    lens.window(bytes(raw))
    lens.run(0.01)
    assert [type(said) for said in lens.said()] == [Refusal]
    assert lens.lens.connection.state == lens.body.connection.state == "ASKED"
    lens.run(1.5)
    assert [type(said).__name__ for said in lens.said()] == ["Refusal", "StartUpReply"]


def test_a_flood_of_bad_frames_leaves_a_bounded_queue() -> None:
    lens = Lens().start()
    for _ in range(300):
        lens.window(bytes(1))
    assert lens.lens.waiting == MAX_QUEUED
    assert lens.lens.task_count() <= MAX_QUEUED + 2
    assert lens.lens.overflowed_at > 0
    lens.run(0.2)
    assert lens.lens.waiting == 0
    refusals = [said for said in lens.said() if isinstance(said, Refusal)]
    assert len(refusals) == 300 - lens.lens.dropped
    assert lens.lens.dropped > 100
    assert [type(said) for said in lens.ask(Query0B())] == [Answer0B]


def test_a_flood_of_requests_leaves_a_bounded_queue() -> None:
    lens = Lens().start()
    raw = lens.dialect.build_frame(Query26().build(), 2, 0)
    lens.window(raw * 1500)
    assert lens.lens.waiting <= MAX_QUEUED
    lens.run(0.2)
    assert lens.lens.waiting == 0
    assert Answer0B in [type(said) for said in lens.ask(Query0B())]


def test_a_flood_of_focus_orders_leaves_bounded_acknowledgements() -> None:
    lens = Lens().start()
    lens.ask(StreamLayoutRequest())
    lens.pulse(2)
    for _ in range(60):
        lens.frame([BodyMode(), *[PositionToDistance(position=0x4000)] * 50], 1)
        lens.frame([BodyState(), RowSelect(row_a=1, row_b=1)], 1)
        lens.frame([BodyMode(), *[FocusMove(operand=0x4100)] * 30], 1)
    assert len(lens.lens.stream.acknowledgements) <= 64
    assert len(lens.lens.motor._runs) < 10
    before = len(lens.body.arrivals)
    lens.pulse(12)
    names = [type(said).__name__ for said in lens.said(before)]
    assert names.count("FocusStatus") == 12
    assert "FocusMoved" in names
