"""Parses payloads to typed messages and builds them: messages end to end, with sizes that only tables know."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lensmount_protocol.codec.message_codec import MessageCodec
from lensmount_protocol.codec.runtime import ParseRejected
from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import MAX_SELECTIONS, Message, SelectableMessage, UnknownMessage, parse_message_at
from lensmount_protocol.wire import Role

MessageTable = Mapping[tuple[Role, int], type[Message]]
"""Every message of a dialect by sender and type byte."""

AnyMessage = Message | UnknownMessage

VARIABLE_SIZE = -1
"""Stands for the size of a message that must be read to know it."""

MessageParser = tuple[int, Callable[..., Any]]
"""Size and what takes a message of fixed size; of any other `VARIABLE_SIZE` and what reads it."""


UnknownMessageEnd = Callable[[bytes, int], int | None]
"""Payload and the place of an unknown message to its end; `None` where its size is unknown."""


ParsePayload = Callable[[bytes], list[AnyMessage]]
"""Parses a payload to its messages."""

MAX_REMEMBERED = 1024
"""Payloads that a memo keeps of one sender under one selection."""


class _Remembered(dict[bytes, list[AnyMessage]]):
    """Payload -> its messages; one that is not there is parsed, and kept."""

    __slots__ = ("_parse",)

    def __init__(self, parse: ParsePayload) -> None:
        self._parse = parse

    def __missing__(self, payload: bytes) -> list[AnyMessage]:
        if len(self) >= MAX_REMEMBERED:
            self.clear()
        messages = self[payload] = self._parse(payload)
        return messages


class PayloadMemo:
    """The payloads that the parsers of one link have parsed: both ends and the recording parse equal bytes once.

    The parsers share lists and messages, so code must not change a message that it receives: `dataclasses.replace`
    makes a changed copy.
    """

    def __init__(self) -> None:
        self._tables: dict[tuple[int, Role, frozenset[tuple[type[Message], int]]], _Remembered] = {}

    def parse_with(
        self, table: MessageTable, sender: Role, selections: Mapping[type[Message], int], parse: ParsePayload
    ) -> ParsePayload:
        """Return what parses payloads of a sender under a selection, and remembers them."""
        key = (id(table), sender, frozenset(selections.items()))
        known = self._tables.get(key)
        if known is None:
            if len(self._tables) >= MAX_SELECTIONS:
                self._tables.clear()
            known = self._tables[key] = _Remembered(parse)
        return known.__getitem__


class MessageParsers:
    """Parsers for the messages of one sender under one selection.

    Attributes:
        by_type: type byte -> parser; filled on first use, so that a session makes no code that it does not need.
        recall: as `parse_all`; with a memo, equal payloads are parsed once.
    """

    __slots__ = ("_selections", "_sender", "_table", "_unknown_message_end", "by_type", "recall")

    def __init__(
        self,
        table: MessageTable,
        sender: Role,
        selections: Mapping[type[Message], int],
        unknown_message_end: UnknownMessageEnd,
        memo: PayloadMemo | None = None,
    ) -> None:
        self.by_type: list[MessageParser] = [(VARIABLE_SIZE, self._parse_first)] * 256
        self._table = table
        self._sender = sender
        self._selections = dict(selections)
        self._unknown_message_end = unknown_message_end
        self.recall: ParsePayload = self.parse_all
        if memo is not None:
            self.recall = memo.parse_with(table, sender, selections, self.parse_all)

    def _parse_first(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        """Parse the first message of a type, and keep its codec for the later ones."""
        cls = self._table.get((self._sender, data[at]))
        if cls is None:
            raise ParseRejected
        codec = self.codec_for(cls)
        fixed = codec.size is not None and codec.parse_fixed is not None
        # `fixed` implies that the codec has a size, which mypy cannot see.
        self.by_type[data[at]] = (codec.size, codec.parse_fixed) if fixed else (VARIABLE_SIZE, codec.parse)  # type: ignore[assignment]
        return codec.parse(data, at, end)

    def codec_for(self, cls: type[Message]) -> MessageCodec:
        """The message's codec under the selection in force."""
        if issubclass(cls, SelectableMessage):
            return cls.codec_with(self._selections.get(cls, cls.DEFAULT_BLOCKS))
        return cls.codec()

    def parse(self, data: bytes, at: int, end: int) -> list[AnyMessage]:
        """Parse the messages from `at` to `end`; raises any exception if one of them is invalid."""
        messages: list[AnyMessage] = []
        entries = self.by_type
        while at < end:
            size, take = entries[data[at]]
            if size > 0:
                if at + size > end:
                    raise ParseRejected
                messages.append(take(data, at))
                at += size
            else:
                message, at = take(data, at, end)
                messages.append(message)
        return messages

    def parse_all(self, payload: bytes) -> list[AnyMessage]:
        """The messages of a payload, in order.

        Nothing is lost: a message that no table explains is an `UnknownMessage` with its reason; where its size is
        unknown, it takes the rest.
        """
        try:
            return self.parse(payload, 0, len(payload))
        except Exception:
            return self._parse_with_errors(payload)

    def _parse_with_errors(self, payload: bytes) -> list[AnyMessage]:
        messages: list[AnyMessage] = []
        position = 0
        while position < len(payload):
            try:
                message, position = self._next(payload, position)
            except FrameError as error:
                stop = self._unknown_message_end(payload, position) or len(payload)
                messages.append(UnknownMessage(payload[position:stop], error.reason))
                position = stop
                continue
            messages.append(message)
        return messages

    def _next(self, payload: bytes, position: int) -> tuple[Message, int]:
        cls = self._table.get((self._sender, payload[position]))
        if cls is None:
            raise FrameError(f"no message of type {payload[position]:#04x} from the {self._sender.value}")
        return parse_message_at(self.codec_for(cls), payload, position, len(payload))


class PayloadParser:
    """Parses the payloads of one link.

    Attributes:
        table: the dialect's messages.
        layout_observers: called when the selection changes.
        layout_frozen: whether messages cannot change the selection, because no request for another one is open.
        memo: what parsers of the link share; `None`: each payload is parsed.
    """

    def __init__(
        self,
        table: MessageTable,
        unknown_message_end: UnknownMessageEnd = lambda _payload, _at: None,
        memo: PayloadMemo | None = None,
    ) -> None:
        self.table = table
        self.memo = memo
        self._unknown_message_end = unknown_message_end
        self.layout_observers: list[Callable[[], None]] = []
        self.layout_frozen = False
        self._selections: dict[type[Message], int] = {}
        self._parsers: dict[Role, MessageParsers] = {}

    @property
    def selections(self) -> Mapping[type[Message], int]:
        """The selected blocks of messages; a message that is not there has its default ones."""
        return self._selections

    def parsers(self, sender: Role) -> MessageParsers:
        """The parsers of this sender's messages under the current selection."""
        if sender not in self._parsers:
            self._parsers[sender] = MessageParsers(
                self.table, sender, self._selections, self._unknown_message_end, self.memo
            )
        return self._parsers[sender]

    def parse(self, sender: Role, payload: bytes) -> list[AnyMessage]:
        """The messages of a payload, in order; see `MessageParsers.recall`."""
        return self.parsers(sender).recall(payload)

    def select(self, selections: Mapping[type[Message], int]) -> bool:
        """Use other blocks for these messages from now on; return whether that changes anything."""
        changed = not self.layout_frozen and any(
            self._selections.get(cls) != blocks for cls, blocks in selections.items()
        )
        if changed:
            self._selections.update(selections)
            self._parsers.clear()
            for follow in self.layout_observers:
                follow()
        return changed


def build_payload(messages: Iterable[AnyMessage]) -> bytes:
    """The bytes of these messages, end to end."""
    return b"".join([message.build() for message in messages])


def message_type(message: AnyMessage) -> int:
    """The type byte of a message, known or not."""
    return message.data[0] if isinstance(message, UnknownMessage) else message.TYPE


def message_table(classes: Sequence[type[Message]]) -> MessageTable:
    """The table of these messages.

    Raises:
        ValueError: two of them share sender and type byte.
    """
    table: dict[tuple[Role, int], type[Message]] = {}
    for cls in classes:
        key = (cls.SENDER, cls.TYPE)
        if key in table:
            raise ValueError(
                f"{cls.__name__} and {table[key].__name__} are both {cls.TYPE:#04x} of the {cls.SENDER.value}"
            )
        table[key] = cls
    return table
