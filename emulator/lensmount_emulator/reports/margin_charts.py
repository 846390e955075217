"""Margins as charts: the regions of one parameter as a bar, of two as a map, each as SVG, PNG and as one HTML page."""

import io
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from markupsafe import Markup

from lensmount_emulator.margins.results import LIVE_MEANINGS, MEANINGS, UNKNOWN, Result, result_lines
from lensmount_emulator.margins.search import BROKEN, OURS, SEEN, JitterMargin, Margin, MarginMap
from lensmount_emulator.reports.html import render
from lensmount_emulator.traffic.plots import check_matplotlib

KINDS = {SEEN: "seen", OURS: "ours", BROKEN: "broken"}
WIDTH, LEFT, TOP = 760, 110, 34
CELL_HEIGHT = 16
LEGEND_HEIGHT = 60


COLOURS = {"seen": "#009E73", "ours": "#56B4E9", "broken": "#D55E00"}
"""The colours of a PNG; those of Okabe and Ito, which people with any colour vision can distinguish."""

PIXELS_PER_INCH = 100
TEXT_POINTS = 7.5


def margin_svg(result: Result, *, live: bool = False) -> Markup:
    """One result as an SVG picture that needs nothing else."""
    return render("margins.svg.jinja", **_draw(result, live=live))


def _draw(result: Result, *, live: bool) -> dict[str, Any]:
    """What a picture of a result shows: cells, marks and a legend, in pixels from the top left corner."""
    if isinstance(result, MarginMap):
        title = f"{result.across.name} across, {result.down.name} down"
        cells, marks, height = _map_cells(result)
    elif isinstance(result, Margin):
        title = f"{result.parameter.name}: {result.parameter.format(result.parameter.nominal)} in the profile"
        cells, marks, height = _margin_cells(result)
    else:
        title = f"{result.parameter.name}: share of {result.seeds} sessions that work"
        cells, marks, height = _rate_cells(result)
    meanings = LIVE_MEANINGS if live else MEANINGS
    shown = () if isinstance(result, JitterMargin) else tuple(KINDS)
    legend = [
        {"kind": KINDS[region], "y": height + 10 + 18 * number, "text": f"{region}: {meanings[region]}"}
        for number, region in enumerate(shown)
    ]
    return {
        "width": WIDTH,
        "height": height + LEGEND_HEIGHT + 10,
        "left": LEFT,
        "about": title,
        "title": title,
        "cells": cells,
        "marks": marks,
        "legend": legend,
    }


Cells = tuple[list[dict[str, Any]], list[dict[str, Any]], int]


def _map_cells(found: MarginMap) -> Cells:
    width = (WIDTH - LEFT - 10) / len(found.columns)
    height = TOP + CELL_HEIGHT * len(found.rows)
    cells: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    for number, (row, regions) in enumerate(zip(found.rows, found.regions, strict=True)):
        y = height - CELL_HEIGHT * (number + 1)
        if number % 2 == 0:
            marks.append(_mark(LEFT - 6, y + 12, found.down.format(row), "end"))
        for index, (column, region) in enumerate(zip(found.columns, regions, strict=True)):
            title = f"{found.across.format(column)}, {found.down.format(row)}: {region}"
            cells.append(_cell(region, LEFT + index * width, y, width, CELL_HEIGHT, title))
    for index in range(0, len(found.columns), max(1, len(found.columns) // 6)):
        text = found.across.format(found.columns[index])
        marks.append(_mark(LEFT + (index + 0.5) * width, height + 14, text, "middle"))
    return cells, marks, height + 20


def _margin_cells(margin: Margin) -> Cells:
    width = (WIDTH - LEFT - 10) / len(margin.grid)
    cells: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    for index, (value, works) in enumerate(margin.grid):
        region = margin.region(value) if works else BROKEN
        if works and region == BROKEN:
            region = OURS
        title = f"{margin.parameter.format(value)}: {region}"
        cells.append(_cell(region, LEFT + index * width, TOP, width, 2 * CELL_HEIGHT, title))
        if index % 4 == 0:
            marks.append(_mark(LEFT + (index + 0.5) * width, TOP + 48, margin.parameter.format(value), "middle"))
    return cells, marks, TOP + 54


def _rate_cells(margin: JitterMargin) -> Cells:
    width = (WIDTH - LEFT - 10) / len(margin.rates)
    cells: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    full = 8 * CELL_HEIGHT
    for index, (value, good) in enumerate(margin.rates):
        height = full * good / margin.seeds
        title = f"{margin.parameter.format(value)}: {good} of {margin.seeds}"
        cells.append(_cell(OURS, LEFT + index * width + 2, TOP + full - height, width - 4, height, title))
        marks.append(_mark(LEFT + (index + 0.5) * width, TOP + full + 14, margin.parameter.format(value), "middle"))
    marks.append(_mark(LEFT - 6, TOP + 10, "all", "end"))
    return cells, marks, TOP + full + 20


def _cell(region: str, x: float, y: float, width: float, height: float, title: str) -> dict[str, Any]:
    return {"kind": KINDS[region], "x": x, "y": y, "width": width, "height": height, "title": title}


def _mark(x: float, y: float, text: str, anchor: str) -> dict[str, Any]:
    return {"x": x, "y": y, "text": text, "anchor": anchor}


def margins_html(results: Sequence[Result], heading: str, notice: str, *, live: bool = False) -> str:
    """All results as one HTML page that needs nothing else."""
    parts = [{"svg": margin_svg(one, live=live), "text": "\n".join(result_lines([one], live=live))} for one in results]
    unknown = "" if live else UNKNOWN
    return render("margins.html.jinja", heading=heading, notice=notice, unknown=unknown, parts=parts)


def margins_svg(results: Sequence[Result], *, live: bool = False) -> str:
    """The first result as a picture; a file holds one."""
    return str(margin_svg(results[0], live=live))


def margins_png(results: Sequence[Result], *, live: bool = False) -> bytes:
    """The first result as a PNG picture, drawn by matplotlib; a file holds one.

    Raises:
        DialectError: matplotlib is not installed.
    """
    check_matplotlib()
    shown = _draw(results[0], live=live)
    width, height = shown["width"], shown["height"]
    figure: Any = import_module("matplotlib.figure").Figure((width / PIXELS_PER_INCH, height / PIXELS_PER_INCH))
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    rectangle: Any = import_module("matplotlib.patches").Rectangle
    swatches: list[dict[str, Any]] = [
        {"kind": one["kind"], "x": LEFT, "y": one["y"], "width": 12, "height": 12} for one in shown["legend"]
    ]
    for cell in (*shown["cells"], *swatches):
        place = (cell["x"], cell["y"])
        axes.add_patch(rectangle(place, cell["width"], cell["height"], color=COLOURS[cell["kind"]], linewidth=0))
    sides = {"start": "left", "middle": "center", "end": "right"}
    axes.text(LEFT, TOP - 14, shown["title"], fontsize=TEXT_POINTS + 2)
    for mark in shown["marks"]:
        axes.text(mark["x"], mark["y"], mark["text"], fontsize=TEXT_POINTS, ha=sides[mark["anchor"]])
    for one in shown["legend"]:
        axes.text(LEFT + 18, one["y"] + 10, one["text"], fontsize=TEXT_POINTS)
    file = io.BytesIO()
    # Without the version of the library, the same result gives the same file.
    figure.savefig(file, format="png", dpi=PIXELS_PER_INCH, metadata={"Software": None})
    return file.getvalue()
