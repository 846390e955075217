"""The follower: puts an engine in the place of a captured device, frame by frame, live or over a recording.

A follower takes the frames of both ends in their order. It gives the peer's frames to the engine and compares each
frame of the device with the engine's own. It joins in mid-session and goes on after lost frames, so it needs no time
and no edge. What joining and loss mean is knowledge of the dialect; `DialectRoles.make_follower` makes the follower.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from lensmount_emulator.engine.dialect_roles import get_roles, playable_dialects
from lensmount_emulator.fidelity.reply_score import ReplyPair, is_strict
from lensmount_emulator.profiles.library import Profile
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError


@dataclass(frozen=True, slots=True)
class FollowedReply:
    """A frame of the captured device, next to our engine's.

    Attributes:
        captured: the device's frame.
        ours: the engine's frame in its place; `None` where the engine sent none.
        scored: whether it counts; a frame that served to join, or that answers a frame which the capture lacks, does
            not.
        note: why it does not count, or what the follower did before it; `""` for nothing.
    """

    captured: DecodedFrame
    ours: DecodedFrame | None
    scored: bool = True
    note: str = ""

    @property
    def strict(self) -> bool:
        """Whether both frames are equal to the last byte."""
        return is_strict(self.captured, self.ours)

    @property
    def pair(self) -> ReplyPair:
        """The two frames."""
        return self.captured, self.ours


class SessionFacts(Protocol):
    """What a follower knows of a session besides its frames.

    Attributes:
        phases: name of a phase -> its value, as locked.
        given: state variable -> bytes that were taken from the capture.
        gaps: places where the capture lacks frames of the peer.
        relocked: how often the phases were locked again after a gap.
        joined_at: frames before the engine joined; 0 for a session from its start.
        notes: facts for the user, each once.
    """

    phases: dict[str, int]
    relocked: int
    joined_at: int
    notes: list[str]

    @property
    def given(self) -> dict[str, int]:
        """State variable -> bytes."""
        ...

    @property
    def gaps(self) -> int:
        """Places."""
        ...


class Follower(SessionFacts, Protocol):
    """An engine in the place of a captured device."""

    def feed(self, frame: DecodedFrame) -> list[FollowedReply]:
        """Take the next frame of either end; return the comparisons that it makes possible."""
        ...

    def finish(self) -> list[FollowedReply]:
        """The session is over; return the comparisons that still waited."""
        ...


MakeFollower = Callable[[Dialect, Profile, bool], Follower]
"""Makes the follower of a profile, with the state given or not; `DialectRoles.follower` names it."""


def make_follower(dialect: Dialect, profile: Profile, *, give_state: bool = False) -> Follower:
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
    module, _, name = place.partition(":")
    try:
        function = cast("MakeFollower", getattr(import_module(module), name))
    except (ImportError, AttributeError) as error:
        raise DialectError(f"dialect {dialect.name!r}: no follower at {place}: {error}") from error
    return function(dialect, profile, give_state)


def follow_frames(follower: Follower, frames: Sequence[DecodedFrame]) -> list[FollowedReply]:
    """Run a follower over the frames of a recording."""
    replies = [reply for frame in frames for reply in follower.feed(frame)]
    return [*replies, *follower.finish()]
