"""Cases for `campaign` and its report; each cell of the page's table has one."""

from .exit_cases import Bench, case  # noqa: TID252

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
    from lensmount_emulator.campaign.case import Result, ScriptResult, Verdict
    from lensmount_emulator.campaign.form import read_form
    from lensmount_emulator.campaign.planning import plan_campaign
    from lensmount_emulator.campaign.store import Store

    plan = plan_campaign(read_form(f'{CAMPAIGN}seeds = "1-{planned}"\n'.encode(), "c"))
    with Store(bench.folder / "r.sqlite", plan) as store:
        for one in plan.cases[:finished]:
            store.add(Result(one, Verdict.HELD, (), ScriptResult(complete=True, done=1, steps=1), digest="d"))
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
