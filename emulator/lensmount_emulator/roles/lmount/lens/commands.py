"""The command handlers of a lens of the open model: a table from the body's order to its effect and its answer.

Every order is answered by its own number: accepted, done, or refused with the reason.
"""

from collections.abc import Callable

from lensmount_emulator.engine.engine import WINDOW, HandlerTable
from lensmount_emulator.engine.tasks import Task, Wait
from lensmount_emulator.roles.lmount.ids import has_bit
from lensmount_emulator.roles.lmount.lens.engine_base import LensEngineBase
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ZoomDrive
from lensmount_protocol.dialects.lmount.focus import FocusDrive, FocusLimits, RingBehaviour
from lensmount_protocol.dialects.lmount.framing import ORDER
from lensmount_protocol.dialects.lmount.lines import BODY_ATT, FIRST_BAUDRATE
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected, SetBaudrateCommand, StreamConfig
from lensmount_protocol.dialects.lmount.power import ImageCircleSelect
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserCommand
from lensmount_protocol.dialects.lmount.transitions import SWITCHING
from lensmount_protocol.dialects.lmount.types import (
    ApertureMode,
    ControlKind,
    Feature,
    FocusCommand,
    Outcome,
    RejectionCode,
    RingKind,
    StabiliserMode,
)
from lensmount_protocol.message import Message

REPORTS = frozenset({0xA0, 0xA8, 0xB0, 0xB8})
"""Types that a lens can send with each frame."""

MANUAL = 1
"""Position of the AF/MF switch."""

SWITCH_US = 1000.0
"""Both ends switch to the new rate this long after the acceptance."""

RX_TIMEOUT_S = 1.0
"""A lens that receives no frame for so long returns to the first rate: its body may have restarted."""

AV_LIMITS = (-1024, 4096)
"""Range of legal aperture orders: f/0.25 to f/256; within it a lens moves as far as it can."""

Order = FocusDrive | ApertureDrive | ZoomDrive
handle_command = HandlerTable[LensEngineBase, Message]()
"""Executes one order; returns the answer."""


def make_done(order: Message, outcome: Outcome = Outcome.DONE) -> CommandDone:
    """Return the answer with the outcome of an order."""
    return CommandDone(number=command_number(order), order=order.TYPE, outcome=outcome)


def make_rejection(order: Message, code: RejectionCode, field_number: int = 0) -> CommandRejected:
    """Return the answer with the reason why an order is refused, and the field that causes it."""
    return CommandRejected(number=command_number(order), order=order.TYPE, code=code, field_number=field_number)


def command_number(order: Message) -> int:
    """Return the number of an order; 0 for a message without one."""
    return int(getattr(order, "number", 0))


@handle_command.on(FocusDrive)
def _focus(lens: LensEngineBase, order: FocusDrive) -> Message:
    focus = lens.focus
    if not lens.settings.parts.focus_motor:
        return make_rejection(order, RejectionCode.NOT_ABLE)
    if not lens.has_drive_power:
        return make_rejection(order, RejectionCode.NO_POWER)
    if lens.homing or not lens.homed:
        return make_rejection(order, RejectionCode.NOT_NOW)
    drive = _FOCUS.get(order.order)
    if drive is None:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 2)
    if lens.switches.get(ControlKind.FOCUS_SWITCH) == MANUAL and order.order != FocusCommand.STOP:
        return make_rejection(order, RejectionCode.BLOCKED)
    if order.order == FocusCommand.ABSOLUTE and not focus.lower <= order.value <= focus.upper:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 3)
    if order.frame is not None and not has_bit(lens.body_requests.features, Feature.SYNCHRONISED_FOCUS):
        return make_rejection(order, RejectionCode.NOT_AGREED, 5)
    top = lens.settings.focus.speed * lens.reduction.focus_speed
    lens.cancel_focus_sequence()
    lens.by_ring = False
    drive(lens, order, min(_speed(lens, order) or top, top))
    if order.order == FocusCommand.STOP:
        _replace(lens, "driving", 0, Outcome.STOPPED)
        return make_done(order)
    _replace(lens, "driving", order.number, Outcome.REPLACED)
    lens.spawn(_finish(lens, order, "driving", lambda: lens.focus.settles_at))
    return make_done(order, Outcome.ACCEPTED)


def _speed(lens: LensEngineBase, order: FocusDrive) -> float:
    """Return the speed of a drive: the order's value, or the speed to arrive when a frame begins; 0: top speed."""
    if order.frame is None or order.order != FocusCommand.ABSOLUTE or not lens.body_requests.period:
        return order.speed
    frames = (order.frame - lens.body_requests.frame) & 0xFFFF
    left = lens.body_requests.frame_at + frames * lens.body_requests.period - lens.now
    distance = abs(order.value - lens.focus.position(lens.now))
    return distance / left * BRAKING_MARGIN if left > 0 and frames < 0x8000 else 0.0


BRAKING_MARGIN = 1.2
"""Ratio of a drive's speed to its mean speed, which allows for acceleration and braking."""


_FOCUS: dict[FocusCommand, Callable[[LensEngineBase, FocusDrive, float], object]] = {
    FocusCommand.STOP: lambda lens, _order, _speed: lens.focus.stop(lens.now),
    FocusCommand.ABSOLUTE: lambda lens, order, speed: lens.focus.set_target(order.value, lens.now, speed),
    FocusCommand.RELATIVE: lambda lens, order, speed: lens.focus.set_target(
        lens.focus.position(lens.now) + order.value, lens.now, speed
    ),
    FocusCommand.VELOCITY: lambda lens, order, speed: lens.focus.run_at_velocity(
        max(-speed, min(speed, float(order.value))), lens.now
    ),
    FocusCommand.NEAR_END: lambda lens, _order, speed: lens.focus.set_target(lens.focus.upper, lens.now, speed),
    FocusCommand.FAR_END: lambda lens, _order, speed: lens.focus.set_target(lens.focus.lower, lens.now, speed),
    FocusCommand.HOME: lambda lens, _order, _speed: lens.focus.home(lens.now),
}


@handle_command.on(FocusLimits)
def _limits(lens: LensEngineBase, order: FocusLimits) -> Message:
    focus = lens.focus
    if not lens.settings.parts.focus_motor:
        return make_rejection(order, RejectionCode.NOT_ABLE)
    if not lens.has_drive_power:
        # It may have to drive inside.
        return make_rejection(order, RejectionCode.NO_POWER)
    if order.near > focus.upper:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 2)
    if order.far > order.near:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 3)
    focus.limit(order.far, order.near, lens.now)
    return make_done(order)


@handle_command.on(RingBehaviour)
def _ring(lens: LensEngineBase, order: RingBehaviour) -> Message:
    parts, requests = lens.settings.parts, lens.body_requests
    if not lens.has_ring(order.ring):
        return make_rejection(order, RejectionCode.NOT_ABLE, 2)
    if order.ring == RingKind.APERTURE:
        if not order.clicks and not parts.click_switch:
            return make_rejection(order, RejectionCode.NOT_ABLE, 6)
        requests.clicks = bool(order.clicks)
        return make_done(order)
    if order.ring != RingKind.FOCUS or (order.linear and not parts.linear_ring):
        return make_rejection(order, RejectionCode.NOT_ABLE, 3)
    if order.linear and not THROW_DEGREES[0] <= order.throw_degrees <= THROW_DEGREES[1]:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 4)
    requests.linear, requests.throw_degrees, requests.reversed = (
        bool(order.linear),
        order.throw_degrees,
        bool(order.reversed_),
    )
    return make_done(order)


THROW_DEGREES = (45, 1080)


@handle_command.on(ApertureDrive)
def _aperture(lens: LensEngineBase, order: ApertureDrive) -> Message:
    if not lens.settings.parts.diaphragm:
        return make_rejection(order, RejectionCode.NOT_ABLE)
    if not lens.has_drive_power:
        return make_rejection(order, RejectionCode.NO_POWER)
    if not order.mode.is_known:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 2)
    target = lens.max_aperture_now() if order.mode == ApertureMode.OPEN else order.target
    if not AV_LIMITS[0] <= target <= AV_LIMITS[1]:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 3)
    duration = order.duration_us * 1e-6 if order.mode == ApertureMode.SMOOTH else 0.0
    lens.iris.set_target(target, lens.now, duration / max(lens.reduction.diaphragm_speed, 0.01))
    _replace(lens, "closing", order.number, Outcome.REPLACED)
    lens.spawn(_finish(lens, order, "closing", lambda: lens.iris.settles_at))
    return make_done(order, Outcome.ACCEPTED)


@handle_command.on(ZoomDrive)
def _zoom(lens: LensEngineBase, order: ZoomDrive) -> Message:
    if not lens.settings.parts.power_zoom:
        return make_rejection(order, RejectionCode.NOT_ABLE)
    if not lens.has_drive_power:
        return make_rejection(order, RejectionCode.NO_POWER)
    if order.rate:
        lens.zoom.drive(order.rate, lens.now)
    elif lens.min_focal_um <= order.target_um <= lens.max_focal_um:
        lens.zoom.turn_to(order.target_um, lens.now, lens.settings.zoom.seconds)
    else:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 3)
    _replace(lens, "zooming", order.number, Outcome.REPLACED)
    lens.spawn(_finish(lens, order, "zooming", lambda: lens.zoom.settles_at))
    return make_done(order, Outcome.ACCEPTED)


@handle_command.on(StabiliserCommand)
def _stabilise(lens: LensEngineBase, order: StabiliserCommand) -> Message:
    requests = lens.body_requests
    if not lens.settings.stabiliser.generation:
        return make_rejection(order, RejectionCode.NOT_ABLE)
    if not order.mode.is_known:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 2)
    if order.share_permille > 1000:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 4)
    if order.share_permille < 1000 and not has_bit(requests.features, Feature.SHARED_STABILISATION):
        return make_rejection(order, RejectionCode.NOT_AGREED, 4)
    if order.mode != StabiliserMode.OFF and not (lens.has_drive_power and lens.reduction.stabiliser):
        return make_rejection(order, RejectionCode.NO_POWER)
    requests.stabiliser, requests.axes, requests.share = order.mode, order.axes & 3, order.share_permille / 1000
    return make_done(order)


@handle_command.on(ImageCircleSelect)
def _crop(lens: LensEngineBase, order: ImageCircleSelect) -> Message:
    if not order.used.is_known:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 2)
    lens.body_requests.used = order.used
    return make_done(order)


@handle_command.on(StreamConfig)
def _stream(lens: LensEngineBase, order: StreamConfig) -> Message:
    if not set(order.reports) <= REPORTS:
        return make_rejection(order, RejectionCode.OUT_OF_RANGE, 2)
    lens.body_requests.reports = list(dict.fromkeys(order.reports))
    return make_done(order)


@handle_command.on(SetBaudrateCommand)
def _rate(lens: LensEngineBase, order: SetBaudrateCommand) -> Message:
    if order.baudrate not in lens.settings.firmware.rates:
        return make_rejection(order, RejectionCode.NOT_ABLE, 2)
    if lens.body_requests.changing:
        return make_rejection(order, RejectionCode.NOT_NOW)
    lens.body_requests.changing = True
    return make_done(order, Outcome.ACCEPTED)


follow_up = HandlerTable[LensEngineBase, Task]()
"""Actions of an order after its answer, unless it was refused."""


@follow_up.on(SetBaudrateCommand)
def _switch(lens: LensEngineBase, order: SetBaudrateCommand) -> Task:
    """Switch to the new rate 1 ms after the acceptance, and back when no frame is received at it."""
    baudrate, requests = order.baudrate, lens.body_requests
    yield Wait(ready=lambda: lens.idle, on=(WINDOW,))
    yield lens.after(SWITCH_US)
    requests.changing = False
    if lens.connection.state != SWITCHING:
        # A greeting has arrived in between, or the acceptance was not sent.
        return
    lens.set_baudrate(baudrate)
    lens.connection.move("switched", by=lens.role)
    lens.rate_run = run = lens.rate_run + 1
    while lens.rate_run == run and lens.baudrate == baudrate != FIRST_BAUDRATE:
        # A sleeping lens that a line can wake receives nothing and keeps its rate.
        if not (lens.asleep and BODY_ATT in lens.carried) and lens.now - lens.last_received_at >= RX_TIMEOUT_S:
            lens.set_baudrate(FIRST_BAUDRATE)
            lens.report("no frame for a second; back to the first rate")
            return
        yield lens.now + RX_TIMEOUT_S / 2


def _replace(lens: LensEngineBase, what: str, number: int, outcome: Outcome) -> None:
    """End the current order, because it was stopped or replaced."""
    before = getattr(lens, what)
    setattr(lens, what, number)
    lens.drive_runs[what] += 1
    lens.wake(what)
    if before:
        lens.queue_frame([CommandDone(number=before, order=_TYPES[what], outcome=outcome)], ORDER)


_TYPES = {"driving": FocusDrive.TYPE, "closing": ApertureDrive.TYPE, "zooming": ZoomDrive.TYPE}


def _finish(lens: LensEngineBase, order: Order, what: str, done_at: Callable[[], float]) -> Task:
    """Report the end of a drive, unless it is replaced before."""
    run = lens.drive_runs[what]

    def replaced() -> bool:
        return lens.drive_runs[what] != run

    while lens.now < done_at():
        if (yield Wait(done_at(), replaced, (what,))):
            return
    # After its acceptance, even if there is no distance to move.
    yield lens.after(lens.settings.timing.answer * 2)
    if not replaced():
        setattr(lens, what, 0)
        lens.queue_frame([make_done(order)], ORDER)
