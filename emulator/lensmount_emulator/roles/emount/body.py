"""The body end of an E-mount: powers a lens, gets to know it, loops, and does what a script says."""

from collections.abc import Generator, Sequence
from random import Random

from lensmount_emulator.roles.emount.body_core import BodyCore, Lens
from lensmount_emulator.roles.emount.body_loop import hear, start_loop
from lensmount_emulator.roles.emount.body_power import frame_sync, shake_hands, supply
from lensmount_emulator.roles.emount.body_requests import LensSilentError, get_to_know
from lensmount_emulator.roles.emount.body_script import carry_out
from lensmount_emulator.roles.emount.body_sleep import rest_behind_handshake
from lensmount_emulator.roles.emount.settings import BodySettings
from lensmount_emulator.roles.emount.transmit_ring import TransmitRing
from lensmount_emulator.roles.script import Step
from lensmount_emulator.roles.tasks import Await, Task
from lensmount_protocol.connection import Arrival
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.lines import (
    BODY_CS,
    LENS_POWER,
    SLOW_BAUDRATE,
    TXD,
    VCC,
    VD,
    XDETECT,
)
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.errors import ProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import LineChanged, Role

TRIES = 3
"""How often a lens that does not get through its start is given its supply anew; what a real body does is not known."""

BEFORE_NEXT_TRY_S = 0.1


class BodyEngine(BodyCore):
    """A body as its profile describes it.

    Attributes:
        script: what to do once the loop runs, in order.
        position: how many steps of it are done.
        warm: whether the lens is taken for one that only slept: a short start without identity and descriptor.
    """

    def __init__(
        self,
        settings: BodySettings,
        carried: frozenset[str] | None = None,
        random: Random | None = None,
        script: Sequence[Step] = (),
        *,
        warm: bool = False,
    ) -> None:
        super().__init__(settings, carried, random)
        self.warm = warm
        self.script = tuple(script)
        self.position = 0

    def on_start(self) -> None:
        """Wait for a lens and take it all the way."""
        self.spawn(_live(self))

    def on_line(self, edge: LineChanged) -> None:
        """A lens that is taken off loses its power at once."""
        if edge.line == XDETECT and edge.level and self.levels.get(VCC):
            self.power_off("the lens is gone; supply off, lines at rest")
            self.spawn(_live(self))

    def on_arrival(self, arrival: Arrival) -> None:
        """Loop frames tell where the lens is; class 2 frames answer what was asked."""
        if arrival.violation is not None:
            self.tell_error(arrival.violation)
            return
        if arrival.frame.class_ == LOOP_CLASS:
            for message in arrival.messages:
                if isinstance(message, Message):
                    hear(self, message)
        elif arrival.frame.class_ == REQUEST_CLASS:
            # What answers another question, or nobody's, is no answer to this one.
            answers = (m for m in arrival.messages if isinstance(m, Message) and m.TYPE in (self.asked, Refusal.TYPE))
            self.reply = next(answers, self.reply)

    def start_anew(self, why: str) -> None:
        """Take the lens's supply and get to know it again; the step of the script that was under way is repeated."""
        self.power_off(f"{why}; supply off, lines at rest, starts anew")
        self.spawn(_live_again(self))

    def power_off(self, why: str) -> None:
        """Take the supply: everything at rest, and all forgotten that was learned."""
        self.stop_tasks()
        self.looping = self.sending = self.saying_farewell = False
        for line in (BODY_CS, TXD, VD, VCC, LENS_POWER):
            self.drive(line, False)
        self.set_baudrate(SLOW_BAUDRATE)
        self.lens, self.pulses = Lens(), 0
        self.ring = TransmitRing(self.settings.pads_to, self.settings.ring_blocks)
        self.connection.move("power lost", by=Role.BODY)
        self.tell(why, trouble=True)


def _live(body: BodyEngine) -> Task:
    """Power a lens, get to know it, and do what the script says; one that does not get through gets power anew."""
    while not (yield from _tries(body)):
        body.done = body.gave_up = True
        # Until somebody takes it off and puts it, or another one, on again.
        yield body.level(XDETECT, True)
        body.done = body.gave_up = False
    body.done = True


def _tries(body: BodyEngine) -> Generator[Await, bool, bool]:
    """So many tries; whether one of them got through."""
    for left in reversed(range(TRIES)):
        yield from supply(body)
        powered_at = body.now
        body.spawn(frame_sync(body))
        while (trouble := (yield from _session(body, powered_at))) and XDETECT not in body.carried:
            # Without lines nobody can tell whether a lens is there yet, so a body keeps asking.
            body.tell(f"{trouble}; asking again", trouble=True)
            powered_at = body.now
            body.connection.move("power lost", by=Role.BODY)
            body.connection.move("power", by=Role.BODY)
        if not trouble:
            return True
        body.power_off(f"{trouble}; supply off, {'asking again' if left else 'giving up'}")
        if left:
            yield body.now + BEFORE_NEXT_TRY_S
    return False


def _live_again(body: BodyEngine) -> Task:
    yield body.now + BEFORE_NEXT_TRY_S
    yield from _live(body)


def _session(body: BodyEngine, powered_at: float) -> Generator[Await, bool, str]:
    """One try at the whole session; why it did not get through, `""` where it did."""
    try:
        yield from shake_hands(body, powered_at + body.settings.timing.select_rises * 1e-6)
        if body.warm:
            yield from rest_behind_handshake(body)
        yield from get_to_know(body, body.settings.warm if body.warm else body.settings.cold)
        start_loop(body)
        while body.position < len(body.script):
            yield from carry_out(body, body.script[body.position])
            body.position += 1
    except (LensSilentError, ProtocolError) as error:
        body.looping = False
        return str(error)
    return ""
