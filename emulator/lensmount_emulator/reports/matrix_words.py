"""What all reports of a matrix say alike: signs, counts, and why a cell is less than works."""

import re
from collections.abc import Iterable

from lensmount_emulator.roles.findings import Finding
from lensmount_emulator.sessions.matrix import Cell, Matrix, Outcome

SIGNS = {Outcome.WORKS: "+", Outcome.REDUCED: "~", Outcome.REFUSED: "-", Outcome.BROKEN: "!"}
"""One sign an outcome: whoever sees no colours reads these."""

NOT_RUN = " "

MEANINGS = {
    Outcome.WORKS: "works",
    Outcome.REDUCED: "works reduced",
    Outcome.REFUSED: "refused",
    Outcome.BROKEN: "broken: errors, or a result that no rule explains",
}

_URL = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:)]")


def totals(matrix: Matrix) -> str:
    """The counts in one line: `2496 cells: 800 works, 1500 reduced, 196 refused, 0 broken`."""
    counts = ", ".join(f"{count} {outcome.value}" for outcome, count in matrix.counts.items())
    missing = "" if matrix.complete else f" of {matrix.planned}"
    return f"{len(matrix.cells)}{missing} cells: {counts}"


def summary(cell: Cell) -> str:
    """A cell in one line: its outcome, and the rules behind it or its first error."""
    why = cell.errors[0] if cell.errors else ", ".join(cell.rules)
    return f"{cell.outcome.value}: {why}" if why else cell.outcome.value


def finding_line(finding: Finding) -> str:
    """A finding in one line: `focus: reduced, no focus drive: the lens is focused by hand`."""
    rule = f", {finding.rule}" if finding.rule else ""
    detail = f": {finding.detail}" if finding.detail else ""
    return f"{finding.step}: {finding.verdict.value}{rule}{detail}"


def told(cell: Cell) -> list[str]:
    """Everything that a cell has to say of itself, one line each: errors, then each finding with a rule or less."""
    lines = [f"error: {error}" for error in cell.errors]
    return lines + [finding_line(finding) for finding in cell.findings if finding in cell.less or finding.rule]


def rows_of(cells: Iterable[Cell]) -> dict[tuple[str, tuple[str, ...]], dict[str, Cell]]:
    """Cells as a table: a lens with what it is put on -> body -> cell; rows by lens, alone first."""
    rows: dict[tuple[str, tuple[str, ...]], dict[str, Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.lens, cell.accessories), {})[cell.body] = cell
    return dict(sorted(rows.items()))


def links_in(text: str) -> list[tuple[str, bool]]:
    """A text in parts, each with whether it is a web address."""
    parts: list[tuple[str, bool]] = []
    at = 0
    for match in _URL.finditer(text):
        parts += [(text[at : match.start()], False), (match.group(), True)]
        at = match.end()
    return [part for part in [*parts, (text[at:], False)] if part[0]]
