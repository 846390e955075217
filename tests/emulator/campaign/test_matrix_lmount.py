"""The open model's matrix: each body, lens and accessory in some cell, and every cell with a verdict and its reason."""

import re
from dataclasses import replace

import pytest

from lensmount_emulator.campaign.case_runner import CHECK_ALL
from lensmount_emulator.campaign.matrix import MatrixCell, MatrixOutcome
from lensmount_emulator.campaign.planner import MatrixPlan, plan_matrix
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.lmount.compatibility_rules import RULES
from lensmount_protocol.errors import ProfileError

STEPS = [
    "attach", "identify", "negotiate", "zoom", "focus", "iris", "stabilise", "correct", "expose", "sleep", "wake",
    "firmware", "detach",
]  # fmt: skip


def thinned(planned: MatrixPlan) -> MatrixPlan:
    """Each lens with whatever is put on it once, on one body after the other, and each body at least once."""
    bodies = list(planned.matrix.bodies)
    mounted = list(dict.fromkeys((one.lens, one.accessories) for one in planned.combinations))
    body_of = {what: bodies[number % len(bodies)] for number, what in enumerate(mounted)}
    kept = [one for one in planned.combinations if body_of[one.lens, one.accessories] == one.body]
    matrix = replace(planned.matrix, planned=len(kept), cells=[])
    return replace(planned, combinations=kept, matrix=matrix)


@pytest.fixture(scope="module")
def cells() -> list[MatrixCell]:
    planned = thinned(plan_matrix("lmount"))
    matrix = planned.matrix
    assert {cell.body for cell in planned.run()} == set(matrix.bodies)
    near = {name for name in matrix.lenses if load_profile(name).dialect == "lmount"}
    assert {cell.lens for cell in matrix.cells} >= near
    assert {"sigma-tc-1411", "panasonic-stc14"} <= {name for cell in matrix.cells for name in cell.accessories}
    assert matrix.complete
    return matrix.cells


def test_every_cell_has_a_verdict(cells: list[MatrixCell]) -> None:
    assert [(cell.what, cell.body, cell.errors) for cell in cells if cell.outcome is MatrixOutcome.BROKEN] == []
    assert {cell.outcome for cell in cells} == set(MatrixOutcome) - {MatrixOutcome.BROKEN}


def test_every_cell_went_through_all_steps_or_was_refused(cells: list[MatrixCell]) -> None:
    for cell in cells:
        steps = list(dict.fromkeys(finding.step for finding in cell.findings))
        assert steps == STEPS[: len(steps)], cell.replay
        assert len(steps) == len(STEPS) or cell.outcome is MatrixOutcome.REFUSED, cell.replay


def test_what_is_less_than_works_has_a_rule_with_a_public_reason(cells: list[MatrixCell]) -> None:
    for cell in cells:
        assert bool(cell.limitations) is (cell.outcome is not MatrixOutcome.WORKS), cell.replay
        for finding in cell.limitations:
            rule = RULES[finding.rule]
            assert rule.why.endswith(".")
            assert rule.known in ("public", "reported", "inferred", "modelled")
            assert re.search(r"https?://|protocol/spec/", rule.source)


def test_the_same_seed_gives_the_same_cells() -> None:
    runs = [list(plan_matrix("lmount", ["leica-cl"], ["sigma-4*"], seed=3).run()) for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0]
    assert f"--script '{CHECK_ALL}' --seed 3" in runs[0][0].replay


def test_an_accessory_that_does_not_fit_is_told_why_before_anything_runs() -> None:
    with pytest.raises(
        ProfileError, match=r"sigma-tc-1411 does not fit leica-summilux-tl-35mm-f1\.4; it fits sigma-60"
    ):
        plan_matrix("lmount", lenses=["leica-summilux-tl-35mm-f1.4"], accessories=["sigma-tc-1411"])
    assert plan_matrix("lmount", ["leica-cl"], ["*"], ["sigma-tc-*"]).matrix.planned > 0
