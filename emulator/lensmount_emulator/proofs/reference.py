"""The slow and certain way from bytes to messages: the plain framer, and construct itself for every field."""

import io
from typing import Any

from construct import ConstructError

from lensmount_protocol.blocks import BlockedMessage
from lensmount_protocol.codec.codecs import oracle
from lensmount_protocol.deferred import resolve
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.envelope import DeclaredFormat
from lensmount_protocol.errors import FrameError
from lensmount_protocol.frame import Frame, FrameEvent, GarbageReason
from lensmount_protocol.framer import Framer
from lensmount_protocol.message import Message, Unknown
from lensmount_protocol.wire import Role


class Judge:
    """construct as the reader and builder of one dialect's messages."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._oracles: dict[tuple[type[Message], int], Any] = {}

    def of(self, cls: type[Message], blocks: int) -> Any:
        """Construct for one message, under one selection where it has blocks."""
        key = (cls, blocks)
        if key not in self._oracles:
            if len(self._oracles) > 500:
                self._oracles.clear()
            if issubclass(cls, BlockedMessage):
                fixed = {} if blocks == cls.USUAL_BLOCKS else {"blocks": blocks}
                self._oracles[key] = oracle(cls, cls.fields_with(blocks), fixed)
            else:
                self._oracles[key] = oracle(cls, cls.FIELDS, {})
        return self._oracles[key]

    def read_payload(self, sender: Role, payload: bytes, selections: dict[type[Message], int]) -> list[Any]:
        """The messages of a payload; from the first byte on that nobody explains, `Unknown`."""
        messages: list[Any] = []
        position = 0
        while position < len(payload):
            cls = self._dialect.messages.get((sender, payload[position]))
            try:
                if cls is None:
                    raise FrameError(f"no message of type {payload[position]:#04x} from the {sender.value}")
                blocks = selections.get(cls, cls.USUAL_BLOCKS) if issubclass(cls, BlockedMessage) else 0
                message, position = self.of(cls, blocks).read(payload, position, len(payload))
            except FrameError as error:
                stop = self._dialect.ends(payload, position) or len(payload)
                messages.append(Unknown(payload[position:stop], error.reason))
                position = stop
                continue
            messages.append(message)
        return messages

    def read_stream(self, sender: Role, data: bytes) -> list[tuple[FrameEvent, list[Any]]]:
        """Every event of a stream, frames with their messages."""
        framer = Framer(self._dialect.formats[sender])
        events = [*framer.receive(data), *framer.close(GarbageReason.SOURCE_ENDED)]
        selections: dict[type[Message], int] = {}
        told: list[tuple[FrameEvent, list[Any]]] = []
        for event in events:
            messages: list[Any] = []
            if isinstance(event, Frame):
                messages = self.read_payload(sender, event.payload, selections)
                for message in messages:
                    if type(message) in self._dialect.selecting:
                        selections.update(self._dialect.selections(sender, message))
            told.append((event, messages))
        return told

    def is_frame(self, sender: Role, data: bytes) -> bool | None:
        """Whether construct takes these bytes as one whole frame; `None` where its declaration is not construct's."""
        declared = self._dialect.formats[sender]
        if not isinstance(declared, DeclaredFormat):
            return None
        if not declared.smallest <= len(data) <= declared.largest:
            return False
        stream = io.BytesIO(data)
        try:
            found = resolve(declared.layout).parse_stream(stream)
        except ConstructError:
            return False
        return stream.tell() == len(data) and found.checked.value.get("class_", 0) in declared.classes
