"""Payload bytes to typed messages and back: a payload is messages laid end to end, and only tables know their sizes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lensmount_protocol.blocks import BlockedMessage
from lensmount_protocol.codec.codecs import MessageCodec
from lensmount_protocol.codec.support import Rejected
from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import Message, Unknown, read_message
from lensmount_protocol.wire import Role

MessageTable = Mapping[tuple[Role, int], type[Message]]
"""Every message of a dialect by sender and type byte."""

AnyMessage = Message | Unknown

VARIES = -1
"""Stands for the size of a message that must be read to know it."""

Entry = tuple[int, Callable[..., Any]]
"""Size and what takes a message of fixed size; of any other `VARIES` and what reads it."""


Ends = Callable[[bytes, int], int | None]
"""Payload and the place of a message that nobody knows, to where it ends; `None` where that cannot be said."""


class Entries:
    """How to read the messages of one sender under one selection.

    Attributes:
        by_type: type byte -> entry; filled as types turn up, so that a session makes no code that it does not need.
    """

    __slots__ = ("_ends", "_selections", "_sender", "_table", "by_type")

    def __init__(self, table: MessageTable, sender: Role, selections: Mapping[type[Message], int], ends: Ends) -> None:
        self.by_type: list[Entry] = [(VARIES, self._read_first)] * 256
        self._table = table
        self._sender = sender
        self._selections = dict(selections)
        self._ends = ends

    def _read_first(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        """The first message of a type: find its codec, for all that follow."""
        cls = self._table.get((self._sender, data[at]))
        if cls is None:
            raise Rejected
        codec = self.codec_of(cls)
        fixed = codec.size is not None and codec.take is not None
        self.by_type[data[at]] = (codec.size, codec.take) if fixed else (VARIES, codec.read)  # type: ignore[assignment]
        return codec.read(data, at, end)

    def codec_of(self, cls: type[Message]) -> MessageCodec:
        """The message's codec under the selection in force."""
        if issubclass(cls, BlockedMessage):
            return cls.codec_with(self._selections.get(cls, cls.USUAL_BLOCKS))
        return cls.codec()

    def read(self, data: bytes, at: int, end: int) -> list[AnyMessage]:
        """The messages from `at` to `end`; ends in any exception where something is wrong with one of them."""
        messages: list[AnyMessage] = []
        entries = self.by_type
        while at < end:
            size, take = entries[data[at]]
            if size > 0:
                if at + size > end:
                    raise Rejected
                messages.append(take(data, at))
                at += size
            else:
                message, at = take(data, at, end)
                messages.append(message)
        return messages

    def read_all(self, payload: bytes) -> list[AnyMessage]:
        """The messages of a payload, in order.

        Nothing is lost: a message that no table explains is an `Unknown` with its reason; where nobody knows how long
        it is, it takes the rest.
        """
        try:
            return self.read(payload, 0, len(payload))
        except Exception:
            return self._read_carefully(payload)

    def _read_carefully(self, payload: bytes) -> list[AnyMessage]:
        messages: list[AnyMessage] = []
        position = 0
        while position < len(payload):
            try:
                message, position = self._next(payload, position)
            except FrameError as error:
                stop = self._ends(payload, position) or len(payload)
                messages.append(Unknown(payload[position:stop], error.reason))
                position = stop
                continue
            messages.append(message)
        return messages

    def _next(self, payload: bytes, position: int) -> tuple[Message, int]:
        cls = self._table.get((self._sender, payload[position]))
        if cls is None:
            raise FrameError(f"no message of type {payload[position]:#04x} from the {self._sender.value}")
        return read_message(self.codec_of(cls), payload, position, len(payload))


class Paving:
    """Reads the payloads of one link.

    Attributes:
        table: the dialect's messages.
        followers: called when the selection changes.
        settled: whether the selection stays as it is, whatever messages say: nobody asked for another one.
    """

    def __init__(self, table: MessageTable, ends: Ends = lambda _payload, _at: None) -> None:
        self.table = table
        self._ends = ends
        self.followers: list[Callable[[], None]] = []
        self.settled = False
        self._selections: dict[type[Message], int] = {}
        self._entries: dict[Role, Entries] = {}

    def entries(self, sender: Role) -> Entries:
        """How this sender's messages are read under the selection in force."""
        if sender not in self._entries:
            self._entries[sender] = Entries(self.table, sender, self._selections, self._ends)
        return self._entries[sender]

    def parse(self, sender: Role, payload: bytes) -> list[AnyMessage]:
        """The messages of a payload, in order; see `Entries.read_all`."""
        return self.entries(sender).read_all(payload)

    def select(self, selections: Mapping[type[Message], int]) -> bool:
        """Read these messages from other blocks from now on; whether that changes anything."""
        changed = not self.settled and any(self._selections.get(cls) != blocks for cls, blocks in selections.items())
        if changed:
            self._selections.update(selections)
            self._entries.clear()
            for follow in self.followers:
                follow()
        return changed


def build_payload(messages: Iterable[AnyMessage]) -> bytes:
    """The bytes of these messages, end to end."""
    return b"".join([message.build() for message in messages])


def type_of(message: AnyMessage) -> int:
    """The type byte of a message, known or not."""
    return message.data[0] if isinstance(message, Unknown) else message.TYPE


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
