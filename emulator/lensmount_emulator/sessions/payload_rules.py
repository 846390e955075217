"""Payloads that must not be sent to a device, judged by the messages that a device could read in them."""

from collections.abc import Set as AbstractSet
from contextlib import suppress

from lensmount_protocol.describe import message_name
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import AnyMessage, PayloadMemo, PayloadParser, message_type
from lensmount_protocol.wire import Role

GARBAGE = "garbage"
"""The name that allows bytes that are no frame."""


def format_message_type(message: AnyMessage) -> str:
    """A message by its name and type."""
    if isinstance(message, UnknownMessage):
        return f"an unknown message of type {message_type(message):#04x}"
    return f"{message_name(message)} ({message_type(message):#04x})"


MAX_LAYOUTS = 8
"""Earlier layouts that are tried as well; an end that follows the tables chooses one or two."""

MAX_PLACES = 64
"""Offsets at which a guarded message may begin in unreadable bytes; payloads with more offsets are rejected."""


class PayloadRules:
    """Rules for the payload of a frame.

    Attributes:
        chosen: the layouts in force, as messages chose them.
    """

    def __init__(self, dialect: Dialect, role: Role, allowed: AbstractSet[int]) -> None:
        """Start in the initial layouts of a session.

        Args:
            dialect: the dialect.
            role: the end that sends.
            allowed: the types that are allowed by name.
        """
        self.chosen: dict[type[Message], int] = {}
        self._dialect = dialect
        self._role = role
        self._allowed = allowed
        self._protected = dialect.types_protected_from(role) - allowed
        # Of its own: what decides on sending depends on nothing that other code can change.
        self._memo = PayloadMemo()
        self._parser = dialect.payload_parser(self._memo)
        self._others: list[PayloadParser] = []

    def rejection(self, payload: bytes, chosen: dict[type[Message], int], *, untrusted: bool) -> str | None:
        """Return why the payload of a valid frame must not be sent; `None` if it may.

        Args:
            payload: the payload.
            chosen: receives the layouts that its messages choose.
            untrusted: see `SendGuard.check`.
        """
        messages = self._messages(payload)
        for message in messages:
            if self._is_blocked(message):
                return self._named(message)
            if type(message) in self._dialect.selecting:
                wanted = {**chosen, **self._dialect.selections(self._role, message)}
                if wanted != chosen and untrusted:
                    return f"{format_message_type(message)} that chooses another layout"
                chosen.update(wanted)
        for message in messages:
            if isinstance(message, UnknownMessage) and (nested := self._nested_in(message)) is not None:
                return f"{self._named(nested)} after {format_message_type(message)}, which has no known length"
        for parser in self._others if untrusted else ():
            for message in self._messages(payload, parser):
                if self._is_blocked(message):
                    return f"{self._named(message)} in an earlier layout"
        return None

    def rejection_of_class(self, payload: bytes, *, unknown: bool) -> str | None:
        """The same for a frame that is valid except for its class, which a device may ignore.

        Args:
            payload: the payload.
            unknown: whether types that no table knows count.
        """
        for message in self._messages(payload):
            if self._is_blocked(message) and (unknown or message_type(message) in self._protected):
                return f"{self._named(message)} in a damaged frame"
        return None

    def rejection_of_damaged(self, first_type: int, payload: bytes) -> str | None:
        """The same for bytes that are no frame only by their checksum, their end, or a cut.

        Args:
            first_type: the type of its first message.
            payload: the bytes that count; only the end of the first message is certain.
        """
        for number in (
            first_type,
            *(message_type(message) for message in (self._messages(payload) if payload else ())),
        ):
            if number in self._protected:
                return f"{self._named(UnknownMessage(bytes((number,)), 'cut'))} in a damaged frame"
        return None

    def blocks(self, message: AnyMessage) -> bool:
        """Whether a message of a recording is guarded, unknown or unreadable, and not allowed by name."""
        number = message_type(message)
        return number not in self._allowed and (number in self._protected or isinstance(message, UnknownMessage))

    def protects(self, message: AnyMessage) -> bool:
        """Whether a message is guarded, and is not allowed by name."""
        return message_type(message) in self._protected

    def choose(self, chosen: dict[type[Message], int]) -> None:
        """Apply these layouts from now on."""
        if chosen == self.chosen:
            return
        # A device that restarts the handshake, or has lost its power, parses as before until it is ordered again.
        self._others = [*self._others, self._parser][-MAX_LAYOUTS:]
        self.chosen = chosen
        self._parser = self._dialect.payload_parser(self._memo)
        self._parser.select(chosen)

    def warm_up(self) -> None:
        """Read each message once: the code for it is made then, which takes milliseconds."""
        for (sender, _), cls in self._dialect.messages.items():
            if sender is self._role:
                with suppress(MountError):
                    self._messages(cls().build())

    def _messages(self, payload: bytes, parser: PayloadParser | None = None) -> list[AnyMessage]:
        """The messages of a payload; after one that cannot be read a device may continue where the tables end it."""
        messages: list[AnyMessage] = []
        while payload:
            messages += (parser or self._parser).parse(self._role, payload)
            last, payload = messages[-1], b""
            if isinstance(last, UnknownMessage):
                cls = self._dialect.messages.get((self._role, message_type(last)))
                if cls is not None and not cls.VARIES and 0 < cls.SIZE < len(last.data):
                    payload = last.data[cls.SIZE :]
        return messages

    def _nested_in(self, unread: UnknownMessage) -> AnyMessage | None:
        """A guarded message in unread bytes after which only valid messages follow, to the end."""
        places = 0
        for number in self._protected:
            at = unread.data.find(number, 1)
            while at > 0:
                places += 1
                rest = self._parser.parse(self._role, unread.data[at:])
                if places > MAX_PLACES or not any(isinstance(message, UnknownMessage) for message in rest):
                    return rest[0]
                at = unread.data.find(number, at + 1)
        return None

    def _named(self, message: AnyMessage) -> str:
        """The name that allows the message, also where not all of it can be read."""
        number = message_type(message)
        cls = self._dialect.messages.get((self._role, number))
        return format_message_type(message) if cls is None else f"{cls.__name__} ({number:#04x})"

    def _is_blocked(self, message: AnyMessage) -> bool:
        number = message_type(message)
        if number in self._allowed:
            return False
        return number in self._protected or (self._role, number) not in self._dialect.messages
