"""The results: written by one, each case once, gone on with; and one line for a file or a disk that will not do."""

import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

from lensmount_emulator.campaign import results
from lensmount_emulator.campaign.case import (
    Case,
    CaseResult,
    CaseStatus,
    InvariantOutcome,
    ScriptResult,
    SessionMetrics,
)
from lensmount_emulator.campaign.config import load_campaign
from lensmount_emulator.campaign.planner import CampaignPlan, plan_campaign
from lensmount_emulator.campaign.results import read_campaign
from lensmount_emulator.campaign.store import ResultStore
from lensmount_emulator.cli.main import main
from lensmount_emulator.faults.options import ExpectedOutcome
from lensmount_emulator.fuzz.monitor import Violation
from lensmount_protocol.errors import CaptureError

from .conftest import environment, finished_in  # noqa: TID252  helpers of this folder


@pytest.fixture
def planned(write: Callable[..., Path]) -> CampaignPlan:
    return plan_campaign(load_campaign(write()))


def passed(case: Case) -> CaseResult:
    figures = SessionMetrics(
        {("body", "Hello"): (3, 30)}, {("Hello", 100): 2}, {("body", "OFF"): 1}, {("body", "OFF", "power", "READY"): 1}
    )
    return CaseResult(
        case,
        InvariantOutcome.HELD,
        (),
        ScriptResult(complete=True, done=2, steps=2),
        seconds=1.5,
        elapsed_s=0.1,
        metrics=figures,
        digest="d",
    )


def broken(case: Case) -> CaseResult:
    complaints = (Violation("recovers", 2.0, "not within 8 s"), Violation("bounded memory", 3.0, "too many"))
    script = ScriptResult(done=1, steps=2, stopped_at="aperture f/8", declined="the lens has no contacts")
    return CaseResult(
        case,
        InvariantOutcome.BROKEN,
        complaints,
        script,
        ExpectedOutcome.CANNOT,
        first_error="body at 1 ms: no",
        recording=b"all of it",
    )


def execute_sql(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)


def test_a_result_is_there_once_and_comes_back_as_it_was(tmp_path: Path, planned: CampaignPlan) -> None:
    path = tmp_path / "r.sqlite"
    with ResultStore(path, planned) as store:
        assert store.add(passed(planned.cases[0]))
        assert store.add(broken(planned.cases[4]))
        assert not store.add(broken(planned.cases[0]))
        assert store.finished() == {1, 5}
        assert store.transitions() == {("body", "OFF", "power", "READY")}
    came = read_campaign(path)
    first, second = came.cases
    assert (first.case, first.verdict, first.frames, first.bytes) == (planned.cases[0], InvariantOutcome.HELD, 3, 30)
    assert (second.case, second.verdict, second.violations) == (
        planned.cases[4],
        InvariantOutcome.BROKEN,
        broken(planned.cases[4]).violations,
    )
    assert (first.script, first.expected, first.status) == (
        ScriptResult(complete=True, done=2, steps=2),
        ExpectedOutcome.COMPLETES,
        CaseStatus.PASSED,
    )
    assert (second.script, second.expected) == (broken(planned.cases[4]).script, ExpectedOutcome.CANNOT)
    assert (tmp_path / second.file).read_bytes() == b"all of it"
    assert (came.planned, came.complete, came.replies) == (12, False, {"Hello": {100: 2}})
    assert [tuple(share) for share in came.breakdowns["invariant"]] == [
        ("bounded memory", 0, 0, 0, 1, 0),
        ("recovers", 0, 0, 0, 1, 0),
    ]
    # One file, and what is beside it; nothing else stays.
    assert sorted(one.name for one in tmp_path.iterdir()) == ["r.cases", "r.sqlite", "small.toml"]


def test_results_with_old_names_are_read_with_the_present_ones(tmp_path: Path, planned: CampaignPlan) -> None:
    path = tmp_path / "r.sqlite"
    with ResultStore(path, planned) as store:
        store.add(broken(planned.cases[4]))
    execute_sql(path, "UPDATE violations SET invariant = 'bounded' WHERE invariant = 'bounded memory'")
    execute_sql(path, "UPDATE cases SET checks = 'bounded; only frames; recovers'")
    execute_sql(path, """INSERT INTO begins VALUES (5, '{"steps": ["off", "wait 1"]}')""")
    came = read_campaign(path)
    (case,) = came.cases
    assert case.violations == broken(planned.cases[4]).violations
    assert case.case.checks == ("bounded memory", "valid frames only", "recovers")
    assert case.case.begins == ("detach", "wait 1")
    assert [share.what for share in came.breakdowns["invariant"]] == ["bounded memory", "recovers"]


def test_results_can_be_read_while_they_are_written(tmp_path: Path, planned: CampaignPlan) -> None:
    path = tmp_path / "r.sqlite"
    with ResultStore(path, planned) as store:
        for case in planned.cases[:3]:
            store.add(passed(case))
            assert len(read_campaign(path).cases) == case.number


def test_results_beside_each_other_keep_their_recordings_apart(tmp_path: Path, planned: CampaignPlan) -> None:
    names = ("r.sqlite", "r.1", "r.2", "r")
    for name in names:
        with ResultStore(tmp_path / name, planned) as store:
            store.add(broken(planned.cases[0]))
    files = [case.file for name in names for case in read_campaign(tmp_path / name).cases]
    assert files == [f"{folder}/0000001.lmx" for folder in ("r.cases", "r.1-cases", "r.2-cases", "r-cases")]


@pytest.mark.parametrize("where", [".", "/", "folder"])
def test_a_folder_in_place_of_the_results_is_reported_in_one_line_and_nothing_is_left_there(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = write()
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    assert main(["campaign", str(file), "--to", where]) == 3
    assert capsys.readouterr().err == f"lensmount: {where}: a folder; results go to a file\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "small.toml"]


def test_a_scenario_that_the_corpus_has_twice_is_taken_in_once(tmp_path: Path, planned: CampaignPlan) -> None:
    with ResultStore(tmp_path / "r.sqlite", planned) as store:
        assert store.import_corpus(["a", "b", "a"], 12) == [(13, "a"), (14, "b")]
        assert store.import_corpus(["c"], 12) == [(13, "a"), (14, "b")]


def test_what_is_read_while_a_run_writes_is_of_one_moment(
    tmp_path: Path, planned: CampaignPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.sqlite"
    with ResultStore(path, planned) as store:
        store.add(passed(planned.cases[0]))
        read = results._cases  # pyright: ignore[reportPrivateUsage]

        def meanwhile(*words: object) -> object:
            found = list(read(*words))  # type: ignore[arg-type]
            store.add(passed(planned.cases[1]))
            return iter(found)

        monkeypatch.setattr(results, "_cases", meanwhile)
        came = read_campaign(path)
    assert len(came.cases) == 1
    assert [tuple(share)[1:] for share in came.breakdowns["body"]] == [(1, 0, 0, 0, 0)]


def test_a_second_writer_is_reported_in_one_line(tmp_path: Path, planned: CampaignPlan) -> None:
    path = tmp_path / "r.sqlite"
    with ResultStore(path, planned), pytest.raises(CaptureError, match="another run writes to it"):
        ResultStore(path, planned)
    ResultStore(path, planned).close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE about SET value = 'x' WHERE name = 'hash'", "results of another campaign"),
        ("UPDATE about SET value = '0.0.9' WHERE name = 'lensmount'", "results of lensmount 0.0.9, and this is "),
        ("UPDATE about SET value = 'x' WHERE name = 'code'", "results of other code of lensmount "),
        ("DELETE FROM about WHERE name = 'code'", "results of other code of lensmount "),
        (
            "PRAGMA user_version = 1",
            f"results of version 1, written by lensmount {version('lensmount')}; this program reads",
        ),
        ("PRAGMA application_id = 7", "holds no campaign's results"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(
    write: Callable[..., Path], planned: CampaignPlan, capsys: pytest.CaptureFixture[str], change: str, told: str
) -> None:
    file = write()
    path = file.with_suffix(".sqlite")
    with ResultStore(path, planned) as store:
        store.add(passed(planned.cases[0]))
    execute_sql(path, change)
    before = path.read_bytes()
    assert main(["campaign", str(file)]) == 3
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"lensmount: {path}: ")
    assert told in line
    assert path.read_bytes()[100:] == before[100:]


def test_results_that_are_damaged_are_reported_in_one_line(
    write: Callable[..., Path], planned: CampaignPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write()
    path = file.with_suffix(".sqlite")
    ResultStore(path, planned).close()
    execute_sql(path, "DROP TABLE cases")
    for words in (["campaign", str(file)], ["campaign", "report", str(path)], ["campaign", "replay", str(path), "1"]):
        assert main(words) == 3
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith(f"lensmount: {path}: no such table: cases; ")


def test_values_that_no_one_wrote_are_reported_in_one_line(
    tmp_path: Path, planned: CampaignPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.sqlite"
    with ResultStore(path, planned) as store:
        store.add(passed(planned.cases[0]))
    execute_sql(path, "UPDATE cases SET verdict = 'splendid'")
    assert main(["campaign", "report", str(path)]) == 3
    assert (
        capsys.readouterr().err
        == f"lensmount: {path}: the results are damaged: 'splendid' is not a valid InvariantOutcome\n"
    )


def test_a_campaign_that_has_changed_is_refused_by_the_results_of_what_it_was(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(bodies='["a6000"]', seeds="[1]", title='"the first"')
    assert main(["campaign", str(file), "--quiet"]) == 0
    write(bodies='["a6000"]', seeds="[2]")
    assert main(["campaign", str(file)]) == 3
    assert "results of another campaign (the first)" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["no database at all, but long enough to be looked at" * 9, ""])
@pytest.mark.parametrize("verb", [["report"], ["replay"]])
def test_a_file_that_holds_nothing_is_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, verb: list[str]
) -> None:
    path = tmp_path / "r.sqlite"
    path.write_text(what)
    assert main(["campaign", *verb, str(path), *(["1"] if verb == ["replay"] else [])]) == 3
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_full_disk_is_reported_in_one_line_and_what_was_finished_stays(write: Callable[..., Path]) -> None:
    file = write(bodies='["a6000"]')
    path = file.with_suffix(".sqlite")
    # A file that may not grow is what a full disk is to SQLite; the recordings of broken cases are too small to matter.
    room = 90_000
    command = [sys.executable, "-m", "lensmount_emulator.cli.main", "campaign", str(file)]

    def narrow() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    run = subprocess.run(command, env=environment(), capture_output=True, text=True, preexec_fn=narrow, check=False)
    assert run.returncode == 3, run.stdout + run.stderr
    # On a busy machine lines of progress come before it.
    (line,) = (one for one in run.stderr.splitlines() if one.startswith("lensmount: "))
    assert line.startswith(f"lensmount: {path}: ")
    assert line.endswith("; every case that was finished before is kept")
    kept = finished_in(path)
    assert 0 < len(kept) < 6
    assert main(["campaign", str(file), "--quiet"]) == 0
    assert finished_in(path) == list(range(1, 7))


def test_a_folder_that_takes_no_recording_is_told_and_its_case_stays_open(
    tmp_path: Path, planned: CampaignPlan
) -> None:
    path = tmp_path / "r.sqlite"
    path.with_suffix(".cases").write_text("in the way")
    with ResultStore(path, planned) as store:
        store.add(passed(planned.cases[0]))
        with pytest.raises(CaptureError, match=r"r\.cases: "):
            store.add(broken(planned.cases[1]))
        assert store.finished() == {1}
