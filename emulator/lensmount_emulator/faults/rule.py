"""Rules as faults and as files: a message, conditions on its fields, and what becomes of it on its way.

A rule is a fault with a condition, so it has the times, the count and the rate of one, and works wherever faults do.
`rules.engine` applies it; a rule with a way is carried out by a relay, and any other one by the mount.
"""

import operator
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from dataclasses import fields as fields_of
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, cast

import msgspec

from lensmount_emulator.engine.profile_values import build_message, field_values
from lensmount_emulator.faults.fault import Fault, FaultTarget, OutgoingBytes
from lensmount_emulator.faults.frame_faults import frame_size
from lensmount_emulator.faults.options import DELAY, NAME_OPTION, ExpectedOutcome, OptionType, integer, option
from lensmount_emulator.rules.engine import Change, MessageRule, RuleEngine
from lensmount_emulator.rules.relay import RelayRules
from lensmount_emulator.rules.table import TableRule, make_table
from lensmount_hardware.input_file import parse_toml, read_text
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FaultError, ProfileError, unknown_name_message
from lensmount_protocol.framer import FrameFormat, burst_format
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import Role

MAX_EVERY = 100_000
MAX_RULES = 100
MAX_FILE = 1 << 16

DO = OptionType("drop or hold", lambda text: {"drop": "drop", "hold": "hold"}[text], str, values=("drop", "hold"))

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, "!=": operator.ne, ">": operator.gt, "<": operator.lt, "=": operator.eq,
}  # fmt: skip


class Condition(NamedTuple):
    """A comparison of a field with a value."""

    field: str
    comparison: str
    value: Any


_CONDITION = re.compile(r"(\w+)(>=|<=|!=|>|<|=)(.+)")


WAYS = ("instant", "cut-through", "store")
WAY = OptionType(
    ", ".join(WAYS[:-1]) + " or " + WAYS[-1], lambda text: {way: way for way in WAYS}[text], str, values=WAYS
)

Call = Callable[[Any], AnyMessage | Sequence[AnyMessage] | None]
"""A message -> what passes on in its place: one, several, or `None` for none."""


@dataclass(slots=True, kw_only=True)
class Rule(Fault):
    """A message is changed, dropped, delayed or held, or another one is added to its frame.

    Attributes:
        call: a function of the message in place of `set` and `do`, for programs; the text form has no functions, so a
            session with one cannot be run again from its recording.
    """

    NAME: ClassVar[str] = "rule"
    TOUCHES: ClassVar[str] = "frames"

    on: str = option("", NAME_OPTION, "the message, by its name")
    where: str = option("", NAME_OPTION, "conditions on its fields, such as `focal_length>1000,state=3`")
    set: str = option("", NAME_OPTION, "fields to set, such as `focal_length=1000`")
    shift: str = option("", NAME_OPTION, "numbers to add to fields, such as `operand=-16`; they stay in their range")
    do: str = option(
        "",
        DO,
        "drop: leave the message out; a frame without messages is not sent. hold: time stops at its frame",
    )
    late: float = option(0.0, DELAY, "how long its frame waits, and all later bytes of the end with it")
    add: str = option("", NAME_OPTION, "a message to add to its frame, with fields: `FocusMove,target=500`")
    every: int = option(1, integer(1, MAX_EVERY), "applies to the first of so many that match")
    allow: str = option("", NAME_OPTION, "the guarded message that it may change or add, by its name")
    way: str = option("", WAY, "how a relay passes its frames on; instant: no relay, the frame changes on the wire")
    call: Call | None = None
    _engine: RuleEngine | None = field(default=None, init=False, repr=False, compare=False)
    _warned: bool = field(default=False, init=False, repr=False, compare=False)
    _matched: int = field(default=0, init=False, repr=False, compare=False)
    _selected: Mapping[type[Message], int] = field(
        default_factory=dict[type[Message], int], init=False, repr=False, compare=False
    )

    def declared(self, seconds: float) -> ExpectedOutcome:
        """What follows from a changed value is not known in advance."""
        return ExpectedOutcome.MAY_FAIL

    def check(self, dialect: Dialect) -> None:
        """Check the message, its fields and their values.

        Raises:
            FaultError: something is unknown, impossible, guarded, or the rule does nothing.
        """
        # A dataclass with slots is made a second time, and `super()` would still mean the first.
        Fault.check(self, dialect)
        if not self.is_relay_only:
            self.compile(dialect)
        if self.needs_relay:
            relay_rules(dialect, [self])

    @property
    def is_relay_only(self) -> bool:
        """Whether it only asks for a relay, without a rule."""
        return self.way not in ("", "instant") and not self.on

    @property
    def needs_relay(self) -> bool:
        """Whether a relay between two joints carries it out, and not the mount."""
        return self.way not in ("", "instant")

    def follow(self, selections: Mapping[type[Message], int]) -> None:
        """Take the blocks that the ends had selected before the rule began."""
        self._selected = dict(selections)

    def is_active(self, now: float) -> bool:
        """Whether it watches frames: from the first on, since those select how later ones are read."""
        return now < self.end_time and (self.count is None or self.applied_count < self.count)

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Apply the rule to the frame that the first piece begins with."""
        if self.needs_relay:
            return pieces
        dialect, first = target.dialect, pieces[0]
        engine = self._engine
        if engine is None:
            engine = self._engine = RuleEngine(dialect, [self.compile(dialect)], selected=self._selected)
        size = frame_size(first.data, dialect.formats[sender])
        if not size and not self._warned and _begins_frame(first.data, dialect.formats[sender]):
            self._warned = True
            target.annotate(f"rule on {self.on}: a frame comes in pieces, and passes as it came; give the rule a way")
        result = engine.process(sender, first.data[:size], target.scheduler.now) if size else None
        if result is None:
            return pieces
        target.annotate(result.note)
        if result.holds:
            target.hold(result.note)
        first.delay += result.late
        if not result.data:
            return pieces[1:]
        first.data = result.data + first.data[size:]
        return pieces

    def compile(self, dialect: Dialect) -> MessageRule:
        """Return the rule for one dialect.

        Raises:
            FaultError: as `check`.
        """
        if not (self.set or self.shift or self.do or self.late or self.add or self.call):
            raise FaultError(f"rule on {self.on or 'nothing'}: does nothing; give it set, shift, do, late or add")
        try:
            cls = self._message_class(self.on, dialect, None)
            conditions = self.conditions(cls)
            change, allowed = self._change(cls), frozenset[int]()
            added: list[Message] = []
            if self.add:
                name, _, fields = self.add.partition(",")
                other = self._message_class(name, dialect, cls.SENDER)
                added.append(build_message(other, parse_fields(other, fields)))
            if self.allow:
                allowed = frozenset({self._message_class(self.allow, dialect, cls.SENDER).TYPE})
        except ProfileError as error:
            raise FaultError(f"rule on {self.on}: {error}") from None
        return MessageRule(
            cls=cls,
            name=self.on,
            change=change,
            matches=lambda message: _all_hold(conditions, message),
            admits=self._admits,
            added=added,
            late=self.late,
            holds=self.do == "hold",
            allowed=allowed,
        )

    def table_rule(self, dialect: Dialect) -> TableRule:
        """Return the rule as a table takes it.

        Raises:
            FaultError: a table cannot do it, with the reason; or as `check`.
        """
        rule = self.compile(dialect)
        for what, reason in (
            (self.call is not None, "a function"),
            (self.do == "drop", "drop changes the length, and the head of the frame has passed"),
            (self.do == "hold", "hold needs the whole frame"),
            (self.shift, "shift needs the whole number before its first byte goes on"),
            (self.add, "add changes the length, and the head of the frame has passed"),
            (self.late, "late needs the whole frame"),
            (self.at or self.until is not None or self.for_ is not None, "a table has no clock"),
            (self.rate < 1, "a table has no dice"),
        ):
            if what:
                raise FaultError(f"rule on {self.on}: {reason}; a table cannot do that")
        try:
            conditions, values = self.conditions(rule.cls), self.values(rule.cls)
        except ProfileError as error:
            raise FaultError(f"rule on {self.on}: {error}") from None
        return TableRule(self.on, rule.cls, conditions, values, self.every, self.count or 0)

    def values(self, cls: type[Message]) -> dict[str, Any]:
        """The fields to set, and their values.

        Raises:
            ProfileError: a field is unknown, or cannot carry its value.
        """
        fields = parse_fields(cls, self.set)
        build_message(cls, fields)
        return field_values(cls, fields)

    def conditions(self, cls: type[Message]) -> tuple[Condition, ...]:
        """The conditions; all must hold.

        Raises:
            ProfileError: one is no condition, or its field is unknown or has no order.
        """
        return tuple(self._condition(cls, text) for text in self.where.split(",") if text)

    def _change(self, cls: type[Message]) -> Change | None:
        if self.call is not None:
            call = self.call
            return lambda message, _messages: call(message)
        values = self.values(cls)
        if self.do == "drop":
            return lambda _message, _messages: None
        shifts = [(name, by, _number_range(cls, name)) for name, by in self._shifts(cls).items()]
        if not (values or shifts):
            return None

        def change(message: Any, _messages: Sequence[AnyMessage]) -> AnyMessage:
            moved = {
                name: max(low, min(high, getattr(message, name) + by))
                for name, by, (low, high) in shifts
                if isinstance(getattr(message, name), int)
            }
            changed: AnyMessage = replace(message, **values, **moved)
            return changed

        return change

    def _shifts(self, cls: type[Message]) -> dict[str, int]:
        shifts = field_values(cls, parse_fields(cls, self.shift))
        for name, by in shifts.items():
            if not isinstance(by, int) or isinstance(getattr(cls(), name), bool):
                raise ProfileError(f"shift of {name}: {by!r} is no number, or the field holds none")
        return shifts

    def _admits(self, now: float) -> bool:
        if now < self.since + self.at or not self.is_active(now):
            return False
        self._matched += 1
        return not (self._matched - 1) % self.every and self.should_apply()

    def _message_class(self, name: str, dialect: Dialect, sender: Role | None) -> type[Message]:
        known = {cls.__name__: cls for (role, _), cls in dialect.messages.items() if sender in (None, role)}
        if name not in known:
            raise ProfileError(unknown_name_message(f"message of {dialect.name}", name, known))
        cls = known[name]
        if cls.TYPE in dialect.types_protected_from(cls.SENDER) and self.allow != name:
            raise ProfileError(f"{name} is guarded: it can damage a device; allow={name} lets this rule handle it")
        return cls

    def _condition(self, cls: type[Message], text: str) -> Condition:
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise ProfileError(
                f"condition {text!r} is no field, comparison and value; comparisons: {' '.join(COMPARISONS)}"
            )
        name, comparison, given = found.groups()
        compare, value = COMPARISONS[comparison], field_values(cls, {name: _value(cls, name, given)})[name]
        default = getattr(cls(), name)
        try:
            compare(value if default is None else default, value)
        except TypeError:
            raise ProfileError(f"condition {text!r}: {name} and {given} have no order; use = or !=") from None
        return Condition(name, comparison, value)


def _begins_frame(data: bytes, frame_format: FrameFormat) -> bool:
    """Whether the data is the beginning of a frame, and not all of it."""
    header = data[: frame_format.header_size]
    if len(header) < frame_format.header_size or header[0] != frame_format.start:
        return False
    size = frame_format.frame_length(header)
    return isinstance(size, int) and size > len(data)


def _number_range(cls: type[Message], name: str) -> tuple[int, int]:
    """The smallest and the largest number that a field carries."""
    bits = 8 * next(spec.size for spec in cls.FIELDS if spec.name == name)
    if not bits:
        raise ProfileError(f"shift of {name}: its size varies")
    try:
        build_message(cls, {name: -1})
    except (ProfileError, struct.error, OverflowError, ValueError):
        return 0, (1 << bits) - 1
    return -(1 << bits - 1), (1 << bits - 1) - 1


def _value(cls: type[Message], name: str, text: str) -> int | str:
    type_ = next((known.type for known in fields_of(cast("Any", cls)) if known.name == name), None)
    if type_ is str:
        raise ProfileError(f"{name} is text; rules compare and set numbers and bytes")
    if type_ is bytes:
        # Hexadecimal, also where its digits would be a decimal number.
        return text
    try:
        return int(text, 0)
    except ValueError:
        return text


def _all_hold(conditions: Sequence[Condition], message: Message) -> bool:
    try:
        return all(COMPARISONS[one.comparison](getattr(message, one.field), one.value) for one in conditions)
    except TypeError:
        # A field that this message does not have is `None`.
        return False


def parse_fields(cls: type[Message], text: str) -> dict[str, int | str | bool]:
    """Parse `field=value` items, joined by commas.

    Raises:
        ProfileError: an item has no value, or its field holds text.
    """
    pairs = [item.partition("=") for item in text.split(",") if item]
    wrong = next((name for name, _, value in pairs if not value), None)
    if wrong is not None:
        raise ProfileError(f"{wrong!r} is no field=value")
    return {name: _value(cls, name, value) for name, _, value in pairs}


def relay_rules(dialect: Dialect, rules: Sequence[Rule], *, stores: bool = False) -> dict[Role, RelayRules]:
    """Return the rules of both directions of a relay.

    A direction in which every rule can be a table is cut through. One with a rule that stores, or that no table can do,
    stores the frames that its rules are about.

    Args:
        dialect: the dialect.
        rules: the rules.
        stores: whether all rules store: a frame is judged whole before it goes to a port.

    Raises:
        FaultError: a rule is to be cut through, and no table can do it; the frames have no header that a relay could
            follow; or as `Rule.check`.
    """
    if rules and any(burst_format(one) is not None for one in dialect.formats.values()):
        first = f"on {rules[0].on}" if rules[0].on else f"way={rules[0].way}"
        raise FaultError(
            f"rule {first}: a relay follows frames with a header, and those of {dialect.name} "
            "have none; only an instant rule changes them"
        )
    return {sender: _direction(dialect, sender, rules, stores) for sender in Role}


def _direction(dialect: Dialect, sender: Role, rules: Sequence[Rule], all_store: bool) -> RelayRules:
    everything = frozenset[int]()
    if any(rule.is_relay_only and rule.way == "store" for rule in rules):
        everything = frozenset(type_ for role, type_ in dialect.messages if role is sender)
    compiled = [(rule, rule.compile(dialect)) for rule in rules if rule.on]
    mine = [(rule, made) for rule, made in compiled if made.cls.SENDER is sender]
    tables, stores = list[TableRule](), all_store and bool(mine)
    for rule, _ in mine:
        try:
            tables.append(rule.table_rule(dialect))
        except FaultError:
            if rule.way == "cut-through":
                raise
            stores = True
        stores = stores or rule.way == "store"
    if stores or everything:
        engine = RuleEngine(dialect, [made for _, made in mine])
        return RelayRules(engine, stored=engine.types(sender) | everything)
    table = make_table(dialect, sender, tables) if tables else None
    return RelayRules(RuleEngine(dialect, []), table)


class _RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: Annotated[
        list[dict[str, str | int | float | bool | list[str] | dict[str, int | str]]], msgspec.Meta(max_length=MAX_RULES)
    ] = []
    way: Literal["instant", "cut-through", "store"] | None = None


def load_rules(path: Path) -> list[str]:
    """Read a file of rules as the texts of faults.

    Args:
        path: a TOML file with a table `[[rules]]` each; `set` may be a table, and `where` a list. `way` at its top is
            that of every rule without one; without rules it asks for a relay alone.

    Raises:
        FaultError: the file cannot be read, or is no list of rules.
    """
    return parse_rules(read_text(path, MAX_FILE, "a file of rules", FaultError), str(path))


def parse_rules(text: str, place: str) -> list[str]:
    """Parse the text of a file of rules, as `load_rules` does.

    Args:
        text: the text.
        place: where it comes from, for errors.

    Raises:
        FaultError: it is no list of rules.
    """
    try:
        found = msgspec.convert(parse_toml(text), _RuleFile)
    except (ValueError, msgspec.ValidationError) as error:
        raise FaultError(f"{place}: {error}") from None
    if not found.rules and found.way in (None, "instant"):
        raise FaultError(f"{place}: holds no rules; write a table [[rules]] for each")
    if not found.rules:
        return [f"{Rule.NAME} way={found.way}"]
    return [_rule_text(rule if found.way is None else {"way": found.way, **rule}) for rule in found.rules]


RulesLike = str | PathLike[str] | Sequence[str | Rule]
"""The path of a file of rules, or texts of rules and rules."""


def resolve_rules(given: RulesLike) -> list[str | Fault]:
    """Return rules as a plan of faults takes them; a text may leave out the word `rule`.

    Raises:
        FaultError: as `load_rules`.
    """
    if isinstance(given, str | PathLike):
        return [*load_rules(Path(given))]
    return [one if isinstance(one, Rule) or one.split()[:1] == [Rule.NAME] else f"{Rule.NAME} {one}" for one in given]


def _rule_text(rule: Mapping[str, str | int | float | bool | list[str] | dict[str, int | str]]) -> str:
    items = [Rule.NAME]
    for key, value in rule.items():
        if key == "once" and isinstance(value, bool):
            if value:
                items.append("count=1")
            continue
        if isinstance(value, dict):
            value = ",".join(f"{name}={one}" for name, one in value.items())
        elif isinstance(value, list):
            value = ",".join(value)
        items.append(f"{key}={''.join(str(value).split())}")
    return " ".join(items)
