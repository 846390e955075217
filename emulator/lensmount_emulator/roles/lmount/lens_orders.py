"""What a lens does with the body's orders: a table from message to what changes, and to the answer.

Every order is answered by its own number: accepted, done, or refused with the reason.
"""

from collections.abc import Callable

from lensmount_emulator.roles.engine import WINDOW
from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.lmount.lens_core import LensCore
from lensmount_emulator.roles.lmount.numbers import has
from lensmount_emulator.roles.tasks import Task, Wait
from lensmount_protocol.dialects.lmount.aperture import ApertureDrive, ZoomDrive
from lensmount_protocol.dialects.lmount.focus import FocusDrive, FocusLimits, RingBehaviour
from lensmount_protocol.dialects.lmount.framing import ORDER
from lensmount_protocol.dialects.lmount.lines import BODY_ATT, FIRST_BAUDRATE
from lensmount_protocol.dialects.lmount.link import Done, RateOrder, Refusal, StreamOrder
from lensmount_protocol.dialects.lmount.power import CropNotice
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserOrder
from lensmount_protocol.dialects.lmount.transitions import SWITCHING
from lensmount_protocol.dialects.lmount.types import (
    ApertureMode,
    ControlKind,
    Feature,
    FocusOrder,
    Outcome,
    RefusalCode,
    RingKind,
    StabiliserMode,
)
from lensmount_protocol.message import Message

REPORTS = frozenset({0xA0, 0xA8, 0xB0, 0xB8})
"""Types that a lens can send with each frame."""

MANUAL = 1
"""Position of the AF/MF switch."""

SWITCH_US = 1000.0
"""Both ends take the new rate this long behind the acceptance."""

UNHEARD_S = 1.0
"""A lens that hears no frame for so long goes back to the first rate: its body may have started anew."""

AV_LIMITS = (-1024, 4096)
"""Apertures that can be asked for at all: f/0.25 to f/256; within them a lens goes as far as it can."""

Order = FocusDrive | ApertureDrive | ZoomDrive
obey = Handlers[LensCore, Message]()
"""Do what one order says; gives the answer."""


def done(order: Message, outcome: Outcome = Outcome.DONE) -> Done:
    """The answer that says what became of an order."""
    return Done(number=number_of(order), order=order.TYPE, outcome=outcome)


def refuse(order: Message, code: RefusalCode, field_number: int = 0) -> Refusal:
    """The answer that says why an order is not carried out, and which of its fields is at fault."""
    return Refusal(number=number_of(order), order=order.TYPE, code=code, field_number=field_number)


def number_of(order: Message) -> int:
    """The number of an order; 0 for a message that has none."""
    return int(getattr(order, "number", 0))


@obey.on(FocusDrive)
def _focus(lens: LensCore, order: FocusDrive) -> Message:
    focus = lens.focus
    if not lens.settings.parts.focus_motor:
        return refuse(order, RefusalCode.NOT_ABLE)
    if not lens.has_drive_power:
        return refuse(order, RefusalCode.NO_POWER)
    if lens.homing or not lens.homed:
        return refuse(order, RefusalCode.NOT_NOW)
    drive = _FOCUS.get(order.order)
    if drive is None:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 2)
    if lens.switches.get(ControlKind.FOCUS_SWITCH) == MANUAL and order.order != FocusOrder.STOP:
        return refuse(order, RefusalCode.BLOCKED)
    if order.order == FocusOrder.ABSOLUTE and not focus.lower <= order.value <= focus.upper:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 3)
    if order.frame is not None and not has(lens.told.features, Feature.SYNCHRONISED_FOCUS):
        return refuse(order, RefusalCode.NOT_AGREED, 5)
    top = lens.settings.focus.speed * lens.reduction.focus_speed
    lens.drop_run()
    lens.by_ring = False
    drive(lens, order, min(_speed(lens, order) or top, top))
    if order.order == FocusOrder.STOP:
        _replace(lens, "driving", 0, Outcome.STOPPED)
        return done(order)
    _replace(lens, "driving", order.number, Outcome.REPLACED)
    lens.spawn(_finish(lens, order, "driving", lambda: lens.focus.done_at))
    return done(order, Outcome.ACCEPTED)


def _speed(lens: LensCore, order: FocusDrive) -> float:
    """How fast a drive is to be: what the order says, or what it takes to be there when a frame begins; 0: at most."""
    if order.frame is None or order.order != FocusOrder.ABSOLUTE or not lens.told.period:
        return order.speed
    frames = (order.frame - lens.told.frame) & 0xFFFF
    left = lens.told.frame_at + frames * lens.told.period - lens.now
    distance = abs(order.value - lens.focus.position(lens.now))
    return distance / left * ROOM_TO_BRAKE if left > 0 and frames < 0x8000 else 0.0


ROOM_TO_BRAKE = 1.2
"""How much faster than its mean speed a drive must be that also has to speed up and brake on its way."""


_FOCUS: dict[FocusOrder, Callable[[LensCore, FocusDrive, float], object]] = {
    FocusOrder.STOP: lambda lens, _order, _speed: lens.focus.stop(lens.now),
    FocusOrder.ABSOLUTE: lambda lens, order, speed: lens.focus.order(order.value, lens.now, speed),
    FocusOrder.RELATIVE: lambda lens, order, speed: lens.focus.order(
        lens.focus.position(lens.now) + order.value, lens.now, speed
    ),
    FocusOrder.VELOCITY: lambda lens, order, speed: lens.focus.run(
        max(-speed, min(speed, float(order.value))), lens.now
    ),
    FocusOrder.NEAR_END: lambda lens, _order, speed: lens.focus.order(lens.focus.upper, lens.now, speed),
    FocusOrder.FAR_END: lambda lens, _order, speed: lens.focus.order(lens.focus.lower, lens.now, speed),
    FocusOrder.HOME: lambda lens, _order, _speed: lens.focus.home(lens.now),
}


@obey.on(FocusLimits)
def _limits(lens: LensCore, order: FocusLimits) -> Message:
    focus = lens.focus
    if not lens.settings.parts.focus_motor:
        return refuse(order, RefusalCode.NOT_ABLE)
    if not lens.has_drive_power:
        # It may have to drive inside.
        return refuse(order, RefusalCode.NO_POWER)
    if order.near > focus.upper:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 2)
    if order.far > order.near:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 3)
    focus.limit(order.far, order.near, lens.now)
    return done(order)


@obey.on(RingBehaviour)
def _ring(lens: LensCore, order: RingBehaviour) -> Message:
    parts, told = lens.settings.parts, lens.told
    if not lens.ring(order.ring):
        return refuse(order, RefusalCode.NOT_ABLE, 2)
    if order.ring == RingKind.APERTURE:
        if not order.clicks and not parts.click_switch:
            return refuse(order, RefusalCode.NOT_ABLE, 6)
        told.clicks = bool(order.clicks)
        return done(order)
    if order.ring != RingKind.FOCUS or (order.linear and not parts.linear_ring):
        return refuse(order, RefusalCode.NOT_ABLE, 3)
    if order.linear and not THROW_DEGREES[0] <= order.throw_degrees <= THROW_DEGREES[1]:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 4)
    told.linear, told.throw_degrees, told.reversed = bool(order.linear), order.throw_degrees, bool(order.reversed_)
    return done(order)


THROW_DEGREES = (45, 1080)


@obey.on(ApertureDrive)
def _aperture(lens: LensCore, order: ApertureDrive) -> Message:
    if not lens.settings.parts.diaphragm:
        return refuse(order, RefusalCode.NOT_ABLE)
    if not lens.has_drive_power:
        return refuse(order, RefusalCode.NO_POWER)
    if not order.mode.known:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 2)
    target = lens.widest_now() if order.mode == ApertureMode.OPEN else order.target
    if not AV_LIMITS[0] <= target <= AV_LIMITS[1]:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 3)
    duration = order.duration_us * 1e-6 if order.mode == ApertureMode.SMOOTH else 0.0
    lens.iris.order(target, lens.now, duration / max(lens.reduction.diaphragm_speed, 0.01))
    _replace(lens, "closing", order.number, Outcome.REPLACED)
    lens.spawn(_finish(lens, order, "closing", lambda: lens.iris.done_at))
    return done(order, Outcome.ACCEPTED)


@obey.on(ZoomDrive)
def _zoom(lens: LensCore, order: ZoomDrive) -> Message:
    if not lens.settings.parts.power_zoom:
        return refuse(order, RefusalCode.NOT_ABLE)
    if not lens.has_drive_power:
        return refuse(order, RefusalCode.NO_POWER)
    if order.rate:
        lens.zoom.drive(order.rate, lens.now)
    elif lens.shortest_um <= order.target_um <= lens.longest_um:
        lens.zoom.turn_to(order.target_um, lens.now, lens.settings.zoom.seconds)
    else:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 3)
    _replace(lens, "zooming", order.number, Outcome.REPLACED)
    lens.spawn(_finish(lens, order, "zooming", lambda: lens.zoom.done_at))
    return done(order, Outcome.ACCEPTED)


@obey.on(StabiliserOrder)
def _stabilise(lens: LensCore, order: StabiliserOrder) -> Message:
    told = lens.told
    if not lens.settings.stabiliser.generation:
        return refuse(order, RefusalCode.NOT_ABLE)
    if not order.mode.known:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 2)
    if order.share_permille > 1000:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 4)
    if order.share_permille < 1000 and not has(told.features, Feature.SHARED_STABILISATION):
        return refuse(order, RefusalCode.NOT_AGREED, 4)
    if order.mode != StabiliserMode.OFF and not (lens.has_drive_power and lens.reduction.stabiliser):
        return refuse(order, RefusalCode.NO_POWER)
    told.stabiliser, told.axes, told.share = order.mode, order.axes & 3, order.share_permille / 1000
    return done(order)


@obey.on(CropNotice)
def _crop(lens: LensCore, order: CropNotice) -> Message:
    if not order.used.known:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 2)
    lens.told.used = order.used
    return done(order)


@obey.on(StreamOrder)
def _stream(lens: LensCore, order: StreamOrder) -> Message:
    if not set(order.reports) <= REPORTS:
        return refuse(order, RefusalCode.OUT_OF_RANGE, 2)
    lens.told.reports = list(dict.fromkeys(order.reports))
    return done(order)


@obey.on(RateOrder)
def _rate(lens: LensCore, order: RateOrder) -> Message:
    if order.baudrate not in lens.settings.firmware.rates:
        return refuse(order, RefusalCode.NOT_ABLE, 2)
    if lens.told.changing:
        return refuse(order, RefusalCode.NOT_NOW)
    lens.told.changing = True
    return done(order, Outcome.ACCEPTED)


follow_up = Handlers[LensCore, Task]()
"""What an order has for its consequence behind its answer, where it was not refused."""


@follow_up.on(RateOrder)
def _switch(lens: LensCore, order: RateOrder) -> Task:
    """Take the new rate 1 ms behind the end of the acceptance, and give it up when nothing is heard at it."""
    baudrate, told = order.baudrate, lens.told
    yield Wait(ready=lambda: lens.idle, on=(WINDOW,))
    yield lens.after(SWITCH_US)
    told.changing = False
    if lens.connection.state != SWITCHING:
        # A greeting came in between, or the acceptance was not sent.
        return
    lens.set_baudrate(baudrate)
    lens.connection.move("switched", by=lens.role)
    lens.rate_run = run = lens.rate_run + 1
    while lens.rate_run == run and lens.baudrate == baudrate != FIRST_BAUDRATE:
        # Asleep, where it is woken by a line, it hears nothing and keeps its rate.
        if not (lens.asleep and BODY_ATT in lens.carried) and lens.now - lens.heard_at >= UNHEARD_S:
            lens.set_baudrate(FIRST_BAUDRATE)
            lens.tell("heard no frame for a second; back to the first rate")
            return
        yield lens.now + UNHEARD_S / 2


def _replace(lens: LensCore, what: str, number: int, outcome: Outcome) -> None:
    """An order that was under way has its end: it was stopped, or another took its place."""
    before = getattr(lens, what)
    setattr(lens, what, number)
    lens.drive_runs[what] += 1
    lens.wake(what)
    if before:
        lens.say([Done(number=before, order=_TYPES[what], outcome=outcome)], ORDER)


_TYPES = {"driving": FocusDrive.TYPE, "closing": ApertureDrive.TYPE, "zooming": ZoomDrive.TYPE}


def _finish(lens: LensCore, order: Order, what: str, done_at: Callable[[], float]) -> Task:
    """Say that a drive has reached its end, if nothing took its place before."""
    run = lens.drive_runs[what]

    def replaced() -> bool:
        return lens.drive_runs[what] != run

    while lens.now < done_at():
        if (yield Wait(done_at(), replaced, (what,))):
            return
    # Behind its acceptance, also where there was no way to go.
    yield lens.after(lens.settings.timing.answer * 2)
    if not replaced():
        setattr(lens, what, 0)
        lens.say([done(order)], ORDER)
