"""Computes the fields of a device's stream messages from the rules of its profile."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from lensmount_emulator.engine.field_rules import (
    DIRECTION,
    PHASE,
    STEP,
    WINDOWS,
    FieldRule,
    SessionPhase,
    StateVariable,
    parse_key,
    split_name,
)
from lensmount_emulator.engine.profile_values import field_values
from lensmount_protocol.message import Message

Context = Mapping[str, int]
"""Name of a value that the device knows -> the value, at one reply."""

_KIND_AND_EXPONENT = 0xF0
_ROW_SIZE = 6


STILL, UP, DOWN = 0, 1, 2


class StateMotion:
    """How the states of a device move from pair to pair, as inputs of rules."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._moved: dict[str, tuple[int, int]] = {}

    def inputs(self, states: Mapping[str, int]) -> dict[str, int]:
        """Take the states of a pair; return for each its direction in this pair, and the last one."""
        found: dict[str, int] = {}
        for name, value in states.items():
            before = self._last.get(name, value)
            step = UP if value > before else DOWN if value < before else STILL
            self._last[name] = value
            direction, age = self._moved.get(name, (STILL, 0))
            self._moved[name] = (step, 0) if step else (direction, age + 1)
            direction, age = self._moved[name]
            found[name + STEP] = step
            found[name + DIRECTION] = direction
            for pairs in WINDOWS:
                found[f"{name}.recent{pairs}"] = direction if age < pairs else STILL
        return found


class RulePlayer:
    """Applies the rules of a profile to the messages of one frame.

    Args:
        states: the state variables.
        phases: the phases.
        rules: the rules, in the order in which they are applied.
        classes: the messages of the device by name.
        random: source of noise; `None` plays the offset that the session began with.

    Attributes:
        states: the state variables by name.
        given: state -> its value, as the profile or the user has set it; others keep the value of the engine.
        phases: phase -> its value.
    """

    def __init__(
        self,
        states: Mapping[str, StateVariable],
        phases: Sequence[SessionPhase],
        rules: Sequence[FieldRule],
        classes: Mapping[str, type[Message]],
        random: Random | None = None,
    ) -> None:
        self.given = {name: state.initial for name, state in states.items() if state.initial is not None}
        self.states = dict(states)
        self._motion = StateMotion()
        self._states = [(name, *split_name(state.field)) for name, state in states.items()]
        self._phases = [(PHASE + phase.name, phase.clock, phase.modulus) for phase in phases]
        self.phases = {phase.name: phase.value for phase in phases}
        self._noise: dict[str, _Noise] = {}
        self._rules: list[tuple[str, str, _Rule]] = []
        for rule in rules:
            message, field = split_name(rule.name)
            made = self._make_rule(rule, classes[message], field, frozenset(states), random)
            self._rules.append((message, field, made))

    def begin(self) -> None:
        """Begin a session: noise starts from its initial offset."""
        self._motion = StateMotion()
        for noise in self._noise.values():
            noise.begin()

    def other_phases(self) -> Iterator[tuple[str, int]]:
        """Yield each phase with each value that it does not have."""
        for name, _, modulus in self._phases:
            phase = name.removeprefix(PHASE)
            yield from ((phase, value) for value in range(modulus) if value != self.phases[phase])

    def apply(self, messages: Sequence[Message], context: Context) -> None:
        """Set the fields of these messages in place.

        Args:
            messages: the messages of one frame, with the engine's own values.
            context: what the device knows.
        """
        by_name = {type(message).__name__: message for message in messages}
        known = dict(context)
        states: dict[str, int] = {}
        for name, owner, field in self._states:
            message = by_name.get(owner)
            if message is None:
                continue
            if name in self.given:
                setattr(message, field, self.given[name])
            states[name] = int(getattr(message, field))
        known |= states
        known |= self._motion.inputs(states)
        for name, clock, modulus in self._phases:
            known[name] = (context.get(clock, 0) + self.phases[name.removeprefix(PHASE)]) % modulus
        for owner, field, rule in self._rules:
            message = by_name.get(owner)
            if message is not None:
                value = rule(message, known)
                if value is not None:
                    setattr(message, field, value)

    def _make_rule(
        self, rule: FieldRule, cls: type[Message], field: str, states: frozenset[str], random: Random | None
    ) -> "_Rule":
        def converted(value: Any) -> Any:
            return None if value is None else field_values(cls, {field: value})[field]

        if rule.kind == "const":
            constant = converted(rule.otherwise)
            return lambda _message, _known: constant
        if rule.kind == "copy":
            return _make_copy(rule)
        if rule.kind == "affine":
            source, mask = split_name(rule.sources[0])[1], (1 << 8 * _size(cls, field)) - 1
            return lambda message, _known: int(getattr(message, source)) + rule.add & mask
        if rule.kind == "counter":
            phase = PHASE + rule.phase
            modulus = rule.modulus or 1 << 8 * _size(cls, field)
            return lambda _message, known: (rule.start + rule.step * known[phase]) % modulus
        if rule.kind == "noise":
            size = _size(cls, field)
            noise = self._noise[rule.name] = _Noise(rule, converted(rule.otherwise), size, self._noise, random)
            return noise.value
        table = {parse_key(text, len(rule.keys)): converted(value) for text, value in rule.data.items()}
        return _make_table(rule, table, converted(rule.otherwise), states)


_Rule = Callable[[Message, Mapping[str, int]], Any]
"""A message with the fields so far, and what the device knows -> the field's value; `None` keeps it."""


def _size(cls: type[Message], field: str) -> int:
    return next(spec.size for spec in cls.FIELDS if spec.name == field)


def _make_copy(rule: FieldRule) -> _Rule:
    sources, bits, keys = [split_name(name)[1] for name in rule.sources], rule.bits, rule.keys
    chosen = {parse_key(text, len(keys)): int(index) for text, index in rule.data.items()}

    def copy(message: Message, known: Mapping[str, int]) -> Any:
        at = tuple(known.get(part, -1) for part in keys)
        index = chosen.get(at) if chosen else sum(at) % len(sources)
        return None if index is None else clear_bit(getattr(message, sources[index]), bits[index])

    return copy


def clear_bit(value: Any, bit: int) -> Any:
    """Return a value with a bit of its first byte cleared; -1 keeps it."""
    if bit < 0:
        return value
    if isinstance(value, bytes):
        return bytes((value[0] & ~(1 << bit), *value[1:])) if value else value
    return int(value) & ~(1 << bit)


def _make_table(rule: FieldRule, table: dict[tuple[int, ...], Any], otherwise: Any, states: frozenset[str]) -> _Rule:
    names = tuple(rule.keys)
    at = next((number for number, name in enumerate(names) if name in states), None)
    if rule.between == "none" or at is None:
        return lambda _message, known: table.get(tuple(known.get(name, -1) for name in names), otherwise)
    groups: dict[tuple[int, ...], list[tuple[int, Any]]] = {}
    for key, value in table.items():
        groups.setdefault(key[:at] + key[at + 1 :], []).append((key[at], value))
    for rows in groups.values():
        rows.sort(key=lambda row: row[0])

    def look_up(_message: Message, known: Mapping[str, int]) -> Any:
        key = tuple(known.get(name, -1) for name in names)
        if key in table:
            return table[key]
        rows = groups.get(key[:at] + key[at + 1 :])
        return otherwise if rows is None else value_between(rows, key[at], rule.between)

    return look_up


def value_between(rows: Sequence[tuple[int, Any]], state: int, between: str) -> Any:
    """Return the value at a state between the rows of a table, which are sorted by their states.

    Beyond the first and the last row nothing is extrapolated: the nearest row counts.
    """
    right = bisect_left(rows, state, key=lambda row: row[0])
    if right < len(rows) and rows[right][0] == state:
        return rows[right][1]
    if right == 0 or right == len(rows):
        return rows[min(right, len(rows) - 1)][1]
    (low, before), (high, after) = rows[right - 1], rows[right]
    share = (state - low) / (high - low)
    nearest = before if share < 0.5 else after
    if before == after or between == "nearest":
        return nearest
    if between == "linear" and isinstance(before, int) and isinstance(after, int):
        return round(before + (after - before) * share)
    if between == "row" and isinstance(before, bytes) and isinstance(after, bytes):
        return _optical_row_between(before, after, share, nearest)
    return nearest


def _optical_row_between(before: bytes, after: bytes, share: float, nearest: bytes) -> bytes:
    """Interpolate one value of 12 bits and four signed deltas; rows of other kind or exponent stay the nearest."""
    if len(before) != _ROW_SIZE or len(after) != _ROW_SIZE or (before[0] ^ after[0]) & _KIND_AND_EXPONENT:
        return nearest
    first = [(row[0] & 0x0F) << 8 | row[1] for row in (before, after)]
    head = round(first[0] + (first[1] - first[0]) * share)
    deltas = bytearray()
    for a, b in zip(before[2:], after[2:], strict=True):
        low, high = (a ^ 0x80) - 0x80, (b ^ 0x80) - 0x80
        deltas.append(round(low + (high - low) * share) & 0xFF)
    return bytes((before[0] & _KIND_AND_EXPONENT | head >> 8, head & 0xFF, *deltas))


class _Noise:
    """One noise field: an offset that stays or is drawn again, or bytes in a range."""

    def __init__(
        self, rule: FieldRule, rest: Any, size: int, others: Mapping[str, "_Noise"], random: Random | None
    ) -> None:
        self._rule, self._rest, self._random = rule, rest, random
        self._mask = (1 << 8 * size) - 1
        self._around = split_name(rule.base)[1]
        self._offsets = [parse_key(text, 1)[0] for text in rule.values]
        self._shares = list(rule.values.values())
        self._others = others
        self.step = 0
        self._offset = rule.initial

    def begin(self) -> None:
        """Start from the initial offset."""
        self._offset, self.step = self._rule.initial, 0

    def value(self, message: Message, _known: Mapping[str, int]) -> Any:
        """Return the value of this frame."""
        if isinstance(self._rest, bytes):
            return self._bytes(self._rest)
        before = self._offset
        if self._random is not None and self._offsets and self._random.random() >= self._rule.stay:
            self._offset = self._random.choices(self._offsets, self._shares)[0]
        self.step = self._offset - before
        base = int(getattr(message, self._around)) if self._around else 0
        return base + self._offset & self._mask

    def _bytes(self, rest: bytes) -> bytes:
        """Bytes at rest, or with the step of another field spread over two of them at random."""
        other = self._others.get(self._rule.step_of)
        step = -other.step if other is not None else 0
        random = self._random
        if random is None or (not step and random.random() >= self._rule.rate):
            return rest
        values = [(byte ^ 0x80) - 0x80 for byte in rest]
        first, second = random.randrange(len(values)), random.randrange(len(values))
        values[first] += step
        if first != second:
            wobble = random.choice((-1, 1))
            values[first] += wobble
            values[second] -= wobble
        low, high = self._rule.low, self._rule.high
        return bytes(max(low, min(high, value)) & 0xFF for value in values)
