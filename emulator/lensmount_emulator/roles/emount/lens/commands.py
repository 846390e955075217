"""The request handlers of an E-mount lens: a request to its reply, and a reply to its follow-up action."""

from collections.abc import Mapping

from lensmount_emulator.engine.engine import HandlerTable
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.emount.lens import service, stream
from lensmount_emulator.roles.emount.lens.engine_base import LensEngineBase
from lensmount_emulator.roles.emount.lens.focus_orders import UNIT, drive_focus, resolve_target
from lensmount_emulator.roles.emount.lens.homing import home, is_homing_ignored
from lensmount_emulator.roles.emount.windows import for_baudrate, send_window
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.aperture import ApertureAnswer, ApertureOrder
from lensmount_protocol.dialects.emount.focus import FocusAnswer34, FocusOrder34
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.dialects.emount.identification import (
    DescriptorReply,
    DescriptorRequest,
    SpeedReply,
    SpeedRequest,
)
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.lines import BODY_CS, FAST_BAUDRATE, LENS_CS, RXD
from lensmount_protocol.dialects.emount.service import OpticsReply28, OpticsRequest28, Refusal, ServiceCommand40
from lensmount_protocol.dialects.emount.startup_shutdown import (
    ShutDownReply,
    StartUpRequest,
    StreamLayoutReply,
    StreamLayoutRequest,
)
from lensmount_protocol.dialects.emount.transitions import ASKED, STREAMING, STREAMING_ASKED, SWITCHING, UNTYPED
from lensmount_protocol.dialects.emount.units import RefusalCode
from lensmount_protocol.framer import GarbageReason
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import Role

SECOND_APERTURE = 0x80
"""`1B` f4 bit 7: the second aperture counts."""

NO_APERTURES = 0x80
"""`08` f1 bit 7: the lens must not fill in apertures (WZQ)."""

REFUSAL_CODES: Mapping[GarbageReason, RefusalCode] = {
    GarbageReason.END: RefusalCode.BAD_END,
    GarbageReason.NO_START: RefusalCode.BAD_START,
    GarbageReason.CHECKSUM: RefusalCode.BAD_CHECKSUM,
}
"""Garbage that a lens refuses: codes 1 and 2 are seen on a Sony FE 24-105, 3 and 4 on a Tamron (firmware)."""

SWITCH_TIMEOUT_US = 10_000.0
"""Timeout of an incomplete handshake of a lens (BAS-SY); bodies need 5.3 ms at most (SIG)."""

LIVE_SWITCH_TIMEOUT_US = 100_000.0
"""The same at a port, where drivers and buffers delay edges."""

special_reply = HandlerTable[LensEngineBase, Message | None]()
"""Computed answers to requests; `None` uses the profile's message."""

follow_up = HandlerTable[LensEngineBase, Task]()
"""Actions of a lens after a reply."""


def send_reply(lens: LensEngineBase, arrival: ReceivedFrame) -> Task:
    """Answer one request after the profile's reply time, then run the follow-up action."""
    request = arrival.messages[0]
    timing = lens.settings.timing
    type_ = f"{message_type(request):02X}"
    streamed = lens.stream.running
    if isinstance(request, StreamLayoutRequest):
        lens.stream.end()
    yield lens.level(BODY_CS, False)
    if isinstance(request, StartUpRequest):
        if is_homing_ignored(lens, request.drives) or not (yield from home(lens, request.drives)):
            return
    elif isinstance(request, ServiceCommand40) and lens.settings.service.serves:
        yield from service.execute(lens, request)
    else:
        yield lens.after(timing.reply.get(type_, timing.reply_otherwise))
    reply = reply_to(lens, request, arrival.frame.class_)
    # A body that repeated its request has received the answer to the first one.
    if reply is not None and lens.connection.state in (ASKED, STREAMING_ASKED):
        yield from _send(lens, reply, timing.pauses.get(type_, []))
        what_follows = follow_up(lens, reply)
        if what_follows is not None:
            yield from what_follows
    elif isinstance(request, StreamLayoutRequest) and lens.connection.state in (STREAMING, STREAMING_ASKED):
        # Another answer replaced this one, so the stream is unchanged.
        lens.stream.running = lens.stream.running or streamed


def repeat_refusal(lens: LensEngineBase) -> Task:
    """Answer a window of the body with the refusal that lasts until the supply is cut, if the link state allows it."""
    yield lens.level(BODY_CS, False)
    yield lens.after(lens.settings.timing.reply_otherwise)
    refusal = lens.lasting_refusal
    if refusal is not None and "refusal" in lens.dialect.transitions.legal(lens.connection.state, Role.LENS):
        yield from _send(lens, refusal, [])


def sends_refusals(lens: LensEngineBase, reason: GarbageReason) -> bool:
    """Whether this lens sends a refusal for bytes that are no frame."""
    return lens.settings.refuses and reason in REFUSAL_CODES


def refuse_garbage(lens: LensEngineBase, reason: GarbageReason) -> Task:
    """Send a refusal for an unreadable frame, if the link state allows it."""
    yield lens.level(BODY_CS, False)
    yield lens.after(lens.settings.timing.reply_otherwise)
    if "bad frame" in lens.dialect.transitions.legal(lens.connection.state, Role.LENS):
        yield from _send(lens, Refusal(class_=UNTYPED, type_=UNTYPED, code=REFUSAL_CODES[reason]), [])


def _send(lens: LensEngineBase, reply: Message, pauses: list[tuple[int, float]]) -> Task:
    class_ = lens.settings.behaviour.refusal_class if isinstance(reply, Refusal) else REQUEST_CLASS
    frame = lens.connection.send([reply], class_, 0)
    timing = lens.settings.timing
    yield from send_window(lens, frame, timing.setup, for_baudrate(lens, timing.hold), pauses)


def reply_to(lens: LensEngineBase, request: AnyMessage, class_: int) -> Message | None:
    """The lens's reply to a request: computed, the profile's, or a refusal; `None` where it stays silent."""
    special = special_reply(lens, request)
    if special is not None:
        return special
    reply = lens.dialect.messages.get((Role.LENS, message_type(request)))
    if reply is not None and lens.has_message(reply):
        return lens.message_from_profile(reply)
    if not lens.settings.refuses:
        return None
    lens.report(f"refuses {message_type(request):02X}, which this lens does not know", is_error=True)
    refusal = Refusal(class_=class_, type_=message_type(request), code=RefusalCode.UNKNOWN_MESSAGE)
    if lens.settings.behaviour.refusals_last:
        lens.lasting_refusal = refusal
    return refusal


@special_reply.on(StreamLayoutRequest)
def _echo_layout(_lens: LensEngineBase, request: StreamLayoutRequest) -> Message:
    return StreamLayoutReply(**request.values())


@special_reply.on(ApertureOrder)
def _reply_aperture(lens: LensEngineBase, request: ApertureOrder) -> Message:
    answer = lens.message_from_profile(ApertureAnswer)
    answer.aperture = answer.aperture_again = lens.iris.current
    if lens.settings.behaviour.executes_aperture_order and lens.settings.iris.driven:
        lens.iris.set_target(request.aperture_other if request.select & SECOND_APERTURE else request.aperture)
        lens.report(f"iris runs to {lens.iris.goal:#06x}")
    return answer


@special_reply.on(DescriptorRequest)
def _reply_descriptor(lens: LensEngineBase, request: DescriptorRequest) -> Message | None:
    """Keep whether the body wants the aperture in `28`, and reply what the profile has."""
    lens.fills_aperture = not request.flags_1 & NO_APERTURES
    return lens.message_from_profile(DescriptorReply) if lens.has_message(DescriptorReply) else None


@special_reply.on(OpticsRequest28)
def _reply_optics(lens: LensEngineBase, _request: OpticsRequest28) -> Message | None:
    """Reply the state of the lens at the shutter press, as its last `05` shows it."""
    if not lens.has_message(OpticsReply28):
        return None
    reply, status = lens.message_from_profile(OpticsReply28), lens.message_from_profile(LensStatus)
    reply.focal_length_dmm = lens.turned_to_dmm or status.focal_length_dmm
    reply.nominal_focal_length_dmm = lens.turned_to_dmm or status.nominal_focal_length_dmm
    reply.aperture = lens.iris.current if lens.fills_aperture else 0
    reply.row_a, reply.row_b = status.row_a, status.row_b
    return reply


BOUND_STEPS = 384 / 17
"""Steps of one unit of the bound of `34` on a Samyang AF 135 (BAS-SY)."""


@special_reply.on(FocusOrder34)
def _move_by_request(lens: LensEngineBase, request: FocusOrder34) -> Message | None:
    """Begin a move and answer at once, with the request's value (Samyang, BAS-SY); a refused unit moves nothing."""
    if not lens.has_message(FocusAnswer34):
        return None
    answer = lens.message_from_profile(FocusAnswer34)
    answer.value = request.operand
    if request.flags & UNIT != 1:
        target = resolve_target(lens, request.operand, request.flags)
        planned = lens.motor.planned(float(lens.stream.frame))
        reach = round(request.bound * BOUND_STEPS)
        drive_focus(lens, max(planned - reach, min(planned + reach, target)), None)
    return answer


@special_reply.on(ServiceCommand40)
def _reply_service(lens: LensEngineBase, request: ServiceCommand40) -> Message | None:
    return service.reply_to(lens, request)


@special_reply.on(SpeedRequest)
def _reply_speed(lens: LensEngineBase, _request: SpeedRequest) -> Message | None:
    """Refuse a rate change while the lens streams; the profile has no such message."""
    return SpeedReply(accepted=0) if lens.connection.state == STREAMING_ASKED else None


@follow_up.on(SpeedReply)
def _switch_speed(lens: LensEngineBase, reply: SpeedReply) -> Task:
    """Do the second handshake, without bytes: follow the body's select line once, then use the fast rate.

    A body that is late, or sends bytes in its window, does not switch; then the lens does not switch either.
    """
    timing = lens.settings.timing
    if not reply.accepted & 1:
        return
    if lens.windowed:
        timeout_us = LIVE_SWITCH_TIMEOUT_US if lens.live else SWITCH_TIMEOUT_US
        begins = yield lens.level(BODY_CS, True, until=lens.at(lens.now, timeout_us))
        if not begins or lens.connection.state != SWITCHING:
            _stay_slow(lens)
            return
        yield lens.after(timing.switch_rises)
        lens.drive(LENS_CS, True)
        ends = yield lens.level(BODY_CS, False, until=lens.at(lens.now, timeout_us))
        if not ends or lens.window_holds_bytes or lens.connection.state != SWITCHING:
            _stay_slow(lens)
            return
        yield lens.after(timing.switch_falls)
        lens.drive(LENS_CS, False)
    lens.set_baudrate(FAST_BAUDRATE)
    lens.connection.move("switched", by=Role.LENS)
    lens.report("switched to 1.5 Mbaud")


def _stay_slow(lens: LensEngineBase) -> None:
    """Keep the slow rate, because the handshake of the speed switch is missing or wrong."""
    if not lens.sending:
        lens.drive(LENS_CS, False)
    # A request has moved the link on already.
    if lens.connection.state == SWITCHING:
        lens.connection.move("not switched", by=Role.LENS)
        lens.report("no silent handshake; keeps its rate")


@follow_up.on(StreamLayoutReply)
def _start_stream(lens: LensEngineBase, reply: StreamLayoutReply) -> Task:
    if reply.status_blocks or reply.focus_blocks:
        # The stream counts its frames from its beginning, and the motor uses them as time.
        unfinished = _unfinished_move(lens)
        lens.motor.hold_position(float(lens.stream.frame))
        lens.begin_stream(reply.status_blocks, reply.focus_blocks)
        if unfinished is not None:
            drive_focus(lens, *unfinished)
        lens.report("streams its state")
        yield from stream.send_first_pair(lens)
    else:
        lens.report("stops streaming")


def _unfinished_move(lens: LensEngineBase) -> tuple[int, Message | None] | None:
    """Return target and acknowledgement of a move that the layout order does not cancel; `None` where it does."""
    stream = lens.stream
    if lens.settings.behaviour.layout_stops_motors or stream.moving_to is None:
        return None
    return stream.moving_to, next((message for _, message in stream.acknowledgements), None)


@follow_up.on(ShutDownReply)
def _fall_asleep(lens: LensEngineBase, _reply: ShutDownReply) -> Task:
    """Fall asleep: lines idle, rate and state kept; the next rise of BODY_CS is a warm start."""
    lens.stream.end()
    lens.rows.clear()
    lens.drive(RXD, False)
    lens.report("asleep")
    if lens.windowed:
        # Its serial port is off until the next handshake.
        lens.rx_enabled = False
    else:
        # No line can wake it, so the next request does.
        lens.connection.move("wake", by=Role.BODY)
        lens.connection.move("linked", by=Role.LENS)
    yield from ()
