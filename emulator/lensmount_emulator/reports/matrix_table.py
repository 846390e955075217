"""A matrix on the terminal: a sign for each lens on each body, then what each rule says and how often it was met."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lensmount_emulator.reports.matrix_words import MEANINGS, NOT_RUN, SIGNS, rows_of, told
from lensmount_emulator.sessions.matrix import Cell, Matrix, Outcome

STYLES = {
    Outcome.WORKS: "green",
    Outcome.REDUCED: "yellow",
    Outcome.REFUSED: "cyan",
    Outcome.BROKEN: "bold white on red",
}
GROUP = 5
"""Bodies that stand together without a gap."""

MOST_BROKEN = 20
"""Broken cells that are shown; the other reports have them all."""


def print_matrix(console: Console, matrix: Matrix) -> None:
    """Print the dialect's notice, the table with its legend, the rules, and what is broken."""
    console.print(f"{matrix.title}. {matrix.notice}", markup=False)
    console.print()
    _print_cells(console, matrix)
    _print_rules(console, matrix)
    _print_broken(console, [cell for cell in matrix.cells if cell.outcome is Outcome.BROKEN])


def _print_cells(console: Console, matrix: Matrix) -> None:
    met = {cell.body for cell in matrix.cells}
    bodies = [body for body in matrix.bodies if body in met]
    numbers = [f"{number:>3}" for number in range(1, len(bodies) + 1)]
    # Numbers stand upright, so that a body is as wide as its sign.
    heads = [_grouped([number[digit] for number in numbers]) for digit in range(3)]
    table = Table("lens", "\n".join(head for head in heads if head.strip()), box=box.SIMPLE_HEAD)
    table.columns[0].overflow = "fold"
    table.columns[1].no_wrap = True
    for (lens, accessories), cells in rows_of(matrix.cells).items():
        signs = Text()
        for index, body in enumerate(bodies):
            outcome = cells[body].outcome if body in cells else None
            signs.append("" if index == 0 or index % GROUP else " ")
            signs.append(NOT_RUN if outcome is None else SIGNS[outcome], STYLES[outcome] if outcome else "")
        table.add_row(Text(" + ".join((lens, *accessories))), signs)
    console.print(table)
    for outcome, sign in SIGNS.items():
        count = matrix.counts[outcome]
        console.print(Text.assemble("  ", (sign, STYLES[outcome]), f"  {MEANINGS[outcome]:<52}{count:>6}"))
    console.print()
    for number, body in zip(numbers, bodies, strict=True):
        console.print(f"  {number}  {body:<28} {matrix.bodies[body]}", markup=False)


def _print_rules(console: Console, matrix: Matrix) -> None:
    # No table: an address that is cut or folded cannot be followed.
    for name, counts in matrix.cells_by_rule.items():
        rule = matrix.rules.get(name)
        met = f"{name}: {counts.total()} cell{'' if counts.total() == 1 else 's'}"
        if rule is None:
            console.print(f"\n{met}. Nobody declared this rule.", markup=False)
        else:
            console.print(f"\n{met}. {rule.why}\n  {rule.known}: {rule.source}", markup=False)
    console.print()


def _print_broken(console: Console, broken: list[Cell]) -> None:
    for cell in broken[:MOST_BROKEN]:
        console.print(f"broken: {cell.what} on {cell.body}", markup=False)
        for line in told(cell):
            console.print(f"  {line}", markup=False)
        console.print(f"  {cell.replay}", markup=False)
    if len(broken) > MOST_BROKEN:
        console.print(f"and {len(broken) - MOST_BROKEN} more broken cells; --json, --junit and --html have them all")


def _grouped(signs: list[str]) -> str:
    return " ".join("".join(signs[at : at + GROUP]) for at in range(0, len(signs), GROUP))
