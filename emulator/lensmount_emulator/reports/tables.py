"""Tables for people: counts per message type, and the timing contract against what was measured."""

from collections.abc import Iterable, Sequence
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.sessions.loopback import Session
from lensmount_emulator.sessions.score import Score
from lensmount_emulator.sessions.tally import Tally
from lensmount_protocol.timing import Measurement

PIPED_WIDTH = 120
"""Columns where nobody looks at a terminal."""


def console_for(out: TextIO) -> Console:
    """A console that wraps nothing away where it is piped."""
    return Console(file=out, soft_wrap=True, width=None if out.isatty() else PIPED_WIDTH, highlight=False)


def print_tally(console: Console, tally: Tally) -> None:
    """Frames per composition and sender, and what was no frame."""
    table = Table("frame", "sender", "count", "bytes", box=box.SIMPLE_HEAD, title="frames", title_justify="left")
    for column in table.columns[2:]:
        column.justify = "right"
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
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for measurement in measurements:
        if measurement.spread or not only_met:
            table.add_row(*_timing_row(measurement), style="red" if measurement.broken else None)
    console.print(table)


def print_score(console: Console, score: Score, profile: Profile, capture: str) -> None:
    """What a replay came to, the fields that it left out, and the timing rules that our end had to keep."""
    device = f"{profile.title}, played by our {score.role} engine against the peer in {capture}"
    console.print(device, markup=False)
    rows = (
        ("class 2 frames of the peer", score.requests),
        ("frames of the real device", score.expected),
        ("answered", score.answered),
        ("right type", score.right_type),
        ("byte-exact outside variable fields", score.exact),
        ("same padding", score.windows),
        ("sent by our engine alone", score.surplus),
        ("timing rules held", score.rules_held),
        ("timing rules violated", score.rules_violated),
    )
    for label, value in rows:
        console.print(f"  {label:<36}{value:>6}")
    declared = ", ".join(f"{entry.message}.{entry.field}" for entry in profile.settings.variable) or "none"
    console.print(f"  declared variable: {declared}", markup=False)
    if score.ignored:
        console.print(f"  differed there: {', '.join(f'{k} {v}x' for k, v in score.ignored.items())}", markup=False)
    console.print(f"  first divergence: {score.first_divergence or 'none'}", markup=False)
    print_timing(console, score.timing, only_met=True)


def print_session(console: Console, session: Session) -> None:
    """What a session came to: frames per message type, the timing contract, errors."""
    print_tally(console, session.tally)
    print_timing(console, session.timing, only_met=True)
    troubles = [notice for notice in session.notices if notice.trouble]
    broken = violations_in(session.timing)
    console.print(
        f"{session.seconds:.3f} s of virtual time, {len(troubles)} errors, {broken} timing violations, "
        f"{len(session.violations)} electrical violations"
    )
    for notice in troubles:
        console.print(f"  error at {notice.at * 1e3:.3f} ms, {notice.role.value}: {notice.text}", markup=False)
    for violation in session.violations:
        console.print(f"  electrical: {violation}", markup=False)


def violations_in(measurements: Iterable[Measurement]) -> int:
    """How many intervals were out of bounds."""
    return sum(measurement.broken for measurement in measurements)


def _timing_row(measurement: Measurement) -> tuple[str, ...]:
    rule, spread = measurement.rule, measurement.spread
    bounds = f"{rule.minimum_us:g} … {rule.maximum_us:g}"
    if not spread:
        return (rule.name, "0", "-", "-", "-", bounds, "-")
    figures = (f"{value:.1f}" for value in (spread.shortest, spread.median, spread.longest))
    return (rule.name, str(len(spread)), *figures, bounds, str(measurement.broken))
