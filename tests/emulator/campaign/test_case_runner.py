"""A case: the session that it says, held to what it must be, and shown again from what is left of it."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest

from lensmount_emulator.campaign import case_runner
from lensmount_emulator.campaign.case import PLAIN, SESSION, Case, CaseStatus, InvariantOutcome, ScriptOutcome
from lensmount_emulator.campaign.case_runner import CaseRunner, CellSessionRunner, make_recording
from lensmount_emulator.campaign.matrix import Combination, MatrixOutcome, run_matrix
from lensmount_emulator.campaign.session_metrics import BUCKETS_US, latency_bucket
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.faults.options import ExpectedOutcome
from lensmount_emulator.faults.registry import parse_plan
from lensmount_emulator.fuzz.invariants import INVARIANTS
from lensmount_emulator.fuzz.monitor import SessionMonitor
from lensmount_emulator.fuzz.scenario import Scenario, get_profile, read_scenario
from lensmount_emulator.fuzz.scenario_runner import run_scenario
from lensmount_emulator.roles.lmount.body import engine as body_engine
from lensmount_emulator.roles.lmount.body.engine import BodyEngine
from lensmount_emulator.roles.lmount.compatibility_rules import POWER_GRANT, RULES
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.reproduce import rerun_recording
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.dialects.lmount.lines import DETECT

EMOUNT = Case(7, PLAIN, "emount", "a6000", "sel55210", (), (), 3, "wait 0.2; aperture f/8", 20.0, 60, (*INVARIANTS,))
LMOUNT = replace(
    EMOUNT, dialect="lmount", body="panasonic-s1r", lens="sigma-45mm-f2.8-dg-dn", script="focus near; aperture f/8"
)
CASES = {
    "plain": EMOUNT,
    "faults": replace(EMOUNT, faults=("bitflip rate=1e-3", "detach at=0.4s for=30ms")),
    "another lens": replace(EMOUNT, faults=("swap-lens at=0.5s lens=sel2870",)),
    "endless": replace(LMOUNT, faults=("drop rate=1e-3",)),
    "converter": replace(
        LMOUNT,
        lens="panasonic-s-pro-70-200mm-f2.8",
        accessories=("panasonic-stc14",),
        faults=("detach at=0.3s for=50ms",),
    ),
    "adapter": replace(LMOUNT, body="leica-sl2", lens="sel55210", accessories=("emount-adapter",)),
    "a hand": replace(
        LMOUNT, lens="panasonic-s-pro-70-200mm-f2.8", accessories=("panasonic-stc14",), script="zoom 150; detach 0.1"
    ),
}


def work_for(case: Case) -> CaseRunner:
    names = {case.body, case.lens, *case.accessories, *parse_plan(case.faults, 0).lenses}
    return CaseRunner({name: get_profile(name) for name in names})


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_case_is_the_virtual_session_of_the_same_words_byte_for_byte(case: Case) -> None:
    played = work_for(case).run(case)
    memory = BytesIO()
    writer = RecordingWriter(memory, played.header)
    session = run_loopback(
        case.body,
        case.lens,
        accessories=case.accessories,
        script=case.script,
        seed=case.seed,
        faults=case.faults,
        seconds=float(str(played.header["duration"])),
        tap=writer.write,
    )
    assert make_recording(played) == memory.getvalue()
    assert [notice.text for notice in played.monitor.notices] == [
        notice.text for notice in session.notices if notice.at or not case.accessories
    ]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_case_passes_and_tells_what_it_saw(case: Case) -> None:
    result = work_for(case)(case)
    assert (result.verdict, result.violations, result.recording) == (InvariantOutcome.HELD, (), b"")
    figures = result.metrics
    assert {role for role, _ in figures.states} == {role for role, *_ in figures.transitions} == {"body", "lens"}
    assert sum(figures.replies.values()) > 3
    assert {sender for sender, _ in figures.messages} == {"body", "lens"}
    assert result.seconds > 0.2
    assert result.elapsed_s > 0
    # Each state was come to by a transition, or is the one that an end begins in.
    assert sum(figures.states.values()) == sum(figures.transitions.values()) + 2


def test_what_a_session_without_a_fault_wants_is_told_and_its_recording_shows_it(tmp_path: Path) -> None:
    case = replace(EMOUNT, seconds=0.1)
    result = work_for(case)(case)
    assert (result.verdict, result.invariants) == (InvariantOutcome.HELD, ())
    assert (result.outcome, result.status) == (ScriptOutcome.UNEXPECTED, CaseStatus.UNEXPECTED)
    assert result.script.text.startswith("0 of ")
    file = tmp_path / "broken.lmx"
    file.write_bytes(result.recording)
    assert rerun_recording(file).identical
    assert work_for(case)(replace(case, checks=("bounded memory",))).verdict is InvariantOutcome.HELD


def test_steps_by_chance_repeat_and_a_scenario_that_breaks_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = replace(LMOUNT, kind=SESSION, faults=("bitflip rate=1e-4",))
    work = work_for(case)
    result = work(case)
    assert result.verdict is InvariantOutcome.HELD
    steps = json.loads(result.scenario)["steps"]
    assert steps[:2] == ["fault 3 bitflip rate=1e-4", "wait 1.2"]
    assert len(steps) == 60
    assert work(case).digest == result.digest != work(replace(case, seed=4)).digest

    look = SessionMonitor.sample_positions

    def planted(watch: SessionMonitor) -> None:
        """As if the diaphragm could never be told to close."""
        look(watch)
        if watch.now > 1.0:
            watch.report_violation("within limits", "planted")

    monkeypatch.setattr(SessionMonitor, "sample_positions", planted)
    result = work(case)
    assert (result.verdict, result.invariants) == (InvariantOutcome.BROKEN, ("within limits",))
    file = tmp_path / "story.lmx"
    file.write_bytes(result.recording)
    told = run_scenario(read_scenario(file)).violations
    assert tuple(told) == result.violations
    assert read_scenario(file).breaks == "within limits"


@pytest.mark.parametrize(
    ("fault", "complete", "expected", "standing"),
    [
        ("drop rate=0.2", False, ExpectedOutcome.COMPLETES, CaseStatus.UNEXPECTED),
        ("drop rate=0.2 expect=may-fail", False, ExpectedOutcome.MAY_FAIL, CaseStatus.TOLERATED),
        ("drop rate=0.2 expect=cannot", False, ExpectedOutcome.CANNOT, CaseStatus.PASSED),
        ("drop rate=1e-4 expect=cannot", True, ExpectedOutcome.CANNOT, CaseStatus.UNEXPECTED),
        ("detach at=0.3s", False, ExpectedOutcome.CANNOT, CaseStatus.PASSED),
        ("detach at=0.3s for=30ms", True, ExpectedOutcome.COMPLETES, CaseStatus.PASSED),
        # Over before the script is: the body goes on with it.
        ("brownout at=0.2s for=0.5s", True, ExpectedOutcome.COMPLETES, CaseStatus.PASSED),
        # After the script.
        ("detach at=5s", True, ExpectedOutcome.COMPLETES, CaseStatus.PASSED),
    ],
)
def test_a_script_is_held_against_what_its_fault_lets_expect(
    fault: str, complete: bool, expected: ExpectedOutcome, standing: CaseStatus
) -> None:
    case = replace(EMOUNT, faults=(fault,), checks=())
    result = work_for(case)(case)
    assert (result.script.complete, result.expected, result.status) == (complete, expected, standing)
    assert result.script.steps == 2
    assert (result.script.stopped_at == "") is complete
    assert bool(result.recording) is standing.is_failure


def test_a_lens_without_contacts_is_declined_and_not_a_fault() -> None:
    case = replace(LMOUNT, lens="laowa-15mm-f2", checks=())
    result = work_for(case)(case)
    assert (result.script.declined, result.script.complete) == ("the lens has no contacts", False)
    assert (result.expected, result.status) == (ExpectedOutcome.CANNOT, CaseStatus.PASSED)


def test_whatever_comes_out_of_a_session_is_the_result_of_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_words: object) -> object:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(case_runner, "reply_latencies", fails)
    result = work_for(EMOUNT)(EMOUNT)
    assert (result.verdict, result.invariants) == (InvariantOutcome.BROKEN, ("no exception",))
    assert result.violations[0].text == "ZeroDivisionError: a bug"


def test_a_session_that_is_another_one_the_second_time_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = iter(range(100))
    make = case_runner.SessionConfig

    def drifting(body: object, lens: object, script: object, _seed: object, plan: object) -> object:
        return make(body, lens, script, next(seeds), plan)  # type: ignore[arg-type]

    monkeypatch.setattr(case_runner, "SessionConfig", drifting)
    assert work_for(EMOUNT)(EMOUNT).invariants == ("deterministic",)
    assert work_for(EMOUNT)(replace(EMOUNT, checks=("recorded",))).verdict is InvariantOutcome.HELD


def test_reply_times_go_into_buckets_by_their_lower_ends() -> None:
    times = {0.0: 10, 9e-6: 10, 10e-6: 10, 15e-6: 15, 149e-6: 100, 0.15: 150_000, 1e3: 10**7}
    assert [latency_bucket(seconds) for seconds in times] == list(times.values())
    assert list(BUCKETS_US) == sorted(set(BUCKETS_US))


def plant_refusal(monkeypatch: pytest.MonkeyPatch, attempts: set[int], *, rule: str = POWER_GRANT) -> None:
    """Let a body refuse its lens by a rule in some attempts, from 1 on; in the others it does as always."""
    started = WeakKeyDictionary[BodyEngine, int]()
    run_body = body_engine._run_body

    def run(body: BodyEngine) -> Task:
        started[body] = started.get(body, 0) + 1
        yield body.level(DETECT, False)
        if started[body] not in attempts:
            yield from run_body(body)
            return
        body.record_result("supply", Verdict.REFUSED, "200 mA of 900 mA", rule)
        body.done = body.gave_up = True
        yield body.level(DETECT, True)
        body.done = body.gave_up = False
        yield from run(body)

    monkeypatch.setattr(body_engine, "_run_body", run)


ALWAYS = set(range(1, 100))


@pytest.mark.parametrize("faults", [(), ("detach at=0.3s for=30ms",), ("drop rate=1 from=lens at=0.2s for=0.1s",)])
def test_a_pair_that_the_body_refuses_by_a_rule_is_declined(
    monkeypatch: pytest.MonkeyPatch, faults: tuple[str, ...]
) -> None:
    plant_refusal(monkeypatch, ALWAYS)
    case = replace(LMOUNT, faults=faults)
    result = work_for(case)(case)
    assert result.script.declined == "power grant: 200 mA of 900 mA"
    assert (result.verdict, result.violations) == (InvariantOutcome.HELD, ())
    assert (result.expected, result.status) == (ExpectedOutcome.CANNOT, CaseStatus.PASSED)


@pytest.mark.parametrize(
    ("attempts", "rule"), [({2, 3, 4}, POWER_GRANT), (ALWAYS, "a rule that the dialect has not")], ids=["later", "rule"]
)
def test_a_refusal_that_only_a_fault_or_no_known_rule_brings_about_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, attempts: set[int], rule: str
) -> None:
    plant_refusal(monkeypatch, attempts, rule=rule)
    case = replace(LMOUNT, faults=("detach at=0.3s for=30ms",), script="wait 0.2; focus near; focus far")
    result = work_for(case)(case)
    assert result.script.declined == ""
    assert result.invariants == ("recovers",)
    assert result.status is CaseStatus.BROKEN


def test_a_scenario_of_a_pair_that_the_body_refuses_needs_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = Scenario("lmount", LMOUNT.body, LMOUNT.lens, script="", steps=("wait 0.3", "detach 0.05", "wait 0.2"))
    assert run_scenario(scenario).violations == []
    plant_refusal(monkeypatch, ALWAYS)
    assert run_scenario(scenario).violations == []
    monkeypatch.undo()
    plant_refusal(monkeypatch, set(range(2, 100)))
    assert [violation.invariant for violation in run_scenario(scenario).violations] == ["recovers"]


def test_a_lens_that_the_body_gives_up_by_a_rule_is_refused_in_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    names = LMOUNT.body, LMOUNT.lens
    plant_refusal(monkeypatch, ALWAYS)
    runner = CellSessionRunner({name: get_profile(name) for name in names}, "lmount", seed=1)
    (cell,) = run_matrix([Combination(*names)], runner, RULES, lambda _one: "")
    assert (cell.outcome, cell.rules, cell.errors) == (MatrixOutcome.REFUSED, ["power grant"], ())
    assert run_loopback(*names, script="check all").verdict is Verdict.REFUSED
