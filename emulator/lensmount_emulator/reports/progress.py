"""A bar on the terminal that shows how far a long file has been read."""

import contextlib
from collections.abc import Callable, Generator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


@contextlib.contextmanager
def progress_bar(name: str) -> Generator[Callable[[float], None]]:
    """Show a bar on standard error while the context lasts; gives what to tell the fraction that is done."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(name, total=1.0)
        yield lambda done: bar.update(task, completed=done)
