"""The report of a twin: scores, fields, gaps and the next capture, on a terminal and as one HTML page."""

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from lensmount_emulator.comparison.reply_score import ReplyScore
from lensmount_emulator.reports.html import render
from lensmount_emulator.reports.printable import one_line
from lensmount_emulator.twin.make import TwinResult, field_rows
from lensmount_protocol.errors import limit_list

MAX_FIELDS = 60
"""Fields that a terminal lists; the page and the JSON have all of them."""

MAX_DIFFERING = 8
"""Fields that the line about the identity of the device lists; the JSON has all of them."""


def percent(part: int, whole: int) -> str:
    """A share as text; a dash where there is nothing to share."""
    return f"{part / whole:.1%}".replace("%", " %") if whole else "–"


def score_rows(result: TwinResult) -> Iterator[tuple[str, ReplyScore]]:
    """Each score with its label, the one that counts first."""
    yield result.score.split, result.score
    if result.given is not None:
        yield result.given.split, result.given
    if result.left_out is not None:
        yield result.left_out.split, result.left_out
    for free, given in result.tests.values():
        yield free.split, free
        if given is not None:
            yield given.split, given
    if result.whole is not result.score:
        yield result.whole.split, result.whole


def score_cells(score: ReplyScore) -> list[str]:
    """The cells of a score: replies, strict, within noise, informative bytes, constants, skill."""
    skill = score.skill
    return [
        str(score.replies),
        f"{score.strict} ({percent(score.strict, score.replies)})",
        percent(score.within_noise, score.replies),
        percent(score.informative_exact, score.informative_bytes),
        percent(score.constants_strict, score.replies),
        "–" if skill is None else f"{skill:.2f}",
    ]


SCORE_HEADINGS = ("scored on", "replies", "strict", "within noise", "informative bytes", "constants only", "skill")


def print_twin(console: Console, result: TwinResult, output: str | None) -> None:
    """Print the report of a twin."""
    twin, score = result.twin, result.score
    console.print(
        f"Twin of the {twin.place.value} in {', '.join(result.hashes)} ({twin.dialect}), made from "
        f"{twin.replies} replies",
        markup=False,
    )
    table = Table(*SCORE_HEADINGS, box=box.SIMPLE)
    for label, one in score_rows(result):
        table.add_row(label, *score_cells(one))
    console.print(table)
    for line in summary_lines(result):
        console.print(f"  {line}", markup=False)
    rows = [row for row in field_rows(twin) if row["kind"] not in ("const", "engine") or row["right"] < 1]
    if rows:
        fields = Table("field", "rule", "key", "rows", "seen", "right", box=box.SIMPLE)
        for row in rows[:MAX_FIELDS]:
            fields.add_row(
                row["field"],
                row["kind"],
                ", ".join(row["key"]) or "–",
                str(row["rows"] or "–"),
                str(row["seen"]),
                f"{row['right']:.1%}".replace("%", " %"),
            )
        console.print(fields)
    differing = {".".join(name): found.count for name, found in score.differences.fields.items()}
    for name, times in sorted(differing.items(), key=lambda item: -item[1])[:12]:
        console.print(f"  wrong in the scored part: {name} {times}x", markup=False)
    for line in advice_lines(result):
        console.print(f"  {line}", markup=False)
    if output is not None:
        console.print(f"  written: {output}; play it: lensmount loopback --{twin.place.value} {output}", markup=False)


def summary_lines(result: TwinResult) -> Iterator[str]:
    """Size, states, phases, noise and start, one line each."""
    score, twin = result.score, result.twin
    stored = result.whole.reply_bytes
    yield (
        f"twin: {score.twin_bytes} bytes, {percent(score.twin_bytes, stored)} of the {stored} reply bytes of the "
        f"captures; start list: {twin.start} pairs; file: {len(result.profile.encode())} bytes"
    )
    if twin.states.varying:
        states = (
            f"{name} ({len(twin.states.values[name])} values{', hidden' if name in twin.states.hidden else ''})"
            for name in twin.states.varying
        )
        yield f"states that change: {', '.join(states)}"
    yield from user_state_lines(result)
    if score.phases:
        yield f"phases: {', '.join(f'{name} {value}' for name, value in score.phases.items())}"
    for noise in score.noise:
        offsets = ", ".join(f"{offset:+d} {times}x" for offset, times in sorted(noise.offsets.items())[:9])
        yield f"noise: {noise.name}, {noise.rate:.0%} of the replies; offsets {offsets}"
    if score.requested:
        yield f"replies to requests in the scored part: {score.requested_strict} of {score.requested} strict"


def user_state_lines(result: TwinResult) -> Iterator[str]:
    """What a twin cannot predict because only the user moves it, which fields that is, and what resolves it."""
    for one in result.user_states:
        yield (
            f"not predictable in free run: only the user moves {one.name}, so the twin keeps it, and these fields are "
            f"wrong where it moved: {', '.join(limit_list(one.fields, MAX_DIFFERING))}"
        )
        lacks = (
            f"; {one.unseen} of its {one.values} values in the scored part are not in the training part, so what "
            "depends on them is not known there"
            if one.unseen else ""
        )  # fmt: skip
        if result.given is None:
            yield f"states given: no score, because the training part, after its start, has one value of it{lacks}"
        else:
            more = result.given.strict - result.score.strict
            yield (
                f"states given, which takes {one.name} from the capture: {result.given.strict} of "
                f"{result.given.replies} replies strict, {more} more{lacks}"
            )
        if one.name in result.twin.data.get("state", {}):
            yield f"when it plays, the script sets it: state {one.name}=VALUE"


def advice_lines(result: TwinResult) -> Iterator[str]:
    """Gaps and the next captures, one line each."""
    advice = result.advice
    for gap in limit_list(result.gaps):
        yield f"incomplete: {one_line(gap)}"
    if advice.never_seen:
        yield f"never seen: {', '.join(limit_list(advice.never_seen))}"
    if advice.donated:
        yield f"taken from the donor: {', '.join(limit_list(advice.donated))}"
    if advice.unidentified or advice.differing:
        yield identity_line(result)
    for first, second in advice.confounded:
        yield f"confounded: {first} and {second} always change together; a field of both is unknown between them"
    for name, share in sorted(advice.unknown.items(), key=lambda item: item[1])[:12]:
        yield f"poorly known: {name}, {share:.0%} right"
    for number, text in enumerate(advice.next_captures, 1):
        yield f"next capture {number}: {text}"


def identity_line(result: TwinResult) -> str:
    """Whether the captures show that they are of one device, and what differs between them."""
    advice, place = result.advice, result.twin.place.value
    differing = ", ".join(limit_list(advice.differing, MAX_DIFFERING)) or "nothing"
    if not advice.unidentified:
        return f"one {place}, but its captures differ in: {differing}"
    names = ", ".join(one_line(name) for name in limit_list(advice.unidentified))
    return f"not identified: the {place} of {names} may be another one; constant but different: {differing}"


def twin_to_html(result: TwinResult) -> str:
    """Return the report as one page; every text is escaped."""
    return render(
        "twin.html.jinja",
        heading=f"Twin of the {result.twin.place.value} in {', '.join(result.hashes)}",
        headings=SCORE_HEADINGS,
        scores=[(label, score_cells(one)) for label, one in score_rows(result)],
        summary=list(summary_lines(result)),
        advice=list(advice_lines(result)),
        fields=field_rows(result.twin),
        differences=_differences(result.score),
        hashes=result.hashes,
    )


def _differences(score: ReplyScore) -> list[tuple[str, Any]]:
    rows = {".".join(name): found.count for name, found in score.differences.fields.items()}
    return sorted(rows.items(), key=lambda item: -item[1])
