"""The script of a body of the open model: a table of verbs, each with its argument parser and its task.

A simulated operator at the virtual lens executes the manual controls (`zoom`, `turn`, `press`, `switch`, `ring`,
`detach`).
"""

from collections.abc import Callable, Mapping

from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.script import Step, VerbArgumentParser, VerbTable, no_argument, parse_seconds
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.lmount.body.actions import (
    Action,
    describe_rejection,
    expose,
    fetch_corrections,
    fetch_tables,
    focus_to,
    limit_focus,
    power_zoom,
    set_aperture,
    set_ring,
    track,
)
from lensmount_emulator.roles.lmount.body.autofocus import autofocus
from lensmount_emulator.roles.lmount.body.compatibility_checks import CHECKS, detach_lens, run_all_checks
from lensmount_emulator.roles.lmount.body.engine_base import BodyEngineBase
from lensmount_emulator.roles.lmount.body.extensions import has_extension, use_extension
from lensmount_emulator.roles.lmount.body.firmware_update import install_firmware, roll_back_firmware
from lensmount_emulator.roles.lmount.body.script_arguments import (
    parse_aperture,
    parse_aperture_ramp,
    parse_exposure_time,
    parse_extension_name,
    parse_focus_target,
    parse_frame_rate,
    parse_image_path,
    parse_limits,
    parse_optional_seconds,
    parse_ring_throw,
    parse_stabiliser_mode,
    parse_velocity,
)
from lensmount_emulator.roles.lmount.body.startup import sleep, stabilise, wake
from lensmount_emulator.roles.lmount.lens.controls import LENS_VERBS
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.link import CommandRejected
from lensmount_protocol.dialects.lmount.types import ApertureMode, FocusCommand, Part
from lensmount_protocol.errors import LocalProtocolError, unknown_name_message

OPERATOR_DELAY_S = 0.35
"""Time for which a body waits for the operator: longer than the longest turn of a zoom ring."""

ALL = "all"


def execute_step(body: BodyEngineBase, step: Step) -> Task:
    """Execute one step and wait until the lens has completed it."""
    body.report(f"script: {step.text}", kind=NoticeKind.SCRIPT_STEP, subject=step.text)
    yield from TASKS[step.verb](body, step)


def _report_rejection(action: Callable[[BodyEngineBase, Step], Action]) -> Callable[[BodyEngineBase, Step], Task]:
    """Return an action as a task that reports a refusal or a missing answer, and raises no error."""

    def task(body: BodyEngineBase, step: Step) -> Task:
        answer = yield from action(body, step)
        if isinstance(answer, CommandRejected) or answer is None:
            body.report(f"{step.text}: {describe_rejection(answer)}", is_error=answer is None)

    return task


def _rate(body: BodyEngineBase, step: Step) -> Task:
    abilities = body.lens_info.capabilities
    wanted = min(int(step.value), body.settings.camera.highest_hz)
    can = max(abilities.drive_rates_hz, default=wanted) if abilities is not None else wanted
    body.rate_hz = min(wanted, max(can, body.settings.camera.live_view_hz))
    body.report(f"{body.rate_hz} frames a second")
    yield body.now + 2 / body.rate_hz


def _track(body: BodyEngineBase, step: Step) -> Task:
    began = body.frame
    accepted = yield from track(body, float(step.value))
    body.report(f"{accepted} set points in {(body.frame - began) & 0xFFFF} frames")


def _correct(body: BodyEngineBase, _step: Step) -> Task:
    received = yield from fetch_corrections(body)
    for kind, coefficients in received.items():
        body.report(f"{kind.name.lower().replace('_', ' ')}: {coefficients}")
    tables = yield from fetch_tables(body)
    body.report(f"tables: {', '.join(tables) or 'none'}")


def _extension(body: BodyEngineBase, step: Step) -> Task:
    if not has_extension(body, step.value):
        body.report(f"the page of {step.value} was not agreed")
        return
    results = yield from use_extension(body, step.value)
    if results is None or isinstance(results, CommandRejected):
        body.report(f"{step.text}: {describe_rejection(results)}", is_error=results is None)


def _expose(body: BodyEngineBase, step: Step) -> Task:
    state = body.lens_info.aperture
    yield from expose(body, float(step.value), None if state is None else state.target)


def _sleep(body: BodyEngineBase, _step: Step) -> Task:
    if not (yield from sleep(body)):
        body.report("the lens does not go to sleep", is_error=True)


def _wake(body: BodyEngineBase, _step: Step) -> Task:
    if not (yield from wake(body)):
        raise LocalProtocolError("the lens does not wake")


def _wait(body: BodyEngineBase, step: Step) -> Task:
    yield body.after(float(step.value) * 1e6)


def _check(body: BodyEngineBase, step: Step) -> Task:
    if step.value == ALL:
        yield from run_all_checks(body)
    else:
        yield from CHECKS[str(step.value)](body)


def _zoom(body: BodyEngineBase, step: Step) -> Task:
    if body.lens_info.has_part(Part.POWERED_ZOOM):
        yield from power_zoom(body, int(step.value))
    else:
        yield from _operate_control(body, step)


def _operate_control(body: BodyEngineBase, step: Step) -> Task:
    if body.operate_mount is None:
        body.report(f"no simulated operator on a live port; operate the control manually: {step.text}")
    else:
        body.operate_mount(step)
    yield body.now + OPERATOR_DELAY_S


def _check_name(text: str) -> str:
    if text != ALL and text not in CHECKS:
        raise ValueError(unknown_name_message("check", text, [ALL, *CHECKS]))
    return text


OLD_VERBS = {
    "correct": "fetch-corrections",
    "linear": "ring-throw",
    "open": "open-aperture",
    "page": "extension",
    "smooth": "ramp-aperture",
    "track": "track-focus",
}
"""An old name of a verb -> its name."""

_VERBS: Mapping[str, VerbArgumentParser] = {
    "focus": parse_focus_target,
    "autofocus": no_argument,
    "velocity": parse_velocity,
    "stop": no_argument,
    "limits": parse_limits,
    "aperture": parse_aperture,
    "ramp-aperture": parse_aperture_ramp,
    "preview": parse_aperture,
    "open-aperture": no_argument,
    "stabilise": parse_stabiliser_mode,
    "ring-throw": parse_ring_throw,
    "fetch-corrections": no_argument,
    "expose": parse_exposure_time,
    "rate": parse_frame_rate,
    "extension": parse_extension_name,
    "track-focus": parse_seconds,
    "sleep": no_argument,
    "update": parse_image_path,
    "rollback": no_argument,
    "check": _check_name,
    "detach": parse_optional_seconds,
    **LENS_VERBS,
    "wake": no_argument,
    "wait": parse_seconds,
}

VERBS = VerbTable(_VERBS, OLD_VERBS)
"""The verbs of scripts, with their old names."""

TASKS: Mapping[str, Callable[[BodyEngineBase, Step], Task]] = {
    "focus": _report_rejection(lambda body, step: focus_to(body, step.value)),
    "autofocus": _report_rejection(lambda body, _step: autofocus(body)),
    "velocity": _report_rejection(
        lambda body, step: body.request(FocusDrive(order=FocusCommand.VELOCITY, value=step.value))
    ),
    "stop": _report_rejection(lambda body, _step: body.request(FocusDrive(order=FocusCommand.STOP))),
    "limits": _report_rejection(lambda body, step: limit_focus(body, step.value)),
    "aperture": _report_rejection(lambda body, step: set_aperture(body, ApertureMode.QUICK, step.value)),
    "ramp-aperture": _report_rejection(
        lambda body, step: set_aperture(body, ApertureMode.SMOOTH, step.value.target, step.value.seconds)
    ),
    "preview": _report_rejection(lambda body, step: set_aperture(body, ApertureMode.PREVIEW, step.value)),
    "open-aperture": _report_rejection(lambda body, _step: set_aperture(body, ApertureMode.OPEN, 0)),
    "stabilise": _report_rejection(lambda body, step: stabilise(body, step.value)),
    "ring-throw": _report_rejection(lambda body, step: set_ring(body, step.value)),
    "fetch-corrections": _correct,
    "expose": _expose,
    "rate": _rate,
    "extension": _extension,
    "track-focus": _track,
    "sleep": _sleep,
    "wake": _wake,
    "wait": _wait,
    "update": lambda body, step: install_firmware(body, step.value),
    "rollback": lambda body, _step: roll_back_firmware(body),
    "check": _check,
    "detach": detach_lens,
    "zoom": _zoom,
    "turn": _operate_control,
    "press": _operate_control,
    "release": _operate_control,
    "switch": _operate_control,
    "ring": _operate_control,
}
