"""What happened on a board's wires, with the board's own times."""

from dataclasses import dataclass

from lensmount_protocol.wire import Role, WireEvent


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """What happened on the wire, and when by the board's clock.

    Attributes:
        event: what happened.
        board_us: when: of bytes the end of the first one's stop bit, of a line the edge; of the levels that a port
            states at its start, when they were looked at.
        gaps_us: of bytes: microseconds from each to the next; empty where they came back to back at the rate in force.
        sender: of bytes: who sent them.
    """

    event: WireEvent
    board_us: int
    gaps_us: tuple[int, ...] = ()
    sender: Role | None = None
