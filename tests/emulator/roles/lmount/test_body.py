"""A body by itself: how long it waits, how often it asks, how it handles answers, reports, rings and switches."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.roles.lmount.body.actions import (
    describe_rejection,
    execute_drive,
    expose,
    focus_to,
    format_distance,
    limit_focus,
    set_ring,
    track,
)
from lensmount_emulator.roles.lmount.body.engine import BodyEngine, execute_extra_step, request
from lensmount_emulator.roles.lmount.body.engine_base import LensInfo
from lensmount_emulator.roles.lmount.body.frame_loop import report_handlers
from lensmount_emulator.roles.lmount.body.script_arguments import FocusTarget
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ApertureState
from lensmount_protocol.dialects.lmount.exposure import ControlEvent, Exposure, FrameStart
from lensmount_protocol.dialects.lmount.focus import FocusDrive, FocusLimits, RingBehaviour, RingMoved
from lensmount_protocol.dialects.lmount.identity import Identity, IdentityRequest, MetadataRequest
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone, CommandRejected, LensHello
from lensmount_protocol.dialects.lmount.power import BrownOut, PowerReport
from lensmount_protocol.dialects.lmount.stabiliser import AngularRate
from lensmount_protocol.dialects.lmount.types import (
    ControlKind,
    FocusCommand,
    Outcome,
    RejectionCode,
    RingKind,
)
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Burst, Edge, Role

CAST = get_roles("lmount")
TELE = "panasonic-s-pro-70-200mm-f2.8"


def ready(mount: Any, lens: str = TELE, body: str = "panasonic-s1r", **changes: Any) -> Any:
    mounted = mount(body, lens, **changes).streams()
    mounted.run(0.3)
    mounted.body.now = mounted.virtual_session.now
    return mounted


def silent(mounted: Any, kind: type[Message]) -> None:
    """Have the lens not answer one kind of order."""
    answer = mounted.lens._reply_to_order
    mounted.lens._reply_to_order = lambda order, *, legal: (
        None if isinstance(order, kind) else answer(order, legal=legal)
    )


def begun(mounted: Any, kind: type[Message]) -> list[float]:
    """Seconds at which the body began frames that are one message of a class."""
    bursts = (record for record in mounted.records if isinstance(record, Burst) and record.sender is Role.BODY)
    return [burst.at for burst in bursts if burst.at is not None and burst.data[5] == kind.TYPE]


def texts(mounted: Any) -> list[str]:
    return [notice.text for notice in mounted.notices]


def take(mounted: Any, message: Message) -> None:
    """Have the body take a message of the lens."""
    mounted.body.now = mounted.virtual_session.now
    report_handlers(mounted.body, message)
    mounted.run(0.05)


def test_an_order_is_sent_three_times_at_its_distance_and_given_up(mount: Any) -> None:
    mounted = ready(mount)
    silent(mounted, IdentityRequest)
    asked = mounted.body.resent_count
    assert mounted.request(IdentityRequest()) is None
    moments = begun(mounted, IdentityRequest)[-3:]
    # 12 ms, and the time of 404 bytes at 1.5 Mbit/s.
    wait = 0.012 + 404 * 10 / 1.5e6
    assert [after - before for before, after in pairwise(moments)] == [pytest.approx(wait, abs=2e-4)] * 2
    assert mounted.virtual_session.now - moments[-1] == pytest.approx(wait, abs=2e-4)
    assert mounted.body.resent_count - asked == 2
    number = mounted.of(IdentityRequest)[-1].number
    assert mounted.troubles == [f"no answer to IdentityRequest {number}, asked 3 times"]
    assert len({order.number for order in mounted.of(IdentityRequest)[-3:]}) == 1


def test_tries_patience_and_number_can_be_given(mount: Any) -> None:
    mounted = ready(mount)
    silent(mounted, IdentityRequest)
    began = mounted.virtual_session.now
    order = IdentityRequest(number=77)
    assert mounted.run_script(mounted.body.request(order, timeout=0.1, numbered=False, max_sends=1)) is None
    assert len(begun(mounted, IdentityRequest)) == 2
    assert mounted.virtual_session.now - began == pytest.approx(0.1 + 404 * 10 / 1.5e6, abs=5e-4)
    assert mounted.of(IdentityRequest)[-1].number == 77


def test_numbers_go_round_from_255_to_1_and_forget_what_was_under_them(mount: Any) -> None:
    body = mount().body
    body._number = 253
    body.answers, body.outcomes = {254: "old", 1: "old"}, {255: Outcome.DONE, 3: Outcome.DONE}
    assert [body.next_number() for _ in range(3)] == [254, 255, 1]
    assert (body.answers, body.outcomes) == ({}, {3: Outcome.DONE})


def test_an_end_is_kept_apart_from_an_acceptance(mount: Any) -> None:
    body = mount().body
    accepted = CommandDone(number=4, order=FocusDrive.TYPE, outcome=Outcome.ACCEPTED)
    body.on_reply(accepted)
    body.on_reply(CommandDone(number=4, order=FocusDrive.TYPE, outcome=Outcome.STOPPED))
    assert (body.answers, body.outcomes) == ({4: accepted}, {4: Outcome.STOPPED})
    # An end whose acceptance was lost answers the order as well.
    body.on_reply(CommandDone(number=5, order=FocusDrive.TYPE, outcome=Outcome.DONE))
    assert body.answers[5].outcome == body.outcomes[5] == Outcome.DONE
    body.on_reply(Identity(number=6))
    assert (body.answers[6], 6 in body.outcomes) == (Identity(number=6), False)


def test_a_drive_gives_its_refusal_its_end_or_nothing(mount: Any) -> None:
    mounted = ready(mount)
    far = FocusDrive(order=FocusCommand.ABSOLUTE, value=99_999)
    answer = mounted.run_script(execute_drive(mounted.body, far, 1.0))
    assert (type(answer), answer.code) == (CommandRejected, RejectionCode.OUT_OF_RANGE)
    assert mounted.run_script(execute_drive(mounted.body, FocusDrive(order=FocusCommand.STOP), 1.0)) == Outcome.DONE
    assert mounted.run_script(execute_drive(mounted.body, FocusDrive(order=FocusCommand.NEAR_END), 1.0)) == Outcome.DONE
    began = mounted.virtual_session.now
    assert mounted.run_script(execute_drive(mounted.body, FocusDrive(order=FocusCommand.FAR_END), 0.1)) is None
    assert mounted.virtual_session.now - began == pytest.approx(0.1, abs=0.001)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (None, "no answer"),
        (CommandDone(), "answered with CommandDone"),
        (CommandRejected(code=RejectionCode.NOT_NOW), "refused: not now"),
        (CommandRejected(code=RejectionCode.OUT_OF_RANGE, field_number=3), "refused: out of range, field 3"),
        (CommandRejected(code=RejectionCode(99)), "refused: code 99"),
    ],
)
def test_why_an_order_was_not_carried_out(answer: Any, text: str) -> None:
    assert describe_rejection(answer) == text


def test_distances_for_people() -> None:
    assert [format_distance(value) for value in (1234, 65_534_999, 65_535_000)] == ["1.23 m", "65535.00 m", "infinity"]


def test_a_body_with_a_script_gives_up_an_empty_mount_after_300_ms(mount: Any) -> None:
    for script, gives_up in (("focus near", True), ("", False)):
        mounted = mount(script=script)
        mounted.virtual_session.mount.detach(0.0)
        # It was there at the start, so 20 ms pass before it is found to have bounced.
        mounted.run(0.319)
        assert (mounted.body.done, mounted.body.gave_up) == (False, False)
        mounted.run(0.0015)
        assert (mounted.body.done, mounted.body.gave_up) == (gives_up, gives_up)
        found = [(finding.step, finding.verdict, finding.rule) for finding in mounted.body.compatibility_results]
        assert found == ([("attach", Verdict.REFUSED, "no contacts")] if gives_up else [])


def test_a_contact_that_bounces_gets_no_supply(mount: Any) -> None:
    mounted = mount(script="focus near")
    bench = mounted.virtual_session
    mounted.run(0.019)
    bench.mount.detach(bench.now)
    mounted.run(0.05)
    assert [record for record in mounted.records if isinstance(record, Edge) and record.line == "V_LOGIC"] == []
    bench.mount.attach(bench.now)
    began = bench.now
    mounted.wait_until(lambda: bench.mount.levels["V_LOGIC"])
    assert bench.now - began == pytest.approx(0.02, abs=1e-4)


def test_a_lens_that_is_given_up_is_greeted_again_when_it_is_put_on_again(mount: Any) -> None:
    mounted = mount(script="focus near")
    answer = mounted.lens._reply_to_order
    silent(mounted, BodyHello)
    mounted.lens.on_arrival = lambda _arrival: None
    mounted.wait_until(lambda: mounted.body.gave_up)
    assert texts(mounted).count("asks again") == 2
    assert texts(mounted).count("gives up") == 1
    del mounted.lens.on_arrival
    mounted.lens._reply_to_order = answer
    mounted.run(2.0)
    assert mounted.of(LensHello) == []
    mounted.virtual_session.mount.detach(mounted.virtual_session.now)
    mounted.run(0.1)
    assert (mounted.body.done, mounted.body.gave_up) == (False, False)
    mounted.virtual_session.mount.attach(mounted.virtual_session.now)
    mounted.wait_until(lambda: mounted.body.done)
    assert mounted.body.position == 1


def test_a_lens_that_is_taken_off_loses_its_supply_and_is_found_only_where_that_was_wanted(mount: Any) -> None:
    for expected in (True, False):
        mounted = ready(mount)
        mounted.body.expects_detach = expected
        mounted.virtual_session.mount.detach(mounted.virtual_session.now)
        mounted.run(0.001)
        assert not any(
            mounted.virtual_session.mount.levels[line] for line in ("V_LOGIC", "V_DRIVE", "TXD", "FSYNC", "BODY_ATT")
        )
        steps = [finding.step for finding in mounted.body.compatibility_results]
        assert ("detach" in steps) is expected
        assert "the lens is gone; supply off, lines at rest" in texts(mounted)
        assert ("the lens is gone; supply off, lines at rest" in mounted.troubles) is not expected
        assert mounted.body.lens_info == LensInfo()
        assert (mounted.body.streaming, mounted.body.share, mounted.body.baudrate) == (False, None, 115_200)
        assert not mounted.body.expects_detach


def test_only_orders_of_a_body_can_be_asked(mount: Any) -> None:
    mounted = ready(mount)
    for message in (CommandDone(number=1), FrameStart()):
        with pytest.raises(LocalProtocolError, match=rf"{type(message).__name__} is no order of a body's"):
            next(request(mounted.body, message))
    assert isinstance(mounted.run_script(request(mounted.body, IdentityRequest())), Identity)


def test_one_more_step_is_done_after_the_script(mount: Any) -> None:
    mounted = ready(mount)
    (step,) = parse_script("focus near", CAST.verbs)
    mounted.run_script(execute_extra_step(mounted.body, step))
    assert mounted.lens.focus.position(mounted.virtual_session.now) == 3999


@pytest.mark.parametrize(("rate", "after"), [(60, 0.25), (24, 10 / 24)])
def test_a_lens_whose_reports_stop_is_powered_again(mount: Any, rate: int, after: float) -> None:
    mounted = ready(mount)
    mounted.script(f"rate {rate}")
    mounted.run(0.2)
    last = mounted.body.reported_at
    mounted.lens.body_requests.reports = ()
    mounted.wait_until(lambda: not mounted.virtual_session.mount.levels["V_LOGIC"])
    # At the first frame that begins after that time.
    assert after < mounted.virtual_session.now - last < after + 2.2 / rate
    assert "the reports have stopped; starts again" in mounted.troubles
    mounted.streams()


def test_the_frame_signal_is_low_for_20_us_and_comes_with_each_frame(mount: Any) -> None:
    mounted = ready(mount)
    edges = [record for record in mounted.records if isinstance(record, Edge) and record.line == "FSYNC"][1:]
    falls = [edge.at for edge in edges if not edge.level]
    assert [edge.level for edge in edges[:4]] == [False, True, False, True]
    assert {round((edges[place + 1].at - edges[place].at) * 1e6) for place in range(0, len(edges) - 1, 2)} == {20}
    assert {round((after - before) * 1e6) for before, after in pairwise(falls)} == {16_667}
    starts = mounted.of(FrameStart)
    assert [start.frame for start in starts] == [*range(1, len(starts) + 1)]
    assert {start.period_us for start in starts} == {16_667}
    # 20 us low, 40 us until the body's own frame, 10 us after its attention line.
    assert {round((at - fall) * 1e6) for fall, at in zip(falls, begun(mounted, FrameStart), strict=False)} == {70}


def test_the_rate_of_the_shake_is_bounded(mount: Any) -> None:
    mounted = ready(mount)
    assert mounted.body.share == 0.5
    mounted.body.camera_shake = SimpleNamespace(rate=lambda _now: (40.0, -40.0, 1.2344))
    mounted.run(0.05)
    rate = mounted.of(AngularRate)[-1]
    assert (rate.pitch, rate.yaw, rate.roll) == (32_000, -32_000, 1234)
    assert (rate.frame, rate.time_us) == (mounted.of(FrameStart)[-1].frame, 60)


@pytest.mark.parametrize(
    ("ring", "manual", "motor", "order"),
    [
        (RingKind.FOCUS, False, True, FocusDrive(order=FocusCommand.RELATIVE, value=-300)),
        (RingKind.FOCUS, True, True, None),
        (RingKind.FOCUS, False, False, None),
        (RingKind.ZOOM, False, True, None),
    ],
)
def test_a_focus_ring_that_is_turned_moves_the_focus_by_the_body(
    mount: Any, ring: RingKind, manual: bool, motor: bool, order: FocusDrive | None
) -> None:
    mounted = ready(mount, lens_changes={"parts": {"focus_motor": motor}})
    mounted.body.lens_info.manual = manual
    take(mounted, RingMoved(ring=ring, delta=-15))
    take(mounted, RingMoved(ring=ring, delta=5))
    assert mounted.body.lens_info.turned == {ring: -1.0}
    sent = mounted.of(FocusDrive)
    assert [(one.order, one.value) for one in sent] == ([(order.order, -300), (order.order, 100)] if order else [])


@pytest.mark.parametrize(("ring", "diaphragm", "targets"), [("f/4", True, [1024]), ("A", True, []), ("f/4", False, [])])
def test_an_aperture_ring_is_followed_as_the_next_report_says(
    mount: Any, ring: str, diaphragm: bool, targets: list[int]
) -> None:
    mounted = ready(mount, lens_changes={"parts": {"aperture_ring": True, "diaphragm": diaphragm}})
    mounted.operate(f"ring {ring}")
    mounted.run(0.05)
    assert [order.target for order in mounted.of(ApertureDrive)] == targets
    assert mounted.body.lens_info.turned == {RingKind.APERTURE: 0.0}


@pytest.mark.parametrize(
    ("control", "value", "text"),
    [
        (ControlKind.FOCUS_SWITCH, 1, "the lens's switch says MF"),
        (ControlKind.FOCUS_SWITCH, 0, "the lens's switch says AF"),
        (ControlKind.AFL_BUTTON, 1, "focus locked by the lens's button"),
        (ControlKind.AFL_BUTTON, 0, "focus free again"),
        (ControlKind.RING_LOCK, 2, "ring lock is at 2"),
    ],
)
def test_switches_and_buttons_are_taken(mount: Any, control: ControlKind, value: int, text: str) -> None:
    for motor in (True, False):
        mounted = ready(mount, lens_changes={"parts": {"focus_motor": motor}})
        known = mounted.body.lens_info
        known.manual = control == ControlKind.FOCUS_SWITCH and not value
        known.locked = control == ControlKind.AFL_BUTTON and not value
        take(mounted, ControlEvent(control=control, value=value))
        assert text in texts(mounted)
        assert known.manual is (control == ControlKind.FOCUS_SWITCH and bool(value))
        locks = control == ControlKind.AFL_BUTTON and bool(value)
        assert known.locked is locks
        stops = [order.order for order in mounted.of(FocusDrive)]
        assert stops == ([FocusCommand.STOP] if locks and motor else [])


def test_a_supply_that_gives_too_little_is_away_for_5_ms(mount: Any) -> None:
    # A supply of 1500 mA sags to 4.8 V at its limit, and is good for no more.
    for draw, collapses in ((1500, False), (1600, True)):
        mounted = ready(mount)
        report = PowerReport(draw_ma=draw, peak_ma=draw)
        take(mounted, report)
        levels = [
            (record.at, record.level)
            for record in mounted.records
            if isinstance(record, Edge) and record.line == "V_DRIVE"
        ][1:]
        assert [level for _, level in levels] == ([False, True] if collapses else [])
        if collapses:
            assert levels[1][0] - levels[0][0] == pytest.approx(0.005)
            assert "1600 mA is more than the supply gives; it collapses" in mounted.troubles
        else:
            assert mounted.body.lens_info.power == report


def test_a_brown_out_is_passed_on(mount: Any) -> None:
    mounted = ready(mount)
    take(mounted, BrownOut(supply_mv=4321))
    assert "the lens saw 4321 mV and stopped; it homes again" in texts(mounted)


def test_reports_are_counted_by_the_focus_s(mount: Any) -> None:
    mounted = ready(mount)
    body = mounted.body
    body.streaming = False
    mounted.run(0.02)
    reports = body.lens_info.reports
    state = ApertureState(now=900)
    take(mounted, state)
    assert (body.lens_info.aperture, body.lens_info.reports) == (state, reports)


@pytest.mark.parametrize(
    ("target", "order", "value"),
    [
        (FocusTarget(FocusCommand.ABSOLUTE, 1234), FocusCommand.ABSOLUTE, 1234),
        (FocusTarget(FocusCommand.NEAR_END), FocusCommand.NEAR_END, 0),
        # Half the steps lie beyond twice the nearest distance: n/d of the way to the near end.
        (FocusTarget(FocusCommand.ABSOLUTE, distance_mm=1900), FocusCommand.ABSOLUTE, 2000),
    ],
)
def test_a_focus_is_sent_to_a_place_an_end_or_a_distance(mount: Any, target: Any, order: Any, value: int) -> None:
    mounted = ready(mount)
    assert mounted.run_script(focus_to(mounted.body, target)) == Outcome.DONE
    (sent,) = mounted.of(FocusDrive)
    assert sent.order == order
    assert sent.value == pytest.approx(value, abs=1)
    place = mounted.lens.focus.position(mounted.virtual_session.now)
    assert any(text.startswith(f"focus at {place}, ") for text in texts(mounted))


def test_with_the_switch_at_mf_no_focus_order_is_sent(mount: Any) -> None:
    mounted = ready(mount)
    mounted.body.lens_info.manual = True
    assert mounted.run_script(focus_to(mounted.body, FocusTarget(FocusCommand.NEAR_END))) == Outcome.STOPPED
    assert mounted.of(FocusDrive) == []


def test_limits_of_the_focus_and_the_way_back(mount: Any) -> None:
    mounted = ready(mount)
    for between in ((100, 200), None):
        assert isinstance(mounted.run_script(limit_focus(mounted.body, between)), CommandDone)
    assert [(order.far, order.near) for order in mounted.of(FocusLimits)] == [(100, 200), (0, 3999)]


@pytest.mark.parametrize("linear", [True, False])
def test_a_ring_is_linear_where_the_lens_can(mount: Any, linear: bool) -> None:
    mounted = ready(mount, lens_changes={"parts": {"linear_ring": linear}})
    assert isinstance(mounted.run_script(set_ring(mounted.body, 180)), CommandDone if linear else CommandRejected)
    mounted.run_script(set_ring(mounted.body, 0))
    orders = [(order.ring, order.linear, order.throw_degrees) for order in mounted.of(RingBehaviour)]
    assert orders == [*([(RingKind.FOCUS, 1, 180)] if linear else []), (RingKind.FOCUS, 0, 0)]


@pytest.mark.parametrize(("features", "ahead"), [(("synchronised focus",), 1), ((), None)])
def test_a_body_that_tracks_gives_a_set_point_a_frame(mount: Any, features: Any, ahead: int | None) -> None:
    mounted = ready(mount, lens_changes={"firmware": {"features": features}})
    first = mounted.body.frame
    accepted = mounted.run_script(track(mounted.body, 0.5))
    orders = mounted.of(FocusDrive)
    assert len(orders) == accepted == pytest.approx(30, abs=1)
    for place, order in enumerate(orders):
        frame = (first + place) % 16
        assert order.value == 2000 + 40 * min(frame, 16 - frame)
        assert (order.order, order.frame) == (FocusCommand.ABSOLUTE, ahead and first + place + ahead)


@pytest.mark.parametrize(("target", "diaphragm"), [(1200, True), (None, True), (1200, False)])
def test_a_picture_in_its_order(mount: Any, target: int | None, diaphragm: bool) -> None:
    mounted = ready(mount, lens_changes={"parts": {"diaphragm": diaphragm}})
    began = len(mounted.messages(Role.BODY))
    frame = mounted.body.frame & 0xFF
    mounted.run_script(expose(mounted.body, 0.02, target))
    kinds = (Exposure, ApertureDrive, MetadataRequest)
    sent = [message for message in mounted.messages(Role.BODY)[began:] if isinstance(message, kinds)]
    closes = target is not None and diaphragm
    close, back = ([ApertureDrive], [ApertureDrive]) if closes else ([], [])
    assert [type(message) for message in sent] == [Exposure, *close, Exposure, Exposure, MetadataRequest, *back]
    exposures = [message for message in sent if isinstance(message, Exposure)]
    assert [(one.number, one.phase, one.duration_us) for one in exposures] == [(frame, n, 20_000) for n in range(3)]
    _, opens, ends = begun(mounted, Exposure)
    assert ends - opens == pytest.approx(0.02, abs=3e-4)
    taken = next(text for text in texts(mounted) if text.startswith("picture taken"))
    f_number = "5.1" if closes else "2.8"
    assert taken == f"picture taken: Panasonic LUMIX S PRO 70-200mm F2.8 O.I.S., 70 mm, f/{f_number}"


def test_the_contact_of_presence_is_pulled_up_where_the_port_has_it(mount: Any) -> None:
    body = mount().body
    assert body.levels["DETECT"] is True
    assert BodyEngine(body.settings, body.carried - {"DETECT"}).levels["DETECT"] is False
