"""The engine of a lens of the open model: starts with its supply, greets, answers orders, and reports each frame."""

from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.lmount.lens import stream
from lensmount_emulator.roles.lmount.lens.commands import command_number, follow_up, handle_command, make_rejection
from lensmount_emulator.roles.lmount.lens.controls import operate_control, run_control_script
from lensmount_emulator.roles.lmount.lens.engine_base import LensEngineBase
from lensmount_emulator.roles.lmount.lens.extensions import handle_extension_order
from lensmount_emulator.roles.lmount.lens.firmware_update import (
    boot_firmware,
    confirm_boot,
    handle_update_command,
    recovery_reply,
)
from lensmount_emulator.roles.lmount.lens.power import (
    handle_power_command,
    on_drive_power,
    power_off,
    power_on,
    reply_hello,
)
from lensmount_emulator.roles.lmount.lens.queries import query_handlers
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.lmount.exposure import FrameStart
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT, LINK, ORDER
from lensmount_protocol.dialects.lmount.lines import DETECT, FSYNC, V_DRIVE, V_LOGIC
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandRejected, SetBaudrateCommand
from lensmount_protocol.dialects.lmount.types import RejectionCode
from lensmount_protocol.framer import Garbage
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import LineChanged

COMMAND_TABLES = (handle_command, handle_power_command, query_handlers, handle_update_command, handle_extension_order)
"""Handler tables for orders, in the order of their use."""

NUMBER_OFFSET = 3
"""Offset of the number in an order: after type and size."""


class LensEngine(LensEngineBase):
    """A lens of the open model, configured by its profile; its script operates its manual controls."""

    @property
    def asserts_detect(self) -> bool:
        """Whether a body can detect it: a lens without contacts grounds nothing."""
        return self.settings.parts.contacts

    def on_start(self) -> None:
        """Start on the mount; if the port has no supply line, the lens assumes power."""
        if not self.settings.parts.contacts:
            return
        if self.live:
            # On the virtual mount the mount grounds this contact when the lens is attached.
            self.levels[DETECT] = True
            self.drive(DETECT, False)
        if V_LOGIC not in self.carried:
            self._set_power(on=True)
        if self.script:
            self.spawn(run_control_script(self, self.script))

    def on_line(self, edge: LineChanged) -> None:
        """Handle an edge: power or frame signal."""
        if not self.settings.parts.contacts:
            return
        if edge.line == FSYNC:
            if not edge.level and self.started and not self.asleep:
                stream.on_frame_signal(self)
        elif edge.line == V_LOGIC:
            self._set_power(on=edge.level)
        elif edge.line == V_DRIVE and self.started:
            on_drive_power(self, level=edge.level)

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Handle a frame: messages of a cycle update the state, every order is answered."""
        if not self.started:
            # A lens receives nothing before its processor runs.
            return
        self.last_received_at = self.now
        if arrival.violation is not None:
            self.report_error(arrival.violation)
        for message in arrival.messages:
            if arrival.frame.class_ in (CYCLE, EVENT):
                self._on_cycle_message(message)
            elif isinstance(message, BodyHello):
                self._on_hello(message)
            else:
                self._reply_to_order(message, legal=arrival.violation is None)

    def on_garbage(self, garbage: Garbage) -> None:
        """Ignore garbage: its number is not readable, and the body repeats the order."""
        if self.started:
            super().on_garbage(garbage)

    def on_control(self, step: Step) -> None:
        """Operate a manual control."""
        self.spawn(operate_control(self, step))

    def _set_power(self, *, on: bool) -> None:
        if on:
            boot_firmware(self)
            power_on(self)
        else:
            power_off(self)

    def _on_hello(self, hello: BodyHello) -> None:
        recovery = recovery_reply(self)
        if recovery is not None:
            self.queue_frame([recovery], LINK)
        else:
            reply_hello(self, hello)
            self.spawn(self._confirm_later())

    def _confirm_later(self) -> Task:
        """Confirm the image after its greeting."""
        yield self.after(self.settings.timing.hello * 2)
        confirm_boot(self)

    def _on_cycle_message(self, message: AnyMessage) -> None:
        if isinstance(message, UnknownMessage):
            return
        if isinstance(message, FrameStart) and FSYNC not in self.carried:
            stream.on_frame_signal(self)
        stream.frame_handlers(self, message)

    def _reply_to_order(self, order: AnyMessage, *, legal: bool) -> None:
        raw = order.build()
        reply = next((reply for asked, reply in self.body_requests.answered if asked == raw), None)
        if reply is None:
            reply = self._reply_to(order, raw, legal=legal)
            if legal:
                self.body_requests.answered.append((raw, reply))
        else:
            legal = False
        self.spawn(self._reply_later(order, reply, fresh=legal))

    def _reply_to(self, order: AnyMessage, raw: bytes, *, legal: bool) -> Message:
        number = raw[NUMBER_OFFSET] if len(raw) > NUMBER_OFFSET else 0
        if isinstance(order, UnknownMessage):
            declared = (self.role.peer, raw[0]) in self.dialect.messages
            code = RejectionCode.DAMAGED if declared else RejectionCode.UNKNOWN_MESSAGE
            return CommandRejected(number=number, order=raw[0], code=code)
        if not legal or self.asleep:
            return make_rejection(order, RejectionCode.NOT_NOW)
        for table in COMMAND_TABLES:
            reply = table(self, order)
            if reply is not None:
                return reply
        return CommandRejected(number=command_number(order), order=order.TYPE, code=RejectionCode.UNKNOWN_MESSAGE)

    def _reply_later(self, order: AnyMessage, reply: Message, *, fresh: bool) -> Task:
        yield self.after(self.settings.timing.answer)
        if not self.started:
            return
        self.queue_frame([reply], ORDER)
        # A repeated acceptance counts too: both ends wait for the rate again.
        fresh = fresh or isinstance(order, SetBaudrateCommand)
        if fresh and isinstance(order, Message) and not isinstance(reply, CommandRejected):
            consequence = follow_up(self, order)
            if consequence is not None:
                yield from consequence
