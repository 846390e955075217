"""The follower of an E-mount lens: starts with a session or joins it, locks its phases, and goes on after gaps.

A session from its start needs nothing but its frames. To join one, the follower waits for three pairs, takes the state
of the lens from the first of them, runs the engine through pairs with copies of the body's first frames, and tries how
many of them it takes: that number is the phase of everything in the lens that counts pairs. The three pairs are not
scored. After a gap in the numbers two wrong replies of one kind in a row make the follower lock the phase again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from msgspec import structs

from lensmount_emulator.comparison.follower import FollowedReply
from lensmount_emulator.roles.emount.fidelity.given_state import GivenState, given_state
from lensmount_emulator.roles.emount.fidelity.lens_track import LensTrack
from lensmount_emulator.roles.emount.fidelity.loop_frames import equal_bytes, infer_blocks, numbers_before, retyped
from lensmount_emulator.roles.emount.lens.engine_base import LensEngineBase
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.wire import Role

LOCKING_PAIRS = 3
PHASES = 12
"""Phases that are tried: counters modulo 2, 3 and 4, and cycles of the body up to 6 frames, differ within 12 pairs."""

MAX_WAITING = 64
"""Frames that wait for three whole pairs; a log without them is joined with what it has."""

WRONG_BEFORE_RELOCK = 2
SETTLING_PAIRS = 16
"""Pairs in which an iris reaches its target and a row select its echo; the start list of the profile comes before."""

MAX_OPENING = 400
"""Frames from the start of a session in which three pairs must come; a longer start is not run again."""

LATEST = 12
"""Frames that are kept to lock the phase again."""

TRIAL_FRAMES = 128
"""Frames of both ends after a join or a gap in which wrong replies make the follower lock the phase again."""

LOCKS = 3
"""How often the phase may be locked again after one join or gap."""

MakeEngine = Callable[[LensSettings], LensEngineBase]


class LensFollower:
    """A lens engine in the place of a captured lens; see `lensmount_emulator.comparison.follower.Follower`."""

    def __init__(self, settings: LensSettings, make_engine: MakeEngine, *, give_state: bool = False) -> None:
        self.phases: dict[str, int] = {}
        self.given: dict[str, int] = {}
        self.relocked = 0
        self.joined_at = 0
        self.notes: list[str] = []
        self._settings = settings
        self._make_engine = make_engine
        self._give_state = give_state
        self._track: LensTrack | None = None
        self._past_gaps = 0
        self._waiting: list[DecodedFrame] = []
        self._latest: list[DecodedFrame] = []
        self._seen = 0
        self._gaps_seen = 0
        self._wrong: Counter[int] = Counter()
        self._trial_ends = 0
        self._locks_left = LOCKS
        self._blocks: tuple[int, int] | None = None
        self._states: dict[str, int] = {}
        self._opening: list[DecodedFrame] = []
        self._held: list[FollowedReply] = []

    @property
    def gaps(self) -> int:
        """Places where the capture lacks frames of the body."""
        return self._past_gaps + (0 if self._track is None else self._track.gaps)

    def feed(self, frame: DecodedFrame) -> list[FollowedReply]:
        """Take the next frame of either end."""
        self._seen += 1
        if self._opening:
            return self._open(frame)
        if self._track is not None:
            return self._follow(frame)
        if frame.frame.class_ == REQUEST_CLASS and not self._waiting:
            self._track = self._new_track(self._settings, {})
            return self._open(frame) if self._settings.phase or self._give_state else self._follow(frame)
        self._waiting.append(frame)
        ends = frame.frame.class_ == REQUEST_CLASS or len(self._waiting) >= MAX_WAITING
        return self._join() if ends or _whole_pairs(self._waiting) >= LOCKING_PAIRS else []

    def finish(self) -> list[FollowedReply]:
        """The session is over: join a session that was too short for three pairs."""
        if self._opening:
            return self._lock_opening()
        return self._join() if self._waiting else []

    def _join(self) -> list[FollowedReply]:
        """Lock the phase on the frames that wait; their replies are not scored."""
        waiting, self._waiting = self._waiting, []
        first = next((at for at, one in enumerate(waiting) if _is_state(one)), None)
        self.joined_at = self._seen
        if first is None:
            self._track = self._new_track(self._settings, {})
            return [reply for one in waiting for reply in self._unscored(self._track.step(one), "no body frame yet")]
        blocks = infer_blocks(waiting)
        self._blocks = blocks
        waiting = [retyped(one, blocks) for one in waiting]
        self.notes.append(
            f"joined in mid-session after {self._seen} frames; orders under way at that time are not known"
        )
        before = [FollowedReply(one, None, scored=False, note=_JOINING) for one in waiting[:first] if _is_lens(one)]
        self._trial_ends = self._seen + TRIAL_FRAMES
        return [*before, *self._lock(waiting[first:])]

    def _lock(self, frames: Sequence[DecodedFrame]) -> list[FollowedReply]:
        """Make the track that answers these frames best, with as little of the state given as possible.

        The first frame is a `03`. A lens that has just begun to stream still shows its start list, so every pair of it
        is tried too.
        """
        best: tuple[tuple[int, int], _Trial] | None = None
        for state, count in self._ways_to_join(frames):
            trial = self._try(frames, state, count)
            if best is None or trial.merit > best[0]:
                best = trial.merit, trial
            if all(reply.strict for reply in trial.replies):
                break
        assert best is not None
        chosen = best[1]
        self._track, self._settings = chosen.track, chosen.state.settings
        self._states = chosen.state.states
        self.given |= chosen.state.bytes
        self.phases = {"pairs": chosen.count % PHASES} | _phases(self._settings)
        self._latest = list(frames)
        self._gaps_seen, self._wrong = chosen.track.loop_gaps, Counter()
        return [replace(reply, scored=False, note=_JOINING) for reply in chosen.replies]

    def _ways_to_join(self, frames: Sequence[DecodedFrame]) -> "Iterator[tuple[GivenState, int]]":
        """States and pairs before the first frame, the most likely first."""
        given = given_state(self._settings, frames)
        own = GivenState(self._settings, {}, given.start_pairs, self._states)
        first = SETTLING_PAIRS + given.start_pairs
        settled = range(first, first + PHASES)
        for state in (own, given) if given.bytes else (own,):
            yield from ((state, count) for count in settled)
            if state.settings.phase:
                yield from ((replace(state, settings=one), first) for one in phase_choices(state.settings))
            if state is own:
                yield from ((state, count) for count in range(1, first))

    def _try(self, frames: Sequence[DecodedFrame], state: GivenState, count: int) -> "_Trial":
        track = self._new_track(state.settings, state.states)
        track.start_stream(*(self._blocks or infer_blocks(frames)))
        mode = next((one for one in frames if one.sender is Role.BODY and isinstance(one.messages[0], BodyMode)), None)
        track.warm_up(frames[0], mode, numbers_before(frames[0].frame.sequence, count))
        replies = [reply for one in frames for reply in (track.step(one),) if reply is not None]
        return _Trial(state, count, track, replies)

    def _new_track(self, settings: LensSettings, states: Mapping[str, int]) -> LensTrack:
        engine = self._make_engine(settings)
        if engine.player is not None:
            engine.player.given.update(states)
        return LensTrack(engine)

    def _open(self, frame: DecodedFrame) -> list[FollowedReply]:
        """Follow a session from its start up to the pairs that show its phases, then lock them.

        The profile's own phases and state come first; if they fit, nothing is taken from the session and every reply
        counts.
        """
        assert self._track is not None
        self._opening.append(frame)
        reply = self._track.step(frame)
        if reply is None:
            return []
        if reply.captured.frame.class_ == REQUEST_CLASS:
            return [reply]
        self._held.append(reply)
        pairs = sum(one.captured.frame.payload[0] == LensStatus.TYPE for one in self._held)
        if pairs <= LOCKING_PAIRS and len(self._opening) < MAX_OPENING:
            return []
        return self._lock_opening()

    def _lock_opening(self) -> list[FollowedReply]:
        opening, held = self._opening, self._held
        self._opening, self._held = [], []
        if all(reply.strict for reply in held) or self._track is None:
            return held
        own = GivenState(self._settings, {}, 0)
        given = given_state(self._settings, [reply.captured for reply in held]) if self._give_state else own
        best = first = _Trial(own, 0, self._track, held)
        for settings in (*([given.settings] if given.bytes else []), *phase_choices(given.settings)):
            track = self._new_track(settings, given.states)
            steps = [reply for one in opening for reply in (track.step(one),) if reply is not None]
            replies = [reply for reply in steps if reply.captured.frame.class_ != REQUEST_CLASS]
            trial = _Trial(replace(given, settings=settings), 0, track, replies)
            best = trial if trial.merit > best.merit else best
        if best is first:
            return held
        self._states, self.given = best.state.states, best.state.bytes
        self._track, self._settings = best.track, best.state.settings
        self._gaps_seen = best.track.loop_gaps
        self.phases = _phases(self._settings)
        return [replace(reply, scored=False, note=_OPENING) for reply in best.replies]

    def _follow(self, frame: DecodedFrame) -> list[FollowedReply]:
        track = self._track
        assert track is not None
        frame = frame if self._blocks is None else retyped(frame, self._blocks)
        if frame.frame.class_ == REQUEST_CLASS:
            self._latest.clear()
            if frame.sender is Role.LENS and self._blocks is not None:
                # From now on the capture's own requests show which blocks there are.
                self._blocks = None if frame.frame.payload[:1] == b"\x0a" else self._blocks
        self._latest = [*self._latest[-LATEST:], frame]
        reply = track.step(frame)
        if track.loop_gaps != self._gaps_seen:
            self._gaps_seen, self._wrong, self._trial_ends = track.loop_gaps, Counter(), self._seen + TRIAL_FRAMES
            self._locks_left = LOCKS
            self._latest = [frame]
        if reply is None:
            return []
        if self._seen < self._trial_ends and reply.scored:
            kind = frame.frame.payload[0]
            self._wrong[kind] = 0 if reply.strict else self._wrong[kind] + 1
            if self._wrong[kind] == WRONG_BEFORE_RELOCK and self._locks_left:
                self._relock()
        return [reply]

    def _relock(self) -> None:
        """Lock the phase again on the latest frames; what they were compared with stays as it is."""
        first = next((at for at, one in enumerate(self._latest) if _is_state(one)), None)
        if first is None or self._track is None:
            return
        gaps = self._track.gaps
        self._lock(self._latest[first:])
        self._past_gaps += gaps
        self.relocked += 1
        self._locks_left -= 1
        self._trial_ends = self._seen + TRIAL_FRAMES

    def _unscored(self, reply: FollowedReply | None, why: str) -> list[FollowedReply]:
        return [] if reply is None else [replace(reply, scored=False, note=why)]


@dataclass(frozen=True, slots=True)
class _Trial:
    """One way to join: the state, pairs before the first frame, and what came of it."""

    state: GivenState
    count: int
    track: LensTrack
    replies: list[FollowedReply]

    @property
    def merit(self) -> tuple[int, int]:
        """Strict replies, then right bytes."""
        return sum(reply.strict for reply in self.replies), sum(equal_bytes(reply) for reply in self.replies)


_OPENING = "shows the phases and the state of the session"
_JOINING = "served to join the session"


def _phases(settings: LensSettings) -> dict[str, int]:
    return {phase.name: phase.value for phase in settings.phase}


def _is_lens(frame: DecodedFrame) -> bool:
    return frame.sender is Role.LENS


def _is_state(frame: DecodedFrame) -> bool:
    return frame.sender is Role.BODY and isinstance(frame.messages[0], BodyState)


def _whole_pairs(frames: Sequence[DecodedFrame]) -> int:
    """Whole pairs of the lens after the first `03`."""
    first = next((at for at, one in enumerate(frames) if _is_state(one)), len(frames))
    replies = [one.frame.payload for one in frames[first:] if _is_lens(one)]
    status = sum(payload[0] == LensStatus.TYPE for payload in replies)
    return min(status, sum(payload[0] != LensStatus.TYPE for payload in replies)) if replies else 0


MAX_TOGETHER = 64
"""Combinations that are tried together; of more phases, each is tried alone."""

MAX_ALONE = 256
"""Choices that are tried at most."""


def phase_choices(settings: LensSettings) -> Iterator[LensSettings]:
    """The settings with other values of their phases, besides their own."""
    own = tuple(phase.value for phase in settings.phase)
    for count, values in enumerate(_values(settings)):
        if count >= MAX_ALONE:
            return
        if values != own:
            phases = [structs.replace(phase, value=value) for phase, value in zip(settings.phase, values, strict=True)]
            yield structs.replace(settings, phase=phases)


def _values(settings: LensSettings) -> Iterator[tuple[int, ...]]:
    phases = settings.phase
    if prod(phase.modulus for phase in phases) <= MAX_TOGETHER:
        yield from product(*(range(phase.modulus) for phase in phases))
        return
    own = tuple(phase.value for phase in phases)
    for place, phase in enumerate(phases):
        for value in range(phase.modulus):
            yield (*own[:place], value, *own[place + 1 :])
