"""How a body gets to know a lens: strict request and reply, one outstanding, each at its time."""

from lensmount_emulator.roles.emount.body_core import SPEED_TYPE, BodyCore
from lensmount_emulator.roles.emount.body_power import switch_speed
from lensmount_emulator.roles.engine import ARRIVAL
from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.notice import NoticeKind
from lensmount_emulator.roles.tasks import Task, Wait
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.dialects.emount.init import (
    DescriptorReply,
    FrameRateReply,
    IdentityReply,
    LensCapabilities,
    SpeedReply,
)
from lensmount_protocol.dialects.emount.lines import LENS_CS
from lensmount_protocol.dialects.emount.optics import show_lens_spec
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.dialects.emount.stream import StreamLayoutReply, StreamLayoutRequest
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

PATIENCE_S = {0x10: 8.0, 0x16: 4.0, 0x08: 0.5, 0x0A: 0.5}
USUAL_PATIENCE_S = 0.4
"""A Sony zoom homes for 1.33 s and a Viltrox pauses 150 ms inside a reply; a basilisk body waits 0.3 s, and 8 s for
`10`."""

ONLY_ONCE = frozenset({0x10, 0x0A, 0x16})
"""Never repeated: a second `10` restarts the movement, a second `0A` stops motors (Samyang, Tamron firmware)."""

SENDS = 3

SPEED = f"{SPEED_TYPE:02X}"

learn = Handlers[BodyCore, None]()
"""What a body remembers of a reply."""


class LensSilentError(Exception):
    """The lens did not answer a request, however often it was asked; ends the body's sequence, never leaves it."""


def get_to_know(body: BodyCore, types: list[str]) -> Task:
    """Ask every request of a start, in order; the speed switch comes where the list has `0C`."""
    before = ""
    for type_ in types:
        number = int(type_, 16)
        if number == SPEED_TYPE and not (body.settings.switches_speed and body.lens.offers_speed and body.windowed):
            continue
        if before == SPEED and isinstance(body.reply, SpeedReply) and body.reply.accepted & 1:
            yield from switch_speed(body)
        elif before:
            yield body.after(_pause_us(body, before, type_))
        yield from ask(body, number)
        before = type_


def ask(body: BodyCore, type_: int) -> Task:
    """Send one request until it is answered.

    Raises:
        LensSilentError: nobody answered.
    """
    request = body.dialect.messages[(Role.BODY, type_)]
    for _ in range(1 if type_ in ONLY_ONCE else SENDS):
        body.reply, body.asked = None, type_
        # Somebody else's layout must not decide what the stream is read from.
        body.connection.settle(type_ != StreamLayoutRequest.TYPE)
        yield from body.send([_worded(body, request)], REQUEST_CLASS, 0)
        patience = body.now + PATIENCE_S.get(type_, USUAL_PATIENCE_S)
        yield Wait(patience, lambda: body.reply is not None, (ARRIVAL,))
        body.connection.settle(True)
        if body.reply is not None:
            if not (yield body.level(LENS_CS, False, until=body.now + USUAL_PATIENCE_S)):
                # It lost its supply in the midst of its answer, and waits for a handshake.
                raise LensSilentError(f"the lens keeps {LENS_CS} high behind its answer to {type_:02X}")
            _take(body, type_, body.reply)
            return
        body.tell(f"no answer to {type_:02X}", trouble=True)
    raise LensSilentError(f"the lens never answered {type_:02X}")


def _worded(body: BodyCore, request: type[Message]) -> Message:
    if request is StreamLayoutRequest and body.saying_farewell:
        return StreamLayoutRequest(status_blocks=0, focus_blocks=0)
    return body.says(request)


def _take(body: BodyCore, type_: int, reply: Message) -> None:
    if isinstance(reply, Refusal):
        body.tell(f"the lens refuses {type_:02X} with code {reply.code}", trouble=True)
    learn(body, reply)


def _pause_us(body: BodyCore, before: str, this: str) -> float:
    """A body that could have switched the speed here leaves the time for it (a NEX-7, 15.35 ms)."""
    timing = body.settings.timing
    pause = timing.next_request.get(f"{before} {this}", timing.next_request.get(before))
    return timing.next_request_otherwise if pause is None else pause


@learn.on(LensCapabilities)
def _capabilities(body: BodyCore, reply: LensCapabilities) -> None:
    body.lens.capabilities = reply


@learn.on(IdentityReply)
def _identity(body: BodyCore, reply: IdentityReply) -> None:
    body.lens.identity = reply
    kind = "an adapter" if body.lens.is_adapter else "a native lens"
    body.tell(f"{kind}, lens id {reply.lens_id}")


@learn.on(DescriptorReply)
def _descriptor(body: BodyCore, reply: DescriptorReply) -> None:
    body.lens.descriptor = reply
    lens = f"a {show_lens_spec(reply.lens_spec)}"
    body.tell(f"it is {lens}", kind=NoticeKind.IDENTIFIED, subject=lens)


@learn.on(StreamLayoutReply)
def _layout(body: BodyCore, reply: StreamLayoutReply) -> None:
    wanted = _worded(body, StreamLayoutRequest).values()
    blocks = reply.status_blocks, reply.focus_blocks
    if blocks != (wanted["status_blocks"], wanted["focus_blocks"]):
        raise LensSilentError(f"the lens streams blocks {blocks[0]:#x} and {blocks[1]:#x}, which nobody ordered")


@learn.on(FrameRateReply)
def _frame_rate(body: BodyCore, reply: FrameRateReply) -> None:
    body.lens.slow_starter = not reply.rate
