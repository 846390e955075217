"""The shadow of a session: a profile or a twin next to the real device, compared frame by frame as the frames come.

A shadow sends nothing. It counts the differences per field and keeps the first one; its memory does not grow with the
length of the session.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lensmount_emulator.comparison.differences import Differences, composition, describe_differences
from lensmount_emulator.comparison.follower import FollowedReply
from lensmount_emulator.comparison.noise import rule_noise
from lensmount_emulator.comparison.reply_score import NoiseField, is_within_noise
from lensmount_emulator.fidelity.session_follower import follow_session
from lensmount_emulator.profiles.library import Profile
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Role, WireRecord

MAX_KINDS = 256
"""Kinds of frames that are not sent or of another type, of which each is counted by itself."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """A frame of the device that differs from the shadow's, by more than noise.

    Attributes:
        number: its number among the compared frames, from 1.
        at: its time in seconds; `None` where the source has none.
        frame: its messages, as text.
        differences: field -> both values as text; for a frame that is missing or of another type, one entry.
        new: whether one of these differences comes for the first time.
    """

    number: int
    at: float | None
    frame: str
    differences: dict[str, str]
    new: bool

    def text(self) -> str:
        """The divergence in one line."""
        time = "" if self.at is None else f"{self.at * 1e3:.3f} ms, "
        return f"{time}frame {self.number}, {self.frame}: {'; '.join(self.differences.values())}"

    def as_dict(self) -> dict[str, Any]:
        """The divergence as JSON data."""
        return {
            "number": self.number,
            "t_us": None if self.at is None else round(self.at * 1e6, 3),
            "frame": self.frame,
            "differences": self.differences,
        }


class Shadow:
    """A profile next to a device.

    Attributes:
        compared: frames of the device that were compared.
        strict: of those, equal to the last byte.
        within_noise: strict, or different by noise that the profile declares.
        not_sent: of those, frames in which the shadow sent nothing.
        unscored: frames that served to join, or answer a lost frame.
        differences: counts per message and field.
        first: the first divergence; `None` while there is none.
    """

    def __init__(
        self,
        dialect: Dialect,
        profile: Profile,
        *,
        live: bool = False,
        give_state: bool = False,
        noise: Sequence[NoiseField] = (),
    ) -> None:
        """Make a shadow.

        Args:
            dialect: the dialect of the session.
            profile: the profile or twin; its role is the end that it follows.
            live: whether a user watches the session.
            give_state: whether the state of the device is taken from its first replies.
            noise: further noise fields, besides those of the profile.

        Raises:
            DialectError: the dialect has no engines.
        """
        self.compared = self.strict = self.within_noise = self.not_sent = self.unscored = 0
        self.differences = Differences()
        self.first: Divergence | None = None
        self._session = follow_session(dialect, profile, live=live, give_state=give_state)
        self._noise = {(one.message, one.field): one for one in (*rule_noise(profile.settings), *noise)}
        self._known: Counter[str] = Counter()

    @property
    def frames(self) -> dict[Role, int]:
        """Valid frames of each end so far."""
        return self._session.frames

    def feed(self, record: WireRecord) -> Iterator[Divergence]:
        """Take the next record of the session; return the divergences that it shows."""
        return self._count(self._session.feed(record))

    def finish(self) -> Iterator[Divergence]:
        """The session is over; return the last divergences."""
        return self._count(self._session.finish())

    def as_dict(self) -> dict[str, Any]:
        """The counts as JSON data."""
        facts = self._session.facts
        return {
            "replies": self.compared,
            "strict": self.strict,
            "within_noise": self.within_noise,
            "not_sent": self.not_sent,
            "unscored": self.unscored,
            "first_divergence": None if self.first is None else self.first.as_dict(),
            "differences": self.differences.as_dict(),
            "phases": dict(facts.phases),
            "given": {"variables": dict(facts.given), "bytes": sum(facts.given.values())},
            "joined_at": facts.joined_at,
            "gaps": facts.gaps,
            "relocked": facts.relocked,
            "notes": list(facts.notes),
            "noise": [one.as_dict() for one in self._noise.values()],
        }

    def _count(self, replies: Sequence[FollowedReply]) -> Iterator[Divergence]:
        for reply in replies:
            if not reply.scored:
                self.unscored += 1
                continue
            self.compared += 1
            if reply.strict:
                self.strict += 1
                self.within_noise += 1
                self.differences.compared.update(_names(reply))
                continue
            found = dict(self._describe(reply))
            if is_within_noise(reply.captured, reply.ours, self._noise):
                self.within_noise += 1
                continue
            new = any(not self._known[name] for name in found)
            if len(self._known) < MAX_KINDS:
                self._known.update(found.keys())
            at, frame = reply.captured.at, composition(reply.captured)
            divergence = Divergence(self.compared, at, frame, found, new)
            self.first = self.first or divergence
            yield divergence

    def _describe(self, reply: FollowedReply) -> Iterator[tuple[str, str]]:
        """What differs, counted and as text."""
        captured, ours = reply.captured, reply.ours
        name = composition(captured)
        counts = self.differences
        if ours is None:
            self.not_sent += 1
            if name in counts.missing or len(counts.missing) < MAX_KINDS:
                counts.missing[name] += 1
            yield f"not sent: {name}", "the twin sends nothing here"
        elif [message_type(one) for one in captured.messages] != [message_type(one) for one in ours.messages]:
            other = composition(ours)
            if (name, other) in counts.wrong or len(counts.wrong) < MAX_KINDS:
                counts.wrong[name, other] += 1
            yield f"other type: {name}", f"the twin sends {other}"
        else:
            counts.compare(captured, ours, ())
            for key, text in describe_differences(captured, ours):
                yield ".".join(key), text


def _names(reply: FollowedReply) -> Iterator[str]:
    yield "Frame"
    for message in reply.captured.messages:
        yield type(message).__name__
