"""What a lens does by itself: refusals, orders of every kind, speed, sleep, and the form without lines."""

from dataclasses import dataclass, field

import pytest

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState
from lensmount_protocol.dialects.emount.focus import (
    DistanceToPosition,
    FocusLimitDrive,
    FocusMove,
    FocusScan,
    FocusStop,
    PositionToDistance,
)
from lensmount_protocol.dialects.emount.framing import build_frame
from lensmount_protocol.dialects.emount.identification import Query0B
from lensmount_protocol.dialects.emount.service import Query26
from lensmount_protocol.dialects.emount.startup_shutdown import ShutDownRequest, StreamLayoutRequest
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import Received, Role, Transmit

SETTINGS = load_profile("sel55210").settings
assert isinstance(SETTINGS, LensSettings)


@dataclass
class Wired:
    """A lens on a port that carries bytes only, driven by hand."""

    lens: LensEngine = field(default_factory=lambda: LensEngine(SETTINGS, frozenset()))
    now: float = 0.0

    def __post_init__(self) -> None:
        self.lens.start(0.0)

    def hears(self, data: bytes) -> None:
        self.lens.receive(Received(data), self.now)

    def asks(self, message: Message, class_: int = 2) -> list[AnyMessage]:
        self.hears(build_frame(message.build(), class_, 0))
        return self.says(1.0)

    def says(self, seconds: float) -> list[AnyMessage]:
        """What the lens sends in so many seconds, as messages."""
        until, said = self.now + seconds, []
        while (deadline := self.lens.next_deadline()) is not None and deadline <= until:
            self.now = deadline
            self.lens.handle_deadline(self.now)
            for action in self.lens.actions():
                if isinstance(action, Transmit):
                    said += load_dialect("emount").payload_parser().parse(Role.LENS, action.data[5:-3])
        self.now = until
        return said

    def frame(self, *orders: Message) -> list[AnyMessage]:
        """One loop cycle of the body; what the lens sends because of it."""
        self.hears(build_frame(BodyState(aperture_target=0x1468, control=0x1C).build(), 1, 7))
        self.hears(build_frame(b"".join(message.build() for message in (BodyMode(), *orders)), 1, 7))
        return self.says(0.0166)


@pytest.fixture
def wired() -> Wired:
    return Wired()


@pytest.fixture
def streaming(wired: Wired) -> Wired:
    wired.asks(StreamLayoutRequest())
    return wired


def names(messages: list[AnyMessage]) -> list[str]:
    return [type(message).__name__ for message in messages]


def test_a_question_is_answered(wired: Wired) -> None:
    assert names(wired.asks(Query0B())) == ["Answer0B"]


def test_an_unknown_question_is_refused_with_its_class_and_type(wired: Wired) -> None:
    (refusal,) = wired.asks(Query26())
    assert refusal.build() == bytes((0x02, 2, 0x26, 4, 0, 0, 0, 0))


@pytest.mark.parametrize(("position", "code"), [(-1, 1), (-3, 3)])
def test_a_damaged_question_is_refused_with_its_reason(wired: Wired, position: int, code: int) -> None:
    raw = bytearray(build_frame(Query0B().build(), 2, 0))
    raw[position] ^= 0x10
    wired.hears(bytes(raw))
    wired.now += 0.3
    wired.hears(b"\x00")
    (refusal,) = wired.says(0.1)
    assert refusal.build() == bytes((0x02, 0xFF, 0xFF, code, 0, 0, 0, 0))


def test_a_stream_starts_and_stops_with_its_layout(streaming: Wired) -> None:
    assert names(streaming.frame()) == ["LensStatus", "FocusStatus"]
    assert names(streaming.asks(StreamLayoutRequest(status_blocks=0, focus_blocks=0))) == ["StreamLayoutReply"]
    assert streaming.frame() == []


def test_a_move_is_acknowledged_when_its_plan_has_arrived(streaming: Wired) -> None:
    streaming.frame()
    streaming.frame(FocusMove(operand=0x4100))
    told = [names(streaming.frame()) for _ in range(4)]
    assert sum("FocusMoved" in said for said in told) == 1
    assert streaming.lens.motor.planned(streaming.lens.stream.frame) == 0x4100


def test_a_target_beyond_the_limits_is_clamped_without_a_word(streaming: Wired) -> None:
    streaming.frame(FocusMove(operand=0xFFFF))
    said = [message for _ in range(12) for message in streaming.frame()]
    assert "FocusMoved" in names(said)
    assert streaming.lens.motor.planned(streaming.lens.stream.frame) == 0x446A


@pytest.mark.parametrize(
    ("order", "answer"),
    [
        (FocusStop(), "FocusStopped"),
        (FocusScan(limit_a=0x4000, limit_b=0x4080), "FocusScanned"),
        (FocusLimitDrive(speed=-5), "FocusLimitDriven"),
        (PositionToDistance(position=0x446A), "DistanceOfPosition"),
        (DistanceToPosition(distance=384), "PositionOfDistance"),
        (FocusMove(operand=5, flags=0x01), "FocusMoved"),
    ],
)
def test_every_order_is_answered_beside_a_focus_status(streaming: Wired, order: Message, answer: str) -> None:
    streaming.frame(order)
    assert answer in [name for _ in range(10) for name in names(streaming.frame())]


def test_distances_and_positions_agree(streaming: Wired) -> None:
    streaming.frame(PositionToDistance(position=0x446A))
    answers = [
        message for _ in range(4) for message in streaming.frame() if type(message).__name__ == "DistanceOfPosition"
    ]
    assert [answer.build() for answer in answers] == [bytes((0x22, 0x80, 0x01))]


def test_a_lens_sent_to_sleep_answers_the_next_question_again(streaming: Wired) -> None:
    streaming.asks(StreamLayoutRequest(status_blocks=0, focus_blocks=0))
    assert names(streaming.asks(ShutDownRequest())) == ["ShutDownReply"]
    assert names(streaming.asks(Query0B())) == ["Answer0B"]
