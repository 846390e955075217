"""The console of `rich` that every table and progress bar is drawn on: text is escaped, styles stay."""

import sys
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleRenderable, RenderHook
from rich.segment import Segment, Segments
from rich.text import Text

from lensmount_emulator.reports.printable import escape_controls, styled
from lensmount_emulator.reports.terminal import terminal_width, wants_colour, wrap

PIPED_WIDTH = 120
"""Columns where the output is no terminal."""


def console_for(out: TextIO) -> Console:
    """Return a console for output: a terminal gets lines of its width, and where it is piped no line is wrapped.

    A word that is longer than a line, such as an address or a path, is not broken.
    """
    width = terminal_width(out)
    colours = wants_colour(out)
    return _safe(
        _PipeConsole(
            file=styled(out),
            soft_wrap=True,
            width=width or PIPED_WIDTH,
            force_terminal=colours or None,
            color_system="standard" if colours else None,
            highlight=False,
            markup=False,
            emoji=False,
        ),
        wraps=width is not None,
    )


def progress_console() -> Console:
    """A console for progress on standard error."""
    return _safe(Console(file=styled(sys.stderr), markup=False, emoji=False))


class _PipeConsole(Console):
    """Leaves a closed pipe to the command line, which has one exit code for it."""

    def on_broken_pipe(self) -> None:
        """Raise the error again; rich itself would end the process with exit code 1."""
        raise


def _safe(console: Console, *, wraps: bool = False) -> Console:
    console.push_render_hook(_Escaping(console, wraps=wraps))
    return console


class _Escaping(RenderHook):
    """Escapes the text of everything that is printed; control codes of the console itself pass."""

    def __init__(self, console: Console, *, wraps: bool) -> None:
        self._console = console
        self._wraps = wraps

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """The same, rendered and escaped."""
        return [Segments(self._escaped(renderable)) for renderable in renderables]

    def _escaped(self, renderable: ConsoleRenderable) -> Iterable[Segment]:
        options = self._console.options
        if self._console.soft_wrap:
            options = options.update(no_wrap=not self._wraps, overflow="ignore")
        if self._wraps and isinstance(renderable, Text):
            renderable = _wrapped(renderable, options.max_width)
        for segment in self._console.render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(escape_controls(text), style)


def _wrapped(text: Text, width: int) -> Text:
    """Return a text as lines of the terminal's width; the continuation is indented as its beginning is."""
    plain = text.plain
    if len(plain) <= width or "\n" in plain:
        return text
    if text.spans:
        # A style ends where it did before: the lines are those of rich, which breaks words that are too long.
        return Text("\n").join(text.wrap(console=Console(width=width), width=width, overflow="fold"))
    indent = len(plain) - len(plain.lstrip(" "))
    return Text("\n".join(wrap(plain, width, indent)), text.style)
