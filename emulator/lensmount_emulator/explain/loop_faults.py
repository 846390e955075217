"""Finds what goes wrong once the loop runs: frames that are missing, a stream or a frame sync that stops, silence."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from lensmount_emulator.explain.finding import Finding, FindingKind, interval_text
from lensmount_emulator.explain.timeline import Timeline, first_type
from lensmount_protocol.decoder import DecodedFrame, time_text
from lensmount_protocol.payload import message_type
from lensmount_protocol.timing import edge
from lensmount_protocol.wire import Role

TYPICAL_SHARE = 0.8
"""Share of the periods from which on a frame counts as one of each period."""

MIN_PERIODS = 8
"""Pulses of the frame sync that show its period, where the contract has none."""

STOPPED_PERIODS = 3
"""Periods without a frame from which on a stream has stopped."""

SILENT_S = 1.0
"""Seconds without any frame from which on a session that is not asleep has stopped."""


def find_loop_faults(timeline: Timeline) -> list[Finding]:
    """Every fault of the loop; a source that does not hold every line shows only that an end fell silent in it."""
    since = timeline.loop_since
    if not timeline.is_whole:
        return list(_stopped_sender(timeline))
    found = list(_sync_stopped(timeline))
    if since is not None and since < float("inf"):
        found += _missing_frames(timeline, since)
        found += _stream_stopped(timeline)
    found += _silence(timeline)
    found += _sequence(timeline)
    return found


MAX_WRONG_SHARE = 0.2
"""Share of wrong sequence numbers from which on an end counts in a way of its own."""


def _sequence(timeline: Timeline) -> Iterator[Finding]:
    """Frames with a sequence number that is not the one that follows."""
    group = timeline.knowledge.sequence_group
    last: dict[tuple[Role, int], DecodedFrame] = {}
    wrong: dict[Role, list[tuple[DecodedFrame, frozenset[int]]]] = {role: [] for role in Role}
    total = Counter[Role]()
    before: DecodedFrame | None = None
    for frame in timeline.frames:
        if timeline.knowledge.stops_loop(frame):
            last.clear()
        if before is not None and timeline.lost_between(before.at or 0.0, frame.at or 0.0):
            last.clear()
        before = frame
        role, number = frame.sender, group(frame)
        legal = timeline.knowledge.next_sequence(frame, last.get((role, number)), last.get((role.peer, number)))
        total[role] += 1
        if legal is not None and frame.frame.sequence not in legal:
            wrong[role].append((frame, legal))
        last[role, number] = frame
    for role, those in wrong.items():
        if those and len(those) <= MAX_WRONG_SHARE * total[role]:
            frame, legal = those[0]
            name = timeline.name(first_type(frame), role)
            due = " or ".join(f"{number:02X}" for number in sorted(legal))
            text = (
                f"The {name} of the {role.value} at {time_text(frame.at)} has the sequence number "
                f"{frame.frame.sequence:02X}; {due} was due. Its checksum is right."
            )
            yield Finding(
                FindingKind.SEQUENCE, frame.at, text, f"a sequence number of the {role.value} is wrong",
                role,
                name, first_type(frame), count=len(those),
            )  # fmt: skip


def stop_time(timeline: Timeline, since: float) -> float:
    """When the loop was ended on order, or the supply or the lens went away; the end of the source else."""
    index = bisect_left(timeline.stops, since)
    return timeline.stops[index] if index < len(timeline.stops) else timeline.end


def _sync_stopped(timeline: Timeline) -> Iterator[Finding]:
    sync = timeline.dialect.sync
    falls = [edge.at for edge in timeline.edges.get(sync, []) if not edge.level] if sync else []
    gaps = sorted(after - before for before, after in pairwise(falls))
    longest = [
        rule.maximum_us * 1e-6 for rule in timeline.dialect.timing if rule.start == rule.end == edge(sync, False)
    ]
    if len(falls) < (2 if longest else MIN_PERIODS):
        return
    period = max(gaps[len(gaps) // 2], *longest, 0.0)
    for before, following in zip(falls, [*falls[1:], timeline.end], strict=True):
        stopped = stop_time(timeline, before)
        # A body that misses the frames of a lens without frame sync switches the supply off: the pulses ended before.
        after = min(following, stopped)
        is_last = before == falls[-1] or stopped < following
        if after - before < (STOPPED_PERIODS if is_last else 1.5) * period:
            continue
        if stopped < following and (stopped not in timeline.losses or _is_asleep(timeline, before)):
            continue
        owner = timeline.dialect.drivers.get(sync, Role.BODY)
        rest = next((one.at for one in timeline.edges.get(sync, []) if one.level and one.at > before), after)
        hangs = rest - before > period / 2
        how = (
            f"{sync} fell at {time_text(before)} and stayed low for {interval_text(min(rest, after) - before)}"
            if hangs else
            f"the pulse of {time_text(before)} is the last for {interval_text(after - before)}"
        )  # fmt: skip
        text = (
            f"Frame sync ({sync}) stopped: {how}, and a pulse was due every {interval_text(period)}. A lens that is "
            "timed by it sends nothing meanwhile."
        )
        at = before if hangs else before + period
        yield Finding(FindingKind.SYNC_STOPPED, at, text, f"{sync} stopped", owner, sync)
        return


def _is_asleep(timeline: Timeline, at: float) -> bool:
    """Whether the loop was ended on order before a time, and no frame of the body's loop came since."""
    index = bisect_right(timeline.stops, at) - 1
    if index < 0 or timeline.stops[index] in timeline.losses:
        return False
    return not any(timeline.stops[index] < (one.at or 0.0) <= at for one in timeline.loop_frames[Role.BODY])


def _missing_frames(timeline: Timeline, since: float) -> list[Finding]:
    sync = timeline.dialect.sync
    until = stop_time(timeline, since)
    falls = [edge.at for edge in timeline.edges.get(sync, []) if not edge.level and since <= edge.at < until]
    if len(falls) < 2:
        return []
    period = sorted(after - before for before, after in pairwise(falls))[len(falls) // 2 - 1]
    found: list[Finding] = []
    for sender, frames in timeline.loop_frames.items():
        kinds: dict[int, list[DecodedFrame]] = {}
        for frame in frames:
            if frame.at is None or frame.at < since:
                continue
            # An acknowledgement may stand in front of a report, in its frame.
            for type_ in {message_type(message) for message in frame.messages}:
                kinds.setdefault(type_, []).append(frame)
        for type_, those in kinds.items():
            found += _missing_kind(timeline, sender, type_, those, falls, period, until)
    return found


def _missing_kind(
    timeline: Timeline, sender: Role, type_: int, frames: Sequence[DecodedFrame], falls: Sequence[float], period: float,
    until: float,
) -> Iterator[Finding]:  # fmt: skip
    places = Counter(bisect_right(falls, frame.at or 0.0) - 1 for frame in frames)
    # Bytes that are no frame stand for a frame that was sent and came broken.
    bad = [run.at for run in timeline.garbage if run.sender is sender and run.at is not None]
    broken = {bisect_right(falls, at) - 1 for at in bad}
    offsets = sorted((frame.at or 0.0) - falls[bisect_right(falls, frame.at or 0.0) - 1] for frame in frames)
    usual_at = offsets[len(offsets) // 2]
    # The last period may be cut.
    whole = [index for index, fall in enumerate(falls) if fall + period < until]
    # A frame at the edge of a period may fall into the one beside it, which then has two.
    absent = [
        index
        for index in whole
        if not places[index] and index not in broken and max(places[index - 1], places[index + 1]) < 2
    ]
    seen = len(whole) - len(absent)
    name = timeline.name(type_, sender)
    # `absent` has no place that `whole` has not, so the ends of both are equal as long as every place is absent.
    tail: list[int] = []
    for index, last in zip(reversed(absent), reversed(whole), strict=False):
        if index != last:
            break
        tail.append(index)
    tail.reverse()
    usual = seen >= TYPICAL_SHARE * (len(whole) - len(tail))
    if len(tail) >= STOPPED_PERIODS and seen and usual:
        at = falls[tail[0]] + usual_at
        text = (
            f"The {sender.value} stopped sending the {name} at {time_text(at)}: it was in {seen} periods before, and "
            f"is in none of the last {len(tail)}."
        )
        yield Finding(
            FindingKind.STREAM_STOPPED, at, text, f"the {sender.value} stopped sending the {name}", sender, name, type_,
        )  # fmt: skip
        return
    # An end may leave out a frame until it begins with it: a Viltrox adapter sends four 05 before its first 06.
    begins = next((index for index in whole if places[index]), len(falls))
    late = [index for index in absent[: len(absent) - len(tail)] if index > begins]
    if late and seen >= TYPICAL_SHARE * len(whole):
        at = falls[late[0]] + usual_at
        more = "" if len(late) == 1 else f" {len(late)} of {len(whole)} periods lack it."
        text = f"The {sender.value} sent no {name} at {time_text(at)}, although it is due in each period.{more}"
        yield Finding(
            FindingKind.FRAME_MISSING, at, text, f"the {name} of the {sender.value} is missing",
            sender,
            name, type_, count=len(late),
        )  # fmt: skip


def _stream_stopped(timeline: Timeline) -> Iterator[Finding]:
    """A loop without a frame signal that ended some periods before the supply: the body then had a reason to cut it."""
    if timeline.sync_falls:
        return
    begin = timeline.start
    for stop in timeline.stops:
        if stop in timeline.losses:
            found = [one for role in timeline.dialect.streaming_roles if (one := _ended(timeline, role, begin, stop))]
            # An end may stop because its peer fell silent.
            yield from sorted(found, key=lambda one: one.at or 0.0)[:1]
        begin = stop


def _ended(timeline: Timeline, role: Role, begin: float, stop: float) -> Finding | None:
    """The end of an end's loop in a part of the session that ends with the supply; `None` where it ran until then."""
    frames = [one for one in timeline.loop_frames[role] if one.at is not None and begin <= one.at < stop]
    times = [one.at or 0.0 for one in frames]
    gaps = sorted(after - before for before, after in pairwise(times))
    if len(gaps) < STOPPED_PERIODS:
        return None
    period, last = gaps[len(gaps) // 2], frames[-1]
    quiet = stop - times[-1]
    if quiet < (STOPPED_PERIODS + 1) * max(period, gaps[-2]) or timeline.next_garbage(role, times[-1]) < stop:
        return None
    name = timeline.name(first_type(last), role)
    text = (
        f"The {role.value} stopped sending the {name}: it came every {interval_text(period)} until "
        f"{time_text(times[-1])}, and not once in the {interval_text(quiet)} before the supply or the lens went away."
    )
    # A frame can be late; what happens before so many are missing is the reason, and not what follows.
    return Finding(
        FindingKind.STREAM_STOPPED, times[-1] + STOPPED_PERIODS * period, text,
        f"the {role.value} stopped sending the {name}", role, name, first_type(last), timeline.order[id(last)],
    )  # fmt: skip


def _stopped_sender(timeline: Timeline) -> Iterator[Finding]:
    """The end that stops its loop without an order, in a session that is known to go on."""
    since = timeline.loop_since
    if since is None or since == float("inf") or timeline.ended_at is None:
        return
    # An end without a loop may be silent for any time.
    last = {role: timeline.loop_frames[role][-1] for role in timeline.dialect.streaming_roles}
    role = min(last, key=lambda one: last[one].at or 0.0)
    frame = last[role]
    at = frame.end or frame.at or 0.0
    quiet = timeline.end - at
    if quiet < SILENT_S or stop_time(timeline, frame.at or 0.0) < timeline.end:
        return
    name = timeline.name(first_type(frame), role)
    text = (
        f"The {role.value} fell silent: its {name} at {time_text(frame.at)} is its last frame, and the session went on "
        f"for {interval_text(quiet)} without an order to stop."
    )
    yield Finding(FindingKind.SILENCE, at, text, f"the {role.value} fell silent", role, name, first_type(frame))


def _silence(timeline: Timeline) -> Iterator[Finding]:
    """A session that stops without an order, while the supply is on."""
    frames = [frame for frame in timeline.frames if frame.at is not None]
    if not frames:
        return
    last = frames[-1]
    ended = last.end or last.at or 0.0
    if timeline.end - ended < SILENT_S or stop_time(timeline, last.at or 0.0) < timeline.end:
        return
    if any(timeline.knowledge.stops_loop(frame) for frame in frames[-4:]):
        return
    text = (
        f"Both ends fell silent after the {timeline.name(first_type(last), last.sender)} of the {last.sender.value} at "
        f"{time_text(last.at)}: nothing came in the {interval_text(timeline.end - ended)} that follow, although the "
        "supply is on."
    )
    yield Finding(
        FindingKind.SILENCE, ended + SILENT_S, text, "both ends fell silent", None, "silence", first_type(last)
    )
