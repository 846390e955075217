"""Rules between body and lens: typed messages are changed, dropped, delayed or added on their way.

A rule is a fault with a condition, so it has the times, the count and the rate of one, and works wherever faults do.
The checksum is repaired. A frame that would not be rebuilt to the same bytes without its change passes as it came.
"""

import operator
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

import msgspec

from lensmount_emulator.engine.profile_values import build_message, field_values
from lensmount_emulator.faults.fault import Fault, FaultTarget, OutgoingBytes
from lensmount_emulator.faults.frame_faults import frame_size
from lensmount_emulator.faults.options import DELAY, NAME_OPTION, ExpectedOutcome, OptionType, integer, option
from lensmount_hardware.input_file import read_input
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FaultError, FrameError, ProfileError, unknown_name_message
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, PayloadParser, build_payload
from lensmount_protocol.wire import Role

MAX_EVERY = 100_000
MAX_RULES = 100
MAX_FILE = 1 << 16

DO = OptionType("drop", lambda text: {"drop": "drop"}[text], str, values=("drop",))

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, "!=": operator.ne, ">": operator.gt, "<": operator.lt, "=": operator.eq,
}  # fmt: skip

_CONDITION = re.compile(r"(\w+)(>=|<=|!=|>|<|=)(.+)")


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A rule for one dialect.

    Attributes:
        cls: the message.
        conditions: field, comparison and value; all must hold.
        values: the fields to set.
        added: the message to add to its frame.
    """

    cls: type[Message]
    conditions: tuple[tuple[str, Callable[[Any, Any], bool], Any], ...]
    values: dict[str, Any]
    added: Message | None

    def matches(self, message: AnyMessage) -> bool:
        """Whether the rule is about this message."""
        if type(message) is not self.cls:
            return False
        try:
            return all(compare(getattr(message, name), value) for name, compare, value in self.conditions)
        except TypeError:
            # A field that this message does not have is `None`.
            return False


@dataclass(slots=True, kw_only=True)
class Rule(Fault):
    """A message is changed, dropped, delayed, or another one is added to its frame."""

    NAME: ClassVar[str] = "rule"
    TOUCHES: ClassVar[str] = "frames"

    on: str = option("", NAME_OPTION, "the message, by its name")
    where: str = option("", NAME_OPTION, "conditions on its fields, such as `focal_length>1000,state=3`")
    set: str = option("", NAME_OPTION, "fields to set, such as `focal_length=1000`")
    do: str = option("", DO, "drop: leave the message out; a frame without messages is not sent")
    late: float = option(0.0, DELAY, "how long its frame waits, and all later bytes of the end with it")
    add: str = option("", NAME_OPTION, "a message to add to its frame, with fields: `FocusMove,target=500`")
    every: int = option(1, integer(1, MAX_EVERY), "applies to the first of so many that match")
    allow: str = option("", NAME_OPTION, "the guarded message that it may change or add, by its name")
    _compiled: _Compiled | None = field(default=None, init=False, repr=False, compare=False)
    _parser: PayloadParser | None = field(default=None, init=False, repr=False, compare=False)
    _matched: int = field(default=0, init=False, repr=False, compare=False)

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
        self._compile(dialect)

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Apply the rule to the frame that the first piece begins with."""
        dialect, first = target.dialect, pieces[0]
        compiled, parser = self._compiled or self._compile(dialect), self._parser or dialect.payload_parser()
        self._compiled, self._parser = compiled, parser
        size = frame_size(first.data, dialect.formats[sender])
        raw = first.data[:size]
        if not size or dialect.formats[sender].check(raw) is not None:
            return pieces
        frame = dialect.formats[sender].parse_header(raw, 0)
        try:
            messages = parser.parse(sender, frame.payload)
        except FrameError:
            return pieces
        for message in messages:
            parser.select(dialect.selections(sender, message))
        if not any(map(compiled.matches, messages)):
            return pieces
        self._matched += 1
        if (self._matched - 1) % self.every or not self.should_apply():
            return pieces
        return self._apply(compiled, frame, messages, pieces, sender, target)

    def _apply(
        self,
        compiled: _Compiled,
        frame: Frame,
        messages: list[AnyMessage],
        pieces: list[OutgoingBytes],
        sender: Role,
        target: FaultTarget,
    ) -> list[OutgoingBytes]:
        first, size, dialect = pieces[0], len(frame.raw), target.dialect
        first.delay += self.late
        changed = [self._change(compiled, message) for message in messages]
        left = [message for message in changed if message is not None]
        if not left and compiled.added is None:
            target.annotate(f"rule on {self.on}: {frame.raw.hex()} is dropped")
            return pieces[1:]
        if compiled.added is not None:
            left.append(compiled.added)
        same = dialect.build_frame(build_payload(messages), frame.class_, frame.sequence)
        data = dialect.build_frame(build_payload(left), frame.class_, frame.sequence)
        if same != frame.raw or dialect.formats[sender].check(data) is not None:
            target.annotate(f"rule on {self.on}: {frame.raw.hex()} cannot be rebuilt; it passes as it came")
            return pieces
        what = f"becomes {data.hex()}" if data != frame.raw else "passes as it came"
        target.annotate(f"rule on {self.on}: {frame.raw.hex()} {what}" + (f", {self.late:g} s late" * bool(self.late)))
        first.data = data + first.data[size:]
        return pieces

    def _change(self, compiled: _Compiled, message: AnyMessage) -> AnyMessage | None:
        if not compiled.matches(message):
            return message
        if self.do:
            return None
        return cast("AnyMessage", replace(cast("Any", message), **compiled.values)) if compiled.values else message

    def _compile(self, dialect: Dialect) -> _Compiled:
        if not (self.set or self.do or self.late or self.add):
            raise FaultError(f"rule on {self.on or 'nothing'}: does nothing; give it set, do=drop, late or add")
        try:
            cls = self._message_class(self.on, dialect, None)
            conditions = tuple(self._condition(cls, text) for text in self.where.split(",") if text)
            values = field_values(cls, _fields(cls, self.set))
            build_message(cls, _fields(cls, self.set))
            added = None
            if self.add:
                name, _, fields = self.add.partition(",")
                other = self._message_class(name, dialect, cls.SENDER)
                added = build_message(other, _fields(other, fields))
        except ProfileError as error:
            raise FaultError(f"rule on {self.on}: {error}") from None
        return _Compiled(cls, conditions, values, added)

    def _message_class(self, name: str, dialect: Dialect, sender: Role | None) -> type[Message]:
        known = {cls.__name__: cls for (role, _), cls in dialect.messages.items() if sender in (None, role)}
        if name not in known:
            raise ProfileError(unknown_name_message(f"message of {dialect.name}", name, known))
        cls = known[name]
        if cls.TYPE in dialect.types_protected_from(cls.SENDER) and self.allow != name:
            raise ProfileError(f"{name} is guarded: it can damage a device; allow={name} lets this rule handle it")
        return cls

    def _condition(self, cls: type[Message], text: str) -> tuple[str, Callable[[Any, Any], bool], Any]:
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
        return name, compare, value


def _value(cls: type[Message], name: str, text: str) -> int | str:
    if any(known.name == name and known.type is str for known in fields_of(cast("Any", cls))):
        raise ProfileError(f"{name} is text; rules compare and set numbers and bytes")
    try:
        return int(text, 0)
    except ValueError:
        return text


def _fields(cls: type[Message], text: str) -> dict[str, int | str | bool]:
    pairs = [item.partition("=") for item in text.split(",") if item]
    wrong = next((name for name, _, value in pairs if not value), None)
    if wrong is not None:
        raise ProfileError(f"{wrong!r} is no field=value")
    return {name: _value(cls, name, value) for name, _, value in pairs}


class _RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: Annotated[
        list[dict[str, str | int | float | list[str] | dict[str, int | str]]],
        msgspec.Meta(min_length=1, max_length=MAX_RULES),
    ]


def load_rules(path: Path) -> list[str]:
    """Read a file of rules as the texts of faults.

    Args:
        path: a TOML file with a table `[[rules]]` each; `set` may be a table, and `where` a list.

    Raises:
        FaultError: the file cannot be read, or is no list of rules.
    """
    text = read_input(path, MAX_FILE, "a file of rules", FaultError).decode("utf-8", "replace")
    try:
        found = msgspec.convert(tomllib.loads(text), _RuleFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise FaultError(f"{path}: {error}") from None
    return [_rule_text(rule) for rule in found.rules]


def _rule_text(rule: Mapping[str, str | int | float | list[str] | dict[str, int | str]]) -> str:
    items = [Rule.NAME]
    for key, value in rule.items():
        if isinstance(value, dict):
            value = ",".join(f"{name}={one}" for name, one in value.items())
        elif isinstance(value, list):
            value = ",".join(value)
        items.append(f"{key}={''.join(str(value).split())}")
    return " ".join(items)
