"""The command handlers of an E-mount lens, for the body's loop frames and for requests.

Tables map a loop message to its effect, a request to its reply, and a reply to its follow-up action.
"""

import math
from collections.abc import Mapping

from lensmount_emulator.engine.engine import HandlerTable
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.emount.lens import stream
from lensmount_emulator.roles.emount.lens.engine_base import LensEngineBase
from lensmount_emulator.roles.emount.windows import for_baudrate, send_window
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.aperture import ApertureAnswer, ApertureOrder
from lensmount_protocol.dialects.emount.body_status import BodyState, RowSelect
from lensmount_protocol.dialects.emount.focus import (
    DistanceOfPosition,
    DistanceToPosition,
    FocusLimitDrive,
    FocusLimitDriven,
    FocusMove,
    FocusMoved,
    FocusScan,
    FocusScanned,
    FocusStop,
    FocusStopped,
    PositionOfDistance,
    PositionToDistance,
)
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.dialects.emount.identification import SpeedReply, SpeedRequest
from lensmount_protocol.dialects.emount.lines import BODY_CS, FAST_BAUDRATE, LENS_CS, RXD
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.dialects.emount.startup_shutdown import ShutDownReply, StreamLayoutReply, StreamLayoutRequest
from lensmount_protocol.dialects.emount.transitions import ASKED, STREAMING, STREAMING_ASKED, SWITCHING, UNTYPED
from lensmount_protocol.dialects.emount.types import RefusalCode
from lensmount_protocol.dialects.emount.units import distance_code, metres
from lensmount_protocol.framer import GarbageReason
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import Role

LEADING_COPY = 0x80
"""`03` f7 bit 7: the leading copy of the aperture target counts (Tamron firmware)."""

RELATIVE = 0x04
UNIT = 0x03
STEPS = 0


handle_command = HandlerTable[LensEngineBase, None]()
"""Execute one message of a loop frame; a message without a handler changes nothing."""


@handle_command.on(BodyState)
def _take_state(lens: LensEngineBase, message: BodyState) -> None:
    lens.stream.target = message.aperture_target_leading if message.control & LEADING_COPY else message.aperture_target
    lens.stream.phase_zero = lens.stream.phase_zero or message.cycle_phase == 0


@handle_command.on(RowSelect)
def _take_rows(lens: LensEngineBase, message: RowSelect) -> None:
    lens.rows.select((message.row_a, message.row_b))


@handle_command.on(FocusMove)
def _move(lens: LensEngineBase, message: FocusMove) -> None:
    if message.flags & UNIT == 1:
        lens.report(f"refuses a focus order in unit 1 (flags {message.flags:#04x})", is_error=True)
        _acknowledge(lens, FocusMoved(result=1))
        return
    operand = message.operand
    frame = float(lens.stream.frame)
    if message.flags & RELATIVE:
        signed = operand - 0x10000 if operand >= 0x8000 else operand
        operand = lens.motor.planned(frame) + signed
    _drive(lens, operand, FocusMoved())


def _drive(lens: LensEngineBase, target: int, acknowledgement: Message) -> None:
    """Run to a target within the limits; a current order is replaced and never acknowledged."""
    stream, settings = lens.stream, lens.settings.focus
    if not settings.driven:
        return
    begins = float(stream.frame)
    stream.moves = lens.motor.clamp(target) != lens.motor.planned(begins)
    stream.moving_to = lens.motor.set_target(target, begins)
    stream.motion_left = settings.motion_outlasts
    stream.acknowledgements.clear()
    _acknowledge(lens, acknowledgement)
    lens.report(f"focus runs to {stream.moving_to:#06x}")


MAX_ACKNOWLEDGEMENTS = 64
"""Acknowledgements that may wait for their frame; so many fit beside a `06`, and more are dropped."""


def _acknowledge(lens: LensEngineBase, message: Message) -> None:
    if len(lens.stream.acknowledgements) >= MAX_ACKNOWLEDGEMENTS:
        lens.dropped += 1
        lens.overflowed_at = lens.now
        return
    due = lens.stream.frame + lens.settings.focus.acknowledge_frames
    lens.stream.acknowledgements.append((due, message))


@handle_command.on(FocusStop)
def _stop(lens: LensEngineBase, _message: FocusStop) -> None:
    lens.stream.acknowledgements.clear()
    if lens.settings.focus.driven:
        lens.stream.moving_to = lens.motor.stop(float(lens.stream.frame))
    _acknowledge(lens, FocusStopped())


@handle_command.on(FocusScan)
def _scan(lens: LensEngineBase, message: FocusScan) -> None:
    """Run to limit B, which ends the scan; the far turn of the sweep determines its timing."""
    _drive(lens, message.limit_b, FocusScanned())


@handle_command.on(FocusLimitDrive)
def _drive_to_limit(lens: LensEngineBase, message: FocusLimitDrive) -> None:
    direction = 1 if message.speed >= 0 else 0xFF
    target = lens.motor.upper if message.speed >= 0 else lens.motor.lower
    _drive(lens, target, FocusLimitDriven(direction=direction))


@handle_command.on(PositionToDistance)
def _report_distance(lens: LensEngineBase, message: PositionToDistance) -> None:
    _acknowledge(lens, DistanceOfPosition(distance=_distance_at(lens, message.position)))


@handle_command.on(DistanceToPosition)
def _report_position(lens: LensEngineBase, message: DistanceToPosition) -> None:
    _acknowledge(lens, PositionOfDistance(position=_position_at(lens, message.distance)))


def _distance_at(lens: LensEngineBase, position: int) -> int:
    """The distance of a position, linear in dioptres (modelled): infinity at the lower limit, 1 m at the upper."""
    motor = lens.motor
    dioptres = (motor.clamp(position) - motor.lower) / max(1, motor.upper - motor.lower)
    return distance_code(math.inf if dioptres == 0 else 1 / dioptres)


def _position_at(lens: LensEngineBase, distance: int) -> int:
    motor = lens.motor
    dioptres = min(1.0, 1 / metres(distance))
    return round(motor.lower + dioptres * (motor.upper - motor.lower))


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
    yield lens.after(timing.reply.get(type_, timing.reply_otherwise))
    reply = _reply_to(lens, request, arrival.frame.class_)
    # A body that repeated its request has received the answer to the first one.
    if reply is not None and lens.connection.state in (ASKED, STREAMING_ASKED):
        yield from _send(lens, reply, timing.pauses.get(type_, []))
        what_follows = follow_up(lens, reply)
        if what_follows is not None:
            yield from what_follows
    elif isinstance(request, StreamLayoutRequest) and lens.connection.state in (STREAMING, STREAMING_ASKED):
        # Another answer replaced this one, so the stream is unchanged.
        lens.stream.running = lens.stream.running or streamed


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
    frame = lens.connection.send([reply], REQUEST_CLASS, 0)
    timing = lens.settings.timing
    yield from send_window(lens, frame, timing.setup, for_baudrate(lens, timing.hold), pauses)


def _reply_to(lens: LensEngineBase, request: AnyMessage, class_: int) -> Message | None:
    special = special_reply(lens, request)
    if special is not None:
        return special
    reply = lens.dialect.messages.get((Role.LENS, message_type(request)))
    if reply is not None and lens.has_message(reply):
        return lens.message_from_profile(reply)
    if not lens.settings.refuses:
        return None
    lens.report(f"refuses {message_type(request):02X}, which this lens does not know", is_error=True)
    return Refusal(class_=class_, type_=message_type(request), code=RefusalCode.UNKNOWN_MESSAGE)


@special_reply.on(StreamLayoutRequest)
def _echo_layout(_lens: LensEngineBase, request: StreamLayoutRequest) -> Message:
    return StreamLayoutReply(**request.values())


@special_reply.on(ApertureOrder)
def _reply_aperture(lens: LensEngineBase, _request: ApertureOrder) -> Message:
    return ApertureAnswer(aperture=lens.iris.current, aperture_again=lens.iris.current)


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
    lens.report("listens at 1.5 Mbaud")


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
        lens.motor.hold_position(float(lens.stream.frame))
        lens.stream.begin(reply.status_blocks, reply.focus_blocks)
        lens.report("streams its state")
        yield from stream.send_first_pair(lens)
    else:
        lens.report("stops streaming")


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
