"""Rules of the fields of a device's stream: constants, tables, copies, counters and noise, as a profile holds them.

A rule gives one field of one message. Its key is made of values that the device knows: what its peer sent, the number
of frames, the state of its own controls. `RulePlayer` in `rule_player` computes the fields from the rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from lensmount_emulator.engine.profile_values import (
    FieldValue,
    MessageFields,
    build_message,
    check_between,
    field_values,
)
from lensmount_protocol.errors import ProfileError, unknown_name_message
from lensmount_protocol.message import FieldSpec, Message

MAX_RULES = 2000
"""Rules of a profile; the messages of a dialect have fewer fields."""

MAX_ROWS = 20_000
"""Rows of a table; a capture has fewer states."""

MAX_VALUES = 1 << 16
"""Values of a state, and one more than the largest."""

MAX_MODULUS = 256
Between = Literal["none", "nearest", "linear", "row"]
"""What a table gives between two values of a state."""

STEP, DIRECTION = ".step", ".direction"
WINDOWS = (4, 8, 16)
MOTION = (STEP, *(f".recent{pairs}" for pairs in WINDOWS), DIRECTION)
"""Endings of the inputs that show how a state moved: in this pair, last within so many pairs, and last of all."""

PHASE = "phase:"
"""Begins the name of a phase in a key."""


class StateVariable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A variable of the device that only its user or its mechanism changes.

    Attributes:
        field: the field that shows it, as `Message.field`.
        values: the values that the captures cover: a list, or a range as text, `0x1000..0x103F`.
        initial: its value when a session begins; `None` for a variable that a model of the engine moves.
        alone: whether a capture changes this variable while all others stay.
    """

    field: str
    values: list[int] | str
    initial: int | None = None
    alone: bool = True

    @property
    def covered(self) -> Sequence[int]:
        """The values as numbers.

        Raises:
            ProfileError: the text is no range.
        """
        if not isinstance(self.values, str):
            return self.values
        low, _, high = self.values.partition("..")
        try:
            first, last = int(low, 0), int(high, 0)
        except ValueError:
            first, last = 0, MAX_VALUES
        if not 0 <= last - first < MAX_VALUES:
            raise ProfileError(f"values is {self.values!r}; write numbers, or a range such as '0x10..0x20'")
        return range(first, last + 1)


class SessionPhase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hidden number of a session: where a cycle of the device stands when the session begins.

    Attributes:
        name: its name in keys, after `phase:`.
        modulus: length of the cycle.
        clock: the count that advances it.
        value: its value where the count is zero.
    """

    name: str
    modulus: int
    clock: str
    value: int = 0


class FieldRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One field of a stream message.

    Attributes:
        name: `Message.field`.
        kind: `const`, `table`, `copy`, `affine`, `counter` or `noise`.
        key: names of states, phases and values of the peer that choose the row of a table or copy.
        by: the same as a key of one name.
        between: what an unlisted value of a state gets: `none` the value of `otherwise`, `nearest` the nearest row,
            `linear` a number between two rows, `row` an optical row between two rows of equal kind and exponent.
        data: key, its parts joined by commas -> value; of a copy, the index in `of`.
        otherwise: value of an unlisted key, of a constant, or of bytes of noise at rest; `None` keeps the engine's.
        of: the sources of a copy, or the one of an affine field; without `data` a copy takes them in turn.
        clear_bit: for each source of a copy, the bit of its first byte that is cleared; -1: none; one number for all.
        add: value of an affine field minus its source.
        phase: name of the phase of a counter.
        start: value of a counter at phase 0.
        step: what a counter adds with each phase.
        modulus: a counter is taken modulo this number; 0: no.
        around: the field that noise is added to; empty: zero.
        values: offset from `around` -> share of frames.
        stay: share of frames in which the offset stays.
        initial: the offset at the begin of a session.
        low: smallest signed byte of noise of bytes.
        high: largest signed byte.
        rate: share of frames in which bytes of noise differ from `otherwise`.
        step_of: the noise field of which these bytes show the step, as its negated sum.
        seen: frames in the captures.
        right: share of the training frames that the rule gives.
    """

    name: str
    kind: Literal["const", "table", "copy", "affine", "counter", "noise"]
    key: list[str] = []
    by: str = ""
    between: Between = "none"
    data: dict[str, FieldValue] = {}
    otherwise: FieldValue | None = None
    of: list[str] | str = []
    clear_bit: list[int] | int = []
    add: int = 0
    phase: str = ""
    start: int = 0
    step: int = 0
    modulus: int = 0
    around: str = ""
    values: dict[str, float] = {}
    stay: float = 0.0
    initial: int = 0
    low: int = 0
    high: int = 0
    rate: float = 0.0
    step_of: str = ""
    seen: int = 0
    right: float = 1.0

    @property
    def keys(self) -> list[str]:
        """The names of the key."""
        return [self.by] if self.by else self.key

    @property
    def sources(self) -> list[str]:
        """The sources, each as `Message.field`."""
        return [self._full(name) for name in ([self.of] if isinstance(self.of, str) else self.of)]

    @property
    def base(self) -> str:
        """The field that noise is added to, as `Message.field`; empty: none."""
        return self._full(self.around) if self.around else ""

    @property
    def bits(self) -> list[int]:
        """The bit that each source clears; -1: none."""
        if isinstance(self.clear_bit, int):
            return [self.clear_bit] * len(self.sources)
        return self.clear_bit or [-1] * len(self.sources)

    def _full(self, name: str) -> str:
        return name if "." in name else f"{split_name(self.name)[0]}.{name}"


class StateStart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The start of a stream at certain states: a start does not carry over from one state to another.

    Attributes:
        when: state -> its value.
        start: message -> fields that differ, frame by frame.
    """

    when: dict[str, int]
    start: dict[str, list[MessageFields]]


class Origin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a twin comes from.

    Attributes:
        captures: name of each capture -> its SHA-256.
        train: share of each session that the rules were learned from.
        score: figures of the part that is not in `train`.
        never_seen: messages that the captures lack.
        donor: the profile that gives them; empty: none.
        donated: messages that come from it.
        confounded: states that no capture changes alone.
    """

    captures: dict[str, str] = {}
    train: float = 1.0
    score: dict[str, float] = {}
    never_seen: list[str] = []
    donor: str = ""
    donated: list[str] = []
    confounded: list[str] = []


def split_name(name: str) -> tuple[str, str]:
    """Split `Message.field`."""
    message, _, field = name.partition(".")
    return message, field


def parse_key(text: str, parts: int) -> tuple[int, ...]:
    """Parse the key of a row: numbers, joined by commas.

    Raises:
        ProfileError: no numbers, or another count.
    """
    try:
        numbers = tuple(int(part, 0) for part in text.split(",")) if text else ()
    except ValueError:
        raise ProfileError(f"key {text!r} is no list of numbers; write '0x1000,1'") from None
    if len(numbers) != parts:
        raise ProfileError(f"key {text!r} has {len(numbers)} numbers; {parts} are needed")
    return numbers


def check_rules(
    states: Mapping[str, StateVariable],
    phases: Iterable[SessionPhase],
    rules: list[FieldRule],
    classes: Mapping[str, type[Message]],
    inputs: Iterable[str],
) -> None:
    """Check that an engine can use the rules of a profile.

    Args:
        states: the state variables.
        phases: the phases.
        rules: the rules.
        classes: the messages of the device by name.
        inputs: the names of the values that the engine offers to keys.

    Raises:
        ProfileError: the rule, and what is wrong with it.
    """
    known = {*inputs, *states, *(name + ending for name in states for ending in MOTION)}
    for number, phase in enumerate(phases):
        check_between(f"phase[{number}].modulus", phase.modulus, 1, MAX_MODULUS)
        check_between(f"phase[{number}].value", phase.value, 0, phase.modulus - 1)
        if phase.clock not in inputs:
            raise ProfileError(f"phase[{number}].{unknown_name_message('clock', phase.clock, inputs)}")
        known.add(PHASE + phase.name)
    for name, state in states.items():
        _field_spec(f"state.{name}", state.field, classes)
        owner, field = split_name(state.field)
        try:
            check_between("the number of values", len(state.covered), 0, MAX_VALUES)
            if state.initial is not None:
                _check_value(classes[owner], field, state.initial)
        except ProfileError as error:
            raise ProfileError(f"state.{name}: {error}") from None
    check_between("the number of field rules", len(rules), 0, MAX_RULES)
    for rule in rules:
        try:
            _check_rule(rule, classes, known)
        except ProfileError as error:
            raise ProfileError(f"field {rule.name}: {error}") from None


def _check_rule(rule: FieldRule, classes: Mapping[str, type[Message]], known: set[str]) -> None:
    spec = _field_spec("name", rule.name, classes)
    message, field = split_name(rule.name)
    cls = classes[message]
    for part in rule.keys:
        if part not in known:
            raise ProfileError(unknown_name_message("key", part, known))
    check_between("the number of rows", len(rule.data), 0, MAX_ROWS)
    for text, value in rule.data.items():
        parse_key(text, len(rule.keys))
        if rule.kind == "copy":
            if not isinstance(value, int) or not 0 <= value < len(rule.sources):
                raise ProfileError(f"row {text!r} is {value!r}; write the index of a source in `of`")
        else:
            _check_value(cls, field, value)
    if rule.otherwise is not None:
        _check_value(cls, field, rule.otherwise)
    for source in (*rule.sources, *([rule.base] if rule.base else [])):
        other = _field_spec("source", source, classes)
        if other.size != spec.size or split_name(source)[0] != message:
            raise ProfileError(f"source {source} is no field of {message} with {spec.size} bytes")
    if rule.kind == "copy":
        if not rule.sources or len(rule.bits) != len(rule.sources):
            raise ProfileError("a copy needs `of`, and one `clear_bit` for each source or none")
        for bit in rule.bits:
            check_between("clear_bit", bit, -1, 7)
    if rule.kind == "affine" and len(rule.sources) != 1:
        raise ProfileError("an affine field needs one source in `of`")
    if rule.kind == "counter":
        check_between("modulus", rule.modulus, 0, 1 << 8 * spec.size)
    if rule.kind == "counter" and PHASE + rule.phase not in known:
        raise ProfileError(unknown_name_message("phase", rule.phase, known))
    if rule.between in ("linear", "row"):
        states = [part for part in rule.keys if not part.startswith(PHASE)]
        if not states:
            raise ProfileError(f"between = {rule.between!r} needs a state in `key`")
    check_between("low", rule.low, -128, 127)
    check_between("high", rule.high, rule.low, 127)
    for share in (rule.rate, rule.stay, rule.right, *rule.values.values()):
        check_between("a share", share, 0, 1)
    for offset in rule.values:
        parse_key(offset, 1)


def _check_value(cls: type[Message], field: str, value: FieldValue) -> None:
    build_message(cls, {field: value})


def _field_spec(what: str, name: str, classes: Mapping[str, type[Message]]) -> FieldSpec:
    message, field = split_name(name)
    if message not in classes:
        raise ProfileError(f"{what}: {unknown_name_message('message', message, classes)}")
    spec = next((spec for spec in classes[message].FIELDS if spec.name == field), None)
    if spec is None:
        field_values(classes[message], {field: 0})
        raise AssertionError("unreachable: field_values raises")
    return spec
