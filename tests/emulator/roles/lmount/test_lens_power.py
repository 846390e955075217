"""A lens between its supplies: start, grant, reports of its draw, brown-outs, its zero, sleep and calls."""

from typing import Any

import pytest

from lensmount_emulator.models.power_budget import PowerReduction
from lensmount_emulator.roles.lmount.body.engine import BodyEngine
from lensmount_emulator.roles.lmount.lens.engine import LensEngine
from lensmount_emulator.roles.lmount.lens.power import handle_power_command
from lensmount_protocol.dialects.lmount.focus import FocusLimits
from lensmount_protocol.dialects.lmount.framing import LINK
from lensmount_protocol.dialects.lmount.lines import BODY_ATT, LENS_ATT, RXD, V_DRIVE
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone, CommandRejected, LensHello, Sleep
from lensmount_protocol.dialects.lmount.power import BrownOut, PowerGrant, PowerReport
from lensmount_protocol.dialects.lmount.types import Outcome, PowerClass, RejectionCode, StabiliserMode
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Burst, Edge, Role

RINGS = "sigma-28-45mm-f1.8-dg-dn"
TELE = "panasonic-s-pro-70-200mm-f2.8"
TYPE_AT = 5
"""Where a frame has the type of its first message."""


def edges(mounted: Any, line: str, *, since: float = 0.0) -> list[tuple[float, bool]]:
    """Milliseconds from a moment on, and levels."""
    found = (record for record in mounted.records if isinstance(record, Edge) and record.line == line)
    return [(round((edge.at - since) * 1e3, 2), edge.level) for edge in found if edge.at >= since]


def reported(mounted: Any, kind: type[Message], *, since: float = 0.0) -> list[float]:
    """Milliseconds at which the lens began frames that are one message of a class."""
    bursts = [record for record in mounted.records if isinstance(record, Burst) and record.sender is Role.LENS]
    return [
        round((burst.at - since) * 1e3, 2)
        for burst in bursts
        if burst.at is not None and burst.at >= since and burst.data[TYPE_AT] == kind.TYPE
    ]


def drop(mounted: Any, line: str, *, level: bool = False) -> None:
    """Move a line of the body."""
    mounted.body.now = mounted.virtual_session.now
    mounted.body.drive(line, level)


def ready(mount: Any, lens: str = TELE, **changes: Any) -> Any:
    mounted = mount("panasonic-s1r", lens, lens_changes=changes).streams()
    mounted.run(0.3)
    return mounted


def test_a_lens_starts_and_greets_at_its_moments(mount: Any) -> None:
    mounted = mount("panasonic-s1r", TELE, lens_changes={"timing": {"boot": 70_000.0, "hello": 700.0}}).streams()
    assert edges(mounted, RXD)[:1] == [(20.0, True)]
    # Its attention line is high until the body begins to greet.
    assert edges(mounted, LENS_ATT)[:2] == [(90.0, True), (90.06, False)]
    body_ends = edges(mounted, BODY_ATT)[1][0]
    (hello,) = reported(mounted, LensHello)
    assert hello == pytest.approx(body_ends + 0.7 + 0.01 - 0.005, abs=0.011)
    assert mounted.of(LensHello) == [
        LensHello(revision=2, features=127, power_class=PowerClass.EXTREME, peak_current_ma=1110,
                  largest_payload=512, rates=[115_200, 750_000, 1_500_000]),
    ]  # fmt: skip
    assert (mounted.lens.body_requests.revision, mounted.lens.body_requests.features) == (
        2,
        127 & mounted.of(BodyHello)[0].features,
    )


def test_a_draw_is_reported_when_it_has_changed_by_20_ma(mount: Any) -> None:
    mounted = ready(mount)
    draws = iter([500, 519, 480, 481, 501, *[502] * 100])
    grants, last_ma = mounted.lens.body_requests.grants, mounted.of(PowerReport)[-1].draw_ma
    mounted.lens.draw_ma = lambda: next(draws) if mounted.lens.body_requests.grants > grants else last_ma
    began = mounted.virtual_session.now
    mounted.request(PowerGrant(granted=PowerClass.EXTREME, limit_ma=1500))
    answered = reported(mounted, CommandDone, since=began)[-1]
    mounted.run(0.75)
    reports = [report for report in mounted.of(PowerReport) if 480 <= report.draw_ma <= 520]
    assert [report.draw_ma for report in reports] == [500, 480, 501]
    first, second, third = reported(mounted, PowerReport, since=began)[-3:]
    # The first one follows the answer; the draw is sampled each tenth of a second.
    assert first - answered == pytest.approx(0.12, abs=0.06)
    assert (second - first, third - second) == (pytest.approx(200, abs=0.5), pytest.approx(200, abs=0.5))


def test_a_report_of_the_draw_has_the_peak_and_the_reduction(mount: Any) -> None:
    mounted = mount("panasonic-s1r", TELE, body_changes={"power": {"grants": "normal"}}).streams()
    assert {report.reduced for report in mounted.of(PowerReport)} == {3}
    mounted.lens.peak_ma = 777
    mounted.lens.draw_ma = lambda: 400
    began = len(mounted.of(PowerReport))
    mounted.run(0.25)
    assert [(report.draw_ma, report.peak_ma) for report in mounted.of(PowerReport)[began:]] == [(400, 777)]
    assert mounted.lens.peak_ma == 0


@pytest.mark.parametrize("end", ["nothing", "a new greeting", "a new grant", "no grant", "sleep"])
def test_what_ends_the_reports_of_a_grant(mount: Any, end: str) -> None:
    mounted = ready(mount)
    began = mounted.virtual_session.now
    draws = iter(range(0, 100_000, 100))
    mounted.lens.draw_ma = lambda: next(draws)
    if end == "a new greeting":
        mounted.lens.body_requests = type(mounted.lens.body_requests)()
    elif end == "a new grant":
        mounted.lens.body_requests.grants += 1
    elif end == "no grant":
        mounted.lens.body_requests.granted = PowerClass.NONE
    elif end == "sleep":
        mounted.lens.asleep = True
    mounted.run(0.35)
    reports = reported(mounted, PowerReport, since=began)
    assert (len(reports) >= 3) if end == "nothing" else (reports == [])


def test_a_grant_is_held_against_its_class_and_reduces(mount: Any) -> None:
    mounted = ready(mount)
    lens = mounted.lens
    lens.now = mounted.virtual_session.now
    lens.body_requests.stabiliser = StabiliserMode.NORMAL
    reply = handle_power_command(lens, PowerGrant(number=7, granted=PowerClass(77), limit_ma=100))
    assert reply == CommandRejected(number=7, order=PowerGrant.TYPE, code=RejectionCode.OUT_OF_RANGE, field_number=2)
    assert (lens.body_requests.granted, lens.body_requests.stabiliser) == (PowerClass.EXTREME, StabiliserMode.NORMAL)
    grants = lens.body_requests.grants
    for limit, mode, bits in ((1110, StabiliserMode.NORMAL, 0), (1109, StabiliserMode.OFF, 2)):
        reply = handle_power_command(lens, PowerGrant(number=7, granted=PowerClass.HIGH, limit_ma=limit))
        assert reply == CommandDone(number=7, order=PowerGrant.TYPE, outcome=Outcome.DONE)
        assert (lens.body_requests.granted, lens.body_requests.stabiliser, lens.reduction.bits) == (
            PowerClass.HIGH,
            mode,
            bits,
        )
    assert lens.body_requests.grants == grants + 2


def test_drive_power_that_was_there_before_the_grant_is_used_at_the_grant(mount: Any) -> None:
    mounted = ready(mount)
    lens = mounted.lens
    mounted.script("focus near")
    lens.homed = False
    began = mounted.virtual_session.now
    mounted.request(PowerGrant(granted=PowerClass.EXTREME, limit_ma=1500))
    assert lens.homing
    mounted.wait_until(lambda: lens.homed)
    assert not lens.homing
    assert mounted.virtual_session.now - began > 0.05


@pytest.mark.parametrize(
    ("homed", "homing", "motor", "starts"),
    [(False, False, True, True), (True, False, True, False), (False, True, True, False), (False, False, False, False)],
)
def test_which_lens_looks_for_its_zero(mount: Any, homed: bool, homing: bool, motor: bool, starts: bool) -> None:
    mounted = ready(mount, parts={"focus_motor": motor})
    lens = mounted.lens
    run = lens.homing_run
    drop(mounted, V_DRIVE, level=False)
    mounted.run(0.0001)
    lens.homed, lens.homing = homed, homing
    drop(mounted, V_DRIVE, level=True)
    mounted.run(0.0001)
    assert lens.homing_run - run == starts


def test_a_search_for_the_zero_that_lost_its_power_does_not_end_the_next_one(mount: Any) -> None:
    mounted = ready(mount, focus={"speed": 3000.0})
    lens = mounted.lens
    mounted.script("focus near")
    lens.homed = False
    took = []
    for interrupted in (True, False):
        drop(mounted, V_DRIVE, level=False)
        mounted.run(0.01)
        drop(mounted, V_DRIVE, level=True)
        mounted.run(0.001)
        assert (lens.homing, lens.homed) == (True, False)
        began = mounted.virtual_session.now
        if interrupted:
            mounted.run(0.2)
        else:
            mounted.wait_until(lambda: not lens.homing)
            took.append(mounted.virtual_session.now - began)
    # A search runs at half the top speed: 2.67 s from the near end, of which the first one took 0.2 s.
    assert took == [pytest.approx(2.47, abs=0.03)]
    assert lens.homed
    assert lens.focus.position(mounted.virtual_session.now) == 0


def test_a_drive_supply_that_falls_stops_everything_and_is_reported_500_us_later(mount: Any) -> None:
    mounted = ready(mount)
    lens = mounted.lens
    lens.driving, lens.closing, lens.zooming = 1, 2, 3
    runs = dict(lens.drive_runs)
    began = mounted.virtual_session.now
    drop(mounted, V_DRIVE)
    mounted.run(0.0004)
    assert (lens.driving, lens.closing, lens.zooming) == (0, 0, 0)
    assert {what: count - runs[what] for what, count in lens.drive_runs.items()} == {
        "driving": 1, "closing": 1, "zooming": 1,
    }  # fmt: skip
    assert (lens.homed, lens.homing) == (False, False)
    assert reported(mounted, BrownOut, since=began) == []
    mounted.run(0.02)
    (at,) = reported(mounted, BrownOut, since=began)
    assert 0.5 <= at < 1.0
    assert [event.supply_mv for event in mounted.of(BrownOut)] == [0]


@pytest.mark.parametrize("why", ["asleep", "not granted", "the other supply falls as well"])
def test_a_drive_supply_that_falls_as_it_should_is_not_reported(mount: Any, why: str) -> None:
    mounted = ready(mount)
    lens = mounted.lens
    if why == "asleep":
        lens.asleep = True
    elif why == "not granted":
        lens.body_requests.granted = PowerClass.NONE
    began = mounted.virtual_session.now
    drop(mounted, V_DRIVE)
    homed = lens.homed
    if why == "the other supply falls as well":
        mounted.run(0.0003)
        drop(mounted, "V_LOGIC")
    mounted.run(0.02)
    assert reported(mounted, BrownOut, since=began) == []
    assert lens.homed == (homed and why != "the other supply falls as well")


def test_a_lens_that_needs_no_zero_keeps_it_through_a_brown_out(mount: Any) -> None:
    mounted = ready(mount, focus={"homes": False})
    assert mounted.lens.homed
    run = mounted.lens.homing_run
    drop(mounted, V_DRIVE)
    mounted.run(0.02)
    assert mounted.lens.homed
    drop(mounted, V_DRIVE, level=True)
    mounted.run(0.02)
    assert mounted.lens.homing_run == run == 0


@pytest.mark.parametrize("homes", [True, False])
def test_without_its_supply_a_lens_forgets_all_but_its_glass(mount: Any, homes: bool) -> None:
    mounted = ready(mount, focus={"homes": homes})
    lens = mounted.lens
    mounted.request(FocusLimits(far=1000, near=2000))
    assert (lens.focus.far_limit, lens.focus.near_limit) == (1000, 2000)
    mounted.run(0.5)
    position = lens.focus.position(mounted.virtual_session.now)
    lens.asleep, lens.homing, lens.sequence = True, True, 9
    mounted.body.now = mounted.virtual_session.now
    mounted.body.stop_tasks()
    mounted.body.power_off()
    mounted.run(0.01)
    assert (lens.asleep, lens.homing, lens.started, lens.homed) == (False, False, False, not homes)
    assert lens.body_requests == type(lens.body_requests)()
    assert (lens.baudrate, lens.connection.state, lens.idle, lens.sending) == (115_200, "OFF", True, False)
    assert [mounted.virtual_session.mount.levels[line] for line in (LENS_ATT, RXD)] == [False, False]
    assert (lens.focus.far_limit, lens.focus.near_limit) == (0, 3999)
    assert lens.focus.position(mounted.virtual_session.now) == position
    assert [notice.text for notice in mounted.notices if notice.role is Role.LENS][-1] == (
        "power lost, everything at rest"
    )
    count = len(mounted.notices)
    lens.on_line(next(edge for edge in mounted.records if isinstance(edge, Edge) and edge.line == "V_LOGIC"))
    assert len(mounted.notices) - count <= 1


def test_a_lens_whose_rate_is_changing_does_not_go_to_sleep(mount: Any) -> None:
    mounted = ready(mount)
    mounted.lens.body_requests.changing = True
    answer = mounted.request(Sleep())
    assert isinstance(answer, CommandRejected)
    assert (answer.order, answer.code, answer.field_number) == (Sleep.TYPE, RejectionCode.NOT_NOW, 0)
    assert not mounted.lens.asleep
    mounted.lens.body_requests.changing = False
    assert mounted.request(Sleep()) == CommandDone(number=answer.number + 1, order=Sleep.TYPE, outcome=Outcome.DONE)
    assert (mounted.lens.asleep, mounted.lens.body_requests.reports, mounted.lens.homing) == (True, (), False)


def test_a_call_is_held_for_3_ms_and_answered_until_it_ends(mount: Any) -> None:
    mounted = ready(mount)
    mounted.script("sleep")
    mounted.run(0.05)
    # Two calls that are too short, and one that is just long enough.
    for seconds, wakes in ((0.0029, False), (0.0029, False), (0.0031, True)):
        began = mounted.virtual_session.now
        drop(mounted, BODY_ATT, level=True)
        mounted.run(seconds)
        drop(mounted, BODY_ATT, level=False)
        mounted.run(0.01)
        assert mounted.lens.asleep is not wakes
        answered = edges(mounted, LENS_ATT, since=began)
        assert answered == ([(3.0, True), (3.1, False)] if wakes else [])
    assert mounted.lens.connection.state == "READY"


def test_a_quick_lens_is_called_for_a_millisecond(mount: Any) -> None:
    mounted = ready(mount, timing={"wake": 20.0})
    mounted.script("sleep")
    began = mounted.virtual_session.now
    mounted.script("wake")
    assert edges(mounted, LENS_ATT, since=began)[0] == (1.0, True)


def test_an_order_to_sleep_is_carried_out_again_after_a_wake(mount: Any) -> None:
    mounted = ready(mount)
    mounted.script("sleep; wake")
    kept = [raw[0] for raw, _ in mounted.lens.body_requests.answered]
    assert Sleep.TYPE not in kept
    assert len(kept) > 2
    assert mounted.lens.homed
    mounted.script("sleep")
    assert mounted.lens.asleep


def test_a_lens_that_slept_without_its_zero_looks_for_it_when_it_wakes(mount: Any) -> None:
    mounted = ready(mount)
    mounted.script("sleep")
    mounted.lens.homed = False
    mounted.script("wake")
    mounted.wait_until(lambda: mounted.lens.homed)


def test_a_lens_that_cannot_be_called_listens_at_the_first_rate_once_it_has_answered(mount: Any) -> None:
    made = mount()
    body = BodyEngine(made.body.settings, made.body.carried)
    mounted = type(made)(body, LensEngine(made.lens.settings, made.lens.carried - {BODY_ATT})).streams()
    assert mounted.lens.baudrate == 1_500_000
    assert isinstance(mounted.request(Sleep()), CommandDone)
    mounted.run(0.001)
    assert mounted.lens.idle
    assert mounted.lens.baudrate == 115_200


def test_a_lens_without_a_grant_leaves_nothing_out(mount: Any) -> None:
    assert mount("panasonic-s1r", TELE).lens.reduction == PowerReduction()


@pytest.mark.parametrize(("degrees", "av"), [(-300, 434), (300, 2048)])
def test_an_aperture_ring_ends_at_the_widest_and_the_smallest_aperture(mount: Any, degrees: int, av: int) -> None:
    mounted = ready(mount, RINGS, optics={"f_number": [1.8, 2.8]})
    mounted.operate("ring f/4")
    mounted.run(0.1)
    mounted.lens.body_requests.clicks = False
    mounted.operate(f"turn aperture {degrees}")
    mounted.run(3.0)
    assert mounted.lens.ring_av == av


def test_frames_that_the_tables_forbid_are_counted(mount: Any) -> None:
    mounted = ready(mount)
    before = mounted.lens.dropped
    mounted.lens.now = mounted.virtual_session.now
    for _ in range(3):
        mounted.lens.queue_frame([BodyHello()], LINK)
    mounted.run(0.05)
    assert mounted.lens.dropped - before == 3
    assert len([text for text in mounted.troubles if text.startswith("not sent: ")]) == 3


def test_a_call_that_is_interrupted_begins_again(mount: Any) -> None:
    mounted = ready(mount)
    mounted.script("sleep")
    mounted.run(0.05)
    for seconds, level in ((0.002, True), (0.0005, False), (0.0029, True)):
        drop(mounted, BODY_ATT, level=level)
        mounted.run(seconds)
        assert mounted.lens.asleep
    mounted.run(0.0002)
    assert not mounted.lens.asleep
