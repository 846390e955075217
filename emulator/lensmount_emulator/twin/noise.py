"""Fits noise: a measured field that stays near a base, by offsets and rates, and bytes that follow its steps."""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lensmount_emulator.engine.field_rules import FieldRule
from lensmount_emulator.engine.twin_traits import TwinTraits
from lensmount_emulator.twin.candidates import Sample
from lensmount_emulator.twin.fitting import FittedField

LOUD = 0.02
"""Share of wrong predictions above which a measured field may be noise."""

WIDEST = 8
"""Largest offset that still counts as noise."""

SETTLED = 8
"""First pairs that are left out, and the number of last ones that give the offset to begin with."""

COVERED = 0.8
"""Share of the samples that offsets within `WIDEST` must cover."""


def fit_noise(fitted: FittedField, traits: TwinTraits) -> FieldRule | None:
    """Make the noise rule of a measured field; `None` where its chosen candidate is good, or it is no noise."""
    if fitted.name not in traits.measured or not fitted.samples:
        return None
    samples = [sample for sample in fitted.samples if sample.pair >= SETTLED] or list(fitted.samples)
    wrong = sum(fitted.chosen.predict(sample) != sample.value for sample in samples)
    if wrong <= LOUD * len(samples):
        return None
    if isinstance(samples[0].value, bytes):
        return _bytes_noise(fitted, samples, traits)
    return _number_noise(fitted, samples, traits)


def _number_noise(fitted: FittedField, samples: Sequence[Sample], traits: TwinTraits) -> FieldRule | None:
    base = traits.noise_bases.get(fitted.name, "")
    if not base:
        return None
    source = base.partition(".")[2]
    offsets = [sample.value - sample.others[source] for sample in samples]
    near = [offset for offset in offsets if abs(offset) <= WIDEST]
    if len(near) < COVERED * len(offsets):
        return None
    counts = Counter(near)
    stays = sum(before == after for before, after in itertools.pairwise(near))
    return FieldRule(
        name=fitted.name,
        kind="noise",
        around=base,
        values={str(offset): round(times / len(near), 4) for offset, times in sorted(counts.items())},
        stay=round(stays / max(1, len(near) - 1), 4),
        initial=Counter(near[-SETTLED:]).most_common(1)[0][0],
        seen=len(samples),
        right=round(counts.most_common(1)[0][1] / len(offsets), 4),
    )


def _bytes_noise(fitted: FittedField, samples: Sequence[Sample], traits: TwinTraits) -> FieldRule | None:
    values: Counter[Any] = Counter(sample.value for sample in samples)
    rest, times = values.most_common(1)[0]
    numbers = [(byte ^ 0x80) - 0x80 for value in values for byte in value]
    small = [number for number in numbers if abs(number) <= WIDEST]
    if times < len(samples) / 4 or len(small) < COVERED * len(numbers):
        return None
    source = next((name for name in traits.noise_bases if name.split(".")[0] == fitted.cls.__name__), "")
    return FieldRule(
        name=fitted.name,
        kind="noise",
        otherwise=rest.hex().upper(),
        low=min(small),
        high=max(small),
        rate=round(1 - times / len(samples), 4),
        step_of=source,
        seen=len(samples),
        right=round(times / len(samples), 4),
    )
