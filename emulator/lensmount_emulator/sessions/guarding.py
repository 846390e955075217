"""The guard of replays: nothing leaves a recording for a real device that can damage it, or that nobody understands."""

from collections import Counter
from collections.abc import Iterable, Iterator

from lensmount_emulator.roles.arming import armed_types
from lensmount_emulator.sessions.frame_watch import FrameWatch, frame_limits, without_limits
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.describe import name_of
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.message import Unknown
from lensmount_protocol.paving import AnyMessage, type_of
from lensmount_protocol.wire import Burst, Record, Role

GARBAGE = "garbage"
"""What bytes are armed by that are no frame."""

_log = get_logger("guard")

MOST_NAMED = 8
"""Refused things that an error names."""

READ_SIZE = 1 << 12
"""Bytes of a recording that are read at a time."""


class Guard:
    """What a run may send of what it has been given.

    Refused unless armed by name are: messages that the dialect guards (firmware update and the like), messages of a
    type that no table knows, and bytes that are no frame. Frames are also looked for inside other frames, in padding
    and across gaps, since a device may find them there.
    """

    def __init__(self, dialect: Dialect, role: Role, armed: Iterable[str] = ()) -> None:
        """Read what is armed.

        Args:
            dialect: what is spoken.
            role: the end that sends.
            armed: names of guarded messages (`UpdateOffer`, `Update*`), numbers of unknown types (`0x7f`), `garbage`.

        Raises:
            DialectError: a name that no guarded message has; lists those that there are.
        """
        self._dialect = dialect
        self._role = role
        names = list(armed)
        self._types = armed_types(dialect, role, names, (GARBAGE,))
        self._garbage = GARBAGE in names

    def check(self, records: Iterable[Record]) -> None:
        """Refuse what would be sent and is not armed.

        Raises:
            LocalProtocolError: something is refused; names it, how often, and what arms it.
        """
        refused = Counter(self._refused(list(records)))
        for what, count in refused.items():
            _log.info("held back %d times: %s", count, what)
        if refused:
            named = [f"{what}{f' ({count} times)' if count > 1 else ''}" for what, count in refused.items()]
            more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
            raise LocalProtocolError(
                f"nothing was sent: it can damage a device to send it {', '.join(named[:MOST_NAMED])}{more}; "
                "arm by name what is meant"
            )

    def _refused(self, records: list[Record]) -> Iterator[str]:
        for event in Decoder(self._dialect).decode(records):
            if isinstance(event, DecodedGarbage) and event.sender is self._role and not self._garbage:
                yield f"bytes that are no frame (armed by {GARBAGE})"
            elif isinstance(event, DecodedFrame) and event.sender is self._role:
                for message in event.messages:
                    if self._is_refused(message):
                        yield told(message)
        sent = b"".join(record.data for record in records if isinstance(record, Burst) and record.sender is self._role)
        seen = set[str]()
        for message in self._hidden(sent):
            if type_of(message) in self._dialect.guarded and self._is_refused(message) and told(message) not in seen:
                seen.add(told(message))
                yield f"{told(message)} somewhere in its bytes"

    def _is_refused(self, message: AnyMessage) -> bool:
        if type_of(message) in self._types:
            return False
        return isinstance(message, Unknown) or message.TYPE in self._dialect.guarded

    def _hidden(self, data: bytes) -> Iterator[AnyMessage]:
        """The messages of every frame that begins anywhere, whatever it lies in and however long it is."""
        payload_at, smallest = frame_limits(self._dialect, self._role)
        frame_format = without_limits(self._dialect.formats[self._role], smallest)
        watch, paving = FrameWatch(frame_format, payload_at), self._dialect.paving()
        for at in range(0, len(data), READ_SIZE):
            complete, _ = watch.push(data[at : at + READ_SIZE])
            for one in complete:
                raw = watch.bytes_of(one)
                if frame_format.judge(raw) is None:
                    yield from paving.parse(self._role, frame_format.open(raw, 0).payload)


def told(message: AnyMessage) -> str:
    """A message by its name and type."""
    if isinstance(message, Unknown):
        return f"an unknown message of type {type_of(message):#04x}"
    return f"{name_of(message)} ({type_of(message):#04x})"
