"""Help pages at the width of the terminal: what `argparse` prints, with descriptions that are wrapped to fit."""

import argparse
import os
import sys

MAX_WIDTH = 100
"""Columns of a help page on a wider terminal."""

DEFAULT_WIDTH = 80


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Formats help with the width that is known here; `argparse` itself would import `shutil`, and that four more."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=help_width() - 2)


def help_width() -> int:
    """Return the columns of a help page: `COLUMNS`, else those of the terminal, at most `MAX_WIDTH`."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return min(int(columns), MAX_WIDTH)
    out = sys.__stdout__
    if out is None:
        return DEFAULT_WIDTH
    try:
        return min(os.get_terminal_size(out.fileno()).columns or DEFAULT_WIDTH, MAX_WIDTH)
    except (OSError, ValueError):
        return DEFAULT_WIDTH


def fit_help(text: str) -> str:
    """Return a description with its paragraphs wrapped to the width of a help page.

    Lines that begin with spaces are list items: each stays a line of its own, and its continuation is indented to the
    text behind its first word where a gap of at least two spaces follows that.
    """
    import textwrap

    width = help_width() - 2
    lines: list[str] = []
    paragraph: list[str] = []

    def end_paragraph() -> None:
        if paragraph:
            lines.extend(textwrap.wrap(" ".join(paragraph), width, break_long_words=False, break_on_hyphens=False))
            paragraph.clear()

    for line in text.strip().splitlines():
        if line.strip() and not line.startswith(" "):
            paragraph.append(line)
            continue
        end_paragraph()
        lines.extend(_fit_item(line, width))
    end_paragraph()
    return "\n".join(lines)


def _fit_item(line: str, width: int) -> list[str]:
    import textwrap

    if len(line) <= width:
        return [line]
    body = line.lstrip()
    lead = len(line) - len(body)
    term, gap, _ = body.partition("  ")
    rest = body[len(term) :].lstrip() if gap else ""
    hang = len(line) - len(rest) if rest and len(line) - len(rest) < width // 2 else lead + 2
    return textwrap.wrap(line, width, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False)
