"""Cases for `campaign` and its report; each cell of the page's table has one."""

import json
from dataclasses import replace
from pathlib import Path

from lensmount_emulator.campaign.case import CaseResult, InvariantOutcome, ScriptResult, StoredCase
from lensmount_emulator.campaign.case_runner import CaseRunner
from lensmount_emulator.campaign.config import parse_campaign
from lensmount_emulator.campaign.planner import plan_campaign
from lensmount_emulator.campaign.runner import CaseRerun, rerun_case
from lensmount_emulator.campaign.store import ResultStore
from lensmount_emulator.fuzz.monitor import Violation
from lensmount_emulator.fuzz.scenario import Scenario

from .exit_cases import Bench, case  # noqa: TID252  helpers of this folder
from .exit_inputs import unreadable  # noqa: TID252  helpers of this folder

CAMPAIGN = 'dialect = "emount"\nbodies = ["a6000"]\nlenses = ["sel55210"]\nscript = "wait 0.05"\n'


def _campaign(bench: Bench, more: str = "", *words: object) -> int:
    (bench.folder / "c.toml").write_text(CAMPAIGN + more)
    return bench.run("campaign", "c.toml", "--processes", "1", *words)


@case("campaign", "done")
def _passes(bench: Bench) -> int:
    code = _campaign(bench)
    assert bench.said.endswith("every case passed\n")
    return code


@case("campaign", "nothing")
def _no_combination(bench: Bench) -> int:
    return _campaign(bench, "seeds = []\n")


@case("campaign", "wanting")
def _not_as_expected(bench: Bench) -> int:
    code = _campaign(bench, 'faults = ["drop rate=0.2"]\n')
    assert "failed: 1 of 1 cases" in bench.said
    return code


@case("campaign", "dialect")
def _unknown_dialect(bench: Bench) -> int:
    (bench.folder / "c.toml").write_text('dialect = "zmount"\n')
    return bench.run("campaign", "c.toml")


@case("campaign", "missing")
def _no_file(bench: Bench) -> int:
    return bench.run("campaign", "missing.toml")


@case("campaign", "folder")
def _folder_as_file(bench: Bench) -> int:
    return bench.run("campaign", bench.folder)


def _results(bench: Bench, finished: int, planned: int) -> str:
    """Results of which only some cases are there."""
    plan = plan_campaign(parse_campaign(f'{CAMPAIGN}seeds = "1-{planned}"\n'.encode(), "c"))
    with ResultStore(bench.folder / "r.sqlite", plan) as store:
        for one in plan.cases[:finished]:
            store.add(
                CaseResult(one, InvariantOutcome.HELD, (), ScriptResult(complete=True, done=1, steps=1), digest="d")
            )
    return "r.sqlite"


@case("campaign report", "done")
def _report(bench: Bench) -> int:
    code = bench.run("campaign", "report", _results(bench, 2, 2))
    assert bench.said.endswith("every case passed\n")
    return code


@case("campaign report", "half")
def _unfinished(bench: Bench) -> int:
    code = bench.run("campaign", "report", _results(bench, 1, 2))
    assert "failed: the campaign is not finished, 1 of 2 cases have a result; " in bench.said
    assert "every case passed" not in bench.said
    # Nor may a choice of its cases hide it.
    assert bench.run("campaign", "report", "r.sqlite", "--where", "seed = 1") == 1
    return code


@case("campaign report", "nothing")
def _no_case(bench: Bench) -> int:
    code = bench.run("campaign", "report", _results(bench, 0, 2))
    assert "failed: no case has a result" in bench.said
    # Nor does a choice that meets no case pass, in whatever form it is printed.
    results = _results(bench, 2, 2)
    assert bench.run("campaign", "report", results, "--where", "seed > 9", "--json") == code
    assert bench.run("campaign", "report", results, "--where", "seed > 9") == code
    assert "failed: no case meets seed > 9" in bench.said
    return code


@case("campaign report", "missing")
def _no_results(bench: Bench) -> int:
    return bench.run("campaign", "report", "missing.sqlite")


@case("campaign report", "folder")
def _folder_as_results(bench: Bench) -> int:
    return bench.run("campaign", "report", bench.folder)


@case("campaign report", "full")
def _report_full(bench: Bench) -> int:
    return bench.run_on_full_disk("campaign", "report", _results(bench, 2, 2))


@case("campaign report", "pipe")
def _report_pipe(bench: Bench) -> int:
    return bench.run_on_closed_pipe("campaign", "report", _results(bench, 2, 2))


def _played(bench: Bench) -> None:
    """Results of one case that was played, `c.sqlite`."""
    plan = plan_campaign(parse_campaign(CAMPAIGN.encode(), "c"))
    with ResultStore(bench.folder / "c.sqlite", plan) as store:
        store.add(CaseRunner(plan.profiles)(plan.cases[0]))


@case("campaign rerun", "done")
def _same_again(bench: Bench) -> int:
    _played(bench)
    return bench.run("campaign", "replay", "c.sqlite", "1")


@case("campaign rerun", "nothing")
def _no_such_case(bench: Bench) -> int:
    _played(bench)
    code = bench.run("campaign", "replay", "c.sqlite", "2")
    assert "no case 2 has been finished" in bench.err
    return code


@case("campaign rerun", "wanting")
def _another_recording(bench: Bench) -> int:
    # The digest of the results is that of no recording.
    return bench.run("campaign", "replay", _results(bench, 1, 1), "1")


@case("campaign rerun", "missing")
def _no_results_to_replay(bench: Bench) -> int:
    return bench.run("campaign", "replay", "missing.sqlite", "1")


@case("campaign rerun", "folder")
def _folder_to_replay(bench: Bench) -> int:
    return bench.run("campaign", "replay", bench.folder, "1")


@case("campaign rerun", "exists")
def _outputs_are_kept(bench: Bench) -> int:
    _played(bench)
    story = Scenario("emount", "a6000", "sel55210", steps=("wait 0.05",), breaks="answered")

    def broken(finished: StoredCase) -> CaseRerun:
        again = rerun_case(finished)
        complaints = (Violation("answered", 0.1, "is broken"),)
        return replace(again, result=replace(again.result, scenario=json.dumps(story.to_dict()), violations=complaints))

    bench.monkeypatch.setattr("lensmount_emulator.campaign.runner.rerun_case", broken)
    codes = set[int]()
    for option in ("--record", "--shorten"):
        path = bench.folder / f"out{option}.lmx"
        path.write_bytes(b"precious")
        words = ("campaign", "replay", "c.sqlite", "1", option, path)
        codes.add(bench.run(*words))
        assert "exists already; name another file, or replace it with --force" in bench.err
        assert path.read_bytes() == b"precious"
        bench.run(*words, "--force")
        assert path.read_bytes().startswith(b'{"lensmount":"recording"')
        # The results are an input, which even --force keeps.
        codes.add(bench.run("campaign", "replay", "c.sqlite", "1", option, "c.sqlite", "--force"))
    assert bench.run("campaign", "report", "c.sqlite") == 0
    (code,) = codes
    return code


@case("campaign", "half")
def _half_a_file(bench: Bench) -> int:
    (bench.folder / "c.toml").write_text(CAMPAIGN[:-4])
    return bench.run("campaign", "c.toml")


@case("campaign", "unreadable")
def _unreadable_campaign(bench: Bench) -> int:
    return bench.run("campaign", unreadable(_campaign_file, bench))


def _campaign_file(bench: Bench) -> Path:
    path = bench.folder / "c.toml"
    path.write_text(CAMPAIGN)
    return path


@case("campaign", "exists")
def _another_file_as_results(bench: Bench) -> int:
    (bench.folder / "c.sqlite").write_bytes(b"precious")
    code = _campaign(bench, "", "--output", "c.sqlite")
    assert (bench.folder / "c.sqlite").read_bytes() == b"precious"
    return code


@case("campaign", "full")
def _campaign_full(bench: Bench) -> int:
    return bench.run_on_full_disk("campaign", _campaign_file(bench), "--processes", "1")


@case("campaign", "pipe")
def _campaign_pipe(bench: Bench) -> int:
    return bench.run_on_closed_pipe("campaign", _campaign_file(bench), "--processes", "1", "--quiet")


@case("campaign report", "unreadable")
def _unreadable_results(bench: Bench) -> int:
    (bench.folder / "noise.sqlite").write_bytes(b"no database" * 100)
    return bench.run("campaign", "report", "noise.sqlite")


@case("campaign rerun", "half")
def _half_the_results(bench: Bench) -> int:
    _played(bench)
    path = bench.folder / "c.sqlite"
    path.write_bytes(path.read_bytes()[:3000])
    return bench.run("campaign", "rerun", "c.sqlite", "1")


@case("campaign rerun", "full")
def _rerun_full(bench: Bench) -> int:
    _played(bench)
    return bench.run_on_full_disk("campaign", "rerun", "c.sqlite", "1")


@case("campaign rerun", "pipe")
def _rerun_pipe(bench: Bench) -> int:
    _played(bench)
    return bench.run_on_closed_pipe("campaign", "rerun", "c.sqlite", "1")
