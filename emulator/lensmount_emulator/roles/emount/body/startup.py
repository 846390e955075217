"""The start, sleep and wake sequences of an E-mount body.

- Power-up: supply, frame sync, the handshake on both select lines, and the speed switch. Every wait of an A6000 and a
  NEX-7 falls on a grid of polls 5.04 ms apart (inferred from all captures), so these tasks poll the lens at fixed
  times and never react to an edge.
- Identification: strict request and reply, one outstanding, each at its time.
- Sleep, and the warm start of a lens that kept its supply.
"""

from lensmount_emulator.engine.engine import ARRIVAL, HandlerTable
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.tasks import Task, Wait
from lensmount_emulator.roles.emount.body.engine_base import LOOP_FRAME, PULSE, SPEED_TYPE, BodyEngineBase
from lensmount_emulator.roles.emount.body.frame_loop import resume_loop, start_loop
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.dialects.emount.identification import (
    DescriptorReply,
    FrameRateReply,
    IdentityReply,
    LensCapabilities,
    SpeedReply,
)
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
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.dialects.emount.startup_shutdown import ShutDownRequest, StreamLayoutReply, StreamLayoutRequest
from lensmount_protocol.dialects.emount.transitions import ASLEEP, READY, STREAMING
from lensmount_protocol.dialects.emount.units import format_lens_spec
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

HANDSHAKE_TIMEOUT_S = 0.5
"""Seconds until the body sends `01` anyway: a lens that kept its supply may never do the handshake (bench logs)."""


def power_up(body: BodyEngineBase) -> Task:
    """Wait for a lens and power it; no line is driven before it is attached."""
    yield body.level(XDETECT, False)
    body.drive(LENS_POWER, True)
    body.drive(VCC, True)
    body.drive(VD, True)
    body.connection.move("power", by=Role.BODY)
    body.report("supply on")


def run_frame_sync(body: BodyEngineBase) -> Task:
    """Drive the frame-sync pulses on VD while the lens has power; they time the whole session."""
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


def handshake(body: BodyEngineBase, begins: float) -> Task:
    """Raise BODY_CS, wait for the lens's serial line, lower it, wait for LENS_CS to go low.

    Args:
        body: the body.
        begins: time at which BODY_CS rises, in seconds.
    """
    timing = body.settings.timing
    if body.windowed:
        yield begins
        body.drive(BODY_CS, True)
        yield body.after(timing.serial_on)
        body.drive(TXD, True)
        yield from _poll_line(body, begins, timing.first_poll, RXD, True)
        body.drive(BODY_CS, False)
        body.select_fell_at = body.now
        yield from _poll_line(body, body.now, timing.link_poll, LENS_CS, False)
    body.drive(TXD, True)
    body.connection.move("linked", by=Role.BODY)
    body.report("handshake done")


def switch_speed(body: BodyEngineBase) -> Task:
    """Do the second handshake, without bytes, then switch both ends to the fast rate."""
    timing = body.settings.timing
    yield body.after(timing.switch_rises)
    rose = body.now
    body.drive(BODY_CS, True)
    yield from _poll_line(body, rose, timing.switch_look, LENS_CS, True)
    yield body.after(timing.switch_falls)
    body.drive(BODY_CS, False)
    fell = body.now
    yield from _poll_line(body, fell, timing.link_poll, LENS_CS, False)
    body.set_baudrate(FAST_BAUDRATE)
    body.connection.move("switched", by=Role.BODY)
    body.report("switched to 1.5 Mbaud")
    yield body.at(fell, timing.switch_rests)


def _poll_line(body: BodyEngineBase, since: float, first_us: float, line: str, level: bool) -> Task:
    """Poll a line on the grid until it is at a level or `HANDSHAKE_TIMEOUT_S` is over."""
    yield body.at(since, first_us)
    while body.levels.get(line, False) != level and line in body.carried:
        if body.now - since > HANDSHAKE_TIMEOUT_S:
            body.report(f"{line} never went {'high' if level else 'low'}; going on without", is_error=True)
            return
        yield body.after(body.settings.timing.poll)


REPLY_TIMEOUTS_S = {0x10: 8.0, 0x16: 4.0, 0x08: 0.5, 0x0A: 0.5}
DEFAULT_REPLY_TIMEOUT_S = 0.4
"""A Sony zoom homes for 1.33 s and a Viltrox pauses 150 ms inside a reply; a basilisk body waits 0.3 s, and 8 s for
`10`."""

ONLY_ONCE = frozenset({0x10, 0x0A, 0x16})
"""Never repeated: a second `10` restarts the movement, a second `0A` stops motors (Samyang, Tamron firmware)."""

MAX_SENDS = 3

SPEED = f"{SPEED_TYPE:02X}"

reply_handlers = HandlerTable[BodyEngineBase, None]()
"""Handlers that store the content of a reply."""


class LensNotRespondingError(Exception):
    """The lens did not answer a request or its repeats; ends the body's start sequence, and is handled there."""


def identify_lens(body: BodyEngineBase, types: list[str]) -> Task:
    """Send every request of a start, in order; the speed switch follows `0C`."""
    before = ""
    for type_ in types:
        number = int(type_, 16)
        if number == SPEED_TYPE and not (body.settings.switches_speed and body.lens.offers_speed and body.windowed):
            continue
        if before == SPEED and isinstance(body.reply, SpeedReply) and body.reply.accepted & 1:
            yield from switch_speed(body)
        elif before:
            yield body.after(_pause_us(body, before, type_))
        yield from send_request(body, number)
        before = type_


def send_request(body: BodyEngineBase, type_: int) -> Task:
    """Send one request until it is answered.

    Raises:
        LensNotRespondingError: the lens does not answer.
    """
    request = body.dialect.messages[(Role.BODY, type_)]
    for _ in range(1 if type_ in ONLY_ONCE else MAX_SENDS):
        body.reply, body.pending_request = None, type_
        # Only the body's own layout request may change how the stream is parsed.
        body.connection.freeze_layout(type_ != StreamLayoutRequest.TYPE)
        yield from body.send([_make_request(body, request)], REQUEST_CLASS, 0)
        deadline = body.now + REPLY_TIMEOUTS_S.get(type_, DEFAULT_REPLY_TIMEOUT_S)
        yield Wait(deadline, lambda: body.reply is not None, (ARRIVAL,))
        body.connection.freeze_layout(True)
        if body.reply is not None:
            if not (yield body.level(LENS_CS, False, until=body.now + DEFAULT_REPLY_TIMEOUT_S)):
                # It lost its supply during its answer, and waits for a handshake.
                raise LensNotRespondingError(f"the lens keeps {LENS_CS} high after its answer to {type_:02X}")
            _accept_reply(body, type_, body.reply)
            return
        body.report(f"no answer to {type_:02X}", is_error=True)
    raise LensNotRespondingError(f"the lens never answered {type_:02X}")


def _make_request(body: BodyEngineBase, request: type[Message]) -> Message:
    if request is StreamLayoutRequest and (body.sending_farewell or body.stopping_stream):
        return StreamLayoutRequest(status_blocks=0, focus_blocks=0)
    return body.message_from_profile(request)


def _accept_reply(body: BodyEngineBase, type_: int, reply: Message) -> None:
    if isinstance(reply, Refusal):
        body.report(f"the lens refuses {type_:02X} with code {reply.code}", is_error=True)
    reply_handlers(body, reply)


def _pause_us(body: BodyEngineBase, before: str, this: str) -> float:
    """Return the pause before a request; after `0C` it leaves time for a speed switch (a NEX-7, 15.35 ms)."""
    timing = body.settings.timing
    pause = timing.next_request.get(f"{before} {this}", timing.next_request.get(before))
    return timing.next_request_otherwise if pause is None else pause


@reply_handlers.on(LensCapabilities)
def _capabilities(body: BodyEngineBase, reply: LensCapabilities) -> None:
    body.lens.capabilities = reply


@reply_handlers.on(IdentityReply)
def _identity(body: BodyEngineBase, reply: IdentityReply) -> None:
    body.lens.identity = reply
    kind = "an adapter" if body.lens.is_adapter else "a native lens"
    body.report(f"{kind}, lens id {reply.lens_id}")


@reply_handlers.on(DescriptorReply)
def _descriptor(body: BodyEngineBase, reply: DescriptorReply) -> None:
    body.lens.descriptor = reply
    lens = f"a {format_lens_spec(reply.lens_spec)}"
    body.report(f"lens identified: {lens}", kind=NoticeKind.IDENTIFIED, subject=lens)


@reply_handlers.on(StreamLayoutReply)
def _layout(body: BodyEngineBase, reply: StreamLayoutReply) -> None:
    wanted = _make_request(body, StreamLayoutRequest).values()
    blocks = reply.status_blocks, reply.focus_blocks
    if blocks != (wanted["status_blocks"], wanted["focus_blocks"]):
        raise LensNotRespondingError(f"the lens streams blocks {blocks[0]:#x} and {blocks[1]:#x} without an order")


@reply_handlers.on(FrameRateReply)
def _frame_rate(body: BodyEngineBase, reply: FrameRateReply) -> None:
    body.lens.slow_starter = not reply.rate


AFTER_PULSE_US = 330.0
"""A waking body raises BODY_CS this long after a frame-sync pulse (0.3 ms on an A6000, 0.45 ms on a NEX-7)."""

BEFORE_STOP_US = 7_000.0
"""From the last `04` to the order that stops the stream (NEX-7, four power-offs)."""


def sleep(body: BodyEngineBase, frames: int) -> Task:
    """Run the power-off sequence: farewell frames, stream off, shut down; the lens keeps its supply and its memory."""
    body.sending_farewell = True
    last = body.loop.frame + frames
    yield Wait(ready=lambda: body.loop.frame >= last, on=(LOOP_FRAME,))
    body.looping = False
    yield body.after(BEFORE_STOP_US)
    yield from _order(body, StreamLayoutRequest.TYPE, READY)
    yield body.after(body.settings.timing.next_request_otherwise)
    yield from _order(body, ShutDownRequest.TYPE, ASLEEP)
    body.sending_farewell = False
    body.drive(TXD, False)
    body.report("the lens sleeps")


def stop_stream(body: BodyEngineBase) -> Task:
    """Stop the loop after its current frame, and the lens's stream."""
    yield LOOP_FRAME
    body.looping = False
    body.stopping_stream = True
    yield body.after(BEFORE_STOP_US)
    yield from _order(body, StreamLayoutRequest.TYPE, READY)
    body.stopping_stream = False


def start_stream(body: BodyEngineBase) -> Task:
    """Start the lens's stream, and the loop where it stopped."""
    yield body.after(body.settings.timing.next_request_otherwise)
    yield from _order(body, StreamLayoutRequest.TYPE, STREAMING)
    resume_loop(body)


def _order(body: BodyEngineBase, type_: int, state: str) -> Task:
    yield from send_request(body, type_)
    if body.connection.state != state:
        # A refusal is an answer too; to continue would leave a powered lens without a controlling body.
        raise LensNotRespondingError(f"the lens does not follow {type_:02X}")


def wake(body: BodyEngineBase) -> Task:
    """Run the warm start: handshake, a pause, and the short list of requests; does nothing if the lens streams."""
    if body.looping:
        return
    body.connection.move("wake", by=Role.BODY)
    yield PULSE
    yield from handshake(body, body.pulse_at + AFTER_PULSE_US * 1e-6)
    yield from wait_after_handshake(body)
    yield from identify_lens(body, body.settings.warm)
    start_loop(body)


def wait_after_handshake(body: BodyEngineBase) -> Task:
    """Wait after a warm handshake as long as after the speed switch (20.25 ms on a NEX-7)."""
    yield body.at(body.select_fell_at, body.settings.timing.switch_rests)
