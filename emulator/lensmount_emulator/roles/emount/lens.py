"""The lens end of an E-mount: wakes with its supply, shakes hands, answers requests, and streams its state."""

from lensmount_emulator.roles.emount import lens_orders, lens_replies, lens_stream
from lensmount_emulator.roles.emount.lens_core import LensCore
from lensmount_emulator.roles.script import Step
from lensmount_emulator.roles.tasks import Task
from lensmount_protocol.connection import Arrival
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.lines import BODY_CS, LENS_CS, RXD, SLOW_BAUDRATE, VCC, VD, XDETECT
from lensmount_protocol.dialects.emount.transitions import ASLEEP, OFF
from lensmount_protocol.frame import Garbage
from lensmount_protocol.wire import LineChanged, Received, Role, WireEvent


class LensEngine(LensCore):
    """A lens as its profile describes it."""

    def receive(self, event: WireEvent, now: float) -> None:
        """The body did something; bytes tell a frame's window from a silent handshake."""
        if isinstance(event, Received) and self.levels.get(BODY_CS):
            self.window_holds_bytes = True
        super().receive(event, now)

    def on_start(self) -> None:
        """The lens sits on the mount; where the port carries no supply line it takes power for granted."""
        if self.live:
            # On the virtual mount this contact is grounded by the mount, when the lens is put on.
            self.levels[XDETECT] = True
            self.drive(XDETECT, False)
        if VCC not in self.carried:
            self._power_on()

    def on_line(self, edge: LineChanged) -> None:
        """Power, frame sync and the wake-up call are told by lines."""
        if edge.line == VCC:
            self._power_on() if edge.level else self._power_off()
        elif edge.line == BODY_CS and edge.level:
            self.window_holds_bytes = False
            if self.connection.state == ASLEEP:
                self.connection.move("wake", by=Role.BODY)
                self.hears = False
                self.spawn(_shake_hands(self, boots=False))
        elif edge.line == VD and not edge.level:
            lens_stream.on_frame_sync(self)

    def on_arrival(self, arrival: Arrival) -> None:
        """A frame came: loop frames change the model, requests are answered."""
        if arrival.violation is not None:
            self.tell_error(arrival.violation)
        elif arrival.frame.class_ == LOOP_CLASS:
            self.stream.body_spoke(arrival.frame.sequence)
            for message in arrival.messages:
                lens_orders.obey(self, message)
            lens_stream.on_body_frame(self, arrival)
        elif arrival.frame.class_ == REQUEST_CLASS:
            self.say_in_turn(lens_replies.answer(self, arrival))

    def on_garbage(self, garbage: Garbage) -> None:
        """Say what was wrong, where the lens is one that refuses."""
        super().on_garbage(garbage)
        if lens_replies.complains(self, garbage.reason):
            self.say_in_turn(lens_replies.refuse_garbage(self, garbage.reason))

    def by_hand(self, step: Step) -> None:
        """A hand turns the zoom ring: `zoom`, in tenths of a millimetre."""
        if step.verb == "zoom" and step.value:
            self.turned_to_dmm = int(step.value)
        else:
            super().by_hand(step)

    def _power_on(self) -> None:
        self.connection.move("power", by=Role.BODY)
        self.spawn(_shake_hands(self, boots=True))

    def _power_off(self) -> None:
        self.stop_tasks()
        self.sending = self.hears = self.window_holds_bytes = False
        for line in (LENS_CS, RXD):
            self.drive(line, False)
        self.set_baudrate(SLOW_BAUDRATE)
        self.stream.end()
        self.motor.rest(float(self.stream.frame))
        self.rows.clear()
        if self.connection.state != OFF:
            self.connection.move("power lost", by=Role.BODY)
            self.tell("power lost, everything at rest")


def _shake_hands(lens: LensEngine, *, boots: bool) -> Task:
    """Follow the body's select line up and down, and put the serial line at its idle level in between."""
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
    # Its serial port is on: before that it hears nothing, and answers nobody in the midst of the handshake.
    lens.hears = True
    lens.connection.move("linked", by=Role.LENS)
    lens.tell("handshake done" if boots else "awake again")
