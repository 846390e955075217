"""The rules that a lens keeps on the wire: drives from before a hello, and targets within limits that are known."""

import pytest

from lensmount_emulator.roles.lmount.lens_rules import LmountLensRules
from lensmount_protocol.dialects.lmount.dialect import LMOUNT
from lensmount_protocol.dialects.lmount.focus import FocusDrive, FocusLimits, FocusState
from lensmount_protocol.dialects.lmount.framing import CYCLE, LINK, ORDER
from lensmount_protocol.dialects.lmount.identity import LensCapabilities
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone
from lensmount_protocol.dialects.lmount.power import PowerGrant
from lensmount_protocol.dialects.lmount.types import FocusCommand, Outcome
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message
from lensmount_protocol.payload import build_payload
from lensmount_protocol.wire import Role

DRIVE = FocusDrive(number=5, value=100)
OTHER_DRIVE = FocusDrive(number=5, value=200)


class Lens:
    """A lens that is checked; times are in seconds."""

    def __init__(self) -> None:
        self.rules = LmountLensRules()

    def receives(self, message: Message, now: float, class_: int = ORDER) -> None:
        raw = LMOUNT.build_frame(build_payload([message]), class_, 0)
        (frame,) = FrameParser(LMOUNT, Role.BODY, LMOUNT.payload_parser()).receive(raw)
        assert isinstance(frame, Frame)
        assert list(self.rules.on_rx(frame, now)) == []

    def reports(self, outcome: Outcome, now: float) -> list[str]:
        return self.sends(CommandDone(number=5, order=FocusDrive.TYPE, outcome=outcome), now)

    def sends(self, message: Message, now: float, class_: int = ORDER) -> list[str]:
        return list(self.rules.on_tx(LMOUNT.build_frame(build_payload([message]), class_, 0), now))


def test_a_drive_that_ended_before_a_hello_explains_no_later_report() -> None:
    lens = Lens()
    lens.receives(DRIVE, 1.0)
    assert len(lens.reports(Outcome.ACCEPTED, 1.001)) == 1
    assert lens.reports(Outcome.DONE, 1.1) == []
    lens.receives(BodyHello(), 1.2, LINK)
    lens.receives(OTHER_DRIVE, 1.3)
    found = lens.reports(Outcome.DONE, 1.3)
    assert "answered after 0 us" in found[0]
    assert "ends DONE before its acceptance" in found[1]


def test_a_drive_that_still_runs_at_a_hello_may_end_after_it() -> None:
    lens = Lens()
    lens.receives(DRIVE, 1.0)
    lens.reports(Outcome.ACCEPTED, 1.001)
    lens.receives(BodyHello(), 1.2, LINK)
    lens.receives(OTHER_DRIVE, 1.3)
    assert lens.reports(Outcome.DONE, 1.3) == []


def test_a_drive_ends_once_after_a_hello() -> None:
    lens = Lens()
    lens.receives(DRIVE, 1.0)
    lens.reports(Outcome.ACCEPTED, 1.001)
    lens.receives(BodyHello(), 1.2, LINK)
    assert lens.reports(Outcome.DONE, 1.25) == []
    lens.receives(OTHER_DRIVE, 1.3)
    assert len(lens.reports(Outcome.DONE, 1.3)) == 2


@pytest.mark.parametrize(("number", "found"), [(8, []), (9, ["a drive to 127 has the target 700"])])
def test_no_target_is_expected_where_an_answer_may_be_to_either_of_two_limits(number: int, found: list[str]) -> None:
    lens = Lens()
    lens.receives(PowerGrant(number=2), 0.9)
    lens.sends(CommandDone(number=2, order=PowerGrant.TYPE), 0.901)
    assert lens.sends(LensCapabilities(focus_steps=4000), 0.95) == []
    lens.receives(FocusLimits(number=1, far=2, near=127), 1.0)
    assert lens.sends(CommandDone(number=1, order=FocusLimits.TYPE), 1.001) == []
    lens.receives(FocusLimits(number=8, far=256, near=700), 1.1)
    lens.receives(FocusLimits(number=number, far=100, near=700), 1.2)
    # The answer of a lens that has set the limits of 8, or one that has not received the order 9.
    if number == 8:
        assert lens.sends(CommandDone(number=8, order=FocusLimits.TYPE), 1.201) == []
    lens.receives(FocusDrive(number=5, order=FocusCommand.ABSOLUTE, value=1700), 1.3)
    assert lens.reports(Outcome.ACCEPTED, 1.301) == []
    state = FocusState(position=100, target=700)
    reports = [text for _ in range(9) for text in lens.sends(state, 1.4, CYCLE) if "target" in text]
    assert reports == found
