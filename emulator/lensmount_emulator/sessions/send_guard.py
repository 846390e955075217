"""The send guard of a port: it checks every send, and blocks bytes that could damage a device.

A device may begin to read anywhere: after noise, inside another frame, across two writes. So the guard follows every
offset at which a frame can begin, in the bytes already sent and in those to be sent, until as many bytes have passed as
the header there announces; see `receiver_streams`. On a clocked link each burst is one frame, and a pause ends it for
every device; so each burst is checked alone.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from lensmount_emulator.engine.engine import allowed_types
from lensmount_emulator.sessions.payload_rules import GARBAGE, PayloadRules, format_message_type
from lensmount_emulator.sessions.receiver_streams import BaudrateStreams, StreamRules
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import PreparedReply, TimedRecord, TimedTransport, Transport, as_answering, as_timed
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, LocalProtocolError, TransportLostError
from lensmount_protocol.framer import burst_format
from lensmount_protocol.logs import get_logger
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import Burst, Role, SetBaudrate, Transmit, WireAction, WireEvent, WireRecord

_log = get_logger("guard")

_port_streams: dict[tuple[str, str, Role], BaudrateStreams] = {}
"""What this process sent on each port: a device reads all sessions as one stream, whichever guard saw it."""

MAX_PORTS = 64
"""Ports that are remembered; the oldest goes first."""

MAX_NAMED = 8
"""Maximum number of blocked items that an error names."""


class SendGuard:
    """Decides which bytes one run may send on a port.

    Blocked, unless allowed by name, is a message that the dialect guards (firmware update, flash, test modes) or one of
    a type that no table knows, in a frame that begins at any byte already sent or to be sent. The length of such a
    frame does not matter, only the length that its header can announce. Bytes that are no valid frame are also blocked
    if only their checksum, their end or a cut keeps them from being one, with a guarded message in front: a device may
    ignore the defect.

    A device may have missed what was sent at one rate. So bytes are also read without those of any of the rates that
    were in use, and after a failed write both with that write and without it.

    A burst of a clocked link that is no frame is blocked unless `garbage` is allowed.

    Attributes:
        refused: blocked item -> how often.
        allowed: bytes that passed.
        notes: remarks on this guard for the user, a sentence each.
    """

    def __init__(self, dialect: Dialect, role: Role, allowed: Iterable[str] = ()) -> None:
        """Read the allowed names.

        Args:
            dialect: the dialect.
            role: the end that sends.
            allowed: names of guarded messages (`UpdateOffer`, `Update*`), numbers of unknown types (`0x7f`), and
                `garbage`, which allows bytes at rates at which they may be read as anything.

        Raises:
            DialectError: a name matches no guarded message; the text lists the valid ones. Or a name selects nothing: a
                pattern of everything, a number of no type.
        """
        self.refused = Counter[str]()
        self.allowed = 0
        self._dialect = dialect
        self._role = role
        names = list(allowed)
        for name in names:
            _check_name(name)
        self._payloads = PayloadRules(dialect, role, allowed_types(dialect, role, names, (GARBAGE,)))
        self._any_rate = GARBAGE in names
        self._bursts = burst_format(dialect.formats[role])
        self._stream = None if self._bursts is not None else StreamRules(dialect, role, self._payloads)
        self.notes: tuple[str, ...] = ()
        if not dialect.protected_types:
            self.notes = (
                f"the dialect {dialect.name} names no dangerous messages; the send guard holds back only message types "
                f"that {dialect.name} does not declare",
            )

    def continue_on(self, port: str) -> None:
        """Go on after what this process sent on a port before: a new session may complete a frame of an earlier one.

        Args:
            port: the name of the port.
        """
        if self._stream is None:
            return
        key = port, self._dialect.name, self._role
        before = _port_streams.pop(key, None)
        if before is not None and before is not self._stream.streams:
            self._stream.continue_after(before)
        _port_streams[key] = self._stream.streams
        while len(_port_streams) > MAX_PORTS:
            del _port_streams[next(iter(_port_streams))]

    def check(self, data: bytes, *, untrusted: bool = False) -> str | None:
        """Let bytes pass, or return why not.

        Args:
            data: the bytes.
            untrusted: whether the bytes are random, and not from an end that follows the tables: then they may not
                choose the layout of later messages, since a device would read those as others.

        Returns:
            `None`: they may be sent now, and count as sent. Else the reason as text; nothing of them may be sent.
        """
        chosen = dict(self._payloads.chosen)
        if self._stream is not None:
            reason = self._stream.rejection(data, chosen, untrusted=untrusted)
        else:
            reason = self._burst_rejection(data, chosen, untrusted=untrusted)
        if reason is not None:
            return self._hold_back(reason)
        self._payloads.choose(chosen)
        self.allowed += len(data)
        return None

    def forward(self, data: bytes) -> str | None:
        """Let bytes of another end pass that a relay passes on as they came, or return why not.

        What that end sent passes, whatever it is. Blocked is what would complete a guarded frame that began in bytes
        that this guard has checked, or before bytes that were left out: no end sent that frame.
        """
        chosen = dict(self._payloads.chosen)
        if self._stream is not None and (reason := self._stream.forward(data, chosen)) is not None:
            return self._hold_back(reason)
        self._payloads.choose(chosen)
        return None

    def mark_gap(self) -> None:
        """Note that bytes which another end sent here do not go on: what is before and after them is joined."""
        if self._stream is not None:
            self._stream.streams.mark_changed()

    def check_reply(self, data: bytes) -> str | None:
        """Return why a unit must not be prepared; `None` if it may.

        Args:
            data: the unit, which the port may load at any time.
        """
        reason = self._burst_rejection(data, dict(self._payloads.chosen), untrusted=False)
        return None if reason is None else self._hold_back(reason)

    def check_baudrate(self, baudrate: int) -> str | None:
        """The same for a rate: bytes at a rate that the dialect does not use may be read as any others."""
        if self._any_rate or baudrate in self._dialect.wiring.baudrates:
            if self._stream is not None:
                self._stream.streams.change(baudrate)
            return None
        reason = f"{baudrate} baud, which is no rate of {self._dialect.name}"
        return self._hold_back(reason)

    def _hold_back(self, reason: str) -> str:
        self.refused[reason] += 1
        _log.info("held back: %s", reason)
        return reason

    def check_recording(self, records: Iterable[WireRecord]) -> None:
        """Check that the bytes of this end in a recording may be sent, before any of them is.

        Blocked, unless allowed by name, are also bytes that are no frame, and guarded messages in frames that lie in
        other frames, in padding and across gaps, since a device may find them there. The bytes do not count as sent.

        Raises:
            LocalProtocolError: something is blocked; the text names it, how often, and how to allow it.
        """
        blocked = Counter(self._blocked_in(list(records)))
        for what, count in blocked.items():
            _log.info("held back %d times: %s", count, what)
        if blocked:
            named = [f"{what}{f' ({count} times)' if count > 1 else ''}" for what, count in blocked.items()]
            more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
            raise LocalProtocolError(
                f"nothing was sent: it can damage a device to send it {', '.join(named[:MAX_NAMED])}{more}; "
                "allow by name what is meant"
            )

    def _blocked_in(self, records: list[WireRecord]) -> Iterator[str]:
        for event in Decoder(self._dialect).decode(records):
            if isinstance(event, DecodedGarbage) and event.sender is self._role and not self._any_rate:
                yield f"bytes that are no frame (allowed by {GARBAGE})"
            elif isinstance(event, DecodedFrame) and event.sender is self._role:
                yield from (format_message_type(one) for one in event.messages if self._payloads.blocks(one))
        sent = b"".join(record.data for record in records if isinstance(record, Burst) and record.sender is self._role)
        embedded = (format_message_type(one) for one in self._embedded(sent) if self._payloads.protects(one))
        yield from (f"{what} somewhere in its bytes" for what in dict.fromkeys(embedded))

    def _embedded(self, data: bytes) -> Iterator[AnyMessage]:
        """The messages of every frame that begins anywhere, wherever it lies and whatever its length."""
        parser = self._dialect.payload_parser()
        for payload in self._stream.payloads_in(data) if self._stream is not None else ():
            yield from parser.parse(self._role, payload)

    def mark_uncertain(self) -> None:
        """Assume from now on both that the last bytes were sent and that they were not."""
        if self._stream is not None:
            self._stream.streams.mark_uncertain()

    def warm_up(self) -> None:
        """Read each message once: this generates its code, which takes milliseconds, before the session."""
        self._payloads.warm_up()

    def _burst_rejection(self, data: bytes, chosen: dict[type[Message], int], *, untrusted: bool) -> str | None:
        bursts = self._bursts
        if bursts is None or len(data) not in bursts.sizes or bursts.check(data) is not None:
            return None if self._any_rate else f"a burst that is no frame (allowed by {GARBAGE})"
        return self._payloads.rejection(bursts.parse_header(data, 0).payload, chosen, untrusted=untrusted)


def _check_name(name: str) -> None:
    """Refuse a name that selects nothing.

    Raises:
        DialectError: see above.
    """
    if not name[:1].isalnum():
        raise DialectError(f"allowed {name!r}: write a message's name, its beginning and *, or a number such as 0x7f")
    if name[:2].lower() == "0x" and not re.fullmatch("[0-9a-f]{1,2}", name[2:], re.IGNORECASE):
        raise DialectError(f"allowed {name!r}: a type is a number from 0x00 to 0xff")


def check_all(guard: SendGuard, actions: Iterable[WireAction]) -> None:
    """Check that every action may be done to a port, before any of them is.

    Args:
        guard: a separate guard: bytes that pass count as sent.
        actions: the actions, in order.

    Raises:
        LocalProtocolError: an action is blocked.
    """
    for action in actions:
        if (reason := _blocked_reason(guard, action)) is not None:
            raise LocalProtocolError(f"nothing was sent: it can damage a device to send {reason}; "
                                     "allow by name what is meant")  # fmt: skip


def _blocked_reason(guard: SendGuard, action: WireAction, *, untrusted: bool = False) -> str | None:
    if isinstance(action, Transmit):
        return guard.check(action.data, untrusted=untrusted)
    return guard.check_baudrate(action.baudrate) if isinstance(action, SetBaudrate) else None


class GuardedTransport(TimedTransport):
    """A port with a send guard.

    Args:
        inner: the port.
        guard: decides which bytes may be sent.
        before: called with each action after the guard has let it pass and before the port gets it; an error of it
            keeps the action from being done.

    Attributes:
        guard: the guard.
        has_timestamps: whether the port does.
        prepares_replies: the same.
    """

    def __init__(
        self, inner: Transport, guard: SendGuard, before: Callable[[WireAction], None] = lambda _action: None
    ) -> None:
        self.name = inner.name
        self.lines = inner.lines
        self.notes = (*inner.notes, *guard.notes)
        self.has_timestamps = as_timed(inner) is not None
        self.prepares_replies = as_answering(inner) is not None
        self._prepared = set[bytes | None]()
        self.guard = guard
        guard.continue_on(inner.name)
        guard.warm_up()
        self._inner = inner
        self._before = before

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """As the port."""
        try:
            return self._inner.receive(timeout)
        except TransportLostError:
            self.guard.mark_uncertain()
            raise

    def timed_records(self, timeout: float | None, clock: Clock) -> list[TimedRecord]:
        """As the port, where it keeps time."""
        timed_port = as_timed(self._inner)
        try:
            return [] if timed_port is None else timed_port.timed_records(timeout, clock)
        except TransportLostError:
            self.guard.mark_uncertain()
            raise

    def problems(self) -> Mapping[str, int]:
        """As the port, where it keeps time."""
        timed_port = as_timed(self._inner)
        return {} if timed_port is None else timed_port.problems()

    def send(self, action: WireAction) -> None:
        """As the port, unless the guard blocks it.

        Raises:
            LocalProtocolError: it is blocked; nothing of it was sent.
        """
        self._send(action, untrusted=False)

    def send_injected(self, data: bytes) -> None:
        """Send random bytes, beside those of the emulated end; see `SendGuard.check`.

        Raises:
            LocalProtocolError: it is blocked; nothing of it was sent.
        """
        self._send(Transmit(data), untrusted=True)

    def prepare_replies(self, replies: Sequence[PreparedReply]) -> None:
        """As the port, unless the guard blocks one of them.

        Raises:
            LocalProtocolError: one is blocked; none of them was prepared.
        """
        port = as_answering(self._inner)
        for unit in {one.unit for one in replies} - self._prepared:
            if unit is not None and (reason := self.guard.check_reply(unit)) is not None:
                raise LocalProtocolError(f"{self.name}: held back: {reason}; allow by name what is meant")
            self._prepared.add(unit)
        if port is not None:
            port.prepare_replies(replies)

    def close(self) -> None:
        """As the port."""
        self._inner.close()

    def _send(self, action: WireAction, *, untrusted: bool) -> None:
        reason = _blocked_reason(self.guard, action, untrusted=untrusted)
        if reason is not None:
            raise LocalProtocolError(f"{self.name}: held back: {reason}; allow by name what is meant")
        self._before(action)
        try:
            self._inner.send(action)
        except TransportLostError:
            self.guard.mark_uncertain()
            raise
