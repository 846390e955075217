"""What a body does with each frame: the frame signal, what goes with it, and what it hears from the lens."""

from lensmount_emulator.models.power_budget import Supply
from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.lmount.body_core import REPORT, BodyCore
from lensmount_emulator.roles.tasks import Task
from lensmount_protocol.dialects.lmount.aperture import ApertureDrive, ApertureState, ZoomState
from lensmount_protocol.dialects.lmount.focus import FocusDrive, FocusState, RingTurned
from lensmount_protocol.dialects.lmount.framing import CYCLE
from lensmount_protocol.dialects.lmount.identity import AccessoryReport
from lensmount_protocol.dialects.lmount.lines import FSYNC, V_DRIVE
from lensmount_protocol.dialects.lmount.picture import ControlEvent, FrameStart
from lensmount_protocol.dialects.lmount.power import BrownOut, PowerReport
from lensmount_protocol.dialects.lmount.stabiliser import AngularRate, StabiliserState
from lensmount_protocol.dialects.lmount.types import ControlKind, FocusOrder, Part, RingKind
from lensmount_protocol.message import Message

LOW_US = 20.0
"""How long the frame signal is low."""

SILENT_S = 0.25
SILENT_FRAMES = 10
"""A lens that should report and does not, for so long and so many frames, gets its supply anew."""

SAG_S = 0.005
"""How long a supply that was asked for too much stays away."""

STEPS_A_DEGREE = 200
"""What a body moves the focus when the ring is turned while it focuses by itself: its range in 20 degrees at most."""


def start_frames(body: BodyCore) -> None:
    """Frame signals from now on."""
    if not body.streaming:
        body.streaming = True
        body.stream += 1
        body.reported_at = body.now
        body.spawn(_frames(body, body.stream))


def _frames(body: BodyCore, stream: int) -> Task:
    fall = body.now
    while body.streaming and body.stream == stream:
        period = 1 / body.rate_hz
        body.frame = (body.frame + 1) & 0xFFFF
        body.frame_at = fall
        body.drive(FSYNC, False)
        yield body.at(fall, LOW_US)
        body.drive(FSYNC, True)
        yield body.at(fall, LOW_US + body.settings.timing.cycle)
        if not body.streaming or body.stream != stream:
            return
        if fall - body.reported_at > max(SILENT_S, SILENT_FRAMES * period):
            body.start_anew("the reports have stopped")
            return
        body.say(_of_frame(body, period), CYCLE, until=fall + period)
        fall += period
        yield fall


def _of_frame(body: BodyCore, period: float) -> list[Message]:
    start = FrameStart(frame=body.frame, period_us=round(period * 1e6))
    if body.share is None:
        return [start]
    pitch, yaw, roll = (max(-32.0, min(32.0, rate)) for rate in body.shake.rate(body.now))
    rate = AngularRate(
        frame=body.frame,
        time_us=round((body.now - body.frame_at) * 1e6),
        pitch=round(pitch * 1000),
        yaw=round(yaw * 1000),
        roll=round(roll * 1000),
    )
    return [start, rate]


hear = Handlers[BodyCore, None]()
"""Take what the lens reports or tells."""


@hear.on(FocusState)
def _focus(body: BodyCore, state: FocusState) -> None:
    body.known.focus = state
    body.known.reports += 1
    body.reported_at = body.now
    body.wake(REPORT)


@hear.on(ApertureState)
def _aperture(body: BodyCore, state: ApertureState) -> None:
    body.known.aperture = state


@hear.on(ZoomState)
def _zoom(body: BodyCore, state: ZoomState) -> None:
    body.known.zoom = state
    body.wake(REPORT)


@hear.on(StabiliserState)
def _stabiliser(body: BodyCore, state: StabiliserState) -> None:
    body.known.stabiliser = state


@hear.on(AccessoryReport)
def _accessories(body: BodyCore, report: AccessoryReport) -> None:
    body.known.accessories = list(report.entries)


@hear.on(RingTurned)
def _ring(body: BodyCore, event: RingTurned) -> None:
    known = body.known
    known.turned[event.ring] = known.turned.get(event.ring, 0.0) + event.delta / 10
    state = known.aperture
    if event.ring == RingKind.FOCUS and not known.manual and known.part(Part.FOCUS_DRIVE):
        # AF+MF: turning the ring overrides the autofocus; by its own switch a lens moves by itself.
        steps = round(event.delta / 10 * STEPS_A_DEGREE)
        body.spawn(_order(body, FocusDrive(order=FocusOrder.RELATIVE, value=steps)))
    elif event.ring == RingKind.APERTURE and state is not None and known.part(Part.DIAPHRAGM):
        body.spawn(_follow_ring(body))


def _follow_ring(body: BodyCore) -> Task:
    """The next report says what the ring says."""
    yield REPORT
    state = body.known.aperture
    if state is not None and state.ring:
        yield from body.ask(ApertureDrive(target=state.ring))


def _order(body: BodyCore, order: Message) -> Task:
    yield from body.ask(order)


@hear.on(ControlEvent)
def _control(body: BodyCore, event: ControlEvent) -> None:
    known = body.known
    if event.control == ControlKind.FOCUS_SWITCH:
        known.manual = bool(event.value)
        body.tell("the lens's switch says MF" if event.value else "the lens's switch says AF")
    elif event.control == ControlKind.AFL_BUTTON:
        known.locked = bool(event.value)
        if event.value and known.part(Part.FOCUS_DRIVE):
            body.spawn(_order(body, FocusDrive(order=FocusOrder.STOP)))
        body.tell("focus locked by the lens's button" if event.value else "focus free again")
    else:
        body.tell(f"{event.control.name.lower().replace('_', ' ')} is at {event.value}")


@hear.on(PowerReport)
def _power(body: BodyCore, report: PowerReport) -> None:
    body.known.power = report
    if Supply.browns_out(body.supply, report.draw_ma):
        body.tell(f"{report.draw_ma} mA is more than the supply gives; it collapses", trouble=True)
        body.spawn(_collapse(body))


def _collapse(body: BodyCore) -> Task:
    body.drive(V_DRIVE, False)
    yield body.now + SAG_S
    body.drive(V_DRIVE, True)


@hear.on(BrownOut)
def _brown_out(body: BodyCore, event: BrownOut) -> None:
    body.tell(f"the lens saw {event.supply_mv} mV and stopped; it homes again")
