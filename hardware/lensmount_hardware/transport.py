"""The port that a session speaks through, whatever it is made of, and the contract that all of them keep."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from lensmount_hardware.clock import Clock
from lensmount_protocol.wire import Burst, Record, WireAction, WireEvent

BROKEN_BYTES = "bytes that came broken: sent at another rate, or noise, or a break"
"""What a `Drop` of a port that keeps time says of such bytes, which it cannot give."""


class Transport(Protocol):
    """One end of a link that carries bytes both ways and, where it can, lines.

    The contract, tested for every transport alike:

    - Bytes arrive in the order in which they were sent; how they are cut into `Received` events says nothing.
    - The first `LineChanged` of a line states its level, the later ones tell changes only; a port that can
      look at its lines states all of the peer's in its first answer.
    - What a port cannot carry is ignored, not refused: a `DriveLine` of a line that is not in `lines`, a
      `SetBaudrate` where there is no rate. `lines` tells beforehand what will be missing.
    - When the peer or the port goes away, what arrived before is still delivered where the port gives it out;
      then `receive` and `send` raise `TransportLostError`, and go on doing so. After `close` they do too.
    - One thread owns a transport: it alone calls `receive`, `send` and `close`.
    - A transport is its own context manager, and leaving the block closes it.

    Attributes:
        name: what the port is called, for people; where a peer opens a path or an address, it is in here.
        lines: the mount's lines that this port carries, ours and the peer's.
        notes: what whoever uses it ought to know of this port, a sentence each.
        warnings: what can go wrong by the way the port was opened, a sentence each; whoever opens it prints them.
    """

    name: str
    lines: frozenset[str]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """What arrived, oldest first.

        Args:
            timeout: wait at most this many seconds; 0 only looks, `None` waits for as long as it takes.

        Returns:
            At once when something is there; `[]` when nothing came in time.

        Raises:
            TransportLostError: the port or its peer has gone, or the transport is closed.
        """
        ...

    def send(self, action: WireAction) -> None:
        """Do this to the wire, now.

        Raises:
            TransportLostError: the port or its peer has gone, or the transport is closed.
            TransportError: the port refuses the rate.
        """
        ...

    def close(self) -> None:
        """Let go of the port; closing again does nothing."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(slots=True, unsafe_hash=True)
class Sighting:
    """What a port that keeps time saw.

    Attributes:
        record: what happened and when, as a recording keeps it.
        event: the same as news for the end that is played there, or listens; `None` for what is our own doing, and for
            what is no event of the wire: where the port's clock stood, what was lost.
    """

    record: Record
    event: WireEvent | None = None


@runtime_checkable
class TimedTransport(Transport, Protocol):
    """A transport with a clock beside the wire: it knows when things happened, not only when we hear of them.

    More in the contract:

    - Bytes and edges come in the order in which they happened, so a falling select line ends a frame.
    - Our own doing is told too, when it is done and not when it is ordered; and what was not done after all.
    - What was lost is told as a `Drop`, `BROKEN_BYTES` in just these words.
    - Where the port's clock stands is told as a `ClockFix`, at the beginning and now and again.

    Attributes:
        keeps_time: whether it does; a port around another one keeps time when that one does.
    """

    keeps_time: bool

    def sightings(self, timeout: float | None, clock: Clock) -> list[Sighting]:
        """What happened, else as `receive`; a caller asks for either, always.

        Args:
            timeout: as of `receive`.
            clock: what the records' times are told on.
        """
        ...

    def troubles(self) -> Mapping[str, int]:
        """What came late, was refused or was lost so far: in words, and how often."""
        ...


def timed(transport: Transport) -> TimedTransport | None:
    """The transport, where it keeps time."""
    return transport if isinstance(transport, TimedTransport) and transport.keeps_time else None


def shifted(record: Record, by: float) -> Record:
    """The same on a clock that is ahead by so many seconds."""
    if record.at is None or not by:
        return record
    if isinstance(record, Burst) and record.until is not None:
        return replace(record, at=record.at + by, until=record.until + by)
    return replace(record, at=record.at + by)
