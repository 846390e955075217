"""Plays the Fuji GFX body engine against a lens that replays a capture, and compares what both bodies do.

The lens answers each request with the captured replies to that request, in their order, and moves its busy lines as
captured: at the same times after the supply, and as long after each order to move. What a real body decides is given:
mode and target of its first focus move. Start-up sessions, moves by the ring, polls and reactions are the engine's own.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from lensmount_emulator.comparison.score import FidelityResult, Score, match_frames
from lensmount_emulator.roles.fuji_g.body import BodyEngine
from lensmount_emulator.roles.fuji_g.fidelity.capture_replay import find_supply
from lensmount_emulator.roles.fuji_g.lens import APERTURE_RING_BIT, FOCUS_RING_BIT
from lensmount_emulator.roles.fuji_g.profile import BodySettings
from lensmount_emulator.roles.fuji_g.sequences import RING_MODE, SHUTTER_REST
from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.dialects.fuji_g import commands as c
from lensmount_protocol.dialects.fuji_g.dialect import FUJI_G
from lensmount_protocol.dialects.fuji_g.exchange import ACK_BASE
from lensmount_protocol.dialects.fuji_g.lines import (
    BIT_RATE,
    BLOCK_SIZE,
    DETECT,
    FOCUS_BUSY,
    IRIS_BUSY,
    LENS_DATA,
    SUPPLY,
    WIRING,
)
from lensmount_protocol.dialects.fuji_g.link import BodyNull
from lensmount_protocol.dialects.fuji_g.words import ACKNOWLEDGE, BLOCK, FORMAT, WORD, build_word
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.message import Message
from lensmount_protocol.timing_marks import measure_events
from lensmount_protocol.wire import DriveLine, Edge, LineChanged, Received, Role, Transmit, WireEvent

READY_AFTER_BUSY_S = 4.6e-3
"""From the fall of the focus busy line of a lens that starts to the rise of its data line, in four captures."""

MOVE_DELAY_S = 0.65e-3
"""Largest delay of a busy line after an order to move, in 52 captured moves."""

STEADY_S = 1.0
"""Time for which the polls are observed after the start-up."""

MAX_STARTUP_S = 5.0


@dataclass(frozen=True, slots=True)
class Session:
    """The requests of one session of a body with their frames, and the time of its first burst in seconds."""

    at: float
    requests: tuple[Message, ...]
    frames: tuple[DecodedFrame, ...]


@dataclass(slots=True)
class BodyTrace:
    """What a body and its lens did.

    Attributes:
        sessions: every session of the body.
        replies: time of the reply's burst and reply, of 08.0 and 0c.2.
        rises: times at which a busy line rose.
    """

    sessions: list[Session] = field(default_factory=lambda: list[Session]())
    replies: list[tuple[float, Message]] = field(default_factory=lambda: list[tuple[float, Message]]())
    rises: list[float] = field(default_factory=lambda: list[float]())

    @property
    def orders(self) -> list[Session]:
        """The sessions without polls: a poll of 08.0 with 09.2 may be a session of its own, or lead another one."""
        return [session for session in map(_without_poll, self.sessions) if session.requests]

    @property
    def startup_sessions(self) -> list[Session]:
        """The sessions up to the shutter button at rest; empty where a capture lacks them."""
        last, announce = c.ShutterButtonCommand(SHUTTER_REST), c.LensBlockAnnounceCommand()
        orders = self.orders
        ends = next((index for index, one in enumerate(orders) if one.requests[0] == last), None)
        found = [] if ends is None else orders[: ends + 1]
        # A capture that begins later holds the shutter button, but no block of the lens.
        return found if any(announce in one.requests for one in found) else []

    @property
    def startup(self) -> list[Message]:
        """The requests of the start-up, without polls.

        How the requests are divided into sessions is left out: it differs between captured start-ups.
        """
        return [request for session in self.startup_sessions for request in session.requests]

    @property
    def ring_sessions(self) -> list[Session]:
        """The moves by the focus ring; the first one of a capture depends on an earlier position."""
        return [one for one in self.orders if c.FocusModeCommand(RING_MODE) in one.requests][1:]

    @property
    def ring_moves(self) -> list[tuple[Message, ...]]:
        """The orders of moves by the focus ring."""
        return [one.requests for one in self.ring_sessions]

    def own_frames(self, *, from_supply: bool) -> list[DecodedFrame]:
        """The requests that do not depend on what a user decides: those of the start-up, and of moves by the ring.

        Args:
            from_supply: whether the supply rises in the capture; otherwise the body is joined, and starts no lens.
        """
        sessions = (*(self.startup_sessions if from_supply else ()), *self.ring_sessions)
        return [frame for one in sessions for frame in one.frames]

    def poll_periods_ms(self) -> list[float]:
        """The times between polls of the status."""
        polls = [session.at for session in self.sessions if isinstance(session.requests[0], c.StatusRequest)]
        return [(after - before) * 1e3 for before, after in pairwise(polls)]

    def reactions_us(self) -> dict[str, list[float]]:
        """The delays of the body's reactions: to the end of a move, and to a ring that a status reports."""
        found: dict[str, list[float]] = {"result after a move": [], "read after a ring bit": []}
        for rise in self.rises:
            after = next((one for one in self.sessions if one.at > rise), None)
            if after is not None and isinstance(after.requests[0], c.BusyEndedCommand):
                found["result after a move"].append((after.at - rise) * 1e6)
        for at, reply in self.replies:
            if isinstance(reply, c.StatusReply) and reply.value & (FOCUS_RING_BIT | APERTURE_RING_BIT):
                after = next((one for one in self.sessions if one.at > at), None)
                if after is not None and isinstance(after.requests[0], c.FocusRingRequest | c.ApertureRingRequest):
                    found["read after a ring bit"].append((after.at - at) * 1e6)
        return found


def _without_poll(session: Session) -> Session:
    if not any(isinstance(one, c.StatusRequest) for one in session.requests):
        return session
    kept = [
        (request, frame)
        for request, frame in zip(session.requests, session.frames, strict=True)
        if not isinstance(request, c.StatusRequest | c.TemperatureRequest)
    ]
    return Session(session.at, tuple(request for request, _ in kept), tuple(frame for _, frame in kept))


def trace_capture(events: Sequence[Decoded]) -> BodyTrace:
    """Return what the body of a capture did."""
    frames = [event for event in events if isinstance(event, DecodedFrame) and event.frame.class_ == WORD]
    rises = [event.at for event in events if isinstance(event, Edge) and event.line in (FOCUS_BUSY, IRIS_BUSY)
             and event.level and event.at > 0]  # fmt: skip
    return _trace(frames, rises)


def _trace(frames: Sequence[DecodedFrame], rises: list[float]) -> BodyTrace:
    trace = BodyTrace(rises=rises)
    began, requests = 0.0, list[tuple[Message, DecodedFrame]]()
    for frame in frames:
        at, message = frame.at or 0.0, frame.messages[0]
        if frame.sender is Role.LENS:
            if isinstance(message, c.StatusReply | c.FocusRingReply):
                trace.replies.append((at, message))
        elif isinstance(message, BodyNull):
            if requests:
                asked, sent = tuple(one for one, _ in requests), tuple(one for _, one in requests)
                trace.sessions.append(Session(began, asked, sent))
            requests = []
        elif isinstance(message, Message):
            began = at if not requests else began
            requests.append((message, frame))
    return trace


class CapturedLens:
    """A lens that replays the replies, blocks and busy lines of a capture.

    Args:
        events: the capture.
    """

    def __init__(self, events: Sequence[Decoded]) -> None:
        frames = [event for event in events if isinstance(event, DecodedFrame) and event.at is not None]
        self.edges = [event for event in events if isinstance(event, Edge)]
        self.supply = find_supply(frames, self.edges)
        self._replies: dict[int, deque[bytes]] = defaultdict(deque)
        self._last: dict[int, bytes] = {}
        self._blocks = deque(one.frame.raw for one in frames if one.sender is Role.LENS and one.frame.class_ == BLOCK)
        self._number = 0
        self._word: Message | None = None
        self._asked: Message | None = None
        self._session: list[Message] = []
        for frame in frames:
            if frame.sender is Role.LENS and frame.frame.class_ == WORD and frame.frame.payload[0]:
                self._replies[frame.frame.payload[0]].append(frame.frame.raw)
        self._moves = {line: deque(self._busy_times(line, frames)) for line in (FOCUS_BUSY, IRIS_BUSY)}

    def edges_after_supply(self) -> Iterator[tuple[float, str, bool]]:
        """The lens's edges of the start-up: seconds after the supply, line, level; first the rise of both lines."""
        supply = self.supply or 0.0
        yield 0.0, FOCUS_BUSY, True
        yield 0.0, IRIS_BUSY, True
        later = [edge for edge in self.edges if edge.line == FOCUS_BUSY and edge.at > supply + READY_AFTER_BUSY_S]
        for edge in later[:2]:
            yield edge.at - supply, FOCUS_BUSY, edge.level
            if not edge.level:
                yield edge.at - supply + READY_AFTER_BUSY_S, LENS_DATA, True

    def shift(self, unit: bytes) -> bytes:
        """Return the unit that the lens shifts out while the body shifts this one."""
        if len(unit) == BLOCK_SIZE:
            return self._blocks.popleft() if self._blocks else bytes(BLOCK_SIZE)
        frame = FORMAT.parse_header(unit, 0)
        if frame.class_ == ACKNOWLEDGE:
            type_ = 0 if self._word is None or isinstance(self._word, BodyNull) else self._word.TYPE
            return build_word(type_, (ACK_BASE | self._number) << 8, acknowledge=True)
        if self._asked is None:
            return bytes(len(unit))
        type_ = self._asked.TYPE
        replies = self._replies[type_]
        if replies:
            self._last[type_] = replies.popleft()
        argument: int = self._asked.values()["argument"]
        return self._last.get(type_) or build_word(type_, argument & 0xFFFF)

    def receive(self, message: Message, number: int, class_: int) -> list[tuple[float, str, bool]]:
        """Take the body's unit after its burst; return the edges that follow: seconds from now, line, level."""
        if class_ == WORD:
            self._word = message
            return []
        if class_ != ACKNOWLEDGE or self._word is None:
            return []
        word, self._word = self._word, None
        if isinstance(word, BodyNull):
            self._asked, self._number, self._session = None, 0, []
            return []
        self._asked, self._number = word, number
        self._session.append(word)
        return list(self._moves_of_session()) if isinstance(word, c.ExecuteCommand) else []

    def _moves_of_session(self) -> Iterator[tuple[float, str, bool]]:
        for kind, line in ((c.FocusTargetCommand, FOCUS_BUSY), (c.IrisTargetCommand, IRIS_BUSY)):
            if any(isinstance(one, kind) for one in self._session) and self._moves[line]:
                delay, duration = self._moves[line].popleft()
                yield delay, line, False
                yield delay + duration, line, True

    def _busy_times(self, line: str, frames: Sequence[DecodedFrame]) -> Iterator[tuple[float, float]]:
        """Delay and duration of each move: from the acknowledge of its execute, and from fall to rise."""
        edges = [edge for edge in self.edges if edge.line == line]
        ends = [
            after.end or 0.0
            for word, after in zip(frames, frames[2:], strict=False)
            if word.sender is Role.BODY and isinstance(word.messages[0], c.ExecuteCommand)
        ]
        for fall, rise in pairwise(edges):
            ordered = next((end for end in reversed(ends) if end < fall.at), None)
            if not fall.level and rise.level and ordered is not None and fall.at - ordered < 2 * MOVE_DELAY_S:
                yield fall.at - ordered, rise.at - fall.at


def replay_to_body(events: Sequence[Decoded], settings: BodySettings) -> BodyTrace:
    """Play a body against a lens that replays a capture; return what the body did.

    Args:
        events: the capture, decoded; one that begins in a session is joined at the end of that session.
        settings: the body.

    Raises:
        CaptureError: the capture holds no session.
    """
    return _play(events, settings)[1]


def score_body(events: Sequence[Decoded], settings: BodySettings) -> FidelityResult:
    """As `replay_to_body`, scored: the requests of the start-up and of moves by the ring, and the timing rules.

    Raises:
        CaptureError: the capture holds no session, or neither a start-up nor a second move by the ring.
    """
    theirs, ours, run = _play(events, settings)
    from_supply = run.lens.supply is not None
    captured, made = (one.own_frames(from_supply=from_supply) for one in (theirs, ours))
    if not captured:
        raise CaptureError(
            "the supply does not rise in the capture, and it holds no second move by the focus ring; the rest is up to"
            " the user of a body"
        )
    score = Score("body", requests=len([frame for frame in run.frames if frame.sender is Role.LENS]))
    match_frames(score, captured, made, ())
    played: list[Decoded] = [*run.frames, *run.edges]
    score.timing = measure_events(played, FUJI_G)
    return FidelityResult(score, list(events), played)


def _play(events: Sequence[Decoded], settings: BodySettings) -> tuple[BodyTrace, BodyTrace, "_Run"]:
    """What the captured body did, what ours does, and our session."""
    theirs = trace_capture(events)
    if not theirs.sessions:
        raise CaptureError("the capture has no whole session of a body")
    run = _Run(events, _given_settings(theirs, settings))
    return theirs, run.play(theirs), run


def _given_settings(theirs: BodyTrace, settings: BodySettings) -> BodySettings:
    """The body with the mode and the target of the captured first focus move."""
    given: dict[str, object] = {}
    for request in theirs.startup:
        if isinstance(request, c.FocusModeCommand):
            given.setdefault("start_mode", request.argument)
        elif isinstance(request, c.FocusTargetCommand):
            given.setdefault("start_focus", request.argument)
    return msgspec.structs.replace(settings, **given)


class _Run:
    def __init__(self, events: Sequence[Decoded], settings: BodySettings) -> None:
        self.lens = CapturedLens(events)
        self.engine = BodyEngine(settings)
        self._pending: list[tuple[float, int, WireEvent]] = []
        self._count = 0
        self._parser = FUJI_G.payload_parser()
        self.frames: list[DecodedFrame] = []
        self.edges: list[Edge] = []
        self._levels: dict[str, bool] = {}
        self._rises: list[float] = []

    def play(self, theirs: BodyTrace) -> BodyTrace:
        """Run until the start-up is over and some time longer, or as long as the capture."""
        if self.lens.supply is not None:
            self.engine.start(0.0)
            self._schedule(0.0, LineChanged(DETECT, False))
            ends = MAX_STARTUP_S
        else:
            polls = [one for one in theirs.sessions if isinstance(one.requests[0], c.StatusRequest)]
            self.engine.join(0.0, polls[0].at if polls else 0.0)
            ends = theirs.sessions[-1].at
        now = 0.0
        while now <= ends:
            self._act(now)
            deadline = self.engine.next_deadline()
            due = self._pending[0][0] if self._pending else None
            if due is None and deadline is None:
                break
            if due is not None and (deadline is None or due <= deadline):
                now, _, event = heapq.heappop(self._pending)
                self._deliver(event, now)
            else:
                now = deadline or now
                self.engine.handle_deadline(now)
            if self.lens.supply is not None and ends == MAX_STARTUP_S and self.engine.done:
                ends = now + STEADY_S
        return _trace([frame for frame in self.frames if frame.frame.class_ == WORD], self._rises)

    def _schedule(self, at: float, event: WireEvent) -> None:
        self._count += 1
        heapq.heappush(self._pending, (at, self._count, event))

    def _deliver(self, event: WireEvent, now: float) -> None:
        if isinstance(event, LineChanged):
            self._add_edge(now, event)
            if event.line in (FOCUS_BUSY, IRIS_BUSY) and event.level:
                self._rises.append(now)
        self.engine.receive(event, now)

    def _add_edge(self, now: float, change: LineChanged | DriveLine) -> None:
        if self._levels.get(change.line) != change.level:
            self._levels[change.line] = change.level
            self.edges.append(Edge(now, change.line, change.level))

    def _act(self, now: float) -> None:
        link = WIRING.clocked
        assert link is not None
        for action in self.engine.actions():
            if isinstance(action, DriveLine):
                self._add_edge(now, action)
                if action.line == SUPPLY and action.level:
                    for after, line, level in self.lens.edges_after_supply():
                        self._schedule(now + after, LineChanged(line, level))
            elif isinstance(action, Transmit):
                end = now + link.duration(len(action.data))
                self._shift(action.data, now, end)

    def _shift(self, unit: bytes, now: float, end: float) -> None:
        answer = self.lens.shift(unit)
        for role, data in ((Role.BODY, unit), (Role.LENS, answer)):
            frame = FORMAT.parse_header(data, 0)
            frame.lazy_messages = self._parser.parse(role, frame.payload)
            message = frame.messages[0]
            self.frames.append(DecodedFrame(now, end, role, BIT_RATE, frame, 0.0, b"", end, None))
            if role is Role.BODY and isinstance(message, Message):
                for after, line, level in self.lens.receive(message, frame.sequence, frame.class_):
                    self._schedule(end + after, LineChanged(line, level))
        self._schedule(end, LineChanged(LENS_DATA, False))
        self._schedule(end, Received(answer))
