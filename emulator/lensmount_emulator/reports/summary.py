"""Texts that the reports of campaigns and matrices share.

For a campaign: counts, a case in one line, and its replay commands. For a matrix: signs, counts, and rules.
"""

import os
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lensmount_emulator.campaign.case import SESSION, CaseStatus, InvariantOutcome, StoredCase
from lensmount_emulator.campaign.matrix import Matrix, MatrixCell, MatrixOutcome
from lensmount_emulator.campaign.results import EVERYTHING, CampaignResults
from lensmount_emulator.engine.verdicts import CompatibilityResult
from lensmount_emulator.fuzz.monitor import Violation
from lensmount_emulator.sessions.explain_capture import explain
from lensmount_protocol.errors import MountError

BARE = "no faults"


def campaign_counts(results: CampaignResults) -> str:
    """The counts in one line: `120 of 240 cases: 117 passed, 0 tolerated, 1 unexpected, 2 broken, 0 lost`."""
    counts = ", ".join(f"{count} {standing.value}" for standing, count in results.counts.items())
    of = "" if len(results.cases) == results.planned else f" of {results.planned}"
    where = "" if results.where == EVERYTHING else f" where {results.where}"
    return f"{len(results.cases)}{of} cases{where}: {counts}"


def three_results(results: CampaignResults) -> list[str]:
    """The three results by themselves, a line each: invariants, scripts, outcomes."""
    held, outcomes, complete = results.verdicts, results.outcomes, results.scripts_complete
    return [
        "invariants  " + ", ".join(f"{count} {verdict.value}" for verdict, count in held.items()),
        f"scripts     {complete} complete, {len(results.cases) - complete} not complete",
        "outcomes    " + ", ".join(f"{count} {outcome.value}" for outcome, count in outcomes.items()),
    ]


def conclusion(results: CampaignResults) -> str:
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
    failing = sum(count for standing, count in counts.items() if standing.is_failure)
    if failing:
        return f"failed: {failing} of {len(results.cases)} cases"
    if counts[CaseStatus.TOLERATED]:
        share = f"{counts[CaseStatus.TOLERATED]} of {len(results.cases)} cases"
        return f"every invariant held; the script was not done in {share}, under faults that may prevent it"
    return "every case passed"


def script_line(case: StoredCase) -> str:
    """How far the script came, and what was expected, in one line."""
    if case.verdict is InvariantOutcome.LOST:
        return "script: unknown"
    expected = "cannot complete: " + case.script.declined if case.script.declined else case.expected.value
    return f"script: {case.script.text}; expected: {expected}"


def case_label(case: StoredCase) -> str:
    """A case in one line: `17: sigma-fp, sigma-45mm-f2.8-dg-dn, bitflip rate=1e-4, seed 3`."""
    one = case.case
    lens = " + ".join((one.lens, *one.accessories))
    kind = "" if one.kind != SESSION else ", from the corpus" if one.begins else ", random steps"
    return f"{one.number}: {one.body}, {lens}, {'; '.join(one.faults) or BARE}, seed {one.seed}{kind}"


def format_violation(violation: Violation) -> str:
    """What must not be and was, in one line."""
    return f"{violation.invariant} at {violation.at:.6f} s: {violation.text}"


def case_summary(case: StoredCase) -> str:
    """Return the result of a case, in one line."""
    first = format_violation(case.violations[0]) if case.violations else script_line(case)
    return f"{case.status.value}: {first}"


def rerun_command(results: CampaignResults, case: StoredCase) -> str:
    """The command that plays the case once more, and compares the results."""
    return shlex.join(["lensmount", "campaign", "replay", display_path(results.path), str(case.case.number)])


def failure_replay_command(results: CampaignResults, case: StoredCase) -> str:
    """The command that plays the recording or the scenario of a case that did not pass; `""` where there is none."""
    if not case.file:
        return ""
    file = display_path(results.path.parent / case.file)
    return shlex.join(
        ["lensmount", "fuzz", "replay", file] if case.case.kind == SESSION else ["lensmount", "replay", file]
    )


MAX_EXPLAINED = 50
"""Cases of a report that are explained: each is read and compared with a good start-up."""


def explain_failed_cases(results: CampaignResults) -> dict[int, str]:
    """Number of a case that did not pass -> what went wrong in it, from its recording; of the first ones only."""
    texts: dict[int, str] = {}
    for case in failed_cases(results)[:MAX_EXPLAINED]:
        if case.file:
            # A recording that is missing or damaged, or holds nothing, leaves the rest of the report as it is.
            with suppress(MountError):
                found = explain(results.path.parent / case.file, dialect=case.case.dialect)
                if found.explains:
                    texts[case.case.number] = found.paragraph
    return texts


def display_path(path: Path) -> str:
    """A path as any terminal and any report takes it; bytes of its name that are no text are marked."""
    return os.fsencode(path).decode(errors="replace")


def failed_cases(results: CampaignResults) -> list[StoredCase]:
    """The cases that did not pass, those that are tolerated last."""
    wrong = [case for case in results.cases if case.status is not CaseStatus.PASSED]
    return sorted(wrong, key=lambda case: not case.status.is_failure)


def format_latency(bucket_us: int) -> str:
    """A time as people write it: `150 µs`, `3 ms`, `2 s`."""
    for unit, size in (("s", 1_000_000), ("ms", 1000)):
        if bucket_us >= size:
            return f"{bucket_us / size:g} {unit}"
    return f"{bucket_us} µs"


SIGNS = {MatrixOutcome.WORKS: "+", MatrixOutcome.REDUCED: "~", MatrixOutcome.REFUSED: "-", MatrixOutcome.BROKEN: "!"}
"""One sign an outcome: whoever sees no colours reads these."""

NOT_RUN = " "

MEANINGS = {
    MatrixOutcome.WORKS: "works",
    MatrixOutcome.REDUCED: "works reduced",
    MatrixOutcome.REFUSED: "refused",
    MatrixOutcome.BROKEN: "broken: errors, or a result that no rule explains",
}

_URL = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:)]")


def matrix_counts(matrix: Matrix) -> str:
    """The counts in one line: `2496 cells: 800 works, 1500 reduced, 196 refused, 0 broken`."""
    counts = ", ".join(f"{count} {outcome.value}" for outcome, count in matrix.counts.items())
    missing = "" if matrix.complete else f" of {matrix.planned}"
    return f"{len(matrix.cells)}{missing} cells: {counts}"


def cell_summary(cell: MatrixCell) -> str:
    """A cell in one line: its outcome, and its rules or its first error."""
    why = cell.errors[0] if cell.errors else ", ".join(cell.rules)
    return f"{cell.outcome.value}: {why}" if why else cell.outcome.value


def format_compatibility(finding: CompatibilityResult) -> str:
    """A finding in one line: `focus: reduced, no focus drive: the lens is focused by hand`."""
    rule = f", {finding.rule}" if finding.rule else ""
    detail = f": {finding.detail}" if finding.detail else ""
    return f"{finding.step}: {finding.verdict.value}{rule}{detail}"


def cell_lines(cell: MatrixCell) -> list[str]:
    """Return the details of a cell, one line each: errors, then each finding with a rule or less."""
    lines = [f"error: {error}" for error in cell.errors]
    return lines + [
        format_compatibility(finding) for finding in cell.findings if finding in cell.limitations or finding.rule
    ]


def matrix_rows(cells: Iterable[MatrixCell]) -> dict[tuple[str, tuple[str, ...]], dict[str, MatrixCell]]:
    """Cells as a table: a lens with what it is put on -> body -> cell; rows by lens, alone first."""
    rows: dict[tuple[str, tuple[str, ...]], dict[str, MatrixCell]] = {}
    for cell in cells:
        rows.setdefault((cell.lens, cell.accessories), {})[cell.body] = cell
    return dict(sorted(rows.items()))


def split_links(text: str) -> list[tuple[str, bool]]:
    """A text in parts, each with whether it is a web address."""
    parts: list[tuple[str, bool]] = []
    at = 0
    for match in _URL.finditer(text):
        parts += [(text[at : match.start()], False), (match.group(), True)]
        at = match.end()
    return [part for part in [*parts, (text[at:], False)] if part[0]]
