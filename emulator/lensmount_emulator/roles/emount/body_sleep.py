"""How a body sends a lens to sleep, and how it wakes one that kept its supply."""

from lensmount_emulator.roles.emount.body_core import LOOP_FRAME, PULSE, BodyCore
from lensmount_emulator.roles.emount.body_loop import start_loop
from lensmount_emulator.roles.emount.body_power import shake_hands
from lensmount_emulator.roles.emount.body_requests import LensSilentError, ask, get_to_know
from lensmount_emulator.roles.tasks import Task, Wait
from lensmount_protocol.dialects.emount.lines import TXD
from lensmount_protocol.dialects.emount.power import ShutDownRequest
from lensmount_protocol.dialects.emount.stream import StreamLayoutRequest
from lensmount_protocol.dialects.emount.transitions import ASLEEP, READY
from lensmount_protocol.wire import Role

AFTER_PULSE_US = 330.0
"""A waking body raises BODY_CS this long after a frame-sync pulse (0.3 ms on an A6000, 0.45 ms on a NEX-7)."""

BEFORE_STOP_US = 7_000.0
"""From the last `04` to the order that stops the stream (NEX-7, four power-offs)."""


def sleep(body: BodyCore, frames: int) -> Task:
    """The power-off sequence: farewell frames, stream off, shut down; the lens keeps its supply and its memory."""
    body.saying_farewell = True
    last = body.loop.frame + frames
    yield Wait(ready=lambda: body.loop.frame >= last, on=(LOOP_FRAME,))
    body.looping = False
    yield body.after(BEFORE_STOP_US)
    yield from _order(body, StreamLayoutRequest.TYPE, READY)
    yield body.after(body.settings.timing.next_request_otherwise)
    yield from _order(body, ShutDownRequest.TYPE, ASLEEP)
    body.saying_farewell = False
    body.drive(TXD, False)
    body.tell("the lens sleeps")


def _order(body: BodyCore, type_: int, state: str) -> Task:
    yield from ask(body, type_)
    if body.connection.state != state:
        # A refusal answers as well; to go on would leave a lens with supply that nobody looks after.
        raise LensSilentError(f"the lens does not obey {type_:02X}")


def wake(body: BodyCore) -> Task:
    """The warm start: handshake, a rest, and the short list of requests; nothing where the lens streams already."""
    if body.looping:
        return
    body.connection.move("wake", by=Role.BODY)
    yield PULSE
    yield from shake_hands(body, body.pulse_at + AFTER_PULSE_US * 1e-6)
    yield from rest_behind_handshake(body)
    yield from get_to_know(body, body.settings.warm)
    start_loop(body)


def rest_behind_handshake(body: BodyCore) -> Task:
    """A warm handshake is followed by the same silence as the speed switch (20.25 ms on a NEX-7)."""
    yield body.at(body.select_fell_at, body.settings.timing.switch_rests)
