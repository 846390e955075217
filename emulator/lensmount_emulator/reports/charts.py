"""Charts as SVG that stands inside an HTML page: no script, no font, no file beside it; colours are the page's."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from lensmount_emulator.reports.pages import render

BAR = 18
GAP = 6
LABELS = 330
WIDTH = 900
FIGURES = 110

Part = tuple[str, int]
"""A class of the page's style, and how much of a bar it is."""


def stacked_bars(rows: Sequence[tuple[str, Sequence[Part]]], about: str) -> Markup:
    """Horizontal bars of parts, all to one scale; each says its counts at its end and when it is pointed at.

    Args:
        rows: name -> parts, from left to right.
        about: what is drawn, for those who cannot see it.
    """
    most = max((sum(size for _, size in parts) for _, parts in rows), default=0) or 1
    room = WIDTH - LABELS - FIGURES
    bars: list[dict[str, Any]] = []
    for place, (name, parts) in enumerate(rows):
        y, x = place * (BAR + GAP), float(LABELS)
        drawn: list[dict[str, Any]] = []
        for kind, size in parts:
            # A single failure among thousands is still seen.
            width = max(2.0, room * size / most) if size else 0.0
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
    """Columns side by side, a name under each; each says its count when it is pointed at."""
    most = max(counts.values(), default=0) or 1
    columns: list[dict[str, Any]] = []
    for place, (name, count) in enumerate(counts.items()):
        tall, x = height * count / most, place * column
        box = {"x": x + 2, "y": height - tall, "width": column - 4, "height": tall}
        tick = {"tick_x": x + column / 2 - 4, "tick_y": height + 6}
        columns.append({"title": f"{name}: {count}", "name": name, **box, **tick})
    width = max(1, len(counts)) * column
    return render("histogram.svg.jinja", width=width, height=height + 60, about=about, columns=columns)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


LONGEST_NAME = 48
