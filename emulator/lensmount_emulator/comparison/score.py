"""The score of an engine against a captured device: matched frames, compared fields, and timing rules."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lensmount_emulator.comparison.differences import Differences, composition, describe_differences
from lensmount_emulator.comparison.session_loss import SessionLoss
from lensmount_emulator.engine.profile_values import IgnoredField
from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.describe import message_name
from lensmount_protocol.payload import message_type
from lensmount_protocol.timing import TimingResult


@dataclass(slots=True)
class Score:
    """The result of a replay.

    Attributes:
        role: the end that our engine emulated.
        requests: requests of the peer (to a lens), or its replies (to a body).
        expected: frames of the captured device that an engine can be expected to send.
        answered: of those, frames that our engine sent too.
        right_type: of those, frames with the same messages in the same order.
        exact: of those, frames equal to the byte outside the profile's variable fields.
        windows: of those, frames with equal padding as well.
        surplus: frames that only our engine sent.
        gapless: whether the capture would have shown them; a sniffer's log can lose lines.
        ignored: variable fields that did differ, each with how often.
        differences: per message and field, how many bytes differ how often; frames not sent or of other types.
        lost: the frame at which our engine failed to join or stopped following; `None` if it answered to the end.
        incomplete: missing parts of the source, as text.
        first_divergence: the first difference, as text; `""` if there is none.
        timing: the contract's rules as measured on our engine's edges and frames.
        declared: the profile's variable fields.
    """

    role: str
    requests: int = 0
    gapless: bool = True
    expected: int = 0
    answered: int = 0
    right_type: int = 0
    exact: int = 0
    windows: int = 0
    surplus: int = 0
    ignored: dict[str, int] = field(default_factory=lambda: dict[str, int]())
    differences: Differences = field(default_factory=Differences)
    lost: SessionLoss | None = None
    incomplete: list[str] = field(default_factory=lambda: list[str]())
    first_divergence: str = ""
    timing: list[TimingResult] = field(default_factory=lambda: list[TimingResult]())
    declared: list[str] = field(default_factory=lambda: list[str]())

    @property
    def rules_held(self) -> int:
        """Rules that were met and never broken."""
        return sum(bool(rule.intervals_us) and not rule.violations for rule in self.timing)

    @property
    def rules_violated(self) -> int:
        """Rules that were broken at least once."""
        return sum(bool(rule.violations) for rule in self.timing)

    def as_dict(self) -> dict[str, Any]:
        """The score as JSON data."""
        counts = ("role", "expected", "answered", "right_type", "exact", "windows", "surplus", "perfect")
        return {name: getattr(self, name) for name in counts} | {
            "requests": self.requests,
            "ignored": self.ignored,
            "first_divergence": self.first_divergence or None,
            "lost": None if self.lost is None else self.lost.as_dict(),
            "incomplete": self.incomplete,
            "differences": self.differences.as_dict(),
            "timing": {
                "held": self.rules_held,
                "violated": self.rules_violated,
                "rules": {
                    rule.rule.name: {
                        "count": len(rule.intervals_us),
                        "min_us": min(rule.intervals_us),
                        "median_us": rule.median_us,
                        "max_us": max(rule.intervals_us),
                        "violations": rule.violation_count,
                    }
                    for rule in self.timing
                    if rule.intervals_us
                },
            },
        }

    @property
    def perfect(self) -> bool:
        """Whether the replay has no defect."""
        complete = self.expected == self.exact == self.windows
        followed = self.lost is None and not self.incomplete
        return complete and followed and not self.rules_violated and not (self.surplus and self.gapless)

    def record_divergence(self, what: str) -> None:
        """Store the first difference."""
        self.first_divergence = self.first_divergence or what


@dataclass(slots=True)
class FidelityResult:
    """The result of a capture replayed against an engine.

    Attributes:
        score: the score.
        captured: the decoded capture.
        ours: the same session with our engine in the device's place, decoded.
    """

    score: Score
    captured: list[Decoded]
    ours: list[Decoded]


def match_frames(
    score: Score, captured: Sequence[DecodedFrame], ours: Sequence[DecodedFrame], variable: Iterable[IgnoredField]
) -> list[tuple[DecodedFrame, DecodedFrame | None]]:
    """Match the frames of the captured device with those of our engine, count equal ones, and return the pairs."""
    allowed = {(entry.message, entry.field): entry.frames for entry in variable}
    pairs, score.surplus = _match(captured, ours)
    score.expected = len(captured)
    seen: dict[str, int] = {}
    for theirs, mine in pairs:
        first = message_name(theirs.messages[0])
        number = seen[first] = seen.get(first, -1) + 1
        if mine is None:
            score.record_divergence(f"{_frame_position(theirs)}: {composition(theirs)} was not sent")
            score.differences.missing[composition(theirs)] += 1
            continue
        score.answered += 1
        excused = {key for key, frames in allowed.items() if not frames or number < frames}
        _compare_pair(score, theirs, mine, excused)
    return pairs


def _compare_pair(score: Score, theirs: DecodedFrame, mine: DecodedFrame, ignored: Collection[tuple[str, str]]) -> None:
    if [message_type(message) for message in theirs.messages] != [message_type(message) for message in mine.messages]:
        score.record_divergence(f"{_frame_position(theirs)}: {composition(mine)} instead of {composition(theirs)}")
        score.differences.wrong[composition(theirs), composition(mine)] += 1
        return
    score.right_type += 1
    score.differences.compare(theirs, mine, ignored)
    differences = [] if theirs.frame.raw == mine.frame.raw else list(describe_differences(theirs, mine))
    for key, _ in differences:
        if key in ignored:
            name = ".".join(key)
            score.ignored[name] = score.ignored.get(name, 0) + 1
    forbidden = [text for key, text in differences if key not in ignored]
    if forbidden:
        score.record_divergence(f"{_frame_position(theirs)}: {'; '.join(forbidden)}")
        return
    score.exact += 1
    if len(theirs.padding) == len(mine.padding) or not score.gapless:
        score.windows += 1
        # The padding after a body's frame is old content of its buffer; only its length counts.
        if theirs.padding != mine.padding and score.gapless:
            score.ignored[PADDING] = score.ignored.get(PADDING, 0) + 1
    else:
        score.record_divergence(
            f"{_frame_position(theirs)}: {len(mine.padding)} pad bytes instead of {len(theirs.padding)}"
        )


PADDING = "content of padding"

LOOKAHEAD = 6
"""Frames that a match may skip on our side; an engine that runs wild gets no accidental match further on."""


def _match(
    captured: Sequence[DecodedFrame], ours: Sequence[DecodedFrame]
) -> tuple[list[tuple[DecodedFrame, DecodedFrame | None]], int]:
    """Pair frames in order, by their kind; frames that our side skipped are surplus."""
    pairs: list[tuple[DecodedFrame, DecodedFrame | None]] = []
    position = surplus = 0
    for theirs in captured:
        window = range(position, min(position + LOOKAHEAD, len(ours)))
        best = next((at for at in window if _is_same_frame(theirs, ours[at])), None)
        if best is None:
            best = next((at for at in window if _is_same_kind(theirs, ours[at])), None)
        if best is None:
            pairs.append((theirs, None))
            continue
        surplus += best - position
        pairs.append((theirs, ours[best]))
        position = best + 1
    return pairs, surplus


def _is_same_frame(theirs: DecodedFrame, mine: DecodedFrame) -> bool:
    return _is_same_kind(theirs, mine) and theirs.frame.sequence == mine.frame.sequence


def _is_same_kind(theirs: DecodedFrame, mine: DecodedFrame) -> bool:
    types = {message_type(message) for message in theirs.messages}
    return bool(types & {message_type(message) for message in mine.messages})


def _frame_position(frame: DecodedFrame) -> str:
    return "without a time" if frame.at is None else f"at {frame.at * 1e3:.3f} ms"
