"""Finds an end with a clock that is off: its waits are longer or shorter by one factor than in the good start-up."""

from collections.abc import Sequence
from statistics import median

from lensmount_emulator.explain.finding import Finding, FindingKind
from lensmount_emulator.explain.reference import Reference
from lensmount_emulator.explain.steps import owner_of
from lensmount_emulator.explain.timeline import Timeline
from lensmount_protocol.timing import TimingResult
from lensmount_protocol.wire import Role

MIN_RULES = 4
"""Waits of one end that must agree on a factor."""

MIN_OFF = 0.01
"""Share by which a clock must be off; a ceramic resonator is off by 0.5 %."""

MAX_SPREAD = 0.004
"""Share by which the waits of a clock that is off may disagree."""

SHORTEST_US = 100.0
"""Shorter waits are rounded by the resolution of a source."""


def find_clock_faults(
    timeline: Timeline, results: Sequence[TimingResult], reference: Reference | None
) -> list[Finding]:
    """The ends with a clock that is off, against the waits of the same devices in a good start-up."""
    if reference is None or not reference.exact or not timeline.has_edges:
        return []
    found: list[Finding] = []
    for role in Role:
        ratios: list[float] = []
        for result in results:
            good = reference.measured.get(result.rule.name)
            if good is None or not len(result.intervals) or owner_of(result.rule, timeline.dialect) is not role:
                continue
            if good.median_us < SHORTEST_US:
                continue
            ratios.append(result.median_us / good.median_us)
        finding = _judge(role, ratios, timeline)
        if finding is not None:
            found.append(finding)
    return found


def _judge(role: Role, ratios: Sequence[float], timeline: Timeline) -> Finding | None:
    if len(ratios) < MIN_RULES:
        return None
    factor = median(ratios)
    agreeing = [ratio for ratio in ratios if abs(ratio / factor - 1) < MAX_SPREAD]
    # Waits that end with an event of the other end do not follow this clock.
    if abs(factor - 1) < MIN_OFF or len(agreeing) < max(MIN_RULES, 0.6 * len(ratios)):
        return None
    start = next((at for at in timeline.rises(timeline.dialect.supply)), timeline.start)
    text = (
        f"The clock of the {role.value} is off: {len(agreeing)} of its {len(ratios)} waits are {factor:.3f} times as "
        "long as "
        f"in the good start-up ({factor - 1:+.1%}), from the start on. Its baud rate can be right all the same."
    )
    return Finding(
        FindingKind.CLOCK, start, text, f"all waits of the {role.value} are off by {factor - 1:+.1%}", role, "clock"
    )
