"""Which payloads must not be sent to a device, by the messages that a device could read in them."""

from collections.abc import Set as AbstractSet
from contextlib import suppress

from lensmount_emulator.sessions.guarding import told
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError
from lensmount_protocol.message import Message, Unknown
from lensmount_protocol.paving import AnyMessage, Paving, type_of
from lensmount_protocol.wire import Role

MAX_LAYOUTS = 8
"""Earlier layouts that are tried as well; an end that keeps to the tables chooses one or two."""

MAX_PLACES = 64
"""Places at which a guarded message may begin in bytes that cannot be read; more are taken for one that does."""


class PayloadRules:
    """What the payload of a frame must not hold.

    Attributes:
        chosen: the layouts in force, as messages chose them.
    """

    def __init__(self, dialect: Dialect, role: Role, armed: AbstractSet[int]) -> None:
        """Start in the layouts that a session begins with.

        Args:
            dialect: what is spoken.
            role: the end that emits.
            armed: the types that are allowed by name.
        """
        self.chosen: dict[type[Message], int] = {}
        self._dialect = dialect
        self._role = role
        self._armed = armed
        self._guarded = dialect.guarded - armed
        self._paving = dialect.paving()
        self._others: list[Paving] = []

    def refusal(self, payload: bytes, chosen: dict[type[Message], int], *, foreign: bool) -> str | None:
        """Why the payload of a right frame must not be sent; `None` where it may.

        Args:
            payload: the payload.
            chosen: gets what its messages choose.
            foreign: see `Gate.admit`.
        """
        messages = self._messages(payload)
        for message in messages:
            if self._is_refused(message):
                return self._named(message)
            if type(message) in self._dialect.selecting:
                wanted = {**chosen, **self._dialect.selections(self._role, message)}
                if wanted != chosen and foreign:
                    return f"{told(message)} that chooses another layout"
                chosen.update(wanted)
        for message in messages:
            if isinstance(message, Unknown) and (nested := self._nested_in(message)) is not None:
                return f"{self._named(nested)} after {told(message)}, whose length is not known"
        for paving in self._others if foreign else ():
            for message in self._messages(payload, paving):
                if self._is_refused(message):
                    return f"{self._named(message)} in the layout of before"
        return None

    def refusal_of_class(self, payload: bytes, *, unknown: bool) -> str | None:
        """The same of a frame that is right but for its class, which a device may not look at.

        Args:
            payload: the payload.
            unknown: whether types that no table knows count.
        """
        for message in self._messages(payload):
            if self._is_refused(message) and (unknown or type_of(message) in self._guarded):
                return f"{self._named(message)} in a damaged frame"
        return None

    def refusal_of_damaged(self, first_type: int, payload: bytes) -> str | None:
        """The same of what is no frame only by its checksum, its end, or by being cut.

        Args:
            first_type: the type of its first message.
            payload: as far as its other messages count; where the first one ends is all that is certain of them.
        """
        for number in (first_type, *(type_of(message) for message in (self._messages(payload) if payload else ()))):
            if number in self._guarded:
                return f"{self._named(Unknown(bytes((number,)), 'cut'))} in a damaged frame"
        return None

    def choose(self, chosen: dict[type[Message], int]) -> None:
        """From now on these layouts are in force."""
        if chosen == self.chosen:
            return
        # A device that is greeted again, or has lost its power, reads as before until it is ordered again.
        self._others = [*self._others, self._paving][-MAX_LAYOUTS:]
        self.chosen = chosen
        self._paving = self._dialect.paving()
        self._paving.select(chosen)

    def warm_up(self) -> None:
        """Read each message once: the code for it is made then, which takes milliseconds."""
        for (sender, _), cls in self._dialect.messages.items():
            if sender is self._role:
                with suppress(MountError):
                    self._messages(cls().build())

    def _messages(self, payload: bytes, paving: Paving | None = None) -> list[AnyMessage]:
        """What a payload says; after a message that cannot be read a device may go on where it ends by the tables."""
        messages: list[AnyMessage] = []
        while payload:
            messages += (paving or self._paving).parse(self._role, payload)
            last, payload = messages[-1], b""
            if isinstance(last, Unknown):
                cls = self._dialect.messages.get((self._role, type_of(last)))
                if cls is not None and not cls.VARIES and 0 < cls.SIZE < len(last.data):
                    payload = last.data[cls.SIZE :]
        return messages

    def _nested_in(self, unread: Unknown) -> AnyMessage | None:
        """A guarded message from which on the rest of unread bytes is nothing but messages that are right."""
        places = 0
        for number in self._guarded:
            at = unread.data.find(number, 1)
            while at > 0:
                places += 1
                rest = self._paving.parse(self._role, unread.data[at:])
                if places > MAX_PLACES or not any(isinstance(message, Unknown) for message in rest):
                    return rest[0]
                at = unread.data.find(number, at + 1)
        return None

    def _named(self, message: AnyMessage) -> str:
        """By the name that arms it, also where not all of it can be read."""
        number = type_of(message)
        cls = self._dialect.messages.get((self._role, number))
        return told(message) if cls is None else f"{cls.__name__} ({number:#04x})"

    def _is_refused(self, message: AnyMessage) -> bool:
        number = type_of(message)
        if number in self._armed:
            return False
        return number in self._guarded or (self._role, number) not in self._dialect.messages
