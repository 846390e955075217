"""The argument parser of the command line: errors of one line that suggest the nearest name.

Help pages at the width of the terminal: what `argparse` prints, with descriptions that are wrapped to fit.

The options `-v` and `-q` that every verb has, and the log on standard error that `-v` shows.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence

from lensmount_protocol.errors import nearest, unknown_name_message

TYPE_CHECKING = False
"""Type checkers take it as true. `typing` itself is a sixth of the time that the help takes."""

if TYPE_CHECKING:
    from typing import Any, NoReturn, TypedDict

    class OneOf(TypedDict):
        """Keywords of `add_argument`."""

        choices: list[str]
        type: Callable[[str], str]


class Parser(argparse.ArgumentParser):
    """A parser that reports in one line what is wrong, with the nearest name that is known."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; `{self.prog} --help` shows the usage\n")

    def parse_known_names(self, items: Sequence[str], subverbs: Collection[str] = ()) -> argparse.Namespace:
        """Parse arguments; an unknown subverb or option is an error that suggests the nearest one.

        Args:
            items: the arguments after the verb.
            subverbs: what may come first.
        """
        if subverbs and items and not items[0].startswith("-") and items[0] not in subverbs:
            self.error(unknown_name_message("subverb", items[0], subverbs))
        parsed, extra = self.parse_known_args(items)
        if extra:
            option = extra[0].partition("=")[0]
            close = nearest(option, self.options(items[0] if subverbs else "")) if option.startswith("-") else []
            hint = f"; did you mean {close[0]}?" if close else ""
            self.error(f"unrecognized arguments: {' '.join(extra)}{hint}")
        return parsed

    def options(self, subverb: str = "") -> list[str]:
        """Return the option strings of this parser, or of that of a subverb."""
        names = list(self._option_string_actions)
        for child in self.children(subverb):
            names += child.options()
        return names

    def children(self, subverb: str) -> Iterator[Parser]:
        """The parsers of a subverb, of which there is one or none."""
        for action in self._actions:
            found = _parsers(action).get(subverb)
            if isinstance(found, Parser):
                yield found

    def actions(self) -> list[argparse.Action]:
        """Return the arguments of this parser and of its subverbs."""
        found = list(self._actions)
        for action in self._actions:
            for child in _parsers(action).values():
                found += child.actions() if isinstance(child, Parser) else []
        return found


def _parsers(action: argparse.Action) -> Mapping[str, object]:
    """The parsers of subverbs by name; empty for any other argument."""
    choices: Any = action.choices
    # Only the action of subverbs has a mapping here.
    parsers: Mapping[str, object] = choices if hasattr(choices, "values") else {}
    return parsers


def one_of(kind: str, names: Collection[str]) -> OneOf:
    """Return the keywords of `add_argument` for an argument that takes one name of a list.

    Args:
        kind: what is named, for the error.
        names: the names.
    """

    def name(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(unknown_name_message(kind, text, names))
        return text

    return {"choices": list(names), "type": name}


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
    text after its first column where a gap of at least two spaces follows that.
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


SHORT = {"-v", "-vv", "-vvv", "-q", "--verbose", "--quiet"}
"""Forms that are also accepted in front of a verb."""


def verbosity_options() -> Parser:
    """Return the parser of the options that all verbs share, for `parents=` of another parser."""
    shared = Parser(add_help=False)
    group = shared.add_argument_group("output")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="log events to the error stream; -vv adds the reasons"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="only results: no events, notes or progress")
    return shared


def verb_first(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the shared options that precede the verb moved to the end."""
    count = next((number for number, item in enumerate(arguments) if item not in SHORT), len(arguments))
    return [*arguments[count:], *arguments[:count]]


@contextlib.contextmanager
def logging_shown(verbose: int) -> Generator[None]:
    """Show the log of the library on standard error within the context.

    Args:
        verbose: 0 for nothing, 1 for INFO, 2 or more for DEBUG.
    """
    if not verbose:
        # `logging` is loaded only where the user asks for the log.
        yield
        return
    import logging

    from lensmount_emulator.reports.printable import SEVERITIES, one_line, write_line
    from lensmount_protocol.logs import ROOT

    class Lines(logging.Handler):
        """One line an event: milliseconds since the start, severity, part of the library, text."""

        def emit(self, record: logging.LogRecord) -> None:
            severity = record.levelname.lower()
            part = record.name.removeprefix(f"{ROOT}.")
            text = f"{record.relativeCreated:8.0f} ms {severity:<7} {part}: {one_line(record.getMessage())}"
            with contextlib.suppress(OSError, ValueError):
                write_line(sys.stderr, text, SEVERITIES.get(severity), hang=20)
                sys.stderr.flush()

    logger, handler = logging.getLogger(ROOT), Lines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose == 1 else logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
