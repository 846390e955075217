"""The scoring vocabulary of replays: strict replies, replies within learned noise, informative bytes, and skill.

Every score of a profile or a twin is counted here, so that figures of different tools compare.

- A reply is one frame of the captured device. It is strict if our frame is equal to the last byte: length, class,
  sequence, every message, checksum. No field is left out of it.
- A reply is within noise if it is strict, or differs in `NoiseField`s only and by offsets that were learned for them.
- A payload byte is informative if its position in its message takes more than one value in the session (training part
  and scored part together). Most bytes of a stream never change, so shares over all bytes flatter.
- The constants-only baseline predicts for each position of a message its most frequent value in the training part;
  `skill` is (model - constants) / (1 - constants) over informative bytes, 1 at best and 0 for a model of constants.
- A scored part that the model was made from is `in_sample`; its figures show how well the model repeats, not predicts.

Interface: `split_replies(pairs, parse_split("60%"))` gives the training part and the scored part of the pairs of a
replay. `score_replies(scored, training=..., noise=..., split=..., in_sample=...)` counts them to a `ReplyScore`; its
`as_dict()` is the data that `fidelity --json` and `twin --json` print. `shuffled(pairs, random)` is the control: the
captured replies of each kind in random order. `stored_bytes(settings)` is the size of what a profile stores.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import eq
from random import Random
from typing import Any, cast

from msgspec import Struct

from lensmount_emulator.comparison.differences import Differences, composition
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.describe import message_name
from lensmount_protocol.errors import DialectError, MountError
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type

ReplyPair = tuple[DecodedFrame, DecodedFrame | None]
"""A captured frame of the device, and our engine's frame in its place; `None` where our engine sent none."""

_SPLIT = re.compile(r"([0-9]{1,2}(?:\.[0-9]+)?) ?%")

WHOLE_SESSION = "whole session"


def parse_split(text: str) -> float:
    """Parse the share of a session that is the training part, such as `60%`.

    Raises:
        DialectError: the text is no share above 0 % and below 100 %.
    """
    found = _SPLIT.fullmatch(text.strip())
    share = float(found[1]) / 100 if found is not None else 0.0
    if not 0 < share < 1:
        raise DialectError(f"split {text!r} is no share of a session; write a percentage from 1% to 99%, such as 60%")
    return share


def parse_share(text: str) -> float:
    """Parse a share that is required, such as `97%` or `100%`.

    Raises:
        DialectError: the text is no percentage up to 100 %.
    """
    if text.strip() in ("100%", "100 %"):
        return 1.0
    found = _SPLIT.fullmatch(text.strip())
    if found is None:
        raise DialectError(f"share {text!r} is no percentage; write one from 0% to 100%, such as 97%")
    return float(found[1]) / 100


def describe_split(share: float) -> str:
    """The split as text: `first 60 % to last 40 %`."""
    return f"first {share * 100:g} % to last {100 - share * 100:g} %"


def split_replies(pairs: Sequence[ReplyPair], share: float) -> tuple[list[ReplyPair], list[ReplyPair]]:
    """Divide the replies of a session, in order, into a training part of this share and the scored part."""
    place = round(len(pairs) * share)
    return list(pairs[:place]), list(pairs[place:])


@dataclass(frozen=True, slots=True)
class NoiseField:
    """A field that differs from its prediction at random, by offsets that the training part shows.

    Attributes:
        message: name of the message's class.
        field: name of the field.
        offsets: captured minus predicted value -> how often the training part shows it; of a field of bytes, the
            offsets of its single bytes.
    """

    message: str
    field: str
    offsets: Mapping[int, int]

    @property
    def name(self) -> str:
        """Message and field."""
        return f"{self.message}.{self.field}"

    @property
    def rate(self) -> float:
        """Share of the training part in which the field differs from its prediction."""
        total = sum(self.offsets.values())
        return 1 - self.offsets.get(0, 0) / total if total else 0.0

    def allows(self, captured: object, ours: object, size: int) -> bool:
        """Whether the difference of two values of `size` bytes is one that was learned."""
        if isinstance(captured, bytes) and isinstance(ours, bytes):
            return len(captured) == len(ours) and all(
                signed_offset(a, b, 1) in self.offsets for a, b in zip(captured, ours, strict=True) if a != b
            )
        if isinstance(captured, int) and isinstance(ours, int):
            return signed_offset(captured, ours, size) in self.offsets
        return False

    def as_dict(self) -> dict[str, Any]:
        """The field as JSON data."""
        return {
            "field": self.name,
            "rate": round(self.rate, 4),
            "offsets": {str(offset): times for offset, times in sorted(self.offsets.items())},
        }


def signed_offset(captured: int, ours: int, size: int) -> int:
    """Captured minus ours, as the nearest signed number of `size` bytes."""
    span = 1 << 8 * max(size, 1)
    return (captured - ours + span // 2) % span - span // 2


def message_pieces(frame: DecodedFrame) -> list[bytes]:
    """The payload of a frame, message by message; the whole payload where the messages do not build it."""
    try:
        pieces = [_build(message) for message in frame.messages]
    except MountError:
        pieces = []
    payload = bytes(frame.frame.payload)
    return pieces if b"".join(pieces) == payload else [payload]


def _build(message: AnyMessage) -> bytes:
    return message.build() if isinstance(message, Message) else message.data


Kind = tuple[int, int]
"""Type byte of a message, and its size."""


class PositionStatistics:
    """Which positions of the messages of some frames vary, and the most frequent value of each.

    Args:
        pieces: the payloads of the frames, message by message.
    """

    def __init__(self, pieces: Iterable[Sequence[bytes]]) -> None:
        import numpy as np  # noqa: PLC0415  followers need no statistics, and start without it

        by_kind: defaultdict[Kind, list[bytes]] = defaultdict(list)
        for parts in pieces:
            for piece in parts:
                by_kind[piece[0], len(piece)].append(piece)
        self._varying: dict[Kind, list[int]] = {}
        self._constants: dict[Kind, bytes] = {}
        for kind, found in by_kind.items():
            values = np.frombuffer(b"".join(found), np.uint8).reshape(len(found), kind[1])
            self._varying[kind] = np.flatnonzero((values != values[0]).any(axis=0)).tolist()
            self._constants[kind] = bytes(int(np.bincount(column).argmax()) for column in values.T)

    def varying(self, piece: bytes) -> Sequence[int]:
        """The positions of a message that take more than one value."""
        return self._varying.get((piece[0], len(piece)), ())

    def constants(self, piece: bytes) -> bytes:
        """The most frequent value of each position, the smallest of equals; empty where the message never occurs."""
        return self._constants.get((piece[0], len(piece)), b"")


@dataclass(slots=True)
class ReplyScore:
    """The replies of a scored part, counted.

    Attributes:
        replies: scored replies.
        strict: of those, equal to the last byte.
        within_noise: strict, or different by learned noise only.
        not_sent: replies that our engine did not send.
        constants_strict: replies that the constants-only baseline gives, with the right number of the frame.
        requested: replies to requests: the start-up, and other frames outside the stream.
        requested_strict: of those, strict.
        reply_bytes: bytes of the scored frames.
        payload_bytes: bytes of their payloads.
        payload_exact: of those, right ones.
        informative_bytes: of the payload bytes, those at a position that takes more than one value in the session.
        informative_exact: of those, right ones.
        informative_constants: of those, right ones of the constants-only baseline.
        split: which part is scored, as text.
        in_sample: whether the model was made from the scored part.
        twin_bytes: bytes that the model stores; 0: not counted.
        noise: the noise fields.
        phases: name of a phase -> its value, taken from replies that are not scored.
        given: state variable -> bytes that were taken from the capture.
        unscored: replies of the capture that were used to join, and are not scored.
        by_message: composition of a reply -> its replies and its strict ones.
        differences: per message and field, how many bytes differ how often.
    """

    replies: int = 0
    strict: int = 0
    within_noise: int = 0
    not_sent: int = 0
    constants_strict: int = 0
    requested: int = 0
    requested_strict: int = 0
    reply_bytes: int = 0
    payload_bytes: int = 0
    payload_exact: int = 0
    informative_bytes: int = 0
    informative_exact: int = 0
    informative_constants: int = 0
    split: str = WHOLE_SESSION
    in_sample: bool = True
    twin_bytes: int = 0
    noise: list[NoiseField] = field(default_factory=lambda: list[NoiseField]())
    phases: dict[str, int] = field(default_factory=lambda: dict[str, int]())
    given: dict[str, int] = field(default_factory=lambda: dict[str, int]())
    unscored: int = 0
    by_message: dict[str, tuple[int, int]] = field(default_factory=lambda: dict[str, tuple[int, int]]())
    differences: Differences = field(default_factory=Differences)

    @property
    def strict_share(self) -> float:
        """Share of strict replies; 0 where nothing was scored."""
        return self.strict / self.replies if self.replies else 0.0

    @property
    def skill(self) -> float | None:
        """(model - constants) / (1 - constants) over informative bytes; `None` where constants leave nothing."""
        room = self.informative_bytes - self.informative_constants
        return (self.informative_exact - self.informative_constants) / room if room else None

    def as_dict(self) -> dict[str, Any]:
        """The score as JSON data."""
        counts = (
            "replies strict within_noise not_sent constants_strict requested requested_strict reply_bytes "
            "payload_bytes payload_exact informative_bytes informative_exact informative_constants split in_sample "
            "twin_bytes unscored phases"
        )
        skill = self.skill
        return {name: getattr(self, name) for name in counts.split()} | {
            "skill": None if skill is None else round(skill, 4),
            "noise": [one.as_dict() for one in self.noise],
            "given": {"variables": self.given, "bytes": sum(self.given.values())},
            "messages": {name: {"replies": n, "strict": strict} for name, (n, strict) in self.by_message.items()},
            "differences": self.differences.as_dict(),
        }


def score_replies(
    scored: Sequence[ReplyPair],
    *,
    training: Sequence[ReplyPair] = (),
    noise: Sequence[NoiseField] = (),
    split: str = WHOLE_SESSION,
    in_sample: bool = True,
    is_requested: Callable[[DecodedFrame], bool] = lambda _frame: False,
) -> ReplyScore:
    """Count the replies of a scored part.

    Args:
        scored: the captured replies with ours.
        training: those of the training part, for the constants-only baseline; none: it is made from the scored part.
        noise: fields with learned noise.
        split: which part is scored, as text.
        in_sample: whether the model was made from the scored part.
        is_requested: whether a reply answers a request, and is no frame of the stream.
    """
    score = ReplyScore(split=split, in_sample=in_sample, noise=list(noise))
    learned = [message_pieces(frame) for frame, _ in training]
    pieces = [message_pieces(frame) for frame, _ in scored]
    session = PositionStatistics([*learned, *pieces])
    constants = PositionStatistics(learned or pieces)
    allowed = {(one.message, one.field): one for one in noise}
    for (theirs, mine), parts in zip(scored, pieces, strict=True):
        strict = is_strict(theirs, mine)
        score.replies += 1
        score.strict += strict
        score.within_noise += strict or is_within_noise(theirs, mine, allowed)
        score.reply_bytes += len(theirs.frame.raw)
        if is_requested(theirs):
            score.requested += 1
            score.requested_strict += strict
        name = composition(theirs)
        replies, right = score.by_message.get(name, (0, 0))
        score.by_message[name] = replies + 1, right + strict
        _count_bytes(
            score, parts, parts if strict else [] if mine is None else message_pieces(mine), session, constants
        )
        _count_differences(score, theirs, mine)
    return score


def is_strict(captured: DecodedFrame, ours: DecodedFrame | None) -> bool:
    """Whether two frames are equal to the last byte; padding after them belongs to no frame."""
    return ours is not None and bytes(captured.frame.raw) == bytes(ours.frame.raw)


def shuffled(pairs: Sequence[ReplyPair], random: Random) -> list[ReplyPair]:
    """The control: the captured replies of each composition in random order, ours in their places."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for index, (captured, _) in enumerate(pairs):
        places[composition(captured)].append(index)
    result = list(pairs)
    for indices in places.values():
        order = random.sample(indices, len(indices))
        for index, source in zip(indices, order, strict=True):
            result[index] = (_renumbered(pairs[source][0], pairs[index][0]), pairs[index][1])
    return result


def _renumbered(frame: DecodedFrame, place: DecodedFrame) -> DecodedFrame:
    """A frame as if it stood in another's place; it is strict there only if both payloads are equal."""
    same = bytes(frame.frame.payload) == bytes(place.frame.payload)
    return place if same else replace(frame, at=place.at)


def stored_bytes(settings: Struct) -> int:
    """Bytes of the values that a profile stores: numbers at their size, hexadecimal text as bytes, tables with keys.

    A name, of a field or of a kind, costs one byte. Defaults count as nothing, and so do the texts that a replay
    never sends.
    """
    return _size(settings)


def _size(value: object) -> int:
    if isinstance(value, Struct):
        defaults = dict(zip(reversed(value.__struct_fields__), reversed(value.__struct_defaults__), strict=False))
        named = ((name, getattr(value, name)) for name in value.__struct_fields__ if name not in _NOT_STORED)
        return sum(_size(item) for name, item in named if name not in defaults or item != defaults[name])
    if isinstance(value, bool):
        return 1
    if isinstance(value, int):
        return max(1, (value.bit_length() + 7) // 8)
    if isinstance(value, float):
        return 2
    if isinstance(value, str):
        return len(value) // 2 if _HEXADECIMAL.fullmatch(value) else 1
    if isinstance(value, Mapping):
        return sum(_key_size(key) + _size(item) for key, item in cast("Mapping[str, object]", value).items())
    if isinstance(value, Sequence | set | frozenset):
        return sum(_size(item) for item in cast("Iterable[object]", value))
    return 0


_NOT_STORED = frozenset({"variable", "why", "origin", "seen", "right"})
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2})+")


def _key_size(key: str) -> int:
    """A name of a message or a field costs one byte, as an index into the dialect; a key of a table costs its bytes."""
    return _size(key) if _HEXADECIMAL.fullmatch(key) else 1


def is_within_noise(
    captured: DecodedFrame, ours: DecodedFrame | None, allowed: Mapping[tuple[str, str], NoiseField]
) -> bool:
    """Whether two frames of the same messages differ in noise fields only, and by learned offsets.

    Args:
        captured: the frame of the device.
        ours: our frame in its place.
        allowed: (message, field) -> its noise.
    """
    if ours is None or not allowed:
        return False
    a, b = captured.frame, ours.frame
    if (a.class_, a.sequence) != (b.class_, b.sequence) or composition(captured) != composition(ours):
        return False
    for theirs, mine in zip(captured.messages, ours.messages, strict=True):
        if theirs == mine:
            continue
        if not (isinstance(theirs, Message) and isinstance(mine, Message)):
            return False
        for spec in theirs.FIELDS:
            x, y = getattr(theirs, spec.name), getattr(mine, spec.name)
            if x == y:
                continue
            noise = allowed.get((message_name(theirs), spec.name))
            if noise is None or not noise.allows(x, y, spec.size):
                return False
    return True


def _count_bytes(
    score: ReplyScore,
    captured: Sequence[bytes],
    ours: Sequence[bytes],
    session: PositionStatistics,
    constants: PositionStatistics,
) -> None:
    waiting = list(ours)
    baseline = True
    for piece in captured:
        mine = next((one for one in waiting if one[0] == piece[0]), b"")
        if mine:
            waiting.remove(mine)
        same_size = len(mine) == len(piece)
        constant, varying = constants.constants(piece), session.varying(piece)
        baseline = baseline and constant == piece
        score.payload_bytes += len(piece)
        score.payload_exact += sum(map(eq, piece, mine)) if same_size else 0
        score.informative_bytes += len(varying)
        score.informative_exact += sum(piece[at] == mine[at] for at in varying) if same_size else 0
        score.informative_constants += sum(piece[at] == constant[at] for at in varying) if constant else 0
    score.constants_strict += baseline


def _count_differences(score: ReplyScore, captured: DecodedFrame, ours: DecodedFrame | None) -> None:
    if ours is None:
        score.not_sent += 1
        score.differences.missing[composition(captured)] += 1
    elif [message_type(one) for one in captured.messages] != [message_type(one) for one in ours.messages]:
        score.differences.wrong[composition(captured), composition(ours)] += 1
    else:
        score.differences.compare(captured, ours, ())
