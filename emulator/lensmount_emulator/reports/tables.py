"""Tables for people: counts per message type, and the timing contract against what was measured."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from lensmount_emulator.sessions.tally import Tally
from lensmount_protocol.timing import Measurement


def print_tally(console: Console, tally: Tally) -> None:
    """Frames per composition and sender, and what was no frame."""
    table = Table("frame", "sender", "count", "bytes", box=box.SIMPLE_HEAD, title="frames", title_justify="left")
    table.columns[0].overflow = "fold"
    for column in table.columns[2:]:
        column.justify, column.no_wrap = "right", True
    for (sender, composition), (count, size) in sorted(tally.frames.items()):
        table.add_row(composition, sender, str(count), str(size))
    console.print(table)
    console.print(tally.summary(), highlight=False)


def print_timing(console: Console, measurements: Sequence[Measurement], *, only_met: bool = False) -> None:
    """Each rule of the contract: how often it was met, the spread, and how often it was broken."""
    table = Table(
        "rule", "count", "min µs", "median µs", "max µs", "allowed µs", "violations",
        box=box.SIMPLE_HEAD, title="timing contract", title_justify="left",
    )  # fmt: skip
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for measurement in measurements:
        if measurement.spread or not only_met:
            table.add_row(*_timing_row(measurement), style="red" if measurement.broken else None)
    console.print(table)


def _timing_row(measurement: Measurement) -> tuple[str, ...]:
    rule, spread = measurement.rule, measurement.spread
    bounds = f"{rule.minimum_us:g} … {rule.maximum_us:g}"
    if not spread:
        return (rule.name, "0", "-", "-", "-", bounds, "-")
    figures = (f"{value:.1f}" for value in (spread.shortest, spread.median, spread.longest))
    return (rule.name, str(len(spread)), *figures, bounds, str(measurement.broken))
