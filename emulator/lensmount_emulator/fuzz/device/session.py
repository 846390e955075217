"""Our end on a device's port: an engine that keeps a session up, and injected bytes."""

from collections.abc import Callable
from dataclasses import dataclass

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import FrameObserver, Notice, NoticeKind
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.fuzz.device.config import DeviceFuzzConfig
from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import Transport
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.errors import LocalProtocolError, MountError
from lensmount_protocol.framer import Garbage
from lensmount_protocol.message import Message
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import (
    Annotation,
    Burst,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    Role,
    SetBaudrate,
    Transmit,
    WireAction,
    WireEvent,
    WireRecord,
    transmission_time,
)

POLL_INTERVAL_S = 0.05
"""Seconds after which a session polls even when nothing happens."""

FAST_POLL_INTERVAL_S = 1e-4
"""Requests start at a deadline of the engine's own."""

OFF_S = 0.3
"""Seconds that the supply stays off, so that a lens loses its state."""


@dataclass(slots=True)
class ReceivedFrameInfo:
    """A received frame of the device.

    Attributes:
        at: its time, in seconds.
        messages: its types, joined by `+`.
        class_: its class.
        legal: whether the tables allow it in its state.
    """

    at: float
    messages: str
    class_: int
    legal: bool


class DeviceSession:
    """Our end of the link.

    Args:
        config: the configuration of the run.
        port: the port; every send passes the send guard first, and is recorded before it is sent.
        clock: gives the time.
        tap: stores a record; an exception of it prevents the send.
        allowed: the guarded messages that the run may send.

    Attributes:
        engine: our engine; `start` makes a new one.
        allowed: the guarded messages that the run may send.
        guard: the send guard.
        received_frames: frames of the device since the last `forget`, with those of the stream.
        garbage: runs of bytes in no frame, since then.
        received: number of received bytes of any kind.
        stream: frames of the stream since the last `start`.
        identity: the identity that the device reports; `""` until then.
        engine_gave_up: whether our engine has given the device up and requested supply off.
        engine_errors: exceptions of our own engine; a defect of ours, and none of the device's.
    """

    def __init__(
        self,
        config: DeviceFuzzConfig,
        port: Transport,
        clock: Clock,
        tap: Callable[[WireRecord], None] = lambda _record: None,
        allowed: tuple[str, ...] = (),
    ) -> None:
        self.config = config
        self.clock = clock
        self.allowed = allowed
        self.guard = SendGuard(config.dialect, config.role, allowed)
        self.port = GuardedTransport(port, self.guard, self._before)
        self.received_frames: list[ReceivedFrameInfo] = []
        self.garbage: list[Garbage] = []
        self.received = 0
        self.stream = 0
        self.identity = ""
        self.engine_gave_up = False
        self.engine_errors: list[str] = []
        self.select = config.dialect.select_line(config.role)
        self._tap = tap
        self._levels: dict[str, bool] = {}
        self._driven: dict[str, bool] = {}
        self._routine = config.dialect.routine
        self._rails = {config.dialect.supply, *config.dialect.rails}
        self.engine: Engine = self._engine()

    def start(self) -> None:
        """Start our end from nothing: lines idle except the supply, the first rate, a new engine."""
        dialect = self.config.dialect
        for line, driver in dialect.drivers.items():
            if driver is self.config.role and line not in self._rails and line != dialect.detect:
                self.drive(line, level=False)
        self.port.send(SetBaudrate(dialect.wiring.baudrates[0]))
        self.engine = self._engine()
        self.stream = 0
        self.engine_gave_up = False
        self.forget()
        now = self.clock.now()
        self.engine.start(now)
        for line, level in self._levels.items():
            self.engine.receive(LineChanged(line, level), now)
        self._send_actions()

    @property
    def can_switch_power(self) -> bool:
        """Whether the port can switch the device's supply off."""
        return self.config.role is Role.BODY and self.config.dialect.supply in self.port.lines

    def power_off(self) -> None:
        """Switch supply and rails off, and wait for the device to notice; its bytes meanwhile are ignored."""
        dialect = self.config.dialect
        for line in (*reversed(dialect.rails), dialect.supply):
            self.drive(line, level=False)
        until = self.clock.now() + OFF_S
        while self.clock.now() < until:
            for event in self.port.receive(max(0.0, until - self.clock.now())):
                self._record_event(event)

    def run(self, seconds: float, stop_when: Callable[[], bool] = lambda: False) -> bool:
        """Run for so long, or until `stop_when` is true; return whether it is.

        Raises:
            TransportLostError: the port was lost.
            CaptureError: a record cannot be written.
        """
        until = self.clock.now() + seconds
        while not stop_when():
            now = self.clock.now()
            if now >= until:
                return False
            times = (self.engine.next_deadline(), until, now + POLL_INTERVAL_S)
            wait = max(0.0, min(at for at in times if at is not None) - now)
            for event in self.port.receive(wait):
                self._on_event(event)
            deadline, now = self.engine.next_deadline(), self.clock.now()
            if deadline is not None and deadline <= now:
                self._run_engine(lambda: self.engine.handle_deadline(self.clock.now()))
        return True

    def inject(self, data: bytes) -> str:
        """Send bytes beside those of our engine, in a window if the port has one.

        Returns:
            Why they were blocked, by the send guard or because the supply is off; `""` if they were sent.
        """
        if not self._is_supplied:
            return f"{self.config.dialect.supply} is low: lines stay idle until the supply is up"
        windowed = self.select in self.port.lines and not self._driven.get(self.select, False)
        reason = ""
        if windowed:
            self.drive(self.select, level=True)
        try:
            self.port.send_injected(data)
        except LocalProtocolError as error:
            reason = str(error)
        if windowed:
            self.drive(self.select, level=False)
        return reason

    @property
    def _is_supplied(self) -> bool:
        """Whether the lens has its supply, as far as the port shows it."""
        supply = self.config.dialect.supply
        if supply not in self.port.lines:
            return True
        if self.config.role is Role.BODY:
            return self._driven.get(supply, False)
        return self._levels.get(supply, True)

    def drive(self, line: str, *, level: bool) -> None:
        """Set one of our lines to a level; does nothing if the port lacks it."""
        if line in self.port.lines and self._driven.get(line) is not level:
            self._driven[line] = level
            self.port.send(DriveLine(line, level))

    def request(self, message: Message, within: float) -> Message | None:
        """Send a request as our engine would; return the reply, `None` without one in time."""
        ask = self.config.roles.request
        if ask is None:
            return None
        engine, came = self.engine, list[Message | None]()

        def task() -> Task:
            yield engine.now + FAST_POLL_INTERVAL_S
            try:
                came.append((yield from ask(engine, message)))
            except MountError:
                came.append(None)

        engine.now = self.clock.now()
        engine.spawn(task())
        self.run(within, stop_when=lambda: bool(came))
        return came[0] if came else None

    def forget(self) -> None:
        """Discard the received frames and garbage."""
        self.received_frames.clear()
        self.garbage.clear()

    def annotate(self, text: str) -> None:
        """Write an annotation to the recording."""
        self._tap(Annotation(self.clock.now(), text))

    def _engine(self) -> Engine:
        engine = self.config.make_engine(self.config.ours, self.port.lines)
        engine.observe(FrameObserver(self._on_arrival, self._on_garbage))
        return engine

    def _on_arrival(self, _role: Role, arrival: ReceivedFrame) -> None:
        messages = "+".join(f"{message_type(message):02X}" for message in arrival.messages)
        self.received_frames.append(
            ReceivedFrameInfo(arrival.at, messages, arrival.frame.class_, arrival.violation is None)
        )
        self.stream += messages in self._routine

    def _on_garbage(self, _role: Role, garbage: Garbage) -> None:
        self.garbage.append(garbage)

    def _on_event(self, event: WireEvent) -> None:
        self._record_event(event)
        self._run_engine(lambda: self.engine.receive(event, self.clock.now()))

    def _run_engine(self, action: Callable[[], None]) -> None:
        """Call our engine; an exception of it is a defect of ours and not of the device, and is reported so."""
        try:
            action()
        except MountError as error:
            self.engine_errors.append(str(error))
            self.annotate(f"our own end: {error}")
        self._send_actions()

    def _record_event(self, event: WireEvent) -> None:
        now = self.clock.now()
        if isinstance(event, Received):
            self.received += len(event.data)
            rate = self.engine.baudrate
            self._tap(Burst(now - transmission_time(len(event.data), rate), self.config.device, event.data, rate, now))
        else:
            self._levels[event.line] = event.level
            self._tap(Edge(now, event.line, event.level))

    def _send_actions(self) -> None:
        for action in self.engine.actions():
            if isinstance(action, DriveLine):
                if action.line in self._rails and not action.level and self._driven.get(action.line):
                    # The run decides, and counts, when the supply is switched.
                    self.engine_gave_up = True
                    continue
                self.drive(action.line, level=action.level)
                continue
            try:
                self.port.send(action)
            except LocalProtocolError as error:
                self.annotate(str(error))
        for notice in self.engine.notices():
            self._on_notice(notice)

    def _on_notice(self, notice: Notice) -> None:
        if not self.identity and notice.kind is NoticeKind.IDENTIFIED:
            self.identity = notice.subject

    def _before(self, action: WireAction) -> None:
        now = self.clock.now()
        if isinstance(action, Transmit) and action.data:
            rate = self.engine.baudrate
            ends = now + transmission_time(len(action.data), rate)
            self._tap(Burst(now, self.config.role, action.data, rate, ends))
        elif isinstance(action, DriveLine):
            self._tap(Edge(now, action.line, action.level))
