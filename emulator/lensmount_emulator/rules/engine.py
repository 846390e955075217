"""The rule engine: the typed messages of a frame are changed, dropped, delayed, held, or joined by others. No I/O.

One engine serves rules of files, the rewriting tables of accessories, faults, bridges, and relays of both dialects. The
checksum is repaired. A frame that would not be rebuilt to the same bytes without its change passes as it came, and so
does one into which a rule would put a guarded message that it does not name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from lensmount_emulator.engine.engine import HandlerTable
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FrameError
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, PayloadParser, build_payload, message_type
from lensmount_protocol.wire import Role

S = TypeVar("S")

Change = Callable[[Any, Sequence[AnyMessage]], AnyMessage | Sequence[AnyMessage] | None]
"""A message and all messages of its frame -> what passes on in its place: one, several in order, or `None` for none.
The message itself means that it passes unchanged."""


@dataclass(slots=True, kw_only=True)
class MessageRule:
    """One rule for one dialect.

    Attributes:
        cls: the message.
        name: what notes call it.
        change: what becomes of each message that matches; `None`: it stays.
        matches: whether a message of the class is one of the rule's.
        admits: whether the rule applies to a frame with a match at this time: its count, its share, its times.
        added: messages to add at the end of the frame.
        late: seconds that the frame waits.
        holds: whether the frame is held, as at a breakpoint.
        allowed: types of guarded messages that the rule may put into a frame.
    """

    cls: type[Message]
    name: str = ""
    change: Change | None = None
    matches: Callable[[Any], bool] = lambda _message: True
    admits: Callable[[float], bool] = lambda _now: True
    added: Sequence[Message] = ()
    late: float = 0.0
    holds: bool = False
    allowed: frozenset[int] = frozenset()

    def apply(self, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
        """Return the messages of a frame after the rule."""
        left: list[AnyMessage] = []
        for message in messages:
            if self.change is None or type(message) is not self.cls or not self.matches(message):
                left.append(message)
                continue
            made = self.change(message, messages)
            if made is None:
                continue
            left += made if isinstance(made, Sequence) else [made]
        return [*left, *self.added]


def table_rules(table: HandlerTable[S, AnyMessage], subject: S) -> list[MessageRule]:
    """Return a table of functions of a subject and a message, as an accessory has one, as rules for one subject."""
    return [MessageRule(cls=cls, name=cls.__name__, change=_bound(function, subject)) for cls, function in table]


def _bound(function: Callable[[S, Any], AnyMessage], subject: S) -> Change:
    return lambda message, _messages: function(subject, message)


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What becomes of a frame to which a rule applied.

    Attributes:
        data: the bytes that pass on; empty for a frame that is dropped.
        messages: its messages.
        late: seconds that it waits.
        holds: whether it is held.
        note: what happened, with the old and the new frame in hexadecimal.
        error: why it passes as it came, although a rule applied; empty where it does not.
    """

    data: bytes
    messages: Sequence[AnyMessage]
    late: float = 0.0
    holds: bool = False
    note: str = ""
    error: str = ""


@dataclass(slots=True)
class RuleEngine:
    """Applies rules to the frames of both ends.

    Attributes:
        dialect: the dialect.
        rules: the rules, in the order in which they apply.
        selected: the blocks of messages that the ends had selected before.
        hits: frames to which a rule applied.
    """

    dialect: Dialect
    rules: Sequence[MessageRule]
    selected: InitVar[Mapping[type[Message], int]] = MappingProxyType({})
    hits: int = 0
    _by_class: dict[type[Any], list[MessageRule]] = field(init=False, repr=False)
    _types: dict[Role, frozenset[int]] = field(init=False, repr=False)
    _guarded: dict[Role, frozenset[int]] = field(init=False, repr=False)
    _parser: PayloadParser = field(init=False, repr=False)

    def __post_init__(self, selected: Mapping[type[Message], int]) -> None:
        self._by_class = {}
        for rule in self.rules:
            self._by_class.setdefault(rule.cls, []).append(rule)
        self._types = {role: frozenset(cls.TYPE for cls in self._by_class if cls.SENDER is role) for role in Role}
        self._guarded = {role: self.dialect.types_protected_from(role) for role in Role}
        self._parser = self.dialect.payload_parser()
        self._parser.select(selected)

    def types(self, sender: Role) -> frozenset[int]:
        """The types of the messages of an end that rules are about."""
        return self._types[sender]

    def parse(self, sender: Role, raw: bytes) -> tuple[Frame, list[AnyMessage]] | None:
        """Return a whole frame and its messages; `None` where the bytes are no valid frame."""
        frame_format = self.dialect.formats[sender]
        if frame_format.check(raw) is not None:
            return None
        frame = frame_format.parse_header(raw, 0)
        parser = self._parser
        try:
            messages = parser.parse(sender, frame.payload)
        except FrameError:
            return None
        if self.dialect.selecting:
            for message in messages:
                if type(message) in self.dialect.selecting:
                    parser.select(self.dialect.selections(sender, message))
        return frame, messages

    def parse_changed(self, sender: Role, raw: bytes) -> tuple[Frame, list[AnyMessage]] | None:
        """The same for a frame that has been changed: its sender goes on with the layout that it sent itself."""
        frame_format = self.dialect.formats[sender]
        if frame_format.check(raw) is not None:
            return None
        frame = frame_format.parse_header(raw, 0)
        return frame, self._parser.parse(sender, frame.payload)

    def message_size(self, sender: Role, type_: int) -> int | None:
        """Bytes of a message of this type, as the ends have selected its blocks; `None` where its size varies."""
        cls = self.dialect.messages.get((sender, type_))
        return None if cls is None else self._parser.parsers(sender).codec_for(cls).size

    def process(self, sender: Role, raw: bytes, now: float) -> FrameResult | None:
        """Apply the rules to the bytes of one frame; `None` where no rule applies, and they pass as they came.

        Args:
            sender: the end that sent it.
            raw: all its bytes.
            now: seconds, for rules with times.
        """
        found = self.parse(sender, raw)
        return None if found is None else self.rewrite(sender, *found, now)

    def rewrite(self, sender: Role, frame: Frame, messages: Sequence[AnyMessage], now: float) -> FrameResult | None:
        """The same for a frame that the caller has parsed."""
        applied = self.apply(messages, now)
        if not applied:
            return None
        self.hits += 1
        return self._result(sender, frame, messages, applied[-1][1], [rule for rule, _ in applied])

    def apply(self, messages: Sequence[AnyMessage], now: float = 0.0) -> list[tuple[MessageRule, list[AnyMessage]]]:
        """Return the rules that apply to the messages of a frame, in order, each with the messages after it."""
        present, left = {*map(type, messages)}, messages
        if self._by_class.keys().isdisjoint(present):
            return []
        applied: list[tuple[MessageRule, list[AnyMessage]]] = []
        for rule in self.rules:
            if rule.cls not in present:
                continue
            if any(type(message) is rule.cls and rule.matches(message) for message in left) and rule.admits(now):
                made = rule.apply(left)
                applied.append((rule, made))
                left, present = made, {*map(type, made)}
        return applied

    def _result(
        self,
        sender: Role,
        frame: Frame,
        messages: Sequence[AnyMessage],
        left: Sequence[AnyMessage],
        rules: Sequence[MessageRule],
    ) -> FrameResult:
        late, holds = sum(rule.late for rule in rules), any(rule.holds for rule in rules)
        allowed = frozenset[int]().union(*(rule.allowed for rule in rules))
        what = f"rule on {', '.join(dict.fromkeys(rule.name for rule in rules))}: {frame.raw.hex()}"
        waits = (f", {late:g} s late" if late else "") + (", held" if holds else "")
        if not left:
            return FrameResult(b"", left, late, holds, f"{what} is dropped")
        if [*map(id, left)] == [*map(id, messages)]:
            return FrameResult(frame.raw, messages, late, holds, f"{what} passes as it came{waits}")
        error = self._guard(sender, messages, left, allowed)
        if not error:
            data, error = self._build(sender, frame, messages, left)
            if not error:
                change = "passes as it came" if data == frame.raw else f"becomes {data.hex()}"
                return FrameResult(data, left, late, holds, f"{what} {change}{waits}")
        return FrameResult(frame.raw, messages, late, holds, f"{what} {error}; it passes as it came{waits}", error)

    def _guard(
        self, sender: Role, messages: Sequence[AnyMessage], left: Sequence[AnyMessage], allowed: Iterable[int]
    ) -> str:
        """Why the new messages of a frame must not be sent; empty where they may."""
        guarded = self._guarded[sender].difference(allowed)
        old = {*map(id, messages)}
        new = [message for message in left if id(message) not in old and message_type(message) in guarded]
        return f"would hold {type(new[0]).__name__}, which is guarded" if new else ""

    def _build(
        self, sender: Role, frame: Frame, messages: Sequence[AnyMessage], left: Sequence[AnyMessage]
    ) -> tuple[bytes, str]:
        dialect = self.dialect
        if dialect.build_frame(build_payload(messages), frame.class_, frame.sequence) != frame.raw:
            return frame.raw, "cannot be rebuilt"
        try:
            data = dialect.build_frame(build_payload(left), frame.class_, frame.sequence)
        except FrameError as error:
            return frame.raw, f"cannot be built ({error})"
        if len(data) > dialect.formats[sender].max_size:
            return frame.raw, f"would take {len(data)} bytes, more than a frame holds"
        return data, ""
