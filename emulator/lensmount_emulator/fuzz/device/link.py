"""Our end on a device's port: an engine that keeps a session up, and bytes of others that are put in between."""

from collections.abc import Callable
from dataclasses import dataclass

from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.notice import Notice, NoticeKind
from lensmount_emulator.roles.observer import FrameObserver
from lensmount_emulator.roles.tasks import Task
from lensmount_emulator.sessions.gate import Gate, GatedTransport
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import Transport
from lensmount_protocol.connection import Arrival
from lensmount_protocol.errors import LocalProtocolError, MountError
from lensmount_protocol.frame import Garbage
from lensmount_protocol.message import Message
from lensmount_protocol.paving import type_of
from lensmount_protocol.wire import (
    Burst,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    Record,
    Remark,
    Role,
    SetBaudrate,
    Transmit,
    WireAction,
    WireEvent,
    transmission_time,
)

LOOK_UP_S = 0.05
"""A link looks up after so long even when nothing happens."""

SOON_S = 1e-4
"""What is asked for begins at a deadline of the engine's own."""

OFF_S = 0.3
"""Supply stays off for so long, so that a lens has let go of what it knew."""


@dataclass(slots=True)
class Heard:
    """A frame that came from the device.

    Attributes:
        at: when, in seconds.
        said: its types, joined by `+`.
        class_: its class.
        legal: whether the tables allow it there.
    """

    at: float
    said: str
    class_: int
    legal: bool


class Link:
    """Our end.

    Args:
        setup: whom we fuzz.
        port: the port; everything that goes to it goes through the gate first, and is recorded before it is sent.
        clock: tells the time.
        tap: keeps a record; what it raises keeps a byte from being sent.
        armed: what the run arms by name.

    Attributes:
        engine: our end; another one behind each `begin`.
        armed: what the run arms by name.
        gate: what may be emitted.
        heard: frames of the device since the last `forget`, the stream's among them.
        garbage: runs of bytes that were none, since then.
        received: bytes that came, whatever they are.
        stream: frames of the stream that have come since the last `begin`.
        identity: what the device says it is; `""` as long as it has not.
        took_supply: whether our engine has given the device up and wanted its supply off.
        ours: errors that have left our own engine; a fault of ours, and none of the device's.
    """

    def __init__(
        self,
        setup: Setup,
        port: Transport,
        clock: Clock,
        tap: Callable[[Record], None] = lambda _record: None,
        armed: tuple[str, ...] = (),
    ) -> None:
        self.setup = setup
        self.clock = clock
        self.armed = armed
        self.gate = Gate(setup.dialect, setup.role, armed)
        self.port = GatedTransport(port, self.gate, self._before)
        self.heard: list[Heard] = []
        self.garbage: list[Garbage] = []
        self.received = 0
        self.stream = 0
        self.identity = ""
        self.took_supply = False
        self.ours: list[str] = []
        self.select = setup.dialect.select_line(setup.role)
        self._tap = tap
        self._levels: dict[str, bool] = {}
        self._driven: dict[str, bool] = {}
        self._routine = setup.dialect.routine
        self._rails = {setup.dialect.supply, *setup.dialect.rails}
        self.engine: Engine = self._engine()

    def begin(self) -> None:
        """Our end begins from nothing: lines at rest but for the supply, the first rate, a new engine."""
        dialect = self.setup.dialect
        for line, driver in dialect.drivers.items():
            if driver is self.setup.role and line not in self._rails and line != dialect.detect:
                self.drive(line, level=False)
        self.port.send(SetBaudrate(dialect.wiring.baudrates[0]))
        self.engine = self._engine()
        self.stream = 0
        self.took_supply = False
        self.forget()
        now = self.clock.now()
        self.engine.start(now)
        for line, level in self._levels.items():
            self.engine.receive(LineChanged(line, level), now)
        self._carry_out()

    @property
    def feeds(self) -> bool:
        """Whether the port lets us take the device's supply."""
        return self.setup.role is Role.BODY and self.setup.dialect.supply in self.port.lines

    def take_supply(self) -> None:
        """Supply and rails off, and time for the device to notice; what it says meanwhile is not listened to."""
        dialect = self.setup.dialect
        for line in (*reversed(dialect.rails), dialect.supply):
            self.drive(line, level=False)
        until = self.clock.now() + OFF_S
        while self.clock.now() < until:
            for event in self.port.receive(max(0.0, until - self.clock.now())):
                self._note(event)

    def run(self, seconds: float, unless: Callable[[], bool] = lambda: False) -> bool:
        """Play for so long, or until `unless` is true; whether it is.

        Raises:
            TransportLostError: the port went away.
            CaptureError: what happens cannot be recorded.
        """
        until = self.clock.now() + seconds
        while not unless():
            now = self.clock.now()
            if now >= until:
                return False
            times = (self.engine.next_deadline(), until, now + LOOK_UP_S)
            wait = max(0.0, min(at for at in times if at is not None) - now)
            for event in self.port.receive(wait):
                self._take(event)
            deadline, now = self.engine.next_deadline(), self.clock.now()
            if deadline is not None and deadline <= now:
                self._have(lambda: self.engine.handle_deadline(self.clock.now()))
        return True

    def inject(self, data: bytes) -> str:
        """Put bytes on the wire beside those of our engine, in a window where the port has one.

        Returns:
            Why they were held back, by the gate or because the supply is off; `""` where they went out.
        """
        if not self._is_supplied:
            return f"{self.setup.dialect.supply} is low: lines stay at rest until the supply is up"
        windowed = self.select in self.port.lines and not self._driven.get(self.select, False)
        reason = ""
        if windowed:
            self.drive(self.select, level=True)
        try:
            self.port.put_in(data)
        except LocalProtocolError as error:
            reason = str(error)
        if windowed:
            self.drive(self.select, level=False)
        return reason

    @property
    def _is_supplied(self) -> bool:
        """Whether the lens has its supply, as far as the port shows it."""
        supply = self.setup.dialect.supply
        if supply not in self.port.lines:
            return True
        if self.setup.role is Role.BODY:
            return self._driven.get(supply, False)
        return self._levels.get(supply, True)

    def drive(self, line: str, *, level: bool) -> None:
        """Put one of our lines at a level; nothing happens where the port has none."""
        if line in self.port.lines and self._driven.get(line) is not level:
            self._driven[line] = level
            self.port.send(DriveLine(line, level))

    def ask(self, message: Message, within: float) -> Message | None:
        """Ask the device something as our engine would; its answer, `None` where none came in time."""
        ask = self.setup.cast.ask
        if ask is None:
            return None
        engine, came = self.engine, list[Message | None]()

        def task() -> Task:
            yield engine.now + SOON_S
            try:
                came.append((yield from ask(engine, message)))
            except MountError:
                came.append(None)

        engine.now = self.clock.now()
        engine.spawn(task())
        self.run(within, unless=lambda: bool(came))
        return came[0] if came else None

    def forget(self) -> None:
        """What was heard so far is of no interest any more."""
        self.heard.clear()
        self.garbage.clear()

    def remark(self, text: str) -> None:
        """Say something in the recording."""
        self._tap(Remark(self.clock.now(), text))

    def _engine(self) -> Engine:
        engine = self.setup.engine(self.setup.ours, self.port.lines)
        engine.observe(FrameObserver(self._arrived, self._dismissed))
        return engine

    def _arrived(self, _role: Role, arrival: Arrival) -> None:
        said = "+".join(f"{type_of(message):02X}" for message in arrival.messages)
        self.heard.append(Heard(arrival.at, said, arrival.frame.class_, arrival.violation is None))
        self.stream += said in self._routine

    def _dismissed(self, _role: Role, garbage: Garbage) -> None:
        self.garbage.append(garbage)

    def _take(self, event: WireEvent) -> None:
        self._note(event)
        self._have(lambda: self.engine.receive(event, self.clock.now()))

    def _have(self, deed: Callable[[], None]) -> None:
        """Have our engine do something; what is wrong with it is no fault of the device's, and is told as ours."""
        try:
            deed()
        except MountError as error:
            self.ours.append(str(error))
            self.remark(f"our own end: {error}")
        self._carry_out()

    def _note(self, event: WireEvent) -> None:
        now = self.clock.now()
        if isinstance(event, Received):
            self.received += len(event.data)
            rate = self.engine.baudrate
            self._tap(Burst(now - transmission_time(len(event.data), rate), self.setup.device, event.data, rate, now))
        else:
            self._levels[event.line] = event.level
            self._tap(Edge(now, event.line, event.level))

    def _carry_out(self) -> None:
        for action in self.engine.actions():
            if isinstance(action, DriveLine):
                if action.line in self._rails and not action.level and self._driven.get(action.line):
                    # Whether and when the supply goes is decided, and counted, by the run.
                    self.took_supply = True
                    continue
                self.drive(action.line, level=action.level)
                continue
            try:
                self.port.send(action)
            except LocalProtocolError as error:
                self.remark(str(error))
        for notice in self.engine.notices():
            self._listen(notice)

    def _listen(self, notice: Notice) -> None:
        if not self.identity and notice.kind is NoticeKind.IDENTIFIED:
            self.identity = notice.subject

    def _before(self, action: WireAction) -> None:
        now = self.clock.now()
        if isinstance(action, Transmit) and action.data:
            rate = self.engine.baudrate
            ends = now + transmission_time(len(action.data), rate)
            self._tap(Burst(now, self.setup.role, action.data, rate, ends))
        elif isinstance(action, DriveLine):
            self._tap(Edge(now, action.line, action.level))
