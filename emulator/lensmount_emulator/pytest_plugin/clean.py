"""What is wrong with what was heard: errors, garbage, violations of timing and of what the contacts can bear."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lensmount_emulator.pytest_plugin.heard import Heard
from lensmount_emulator.sessions.tally import Tally
from lensmount_protocol.decoder import DecodedGarbage
from lensmount_protocol.marks import marks_of
from lensmount_protocol.timing import TimingRule, measure


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong.

    Attributes:
        at: when, in seconds; `None` where it has no moment.
        text: what, in one line.
    """

    at: float | None
    text: str

    def __str__(self) -> str:
        return self.text if self.at is None else f"{self.at * 1e3:.3f} ms  {self.text}"


def all_wrong(heard: Heard, violations: Sequence[str], allow: Sequence[str], *, judge_timing: bool) -> list[Wrong]:
    """Everything that is wrong, the earliest first.

    Args:
        heard: what was heard.
        violations: what would have hurt a real device.
        allow: patterns of texts that are no fault here.
        judge_timing: whether times are those of the wire, so that the timing contract can be judged.
    """
    events = list(heard.events)
    wrong = [Wrong(notice.at, f"{notice.role.value}: {notice.text}") for notice in heard.notices if notice.trouble]
    wrong += [Wrong(None, what) for what in violations]
    wrong += [
        Wrong(event.at, f"{event.sender.value}: {len(event.data)} bytes are no frame: {event.reason.value}")
        for event in events
        if isinstance(event, DecodedGarbage)
    ]
    tally = Tally(heard.dialect)
    for event in events:
        tally.add(event)
    if not tally.proven:
        wrong.append(Wrong(None, f"of {tally.valid} frames {tally.typed} are explained and {tally.rebuilt} rebuild"))
    if judge_timing:
        wrong += [
            Wrong(at, f"{found.rule.name}: {interval_us:.1f} µs; {_bounds(found.rule)} is legal")
            for found in measure(heard.dialect.timing, marks_of(events, heard.dialect))
            for at, interval_us in found.violations
        ]
    left = [one for one in wrong if not any(fnmatchcase(one.text, pattern) for pattern in allow)]
    return sorted(left, key=lambda one: float("inf") if one.at is None else one.at)


def _bounds(rule: TimingRule) -> str:
    return f"{rule.minimum_us:g} … {rule.maximum_us:g} µs"
