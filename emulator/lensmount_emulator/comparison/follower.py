"""The follower: puts an engine in the place of a captured device, frame by frame, live or over a recording.

A follower takes the frames of both ends in their order. It gives the peer's frames to the engine and compares each
frame of the device with the engine's own. It joins in mid-session and goes on after lost frames, so it needs no time
and no edge. What joining and loss mean is knowledge of the dialect; `DialectRoles.follower` names what makes it.
"""

from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from lensmount_emulator.comparison.reply_score import ReplyPair, is_strict
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.wire import Role


class DeviceProfile(Protocol):
    """A profile, as far as a dialect needs it to play its device.

    Attributes:
        role: the end that it plays.
        settings: its values.
    """

    @property
    def role(self) -> Role:
        """The end."""
        ...

    @property
    def settings(self) -> Struct:
        """The values."""
        ...


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
