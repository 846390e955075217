"""The twin of a device: our own engine of its role on the virtual mount, as a port in virtual time.

Whatever drives a device drives its twin by the same calls; only the clock differs.
"""

from collections.abc import Callable

from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_emulator.mount.virtual import VirtualMount
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.sessions.mounting import join, leave
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import Transport
from lensmount_protocol.wire import DriveLine, LineChanged, Record, Role, WireAction, WireEvent

MakeEngine = Callable[[], Engine]


class Twin(Transport):
    """A port behind which our own engine plays the device.

    Args:
        setup: whom it stands in for.
        lines: the lines that its port carries: those of the device's.
        make: makes the engine; the twin's profile where nothing is given.

    Attributes:
        clock: virtual time; it passes while something is waited for.
        crashes: what has left the engine and taken it down.
    """

    def __init__(self, setup: Setup, lines: frozenset[str] = frozenset(), make: MakeEngine | None = None) -> None:
        self.name = f"twin {setup.twin}"
        self.lines = lines
        self.scheduler = Scheduler()
        self.clock: Clock = _Time(self.scheduler)
        self.crashes: list[str] = []
        self._setup = setup
        self._make = make or (lambda: setup.engine(setup.twin, lines))
        self._events: list[WireEvent] = []
        self._engine: Engine | None = None
        self._switch_on()

    def power_cycle(self) -> bool:
        """Supply off and on: the device has forgotten everything; it always has worked."""
        assert self._engine is not None
        leave(self._engine)
        self._switch_on()
        return True

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """What came within so many virtual seconds."""
        until = self.scheduler.now + (timeout or 0.0)
        over = False
        while not over:
            try:
                self.scheduler.run(until, unless=lambda: bool(self._events))
                over = True
            except Exception as error:
                self._crash(error)
        events, self._events = self._events, []
        return events

    def send(self, action: WireAction) -> None:
        """Do it on the mount, now."""
        if not isinstance(action, DriveLine) or action.line in self.lines:
            self._mount.apply(self._setup.role, action)

    def close(self) -> None:
        """Nothing is held."""

    def _switch_on(self) -> None:
        setup, dialect = self._setup, self._setup.dialect
        self._mount = VirtualMount(dialect, _unseen, self.scheduler)
        engine = self._engine = self._make()
        join(engine, self._mount, lambda _notice: None)
        self._mount.connect(setup.device, self._filtered(engine.receive))
        self._mount.connect(setup.role, self._filtered(lambda event, _now: self._events.append(event)))
        self._events = []
        self._mount.attach(self.scheduler.now)
        for line in (dialect.supply, *dialect.rails):
            if line not in self.lines:
                # A port without the supply's line has a device that somebody else feeds.
                self._mount.apply(Role.BODY, DriveLine(line, True))
        self.scheduler.run(self.scheduler.now)
        engine.start(self.scheduler.now)

    def _crash(self, error: Exception) -> None:
        """What leaves an engine takes it down, as a crash takes down a device; it stays so until its power is taken."""
        self.crashes.append(f"{type(error).__name__}: {error}")
        if self._engine is not None:
            leave(self._engine)
        self._mount.connect(self._setup.device, lambda _event, _now: None)

    def _filtered(self, hears: Callable[[WireEvent, float], None]) -> Callable[[WireEvent, float], None]:
        def hear(event: WireEvent, now: float) -> None:
            if not isinstance(event, LineChanged) or event.line in self.lines:
                hears(event, now)

        return hear


class _Time:
    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def now(self) -> float:
        return self._scheduler.now


def _unseen(_record: Record) -> None:
    return
