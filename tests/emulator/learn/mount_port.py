"""Ports in virtual time that are their own clock: one with a device of a profile, and one without a device."""

from random import Random

from lensmount_emulator.engine.dialect_roles import get_roles, make_engine
from lensmount_emulator.mount.virtual_mount import VirtualMount
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.sessions.virtual_session import connect
from lensmount_hardware.transport import Transport
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Received, Role, WireAction, WireEvent

POLL_S = 20e-6
"""Time that a receive without a timeout takes."""

DEAD_POLL_S = 5e-3
"""The same at a port where nothing can come."""


class MountPort(Transport):
    """A port, and its clock, with a device of a profile behind it in virtual time."""

    def __init__(self, profile: str) -> None:
        device = load_profile(profile)
        assert device.role is not None
        dialect, self.role = load_dialect(device.dialect), device.role.peer
        self.name, self.lines = "mount", frozenset(dialect.wiring.lines)
        self.scheduler = Scheduler()
        self.mount = VirtualMount(dialect, lambda _record: None, self.scheduler)
        self.events: list[WireEvent] = []
        self.broken: set[int] = set()
        self.supplies = 0
        engine = make_engine(get_roles(device.dialect), device.settings, None, Random(1), ())
        connect(engine, self.mount, lambda _notice: None)
        self.mount.connect(self.role, self._keep)
        engine.start(0.0)
        self.mount.attach(0.0, grounded=self.role is Role.BODY)

    def _keep(self, event: WireEvent, _now: float) -> None:
        # A bad contact: a run of bytes of a session is lost.
        if not (isinstance(event, Received) and self.supplies in self.broken):
            self.events.append(event)

    def now(self) -> float:
        return self.scheduler.now

    def receive(self, timeout: float | None) -> list[WireEvent]:
        self.scheduler.run(self.now() + max(timeout or 0.0, POLL_S), lambda: bool(self.events))
        events, self.events = self.events, []
        return events

    def send(self, action: WireAction) -> None:
        self.mount.apply(self.role, action)

    def close(self) -> None:
        pass


class DeadPort(Transport):
    """A port, and its clock, at which nothing is."""

    def __init__(self, dialect: str) -> None:
        self.name, self.lines = "dead port", frozenset(load_dialect(dialect).wiring.lines)
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def receive(self, timeout: float | None) -> list[WireEvent]:
        self.time += max(timeout or 0.0, DEAD_POLL_S)
        return []

    def send(self, action: WireAction) -> None:
        pass

    def close(self) -> None:
        pass
