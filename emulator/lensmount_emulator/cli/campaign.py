"""Run many sessions from one file: profiles x faults x seeds, held to invariants, into one SQLite file; and report.

  lensmount campaign FILE.toml               what has no result yet is played, in processes of this machine
  lensmount campaign FILE.toml --dask tcp://HOST:8786        or on a cluster
  lensmount campaign report FILE.sqlite      tables; JSON, JUnit and one HTML page with plots
  lensmount campaign rerun FILE.sqlite 17   one case once more, compared with its result

Ctrl-C ends it; what is finished is kept, and the same command goes on with the rest. Exit code 1 where an
invariant was broken, a script did not come as far as its faults let expect, or the campaign is not finished.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lensmount_emulator.reports.printable import report

if TYPE_CHECKING:
    from lensmount_emulator.campaign.planner import CampaignPlan
    from lensmount_emulator.campaign.runner import Progress, RunCases

SUBCOMMANDS = ("run", "report", "rerun")
"""What can be done; where none is named it is run."""


def with_default_subcommand(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the subcommand first; `run` is the default."""
    named = not arguments or arguments[0] in SUBCOMMANDS or arguments[0] in ("-h", "--help")
    return list(arguments) if named else ["run", *arguments]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount campaign`."""
    from lensmount_emulator.cli.options import add_firmware, add_force, add_open, parse_positive
    from lensmount_emulator.cli.parser import verbosity_options

    what = parser.add_subparsers(dest="what", required=True, metavar="FILE.toml | report | rerun")
    shared = (verbosity_options(),)
    play = what.add_parser("run", help="play what has no result yet; the default", parents=shared)
    play.add_argument("file", type=Path, metavar="FILE.toml", help="what to try")
    play.add_argument("--output", type=Path, metavar="FILE.sqlite", help="results (default: beside FILE.toml)")
    play.add_argument(
        "--processes", type=parse_positive, metavar="N", help="(default: as in the file, or one per processor)"
    )
    add_firmware(play, adapter=True)
    play.set_defaults(lens=None, body=None, accessories=None)
    play.add_argument("--dask", metavar="ADDRESS", help="the scheduler of a cluster: tcp://HOST:8786")
    play.add_argument(
        "--corpus",
        action="append",
        default=[],
        metavar="PLACE",
        help="a folder or the URL of a Redis; may be given again (default: as in the file)",
    )
    report = what.add_parser("report", help="the results of a campaign", parents=shared)
    report.add_argument("file", type=Path, metavar="FILE.sqlite", help="its results")
    report.add_argument(
        "--filter", metavar="CONDITION", help="SQL on the columns of a case: \"verdict = 'broken' AND seed < 10\""
    )
    for one in (play, report):
        one.add_argument("--junit", type=Path, metavar="FILE", help="write it as JUnit XML, for CI")
        one.add_argument("--html", type=Path, metavar="FILE", help="write it as one HTML page")
    report.add_argument("--json", action="store_true", help="print one JSON document, a case a line, and nothing else")
    add_open(report)
    rerun = what.add_parser("rerun", help="one case once more", parents=shared)
    rerun.add_argument("file", type=Path, metavar="FILE.sqlite", help="the campaign's results")
    rerun.add_argument("number", type=parse_positive, metavar="NUMBER", help="of the case")
    rerun.add_argument("--record", type=Path, metavar="FILE", help="write its recording, or its scenario, to this file")
    rerun.add_argument(
        "--shrink", type=Path, metavar="FILE", help="write the shortest scenario that breaks the same to this file"
    )
    add_force(rerun)


def run(arguments: argparse.Namespace) -> int:
    """Do it; 0 where every case passed, else 1."""
    return {"run": _run, "report": _report, "rerun": _rerun}[arguments.what](arguments)


def _run(arguments: argparse.Namespace) -> int:
    from contextlib import closing

    import msgspec

    from lensmount_emulator.campaign.config import load_campaign, select_corpora
    from lensmount_emulator.campaign.planner import plan_campaign
    from lensmount_emulator.campaign.runner import run_plan
    from lensmount_emulator.campaign.store import ResultStore
    from lensmount_emulator.cli.fuzz_files import open_corpus_at
    from lensmount_emulator.cli.options import take_firmware
    from lensmount_emulator.cli.report_files import prepare_campaign_outputs
    from lensmount_emulator.reports.console import count_progress
    from lensmount_emulator.reports.summary import display_path
    from lensmount_hardware.clock import MonotonicClock

    clock = MonotonicClock()
    take_firmware(arguments, listed=True)
    config = load_campaign(arguments.file)
    ends = {
        "lenses": arguments.lens or config.lenses,
        "bodies": arguments.body or config.bodies,
        "accessories": arguments.accessories or config.accessories,
    }
    planned = plan_campaign(msgspec.structs.replace(config, **ends))
    execute = _execute(arguments, planned)
    corpus = open_corpus_at(select_corpora(planned.config, arguments.corpus))
    path = arguments.output or arguments.file.with_suffix(".sqlite")
    prepare_campaign_outputs(arguments.junit, arguments.html, arguments.file, path)
    progress: Progress | None = None
    stopped = False
    with (
        ResultStore(path, planned) as store,
        closing(run_plan(planned, store, execute, corpus)) as steps,
        count_progress("cases", shown=not arguments.quiet) as update,
    ):
        try:
            for progress in steps:
                update(progress.finished, progress.planned)
        except KeyboardInterrupt:
            stopped = True
    if progress is not None:
        _print_progress(progress, clock.now())
    if stopped:
        print(f"the same command goes on with what is missing in {display_path(path)}")
        raise KeyboardInterrupt
    arguments.file, arguments.filter, arguments.json = path, None, False
    code = _report(arguments)
    return 3 if not code and progress is not None and progress.problem else code


def _print_progress(progress: "Progress", seconds: float) -> None:
    played = progress.finished - progress.began
    before = f", {progress.began} were finished before" if progress.began else ""
    print(f"{played} cases in {seconds:.1f} s{before}; {progress.finished} of {progress.planned} are finished")
    if progress.skipped:
        print(f"{progress.skipped} entries of the corpus cannot be read, and were skipped")
    if progress.problem:
        report(f"{progress.problem}; every result is kept")


def _execute(arguments: argparse.Namespace, planned: "CampaignPlan") -> "RunCases":
    from lensmount_emulator.campaign.case_runner import CaseRunner
    from lensmount_emulator.campaign.worker_pool import default_worker_count, run_local
    from lensmount_protocol.errors import CampaignError

    work = CaseRunner(planned.profiles)
    if arguments.dask is None:
        processes = arguments.processes or planned.config.processes or default_worker_count(len(planned.cases))
        return lambda cases: run_local(cases, work, processes, planned.config.limit)
    try:
        from lensmount_emulator.campaign.dask_pool import run_dask
    except ImportError as error:
        raise CampaignError(f"--dask wants Dask distributed ({error}); pip install distributed") from error
    return lambda cases: run_dask(arguments.dask, cases, work)


def _report(arguments: argparse.Namespace) -> int:
    from lensmount_emulator.campaign.results import EVERYTHING, read_campaign
    from lensmount_emulator.cli.report_files import prepare_campaign_outputs, write_all
    from lensmount_emulator.reports.console import make_console
    from lensmount_emulator.reports.result_documents import campaign_to_json
    from lensmount_emulator.reports.summary import campaign_counts, conclusion
    from lensmount_emulator.reports.terminal import print_campaign

    targets = prepare_campaign_outputs(arguments.junit, arguments.html, arguments.file)
    results = read_campaign(arguments.file, arguments.filter or EVERYTHING)
    write_all(results, targets)
    if arguments.json:
        print(campaign_to_json(results), end="")
    else:
        if not arguments.quiet:
            print_campaign(make_console(sys.stdout), results)
        print(campaign_counts(results))
        print(conclusion(results))
    if getattr(arguments, "opens", False):
        from lensmount_emulator.cli.page import open_files

        open_files([arguments.file])
    return 0 if results.passed else 1


def _rerun(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from lensmount_emulator.campaign.results import read_case
    from lensmount_emulator.campaign.runner import rerun_case, write_recording, write_shrunk
    from lensmount_emulator.reports.summary import format_violation, script_line
    from lensmount_hardware.output_file import check_output

    for output in filter(None, (arguments.record, arguments.shrink)):
        check_output(output, overwrite=arguments.force, inputs=[arguments.file])
    finished = read_case(arguments.file, arguments.number)
    again = rerun_case(finished)
    if arguments.record is not None:
        write_recording(arguments.record, again.recording, overwrite=arguments.force)
    standing = again.result.status
    print(f"{standing.value}, as it was" if again.same else f"{standing.value}, and it was {finished.status.value}")
    print(f"  {script_line(replace(finished, script=again.result.script, expected=again.result.expected))}")
    for violation in again.result.violations:
        print(f"  {format_violation(violation)}")
    if standing.is_failure and (explained := _explained(again.recording, finished.case.dialect)):
        print(f"  {explained}")
    print(f"its recording is {'the same, byte for byte' if again.identical else 'another one'}")
    if arguments.shrink is not None:
        steps = write_shrunk(arguments.shrink, again, overwrite=arguments.force)
        print(f"{steps} steps break the same: lensmount replay {shlex.quote(str(arguments.shrink))}")
    return 0 if again.same and again.identical and not standing.is_failure else 1


def _explained(recording: bytes, dialect: str) -> str:
    """What went wrong in a recording, in one paragraph; `""` where it holds nothing to explain."""
    import tempfile
    from pathlib import Path

    from lensmount_emulator.sessions.explain_capture import explain
    from lensmount_protocol.errors import CaptureError

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.lmx"
        path.write_bytes(recording)
        try:
            found = explain(path, dialect=dialect)
        except CaptureError:
            return ""
    return found.paragraph if found.explains else ""
