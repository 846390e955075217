"""Explains a session: judges the outcome first, finds the earliest due step that failed, and lists what followed.

The rules come in the order of the kinds in `FindingKind`. Ends and lines are judged apart, because independent
events swap their order between lenses. Bounds decide; a reference only adds what a good start-up did.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf

from lensmount_emulator.engine.dialect_roles import DialectRoles, FuzzTraits, get_roles, load_attribute
from lensmount_emulator.engine.session_knowledge import SessionKnowledge, Symptom, routine_is_loop
from lensmount_emulator.explain.bad_bytes import find_bad_bytes
from lensmount_emulator.explain.clock_scale import find_clock_faults
from lensmount_emulator.explain.finding import (
    NOTHING_TO_EXPLAIN,
    NOTHING_WRONG,
    RANK,
    WENT_WRONG,
    Explanation,
    Finding,
    FindingKind,
    interval_text,
    times_text,
)
from lensmount_emulator.explain.lines import find_line_faults
from lensmount_emulator.explain.loop_faults import find_loop_faults
from lensmount_emulator.explain.reference import Reference
from lensmount_emulator.explain.requests import (
    Exchanges,
    find_orphans,
    find_peer_errors,
    find_silence,
    find_unanswered,
    pair_requests,
    reply_rules,
)
from lensmount_emulator.explain.steps import find_late_steps, find_missing_steps, find_slow_frames, measure_rules
from lensmount_emulator.explain.timeline import Timeline, first_type, read_timeline
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder, OrderedDecoder, time_text
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.payload import message_type
from lensmount_protocol.timing import TimingResult
from lensmount_protocol.wire import Role, WireRecord

SAME_TIME_S = 0.3e-3
"""Findings within this time are one event; the rank of their kinds decides which is the cause."""

PARTIAL_KINDS = frozenset(
    {
        FindingKind.DETACHED,
        FindingKind.SUPPLY_LOST,
        FindingKind.LINE_DEFECT,
        FindingKind.BAD_FRAME,
        FindingKind.NO_REPLY,
        FindingKind.REPEATED,
        FindingKind.REFUSED,
        FindingKind.SILENCE,
    }
)
"""The kinds that a source without every line can show: such a log loses bytes and edges of its own."""


def explain_records(
    records: Iterable[WireRecord],
    dialect: str | Dialect,
    *,
    source: str = "the session",
    reference: Reference | None = None,
    ended_at: float | None = None,
    script: str = "",
    refusal: Finding | None = None,
) -> Explanation:
    """Explain what went wrong in a session from its bytes and edges.

    Args:
        records: every byte and edge.
        dialect: the dialect, by name or as an object.
        source: a name for users.
        reference: a good start-up to compare with.
        ended_at: when the session ended, in seconds of its records; `None` for its last byte or edge.
        script: the script of the body, in a session without faults: a lens that its last step takes off is no fault.
        refusal: that the body gave its lens up by a rule, where it reported that.

    Raises:
        DialectError: the dialect is unknown.
    """
    known = load_dialect(dialect) if isinstance(dialect, str) else dialect
    events = OrderedDecoder(Decoder(known)).decode(records)
    timeline = read_timeline(events, known, session_knowledge(known))
    timeline.script, timeline.refusal = script, refusal
    if ended_at is not None and timeline.has_times:
        timeline.ended_at = ended_at
        timeline.end = max(timeline.end, ended_at)
    return explain_timeline(timeline, source, reference)


def explain_events(
    events: Iterable[Decoded], dialect: Dialect, *, source: str = "the session", reference: Reference | None = None,
    script: str = "",
) -> Explanation:  # fmt: skip
    """Explain what went wrong in decoded traffic, which must be in the order of time; see `explain_records`."""
    timeline = read_timeline(events, dialect, session_knowledge(dialect))
    timeline.script = script
    return explain_timeline(timeline, source, reference)


def session_knowledge(dialect: Dialect) -> SessionKnowledge:
    """What the roles of a dialect know about its sessions; little for a dialect without any.

    Raises:
        DialectError: the place that the roles name cannot be loaded.
    """
    known = _declared_knowledge(dialect)
    if known.is_loop is not routine_is_loop:
        return known
    routine = dialect.routine_types

    def is_routine(frame: DecodedFrame) -> bool:
        return bool(frame.messages) and all(message_type(message) in routine for message in frame.messages)

    return replace(known, is_loop=is_routine)


def _declared_knowledge(dialect: Dialect) -> SessionKnowledge:
    roles = _roles(dialect)
    place = "" if roles is None else roles.session_knowledge
    if not place:
        return SessionKnowledge()
    known = load_attribute(place, f"session knowledge of dialect {dialect.name!r}")
    if not isinstance(known, SessionKnowledge):
        raise DialectError(f"dialect {dialect.name!r}: {place} is a {type(known).__name__}, not a SessionKnowledge")
    return known


def _roles(dialect: Dialect) -> DialectRoles | None:
    try:
        return get_roles(dialect.name)
    except DialectError:
        return None


def explain_timeline(
    timeline: Timeline,
    source: str,
    reference: Reference | None,
    *,
    progress: Callable[[float], None] = lambda _done: None,
) -> Explanation:
    """Explain the facts of a session; `progress` takes the fraction of the work that is done."""
    dialect = timeline.dialect
    if not timeline.frames and not timeline.garbage and not timeline.has_edges:
        text = f"Nothing to explain: {source} holds no byte and no edge of {dialect.name}."
        return Explanation(source, dialect.name, NOTHING_TO_EXPLAIN, "no traffic", None, text, has_edges=False)
    if not timeline.frames and not any(timeline.records_bytes(role) for role in Role):
        text = f"Nothing to explain: {source} holds edges of lines and no byte of {dialect.name}."
        return Explanation(source, dialect.name, NOTHING_TO_EXPLAIN, "no bytes", None, text)
    if not timeline.frames and timeline.garbage and not timeline.is_whole:
        number = sum(len(run.data) for run in timeline.garbage)
        text = (
            f"Nothing to explain: none of the {number} bytes of {source} is in a frame of {dialect.name}. Check the "
            "dialect (--dialect), the wiring and the baud rate."
        )
        return Explanation(source, dialect.name, NOTHING_TO_EXPLAIN, "no frame", None, text, has_edges=False)
    traits = _traits(dialect)
    exchanges = pair_requests(timeline, traits)
    results = measure_rules(timeline)
    findings = _find_all(timeline, exchanges, traits, reference, progress)
    healthy = timeline.loop_since is not None and not exchanges.repeated and not findings
    late = find_late_steps(timeline, results, healthy=healthy)
    findings = sorted([*findings, *late], key=_sort_key)
    remarks = _remarks(timeline, exchanges, results, reference, findings)
    if not timeline.is_whole:
        findings = [one for one in findings if one.kind in PARTIAL_KINDS]
    # Where a select line is missing, no wait can be measured.
    lacks_line = any(one.kind is FindingKind.LINE_DEFECT for one in findings)
    clock = [] if lacks_line else find_clock_faults(timeline, results, reference)
    if clock:
        findings = sorted([*clock, *(one for one in findings if not _explained_by(one, clock))], key=_sort_key)
    outcome = _outcome(timeline, exchanges)
    if not findings:
        return _nothing_wrong(timeline, source, reference, outcome, remarks)
    cause = _first_cause(findings)
    closing = [*_power_cycles(cause, timeline), outcome]
    return Explanation(
        source,
        dialect.name,
        WENT_WRONG,
        outcome,
        cause,
        _paragraph(cause, timeline, reference),
        [*_later_findings(cause, findings), *closing],
        remarks,
        _symptoms(cause, timeline),
        findings,
        reference.name if reference else "",
        timeline.is_whole,
        not timeline.incomplete,
        len(closing),
    )


def _traits(dialect: Dialect) -> FuzzTraits:
    roles = _roles(dialect)
    return FuzzTraits() if roles is None else roles.fuzz_traits


def _find_all(
    timeline: Timeline,
    exchanges: Exchanges,
    traits: FuzzTraits,
    reference: Reference | None,
    progress: Callable[[float], None],
) -> list[Finding]:
    searches: tuple[Callable[[], Iterable[Finding]], ...] = (
        lambda: [timeline.refusal] if timeline.refusal is not None else [],
        lambda: find_line_faults(timeline),
        lambda: find_missing_steps(timeline),
        lambda: find_bad_bytes(timeline, reference),
        lambda: find_unanswered(exchanges, timeline, traits),
        lambda: find_orphans(exchanges, timeline),
        lambda: find_silence(exchanges, timeline),
        lambda: find_peer_errors(exchanges, timeline),
        lambda: find_loop_faults(timeline),
        lambda: find_slow_frames(timeline, reference),
    )
    findings: list[Finding] = []
    for number, search in enumerate(searches, 1):
        findings += search()
        progress(number / len(searches))
    return findings


def _sort_key(finding: Finding) -> tuple[float, int, int]:
    return (finding.at if finding.at is not None else float(finding.order), RANK[finding.kind], finding.order)


def _first_cause(findings: Sequence[Finding]) -> Finding:
    """The earliest finding; of those at one time, the one of the kind that explains the others."""
    first = findings[0]
    if first.at is None:
        return first
    near = [one for one in findings if one.at is not None and one.at - first.at <= SAME_TIME_S]
    return min(near, key=lambda one: (RANK[one.kind], one.at))


def _explained_by(finding: Finding, clock: Sequence[Finding]) -> bool:
    return finding.kind is FindingKind.LATE and any(finding.end is one.end for one in clock)


@dataclass(frozen=True, slots=True)
class _Good:
    """What a good start-up did at a place, in words; empty texts where there is none."""

    interval: str = ""
    equal: str = ""
    unasked: str = ""
    after: str = ""


def _paragraph(cause: Finding, timeline: Timeline, reference: Reference | None) -> str:
    good = _good(cause, timeline, reference)
    return " ".join(text for text in (cause.text, good.interval, good.unasked, good.after, good.equal) if text)


def _good(cause: Finding, timeline: Timeline, reference: Reference | None) -> _Good:
    if reference is None:
        return _Good()
    interval = after = unasked = ""
    replies = [rule.name for rule in reply_rules(cause.type_, timeline)]
    rule = cause.subject if cause.kind is FindingKind.LATE else "".join(replies[:1])
    seconds = reference.seconds(rule) if rule else None
    if cause.kind in (FindingKind.LATE, FindingKind.NO_REPLY) and seconds is not None:
        interval = f"The good start-up took {interval_text(seconds)} there."
    if cause.kind is FindingKind.REFUSED and cause.type_ is not None and cause.end is not None:
        known = cause.type_ in reference.types(cause.end.peer)
        unasked = "" if known else "The good start-up never sends this message."
    if cause.kind in (FindingKind.NO_REPLY, FindingKind.SILENCE):
        sender = Role.BODY if cause.kind is FindingKind.NO_REPLY else _last_sender(timeline)
        following = reference.next_after(sender, cause.type_)
        if following is not None and cause.kind is FindingKind.SILENCE:
            after = (
                f"In the good start-up the {timeline.name(following[1], following[0])} of the {following[0].value} "
                "follows."
            )
    return _Good(interval, _equality(cause, timeline, reference), unasked, after)


def _last_sender(timeline: Timeline) -> Role:
    return timeline.frames[-1].sender if timeline.frames else Role.BODY


def _equality(cause: Finding, timeline: Timeline, reference: Reference) -> str:
    """Whether both ends sent the same frames as in the good start-up, up to the cause or the loop.

    Frames of the loop go on for longer than any start-up, so they are left out.
    """
    if cause.at is None or not timeline.frames:
        return ""
    since = timeline.loop_since
    until = cause.at if since is None else min(cause.at, since)
    number = 0
    same = known = True
    for role in Role:
        # Each end is compared by itself: what both send at once swaps its order from lens to lens.
        ours = _start_up_types(timeline, role, until)
        theirs = _start_up_types(reference.timeline, role, inf)
        number += len(ours)
        same = same and ours[: len(theirs)] == theirs[: len(ours)]
        known = known and len(ours) <= len(theirs)
    if not number or (same and not known and reference.timeline.loop_since is None):
        # A good start-up that is cut before its loop does not show what comes next.
        return ""
    if same and known:
        return "Everything before it is in the order of the good start-up."
    return "The messages before it are already not those of the good start-up."


def _start_up_types(timeline: Timeline, role: Role, until: float) -> list[int | None]:
    """The types of the frames that an end sent outside the loop before a time."""
    is_loop = timeline.knowledge.is_loop
    frames = (one for one in timeline.frames if one.sender is role and (one.at or 0.0) < until)
    return [first_type(one) for one in frames if not is_loop(one)]


def _symptoms(cause: Finding, timeline: Timeline) -> list[Symptom]:
    return [one for one in timeline.knowledge.symptoms if one.matches(cause.kind.value, cause.type_, cause.end)]


def _outcome(timeline: Timeline, exchanges: Exchanges) -> str:
    streaming = timeline.dialect.streaming_roles
    counts = {role: len(frames) for role, frames in timeline.loop_frames.items() if role in streaming}
    since = timeline.loop_since
    if since is not None:
        at = "" if since == float("inf") else f" from {time_text(since)} on"
        if len(counts) > 1:
            return f"The loop ran{at}: {counts[Role.BODY]} frames of the body, {counts[Role.LENS]} of the lens."
        return "".join(f"The loop ran{at}: {count} frames of the {role.value}." for role, count in counts.items())
    if len(counts) > 1 and any(counts.values()):
        one = Role.BODY if counts[Role.BODY] >= counts[Role.LENS] else Role.LENS
        frames = "frame" if counts[one] == 1 else "frames"
        return (
            f"Only the {one.value} reached the loop: {counts[one]} {frames}, and {counts[one.peer]} of the other end."
        )
    answered = len(exchanges.requests) - len(exchanges.unanswered)
    return f"The loop was never reached; {answered} of {len(exchanges.requests)} requests were answered."


def _nothing_wrong(
    timeline: Timeline, source: str, reference: Reference | None, outcome: str, remarks: Sequence[str]
) -> Explanation:
    if timeline.loop_since is None:
        last = f" at {time_text(timeline.end)}" if timeline.has_times else ""
        rest = f"The source ends{last}, before the loop; everything that was due until then came."
        text = f"Nothing went wrong as far as the source goes. {rest}"
    else:
        text = f"Nothing went wrong. {outcome} No request was repeated, and no bound was broken."
    if not timeline.is_whole:
        text += " The source does not hold every line, so only requests, refusals and silence were judged."
    return Explanation(
        source, timeline.dialect.name, NOTHING_WRONG, outcome, None, text, (), list(remarks), (), (),
        reference.name if reference else "", timeline.is_whole, not timeline.incomplete,
    )  # fmt: skip


def _later_findings(cause: Finding, findings: Sequence[Finding]) -> list[str]:
    later: dict[tuple[FindingKind, str], Finding] = {}
    for one in findings:
        if one is cause or one.kind is FindingKind.SUPPLY_LOST:
            continue
        key = one.kind, one.subject
        known = later.get(key)
        later[key] = one if known is None else replace(known, count=known.count + one.count)
    return [_later_finding(one) for one in later.values()]


def _later_finding(one: Finding) -> str:
    at = "" if one.at is None else f"{time_text(one.at)}: "
    often = "" if one.count == 1 else f" ({times_text(one.count)})"
    return f"{at}{one.short}{often}"


def _power_cycles(cause: Finding, timeline: Timeline) -> list[str]:
    supply = timeline.dialect.supply
    if cause.at is None:
        return []
    off = [edge.at for edge in timeline.edges.get(supply, []) if not edge.level and edge.at > cause.at]
    if not off:
        return []
    often = "" if len(off) == 1 else f" ({times_text(len(off))})"
    return [f"{time_text(off[0])}: the body switched {supply} off{often}"]


def _remarks(
    timeline: Timeline, exchanges: Exchanges, results: Sequence[TimingResult], reference: Reference | None,
    findings: Sequence[Finding],
) -> list[str]:  # fmt: skip
    remarks: list[str] = []
    if timeline.cut:
        remarks.append("the source goes on; only its first part was read")
    if timeline.incomplete:
        places = "place" if timeline.incomplete == 1 else "places"
        remarks.append(f"the source lost something at {timeline.incomplete} {places}")
    if timeline.begins_in_loop:
        remarks.append("the source begins in the loop; the start before it was not judged")
    if timeline.ordered_detach is not None:
        remarks.append(f"the script takes the lens off at its end, at {time_text(timeline.ordered_detach)}")
    remarks += _unbound(results, findings)
    remarks += [
        f"the {frame.sender.value} {one.text} a message" for frame, one, _ in exchanges.peer_errors if one.normal
    ][:2]
    if reference is not None:
        for role in Role:
            mine = {type_ for one in timeline.frames if one.sender is role and (type_ := first_type(one)) is not None}
            new = sorted(mine - reference.types(role))
            if new and reference.timeline.loop_since is not None:
                names = ", ".join(timeline.name(type_, role) for type_ in new[:4])
                remarks.append(f"the {role.value} sends what the good start-up does not have: {names}")
    return remarks


def _unbound(results: Sequence[TimingResult], findings: Sequence[Finding]) -> list[str]:
    known = {one.subject for one in findings}
    found: list[str] = []
    for result in results:
        if result.violations and result.rule.name not in known:
            at, interval_us = result.violations[0]
            rule = result.rule
            found.append(
                f'"{rule.name}" took {interval_text(interval_us * 1e-6)} at {time_text(at)}; the devices of the '
                f"contract took {interval_text(rule.minimum_us * 1e-6)} to {interval_text(rule.maximum_us * 1e-6)}"
            )
    return found
