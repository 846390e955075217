"""Aligns the phases of several sessions: each cycle of a device begins anywhere when a session begins."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import lcm
from typing import Any

from lensmount_emulator.engine.twin_traits import TwinTraits
from lensmount_emulator.twin.candidates import Sample
from lensmount_protocol.message import Message

SETTLED_PAIRS = 8
"""First pairs of a stream that do not count: the cycles of body and device settle."""

FOLLOWS = 0.9
"""Share of samples that a clock must explain, for a field to follow it."""

Table = dict[tuple[type[Message], str], list[Sample]]
"""Message and field -> the samples of one session."""


def align_phases(tables: Sequence[Table], primary: int, traits: TwinTraits) -> None:
    """Shift the clocks of every session so that its cyclic fields agree with those of the primary session."""
    moduli: dict[str, int] = {}
    for key in traits.keys:
        for name, modulus in key:
            if modulus:
                moduli[name] = lcm(moduli.get(name, 1), modulus)
    for number, table in enumerate(tables):
        if number == primary:
            continue
        for clock, modulus in moduli.items():
            shift = _best_shift(tables[primary], table, clock, modulus, tuple(traits.states))
            if shift:
                _shift(table, clock, shift)


Phase = tuple[int, tuple[int, ...]]
"""A phase, and the states at it."""


def _best_shift(first: Table, second: Table, clock: str, modulus: int, states: Sequence[str]) -> int:
    """The shift of a clock under which the fields that follow it agree best; 0 where none does better."""
    agreed = [0] * modulus
    for key, samples in first.items():
        others = second.get(key, [])
        if len({sample.value for sample in samples}) < 2 or not others:
            continue
        settled = [sample for sample in samples if sample.pair >= SETTLED_PAIRS] or samples
        rows = _by_phase(settled, clock, modulus, states)
        right = sum(rows[_phase(sample, clock, modulus, states)] == sample.value for sample in settled)
        if not _differs_by_phase(rows) or right < FOLLOWS * len(settled):
            continue
        theirs = _by_phase(others, clock, modulus, states)
        for shift in range(modulus):
            agreed[shift] += sum(
                rows.get(((phase + shift) % modulus, at)) == value for (phase, at), value in theirs.items()
            )
    return max(range(modulus), key=lambda shift: (agreed[shift], -shift))


def _differs_by_phase(rows: Mapping[Phase, Any]) -> bool:
    """Whether a field takes several values at one state."""
    values: dict[tuple[int, ...], set[Any]] = {}
    for (_, states), value in rows.items():
        values.setdefault(states, set()).add(value)
    return any(len(found) > 1 for found in values.values())


def _phase(sample: Sample, clock: str, modulus: int, states: Sequence[str]) -> Phase:
    return sample.inputs.get(clock, 0) % modulus, tuple(sample.inputs.get(state, -1) for state in states)


def _by_phase(samples: Iterable[Sample], clock: str, modulus: int, states: Sequence[str]) -> Mapping[Phase, Any]:
    counts: dict[Phase, Counter[Any]] = {}
    for sample in samples:
        counts.setdefault(_phase(sample, clock, modulus, states), Counter())[sample.value] += 1
    return {phase: seen.most_common(1)[0][0] for phase, seen in counts.items()}


def _shift(table: Table, clock: str, shift: int) -> None:
    for samples in table.values():
        samples[:] = [
            replace(sample, inputs={**sample.inputs, clock: sample.inputs.get(clock, 0) + shift}) for sample in samples
        ]
