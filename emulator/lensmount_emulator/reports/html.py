"""HTML pages by Jinja2: templates of the package, with every value escaped and every name defined.

A matrix as one HTML page that needs nothing else: the table, the rules with sources, and every cell's findings.

Charts as SVG that stands inside an HTML page: no script, no font, no file beside it; colours are the page's.

A campaign as one HTML page that needs nothing else: how cases went, how quick answers were, and what was reached.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lensmount_emulator.campaign.case import CaseStatus, StoredCase
from lensmount_emulator.campaign.matrix import Matrix, MatrixCell
from lensmount_emulator.campaign.results import CampaignResults, ResultBreakdown
from lensmount_emulator.campaign.session_metrics import BUCKETS_US
from lensmount_emulator.reports.summary import (
    MEANINGS,
    SIGNS,
    campaign_counts,
    case_label,
    cell_lines,
    cell_summary,
    conclusion,
    explain_failed_cases,
    failed_cases,
    failure_replay_command,
    format_latency,
    format_violation,
    matrix_counts,
    matrix_rows,
    rerun_command,
    script_line,
    split_links,
    three_results,
)
from lensmount_protocol.dialect import load_dialect


def render(template: str, **values: Any) -> Markup:
    """Return a template with its values filled in; text is escaped, markup of another template is not.

    Args:
        template: file name in `reports/templates`.
        values: name in the template -> value.
    """
    return Markup(_environment().get_template(template).render(values))


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("lensmount_emulator.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


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
        totals=matrix_counts(matrix),
        seed="with nominal times" if matrix.seed is None else f"with seed {matrix.seed}",
        signs=SIGNS,
        meanings=MEANINGS,
        bodies=bodies,
        numbers=_Numbers({id(cell): number for number, cell in enumerate(matrix.cells, 1)}),
        rows=list(_rows(matrix, bodies)),
        rules=[_rule(matrix, name, anchor) for name, anchor in anchors.items()],
        anchors=anchors,
        summary=cell_summary,
        details=cell_lines,
    )


def _rows(matrix: Matrix, bodies: list[str]) -> Iterator[dict[str, Any]]:
    for (lens, accessories), cells in matrix_rows(matrix.cells).items():
        title = " + ".join([matrix.lenses[lens], *(matrix.accessories[name] for name in accessories)])
        in_order: list[MatrixCell | None] = [cells.get(body) for body in bodies]
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
        "source": list(split_links(source)),
    }


BAR = 18
GAP = 6
LABELS = 330
WIDTH = 900
NUMBERS_WIDTH = 110

ChartPart = tuple[str, int]
"""A class of the page's style, and how much of a bar it is."""


def stacked_bars(rows: Sequence[tuple[str, Sequence[ChartPart]]], about: str) -> Markup:
    """Horizontal bars of parts, all to one scale; each shows its counts at its end and when it is pointed at.

    Args:
        rows: name -> parts, from left to right.
        about: what is drawn, for those who cannot see it.
    """
    maximum = max((sum(size for _, size in parts) for _, parts in rows), default=0) or 1
    room = WIDTH - LABELS - NUMBERS_WIDTH
    bars: list[dict[str, Any]] = []
    for place, (name, parts) in enumerate(rows):
        y, x = place * (BAR + GAP), float(LABELS)
        drawn: list[dict[str, Any]] = []
        for kind, size in parts:
            # A single failure among thousands is still seen.
            width = max(2.0, room * size / maximum) if size else 0.0
            drawn.append({"kind": kind, "x": x, "width": width})
            x += width
        figures = ", ".join(f"{size} {kind}" for kind, size in parts if size)
        counts = " / ".join(str(size) for _, size in parts)
        text = {"title": f"{name}: {figures}", "label": _short(name), "counts": counts}
        places = {"y": y, "height": BAR, "label_x": LABELS - 8, "text_y": y + BAR - 5, "count_x": x + 6}
        bars.append({**text, **places, "parts": drawn})
    height = max(1, len(rows) * (BAR + GAP))
    return render("bars.svg.jinja", width=WIDTH, height=height, about=about, bars=bars)


def histogram(counts: Mapping[str, int], about: str, height: int = 90, column: int = 26) -> Markup:
    """Columns side by side, a name under each; each shows its count when it is pointed at."""
    maximum = max(counts.values(), default=0) or 1
    columns: list[dict[str, Any]] = []
    for place, (name, count) in enumerate(counts.items()):
        tall, x = height * count / maximum, place * column
        box = {"x": x + 2, "y": height - tall, "width": column - 4, "height": tall}
        tick = {"tick_x": x + column / 2 - 4, "tick_y": height + 6}
        columns.append({"title": f"{name}: {count}", "name": name, **box, **tick})
    width = max(1, len(counts)) * column
    return render("histogram.svg.jinja", width=width, height=height + 60, about=about, columns=columns)


def _short(name: str) -> str:
    return name if len(name) <= MAX_LABEL else name[: MAX_LABEL - 1] + "…"


MAX_LABEL = 48


HEADINGS = {
    "body": "By body",
    "lens": "By lens",
    "accessory": "By accessory",
    "faults": "By plan of faults",
    "message": "By message that was under way",
    "invariant": "By invariant that was violated",
}

MAX_BARS = 60
MAX_DETAILED_CASES = 1000
"""Cases that are listed one by one; after them the page gives the number of the others."""


def campaign_to_html(results: CampaignResults) -> str:
    """Return the page; text of profiles, faults and violations is escaped."""
    dialect = load_dialect(results.dialect)
    wrong = failed_cases(results)
    texts = explain_failed_cases(results)
    return render(
        "campaign.html.jinja",
        heading=results.title or f"lensmount campaign: {dialect.title}",
        notice=dialect.notice,
        totals=campaign_counts(results),
        counts=results.counts,
        conclusion=_sentence(conclusion(results)),
        results=three_results(results),
        shares=[_breakdown_chart(name, results.breakdowns[name]) for name in HEADINGS if results.breakdowns.get(name)],
        replies=[_reply(asked, counts) for asked, counts in results.replies.items()],
        coverage=[_coverage(results, end) for end in ("body", "lens")],
        failed=[_case(results, case, texts.get(case.case.number, "")) for case in wrong[:MAX_DETAILED_CASES]],
        failed_more=max(0, len(wrong) - MAX_DETAILED_CASES),
    )


def _breakdown_chart(name: str, shares: list[ResultBreakdown]) -> dict[str, Any]:
    # What went wrong most stands first, and stays where not all can be shown.
    worst = sorted(shares, key=lambda share: (-share.failing, share.what))
    kinds = [standing.value for standing in CaseStatus]
    rows = [(share.what, list(zip(kinds, share[1:], strict=True))) for share in worst[:MAX_BARS]]
    chart = stacked_bars(rows, f"cases {HEADINGS[name].lower()}")
    return {"heading": HEADINGS[name], "chart": chart, "more": max(0, len(worst) - MAX_BARS)}


def _reply(asked: str, counts: dict[int, int]) -> dict[str, Any]:
    least, most = min(counts), max(counts)
    buckets = {format_latency(bucket): counts.get(bucket, 0) for bucket in BUCKETS_US if least <= bucket <= most}
    return {"asked": asked, "chart": histogram(buckets, f"reply times of {asked}"), "count": sum(counts.values())}


def _coverage(results: CampaignResults, end: str) -> dict[str, Any]:
    """The states that an end reached, of all in its dialect's table; `None` for what was never seen."""
    moves = load_dialect(results.dialect).transitions.moves
    legal = [(state, cause, following) for state, causes in moves.items() for cause, following in causes.items()]
    counts = {key[1:]: count for key, count in results.transitions.items() if key[0] == end}
    reached = {state: count for (role, state), count in results.states.items() if role == end}
    return {
        "name": end,
        "states_seen": sum(state in reached for state in moves),
        "states_known": len(moves),
        "moves_seen": sum(one in counts for one in legal),
        "moves_known": len(legal),
        "states": {state: reached.get(state) for state in [*moves, *reached]},
        "moves": {one: counts.get(one) for one in [*legal, *counts]},
    }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _case(results: CampaignResults, case: StoredCase, explained: str) -> dict[str, Any]:
    first = [f"first error: {case.first_error}"] if case.first_error else []
    more = [explained] if explained else []
    return {
        "number": case.case.number,
        "standing": case.status,
        "name": case_label(case),
        "lines": [
            script_line(case),
            *map(format_violation, case.violations),
            *first,
            *more,
        ],
        "commands": [
            command for command in (rerun_command(results, case), failure_replay_command(results, case)) if command
        ],
    }
