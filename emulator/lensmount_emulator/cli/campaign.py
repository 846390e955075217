"""Run many sessions from one file: profiles x faults x seeds, held to invariants, into one SQLite file; and report.

  lensmount campaign FILE.toml               what has no result yet is played, in processes of this machine
  lensmount campaign FILE.toml --dask tcp://HOST:8786        or on a cluster
  lensmount campaign report FILE.sqlite      tables; JSON, JUnit and one HTML page with plots
  lensmount campaign replay FILE.sqlite 17   one case once more, held against what it came to

Ctrl-C ends it; what is finished is kept, and the same command goes on with the rest. Exit code 1 where an
invariant was broken, a script did not come as far as its faults let expect, or the campaign is not finished.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lensmount_emulator.reports.terminal import report

if TYPE_CHECKING:
    from lensmount_emulator.campaign.planning import Planned
    from lensmount_emulator.campaign.running import Execute, Progress

WORDS = ("run", "report", "replay")
"""What can be done; where none is named it is run."""


def spelled_out(words: Sequence[str]) -> list[str]:
    """The words of the command with what is done named first."""
    named = not words or words[0] in WORDS or words[0] in ("-h", "--help")
    return list(words) if named else ["run", *words]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount campaign`."""
    from lensmount_emulator.cli.verbosity import verbosity_options
    from lensmount_emulator.cli.words import add_force, count

    what = parser.add_subparsers(dest="what", required=True, metavar="FILE.toml | report | replay")
    shared = (verbosity_options(),)
    play = what.add_parser("run", help="play what has no result yet; the word may be left away", parents=shared)
    play.add_argument("file", type=Path, metavar="FILE.toml", help="what to try")
    play.add_argument("--to", type=Path, metavar="FILE.sqlite", help="results (default: beside FILE.toml)")
    play.add_argument("--processes", type=count, metavar="N", help="(default: as the file says, or one per processor)")
    play.add_argument("--dask", metavar="ADDRESS", help="the scheduler of a cluster: tcp://HOST:8786")
    play.add_argument(
        "--corpus",
        action="append",
        default=[],
        metavar="PLACE",
        help="a folder or the URL of a Redis; may be given again (default: as the file says)",
    )
    report = what.add_parser("report", help="what a campaign came to", parents=shared)
    report.add_argument("file", type=Path, metavar="FILE.sqlite", help="its results")
    report.add_argument(
        "--where", metavar="CONDITION", help="SQL on the columns of a case: \"verdict = 'broken' AND seed < 10\""
    )
    for one in (play, report):
        one.add_argument("--junit", type=Path, metavar="FILE", help="write it as JUnit XML, for CI")
        one.add_argument("--html", type=Path, metavar="FILE", help="write it as one HTML page")
    report.add_argument("--json", action="store_true", help="print one JSON document, a case a line, and nothing else")
    replay = what.add_parser("replay", help="one case once more", parents=shared)
    replay.add_argument("file", type=Path, metavar="FILE.sqlite", help="the campaign's results")
    replay.add_argument("number", type=count, metavar="NUMBER", help="of the case")
    replay.add_argument("--record", type=Path, metavar="FILE", help="write its recording, or its story, to this file")
    replay.add_argument(
        "--shorten", type=Path, metavar="FILE", help="write the shortest story that breaks the same to this file"
    )
    add_force(replay)


def run(arguments: argparse.Namespace) -> int:
    """Do it; 0 where every case passed, else 1."""
    return {"run": _run, "report": _report, "replay": _replay}[arguments.what](arguments)


def _run(arguments: argparse.Namespace) -> int:
    from contextlib import closing

    from lensmount_emulator.campaign.form import corpora_of, load_form
    from lensmount_emulator.campaign.planning import plan_campaign
    from lensmount_emulator.campaign.running import run_planned
    from lensmount_emulator.campaign.store import Store
    from lensmount_emulator.cli.campaign_files import ready
    from lensmount_emulator.cli.parsing import corpus_at
    from lensmount_emulator.reports.campaign_words import printable
    from lensmount_emulator.reports.progress import count_progress
    from lensmount_hardware.clock import MonotonicClock

    clock = MonotonicClock()
    planned = plan_campaign(load_form(arguments.file))
    execute = _execute(arguments, planned)
    corpus = corpus_at(corpora_of(planned.form, arguments.corpus))
    path = arguments.to or arguments.file.with_suffix(".sqlite")
    ready(arguments.junit, arguments.html, arguments.file, path)
    progress: Progress | None = None
    stopped = False
    with (
        Store(path, planned) as store,
        closing(run_planned(planned, store, execute, corpus)) as steps,
        count_progress("cases", shown=not arguments.quiet) as update,
    ):
        try:
            for progress in steps:
                update(progress.finished, progress.planned)
        except KeyboardInterrupt:
            stopped = True
    if progress is not None:
        _tell(progress, clock.now())
    if stopped:
        print(f"the same command goes on with what is missing in {printable(path)}")
        raise KeyboardInterrupt
    arguments.file, arguments.where, arguments.json = path, None, False
    code = _report(arguments)
    return 3 if not code and progress is not None and progress.trouble else code


def _tell(progress: "Progress", seconds: float) -> None:
    played = progress.finished - progress.began
    before = f", {progress.began} were finished before" if progress.began else ""
    print(f"{played} cases in {seconds:.1f} s{before}; {progress.finished} of {progress.planned} are finished")
    if progress.skipped:
        print(f"{progress.skipped} entries of the corpus cannot be read, and were skipped")
    if progress.trouble:
        report(f"{progress.trouble}; every result is kept")


def _execute(arguments: argparse.Namespace, planned: "Planned") -> "Execute":
    from lensmount_emulator.campaign.processes import run_in_processes
    from lensmount_emulator.campaign.trial import Work
    from lensmount_emulator.worker_count import default_worker_count
    from lensmount_protocol.errors import CampaignError

    work = Work(planned.profiles)
    if arguments.dask is None:
        processes = arguments.processes or planned.form.processes or default_worker_count(len(planned.cases))
        return lambda cases: run_in_processes(cases, work, processes, planned.form.limit)
    try:
        from lensmount_emulator.campaign.cluster import run_on_cluster
    except ImportError as error:
        raise CampaignError(f"--dask wants Dask distributed ({error}); pip install 'lensmount[dask]'") from error
    return lambda cases: run_on_cluster(arguments.dask, cases, work)


def _report(arguments: argparse.Namespace) -> int:
    from lensmount_emulator.campaign.results import EVERYTHING, read_results
    from lensmount_emulator.cli.campaign_files import ready
    from lensmount_emulator.cli.report_files import write_all
    from lensmount_emulator.reports.campaign_json import campaign_to_json
    from lensmount_emulator.reports.campaign_table import print_campaign
    from lensmount_emulator.reports.campaign_words import conclusion, totals
    from lensmount_emulator.reports.console import console_for

    targets = ready(arguments.junit, arguments.html, arguments.file)
    results = read_results(arguments.file, arguments.where or EVERYTHING)
    write_all(results, targets)
    if arguments.json:
        print(campaign_to_json(results), end="")
    else:
        if not arguments.quiet:
            print_campaign(console_for(sys.stdout), results)
        print(totals(results))
        print(conclusion(results))
    return 0 if results.passed else 1


def _replay(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from lensmount_emulator.campaign.replaying import replay_case, write_recording, write_shorter
    from lensmount_emulator.campaign.results import read_case
    from lensmount_emulator.reports.campaign_words import complaint_line, script_line
    from lensmount_hardware.output_file import check_output

    for output in filter(None, (arguments.record, arguments.shorten)):
        check_output(output, overwrite=arguments.force, inputs=[arguments.file])
    finished = read_case(arguments.file, arguments.number)
    again = replay_case(finished)
    if arguments.record is not None:
        write_recording(arguments.record, again.recording, overwrite=arguments.force)
    standing = again.result.standing
    print(f"{standing.value}, as it was" if again.same else f"{standing.value}, and it was {finished.standing.value}")
    print(f"  {script_line(replace(finished, script=again.result.script, expected=again.result.expected))}")
    for complaint in again.result.complaints:
        print(f"  {complaint_line(complaint)}")
    print(f"its recording is {'the same, byte for byte' if again.identical else 'another one'}")
    if arguments.shorten is not None:
        steps = write_shorter(arguments.shorten, again, overwrite=arguments.force)
        print(f"{steps} steps break the same: lensmount replay {shlex.quote(str(arguments.shorten))}")
    return 0 if again.same and again.identical and not standing.fails else 1
