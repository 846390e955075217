"""Stabilisation, corrections and the picture itself, on both sides."""

from random import Random
from typing import Any

import pytest

from lensmount_emulator.models.stabiliser import CameraShake
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive
from lensmount_protocol.dialects.lmount.exposure import Correction, CorrectionRequest, Exposure, FrameStart
from lensmount_protocol.dialects.lmount.link import CommandRejected
from lensmount_protocol.dialects.lmount.stabiliser import AngularRate, StabiliserCommand, StabiliserState
from lensmount_protocol.dialects.lmount.types import (
    ApertureMode,
    CorrectionKind,
    ExposurePhase,
    RejectionCode,
    StabiliserMode,
)
from lensmount_protocol.wire import Edge

STABILISED = "panasonic-s-24-105mm-f4"
FSYNC_LOW = ("FSYNC", False)


def states(mounted: Any) -> list[StabiliserState]:
    found: list[StabiliserState] = mounted.of(StabiliserState)
    return found


@pytest.mark.parametrize(
    ("body", "lens", "share", "found"),
    [
        ("panasonic-s1r", STABILISED, 500, "shared by lens and body"),
        ("sigma-fp", STABILISED, 1000, "by the lens alone"),
        ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", None, "by the body alone"),
        ("sigma-fp", "sigma-45mm-f2.8-dg-dn", None, "no stabiliser"),
    ],
)
def test_who_stabilises(mount: Any, body: str, lens: str, share: int | None, found: str) -> None:
    mounted = mount(body, lens, script="check stabilise").streams()
    mounted.wait_until(lambda: mounted.body.done)
    orders = mounted.of(StabiliserCommand)
    assert [order.share_permille for order in orders] == ([] if share is None else [share] * 2)
    assert mounted.body.compatibility_results[-1].detail == found
    assert bool(mounted.of(AngularRate)) == (share == 500)


def test_shared_work_is_split_by_the_share(mount: Any) -> None:
    """The same hand, the whole of the correction and then a half: half the shift."""
    shifts = {}
    for share in (1000, 500):
        mounted = mount(lens=STABILISED).streams()
        mounted.lens.camera_shake = CameraShake(Random(5), 0.3)
        mounted.body.now = mounted.virtual_session.now
        mounted.request(StabiliserCommand(mode=StabiliserMode.NORMAL, share_permille=share))
        at = mounted.virtual_session.now
        mounted.run(1.0)
        shifts[share] = sum(abs(state.shift_x) + abs(state.shift_y) for state in states(mounted)[-50:])
        del at
    assert shifts[500] == pytest.approx(shifts[1000] / 2, rel=0.05)


def test_the_body_s_rates_stand_beside_the_number_of_their_frame(mount: Any) -> None:
    mounted = mount(lens=STABILISED).streams()
    mounted.run(0.3)
    starts, rates = mounted.of(FrameStart), mounted.of(AngularRate)
    assert [rate.frame for rate in rates] == [start.frame for start in starts][-len(rates) :]
    assert len({(rate.pitch, rate.yaw) for rate in rates}) > 5
    assert mounted.lens.body_requests.rate != (0.0, 0.0)


def test_axes_can_be_split(mount: Any) -> None:
    mounted = mount(lens=STABILISED).streams()
    mounted.lens.camera_shake = CameraShake(Random(5), 0.3)
    mounted.request(StabiliserCommand(mode=StabiliserMode.NORMAL, axes=1))
    mounted.run(0.5)
    last = states(mounted)[-20:]
    assert {state.shift_x for state in last} == {0}
    assert len({state.shift_y for state in last}) > 5


def test_a_stabiliser_saturates_and_says_so(mount: Any) -> None:
    mounted = mount(lens=STABILISED, lens_changes={"stabiliser": {"range_um": 20}}).streams()
    mounted.lens.camera_shake = CameraShake(Random(5), 3.0)
    mounted.run(0.5)
    reports = states(mounted)[-20:]
    assert any(state.flags & 1 for state in reports)
    assert all(max(abs(state.shift_x), abs(state.shift_y)) <= 20 for state in reports)


def test_panning_is_seen_and_left_alone_in_its_mode(mount: Any) -> None:
    mounted = mount(lens=STABILISED).streams()
    now = mounted.virtual_session.now
    mounted.lens.camera_shake.pan(20.0, now, now + 5.0)
    mounted.request(StabiliserCommand(mode=StabiliserMode.PANNING))
    mounted.run(1.0)
    last = states(mounted)[-1]
    assert last.flags & 2
    assert last.shift_x == 0


@pytest.mark.parametrize("mode", [StabiliserMode.OFF, StabiliserMode.VIDEO])
def test_modes_are_reported_back(mount: Any, mode: StabiliserMode) -> None:
    mounted = mount(lens=STABILISED).streams()
    mounted.request(StabiliserCommand(mode=mode))
    mounted.run(0.1)
    last = states(mounted)[-1]
    assert last.mode == mode
    assert (last.shift_x, last.shift_y) == (0, 0) or mode != StabiliserMode.OFF


@pytest.mark.parametrize(
    ("order", "code", "lens"),
    [
        (StabiliserCommand(mode=StabiliserMode(9)), RejectionCode.OUT_OF_RANGE, STABILISED),
        (StabiliserCommand(share_permille=1001), RejectionCode.OUT_OF_RANGE, STABILISED),
        (StabiliserCommand(), RejectionCode.NOT_ABLE, "sigma-45mm-f2.8-dg-dn"),
    ],
)
def test_what_cannot_be_stabilised_is_refused(mount: Any, order: Any, code: RejectionCode, lens: str) -> None:
    answer = mount(lens=lens).streams().request(order)
    assert isinstance(answer, CommandRejected)
    assert answer.code == code


def test_sharing_needs_the_feature_on_both_sides(mount: Any) -> None:
    mounted = mount(lens=STABILISED, lens_changes={"firmware": {"features": ("corrections",)}}).streams()
    assert mounted.body.share is None
    assert mounted.request(StabiliserCommand(share_permille=500)).code == RejectionCode.NOT_AGREED


@pytest.mark.parametrize("kind", list(CorrectionKind))
def test_a_lens_brings_its_corrections_for_the_nearest_setting(mount: Any, kind: CorrectionKind) -> None:
    mounted = mount(lens=STABILISED).streams()
    request = CorrectionRequest(kind=kind, focal_length_um=10_000_000, distance_mm=1, aperture=-3000)
    answer = mounted.request(request)
    assert isinstance(answer, Correction)
    assert (answer.focal_length_um, answer.distance_mm, answer.aperture) == (105_000, 300, 1024)
    assert answer.coefficients


def test_corrections_depend_on_zoom_distance_and_aperture(mount: Any) -> None:
    mounted = mount(lens=STABILISED).streams()

    def ask(kind: CorrectionKind, focal: int, distance: int, aperture: int) -> list[int]:
        request = CorrectionRequest(kind=kind, focal_length_um=focal, distance_mm=distance, aperture=aperture)
        coefficients: list[int] = mounted.request(request).coefficients
        return coefficients

    wide = ask(CorrectionKind.DISTORTION, 24_000, 10_000, 1024)
    assert ask(CorrectionKind.DISTORTION, 105_000, 10_000, 1024) != wide
    assert ask(CorrectionKind.DISTORTION, 24_000, 400, 1024) != wide
    open_ = ask(CorrectionKind.VIGNETTING, 24_000, 10_000, 1024)
    assert ask(CorrectionKind.VIGNETTING, 24_000, 10_000, 2048) != open_


def test_corrections_are_for_those_that_both_have_them(mount: Any) -> None:
    changes = {"firmware": {"features": ("breathing",)}}
    mounted = mount(lens=STABILISED, lens_changes=changes, script="check correct").streams()
    mounted.wait_until(lambda: mounted.body.done)
    assert mounted.body.compatibility_results[-1].rule == "no corrections"
    assert mounted.request(CorrectionRequest()).code == RejectionCode.NOT_AGREED
    assert mounted.request(CorrectionRequest(kind=CorrectionKind(50))).code == RejectionCode.NOT_AGREED


def test_a_picture_is_announced_closed_down_for_exposed_and_written(mount: Any) -> None:
    mounted = mount(lens=STABILISED, script="aperture f/8; expose 1/60").streams()
    mounted.wait_until(lambda: mounted.body.done)
    phases = mounted.of(Exposure)
    assert [message.phase for message in phases] == [
        ExposurePhase.ANNOUNCED,
        ExposurePhase.BEGINS,
        ExposurePhase.ENDS,
    ]
    assert {message.duration_us for message in phases} == {16_667}
    stopped = [order for order in mounted.of(ApertureDrive) if order.mode == ApertureMode.STOP_DOWN]
    assert [order.target for order in stopped] == [1536]
    assert any("picture taken" in notice.text for notice in mounted.notices)


def test_at_the_announcement_the_stabiliser_goes_to_its_middle(mount: Any) -> None:
    mounted = mount(lens=STABILISED).streams()
    mounted.lens.camera_shake = CameraShake(Random(5), 0.5)
    mounted.body.queue_frame([Exposure(phase=ExposurePhase.ANNOUNCED)], 2)
    mounted.run(0.05)
    assert (states(mounted)[-1].shift_x, states(mounted)[-1].shift_y) == (0, 0)
    mounted.body.queue_frame([Exposure(phase=ExposurePhase.BEGINS)], 2)
    mounted.run(0.05)
    assert (states(mounted)[-1].shift_x, states(mounted)[-1].shift_y) != (0, 0)


@pytest.mark.parametrize("rate", [24, 60, 120, 240, 480])
def test_both_keep_step_with_the_frame_signal(mount: Any, rate: int) -> None:
    changes = {"camera": {"live_view_hz": rate, "highest_hz": 480}}
    mounted = mount(body_changes=changes).streams()
    began = mounted.body.lens_info.reports
    mounted.run(0.5)
    assert abs(mounted.body.lens_info.reports - began - rate / 2) <= 1
    falls = [edge.at for edge in mounted.records if isinstance(edge, Edge) and (edge.line, edge.level) == FSYNC_LOW]
    assert falls[-1] - falls[-2] == pytest.approx(1 / rate, abs=1e-6)
    assert mounted.of(FrameStart)[-1].period_us == round(1e6 / rate)
    assert mounted.troubles == []
