"""Prints the evidence ledger as a table: each field with its hypotheses, the best first."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lensmount_emulator.fidelity.ledger.labels import Label
from lensmount_emulator.fidelity.ledger.ledger import LedgerEntry
from lensmount_emulator.reports.printable import one_line
from lensmount_protocol.errors import limit_list

SHOWN = 3
"""Hypotheses of a field in the table; the JSON form has all."""


def print_ledger(
    console: Console,
    entries: Sequence[LedgerEntry],
    labels: Sequence[Label],
    incomplete: Sequence[str],
    *,
    show_constants: bool = False,
) -> None:
    """Print the entries; constant ones are counted unless they are to be shown."""
    for label in labels:
        console.print(f"label, {label.begin:g} s to {label.end:g} s: {one_line(label.text)}", markup=False)
    for gap in limit_list(incomplete):
        console.print(f"the capture is incomplete: {one_line(gap)}", markup=False)
    shown = [entry for entry in entries if show_constants or entry.values > 1]
    table = Table("field", "seen", "values", "hypotheses, and how often each is right", box=box.SIMPLE_HEAD)
    for column in table.columns:
        column.overflow = "fold"
    for column in table.columns[1:3]:
        column.justify = "right"
    for entry in shown:
        lines = [f"{one.text}: {one.right} of {one.total}" for one in entry.hypotheses[:SHOWN]]
        name = f"{entry.name} (unknown)" if entry.unknown else entry.name
        table.add_row(
            Text(name), str(entry.seen), str(entry.values), Text(one_line_each(lines) or "none is right often enough")
        )
    if shown:
        console.print(table)
    constants = sum(entry.values <= 1 for entry in entries)
    console.print(f"{len(entries)} fields, {constants} of them constant, {sum(one.unknown for one in entries)} unknown")


def one_line_each(lines: Sequence[str]) -> str:
    """Texts below each other, each in one line."""
    return "\n".join(one_line(line) for line in lines)
