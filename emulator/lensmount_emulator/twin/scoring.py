"""Scores a twin on a part of a session that it was not made from, in the vocabulary of `fidelity`."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from msgspec import Struct
from msgspec.structs import replace as with_values

from lensmount_emulator.comparison.reply_score import (
    NoiseField,
    ReplyPair,
    ReplyScore,
    is_strict,
    score_replies,
    signed_offset,
)
from lensmount_emulator.engine.field_rules import SessionPhase, StateVariable, split_name
from lensmount_emulator.engine.twin_traits import Replay, Reply, Session, TwinTraits
from lensmount_emulator.twin.states import early_states, states_by_pair
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.describe import message_name
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message
from lensmount_protocol.payload import build_payload
from lensmount_protocol.wire import Role

LOCK_PAIRS = 3
"""Pairs of a session from which its phases are taken."""

MAX_LOCKS = 64
"""Combinations of phases that are tried together; more are tried one phase after the other."""

SETTLED_PAIRS = 8
"""First pairs of a stream that do not count for noise: the device settles."""

RECENT_PAIRS = 8
"""Last pairs that decide on the value at which a state is held."""

NOISE_OFFSET = 16
"""Largest offset of a measured field that counts as noise."""


def to_pairs(replies: Iterable[Reply], dialect: Dialect) -> list[ReplyPair]:
    """Each captured frame with the twin's frame, as the scorer of replays takes them."""
    return [(reply.captured, _our_frame(reply, dialect)) for reply in replies]


def _our_frame(reply: Reply, dialect: Dialect) -> DecodedFrame | None:
    captured = reply.captured
    if not reply.ours:
        return None
    try:
        payload = build_payload(reply.ours)
        raw = dialect.build_frame(payload, captured.frame.class_, reply.sequence)
    except MountError:
        return None
    begin = captured.frame.payload_slice.start or 0
    place = slice(begin, begin + len(payload))
    frame = Frame(raw, captured.frame.offset, captured.frame.class_, reply.sequence, place, list(reply.ours))
    return replace(captured, frame=frame)


def lock_phases(settings: Struct, session: Session, replay: Replay, dialect: Dialect, *, skip: int = 0) -> Struct:
    """Return the twin with the phases of a session, which its first pairs show; see `lock_window`."""
    return lock_window(settings, session, replay, dialect, skip=skip)[0]


def lock_window(
    settings: Struct, session: Session, replay: Replay, dialect: Dialect, *, skip: int = 0
) -> tuple[Struct, int]:
    """Return the twin with the phases of a session, and the first of the pairs that they were taken from.

    A stream may start with pairs that no phase gives. So the phases come from the first pairs that some phase gives to
    the last byte; where there are none, from those that any gives best.

    Args:
        settings: the twin.
        session: the session.
        replay: of its place.
        dialect: the dialect.
        skip: pairs that are left out first, because the session starts in them.
    """
    phases: list[SessionPhase] = getattr(settings, "phase", [])
    if not phases:
        return settings, 0
    head = _head(session, replay, settings, skip + MAX_SEARCHED)
    combinations: Iterable[tuple[int, ...]] = product(*(range(phase.modulus) for phase in phases))
    if prod(phase.modulus for phase in phases) > MAX_LOCKS:
        combinations = _one_by_one(phases)
    tried: list[tuple[Struct, dict[int, _PairScore]]] = []
    for values in combinations:
        candidate = with_values(
            settings, phase=[with_values(phase, value=value) for phase, value in zip(phases, values, strict=True)]
        )
        tried.append((candidate, _pair_scores(replay(candidate, head, True), dialect)))
    pairs = sorted(pair for pair in tried[0][1] if pair >= skip)
    starts = range(max(1, len(pairs) - LOCK_PAIRS + 1))
    for start in starts:
        window = pairs[start : start + LOCK_PAIRS]
        strict = [one for one in tried if all(one[1][pair].strict for pair in window if pair in one[1])]
        if 0 < len(strict) < len(tried) and len(window) == LOCK_PAIRS:
            # Where several phases give the window, the one that gives most of the pairs up to it.
            before = {pair for pair in pairs if pair <= window[-1]}
            return max(strict, key=lambda one: _right_bytes(s for pair, s in one[1].items() if pair in before))[
                0
            ], window[0]
    window = pairs[:LOCK_PAIRS]
    best = max(tried, key=lambda one: _right_bytes(score for pair, score in one[1].items() if pair in window))
    return best[0], window[0] if window else 0


MAX_SEARCHED = 13
"""First pairs of a stream among which those are looked for that show its phases."""


@dataclass(slots=True)
class _PairScore:
    """How well a twin gives the replies of one pair."""

    strict: bool = True
    right: int = 0


def _pair_scores(replies: Iterable[Reply], dialect: Dialect) -> dict[int, _PairScore]:
    found: dict[int, _PairScore] = {}
    for reply in replies:
        if reply.pair < 0:
            continue
        score = found.setdefault(reply.pair, _PairScore())
        for captured, ours in to_pairs((reply,), dialect):
            score.strict = score.strict and is_strict(captured, ours)
            if ours is not None:
                score.right += sum(a == b for a, b in zip(captured.frame.payload, ours.frame.payload, strict=False))
    return found


def _right_bytes(scores: Iterable[_PairScore]) -> int:
    return sum(score.right for score in scores)


def _one_by_one(phases: Sequence[SessionPhase]) -> Iterable[tuple[int, ...]]:
    base = [phase.value for phase in phases]
    yield tuple(base)
    for index, phase in enumerate(phases):
        for value in range(phase.modulus):
            yield (*base[:index], value, *base[index + 1 :])


def _head(session: Session, replay: Replay, settings: Struct, skip: int) -> Session:
    """The session up to the last pair that phases are taken from."""
    pairs: set[int] = set()
    taken = 0
    for reply in replay(settings, session, True):
        taken += 1
        if reply.pair >= 0:
            pairs.add(reply.pair)
        if len(pairs) > LOCK_PAIRS + skip:
            break
    place = 0
    for frame in session.frames:
        taken -= frame.sender is Role.LENS
        if taken < 0:
            break
        place += 1
    return session.first(place)


def noise_fields(pairs: Sequence[ReplyPair], traits: TwinTraits) -> list[NoiseField]:
    """The measured fields that differ in the training part by small offsets, with how often each offset occurs."""
    offsets: dict[tuple[str, str], Counter[int]] = {}
    for captured, ours in pairs:
        if ours is None or len(captured.messages) != len(ours.messages):
            continue
        for theirs, mine in zip(captured.messages, ours.messages, strict=True):
            if isinstance(theirs, Message) and type(theirs) is type(mine):
                for spec in theirs.FIELDS:
                    name = (message_name(theirs), spec.name)
                    if ".".join(name) in traits.measured:
                        values = (getattr(theirs, spec.name), getattr(mine, spec.name))
                        offsets.setdefault(name, Counter()).update(_offsets(*values, spec.size))
    small = {
        name: {offset: times for offset, times in counts.items() if abs(offset) <= NOISE_OFFSET}
        for name, counts in offsets.items()
    }
    return [NoiseField(*name, counts) for name, counts in sorted(small.items()) if set(counts) - {0}]


def _offsets(captured: Any, ours: Any, size: int) -> list[int]:
    if isinstance(captured, bytes) and isinstance(ours, bytes):
        return [signed_offset(a, b, 1) for a, b in zip(captured, ours, strict=False)]
    return [signed_offset(int(captured), int(ours), size)]


@dataclass(slots=True)
class ScoredPart:
    """The replies of one session, divided.

    Attributes:
        training: the pairs of the replies before the scored part.
        scored: the scored replies.
        pairs: their pairs.
        unscored: number of replies that were used to join or to take phases from.
        phases: the phases of the session.
        given: whether states were taken from the capture.
        trained: whether the twin was made from the session.
    """

    training: list[ReplyPair]
    scored: list[Reply]
    pairs: list[ReplyPair]
    unscored: int
    phases: dict[str, int]
    given: bool
    trained: bool


@dataclass(slots=True)
class PlayedSession:
    """A session that was played to a twin, of which parts can be scored.

    Attributes:
        settings: the twin, with the phases of the session.
        replies: the replies.
        pairs: for each of them the captured frame and the twin's.
        locked: the identities of the replies from which phases were taken.
        given: whether states were taken from the capture.
        trained: whether the twin was made from the session.
    """

    settings: Struct
    replies: list[Reply]
    pairs: list[ReplyPair]
    locked: set[int]
    given: bool
    trained: bool

    def part(self, place: int, keep: Callable[[Reply], bool] = lambda _reply: True) -> ScoredPart:
        """Return the part from a reply on, by its number; `keep` is whether a reply is scored."""
        rest = zip(self.replies[place:], self.pairs[place:], strict=True)
        wanted = [(reply, pair) for reply, pair in rest if keep(reply)]
        scored = [(reply, pair) for reply, pair in wanted if not reply.joins and id(reply) not in self.locked]
        return ScoredPart(
            self.pairs[:place],
            [reply for reply, _ in scored],
            [pair for _, pair in scored],
            len(wanted) - len(scored),
            {phase.name: phase.value for phase in getattr(self.settings, "phase", [])},
            self.given,
            self.trained,
        )

    def settled_pairs(self, end: int) -> list[ReplyPair]:
        """Return the pairs of the stream before a reply, by its number, without those in which the device settles."""
        found = zip(self.replies[:end], self.pairs, strict=False)
        return [pair for reply, pair in found if reply.pair >= SETTLED_PAIRS]


def play_session(
    settings: Struct, session: Session, replay: Replay, dialect: Dialect, *, trained: bool, given: bool = False
) -> PlayedSession:
    """Play a session to a twin.

    Args:
        settings: the twin.
        session: the session.
        replay: of its place.
        dialect: the dialect.
        trained: whether the twin was made from the session; if not, its phases come from the first pairs.
        given: whether states are taken from the capture.
    """
    locked = first = 0
    if not trained:
        settings, first = lock_window(settings, session, replay, dialect)
        locked = LOCK_PAIRS if getattr(settings, "phase", []) else 0
    replies = list(replay(settings, session, given))
    return PlayedSession(
        settings, replies, to_pairs(replies, dialect), locked_replies(replies, locked, first), given, trained
    )


def merge_parts(
    parts: Sequence[ScoredPart],
    settings: Struct,
    *,
    split: str,
    noise: Sequence[NoiseField],
) -> ReplyScore:
    """Score the parts of several sessions together.

    Args:
        parts: the parts.
        settings: the twin.
        split: which part is scored, as text.
        noise: noise fields of the training.
    """
    training = [pair for part in parts for pair in part.training]
    scored = [reply for part in parts for reply in part.scored]
    requested = {id(reply.captured) for reply in scored if reply.pair < 0}
    score = score_replies(
        [pair for part in parts for pair in part.pairs],
        training=training,
        noise=noise,
        split=split,
        in_sample=not training and all(part.trained for part in parts),
        is_requested=lambda frame: id(frame) in requested,
    )
    score.unscored = sum(part.unscored for part in parts)
    for part in parts:
        score.phases |= part.phases
    if any(part.given for part in parts):
        score.given = given_bytes(settings, scored)
    for reply in scored:
        for name, count in reply.given.items():
            score.given[name] = score.given.get(name, 0) + count
    return score


def locked_replies(replies: Sequence[Reply], pairs: int, first: int) -> set[int]:
    """The identities of the replies of the pairs, from a first one on, from which phases were taken."""
    if not pairs:
        return set()
    if any(reply.joins for reply in replies):
        # The pairs that the engine joined with gave the phases, too.
        return set()
    numbers: list[int] = []
    found: set[int] = set()
    for reply in replies:
        if reply.pair < first or reply.pair < 0 or reply.joins:
            continue
        if reply.pair not in numbers:
            numbers.append(reply.pair)
        if len(numbers) > pairs:
            break
        found.add(id(reply))
    return found


def given_bytes(settings: Struct, scored: Sequence[Reply]) -> dict[str, int]:
    """State -> bytes that were taken from the captured replies."""
    states: dict[str, StateVariable] = getattr(settings, "state", {})
    found: dict[str, int] = {}
    for name, state in states.items():
        owner, field = split_name(state.field)
        for reply in scored:
            for message in reply.captured.messages:
                if type(message).__name__ == owner and isinstance(message, Message):
                    size = next(spec.size for spec in message.FIELDS if spec.name == field)
                    found[name] = found.get(name, 0) + size
    return found


def states_of_replies(
    settings: Struct, session: Session, replay: Replay, traits: TwinTraits
) -> dict[int, dict[str, int]]:
    """Pair -> the captured values of all states of the dialect."""
    return states_by_pair([reply for reply in replay(settings, session, False) if reply.pair >= 0], traits)


def hold_states(settings: Struct, session: Session, replay: Replay, traits: TwinTraits) -> Struct:
    """The twin with its states as they are at the end of a session."""
    states: dict[str, StateVariable] = getattr(settings, "state", {})
    pairs = list(states_of_replies(settings, session, replay, traits).values())[-RECENT_PAIRS:]
    latest: dict[str, int] = {}
    for name in traits.states:
        values = Counter(pair[name] for pair in pairs if name in pair)
        if values:
            latest[name] = values.most_common(1)[0][0]
    found = {
        name: state if state.initial is None else with_values(state, initial=latest.get(name, state.initial))
        for name, state in states.items()
    }
    if states:
        settings = with_values(settings, state=found)
    return traits.hold(settings, early_states(list(replay(settings, session, False)), traits))
