"""The words of a script: what each reads, and the one line that it answers to what it cannot."""

from typing import Any

import pytest

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.roles.lmount.body.script import OLD_VERBS
from lensmount_emulator.roles.lmount.body.script_arguments import ApertureRamp, FocusTarget
from lensmount_protocol.dialects.lmount.types import FocusCommand, StabiliserMode
from lensmount_protocol.errors import ScriptError

CAST = get_roles("lmount")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("focus near", FocusTarget(FocusCommand.NEAR_END)),
        ("focus 0x10", FocusTarget(FocusCommand.ABSOLUTE, 16)),
        ("focus -20", FocusTarget(FocusCommand.RELATIVE, -20)),
        ("focus 2.5m", FocusTarget(FocusCommand.ABSOLUTE, 0, 2500)),
        ("velocity -300", -300),
        ("limits off", None),
        ("limits 20 300", (20, 300)),
        ("aperture f/8", 1536),
        ("smooth f/8 500ms", ApertureRamp(1536, 0.5)),
        ("stabilise panning", StabiliserMode.PANNING),
        ("linear off", 0),
        ("linear 180", 180),
        ("expose 1/50", 0.02),
        ("expose 2s", 2.0),
        ("rate 120", 120),
        ("page fast focus", "fast focus"),
        ("check all", "all"),
        ("detach", None),
        ("detach 0.5", 0.5),
        ("zoom 70mm", 70_000),
        ("turn aperture -15", -15.0),
        ("ring A", None),
        ("ring f/2", 512),
        ("switch af 1", 1),
    ],
)
def test_words_are_read(text: str, value: Any) -> None:
    (step,) = parse_script(text, CAST.verbs)
    assert step.value == value
    assert step.text == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("focus close", "wants near, far, home, steps such as 1200"),
        ("focus 0m", "wants near, far, home"),
        ("focus 70000", "wants steps up to 65535"),
        ("velocity fast", "wants steps a second such as 500"),
        ("velocity 9999999", "wants at most 1000000 steps a second"),
        ("limits 20", "wants two positions such as `200 1500`"),
        ("limits 20 70000", "wants positions up to 65535"),
        ("aperture wide", "wants an aperture from f/0.5 to f/256"),
        ("aperture f/0", "wants an aperture from f/0.5 to f/256"),
        ("smooth f/8", "wants a duration"),
        ("stabilise much", "unknown stabiliser mode 'much'; known: normal, off, panning, video"),
        ("linear far", "wants a whole number"),
        ("expose 1/0", "wants an exposure time such as 1/60"),
        ("expose 0", "wants an exposure time above 0"),
        ("rate 1000", "wants 24 to 480 frames a second"),
        ("page three", "unknown page 'three'; known: fast focus, joint corrections"),
        ("check none", "unknown check 'none'; known: all, correct, expose"),
        ("zoom far", "wants a focal length such as 70"),
        ("zoom 9000", "wants a focal length between 0 and 5000 mm"),
        ("turn lens 3", "unknown ring 'lens'; known: aperture, focus, zoom"),
        ("turn focus much", "wants a ring and degrees"),
        ("turn focus 90000", "wants at most 3600 degrees"),
        ("press record", "unknown button 'record'; known: afl"),
        ("switch light 1", "unknown switch 'light'; known: af, click, limiter, lock, stabiliser"),
        ("switch af on", "wants a switch and a position 0 to 9"),
        ("ring f", "wants an f-number such as f/5.6, or A"),
        ("fly", "unknown script verb 'fly'"),
    ],
)
def test_what_cannot_be_read_is_reported_in_one_line(text: str, told: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script(f"wait 0.1; {text}", CAST.verbs)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("turn aperture 10", "it has no aperture ring by wire"),
        ("ring f/4", "it has no aperture ring by wire"),
        ("zoom 60", "a prime has no zoom ring"),
        ("press afl", "it has no afl button"),
        ("switch limiter 1", "it has no limiter switch"),
        ("page fast focus", "the page of fast focus was not agreed"),
        ("stabilise normal", "stabilise normal: refused: not able"),
        ("focus 9999", "focus 9999: refused: out of range, field 3"),
    ],
)
def test_what_a_lens_has_not_got_is_told_and_is_no_error(mount: Any, script: str, told: str) -> None:
    mounted = mount(script=script)
    mounted.wait_until(lambda: mounted.body.done)
    assert any(told in notice.text for notice in mounted.notices), [notice.text for notice in mounted.notices]
    assert mounted.troubles == []


@pytest.mark.parametrize("script", ["zoom 60", "turn focus 5", "press afl", "switch af 1", "ring A", "detach"])
def test_on_a_port_there_is_no_one_s_hand(mount: Any, script: str) -> None:
    mounted = mount(script=script)
    mounted.body.operate_mount = None
    mounted.wait_until(lambda: mounted.body.done)
    assert any("no simulated operator" in notice.text for notice in mounted.notices)


MUTE = {"focus": 0x20, "iris": 0x28, "firmware": 0x08, "expose": 0x0B, "sleep": 0x04, "wake": 0x05}


@pytest.mark.parametrize("check", MUTE)
def test_a_check_of_a_lens_that_does_not_answer_says_so(mount: Any, check: str) -> None:
    """The lens is deaf for one order: the step is refused by that rule, and the others go on."""
    mounted = mount().streams()
    if check == "wake":
        mounted.script("check sleep")
    answer = mounted.lens._reply_to_order
    mounted.lens._reply_to_order = lambda order, *, legal: (
        None if order.build()[0] == MUTE[check] else answer(order, legal=legal)
    )
    mounted.script(f"check {check}")
    found = mounted.body.compatibility_results[-1]
    assert (found.step, found.verdict.value) == (check, "refused")
    assert found.rule in ("no answer", "refused by the lens")


@pytest.mark.parametrize(("old", "new"), OLD_VERBS.items())
def test_an_old_verb_is_the_same_step(old: str, new: str) -> None:
    values = {"smooth": " f/8 1s", "linear": " 180", "page": " fast focus", "track": " 0.5"}
    (step,) = parse_script(old + values.get(old, ""), CAST.verbs)
    (same,) = parse_script(new + values.get(old, ""), CAST.verbs)
    assert (step.verb, step.value) == (new, same.value)
    assert old not in CAST.verbs
