"""Rules between the ends in the tests of a user: of a mark, of a call, as functions, and as breakpoints."""

from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]

RULES = """
import pytest
from dataclasses import replace

from lensmount.faults import Rule
from lensmount_protocol.dialects.emount.focus import FocusMove
from lensmount_protocol.dialects.emount.identification import SpeedReply


@pytest.mark.lensmount(body="a6000", lens="sel55210", rules="rules.toml")
def test_file_of_the_mark(mounted):
    assert mounted.expect(SpeedReply, within=5).accepted == 0


@pytest.mark.parametrize("way", ["instant", "cut-through"])
def test_texts_of_a_call(mount, way):
    mounted = mount("a6000", "sel55210", rules=[f"on=SpeedReply set=accepted=0 way={way}"])
    assert mounted.expect(SpeedReply, within=5).accepted == 0


def test_function(mount):
    rule = Rule(on="FocusMove", call=lambda move: replace(move, operand=move.operand - 16))
    mounted = mount("a6000", "sel55210", rules=[rule])
    mounted.run_script("focus 0x3F50")
    assert mounted.expect(FocusMove, within=5).operand == 0x3F40


def test_breakpoint(mount):
    mounted = mount("a6000", "sel55210", rules=["on=IdentityReply do=hold"])
    session = mounted.virtual_session
    session.breaks = True
    session.run(5.0)
    assert session.paused
    assert "IdentityReply" in session.held


def test_failing(mount):
    mounted = mount("a6000", "sel55210", rules="rules.toml")
    mounted.run_script("wait 0.05")
    assert False
"""


def test_rules_stand_between_the_ends_of_a_test(run: Run, project: pytest.Pytester) -> None:
    project.makepyfile(RULES)
    (project.path / "rules.toml").write_text('[[rules]]\non = "SpeedReply"\nset = { accepted = 0 }\n')
    result = run()
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(["*--fault *on=SpeedReply set=accepted=0*"])
