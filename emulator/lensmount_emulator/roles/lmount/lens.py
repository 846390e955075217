"""The lens end of the open model: starts with its supply, greets, obeys and answers, and reports with each frame."""

from lensmount_emulator.roles.lmount import lens_stream
from lensmount_emulator.roles.lmount.lens_answers import answer
from lensmount_emulator.roles.lmount.lens_core import LensCore
from lensmount_emulator.roles.lmount.lens_firmware import confirm_firmware, in_recovery, obey_update, start_firmware
from lensmount_emulator.roles.lmount.lens_hand import by_hand, live_by_hand
from lensmount_emulator.roles.lmount.lens_orders import follow_up, number_of, obey, refuse
from lensmount_emulator.roles.lmount.lens_paging import obey_page
from lensmount_emulator.roles.lmount.lens_power import drive_power, greet, obey_power, power_off, power_on
from lensmount_emulator.roles.script import Step
from lensmount_emulator.roles.tasks import Task
from lensmount_protocol.connection import Arrival
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT, LINK, ORDER
from lensmount_protocol.dialects.lmount.lines import DETECT, FSYNC, V_DRIVE, V_LOGIC
from lensmount_protocol.dialects.lmount.link import BodyHello, RateOrder, Refusal
from lensmount_protocol.dialects.lmount.picture import FrameStart
from lensmount_protocol.dialects.lmount.types import RefusalCode
from lensmount_protocol.frame import Garbage
from lensmount_protocol.message import Message, Unknown
from lensmount_protocol.paving import AnyMessage
from lensmount_protocol.wire import LineChanged

ANSWERERS = (obey, obey_power, answer, obey_update, obey_page)
"""Tables that are asked for an answer, in this order."""

NUMBER_AT = 3
"""Where an order has its number: behind type and size."""


class LensEngine(LensCore):
    """A lens as its profile describes it; its script is what the hand does that holds it, in order."""

    @property
    def grounds_detect(self) -> bool:
        """Whether a body can see it: a lens without contacts grounds nothing."""
        return self.settings.parts.contacts

    def on_start(self) -> None:
        """The lens sits on the mount; where the port carries no supply line it takes power for granted."""
        if not self.settings.parts.contacts:
            return
        if self.live:
            # On the virtual mount this contact is grounded by the mount, when the lens is put on.
            self.levels[DETECT] = True
            self.drive(DETECT, False)
        if V_LOGIC not in self.carried:
            self._power(on=True)
        if self.script:
            self.spawn(live_by_hand(self, self.script))

    def on_line(self, edge: LineChanged) -> None:
        """Power and the frame signal are told by lines."""
        if not self.settings.parts.contacts:
            return
        if edge.line == FSYNC:
            if not edge.level and self.started and not self.asleep:
                lens_stream.on_frame_signal(self)
        elif edge.line == V_LOGIC:
            self._power(on=edge.level)
        elif edge.line == V_DRIVE and self.started:
            drive_power(self, level=edge.level)

    def on_arrival(self, arrival: Arrival) -> None:
        """A frame came: what the body says with each frame is taken, every order is answered."""
        if not self.started:
            # A lens hears nothing before its processor runs.
            return
        self.heard_at = self.now
        if arrival.violation is not None:
            self.tell_error(arrival.violation)
        for message in arrival.messages:
            if arrival.frame.class_ in (CYCLE, EVENT):
                self._heed(message)
            elif isinstance(message, BodyHello):
                self._greet(message)
            else:
                self._answer(message, legal=arrival.violation is None)

    def on_garbage(self, garbage: Garbage) -> None:
        """What is no frame is not answered: its number could not be read, and the body asks again."""
        if self.started:
            super().on_garbage(garbage)

    def by_hand(self, step: Step) -> None:
        """The hand that holds the lens does something."""
        self.spawn(by_hand(self, step))

    def _power(self, *, on: bool) -> None:
        if on:
            start_firmware(self)
            power_on(self)
        else:
            power_off(self)

    def _greet(self, hello: BodyHello) -> None:
        recovery = in_recovery(self)
        if recovery is not None:
            self.say([recovery], LINK)
        else:
            greet(self, hello)
            self.spawn(self._confirm_later())

    def _confirm_later(self) -> Task:
        """An image that has spoken stays."""
        yield self.after(self.settings.timing.hello * 2)
        confirm_firmware(self)

    def _heed(self, message: AnyMessage) -> None:
        if isinstance(message, Unknown):
            return
        if isinstance(message, FrameStart) and FSYNC not in self.carried:
            lens_stream.on_frame_signal(self)
        lens_stream.hear(self, message)

    def _answer(self, order: AnyMessage, *, legal: bool) -> None:
        raw = order.build()
        reply = next((reply for asked, reply in self.told.answered if asked == raw), None)
        if reply is None:
            reply = self._reply_to(order, raw, legal=legal)
            if legal:
                self.told.answered.append((raw, reply))
        else:
            legal = False
        self.spawn(self._say_later(order, reply, fresh=legal))

    def _reply_to(self, order: AnyMessage, raw: bytes, *, legal: bool) -> Message:
        number = raw[NUMBER_AT] if len(raw) > NUMBER_AT else 0
        if isinstance(order, Unknown):
            declared = (self.role.peer, raw[0]) in self.dialect.messages
            code = RefusalCode.DAMAGED if declared else RefusalCode.UNKNOWN_MESSAGE
            return Refusal(number=number, order=raw[0], code=code)
        if not legal or self.asleep:
            return refuse(order, RefusalCode.NOT_NOW)
        for table in ANSWERERS:
            reply = table(self, order)
            if reply is not None:
                return reply
        return Refusal(number=number_of(order), order=order.TYPE, code=RefusalCode.UNKNOWN_MESSAGE)

    def _say_later(self, order: AnyMessage, reply: Message, *, fresh: bool) -> Task:
        yield self.after(self.settings.timing.answer)
        if not self.started:
            return
        self.say([reply], ORDER)
        # An acceptance that is repeated is kept as well: both ends wait for the rate again.
        fresh = fresh or isinstance(order, RateOrder)
        if fresh and isinstance(order, Message) and not isinstance(reply, Refusal):
            consequence = follow_up(self, order)
            if consequence is not None:
                yield from consequence
