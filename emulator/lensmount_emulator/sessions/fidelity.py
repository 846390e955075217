"""How faithful an engine is: a capture's peer is played at it, and what it answers is compared with the real device."""

from collections.abc import Sequence
from dataclasses import dataclass

from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.emount.body import BodyEngine
from lensmount_emulator.roles.emount.lens import LensEngine
from lensmount_emulator.roles.emount.settings import BodySettings, LensSettings
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.sessions.replay import as_events, play
from lensmount_emulator.sessions.score import Score, compare
from lensmount_emulator.sessions.timeline import Timeline, timeline_of
from lensmount_emulator.sessions.twin import Twin
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.marks import marks_of
from lensmount_protocol.timing import Measurement, measure
from lensmount_protocol.wire import Burst, Edge, Record, Role

AFTERMATH = 20e-3
"""Seconds that an engine gets behind the end of the capture to finish what it was asked."""


@dataclass(slots=True)
class Replay:
    """A capture played against an engine.

    Attributes:
        score: how close it came.
        captured: what the capture says, decoded.
        ours: the same session with our engine in the device's place, decoded.
    """

    score: Score
    captured: list[Decoded]
    ours: list[Decoded]


def replay(records: Sequence[Record], dialect: Dialect, profile: Profile) -> Replay:
    """Play a capture against the engine of a profile, in the profile's role.

    Raises:
        CaptureError: the capture holds no frame of the peer to play.
    """
    raw = list(Decoder(dialect).decode(records))
    timeline = timeline_of(records, raw)
    captured = list(Decoder(dialect).decode(timeline.records)) if not timeline.has_edges else raw
    if not any(isinstance(event, DecodedFrame) and event.sender is profile.role.peer for event in captured):
        raise CaptureError(f"the capture holds no frame of the {profile.role.peer.value}, so there is nothing to play")
    if profile.role is Role.LENS:
        ours = _against_captured_body(timeline, dialect, profile)
    else:
        ours = _against_captured_lens(timeline, captured, dialect, profile)
    score = Score(profile.role.value)
    end = max((event.at or 0.0 for event in captured if isinstance(event, DecodedFrame)), default=0.0)
    compare(
        score,
        _frames(captured, profile.role),
        [frame for frame in _frames(ours, profile.role) if (frame.at or 0.0) <= end + _FRAME],
        profile.settings.variable,
    )
    score.timing = [
        measurement for measurement in measure(dialect.timing, marks_of(ours, dialect)) if _concerns(measurement, profile.role)
    ]
    return Replay(score, captured, ours)


_FRAME = 1e-3
"""Seconds by which our last frame may come later than the capture's last one and still be compared."""


def engine_of(profile: Profile) -> Engine:
    """The engine that plays a profile."""
    settings = profile.settings
    return LensEngine(settings) if isinstance(settings, LensSettings) else BodyEngine(settings)


def _against_captured_body(timeline: Timeline, dialect: Dialect, profile: Profile) -> list[Decoded]:
    body = list(timeline.of(Role.BODY, dialect.drivers.items()))
    events = as_events(body)
    ours = play(engine_of(profile), events, events[-1][0] + AFTERMATH)
    return _decoded([*body, *ours], dialect)


def _against_captured_lens(
    timeline: Timeline, captured: Sequence[Decoded], dialect: Dialect, profile: Profile
) -> list[Decoded]:
    engine = engine_of(profile)
    twin = Twin(timeline, captured, dialect)
    assert isinstance(profile.settings, BodySettings)
    end = max(record.at or 0.0 for record in timeline.records)
    ours = play(engine, twin.prelude(), end + AFTERMATH, reaction=twin.react)
    return _decoded(ours, dialect)


def _decoded(records: Sequence[Record], dialect: Dialect) -> list[Decoded]:
    timed = [record for record in records if isinstance(record, Burst | Edge)]
    return list(Decoder(dialect).decode(sorted(timed, key=lambda record: record.at or 0.0)))


def _frames(events: Sequence[Decoded], role: Role) -> list[DecodedFrame]:
    return [event for event in events if isinstance(event, DecodedFrame) and event.sender is role]


def _concerns(measurement: Measurement, role: Role) -> bool:
    """Whether a rule's interval ends with something that this end does."""
    kind, who, *_ = measurement.rule.until
    return who == role.value if kind != "edge" else (who in ("RXD", "LENS_CS")) is (role is Role.LENS)


