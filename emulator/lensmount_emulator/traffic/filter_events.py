"""Applies a filter to decoded events one by one, as `decode --where` reads them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.traffic.event_filter import (
    COMPARE,
    AllOf,
    AnyOf,
    Carries,
    Condition,
    FieldTest,
    Flag,
    Not,
    Test,
    compare_value,
)
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, EmptyWindow
from lensmount_protocol.describe import message_name
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message, SelectableMessage, UnknownMessage
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Edge, Role

_Key = Callable[[Frame], int | None]


@dataclass(slots=True)
class EventFilter:
    """A filter over events in the order of time; it keeps open requests to measure replies.

    Attributes:
        condition: what an event must fulfil.
        dialect: the dialect of the events.
    """

    condition: Condition
    dialect: Dialect
    _requests: dict[int, float | None] = field(default_factory=dict[int, "float | None"])
    _keys: tuple[_Key, _Key] | None = None

    def __post_init__(self) -> None:
        try:
            traits = get_roles(self.dialect.name).fuzz_traits
        except DialectError:
            return
        self._keys = traits.request_key, traits.reply_key

    def accepts(self, event: Decoded) -> bool:
        """Whether an event passes; each event is given once, in the order of time."""
        return _Judge(event, self.dialect, *self._reply(event)).holds(self.condition)

    def _reply(self, event: Decoded) -> tuple[bool, float | None]:
        """Whether the event answers a request, and the time since the end of that request."""
        if self._keys is None or not isinstance(event, DecodedFrame):
            return False, None
        if event.sender is Role.BODY:
            asked = self._keys[0](event.frame)
            if asked is not None:
                self._requests[asked] = event.end
            return False, None
        answered = self._keys[1](event.frame)
        if answered is None or answered not in self._requests:
            return False, None
        since = self._requests.pop(answered)
        return True, None if since is None or event.at is None else event.at - since


@dataclass(slots=True)
class _Judge:
    event: Decoded
    dialect: Dialect
    answers: bool
    reply: float | None

    def holds(self, condition: Condition) -> bool:
        if isinstance(condition, Flag):
            return self._flag(condition.name)
        if isinstance(condition, Test):
            return self._test(condition)
        if isinstance(condition, Carries):
            return isinstance(self.event, DecodedFrame) and any(
                message_name(message) in condition.messages for message in self.event.messages
            )
        if isinstance(condition, FieldTest):
            return self._field(condition)
        if isinstance(condition, Not):
            return not self.holds(condition.inner)
        if isinstance(condition, AllOf):
            return all(self.holds(part) for part in condition.parts)
        assert isinstance(condition, AnyOf)
        return any(self.holds(part) for part in condition.parts)

    def _flag(self, name: str) -> bool:
        event = self.event
        frame = event if isinstance(event, DecodedFrame) else None
        if name in ("body", "lens"):
            return self._sender() == name
        if name == "note":
            return not isinstance(event, DecodedFrame | DecodedGarbage | EmptyWindow | Edge)
        kinds = {"frame": DecodedFrame, "garbage": DecodedGarbage, "window": EmptyWindow, "edge": Edge}
        if name in kinds:
            return isinstance(event, kinds[name])
        if frame is None:
            return False
        if name == "routine":
            return "+".join(f"{message_type(one):02X}" for one in frame.messages) in self.dialect.routine
        if name == "unknown":
            return any(isinstance(message, UnknownMessage) for message in frame.messages)
        return self.answers

    def _sender(self) -> str | None:
        if isinstance(self.event, DecodedFrame | DecodedGarbage | EmptyWindow):
            return str(self.event.sender.value)
        return None

    def _test(self, test: Test) -> bool:
        if test.name in ("type", "name"):
            if not isinstance(self.event, DecodedFrame):
                return False
            values = [
                message_type(message) if test.name == "type" else message_name(message)
                for message in self.event.messages
            ]
            if test.op == "!=":
                return all(COMPARE["!="](value, test.value) for value in values)
            return any(COMPARE[test.op](value, test.value) for value in values)
        value = self._attribute(test.name)
        return value is not None and COMPARE[test.op](value, test.value)

    def _attribute(self, name: str) -> Any:
        event = self.event
        frame = event if isinstance(event, DecodedFrame) else None
        bytes_ = event if isinstance(event, DecodedFrame | DecodedGarbage) else None
        if name == "t":
            return event.opened if isinstance(event, EmptyWindow) else event.at
        if name == "dir":
            return self._sender()
        if name == "reply":
            return self.reply
        if name == "line":
            return event.line if isinstance(event, Edge) else None
        if name == "text":
            return getattr(event, "text", None)
        if name == "size":
            return len(frame.frame.raw) if frame else len(event.data) if isinstance(event, DecodedGarbage) else None
        if name == "baud":
            return bytes_.baudrate if bytes_ else None
        if frame is None:
            return None
        return {
            "gap": frame.max_pause,
            "class": frame.frame.class_,
            "seq": frame.frame.sequence,
            "pad": len(frame.padding),
        }[name]

    def _field(self, test: FieldTest) -> bool:
        if not isinstance(self.event, DecodedFrame):
            return False
        for name in test.fields:
            kind, _, path = name.partition(".")
            for message in self.event.messages:
                if message_name(message) == kind and isinstance(message, Message):
                    first, *steps = path.split(".")
                    if not _carries(message, first):
                        continue
                    value = getattr(message, first)
                    for step in steps:
                        value = getattr(value, step)
                    if compare_value(value, test.op, test.value):
                        return True
        return False


def _carries(message: Message, name: str) -> bool:
    """Whether the field is on the wire, and not in a block that is left out."""
    if isinstance(message, SelectableMessage):
        return any(spec.name == name for spec in type(message).fields_with(message.blocks))
    return True
