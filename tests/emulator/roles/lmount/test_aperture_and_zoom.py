"""Aperture and zoom on both sides: drives, limits that depend on the zoom, rings, and a zoom that moves the focus."""

from typing import Any

import pytest

from lensmount_emulator.models.optics import to_av256
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ApertureState, ZoomDrive, ZoomState
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected
from lensmount_protocol.dialects.lmount.types import ApertureMode, Outcome, RejectionCode

ZOOM = "leica-vario-elmarit-sl-24-90mm-f2.8-4"


def close(mounted: Any, f_number: float, mode: ApertureMode = ApertureMode.QUICK, **more: Any) -> Any:
    return mounted.request(ApertureDrive(mode=mode, target=to_av256(f_number), **more))


def now(mounted: Any) -> int:
    return int(mounted.lens.iris.position(mounted.virtual_session.now))


@pytest.mark.parametrize("mode", [ApertureMode.QUICK, ApertureMode.STOP_DOWN, ApertureMode.PREVIEW])
def test_a_diaphragm_closes_and_opens(mount: Any, mode: ApertureMode) -> None:
    mounted = mount().streams()
    answer = close(mounted, 8, mode)
    assert answer.outcome == Outcome.ACCEPTED
    mounted.wait_until(lambda: answer.number in mounted.body.outcomes)
    assert abs(now(mounted) - to_av256(8)) <= mounted.lens.settings.diaphragm.step
    mounted.run(0.05)
    close(mounted, 8, ApertureMode.OPEN)
    mounted.run(0.3)
    assert now(mounted) == to_av256(2.8)
    reported = [state.now for state in mounted.of(ApertureState)]
    assert max(reported) >= to_av256(8) - 8
    assert reported[-1] == to_av256(2.8)


def test_opening_takes_no_target(mount: Any) -> None:
    mounted = mount().streams()
    assert mounted.request(ApertureDrive(mode=ApertureMode.OPEN, target=9_999)).outcome == Outcome.ACCEPTED


def test_a_smooth_drive_takes_the_time_that_it_was_given(mount: Any) -> None:
    mounted = mount().streams()
    began = mounted.virtual_session.now
    answer = close(mounted, 11, ApertureMode.SMOOTH, duration_us=500_000)
    mounted.run(0.25 - (mounted.virtual_session.now - began))
    assert to_av256(3.5) < now(mounted) < to_av256(9)
    mounted.wait_until(lambda: answer.number in mounted.body.outcomes)
    assert mounted.virtual_session.now - began == pytest.approx(0.5, abs=0.03)


def test_the_widest_aperture_depends_on_the_zoom(mount: Any) -> None:
    mounted = mount(lens=ZOOM).streams()
    assert mounted.body.lens_info.aperture.widest == to_av256(2.8)
    mounted.operate("zoom 90")
    mounted.run(0.6)
    assert mounted.body.lens_info.aperture.widest == to_av256(4)
    assert now(mounted) == to_av256(4)
    close(mounted, 2.8)
    mounted.run(0.2)
    assert mounted.body.lens_info.aperture.now == to_av256(4), "it goes as far as it can"


def test_a_lens_without_a_diaphragm_refuses(mount: Any) -> None:
    mounted = mount(lens="viltrox-af-28mm-f4.5", script="check iris").streams()
    answer = close(mounted, 8)
    assert isinstance(answer, CommandRejected)
    assert answer.code == RejectionCode.NOT_ABLE
    mounted.wait_until(lambda: mounted.body.done)
    assert mounted.body.compatibility_results[-1].rule == "no diaphragm"


@pytest.mark.parametrize(
    ("order", "field"),
    [(ApertureDrive(mode=ApertureMode(77), target=1000), 2), (ApertureDrive(target=-20_000), 3)],
)
def test_apertures_that_cannot_be_are_refused(mount: Any, order: Any, field: int) -> None:
    answer = mount().streams().request(order)
    assert (answer.code, answer.field_number) == (RejectionCode.OUT_OF_RANGE, field)


def test_the_aperture_ring_is_followed_and_clicks_in_thirds(mount: Any) -> None:
    mounted = mount(lens="sigma-28-45mm-f1.8-dg-dn").streams()
    assert mounted.body.lens_info.aperture.flags & 4, "at A"
    mounted.operate("ring f/4")
    mounted.run(0.3)
    state = mounted.body.lens_info.aperture
    assert not state.flags & 4
    assert state.ring == to_av256(4)
    assert abs(now(mounted) - to_av256(4)) <= mounted.lens.settings.diaphragm.step
    mounted.operate("turn aperture 15")
    mounted.run(0.5)
    assert mounted.body.lens_info.aperture.ring - to_av256(4) == 85, "15 degrees pass one click"
    mounted.operate("turn aperture -60")
    mounted.run(0.5)
    assert mounted.body.lens_info.aperture.ring - to_av256(4) == 85 - 4 * 85
    mounted.operate("ring A")
    mounted.run(0.1)
    assert mounted.body.lens_info.aperture.flags & 4


def test_a_locked_ring_does_not_turn(mount: Any) -> None:
    mounted = mount(lens="sigma-28-45mm-f1.8-dg-dn").streams()
    mounted.script("ring f/4; switch lock 1; turn aperture 30")
    state = mounted.body.lens_info.aperture
    assert state.ring == to_av256(4)
    assert state.flags & 16


def test_limits_are_those_of_the_report(mount: Any) -> None:
    mounted = mount().streams()
    close(mounted, 64)
    mounted.run(0.3)
    state = mounted.body.lens_info.aperture
    assert state.now == state.smallest == to_av256(mounted.lens.settings.optics.smallest_f_number)


def test_a_zoom_ring_is_reported_with_every_frame(mount: Any) -> None:
    mounted = mount(lens=ZOOM).streams()
    mounted.operate("zoom 60")
    mounted.run(0.6)
    lengths = [state.focal_length_um for state in mounted.of(ZoomState)]
    assert lengths[0] == 24_000
    assert lengths[-1] == pytest.approx(60_000, rel=0.01)
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 8
    assert [state.moving for state in mounted.of(ZoomState)][-1] == 0


def test_no_known_lens_has_a_powered_zoom_and_so_they_refuse(mount: Any) -> None:
    answer = mount(lens=ZOOM).streams().request(ZoomDrive(target_um=50_000))
    assert answer.code == RejectionCode.NOT_ABLE


def test_a_powered_zoom_goes_where_it_is_sent(mount: Any) -> None:
    mounted = mount(lens=ZOOM, lens_changes={"parts": {"power_zoom": True}}).streams()
    answer = mounted.request(ZoomDrive(target_um=50_000))
    assert isinstance(answer, CommandDone)
    mounted.wait_until(lambda: answer.number in mounted.body.outcomes)
    assert mounted.lens.zoom.focal_um(mounted.virtual_session.now) == pytest.approx(50_000, rel=0.01)
    mounted.request(ZoomDrive(rate=1000))
    mounted.run(2.5)
    assert mounted.lens.zoom.focal_um(mounted.virtual_session.now) == pytest.approx(90_000, rel=0.01)
    assert mounted.request(ZoomDrive(target_um=400_000)).code == RejectionCode.OUT_OF_RANGE


@pytest.mark.parametrize("corrected", [True, False])
def test_a_zoom_moves_the_focus_unless_the_lens_corrects_it(mount: Any, *, corrected: bool) -> None:
    changes = {"zoom": {"focus_shift_steps": 400, "corrected": corrected}}
    mounted = mount(lens=ZOOM, lens_changes=changes, script="focus 2m").streams()
    mounted.wait_until(lambda: mounted.body.done)
    before = mounted.body.lens_info.focus.distance_mm
    mounted.operate("zoom 90")
    mounted.run(0.6)
    after = mounted.body.lens_info.focus.distance_mm
    assert (after == before) == corrected
    assert abs(mounted.lens.focus_plane() - mounted.lens.focus.position(mounted.virtual_session.now)) == (
        0 if corrected else 400
    )
