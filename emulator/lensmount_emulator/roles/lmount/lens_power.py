"""What a lens does with power: it starts, stays within its grant, tells what it draws, and survives a brown-out."""

from lensmount_emulator.roles.engine import WINDOW
from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.lmount.lens_core import LensCore, Told
from lensmount_emulator.roles.lmount.lens_orders import done, refuse
from lensmount_emulator.roles.lmount.numbers import feature_bits
from lensmount_emulator.roles.tasks import Task, Wait
from lensmount_protocol.dialects.lmount.framing import EVENT, LINK
from lensmount_protocol.dialects.lmount.lines import BODY_ATT, FIRST_BAUDRATE, LENS_ATT, RXD
from lensmount_protocol.dialects.lmount.link import BodyHello, LensHello, Sleep
from lensmount_protocol.dialects.lmount.power import BrownOut, PowerGrant, PowerReport
from lensmount_protocol.dialects.lmount.types import Outcome, PowerClass, RefusalCode, StabiliserMode
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

REPORT_S = 0.1
"""How often a lens looks whether there is a new draw to be told."""

WORTH_TELLING_MA = 20
SUPPLIES_FALL_US = 500.0
"""Both supplies fall within this where a body takes them."""

CALL_US = 1000.0
"""The body's attention line is high for at least this when it wakes a lens."""

obey_power = Handlers[LensCore, Message]()
"""Do what one order about power says; gives the answer."""


def power_on(lens: LensCore) -> None:
    """The logic supply is up: start, and say so."""
    lens.connection.move("power", by=Role.BODY)
    lens.spawn(_boot(lens))


def power_off(lens: LensCore) -> None:
    """The logic supply is gone: everything at rest, and all forgotten that is not in the glass."""
    lens.stop_tasks()
    lens.silence()
    stop_motors(lens)
    lens.focus.limit(lens.focus.lower, lens.focus.upper, lens.now)
    lens.told = Told()
    lens.homed = not lens.settings.focus.homes
    lens.homing = lens.asleep = lens.started = False
    for line in (LENS_ATT, RXD):
        lens.drive(line, False)
    lens.set_baudrate(FIRST_BAUDRATE)
    if lens.connection.state != lens.dialect.transitions.initial:
        lens.connection.move("power lost", by=Role.BODY)
        lens.tell("power lost, everything at rest")


def stop_motors(lens: LensCore) -> None:
    """Nothing drives any more; the groups stay where they are."""
    lens.focus.freeze(lens.now)
    lens.driving = lens.closing = lens.zooming = 0
    for what in lens.drive_runs:
        lens.drive_runs[what] += 1
        lens.wake(what)


def _boot(lens: LensCore) -> Task:
    lens.drive(RXD, True)
    yield lens.after(lens.settings.timing.boot)
    lens.started = True
    lens.drive(LENS_ATT, True)
    # High until the body begins to greet: whoever looks late still sees it.
    yield lens.level(BODY_ATT, True)
    lens.drive(LENS_ATT, False)


def greet(lens: LensCore, hello: BodyHello) -> None:
    """Greet back: say the most that will be drawn before it is drawn."""
    firmware = lens.settings.firmware
    own = feature_bits(firmware.features)
    lens.asleep = False
    lens.told = Told(revision=min(hello.revision, firmware.revision), features=own & hello.features)
    lens.spawn(_hello(lens, own))


def _hello(lens: LensCore, features: int) -> Task:
    yield lens.after(lens.settings.timing.hello)
    firmware = lens.settings.firmware
    lens.say(
        [
            LensHello(
                revision=firmware.revision,
                features=features,
                power_class=lens.budget.needed,
                peak_current_ma=lens.budget.peak_ma,
                rates=list(firmware.rates),
            )
        ],
        LINK,
    )
    lens.tell("greeted")


@obey_power.on(PowerGrant)
def _grant(lens: LensCore, order: PowerGrant) -> Message:
    if not order.granted.known:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 2)
    lens.told.granted = order.granted
    lens.told.grants += 1
    lens.reduction = lens.budget.reduce(order.limit_ma)
    if not lens.reduction.stabiliser:
        lens.told.stabiliser = StabiliserMode.OFF
    lens.spawn(_report(lens))
    # Where the drive supply was up before, the zero could not be looked for until now.
    if lens.has_drive_power:
        drive_power(lens, level=True)
    return done(order)


def _report(lens: LensCore) -> Task:
    """Tell what is drawn and what was left out, at the grant and whenever that has changed."""
    granted, number = lens.told, lens.told.grants
    told_ma = -WORTH_TELLING_MA
    yield lens.after(lens.settings.timing.answer * 2)
    # A new greeting ends this grant, and a new grant has its own reports.
    while lens.told is granted and granted.grants == number and granted.granted != PowerClass.NONE:
        draw = lens.draw_ma()
        if abs(draw - told_ma) >= WORTH_TELLING_MA and not lens.asleep:
            lens.say([PowerReport(draw_ma=draw, peak_ma=lens.peak_ma, reduced=lens.reduction.bits)], EVENT)
            told_ma, lens.peak_ma = draw, 0
        yield lens.now + REPORT_S


def drive_power(lens: LensCore, *, level: bool) -> None:
    """The drive supply came, or went while the lens did not sleep."""
    if level:
        if lens.has_drive_power and not lens.homed and not lens.homing and lens.settings.parts.focus_motor:
            lens.spawn(home(lens))
        return
    lens.homing = False
    stop_motors(lens)
    lens.iris.order(lens.iris.position(lens.now), lens.now)
    if lens.told.granted != PowerClass.NONE and not lens.asleep:
        lens.homed = not lens.settings.focus.homes
        lens.spawn(_brown_out(lens))


def _brown_out(lens: LensCore) -> Task:
    """Tell of it, unless the other supply goes as well: then the body knows."""
    yield lens.after(SUPPLIES_FALL_US)
    lens.say([BrownOut(supply_mv=0)], EVENT)
    lens.tell("the drive supply is gone; positions are not known until it has homed")


def home(lens: LensCore) -> Task:
    """Find the zero of the focus drive."""
    lens.homing = True
    lens.homing_run = run = lens.homing_run + 1
    yield lens.focus.home(lens.now)
    if not lens.homing or lens.homing_run != run:
        return
    lens.homed = lens.homed or lens.has_drive_power
    lens.homing = False


@obey_power.on(Sleep)
def _sleep(lens: LensCore, order: Sleep) -> Message:
    if lens.told.changing:
        return refuse(order, RefusalCode.NOT_NOW)
    lens.told.reports = ()
    lens.asleep = True
    lens.focus.stop(lens.now)
    # What was being looked for is not found by a drive that brakes.
    lens.homing = False
    lens.spawn(_rest(lens))
    return done(order, Outcome.DONE)


def _rest(lens: LensCore) -> Task:
    """Sleep until the body calls by its attention line; then say that we are awake until it lets go."""
    if BODY_ATT not in lens.carried:
        # Nothing but a greeting can wake it, and greetings come at the first rate.
        yield lens.after(lens.settings.timing.answer * 2)
        yield Wait(ready=lambda: lens.idle, on=(WINDOW,))
        lens.set_baudrate(FIRST_BAUDRATE)
        return
    told = lens.told
    yield lens.level(BODY_ATT, False)
    while True:
        yield lens.level(BODY_ATT, True)
        # The attention line of a frame falls before: a call is held until the lens answers it.
        wakes_at = lens.at(lens.now, max(CALL_US, lens.settings.timing.wake))
        yield Wait(wakes_at, lambda: not lens.levels.get(BODY_ATT, False), (BODY_ATT,))
        if lens.told is not told:
            # A greeting has woken it.
            return
        if lens.levels.get(BODY_ATT, False):
            break
    lens.asleep = False
    lens.connection.move("wake", by=Role.BODY)
    _forget_sleep(lens)
    if lens.has_drive_power:
        drive_power(lens, level=True)
    lens.drive(LENS_ATT, True)
    yield lens.level(BODY_ATT, False)
    lens.drive(LENS_ATT, False)
    lens.tell("awake again")


def _forget_sleep(lens: LensCore) -> None:
    """The order that sent it to sleep is carried out again, should it come again."""
    answered = lens.told.answered
    kept = [(raw, reply) for raw, reply in answered if raw[0] != Sleep.TYPE]
    answered.clear()
    answered.extend(kept)
