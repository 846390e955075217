"""Replays a session to an engine, for any dialect and place: by the dialect's own replay, or by its follower."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from msgspec import Struct

from lensmount_emulator.comparison.follower import FollowedReply
from lensmount_emulator.engine.dialect_roles import Place, get_roles
from lensmount_emulator.engine.twin_traits import Replay, Reply, Session, TwinTraits
from lensmount_emulator.fidelity.capture_replay import follow_frames, make_follower
from lensmount_emulator.fidelity.session_follower import follow_records
from lensmount_emulator.profiles.library import Profile
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.framer import Frame


def get_replay(dialect: Dialect, place: Place, traits: TwinTraits) -> Replay:
    """The replay of a place."""
    own = traits.replays.get(place)
    return own if own is not None else partial(_follow, dialect, place)


def _follow(dialect: Dialect, place: Place, settings: Struct, session: Session, given: bool) -> Iterable[Reply]:
    """Replay by the follower of the dialect; it takes from the capture what no engine can know, and counts it."""
    del given
    profile = Profile("twin", place, dialect.name, "", "", {}, {}, settings)
    if get_roles(dialect.name).follower:
        follower = make_follower(dialect, profile)
        followed, taken = follow_frames(follower, session.frames), follower.given
    else:
        followed, taken = follow_records(dialect, profile, session.records), dict[str, int]()
    fuzz = get_roles(dialect.name).fuzz_traits
    key = fuzz.request_key if place is Place.BODY else fuzz.reply_key
    return list(_replies(followed, key, taken))


def _replies(
    followed: Sequence[FollowedReply], request_key: Callable[[Frame], int | None], given: Mapping[str, int]
) -> Iterator[Reply]:
    """Number the stream frames in groups: a group begins with each frame of the type of the first one."""
    pair, first = -1, b""
    for number, reply in enumerate(followed):
        frame = reply.captured.frame
        requested = request_key(frame) is not None
        if not requested:
            first = first or frame.payload[:1]
            pair += frame.payload[:1] == first
        ours = reply.ours
        yield Reply(
            reply.captured,
            [] if ours is None else list(ours.messages),
            frame.sequence if ours is None else ours.frame.sequence,
            -1 if requested else max(0, pair),
            {},
            joins=not reply.scored,
            given=given if number == len(followed) - 1 else {},
        )
