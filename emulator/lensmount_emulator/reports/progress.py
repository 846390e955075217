"""Progress of long work on standard error: a bar on a terminal, plain lines elsewhere.

Both show how much is done and the time left, and for countable work the rate.
"""

import contextlib
import math
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TextIO

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from lensmount_emulator.reports.console import progress_console
from lensmount_emulator.reports.printable import one_line
from lensmount_hardware.clock import Clock, MonotonicClock

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
