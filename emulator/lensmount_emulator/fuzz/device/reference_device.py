"""The reference device: our own engine of the device's role on the virtual mount, as a port in virtual time.

The same calls drive a device and its reference device; only the clock differs.
"""

from collections.abc import Callable

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.fuzz.device.config import DeviceFuzzConfig
from lensmount_emulator.mount.virtual_mount import VirtualMount
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.sessions.virtual_session import connect, disconnect
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import Transport
from lensmount_protocol.wire import DriveLine, LineChanged, Role, WireAction, WireEvent, WireRecord

MakeEngine = Callable[[], Engine]


class ReferenceDevice(Transport):
    """A port with our own engine as the device.

    Args:
        setup: the configuration of the run.
        lines: the lines of the device's port.
        make: makes the engine; by default that of the reference profile.

    Attributes:
        clock: virtual time; it passes during waits.
        crashes: the exceptions that crashed the engine.
    """

    def __init__(
        self, setup: DeviceFuzzConfig, lines: frozenset[str] = frozenset(), make: MakeEngine | None = None
    ) -> None:
        self.name = f"twin {setup.reference}"
        self.lines = lines
        self.scheduler = Scheduler()
        self.clock: Clock = _VirtualClock(self.scheduler)
        self.crashes: list[str] = []
        self._setup = setup
        self._make = make or (lambda: setup.make_engine(setup.reference, lines))
        self._events: list[WireEvent] = []
        self._engine: Engine | None = None
        self._switch_on()

    def power_cycle(self) -> bool:
        """Switch the supply off and on, which resets the device; always succeeds."""
        assert self._engine is not None
        disconnect(self._engine)
        self._switch_on()
        return True

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """Return the events of so many virtual seconds."""
        until = self.scheduler.now + (timeout or 0.0)
        over = False
        while not over:
            try:
                self.scheduler.run(until, stop_when=lambda: bool(self._events))
                over = True
            except Exception as error:
                self._crash(error)
        events, self._events = self._events, []
        return events

    def send(self, action: WireAction) -> None:
        """Apply an action to the mount, now."""
        if not isinstance(action, DriveLine) or action.line in self.lines:
            self._mount.apply(self._setup.role, action)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _switch_on(self) -> None:
        setup, dialect = self._setup, self._setup.dialect
        self._mount = VirtualMount(dialect, _ignore_record, self.scheduler)
        engine = self._engine = self._make()
        connect(engine, self._mount, lambda _notice: None)
        self._mount.connect(setup.device, self._filter_events(engine.receive))
        self._mount.connect(setup.role, self._filter_events(lambda event, _now: self._events.append(event)))
        self._events = []
        self._mount.attach(self.scheduler.now)
        for line in (dialect.supply, *dialect.rails):
            if line not in self.lines:
                # A port without the supply's line has a device with its own supply.
                self._mount.apply(Role.BODY, DriveLine(line, True))
        self.scheduler.run(self.scheduler.now)
        engine.start(self.scheduler.now)

    def _crash(self, error: Exception) -> None:
        """Handle an exception of the engine as a crash of the device; it stays down until its power is cycled."""
        self.crashes.append(f"{type(error).__name__}: {error}")
        if self._engine is not None:
            disconnect(self._engine)
        self._mount.connect(self._setup.device, lambda _event, _now: None)

    def _filter_events(self, handler: Callable[[WireEvent, float], None]) -> Callable[[WireEvent, float], None]:
        def filter_event(event: WireEvent, now: float) -> None:
            if not isinstance(event, LineChanged) or event.line in self.lines:
                handler(event, now)

        return filter_event


class _VirtualClock:
    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def now(self) -> float:
        return self._scheduler.now


def _ignore_record(_record: WireRecord) -> None:
    return
