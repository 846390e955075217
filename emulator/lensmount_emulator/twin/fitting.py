"""Chooses the rule of each stream field: the cheapest of its candidates, from the simplest to the most complex."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lensmount_emulator.engine.field_rules import DIRECTION, MOTION, STEP, Between, FieldRule, SessionPhase
from lensmount_emulator.engine.twin_traits import Key, TwinTraits
from lensmount_emulator.twin.candidates import (
    Candidate,
    Columns,
    Sample,
    affine,
    constant,
    copies,
    engine,
    part_name,
    table,
    usual_values,
)
from lensmount_protocol.message import FieldSpec, Message

DRIVEN_MARGIN = 0.03
"""Share of the samples by which a rule must be better than a model of the engine."""

SETTLED_PAIRS = 8
"""First pairs of a stream that are left out of the share of right samples."""

LIMIT_MARGIN = 8.0
"""Cost above that of the best candidate so far at which a table is given up."""

MAX_INPUT_VALUES = 24
"""Values of an input of the peer that may stand beside a state in a key."""

NUMBER_SIZE = 2
"""Numbers of this size and more are quantities, so that values between two rows are computed; smaller ones are not."""


@dataclass(slots=True)
class FittedField:
    """One field with its chosen candidate.

    Attributes:
        name: `Message.field`.
        cls: the message.
        spec: the field.
        samples: the training samples.
        chosen: the candidate.
        considered: every candidate, the cheapest first.
        settled_right: share of the samples after the start that the candidate gives.
    """

    name: str
    cls: type[Message]
    spec: FieldSpec
    samples: Sequence[Sample]
    chosen: Candidate
    considered: list[Candidate]
    settled_right: float = field(init=False)

    def __post_init__(self) -> None:
        """Count the samples that the candidate gives."""
        settled = [sample for sample in self.samples if sample.pair >= SETTLED_PAIRS] or self.samples
        right = sum(bool(self.chosen.predict(sample) == sample.value) for sample in settled)
        self.settled_right = right / len(settled)


def fit_field(
    cls: type[Message],
    spec: FieldSpec,
    samples: Sequence[Sample],
    columns: Columns,
    traits: TwinTraits,
    states: Sequence[str],
) -> FittedField:
    """Choose the rule of one field.

    Args:
        cls: its message.
        spec: the field.
        samples: the training samples in order; at least one.
        columns: of its message.
        traits: of the dialect.
        states: names of the states that vary.
    """
    name = f"{cls.__name__}.{spec.name}"
    own = engine(samples)
    found = [own, constant(samples)]
    # What a peer sends may follow a state of the device; a state itself follows a model or its user only.
    if min(one.cost for one in found) > 0 and name not in traits.states.values():
        _search(found, cls, spec, samples, columns, traits, states)
    margin = DRIVEN_MARGIN * len(samples) if name in traits.driven else 0.0
    best = min(found, key=lambda one: one.cost - (margin if one is own else 0.0))
    return FittedField(name, cls, spec, samples, best, sorted(found, key=lambda one: one.cost))


def _search(
    found: list[Candidate],
    cls: type[Message],
    spec: FieldSpec,
    samples: Sequence[Sample],
    columns: Columns,
    traits: TwinTraits,
    states: Sequence[str],
) -> None:
    """Add the candidates that are not much worse than the best so far."""
    name = f"{cls.__name__}.{spec.name}"
    shown_by = {field: state for state, field in traits.states.items()}
    others = [one for one in states if one != shown_by.get(name)]
    value = samples[0].value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    # Sources come before the field on the wire, so that no two fields depend on each other.
    sources = [one.name for one in cls.FIELDS if one.size == spec.size and one.offset < spec.offset]
    if is_number and spec.size >= NUMBER_SIZE:
        found += affine(samples, [one for one in sources if isinstance(samples[0].others.get(one), int)])
    if isinstance(value, bytes) and spec.size > 1:
        found += copies(samples, columns, ((), *traits.keys), sources)
    between: Between = "row" if name in traits.row_fields else "nearest"
    if is_number and (spec.size >= NUMBER_SIZE or name in traits.measured):
        between = "linear"
    keys: list[tuple[Key, int]] = [(key, -1) for key in traits.keys]
    for state in others:
        keys += [(((state, 0), *key), 0) for key in ((), *traits.keys) if len(key) < 2 and _is_small(key, columns)]
    for state in states:
        keys += [(((state + ending, 0),), -1) for ending in MOTION]
        keys += [(((state, 0), (state + ending, 0)), 0) for ending in (STEP, DIRECTION) if state in others]
    if len(others) > 1:
        keys.append((tuple((state, 0) for state in others), 0))
    usual = usual_values(samples)
    for key, place in keys:
        limit = min(one.cost for one in found) + LIMIT_MARGIN
        made = table(samples, columns, usual, key, place, between if place >= 0 else "none", limit=limit)
        if made is not None:
            found.append(made)


def _is_small(key: Key, columns: Columns) -> bool:
    """Whether the inputs of a key take few values, so that their product with a state is a table."""
    return all(modulus or len(set(columns.column((name, modulus)))) <= MAX_INPUT_VALUES for name, modulus in key)


def make_rule(
    fitted: FittedField, driven: frozenset[str], phases: dict[str, SessionPhase], *, is_state: bool = False
) -> FieldRule | None:
    """Make the rule of a field; `None` where the engine's model stays, or the message's constant gives it.

    Args:
        fitted: the field with its candidate.
        driven: fields that a model of the engine sets, so that a constant needs a rule.
        phases: the phases of the twin by name; those that the rule needs are added.
        is_state: whether the field shows a state, so that no rule sets it.
    """
    chosen = fitted.chosen
    if chosen.kind == "const" and fitted.name in driven and not is_state:
        return FieldRule(
            name=fitted.name,
            kind="const",
            otherwise=plain(chosen.rows[()]),
            seen=len(fitted.samples),
            right=round(chosen.right, 4),
        )
    if chosen.kind in ("engine", "const"):
        return None
    for name, modulus in chosen.key:
        if modulus:
            phase = f"{name}{modulus}"
            phases.setdefault(phase, SessionPhase(name=phase, modulus=modulus, clock=name))
    key = [part_name(part) for part in chosen.key]
    seen = len(fitted.samples)
    right = round(chosen.right, 4)
    message = fitted.cls.__name__
    if chosen.kind == "affine":
        return FieldRule(
            name=fitted.name, kind="affine", of=[f"{message}.{chosen.source}"], add=chosen.add, seen=seen, right=right
        )
    if chosen.kind == "copy":
        sources = sorted(set(chosen.rows.values()))
        return FieldRule(
            name=fitted.name,
            kind="copy",
            key=key,
            of=[f"{message}.{source}" for source, _ in sources],
            clear_bit=[bit for _, bit in sources] if any(bit >= 0 for _, bit in sources) else [],
            data={key_text(at): sources.index(value) for at, value in sorted(chosen.rows.items())},
            seen=seen,
            right=right,
        )
    rows = {at: value for at, value in chosen.rows.items() if all(number >= 0 for number in at)}
    common = most_common(rows.values())
    single = chosen.state < 0
    return FieldRule(
        name=fitted.name,
        kind="table",
        key=key,
        between=chosen.between if chosen.state >= 0 else "none",
        data={key_text(at): plain(value) for at, value in sorted(rows.items()) if not single or value != common},
        otherwise=plain(common) if single else None,
        seen=seen,
        right=right,
    )


def key_text(key: Sequence[int]) -> str:
    """A key as a profile holds it."""
    return ",".join(f"0x{part:X}" if part > 9 else str(part) for part in key)


def plain(value: Any) -> int | str:
    """A value of a field as a profile holds it."""
    return value.hex().upper() if isinstance(value, bytes) else int(value)


def most_common(values: Any) -> Any:
    """The most frequent value, the first of equally frequent ones."""
    counts: dict[Any, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return max(counts, key=lambda value: counts[value])


def constant_fields(fitted: Sequence[FittedField]) -> Mapping[str, dict[str, int | str]]:
    """Message -> the fields with a constant that replaces the engine's value."""
    found: dict[str, dict[str, int | str]] = {}
    for one in fitted:
        if one.chosen.kind == "const":
            found.setdefault(one.cls.__name__, {})[one.spec.name] = plain(one.chosen.rows[()])
    return found
