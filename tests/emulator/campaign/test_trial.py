"""A case: the session that it says, held to what it must be, and shown again from what is left of it."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from lensmount_emulator.campaign import trial
from lensmount_emulator.campaign.case import PLAIN, SESSION, Case, Outcome, Standing, Verdict
from lensmount_emulator.campaign.figures import BUCKETS_US, bucket_of
from lensmount_emulator.campaign.trial import Work, recording_of
from lensmount_emulator.faults.expected import Expected
from lensmount_emulator.faults.plan import plan_of
from lensmount_emulator.fuzz.invariants import INVARIANTS
from lensmount_emulator.fuzz.stage import play_story
from lensmount_emulator.fuzz.story import read_story
from lensmount_emulator.fuzz.traits import profile
from lensmount_emulator.fuzz.watch import Watch
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.repeating import repeat
from lensmount_hardware.captures.recording import RecordingWriter

EMOUNT = Case(7, PLAIN, "emount", "a6000", "sel55210", (), (), 3, "wait 0.2; aperture f/8", 20.0, 60, (*INVARIANTS,))
LMOUNT = replace(
    EMOUNT, dialect="lmount", body="panasonic-s1r", lens="sigma-45mm-f2.8-dg-dn", script="focus near; aperture f/8"
)
CASES = {
    "plain": EMOUNT,
    "faults": replace(EMOUNT, faults=("bitflip rate=1e-3", "detach at=0.4s for=30ms")),
    "another lens": replace(EMOUNT, faults=("other-lens at=0.5s lens=sel2870",)),
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


def work_for(case: Case) -> Work:
    names = {case.body, case.lens, *case.accessories, *plan_of(case.faults, 0).lenses}
    return Work({name: profile(name) for name in names})


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_case_is_the_virtual_session_of_the_same_words_byte_for_byte(case: Case) -> None:
    played = work_for(case).play(case)
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
    assert recording_of(played) == memory.getvalue()
    assert [notice.text for notice in played.watch.notices] == [
        notice.text for notice in session.notices if notice.at or not case.accessories
    ]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_case_passes_and_tells_what_it_saw(case: Case) -> None:
    result = work_for(case)(case)
    assert (result.verdict, result.complaints, result.recording) == (Verdict.HELD, (), b"")
    figures = result.figures
    assert {role for role, _ in figures.states} == {role for role, *_ in figures.transitions} == {"body", "lens"}
    assert sum(figures.replies.values()) > 3
    assert {sender for sender, _ in figures.messages} == {"body", "lens"}
    assert result.seconds > 0.2
    assert result.took > 0
    # Each state was come to by a transition, or is the one that an end begins in.
    assert sum(figures.states.values()) == sum(figures.transitions.values()) + 2


def test_what_a_session_without_a_fault_wants_is_told_and_its_recording_shows_it(tmp_path: Path) -> None:
    case = replace(EMOUNT, seconds=0.1)
    result = work_for(case)(case)
    assert (result.verdict, result.invariants) == (Verdict.HELD, ())
    assert (result.outcome, result.standing) == (Outcome.UNEXPECTED, Standing.UNEXPECTED)
    assert result.script.text.startswith("0 of ")
    file = tmp_path / "broken.lmx"
    file.write_bytes(result.recording)
    assert repeat(file).identical
    assert work_for(case)(replace(case, checks=("bounded",))).verdict is Verdict.HELD


def test_steps_by_chance_repeat_and_a_story_that_breaks_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = replace(LMOUNT, kind=SESSION, faults=("bitflip rate=1e-4",))
    work = work_for(case)
    result = work(case)
    assert result.verdict is Verdict.HELD
    steps = json.loads(result.story)["steps"]
    assert steps[:2] == ["fault 3 bitflip rate=1e-4", "wait 1.2"]
    assert len(steps) == 60
    assert work(case).digest == result.digest != work(replace(case, seed=4)).digest

    look = Watch.look

    def planted(watch: Watch) -> None:
        """As if the diaphragm could never be told to close."""
        look(watch)
        if watch.now > 1.0:
            watch.complain("within limits", "planted")

    monkeypatch.setattr(Watch, "look", planted)
    result = work(case)
    assert (result.verdict, result.invariants) == (Verdict.BROKEN, ("within limits",))
    file = tmp_path / "story.lmx"
    file.write_bytes(result.recording)
    told = play_story(read_story(file)).complaints
    assert tuple(told) == result.complaints
    assert read_story(file).breaks == "within limits"


@pytest.mark.parametrize(
    ("fault", "complete", "expected", "standing"),
    [
        ("drop rate=0.2", False, Expected.COMPLETES, Standing.UNEXPECTED),
        ("drop rate=0.2 expect=may-fail", False, Expected.MAY_FAIL, Standing.TOLERATED),
        ("drop rate=0.2 expect=cannot", False, Expected.CANNOT, Standing.PASSED),
        ("drop rate=1e-4 expect=cannot", True, Expected.CANNOT, Standing.UNEXPECTED),
        ("detach at=0.3s", False, Expected.CANNOT, Standing.PASSED),
        ("detach at=0.3s for=30ms", True, Expected.COMPLETES, Standing.PASSED),
        # Over before the script is: the body goes on with it.
        ("brownout at=0.2s for=0.5s", True, Expected.COMPLETES, Standing.PASSED),
        # After the script.
        ("detach at=5s", True, Expected.COMPLETES, Standing.PASSED),
    ],
)
def test_a_script_is_held_against_what_its_fault_lets_expect(
    fault: str, complete: bool, expected: Expected, standing: Standing
) -> None:
    case = replace(EMOUNT, faults=(fault,), checks=())
    result = work_for(case)(case)
    assert (result.script.complete, result.expected, result.standing) == (complete, expected, standing)
    assert result.script.steps == 2
    assert (result.script.stopped_at == "") is complete
    assert bool(result.recording) is standing.fails


def test_a_lens_without_contacts_is_declined_and_not_a_fault() -> None:
    case = replace(LMOUNT, lens="laowa-15mm-f2", checks=())
    result = work_for(case)(case)
    assert (result.script.declined, result.script.complete) == ("the lens has no contacts", False)
    assert (result.expected, result.standing) == (Expected.CANNOT, Standing.PASSED)


def test_whatever_comes_out_of_a_session_is_the_result_of_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_words: object) -> object:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(trial, "replies_in", fails)
    result = work_for(EMOUNT)(EMOUNT)
    assert (result.verdict, result.invariants) == (Verdict.BROKEN, ("no exception",))
    assert result.complaints[0].text == "ZeroDivisionError: a bug"


def test_a_session_that_is_another_one_the_second_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = iter(range(100))
    make = trial.Players

    def drifting(body: object, lens: object, script: object, _seed: object, plan: object) -> object:
        return make(body, lens, script, next(seeds), plan)  # type: ignore[arg-type]

    monkeypatch.setattr(trial, "Players", drifting)
    assert work_for(EMOUNT)(EMOUNT).invariants == ("repeats",)
    assert work_for(EMOUNT)(replace(EMOUNT, checks=("recorded",))).verdict is Verdict.HELD


def test_reply_times_go_into_buckets_by_their_lower_ends() -> None:
    times = {0.0: 10, 9e-6: 10, 10e-6: 10, 15e-6: 15, 149e-6: 100, 0.15: 150_000, 1e3: 10**7}
    assert [bucket_of(seconds) for seconds in times] == list(times.values())
    assert list(BUCKETS_US) == sorted(set(BUCKETS_US))
