"""The interface of all ports, and its contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from lensmount_hardware.clock import Clock
from lensmount_protocol.wire import Burst, WireAction, WireEvent, WireRecord

BROKEN_BYTES = "bytes that came broken: sent at another rate, or noise, or a break"
"""Text of a `DataLoss` for bytes that a port with timestamps received but cannot deliver."""


class Transport(Protocol):
    """One end of a link that carries bytes both ways and, where it can, lines.

    The contract, tested for every transport alike:

    - Bytes arrive in the order in which they were sent; their split into `Received` events has no meaning.
    - The first `LineChanged` of a line states its level, the later ones report changes only; a port that can
      read its lines states all of the peer's in its first answer.
    - A port ignores actions that it cannot carry: a `DriveLine` of a line that is not in `lines`, a
      `SetBaudrate` where there is no rate. `lines` states in advance what it carries.
    - When the peer or the port goes away, the port still delivers what arrived before where it can;
      after that, `receive` and `send` always raise `TransportLostError`. After `close` they do too.
    - One thread owns a transport: it alone calls `receive`, `send` and `close`.
    - A transport is its own context manager, and leaving the block closes it.

    Attributes:
        name: the port's name, for people; where a peer opens a path or an address, the name contains it.
        lines: the mount's lines that this port carries, ours and the peer's.
        notes: notes on this port for its user, a sentence each.
        warnings: risks of the way in which the port was opened, a sentence each; the caller prints them.
    """

    name: str
    lines: frozenset[str]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """Return the events that arrived, oldest first.

        Args:
            timeout: wait at most this many seconds; 0 does not wait, `None` waits without limit.

        Returns:
            The events as soon as there are any; `[]` when none arrived in time.

        Raises:
            TransportLostError: the port or its peer has gone, or the transport is closed.
        """
        ...

    def send(self, action: WireAction) -> None:
        """Perform an action on the wire, now.

        Raises:
            TransportLostError: the port or its peer has gone, or the transport is closed.
            TransportError: the port refuses the rate.
        """
        ...

    def close(self) -> None:
        """Release the port; closing again does nothing."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(slots=True, unsafe_hash=True)
class TimedRecord:
    """A timed observation of a port with timestamps.

    Attributes:
        record: what happened and when, as a recording keeps it.
        event: the same as an event for the end that uses the port; `None` for our own actions, and for records
            that are no event of the wire: clock synchronisation and lost data.
    """

    record: WireRecord
    event: WireEvent | None = None


@runtime_checkable
class TimedTransport(Transport, Protocol):
    """A transport with timestamps: it knows when events happened, not only when we receive them.

    The contract has further clauses:

    - Bytes and edges arrive in the order in which they happened, so a falling select line ends a frame.
    - The port also reports our own actions, at the time when it performs them, and actions that it did not perform.
    - The port reports lost data as a `DataLoss`; for broken bytes its text is `BROKEN_BYTES`.
    - The port reports its clock as a `ClockSync`, at the start and repeatedly.

    Attributes:
        has_timestamps: whether it has timestamps; a port around another one has them when that one does.
    """

    has_timestamps: bool

    def timed_records(self, timeout: float | None, clock: Clock) -> list[TimedRecord]:
        """Return timed records, else as `receive`; a caller uses always the same of the two.

        Args:
            timeout: as for `receive`.
            clock: the clock of the records' times.
        """
        ...

    def problems(self) -> Mapping[str, int]:
        """Return what was late, rejected or lost so far: description -> count."""
        ...


@dataclass(frozen=True, slots=True)
class PreparedReply:
    """What a port loads by itself after a burst of the end that clocks.

    Attributes:
        state: the state in which it counts; 0 at first, and after a burst without a reply.
        after: the state after it.
        after_mask: bits of the first byte of the burst that are added to `after`.
        size: bytes of the burst.
        match: its first four bytes; fewer where it has fewer.
        mask: the bits of them that count.
        unit: what is loaded; `None` for the burst before the one that is answered.
    """

    state: int
    after: int
    after_mask: int
    size: int
    match: bytes
    mask: bytes
    unit: bytes | None


@runtime_checkable
class AnsweringTransport(Transport, Protocol):
    """A transport that answers bursts by itself, because a host would be too late.

    While a prepared reply is loaded, the port drops the unit that its user sends for the same burst.

    Attributes:
        prepares_replies: whether it does; a port around another one does when that one does.
    """

    prepares_replies: bool

    def prepare_replies(self, replies: Sequence[PreparedReply]) -> None:
        """Make these the replies; what has not changed since the last call is not sent again.

        Args:
            replies: the first one that matches counts.
        """
        ...


def as_answering(transport: Transport) -> AnsweringTransport | None:
    """Return the transport if it answers by itself, else `None`."""
    return transport if isinstance(transport, AnsweringTransport) and transport.prepares_replies else None


def as_timed(transport: Transport) -> TimedTransport | None:
    """Return the transport if it has timestamps, else `None`."""
    return transport if isinstance(transport, TimedTransport) and transport.has_timestamps else None


def shift_record(record: WireRecord, by: float) -> WireRecord:
    """Return the record with its times moved by so many seconds."""
    if record.at is None or not by:
        return record
    if isinstance(record, Burst) and record.end is not None:
        return replace(record, at=record.at + by, end=record.end + by)
    return replace(record, at=record.at + by)
