"""Processes that die, hang or are ended: no result is lost, no finished case is played again, each is there once."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from lensmount_emulator.campaign.case import PLAIN, Case, CaseResult, InvariantOutcome
from lensmount_emulator.campaign.matrix import Combination, run_matrix
from lensmount_emulator.campaign.results import read_campaign
from lensmount_emulator.campaign.worker_pool import MAX_DEATHS, in_order, run_local

from .conftest import children_of, environment, finished_in, start, wait_for  # noqa: TID252  helpers of this folder


def cases(count: int) -> list[Case]:
    return [
        Case(number, PLAIN, "emount", "a6000", "sel55210", (), (), 1, "", 1.0, 1, ()) for number in range(1, count + 1)
    ]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def by_number(results: list[CaseResult]) -> dict[int, InvariantOutcome]:
    assert len({result.case.number for result in results}) == len(results)
    return {result.case.number: result.verdict for result in results}


@pytest.mark.parametrize("processes", [1, 3])
def test_each_case_is_played_once(tmp_path: Path, processes: int) -> None:
    from worker_functions import Once

    results = list(run_local(cases(12), Once(tmp_path), processes, 60))
    assert by_number(results) == dict.fromkeys(range(1, 13), InvariantOutcome.HELD)
    players = [(tmp_path / f"{number}").read_text().split() for number in range(1, 13)]
    assert all(len(who) == 1 for who in players)
    assert len({who[0] for who in players}) <= processes


def test_a_process_that_is_killed_costs_its_own_case_a_second_time_and_nothing_else(tmp_path: Path) -> None:
    from worker_functions import Once

    results = list(run_local(cases(12), Once(tmp_path, dies_with=(1, 4, 5, 12)), 2, 60))
    assert by_number(results) == dict.fromkeys(range(1, 13), InvariantOutcome.HELD)
    played = {number: len((tmp_path / f"{number}").read_text().splitlines()) for number in range(1, 13)}
    assert played == {number: 2 if number in (1, 4, 5, 12) else 1 for number in range(1, 13)}


def test_a_case_that_takes_every_process_with_it_is_lost_and_the_others_are_not() -> None:
    from worker_functions import dies

    results = list(run_local(cases(6), dies, 2, 60))
    assert by_number(results) == {
        number: InvariantOutcome.LOST if number == 3 else InvariantOutcome.HELD for number in range(1, 7)
    }
    (lost,) = [result for result in results if result.verdict is InvariantOutcome.LOST]
    assert lost.violations[0].text == f"{MAX_DEATHS} processes died with it, the last by SIGKILL"


def test_a_case_that_never_ends_is_lost_and_the_others_are_not() -> None:
    from worker_functions import hangs

    results = list(run_local(cases(6), hangs, 2, 3))
    assert by_number(results) == {
        number: InvariantOutcome.LOST if number == 2 else InvariantOutcome.HELD for number in range(1, 7)
    }


def test_scenarios_and_results_of_any_size_pass_each_other() -> None:
    from worker_functions import weighty

    long = [replace(case, begins=tuple(f"wait 0.00{number}" for number in range(100_000))) for case in cases(6)]
    results = list(run_local(long, weighty, 2, 60))
    assert by_number(results) == dict.fromkeys(range(1, 7), InvariantOutcome.HELD)


def test_who_hangs_does_not_outlive_the_process_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "hangs.py"
    file.write_text(
        "from pathlib import Path\n"
        "from worker_functions import Hangs\n"
        "from lensmount_emulator.campaign.case import PLAIN, Case\n"
        "from lensmount_emulator.campaign.worker_pool import run_local\n"
        "both = [Case(n, PLAIN, 'emount', 'a6000', 'sel55210', (), (), 1, '', 1.0, 1, ()) for n in (1, 2)]\n"
        f"if __name__ == '__main__': list(run_local(both, Hangs(Path({str(tmp_path)!r})), 2, 600))\n"
    )
    run = subprocess.Popen([sys.executable, str(file)], env=environment(), start_new_session=True)
    try:
        marks = [tmp_path / "1", tmp_path / "2"]
        # Each of the two has one, although one of them could have both.
        wait_for(lambda: all(mark.exists() and mark.read_text() for mark in marks), 30)
        run.kill()
        run.wait()
        wait_for(lambda: not any(is_there(int(mark.read_text())) for mark in marks), 20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)


def is_there(pid: int) -> bool:
    """Whether a process lives; one that only nobody has asked for its end does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("seconds", "number", "code", "by"), [(0.3, signal.SIGINT, 130, ""), (0.7, signal.SIGTERM, 143, " by SIGTERM")]
)
def test_a_signal_while_processes_begin_is_one_line(
    write: Callable[..., Path], seconds: float, number: signal.Signals, code: int, by: str
) -> None:
    file = write(seeds='"1-90"', processes="4")
    run = start(file, "--quiet")
    results = file.with_suffix(".sqlite")
    wait_for(lambda: results.exists() or run.poll() is not None)
    Event().wait(seconds)
    os.killpg(run.pid, number)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (code, f"lensmount: stopped{by}\n"), out
    assert "the same command goes on" in out
    assert {path.name for path in file.parent.iterdir()} <= {file.name, results.name}


def test_whoever_stops_early_leaves_no_process_behind(tmp_path: Path) -> None:
    from worker_functions import Once

    results = run_local(cases(50), Once(tmp_path), 2, 60)
    player = next(results).case.number
    pid = int((tmp_path / f"{player}").read_text())
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_campaign_of_which_a_process_is_killed_has_every_case_once(write: Callable[..., Path]) -> None:
    file = write(seeds='"1-4"', processes="2")
    results = file.with_suffix(".sqlite")
    run = start(file)
    wait_for(lambda: len(finished_in(results)) >= 3 or run.poll() is not None)
    assert run.poll() is None
    os.kill(children_of(run)[0], signal.SIGKILL)
    out, err = run.communicate(timeout=180)
    assert run.returncode == 0, out + err
    assert "24 cases in " in out
    read = read_campaign(results)
    assert [case.case.number for case in read.cases] == list(range(1, 25))
    assert {case.verdict for case in read.cases} == {InvariantOutcome.HELD}


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_campaign_that_is_ended_goes_on_where_it_was(
    write: Callable[..., Path], how: signal.Signals, code: int
) -> None:
    file = write(seeds='"1-4"', processes="2")
    results = file.with_suffix(".sqlite")
    run = start(file)
    wait_for(lambda: len(finished_in(results)) >= 3 or run.poll() is not None)
    # As a terminal does it: Ctrl-C reaches every process.
    os.killpg(run.pid, how)
    out, err = run.communicate(timeout=60)
    assert run.returncode == code, out + err
    before = finished_in(results)
    assert 3 <= len(before) < 24
    if how is signal.SIGINT:
        assert err.strip() == "lensmount: stopped"
        assert f"the same command goes on with what is missing in {results}" in out
    out, err = start(file).communicate(timeout=180)
    assert f"{24 - len(before)} cases in " in out
    assert f"{len(before)} were finished before; 24 of 24 are finished" in out
    assert finished_in(results) == list(range(1, 25))


def test_results_are_put_in_order_as_soon_as_the_earlier_ones_are_there() -> None:
    results = in_order(iter([(1, "b"), (0, "a"), (3, "d"), (2, "c")]))
    assert [next(results), next(results)] == ["a", "b"]
    assert list(results) == ["c", "d"]


def test_cells_of_a_matrix_outlive_a_process_that_dies() -> None:
    from worker_functions import cell_that_dies

    combinations = [Combination(f"body{number}", "lens", ()) for number in range(5)]
    cells = list(run_matrix(combinations, cell_that_dies, {}, lambda _combination: "", jobs=2))
    assert [cell.body for cell in cells] == [f"body{number}" for number in range(5)]
    (broken,) = [cell for cell in cells if cell.errors]
    assert broken.body == "body3"
    assert f"{MAX_DEATHS} processes died with it, the last by SIGKILL" in broken.errors[0]
