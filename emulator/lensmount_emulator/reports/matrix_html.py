"""A matrix as one HTML page that needs nothing else: the table, the rules with sources, and every cell's findings."""

from collections.abc import Iterator
from typing import Any

from lensmount_emulator.reports.matrix_words import MEANINGS, SIGNS, links_in, rows_of, summary, told, totals
from lensmount_emulator.reports.pages import render
from lensmount_emulator.sessions.matrix import Cell, Matrix


class _Numbers(dict[int, int]):
    """Number of a cell, by the cell itself, which is not hashable."""

    def __getitem__(self, cell: Any) -> int:
        return super().__getitem__(id(cell))


def matrix_to_html(matrix: Matrix) -> str:
    """Return the page; text of profiles, findings and errors is escaped."""
    met = {cell.body for cell in matrix.cells}
    bodies = [body for body in matrix.bodies if body in met]
    anchors = {name: f"rule-{number}" for number, name in enumerate(matrix.cells_by_rule, 1)}
    return render(
        "matrix.html.jinja",
        matrix=matrix,
        heading=f"lensmount matrix: {matrix.title}",
        totals=totals(matrix),
        seed="with nominal times" if matrix.seed is None else f"with seed {matrix.seed}",
        signs=SIGNS,
        meanings=MEANINGS,
        bodies=bodies,
        numbers=_Numbers({id(cell): number for number, cell in enumerate(matrix.cells, 1)}),
        rows=list(_rows(matrix, bodies)),
        rules=[_rule(matrix, name, anchor) for name, anchor in anchors.items()],
        anchors=anchors,
        summary=summary,
        told=told,
    )


def _rows(matrix: Matrix, bodies: list[str]) -> Iterator[dict[str, Any]]:
    for (lens, accessories), cells in rows_of(matrix.cells).items():
        title = " + ".join([matrix.lenses[lens], *(matrix.accessories[name] for name in accessories)])
        in_order: list[Cell | None] = [cells.get(body) for body in bodies]
        yield {"name": " + ".join((lens, *accessories)), "title": title, "cells": in_order}


def _rule(matrix: Matrix, name: str, anchor: str) -> dict[str, Any]:
    rule = matrix.rules.get(name)
    why, known, source = (rule.why, rule.known, rule.source) if rule else ("it is not declared", "", "")
    count = matrix.cells_by_rule[name].total()
    return {
        "anchor": anchor,
        "name": name,
        "count": count,
        "why": why,
        "known": known,
        "source": list(links_in(source)),
    }
