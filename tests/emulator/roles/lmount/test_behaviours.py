"""Behaviours that public sources tell of, as whole sessions: `protocol/spec/lmount-traces.md` lists them."""

import io
from typing import Any

import pytest

from lensmount_emulator.engine.verdicts import Verdict, worst_verdict
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.dialects.lmount.identity import LensCapabilitiesRequest
from lensmount_protocol.dialects.lmount.link import CommandRejected
from lensmount_protocol.dialects.lmount.types import RejectionCode
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.wire import Burst

NEWER = "panasonic-s-pro-70-200mm-f2.8"


def whole(body: str, lens: str, **more: Any) -> LoopbackResult:
    session = run_loopback(body, lens, script="check all", **more)
    # A lens that is refused for want of contacts ends the script before its first step.
    assert session.finished is not session.declined
    assert [notice.text for notice in session.notices if notice.is_error] == []
    assert session.violations == []
    return session


def by_step(session: LoopbackResult) -> dict[str, tuple[Verdict, str]]:
    return {finding.step: (finding.verdict, finding.rule) for finding in session.compatibility_results}


def test_an_old_body_meets_a_newer_hungry_lens() -> None:
    session = whole("leica-sl-2015", NEWER)
    found = by_step(session)
    assert (Verdict.REDUCED, "older revision") in [
        (finding.verdict, finding.rule) for finding in session.compatibility_results
    ]
    assert found["focus"] == found["iris"] == (Verdict.WORKS, "")
    warned = by_step(whole("leica-cl", NEWER))
    assert warned["negotiate"] == (Verdict.WORKS, "power notice")
    assert all(verdict is Verdict.WORKS for verdict, _ in warned.values())


@pytest.mark.parametrize(
    ("lens", "step", "verdict", "rule"),
    [
        ("viltrox-af-28mm-f4.5", "iris", Verdict.REDUCED, "no diaphragm"),
        ("modelled-manual-50mm-f2", "focus", Verdict.REDUCED, "no focus drive"),
        ("laowa-15mm-f2", "attach", Verdict.REFUSED, "no contacts"),
        ("ttartisan-tilt-50mm-f1.4", "attach", Verdict.REFUSED, "no contacts"),
        ("sigma-18-50mm-f2.8-dc-dn", "negotiate", Verdict.REDUCED, "crop"),
    ],
)
def test_lenses_that_lack_something_work_as_far_as_they_can(lens: str, step: str, verdict: Verdict, rule: str) -> None:
    session = whole("panasonic-s1r", lens)
    assert by_step(session)[step] == (verdict, rule)
    expected = Verdict.REFUSED if step == "attach" else Verdict.REDUCED
    assert worst_verdict(session.compatibility_results) is expected
    assert session.declined is (step == "attach")
    if step != "attach":
        assert by_step(session)["expose"] == (Verdict.WORKS, "")
        assert by_step(session)["detach"] == (Verdict.WORKS, "")


def test_a_lens_from_outside_that_follows_half_of_it(mount: Any) -> None:
    """It knows revision 1 and no feature, one rate, and refuses half of what it is asked; the body lives with it."""
    poor = {"revision": 1, "rates": (115_200,), "features": ()}
    mounted = mount(lens="7artisans-af-50mm-f1.8", lens_changes={"firmware": poor}, script="check all").streams()
    mounted.wait_until(lambda: mounted.body.done)
    assert {finding.rule for finding in mounted.body.compatibility_results} >= {"older revision", "no corrections"}
    assert worst_verdict(mounted.body.compatibility_results) is Verdict.REDUCED
    assert mounted.troubles == []


def test_a_lens_that_refuses_even_its_abilities_is_given_up(mount: Any) -> None:
    mounted = mount(lens="7artisans-af-50mm-f1.8", script="check all")
    answer = mounted.lens._reply_to

    def half(order: Any, raw: bytes, *, legal: bool) -> Any:
        if isinstance(order, LensCapabilitiesRequest):
            return CommandRejected(number=order.number, order=order.TYPE, code=RejectionCode.UNKNOWN_MESSAGE)
        return answer(order, raw, legal=legal)

    mounted.lens._reply_to = half
    mounted.wait_until(lambda: mounted.body.done)
    assert [(finding.step, finding.rule) for finding in mounted.body.compatibility_results] == [
        ("identify", "no answer")
    ]
    assert mounted.virtual_session.mount.levels["V_LOGIC"] is False


def test_an_alien_converter_works_with_a_wrong_identity() -> None:
    """It focuses; but neither lens nor body knows of it, so the file says what the bare lens would."""
    lens = "sigma-100-400mm-f5-6.3-dg-dn-os"
    alien = run_loopback("panasonic-s1r", lens, accessories=["panasonic-stc14-silent"], script="check all")
    bare = whole("panasonic-s1r", lens)
    assert alien.clean
    assert [(f.step, f.verdict, f.rule, f.detail) for f in alien.compatibility_results] == [
        (f.step, f.verdict, f.rule, f.detail) for f in bare.compatibility_results
    ]
    assert any("does not know it" in notice.text for notice in alien.notices)
    known = run_loopback("panasonic-s1r", lens, accessories=["sigma-tc-1411"], script="check zoom")
    assert next(finding for finding in known.compatibility_results if finding.step == "zoom").detail == "140 to 560 mm"


def test_an_adapter_allows_single_autofocus_only() -> None:
    """And takes only what is on its list: an E-mount lens, on nothing in between."""
    session = whole("panasonic-s1r", "sel2870", accessories=["emount-adapter"])
    found = by_step(session)
    assert found["focus"] == found["identify"] == (Verdict.REDUCED, "single autofocus")
    assert found["iris"] == found["expose"] == (Verdict.WORKS, "")
    with pytest.raises(ProfileError, match="sigma-45mm"):
        run_loopback("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", accessories=["emount-adapter"])


def recorded(body: str, lens: str, seed: int | None) -> bytes:
    file = io.BytesIO()
    with RecordingWriter(file, {}) as recording:
        run_loopback(body, lens, script="check all", seed=seed, tap=recording.write)
    return file.getvalue()


def test_the_same_seed_gives_the_same_recording_and_another_seed_another() -> None:
    first = recorded("leica-sl2", NEWER, 7)
    assert recorded("leica-sl2", NEWER, 7) == first
    assert recorded("leica-sl2", NEWER, 8) != first


def test_frames_or_bytes_the_same_session() -> None:
    frames, single = (
        whole("leica-cl", "leica-vario-elmarit-sl-24-90mm-f2.8-4", resolution=resolution, seed=3)
        for resolution in ("frame", "byte")
    )
    assert frames.records == single.records
    assert frames.compatibility_results == single.compatibility_results
    assert any(isinstance(record, Burst) for record in frames.records)


def test_every_rail_and_line_is_at_rest_at_the_end() -> None:
    session = whole("panasonic-s1r", NEWER)
    assert session.compatibility_results[-1].step == "detach"
