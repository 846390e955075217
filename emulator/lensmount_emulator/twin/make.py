"""Makes a twin from capture files: reads them, infers, scores on the part that was not used, and writes the profile."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from lensmount_emulator.comparison.reply_score import NoiseField, ReplyScore, describe_split, parse_split, stored_bytes
from lensmount_emulator.engine.dialect_roles import Place, get_roles, load_attribute, playable_dialects
from lensmount_emulator.engine.field_rules import FieldRule, Origin
from lensmount_emulator.engine.twin_traits import Replay, Reply, Session, TwinTraits
from lensmount_emulator.profiles.library import MAX_SIZE, Profile, load_profile
from lensmount_emulator.twin.advice import Advice, advise
from lensmount_emulator.twin.inference import Twin, infer_twin
from lensmount_emulator.twin.replays import get_replay
from lensmount_emulator.twin.scoring import (
    PlayedSession,
    ScoredPart,
    hold_states,
    lock_phases,
    merge_parts,
    noise_fields,
    play_session,
    states_of_replies,
)
from lensmount_emulator.twin.sessions import check_identity, file_hash, find_dialect, read_session
from lensmount_emulator.twin.states import UserState, find_user_states
from lensmount_emulator.twin.toml_text import format_toml
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import CaptureError, DialectError, ProfileError, unknown_name_message
from lensmount_protocol.wire import Role

IN_SAMPLE = "whole session, in sample"
_WHOLE = re.compile(r"100(\.0+)? ?%")


@dataclass(slots=True)
class TwinRequest:
    """What to make.

    Attributes:
        captures: the capture files.
        place: the device.
        train: share of each session that is learned from, such as `60%`; `100%` uses all and scores in sample.
        dialect: name of the dialect; `None` for the declared one.
        donor: a profile that gives what the captures lack; empty: none.
        leave_out: every n-th value of a state is left out and scored; 0: none.
        leave_out_state: that state; empty: the hidden state with the most values.
        tests: captures to score the twin on that it is not made from.
        name: name of the profile; empty: from the output file or the first capture.
        channels: line -> channel of a logic capture.
        samplerate: samples a second of captures that lack it.
    """

    captures: Sequence[Path]
    place: Place = Place.LENS
    train: str = "60%"
    dialect: str | None = None
    donor: str = ""
    leave_out: int = 0
    leave_out_state: str = ""
    tests: Sequence[Path] = ()
    name: str = ""
    channels: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    samplerate: float | None = None


@dataclass(slots=True)
class TwinResult:
    """A twin with its scores.

    Attributes:
        request: what was asked for.
        twin: the twin.
        profile: the text of its profile.
        score: the score on the part that the twin was not made from; with `100%` on the whole, in sample.
        whole: the score on the whole sessions, in sample.
        given: as `score`, with the states taken from the captures; `None` where no state is hidden.
        left_out: the score on the values that were left out, with the states given; `None` without.
        left_out_values: those values.
        tests: name of each test capture -> its scores, free-running and with the states given.
        advice: gaps, and what to capture next.
        user_states: states that only the user moves, and the fields that are wrong in free run because of them.
        hashes: name of each capture -> its SHA-256.
        gaps: why captures are incomplete, one line each.
    """

    request: TwinRequest
    twin: Twin
    profile: str
    score: ReplyScore
    whole: ReplyScore
    given: ReplyScore | None
    left_out: ReplyScore | None
    left_out_values: list[int]
    tests: dict[str, tuple[ReplyScore, ReplyScore | None]]
    advice: Advice
    hashes: dict[str, str]
    gaps: list[str]
    user_states: list[UserState] = field(default_factory=lambda: list[UserState]())

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON data: the counts of the scored part, and the rest in tables of their own."""
        twin = self.twin
        return self.score.as_dict() | {
            "role": twin.place.value,
            "dialect": twin.dialect,
            "captures": self.hashes,
            "gaps": self.gaps,
            "file_bytes": len(self.profile.encode()),
            "whole_session": self.whole.as_dict(),
            "states_given": None if self.given is None else self.given.as_dict(),
            "left_out": None if self.left_out is None else self.left_out.as_dict() | {"values": self.left_out_values},
            "tests": {
                name: {"free": free.as_dict(), "states_given": None if given is None else given.as_dict()}
                for name, (free, given) in self.tests.items()
            },
            "states": twin.states.values,
            "varying_states": twin.states.varying,
            "hidden_states": sorted(twin.states.hidden),
            "user_states": [one.as_dict() for one in self.user_states],
            "confounded": [list(pair) for pair in self.advice.confounded],
            "unidentified": self.advice.unidentified,
            "differing": self.advice.differing,
            "start_pairs": twin.start,
            "fields": field_rows(twin),
            "unknown_fields": self.advice.unknown,
            "never_seen": self.advice.never_seen,
            "donated": self.advice.donated,
            "next_captures": self.advice.next_captures,
        }


def field_rows(twin: Twin) -> list[dict[str, Any]]:
    """The ledger of the stream fields: how each was explained, and the next best hypotheses."""
    noise = {rule.name: rule for rule in twin.data.get("field", []) if rule.kind == "noise"}
    rows: list[dict[str, Any]] = []
    for one in twin.fitted:
        chosen = one.chosen
        values = {sample.value for sample in one.samples}
        kind = "noise" if one.name in noise else "const" if len(values) == 1 else chosen.kind
        rows.append(
            {
                "field": one.name,
                "kind": kind,
                "key": [name if not modulus else f"{name} modulo {modulus}" for name, modulus in chosen.key],
                "rows": len(chosen.rows),
                "seen": len(one.samples),
                "values": len(values),
                "right": round(one.settled_right, 4),
                "cost": round(chosen.cost, 2),
                "hypotheses": [
                    {
                        "kind": other.kind,
                        "key": [name if not modulus else f"{name} modulo {modulus}" for name, modulus in other.key],
                        "source": other.source,
                        "rows": len(other.rows),
                        "right": round(other.right, 4),
                        "cost": round(other.cost, 2),
                    }
                    for other in one.considered[:5]
                ],
            }
        )
    return rows


def get_twin_traits(dialect: str) -> TwinTraits:
    """The traits for twins of a dialect.

    Raises:
        DialectError: the dialect has none, or they cannot be imported.
    """
    place = get_roles(dialect).twin if dialect in playable_dialects() else ""
    if not place:
        known = [name for name in playable_dialects() if get_roles(name).twin]
        raise DialectError(unknown_name_message("dialect with twins", dialect, known))
    traits = load_attribute(place, f"twin traits of dialect {dialect!r}")
    if not isinstance(traits, TwinTraits):
        raise DialectError(f"dialect {dialect!r}: {place} is a {type(traits).__name__}, not a TwinTraits")
    return traits


READ, INFERRED, PLAYED = 0.15, 0.5, 0.8
"""Fractions of the work that are done when the captures are read, the twin is inferred, and it has played them."""


def make_twin(request: TwinRequest, progress: Callable[[float], None] = lambda _done: None) -> TwinResult:
    """Make a twin from capture files.

    Args:
        request: what to make.
        progress: takes the fraction of the work that is done.

    Raises:
        CaptureError: a capture is damaged, holds too little of the device, or is of another one.
        DialectError: the dialect has no twins, or the share is none.
        ProfileError: the donor is unknown or of another kind, or the profile cannot be used.
    """
    share = 1.0 if _WHOLE.fullmatch(request.train.strip()) else parse_split(request.train)
    dialect = find_dialect([*request.captures, *request.tests], request.dialect)
    traits = get_twin_traits(dialect.name)
    if request.place not in traits.stream_messages:
        places = ", ".join(place.value for place in traits.stream_messages)
        raise DialectError(f"twins of {dialect.name} are made of: {places}; not of a {request.place.value}")
    role = Role(request.place.value)
    donor = _load_donor(request.donor, dialect, role)
    sessions: list[Session] = []
    for number, path in enumerate(request.captures, 1):
        sessions.append(read_session(path, dialect, request.channels, request.samplerate))
        progress(READ * number / len(request.captures))
    unnamed = check_identity(sessions, request.place, traits)
    cuts = [_cut(session, role, share) for session in sessions]
    cut_places, training = [place for place, _ in cuts], [session for _, session in cuts]
    replay = get_replay(dialect, request.place, traits)
    try:
        twin = infer_twin(training, dialect.name, request.place, traits, replay, donor.settings if donor else None)
    except CaptureError as error:
        if share == 1:
            raise
        raise CaptureError(f"{error}, in its first {share * 100:g} %; or give a larger --train") from error
    progress(INFERRED)
    seen = {type(one).__name__ for session in training for frame in session.frames for one in frame.messages}
    donated = sorted(set(getattr(donor.settings, "messages", {})) - seen) if donor else []
    advice = advise(twin, training, traits, donated, unnamed)
    names = [path.name for path in request.captures]
    # Two captures of one name in two folders are two captures.
    hashes = {path.name if names.count(path.name) == 1 else str(path): file_hash(path) for path in request.captures}
    split = describe_split(share) if share < 1 else IN_SAMPLE

    # What a state was at the end of the training part is known; from there on it is held.
    settings = [twin.settings]
    if len(sessions) > 1:
        held = [hold_states(twin.settings, session, replay, traits) for session in training]
        settings = [lock_phases(one, part, replay, dialect) for one, part in zip(held, training, strict=True)]

    def play(*, given: bool) -> list[PlayedSession]:
        both = zip(settings, sessions, strict=True)
        return [play_session(held, session, replay, dialect, trained=True, given=given) for held, session in both]

    def scored(played: Sequence[PlayedSession], starts: Sequence[int], text: str) -> ReplyScore:
        parts = [one.part(place) for one, place in zip(played, starts, strict=True)]
        return _with_size(merge_parts(parts, twin.settings, split=text, noise=noise), twin)

    free = play(given=False)
    with_states = play(given=True) if twin.settings_states else free
    progress(PLAYED)
    settled = [pair for one, end in zip(with_states, cut_places, strict=True) for pair in one.settled_pairs(end)]
    noise = noise_fields(settled, traits)
    starts = cut_places if share < 1 else [0] * len(sessions)
    score = scored(free, starts, split)
    if not score.replies:
        raise CaptureError(
            f"{request.captures[0]}: nothing is left to score after the first {share * 100:g} % of its replies; "
            "give a longer capture, or a smaller --train"
        )
    hidden = bool(twin.states.hidden)
    result = TwinResult(
        request,
        twin,
        "",
        score,
        score if share == 1 else scored(free, [0] * len(sessions), IN_SAMPLE),
        scored(with_states, starts, f"{split}, states given") if hidden else None,
        None,
        [],
        {},
        advice,
        hashes,
        [f"{session.name}: {gap}" for session in sessions for gap in session.gaps],
    )
    _add_user_states(
        result,
        [reply for one, end in zip(free, cut_places, strict=True) for reply in one.replies[:end]],
        [reply for one, start in zip(free, starts, strict=True) for reply in one.replies[start:]],
        traits,
    )
    if request.leave_out:
        _leave_out(result, sessions, dialect, traits, donor)
    for path in request.tests:
        session = read_session(path, dialect, request.channels, request.samplerate)
        known = file_hash(path) in hashes.values()
        result.tests[path.name] = _test(twin, session, dialect, replay, noise, in_sample=known)
    result.profile = profile_text(result, share, donor)
    progress(1.0)
    return result


def _add_user_states(
    result: TwinResult, training: Sequence[Reply], scored: Sequence[Reply], traits: TwinTraits
) -> None:
    """Name the states that only the user moves, and the capture that shows their values."""
    if result.request.place is not Place.LENS:
        return
    given = None if result.given is None else result.given.differences
    keyed = {one.name: [name for name, _ in one.chosen.key] for one in result.twin.fitted}
    result.user_states = find_user_states(training, scored, result.score.differences, given, keyed, traits)
    lacking = [
        f"{traits.actions.get(one.name, f'change only {one.name}')}, over all values that are to play: the scored part "
        f"has {one.unseen} of {one.name} that the training part lacks; --train 100% takes these from the same captures"
        for one in result.user_states
        if one.unseen
    ]
    result.advice.next_captures[:0] = lacking


def _with_size(score: ReplyScore, twin: Twin) -> ReplyScore:
    score.twin_bytes = twin_size(twin.settings)
    return score


def twin_size(settings: Struct) -> int:
    """Bytes of the values that a twin stores; counts of its captures are no values."""
    rules: list[FieldRule] = getattr(settings, "field", [])
    if rules:
        settings = replace(settings, field=[replace(rule, seen=0, right=1.0) for rule in rules])
    return stored_bytes(settings)


def _load_donor(name: str, dialect: Dialect, role: Role) -> Profile | None:
    if not name:
        return None
    donor = load_profile(name, role)
    if donor.dialect != dialect.name:
        raise ProfileError(f"donor {name!r} speaks {donor.dialect}; the captures are {dialect.name}")
    return donor


def _cut(session: Session, role: Role, share: float) -> tuple[int, Session]:
    """The number of replies in the training part, and that part."""
    replies = [index for index, frame in enumerate(session.frames) if frame.sender is role]
    place = round(len(replies) * share)
    end = replies[place] if place < len(replies) else len(session.frames)
    return place, session.first(end)


def _test(
    twin: Twin, session: Session, dialect: Dialect, replay: Replay, noise: Sequence[NoiseField], *, in_sample: bool
) -> tuple[ReplyScore, ReplyScore | None]:
    scores: list[ReplyScore | None] = []
    for given in (False, True):
        if given and not twin.settings_states:
            scores.append(None)
            continue
        part = play_session(twin.settings, session, replay, dialect, trained=False, given=given).part(0)
        text = f"{session.name}, {'in sample' if in_sample else 'not used'}" + (", states given" if given else "")
        score = merge_parts([part], twin.settings, split=text, noise=noise)
        score.in_sample = in_sample
        scores.append(_with_size(score, twin))
    assert scores[0] is not None
    return scores[0], scores[1]


def _leave_out(
    result: TwinResult, sessions: Sequence[Session], dialect: Dialect, traits: TwinTraits, donor: Profile | None
) -> None:
    """Score a twin that is made without every n-th value of a state, on those values, with the states given."""
    request, states = result.request, result.twin.states
    replay = get_replay(dialect, request.place, traits)
    full = infer_twin(sessions, dialect.name, request.place, traits, replay, donor.settings if donor else None)
    states = full.states
    names = (request.leave_out_state and [request.leave_out_state]) or sorted(
        states.hidden, key=lambda name: -len(states.values[name])
    )
    if not names or names[0] not in states.values:
        known = ", ".join(states.varying) or "none"
        raise CaptureError(f"--leave-out: no state to leave values out of; states that change in the captures: {known}")
    name, n = names[0], request.leave_out
    values = states.values[name]
    # The first and the last value stay, because nothing is extrapolated.
    out = {value for index, value in enumerate(values[:-1]) if index % n == n - 1}
    if not out:
        raise CaptureError(
            f"--leave-out: {name} has {len(values)} values; leaving out every {n}. of them leaves none out"
        )
    twin = infer_twin(
        sessions,
        dialect.name,
        request.place,
        traits,
        replay,
        donor.settings if donor else None,
        keep=lambda inputs: inputs.get(name) not in out,
    )
    parts: list[ScoredPart] = []
    for session in sessions:
        found = states_of_replies(twin.settings, session, replay, traits)

        def kept(reply: Reply, found: Mapping[int, Mapping[str, int]] = found) -> bool:
            return reply.pair >= 0 and found.get(reply.pair, {}).get(name) in out

        played = play_session(twin.settings, session, replay, dialect, trained=True, given=True)
        parts.append(played.part(0, kept))
    text = f"every {n}. value of {name} left out ({len(out)} of {len(values)}), states given"
    score = merge_parts(parts, twin.settings, split=text, noise=result.score.noise)
    score.in_sample = False
    result.left_out, result.left_out_values = _with_size(score, twin), sorted(out)


def profile_text(result: TwinResult, share: float, donor: Profile | None) -> str:
    """The profile of a twin as TOML.

    Raises:
        ProfileError: it is longer than profiles may be.
    """
    request, twin, score = result.request, result.twin, result.score
    name = request.name or _profile_name(request.captures[0].stem)
    counts = {
        "replies": score.replies,
        "strict": score.strict,
        "within_noise": score.within_noise,
        "informative_bytes": score.informative_bytes,
        "informative_exact": score.informative_exact,
    }
    origin = Origin(
        captures=result.hashes,
        train=share,
        score={key: float(value) for key, value in counts.items()},
        never_seen=result.advice.never_seen,
        donor="" if donor is None else donor.name,
        donated=result.advice.donated,
        confounded=[" and ".join(pair) for pair in result.advice.confounded],
    )
    data = {key: value for key, value in twin.data.items() if value not in ({}, [])} | {"origin": origin}
    head = {
        "profile": {
            "name": name,
            "title": f"Twin of the {twin.place.value} in {', '.join(result.hashes)}",
            "role": twin.place.value,
            "dialect": twin.dialect,
            "notes": "Inferred by `lensmount twin`; see [origin].",
        }
    }
    scalars = {key: value for key, value in data.items() if not isinstance(value, dict | list | Origin)}
    text = format_toml(scalars | head | {key: value for key, value in data.items() if key not in scalars})
    if len(text.encode()) > MAX_SIZE:
        raise ProfileError(
            f"the twin takes {len(text.encode())} bytes, and a profile may have {MAX_SIZE}; give fewer captures"
        )
    return text


def _profile_name(stem: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", stem.lower()).strip("-") or "twin"
