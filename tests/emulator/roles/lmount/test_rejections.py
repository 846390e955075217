"""What a lens accepts and what it refuses, with the code and the field, at each bound of each order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lensmount_emulator.roles.lmount.lens.commands import handle_command
from lensmount_emulator.roles.lmount.lens.queries import query_handlers
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ZoomDrive
from lensmount_protocol.dialects.lmount.exposure import Correction, CorrectionRequest
from lensmount_protocol.dialects.lmount.focus import (
    FocusDrive,
    FocusLimits,
    FocusTableRequest,
    RingBehaviour,
)
from lensmount_protocol.dialects.lmount.identity import Identity, IdentityRequest, Metadata, MetadataRequest
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected, SetBaudrateCommand, StreamConfig
from lensmount_protocol.dialects.lmount.power import ImageCircleSelect
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserCommand
from lensmount_protocol.dialects.lmount.types import (
    ApertureMode,
    ControlKind,
    CorrectionKind,
    FocusCommand,
    ImageCircle,
    Outcome,
    RejectionCode,
    RingKind,
    StabiliserMode,
)
from lensmount_protocol.message import Message, UnknownMessage

TELE = "panasonic-s-pro-70-200mm-f2.8"
ABLE, NOT_ABLE, RANGE = None, RejectionCode.NOT_ABLE, RejectionCode.OUT_OF_RANGE


def verdict(reply: Any, order: Message) -> tuple[Any, int]:
    """The outcome of an order, or the code and the field of its refusal."""
    assert (reply.number, reply.order) == (order.number, order.TYPE)
    if isinstance(reply, CommandRejected):
        return reply.code, reply.field_number
    assert isinstance(reply, CommandDone)
    return reply.outcome, -1


@pytest.fixture
def lens(mount: Any) -> Callable[..., Any]:
    def ready(profile: str = "sigma-45mm-f2.8-dg-dn", **changes: Any) -> Any:
        mounted = mount("panasonic-s1ii", profile, lens_changes=changes).streams()
        mounted.run(0.3)
        mounted.lens.now = mounted.virtual_session.now
        return mounted.lens

    return ready


def focus(order: FocusCommand = FocusCommand.ABSOLUTE, value: int = 0, **more: Any) -> FocusDrive:
    return FocusDrive(number=9, order=order, value=value, **more)


def test_a_focus_drive_is_held_against_its_ends(lens: Any) -> None:
    played = lens()
    upper = played.focus.upper
    assert upper == 3999
    for value, expected in ((0, (Outcome.ACCEPTED, -1)), (upper, (Outcome.ACCEPTED, -1))):
        assert verdict(handle_command(played, focus(value=value)), focus()) == expected
    for value in (-1, upper + 1):
        assert verdict(handle_command(played, focus(value=value)), focus()) == (RANGE, 3)
    assert verdict(handle_command(played, focus(FocusCommand(99))), focus()) == (RANGE, 2)
    assert verdict(handle_command(played, focus(FocusCommand.RELATIVE, -9999)), focus()) == (Outcome.ACCEPTED, -1)


def test_a_focus_drive_wants_power_a_motor_a_zero_and_the_switch_at_af(lens: Any) -> None:
    assert verdict(handle_command(lens(parts={"focus_motor": False}), focus()), focus()) == (NOT_ABLE, 0)
    played = lens()
    played.switches[ControlKind.FOCUS_SWITCH] = 1
    assert verdict(handle_command(played, focus()), focus()) == (RejectionCode.BLOCKED, 0)
    assert verdict(handle_command(played, focus(FocusCommand.STOP)), focus()) == (Outcome.DONE, -1)
    played.switches[ControlKind.FOCUS_SWITCH] = 0
    played.homing = True
    assert verdict(handle_command(played, focus()), focus()) == (RejectionCode.NOT_NOW, 0)
    played.homing, played.homed = False, False
    assert verdict(handle_command(played, focus()), focus()) == (RejectionCode.NOT_NOW, 0)
    played.homed = True
    played.levels["V_DRIVE"] = False
    assert verdict(handle_command(played, focus()), focus()) == (RejectionCode.NO_POWER, 0)
    limits = FocusLimits(number=9, far=0, near=10)
    assert verdict(handle_command(played, limits), limits) == (RejectionCode.NO_POWER, 0)
    assert verdict(handle_command(played, ApertureDrive(number=9)), ApertureDrive(number=9)) == (
        RejectionCode.NO_POWER,
        0,
    )


def test_a_frame_wants_the_feature_of_synchronised_focus(lens: Any) -> None:
    played = lens()
    assert verdict(handle_command(played, focus(frame=5)), focus()) == (Outcome.ACCEPTED, -1)
    played.body_requests.features = 0
    assert verdict(handle_command(played, focus(frame=5)), focus()) == (RejectionCode.NOT_AGREED, 5)
    assert verdict(handle_command(played, focus()), focus()) == (Outcome.ACCEPTED, -1)


def test_the_drive_under_way_is_the_last_that_was_ordered(lens: Any) -> None:
    played = lens()
    for number, order, driving in (
        (5, focus(value=3000), 5),
        (6, focus(value=100), 6),
        (7, focus(FocusCommand.STOP), 0),
    ):
        handle_command(played, replace(order, number=number))
        assert played.driving == driving


def test_a_velocity_is_kept_within_the_top_speed(lens: Any) -> None:
    played = lens()
    handle_command(played, focus(FocusCommand.VELOCITY, 1_000_000))
    assert played.focus.velocity(played.now + 0.05) == pytest.approx(12_000.0)
    handle_command(played, focus(FocusCommand.VELOCITY, -500))
    assert played.focus.velocity(played.now + 0.5) in (pytest.approx(-500.0), 0.0)
    handle_command(played, focus(value=3999, speed=600))
    assert played.focus.velocity(played.now + 0.3) == pytest.approx(600.0)


@pytest.mark.parametrize(
    ("far", "near", "expected"),
    [
        (0, 3999, (Outcome.DONE, -1)),
        (0, 4000, (RANGE, 2)),
        (100, 100, (Outcome.DONE, -1)),
        (101, 100, (RANGE, 3)),
    ],
)
def test_limits_are_held_against_the_ends_and_each_other(lens: Any, far: int, near: int, expected: Any) -> None:
    order = FocusLimits(number=9, far=far, near=near)
    played = lens()
    assert verdict(handle_command(played, order), order) == expected
    if expected[0] == Outcome.DONE:
        assert (played.focus.far_limit, played.focus.near_limit) == (far, near)


@pytest.mark.parametrize(
    ("mode", "target", "expected"),
    [
        (ApertureMode.QUICK, -1024, (Outcome.ACCEPTED, -1)),
        (ApertureMode.QUICK, -1025, (RANGE, 3)),
        (ApertureMode.QUICK, 4096, (Outcome.ACCEPTED, -1)),
        (ApertureMode.PREVIEW, 4097, (RANGE, 3)),
        (ApertureMode.OPEN, 9999, (Outcome.ACCEPTED, -1)),
        (ApertureMode(77), 1024, (RANGE, 2)),
    ],
)
def test_apertures_are_held_against_f_0_25_and_f_256(lens: Any, mode: ApertureMode, target: int, expected: Any) -> None:
    order = ApertureDrive(number=9, mode=mode, target=target)
    assert verdict(handle_command(lens(), order), order) == expected


def test_an_aperture_goes_where_it_was_sent_and_smoothly_in_its_time(lens: Any) -> None:
    played = lens()
    now = played.now
    handle_command(played, ApertureDrive(number=9, mode=ApertureMode.SMOOTH, target=1529, duration_us=400_000))
    assert (played.iris.target, played.closing) == (1529, 9)
    assert played.iris.settles_at == pytest.approx(now + 0.4)
    handle_command(played, ApertureDrive(number=10, mode=ApertureMode.QUICK, target=1017, duration_us=400_000))
    assert played.iris.settles_at < now + 0.1
    handle_command(played, ApertureDrive(number=11, mode=ApertureMode.OPEN, target=2000))
    assert played.iris.target == played.max_aperture_now() == 761
    without = ApertureDrive(number=9)
    assert verdict(handle_command(lens(parts={"diaphragm": False}), without), without) == (NOT_ABLE, 0)


def test_a_powered_zoom_runs_within_its_focal_lengths(lens: Any) -> None:
    order = ZoomDrive(number=9, target_um=100_000)
    assert verdict(handle_command(lens(TELE), order), order) == (NOT_ABLE, 0)
    played = lens(TELE, parts={"power_zoom": True})
    for target, expected in (
        (70_000, (Outcome.ACCEPTED, -1)),
        (69_999, (RANGE, 3)),
        (200_000, (Outcome.ACCEPTED, -1)),
        (200_001, (RANGE, 3)),
    ):
        order = ZoomDrive(number=9, target_um=target)
        assert verdict(handle_command(played, order), order) == expected
    order = ZoomDrive(number=9, target_um=1, rate=-500)
    assert verdict(handle_command(played, order), order) == (Outcome.ACCEPTED, -1)
    assert played.zooming == 9
    played.levels["V_DRIVE"] = False
    assert verdict(handle_command(played, order), order) == (RejectionCode.NO_POWER, 0)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"mode": StabiliserMode.NORMAL, "share_permille": 1000}, (Outcome.DONE, -1)),
        ({"mode": StabiliserMode.NORMAL, "share_permille": 1001}, (RANGE, 4)),
        ({"mode": StabiliserMode.VIDEO, "share_permille": 0}, (Outcome.DONE, -1)),
        ({"mode": StabiliserMode(77), "share_permille": 1000}, (RANGE, 2)),
    ],
)
def test_a_stabiliser_takes_a_share_up_to_the_whole(lens: Any, order: dict[str, Any], expected: Any) -> None:
    message = StabiliserCommand(number=9, axes=7, **order)
    played = lens(TELE)
    assert verdict(handle_command(played, message), message) == expected
    if expected[0] == Outcome.DONE:
        share = order["share_permille"] / 1000
        assert (played.body_requests.stabiliser, played.body_requests.axes, played.body_requests.share) == (
            order["mode"],
            3,
            share,
        )


def test_a_stabiliser_wants_power_and_a_shared_one_its_feature(lens: Any) -> None:
    order = StabiliserCommand(number=9, mode=StabiliserMode.NORMAL, share_permille=1000, axes=3)
    assert verdict(handle_command(lens(), order), order) == (NOT_ABLE, 0)
    played = lens(TELE)
    played.body_requests.features = 0
    assert verdict(handle_command(played, order), order) == (Outcome.DONE, -1)
    assert verdict(handle_command(played, replace(order, share_permille=999)), order) == (RejectionCode.NOT_AGREED, 4)
    played.levels["V_DRIVE"] = False
    assert verdict(handle_command(played, order), order) == (RejectionCode.NO_POWER, 0)
    assert verdict(handle_command(played, replace(order, mode=StabiliserMode.OFF)), order) == (Outcome.DONE, -1)


@pytest.mark.parametrize(
    ("parts", "order", "expected"),
    [
        ({"linear_ring": True}, {"ring": RingKind.FOCUS, "linear": 1, "throw_degrees": 45}, (Outcome.DONE, -1)),
        ({"linear_ring": True}, {"ring": RingKind.FOCUS, "linear": 1, "throw_degrees": 44}, (RANGE, 4)),
        ({"linear_ring": True}, {"ring": RingKind.FOCUS, "linear": 1, "throw_degrees": 1080}, (Outcome.DONE, -1)),
        ({"linear_ring": True}, {"ring": RingKind.FOCUS, "linear": 1, "throw_degrees": 1081}, (RANGE, 4)),
        ({"linear_ring": False}, {"ring": RingKind.FOCUS, "linear": 1, "throw_degrees": 90}, (NOT_ABLE, 3)),
        ({"linear_ring": False}, {"ring": RingKind.FOCUS, "linear": 0, "throw_degrees": 0}, (Outcome.DONE, -1)),
        ({"focus_ring": False}, {"ring": RingKind.FOCUS, "linear": 0}, (NOT_ABLE, 2)),
        ({"aperture_ring": True, "click_switch": False}, {"ring": RingKind.APERTURE, "clicks": 0}, (NOT_ABLE, 6)),
        ({"aperture_ring": True, "click_switch": False}, {"ring": RingKind.APERTURE, "clicks": 1}, (Outcome.DONE, -1)),
        ({"aperture_ring": True, "click_switch": True}, {"ring": RingKind.APERTURE, "clicks": 0}, (Outcome.DONE, -1)),
        ({"aperture_ring": False}, {"ring": RingKind.APERTURE, "clicks": 1}, (NOT_ABLE, 2)),
    ],
)
def test_what_rings_can_be_told(lens: Any, parts: dict[str, bool], order: dict[str, Any], expected: Any) -> None:
    message = RingBehaviour(number=9, **order)
    played = lens(parts=parts)
    assert verdict(handle_command(played, message), message) == expected
    if expected[0] == Outcome.DONE and message.ring == RingKind.FOCUS:
        assert (played.body_requests.linear, played.body_requests.throw_degrees) == (
            bool(message.linear),
            message.throw_degrees,
        )
    if expected[0] == Outcome.DONE and message.ring == RingKind.APERTURE:
        assert played.body_requests.clicks is bool(message.clicks)


def test_crop_stream_and_rate_orders(lens: Any) -> None:
    played = lens()
    for order, expected in (
        (ImageCircleSelect(number=9, used=ImageCircle.APS_C), (Outcome.DONE, -1)),
        (ImageCircleSelect(number=9, used=ImageCircle(77)), (RANGE, 2)),
        (StreamConfig(number=9, reports=[0xA0, 0xB8, 0xA0]), (Outcome.DONE, -1)),
        (StreamConfig(number=9, reports=[0xA1]), (RANGE, 2)),
        (StreamConfig(number=9, reports=[]), (Outcome.DONE, -1)),
        (SetBaudrateCommand(number=9, baudrate=9_600), (NOT_ABLE, 2)),
        (SetBaudrateCommand(number=9, baudrate=750_000), (Outcome.ACCEPTED, -1)),
        (SetBaudrateCommand(number=9, baudrate=115_200), (RejectionCode.NOT_NOW, 0)),
    ):
        assert verdict(handle_command(played, order), order) == expected
    assert played.body_requests.used == ImageCircle.APS_C
    assert played.body_requests.reports == []


def test_identity_and_the_data_for_a_file(lens: Any) -> None:
    played = lens(serial="S1")
    assert query_handlers(played, IdentityRequest(number=8)) == Identity(
        number=8, maker=3, model=43_837, firmware=b"\1\0\0\0", name="Sigma 45mm F2.8 DG DN | Contemporary", serial="S1"
    )
    metadata = query_handlers(played, MetadataRequest(number=8))
    assert isinstance(metadata, Metadata)
    told = {entry.tag: entry.text for entry in metadata.entries}
    assert told[0x920A] == "45"
    assert told[0x829D] == "2.8"
    assert told[0xA432] == "45 45 2.8 2.8"
    assert (told[0xA433], told[0xA434], told[0xA435]) == ("Sigma", "Sigma 45mm F2.8 DG DN | Contemporary", "S1")
    assert told[0x9206] == "infinity"
    handle_command(played, focus(value=2000))
    played.now += 5.0
    near = query_handlers(played, MetadataRequest(number=8))
    assert isinstance(near, Metadata)
    # 0.24 m · 3999 / 2000.
    assert [entry.text for entry in near.entries if entry.tag == 0x9206] == ["0.480"]
    by_hand = query_handlers(lens(parts={"focus_motor": False}), MetadataRequest(number=8))
    assert isinstance(by_hand, Metadata)
    assert 0x9206 not in {entry.tag for entry in by_hand.entries}
    assert len(by_hand.entries) == 6


@pytest.mark.parametrize(
    ("table", "features", "refused"),
    [
        (1, 0, None),
        (2, 0, RejectionCode.NOT_AGREED),
        (3, 0, RejectionCode.NOT_AGREED),
        (4, 0x7F, RANGE),
        (0, 0x7F, RANGE),
    ],
)
def test_tables_want_their_features(lens: Any, table: int, features: int, refused: RejectionCode | None) -> None:
    played = lens()
    played.body_requests.features = features
    request = FocusTableRequest(number=8, table=table, focal_length_um=1)
    reply = query_handlers(played, request)
    if refused is None:
        assert (reply.number, reply.focal_length_um) == (8, 45_000)
    else:
        assert verdict(reply, request) == (refused, 2)


def test_tables_are_for_the_nearest_focal_length(lens: Any) -> None:
    played = lens(TELE)
    for table in (1, 2, 3):
        for asked, told in ((1, 70_000), (100_000, 100_000), (900_000, 200_000)):
            assert (
                query_handlers(played, FocusTableRequest(number=8, table=table, focal_length_um=asked)).focal_length_um
                == told
            )


def test_a_correction_is_for_the_nearest_setting_that_there_is(lens: Any) -> None:
    played = lens(TELE)
    request = CorrectionRequest(
        number=8, kind=CorrectionKind.DISTORTION, focal_length_um=1, distance_mm=1, aperture=-5000
    )
    reply = query_handlers(played, request)
    assert isinstance(reply, Correction)
    assert (reply.number, reply.kind, reply.focal_length_um) == (8, CorrectionKind.DISTORTION, 70_000)
    assert (reply.distance_mm, reply.aperture) == (played.nearest_mm, 761)
    far = query_handlers(played, replace(request, focal_length_um=10**7, distance_mm=10**9, aperture=5000))
    assert (far.focal_length_um, far.aperture) == (200_000, played.smallest)
    assert verdict(query_handlers(played, replace(request, kind=CorrectionKind(77))), request) == (RANGE, 2)
    played.body_requests.features &= ~(1 << 3)
    breathing = replace(request, kind=CorrectionKind.BREATHING)
    assert verdict(query_handlers(played, breathing), request) == (RejectionCode.NOT_AGREED, 2)
    played.body_requests.features = 0
    assert verdict(query_handlers(played, request), request) == (RejectionCode.NOT_AGREED, 0)


def test_an_order_that_comes_twice_is_answered_twice_and_carried_out_once(mount: Any) -> None:
    mounted = mount().streams()
    mounted.run(0.3)
    start = mounted.lens.focus.target
    order = replace(focus(FocusCommand.RELATIVE, 100), number=77)
    mounted.body.now = mounted.virtual_session.now
    for _ in range(2):
        mounted.body.queue_frame([order], 3)
        mounted.run(0.01)
    mounted.run(0.5)
    answers = [(done.number, done.outcome) for done in mounted.of(CommandDone) if done.number == 77]
    assert answers.count((77, Outcome.ACCEPTED)) == 2
    assert answers.count((77, Outcome.DONE)) == 1
    assert mounted.lens.focus.target == start + 100
    mounted.body.now = mounted.virtual_session.now
    mounted.body.queue_frame([replace(order, value=50)], 3)
    mounted.run(0.5)
    assert mounted.lens.focus.target == start + 150


@pytest.mark.parametrize(
    ("raw", "number", "code"),
    [
        (b"\x7e\x01\x00\x55", 0x55, RejectionCode.UNKNOWN_MESSAGE),
        (b"\x7e\x00\x00", 0, RejectionCode.UNKNOWN_MESSAGE),
        (b"\x20\x01\x00\x07", 7, RejectionCode.DAMAGED),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_number(mount: Any, raw: bytes, number: int, code: RejectionCode) -> None:
    mounted = mount().streams()
    mounted.body.allow(["0x7e"])
    mounted.body.now = mounted.virtual_session.now
    mounted.body.queue_frame([UnknownMessage(raw, "for a test")], 3)
    mounted.run(0.05)
    assert mounted.of(CommandRejected)[-1] == CommandRejected(number=number, order=raw[0], code=code)


def test_an_order_to_a_lens_that_sleeps_or_is_out_of_turn_is_refused_for_now(mount: Any) -> None:
    mounted = mount().streams()
    order = focus(value=10)
    assert mounted.lens._reply_to(order, order.build(), legal=False) == CommandRejected(
        number=9, order=order.TYPE, code=RejectionCode.NOT_NOW
    )
    mounted.lens.asleep = True
    assert mounted.lens._reply_to(order, order.build(), legal=True) == CommandRejected(
        number=9, order=order.TYPE, code=RejectionCode.NOT_NOW
    )


@pytest.mark.parametrize("order", [FocusCommand.NEAR_END, FocusCommand.ABSOLUTE, FocusCommand.RELATIVE])
def test_a_drive_to_an_end_or_a_place_keeps_the_speed_that_was_ordered(lens: Any, order: FocusCommand) -> None:
    played = lens()
    handle_command(played, focus(order, 3999, speed=600))
    assert played.focus.velocity(played.now + 0.3) == pytest.approx(600.0)


def test_a_drive_to_the_far_end_keeps_the_speed_that_was_ordered(lens: Any) -> None:
    played = lens()
    handle_command(played, focus(FocusCommand.NEAR_END))
    played.now += 5.0
    handle_command(played, focus(FocusCommand.FAR_END, speed=600))
    assert played.focus.velocity(played.now + 0.3) == pytest.approx(-600.0)


def test_a_body_takes_its_own_rate_with_a_lens_that_has_no_focus_drive(mount: Any) -> None:
    mounted = mount("panasonic-s1ii", lens_changes={"parts": {"focus_motor": False}}).streams()
    mounted.script("rate 120")
    assert mounted.body.rate_hz == 120
