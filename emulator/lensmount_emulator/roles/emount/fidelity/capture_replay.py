"""Replays the peer of an E-mount capture to an engine, at the times of the capture, and scores the engine."""

import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest

from lensmount_emulator.comparison.follower import DeviceProfile
from lensmount_emulator.comparison.score import FidelityResult, Score, match_frames
from lensmount_emulator.comparison.session_loss import find_loss
from lensmount_emulator.engine.dialect_roles import MakesEngine
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import Step
from lensmount_emulator.roles.emount.body.engine import BodyEngine
from lensmount_emulator.roles.emount.body.engine_base import LoopUpdate
from lensmount_emulator.roles.emount.fidelity.recorded_lens import CaptureTimeline, RecordedLens, make_timeline
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import BodySettings, LensSettings
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.message import Message
from lensmount_protocol.payload import message_type
from lensmount_protocol.timing import TimingResult
from lensmount_protocol.timing_marks import measure_events
from lensmount_protocol.wire import (
    Annotation,
    Burst,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    Role,
    SetBaudrate,
    Transmit,
    WireEvent,
    WireRecord,
    transmission_time,
)

Reaction = Callable[[WireRecord], Iterable[tuple[float, WireEvent, WireRecord | None]]]
"""Called with each record of the engine; yields the peer's reactions, their times, and their records."""


def run_against_capture(
    engine: Engine,
    script: Sequence[tuple[float, WireEvent]],
    until: float,
    *,
    reaction: Reaction = lambda _record: (),
) -> list[WireRecord]:
    """Run an engine against a script of timed events up to a time; return the records of both ends.

    Args:
        engine: the end that we emulate.
        script: the events of the peer, with times in seconds.
        until: the time to stop at.
        reaction: a peer that reacts instead of following the script alone.
    """
    records: list[WireRecord] = []
    numbers = itertools.count()
    pending: list[tuple[float, int, WireEvent, WireRecord | None]] = [
        (at, next(numbers), event, None) for at, event in script
    ]
    heapq.heapify(pending)
    busy_until = 0.0

    def carry_out(now: float) -> None:
        nonlocal busy_until
        for action in engine.actions():
            if isinstance(action, SetBaudrate):
                continue
            if isinstance(action, DriveLine):
                record: WireRecord = Edge(now, action.line, action.level)
            else:
                record, busy_until = _burst(engine, action, max(now, busy_until))
            records.append(record)
            for at, event, shown in reaction(record):
                heapq.heappush(pending, (at, next(numbers), event, shown))

    engine.start(pending[0][0] if pending else 0.0)
    carry_out(engine.now)
    while True:
        deadline = engine.next_deadline()
        arrival = pending[0][0] if pending else None
        times = [at for at in (deadline, arrival) if at is not None]
        if not times or min(times) > until:
            return records
        now = min(times)
        if arrival is not None and arrival <= now:
            _, _, event, shown = heapq.heappop(pending)
            if shown is not None:
                records.append(shown)
            engine.receive(event, now)
        else:
            engine.handle_deadline(now)
        carry_out(now)


def to_wire_events(records: Iterable[Burst | Edge]) -> list[tuple[float, WireEvent]]:
    """Convert records of one end to events at the other end: edges at once, bytes after the last stop bit."""
    events: list[tuple[float, WireEvent]] = []
    for record in records:
        if isinstance(record, Edge):
            events.append((record.at, LineChanged(record.line, record.level)))
        elif record.end is not None:
            events.append((record.end, Received(record.data)))
    return sorted(events, key=lambda timed: timed[0])


def _burst(engine: Engine, action: Transmit, begins: float) -> tuple[Burst, float]:
    ends = begins + transmission_time(len(action.data), engine.baudrate)
    return Burst(begins, engine.role, action.data, engine.baudrate, ends), ends


DRAIN_S = {True: 20e-3, False: 0.7}
"""Seconds that an engine has after the end of the capture to finish its task, by whether the capture has edges; in a
log the times of the last frames may be nominal, and a lens takes up to 549 ms to park."""

FAREWELL_STATE = 0x09
"""`04` f10 while a NEX-7 powers off."""


def replay_capture(records: Sequence[WireRecord], dialect: Dialect, profile: DeviceProfile) -> FidelityResult:
    """Replay a capture against the engine of a profile, in the profile's role.

    Raises:
        CaptureError: the capture holds no frame of one end.
    """
    raw = list(Decoder(dialect).decode(records))
    timeline = make_timeline(records, raw)
    captured = list(Decoder(dialect).decode(timeline.records)) if not timeline.has_edges else raw
    variable = getattr(profile.settings, "variable", ())
    for role, why in ((profile.role.peer, "to replay"), (profile.role, "to compare with")):
        if not _frames(captured, role):
            raise CaptureError(f"the capture holds no frame of the {role.value}, so there is nothing {why}")
    if profile.role is Role.LENS:
        ours, notices = _against_captured_body(timeline, dialect, profile)
    else:
        ours, notices = _against_captured_lens(timeline, captured, dialect, profile)
    asked = [frame for frame in _frames(captured, profile.role.peer) if frame.frame.class_ == REQUEST_CLASS]
    score = Score(profile.role.value, requests=len(asked), gapless=timeline.has_edges)
    end = max((event.at or 0.0 for event in captured if isinstance(event, DecodedFrame)), default=0.0)
    grace = _FRAME if timeline.has_edges else DRAIN_S[False]
    pairs = match_frames(
        score,
        _frames(captured, profile.role),
        [frame for frame in _frames(ours, profile.role) if (frame.at or 0.0) <= end + grace],
        variable,
    )
    score.lost = find_loss(captured, pairs, REQUEST_CLASS, notices)
    score.incomplete = [event.text for event in raw if isinstance(event, Annotation) and event.incomplete]
    score.declared = [f"{entry.message}.{entry.field}" for entry in variable]
    # An engine that never joined the session keeps times of its own.
    if timeline.has_times and (score.lost is None or score.lost.joined):
        measured = measure_events(ours, dialect)
        score.timing = [measurement for measurement in measured if _is_own_interval(measurement, profile.role)]
    return FidelityResult(score, captured, ours)


_FRAME = 1e-3
"""Seconds by which our last frame may be later than the capture's last one and still be compared."""


def _against_captured_body(
    timeline: CaptureTimeline, dialect: Dialect, profile: DeviceProfile
) -> tuple[list[Decoded], list[Notice]]:
    body = list(timeline.records_of_role(Role.BODY, dialect.drivers.items()))
    events = to_wire_events(body)
    settings = profile.settings
    if isinstance(settings, MakesEngine):
        engine = settings.make_engine(None, None, ())
    else:
        assert isinstance(settings, LensSettings)
        engine = LensEngine(settings)
    ours = run_against_capture(engine, events, events[-1][0] + DRAIN_S[timeline.has_edges])
    return _decoded([*body, *ours], dialect), list(engine.notices())


def _against_captured_lens(
    timeline: CaptureTimeline, captured: Sequence[Decoded], dialect: Dialect, profile: DeviceProfile
) -> tuple[list[Decoded], list[Notice]]:
    settings = profile.settings
    if isinstance(settings, MakesEngine):
        raise CaptureError("a body in C cannot be set to the wishes of a captured one, so its times are not compared")
    assert isinstance(settings, BodySettings)
    first = _frames(captured, Role.BODY)[0]
    engine = BodyEngine(settings, warm=f"{message_type(first.messages[0]):02X}" != settings.cold[0])
    _configure_from_capture(engine, captured)
    twin = RecordedLens(timeline, captured, dialect)
    end = max(record.at or 0.0 for record in timeline.records)
    ours = run_against_capture(engine, twin.startup_traffic(), end + DRAIN_S[timeline.has_edges], reaction=twin.respond)
    return _decoded(ours, dialect), list(engine.notices())


def _configure_from_capture(body: BodyEngine, captured: Sequence[Decoded]) -> None:
    """Set what no engine can know of a captured body: its exposure settings, its power switch, its pulse count."""
    sent = _frames(captured, Role.BODY)
    states = [frame for frame in sent if isinstance(frame.messages[0], BodyState)]
    modes = [frame for frame in sent if isinstance(frame.messages[0], BodyMode)]
    if body.warm and states:
        body.first_sequence = states[0].frame.sequence
    orders = [tuple(message for message in mode.messages[1:] if isinstance(message, Message)) for mode in modes]
    for number, (state, ordered) in enumerate(zip_longest(states, orders, fillvalue=None)):
        problem = None if state is None else state.messages[0]
        if isinstance(problem, BodyState):
            body.loop_updates[number] = LoopUpdate(problem.aperture_target_leading, problem.cycle_length, ordered or ())
    farewell = [number for number, mode in enumerate(modes) if _is_farewell(mode)]
    if farewell:
        body.script = (Step("frame", "frame", farewell[0]), Step("sleep", "sleep", len(farewell)))


def _is_farewell(mode: DecodedFrame) -> bool:
    return isinstance(mode.messages[0], BodyMode) and mode.messages[0].state == FAREWELL_STATE


def _decoded(records: Sequence[WireRecord], dialect: Dialect) -> list[Decoded]:
    timed = [record for record in records if isinstance(record, Burst | Edge)]
    return list(Decoder(dialect).decode(sorted(timed, key=lambda record: record.at or 0.0)))


def _frames(events: Sequence[Decoded], role: Role) -> list[DecodedFrame]:
    return [event for event in events if isinstance(event, DecodedFrame) and event.sender is role]


def _is_own_interval(measurement: TimingResult, role: Role) -> bool:
    """Whether a rule's interval ends with an action of this end."""
    kind, source, *_ = measurement.rule.end
    return source == role.value if kind != "edge" else (source in ("RXD", "LENS_CS")) is (role is Role.LENS)
