"""Leads of frames: how long after its select line each one begins, and what this shows: relays, a timing at random."""

from collections.abc import Sequence

from lensmount_emulator.explain.finding import Finding, FindingKind, interval_text
from lensmount_emulator.explain.timeline import LEAD_S, Timeline
from lensmount_protocol.decoder import DecodedFrame, time_text
from lensmount_protocol.wire import Role

JITTER_S = 0.3e-3
"""Spread of the set-up of one end's select line from which on its timing is at random; a device has one of 0.05 ms."""

MIN_JITTERS = 8
"""Frames that show whether the timing of an end is at random."""

MAX_RELAYS = 2
"""Accessories in a row that receive a frame whole before they send it: more do not fit on a lens."""


def frame_leads(timeline: Timeline, sender: Role, select: str) -> list[tuple[float, DecodedFrame]]:
    """The frames of an end that have one, each with its lead: seconds from the rise of its select line on."""
    leads: list[tuple[float, DecodedFrame]] = []
    for frame in timeline.frames:
        rise = None if frame.at is None or frame.sender is not sender else timeline.last_rise(select, frame.at)
        if rise is not None and frame.at is not None and frame.at - rise < LEAD_S * 2:
            leads.append((frame.at - rise, frame))
    return leads


def count_relays(leads: Sequence[tuple[float, DecodedFrame]]) -> int:
    """The number of accessories that relay the frames of an end: the one with which most frames keep one lead.

    A relay passes on the edge of a select line at once, and a frame when it is whole: it adds the frame's length.
    """

    def count_even(relays: int) -> int:
        own = sorted(_own_lead(*one, relays) for one in leads)
        return sum(abs(lead - own[len(own) // 2]) < JITTER_S / 2 for lead in own)

    return max(range(MAX_RELAYS + 1), key=count_even)


def _own_lead(lead: float, frame: DecodedFrame, relays: int) -> float:
    """The part of a lead that is not the work of relays."""
    return lead - relays * frame_length(frame)


def last_bit(frame: DecodedFrame) -> float | None:
    """The end of the last bit of a frame; `None` where it is not known."""
    return frame.clocked_end if frame.clocked_end is not None else frame.end


def frame_length(frame: DecodedFrame) -> float:
    """Seconds from the first bit of a frame to its last one; 0 where they are not known."""
    ended = last_bit(frame)
    return 0.0 if frame.at is None or ended is None else ended - frame.at


def find_jitter(leads: Sequence[tuple[float, DecodedFrame]], relays: int, sender: Role, select: str) -> Finding | None:
    """An end with a timing at random: its select line and its bytes come early and late against each other."""
    if len(leads) < MIN_JITTERS:
        return None
    least, most = _inner_range([_own_lead(*one, relays) for one in leads])
    if most - least < JITTER_S:
        return None
    low, high = _inner_range([lead for lead, _ in leads])
    first = next(one[1] for one in leads if _own_lead(*one, relays) > least + JITTER_S / 2)
    text = (
        f"The timing of the {sender.value} is at random from {time_text(first.at)} on: its first bits come "
        f"{interval_text(low)} to {interval_text(high)} after {select} rises, and a device keeps one lead. Frames that "
        "are late or not within their windows follow from it."
    )
    return Finding(
        FindingKind.LATE, first.opened if first.opened is not None else first.at, text,
        f"the timing of the {sender.value} is at random", sender, select,
    )  # fmt: skip


def _inner_range(values: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest value, without a tenth of the values at each side."""
    ordered = sorted(values)
    tenth = len(ordered) // 10
    return ordered[tenth], ordered[-1 - tenth]
