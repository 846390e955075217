"""A relay between two ports, without I/O: what comes at one goes out at the other, and all of it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lensmount_emulator.sessions.listening import Listener, times_of_look
from lensmount_emulator.sessions.rates import RateChange
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import Sighting, Transport, timed
from lensmount_protocol.wire import (
    Burst,
    ClockFix,
    DriveLine,
    Edge,
    LineChanged,
    Remark,
    Role,
    SetBaudrate,
    Transmit,
    WireAction,
    WireEvent,
)

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
        return _at_both(sender, self.listener.hear(sender, event, now))

    def keep(self, sender: Role, sighting: Sighting, port: str = "") -> list[Order]:
        """The same for what a port saw that keeps time; what we do there ourselves is what came at the other port.

        Args:
            sender: the end at that port.
            sighting: what it saw.
            port: its name, where the clock of more than one is told.
        """
        record = sighting.record
        if sighting.event is None and isinstance(record, Burst | Edge):
            return []
        if port and isinstance(record, ClockFix):
            record = Remark(record.at, f"{port}: {record.text}")
        return _at_both(sender, self.listener.see(record))


def turn(relay: Relay, ports: dict[Role, Transport], clock: Clock, order: Sequence[Role] = tuple(Role)) -> None:
    """Wait once for each port, for a moment, and pass on what came.

    One thread does all of it, since a port belongs to one thread; so neither is waited for long. What a port saw that
    keeps time is kept with that time, and what came at any other one with the time at which we got to know of it.

    Raises:
        TransportLostError: a port went away.
    """
    keepers = {role: keeper for role, port in ports.items() if (keeper := timed(port)) is not None}
    for sender in order:
        keeper = keepers.get(sender)
        seen = ports[sender].receive(SLICE) if keeper is None else keeper.sightings(SLICE, clock)
        now = clock.now()
        follow: list[Order] = []
        try:
            for one in seen:
                event = one.event if isinstance(one, Sighting) else one
                for role, action in [] if event is None else relay.forward(sender, event):
                    ports[role].send(action)
        finally:
            # What came is kept, also when the other port has just gone.
            name = ports[sender].name if len(keepers) > 1 else ""
            told = [one for one in seen if not isinstance(one, Sighting)]
            times = iter(times_of_look(told, now, relay.listener.baudrate))
            for one in seen:
                if isinstance(one, Sighting):
                    follow += relay.keep(sender, one, name)
                else:
                    follow += relay.note(sender, one, next(times))
        for role, action in follow:
            ports[role].send(action)


def _at_both(sender: Role, change: RateChange | None) -> list[Order]:
    """Where we only pass on what announced it, the change comes behind that in turn, whenever that is over."""
    if change is None:
        return []
    return [(role, SetBaudrate(change.baudrate, change.at if role is sender else None)) for role in Role]
