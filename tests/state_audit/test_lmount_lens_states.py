"""What a lens of the open model does in states that a body reaches by another order than the usual one."""

from typing import Any

import pytest

from lensmount_protocol.dialects.lmount.firmware_update import UpdateOffer
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.framing import LINK, ORDER
from lensmount_protocol.dialects.lmount.identity import Identity, IdentityRequest
from lensmount_protocol.dialects.lmount.link import (
    BodyHello,
    CommandDone,
    CommandRejected,
    LensHello,
    SetBaudrateCommand,
    Sleep,
)
from lensmount_protocol.dialects.lmount.power import PowerGrant, PowerReport
from lensmount_protocol.dialects.lmount.types import FocusCommand, Outcome, PowerClass, RejectionCode
from lensmount_protocol.wire import Role
from state_audit.raw import Raw

FIRST, FAST = 115_200, 1_500_000


class Lens(Raw):
    """A raw body of the open model with the steps that the tests share."""

    def __init__(self, profile: str = "sigma-45mm-f2.8-dg-dn") -> None:
        super().__init__("lmount", profile)

    def power(self) -> None:
        for line in ("V_LOGIC", "TXD", "FSYNC"):
            self.drive(line, True)
        self.body.connection.move("power", by=Role.BODY)
        assert self.until(lambda: self.level("LENS_ATT"), 0.2)

    def greet(self) -> "Lens":
        before = len(self.body.arrivals)
        self.frame([BodyHello(revision=2, features=0x7F, rates=[FIRST, FAST])], LINK)
        assert self.until(lambda: any(isinstance(said, LensHello) for said in self.said(before)), 0.1)
        self.run(1e-3)
        return self

    def start(self) -> "Lens":
        self.power()
        return self.greet()

    def ask(self, order: Any) -> Any:
        """Send an order; its first answer."""
        self.number = order.number = self.number % 255 + 1
        return self.send(order)

    def send(self, order: Any) -> Any:
        before = len(self.body.arrivals)
        self.frame([order], ORDER)
        answers: list[Any] = []

        def answered() -> bool:
            answers[:] = [m for m in self.said(before) if getattr(m, "number", None) == order.number]
            return bool(answers)

        self.until(answered, 20e-3)
        # Behind the end of its window, and of a change of the rate.
        self.run(2.5e-3)
        return answers[0] if answers else None

    def grant(self) -> None:
        assert isinstance(self.ask(PowerGrant(granted=PowerClass.EXTREME, limit_ma=1500)), CommandDone)

    def fast(self) -> None:
        assert isinstance(self.ask(SetBaudrateCommand(baudrate=FAST)), CommandDone)
        assert self.lens.baudrate == FAST
        self.rate(FAST)
        self.body.connection.move("switched", by=Role.BODY)

    def call(self) -> bool:
        """Wake it by its line; whether it says that it is awake."""
        self.drive("BODY_ATT", True)
        awake = self.until(lambda: self.level("LENS_ATT"), 0.1)
        self.drive("BODY_ATT", False)
        self.run(1e-3)
        return awake

    def homes(self, seconds: float = 2.0) -> bool:
        return self.until(lambda: bool(self.lens.homed), seconds)


def test_a_refusal_leaves_a_sleeping_lens_asleep_and_it_can_be_woken() -> None:
    lens = Lens().start()
    lens.fast()
    assert lens.ask(Sleep()).outcome == Outcome.DONE
    refusal = lens.ask(IdentityRequest())
    assert (type(refusal), refusal.code) == (CommandRejected, RejectionCode.NOT_NOW)
    assert lens.lens.connection.state == lens.body.connection.state == "ASLEEP"
    assert lens.call()
    assert lens.lens.connection.state == "READY"
    lens.body.connection.move("wake", by=Role.BODY)
    assert isinstance(lens.ask(IdentityRequest()), Identity)
    assert [n.text for n in lens.notices if n.text.startswith("wake by")] == []


def test_a_lens_woken_twice_sleeps_twice() -> None:
    lens = Lens().start()
    lens.fast()
    for _ in range(2):
        assert lens.ask(Sleep()).outcome == Outcome.DONE
        assert lens.call()
        lens.body.connection.move("wake", by=Role.BODY)
    order = Sleep(number=lens.number)
    assert lens.send(order).outcome == Outcome.DONE
    assert lens.lens.asleep
    assert lens.call()


def test_a_greeting_ends_the_sleep_and_the_wait_for_a_call() -> None:
    lens = Lens().start()
    lens.fast()
    lens.ask(Sleep())
    lens.greet()
    assert not lens.lens.asleep
    assert not lens.call()
    assert lens.lens.connection.state == "READY"
    assert [n.text for n in lens.notices if n.is_error] == []


def test_drive_supply_before_the_grant_homes_at_the_grant() -> None:
    lens = Lens().start()
    lens.drive("V_DRIVE", True)
    lens.run(2.0)
    assert not lens.lens.homing
    granted_at = lens.now
    lens.grant()
    assert lens.lens.homing
    assert lens.homes()
    assert lens.now - granted_at > 0.05
    answer = lens.ask(FocusDrive(order=FocusCommand.ABSOLUTE, value=300))
    assert answer.outcome == Outcome.ACCEPTED


def test_a_grant_before_the_drive_supply_homes_at_the_supply() -> None:
    lens = Lens().start()
    lens.grant()
    lens.run(0.5)
    assert not lens.lens.homing
    lens.drive("V_DRIVE", True)
    lens.run(1e-3)
    assert lens.lens.homing
    assert lens.homes()


def test_a_second_grant_after_a_greeting_homes_what_did_not_home_before() -> None:
    lens = Lens().start()
    lens.drive("V_DRIVE", True)
    lens.grant()
    lens.run(0.02)
    lens.greet()
    lens.run(2.0)
    assert not lens.lens.homed
    lens.grant()
    assert lens.homes()


def test_homing_that_loses_its_supply_begins_again_and_takes_its_whole_time() -> None:
    lens = Lens().start()
    lens.grant()
    lens.drive("V_DRIVE", True)
    began = lens.now
    assert lens.homes()
    whole = lens.now - began
    lens = Lens().start()
    lens.grant()
    lens.drive("V_DRIVE", True)
    lens.run(whole * 0.3)
    lens.drive("V_DRIVE", False)
    lens.run(whole * 0.1)
    lens.drive("V_DRIVE", True)
    began = lens.now
    assert lens.homes()
    # It stands nearer to its zero than at first, and still has to push on against the end.
    assert lens.now - began > whole * 0.5


@pytest.mark.parametrize("supply_stays", [True, False])
def test_a_lens_that_sleeps_while_it_homes_homes_once_it_is_awake(supply_stays: bool) -> None:
    lens = Lens().start()
    lens.fast()
    lens.grant()
    lens.drive("V_DRIVE", True)
    lens.run(0.02)
    lens.ask(Sleep())
    if not supply_stays:
        lens.drive("V_DRIVE", False)
    lens.run(2.0)
    assert not lens.lens.homed
    assert lens.call()
    lens.drive("V_DRIVE", True)
    assert lens.homes()


@pytest.mark.parametrize("order", [IdentityRequest(), UpdateOffer(), SetBaudrateCommand(baudrate=9600), Sleep()])
def test_a_refusal_while_the_rate_changes_does_not_stop_the_change(order: Any) -> None:
    lens = Lens().start()
    lens.run(0.01)
    rate = SetBaudrateCommand(number=250, baudrate=FAST)
    order.number = 251
    lens.frame([rate], ORDER)
    lens.run(0.8e-3)
    lens.frame([order], ORDER)
    lens.run(0.02)
    said = [m for m in lens.said() if isinstance(m, CommandDone | CommandRejected)]
    assert [(m.number, type(m)) for m in said][:1] == [(250, CommandDone)]
    assert lens.lens.baudrate == FAST
    assert lens.lens.connection.state in ("READY", "ASKED")


def test_a_rate_order_that_is_refused_leaves_the_link_as_it_was() -> None:
    lens = Lens().start()
    refusal = lens.ask(SetBaudrateCommand(baudrate=9600))
    assert refusal.code == RejectionCode.NOT_ABLE
    assert lens.lens.connection.state == lens.body.connection.state == "READY"
    assert isinstance(lens.ask(IdentityRequest()), Identity)


def test_a_rate_order_that_comes_again_after_the_change_leaves_no_state_without_a_way_out() -> None:
    lens = Lens().start()
    lens.fast()
    again = SetBaudrateCommand(number=lens.number, baudrate=FAST)
    assert lens.send(again).outcome == Outcome.ACCEPTED
    lens.run(0.01)
    assert lens.lens.connection.state == "READY"
    lens.body.connection.move("switched", by=Role.BODY)
    assert isinstance(lens.ask(IdentityRequest()), Identity)


def test_an_update_that_is_refused_for_want_of_the_feature_leaves_the_link_ready() -> None:
    lens = Lens()
    lens.power()
    lens.frame([BodyHello(revision=2, features=0, rates=[FIRST])], LINK)
    lens.run(0.05)
    assert lens.ask(UpdateOffer(size=100)).code == RejectionCode.NOT_AGREED
    assert lens.lens.connection.state == lens.body.connection.state == "READY"
    assert isinstance(lens.ask(IdentityRequest()), Identity)


def test_each_grant_ends_the_reports_of_the_one_before() -> None:
    lens = Lens().start()
    lens.fast()
    lens.run(0.2)
    before = lens.lens.task_count()
    for _ in range(30):
        lens.grant()
    lens.run(0.3)
    assert lens.lens.task_count() <= before + 1
    assert any(isinstance(said, PowerReport) for said in lens.said())


def test_drives_and_rates_that_replace_each_other_leave_no_tasks() -> None:
    lens = Lens().start()
    lens.fast()
    lens.grant()
    lens.drive("V_DRIVE", True)
    assert lens.homes()
    lens.run(0.2)
    before = lens.lens.task_count()
    for value in range(200):
        lens.ask(FocusDrive(order=FocusCommand.ABSOLUTE, value=100 + 17 * (value % 2) * 100))
    assert lens.lens.task_count() <= before + 2
    for _ in range(20):
        lens.ask(SetBaudrateCommand(baudrate=FAST))
        lens.body.connection.move("switched", by=Role.BODY)
    lens.run(0.6)
    assert lens.lens.task_count() <= before + 2


def test_a_replaced_drive_ends_once_also_where_its_number_comes_again() -> None:
    lens = Lens().start()
    lens.fast()
    lens.grant()
    lens.drive("V_DRIVE", True)
    assert lens.homes()
    before = len(lens.body.arrivals)
    for value in (3000, 200):
        lens.send(FocusDrive(number=77, order=FocusCommand.ABSOLUTE, value=value))
    lens.run(2.0)
    ends = [m.outcome for m in lens.said(before) if isinstance(m, CommandDone) and m.number == 77]
    assert ends == [Outcome.ACCEPTED, Outcome.REPLACED, Outcome.ACCEPTED, Outcome.DONE]


@pytest.mark.parametrize("order", [IdentityRequest(), PowerGrant(granted=PowerClass.LOW, limit_ma=100), FocusDrive()])
def test_an_order_at_the_first_rate_is_refused_and_no_call(order: Any) -> None:
    """The attention line of such a frame is high for about a millisecond and a half."""
    lens = Lens().start()
    lens.ask(Sleep())
    refusal = lens.ask(order)
    assert (type(refusal), refusal.code) == (CommandRejected, RejectionCode.NOT_NOW)
    assert lens.lens.asleep
    assert lens.lens.connection.state == lens.body.connection.state == "ASLEEP"
    assert lens.call()
    lens.body.connection.move("wake", by=Role.BODY)
    assert isinstance(lens.ask(IdentityRequest()), Identity)
