"""What a script can make a body of the open model do: a table of verbs, each with its reader and its task.

What only a hand can do (`zoom`, `turn`, `press`, `switch`, `ring`, `detach`) is done by the hand at the virtual lens.
"""

from collections.abc import Callable, Mapping

from lensmount_emulator.roles.lmount.body_checks import CHECKS, check_all, take_off
from lensmount_emulator.roles.lmount.body_core import BodyCore
from lensmount_emulator.roles.lmount.body_deeds import (
    Deed,
    close,
    expose,
    fetch_corrections,
    fetch_tables,
    focus_to,
    limit_focus,
    power_zoom,
    reason,
    set_ring,
    track,
)
from lensmount_emulator.roles.lmount.body_firmware import bring, take_back
from lensmount_emulator.roles.lmount.body_greeting import stabilise
from lensmount_emulator.roles.lmount.body_paging import has_page, use_page
from lensmount_emulator.roles.lmount.body_sleep import sleep, wake
from lensmount_emulator.roles.lmount.body_words import (
    aperture,
    exposure_time,
    focus_target,
    image,
    limits,
    optional_seconds,
    page,
    rate,
    smooth,
    stabiliser_mode,
    throw,
    velocity,
)
from lensmount_emulator.roles.lmount.lens_hand import LENS_VERBS
from lensmount_emulator.roles.notice import NoticeKind
from lensmount_emulator.roles.script import Reader, Step, nothing, seconds
from lensmount_emulator.roles.tasks import Task
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.link import Refusal
from lensmount_protocol.dialects.lmount.types import ApertureMode, FocusOrder, Part
from lensmount_protocol.errors import LocalProtocolError, unknown

HAND_S = 0.35
"""What a body waits for a hand: longer than the longest turn of a zoom ring takes."""

ALL = "all"


def carry_out(body: BodyCore, step: Step) -> Task:
    """Do one step and wait until the lens has done its part."""
    body.tell(f"script: {step.text}", kind=NoticeKind.SCRIPT_STEP, subject=step.text)
    yield from TASKS[step.verb](body, step)


def _told(deed: Callable[[BodyCore, Step], Deed]) -> Callable[[BodyCore, Step], Task]:
    """The deed as a task: a refusal or silence is told, and is not an error of ours."""

    def task(body: BodyCore, step: Step) -> Task:
        answer = yield from deed(body, step)
        if isinstance(answer, Refusal) or answer is None:
            body.tell(f"{step.text}: {reason(answer)}", trouble=answer is None)

    return task


def _rate(body: BodyCore, step: Step) -> Task:
    abilities = body.known.abilities
    wanted = min(int(step.value), body.settings.camera.highest_hz)
    can = max(abilities.drive_rates_hz, default=wanted) if abilities is not None else wanted
    body.rate_hz = min(wanted, max(can, body.settings.camera.live_view_hz))
    body.tell(f"{body.rate_hz} frames a second")
    yield body.now + 2 / body.rate_hz


def _track(body: BodyCore, step: Step) -> Task:
    began = body.frame
    accepted = yield from track(body, float(step.value))
    body.tell(f"{accepted} set points in {(body.frame - began) & 0xFFFF} frames")


def _correct(body: BodyCore, _step: Step) -> Task:
    came = yield from fetch_corrections(body)
    for kind, coefficients in came.items():
        body.tell(f"{kind.name.lower().replace('_', ' ')}: {coefficients}")
    tables = yield from fetch_tables(body)
    body.tell(f"tables: {', '.join(tables) or 'none'}")


def _page(body: BodyCore, step: Step) -> Task:
    if not has_page(body, step.value):
        body.tell(f"the page of {step.value} was not agreed")
        return
    heard = yield from use_page(body, step.value)
    if heard is None or isinstance(heard, Refusal):
        body.tell(f"{step.text}: {reason(heard)}", trouble=heard is None)


def _expose(body: BodyCore, step: Step) -> Task:
    state = body.known.aperture
    yield from expose(body, float(step.value), None if state is None else state.target)


def _sleep(body: BodyCore, _step: Step) -> Task:
    if not (yield from sleep(body)):
        body.tell("the lens does not go to sleep", trouble=True)


def _wake(body: BodyCore, _step: Step) -> Task:
    if not (yield from wake(body)):
        raise LocalProtocolError("the lens does not wake")


def _wait(body: BodyCore, step: Step) -> Task:
    yield body.after(float(step.value) * 1e6)


def _check(body: BodyCore, step: Step) -> Task:
    if step.value == ALL:
        yield from check_all(body)
    else:
        yield from CHECKS[str(step.value)](body)


def _zoom(body: BodyCore, step: Step) -> Task:
    if body.known.part(Part.POWERED_ZOOM):
        yield from power_zoom(body, int(step.value))
    else:
        yield from _by_hand(body, step)


def _by_hand(body: BodyCore, step: Step) -> Task:
    if body.hand is None:
        body.tell(f"nobody's hand is at the lens; do it by yourself: {step.text}")
    else:
        body.hand(step)
    yield body.now + HAND_S


def _check_name(text: str) -> str:
    if text != ALL and text not in CHECKS:
        raise ValueError(unknown("check", text, [ALL, *CHECKS]))
    return text


VERBS: Mapping[str, Reader] = {
    "focus": focus_target,
    "velocity": velocity,
    "stop": nothing,
    "limits": limits,
    "aperture": aperture,
    "smooth": smooth,
    "preview": aperture,
    "open": nothing,
    "stabilise": stabiliser_mode,
    "linear": throw,
    "correct": nothing,
    "expose": exposure_time,
    "rate": rate,
    "page": page,
    "track": seconds,
    "sleep": nothing,
    "update": image,
    "rollback": nothing,
    "check": _check_name,
    "detach": optional_seconds,
    **LENS_VERBS,
    "wake": nothing,
    "wait": seconds,
}

TASKS: Mapping[str, Callable[[BodyCore, Step], Task]] = {
    "focus": _told(lambda body, step: focus_to(body, step.value)),
    "velocity": _told(lambda body, step: body.ask(FocusDrive(order=FocusOrder.VELOCITY, value=step.value))),
    "stop": _told(lambda body, _step: body.ask(FocusDrive(order=FocusOrder.STOP))),
    "limits": _told(lambda body, step: limit_focus(body, step.value)),
    "aperture": _told(lambda body, step: close(body, ApertureMode.QUICK, step.value)),
    "smooth": _told(lambda body, step: close(body, ApertureMode.SMOOTH, step.value.target, step.value.seconds)),
    "preview": _told(lambda body, step: close(body, ApertureMode.PREVIEW, step.value)),
    "open": _told(lambda body, _step: close(body, ApertureMode.OPEN, 0)),
    "stabilise": _told(lambda body, step: stabilise(body, step.value)),
    "linear": _told(lambda body, step: set_ring(body, step.value)),
    "correct": _correct,
    "expose": _expose,
    "rate": _rate,
    "page": _page,
    "track": _track,
    "sleep": _sleep,
    "wake": _wake,
    "wait": _wait,
    "update": lambda body, step: bring(body, step.value),
    "rollback": lambda body, _step: take_back(body),
    "check": _check,
    "detach": take_off,
    "zoom": _zoom,
    "turn": _by_hand,
    "press": _by_hand,
    "release": _by_hand,
    "switch": _by_hand,
    "ring": _by_hand,
}
