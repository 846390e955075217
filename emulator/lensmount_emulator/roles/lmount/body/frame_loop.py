"""The frame loop of a body: the frame signal, its messages, and the handlers of the lens's reports."""

from lensmount_emulator.engine.engine import HandlerTable
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.models.power_budget import Supply
from lensmount_emulator.roles.lmount.body.engine_base import REPORT, BodyEngineBase
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ApertureState, ZoomState
from lensmount_protocol.dialects.lmount.exposure import ControlEvent, FrameStart
from lensmount_protocol.dialects.lmount.focus import FocusDrive, FocusState, RingMoved
from lensmount_protocol.dialects.lmount.framing import CYCLE
from lensmount_protocol.dialects.lmount.identity import AccessoryReport
from lensmount_protocol.dialects.lmount.lines import FSYNC, V_DRIVE
from lensmount_protocol.dialects.lmount.power import BrownOut, PowerReport
from lensmount_protocol.dialects.lmount.stabiliser import AngularRate, StabiliserState
from lensmount_protocol.dialects.lmount.types import ControlKind, FocusCommand, Part, RingKind
from lensmount_protocol.message import Message

LOW_US = 20.0
"""Low time of the frame signal."""

SILENCE_TIMEOUT_S = 0.25
SILENT_FRAMES = 10
"""A lens that should report, but is silent for this time and this number of frames, is power-cycled."""

SAG_S = 0.005
"""Time for which an overloaded supply stays off."""

STEPS_PER_DEGREE = 200
"""Focus steps of a body for a ring that is turned during autofocus: the whole range in 20 degrees at most."""


def start_frame_clock(body: BodyEngineBase) -> None:
    """Start the frame signals."""
    if not body.streaming:
        body.streaming = True
        body.stream += 1
        body.reported_at = body.now
        body.spawn(_run_frame_clock(body, body.stream))


def _run_frame_clock(body: BodyEngineBase, stream: int) -> Task:
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
        if fall - body.reported_at > max(SILENCE_TIMEOUT_S, SILENT_FRAMES * period):
            body.restart("the reports have stopped")
            return
        body.queue_frame(_run_frame(body, period), CYCLE, until=fall + period)
        fall += period
        yield fall


def _run_frame(body: BodyEngineBase, period: float) -> list[Message]:
    start = FrameStart(frame=body.frame, period_us=round(period * 1e6))
    if body.share is None:
        return [start]
    pitch, yaw, roll = (max(-32.0, min(32.0, rate)) for rate in body.camera_shake.rate(body.now))
    rate = AngularRate(
        frame=body.frame,
        time_us=round((body.now - body.frame_at) * 1e6),
        pitch=round(pitch * 1000),
        yaw=round(yaw * 1000),
        roll=round(roll * 1000),
    )
    return [start, rate]


report_handlers = HandlerTable[BodyEngineBase, None]()
"""Handlers of the lens's reports and events."""


@report_handlers.on(FocusState)
def _focus(body: BodyEngineBase, state: FocusState) -> None:
    body.lens_info.focus = state
    body.lens_info.reports += 1
    body.reported_at = body.now
    body.wake(REPORT)


@report_handlers.on(ApertureState)
def _aperture(body: BodyEngineBase, state: ApertureState) -> None:
    body.lens_info.aperture = state


@report_handlers.on(ZoomState)
def _zoom(body: BodyEngineBase, state: ZoomState) -> None:
    body.lens_info.zoom = state
    body.wake(REPORT)


@report_handlers.on(StabiliserState)
def _stabiliser(body: BodyEngineBase, state: StabiliserState) -> None:
    body.lens_info.stabiliser = state


@report_handlers.on(AccessoryReport)
def _accessories(body: BodyEngineBase, report: AccessoryReport) -> None:
    body.lens_info.accessories = list(report.entries)


@report_handlers.on(RingMoved)
def _ring(body: BodyEngineBase, event: RingMoved) -> None:
    known = body.lens_info
    known.turned[event.ring] = known.turned.get(event.ring, 0.0) + event.delta / 10
    state = known.aperture
    if event.ring == RingKind.FOCUS and not known.manual and known.has_part(Part.FOCUS_DRIVE):
        # AF+MF: turning the ring overrides the autofocus; with its switch at MF a lens moves by itself.
        steps = round(event.delta / 10 * STEPS_PER_DEGREE)
        body.spawn(_order(body, FocusDrive(order=FocusCommand.RELATIVE, value=steps)))
    elif event.ring == RingKind.APERTURE and state is not None and known.has_part(Part.DIAPHRAGM):
        body.spawn(_follow_ring(body))


def _follow_ring(body: BodyEngineBase) -> Task:
    """Set the aperture from the ring value of the next report."""
    yield REPORT
    state = body.lens_info.aperture
    if state is not None and state.ring:
        yield from body.request(ApertureDrive(target=state.ring))


def _order(body: BodyEngineBase, order: Message) -> Task:
    yield from body.request(order)


@report_handlers.on(ControlEvent)
def _control(body: BodyEngineBase, event: ControlEvent) -> None:
    known = body.lens_info
    if event.control == ControlKind.FOCUS_SWITCH:
        known.manual = bool(event.value)
        body.report("the lens's switch says MF" if event.value else "the lens's switch says AF")
    elif event.control == ControlKind.AFL_BUTTON:
        known.locked = bool(event.value)
        if event.value and known.has_part(Part.FOCUS_DRIVE):
            body.spawn(_order(body, FocusDrive(order=FocusCommand.STOP)))
        body.report("focus locked by the lens's button" if event.value else "focus free again")
    else:
        body.report(f"{event.control.name.lower().replace('_', ' ')} is at {event.value}")


@report_handlers.on(PowerReport)
def _power(body: BodyEngineBase, report: PowerReport) -> None:
    body.lens_info.power = report
    if Supply.browns_out(body.supply, report.draw_ma):
        body.report(f"{report.draw_ma} mA is more than the supply gives; it collapses", is_error=True)
        body.spawn(_collapse(body))


def _collapse(body: BodyEngineBase) -> Task:
    body.drive(V_DRIVE, False)
    yield body.now + SAG_S
    body.drive(V_DRIVE, True)


@report_handlers.on(BrownOut)
def _brown_out(body: BodyEngineBase, event: BrownOut) -> None:
    body.report(f"the lens saw {event.supply_mv} mV and stopped; it homes again")
