"""A relay between two ports, without I/O: what comes at one goes out at the other, and all of it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lensmount_emulator.sessions.listening import Listener
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import Transport
from lensmount_protocol.wire import DriveLine, LineChanged, Role, SetBaudrate, Transmit, WireAction, WireEvent

SLICE = 5e-4
"""Seconds that one port is waited for while the other one might have something: what a relay adds, at most."""

Order = tuple[Role, WireAction]
"""What to do, and at whose port."""


@dataclass(slots=True)
class Relay:
    """Joins the port where a body is with the port where a lens is.

    Attributes:
        listener: keeps and tells what passes, and finds the rate.
        carried: the lines that both ports carry; any other one ends here.
        passed: bytes that went on, by the end that sent them.
    """

    listener: Listener
    carried: frozenset[str] = frozenset()
    passed: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(Role, 0))

    def forward(self, sender: Role, event: WireEvent) -> list[Order]:
        """What to do at once about something that came from an end."""
        if isinstance(event, LineChanged):
            drives = self.listener.dialect.drivers.get(event.line) in (None, sender)
            if event.line not in self.carried or not drives:
                return []
            return [(sender.peer, DriveLine(event.line, event.level))]
        self.passed[sender] += len(event.data)
        return [(sender.peer, Transmit(event.data))]

    def note(self, sender: Role, event: WireEvent, now: float) -> list[Order]:
        """Keep it, and say what follows: a change of rate, at both ports."""
        baudrate = self.listener.hear(sender, event, now)
        return [] if baudrate is None else [(role, SetBaudrate(baudrate)) for role in Role]


def turn(relay: Relay, ports: dict[Role, Transport], clock: Clock, order: Sequence[Role] = tuple(Role)) -> None:
    """Wait once for each port, for a moment, and pass on what came.

    One thread does all of it, since a port belongs to one thread; so neither is waited for long.

    Raises:
        TransportLostError: a port went away.
    """
    for sender in order:
        heard = ports[sender].receive(SLICE)
        now = clock.now()
        follow: list[Order] = []
        try:
            for event in heard:
                for role, action in relay.forward(sender, event):
                    ports[role].send(action)
        finally:
            # What came is kept, also when the other port has just gone.
            for event in heard:
                follow += relay.note(sender, event, now)
        for role, action in follow:
            ports[role].send(action)
