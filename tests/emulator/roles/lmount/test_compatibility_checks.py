"""What a body's checks find of a lens that refuses an order, does not answer it, or does not do what it accepted."""

from dataclasses import replace
from typing import Any

import pytest

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.roles.lmount.body.compatibility_checks import CHECKS, detach_lens, run_all_checks
from lensmount_emulator.roles.lmount.lens import commands
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ZoomDrive
from lensmount_protocol.dialects.lmount.exposure import CorrectionRequest, Exposure
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.identity import AccessoryEntry, IdentityRequest, MetadataRequest
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected, Sleep
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserCommand, StabiliserState
from lensmount_protocol.dialects.lmount.types import ApertureMode, FocusCommand, Outcome, RejectionCode, StabiliserMode
from lensmount_protocol.message import Message

TELE = "panasonic-s-pro-70-200mm-f2.8"
PAGED = "panasonic-s-24-60mm-f2.8"
CAST = get_roles("lmount")


def ready(mount: Any, lens: str = TELE, body: str = "panasonic-s1ii", **changes: Any) -> Any:
    mounted = mount(body, lens, **changes).streams()
    mounted.run(0.3)
    return mounted


def refuses(mounted: Any, kind: type[Message], reply_with: Any = None) -> None:
    """Have the lens refuse one kind of order, or give another answer."""
    answer = mounted.lens._reply_to

    def reply(order: Any, raw: bytes, *, legal: bool) -> Any:
        if isinstance(order, kind):
            if reply_with is not None:
                reply_with.number = getattr(order, "number", 0)
                return reply_with
            return CommandRejected(number=getattr(order, "number", 0), order=order.TYPE, code=RejectionCode.NOT_NOW)
        return answer(order, raw, legal=legal)

    mounted.lens._reply_to = reply


def ignores(mounted: Any, kind: type[Message]) -> None:
    """Have the lens not answer one kind of order."""
    answer = mounted.lens._reply_to_order

    def heed(order: Any, *, legal: bool) -> None:
        if not isinstance(order, kind):
            answer(order, legal=legal)

    mounted.lens._reply_to_order = heed


def check(mounted: Any, name: str) -> list[tuple[str, Verdict, str]]:
    """The findings of one check."""
    before = len(mounted.body.compatibility_results)
    mounted.run_script(CHECKS[name](mounted.body))
    return [(finding.step, finding.verdict, finding.rule) for finding in mounted.body.compatibility_results[before:]]


@pytest.mark.parametrize(
    ("name", "kind", "refused", "ignored"),
    [
        (
            "focus",
            FocusDrive,
            (Verdict.REFUSED, "refused by the lens"),
            (Verdict.REFUSED, "no answer"),
        ),
        ("iris", ApertureDrive, (Verdict.REFUSED, "refused by the lens"), (Verdict.REFUSED, "refused by the lens")),
        (
            "stabilise",
            StabiliserCommand,
            (Verdict.REDUCED, "refused by the lens"),
            (Verdict.REDUCED, "refused by the lens"),
        ),
        ("correct", CorrectionRequest, (Verdict.REDUCED, "no corrections"), (Verdict.REDUCED, "no corrections")),
        ("expose", MetadataRequest, (Verdict.REFUSED, "no answer"), (Verdict.REFUSED, "no answer")),
        ("firmware", IdentityRequest, (Verdict.REFUSED, "no answer"), (Verdict.REFUSED, "no answer")),
        ("sleep", Sleep, (Verdict.REFUSED, "no answer"), (Verdict.REFUSED, "no answer")),
    ],
)
def test_what_is_found_when_the_lens_refuses_or_does_not_answer(
    mount: Any, name: str, kind: type[Message], refused: Any, ignored: Any
) -> None:
    for spoil, expected in ((refuses, refused), (ignores, ignored)):
        mounted = ready(mount)
        spoil(mounted, kind)
        assert check(mounted, name) == [(name, *expected)]


def test_a_focus_that_does_not_go_where_it_was_sent_is_found(mount: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = ready(mount)

    def off(lens: Any, order: FocusDrive, speed: float) -> float:
        return float(lens.focus.set_target(order.value + 5, lens.now, speed))

    monkeypatch.setitem(commands._FOCUS, FocusCommand.ABSOLUTE, off)
    assert check(mounted, "focus") == [("focus", Verdict.REFUSED, "no answer")]


@pytest.mark.parametrize(
    ("reduced", "rule"),
    [(2, "power grant"), (3, "power grant"), (1, "refused by the lens"), (4, "refused by the lens")],
)
def test_a_stabiliser_that_was_left_out_for_power_is_found_as_such(mount: Any, reduced: int, rule: str) -> None:
    mounted = ready(mount)
    refuses(mounted, StabiliserCommand)
    power = mounted.body.lens_info.power
    assert power is not None
    power.reduced = reduced
    assert check(mounted, "stabilise") == [("stabilise", Verdict.REDUCED, rule)]
    mounted.body.lens_info.power = None
    assert check(mounted, "stabilise") == [("stabilise", Verdict.REDUCED, "refused by the lens")]


def test_the_body_s_share_of_a_shared_stabilisation_is_what_it_ordered(mount: Any) -> None:
    mounted = ready(mount)
    orders = mounted.of(StabiliserCommand)
    assert mounted.body.share == orders[-1].share_permille / 1000 < 1
    refuses(mounted, StabiliserCommand)
    check(mounted, "stabilise")
    assert mounted.body.share is None


def test_parts_that_a_lens_has_not_got_are_found_as_such(mount: Any) -> None:
    without = {"parts": {"focus_motor": False, "diaphragm": False}}
    mounted = ready(mount, "sigma-45mm-f2.8-dg-dn", lens_changes=without)
    assert check(mounted, "focus") == [("focus", Verdict.REDUCED, "no focus drive")]
    assert check(mounted, "iris") == [("iris", Verdict.REDUCED, "no diaphragm")]
    assert check(mounted, "zoom") == [("zoom", Verdict.WORKS, "")]


@pytest.mark.parametrize(
    ("body", "verdict", "rule"), [("panasonic-s1ii", Verdict.WORKS, ""), ("sigma-fp", Verdict.REDUCED, "no stabiliser")]
)
def test_without_a_stabiliser_in_the_lens_the_body_s_counts(mount: Any, body: str, verdict: Verdict, rule: str) -> None:
    mounted = ready(mount, "sigma-45mm-f2.8-dg-dn", body)
    assert check(mounted, "stabilise") == [("stabilise", verdict, rule)]


def test_a_focus_that_is_slowed_for_power_is_found_as_reduced(mount: Any) -> None:
    mounted = ready(mount, body_changes={"power": {"grants": "normal"}})
    assert mounted.body.lens_info.power.reduced == 3
    assert check(mounted, "focus") == [("focus", Verdict.REDUCED, "power grant")]
    found = mounted.body.compatibility_results[-1].detail
    assert found == "slower; both ends and a third of 4000 steps; tables: distance scale, breathing, defocus"


@pytest.mark.parametrize(
    ("name", "lens", "detail"),
    [
        ("zoom", TELE, "70 to 200 mm"),
        ("zoom", "sigma-45mm-f2.8-dg-dn", "a prime: nothing to zoom"),
        ("focus", TELE, "both ends and a third of 4000 steps; tables: distance scale, breathing, defocus"),
        ("focus", PAGED, "both ends and a third of 4000 steps; tables: distance scale, breathing, defocus; "
                         "32 set points within 40 steps"),
        ("iris", TELE, "f/5.6"),
        ("stabilise", TELE, "shared by lens and body"),
        ("correct", TELE, "distortion, lateral colour, vignetting"),
        ("correct", PAGED, "distortion, lateral colour, vignetting, and the makers' joint profile (confidence 100 %)"),
        ("expose", "sigma-45mm-f2.8-dg-dn", "45 mm in the file"),
        ("sleep", TELE, "stream ended, drive supply off"),
        ("firmware", TELE, "1.0.0.0"),
    ],
)  # fmt: skip
def test_what_is_found_of_a_lens_that_works(mount: Any, name: str, lens: str, detail: str) -> None:
    mounted = ready(mount, lens)
    mounted.body.operate_mount = mounted.virtual_session.operate_mount
    began = len(mounted.body.compatibility_results)
    assert check(mounted, name) == [(name, Verdict.WORKS, "")]
    assert [finding.detail for finding in mounted.body.compatibility_results[began:]] == [detail]


def test_a_zoom_goes_to_the_farther_end_and_back(mount: Any) -> None:
    mounted = ready(mount)
    mounted.body.operate_mount = mounted.virtual_session.operate_mount
    focal = []
    for _ in range(2):
        check(mounted, "zoom")
        focal.append(mounted.body.lens_info.zoom.focal_length_um)
    assert focal == [200_000, 70_000]


def test_without_a_hand_at_the_ring_only_the_range_is_known(mount: Any) -> None:
    mounted = ready(mount)
    mounted.body.operate_mount = None
    assert check(mounted, "zoom") == [("zoom", Verdict.WORKS, "")]
    assert mounted.body.lens_info.zoom.focal_length_um == 70_000
    assert "no simulated operator" in mounted.body.compatibility_results[-1].detail


def test_a_ring_that_is_turned_and_reports_nothing_is_found(mount: Any) -> None:
    mounted = ready(mount)
    turned: list[Any] = []
    mounted.body.operate_mount = turned.append
    began = mounted.virtual_session.now
    assert check(mounted, "zoom") == [("zoom", Verdict.REFUSED, "no answer")]
    assert [(step.verb, step.text, step.value) for step in turned] == [("zoom", "zoom 200", 200_000)]
    # Half a second is waited for the report.
    assert mounted.virtual_session.now - began == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("moves_to", "verdict"), [(198_000, Verdict.WORKS), (197_900, Verdict.REFUSED)])
def test_a_zoom_may_stop_a_hundredth_short(mount: Any, moves_to: int, verdict: Verdict) -> None:
    mounted = ready(mount)
    mounted.body.operate_mount = lambda step: mounted.virtual_session.operate_mount(replace(step, value=moves_to))
    assert [found[1] for found in check(mounted, "zoom")] == [verdict]


def test_a_powered_zoom_is_driven_by_the_body(mount: Any) -> None:
    mounted = ready(mount, lens_changes={"parts": {"power_zoom": True}, "zoom": {"seconds": 0.3}})
    assert check(mounted, "zoom") == [("zoom", Verdict.WORKS, "")]
    assert [order.target_um for order in mounted.of(ZoomDrive)] == [200_000]


def test_the_focus_is_sent_to_both_ends_and_to_a_third(mount: Any) -> None:
    mounted = ready(mount)
    check(mounted, "focus")
    orders = [(order.order, order.value) for order in mounted.of(FocusDrive)]
    assert orders == [(FocusCommand.NEAR_END, 0), (FocusCommand.FAR_END, 0), (FocusCommand.ABSOLUTE, 1333)]
    assert mounted.body.lens_info.focus.position == 1333


def test_the_diaphragm_is_closed_by_two_stops_and_opened_again(mount: Any) -> None:
    mounted = ready(mount)
    check(mounted, "iris")
    orders = [(order.mode, order.target) for order in mounted.of(ApertureDrive)]
    # From f/2.8, which is 761/256 Av; the diaphragm of this lens goes down to f/22.
    assert orders == [(ApertureMode.QUICK, 761 + 512), (ApertureMode.OPEN, 0)]
    small = ready(mount, lens_changes={"optics": {"smallest_f_number": 4.0}})
    check(small, "iris")
    assert [order.target for order in small.of(ApertureDrive)] == [1024, 0]


@pytest.mark.parametrize(("off", "verdict"), [(43, Verdict.WORKS), (-43, Verdict.WORKS), (44, Verdict.REFUSED)])
def test_a_diaphragm_may_stop_a_sixth_of_a_stop_off(mount: Any, off: int, verdict: Verdict) -> None:
    mounted = ready(mount, lens_changes={"diaphragm": {"step": 1}})
    answer = mounted.lens._reply_to_order

    def shifted(order: Any, *, legal: bool) -> None:
        if isinstance(order, ApertureDrive) and order.target:
            order.target += off
        answer(order, legal=legal)

    mounted.lens._reply_to_order = shifted
    assert [found[1] for found in check(mounted, "iris")] == [verdict]


@pytest.mark.parametrize("reports", [None, StabiliserMode.OFF, StabiliserMode.PANNING])
def test_a_stabiliser_that_is_accepted_and_not_done_is_found(mount: Any, reports: StabiliserMode | None) -> None:
    mounted = ready(mount)
    refuses(mounted, StabiliserCommand, CommandDone(order=StabiliserCommand.TYPE, outcome=Outcome.DONE))
    if reports is None:
        mounted.lens.body_requests.reports = tuple(
            kind for kind in mounted.lens.body_requests.reports if kind != StabiliserState.TYPE
        )
        mounted.body.lens_info.stabiliser = None
    else:
        mounted.lens.body_requests.stabiliser = reports
    assert check(mounted, "stabilise") == [("stabilise", Verdict.REFUSED, "no answer")]
    assert mounted.body.compatibility_results[-1].detail == "accepted, and not done"


def test_a_stabiliser_of_the_lens_alone_is_found_as_such(mount: Any) -> None:
    mounted = ready(mount, body="sigma-fp")
    reports = mounted.body.lens_info.reports
    assert check(mounted, "stabilise") == [("stabilise", Verdict.WORKS, "")]
    assert mounted.body.compatibility_results[-1].detail == "by the lens alone"
    # It is looked at six frames after the order, in whose frame there is a report as well.
    assert mounted.body.lens_info.reports - reports == 7


@pytest.mark.parametrize(("body", "left"), [("panasonic-s1ii", "by the body alone"), ("sigma-fp", "no stabiliser")])
def test_a_stabiliser_that_is_refused_leaves_the_body_s(mount: Any, body: str, left: str) -> None:
    mounted = ready(mount, body=body)
    refuses(mounted, StabiliserCommand)
    check(mounted, "stabilise")
    assert mounted.body.compatibility_results[-1].detail == f"{left}; the lens refused: not now"


def test_without_corrections_an_accessory_is_the_reason_where_there_is_one(mount: Any) -> None:
    mounted = ready(mount)
    refuses(mounted, CorrectionRequest)
    mounted.body.lens_info.accessories = [AccessoryEntry()]
    assert check(mounted, "correct") == [("correct", Verdict.REDUCED, "converter")]


@pytest.mark.parametrize(("limits", "verdict"), [(0, Verdict.WORKS), (1, Verdict.REDUCED), (2, Verdict.WORKS)])
def test_an_accessory_may_allow_single_autofocus_only(mount: Any, limits: int, verdict: Verdict) -> None:
    mounted = ready(mount)
    mounted.body.lens_info.accessories = [AccessoryEntry(), AccessoryEntry(limits=limits)]
    rule = "single autofocus" if verdict is Verdict.REDUCED else ""
    assert check(mounted, "focus") == [("focus", verdict, rule)]


def test_a_picture_is_taken_one_stop_down(mount: Any) -> None:
    mounted = ready(mount)
    check(mounted, "expose")
    orders = [(order.mode, order.target) for order in mounted.of(ApertureDrive)]
    assert orders == [(ApertureMode.STOP_DOWN, 761 + 256), (ApertureMode.OPEN, 0)]
    phases = mounted.of(Exposure)
    assert [(one.phase, one.duration_us) for one in phases] == [(0, 8000), (1, 8000), (2, 8000)]
    assert len({one.number for one in phases}) == 1


def test_sleep_and_wake_are_found(mount: Any) -> None:
    mounted = ready(mount)
    check(mounted, "sleep")
    assert mounted.lens.asleep
    assert not mounted.virtual_session.mount.levels["V_DRIVE"]
    assert check(mounted, "wake") == [("wake", Verdict.WORKS, "")]
    assert mounted.virtual_session.mount.levels["V_DRIVE"]
    check(mounted, "sleep")
    mounted.lens.stop_tasks()
    began = mounted.virtual_session.now
    assert check(mounted, "wake") == [("wake", Verdict.REFUSED, "no answer")]
    # The call is held for 100 ms.
    assert mounted.virtual_session.now - began == pytest.approx(0.1, abs=0.005)


def test_a_lens_is_taken_off_at_the_end_of_all_checks(mount: Any) -> None:
    mounted = ready(mount)
    mounted.body.operate_mount = mounted.virtual_session.operate_mount
    mounted.body.now = mounted.virtual_session.now
    mounted.body.spawn(run_all_checks(mounted.body))
    mounted.wait_until(lambda: mounted.body.compatibility_results[-1].step == "detach")
    order = [finding.step for finding in mounted.body.compatibility_results[3:]]
    assert order == [*CHECKS, "detach"]
    assert (mounted.body.compatibility_results[-1].verdict, mounted.body.compatibility_results[-1].rule) == (
        Verdict.WORKS,
        "",
    )
    assert not mounted.virtual_session.mount.levels["V_LOGIC"]


def test_a_lens_that_stays_on_when_it_is_taken_off_is_found(mount: Any) -> None:
    mounted = ready(mount)
    (step,) = parse_script("detach", CAST.verbs)
    mounted.body.operate_mount = None
    mounted.run_script(detach_lens(mounted.body, step))
    assert mounted.body.compatibility_results[-1].step != "detach"
    seen: list[bool] = []
    mounted.body.operate_mount = lambda _step: seen.append(mounted.body.expects_detach)
    began = mounted.virtual_session.now
    mounted.run_script(detach_lens(mounted.body, step))
    found = mounted.body.compatibility_results[-1]
    assert (found.step, found.verdict, found.rule) == ("detach", Verdict.REFUSED, "no answer")
    assert (seen, mounted.body.expects_detach) == ([True], False)
    assert mounted.virtual_session.now - began == pytest.approx(0.05)
