"""Finds steps that never came although they were due, and intervals outside the bounds of the timing contract.

The earliest due time wins, so a step is dated by the moment at which it was due and not by the moment at which its
absence had an effect.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lensmount_emulator.engine.session_knowledge import DueStep
from lensmount_emulator.explain.finding import Finding, FindingKind, interval_text
from lensmount_emulator.explain.reference import Reference
from lensmount_emulator.explain.timeline import Timeline, first_type
from lensmount_protocol.decoder import Decoded, DecodedFrame, time_text
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.timing import Mark, TimingResult, TimingRule, edge, measure
from lensmount_protocol.wire import BITS_PER_BYTE, Role

GRACE_S = 1e-3
"""Seconds that a source must go on after a due time before the step counts as missing."""

BROKEN_SLACK_S = 1e-3
"""Seconds after its due time in which the bytes of a broken frame may begin."""

STRICT = 1.1, 20e-6
LENIENT = 1.5, 50e-6
"""Factor and seconds beyond a bound from which a value is a finding: in a session that failed, and in one that did not.

Bounds come from few devices, so a session that reaches its loop without a repeat proves more than they do.
"""


@dataclass(frozen=True, slots=True)
class OpenStep:
    """A step that is due.

    Attributes:
        step: the step.
        since: when its start happened.
        due: when it is due at the latest.
    """

    step: DueStep
    since: float
    due: float


def bound_us(step: DueStep, dialect: Dialect) -> float:
    """How long a step may take, in microseconds."""
    known = [rule.maximum_us for rule in dialect.timing if rule.name in step.rules]
    return step.within_us or max(known, default=0.0)


def find_missing_steps(timeline: Timeline) -> list[Finding]:
    """The steps that never came although they were due, while the supply was on and the lens attached."""
    return [_missing(one, timeline) for one in _missing_steps(timeline) if not _came_broken(one, timeline)]


def _missing_steps(timeline: Timeline) -> Iterator[OpenStep]:
    steps = timeline.knowledge.steps
    dialect = timeline.dialect
    open_: dict[str, OpenStep] = {}
    off = {("edge", dialect.supply, "low"), ("edge", dialect.detect, "high")}
    for at, mark, event in timeline.marks:
        for name in [name for name, one in open_.items() if mark in one.step.ends or mark in one.step.cancelled_by]:
            one = open_.pop(name)
            # One that came at last is late; where the contract has a rule for it, the rule dates it. What ends the wait
            # for a step that is overdue does not replace it.
            overdue = _is_overdue(one, at)
            if overdue and (not one.step.rules or mark not in one.step.ends):
                yield one
        if mark in off:
            yield from (one for one in open_.values() if one.due < at)
            open_.clear()
        for step in steps:
            if mark == step.start and step.name not in open_ and _begins(step, at, event, timeline):
                open_[step.name] = OpenStep(step, at, at + bound_us(step, dialect) * 1e-6)
    yield from (one for one in open_.values() if one.due + GRACE_S < timeline.end)


def _came_broken(one: OpenStep, timeline: Timeline) -> bool:
    """Whether bytes without a frame came from the owner when its frame was due: it was sent, and came broken."""
    if all(mark[0] == "edge" for mark in one.step.ends):
        return False
    return timeline.next_garbage(one.step.owner, one.since) <= one.due + BROKEN_SLACK_S


def _is_overdue(one: OpenStep, at: float) -> bool:
    return at > one.since + (one.due - one.since) * LENIENT[0] + LENIENT[1]


def _begins(step: DueStep, at: float, event: Decoded, timeline: Timeline) -> bool:
    for mark in step.ends:
        # A level that a line has already is a step that was done before.
        if mark[0] == "edge" and timeline.level(mark[1], at) is (mark[2] == "high") and mark != step.start:
            return False
    # Lines and bytes that the source does not have can neither move nor be missed.
    if not all(_is_recorded(mark, timeline) for mark in (step.start, *step.ends)):
        return False
    return (
        all(timeline.level(line, at) is not False for line in step.while_high)
        and all(timeline.level(line, at) is not True for line in step.while_low)
        and (not step.in_handshake or timeline.in_handshake(at))
        and step.applies(event)
    )


def _is_recorded(mark: Mark, timeline: Timeline) -> bool:
    if mark[0] == "edge":
        return timeline.has_line(mark[1])
    sender = Role(mark[1])
    select = timeline.dialect.select_line(sender)
    return timeline.records_bytes(sender) and (mark[0] not in ("open", "close") or timeline.has_line(select))


def _missing(one: OpenStep, timeline: Timeline) -> Finding:
    step, spent = one.step, timeline.end - one.since
    why = f" {step.why}" if step.why else ""
    devices = devices_text(step.rules, timeline)
    text = (
        f"{_sentence(step.owner, step.missing)}: it was due by {time_text(one.due)}, within "
        f"{interval_text(one.due - one.since)} of its cause{devices}, and {interval_text(spent)} were recorded.{why}"
    )
    return Finding(
        FindingKind.STEP_MISSING, one.due, text, f"{_sentence(step.owner, step.missing)}", step.owner, step.name
    )


def _sentence(owner: Role, missing: str) -> str:
    return (
        missing.replace("{owner}", f"the {owner.value}")[0].upper()
        + missing.replace("{owner}", f"the {owner.value}")[1:]
    )


def devices_text(rules: Sequence[str], timeline: Timeline) -> str:
    """` (the most that 3 devices took)`, from the number of devices that the rules come from; or nothing."""
    known = [timeline.knowledge.devices.get(name, timeline.knowledge.fewest_devices) for name in rules]
    number = min((count for count in known if count), default=0)
    return f" (the most that {count_devices(number)} took)" if number else ""


def count_devices(number: int) -> str:
    """`1 device` or `3 devices`."""
    return "1 device" if number == 1 else f"{number} devices"


def measure_rules(timeline: Timeline) -> list[TimingResult]:
    """The intervals of every rule of the contract."""
    return measure(timeline.dialect.timing, ((at, mark) for at, mark, _ in timeline.marks))


def find_late_steps(timeline: Timeline, results: Sequence[TimingResult], *, healthy: bool) -> list[Finding]:
    """The intervals that are beyond the contract's bounds by more than the spread of devices explains.

    Args:
        timeline: the facts.
        results: the measured rules.
        healthy: whether the session reached its loop without a repeat, so that bounds of few devices count less.
    """
    found: list[Finding] = []
    if not timeline.is_whole:
        return found
    for result in results:
        wrong = [
            one for one in result.violations
            if is_violation(result.rule, one[1], healthy=healthy)
            and not timeline.lost_between(one[0] - one[1] * 1e-6, one[0])
            and not _lacks_sync(result.rule, one[1], timeline.dialect)
        ]  # fmt: skip
        if wrong:
            found.append(_late(result, wrong, timeline))
    return found


def _lacks_sync(rule: TimingRule, interval_us: float, dialect: Dialect) -> bool:
    """Whether an interval from a frame-sync pulse is so long that pulses are missing in it: then they are the fault."""
    fall = edge(dialect.sync, False) if dialect.sync else None
    periods = [one.maximum_us for one in dialect.timing if one.start == one.end == fall]
    return rule.start == fall != rule.end and interval_us > 1.5 * max(periods, default=float("inf"))


def is_violation(rule: TimingRule, interval_us: float, *, healthy: bool) -> bool:
    """Whether an interval is beyond a bound by more than the spread of devices explains."""
    factor, seconds = LENIENT if healthy else STRICT
    if interval_us > rule.maximum_us:
        limit = rule.maximum_us * factor
        if rule.end[1] == Role.BODY.value or rule.end[0] == "edge":
            limit = min(limit, rule.maximum_us + MAX_SPREAD_US)
        return interval_us > limit + seconds * 1e6
    # An end that is early does no harm, except where a period is meant.
    return rule.start == rule.end and interval_us < rule.minimum_us / factor - seconds * 1e6


PAUSE_SLACK_S = 20e-3
"""Seconds by which pauses inside a frame may be longer than in the good start-up of the same devices."""

MAX_PAUSE_S = 0.25
"""Seconds of pauses inside a frame without such a start-up; a healthy adapter has 150 ms in one of its replies."""


def find_slow_frames(timeline: Timeline, reference: Reference | None) -> list[Finding]:
    """The first frame of each end with a pause inside it that is too long for the receiver to wait."""
    found: dict[Role, Finding] = {}
    usual: dict[tuple[Role, int | None], float] = {}
    same = frozenset[Role]()
    if reference is not None and reference.exact:
        same = frozenset(role for role in Role if _is_same_device(timeline, reference, role))
        for frame in reference.timeline.frames:
            key = frame.sender, first_type(frame)
            usual[key] = max(usual.get(key, 0.0), _pauses(frame))
    for frame in timeline.frames if timeline.is_whole else ():
        paused, key = _pauses(frame), (frame.sender, first_type(frame))
        known = frame.sender in same and key in usual
        allowed = usual[key] + PAUSE_SLACK_S if known else MAX_PAUSE_S
        if paused > allowed and frame.sender not in found and frame.at is not None:
            name = timeline.name(first_type(frame), frame.sender)
            good = f"; the good start-up has {interval_text(usual[key])}" if known else ""
            text = (
                f"The {name} of the {frame.sender.value} at {time_text(frame.at)} came with pauses of "
                f"{interval_text(paused)} between its bytes{good}. A receiver may give such a frame up."
            )
            short = f"the {name} came with pauses"
            found[frame.sender] = Finding(
                FindingKind.LATE, (frame.end or frame.at) - paused, text, short, frame.sender, name, first_type(frame)
            )
    return list(found.values())


def _is_same_device(timeline: Timeline, reference: Reference, role: Role) -> bool:
    """Whether an end sends the same bytes outside the loop as in the good start-up, as far as both have a message."""
    first: dict[int | None, bytes] = {}
    for frame in timeline.frames:
        if frame.sender is role and not timeline.knowledge.is_loop(frame):
            first.setdefault(first_type(frame), frame.frame.raw)
    pairs = [(raw, reference.frame(role, type_)) for type_, raw in first.items() if type_ is not None]
    both = [(raw, good) for raw, good in pairs if good is not None]
    return bool(both) and all(raw == good for raw, good in both)


def _pauses(frame: DecodedFrame) -> float:
    """Seconds between the bytes of a frame."""
    if frame.at is None or frame.end is None:
        return 0.0
    return max(0.0, frame.end - frame.at - len(frame.frame.raw) * BITS_PER_BYTE / frame.baudrate)


MAX_SPREAD_US = 250.0
"""A schedule of a body, such as `VD to 03`, has no spread of 50 %: this much more is late in any session."""


def _late(result: TimingResult, wrong: Sequence[tuple[float, float]], timeline: Timeline) -> Finding:
    rule = result.rule
    at, interval_us = wrong[0]
    due = at - interval_us * 1e-6 + min(interval_us, rule.maximum_us) * 1e-6
    owner = get_owner(rule, timeline.dialect)
    total = len(result.intervals)
    values = [value for _, value in wrong]
    often = "" if total == 1 else f" {len(wrong)} of {total} such intervals are outside the bounds"
    often += (
        f" ({interval_text(min(values) * 1e-6)} to {interval_text(max(values) * 1e-6)})." if len(wrong) > 1 else
        "." if often else ""
    )  # fmt: skip
    allowed = f"{interval_text(rule.minimum_us * 1e-6)} to {interval_text(rule.maximum_us * 1e-6)}"
    word = "early" if interval_us < rule.minimum_us else "late"
    text = (
        f'The step "{rule.name}" of the {owner.value} was {word}: it took {interval_text(interval_us * 1e-6)} until '
        f"{time_text(at)}, and the contract has {allowed}{devices_text((rule.name,), timeline)}.{often}"
    )
    short = f'"{rule.name}" took {interval_text(interval_us * 1e-6)} instead of {allowed}'
    return Finding(FindingKind.LATE, due, text, short, owner, rule.name, _type_in(rule), count=len(wrong))


def get_owner(rule: TimingRule, dialect: Dialect) -> Role:
    """The end that owes the mark at a rule's end."""
    kind, subject = rule.end[0], rule.end[1]
    return dialect.drivers.get(subject, Role.BODY) if kind == "edge" else Role(subject)


def _type_in(rule: TimingRule) -> int | None:
    what = rule.end[-1]
    return int(what, 16) if what.startswith("0x") else None
