"""The engine of a Micro Four Thirds lens: waking, the acknowledge lines, checks, answers, actions and orders.

The body clocks; the lens offers a unit by raising LENS_ACK while BODY_ACK is low, and takes one by raising it after
BODY_ACK. The check is the sum of the bytes that arrived, so a command with a wrong bit is answered with its own sum.
"""

from collections import deque
from dataclasses import replace
from random import Random

from lensmount_emulator.engine.engine import Engine, HandlerTable
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.mft.profile import LensSettings
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.mft import messages as m
from lensmount_protocol.dialects.mft.dialect import MFT
from lensmount_protocol.dialects.mft.framing import ANSWER, COMMAND, LENS_BYTE, Form, sent_sum
from lensmount_protocol.dialects.mft.link import BODY_ACK, LENS_ACK, MOUNTED, SLEEP, VDD
from lensmount_protocol.dialects.mft.transactions import command_form
from lensmount_protocol.framer import Garbage
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import LineChanged, Role


class LensEngine(Engine):
    """A Micro Four Thirds lens, configured by its profile.

    Attributes:
        settings: the profile's data.
        report_state: the status as the next read reports it.
        focus_target: the last ordered focus, in units of the order; `None` before the first order.
        awake: whether the start is over and SLEEP is high.
    """

    def __init__(
        self, settings: LensSettings, carried: frozenset[str] | None = None, random: Random | None = None
    ) -> None:
        super().__init__(MFT, Role.LENS, carried, random)
        self.settings = settings
        self.report_state = m.StandbyReply()
        self.focus_target: int | None = None
        self.awake = False
        self.rx_enabled = False
        self._queue: deque[tuple[Message, int]] = deque()
        self._command: AnyMessage | None = None
        self._action = self._offered = self._waking = False
        self._action_ms = settings.action_ms
        self._reset_state()

    def on_start(self) -> None:
        """Wait for the supply."""
        self.drive(MOUNTED, False)

    def on_line(self, edge: LineChanged) -> None:
        """Follow the supply, the sleep line and the body's half of the handshake."""
        line = edge.line
        if line == BODY_ACK:
            # A lens that is awake has its supply, and SLEEP is high.
            if self.awake or (self.levels.get(SLEEP) and self.levels.get(VDD)):
                self._on_body_acknowledge(edge.level)
        elif line == VDD:
            self._on_supply(edge.level)
        elif line == SLEEP and self.levels.get(VDD):
            self._on_sleep_line(edge.level)

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Take a unit of the body: its check is due next, and then what its form asks for."""
        if arrival.violation is not None:
            self.report_error(arrival.violation)
        self._busy()
        self._queue.clear()
        self._queue.append((m.LensByte(sent_sum(arrival.frame.raw)), LENS_BYTE))
        message = arrival.messages[0]
        self._action = False
        if arrival.frame.class_ != COMMAND:
            self._take_data(message)
            return
        form = command_form(message)
        self._command = message if form is Form.WRITE else None
        self._action = form is Form.ACTION
        self._action_ms = (
            self.settings.setup_action_ms if isinstance(message, m.SetupActionCommand) else self.settings.action_ms
        )
        if form is Form.READ:
            answer = answer_request(self, message)
            if answer is None:
                self.report(f"no document has an answer to {type(message).__name__}; the lens sends only its check")
            else:
                self._queue.append((answer, ANSWER))

    def on_garbage(self, garbage: Garbage) -> None:
        """Report a damaged unit; the lens sends nothing for it (our model: no document describes it)."""
        super().on_garbage(garbage)
        self._queue.clear()
        self._command, self._action = None, False
        self._busy()

    def on_control(self, step: Step) -> None:
        """Turn the zoom ring: `zoom 12` sets the raw zoom of the report."""
        if step.verb != "zoom":
            super().on_control(step)
            return
        self.report_state = replace(self.report_state, raw_zoom=int(step.value))
        self.report(f"control: {step.text}", kind=NoticeKind.OTHER)

    def order(self, target: bytes, data: m.OrderData) -> None:
        """Apply the field of an order that its command names."""
        if target == m.APERTURE_MASK:
            if self.settings.follows_aperture:
                self.report_state = replace(self.report_state, aperture=data.aperture)
            self.report(f"aperture {data.aperture:#06x}")
        elif target == m.FOCUS_MASK:
            self.focus_target = data.focus
            if self.settings.focus_per_raw:
                raw = data.focus // self.settings.focus_per_raw
                self.report_state = replace(self.report_state, raw_focus=min(raw, 0xFF), second_focus=min(raw, 0xFFFF))
            self.report(f"focus {data.focus:#010x}")
        elif target != m.FIRST_MASK:
            self.report(f"no document has an order for {target.hex(' ')}; nothing moves")

    def _on_supply(self, level: bool) -> None:
        if level:
            self._reset_state()
            self.connection.move("power", by=Role.BODY)
            if self.levels.get(SLEEP):
                self._on_sleep_line(True)
            return
        self._rest()
        self.connection.move("power lost", by=Role.LENS)

    def _on_sleep_line(self, level: bool) -> None:
        if level:
            if not self.settings.sleep_keeps_state:
                self._reset_state()
            self.connection.move("wake", by=Role.BODY)
            return
        self._rest()
        self.connection.move("sleep", by=Role.BODY)

    def _on_body_acknowledge(self, level: bool) -> None:
        if not self.awake:
            if level and not self._waking:
                self._waking = True
                self.spawn(_wake(self))
        elif level:
            self._offered = self.levels.get(LENS_ACK, False)
            if not self._offered:
                self.call_at(self.after(self.settings.ready_us), self._become_ready)
        else:
            self._end_window()

    def _end_window(self) -> None:
        """The body lowered its line: a unit was taken or given, or the extra handshake of an action is over."""
        self.drive(LENS_ACK, False)
        if self._queue:
            self.call_at(self.after(self.settings.reply_us), self._offer)
        elif self._action and not self._offered:
            self._action = False
            self._queue.append((m.LensByte(0), LENS_BYTE))
            self.call_at(self.after(self._action_ms * 1e3), self._offer)

    def _take_data(self, data: AnyMessage) -> None:
        command, self._command = self._command, None
        if isinstance(command, m.OrderCommand) and isinstance(data, m.OrderData):
            self.order(command.target, data)
        elif not (isinstance(command, m.SetupWriteCommand) and isinstance(data, m.SetupData)):
            self.report(f"no document has {type(data).__name__} here; nothing is applied")

    def _busy(self) -> None:
        self.call_at(self.after(self.settings.busy_us), self._become_busy)

    def _become_busy(self) -> None:
        self.drive(LENS_ACK, False)

    def _become_ready(self) -> None:
        if self.levels.get(BODY_ACK):
            self.drive(LENS_ACK, True)

    def _offer(self) -> None:
        """Load the next unit and raise the line, unless the body has begun something else."""
        if self.awake and self._queue and not self.levels.get(BODY_ACK):
            message, class_ = self._queue.popleft()
            self.transmit(self.connection.send([message], class_, 0))
            self.drive(LENS_ACK, True)

    def _reset_state(self) -> None:
        self.report_state = m.StandbyReply.parse(b"\x1f" + bytes.fromhex(self.settings.standby))
        self.focus_target = None

    def _forget(self) -> None:
        self._queue.clear()
        self._command = None
        self._action = self._offered = self._waking = False

    def _rest(self) -> None:
        """Release the lines and forget what was under way."""
        self.stop_tasks()
        self.awake = self.rx_enabled = False
        self._forget()
        self.drive(LENS_ACK, False)


def _wake(lens: LensEngine) -> Task:
    yield lens.after(lens.settings.wake_us)
    lens.drive(LENS_ACK, True)
    yield lens.after(lens.settings.ready_pulse_ms * 1e3)
    lens.drive(LENS_ACK, False)
    lens.connection.move("ready", by=Role.LENS)
    lens.awake = lens.rx_enabled = True


answer_request = HandlerTable[LensEngine, Message]()
"""The reads with a documented answer."""


@answer_request.on(m.SetupRequest)
def _setup(lens: LensEngine, _request: m.SetupRequest) -> m.SetupReply:
    return m.SetupReply(bytes.fromhex(lens.settings.setup_reply))


@answer_request.on(m.IdentityRequest)
def _identity(lens: LensEngine, _request: m.IdentityRequest) -> m.IdentityReply:
    return m.IdentityReply.parse(b"\x15" + bytes.fromhex(lens.settings.identity))


@answer_request.on(m.StandbyRequest)
def _standby(lens: LensEngine, _request: m.StandbyRequest) -> m.StandbyReply:
    return lens.report_state
