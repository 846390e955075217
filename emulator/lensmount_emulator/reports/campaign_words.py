"""What all reports of a campaign say alike: counts, a case in one line, and the commands that show it again."""

import os
import shlex
from pathlib import Path

from lensmount_emulator.campaign.case import SESSION, Verdict
from lensmount_emulator.campaign.results import EVERYTHING, Finished, Results
from lensmount_emulator.fuzz.watch import Complaint

BARE = "no faults"


def totals(results: Results) -> str:
    """The counts in one line: `120 of 240 cases: 118 passed, 2 broken, 0 lost`."""
    counts = ", ".join(f"{count} {verdict.value}" for verdict, count in results.counts.items())
    of = "" if len(results.cases) == results.planned else f" of {results.planned}"
    where = "" if results.where == EVERYTHING else f" where {results.where}"
    return f"{len(results.cases)}{of} cases{where}: {counts}"


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
    first = f": {complaint_line(case.complaints[0])}" if case.complaints else ""
    return f"{case.verdict.value}{first}"


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
    """The cases that did not pass."""
    return [case for case in results.cases if case.verdict is not Verdict.PASSED]


def time_of(bucket_us: int) -> str:
    """A time as people write it: `150 µs`, `3 ms`, `2 s`."""
    for unit, size in (("s", 1_000_000), ("ms", 1000)):
        if bucket_us >= size:
            return f"{bucket_us / size:g} {unit}"
    return f"{bucket_us} µs"
