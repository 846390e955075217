"""An E-mount capture against one of our engines: its peer is played, and what the engine does is scored."""

from collections.abc import Sequence
from itertools import zip_longest

from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.emount.body import BodyEngine
from lensmount_emulator.roles.emount.body_core import Wish
from lensmount_emulator.roles.emount.lens import LensEngine
from lensmount_emulator.roles.emount.settings import BodySettings, LensSettings
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.roles.script import Step
from lensmount_emulator.sessions.emount.timeline import Timeline, timeline_of
from lensmount_emulator.sessions.emount.twin import Twin
from lensmount_emulator.sessions.following import find_loss
from lensmount_emulator.sessions.replay import as_events, play
from lensmount_emulator.sessions.score import Replay, Score, compare
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.emount.body_mode import BodyMode
from lensmount_protocol.dialects.emount.body_state import BodyState
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.marks import marks_of
from lensmount_protocol.message import Message
from lensmount_protocol.paving import type_of
from lensmount_protocol.timing import Measurement, measure
from lensmount_protocol.wire import Burst, Edge, Record, Remark, Role

AFTERMATH = {True: 20e-3, False: 0.7}
"""Seconds that an engine gets behind the end of the capture to finish what it was asked, by whether the capture has
edges; in a log the times of the last frames may be nominal, and a lens takes up to 549 ms to park."""

FAREWELL_STATE = 0x09
"""`04` f10 while a NEX-7 powers off."""


def replay_emount(records: Sequence[Record], dialect: Dialect, profile: Profile) -> Replay:
    """Play a capture against the engine of a profile, in the profile's role.

    Raises:
        CaptureError: the capture holds no frame of the peer to play.
    """
    raw = list(Decoder(dialect).decode(records))
    timeline = timeline_of(records, raw)
    captured = list(Decoder(dialect).decode(timeline.records)) if not timeline.has_edges else raw
    settings = profile.settings
    assert isinstance(settings, LensSettings | BodySettings)
    for role, why in ((profile.role.peer, "to play"), (profile.role, "to compare with")):
        if not _frames(captured, role):
            raise CaptureError(f"the capture holds no frame of the {role.value}, so there is nothing {why}")
    if profile.role is Role.LENS:
        ours, notices = _against_captured_body(timeline, dialect, profile)
    else:
        ours, notices = _against_captured_lens(timeline, captured, dialect, profile)
    asked = [frame for frame in _frames(captured, profile.role.peer) if frame.frame.class_ == REQUEST_CLASS]
    score = Score(profile.role.value, requests=len(asked), gapless=timeline.has_edges)
    end = max((event.at or 0.0 for event in captured if isinstance(event, DecodedFrame)), default=0.0)
    grace = _FRAME if timeline.has_edges else AFTERMATH[False]
    pairs = compare(
        score,
        _frames(captured, profile.role),
        [frame for frame in _frames(ours, profile.role) if (frame.at or 0.0) <= end + grace],
        settings.variable,
    )
    score.lost = find_loss(captured, pairs, REQUEST_CLASS, notices)
    score.incomplete = [event.text for event in raw if isinstance(event, Remark) and event.incomplete]
    score.declared = [f"{entry.message}.{entry.field}" for entry in settings.variable]
    if timeline.has_times:
        measured = measure(dialect.timing, marks_of(ours, dialect))
        score.timing = [measurement for measurement in measured if _concerns(measurement, profile.role)]
    return Replay(score, captured, ours)


_FRAME = 1e-3
"""Seconds by which our last frame may come later than the capture's last one and still be compared."""


def _against_captured_body(
    timeline: Timeline, dialect: Dialect, profile: Profile
) -> tuple[list[Decoded], list[Notice]]:
    body = list(timeline.of(Role.BODY, dialect.drivers.items()))
    events = as_events(body)
    assert isinstance(profile.settings, LensSettings)
    engine = LensEngine(profile.settings)
    ours = play(engine, events, events[-1][0] + AFTERMATH[timeline.has_edges])
    return _decoded([*body, *ours], dialect), list(engine.notices())


def _against_captured_lens(
    timeline: Timeline, captured: Sequence[Decoded], dialect: Dialect, profile: Profile
) -> tuple[list[Decoded], list[Notice]]:
    settings = profile.settings
    assert isinstance(settings, BodySettings)
    first = _frames(captured, Role.BODY)[0]
    engine = BodyEngine(settings, warm=f"{type_of(first.messages[0]):02X}" != settings.cold[0])
    _learn_from(engine, captured)
    twin = Twin(timeline, captured, dialect)
    end = max(record.at or 0.0 for record in timeline.records)
    ours = play(engine, twin.prelude(), end + AFTERMATH[timeline.has_edges], reaction=twin.react)
    return _decoded(ours, dialect), list(engine.notices())


def _learn_from(body: BodyEngine, captured: Sequence[Decoded]) -> None:
    """What no engine can know of a captured body: its photographer's wishes, its power switch, its pulse count."""
    sent = _frames(captured, Role.BODY)
    states = [frame for frame in sent if isinstance(frame.messages[0], BodyState)]
    modes = [frame for frame in sent if isinstance(frame.messages[0], BodyMode)]
    if body.warm and states:
        body.first_sequence = states[0].frame.sequence
    orders = [tuple(message for message in mode.messages[1:] if isinstance(message, Message)) for mode in modes]
    for number, (state, ordered) in enumerate(zip_longest(states, orders, fillvalue=None)):
        said = None if state is None else state.messages[0]
        if isinstance(said, BodyState):
            body.wishes[number] = Wish(said.aperture_target_leading, said.cycle_length, ordered or ())
    farewell = [number for number, mode in enumerate(modes) if _is_farewell(mode)]
    if farewell:
        body.script = (Step("frame", "frame", farewell[0]), Step("sleep", "sleep", len(farewell)))


def _is_farewell(mode: DecodedFrame) -> bool:
    return isinstance(mode.messages[0], BodyMode) and mode.messages[0].state == FAREWELL_STATE


def _decoded(records: Sequence[Record], dialect: Dialect) -> list[Decoded]:
    timed = [record for record in records if isinstance(record, Burst | Edge)]
    return list(Decoder(dialect).decode(sorted(timed, key=lambda record: record.at or 0.0)))


def _frames(events: Sequence[Decoded], role: Role) -> list[DecodedFrame]:
    return [event for event in events if isinstance(event, DecodedFrame) and event.sender is role]


def _concerns(measurement: Measurement, role: Role) -> bool:
    """Whether a rule's interval ends with something that this end does."""
    kind, who, *_ = measurement.rule.until
    return who == role.value if kind != "edge" else (who in ("RXD", "LENS_CS")) is (role is Role.LENS)
