"""What others than the script can have an E-mount body do: one step more, or a message of their own wording."""

from lensmount_emulator.roles.cast import Asking
from lensmount_emulator.roles.emount.body_core import LOOP_FRAME, BodyCore
from lensmount_emulator.roles.emount.body_requests import PATIENCE_S, USUAL_PATIENCE_S, LensSilentError
from lensmount_emulator.roles.emount.body_script import MOVE_PATIENCE_S, carry_out
from lensmount_emulator.roles.engine import ARRIVAL, Engine
from lensmount_emulator.roles.script import Step
from lensmount_emulator.roles.tasks import Task, Wait
from lensmount_protocol.dialects.emount.body_mode import BodyMode
from lensmount_protocol.dialects.emount.body_state import BodyState
from lensmount_protocol.dialects.emount.focus import FocusMove, FocusMoved, FocusStop, FocusStopped
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.message import Message

ACKNOWLEDGED_BY: dict[type[Message], type[Message]] = {FocusMove: FocusMoved, FocusStop: FocusStopped}
"""Orders that travel with the loop -> what the lens says to them."""

EVERY_FRAME = (BodyState, BodyMode)
"""What a body says by itself with every frame."""


def one_more_step(engine: Engine, step: Step) -> Task:
    """Do one step; a lens that stays silent is told, and is not an error of ours."""
    assert isinstance(engine, BodyCore)
    try:
        yield from carry_out(engine, step)
    except LensSilentError as error:
        engine.tell_error(error)


def ask(engine: Engine, message: Message) -> Asking:
    """Send a request or a focus order once, and wait for the answer as long as the body itself would.

    Raises:
        LocalProtocolError: it is said with every frame, or the body does not loop and cannot carry an order.
    """
    assert isinstance(engine, BodyCore)
    if isinstance(message, EVERY_FRAME):
        raise LocalProtocolError(f"{type(message).__name__} goes out with every frame; it cannot be asked")
    answer = ACKNOWLEDGED_BY.get(type(message))
    return (yield from _request(engine, message) if answer is None else _order(engine, message, answer))


def _request(body: BodyCore, request: Message) -> Asking:
    if body.looping:
        # Behind a loop frame there are 10 ms in which neither end says anything else.
        yield LOOP_FRAME
    body.reply, body.asked = None, request.TYPE
    yield from body.send([request], REQUEST_CLASS, 0)
    patience = body.now + PATIENCE_S.get(request.TYPE, USUAL_PATIENCE_S)
    yield Wait(patience, lambda: body.reply is not None, (ARRIVAL,))
    return body.reply


def _order(body: BodyCore, order: Message, answer: type[Message]) -> Asking:
    if not body.looping:
        raise LocalProtocolError(f"{type(order).__name__} travels with the loop, and the body does not loop")
    body.acknowledged.clear()
    body.orders.append(order)

    def came() -> Message | None:
        return next((said for said in body.acknowledged if isinstance(said, answer)), None)

    yield Wait(body.now + MOVE_PATIENCE_S, lambda: came() is not None, (ARRIVAL,))
    return came()
