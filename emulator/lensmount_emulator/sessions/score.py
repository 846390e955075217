"""How close an engine comes to a captured device: frames matched, fields compared, timing rules counted."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lensmount_emulator.roles.wording import Variable
from lensmount_emulator.sessions.field_differences import Differences
from lensmount_emulator.sessions.following import Lost
from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.describe import name_of, show_value
from lensmount_protocol.message import Message
from lensmount_protocol.paving import AnyMessage, type_of
from lensmount_protocol.timing import Measurement


@dataclass(slots=True)
class Score:
    """What a replay came to.

    Attributes:
        role: the end that our engine played.
        requests: questions that the peer asked (of a lens), or answers that it gave (to a body).
        expected: frames that the captured device sent, as far as they can be asked of an engine.
        answered: of those, frames that our engine sent too.
        right_type: of those, frames with the same messages in the same order.
        exact: of those, frames equal to the byte outside the profile's variable fields.
        windows: of those, frames whose padding was equal as well.
        surplus: frames that only our engine sent.
        gapless: whether the capture would have shown them; a sniffer's log can lose lines.
        ignored: variable fields that did differ, each with how often.
        differences: per message and field, how many bytes differ how often; frames not sent or of other types.
        lost: where our engine did not join or stopped following; `None` where it answered to the end.
        incomplete: parts of the source that are missing, in words.
        first_divergence: the first difference, in words; `""` where there is none.
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
    lost: Lost | None = None
    incomplete: list[str] = field(default_factory=lambda: list[str]())
    first_divergence: str = ""
    timing: list[Measurement] = field(default_factory=lambda: list[Measurement]())
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
        """The score as JSON carries it."""
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
                        "violations": rule.broken,
                    }
                    for rule in self.timing
                    if rule.intervals_us
                },
            },
        }

    @property
    def perfect(self) -> bool:
        """Whether nothing was found wanting."""
        complete = self.expected == self.exact == self.windows
        followed = self.lost is None and not self.incomplete
        return complete and followed and not self.rules_violated and not (self.surplus and self.gapless)

    def diverge(self, what: str) -> None:
        """Remember the first difference."""
        self.first_divergence = self.first_divergence or what


@dataclass(slots=True)
class Replay:
    """A capture played against an engine.

    Attributes:
        score: how close it came.
        captured: what the capture says, decoded.
        ours: the same session with our engine in the device's place, decoded.
    """

    score: Score
    captured: list[Decoded]
    ours: list[Decoded]


def compare(
    score: Score, captured: Sequence[DecodedFrame], ours: Sequence[DecodedFrame], variable: Iterable[Variable]
) -> list[tuple[DecodedFrame, DecodedFrame | None]]:
    """Match the frames of the captured device with those of our engine, and count what is equal; gives the pairs."""
    allowed = {(entry.message, entry.field): entry.frames for entry in variable}
    pairs, score.surplus = _match(captured, ours)
    score.expected = len(captured)
    seen: dict[str, int] = {}
    for theirs, mine in pairs:
        first = name_of(theirs.messages[0])
        number = seen[first] = seen.get(first, -1) + 1
        if mine is None:
            score.diverge(f"{_place(theirs)}: {_names(theirs)} was not sent")
            score.differences.missing[_names(theirs)] += 1
            continue
        score.answered += 1
        excused = {key for key, frames in allowed.items() if not frames or number < frames}
        _compare_pair(score, theirs, mine, excused)
    return pairs


def _compare_pair(score: Score, theirs: DecodedFrame, mine: DecodedFrame, excused: Collection[tuple[str, str]]) -> None:
    if [type_of(message) for message in theirs.messages] != [type_of(message) for message in mine.messages]:
        score.diverge(f"{_place(theirs)}: {_names(mine)} instead of {_names(theirs)}")
        score.differences.wrong[_names(theirs), _names(mine)] += 1
        return
    score.right_type += 1
    score.differences.compare(theirs, mine, excused)
    differences = list(_differences(theirs, mine))
    for key, _ in differences:
        if key in excused:
            name = ".".join(key)
            score.ignored[name] = score.ignored.get(name, 0) + 1
    forbidden = [text for key, text in differences if key not in excused]
    if forbidden:
        score.diverge(f"{_place(theirs)}: {'; '.join(forbidden)}")
        return
    score.exact += 1
    if len(theirs.padding) == len(mine.padding) or not score.gapless:
        score.windows += 1
        # What a body clocks behind its frame is whatever its buffer held; only how much of it counts.
        if theirs.padding != mine.padding and score.gapless:
            score.ignored[PADDING] = score.ignored.get(PADDING, 0) + 1
    else:
        score.diverge(f"{_place(theirs)}: {len(mine.padding)} pad bytes instead of {len(theirs.padding)}")


def _differences(theirs: DecodedFrame, mine: DecodedFrame) -> Iterable[tuple[tuple[str, str], str]]:
    for name, a, b in (
        ("class_", theirs.frame.class_, mine.frame.class_),
        ("sequence", theirs.frame.sequence, mine.frame.sequence),
    ):
        if a != b:
            yield ("Frame", name), f"{name} {b:#04x} instead of {a:#04x}"
    for captured, our in zip(theirs.messages, mine.messages, strict=True):
        if isinstance(captured, Message) and isinstance(our, Message):
            for spec in captured.FIELDS:
                a, b = getattr(captured, spec.name), getattr(our, spec.name)
                if a != b:
                    key = (name_of(captured), spec.name)
                    yield key, f"{'.'.join(key)} is {show_value(spec, b)} instead of {show_value(spec, a)}"
        elif captured != our:
            yield (name_of(captured), "data"), f"{_said([our])} instead of {_said([captured])}"


PADDING = "content of padding"

LOOKAHEAD = 6
"""Frames that a match may skip on our side; an engine that runs wild is not matched by chance further on."""


def _match(
    captured: Sequence[DecodedFrame], ours: Sequence[DecodedFrame]
) -> tuple[list[tuple[DecodedFrame, DecodedFrame | None]], int]:
    """Pair frames in order, by what they are; what our side skipped is surplus."""
    pairs: list[tuple[DecodedFrame, DecodedFrame | None]] = []
    position = surplus = 0
    for theirs in captured:
        window = range(position, min(position + LOOKAHEAD, len(ours)))
        best = next((at for at in window if _is_twin(theirs, ours[at])), None)
        if best is None:
            best = next((at for at in window if _is_kin(theirs, ours[at])), None)
        if best is None:
            pairs.append((theirs, None))
            continue
        surplus += best - position
        pairs.append((theirs, ours[best]))
        position = best + 1
    return pairs, surplus


def _is_twin(theirs: DecodedFrame, mine: DecodedFrame) -> bool:
    return _is_kin(theirs, mine) and theirs.frame.sequence == mine.frame.sequence


def _is_kin(theirs: DecodedFrame, mine: DecodedFrame) -> bool:
    types = {type_of(message) for message in theirs.messages}
    return bool(types & {type_of(message) for message in mine.messages})


def _place(frame: DecodedFrame) -> str:
    return "without a time" if frame.at is None else f"at {frame.at * 1e3:.3f} ms"


def _names(frame: DecodedFrame) -> str:
    return _said(frame.messages)


def _said(messages: Sequence[AnyMessage]) -> str:
    return "+".join(f"{type_of(message):02X} {name_of(message)}" for message in messages)
