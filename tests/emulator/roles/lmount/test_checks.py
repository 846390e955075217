"""What a body's checks find of a lens that refuses an order, does not answer it, or does not do what it accepted."""

from typing import Any

import pytest

from lensmount_emulator.roles.findings import Verdict
from lensmount_emulator.roles.lmount import lens_orders
from lensmount_emulator.roles.lmount.body_checks import CHECKS
from lensmount_protocol.dialects.lmount.aperture import ApertureDrive
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.identity import IdentityRequest, MetadataRequest
from lensmount_protocol.dialects.lmount.link import Refusal, Sleep
from lensmount_protocol.dialects.lmount.picture import CorrectionRequest
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserOrder
from lensmount_protocol.dialects.lmount.types import FocusOrder, RefusalCode
from lensmount_protocol.message import Message

TELE = "panasonic-s-pro-70-200mm-f2.8"


def ready(mount: Any, lens: str = TELE, body: str = "panasonic-s1ii", **changes: Any) -> Any:
    mounted = mount(body, lens, **changes).streams()
    mounted.run(0.3)
    return mounted


def refuses(mounted: Any, kind: type[Message]) -> None:
    """Have the lens refuse one kind of order."""
    answer = mounted.lens._reply_to

    def reply(order: Any, raw: bytes, *, legal: bool) -> Any:
        if isinstance(order, kind):
            return Refusal(number=getattr(order, "number", 0), order=order.TYPE, code=RefusalCode.NOT_NOW)
        return answer(order, raw, legal=legal)

    mounted.lens._reply_to = reply


def ignores(mounted: Any, kind: type[Message]) -> None:
    """Have the lens not answer one kind of order."""
    answer = mounted.lens._answer

    def heed(order: Any, *, legal: bool) -> None:
        if not isinstance(order, kind):
            answer(order, legal=legal)

    mounted.lens._answer = heed


def check(mounted: Any, name: str) -> list[tuple[str, Verdict, str]]:
    """The findings of one check."""
    before = len(mounted.body.findings)
    mounted.do(CHECKS[name](mounted.body))
    return [(finding.step, finding.verdict, finding.rule) for finding in mounted.body.findings[before:]]


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
            StabiliserOrder,
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
        return float(lens.focus.order(order.value + 5, lens.now, speed))

    monkeypatch.setitem(lens_orders._FOCUS, FocusOrder.ABSOLUTE, off)
    assert check(mounted, "focus") == [("focus", Verdict.REFUSED, "no answer")]


@pytest.mark.parametrize(
    ("reduced", "rule"),
    [(2, "power grant"), (3, "power grant"), (1, "refused by the lens"), (4, "refused by the lens")],
)
def test_a_stabiliser_that_was_left_out_for_power_is_found_as_such(mount: Any, reduced: int, rule: str) -> None:
    mounted = ready(mount)
    refuses(mounted, StabiliserOrder)
    power = mounted.body.known.power
    assert power is not None
    power.reduced = reduced
    assert check(mounted, "stabilise") == [("stabilise", Verdict.REDUCED, rule)]
    mounted.body.known.power = None
    assert check(mounted, "stabilise") == [("stabilise", Verdict.REDUCED, "refused by the lens")]


def test_the_body_s_share_of_a_shared_stabilisation_is_what_it_ordered(mount: Any) -> None:
    mounted = ready(mount)
    orders = mounted.of(StabiliserOrder)
    assert mounted.body.share == orders[-1].share_permille / 1000 < 1
    refuses(mounted, StabiliserOrder)
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
