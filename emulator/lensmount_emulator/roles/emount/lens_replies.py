"""How a lens answers requests: tables from request to reply and from reply to what follows, and the time it takes."""

from collections.abc import Mapping

from lensmount_emulator.roles.emount import lens_stream
from lensmount_emulator.roles.emount.lens_core import LensCore
from lensmount_emulator.roles.emount.windows import by_rate, send_window
from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.tasks import Task
from lensmount_protocol.connection import Arrival
from lensmount_protocol.dialects.emount.aperture import ApertureAnswer, ApertureOrder
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.dialects.emount.init import SpeedReply, SpeedRequest
from lensmount_protocol.dialects.emount.lines import BODY_CS, FAST_BAUDRATE, LENS_CS, RXD
from lensmount_protocol.dialects.emount.power import ShutDownReply
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.dialects.emount.stream import StreamLayoutReply, StreamLayoutRequest
from lensmount_protocol.dialects.emount.transitions import ASKED, OF_NO_TYPE, STREAMING, STREAMING_ASKED, SWITCHING
from lensmount_protocol.dialects.emount.types import RefusalCode
from lensmount_protocol.frame import GarbageReason
from lensmount_protocol.message import Message
from lensmount_protocol.paving import AnyMessage, type_of
from lensmount_protocol.wire import Role

REFUSAL_OF: Mapping[GarbageReason, RefusalCode] = {
    GarbageReason.END: RefusalCode.BAD_END,
    GarbageReason.NO_START: RefusalCode.BAD_START,
    GarbageReason.CHECKSUM: RefusalCode.BAD_CHECKSUM,
}
"""What garbage a lens complains about: codes 1 and 2 are seen on a Sony FE 24-105, 3 and 4 on a Tamron (firmware)."""

SWITCH_PATIENCE_US = 10_000.0
"""A lens gives a handshake up that stops half-way for so long (BAS-SY); bodies need 5.3 ms at most (SIG)."""

LIVE_SWITCH_PATIENCE_US = 100_000.0
"""The same where drivers and buffers of a port hold edges back."""

special_answer = Handlers[LensCore, Message | None]()
"""Answers to requests that are more than words of the profile; `None` leaves it to those."""

follow_up = Handlers[LensCore, Task]()
"""What a lens does once a reply is out."""


def answer(lens: LensCore, arrival: Arrival) -> Task:
    """Answer one request after the time that the profile gives it, then do what follows from it."""
    request = arrival.messages[0]
    timing = lens.settings.timing
    type_ = f"{type_of(request):02X}"
    streamed = lens.stream.running
    if isinstance(request, StreamLayoutRequest):
        lens.stream.end()
    yield lens.level(BODY_CS, False)
    yield lens.after(timing.reply.get(type_, timing.reply_otherwise))
    reply = _reply_to(lens, request, arrival.frame.class_)
    # A body that repeated its question has had its answer to the first one.
    if reply is not None and lens.connection.state in (ASKED, STREAMING_ASKED):
        yield from _send(lens, reply, timing.pauses.get(type_, []))
        what_follows = follow_up(lens, reply)
        if what_follows is not None:
            yield from what_follows
    elif isinstance(request, StreamLayoutRequest) and lens.connection.state in (STREAMING, STREAMING_ASKED):
        # Another answer went out in place of this one, so the stream is as it was.
        lens.stream.running = lens.stream.running or streamed


def complains(lens: LensCore, reason: GarbageReason) -> bool:
    """Whether this lens sends a refusal for bytes that are no frame."""
    return lens.settings.refuses and reason in REFUSAL_OF


def refuse_garbage(lens: LensCore, reason: GarbageReason) -> Task:
    """Send a refusal for a frame that was not read, where the link allows it."""
    yield lens.level(BODY_CS, False)
    yield lens.after(lens.settings.timing.reply_otherwise)
    if "bad frame" in lens.dialect.transitions.legal(lens.connection.state, Role.LENS):
        yield from _send(lens, Refusal(class_=OF_NO_TYPE, type_=OF_NO_TYPE, code=REFUSAL_OF[reason]), [])


def _send(lens: LensCore, reply: Message, pauses: list[tuple[int, float]]) -> Task:
    frame = lens.connection.send([reply], REQUEST_CLASS, 0)
    timing = lens.settings.timing
    yield from send_window(lens, frame, timing.setup, by_rate(lens, timing.hold), pauses)


def _reply_to(lens: LensCore, request: AnyMessage, class_: int) -> Message | None:
    special = special_answer(lens, request)
    if special is not None:
        return special
    reply = lens.dialect.messages.get((Role.LENS, type_of(request)))
    if reply is not None and lens.knows(reply):
        return lens.says(reply)
    if not lens.settings.refuses:
        return None
    lens.tell(f"refuses {type_of(request):02X}, which this lens does not know", trouble=True)
    return Refusal(class_=class_, type_=type_of(request), code=RefusalCode.UNKNOWN_MESSAGE)


@special_answer.on(StreamLayoutRequest)
def _echo_layout(_lens: LensCore, request: StreamLayoutRequest) -> Message:
    return StreamLayoutReply(**request.values())


@special_answer.on(ApertureOrder)
def _tell_aperture(lens: LensCore, _request: ApertureOrder) -> Message:
    return ApertureAnswer(aperture=lens.iris.current, aperture_again=lens.iris.current)


@special_answer.on(SpeedRequest)
def _answer_speed(lens: LensCore, _request: SpeedRequest) -> Message | None:
    """Both ends stream at a rate: one that streams accepts no other, which the profile's words do not say."""
    return SpeedReply(accepted=0) if lens.connection.state == STREAMING_ASKED else None


@follow_up.on(SpeedReply)
def _switch_speed(lens: LensCore, reply: SpeedReply) -> Task:
    """The silent second handshake: follow the body's select line once, then listen at the fast rate.

    A body that does not make it in time, or sends bytes in its window, does not switch, and nor does the lens.
    """
    timing = lens.settings.timing
    if not reply.accepted & 1:
        return
    if lens.windowed:
        patience_us = LIVE_SWITCH_PATIENCE_US if lens.live else SWITCH_PATIENCE_US
        begins = yield lens.level(BODY_CS, True, until=lens.at(lens.now, patience_us))
        if not begins or lens.connection.state != SWITCHING:
            _stay_slow(lens)
            return
        yield lens.after(timing.switch_rises)
        lens.drive(LENS_CS, True)
        ends = yield lens.level(BODY_CS, False, until=lens.at(lens.now, patience_us))
        if not ends or lens.window_holds_bytes or lens.connection.state != SWITCHING:
            _stay_slow(lens)
            return
        yield lens.after(timing.switch_falls)
        lens.drive(LENS_CS, False)
    lens.set_baudrate(FAST_BAUDRATE)
    lens.connection.move("switched", by=Role.LENS)
    lens.tell("listens at 1.5 Mbaud")


def _stay_slow(lens: LensCore) -> None:
    """The handshake of the speed switch did not come, or was none."""
    if not lens.sending:
        lens.drive(LENS_CS, False)
    # A request has moved the link on already.
    if lens.connection.state == SWITCHING:
        lens.connection.move("not switched", by=Role.LENS)
        lens.tell("no silent handshake; keeps its rate")


@follow_up.on(StreamLayoutReply)
def _start_stream(lens: LensCore, reply: StreamLayoutReply) -> Task:
    if reply.status_blocks or reply.focus_blocks:
        # The stream counts its frames from its beginning, and the motor counts time in them.
        lens.motor.rest(float(lens.stream.frame))
        lens.stream.begin(reply.status_blocks, reply.focus_blocks)
        lens.tell("streams its state")
        yield from lens_stream.first_pair(lens)
    else:
        lens.tell("stops streaming")


@follow_up.on(ShutDownReply)
def _fall_asleep(lens: LensCore, _reply: ShutDownReply) -> Task:
    """Lines at rest, rate and state kept: the next rise of BODY_CS is a warm start."""
    lens.stream.end()
    lens.rows.clear()
    lens.drive(RXD, False)
    lens.tell("asleep")
    if lens.windowed:
        # Its serial port is off until the next handshake.
        lens.hears = False
    else:
        # No line can call it, so the next request does.
        lens.connection.move("wake", by=Role.BODY)
        lens.connection.move("linked", by=Role.LENS)
    yield from ()
