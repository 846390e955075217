"""How a body sends a lens to sleep, and wakes it by its attention line."""

from lensmount_emulator.roles.lmount.body_core import BodyCore
from lensmount_emulator.roles.lmount.body_cycle import start_frames
from lensmount_emulator.roles.lmount.body_greeting import Stage, get_to_know, stream
from lensmount_emulator.roles.tasks import Wait
from lensmount_protocol.dialects.lmount.lines import BODY_ATT, FIRST_BAUDRATE, LENS_ATT, V_DRIVE
from lensmount_protocol.dialects.lmount.link import Done, Sleep
from lensmount_protocol.wire import Role

WAKE_PATIENCE_S = 0.1
LET_GO_S = 0.01


def sleep(body: BodyCore) -> Stage:
    """End the stream, send the lens to sleep, and take its drive power; whether it sleeps."""
    body.streaming = False
    answer = yield from body.ask(Sleep())
    if not isinstance(answer, Done):
        start_frames(body)
        return False
    body.drive(V_DRIVE, False)
    if BODY_ATT not in body.carried:
        body.set_baudrate(FIRST_BAUDRATE)
    body.lens_sleeps = True
    body.tell("the lens sleeps")
    return True


def wake(body: BodyCore) -> Stage:
    """Call until the lens says that it is awake, and have it report again; whether it does."""
    if body.streaming:
        return True
    body.lens_sleeps = False
    if BODY_ATT not in body.carried:
        body.known.hello = None
        return (yield from get_to_know(body, powered=True))
    body.drive(BODY_ATT, True)
    yield Wait(body.now + WAKE_PATIENCE_S, lambda: body.levels.get(LENS_ATT, False), (LENS_ATT,))
    awake = body.levels.get(LENS_ATT, False) or LENS_ATT not in body.carried
    body.drive(BODY_ATT, False)
    if not awake:
        return False
    yield body.level(LENS_ATT, False, until=body.now + LET_GO_S)
    body.connection.move("wake", by=Role.BODY)
    body.drive(V_DRIVE, True)
    yield body.after(body.settings.timing.settle)
    return (yield from stream(body))
