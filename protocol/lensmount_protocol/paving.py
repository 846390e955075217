"""Payload bytes to typed messages and back: a payload is messages laid end to end, and only tables know their sizes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lensmount_protocol.blocks import BlockedMessage
from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import Message, Unknown
from lensmount_protocol.wire import Role

MessageTable = Mapping[tuple[Role, int], type[Message]]
"""Every message of a dialect by sender and type byte."""

AnyMessage = Message | Unknown


@dataclass(slots=True)
class Paving:
    """Reads and writes the payloads of one link.

    Attributes:
        table: the dialect's messages.
        selections: the blocks in force for messages that are built from blocks; the rest use their usual ones.
    """

    table: MessageTable
    selections: dict[type[Message], int]

    def parse(self, sender: Role, payload: bytes) -> list[AnyMessage]:
        """The messages of a payload, in order.

        Nothing is lost: from the first byte that no table explains on, the rest is one `Unknown` with its reason.
        """
        messages: list[AnyMessage] = []
        position = 0
        while position < len(payload):
            try:
                message, size = self._next(sender, payload[position:])
            except FrameError as error:
                messages.append(Unknown(payload[position:], error.reason))
                break
            messages.append(message)
            position += size
        return messages

    def _next(self, sender: Role, rest: bytes) -> tuple[Message, int]:
        cls = self.table.get((sender, rest[0]))
        if cls is None:
            raise FrameError(f"no message of type {rest[0]:#04x} from the {sender.value}")
        if issubclass(cls, BlockedMessage):
            blocks = self.selections.get(cls, cls.USUAL_BLOCKS)
            size = cls.size_with(blocks)
            return cls.parse_with(rest[:size], blocks), size
        return cls.parse(rest[: cls.SIZE]), cls.SIZE


def build_payload(messages: Iterable[AnyMessage]) -> bytes:
    """The bytes of these messages, end to end."""
    return b"".join(message.build() for message in messages)


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
