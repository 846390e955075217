"""A bar on the terminal that shows how far a long file has been read."""

import contextlib
from collections.abc import Callable, Generator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


@contextlib.contextmanager
def progress_bar(name: str) -> Generator[Callable[[float], None]]:
    """Show a bar on standard error while the context lasts; gives what to tell the fraction that is done."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        # Where nobody looks, nothing is drawn: not even the empty line that a bar leaves.
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(name, total=1.0)
        yield lambda done: bar.update(task, completed=done)
