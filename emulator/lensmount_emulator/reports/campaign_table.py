"""A campaign on the terminal: how cases went by what they have in common, and those that did not pass."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lensmount_emulator.campaign.case import Standing
from lensmount_emulator.campaign.results import Results
from lensmount_emulator.reports.campaign_words import (
    complaint_line,
    failed,
    name_of,
    replay_of,
    script_line,
    shown_by,
    three_results,
)

STYLES = {
    Standing.PASSED: "green",
    Standing.TOLERATED: "yellow",
    Standing.UNEXPECTED: "bold white on red",
    Standing.BROKEN: "bold white on red",
    Standing.LOST: "bold white on red",
}

IN_TABLES = ("body", "lens", "faults", "invariant")

MOST_ROWS = 30
MOST_FAILED = 20
"""Cases that are shown; the other reports have them all."""

MOST_COMPLAINTS = 3


def print_campaign(console: Console, results: Results) -> None:
    """Print the tables and what did not pass."""
    for what in IN_TABLES:
        shares = results.shares.get(what, [])
        if not shares:
            continue
        table = Table(what, *(standing.value for standing in Standing), box=box.SIMPLE_HEAD)
        table.columns[0].overflow = "fold"
        for column in table.columns[1:]:
            column.justify, column.no_wrap = "right", True
        # What went wrong most stands first.
        for share in sorted(shares, key=lambda one: (-one.failing, one.what))[:MOST_ROWS]:
            counts = map(str, (share.passed, share.tolerated, share.unexpected, share.broken, share.lost))
            table.add_row(Text(share.what), *counts, style="red" if share.failing else None)
        console.print(table)
        if len(shares) > MOST_ROWS:
            console.print(f"and {len(shares) - MOST_ROWS} more; --json and --html have them all")
    wrong = failed(results)
    for case in wrong[:MOST_FAILED]:
        console.print(Text.assemble((case.standing.value, STYLES[case.standing]), f" {name_of(case)}"))
        console.print(f"  {script_line(case)}", markup=False)
        for complaint in case.complaints[:MOST_COMPLAINTS]:
            console.print(f"  {complaint_line(complaint)}", markup=False)
        for command in (replay_of(results, case), shown_by(results, case)):
            if command:
                console.print(f"  {command}", markup=False)
    for line in three_results(results):
        console.print(line, markup=False)
    if len(wrong) > MOST_FAILED:
        console.print(
            f"and {len(wrong) - MOST_FAILED} more that did not pass; --json, --junit and --html have them all"
        )
