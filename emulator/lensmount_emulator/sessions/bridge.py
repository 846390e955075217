"""A relay between two ports, without I/O: forwards each event of one port to the other one and records all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lensmount_emulator.sessions.listener import BaudrateChange, Listener, poll_times
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import TimedRecord, Transport, as_timed
from lensmount_protocol.wire import (
    Annotation,
    Burst,
    ClockSync,
    DriveLine,
    Edge,
    LineChanged,
    Role,
    SetBaudrate,
    Transmit,
    WireAction,
    WireEvent,
)

POLL_INTERVAL_S = 5e-4
"""Seconds to wait at one port while the other one may have events: the largest delay that a relay adds."""

PortAction = tuple[Role, WireAction]
"""An action, and the end at the port of the action."""


@dataclass(slots=True)
class PortBridge:
    """Joins the port where a body is with the port where a lens is.

    Attributes:
        listener: records the traffic, and tracks the baud rate.
        carried: the lines that both ports carry; any other line is not forwarded.
        passed: forwarded bytes, by the end that sent them.
    """

    listener: Listener
    carried: frozenset[str] = frozenset()
    passed: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(Role, 0))

    def forward(self, sender: Role, event: WireEvent) -> list[PortAction]:
        """Return the actions that an event of an end causes at once."""
        if isinstance(event, LineChanged):
            drives = self.listener.dialect.drivers.get(event.line) in (None, sender)
            if event.line not in self.carried or not drives:
                return []
            return [(sender.peer, DriveLine(event.line, event.level))]
        self.passed[sender] += len(event.data)
        return [(sender.peer, Transmit(event.data))]

    def on_event(self, sender: Role, event: WireEvent, now: float) -> list[PortAction]:
        """Record an event, and return the actions that follow: a change of rate, at both ports."""
        return _set_both_baudrates(sender, self.listener.on_event(sender, event, now))

    def on_timed_record(self, sender: Role, timed_record: TimedRecord, port: str = "") -> list[PortAction]:
        """Record an event of a port with timestamps. Our own actions there repeat events of the other port.

        Args:
            sender: the end at that port.
            timed_record: the record of the port.
            port: its name, if the clocks of several ports are reported.
        """
        record = timed_record.record
        if timed_record.event is None and isinstance(record, Burst | Edge):
            return []
        if port and isinstance(record, ClockSync):
            record = Annotation(record.at, f"{port}: {record.text}")
        return _set_both_baudrates(sender, self.listener.on_record(record))


def bridge_once(
    bridge: PortBridge, ports: dict[Role, Transport], clock: Clock, order: Sequence[Role] = tuple(Role)
) -> None:
    """Wait briefly for each port once, and forward its events.

    One thread serves both ports, since a port belongs to one thread, so neither wait is long. Events of a port with
    timestamps keep their time. Other events get the time at which the host received them.

    Raises:
        TransportLostError: a port went away.
    """
    keepers = {role: keeper for role, port in ports.items() if (keeper := as_timed(port)) is not None}
    for sender in order:
        keeper = keepers.get(sender)
        seen = (
            ports[sender].receive(POLL_INTERVAL_S) if keeper is None else keeper.timed_records(POLL_INTERVAL_S, clock)
        )
        now = clock.now()
        follow: list[PortAction] = []
        try:
            for one in seen:
                event = one.event if isinstance(one, TimedRecord) else one
                for role, action in [] if event is None else bridge.forward(sender, event):
                    ports[role].send(action)
        finally:
            # Received events are recorded, also if the other port has just been lost.
            name = ports[sender].name if len(keepers) > 1 else ""
            records = [one for one in seen if not isinstance(one, TimedRecord)]
            times = iter(poll_times(records, now, bridge.listener.baudrate))
            for one in seen:
                if isinstance(one, TimedRecord):
                    follow += bridge.on_timed_record(sender, one, name)
                else:
                    follow += bridge.on_event(sender, one, next(times))
        for role, action in follow:
            ports[role].send(action)


def _set_both_baudrates(sender: Role, change: BaudrateChange | None) -> list[PortAction]:
    """The relay forwards the announcement of a rate, so the change is queued after it and applied when it is sent."""
    if change is None:
        return []
    return [(role, SetBaudrate(change.baudrate, change.at if role is sender else None)) for role in Role]
