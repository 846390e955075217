"""Learns which fields of a device are noise: they differ from their prediction now and then, and by little."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from lensmount_emulator.comparison.reply_score import NoiseField, ReplyPair, signed_offset
from lensmount_emulator.engine.field_rules import FieldRule, split_name
from lensmount_protocol.describe import message_name
from lensmount_protocol.message import FieldSpec, Message

MAX_OFFSET = 8
"""Largest offset that is noise; the largest dither that captures show is 5 steps of an encoder."""

NEAR = 0.9
"""Share of the training part in which a noise field must be near its prediction; the rest may be motion."""

MIN_DIFFERENT = 3
"""Frames in which a field must differ: fewer show no width."""


def rule_noise(settings: Struct) -> list[NoiseField]:
    """The noise that the field rules of a profile declare, relative to the values that its engine sends."""
    rules: Sequence[FieldRule] = getattr(settings, "field", ())
    fields: list[NoiseField] = []
    for rule in rules:
        if rule.kind != "noise":
            continue
        if rule.values:
            offsets = {
                int(text, 0) - rule.initial: round(share * max(rule.seen, 1)) for text, share in rule.values.items()
            }
        else:
            offsets = dict.fromkeys(range(rule.low, rule.high + 1), 1)
            offsets[0] = max(rule.seen, 1)
        fields.append(NoiseField(*split_name(rule.name), offsets))
    return fields


def learn_noise(training: Iterable[ReplyPair]) -> list[NoiseField]:
    """Find the noise fields of a training part: numbers and bytes that are sometimes right and never far off.

    A field that is always wrong is no noise but an error, and so is one that is often far from its prediction.
    """
    offsets: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter[int])
    different: Counter[tuple[str, str]] = Counter()
    excluded: set[tuple[str, str]] = set()
    for captured, ours in training:
        if ours is None or len(captured.messages) != len(ours.messages):
            continue
        for theirs, mine in zip(captured.messages, ours.messages, strict=True):
            if type(theirs) is not type(mine) or not isinstance(theirs, Message):
                continue
            for spec in theirs.FIELDS:
                key = message_name(theirs), spec.name
                a, b = getattr(theirs, spec.name), getattr(mine, spec.name)
                found = _offsets(a, b, spec)
                if found is None:
                    excluded.add(key)
                    continue
                offsets[key].update(found)
                different[key] += a != b
    return [
        NoiseField(*key, near)
        for key, counts in sorted(offsets.items())
        if key not in excluded
        and (near := {offset: times for offset, times in counts.items() if abs(offset) <= MAX_OFFSET}).get(0)
        and sum(near.values()) - near[0] >= MIN_DIFFERENT
        and sum(near.values()) >= NEAR * counts.total()
        and different[key] >= MIN_DIFFERENT
    ]


def _offsets(captured: object, ours: object, spec: FieldSpec) -> list[int] | None:
    """The offsets of two values; `None` where a difference is no matter of quantity: flags, indices, names."""
    if isinstance(captured, bytes) and isinstance(ours, bytes) and len(captured) == len(ours):
        return [signed_offset(a, b, 1) for a, b in zip(captured, ours, strict=True)]
    if spec.unit and isinstance(captured, int) and isinstance(ours, int):
        return [signed_offset(captured, ours, spec.size)]
    return [0] if captured == ours else None
