"""Power on both sides: what a lens asks for, what a body grants, warns of and takes, and what happens without."""

from typing import Any

import pytest

from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone, CommandRejected, LensHello, Sleep
from lensmount_protocol.dialects.lmount.power import BrownOut, PowerGrant, PowerReport
from lensmount_protocol.dialects.lmount.types import POWER_LIMITS_MA, FocusCommand, PowerClass, RejectionCode
from lensmount_protocol.wire import Edge

HUNGRY = "panasonic-s-pro-70-200mm-f2.8"


def edges(mounted: Any, line: str) -> list[tuple[float, bool]]:
    return [(edge.at, edge.level) for edge in mounted.records if isinstance(edge, Edge) and edge.line == line]


def test_presence_comes_before_power_and_power_before_the_greeting(mount: Any) -> None:
    mounted = mount().streams()
    assert edges(mounted, "DETECT")[0] == (0.0, False)
    logic, drive = edges(mounted, "V_LOGIC")[0][0], edges(mounted, "V_DRIVE")[0][0]
    assert logic >= 0.02
    assert edges(mounted, "LENS_ATT")[0][0] == pytest.approx(logic + mounted.lens.settings.timing.boot * 1e-6)
    kinds = [type(message) for message in mounted.messages()]
    assert kinds[:3] == [BodyHello, LensHello, PowerGrant]
    assert drive > logic
    assert mounted.virtual_session.mount.violations == []


def test_a_lens_says_the_most_that_it_will_draw_and_never_draws_more(mount: Any) -> None:
    mounted = mount(lens=HUNGRY, script="focus near; aperture f/8; focus far").streams()
    mounted.wait_until(lambda: mounted.body.done)
    hello = mounted.of(LensHello)[0]
    assert hello.peak_current_ma == mounted.lens.budget.peak_ma
    assert hello.peak_current_ma <= POWER_LIMITS_MA[hello.power_class]
    reports = mounted.of(PowerReport)
    assert len(reports) >= 2
    assert max(report.peak_ma for report in reports) <= hello.peak_current_ma


def test_a_hungry_lens_on_a_small_body_works_and_the_user_is_warned(mount: Any) -> None:
    mounted = mount("leica-cl", HUNGRY).streams()
    grant = mounted.of(PowerGrant)[0]
    assert grant.warned == 1
    assert grant.granted == mounted.of(LensHello)[0].power_class
    notices = [notice.text for notice in mounted.notices if notice.text.startswith("notice")]
    assert len(notices) == 1
    assert "no function is restricted" in notices[0]
    assert mounted.of(PowerReport)[0].reduced == 0


def test_a_lens_that_gets_less_leaves_out_its_stabiliser_first_and_says_so(mount: Any) -> None:
    mounted = mount(lens=HUNGRY, body_changes={"power": {"grants": "high"}}).streams()
    grant, report = mounted.of(PowerGrant)[0], mounted.of(PowerReport)[0]
    assert grant.granted == PowerClass.HIGH
    assert report.reduced & 2
    assert not mounted.lens.reduction.stabiliser
    mounted.script("focus near; focus far")
    assert max(one.peak_ma for one in mounted.of(PowerReport)) <= grant.limit_ma


def test_nothing_drives_before_power_is_granted(mount: Any) -> None:
    mounted = mount().streams()
    mounted.body.drive("V_DRIVE", False)
    mounted.run(0.001)
    answer = mounted.request(FocusDrive(order=FocusCommand.NEAR_END))
    assert isinstance(answer, CommandRejected)
    assert answer.code == RejectionCode.NO_POWER


def test_a_brown_out_stops_the_motors_and_is_told_and_homed_behind(mount: Any) -> None:
    mounted = mount().streams()
    mounted.body.now = mounted.virtual_session.now
    mounted.body.spawn(mounted.body.request(FocusDrive(order=FocusCommand.NEAR_END)))
    mounted.run(0.05)
    mounted.body.drive("V_DRIVE", False)
    mounted.run(0.005)
    stopped_at = mounted.lens.focus.position(mounted.virtual_session.now)
    mounted.run(0.05)
    assert mounted.lens.focus.position(mounted.virtual_session.now) == stopped_at
    assert len(mounted.of(BrownOut)) == 1
    assert not mounted.lens.homed
    mounted.body.drive("V_DRIVE", True)
    mounted.wait_until(lambda: mounted.lens.homed)


def test_a_supply_that_is_asked_for_too_much_collapses_and_comes_back(mount: Any) -> None:
    """A rogue lens: it was granted 500 mA and draws what it likes."""
    mounted = mount(lens=HUNGRY, body_changes={"power": {"supply_ma": 300}}).streams()
    mounted.lens.reduction = mounted.lens.budget.reduce(5000)
    mounted.body.spawn(mounted.body.request(FocusDrive(order=FocusCommand.NEAR_END)))
    mounted.run(1.0)
    assert any("collapses" in text for text in mounted.troubles)
    assert mounted.of(BrownOut)
    mounted.wait_until(lambda: mounted.lens.homed)


def test_sleep_ends_the_stream_and_a_call_brings_it_back(mount: Any) -> None:
    mounted = mount().streams()
    mounted.script("sleep")
    assert isinstance(mounted.of(Sleep)[0], Sleep)
    assert mounted.lens.asleep
    reports = mounted.body.lens_info.reports
    mounted.run(0.5)
    assert mounted.body.lens_info.reports == reports
    position = mounted.lens.focus.position(mounted.virtual_session.now)
    mounted.script("wake; wait 0.1")
    assert mounted.body.lens_info.reports > reports + 4
    assert mounted.lens.focus.position(mounted.virtual_session.now) == position
    assert mounted.lens.homed
    assert mounted.troubles == []


def test_an_order_to_a_sleeping_lens_is_refused(mount: Any) -> None:
    mounted = mount().streams()
    mounted.script("sleep")
    # A body that does not know it.
    mounted.body.connection.state, mounted.body.lens_sleeps = "READY", False
    answer = mounted.request(FocusDrive(order=FocusCommand.NEAR_END))
    assert isinstance(answer, CommandRejected)
    assert answer.code == RejectionCode.NOT_NOW


def test_unknown_classes_of_power_are_refused(mount: Any) -> None:
    mounted = mount().streams()
    answer = mounted.request(PowerGrant(granted=PowerClass(77)))
    assert isinstance(answer, CommandRejected)
    assert (answer.code, answer.field_number) == (RejectionCode.OUT_OF_RANGE, 2)
    assert isinstance(mounted.request(PowerGrant(granted=PowerClass.LOW, limit_ma=200)), CommandDone)
