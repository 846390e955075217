"""Results of sessions, replays, matrices and campaigns as text for the terminal.

A campaign on the terminal: how cases went by what they have in common, and those that did not pass.

A matrix on the terminal: a sign for each lens on each body, then the text of each rule and how often it applied.
"""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lensmount_emulator.campaign.case import CaseStatus
from lensmount_emulator.campaign.matrix import Matrix, MatrixCell, MatrixOutcome
from lensmount_emulator.campaign.results import CampaignResults
from lensmount_emulator.faults.rule import Rule
from lensmount_emulator.reports.console import print_timing, print_traffic
from lensmount_emulator.reports.printable import one_line
from lensmount_emulator.reports.summary import (
    MEANINGS,
    NOT_RUN,
    SIGNS,
    case_label,
    cell_lines,
    explain_failed_cases,
    failed_cases,
    failure_replay_command,
    format_violation,
    matrix_rows,
    rerun_command,
    script_line,
    three_results,
)
from lensmount_emulator.sessions.loopback import LoopbackResult
from lensmount_protocol.timing import TimingResult
from lensmount_protocol.wire import Annotation

_RULE_NOTE = "fault: rule on "


def print_session(console: Console, session: LoopbackResult) -> None:
    """Print the result of a session: frames per message type, the timing contract, errors."""
    print_traffic(console, session.tally)
    print_timing(console, session.timing, only_met=True)
    print_outcome(console, session)


def print_outcome(console: Console, session: LoopbackResult) -> None:
    """How long it lasted, and what was found wanting."""
    troubles = [notice for notice in session.notices if notice.is_error]
    broken = timing_violations(session.timing)
    console.print(
        f"{session.seconds:.3f} s of virtual time, {len(troubles) + len(session.missing)} errors, {broken} timing "
        "violations, "
        f"{len(session.violations)} electrical violations"
    )
    if not session.finished:
        console.print(f"  the script was not done in {session.seconds:.3f} s{_stopped_at(session)}", markup=False)
    for step in session.missing:
        console.print(f"  missing at {(step.at or 0.0) * 1e3:.3f} ms: {step.short}", markup=False)
    for notice in troubles:
        console.print(
            f"  error at {notice.at * 1e3:.3f} ms, {notice.role.value}: {one_line(notice.text)}", markup=False
        )
    for fault in session.plan.texts():
        console.print(f"  fault, seed {session.plan.seed}: {fault}", markup=False)
    for name, hits in count_rule_hits(session).items():
        console.print(f"  rule on {name}: applied to {format_hits(hits)}", markup=False)
    for violation in session.violations:
        console.print(f"  electrical: {violation}", markup=False)


def count_rule_hits(session: LoopbackResult) -> dict[str, int]:
    """Message that rules of the session are about -> frames to which one applied, by the notes of the recording."""
    hits = {fault.on: 0 for fault in session.plan.faults if isinstance(fault, Rule) and fault.on}
    for record in session.records if hits else ():
        if isinstance(record, Annotation) and record.text.startswith(_RULE_NOTE):
            for name in record.text.removeprefix(_RULE_NOTE).partition(":")[0].split(", "):
                if name in hits:
                    hits[name] += 1
    return hits


def format_hits(hits: int) -> str:
    """So many frames, in words."""
    return "no frame" if not hits else f"{hits} frame{'s' * (hits > 1)}"


def _stopped_at(session: LoopbackResult) -> str:
    """How far the script came, and what gives it longer where time is what it lacks."""
    script = session.script
    if script is None:
        return ""
    refused = next(
        (f": {finding.detail}" for finding in session.compatibility_results if session.declined and finding.rule), ""
    )
    return f": {one_line(script.describe())}{refused if script.over else '; --duration gives it longer'}"


def timing_violations(measurements: Iterable[TimingResult]) -> int:
    """How many intervals were out of bounds."""
    return sum(measurement.violation_count for measurement in measurements)


STATUS_STYLES = {
    CaseStatus.PASSED: "green",
    CaseStatus.TOLERATED: "yellow",
    CaseStatus.UNEXPECTED: "bold white on red",
    CaseStatus.BROKEN: "bold white on red",
    CaseStatus.LOST: "bold white on red",
}

IN_TABLES = ("body", "lens", "faults", "invariant")

MAX_ROWS = 30
MAX_FAILED = 20
"""Cases that are shown; the other reports have them all."""

MAX_VIOLATIONS = 3


def print_campaign(console: Console, results: CampaignResults) -> None:
    """Print the tables and what did not pass."""
    for what in IN_TABLES:
        shares = results.breakdowns.get(what, [])
        if not shares:
            continue
        table = Table(what, *(standing.value for standing in CaseStatus), box=box.SIMPLE_HEAD)
        table.columns[0].overflow = "fold"
        for column in table.columns[1:]:
            column.justify, column.no_wrap = "right", True
        # What went wrong most stands first.
        for share in sorted(shares, key=lambda one: (-one.failing, one.what))[:MAX_ROWS]:
            counts = map(str, (share.passed, share.tolerated, share.unexpected, share.broken, share.lost))
            table.add_row(Text(share.what), *counts, style="red" if share.failing else None)
        console.print(table)
        if len(shares) > MAX_ROWS:
            console.print(f"and {len(shares) - MAX_ROWS} more; --json and --html have them all")
    wrong = failed_cases(results)
    texts = explain_failed_cases(results)
    for case in wrong[:MAX_FAILED]:
        console.print(Text.assemble((case.status.value, STATUS_STYLES[case.status]), f" {case_label(case)}"))
        console.print(f"  {script_line(case)}", markup=False)
        for violation in case.violations[:MAX_VIOLATIONS]:
            console.print(f"  {format_violation(violation)}", markup=False)
        if explained := texts.get(case.case.number):
            console.print(f"  {explained}", markup=False)
        for command in (rerun_command(results, case), failure_replay_command(results, case)):
            if command:
                console.print(f"  {command}", markup=False)
    for line in three_results(results):
        console.print(line, markup=False)
    if len(wrong) > MAX_FAILED:
        console.print(f"and {len(wrong) - MAX_FAILED} more that did not pass; --json, --junit and --html have them all")


OUTCOME_STYLES = {
    MatrixOutcome.WORKS: "green",
    MatrixOutcome.REDUCED: "yellow",
    MatrixOutcome.REFUSED: "cyan",
    MatrixOutcome.BROKEN: "bold white on red",
}
GROUP_SIZE = 5
"""Bodies that stand together without a gap."""

MAX_BROKEN = 20
"""Broken cells that are shown; the other reports have them all."""


def print_matrix(console: Console, matrix: Matrix) -> None:
    """Print the dialect's notice, the table with its legend, the rules, and what is broken."""
    console.print(f"{matrix.title}. {matrix.notice}", markup=False)
    console.print()
    _print_cells(console, matrix)
    _print_rules(console, matrix)
    _print_broken(console, [cell for cell in matrix.cells if cell.outcome is MatrixOutcome.BROKEN])


def _print_cells(console: Console, matrix: Matrix) -> None:
    met = {cell.body for cell in matrix.cells}
    bodies = [body for body in matrix.bodies if body in met]
    numbers = [f"{number:>3}" for number in range(1, len(bodies) + 1)]
    # Numbers stand upright, so that a body is as wide as its sign.
    heads = [_grouped([number[digit] for number in numbers]) for digit in range(3)]
    table = Table("lens", "\n".join(head for head in heads if head.strip()), box=box.SIMPLE_HEAD)
    table.columns[0].overflow = "fold"
    table.columns[1].no_wrap = True
    for (lens, accessories), cells in matrix_rows(matrix.cells).items():
        signs = Text()
        for index, body in enumerate(bodies):
            outcome = cells[body].outcome if body in cells else None
            signs.append("" if index == 0 or index % GROUP_SIZE else " ")
            signs.append(NOT_RUN if outcome is None else SIGNS[outcome], OUTCOME_STYLES[outcome] if outcome else "")
        table.add_row(Text(" + ".join((lens, *accessories))), signs)
    console.print(table)
    for outcome, sign in SIGNS.items():
        count = matrix.counts[outcome]
        console.print(Text.assemble("  ", (sign, OUTCOME_STYLES[outcome]), f"  {MEANINGS[outcome]:<52}{count:>6}"))
    console.print()
    for number, body in zip(numbers, bodies, strict=True):
        console.print(f"  {number}  {body:<28} {matrix.bodies[body]}", markup=False)


def _print_rules(console: Console, matrix: Matrix) -> None:
    # No table: an address that is cut or folded cannot be followed.
    for name, counts in matrix.cells_by_rule.items():
        rule = matrix.rules.get(name)
        met = f"{name}: {counts.total()} cell{'' if counts.total() == 1 else 's'}"
        if rule is None:
            console.print(f"\n{met}. This rule is not declared.", markup=False)
        else:
            console.print(f"\n{met}. {rule.why}\n  {rule.known}: {rule.source}", markup=False)
    console.print()


def _print_broken(console: Console, broken: list[MatrixCell]) -> None:
    for cell in broken[:MAX_BROKEN]:
        console.print(f"broken: {cell.what} on {cell.body}", markup=False)
        for line in cell_lines(cell):
            console.print(f"  {line}", markup=False)
        console.print(f"  {cell.replay}", markup=False)
    if len(broken) > MAX_BROKEN:
        console.print(f"and {len(broken) - MAX_BROKEN} more broken cells; --json, --junit and --html have them all")


def _grouped(signs: list[str]) -> str:
    return " ".join("".join(signs[at : at + GROUP_SIZE]) for at in range(0, len(signs), GROUP_SIZE))
