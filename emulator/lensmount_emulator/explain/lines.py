"""Finds faults of lines: supply and contact lost, rails in a wrong order, bounces, stuck lines, broken windows."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf

from lensmount_emulator.explain.finding import Finding, FindingKind, interval_text
from lensmount_emulator.explain.leads import count_relays, find_jitter, frame_leads, frame_length, last_bit
from lensmount_emulator.explain.timeline import LEAD_S, Timeline, first_type
from lensmount_protocol.decoder import DecodedFrame, EmptyWindow, time_text
from lensmount_protocol.wire import Defect, Edge, Role, transmission_time

BOUNCE_S = 4e-3
"""Edges of one contact within this time are one bounce."""

EARLY_S = 0.2e-3
"""Seconds before its first bit from which on a select line that then stays high rose too early."""

MIN_LINES_ONLY = 4
"""Frames that show a select line that was never recorded."""

MIN_BOUNCE_EDGES = 3
"""Edges within `BOUNCE_S` from which on a contact bounces; attaching and detaching a lens takes far longer."""

RAIL_LEAD_S = 1e-3
"""Seconds by which a rail may come before the supply that it must follow."""

STUCK_S = 10e-3
"""Seconds after its last bit from which on a select line that is still high is stuck; the longest hold is 0.3 ms."""

SHORT_WINDOW_S = 1.5e-3
"""A window without bytes that is shorter than this, outside a handshake, is a glitch or a bounce."""


LONG_WINDOW_S = 5e-3
"""A window without bytes that is longer than any frame of a start-up at the slow rate is a line that is stuck."""


def find_line_faults(timeline: Timeline) -> list[Finding]:
    """Every fault of a line."""
    found = [
        *_supply_and_contact(timeline),
        *_rail_order(timeline),
        *_before_supply(timeline),
        *_line_defects(timeline),
    ]
    bounced = list(_bounces(timeline))
    found += bounced
    lines = {one.subject for one in bounced}
    for sender in Role:
        select = timeline.dialect.select_line(sender)
        if select in lines or len(timeline.levels.get(select, ([], []))[0]) < 2:
            continue
        # A source with a part of the edges must show one frame in its window before others count as outside.
        framed = any(
            one.sender is sender and one.opened is not None and one.closed is not None for one in timeline.frames
        )
        if not timeline.is_whole and not framed:
            continue
        found += _windows(timeline, sender, select)
    return found


def _edges(timeline: Timeline, line: str) -> list[Edge]:
    return timeline.edges.get(line, [])


def _supply_and_contact(timeline: Timeline) -> Iterator[Finding]:
    dialect = timeline.dialect
    bouncing = {
        at for line in (dialect.detect, dialect.supply, *dialect.rails) for at in _cluster_times(timeline, line)
    }
    asleep = min(
        (one.at for one in timeline.frames if one.at is not None and timeline.knowledge.stops_loop(one)), default=inf
    )
    refused = inf if timeline.refusal is None or timeline.refusal.at is None else timeline.refusal.at
    for number, edge in enumerate(_edges(timeline, dialect.detect)):
        if edge.level and edge.at not in bouncing and edge.at != timeline.ordered_detach:
            again = _return_text(_edges(timeline, dialect.detect), number)
            text = (
                f"The lens was taken off at {time_text(edge.at)}: {dialect.detect} went high, which only a lens that "
                f"is on the mount holds low. {again}"
            )
            yield Finding(FindingKind.DETACHED, edge.at, text, "the lens was taken off", Role.LENS, dialect.detect)
    for line in (dialect.supply, *dialect.rails):
        for number, edge in enumerate(_edges(timeline, line)):
            if edge.level or edge.at in bouncing or timeline.level(dialect.detect, edge.at) is True:
                continue
            if edge.at >= min(asleep, refused):
                continue
            again = _return_text(_edges(timeline, line), number)
            text = (
                f"The rail {line} failed at {time_text(edge.at)} while the lens was on the mount, and nothing before "
                f"it gave the body a reason to switch it off. {again}"
            )
            yield Finding(FindingKind.SUPPLY_LOST, edge.at, text, f"{line} went off", Role.BODY, line)


def _return_text(edges: Sequence[Edge], number: int) -> str:
    """When a line changes back after an edge, as a sentence."""
    edge = edges[number]
    following = (edges[index] for index in range(number + 1, len(edges)))
    back = next((one.at for one in following if one.at > edge.at and one.level is not edge.level), None)
    return "It did not come back." if back is None else f"It came back after {interval_text(back - edge.at)}."


def _distance(times: Sequence[float], at: float) -> float:
    """Seconds between a time and the nearest one of others in order; infinite without others."""
    index = bisect_left(times, at)
    return min((abs(at - one) for one in times[max(0, index - 1) : index + 1]), default=inf)


def _rail_order(timeline: Timeline) -> Iterator[Finding]:
    dialect = timeline.dialect
    supplied = timeline.rises(dialect.supply)
    for line in dialect.rails:
        for at in timeline.rises(line):
            if timeline.level(dialect.supply, at) is True or _distance(supplied, at) <= RAIL_LEAD_S:
                continue
            later = next((rise for rise in supplied if rise > at), None)
            if dialect.supply not in timeline.levels:
                continue
            lag = "never came on" if later is None else f"came {interval_text(later - at)} later"
            text = (
                f"The rails came on in the wrong order: {line} was on at {time_text(at)}, and {dialect.supply}, which "
                f"must come first, {lag}."
            )
            yield Finding(
                FindingKind.BEFORE_SUPPLY, at, text, f"{line} came before {dialect.supply}", Role.BODY, dialect.supply
            )
            return


def _before_supply(timeline: Timeline) -> Iterator[Finding]:
    dialect = timeline.dialect
    supplied = timeline.rises(dialect.supply)
    if not supplied:
        return
    first = supplied[0]
    lines = [line for line in dialect.wiring.lines if line not in (dialect.supply, dialect.detect, *dialect.rails)]
    moved = [
        Edge(at, line, True) for line in lines for at in timeline.rises(line)
        if timeline.start + RAIL_LEAD_S < at < first - RAIL_LEAD_S
    ]  # fmt: skip
    moved += [
        edge for line in lines for edge in _edges(timeline, line)
        if edge.level and edge.at > first and timeline.level(dialect.supply, edge.at) is False
        and _distance(supplied, edge.at) >= RAIL_LEAD_S
    ]  # fmt: skip
    if moved:
        edge = min(moved, key=lambda one: one.at)
        driver = dialect.drivers.get(edge.line, Role.BODY)
        text = (
            f"{edge.line} went high at {time_text(edge.at)} while {dialect.supply} was off: the {driver.value} drives "
            "a line of a lens without supply, which feeds the lens through its inputs."
        )
        yield Finding(
            FindingKind.BEFORE_SUPPLY, edge.at, text, f"{edge.line} moved without supply", driver, edge.line,
            count=len(moved),
        )  # fmt: skip


def _line_defects(timeline: Timeline) -> Iterator[Finding]:
    selects = {timeline.dialect.select_line(role) for role in Role}
    for role in Role:
        select, other = timeline.dialect.select_line(role), timeline.dialect.select_line(role.peer)
        framed = [one for one in timeline.frames if one.sender is role and one.at is not None]
        if (
            timeline.is_whole
            and len(framed) >= MIN_LINES_ONLY
            and select not in timeline.levels
            and other in timeline.levels
        ):
            text = f"{select} never moves in {len(framed)} frames of the {role.value}"
            yield Finding(
                FindingKind.LINE_DEFECT,
                framed[0].at,
                f"{text}: it is not connected, or not recorded.",
                text,
                role,
                select,
            )
    for defect in timeline.defects:
        if defect.defect in (Defect.STUCK_HIGH, Defect.STUCK_LOW) and defect.line not in selects and timeline.is_whole:
            # A missing event that was due on the line is the better explanation.
            continue
        text = f"The source shows a bad contact or a wrong mapping of a probe: {defect.text}."
        at = defect.at if defect.at is not None else timeline.start if timeline.has_times else None
        yield Finding(
            FindingKind.LINE_DEFECT, at, text, defect.text, timeline.dialect.drivers.get(defect.line), defect.line
        )


def _cluster_times(timeline: Timeline, line: str) -> list[float]:
    """The times of the edges of a contact that belong to a bounce."""
    times = [edge.at for edge in _edges(timeline, line)]
    found: list[float] = []
    for index, at in enumerate(times):
        near = [one for one in times[max(0, index - 8) : index + 9] if abs(one - at) <= BOUNCE_S]
        if len(near) >= MIN_BOUNCE_EDGES:
            found.append(at)
    return found


def _bounces(timeline: Timeline) -> Iterator[Finding]:
    dialect = timeline.dialect
    for line in (dialect.detect, dialect.supply, *dialect.rails):
        # A bounce at the very start is a glitch of power-on, unless it is the contact itself.
        times = _cluster_times(timeline, line)
        if times:
            yield _bounce(line, times, timeline)
    if dialect.sync:
        yield from _sync_bounces(timeline)
    for sender in Role:
        select = dialect.select_line(sender)
        glitches = [window for window in _unexpected(timeline, sender) if _is_spike(timeline, window)]
        near = [
            one for number, one in enumerate(glitches)
            if sum(abs(one.opened - other.opened) <= BOUNCE_S for other in glitches[max(0, number - 4) : number + 5])
            >= MIN_BOUNCE_EDGES - 1
        ]  # fmt: skip
        if near:
            yield _bounce(select, [at for one in near for at in (one.opened, one.closed)], timeline)


def _sync_bounces(timeline: Timeline) -> Iterator[Finding]:
    sync = timeline.dialect.sync
    edges = _edges(timeline, sync)
    falls = [edge.at for edge in edges if not edge.level and not timeline.lost_between(edge.at, edge.at)]
    gaps = sorted(after - before for before, after in pairwise(falls))
    if len(gaps) < MIN_BOUNCE_EDGES:
        return
    usual = gaps[len(gaps) // 2]
    # A pulse too many ends soon; a line that stays low has stopped.
    extra = [
        after for before, after in pairwise(falls)
        if after - before < usual / 4 and timeline.level(sync, after + BOUNCE_S) is not False
    ]  # fmt: skip
    if extra and usual > BOUNCE_S:
        yield _bounce(sync, extra, timeline)


def _bounce(line: str, times: list[float], timeline: Timeline) -> Finding:
    first = [at for at in times if at - times[0] <= BOUNCE_S]
    text = (
        f"{line} bounces at {time_text(times[0])}: {len(first)} edges where one is due, within "
        f"{interval_text(first[-1] - first[0])}. The contact is bad, or the line has a spike."
    )
    return Finding(
        FindingKind.BOUNCE, times[0], text, f"{line} bounces", timeline.dialect.drivers.get(line), line,
        count=len(times),
    )  # fmt: skip


def _unexpected(timeline: Timeline, sender: Role) -> list[EmptyWindow]:
    """The windows without bytes that belong to no handshake."""
    windows = [one for one in timeline.windows if one.sender is sender and not timeline.is_settling(one.opened)]
    if not windows:
        return []
    framed = [one for one in timeline.frames if one.sender is sender]
    # A source that records no bytes of this end has only empty windows.
    if len(framed) <= len(windows) and len(framed) < 3:
        return []
    starts = [one.at or 0.0 for one in framed]
    return [one for one in windows if not timeline.in_handshake(one.opened) and not _overlaps(one, framed, starts)]


def _overlaps(window: EmptyWindow, frames: list[DecodedFrame], starts: list[float]) -> bool:
    """Whether a frame of the same end lies across a window; only the frames next to it can."""
    index = bisect_left(starts, window.closed)
    return any(frame.end is not None and window.opened < frame.end for frame in frames[max(0, index - 2) : index])


def _windows(timeline: Timeline, sender: Role, select: str) -> Iterator[Finding]:
    """Frames outside windows, a select line that stays up, and one that rises without a reason."""
    leads = frame_leads(timeline, sender, select)
    relays = count_relays(leads)
    jitter = find_jitter(leads, relays, sender, select)
    if jitter is not None:
        yield jitter
        return
    outside = [
        frame for frame in timeline.frames
        if frame.sender is sender and frame.at is not None and _is_outside(frame, select, timeline)
        and not timeline.is_settling(frame.at) and not _is_disturbed(frame, timeline)
    ]  # fmt: skip
    if outside:
        yield _outside(timeline, sender, select, outside)
    noisy = [
        run for run in timeline.garbage
        if run.sender is sender and run.at is not None and timeline.level(select, run.at) is False
        and not timeline.is_settling(run.at)
    ]  # fmt: skip
    if noisy and not outside:
        first = noisy[0]
        assert first.at is not None
        text = (
            f"The {sender.value} sent bytes at {time_text(first.at)} while {select} was low: outside a select window "
            "the other end ignores them."
        )
        yield Finding(
            FindingKind.OUTSIDE_WINDOW, first.at, text, f"bytes of the {sender.value} outside {select}", sender, select,
            count=len(noisy),
        )  # fmt: skip
    yield from _stuck_high(timeline, sender, select, relays)
    yield from _odd_windows(timeline, sender, select)


def _odd_windows(timeline: Timeline, sender: Role, select: str) -> Iterator[Finding]:
    """Windows without a byte, where a frame was due or where nothing was, and windows with two frames."""
    for one in _unexpected(timeline, sender):
        length = interval_text(one.closed - one.opened)
        due = timeline.was_due(sender, one.opened, None)
        if one.closed - one.opened >= (LONG_WINDOW_S if due else SHORT_WINDOW_S):
            text = (
                f"{select} went high at {time_text(one.opened)} and stayed so for {length} without a byte. Nothing was "
                f"due from the {sender.value} that long: the line is stuck high, or its driver is."
            )
            yield Finding(FindingKind.STUCK_LINE, one.opened, text, f"{select} is high without a frame", sender, select)
        elif _is_spike(timeline, one):
            text = (
                f"{select} went high at {time_text(one.opened)} for {length} without a byte. Nothing was due from the "
                f"{sender.value} there: a spike on the line."
            )
            yield Finding(FindingKind.BOUNCE, one.opened, text, f"a spike on {select}", sender, select)
        else:
            text = (
                f"The {sender.value} opened its window at {time_text(one.opened)} for {length} and no byte came in it: "
                "the frame that was due there is missing."
            )
            yield Finding(
                FindingKind.FRAME_MISSING, one.opened, text, f"a window of the {sender.value} is empty", sender, select
            )
        break
    framed = [one for one in timeline.frames if one.sender is sender and one.opened is not None]
    for before, after in pairwise(framed):
        if before.opened != after.opened:
            continue
        name = timeline.name(first_type(after), sender)
        same = before.frame.raw == after.frame.raw
        text = (
            f"The {sender.value} sent the {name} twice in one window, at {time_text(before.at)} and "
            f"{time_text(after.at)}."
            if same else
            f"The {sender.value} sent two frames in one window: the {timeline.name(first_type(before), sender)} at "
            f"{time_text(before.at)} and the {name} at {time_text(after.at)}."
        )  # fmt: skip
        text += " A window holds one frame; the other end may read only the first."
        yield Finding(
            FindingKind.REPEATED, after.at, text, f"two frames of the {sender.value} in one window", sender, name,
            first_type(after),
        )  # fmt: skip
        return


def _is_outside(frame: DecodedFrame, select: str, timeline: Timeline) -> bool:
    """Whether the select line is low at the first bit of a frame, or falls before the last one."""
    assert frame.at is not None
    if timeline.level(select, frame.at) is False:
        return True
    fall = timeline.next_fall(select, frame.at)
    ended = last_bit(frame)
    return fall is not None and ended is not None and fall < ended - CLOSING_S


CLOSING_S = 3e-6
"""Seconds before the end of the last stop bit at which a select line may fall."""


def _is_spike(timeline: Timeline, window: EmptyWindow) -> bool:
    """Whether a window without bytes is too short for a frame, or is where no frame was due."""
    length = window.closed - window.opened
    if length < _shortest_frame(timeline, window.sender):
        return True
    return length < SHORT_WINDOW_S and not timeline.was_due(window.sender, window.opened, None)


def _shortest_frame(timeline: Timeline, sender: Role) -> float:
    """Seconds that the smallest frame of an end takes at the fastest rate."""
    rate = max(timeline.dialect.wiring.baudrates)
    return transmission_time(timeline.shortest_frames[sender], rate)


def _outside(timeline: Timeline, sender: Role, select: str, outside: list[DecodedFrame]) -> Finding:
    first = outside[0]
    whole = len([frame for frame in timeline.frames if frame.sender is sender])
    name = timeline.name(first_type(first), sender)
    stuck = len(outside) == whole or len(outside) > 2
    low = timeline.level(select, first.at or 0.0) is False
    how = f"{select} stays low" if stuck and low else f"{select} was low" if low else f"{select} fell inside it"
    text = (
        f"The {sender.value} sent the {name} at {time_text(first.at)} outside a select window: {how}, and a frame "
        f"counts only while it is high. {len(outside)} of {whole} frames of the {sender.value} are outside."
    )
    return Finding(
        FindingKind.OUTSIDE_WINDOW, first.at, text, f"the {name} was sent outside {select}", sender, select,
        first_type(first), count=len(outside),
    )  # fmt: skip


def _is_disturbed(frame: DecodedFrame, timeline: Timeline) -> bool:
    """Whether bytes that are no frame come right before a frame, so that its window is not its own."""
    at = frame.at or 0.0
    return timeline.next_garbage(frame.sender, at - LEAD_S) < at


def _stuck_high(timeline: Timeline, sender: Role, select: str, relays: int) -> Iterator[Finding]:
    for frame in timeline.frames:
        if frame.sender is not sender or frame.opened is None or frame.at is None or _is_disturbed(frame, timeline):
            continue
        name = timeline.name(first_type(frame), sender)
        ended = last_bit(frame)
        fall = timeline.next_fall(select, ended if ended is not None else frame.at)
        last = timeline.end if fall is None else fall
        stays = ended is not None and last - ended > STUCK_S
        if frame.at - frame.opened - relays * frame_length(frame) > LEAD_S and not timeline.is_settling(frame.opened):
            yield _early_window(timeline, frame, select, name, stays=stays)
            return
        if ended is not None and stays:
            # A line that is stuck before the frame rose earlier than others do.
            since = frame.opened if frame.at - frame.opened > EARLY_S else ended
            text = (
                f"{select} stayed high after the {name} of the {sender.value} at {time_text(frame.at)}: it was due to "
                f"fall within 0.3 ms of the last bit, and was up for {interval_text(last - ended)} more."
            )
            yield Finding(FindingKind.STUCK_LINE, since, text, f"{select} stays high", sender, select)
            return


def _early_window(timeline: Timeline, frame: DecodedFrame, select: str, name: str, *, stays: bool) -> Finding:
    assert frame.opened is not None
    assert frame.at is not None
    sender, type_ = frame.sender, first_type(frame)
    lead = frame.at - frame.opened
    if timeline.was_due(sender, frame.opened, type_) and not stays:
        text = (
            f"The {name} of the {sender.value} was late: {select} went high for it at {time_text(frame.opened)}, as it "
            f"was due, and its first bit came {interval_text(lead)} later, at {time_text(frame.at)}."
        )
        return Finding(
            FindingKind.LATE, frame.opened, text, f"the {name} came {interval_text(lead)} late", sender, name,
            type_,
        )  # fmt: skip
    text = (
        f"{select} went high at {time_text(frame.opened)} without a reason: the {sender.value} had nothing to send "
        f"before the {name} at {time_text(frame.at)}. The line is stuck high, or its driver is."
    )
    return Finding(FindingKind.STUCK_LINE, frame.opened, text, f"{select} is high without a frame", sender, select)
