"""What all reports of a campaign say alike: counts, a case in one line, and the commands that show it again."""

import os
import shlex
from pathlib import Path

from lensmount_emulator.campaign.case import SESSION, Standing, Verdict
from lensmount_emulator.campaign.finished import Finished
from lensmount_emulator.campaign.results import EVERYTHING, Results
from lensmount_emulator.fuzz.watch import Complaint

BARE = "no faults"


def totals(results: Results) -> str:
    """The counts in one line: `120 of 240 cases: 117 passed, 0 tolerated, 1 unexpected, 2 broken, 0 lost`."""
    counts = ", ".join(f"{count} {standing.value}" for standing, count in results.counts.items())
    of = "" if len(results.cases) == results.planned else f" of {results.planned}"
    where = "" if results.where == EVERYTHING else f" where {results.where}"
    return f"{len(results.cases)}{of} cases{where}: {counts}"


def three_results(results: Results) -> list[str]:
    """The three results by themselves, a line each: invariants, scripts, outcomes."""
    held, outcomes, complete = results.verdicts, results.outcomes, results.scripts_complete
    return [
        "invariants  " + ", ".join(f"{count} {verdict.value}" for verdict, count in held.items()),
        f"scripts     {complete} complete, {len(results.cases) - complete} not complete",
        "outcomes    " + ", ".join(f"{count} {outcome.value}" for outcome, count in outcomes.items()),
    ]


def conclusion(results: Results) -> str:
    """The campaign in one sentence; it passed only where every script was done, or cannot be done under its faults."""
    counts = results.counts
    if not results.cases:
        chosen = "" if results.where == EVERYTHING else f" meets {results.where}"
        return f"failed: no case{chosen or ' has a result'}"
    if not results.complete:
        return (
            f"failed: the campaign is not finished, {results.finished} of {results.planned} cases have a result; "
            "the command that began it goes on with the rest"
        )
    failing = sum(count for standing, count in counts.items() if standing.fails)
    if failing:
        return f"failed: {failing} of {len(results.cases)} cases"
    if counts[Standing.TOLERATED]:
        share = f"{counts[Standing.TOLERATED]} of {len(results.cases)} cases"
        return f"every invariant held; the script was not done in {share}, under faults that may prevent it"
    return "every case passed"


def script_line(case: Finished) -> str:
    """How far the script came, and what was expected, in one line."""
    if case.verdict is Verdict.LOST:
        return "script: unknown"
    expected = "cannot complete: " + case.script.declined if case.script.declined else case.expected.value
    return f"script: {case.script.text}; expected: {expected}"


def name_of(case: Finished) -> str:
    """A case in one line: `17: sigma-fp, sigma-45mm-f2.8-dg-dn, bitflip rate=1e-4, seed 3`."""
    one = case.case
    lens = " + ".join((one.lens, *one.accessories))
    kind = "" if one.kind != SESSION else ", from the corpus" if one.begins else ", steps by chance"
    return f"{one.number}: {one.body}, {lens}, {'; '.join(one.faults) or BARE}, seed {one.seed}{kind}"


def complaint_line(complaint: Complaint) -> str:
    """What must not be and was, in one line."""
    return f"{complaint.invariant} at {complaint.at:.6f} s: {complaint.text}"


def summary(case: Finished) -> str:
    """What a case came to, in one line."""
    first = complaint_line(case.complaints[0]) if case.complaints else script_line(case)
    return f"{case.standing.value}: {first}"


def replay_of(results: Results, case: Finished) -> str:
    """The command that plays the case once more, and holds it against what it came to."""
    return shlex.join(["lensmount", "campaign", "replay", printable(results.path), str(case.case.number)])


def shown_by(results: Results, case: Finished) -> str:
    """The command that plays the recording or the story of a case that did not pass; `""` where there is none."""
    if not case.file:
        return ""
    file = printable(results.path.parent / case.file)
    return shlex.join(
        ["lensmount", "fuzz", "replay", file] if case.case.kind == SESSION else ["lensmount", "replay", file]
    )


def printable(path: Path) -> str:
    """A path as any terminal and any report takes it; bytes of its name that are no text are marked."""
    return os.fsencode(path).decode(errors="replace")


def failed(results: Results) -> list[Finished]:
    """The cases that did not pass, those that are tolerated last."""
    wrong = [case for case in results.cases if case.standing is not Standing.PASSED]
    return sorted(wrong, key=lambda case: not case.standing.fails)


def time_of(bucket_us: int) -> str:
    """A time as people write it: `150 µs`, `3 ms`, `2 s`."""
    for unit, size in (("s", 1_000_000), ("ms", 1000)):
        if bucket_us >= size:
            return f"{bucket_us / size:g} {unit}"
    return f"{bucket_us} µs"
