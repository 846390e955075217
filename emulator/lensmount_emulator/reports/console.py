"""The console of `rich` that every table and progress bar is drawn on: text is escaped, styles stay.

Progress of long work on standard error: a bar on a terminal, plain lines elsewhere.

Both show how much is done and the time left, and for countable work the rate.

Tables for people: counts per message type, and the timing contract against what was measured.
"""

import contextlib
import math
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich import box
from rich.console import Console, ConsoleRenderable, RenderHook
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from lensmount_emulator.reports.printable import escape_controls, one_line, styled, terminal_width, wants_colour, wrap
from lensmount_emulator.sessions.traffic_stats import TrafficStats
from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_protocol.timing import TimingResult

PIPED_WIDTH = 120
"""Columns where the output is no terminal."""


def make_console(out: TextIO) -> Console:
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


LINE_INTERVAL = 10.0
"""Seconds between two plain lines."""

MIN_ELAPSED = 1e-3
"""Seconds that must have passed before a rate is stated."""


@contextlib.contextmanager
def progress_bar(name: str) -> Generator[Callable[[float], None]]:
    """Show the progress of work that is measured as a fraction, such as the reading of a file.

    Args:
        name: what is worked on.

    Yields:
        A function that takes the fraction that is done, from 0 to 1.
    """
    with _shown(name, "") as update:
        yield lambda done: update(done, 1.0)


@contextlib.contextmanager
def count_progress(unit: str, *, shown: bool = True) -> Generator[Callable[[float, float], None]]:
    """Show the progress of work that is counted: the count, the rate and the time left.

    Args:
        unit: what is counted, in the plural.
        shown: whether anything is printed.

    Yields:
        A function that takes the number that is done and the number of all. What is done at its first call was done
        by an earlier run and does not count towards the rate.
    """
    if not shown:
        yield lambda _done, _total: None
        return
    with _shown(unit, unit) as update:
        yield update


@contextlib.contextmanager
def _shown(name: str, unit: str) -> Generator[Callable[[float, float], None]]:
    console = progress_console()
    if not console.is_terminal:
        yield ProgressLines(name, unit, sys.stderr, MonotonicClock()).update
        return
    counts = (_CountColumn(unit),) if unit else ()
    columns = (TextColumn("{task.description}", markup=False), *counts, BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(one_line(name), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _CountColumn(ProgressColumn):
    """`120 of 5280, 31 cells/s`."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        rate = f", {format_rate(task.speed)} {self._unit}/s" if task.speed else ""
        return Text(f"{task.completed:.0f} of {task.total or 0:.0f}{rate}")


@dataclass(slots=True)
class ProgressLines:
    """Progress as plain lines, at most one every `LINE_INTERVAL` seconds; short work writes none.

    Attributes:
        name: what is worked on.
        unit: what is counted, in the plural; empty for a fraction.
        out: where the lines go.
        clock: measures the rate.
    """

    name: str
    unit: str
    out: TextIO
    clock: Clock
    _first: tuple[float, float] | None = None
    _due: float = 0.0

    def update(self, done: float, total: float) -> None:
        """Take what is done now, of `total`; write a line if one is due."""
        now = self.clock.now()
        if self._first is None:
            self._first, self._due = (now, done), now + LINE_INTERVAL
        if now < self._due:
            return
        self._due = now + LINE_INTERVAL
        began, before = self._first
        rate = (done - before) / max(now - began, MIN_ELAPSED)
        left = f", {format_duration((total - done) / rate)} left" if rate > 0 else ""
        if self.unit:
            state = f"{done:.0f} of {total:.0f} {self.unit}, {format_rate(rate)}/s"
        else:
            state = f"{one_line(self.name)}: {100 * done / total:.0f} %"
        self.out.write(f"{state}{left}\n")
        self.out.flush()


def format_rate(rate: float) -> str:
    """Return a rate with two or three significant digits: `0.42`, `3.1`, `310`."""
    if rate >= 100:
        return f"{rate:.0f}"
    return f"{rate:.1f}" if rate >= 1 else f"{rate:.2f}"


def format_duration(seconds: float) -> str:
    """Return a duration for people: `8 s`, `2 min 46 s`, `3 h 20 min`."""
    whole = math.ceil(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def print_traffic(console: Console, stats: TrafficStats) -> None:
    """Frames per composition and sender, and what was no frame."""
    table = Table("frame", "sender", "count", "bytes", box=box.SIMPLE_HEAD, title="frames", title_justify="left")
    table.columns[0].overflow = "fold"
    for column in table.columns[2:]:
        column.justify, column.no_wrap = "right", True
    for (sender, composition), (count, size) in sorted(stats.frames.items()):
        table.add_row(composition, sender, str(count), str(size))
    console.print(table)
    console.print(stats.summary(), highlight=False)


def print_timing(console: Console, measurements: Sequence[TimingResult], *, only_met: bool = False) -> None:
    """Each rule of the contract: how often it was met, the spread, and how often it was broken."""
    table = Table(
        "rule", "count", "min µs", "median µs", "max µs", "allowed µs", "violations",
        box=box.SIMPLE_HEAD, title="timing contract", title_justify="left",
    )  # fmt: skip
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for measurement in measurements:
        if measurement.intervals or not only_met:
            table.add_row(*_timing_row(measurement), style="red" if measurement.violation_count else None)
    console.print(table)


def _timing_row(measurement: TimingResult) -> tuple[str, ...]:
    rule, spread = measurement.rule, measurement.intervals
    bounds = f"{rule.minimum_us:g} … {rule.maximum_us:g}"
    if not spread:
        return (rule.name, "0", "-", "-", "-", bounds, "-")
    figures = (f"{value:.1f}" for value in (spread.minimum, spread.median, spread.maximum))
    return (rule.name, str(len(spread)), *figures, bounds, str(measurement.violation_count))
