"""The script of an E-mount body: a table of verbs, each with its argument parser and its task.

Other callers can execute an extra step, or send a message of their own.
"""

from collections.abc import Callable, Mapping

from lensmount_emulator.engine.dialect_roles import RequestTask
from lensmount_emulator.engine.engine import ARRIVAL, Engine
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.script import Step, VerbArgumentParser, no_argument, parse_count, parse_seconds
from lensmount_emulator.engine.tasks import Task, Wait
from lensmount_emulator.roles.emount.body.engine_base import LOOP_FRAME, PULSE, BodyEngineBase
from lensmount_emulator.roles.emount.body.startup import (
    DEFAULT_REPLY_TIMEOUT_S,
    REPLY_TIMEOUTS_S,
    LensNotRespondingError,
    send_request,
    sleep,
    start_stream,
    stop_stream,
    wake,
)
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState
from lensmount_protocol.dialects.emount.focus import FocusMove, FocusMoved, FocusStop, FocusStopped
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.dialects.emount.units import FocusSwitch, aperture_code, format_aperture
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.message import Message

RELATIVE = 0x04
FIRST_STATUS_S = 0.1
"""Time for which a body waits for a lens's first `05` before it assumes that its switch is at AF."""

MOVE_TIMEOUT_S = 3.0
IRIS_TIMEOUT_S = 2.0
SETTLED_FRAMES = 4
"""Frames after an aperture order before a report of rest is accepted: the lens's own delay is at most two."""

IRIS_IDLE = 0x01
MAX_STEP = 0xFFFF


def parse_position(text: str) -> int:
    """Parse a focus position or, with a sign, a distance, in motor steps: `0x3EEF`, `16111`, `+200`, `-200`."""
    try:
        value = int(text, 0)
    except ValueError:
        raise ValueError(f"wants motor steps such as 0x3EEF, 16111, +200 or -200, not {text!r}") from None
    if abs(value) > MAX_STEP:
        raise ValueError(f"wants motor steps up to {MAX_STEP:#x}, not {text!r}")
    return value


def parse_aperture(text: str) -> int:
    """Parse an aperture: `f/5.6`, `5.6`, or a code such as `0x14F1`."""
    try:
        return int(text, 16) if text.lower().startswith("0x") else aperture_code(float(text.lower().removeprefix("f/")))
    except ValueError:
        raise ValueError(f"wants an aperture such as f/5.6 or 0x14F1, not {text!r}") from None


def execute_step(body: BodyEngineBase, step: Step) -> Task:
    """Execute one step and wait until the lens has completed it."""
    body.report(f"script: {step.text}", kind=NoticeKind.SCRIPT_STEP, subject=step.text)
    yield from TASKS[step.verb](body, step)


def _focus(body: BodyEngineBase, step: Step) -> Task:
    yield Wait(body.now + FIRST_STATUS_S, lambda: body.lens.status is not None, (ARRIVAL,))
    status = body.lens.status
    if status is not None and status.focus_switch == FocusSwitch.MF:
        body.report("the lens's switch says MF, so no focus order is sent")
        return
    operand = int(step.value or 0)
    signed = step.text.split()[-1].startswith(("+", "-"))
    order = FocusMove(operand=operand & 0xFFFF, flags=RELATIVE if signed else 0)
    began = body.now
    yield from _order(body, order, FocusMoved, MOVE_TIMEOUT_S)
    focus = body.lens.focus
    if focus is not None:
        body.report(f"focus plan at {focus.planned_position:#06x} after {(body.now - began) * 1e3:.1f} ms")


def _stop(body: BodyEngineBase, _step: Step) -> Task:
    yield from _order(body, FocusStop(), FocusStopped, MOVE_TIMEOUT_S)


def _order(body: BodyEngineBase, order: Message, answer: type[Message], timeout_s: float) -> Task:
    body.acknowledged.clear()
    body.orders.append(order)
    yield Wait(body.now + timeout_s, lambda: any(isinstance(one, answer) for one in body.acknowledged), (ARRIVAL,))
    if not any(isinstance(one, answer) for one in body.acknowledged):
        body.report(f"no {answer.__name__} within {timeout_s:g} s", is_error=True)


def _aperture(body: BodyEngineBase, step: Step) -> Task:
    body.aperture = int(step.value or 0)
    began, asked = body.now, body.pulses
    yield Wait(
        body.now + IRIS_TIMEOUT_S,
        lambda: body.pulses >= asked + SETTLED_FRAMES and _is_iris_idle(body),
        (PULSE, ARRIVAL),
    )
    status = body.lens.status
    if not _is_iris_idle(body):
        body.report(f"the iris is not at rest within {IRIS_TIMEOUT_S:g} s", is_error=True)
    elif status is not None:
        body.report(f"aperture at {format_aperture(status.aperture)} after {(body.now - began) * 1e3:.1f} ms")


def _is_iris_idle(body: BodyEngineBase) -> bool:
    return body.lens.status is not None and bool(body.lens.status.state & IRIS_IDLE)


def _frame(body: BodyEngineBase, step: Step) -> Task:
    yield Wait(ready=lambda: body.loop.frame >= int(step.value or 0), on=(LOOP_FRAME,))


def _wait(body: BodyEngineBase, step: Step) -> Task:
    yield body.after(float(step.value or 0) * 1e6)


def _sleep(body: BodyEngineBase, step: Step) -> Task:
    yield from sleep(body, body.settings.farewell_frames if step.value is None else int(step.value))


def _wake(body: BodyEngineBase, _step: Step) -> Task:
    yield from wake(body)


STREAM_LAYOUT = 0x0A


def _picture(body: BodyEngineBase, _step: Step) -> Task:
    """Send the requests of a shutter press in the profile's order; the first `0A` stops the stream, the last starts it.

    That the layout orders do so is inferred from what `0A` does elsewhere. Types that the lens does not list are
    skipped.
    """
    body.report("picture: the order of these requests is a third-party report about an a9 II (WZQ), never captured")
    layouts = body.settings.picture.count(f"{STREAM_LAYOUT:02X}")
    for type_ in body.settings.picture:
        number = int(type_, 16)
        if number == STREAM_LAYOUT:
            layouts -= 1
            yield from (stop_stream(body) if layouts else start_stream(body))
        elif not body.lens.lists(number):
            body.report(f"picture: {type_} is left out, which this lens does not list")
        else:
            if body.looping:
                # After a loop frame neither end sends for 10 ms.
                yield LOOP_FRAME
            yield body.after(body.settings.timing.next_request_otherwise)
            yield from send_request(body, number)


VERBS: Mapping[str, VerbArgumentParser] = {
    "focus": parse_position,
    "stop": no_argument,
    "aperture": parse_aperture,
    "wait": parse_seconds,
    "frame": parse_count,
    "sleep": no_argument,
    "wake": no_argument,
    "picture": no_argument,
}

TASKS: Mapping[str, Callable[[BodyEngineBase, Step], Task]] = {
    "focus": _focus,
    "stop": _stop,
    "aperture": _aperture,
    "wait": _wait,
    "frame": _frame,
    "sleep": _sleep,
    "wake": _wake,
    "picture": _picture,
}


ACKNOWLEDGED_BY: dict[type[Message], type[Message]] = {FocusMove: FocusMoved, FocusStop: FocusStopped}
"""Orders in loop frames -> their acknowledgement."""

EVERY_FRAME = (BodyState, BodyMode)
"""Messages that a body sends by itself with every frame."""


def execute_extra_step(engine: Engine, step: Step) -> Task:
    """Execute one step; a lens that does not respond is reported, and raises no error."""
    assert isinstance(engine, BodyEngineBase)
    try:
        yield from execute_step(engine, step)
    except LensNotRespondingError as error:
        engine.report_error(error)


def request(engine: Engine, message: Message) -> RequestTask:
    """Send a request or a focus order once, and wait for the answer with the body's own timeout.

    Raises:
        LocalProtocolError: the body sends it with every frame, or the body does not loop and cannot carry an order.
    """
    assert isinstance(engine, BodyEngineBase)
    if isinstance(message, EVERY_FRAME):
        raise LocalProtocolError(f"{type(message).__name__} goes out with every frame; it cannot be asked")
    answer = ACKNOWLEDGED_BY.get(type(message))
    return (yield from _send_request(engine, message) if answer is None else _send_order(engine, message, answer))


def _send_request(body: BodyEngineBase, request: Message) -> RequestTask:
    if body.looping:
        # After a loop frame neither end sends for 10 ms.
        yield LOOP_FRAME
    body.reply, body.pending_request = None, request.TYPE
    yield from body.send([request], REQUEST_CLASS, 0)
    deadline = body.now + REPLY_TIMEOUTS_S.get(request.TYPE, DEFAULT_REPLY_TIMEOUT_S)
    yield Wait(deadline, lambda: body.reply is not None, (ARRIVAL,))
    return body.reply


def _send_order(body: BodyEngineBase, order: Message, answer: type[Message]) -> RequestTask:
    if not body.looping:
        raise LocalProtocolError(f"{type(order).__name__} travels with the loop, and the body does not loop")
    body.acknowledged.clear()
    body.orders.append(order)

    def find_answer() -> Message | None:
        return next((message for message in body.acknowledged if isinstance(message, answer)), None)

    yield Wait(body.now + MOVE_TIMEOUT_S, lambda: find_answer() is not None, (ARRIVAL,))
    return find_answer()
