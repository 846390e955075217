"""How faithful an engine is: a capture's peer is played at it, and what it answers is compared with the real device."""

from collections.abc import Callable, Mapping, Sequence

from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.sessions.emount.replaying import replay_emount
from lensmount_emulator.sessions.score import Replay
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, unknown
from lensmount_protocol.wire import Record

REPLAYS: Mapping[str, Callable[[Sequence[Record], Dialect, Profile], Replay]] = {"emount": replay_emount}
"""How captures of a dialect are replayed."""


def replay(records: Sequence[Record], dialect: Dialect, profile: Profile) -> Replay:
    """Play a capture against the engine of a profile, in the profile's role.

    Raises:
        CaptureError: the capture lacks frames of one end.
        DialectError: captures of this dialect cannot be replayed here.
    """
    if dialect.name not in REPLAYS:
        raise DialectError(unknown("dialect to replay", dialect.name, REPLAYS))
    return REPLAYS[dialect.name](records, dialect, profile)
