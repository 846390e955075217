"""What a session or a replay came to, for people."""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table

from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.reports.printable import one_line
from lensmount_emulator.reports.tables import print_tally, print_timing
from lensmount_emulator.sessions.field_differences import Differences
from lensmount_emulator.sessions.loopback import Session
from lensmount_emulator.sessions.score import Score
from lensmount_protocol.errors import first_of
from lensmount_protocol.timing import Measurement


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
    console.print(f"  declared variable: {', '.join(score.declared) or 'none'}", markup=False)
    if score.ignored:
        console.print(f"  differed there: {', '.join(f'{k} {v}x' for k, v in score.ignored.items())}", markup=False)
    console.print(f"  first divergence: {score.first_divergence or 'none'}", markup=False)
    for gap in first_of(score.incomplete):
        console.print(f"  the capture is incomplete: {one_line(gap)}", markup=False)
    if score.lost is not None:
        console.print(f"  {score.lost.text()}", markup=False)
    print_differences(console, score.differences)
    print_timing(console, score.timing, only_met=True)


def print_differences(console: Console, differences: Differences) -> None:
    """Per message and field, how many bytes differ how often; and frames that were not sent or of other types."""
    for name, times in differences.missing.most_common():
        console.print(f"  not sent: {name} {times}x", markup=False)
    for (theirs, ours), times in differences.wrong.most_common():
        console.print(f"  other type: {ours} instead of {theirs} {times}x", markup=False)
    if not differences.fields:
        return
    table = Table(
        "field", "compared", "differ", "bytes that differ", "declared variable",
        box=box.SIMPLE_HEAD, title="differences by field", title_justify="left",
    )  # fmt: skip
    for column in table.columns:
        column.overflow = "fold"
    for column in table.columns[1:3]:
        column.justify = "right"
    for (message, name), found in sorted(differences.fields.items()):
        declared = "yes" if found.declared else "no"
        counts = (str(differences.compared[message]), str(found.count))
        table.add_row(f"{message}.{name}", *counts, found.text(), declared)
    console.print(table)


def print_session(console: Console, session: Session) -> None:
    """What a session came to: frames per message type, the timing contract, errors."""
    print_tally(console, session.tally)
    print_timing(console, session.timing, only_met=True)
    print_outcome(console, session)


def print_outcome(console: Console, session: Session) -> None:
    """How long it lasted, and what was found wanting."""
    troubles = [notice for notice in session.notices if notice.trouble]
    broken = violations_in(session.timing)
    console.print(
        f"{session.seconds:.3f} s of virtual time, {len(troubles)} errors, {broken} timing violations, "
        f"{len(session.violations)} electrical violations"
    )
    if not session.finished:
        console.print(f"  the script was not done in {session.seconds:.3f} s{_stopped_at(session)}", markup=False)
    for notice in troubles:
        console.print(
            f"  error at {notice.at * 1e3:.3f} ms, {notice.role.value}: {one_line(notice.text)}", markup=False
        )
    for fault in session.plan.texts():
        console.print(f"  fault, seed {session.plan.seed}: {fault}", markup=False)
    for violation in session.violations:
        console.print(f"  electrical: {violation}", markup=False)


def _stopped_at(session: Session) -> str:
    """How far the script came, and what gives it longer where time is what it lacks."""
    script = session.script
    if script is None:
        return ""
    refused = next((f": {finding.detail}" for finding in session.findings if session.declined and finding.rule), "")
    return f": {one_line(script.describe())}{refused if script.over else '; --duration gives it longer'}"


def violations_in(measurements: Iterable[Measurement]) -> int:
    """How many intervals were out of bounds."""
    return sum(measurement.broken for measurement in measurements)
