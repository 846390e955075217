"""Follows a whole session from its wire records, live or over a recording, with an engine in one end's place.

A dialect with a follower of its own (`DialectRoles.follower`) is followed frame by frame, and may be joined at any
place. Sessions of other dialects are followed by their own times and edges, from the supply on.
"""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from lensmount_emulator.comparison.engine_driver import EngineDriver
from lensmount_emulator.comparison.follower import FollowedReply, SessionFacts
from lensmount_emulator.engine.dialect_roles import MakesEngine, get_roles, make_engine
from lensmount_emulator.explain.explainer import session_knowledge
from lensmount_emulator.fidelity.capture_replay import make_follower
from lensmount_emulator.fidelity.joined_start import run_start
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
    # A firmware has no state that a follower could set: it takes part in time.
    if get_roles(dialect.name).follower and not isinstance(profile.settings, MakesEngine):
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


MAX_EARLY = 400
"""Records that wait until it is clear whether a session is from its start."""

JOINING_FRAMES = 3
"""Frames of the device from which an engine that joins takes its state; they are not scored."""

JOINING = "served to join the session"
NEAR_S, STALE_S = 6e-3, 50e-3
"""Seconds between two frames that can be one, and after which a frame of ours is one that the device did not send."""

WRONG_BEFORE_RELOCK = 2
LOCKS = 32
"""How often the state may be taken again in a session that was joined."""


class TimedSession:
    """A session that is followed by its times and edges; see `SessionFollower`.

    The peer's bytes and edges reach the engine at the times that they had, so the session must have times. It begins
    before the supply comes on; or, where the dialect can take the state from frames (`DialectRoles.take_state`), in the
    middle: then the engine starts with a usual peer, and joins at a frame-sync pulse.
    """

    def __init__(self, dialect: Dialect, profile: Profile, *, live: bool = False) -> None:
        self.frames: dict[Role, int] = dict.fromkeys(Role, 0)
        self.facts: SessionFacts = _TimedFacts()
        self._role = profile.role
        self._dialect = dialect
        self._decoder = SessionDecoder(dialect, live=live)
        self._roles = get_roles(dialect.name)
        self._profile = profile
        self._knowledge = session_knowledge(dialect)
        self._driver = EngineDriver(make_engine(self._roles, profile.settings, None, None, ()))
        self._early: list[Burst | Edge] | None = [] if self._roles.take_state is not None else None
        self._shift = 0.0
        self._joining = 0
        self._waiting: deque[DecodedFrame] = deque()
        self._events: deque[tuple[float, WireEvent]] = deque()
        self._started = False
        self._matched = 0
        self._first: DecodedFrame | None = None
        self._begins_at: float | None = None
        self._wrong, self._locks_left = 0, LOCKS

    def feed(self, record: WireRecord) -> list[FollowedReply]:
        """Take the next record."""
        if isinstance(record, Burst | Edge) and record.at is not None:
            if self._early is not None:
                self._early.append(record)
            else:
                self._play(record)
        self._take(self._decoder.feed(record))
        if self._early is not None and (len(self._early) >= MAX_EARLY or self._shows_begin()):
            self._begin()
        replies = self._compare(self._driver.now - self._shift)
        self._matched += sum(reply.ours is not None for reply in replies)
        return replies

    def finish(self) -> list[FollowedReply]:
        """The session is over."""
        self._take(self._decoder.finish())
        if self._early is not None:
            self._begin()
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

    def _shows_begin(self) -> bool:
        """Whether the records so far show if the session is from its start: a frame came, and a frame-sync pulse."""
        sync = self._dialect.sync
        assert self._early is not None
        return any(self.frames.values()) and any(
            isinstance(one, Edge) and one.line == sync and not one.level for one in self._early
        )

    def _begin(self) -> None:
        """Start with the records so far, or join where they are from the middle of a session."""
        early, self._early = self._early or [], None
        start = None
        if self._first is not None and self._knowledge.is_loop(self._first):
            falls = [
                one.at for one in early if isinstance(one, Edge) and one.line == self._dialect.sync and not one.level
            ]
            start = None
            if falls:
                start = run_start(self._dialect, self._roles, self._profile, self._knowledge.is_loop, falls[0])
            if start is not None:
                self._driver = EngineDriver(start[0])
                self._driver.now = start[1]
                self._started = True
                self._shift, self._begins_at = start[1] - falls[0], falls[0]
                self._joining = JOINING_FRAMES
                self.facts.joined_at = sum(self.frames.values())
                self.facts.notes.append("joined in mid-session; orders under way at that time are not known")
                early = [one for one in early if (one.at or 0.0) >= falls[0]]
        for record in early:
            self._play(record)

    def _play(self, record: Burst | Edge) -> None:
        """Give a record of the peer to the engine, bytes when their last stop bit is over."""
        at = (record.at or 0.0) + self._shift
        if not self._started:
            self._started = True
            self._driver.now = at
            self._driver.start()
        if isinstance(record, Burst):
            if record.sender is not self._role:
                self._add((record.end or record.at or 0.0) + self._shift, Received(record.data))
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
                self._first = self._first or event
                self.frames[event.sender] += 1
                if event.sender is self._role:
                    self._waiting.append(event)

    def _compare(self, now: float) -> list[FollowedReply]:
        replies: list[FollowedReply] = []
        while self._waiting and (self._waiting[0].end or self._waiting[0].at or 0.0) + GRACE_S <= now:
            captured = self._waiting.popleft()
            if self._begins_at is not None and (captured.at or 0.0) < self._begins_at:
                replies.append(FollowedReply(captured, None, scored=False, note=JOINING))
                continue
            ours = self._match(captured)
            replies.append(
                FollowedReply(captured, ours, scored=not self._joining, note=JOINING if self._joining else "")
            )
            if self._joining and self._roles.take_state is not None:
                # Once: the engine has sent the next frames already when a captured one is known.
                if self._joining == JOINING_FRAMES and ours is not None:
                    self.facts.given.update(self._roles.take_state(self._driver.engine, captured, ours))
                self._joining -= ours is not None or self._joining < JOINING_FRAMES
            elif self._begins_at is not None:
                self._relock(replies[-1])
        while len(self._driver.sent) > MAX_SENT:
            self._driver.sent.popleft()
        return replies

    def _relock(self, reply: FollowedReply) -> None:
        """Take the state again after two wrong replies in a row of a session that was joined."""
        self._wrong = 0 if reply.strict else self._wrong + 1
        if self._wrong < WRONG_BEFORE_RELOCK or not self._locks_left or reply.ours is None:
            return
        assert self._roles.take_state is not None
        self._roles.take_state(self._driver.engine, reply.captured, reply.ours)
        self.facts.relocked += 1
        self._locks_left -= 1
        # The frames that are on their way do not show the new state.
        self._wrong = -WRONG_BEFORE_RELOCK

    def _match(self, captured: DecodedFrame) -> DecodedFrame | None:
        sent = self._driver.sent
        kinds = {message_type(message) for message in captured.messages}
        if self._begins_at is not None:
            return self._match_by_time(captured, kinds)
        window = list(sent)[:LOOKAHEAD]
        alike = [at for at, one in enumerate(window) if kinds & {message_type(message) for message in one.messages}]
        same = [at for at in alike if window[at].frame.sequence == captured.frame.sequence]
        if not alike:
            return None
        for _ in range((same or alike)[0]):
            sent.popleft()
        return sent.popleft()

    def _match_by_time(self, captured: DecodedFrame, kinds: set[int]) -> DecodedFrame | None:
        """Our frame of the same kind and time: numbers of a session that was joined may be off, and times are not."""
        sent = self._driver.sent
        due = (captured.at or 0.0) + self._shift
        while sent and (sent[0].at or 0.0) < due - STALE_S:
            sent.popleft()
        near = [
            (abs((one.at or 0.0) - due), place)
            for place, one in enumerate(sent)
            if kinds & {message_type(message) for message in one.messages}
        ]
        if not near or min(near)[0] > NEAR_S:
            return None
        place = min(near)[1]
        found = sent[place]
        del sent[place]
        return found


class _TimedFacts:
    """The facts of a session that is followed by its times: it has no phases and takes no state."""

    def __init__(self) -> None:
        self.phases: dict[str, int] = {}
        self.given: dict[str, int] = {}
        self.gaps = 0
        self.relocked = 0
        self.joined_at = 0
        self.notes: list[str] = []
