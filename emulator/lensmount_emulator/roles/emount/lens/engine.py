"""The engine of an E-mount lens: starts with its supply, does the handshake, answers requests and streams its state.

A profile may give its receiver rules of its own: a Samyang drops bytes outside the body's select window, and after a
bad frame looks for the next one only when the length that the bad one announced has passed (BAS-SY).
"""

from random import Random

from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.emount.behaviour import Behaviour, blocks
from lensmount_emulator.roles.emount.lens import commands, controls, focus_orders, service, stream
from lensmount_emulator.roles.emount.lens.engine_base import LensEngineBase
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, MAX_SIZE, MIN_SIZE, REQUEST_CLASS, START
from lensmount_protocol.dialects.emount.lines import BODY_CS, LENS_CS, RXD, SLOW_BAUDRATE, VCC, VD, XDETECT
from lensmount_protocol.dialects.emount.startup_shutdown import StartUpRequest
from lensmount_protocol.dialects.emount.transitions import ASLEEP, OFF
from lensmount_protocol.framer import Garbage
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import LineChanged, Received, Role, WireEvent

LENGTH_SIZE = 3
"""Bytes of a frame up to its length."""


class LensReceiver:
    """Decides which received bytes reach the framer.

    Args:
        behaviour: the profile's rules.
        live: whether the lens is at a port, where edges come later than bytes, so that they select nothing.
    """

    def __init__(self, behaviour: Behaviour, *, live: bool) -> None:
        self._selects = behaviour.selects_bytes and not live
        self._awaits_length = behaviour.awaits_length
        self._skipped = 0

    def accept(self, event: Received, *, selected: bool) -> Received:
        """Return what of received bytes reaches the framer.

        Args:
            event: the bytes.
            selected: whether the body's select line is high.
        """
        if self._selects and not selected:
            return Received(b"")
        if not self._skipped:
            return event
        dropped = min(self._skipped, len(event.data))
        self._skipped -= dropped
        return Received(event.data[dropped:])

    def on_garbage(self, garbage: Garbage) -> None:
        """Skip the rest of the length that a bad frame announced."""
        data = garbage.data
        if not self._awaits_length or len(data) < LENGTH_SIZE or data[0] != START:
            return
        length = data[1] | data[2] << 8
        if MIN_SIZE <= length <= MAX_SIZE[Role.BODY]:
            self._skipped = max(0, length - len(data))


def make_receiver(behaviour: Behaviour, *, live: bool) -> LensReceiver | None:
    """Return a receiver with rules of its own; `None` for the usual one."""
    return LensReceiver(behaviour, live=live) if behaviour.selects_bytes or behaviour.awaits_length else None


MAX_EARLY = 255
"""Bytes that a lens keeps from the end of the handshake: one frame of the body."""


class LensEngine(LensEngineBase):
    """An E-mount lens, configured by its profile.

    Attributes:
        receiver: its receiver, where the profile gives it rules of its own.
        early: bytes that came at the end of the handshake at a port, where edges come later than bytes.
        keeps_early: whether it keeps such bytes.
    """

    def __init__(
        self, settings: LensSettings, carried: frozenset[str] | None = None, random: Random | None = None
    ) -> None:
        super().__init__(settings, carried, random)
        self.receiver = make_receiver(settings.behaviour, live=self.live)
        self.early = b""
        self.keeps_early = False

    def receive(self, event: WireEvent, now: float) -> None:
        """Handle an event from the body; bytes distinguish a frame's window from a handshake."""
        if isinstance(event, Received):
            if self.levels.get(BODY_CS):
                self.window_holds_bytes = True
            if self.receiver is not None:
                event = self.receiver.accept(event, selected=self.levels.get(BODY_CS, False))
                if not event.data:
                    return
            if self.keeps_early:
                self.early = (self.early + event.data)[:MAX_EARLY]
        super().receive(event, now)

    def on_start(self) -> None:
        """Start on the mount; if the port has no supply line, the lens assumes power."""
        if self.live:
            # On the virtual mount the mount grounds this contact when the lens is attached.
            self.levels[XDETECT] = True
            self.drive(XDETECT, False)
        if VCC not in self.carried:
            self._power_on()
        if self.script:
            self.spawn(controls.run_script(self, self.script))

    def on_line(self, edge: LineChanged) -> None:
        """Handle an edge: power, frame sync or wake-up."""
        if edge.line == VCC:
            self._power_on() if edge.level else self._power_off()
        elif edge.line == BODY_CS and edge.level:
            self.window_holds_bytes = False
            if self.connection.state == ASLEEP:
                self.connection.move("wake", by=Role.BODY)
                self.rx_enabled = False
                self.spawn(_handshake(self, boots=False))
        elif edge.line == VD and not edge.level:
            focus_orders.count_move_pulse(self)
            stream.on_frame_sync(self)

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Handle a frame: loop frames change the model, requests are answered."""
        if arrival.violation is not None:
            self.report_error(arrival.violation)
        elif self.blocked or self._is_blocked_by(arrival):
            self.blocked = True
        elif arrival.frame.class_ == LOOP_CLASS:
            self.stream.on_loop_frame(arrival.frame.sequence)
            if self.player is not None:
                self.inputs.take(arrival.messages)
            for message in arrival.messages:
                focus_orders.handle_command(self, message)
            stream.on_body_frame(self, arrival)
            if self.lasting_refusal is not None:
                self.queue_reply(commands.repeat_refusal(self))
        elif self.lasting_refusal is not None:
            self.queue_reply(commands.repeat_refusal(self))
        elif arrival.frame.class_ == REQUEST_CLASS:
            homes = isinstance(arrival.messages[0], StartUpRequest)
            self.queue_reply(commands.send_reply(self, arrival), never_lost=homes)

    def on_garbage(self, garbage: Garbage) -> None:
        """Send a refusal with the reason, if this lens sends refusals."""
        super().on_garbage(garbage)
        if self.receiver is not None:
            self.receiver.on_garbage(garbage)
        if commands.sends_refusals(self, garbage.reason):
            self.queue_reply(commands.refuse_garbage(self, garbage.reason))

    def on_control(self, step: Step) -> None:
        """Operate a control: `zoom`, in tenths of a millimetre, one of the service channel, or a state of a twin."""
        if step.verb == "state":
            controls.set_state(self, step)
        elif step.verb == "zoom" and step.value:
            self.turned_to_dmm = int(step.value)
        elif step.verb in service.CONTROLS:
            service.report_control(self, step)
        else:
            super().on_control(step)

    def _is_blocked_by(self, arrival: ReceivedFrame) -> bool:
        """Whether a message of a frame locks this lens up: it knows no size for it (Samyang, BAS-SY)."""
        behaviour = self.settings.behaviour
        if not behaviour.blocked_by:
            return False
        found = next((one for one in map(message_type, arrival.messages) if blocks(behaviour, one)), None)
        if found is not None:
            self.report(f"locked up by {found:02X}, for which it has no size, until its supply is cut", is_error=True)
            self.stream.end()
        return found is not None

    def _power_on(self) -> None:
        self.connection.move("power", by=Role.BODY)
        self.spawn(_handshake(self, boots=True))

    def _power_off(self) -> None:
        self.stop_tasks()
        self.sending = self.rx_enabled = self.window_holds_bytes = self.keeps_early = False
        self.early = b""
        for line in (LENS_CS, RXD):
            self.drive(line, False)
        self.set_baudrate(SLOW_BAUDRATE)
        self.stream.end()
        self.motor.hold_position(float(self.stream.frame))
        self.rows.clear()
        self.forget()
        self.receiver = make_receiver(self.settings.behaviour, live=self.live)
        if self.connection.state != OFF:
            self.connection.move("power lost", by=Role.BODY)
            self.report("power lost, everything at rest")


def _handshake(lens: LensEngine, *, boots: bool) -> Task:
    """Follow the body's select line up and down, and set the serial line to its idle level in between."""
    timing = lens.settings.timing
    if lens.windowed:
        if boots and timing.select_rises >= 0:
            yield lens.after(timing.select_rises)
            lens.drive(LENS_CS, True)
        yield lens.level(BODY_CS, True)
        called = lens.now
        if not lens.levels.get(LENS_CS):
            yield lens.after(timing.select_follows)
            lens.drive(LENS_CS, True)
        yield lens.at(called, timing.serial_on)
        lens.drive(RXD, True)
        lens.keeps_early = lens.live
        yield lens.level(BODY_CS, False)
        yield lens.after(timing.select_falls)
        lens.drive(LENS_CS, False)
    # The serial port is on from here: before, the lens receives nothing, and so cannot answer during the handshake.
    lens.rx_enabled = True
    lens.connection.move("linked", by=Role.LENS)
    lens.report("handshake done" if boots else "awake again")
    early, lens.early, lens.keeps_early = lens.early, b"", False
    if early:
        lens.receive(Received(early), lens.now)
