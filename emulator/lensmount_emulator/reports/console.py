"""The console of `rich` that every table and progress bar is drawn on: text is escaped, styles stay."""

import sys
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleRenderable, RenderHook
from rich.segment import Segment, Segments

from lensmount_emulator.reports.printable import escape_controls, styled

PIPED_WIDTH = 120
"""Columns where the output is no terminal."""


def console_for(out: TextIO) -> Console:
    """A console for output; where it is piped, no line is cut or wrapped."""
    width = None if out.isatty() else PIPED_WIDTH
    file = styled(out)
    return _safe(_PipeConsole(file=file, soft_wrap=True, width=width, highlight=False, markup=False, emoji=False))


def progress_console() -> Console:
    """A console for progress on standard error."""
    return _safe(Console(file=styled(sys.stderr), markup=False, emoji=False))


class _PipeConsole(Console):
    """Leaves a closed pipe to the command line, which has one exit code for it."""

    def on_broken_pipe(self) -> None:
        """Raise the error again; rich itself would end the process with exit code 1."""
        raise


def _safe(console: Console) -> Console:
    console.push_render_hook(_Escaping(console))
    return console


class _Escaping(RenderHook):
    """Escapes the text of everything that is printed; control codes of the console itself pass."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """The same, rendered and escaped."""
        return [Segments(self._escaped(renderable)) for renderable in renderables]

    def _escaped(self, renderable: ConsoleRenderable) -> Iterable[Segment]:
        options = self._console.options
        if self._console.soft_wrap:
            options = options.update(no_wrap=True, overflow="ignore")
        for segment in self._console.render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(escape_controls(text), style)
