"""Charts as SVG that stands inside an HTML page: no script, no font, no file beside it; colours are the page's."""

from collections.abc import Mapping, Sequence
from html import escape

BAR = 18
GAP = 6
LABELS = 330
WIDTH = 900
FIGURES = 110

Part = tuple[str, int]
"""A class of the page's style, and how much of a bar it is."""


def stacked_bars(rows: Sequence[tuple[str, Sequence[Part]]], about: str) -> str:
    """Horizontal bars of parts, all to one scale; each says its counts at its end and when it is pointed at.

    Args:
        rows: name -> parts, from left to right.
        about: what is drawn, for those who cannot see it.
    """
    most = max((sum(size for _, size in parts) for _, parts in rows), default=0) or 1
    room = WIDTH - LABELS - FIGURES
    drawn: list[str] = []
    for place, (name, parts) in enumerate(rows):
        y, x = place * (BAR + GAP), float(LABELS)
        figures = ", ".join(f"{size} {kind}" for kind, size in parts if size)
        bars: list[str] = []
        for kind, size in parts:
            # A single failure among thousands is still seen.
            width = max(2.0, room * size / most) if size else 0.0
            bars.append(f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}"/>')
            x += width
        label = f'<text class="label" x="{LABELS - 8}" y="{y + BAR - 5}">{escape(_short(name))}</text>'
        count = f'<text x="{x + 6:.1f}" y="{y + BAR - 5}">{" / ".join(str(size) for _, size in parts)}</text>'
        drawn.append(f"<g><title>{escape(f'{name}: {figures}')}</title>{label}{''.join(bars)}{count}</g>")
    return _svg(WIDTH, len(rows) * (BAR + GAP), drawn, about)


def histogram(counts: Mapping[str, int], about: str, height: int = 90, column: int = 26) -> str:
    """Columns side by side, a name under each; each says its count when it is pointed at."""
    most = max(counts.values(), default=0) or 1
    drawn: list[str] = []
    for place, (name, count) in enumerate(counts.items()):
        tall = height * count / most
        x = place * column
        drawn.append(
            f"<g><title>{escape(f'{name}: {count}')}</title>"
            f'<rect class="bar" x="{x + 2}" y="{height - tall:.1f}" width="{column - 4}" height="{tall:.1f}"/>'
            f'<text class="tick" transform="translate({x + column / 2 - 4} {height + 6}) rotate(90)">'
            f"{escape(name)}</text>"
            "</g>"
        )
    return _svg(max(1, len(counts)) * column, height + 60, drawn, about)


def _svg(width: int, height: int, drawn: Sequence[str], about: str) -> str:
    lines = "\n".join(drawn)
    return (
        f'<svg viewBox="0 0 {width} {max(1, height)}" width="{width}" height="{max(1, height)}" role="img" '
        f'aria-label="{escape(about)}">\n{lines}\n</svg>'
    )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


LONGEST_NAME = 48
