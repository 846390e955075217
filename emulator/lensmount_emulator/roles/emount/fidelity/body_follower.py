"""The follower of an E-mount body: starts with a session or joins it, and goes on after gaps.

A session that is joined lacks the identification, so the engine starts with a lens that answers each request in the
shortest way. Then the place in the body's cycle and in its row selects comes from the first captured pair; what no
frame shows (how often the row was echoed, how far the start list is) is tried out on three pairs, which are not scored.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lensmount_emulator.comparison.follower import FollowedReply
from lensmount_emulator.roles.emount.body.engine import BodyEngine
from lensmount_emulator.roles.emount.body.frame_loop import ECHOES_WANTED
from lensmount_emulator.roles.emount.fidelity.body_track import BodyTrack
from lensmount_emulator.roles.emount.fidelity.lens_follower import (
    LATEST,
    LOCKING_PAIRS,
    LOCKS,
    MAX_WAITING,
    TRIAL_FRAMES,
    WRONG_BEFORE_RELOCK,
)
from lensmount_emulator.roles.emount.fidelity.loop_frames import equal_bytes
from lensmount_emulator.roles.emount.profile import BodySettings
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.body_status import BodyState, RowSelect
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.identification import IdentityReply
from lensmount_protocol.dialects.emount.units import MountKind
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

SETTLED_FRAME = 10_000
"""A loop frame after every start list and every list of cycles."""


class BodyFollower:
    """A body engine in the place of a captured body; see `lensmount_emulator.comparison.follower.Follower`."""

    def __init__(self, settings: BodySettings) -> None:
        self.phases: dict[str, int] = {}
        self.relocked = 0
        self.joined_at = 0
        self.notes: list[str] = []
        self._settings = settings
        self._track: BodyTrack | None = None
        self._past_gaps = 0
        self._past_given: Counter[str] = Counter()
        self._waiting: list[DecodedFrame] = []
        self._latest: list[DecodedFrame] = []
        self._seen = 0
        self._trial_ends = 0
        self._locks_left = LOCKS
        self._gaps_seen = 0
        self._wrong: Counter[int] = Counter()

    @property
    def gaps(self) -> int:
        """Places where the capture lacks frames."""
        return self._past_gaps + (0 if self._track is None else self._track.gaps)

    @property
    def given(self) -> dict[str, int]:
        """State variable -> bytes that were taken from the capture."""
        total = self._past_given + (Counter[str]() if self._track is None else self._track.given)
        return {name: count for name, count in total.items() if count}

    def feed(self, frame: DecodedFrame) -> list[FollowedReply]:
        """Take the next frame of either end."""
        self._seen += 1
        if self._track is not None:
            return self._follow(frame)
        if frame.frame.class_ == REQUEST_CLASS and not self._waiting:
            self._track = self._new_track()
            return self._follow(frame)
        self._waiting.append(frame)
        pairs = sum(_is_state(one) for one in self._waiting)
        ends = frame.frame.class_ == REQUEST_CLASS or len(self._waiting) >= MAX_WAITING
        return self._join() if ends or pairs > LOCKING_PAIRS else []

    def finish(self) -> list[FollowedReply]:
        """The session is over."""
        joined = self._join() if self._waiting else []
        return [*joined, *(self._track.finish() if self._track is not None else [])]

    def _new_track(self) -> BodyTrack:
        cold, warm = ([int(text, 16) for text in texts] for texts in (self._settings.cold, self._settings.warm))
        return BodyTrack(lambda wakes: BodyEngine(self._settings, warm=wakes), cold=cold, warm=warm)

    def _join(self) -> list[FollowedReply]:
        waiting, self._waiting = self._waiting, []
        self.joined_at = self._seen
        first = next((at for at, one in enumerate(waiting) if _is_state(one)), None)
        if first is None:
            self._track = self._new_track()
            return [FollowedReply(one, None, scored=False, note=_JOINING) for one in waiting if _is_body(one)]
        self.notes.append(
            f"joined in mid-session after {self._seen} frames; orders under way at that time are not known"
        )
        self._trial_ends = self._seen + TRIAL_FRAMES
        before = [FollowedReply(one, None, scored=False, note=_JOINING) for one in waiting[:first] if _is_body(one)]
        return [*before, *self._lock(waiting[:first], waiting[first:])]

    def _lock(self, before: Sequence[DecodedFrame], frames: Sequence[DecodedFrame]) -> list[FollowedReply]:
        """Make the track that sends these frames best; the first of them is a `03`."""
        best: tuple[tuple[int, int], BodyTrack, list[FollowedReply], _Place] | None = None
        for place in self._places(frames):
            track = self._new_track()
            track.start_stream(_replies(frames))
            _set_place(track, place)
            track.hold_flags(frames)
            track.set_stream([bytes(one.frame.raw) for one in before[-4:] if _is_stream(one)])
            replies = [reply for one in frames for reply in track.step(one)]
            merit = sum(reply.strict for reply in replies), sum(equal_bytes(reply) for reply in replies)
            if best is None or merit > best[0]:
                best = merit, track, replies, place
            if replies and all(reply.strict for reply in replies):
                break
        assert best is not None
        _, track, replies, place = best
        if self._track is not None:
            self._past_gaps += self._track.gaps
            self._past_given += self._track.given
        self._track = track
        track.given.update({"BodyState.cycle_phase": 1, "RowSelect.row_a": 1})
        self.phases = {"row": place.row, "echoes": place.echoes, "cycle": place.phase}
        self._latest = list(frames)
        self._gaps_seen, self._wrong = track.loop_gaps, Counter()
        return [replace(reply, scored=False, note=_JOINING) for reply in replies]

    def _places(self, frames: Sequence[DecodedFrame]) -> "Iterator[_Place]":
        """The places in the loop at which a body may send the first of these frames."""
        state = frames[0].messages[0]
        assert isinstance(state, BodyState)
        select = next((one for one in frames[0].messages if isinstance(one, RowSelect)), None)
        listed = self._settings.rows
        rows = [at for at, row in enumerate(listed) if select is None or row == select.row_a] or [0]
        length = max(state.cycle_length, 1)
        phase = (state.cycle_phase - 1) % max(length, state.cycle_phase + 1)
        starts = max((len(patches) for patches in self._settings.start.values()), default=0)
        for frame in (SETTLED_FRAME, *range(starts)):
            for row in rows if select is not None else rows[:1]:
                for echoes in range(ECHOES_WANTED):
                    yield _Place(frame, row, echoes, phase, max(length, state.cycle_phase + 1))

    def _follow(self, frame: DecodedFrame) -> list[FollowedReply]:
        track = self._track
        assert track is not None
        if frame.frame.class_ == REQUEST_CLASS:
            self._latest.clear()
        self._latest = [*self._latest[-LATEST:], frame]
        replies = track.step(frame)
        if track.loop_gaps != self._gaps_seen:
            self._gaps_seen, self._wrong, self._trial_ends = track.loop_gaps, Counter(), self._seen + TRIAL_FRAMES
            self._locks_left = LOCKS
        for reply in replies:
            kind = reply.captured.frame.payload[0]
            if self._seen < self._trial_ends and reply.scored and reply.captured.frame.class_ == LOOP_CLASS:
                self._wrong[kind] = 0 if reply.strict else self._wrong[kind] + 1
        if self._locks_left and any(count >= WRONG_BEFORE_RELOCK for count in self._wrong.values()):
            self._relock()
        return replies

    def _relock(self) -> None:
        """Lock the place again on the latest frames; what they were compared with stays as it is."""
        first = next((at for at, one in enumerate(self._latest) if _is_state(one)), None)
        self._wrong = Counter()
        if first is None:
            return
        self._lock(self._latest[:first], self._latest[first:])
        self.relocked += 1
        self._locks_left -= 1
        self._trial_ends = self._seen + TRIAL_FRAMES


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the loop: its frame, row, echoes of the row so far, and the phase and length of the cycle before."""

    frame: int
    row: int
    echoes: int
    phase: int
    cycle: int


_JOINING = "served to join the session"


def _set_place(track: BodyTrack, place: _Place) -> None:
    loop = track.link.engine.loop
    loop.frame, loop.row, loop.echoes = place.frame, place.row, place.echoes
    loop.phase, loop.cycle, loop.asked = place.phase, place.cycle, True


def _replies(frames: Sequence[DecodedFrame]) -> dict[int, Message]:
    """Replies of a start-up that a body can have had before these frames: an adapter gets no row select."""
    selects = any(isinstance(message, RowSelect) for one in frames if _is_state(one) for message in one.messages)
    return {} if selects else {IdentityReply.TYPE: IdentityReply(kind=MountKind.ADAPTER)}


def _is_body(frame: DecodedFrame) -> bool:
    return frame.sender is Role.BODY


def _is_stream(frame: DecodedFrame) -> bool:
    return frame.sender is Role.LENS and frame.frame.class_ == LOOP_CLASS


def _is_state(frame: DecodedFrame) -> bool:
    return _is_body(frame) and isinstance(frame.messages[0], BodyState)
