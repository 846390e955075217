"""Prints the assessment of a profile on a capture, strict figures first, and the evidence ledger as a table."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lensmount_emulator.comparison.differences import Differences
from lensmount_emulator.comparison.reply_score import ReplyScore
from lensmount_emulator.fidelity.assessment import Assessment
from lensmount_emulator.fidelity.ledger.labels import Label
from lensmount_emulator.fidelity.ledger.ledger import LedgerEntry
from lensmount_emulator.fidelity.shadow import Shadow
from lensmount_emulator.profiles.library import Profile
from lensmount_emulator.reports.console import print_timing
from lensmount_emulator.reports.printable import one_line
from lensmount_protocol.errors import limit_list


def print_assessment(console: Console, result: Assessment, profile: Profile, capture: str) -> None:
    """Print every figure of an assessment, with the controls."""
    score, replay = result.score, result.replay
    device = f"{profile.title} in the place of the {profile.role.value} of {capture}"
    console.print(device, markup=False)
    _line(console, "scored", f"{score.split}, {'in sample' if score.in_sample else 'not in sample'}")
    _print_figures(console, score)
    _line(console, "profile stores", f"{score.twin_bytes} bytes; the scored replies are {score.reply_bytes} bytes")
    _print_joining(console, result)
    if result.training is not None:
        training = result.training
        _line(console, "training part, in sample", f"{_share(training.strict, training.replies)} strict")
    control = result.control
    _line(console, "control, replies shuffled", f"{_share(control.strict, control.replies)} strict")
    if replay is None:
        _line(console, "replay with its own timing", f"none: {result.no_replay}")
    else:
        _line(console, "exact outside declared fields", f"{replay.exact} of {replay.expected} (the older figure)")
        _line(console, "declared variable", ", ".join(replay.declared) or "none")
        _line(console, "timing rules", f"{replay.rules_held} held, {replay.rules_violated} violated")
        if replay.first_divergence:
            _line(console, "first divergence", replay.first_divergence)
        if replay.lost is not None:
            _line(console, "replay with its own timing", replay.lost.text())
    for gap in limit_list(result.incomplete):
        console.print(f"  the capture is incomplete: {one_line(gap)}", markup=False)
    if not score.replies:
        console.print("  nothing was scored: the capture has no reply after those that serve to join", markup=False)
    print_differences(console, score.differences)
    if replay is not None:
        print_timing(console, replay.timing, only_met=True)


def _print_figures(console: Console, score: ReplyScore) -> None:
    strict = f"{_share(score.strict, score.replies)} replies; constants alone give {score.constants_strict}"
    _line(console, "strict", strict)
    _line(console, "strict or learned noise", _share(score.within_noise, score.replies))
    for noise in score.noise:
        widths = ", ".join(f"{offset:+d} {times}x" for offset, times in sorted(noise.offsets.items()) if offset)
        _line(console, "  noise", f"{noise.name}: {widths}; differs in {noise.rate:.1%} of its values")
    skill = "constants leave nothing to predict" if score.skill is None else f"skill {score.skill:.3f}"
    informative = (
        f"{_share(score.informative_exact, score.informative_bytes)} right, constants {score.informative_constants}"
    )
    _line(console, "informative bytes", f"{informative}; {skill}")
    _line(console, "requests and their replies", f"{_share(score.requested_strict, score.requested)} strict")
    _line(console, "not sent", str(score.not_sent))
    for name, (replies, strict_ones) in sorted(score.by_message.items()):
        _line(console, f"  {name}", f"{strict_ones} of {replies} strict")


def _print_joining(console: Console, result: Assessment) -> None:
    score = result.score
    phases = ", ".join(f"{name} {value}" for name, value in score.phases.items())
    _line(console, "phases taken from the capture", phases or "none")
    given = ", ".join(f"{name} {count}" for name, count in score.given.items())
    total = f"{sum(score.given.values())} bytes: {given}" if given else "none"
    _line(console, "state taken from the capture", total)
    if score.unscored:
        _line(console, "replies not scored", f"{score.unscored}; they served to join, or answer a lost frame")
    if result.gaps:
        _line(console, "gaps in the capture", f"{result.gaps}; phases locked again {result.relocked}x")
    for note in limit_list(result.notes):
        console.print(f"  {one_line(note)}", markup=False)


def _line(console: Console, label: str, text: str) -> None:
    console.print(f"  {label:<32}{one_line(text)}", markup=False)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "0 of 0"


def print_differences(console: Console, differences: Differences) -> None:
    """Per message and field, how many bytes differ how often; and frames that were not sent or of other types."""
    for name, times in differences.missing.most_common():
        console.print(f"  not sent: {name} {times}x", markup=False)
    for (theirs, ours), times in differences.wrong.most_common():
        console.print(f"  other type: {ours} instead of {theirs} {times}x", markup=False)
    if not differences.fields:
        return
    table = Table(
        "field", "compared", "differ", "bytes that differ",
        box=box.SIMPLE_HEAD, title="differences by field", title_justify="left",
    )  # fmt: skip
    for column in table.columns:
        column.overflow = "fold"
    for column in table.columns[1:3]:
        column.justify = "right"
    for (message, name), found in sorted(differences.fields.items()):
        counts = (str(differences.compared[message]), str(found.count))
        table.add_row(f"{message}.{name}", *counts, found.text())
    console.print(table)


def print_shadow(console: Console, shadow: Shadow, profile: Profile, source: str, incomplete: Sequence[str]) -> None:
    """Print what the shadow of a session has counted."""
    data = shadow.as_dict()
    console.print(f"{profile.title} next to the {profile.role.value} of {source}", markup=False)
    _line(console, "strict", f"{_share(shadow.strict, shadow.compared)} replies")
    _line(console, "strict or declared noise", _share(shadow.within_noise, shadow.compared))
    _line(console, "not sent", str(shadow.not_sent))
    phases = ", ".join(f"{name} {value}" for name, value in data["phases"].items())
    _line(console, "phases taken from the session", phases or "none")
    given = ", ".join(f"{name} {count}" for name, count in data["given"]["variables"].items())
    _line(console, "state taken from the session", f"{data['given']['bytes']} bytes: {given}" if given else "none")
    if shadow.unscored:
        _line(console, "replies not compared", f"{shadow.unscored}; they served to join, or answer a lost frame")
    if data["gaps"]:
        _line(console, "gaps in the session", f"{data['gaps']}; phases locked again {data['relocked']}x")
    for note in limit_list(data["notes"]):
        console.print(f"  {one_line(note)}", markup=False)
    for gap in limit_list(incomplete):
        console.print(f"  the capture is incomplete: {one_line(gap)}", markup=False)
    first = "none" if shadow.first is None else shadow.first.text()
    _line(console, "first divergence", first)
    if not shadow.compared:
        console.print("  nothing was compared: no reply came after those that serve to join", markup=False)
    print_differences(console, shadow.differences)


SHOWN = 3
"""Hypotheses of a field in the table; the JSON form has all."""


def print_ledger(
    console: Console,
    entries: Sequence[LedgerEntry],
    labels: Sequence[Label],
    incomplete: Sequence[str],
    *,
    show_constants: bool = False,
) -> None:
    """Print the entries; constant ones are counted unless they are to be shown."""
    for label in labels:
        console.print(f"label, {label.begin:g} s to {label.end:g} s: {one_line(label.text)}", markup=False)
    for gap in limit_list(incomplete):
        console.print(f"the capture is incomplete: {one_line(gap)}", markup=False)
    shown = [entry for entry in entries if show_constants or entry.values > 1]
    table = Table("field", "seen", "values", "hypotheses, and how often each is right", box=box.SIMPLE_HEAD)
    for column in table.columns:
        column.overflow = "fold"
    for column in table.columns[1:3]:
        column.justify = "right"
    for entry in shown:
        lines = [f"{one.text}: {one.right} of {one.total}" for one in entry.hypotheses[:SHOWN]]
        name = f"{entry.name} (unknown)" if entry.unknown else entry.name
        table.add_row(
            Text(name), str(entry.seen), str(entry.values), Text(one_line_each(lines) or "none is right often enough")
        )
    if shown:
        console.print(table)
    constants = sum(entry.values <= 1 for entry in entries)
    console.print(f"{len(entries)} fields, {constants} of them constant, {sum(one.unknown for one in entries)} unknown")


def one_line_each(lines: Sequence[str]) -> str:
    """Texts below each other, each in one line."""
    return "\n".join(one_line(line) for line in lines)
