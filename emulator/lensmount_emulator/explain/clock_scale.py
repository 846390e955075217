"""Finds an end with a clock that is off: its waits are longer or shorter by one factor than in the good start-up."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from lensmount_emulator.explain.finding import Finding, FindingKind
from lensmount_emulator.explain.reference import Reference
from lensmount_emulator.explain.steps import get_owner
from lensmount_emulator.explain.timeline import Timeline, first_type
from lensmount_protocol.timing import TimingResult
from lensmount_protocol.wire import Role

MIN_WAITS = 4
"""Waits of one end that must agree on a factor."""

MIN_OFF = 0.02
"""Share by which a clock must be off; a ceramic resonator is off by 0.5 %."""

MAX_SPREAD = 0.004
"""Share by which the waits of a clock that is off may disagree."""

AGREEING = 0.6
"""Share of the waits that must agree: a wait for an event of the other end does not follow this clock."""

MIN_TIME_US = 80.0
"""Shorter waits are rounded by the resolution of a source."""

Waits = dict[tuple[Role, object], float]
"""The end and the name of a wait -> its median, in microseconds."""


def find_clock_faults(
    timeline: Timeline, results: Sequence[TimingResult], reference: Reference | None
) -> list[Finding]:
    """The ends with a clock that is off, against the waits of the same devices in a good start-up."""
    if reference is None or not reference.exact or not timeline.is_whole:
        return []
    mine = _waits(timeline, results)
    good = _waits(reference.timeline, list(reference.measured.values()))
    found = [_judge(role, mine, good, timeline) for role in Role]
    return [one for one in found if one is not None]


def _waits(timeline: Timeline, results: Sequence[TimingResult]) -> Waits:
    """The median of each wait of an end: those of the contract, and those between the frames of both ends."""
    waits: Waits = {
        (get_owner(one.rule, timeline.dialect), one.rule.name): one.median_us for one in results if len(one.intervals)
    }
    for (role, name), values in _answers(timeline).items():
        waits[role, name] = median(values)
    return waits


def _answers(timeline: Timeline) -> dict[tuple[Role, object], list[float]]:
    found: dict[tuple[Role, object], list[float]] = {}
    for role, name, wait_us in _turns(timeline):
        found.setdefault((role, name), []).append(wait_us)
    return found


def _turns(timeline: Timeline) -> Iterator[tuple[Role, object, float]]:
    """From the end of a frame to the window of the next one of the other end, and from frame sync to frame sync."""
    for before, after in pairwise(timeline.frames):
        begins = after.opened if after.opened is not None else after.at
        if before.sender is not after.sender and before.closed is not None and begins is not None:
            yield after.sender, (first_type(before), first_type(after)), (begins - before.closed) * 1e6
    sync = timeline.dialect.sync
    falls = [edge.at for edge in timeline.edges.get(sync, []) if not edge.level]
    for fall, following in pairwise(falls):
        yield timeline.dialect.drivers.get(sync, Role.BODY), "frame sync", (following - fall) * 1e6


def _judge(role: Role, mine: Waits, good: Waits, timeline: Timeline) -> Finding | None:
    ratios = [
        value / good[key]
        for key, value in mine.items()
        if key[0] is role and key in good and min(value, good[key]) > MIN_TIME_US
    ]
    if len(ratios) < MIN_WAITS:
        return None
    factor = median(ratios)
    agreeing = [ratio for ratio in ratios if abs(ratio / factor - 1) < MAX_SPREAD]
    if abs(factor - 1) < MIN_OFF or len(agreeing) < max(MIN_WAITS, AGREEING * len(ratios)):
        return None
    start = next((at for at in timeline.rises(timeline.dialect.supply)), timeline.start)
    text = (
        f"The clock of the {role.value} is off: {len(agreeing)} of its {len(ratios)} waits are {factor:.3f} times as "
        f"long as in the good start-up ({factor - 1:+.1%}), from the start on. Its baud rate can be right all the same."
    )
    return Finding(
        FindingKind.CLOCK, start, text, f"all waits of the {role.value} are off by {factor - 1:+.1%}", role, "clock"
    )
