"""The HTML form of a result in a notebook: a caption and a table, with every text escaped."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import islice

MAX_ROWS = 100
"""Rows that one table shows; a last row gives the number of the others."""


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]], count: int | None = None) -> str:
    """Return an HTML table that is safe to show, whatever its texts hold.

    Args:
        caption: text above the table.
        head: names of the columns; empty for a table without a head.
        rows: cells of each row; only the first `MAX_ROWS` rows are taken.
        count: number of rows in all, where `rows` gives only some of them.
    """
    # Only notebooks need it, and it takes longer to import than a short command runs.
    escape = import_module("html").escape

    def line(cells: Sequence[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    taken = list(islice(rows, MAX_ROWS + 1))
    more = (len(taken) if count is None else count) - MAX_ROWS
    body = [line(cells, "td") for cells in taken[:MAX_ROWS]]
    if more > 0:
        body.append(line(("and more" if count is None else f"and {more} more",), "td"))
    top = line(head, "th") if head else ""
    return f"<table><caption>{escape(caption)}</caption>{top}{''.join(body)}</table>"
