"""The port that a session speaks through, whatever it is made of, and the contract that all of them keep."""

from types import TracebackType
from typing import Protocol, Self

from lensmount_protocol.wire import WireAction, WireEvent


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
    """

    name: str
    lines: frozenset[str]
    notes: tuple[str, ...] = ()

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
