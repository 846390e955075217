"""The session machine: repeatable, quick to find what is planted, and it tells that as a short story in one file."""

import contextlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.fuzz import session_fuzzer as session_module
from lensmount_emulator.fuzz.corpus import open_corpus
from lensmount_emulator.fuzz.invariants import INVARIANTS
from lensmount_emulator.fuzz.scenario import (
    MODES,
    OLD_INVARIANTS,
    OLD_STEPS,
    Scenario,
    read_scenario,
    scenario_from_dict,
    to_pytest,
    write_scenario,
)
from lensmount_emulator.fuzz.scenario_runner import STEPS, ScenarioResult, ScenarioRunner, replay_scenario, run_scenario
from lensmount_emulator.fuzz.session_fuzzer import fuzz_sessions, generate_scenario, random_scenario, shrink_outcome
from lensmount_emulator.mount.virtual_mount import VirtualMount
from lensmount_emulator.roles.lmount.lens import engine as lens_module
from lensmount_emulator.sessions.explain_capture import explain
from lensmount_protocol.errors import CaptureError, FaultError

DIALECTS = ("emount", "lmount")


def recording(story: Scenario) -> bytes:
    outcome = run_scenario(story)
    file = io.BytesIO()
    from lensmount_hardware.captures.lmx import RecordingWriter

    with RecordingWriter(file, {}) as writer:
        for record in outcome.records:
            writer.write(record)
    return file.getvalue()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("mode", MODES)
def test_a_share_of_the_campaign_breaks_nothing(dialect: str, mode: str) -> None:
    came = fuzz_sessions([dialect], 2000, 5, mode=mode)
    assert came.steps >= 2000
    assert not came.broken, [outcome.violations[:1] for outcome in came.broken]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_seed_tells_the_same_scenario_and_records_the_same(dialect: str) -> None:
    stories = [generate_scenario(random_scenario(dialect, Random(3), "both"), Random(4), 120) for _ in range(2)]
    assert stories[0].scenario == stories[1].scenario
    assert stories[0].records == stories[1].records
    assert recording(stories[0].scenario) == recording(stories[0].scenario)
    assert len(stories[0].records) > 500


@pytest.mark.parametrize("shrinks", [True, False])
def test_a_session_that_goes_another_way_each_time_is_noticed(
    shrinks: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("lensmount_emulator.fuzz.monitor.Random", lambda _seed: Random())
    came = fuzz_sessions(["lmount"], 20, 3, mode="both", shrinks=shrinks)
    (outcome,) = came.broken
    assert [complaint.invariant for complaint in outcome.violations] == ["deterministic"]
    write_scenario(tmp_path / "repeats.lmx", outcome.scenario, outcome.records)
    assert replay_scenario(tmp_path / "repeats.lmx").violations == outcome.violations
    # A test that an earlier version generated holds the old name.
    assert run_scenario(replace(outcome.scenario, breaks="repeats")).violations == outcome.violations
    monkeypatch.undo()
    assert replay_scenario(tmp_path / "repeats.lmx").violations == []


@pytest.mark.parametrize(
    ("dialect", "steps"),
    [
        ("emount", ("drive LENS_CS high", "wait 0.001")),
        ("emount", ("detach", "wait 0.01", "send lens f055", "wait 0.001")),
        ("lmount", ("drive LENS_ATT high", "wait 0.001")),
    ],
)
def test_a_mount_that_lets_an_unpowered_end_be_fed_is_noticed(
    monkeypatch: pytest.MonkeyPatch, dialect: str, steps: tuple[str, ...]
) -> None:
    body, lens = {"emount": ("a6000", "sel55210"), "lmount": ("sigma-fp", "sigma-45mm-f2.8-dg-dn")}[dialect]
    story = Scenario(dialect, body, lens, mode="body", steps=steps)
    assert run_scenario(story).violations == []
    monkeypatch.setattr(VirtualMount, "_would_back_power", lambda _self, _end: False)
    assert "no back-powering" in {complaint.invariant for complaint in run_scenario(story).violations}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of three steps: the button, then the switch, then the ring, whatever comes in between."""
    by_hand = lens_module.operate_control

    def broken(lens: Any, step: Any) -> Any:
        order = ("press afl", "switch af 1", "turn focus")
        at = getattr(lens, "planted", 0)
        if at < len(order) and step.text.startswith(order[at]):
            lens.planted = at + 1
            if lens.planted == len(order):
                raise ZeroDivisionError("planted")
        return by_hand(lens, step)

    monkeypatch.setattr(lens_module, "operate_control", broken)


@pytest.mark.usefixtures("planted")
def test_a_planted_bug_of_three_steps_is_told_in_five_and_replays(tmp_path: Path) -> None:
    came = fuzz_sessions(["lmount"], 20_000, 2, mode="both")
    outcome = next(one for one in came.broken if one.violations[0].invariant == "no exception")
    assert "ZeroDivisionError: planted" in outcome.violations[0].text
    assert len(outcome.scenario.steps) <= 5
    path = tmp_path / "failure.lmx"
    write_scenario(path, outcome.scenario, outcome.records)
    assert replay_scenario(path).violations == outcome.violations
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["fuzz", "replay", str(path)]) == 1
    assert "no exception: ZeroDivisionError: planted" in out.getvalue()
    space: dict[str, Any] = {}
    exec(to_pytest(outcome.scenario, "planted"), space)
    with pytest.raises(AssertionError):
        space["test_planted"]()


@pytest.mark.usefixtures("planted")
def test_the_explanation_of_a_found_scenario_names_what_broke(tmp_path: Path) -> None:
    steps = tuple(f"operate {step}" for step in ("press afl", "switch af 1", "turn focus 5"))
    noise = ("wait 0.3", "send body 00", "wait 0.1")
    outcome = run_scenario(Scenario("lmount", "sigma-fp", "sigma-45mm-f2.8-dg-dn", steps=(*noise, *steps)))
    (violation,) = outcome.violations
    path = tmp_path / "failure.lmx"
    write_scenario(path, outcome.scenario, outcome.records, violations=outcome.violations)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["explain", str(path)]) == 1
    assert out.getvalue().startswith(
        f'The session broke the invariant "no exception" at {violation.at * 1e3:.3f} ms: ZeroDivisionError: planted'
    )
    assert "the first irregularity in the traffic: The body sent bytes at " in out.getvalue()
    early = tmp_path / "early.lmx"
    write_scenario(early, outcome.scenario, outcome.records, violations=[violation._replace(at=0.1)])
    kinds = [one.kind.value for one in explain(early).findings]
    assert kinds[0] == "invariant broken"
    assert len(kinds) > 1
    # A header that was edited names nothing.
    path.write_bytes(path.read_bytes().replace(b'"invariant":', b'"constraint":'))
    with contextlib.redirect_stdout(io.StringIO()) as out:
        main(["explain", str(path)])
    assert "invariant" not in out.getvalue()


def test_the_file_of_a_fuzz_run_holds_what_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_lens: Any, _step: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(lens_module, "operate_control", broken)
    words = f"fuzz session --dialect lmount --mode both --steps 300 --no-shrink --quiet --output-dir {tmp_path}"
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(words.split()) == 1
    files = sorted(tmp_path.glob("scenario-*.lmx"))
    assert files
    for file in files:
        assert explain(file).paragraph.startswith("The session broke the invariant ")


def test_a_scenario_that_breaks_nothing_stays_as_it_is() -> None:
    outcome = generate_scenario(random_scenario("lmount", Random(1), "both"), Random(1), 30)
    assert not outcome.violations
    broken = replace(outcome, violations=[outcome.violations[0]] if outcome.violations else [])
    space: dict[str, Any] = {}
    exec(to_pytest(broken.scenario, "fine"), space)
    space["test_fine"]()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "story.lmx"
    outcome = run_scenario(Scenario("lmount", "sigma-fp", "sigma-45mm-f2.8-dg-dn", steps=("wait 0.2", "detach")))
    write_scenario(path, outcome.scenario, outcome.records)
    return path


def test_a_scenario_in_a_file_is_a_recording_and_reads_as_it_was_written(file: Path) -> None:
    story = read_scenario(file)
    assert story.steps == ("wait 0.2", "detach")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["decode", "--dialect", "lmount", str(file)]) == 0
    assert "BodyHello" in out.getvalue()
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["fuzz", "replay", str(file), "--json"]) == 0
    assert json.loads(out.getvalue()) == {"steps": 2, "broke": "", "broken": []}


def changed(file: Path, **changes: Any) -> Path:
    lines = file.read_text().splitlines(keepends=True)
    header = json.loads(lines[0])
    header["scenario"] |= changes
    file.write_text(json.dumps(header) + "\n" + "".join(lines[1:]))
    return file


def test_steps_and_invariant_of_version_1_are_read_with_their_new_names(file: Path) -> None:
    old = ["wait 0.2", "hear lens", "hand ring 30", "off", "on"]
    scenario = read_scenario(changed(file, version=1, steps=old, breaks="unpowered"))
    assert scenario.steps == ("wait 0.2", "wait-frame lens", "operate ring 30", "detach", "attach")
    assert scenario.breaks == "no back-powering"
    assert scenario.to_dict()["version"] == 2
    # A test that an earlier version generated holds the old steps itself.
    again, new = run_scenario(replace(scenario, steps=tuple(old))), run_scenario(scenario)
    assert (again.steps, again.violations, again.records) == (5, [], new.records)


def test_every_old_name_has_a_present_one() -> None:
    assert OLD_STEPS
    assert OLD_INVARIANTS
    assert set(OLD_STEPS.values()) <= set(STEPS)
    assert set(OLD_INVARIANTS.values()) <= set(INVARIANTS)
    assert not set(OLD_STEPS) & set(STEPS)
    assert not set(OLD_INVARIANTS) & set(INVARIANTS)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": 9}, "scenario version 9; this program reads versions 1 and 2"),
        ({"steps": "wait"}, "the scenario is damaged: steps"),
        ({"steps": [3]}, "the scenario is damaged: steps"),
        ({"seed": "x"}, "the scenario is damaged: seed"),
        ({"colour": "red"}, "the scenario is damaged: colour"),
        ({"mode": "nobody"}, "scenario mode 'nobody'; known: both, body, lens"),
    ],
)
def test_a_file_that_is_wrong_is_reported_in_one_line(file: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(FaultError, match=says):
        read_scenario(changed(file, **changes))


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (
            ["sing"],
            "unknown scenario step 'sing'; known: attach, detach, drive, fault, operate, send, wait, wait-frame",
        ),
        (["wait long"], "step 'wait long' cannot be read"),
        (["wait 1e9"], "a wait is from 0 to 60 s"),
        (["send lens zz"], "step 'send lens zz' cannot be read"),
        (["drive BODY_ATT high"], "BODY_ATT is not driven by the passive end"),
        (["fault 0 nothing"], "unknown fault 'nothing'"),
        (["operate wave"], "unknown script verb 'wave'"),
    ],
)
def test_a_step_that_no_one_can_take_is_reported(file: Path, steps: list[str], says: str) -> None:
    with pytest.raises(FaultError, match=says):
        replay_scenario(changed(file, steps=steps))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"dialect": "emount"}, "the scenario is of 'emount', and its body 'sigma-fp' of 'lmount'"),
        ({"dialect": "zmount"}, "the scenario is of 'zmount'"),
        ({"lens": "sel55210"}, "its lens 'sel55210' of 'emount'"),
        ({"lens": "sigma-fp"}, "the scenario's lens is 'sigma-fp', a profile of a body"),
    ],
)
def test_a_scenario_of_another_dialect_is_reported(
    file: Path, changes: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fuzz", "replay", str(changed(file, **changes))]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("kept", [0, 1, 40, 90, -1])
def test_a_file_that_was_cut_is_told_or_says_its_scenario(
    file: Path, kept: int, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = file.read_bytes()
    header = whole.index(b"\n") + 1
    file.write_bytes(whole[:kept] if kept >= 0 else whole[: header - 1])
    assert main(["fuzz", "replay", str(file)]) in (2, 3)
    assert capsys.readouterr().err.count("\n") == 1
    # Behind its header a recording may end anywhere: the story is all there.
    file.write_bytes(whole[: header + 20])
    assert main(["fuzz", "replay", str(file)]) == 0


@pytest.mark.usefixtures("planted")
def test_a_campaign_keeps_what_it_finds_and_plays_it_again_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = str(tmp_path / "corpus")
    words = ["fuzz", "session", "--dialect", "lmount", "--mode", "both", "--stories", str(tmp_path), "--json"]
    words += ["--corpus", place]
    assert main([*words, "--seed", "2", "--steps", "20000"]) == 1
    found = json.loads(capsys.readouterr().out)["kinds"]
    assert main([*words, "--seed", "5", "--steps", "1"]) == 1
    figures = json.loads(capsys.readouterr().out)
    assert (figures["from corpus"], figures["damaged"], figures["broken"]) == (found, 0, found)
    corpus = open_corpus(place)
    for wrong in ({"version": 9}, {"dialect": "emount"}, {"steps": ["sing"]}, {"lens": "nobody"}):
        corpus.keep("session lmount", Scenario("lmount", "sigma-fp", "sigma-45mm-f2.8-dg-dn").to_dict() | wrong)
    monkeypatch.undo()
    assert main([*words, "--seed", "5", "--steps", "1"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["damaged"], figures["broken"]) == (4, 0)


@pytest.mark.usefixtures("planted")
def test_what_a_full_disk_does_not_take_is_told_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_rest: Any, **_more: Any) -> None:
        raise CaptureError(f"{path}: No space left on device")

    monkeypatch.setattr("lensmount_emulator.fuzz.scenario.write_scenario", full)
    words = ["fuzz", "session", "--dialect", "lmount", "--mode", "both", "--seed", "2", "--steps", "20000"]
    assert main([*words, "--stories", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "No space left on device" in told.err
    entries = [json.loads(line) for line in told.out.splitlines() if line.startswith("{")]
    assert entries
    for entry in entries:
        assert run_scenario(scenario_from_dict(entry["scenario"])).violations


def test_a_time_takes_the_place_of_the_number_of_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fuzz", "session", "--dialect", "lmount", "--output-dir", str(tmp_path), "--no-shrink", "--json"]
    assert main([*words, "--seconds", "0.001"]) == 0
    figures = json.loads(capsys.readouterr().out)
    # The first scenario is always taken.
    assert figures["scenarios"] == 1
    assert figures["steps"] > 100
    assert main([*words, "--jobs", "2"]) == 2
    assert "only a firmware runs in several processes" in capsys.readouterr().err


def test_other_files_are_no_scenarios(tmp_path: Path) -> None:
    path = tmp_path / "plain.lmx"
    with contextlib.redirect_stdout(io.StringIO()):
        main(["loopback", "--duration", "0.1", "--quiet", "--record", str(path)])
    with pytest.raises(FaultError, match="holds no scenario"):
        read_scenario(path)
    with pytest.raises(CaptureError, match="No such file"):
        read_scenario(tmp_path / "nowhere.lmx")
    path.write_text("{")
    with pytest.raises(CaptureError):
        read_scenario(path)
    assert main(["fuzz", "replay", str(tmp_path / "nowhere.lmx")]) == 3


@pytest.mark.usefixtures("planted")
def test_the_command_writes_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fuzz", "session", "--dialect", "lmount", "--mode", "both", "--seed", "2", "--steps", "20000"]
    earlier = tmp_path / "scenario-2-1.lmx"
    earlier.write_text("of an earlier run")
    assert main([*words, "--stories", str(tmp_path), "--json"]) == 1
    output = capsys.readouterr()
    figures = json.loads(output.out)
    assert len(re.findall(r"^.*; shrinking \d+ steps, .*--no-shrink", output.err, re.MULTILINE)) == figures["kinds"]
    assert figures["kinds"] == len(figures["files"]) == len(list(tmp_path.glob("scenario-2-*.lmx"))) - 1 >= 1
    assert earlier.read_text() == "of an earlier run"
    assert main(["fuzz", "replay", figures["files"][0]]) == 1


def test_a_break_is_shrunk_only_while_it_stays_the_same(planted: None) -> None:
    came = fuzz_sessions(["lmount"], 20_000, 2, mode="both", shrinks=False)
    long = came.broken[0]
    short = shrink_outcome(long)
    assert len(short.scenario.steps) < len(long.scenario.steps)
    assert short.violations[0].invariant == long.violations[0].invariant


def test_a_lens_that_does_not_answer_a_restarted_body_is_named_with_the_question_and_both_rates() -> None:
    stage = ScenarioRunner(Scenario("lmount", "panasonic-s1r", "sigma-45mm-f2.8-dg-dn", "lens"))
    stage.monitor.traits = replace(stage.monitor.traits, is_hello_reply=lambda _frame: False)
    stage.close()
    (violation,) = stage.monitor.violations
    assert re.search(
        r"after 2 s without a byte of the body, a lens in state \w+ at \d+ Bd answers no \w*Hello\w* at \d+ Bd within",
        violation.text,
    )


def test_who_is_stopped_while_a_scenario_is_made_short_has_the_long_one(
    planted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(_outcome: ScenarioResult) -> ScenarioResult:
        raise KeyboardInterrupt

    monkeypatch.setattr(session_module, "shrink_outcome", stopped)
    words = ["fuzz", "session", "--dialect", "lmount", "--mode", "both", "--seed", "2", "--steps", "20000"]
    assert main([*words, "--stories", str(tmp_path / "made" / "here")]) == 130
    out = capsys.readouterr().out
    assert re.search(r"^broken +1$", out, re.MULTILINE)
    (file,) = (tmp_path / "made" / "here").iterdir()
    assert f"lensmount replay {file}" in out
    assert main(["replay", str(file)]) == 1


def test_a_folder_that_takes_no_scenarios_is_told_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session_module, "fuzz_sessions", None)
    (tmp_path / "file").write_text("")
    for place in ("file", "file/below"):
        assert main(["fuzz", "session", "--stories", str(tmp_path / place)]) == 3
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "scenarios cannot be written there: " in line
    assert main(["fuzz", "session", "--stories", "/proc/self"]) == 3
