"""Aligns the phases of several sessions: each cycle of a device begins anywhere when a session begins."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import lcm
from typing import Any

from lensmount_emulator.engine.twin_traits import TwinTraits
from lensmount_emulator.twin.candidates import Sample
from lensmount_protocol.message import Message

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
            shift = _best_shift(tables[primary], table, clock, modulus)
            if shift:
                _shift(table, clock, shift)


def _best_shift(first: Table, second: Table, clock: str, modulus: int) -> int:
    """The shift of a clock under which the fields that follow it agree best; 0 where none does better."""
    agreed = [0] * modulus
    for key, samples in first.items():
        others = second.get(key, [])
        if len({sample.value for sample in samples}) < 2 or not others:
            continue
        rows = _by_phase(samples, clock, modulus, 0)
        if len(set(rows.values())) < 2:
            continue
        for shift in range(modulus):
            theirs = _by_phase(others, clock, modulus, shift)
            agreed[shift] += sum(rows.get(phase) == value for phase, value in theirs.items())
    return max(range(modulus), key=lambda shift: (agreed[shift], -shift))


def _by_phase(samples: Iterable[Sample], clock: str, modulus: int, shift: int) -> Mapping[int, Any]:
    counts: dict[int, Counter[Any]] = {}
    for sample in samples:
        phase = (sample.inputs.get(clock, 0) + shift) % modulus
        counts.setdefault(phase, Counter())[sample.value] += 1
    return {phase: seen.most_common(1)[0][0] for phase, seen in counts.items()}


def _shift(table: Table, clock: str, shift: int) -> None:
    for samples in table.values():
        samples[:] = [
            replace(sample, inputs={**sample.inputs, clock: sample.inputs.get(clock, 0) + shift}) for sample in samples
        ]
