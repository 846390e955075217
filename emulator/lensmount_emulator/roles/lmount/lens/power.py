"""The power handling of a lens: start, power grant, power reports, brown-out, sleep and wake-up."""

from lensmount_emulator.engine.engine import WINDOW, HandlerTable
from lensmount_emulator.engine.tasks import Task, Wait
from lensmount_emulator.roles.lmount.ids import feature_bits
from lensmount_emulator.roles.lmount.lens.commands import make_done, make_rejection
from lensmount_emulator.roles.lmount.lens.engine_base import BodyRequests, LensEngineBase
from lensmount_protocol.dialects.lmount.framing import EVENT, LINK
from lensmount_protocol.dialects.lmount.lines import BODY_ATT, FIRST_BAUDRATE, LENS_ATT, RXD
from lensmount_protocol.dialects.lmount.link import BodyHello, LensHello, Sleep
from lensmount_protocol.dialects.lmount.power import BrownOut, PowerGrant, PowerReport
from lensmount_protocol.dialects.lmount.types import Outcome, PowerClass, RejectionCode, StabiliserMode
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

REPORT_S = 0.1
"""Interval at which a lens checks for a change of its current to report."""

MIN_REPORTED_CHANGE_MA = 20
SUPPLIES_FALL_US = 500.0
"""Both supplies fall within this time when a body switches off."""

CALL_US = 1000.0
"""The body's attention line is high for at least this when it wakes a lens."""

handle_power_command = HandlerTable[LensEngineBase, Message]()
"""Executes one power order; returns the answer."""


def power_on(lens: LensEngineBase) -> None:
    """Start after the logic supply rises, and signal it."""
    lens.connection.move("power", by=Role.BODY)
    lens.spawn(_boot(lens))


def power_off(lens: LensEngineBase) -> None:
    """Switch off after a loss of the logic supply: all lines idle, and all volatile state is forgotten."""
    lens.stop_tasks()
    lens.clear_queue()
    stop_motors(lens)
    lens.focus.limit(lens.focus.lower, lens.focus.upper, lens.now)
    lens.body_requests = BodyRequests()
    lens.homed = not lens.settings.focus.homes
    lens.homing = lens.asleep = lens.started = False
    for line in (LENS_ATT, RXD):
        lens.drive(line, False)
    lens.set_baudrate(FIRST_BAUDRATE)
    if lens.connection.state != lens.dialect.transitions.initial:
        lens.connection.move("power lost", by=Role.BODY)
        lens.report("power lost, everything at rest")


def stop_motors(lens: LensEngineBase) -> None:
    """Stop all motors; the groups stay at their positions."""
    lens.focus.halt_without_brake(lens.now)
    lens.driving = lens.closing = lens.zooming = 0
    for what in lens.drive_runs:
        lens.drive_runs[what] += 1
        lens.wake(what)


def _boot(lens: LensEngineBase) -> Task:
    lens.drive(RXD, True)
    yield lens.after(lens.settings.timing.boot)
    lens.started = True
    lens.drive(LENS_ATT, True)
    # High until the body begins to greet, so that a late poll still detects it.
    yield lens.level(BODY_ATT, True)
    lens.drive(LENS_ATT, False)


def reply_hello(lens: LensEngineBase, hello: BodyHello) -> None:
    """Answer a greeting; reports the largest current before it is drawn."""
    firmware = lens.settings.firmware
    own = feature_bits(firmware.features)
    lens.asleep = False
    lens.body_requests = BodyRequests(revision=min(hello.revision, firmware.revision), features=own & hello.features)
    lens.spawn(_hello(lens, own))


def _hello(lens: LensEngineBase, features: int) -> Task:
    yield lens.after(lens.settings.timing.hello)
    firmware = lens.settings.firmware
    lens.queue_frame(
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
    lens.report("greeted")


@handle_power_command.on(PowerGrant)
def _grant(lens: LensEngineBase, order: PowerGrant) -> Message:
    if not order.granted.is_known:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 2)
    lens.body_requests.granted = order.granted
    lens.body_requests.grants += 1
    lens.reduction = lens.budget.reduce(order.limit_ma)
    if not lens.reduction.stabiliser:
        lens.body_requests.stabiliser = StabiliserMode.OFF
    lens.spawn(_report(lens))
    # If the drive supply was up before, homing was not possible until now.
    if lens.has_drive_power:
        on_drive_power(lens, level=True)
    return make_done(order)


def _report(lens: LensEngineBase) -> Task:
    """Report the current and the reductions at the grant, and after each change."""
    granted, number = lens.body_requests, lens.body_requests.grants
    reported_ma = -MIN_REPORTED_CHANGE_MA
    yield lens.after(lens.settings.timing.answer * 2)
    # A new greeting ends this grant, and a new grant has its own reports.
    while lens.body_requests is granted and granted.grants == number and granted.granted != PowerClass.NONE:
        draw = lens.draw_ma()
        if abs(draw - reported_ma) >= MIN_REPORTED_CHANGE_MA and not lens.asleep:
            lens.queue_frame([PowerReport(draw_ma=draw, peak_ma=lens.peak_ma, reduced=lens.reduction.bits)], EVENT)
            reported_ma, lens.peak_ma = draw, 0
        yield lens.now + REPORT_S


def on_drive_power(lens: LensEngineBase, *, level: bool) -> None:
    """Handle an edge of the drive supply."""
    if level:
        if lens.has_drive_power and not lens.homed and not lens.homing and lens.settings.parts.focus_motor:
            lens.spawn(home(lens))
        return
    lens.homing = False
    stop_motors(lens)
    lens.iris.set_target(lens.iris.position(lens.now), lens.now)
    if lens.body_requests.granted != PowerClass.NONE and not lens.asleep:
        lens.homed = not lens.settings.focus.homes
        lens.spawn(_brown_out(lens))


def _brown_out(lens: LensEngineBase) -> Task:
    """Report a brown-out, unless the logic supply falls too: then the body switched both off."""
    yield lens.after(SUPPLIES_FALL_US)
    lens.queue_frame([BrownOut(supply_mv=0)], EVENT)
    lens.report("the drive supply is gone; positions are not known until it has homed")


def home(lens: LensEngineBase) -> Task:
    """Find the zero of the focus drive."""
    lens.homing = True
    lens.homing_run = run = lens.homing_run + 1
    yield lens.focus.home(lens.now)
    if not lens.homing or lens.homing_run != run:
        return
    lens.homed = lens.homed or lens.has_drive_power
    lens.homing = False


@handle_power_command.on(Sleep)
def _sleep(lens: LensEngineBase, order: Sleep) -> Message:
    if lens.body_requests.changing:
        return make_rejection(order, RejectionCode.NOT_NOW)
    lens.body_requests.reports = ()
    lens.asleep = True
    lens.focus.stop(lens.now)
    # A drive that brakes cannot complete its homing.
    lens.homing = False
    lens.spawn(_wait_for_wake_up(lens))
    return make_done(order, Outcome.DONE)


def _wait_for_wake_up(lens: LensEngineBase) -> Task:
    """Sleep until the body raises its attention line; then raise the own one until the body releases its line."""
    if BODY_ATT not in lens.carried:
        # Only a greeting can wake it, and greetings are sent at the first rate.
        yield lens.after(lens.settings.timing.answer * 2)
        yield Wait(ready=lambda: lens.idle, on=(WINDOW,))
        lens.set_baudrate(FIRST_BAUDRATE)
        return
    requests = lens.body_requests
    yield lens.level(BODY_ATT, False)
    while True:
        yield lens.level(BODY_ATT, True)
        # The attention line of a frame falls before: a call is held until the lens answers it.
        wakes_at = lens.at(lens.now, max(CALL_US, lens.settings.timing.wake))
        yield Wait(wakes_at, lambda: not lens.levels.get(BODY_ATT, False), (BODY_ATT,))
        if lens.body_requests is not requests:
            # A greeting has woken it.
            return
        if lens.levels.get(BODY_ATT, False):
            break
    lens.asleep = False
    lens.connection.move("wake", by=Role.BODY)
    _forget_sleep(lens)
    if lens.has_drive_power:
        on_drive_power(lens, level=True)
    lens.drive(LENS_ATT, True)
    yield lens.level(BODY_ATT, False)
    lens.drive(LENS_ATT, False)
    lens.report("awake again")


def _forget_sleep(lens: LensEngineBase) -> None:
    """Forget the answer to the sleep order, so that a repeated order is executed again."""
    answered = lens.body_requests.answered
    kept = [(raw, reply) for raw, reply in answered if raw[0] != Sleep.TYPE]
    answered.clear()
    answered.extend(kept)
