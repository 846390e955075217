"""Payloads that must not be sent to a device, judged by the messages that a device could read in them.

The guard of replays: it blocks messages of a recording that can damage a real device or that no table knows.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress

from lensmount_emulator.engine.engine import allowed_types
from lensmount_emulator.sessions.receiver_streams import CandidateTracker, frame_limits, without_limits
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.describe import message_name
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import LocalProtocolError, MountError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import AnyMessage, PayloadParser, message_type
from lensmount_protocol.wire import Burst, Role, WireRecord

GARBAGE = "garbage"
"""The name that allows bytes that are no frame."""

_log = get_logger("guard")

MAX_NAMED = 8
"""Maximum number of refused items that an error names."""

READ_SIZE = 1 << 12
"""Bytes of a recording that are read at a time."""


class ReplayGuard:
    """Decides what a run may send.

    Refused unless allowed by name are: messages that the dialect guards (firmware update and the like), messages of a
    type that no table knows, and bytes that are no frame. Frames are also looked for inside other frames, in padding
    and across gaps, since a device may find them there.
    """

    def __init__(self, dialect: Dialect, role: Role, allowed: Iterable[str] = ()) -> None:
        """Read the allowed names.

        Args:
            dialect: the dialect.
            role: the end that sends.
            allowed: names of guarded messages (`UpdateOffer`, `Update*`), numbers of unknown types (`0x7f`), `garbage`.

        Raises:
            DialectError: a name matches no guarded message; the text lists the valid ones.
        """
        self._dialect = dialect
        self._role = role
        names = list(allowed)
        self._types = allowed_types(dialect, role, names, (GARBAGE,))
        self._protected = dialect.types_protected_from(role)
        self._garbage = GARBAGE in names

    def check(self, records: Iterable[WireRecord]) -> None:
        """Refuse records that would be sent and are not allowed.

        Raises:
            LocalProtocolError: a record is refused; the text names it, how often, and how to allow it.
        """
        refused = Counter(self._blocked(list(records)))
        for what, count in refused.items():
            _log.info("held back %d times: %s", count, what)
        if refused:
            named = [f"{what}{f' ({count} times)' if count > 1 else ''}" for what, count in refused.items()]
            more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
            raise LocalProtocolError(
                f"nothing was sent: it can damage a device to send it {', '.join(named[:MAX_NAMED])}{more}; "
                "arm by name what is meant"
            )

    def _blocked(self, records: list[WireRecord]) -> Iterator[str]:
        for event in Decoder(self._dialect).decode(records):
            if isinstance(event, DecodedGarbage) and event.sender is self._role and not self._garbage:
                yield f"bytes that are no frame (allowed by {GARBAGE})"
            elif isinstance(event, DecodedFrame) and event.sender is self._role:
                for message in event.messages:
                    if self._is_blocked(message):
                        yield format_message_type(message)
        sent = b"".join(record.data for record in records if isinstance(record, Burst) and record.sender is self._role)
        seen = set[str]()
        for message in self._embedded_messages(sent):
            if (
                message_type(message) in self._protected
                and self._is_blocked(message)
                and format_message_type(message) not in seen
            ):
                seen.add(format_message_type(message))
                yield f"{format_message_type(message)} somewhere in its bytes"

    def _is_blocked(self, message: AnyMessage) -> bool:
        if message_type(message) in self._types:
            return False
        return isinstance(message, UnknownMessage) or message.TYPE in self._protected

    def _embedded_messages(self, data: bytes) -> Iterator[AnyMessage]:
        """The messages of every frame that begins anywhere, wherever it lies and whatever its length."""
        payload_at, smallest = frame_limits(self._dialect, self._role)
        frame_format = without_limits(self._dialect.formats[self._role], smallest)
        watch, parser = CandidateTracker(frame_format, payload_at), self._dialect.payload_parser()
        for at in range(0, len(data), READ_SIZE):
            complete, _ = watch.push(data[at : at + READ_SIZE])
            for one in complete:
                raw = watch.candidate_bytes(one)
                if frame_format.check(raw) is None:
                    yield from parser.parse(self._role, frame_format.parse_header(raw, 0).payload)


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
        self._parser = dialect.payload_parser()
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

    def choose(self, chosen: dict[type[Message], int]) -> None:
        """Apply these layouts from now on."""
        if chosen == self.chosen:
            return
        # A device that restarts the handshake, or has lost its power, parses as before until it is ordered again.
        self._others = [*self._others, self._parser][-MAX_LAYOUTS:]
        self.chosen = chosen
        self._parser = self._dialect.payload_parser()
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
