"""How a body wakes a lens: supply, frame sync, the handshake on both select lines, and the speed switch.

Every wait of an A6000 and a NEX-7 falls on a grid of looks 5.04 ms apart (inferred from all captures), so these
tasks look at the lens at fixed times and never react to an edge.
"""

from lensmount_emulator.roles.emount.body_core import PULSE, BodyCore
from lensmount_emulator.roles.tasks import Task
from lensmount_protocol.dialects.emount.lines import (
    BODY_CS,
    FAST_BAUDRATE,
    LENS_CS,
    LENS_POWER,
    RXD,
    TXD,
    VCC,
    VD,
    XDETECT,
)
from lensmount_protocol.wire import Role

HANDSHAKE_PATIENCE = 0.5
"""Seconds until the body asks `01` anyway: a lens that kept its supply may never shake hands (bench logs)."""


def supply(body: BodyCore) -> Task:
    """Power for a lens that is there; nothing is driven before it is."""
    yield body.level(XDETECT, False)
    body.drive(LENS_POWER, True)
    body.drive(VCC, True)
    body.drive(VD, True)
    body.connection.move("power", by=Role.BODY)
    body.tell("supply on")


def frame_sync(body: BodyCore) -> Task:
    """VD, for as long as the lens has power: the beat of everything that follows."""
    timing = body.settings.timing
    fall = body.now + timing.first_vd * 1e-6
    while True:
        yield fall
        body.pulses += 1
        body.pulse_at = fall
        body.wake(PULSE)
        body.drive(VD, False)
        yield body.at(fall, timing.vd_low)
        body.drive(VD, True)
        fall += timing.vd_period * 1e-6


def shake_hands(body: BodyCore, begins: float) -> Task:
    """Raise BODY_CS, wait for the lens's serial line, lower it, wait for LENS_CS to go low.

    Args:
        body: who does it.
        begins: when BODY_CS rises, in seconds.
    """
    timing = body.settings.timing
    if body.windowed:
        yield begins
        body.drive(BODY_CS, True)
        yield body.after(timing.serial_on)
        body.drive(TXD, True)
        yield from _look(body, begins, timing.first_poll, RXD, True)
        body.drive(BODY_CS, False)
        body.select_fell_at = body.now
        yield from _look(body, body.now, timing.link_poll, LENS_CS, False)
    body.drive(TXD, True)
    body.connection.move("linked", by=Role.BODY)
    body.tell("handshake done")


def switch_speed(body: BodyCore) -> Task:
    """The second, silent handshake, then the fast rate for both ends."""
    timing = body.settings.timing
    yield body.after(timing.switch_rises)
    rose = body.now
    body.drive(BODY_CS, True)
    yield from _look(body, rose, timing.switch_look, LENS_CS, True)
    yield body.after(timing.switch_falls)
    body.drive(BODY_CS, False)
    fell = body.now
    yield from _look(body, fell, timing.link_poll, LENS_CS, False)
    body.set_baudrate(FAST_BAUDRATE)
    body.connection.move("switched", by=Role.BODY)
    body.tell("speaks at 1.5 Mbaud")
    yield body.at(fell, timing.switch_rests)


def _look(body: BodyCore, since: float, first_us: float, line: str, level: bool) -> Task:
    """Look at a line on the grid until it is at a level, at most for the body's patience."""
    yield body.at(since, first_us)
    while body.levels.get(line, False) != level and line in body.carried:
        if body.now - since > HANDSHAKE_PATIENCE:
            body.tell(f"{line} never went {'high' if level else 'low'}; going on without", trouble=True)
            return
        yield body.after(body.settings.timing.poll)
