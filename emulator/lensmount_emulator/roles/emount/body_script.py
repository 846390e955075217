"""What a script can make an E-mount body do: a table of verbs, each with its reader and its task."""

from collections.abc import Callable, Mapping

from lensmount_emulator.roles.emount.body_core import LOOP_FRAME, PULSE, BodyCore
from lensmount_emulator.roles.emount.body_sleep import sleep, wake
from lensmount_emulator.roles.engine import ARRIVAL
from lensmount_emulator.roles.notice import NoticeKind
from lensmount_emulator.roles.script import Reader, Step, nothing, seconds, whole_number
from lensmount_emulator.roles.tasks import Task, Wait
from lensmount_protocol.dialects.emount.focus import FocusMove, FocusMoved, FocusStop, FocusStopped
from lensmount_protocol.dialects.emount.optics import aperture_code, show_aperture
from lensmount_protocol.dialects.emount.types import FocusSwitch
from lensmount_protocol.message import Message

RELATIVE = 0x04
FIRST_STATUS_S = 0.1
"""What a body waits for a lens's first `05` before it takes its switch for AF."""

MOVE_PATIENCE_S = 3.0
IRIS_PATIENCE_S = 2.0
SETTLED_FRAMES = 4
"""Frames behind an aperture order after which a lens that reports rest is believed: its own delay is at most two."""

IRIS_AT_REST = 0x01
LARGEST_STEP = 0xFFFF


def position(text: str) -> int:
    """A focus position or, with a sign, a distance, in motor steps: `0x3EEF`, `16111`, `+200`, `-200`."""
    try:
        value = int(text, 0)
    except ValueError:
        raise ValueError(f"wants motor steps such as 0x3EEF, 16111, +200 or -200, not {text!r}") from None
    if abs(value) > LARGEST_STEP:
        raise ValueError(f"wants motor steps up to {LARGEST_STEP:#x}, not {text!r}")
    return value


def aperture(text: str) -> int:
    """An aperture: `f/5.6`, `5.6`, or a code such as `0x14F1`."""
    try:
        return int(text, 16) if text.lower().startswith("0x") else aperture_code(float(text.lower().removeprefix("f/")))
    except ValueError:
        raise ValueError(f"wants an aperture such as f/5.6 or 0x14F1, not {text!r}") from None


def carry_out(body: BodyCore, step: Step) -> Task:
    """Do one step and wait until the lens has done its part."""
    body.tell(f"script: {step.text}", kind=NoticeKind.SCRIPT_STEP, subject=step.text)
    yield from TASKS[step.verb](body, step)


def _focus(body: BodyCore, step: Step) -> Task:
    yield Wait(body.now + FIRST_STATUS_S, lambda: body.lens.status is not None, (ARRIVAL,))
    status = body.lens.status
    if status is not None and status.focus_switch == FocusSwitch.MF:
        body.tell("the lens's switch says MF, so no focus order is sent")
        return
    operand = int(step.value or 0)
    signed = step.text.split()[-1].startswith(("+", "-"))
    order = FocusMove(operand=operand & 0xFFFF, flags=RELATIVE if signed else 0)
    began = body.now
    yield from _order(body, order, FocusMoved, MOVE_PATIENCE_S)
    focus = body.lens.focus
    if focus is not None:
        body.tell(f"focus plan at {focus.planned_position:#06x} after {(body.now - began) * 1e3:.1f} ms")


def _stop(body: BodyCore, _step: Step) -> Task:
    yield from _order(body, FocusStop(), FocusStopped, MOVE_PATIENCE_S)


def _order(body: BodyCore, order: Message, answer: type[Message], patience_s: float) -> Task:
    body.acknowledged.clear()
    body.orders.append(order)
    yield Wait(body.now + patience_s, lambda: any(isinstance(said, answer) for said in body.acknowledged), (ARRIVAL,))
    if not any(isinstance(said, answer) for said in body.acknowledged):
        body.tell(f"no {answer.__name__} within {patience_s:g} s", trouble=True)


def _aperture(body: BodyCore, step: Step) -> Task:
    body.aperture = int(step.value or 0)
    began, asked = body.now, body.pulses
    yield Wait(
        body.now + IRIS_PATIENCE_S,
        lambda: body.pulses >= asked + SETTLED_FRAMES and _iris_rests(body),
        (PULSE, ARRIVAL),
    )
    status = body.lens.status
    if not _iris_rests(body):
        body.tell(f"the iris is not at rest within {IRIS_PATIENCE_S:g} s", trouble=True)
    elif status is not None:
        body.tell(f"aperture at {show_aperture(status.aperture)} after {(body.now - began) * 1e3:.1f} ms")


def _iris_rests(body: BodyCore) -> bool:
    return body.lens.status is not None and bool(body.lens.status.state & IRIS_AT_REST)


def _frame(body: BodyCore, step: Step) -> Task:
    yield Wait(ready=lambda: body.loop.frame >= int(step.value or 0), on=(LOOP_FRAME,))


def _wait(body: BodyCore, step: Step) -> Task:
    yield body.after(float(step.value or 0) * 1e6)


def _sleep(body: BodyCore, step: Step) -> Task:
    yield from sleep(body, body.settings.farewell_frames if step.value is None else int(step.value))


def _wake(body: BodyCore, _step: Step) -> Task:
    yield from wake(body)


VERBS: Mapping[str, Reader] = {
    "focus": position,
    "stop": nothing,
    "aperture": aperture,
    "wait": seconds,
    "frame": whole_number,
    "sleep": nothing,
    "wake": nothing,
}

TASKS: Mapping[str, Callable[[BodyCore, Step], Task]] = {
    "focus": _focus,
    "stop": _stop,
    "aperture": _aperture,
    "wait": _wait,
    "frame": _frame,
    "sleep": _sleep,
    "wake": _wake,
}
