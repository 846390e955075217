"""The score of an engine against a captured device: matched frames, compared fields, and timing rules.

Also counts the differences between captured and replayed frames, per message and field.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lensmount_emulator.engine.profile_values import IgnoredField
from lensmount_emulator.fidelity.session_loss import SessionLoss
from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.describe import format_value, message_name
from lensmount_protocol.errors import MountError
from lensmount_protocol.message import TYPE_BYTE_SIZE, FieldSpec, Message, SelectableMessage
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.timing import TimingResult

HEADER = "Frame"
"""Stands for a message's name where the header of the frame differs."""

HEADER_FIELDS = ("class_", "sequence")


@dataclass(slots=True)
class FieldDifference:
    """How often one field of one message differs, and in how many bytes.

    Attributes:
        declared: whether the profile declares the field as variable.
        bytes: bytes that differ -> how often.
    """

    declared: bool
    bytes: Counter[int] = field(default_factory=lambda: Counter[int]())

    @property
    def count(self) -> int:
        """How often the field differs."""
        return self.bytes.total()

    def text(self) -> str:
        """The counts as text: `1 byte 3x, 2 bytes 5x`."""
        return ", ".join(
            f"{size} byte{'' if size == 1 else 's'} {times}x" for size, times in sorted(self.bytes.items())
        )


@dataclass(slots=True)
class Differences:
    """All differences between the frames of an engine and those of a device.

    Attributes:
        fields: (message, field) -> how it differs.
        compared: message -> how often it was compared.
        missing: composition of a frame without an answer -> how often.
        wrong: (composition in the capture, composition of the engine) -> how often.
    """

    fields: dict[tuple[str, str], FieldDifference] = field(
        default_factory=lambda: dict[tuple[str, str], FieldDifference]()
    )
    compared: Counter[str] = field(default_factory=lambda: Counter[str]())
    missing: Counter[str] = field(default_factory=lambda: Counter[str]())
    wrong: Counter[tuple[str, str]] = field(default_factory=lambda: Counter[tuple[str, str]]())

    def compare(self, theirs: DecodedFrame, mine: DecodedFrame, declared: Iterable[tuple[str, str]]) -> None:
        """Count the differences of two frames with the same messages in the same order."""
        allowed = set(declared)
        self.compared[HEADER] += 1
        for name in HEADER_FIELDS:
            if getattr(theirs.frame, name) != getattr(mine.frame, name):
                self._count((HEADER, name), 1, allowed)
        for captured, ours in zip(theirs.messages, mine.messages, strict=True):
            self.compared[message_name(captured)] += 1
            for name, size in compare_fields(captured, ours):
                self._count((message_name(captured), name), size, allowed)

    def as_dict(self) -> dict[str, Any]:
        """The differences as JSON data."""
        return {
            "fields": {
                ".".join(key): {
                    "compared": self.compared[key[0]],
                    "differ": difference.count,
                    "bytes": {str(size): times for size, times in sorted(difference.bytes.items())},
                    "declared": difference.declared,
                }
                for key, difference in sorted(self.fields.items())
            },
            "not_sent": dict(sorted(self.missing.items())),
            "other_type": {" instead of ".join(reversed(key)): times for key, times in sorted(self.wrong.items())},
        }

    def _count(self, key: tuple[str, str], size: int, declared: set[tuple[str, str]]) -> None:
        difference = self.fields.setdefault(key, FieldDifference(declared=True))
        # A field that is variable only in the first frames counts as declared only while that lasts.
        difference.declared = difference.declared and key in declared
        difference.bytes[size] += 1


def compare_fields(captured: AnyMessage, ours: AnyMessage) -> Iterable[tuple[str, int]]:
    """The fields that differ, and in how many bytes."""
    if not (isinstance(captured, Message) and isinstance(ours, Message)):
        if captured != ours:
            yield "data", _count(_data(captured), _data(ours))
        return
    built: tuple[bytes, bytes] | None = None
    for spec in captured.FIELDS:
        if getattr(captured, spec.name) == getattr(ours, spec.name):
            continue
        built = built or (_data(captured), _data(ours))
        yield spec.name, _count_field(captured, spec, *built)


def _count_field(message: Message, spec: FieldSpec, theirs: bytes, mine: bytes) -> int:
    """Bytes of a field that differ; all of them where the field has no fixed place, or only one side has it."""
    before = message.FIELDS[: message.FIELDS.index(spec)]
    if spec.varies or any(other.varies for other in before) or len(theirs) != len(mine):
        return max(spec.size, 1)
    # Offsets count every block as present; fields of absent blocks take no bytes.
    present = message.fields_with(message.blocks) if isinstance(message, SelectableMessage) else message.FIELDS
    absent = sum(other.size for other in before if other not in present)
    first = TYPE_BYTE_SIZE + spec.offset - absent
    return max(1, _count(theirs[first : first + spec.size], mine[first : first + spec.size]))


def _count(first: bytes, second: bytes) -> int:
    return sum(a != b for a, b in zip(first, second, strict=False)) + abs(len(first) - len(second))


def _data(message: AnyMessage) -> bytes:
    try:
        return message.build() if isinstance(message, Message) else message.data
    except MountError:
        return b""


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
            score.record_divergence(f"{_frame_position(theirs)}: {_names(theirs)} was not sent")
            score.differences.missing[_names(theirs)] += 1
            continue
        score.answered += 1
        excused = {key for key, frames in allowed.items() if not frames or number < frames}
        _compare_pair(score, theirs, mine, excused)
    return pairs


def _compare_pair(score: Score, theirs: DecodedFrame, mine: DecodedFrame, ignored: Collection[tuple[str, str]]) -> None:
    if [message_type(message) for message in theirs.messages] != [message_type(message) for message in mine.messages]:
        score.record_divergence(f"{_frame_position(theirs)}: {_names(mine)} instead of {_names(theirs)}")
        score.differences.wrong[_names(theirs), _names(mine)] += 1
        return
    score.right_type += 1
    score.differences.compare(theirs, mine, ignored)
    differences = list(_differences(theirs, mine))
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
                    key = (message_name(captured), spec.name)
                    yield key, f"{'.'.join(key)} is {format_value(spec, b)} instead of {format_value(spec, a)}"
        elif captured != our:
            yield (message_name(captured), "data"), f"{_message_types([our])} instead of {_message_types([captured])}"


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


def _names(frame: DecodedFrame) -> str:
    return _message_types(frame.messages)


def _message_types(messages: Sequence[AnyMessage]) -> str:
    return "+".join(f"{message_type(message):02X} {message_name(message)}" for message in messages)
