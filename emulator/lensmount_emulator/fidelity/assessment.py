"""The assessment of a profile on a capture: followed replies, a split, learned noise, controls, and the timed replay.

`assess` counts the replies of the scored part. It notes whether they made the profile, and adds two controls:
the training part, which is always printed as in sample, and the same score with the captured replies shuffled.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from lensmount_emulator.comparison.follower import FollowedReply, SessionFacts
from lensmount_emulator.comparison.noise import learn_noise, rule_noise
from lensmount_emulator.comparison.reply_score import (
    WHOLE_SESSION,
    NoiseField,
    ReplyPair,
    ReplyScore,
    describe_split,
    is_strict,
    score_replies,
    shuffled,
    split_replies,
    stored_bytes,
)
from lensmount_emulator.comparison.score import Score
from lensmount_emulator.engine.dialect_roles import FuzzTraits, get_roles
from lensmount_emulator.engine.field_rules import Origin
from lensmount_emulator.fidelity.capture_replay import replay_capture
from lensmount_emulator.fidelity.session_follower import follow_session
from lensmount_emulator.profiles.library import Profile
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Role, WireRecord

CONTROL_SEED = 1
"""Seed of the shuffled control, so that a figure can be repeated."""

FOLLOWED, SCORED = 0.4, 0.5
"""Fractions of the work that are done when the capture is followed, and when its replies are scored."""

PROGRESS_RECORDS = 1000
"""Records after which the progress is reported again."""


@dataclass(slots=True)
class Assessment:
    """What a profile reaches on a capture.

    Attributes:
        score: the scored part.
        training: the training part, in sample; `None` without a split.
        control: the scored part with the captured replies of each kind shuffled; only `replies` and `strict` count.
        replies: every frame of the device, followed.
        joined_at: frames before the engine joined; 0 for a session from its start.
        gaps: places where the capture lacks frames of the peer.
        relocked: how often phases were locked again after a gap.
        notes: facts for the user.
        replay: the replay with the capture's own timing; `None` where the session cannot be replayed so.
        no_replay: why there is no such replay; `""` where there is one.
        incomplete: missing parts of the source, as text.
    """

    score: ReplyScore
    training: ReplyScore | None
    control: ReplyScore
    replies: list[FollowedReply]
    joined_at: int
    gaps: int
    relocked: int
    notes: list[str]
    replay: Score | None = None
    no_replay: str = ""
    incomplete: list[str] = field(default_factory=lambda: list[str]())

    @property
    def perfect(self) -> bool:
        """Whether something was scored, and every scored reply is strict or within what the profile declares.

        A session from its start must also keep the timing rules that its capture shows.
        """
        score = self.score
        if not score.replies or score.not_sent or self.incomplete:
            return False
        if self.replay is not None and not self.joined_at and not self.gaps:
            return self.replay.perfect
        return score.within_noise == score.replies

    def as_dict(self) -> dict[str, Any]:
        """The assessment as JSON data; the score's own keys are at the top."""
        return self.score.as_dict() | {
            "perfect": self.perfect,
            "training": None if self.training is None else self.training.as_dict(),
            "shuffled": {"strict": self.control.strict, "replies": self.control.replies},
            "joined_at": self.joined_at,
            "gaps": self.gaps,
            "relocked": self.relocked,
            "notes": self.notes,
            "incomplete": self.incomplete,
            "outside_declared_fields": None if self.replay is None else self.replay.as_dict(),
            "no_replay": self.no_replay or None,
        }


def assess(
    records: Sequence[WireRecord],
    dialect: Dialect,
    profile: Profile,
    *,
    split: float | None = None,
    in_sample: bool = False,
    noise: Sequence[NoiseField] | None = None,
    give_state: bool = False,
    progress: Callable[[float], None] = lambda _done: None,
) -> Assessment:
    """Follow a capture with a profile's engine, and score the frames of the device.

    Args:
        records: the capture.
        dialect: its dialect.
        profile: the profile that takes its end's place.
        split: share of the session that is the training part; `None` scores the whole session.
        in_sample: whether the profile was made from the scored part.
        noise: noise fields; `None` takes those of the profile's rules, and learns others from the training part.
        give_state: whether the state of the device is taken from its first replies, which then do not count.
        progress: takes the fraction of the work that is done.

    Raises:
        CaptureError: the capture holds no frame of one end.
        DialectError: the dialect has no engines.
    """
    session = follow_session(dialect, profile, give_state=give_state)
    replies: list[FollowedReply] = []
    for number, record in enumerate(records):
        replies += session.feed(record)
        if not number % PROGRESS_RECORDS:
            progress(FOLLOWED * number / len(records))
    replies += session.finish()
    for role, why in ((profile.role.peer, "to replay"), (profile.role, "to compare with")):
        if not session.frames[role]:
            raise CaptureError(f"the capture holds no frame of the {role.value}, so there is nothing {why}")
    result = assess_replies(replies, session.facts, dialect, profile, split=split, in_sample=in_sample, noise=noise)
    progress(SCORED)
    result.incomplete = [one.text for one in records if isinstance(one, Annotation) and one.incomplete]
    _add_replay(result, records, dialect, profile)
    progress(1.0)
    return result


def assess_replies(
    replies: Sequence[FollowedReply],
    facts: SessionFacts,
    dialect: Dialect,
    profile: Profile,
    *,
    split: float | None = None,
    in_sample: bool = False,
    noise: Sequence[NoiseField] | None = None,
) -> Assessment:
    """Score replies that were followed already; see `assess`."""
    traits = get_roles(dialect.name).fuzz_traits
    pairs = [reply.pair for reply in replies if reply.scored]
    training, scored = ([], pairs) if split is None else split_replies(pairs, split)
    learned = list(noise) if noise is not None else _noise(profile, training)
    text = WHOLE_SESSION if split is None else describe_split(split)

    def count(part: Sequence[ReplyPair], text: str, *, in_sample: bool) -> ReplyScore:
        before = training if part is scored else []
        score = score_replies(
            part, training=before, noise=learned, split=text, in_sample=in_sample,
            is_requested=lambda frame: _is_requested(frame, traits),
        )  # fmt: skip
        score.phases, score.given = dict(facts.phases), dict(facts.given)
        score.unscored = len(replies) - len(pairs)
        score.twin_bytes = stored_bytes(profile.settings)
        return score

    return Assessment(
        score=count(scored, text, in_sample=in_sample),
        training=count(training, f"training part of {text}", in_sample=True) if training else None,
        control=_control(scored),
        replies=list(replies),
        joined_at=facts.joined_at,
        gaps=facts.gaps,
        relocked=facts.relocked,
        notes=list(facts.notes),
    )


def _control(scored: Sequence[ReplyPair]) -> ReplyScore:
    """Shuffle the scored replies, and count the strict ones."""
    pairs = shuffled(scored, Random(CONTROL_SEED))
    return ReplyScore(replies=len(pairs), strict=sum(is_strict(*pair) for pair in pairs))


def _noise(profile: Profile, training: Sequence[ReplyPair]) -> list[NoiseField]:
    declared = rule_noise(profile.settings)
    names = {one.name for one in declared}
    return [*declared, *(one for one in learn_noise(training) if one.name not in names)]


def _is_requested(frame: DecodedFrame, traits: FuzzTraits) -> bool:
    """Whether a frame is a request or answers one, and is no frame of the stream."""
    key = traits.reply_key if frame.sender is Role.LENS else traits.request_key
    return key(frame.frame) is not None


def _add_replay(result: Assessment, records: Sequence[WireRecord], dialect: Dialect, profile: Profile) -> None:
    """Replay with the capture's own timing too; that measures timing rules, and counts outside declared fields."""
    if not get_roles(dialect.name).capture_replay:
        result.no_replay = (
            f"captures of the dialect {dialect.name} are followed, and not replayed with their own timing"
        )
        return
    try:
        result.replay = replay_capture(records, dialect, profile).score
    except CaptureError as error:
        result.no_replay = str(error)


def was_made_from(profile: Profile, capture: Path, split: float | None = None) -> bool:
    """Whether a profile was made from the scored part of a capture.

    Its sources may name the capture, or its origin the hash of it. A profile that was made from the first part of a
    session has not seen the rest.

    Args:
        profile: the profile.
        capture: the file.
        split: share of the session that is not scored; `None` scores all of it.
    """
    origin = getattr(profile.settings, "origin", None)
    if isinstance(origin, Origin) and origin.captures:
        seen = capture.is_file() and file_hash(capture) in origin.captures.values()
        return seen and (split is None or origin.train > split)
    texts = [*profile.sources.values(), profile.notes]
    return any(capture.name in text or (len(capture.stem) > MIN_NAME and capture.stem in text) for text in texts)


def file_hash(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


MIN_NAME = 8
"""Shortest stem of a file name that is looked for in the sources of a profile."""
