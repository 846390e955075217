"""A matrix: what goes with what, a verdict for every cell whatever its session does, and the same order each time."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lensmount_emulator.campaign.case_runner import recording_name, session_error_lines
from lensmount_emulator.campaign.matrix import (
    CRASHED,
    Combination,
    Matrix,
    MatrixCell,
    MatrixOutcome,
    SessionResult,
    make_combinations,
    parse_accessory_patterns,
    run_matrix,
    select_profiles,
)
from lensmount_emulator.campaign.planner import plan_matrix
from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.verdicts import CompatibilityResult, CompatibilityRule, Verdict
from lensmount_emulator.profiles.library import Profile, load_profile
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.errors import MountError, ProfileError, ScriptError

RULES = {"crop": CompatibilityRule("crop", "The body crops.", "public", "https://example.org/crop")}
SCRIPT = "wait 0.15; aperture f/8"
WORKS = CompatibilityResult("attach", Verdict.WORKS, "", "", 0.1)
FOCUS_REDUCED = CompatibilityResult("focus", Verdict.REDUCED, "crop", "the middle only", 0.2)
IDENTIFY_REFUSED = CompatibilityResult("identify", Verdict.REFUSED, "crop", "", 0.2)


def profiles(place: Place, *names: str, dialect: str = "emount") -> dict[str, Profile]:
    base = load_profile("a6000" if place is Place.BODY else "sel55210")
    return {name: replace(base, name=name, place=place, dialect=dialect) for name in names}


def cells(trials: dict[str, SessionResult | Exception], **options: int) -> list[MatrixCell]:
    """The cells of a body with one lens for each trial."""

    def attempt(combination: Combination) -> SessionResult:
        trial = trials[combination.lens]
        if isinstance(trial, Exception):
            raise trial
        return trial

    combinations = [Combination("body", lens) for lens in trials]
    return list(run_matrix(combinations, attempt, RULES, lambda one: f"replay {one.lens}", **options))


def trial(*findings: CompatibilityResult, errors: Sequence[str] = ()) -> SessionResult:
    return SessionResult(findings, tuple(errors), 1.5)


def outcome_of(tried: SessionResult | Exception) -> MatrixCell:
    (cell,) = cells({"lens": tried})
    return cell


def test_cells_come_body_by_body_and_lens_by_lens_alone_first() -> None:
    found = make_combinations(
        "emount",
        profiles(Place.BODY, "b1", "b2"),
        profiles(Place.LENS, "l1", "l2"),
        profiles(Place.ACCESSORY, "a1", "a2"),
        lambda accessory, lens: "too long" if (accessory.name, lens.name) == ("a1", "l2") else None,
    )
    every = itertools.product(("b1", "b2"), ("l1", "l2"), ((), ("a1",), ("a2",)))
    assert found == [Combination(*one) for one in every if one[1:] != ("l2", ("a1",))]


def test_a_lens_of_another_dialect_only_comes_with_what_it_fits_on() -> None:
    bodies, adapter = profiles(Place.BODY, "b"), profiles(Place.ACCESSORY, "adapter")
    lenses = profiles(Place.LENS, "near") | profiles(Place.LENS, "far", dialect="lmount")

    def only_far(_accessory: Profile, lens: Profile) -> str | None:
        return None if lens.name == "far" else "no"

    found = make_combinations("emount", bodies, lenses, adapter, only_far)
    assert found == [Combination("b", "near"), Combination("b", "far", ("adapter",))]
    assert make_combinations("emount", bodies, lenses, adapter, lambda _accessory, _lens: "no", bare=False) == []


def test_words_choose_by_name_pattern_and_path(tmp_path: Path) -> None:
    known = profiles(Place.LENS, "sigma-45", "sigma-14", "leica-24") | profiles(Place.BODY, "sigma-fp")
    assert list(select_profiles(["sigma-*"], Place.LENS, known)) == ["sigma-14", "sigma-45"]
    assert list(select_profiles(["leica-24", "*"], Place.LENS, known)) == ["leica-24", "sigma-14", "sigma-45"]
    assert select_profiles(["*"], Place.ACCESSORY, known) == {}
    mine = tmp_path / "mine.toml"
    mine.write_text((Path(load_profile.__code__.co_filename).parent / "emount" / "sel2870.toml").read_text())
    assert list(select_profiles([str(mine)], Place.LENS, known)) == [str(mine)]
    with pytest.raises(ProfileError, match="is a lens; a body is needed here"):
        select_profiles([str(mine)], Place.BODY, known)
    with pytest.raises(ProfileError, match=r"unknown lens 'canon-.*'; known: leica-24, sigma-14, sigma-45"):
        select_profiles(["canon-*"], Place.LENS, known)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["all"], (["*"], True)),
        (["none"], ([], True)),
        (["tc-*"], (["tc-*"], False)),
        (["none", "tc"], (["tc"], True)),
    ],
)
def test_with_says_whether_lenses_are_tried_alone_too(words: list[str], meant: tuple[list[str], bool]) -> None:
    assert parse_accessory_patterns(words) == meant


@pytest.mark.parametrize(
    ("tried", "outcome"),
    [
        (trial(WORKS), MatrixOutcome.WORKS),
        (trial(WORKS, FOCUS_REDUCED), MatrixOutcome.REDUCED),
        (trial(WORKS, replace(FOCUS_REDUCED, verdict=Verdict.REFUSED)), MatrixOutcome.REDUCED),
        (trial(WORKS, IDENTIFY_REFUSED), MatrixOutcome.REFUSED),
        (trial(WORKS, errors=["electrical: ouch"]), MatrixOutcome.BROKEN),
        (trial(WORKS, replace(FOCUS_REDUCED, rule="whim")), MatrixOutcome.BROKEN),
        (trial(replace(WORKS, rule="whim")), MatrixOutcome.BROKEN),
        (trial(WORKS, replace(FOCUS_REDUCED, rule="")), MatrixOutcome.BROKEN),
        (KeyError("x"), MatrixOutcome.BROKEN),
        (MountError("no"), MatrixOutcome.BROKEN),
    ],
)
def test_every_trial_has_its_outcome(tried: SessionResult | Exception, outcome: MatrixOutcome) -> None:
    cell = outcome_of(tried)
    assert cell.outcome is outcome
    assert bool(cell.errors) is (outcome is MatrixOutcome.BROKEN)


def test_a_cell_says_what_it_met() -> None:
    cell = outcome_of(trial(WORKS, FOCUS_REDUCED, replace(FOCUS_REDUCED, step="iris")))
    assert (cell.body, cell.what, cell.replay, cell.seconds) == ("body", "lens", "replay lens", 1.5)
    assert cell.rules == ["crop"]
    assert [finding.step for finding in cell.limitations] == ["focus", "iris"]


def test_a_crash_breaks_its_own_cell_only() -> None:
    found = cells({"first": trial(WORKS), "second": ZeroDivisionError("by\nzero"), "third": trial(WORKS)})
    assert [cell.outcome for cell in found] == [MatrixOutcome.WORKS, MatrixOutcome.BROKEN, MatrixOutcome.WORKS]
    assert found[1].rules == [CRASHED]
    assert found[1].findings[0].detail == "ZeroDivisionError: by zero"
    assert found[1].errors == ("crashed: ZeroDivisionError: by zero",)


def test_ctrl_c_leaves_what_was_done() -> None:
    def attempt(combination: Combination) -> SessionResult:
        if combination.lens == "l2":
            raise KeyboardInterrupt
        return trial(WORKS)

    running = run_matrix([Combination("b", f"l{number}") for number in range(5)], attempt, RULES, str)
    done = [next(running), next(running)]
    with pytest.raises(KeyboardInterrupt):
        next(running)
    assert [cell.lens for cell in done] == ["l0", "l1"]


def test_a_matrix_counts_what_it_holds() -> None:
    matrix = Matrix("d", "t", "n", "s", None, {}, {}, {}, RULES, 3)
    matrix.cells += cells({"a": trial(WORKS), "b": trial(FOCUS_REDUCED)})
    assert matrix.counts == dict(zip(MatrixOutcome, (1, 1, 0, 0), strict=True))
    assert not matrix.complete
    assert {name: counts.total() for name, counts in matrix.cells_by_rule.items()} == {"crop": 1}


def test_real_sessions_run_in_order_alone_and_shared() -> None:
    planned = plan_matrix("emount", lenses=["sel*"], script=SCRIPT, seed=4)
    assert planned.matrix.planned == len(planned.combinations) == 4
    replay = planned.run_cell.replay
    alone, shared = (
        list(run_matrix(planned.combinations, planned.run_cell, RULES, replay, jobs=jobs)) for jobs in (1, 2)
    )
    assert alone == shared
    assert [(cell.body, cell.lens) for cell in alone] == [(one.body, one.lens) for one in planned.combinations]
    assert {cell.outcome for cell in alone} == {MatrixOutcome.WORKS}
    assert alone[0].replay == f"lensmount loopback --body a6000 --lens sel2870 --script '{SCRIPT}' --seed 4"


def test_a_recording_of_each_cell_is_that_of_its_session(tmp_path: Path) -> None:
    planned = plan_matrix("emount", ["a6000"], ["sel55210"], script=SCRIPT, seed=4, folder=tmp_path)
    list(run_matrix(planned.combinations, planned.run_cell, RULES, str))
    (path,) = tmp_path.iterdir()
    assert path.name == "a6000+sel55210.lmx"
    assert len(path.read_text().splitlines()) == 1 + len(run_loopback(script=SCRIPT, seed=4).records)


def test_a_path_makes_a_file_name() -> None:
    assert recording_name(Combination("./my/body.toml", "lens", ("tc",))) == "._my_body.toml+lens+tc.lmx"


def test_a_session_without_a_verdict_is_broken() -> None:
    session = run_loopback(script=SCRIPT)
    assert session_error_lines(session) == []
    session.finished = False
    session.violations.append("ouch")
    assert session_error_lines(session) == ["electrical: ouch", "the script was not carried out to its end"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"bodies": ["sel2870"]}, "unknown body 'sel2870'; known: a6000, nex7"),
        ({"accessories": ["tc"]}, "unknown accessory 'tc'; known: none"),
        ({"lenses": ["sel2870"], "accessories": ["*"]}, "sel2870 fits no other requested profile"),
        ({"accessories": ["*"]}, "none of the requested emount profiles fit together"),
    ],
)
def test_what_cannot_be_planned_is_one_line(options: dict[str, list[str]], text: str) -> None:
    with pytest.raises(ProfileError, match=text):
        plan_matrix("emount", script=SCRIPT, **options)  # type: ignore[arg-type]


def test_a_dialect_without_the_script_is_told_before_anything_runs() -> None:
    with pytest.raises(ScriptError, match="unknown script verb 'check'"):
        plan_matrix("emount", script="check all")


def test_each_dialect_has_a_script_of_its_own() -> None:
    assert plan_matrix("lmount").matrix.script == "check all"
    planned = plan_matrix("emount", lenses=["sel55210"], bodies=["a6000"])
    assert "focus" in planned.matrix.script
    (cell,) = planned.run()
    assert cell.outcome is MatrixOutcome.WORKS
