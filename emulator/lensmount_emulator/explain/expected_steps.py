"""Steps that a session owes and that never came: what makes a session fail in which nothing else is wrong.

A lens that never sees frame sync answers every request and never streams. No message of such a session is an error.
"""

from collections.abc import Sequence

from lensmount_emulator.engine.session_knowledge import SessionKnowledge
from lensmount_emulator.explain.explainer import session_knowledge
from lensmount_emulator.explain.finding import Finding, FindingKind
from lensmount_emulator.explain.loop_faults import find_loop_faults
from lensmount_emulator.explain.steps import find_missing_steps
from lensmount_emulator.explain.timeline import MIN_LOOP_FRAMES, read_timeline
from lensmount_protocol.decoder import Decoded, DecodedFrame, EmptyWindow
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Edge, Role

QUIET_S = 0.3
"""Seconds before the end in which each end with a loop must have sent a frame: 16 periods at 60 frames a second."""

_KINDS = frozenset({FindingKind.STEP_MISSING, FindingKind.SYNC_STOPPED, FindingKind.STREAM_STOPPED})


def find_expected_steps(events: Sequence[Decoded], dialect: Dialect, seconds: float) -> list[Finding]:
    """Return the steps of a session that never came although they were due; empty for a session that owes none.

    Args:
        events: its decoded traffic.
        dialect: its dialect.
        seconds: how long it lasted.
    """
    if not _owes_steps(events, dialect, seconds):
        return []
    knowledge = session_knowledge(dialect)
    ordered = sorted(events, key=_time)
    timeline = read_timeline(ordered, dialect, knowledge)
    found = [*find_missing_steps(timeline), *find_loop_faults(timeline)]
    return sorted((one for one in found if one.kind in _KINDS), key=lambda one: one.at or 0.0)


def _owes_steps(events: Sequence[Decoded], dialect: Dialect, seconds: float) -> bool:
    """Whether a session with a supply is neither in its loop at the end nor was ordered to leave it."""
    knowledge = session_knowledge(dialect)
    if not knowledge.steps or _loops_at_end(events, dialect, knowledge, seconds):
        return False
    counts = dict.fromkeys(Role, 0)
    last = dict.fromkeys(Role, 0.0)
    stopped_at = float("-inf")
    supplied = attached = True
    for event in events:
        if isinstance(event, DecodedFrame):
            at = event.at or 0.0
            if knowledge.stops_loop(event):
                stopped_at = max(stopped_at, at)
            elif knowledge.is_loop(event):
                counts[event.sender] += 1
                last[event.sender] = max(last[event.sender], at)
        elif isinstance(event, Edge):
            if event.line == dialect.supply:
                supplied = event.level
            elif event.line == dialect.detect:
                attached = not event.level
    if not supplied or not attached or not any(isinstance(event, DecodedFrame) for event in events):
        return False
    streaming = dialect.streaming_roles
    if any(counts[role] < MIN_LOOP_FRAMES for role in streaming):
        return True
    return any(last[role] > stopped_at and seconds - last[role] > QUIET_S for role in streaming)


def _loops_at_end(events: Sequence[Decoded], dialect: Dialect, knowledge: SessionKnowledge, seconds: float) -> bool:
    """Whether the last moments alone show a loop, as those of nearly every session do."""
    counts = dict.fromkeys(Role, 0)
    for event in reversed(events):
        if not isinstance(event, DecodedFrame):
            continue
        if seconds - (event.at or 0.0) > QUIET_S:
            return False
        if not knowledge.stops_loop(event) and knowledge.is_loop(event):
            counts[event.sender] += 1
            if all(counts[role] >= MIN_LOOP_FRAMES for role in dialect.streaming_roles):
                return True
    return False


def _time(event: Decoded) -> float:
    return event.opened if isinstance(event, EmptyWindow) else event.at or 0.0
