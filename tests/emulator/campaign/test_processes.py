"""Processes that die, hang or are ended: no result is lost, no finished case is played again, each is there once."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lensmount_emulator.campaign.case import PLAIN, Case, Result, Verdict
from lensmount_emulator.campaign.processes import MOST_DEATHS, run_in_processes
from lensmount_emulator.campaign.results import read_results

from .conftest import children_of, finished_in, start, wait_for  # noqa: TID252


def cases(count: int) -> list[Case]:
    return [
        Case(number, PLAIN, "emount", "a6000", "sel55210", (), (), 1, "", 1.0, 1, ()) for number in range(1, count + 1)
    ]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def by_number(results: list[Result]) -> dict[int, Verdict]:
    assert len({result.case.number for result in results}) == len(results)
    return {result.case.number: result.verdict for result in results}


@pytest.mark.parametrize("processes", [1, 3])
def test_each_case_is_played_once(tmp_path: Path, processes: int) -> None:
    from campaign_plays import Once

    results = list(run_in_processes(cases(12), Once(tmp_path), processes, 60))
    assert by_number(results) == dict.fromkeys(range(1, 13), Verdict.PASSED)
    players = [(tmp_path / f"{number}").read_text().split() for number in range(1, 13)]
    assert all(len(who) == 1 for who in players)
    assert len({who[0] for who in players}) <= processes


def test_a_process_that_is_killed_costs_its_own_case_a_second_time_and_nothing_else(tmp_path: Path) -> None:
    from campaign_plays import Once

    results = list(run_in_processes(cases(12), Once(tmp_path, dies_with=(1, 4, 5, 12)), 2, 60))
    assert by_number(results) == dict.fromkeys(range(1, 13), Verdict.PASSED)
    played = {number: len((tmp_path / f"{number}").read_text().splitlines()) for number in range(1, 13)}
    assert played == {number: 2 if number in (1, 4, 5, 12) else 1 for number in range(1, 13)}


def test_a_case_that_takes_every_process_with_it_is_lost_and_the_others_are_not() -> None:
    from campaign_plays import dies

    results = list(run_in_processes(cases(6), dies, 2, 60))
    assert by_number(results) == {number: Verdict.LOST if number == 3 else Verdict.PASSED for number in range(1, 7)}
    (lost,) = [result for result in results if result.verdict is Verdict.LOST]
    assert lost.complaints[0].text == f"{MOST_DEATHS} processes died with it, the last by SIGKILL"


def test_a_case_that_never_ends_is_lost_and_the_others_are_not() -> None:
    from campaign_plays import hangs

    results = list(run_in_processes(cases(6), hangs, 2, 3))
    assert by_number(results) == {number: Verdict.LOST if number == 2 else Verdict.PASSED for number in range(1, 7)}


def test_whoever_stops_early_leaves_no_process_behind(tmp_path: Path) -> None:
    from campaign_plays import Once

    results = run_in_processes(cases(50), Once(tmp_path), 2, 60)
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
    read = read_results(results)
    assert [case.case.number for case in read.cases] == list(range(1, 25))
    assert {case.verdict for case in read.cases} == {Verdict.PASSED}


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
