"""The last gate before a port: it reads what is about to be emitted, and holds back what could damage a device.

A device may begin to read anywhere: behind noise, inside another frame, across two writes. So the gate follows every
place at which a frame can begin, in the bytes that it let pass and in what is to follow them, until as many bytes have
passed as the header there announces; see `frame_watch`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from lensmount_emulator.roles.arming import armed_types
from lensmount_emulator.sessions.frame_watch import FrameWatch, frame_limits, without_limits
from lensmount_emulator.sessions.guarding import GARBAGE
from lensmount_emulator.sessions.payload_rules import PayloadRules
from lensmount_emulator.sessions.rate_streams import RateStreams
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import Sighting, TimedTransport, Transport, timed
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, LocalProtocolError, TransportLostError
from lensmount_protocol.frame import GarbageReason
from lensmount_protocol.logs import get_logger
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role, SetBaudrate, Transmit, WireAction, WireEvent

_log = get_logger("guard")

MAX_READ = 16 << 20
MAX_READ_PER_BYTE = 1 << 12
"""Bytes that are read again for one write, and for each byte of it; random bytes take about 128 each. A write that
takes more was made to take time, and is held back."""


class Gate:
    """What one run may emit on a port.

    Held back, unless armed by name, is whatever holds a message that the dialect guards (firmware update, flash, test
    modes) or one of a type that no table knows, in a frame that begins at any byte of what was emitted before and of
    what is to be emitted now. The length of such a frame does not matter, only what its header can announce. Of bytes
    that are no right frame by themselves, also those that would be one but for their checksum, their end or their being
    cut, with a guarded message in front: what is wrong with them a device may not look at.

    A device may have missed what was sent at one rate. So bytes are also read without those of any of the rates that
    were in use, and after a failed write both with that write and without it.

    Attributes:
        refused: what was held back -> how often.
        passed: bytes that were let pass.
        notes: what the user ought to know of this gate, a sentence each.
    """

    def __init__(self, dialect: Dialect, role: Role, armed: Iterable[str] = (), *, after: "Gate | None" = None) -> None:
        """Read what is armed.

        Args:
            dialect: what is spoken.
            role: the end that emits.
            armed: names of guarded messages (`UpdateOffer`, `Update*`), numbers of unknown types (`0x7f`), and
                `garbage`, which lets bytes out at rates at which they can be read as nothing.
            after: the gate of the session before on the same port, for the same end; a frame that was begun there may
                be completed here.

        Raises:
            DialectError: a name that no guarded message has; lists those that there are. Or one that names nothing:
                a pattern of everything, a number of no type.
        """
        self.refused = Counter[str]()
        self.passed = 0
        self._dialect = dialect
        names = list(armed)
        for name in names:
            _check_name(name)
        self._payloads = PayloadRules(dialect, role, armed_types(dialect, role, names, (GARBAGE,)))
        self._any_rate = GARBAGE in names
        payload_at, smallest = frame_limits(dialect, role)
        self._format = without_limits(dialect.formats[role], smallest)
        self._judge = dialect.formats[role].judge
        self._largest = dialect.formats[role].largest
        self._start = bytes((self._format.start,))
        self._streams = RateStreams(FrameWatch(self._format, payload_at), dialect.wiring.baudrates[0])
        if after is not None:
            self._streams = after._streams
            self._streams.change(dialect.wiring.baudrates[0])
        self.notes: tuple[str, ...] = ()
        if not dialect.guarded:
            self.notes = (
                f"the dialect {dialect.name} names no dangerous messages; the send guard holds back only message types "
                f"that {dialect.name} does not declare",
            )

    def admit(self, data: bytes, *, foreign: bool = False) -> str | None:
        """Let bytes pass, or say why not.

        Args:
            data: the bytes.
            foreign: whether they come by chance, and not from an end that keeps to the tables: then they may not choose
                what later messages are built from, since a device would take those for others.

        Returns:
            `None`: they may go out now, and count as emitted. Else what they hold, in words; nothing of them may.
        """
        chosen = dict(self._payloads.chosen)
        right = self._is_right(data)
        watches = self._streams.active()
        for number, watch in enumerate(watches):
            # Only the stream of all bytes chooses how later ones are read.
            reason = self._refusal(watch, data, dict(chosen) if number else chosen, right=right, foreign=foreign)
            if reason is not None:
                for pushed in watches[: number + 1]:
                    pushed.rollback()
                return self._hold_back(reason)
        self._payloads.choose(chosen)
        self.passed += len(data)
        return None

    def admit_rate(self, baudrate: int) -> str | None:
        """The same of a rate: bytes at one that nobody listens at may be read as any others."""
        if self._any_rate or baudrate in self._dialect.wiring.baudrates:
            self._streams.change(baudrate)
            return None
        reason = f"{baudrate} baud, which is no rate of {self._dialect.name}"
        return self._hold_back(reason)

    def _hold_back(self, reason: str) -> str:
        self.refused[reason] += 1
        _log.info("held back: %s", reason)
        return reason

    def doubt(self) -> None:
        """The last bytes that passed may not have left: from now on both is taken for possible."""
        self._streams.doubt()

    def warm_up(self) -> None:
        """Read each message once: the code for it is made then, which takes milliseconds, and not in a session."""
        self._payloads.warm_up()

    def _refusal(
        self, watch: FrameWatch, data: bytes, chosen: dict[type[Message], int], *, right: bool, foreign: bool
    ) -> str | None:
        old = inside = watch.total
        complete, announced = watch.push(data, loose=not right)
        if sum(one.size for one in complete) > MAX_READ + MAX_READ_PER_BYTE * len(data):
            return "more frames that lie over each other than can be looked at"
        for one in complete:
            raw = watch.bytes_of(one)
            reason = None
            verdict = self._judge(raw)
            if verdict is None:
                reason = self._payloads.refusal(self._payload(raw), chosen, foreign=foreign)
                inside = max(inside, one.end)
            elif verdict is GarbageReason.CLASS and self._format.judge(raw) is None:
                # Bytes inside right frames look like a frame of no class now and then; in those only guarded messages
                # count.
                reason = self._payloads.refusal_of_class(self._payload(raw), unknown=one.loose and not right)
            elif not right and one.loose and (one.at >= inside or one.at < old):
                payload = self._payload(raw) if one.size <= self._largest else b""
                reason = self._payloads.refusal_of_damaged(watch.first_type(one), payload)
            if reason is not None:
                return reason
        if right:
            return None
        # What is announced and not complete, in bytes that are no frame, by its first message.
        for one in announced:
            if not any(other.at < one.at < other.end for other in complete if other.end > old):
                reason = self._payloads.refusal_of_damaged(watch.first_type(one), b"")
                if reason is not None:
                    return reason
        return None

    def _payload(self, raw: bytes) -> bytes:
        return self._format.open(raw, 0).payload

    def _is_right(self, data: bytes) -> bool:
        """Whether bytes are one right frame, and nothing but padding behind it."""
        if not data.startswith(self._start):
            return False
        header = data[: self._format.header_size]
        size = self._format.measure(header) if len(header) == self._format.header_size else 0
        if not isinstance(size, int) or not 0 < size <= len(data):
            return False
        return self._judge(data[:size]) is None and not data[size:].strip(b"\0")


def _check_name(name: str) -> None:
    """Refuse a name that names nothing.

    Raises:
        DialectError: see above.
    """
    if not name[:1].isalnum():
        raise DialectError(f"armed {name!r}: write a message's name, its beginning and *, or a number such as 0x7f")
    if name[:2].lower() == "0x" and not re.fullmatch("[0-9a-f]{1,2}", name[2:], re.IGNORECASE):
        raise DialectError(f"armed {name!r}: a type is a number from 0x00 to 0xff")


def rehearse(gate: Gate, actions: Iterable[WireAction]) -> None:
    """See that all of this may be done to a port, before any of it is.

    Args:
        gate: a gate of its own: whatever passes counts as emitted.
        actions: what is to be done, in order.

    Raises:
        LocalProtocolError: something is held back.
    """
    for action in actions:
        if (reason := _held_back(gate, action)) is not None:
            raise LocalProtocolError(f"nothing was sent: it can damage a device to send {reason}; "
                                     "arm by name what is meant")  # fmt: skip


def _held_back(gate: Gate, action: WireAction, *, foreign: bool = False) -> str | None:
    if isinstance(action, Transmit):
        return gate.admit(action.data, foreign=foreign)
    return gate.admit_rate(action.baudrate) if isinstance(action, SetBaudrate) else None


class GatedTransport(TimedTransport):
    """A port behind a gate.

    Args:
        inner: the port.
        gate: what may be emitted.
        before: is told each thing that is about to be done to the port, once the gate has let it pass and before the
            port has it; an error of it keeps it from being done.

    Attributes:
        gate: the gate.
        keeps_time: whether the port does.
    """

    def __init__(
        self, inner: Transport, gate: Gate, before: Callable[[WireAction], None] = lambda _action: None
    ) -> None:
        self.name = inner.name
        self.lines = inner.lines
        self.notes = (*inner.notes, *gate.notes)
        self.keeps_time = timed(inner) is not None
        self.gate = gate
        gate.warm_up()
        self._inner = inner
        self._before = before

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """As the port."""
        try:
            return self._inner.receive(timeout)
        except TransportLostError:
            self.gate.doubt()
            raise

    def sightings(self, timeout: float | None, clock: Clock) -> list[Sighting]:
        """As the port, where it keeps time."""
        keeper = timed(self._inner)
        try:
            return [] if keeper is None else keeper.sightings(timeout, clock)
        except TransportLostError:
            self.gate.doubt()
            raise

    def troubles(self) -> Mapping[str, int]:
        """As the port, where it keeps time."""
        keeper = timed(self._inner)
        return {} if keeper is None else keeper.troubles()

    def send(self, action: WireAction) -> None:
        """As the port, unless the gate holds it back.

        Raises:
            LocalProtocolError: it is held back; nothing of it was emitted.
        """
        self._send(action, foreign=False)

    def put_in(self, data: bytes) -> None:
        """Send bytes that come by chance, beside those of the end that is played; see `Gate.admit`.

        Raises:
            LocalProtocolError: it is held back; nothing of it was emitted.
        """
        self._send(Transmit(data), foreign=True)

    def close(self) -> None:
        """As the port."""
        self._inner.close()

    def _send(self, action: WireAction, *, foreign: bool) -> None:
        reason = _held_back(self.gate, action, foreign=foreign)
        if reason is not None:
            raise LocalProtocolError(f"{self.name}: held back: {reason}; arm by name what is meant")
        self._before(action)
        try:
            self._inner.send(action)
        except TransportLostError:
            self.gate.doubt()
            raise
