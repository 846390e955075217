"""The invariants of every session, under any fault: a table from name to check."""

import io
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sized
from dataclasses import replace
from typing import Any, cast

from lensmount_emulator.engine.dialect_roles import FuzzTraits, get_roles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.verdicts import CompatibilityResult, Verdict
from lensmount_emulator.fuzz.monitor import SessionConfig, SessionMonitor
from lensmount_emulator.fuzz.traffic_checker import frame_text
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.timing import edge, first_bit, frame_end, last_bit, window_opens
from lensmount_protocol.wire import Role

Check = Callable[[SessionMonitor], Iterator[str]]
"""Checks a running or finished session; yields the violations."""

TASKS = "tasks"
MAX_TASKS = 150
MAX_BUFFERED = 1100
"""Maximum number of queued items of one kind per end: those of a full page, 1024."""

MAX_SCHEDULED = 2000

MAX_HELD_BYTES = 8192
"""Maximum number of buffered bytes per end: the largest frame, and the longest run that is reported at once."""

SLICE_S = 0.25
"""Seconds in which enough frames arrive to prove a stream, where the loop of a dialect is fast enough."""

STREAM_FRAMES = 4
"""Number of repeated frames of each end with a loop that prove a stream."""

RAIL_FALL_S = 1e-3
"""Seconds after a loss of supply in which outputs may still have a level."""

_SCALARS = frozenset((bool, int, float, str, bytes))

REFUSAL_S = 20.0
"""Seconds within which a body without a fault has refused its lens."""

OPERATOR_DELAY_S = 0.2
"""Seconds that the operator keeps a lens detached."""


def _no_further_check(_watch: SessionMonitor) -> Iterator[str]:
    """Check nothing: the violation is reported when it happens."""
    return iter(())


def _check_electrical(watch: SessionMonitor) -> Iterator[str]:
    mount, supply = watch.mount, watch.dialect.supply
    yield from mount.violations
    mount.violations.clear()
    fell = not mount.levels[supply] and watch.now - watch.supply_fell_at > RAIL_FALL_S
    if fell and watch.config.passive_end is not Role.LENS:
        for line, role in watch.dialect.drivers.items():
            if role is Role.LENS and line != watch.dialect.detect and mount.levels[line] and not mount.is_held(line):
                yield f"a lens without supply holds {line} high"


def _check_answered(watch: SessionMonitor) -> Iterator[str]:
    for role, (frame, at) in watch.unanswered_requests():
        text = f"{frame_text(frame)} at {at:.4f} s"
        if role is Role.BODY:
            yield f"the body sent {text}, and neither has an answer nor asks again nor gives up"
        else:
            yield f"the lens received {text} and has not answered"


def _check_recorded(watch: SessionMonitor) -> Iterator[str]:
    """Every byte that arrived is in the recording, in its order; further bytes are still on their way."""
    for role in Role:
        received, recorded = watch.unrecorded[role], watch.recorded[role.peer]
        both = min(len(received), len(recorded))
        if received[:both] != recorded[:both]:
            yield (
                f"the {role.value} received {received[:both].hex()[:24]}…, "
                f"the recording has {recorded[:both].hex()[:24]}…"
            )
        del received[:both], recorded[:both]
        under_way = watch.mount.under_way(role.peer)
        if recorded or len(received) > under_way:
            yield (
                f"the {role.value} received {len(received)} bytes that are not recorded, {under_way} are under way, "
                f"and {len(recorded)} are recorded that it has not received"
            )
    for line, level in watch.last_edge.items():
        if watch.mount.levels[line] != level:
            yield f"{line} is {'high' if not level else 'low'} by the recording and is not"


def _check_state_tables(watch: SessionMonitor) -> Iterator[str]:
    for engine in (watch.session.body, watch.session.device):
        if engine.connection.state not in watch.dialect.transitions.moves:
            yield f"the {engine.role.value} is in state {engine.connection.state}, which is no state"
    off = watch.session.body.connection.state == watch.dialect.transitions.initial
    if off == watch.gives_supply and watch.config.passive_end is not Role.BODY:
        yield f"the body is in state {watch.session.body.connection.state}, and its supply is {'on' if off else 'off'}"
    if not watch.faulted:
        for notice in watch.notices:
            if notice.kind is NoticeKind.ILLEGAL_TRANSITION:
                yield f"the {notice.role.value}: {notice.text}"


def _check_bounded(watch: SessionMonitor) -> Iterator[str]:
    for engine in (watch.session.body, watch.session.device):
        for name, size, maximum in _sizes(engine, watch.traits.queue_bounds):
            if size > maximum:
                further = "" if name == TASKS else "; FuzzTraits.queue_bounds states another bound by this name"
                yield f"the {engine.role.value} keeps {size} in {name}; {maximum} are enough{further}"
        if in_vain := engine.stale_waits():
            yield f"the {engine.role.value} keeps {in_vain} waits of tasks that wait for something else"
        held = watch.buffered_bytes(engine.role)
        if held > MAX_HELD_BYTES:
            yield f"the {engine.role.value} buffers {held} bytes; {MAX_HELD_BYTES} are enough"
    planned = len(watch.session.scheduler)
    if planned > MAX_SCHEDULED:
        yield f"{planned} events are scheduled; {MAX_SCHEDULED} are enough"


def _slots(of: type[Engine]) -> tuple[str, ...]:
    known = _known_slots.get(of)
    if known is None:
        names = (name for cls in of.__mro__ for name in getattr(cls, "__slots__", ()))
        known = _known_slots[of] = tuple(dict.fromkeys(names))
    return known


_known_slots: dict[type[Engine], tuple[str, ...]] = {}


def _sizes(engine: Engine, bounds: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    yield TASKS, engine.task_count(), MAX_TASKS
    for name in (*_slots(type(engine)), *getattr(engine, "__dict__", ())):
        value: Any = getattr(engine, name, None)
        # The scheduler is that of the whole session, which has a bound of its own.
        if value is None or value.__class__ in _SCALARS or isinstance(value, Scheduler):
            continue
        if isinstance(value, Mapping) or (hasattr(value, "__len__") and not isinstance(value, str | bytes)):
            yield name, len(cast("Sized", value)), bounds.get(name, MAX_BUFFERED)
        if isinstance(value, Mapping):
            inner = cast("Mapping[object, object]", value).values()
            kept = sum(len(cast("Sized", one)) for one in inner if isinstance(one, list | deque))
            every = f"{name}, in all"
            yield every, kept, bounds.get(every, MAX_BUFFERED)


def loop_period(dialect: Dialect, traits: FuzzTraits) -> float:
    """Return the longest legal period of the loop, in seconds; 0 where nothing states it.

    It is `loop_period_s` of the traits, or the longest bound of those timing rules that measure from one repeated frame
    or frame signal to the next. An end that repeats several frames is judged by the fastest of them.
    """
    if traits.loop_period_s:
        return traits.loop_period_s
    longest = 0.0
    routine = dialect.routine_types
    for role in Role:
        marks = {mark(role, type_) for type_ in routine for mark in (first_bit, frame_end, last_bit, window_opens)}
        marks |= {edge(dialect.sync, level) for level in (False, True)} if dialect.sync else set()
        bounds = [rule.maximum_us * 1e-6 for rule in dialect.timing if rule.start == rule.end and rule.start in marks]
        longest = max(longest, min(bounds, default=0.0))
    return longest


def stream_window(dialect: Dialect, traits: FuzzTraits) -> float:
    """Seconds in which the ends of a dialect receive enough of each other's loop to prove a stream."""
    return max(SLICE_S, (STREAM_FRAMES + 1) * loop_period(dialect, traits))


def is_streaming(monitor: SessionMonitor) -> bool:
    """Whether the stream of each end that has a loop arrived in the last window, in enough frames."""
    return all(monitor.last_window[role.peer] >= STREAM_FRAMES for role in monitor.dialect.streaming_roles)


def is_idle(monitor: SessionMonitor) -> bool:
    """Whether the mount is idle, as after a body has given up or lost its lens: supply and lens lines off."""
    levels, initial = monitor.mount.levels, monitor.dialect.transitions.initial
    lines = [
        name for name, role in monitor.dialect.drivers.items() if role is Role.LENS and name != monitor.dialect.detect
    ]
    quiet = not levels[monitor.dialect.supply] and not any(levels[line] for line in lines)
    return quiet and monitor.session.body.connection.state == monitor.session.device.connection.state == initial


def is_terminal(monitor: SessionMonitor) -> bool:
    """Whether a session without a stream is in a legal final state.

    Idle, if the body has no lens or has given up; or asleep, by its script: a lens that a glitch has woken meanwhile
    answers the body's next call as well.
    """
    gone = not monitor.mount.attached or monitor.session.body.done
    return (gone and is_idle(monitor)) or (monitor.session.body.done and _may_rest(monitor))


def _may_rest(monitor: SessionMonitor) -> bool:
    """Whether the link is in a state in which a script may end without a stream."""
    state = monitor.session.body.connection.state
    return state in monitor.dialect.transitions.asleep or state in monitor.traits.asleep


def wait_for_recovery(monitor: SessionMonitor, within: float) -> bool:
    """Run until the ends stream or are in a legal final state; return whether they are in time.

    On a mount on which one end has no loop, the other end's stream is enough.

    If a body has given up, the operator detaches the lens and attaches it again, and then both must recover.
    """
    until, is_manual = monitor.now + within, False
    window = stream_window(monitor.dialect, monitor.traits)
    while monitor.now < until and not monitor.crashed:
        since = dict(monitor.stream_frames)
        monitor.run(monitor.now + window)
        monitor.last_window = {role: count - since[role] for role, count in monitor.stream_frames.items()}
        if is_streaming(monitor):
            return True
        if is_terminal(monitor):
            if is_manual or not monitor.mount.attached or _may_rest(monitor):
                return not is_manual
            is_manual, until = True, monitor.now + within
            monitor.run_guarded(lambda: monitor.session.detach_lens(monitor.now))
            monitor.run(monitor.now + OPERATOR_DELAY_S)
            monitor.run_guarded(lambda: monitor.session.attach_lens(monitor.now))
    return False


def find_refusal(
    monitor: SessionMonitor, make_monitor: Callable[[SessionConfig], SessionMonitor]
) -> CompatibilityResult | None:
    """Return the result by which a body that has given up refuses its lens; `None` where a fault may be the reason.

    A refusal under faults counts only if the same ends without any fault come to it as well, by the same rule.

    Args:
        monitor: the session.
        make_monitor: makes a session of the same ends.
    """
    refusal = _given_up_by(monitor)
    if refusal is None or not monitor.faulted:
        return refusal
    healthy = make_monitor(replace(monitor.config, plan=None))
    healthy.run_guarded(healthy.session.start)
    healthy.run(REFUSAL_S, stop_when=lambda: healthy.session.body.done)
    again = _given_up_by(healthy)
    return again if again is not None and again.rule == refusal.rule else None


def _given_up_by(monitor: SessionMonitor) -> CompatibilityResult | None:
    """The refusal with a known rule for which a body has given up; `None` for a body that reports an error with it."""
    body = monitor.session.body
    if not body.gave_up or monitor.crashed:
        return None
    if not monitor.faulted and any(notice.is_error for notice in monitor.notices):
        return None
    rules = get_roles(monitor.dialect.name).rules
    refused = (one for one in body.compatibility_results if one.verdict is Verdict.REFUSED and one.rule in rules)
    return next(refused, None)


def recovery_failure(monitor: SessionMonitor, within: float) -> str:
    """Return why `wait_for_recovery` found no recovery: the states of both ends, and what arrived last."""
    window = stream_window(monitor.dialect, monitor.traits)
    engines = monitor.session.body, monitor.session.device
    states = ", ".join(f"{engine.role.value} {engine.connection.state}" for engine in engines)
    receivers = [role for role in Role if role.peer in monitor.dialect.streaming_roles]
    counts = ", ".join(f"the {role.value} received {monitor.last_window[role]}" for role in receivers)
    to = "each end" if len(receivers) > 1 else f"the {receivers[0].value}"
    routine = ", ".join(sorted(monitor.dialect.routine)) or "no type"
    return (
        f"not within {within:g} s: {states}; a stream is {STREAM_FRAMES} frames of the loop ({routine}) to {to} in "
        f"{window:g} s, and {counts}; loop_period_s of FuzzTraits states a slower loop"
    )


def compare_recordings(play: Callable[[io.BytesIO], object]) -> Iterator[str]:
    """Yield the differences of two recordings that must be equal."""
    files = io.BytesIO(), io.BytesIO()
    for file in files:
        play(file)
    lines = [file.getvalue().splitlines() for file in files]
    for number, (one, two) in enumerate(zip(*lines, strict=False), 1):
        if one != two:
            yield f"line {number} of the recording differs: {one[:60]!r} and {two[:60]!r}"
            return
    if len(lines[0]) != len(lines[1]):
        yield f"one recording has {len(lines[0])} lines, the other {len(lines[1])}"


INVARIANTS: Mapping[str, tuple[str, Check]] = {
    "no exception": ("no exception leaves a session", _no_further_check),
    "valid frames only": ("no end sends bytes that its peer's parser rejects", _no_further_check),
    "no back-powering": ("nothing is driven into an unpowered end", _check_electrical),
    "answered": ("every request is answered, refused, asked again or given up in its time", _check_answered),
    "recorded": ("nothing that arrived is missing in the recording", _check_recorded),
    "frame boundaries": (
        "no frame is read across two windows, and nothing stays buffered after the end of one",
        _no_further_check,
    ),
    "within limits": ("focus and iris stay within their limits", _no_further_check),
    "speed limits": ("focus and iris never move faster than they can", _no_further_check),
    "state machine": ("no end leaves the transition tables by itself", _check_state_tables),
    "bounded memory": ("tasks, queues and plans stay bounded", _check_bounded),
    "recovers": ("after the last fault the ends stream again or reach a legal final state", _no_further_check),
    "fault-free session": (
        "without a fault the timing contract is kept, the script done, and no error reported",
        _no_further_check,
    ),
    "firmware": ("a firmware in C neither crashes nor hangs nor breaks a rule of memory", _no_further_check),
    "rules": ("a firmware in C keeps the rules of its dialect on the wire", _no_further_check),
    "deterministic": ("the same seed gives the same recording", _no_further_check),
}
"""Name -> the invariant, and its check; without a check, violations are reported as they happen."""


def check_session(monitor: SessionMonitor) -> None:
    """Run every check that applies to a session now."""
    for name, (_, ask) in INVARIANTS.items():
        for text in ask(monitor):
            monitor.report_violation(name, text)
