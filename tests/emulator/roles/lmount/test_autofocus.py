"""The verb `autofocus`: the body climbs the contrast of the test scene and ends in focus, the same way each time."""

import re

import pytest

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.models.optics import distance_mm
from lensmount_emulator.models.viewfinder import make_scene
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.loopback import make_virtual_session, run_loopback

BODY = "panasonic-s5ii"
LENSES = ("panasonic-s-20-60mm-f3.5-5.6", "sigma-45mm-f2.8-dg-dn", "leica-vario-elmarit-sl-24-90mm-f2.8-4")


def best_position(optics, steps):
    nearest = round(optics.nearest_m * 1000)
    subject = make_scene(optics.focal_mm[0], optics.focal_mm[-1], nearest).subject_mm
    return min(range(1, steps), key=lambda place: abs(1 / distance_mm(place, steps, nearest) - 1 / subject))


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("begin", ["far", "near"])
def test_it_ends_at_the_position_of_the_subject(lens, begin):
    session = make_virtual_session(
        BODY, lens, script=f"focus {begin}; autofocus", seed=3, on_notice=(notices := []).append
    )
    session.start()
    session.run(6.0)
    settings = load_profile(lens).settings
    assert not session.violations
    assert [notice.text for notice in notices if notice.is_error] == []
    (text,) = [notice.text for notice in notices if notice.text.startswith("autofocus: ")]
    assert "of our model" in text
    reported = session.body.lens_info.focus.position
    assert reported == pytest.approx(best_position(settings.optics, settings.focus.steps), abs=12)


def test_the_same_seed_gives_the_same_search():
    first, second = (run_loopback(BODY, LENSES[0], script="focus near; autofocus", seed=5) for _ in range(2))
    assert first.clean
    assert first.records == second.records


def play_autofocus(script, disturb=None):
    """Notices of the body, and the position that the lens reports at the end."""
    session = make_virtual_session(BODY, LENSES[1], script=script, seed=3, on_notice=(notices := []).append)
    session.start()
    while session.now < 6.0 and not any(notice.text == "script: autofocus" for notice in notices):
        session.run(session.now + 0.01)
    if disturb is not None:
        session.run(session.now + 0.1)
        for step in parse_script(disturb, get_roles("lmount").lens_verbs):
            session.operate_mount(step)
    session.run(6.0)
    texts = [notice.text for notice in notices if notice.text.startswith("autofocus")]
    return texts, session.body.lens_info.focus.position


def test_a_ring_that_is_turned_in_the_search_ends_it_without_a_result():
    texts, _ = play_autofocus("focus far; autofocus", "turn focus 40")
    assert texts == ["autofocus: a move ended REPLACED, so the search ends without a result"]


def test_within_limits_the_reported_position_counts_and_not_the_ordered_one():
    (text,), position = play_autofocus("limits 10 20; autofocus")
    assert position == 20
    assert int(re.search(r"(\d+) moves", text)[1]) <= 10


def test_with_the_switch_at_mf_it_does_not_start():
    result = run_loopback(BODY, LENSES[0], script="switch af 1; autofocus", seed=5)
    assert any("MF, so autofocus does not start" in notice.text for notice in result.notices)
