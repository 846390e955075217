"""Calls the functions of a dialect that replay captures to an engine: timed, or followed frame by frame."""

from collections.abc import Callable, Sequence
from typing import cast

from lensmount_emulator.comparison.follower import DeviceProfile, FollowedReply, Follower
from lensmount_emulator.comparison.score import FidelityResult
from lensmount_emulator.engine.dialect_roles import get_roles, load_attribute, playable_dialects
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, unknown_name_message
from lensmount_protocol.wire import WireRecord

CaptureReplay = Callable[[Sequence[WireRecord], Dialect, DeviceProfile], FidelityResult]
"""Replays a capture against the engine of a profile; `DialectRoles.capture_replay` names it."""


def replay_capture(records: Sequence[WireRecord], dialect: Dialect, profile: DeviceProfile) -> FidelityResult:
    """Replay a capture against the engine of a profile, in the profile's role.

    Raises:
        CaptureError: the capture lacks frames of one end.
        DialectError: captures of this dialect cannot be replayed here, or its replay function cannot be imported.
    """
    place = get_roles(dialect.name).capture_replay if dialect.name in playable_dialects() else ""
    if not place:
        known = [name for name in playable_dialects() if get_roles(name).capture_replay]
        raise DialectError(unknown_name_message("dialect to replay", dialect.name, known))
    replay = cast("CaptureReplay", load_attribute(place, f"the replay of captures of dialect {dialect.name!r}"))
    return replay(records, dialect, profile)


MakeFollower = Callable[[Dialect, DeviceProfile, bool], Follower]
"""Makes the follower of a profile, with the state given or not; `DialectRoles.follower` names it."""


def make_follower(dialect: Dialect, profile: DeviceProfile, *, give_state: bool = False) -> Follower:
    """Make the follower of a profile.

    Args:
        dialect: the dialect of the session.
        profile: the profile.
        give_state: whether the state of the device is taken from its first replies, as it is where a session is joined.

    Raises:
        DialectError: the dialect has no follower, or it cannot be imported.
    """
    place = get_roles(dialect.name).follower if dialect.name in playable_dialects() else ""
    if not place:
        raise DialectError(f"dialect {dialect.name!r} has no follower, so no profile can take part in its sessions")
    make = cast("MakeFollower", load_attribute(place, f"the follower of dialect {dialect.name!r}"))
    return make(dialect, profile, give_state)


def follow_frames(follower: Follower, frames: Sequence[DecodedFrame]) -> list[FollowedReply]:
    """Run a follower over the frames of a recording."""
    replies = [reply for frame in frames for reply in follower.feed(frame)]
    return [*replies, *follower.finish()]
