"""Fuzzing of firmware: a sound lens breaks nothing, planted defects are found and replay, as do crashes."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.firmware.build import BuildOptions, build_firmware, example_folder
from lensmount_emulator.fuzz import firmware_fuzzer
from lensmount_emulator.fuzz.firmware_fuzzer import FirmwareFuzzPlan, FirmwareFuzzRun, explore, fuzz_firmware
from lensmount_emulator.fuzz.firmware_inputs import ScenarioMutator, operation, recorded_messages, recorded_scenarios
from lensmount_emulator.fuzz.scenario import Scenario, get_dialect, write_scenario
from lensmount_emulator.fuzz.scenario_runner import ScenarioResult, replay_scenario, run_scenario
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame
from lensmount_protocol.wire import Role


def planted(number: int, folder: Path) -> str:
    options = BuildOptions(coverage=True, options=(f"-DLM_PLANTED={number}", "-w", "-O0"))
    return str(build_firmware([example_folder() / "lmount_lens.c"], folder / f"planted{number}.so", options))


def first_finding(plan: FirmwareFuzzPlan) -> ScenarioResult:
    outcomes: list[ScenarioResult] = []

    def found(outcome: ScenarioResult) -> bool:
        outcomes.append(outcome)
        return False

    fuzz_firmware(plan, found)
    assert outcomes, "nothing was found"
    return outcomes[0]


def test_a_sound_lens_breaks_nothing(lens: str) -> None:
    outcomes: list[ScenarioResult] = []
    run = fuzz_firmware(FirmwareFuzzPlan("lmount", lens=lens, seed=3, steps=2400), lambda one: not outcomes.append(one))
    assert [one.violations[0] for one in outcomes] == []
    assert run.steps >= 2400
    assert run.kept > 0


def test_a_defect_is_found_and_its_file_replays_it(compiler: str, tmp_path: Path) -> None:
    plan = FirmwareFuzzPlan("lmount", lens=planted(11, tmp_path), seed=1, steps=40_000)
    outcome = first_finding(plan)
    assert outcome.violations[0].invariant == "rules"
    assert "ends DONE before its acceptance" in outcome.violations[0].text
    file = tmp_path / "story.lmx"
    write_scenario(file, outcome.scenario, outcome.records)
    assert replay_scenario(file).violations[0].text == outcome.violations[0].text


def test_coverage_and_states_guide_to_new_scenarios(compiler: str, tmp_path: Path) -> None:
    plan = FirmwareFuzzPlan("lmount", lens=planted(0, tmp_path), seed=2, steps=1500, guided=1.0)
    run = fuzz_firmware(plan, lambda _outcome: True)
    assert run.kept > 0


def test_a_recorded_session_is_a_scenario_without_our_body(lens: str) -> None:
    plan = FirmwareFuzzPlan("lmount", lens=lens, seed=1)
    scenario = recorded_scenarios(plan.scenario(Random(1)), Role.LENS)[1]
    assert scenario.mode == "lens"
    outcome = explore(scenario, Random(1), len(scenario.steps), lambda _step: None)
    assert outcome.violations == []
    assert sum(getattr(record, "sender", None) is not None for record in outcome.records) > 20


def test_usual_operation_at_length_finds_what_needs_a_script(compiler: str, tmp_path: Path) -> None:
    plan = FirmwareFuzzPlan("lmount", lens=planted(15, tmp_path), seed=1)
    for number in range(30):
        random = Random(f"operation {number}")
        scenario = operation(plan.scenario(random), random)
        found = run_scenario(scenario).violations
        if found:
            break
    assert "has the target" in found[0].text


def test_changed_scenarios_run_and_sweeps_differ(lens: str) -> None:
    dialect, plan = get_dialect("lmount"), FirmwareFuzzPlan("lmount", lens=lens, seed=1)
    kept = recorded_scenarios(plan.scenario(Random(1)), Role.LENS)[:1]
    known = recorded_messages(kept, dialect, Role.BODY)
    assert len(known) > 5
    for number in range(6):
        mutator = ScenarioMutator(dialect, Role.BODY, Random(number), can_drive=True, recorded=known)
        steps = mutator.change(kept[0].steps)
        assert run_scenario(kept[0].with_steps(steps[:400]), closes=False).violations == []
        sends = [step for step in mutator.sweep() if step.startswith("send")]
        assert len({*sends}) >= min(256, len(sends))
        kinds = [step for step in mutator.every_input() if step.startswith("send")]
        assert len(kinds) > 20


@pytest.mark.parametrize(("number", "text"), [(1, "crashes: SIGSEGV"), (9, "exit code 3"), (14, "SIGKILL")])
def test_the_end_of_a_process_is_a_finding_that_replays(faulty: Callable[[int], str], number: int, text: str) -> None:
    outcome = first_finding(FirmwareFuzzPlan("lmount", lens=faulty(number), seed=1, steps=4000))
    assert outcome.violations[0].invariant == "firmware"
    assert text in outcome.violations[0].text
    again = run_scenario(outcome.scenario)
    assert again.violations[0].invariant == "firmware"
    assert text in again.violations[0].text


def test_an_end_at_the_start_takes_a_scenario_for_each_step(compiler: str, tmp_path: Path) -> None:
    source = tmp_path / "ends.c"
    source.write_text(
        (Path(__file__).parent / "faulty.c").read_text().replace("return FAULT == 17 ? 0 : fw;", "abort(); return fw;")
    )
    library = build_firmware([source], tmp_path / "ends.so", BuildOptions(options=("-DFAULT=0", "-O0", "-w")))
    outcomes: list[ScenarioResult] = []
    plan = FirmwareFuzzPlan("lmount", lens=str(library), seed=1, steps=3)
    run = fuzz_firmware(plan, lambda one: not outcomes.append(one))
    assert {one.violations[0].invariant for one in outcomes} == {"firmware"}
    assert 3 <= run.steps <= run.scenarios * 2
    assert run.scenarios == len(outcomes) <= 4


def test_a_mode_is_that_of_every_scenario_also_of_continued_ones(
    lens: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"

    def log_mode(scenario: Scenario, *rest: Any) -> ScenarioResult:
        # It runs in a process of its own.
        with log.open("a") as file:
            print(scenario.mode, scenario.body, file=file)
        return explore(scenario, *rest)

    monkeypatch.setattr(firmware_fuzzer, "explore", log_mode)
    plan = FirmwareFuzzPlan("lmount", lens=lens, body="sigma-fp", mode="both", steps=600, guided=1.0)
    fuzz_firmware(plan, lambda _outcome: True)
    scenarios = log.read_text().splitlines()
    assert len(scenarios) >= 2
    assert {*scenarios} == {"both sigma-fp"}


def test_the_named_body_and_the_mode_reach_the_plan(lens: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[FirmwareFuzzPlan] = []

    def note(plan: FirmwareFuzzPlan, *_: object, run: FirmwareFuzzRun) -> None:
        plans.append(plan)
        run.steps = 1

    monkeypatch.setattr(firmware_fuzzer, "fuzz_firmware", note)
    words = ("--body", "sigma-fp", "--mode", "lens", "--output-dir", str(tmp_path))
    assert main(["fuzz", "session", "--lens-firmware", lens, *words]) == 0
    (plan,) = plans
    assert (plan.dialect, plan.lens, plan.body, plan.mode) == ("lmount", lens, "sigma-fp", "lens")


def test_a_frame_is_sent_damaged_with_every_sequence_number(lens: str) -> None:
    dialect = get_dialect("lmount")
    template = Scenario("lmount", "panasonic-s1r", lens, mode="lens", seed=1)
    steps = recorded_scenarios(template, Role.LENS)[0].steps
    found = 0
    for seed in range(60):
        mutator = ScenarioMutator(dialect, Role.BODY, Random(seed), can_drive=True, recorded={})
        added = set(mutator.change(steps)) - set(steps)
        frames = [bytes.fromhex(step.split()[2]) for step in added if step.startswith("send body ")]
        if len(frames) < 200 or len({data[4] for data in frames}) < 200:
            continue
        parser = FrameParser(dialect, Role.BODY, dialect.payload_parser())
        valid = [event for data in frames for event in parser.receive(data) if isinstance(event, Frame)]
        found += len(valid) < 20
    assert found > 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--body", "no-such-body"], "unknown profile 'no-such-body'"),
        (["--body", "a6000"], "name ends and --dialect of one dialect"),
        (["--dialect", "emount"], "name ends and --dialect of one dialect"),
        (["--lens", "sigma-45mm-f2.8-dg-dn"], "both name the lens"),
        (["--mode", "body"], "leaves out the firmware of the lens"),
        (["--corpus", "kept"], "--corpus has no effect on a firmware"),
    ],
)
def test_what_a_firmware_run_cannot_do_is_refused(
    lens: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    found = ["--steps", "10", "--output-dir", str(tmp_path)]
    assert main(["fuzz", "session", "--lens-firmware", lens, *words, *found]) == 2
    assert text in capsys.readouterr().err


def test_a_scenario_without_firmware_stays_in_this_process() -> None:
    scenario = Scenario("lmount", "sigma-fp", "sigma-45mm-f2.8-dg-dn", steps=("wait 0.2",))
    assert run_scenario(scenario, closes=False).violations == []
