"""A relay between two ports in virtual time, for the tests of relays."""

from collections import deque

from lensmount_emulator.sessions.bridge import PortBridge, bridge_once
from lensmount_emulator.sessions.listener import Listener
from lensmount_hardware.clock import VirtualClock
from lensmount_hardware.transport import Transport
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.body_status import BodyMode
from lensmount_protocol.errors import TransportLostError
from lensmount_protocol.wire import Annotation, Role, Transmit, WireAction, WireEvent, WireRecord

DIALECT = load_dialect("emount")
Records = list[WireRecord]
MODE = DIALECT.build_frame(BodyMode().build(), 1, 1)


class Port(Transport):
    """A port in virtual time: it gives what was put in, and waits by letting the time pass."""

    def __init__(self, clock: VirtualClock, *lines: str) -> None:
        self.name = "port"
        self.lines = frozenset(lines)
        self.clock = clock
        self.comes: deque[WireEvent] = deque()
        self.orders: list[WireAction] = []
        self.lost = False

    def receive(self, timeout: float | None) -> list[WireEvent]:
        if self.lost:
            raise TransportLostError("port: it was unplugged")
        if not self.comes:
            assert timeout is not None
            self.clock.advance_to(self.clock.now() + timeout)
        came = list(self.comes)
        self.comes.clear()
        return came

    def send(self, action: WireAction) -> None:
        if self.lost:
            raise TransportLostError("port: it was unplugged")
        self.orders.append(action)

    def close(self) -> None:
        """Nothing is held."""


def bench(*lines: str) -> tuple[VirtualClock, dict[Role, Port], PortBridge, list[WireRecord]]:
    clock, kept = VirtualClock(), list[WireRecord]()
    ports = {role: Port(clock, *lines) for role in Role}
    relay = PortBridge(Listener(DIALECT, kept.append), ports[Role.BODY].lines & ports[Role.LENS].lines)
    return clock, ports, relay, kept


def sent(port: Port) -> bytes:
    """All bytes that a port was given to send."""
    return b"".join(one.data for one in port.orders if isinstance(one, Transmit))


def notes(records: Records) -> list[str]:
    """What rules did, as a recording has it."""
    return [one.text for one in records if isinstance(one, Annotation) and "fault: " in one.text]


def run(clock: VirtualClock, ports: dict[Role, Port], relay: PortBridge, until: float) -> None:
    """Relay up to a time."""
    while clock.now() < until:
        bridge_once(relay, dict(ports), clock)
