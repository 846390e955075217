"""The engine of an E-mount lens: starts with its supply, does the handshake, answers requests and streams its state."""

from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.emount.lens import commands, stream
from lensmount_emulator.roles.emount.lens.engine_base import LensEngineBase
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.lines import BODY_CS, LENS_CS, RXD, SLOW_BAUDRATE, VCC, VD, XDETECT
from lensmount_protocol.dialects.emount.transitions import ASLEEP, OFF
from lensmount_protocol.framer import Garbage
from lensmount_protocol.wire import LineChanged, Received, Role, WireEvent


class LensEngine(LensEngineBase):
    """An E-mount lens, configured by its profile."""

    def receive(self, event: WireEvent, now: float) -> None:
        """Handle an event from the body; bytes distinguish a frame's window from a handshake."""
        if isinstance(event, Received) and self.levels.get(BODY_CS):
            self.window_holds_bytes = True
        super().receive(event, now)

    def on_start(self) -> None:
        """Start on the mount; if the port has no supply line, the lens assumes power."""
        if self.live:
            # On the virtual mount the mount grounds this contact when the lens is attached.
            self.levels[XDETECT] = True
            self.drive(XDETECT, False)
        if VCC not in self.carried:
            self._power_on()

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
            stream.on_frame_sync(self)

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Handle a frame: loop frames change the model, requests are answered."""
        if arrival.violation is not None:
            self.report_error(arrival.violation)
        elif arrival.frame.class_ == LOOP_CLASS:
            self.stream.on_loop_frame(arrival.frame.sequence)
            for message in arrival.messages:
                commands.handle_command(self, message)
            stream.on_body_frame(self, arrival)
        elif arrival.frame.class_ == REQUEST_CLASS:
            self.queue_reply(commands.send_reply(self, arrival))

    def on_garbage(self, garbage: Garbage) -> None:
        """Send a refusal with the reason, if this lens sends refusals."""
        super().on_garbage(garbage)
        if commands.sends_refusals(self, garbage.reason):
            self.queue_reply(commands.refuse_garbage(self, garbage.reason))

    def on_control(self, step: Step) -> None:
        """Turn the zoom ring: `zoom`, in tenths of a millimetre."""
        if step.verb == "zoom" and step.value:
            self.turned_to_dmm = int(step.value)
        else:
            super().on_control(step)

    def _power_on(self) -> None:
        self.connection.move("power", by=Role.BODY)
        self.spawn(_handshake(self, boots=True))

    def _power_off(self) -> None:
        self.stop_tasks()
        self.sending = self.rx_enabled = self.window_holds_bytes = False
        for line in (LENS_CS, RXD):
            self.drive(line, False)
        self.set_baudrate(SLOW_BAUDRATE)
        self.stream.end()
        self.motor.hold_position(float(self.stream.frame))
        self.rows.clear()
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
        yield lens.level(BODY_CS, False)
        yield lens.after(timing.select_falls)
        lens.drive(LENS_CS, False)
    # The serial port is on from here: before, the lens receives nothing, and so cannot answer during the handshake.
    lens.rx_enabled = True
    lens.connection.move("linked", by=Role.LENS)
    lens.report("handshake done" if boots else "awake again")
