"""Follows a whole session from its wire records, live or over a recording, with an engine in one end's place.

A dialect with a follower of its own (`DialectRoles.follower`) is followed frame by frame, and may be joined at any
place. Sessions of other dialects are followed by their own times and edges, from the supply on.
"""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from lensmount_emulator.engine.dialect_roles import get_roles, make_engine
from lensmount_emulator.fidelity.engine_driver import EngineDriver
from lensmount_emulator.fidelity.follower import FollowedReply, SessionFacts, make_follower
from lensmount_emulator.profiles.library import Profile
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder, OrderedDecoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Burst, Edge, LineChanged, Received, Role, WireEvent, WireRecord


class SessionFollower(Protocol):
    """A session that is followed record by record.

    Attributes:
        frames: frames of each end so far.
        facts: what the follower knows of the session: phases, given state, gaps and notes.
    """

    frames: dict[Role, int]

    @property
    def facts(self) -> SessionFacts:
        """The facts."""
        ...

    def feed(self, record: WireRecord) -> list[FollowedReply]:
        """Take the next record; return the comparisons that it makes possible."""
        ...

    def finish(self) -> list[FollowedReply]:
        """The session is over; return the comparisons that still waited."""
        ...


def follow_session(
    dialect: Dialect, profile: Profile, *, live: bool = False, give_state: bool = False
) -> SessionFollower:
    """Make the follower of a session in which a profile takes its end's place.

    Args:
        dialect: the dialect of the session.
        profile: the profile; its role is the end that it takes.
        live: whether a user watches, so that a frame does not wait for its padding.
        give_state: whether the state of the device is taken from its first replies.

    Raises:
        DialectError: the dialect has no engines.
    """
    if get_roles(dialect.name).follower:
        return FrameSession(dialect, profile, live=live, give_state=give_state)
    return TimedSession(dialect, profile, live=live)


def follow_records(dialect: Dialect, profile: Profile, records: Iterable[WireRecord]) -> list[FollowedReply]:
    """Follow a whole recording; see `follow_session` for the errors."""
    session = follow_session(dialect, profile)
    replies = [reply for record in records for reply in session.feed(record)]
    return [*replies, *session.finish()]


class SessionDecoder:
    """Decodes records in the order of their times; live, in the order in which they come, without waiting for padding.

    A listener has sorted the records of a live session already, and the last frame must not wait for later ones.
    """

    def __init__(self, dialect: Dialect, *, live: bool) -> None:
        self._decoder = Decoder(dialect)
        self._ordered = None if live else OrderedDecoder(self._decoder)

    def feed(self, record: WireRecord) -> list[Decoded]:
        """Take one record; return the events that are due."""
        if self._ordered is not None:
            return self._ordered.feed(record)
        return [*self._decoder.feed(record), *self._decoder.flush()]

    def finish(self) -> list[Decoded]:
        """Return the last events."""
        return self._decoder.finish() if self._ordered is None else self._ordered.finish()


class FrameSession:
    """A session that the dialect's follower takes frame by frame; see `SessionFollower`."""

    def __init__(self, dialect: Dialect, profile: Profile, *, live: bool = False, give_state: bool = False) -> None:
        self.frames: dict[Role, int] = dict.fromkeys(Role, 0)
        self.facts = make_follower(dialect, profile, give_state=give_state)
        self._decoder = SessionDecoder(dialect, live=live)

    def feed(self, record: WireRecord) -> list[FollowedReply]:
        """Take the next record."""
        return self._take(self._decoder.feed(record))

    def finish(self) -> list[FollowedReply]:
        """The session is over."""
        return [*self._take(self._decoder.finish()), *self.facts.finish()]

    def _take(self, events: Iterable[object]) -> list[FollowedReply]:
        replies: list[FollowedReply] = []
        for event in events:
            if isinstance(event, DecodedFrame):
                self.frames[event.sender] += 1
                replies += self.facts.feed(event)
        return replies


GRACE_S = 2e-3
"""Seconds by which our frame may end after the captured one and still be compared with it."""

LOOKAHEAD = 6
"""Frames of ours that one comparison may skip."""

MAX_SENT = 256
"""Frames of ours that wait for a comparison; an engine that runs wild must not fill the memory."""


class TimedSession:
    """A session that is followed by its times and edges; see `SessionFollower`.

    The peer's bytes and edges reach the engine at the times that they had, so the session must have times, and begin
    before the supply comes on.
    """

    def __init__(self, dialect: Dialect, profile: Profile, *, live: bool = False) -> None:
        self.frames: dict[Role, int] = dict.fromkeys(Role, 0)
        self.facts: SessionFacts = _TimedFacts()
        self._role = profile.role
        self._dialect = dialect
        self._decoder = SessionDecoder(dialect, live=live)
        self._driver = EngineDriver(make_engine(get_roles(dialect.name), profile.settings, None, None, ()))
        self._waiting: deque[DecodedFrame] = deque()
        self._events: deque[tuple[float, WireEvent]] = deque()
        self._started = False
        self._matched = 0

    def feed(self, record: WireRecord) -> list[FollowedReply]:
        """Take the next record."""
        if isinstance(record, Burst | Edge) and record.at is not None:
            self._play(record)
        self._take(self._decoder.feed(record))
        replies = self._compare(self._driver.now)
        self._matched += sum(reply.ours is not None for reply in replies)
        return replies

    def finish(self) -> list[FollowedReply]:
        """The session is over."""
        self._take(self._decoder.finish())
        self._run_to(float("inf"))
        self._driver.run(GRACE_S)
        self._driver.finish()
        replies = self._compare(float("inf"))
        self._matched += sum(reply.ours is not None for reply in replies)
        if self.frames[self._role] and not self._matched:
            self.facts.notes.append(
                f"our engine sent none of the frames: sessions of {self._dialect.name} are followed by their times and "
                "edges, from the supply on; give a recording with both, from its start"
            )
        return replies

    def _play(self, record: Burst | Edge) -> None:
        """Give a record of the peer to the engine, bytes when their last stop bit is over."""
        at = record.at or 0.0
        if not self._started:
            self._started = True
            self._driver.now = at
            self._driver.start()
        if isinstance(record, Burst):
            if record.sender is not self._role:
                self._add(record.end or at, Received(record.data))
        elif self._dialect.drivers.get(record.line, self._role) is not self._role:
            self._add(at, LineChanged(record.line, record.level))
        self._run_to(at)

    def _add(self, at: float, event: WireEvent) -> None:
        place = len(self._events)
        while place and self._events[place - 1][0] > at:
            place -= 1
        self._events.insert(place, (at, event))

    def _run_to(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            at, event = self._events.popleft()
            self._driver.run(max(0.0, at - self._driver.now))
            self._driver.receive(event)
        if until != float("inf"):
            self._driver.run(max(0.0, until - self._driver.now))

    def _take(self, events: Iterable[object]) -> None:
        for event in events:
            if isinstance(event, DecodedFrame):
                self.frames[event.sender] += 1
                if event.sender is self._role:
                    self._waiting.append(event)

    def _compare(self, now: float) -> list[FollowedReply]:
        replies: list[FollowedReply] = []
        while self._waiting and (self._waiting[0].end or self._waiting[0].at or 0.0) + GRACE_S <= now:
            captured = self._waiting.popleft()
            replies.append(FollowedReply(captured, self._match(captured)))
        while len(self._driver.sent) > MAX_SENT:
            self._driver.sent.popleft()
        return replies

    def _match(self, captured: DecodedFrame) -> DecodedFrame | None:
        sent = self._driver.sent
        kinds = {message_type(message) for message in captured.messages}
        window = list(sent)[:LOOKAHEAD]
        alike = [at for at, one in enumerate(window) if kinds & {message_type(message) for message in one.messages}]
        same = [at for at in alike if window[at].frame.sequence == captured.frame.sequence]
        if not alike:
            return None
        for _ in range((same or alike)[0]):
            sent.popleft()
        return sent.popleft()


class _TimedFacts:
    """The facts of a session that is followed by its times: it has no phases and takes no state."""

    def __init__(self) -> None:
        self.phases: dict[str, int] = {}
        self.given: dict[str, int] = {}
        self.gaps = 0
        self.relocked = 0
        self.joined_at = 0
        self.notes: list[str] = []
