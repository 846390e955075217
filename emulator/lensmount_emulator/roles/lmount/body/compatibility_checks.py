"""The compatibility checks of a lens on a body: each tests one function and records the result with its rule."""

from collections.abc import Callable, Mapping

from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task, Wait
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.models.optics import from_av256
from lensmount_emulator.roles.lmount import compatibility_rules
from lensmount_emulator.roles.lmount.body.actions import (
    describe_rejection,
    execute_drive,
    expose,
    fetch_corrections,
    fetch_tables,
    power_zoom,
    set_aperture,
    wait_next_report,
)
from lensmount_emulator.roles.lmount.body.engine_base import REPORT, BodyEngineBase
from lensmount_emulator.roles.lmount.body.extensions import ExtensionResults, has_extension, use_extension
from lensmount_emulator.roles.lmount.body.startup import sleep, stabilise, wake
from lensmount_emulator.roles.lmount.ids import EXIF_FOCAL_LENGTH
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.identity import Identity, IdentityRequest
from lensmount_protocol.dialects.lmount.link import CommandDone
from lensmount_protocol.dialects.lmount.types import ApertureMode, FocusCommand, Outcome, Part, StabiliserMode

ZOOM_TIMEOUT_S = 0.5
MOVE_TIMEOUT_S = 5.0
STOPS_DOWN = 2 * 256
SLACK_AV = 43
"""Tolerance of the aperture, in Av/256: a sixth of a stop."""
EXPOSURE_S = 1 / 125
STEADY_FRAMES = 6
DETACHED_S = 0.05
IN_A_THIRD = 3
AFTER_REPORT_US = 500.0


def _zoom(body: BodyEngineBase) -> Task:
    known = body.lens_info
    abilities, before = known.capabilities, known.zoom
    if abilities is None or before is None or abilities.shortest_um == abilities.longest_um:
        body.record_result("zoom", Verdict.WORKS, "a prime: nothing to zoom")
        return
    target = abilities.longest_um if before.focal_length_um < abilities.longest_um else abilities.shortest_um
    if known.has_part(Part.POWERED_ZOOM):
        yield from power_zoom(body, target)
    elif body.operate_mount is not None:
        body.operate_mount(Step("zoom", f"zoom {target / 1000:g}", target))
    else:
        body.record_result("zoom", Verdict.WORKS, "its range is known; no simulated operator is at the ring")
        return
    yield Wait(body.now + ZOOM_TIMEOUT_S, lambda: _zoomed(body, target), (REPORT,))
    state = known.zoom
    seen = f"{abilities.shortest_um / 1000:g} to {abilities.longest_um / 1000:g} mm"
    if state is not None and _zoomed(body, target):
        body.record_result("zoom", Verdict.WORKS, seen)
    else:
        body.record_result(
            "zoom",
            Verdict.REFUSED,
            f"{seen}: the ring was turned, and no report says so",
            compatibility_rules.NO_ANSWER,
        )


def _zoomed(body: BodyEngineBase, target: int) -> bool:
    state = body.lens_info.zoom
    return state is not None and not state.moving and abs(state.focal_length_um - target) <= target // 100


def _focus(body: BodyEngineBase) -> Task:
    known = body.lens_info
    if not known.has_part(Part.FOCUS_DRIVE):
        body.record_result("focus", Verdict.REDUCED, "by hand", compatibility_rules.NO_FOCUS_DRIVE)
        return
    for end in (FocusCommand.NEAR_END, FocusCommand.FAR_END):
        outcome = yield from execute_drive(body, FocusDrive(order=end), MOVE_TIMEOUT_S)
        if not isinstance(outcome, Outcome):
            body.record_result(
                "focus",
                Verdict.REFUSED,
                describe_rejection(outcome),
                compatibility_rules.REFUSED if outcome else compatibility_rules.NO_ANSWER,
            )
            return
    steps = known.capabilities.focus_steps if known.capabilities is not None else 0
    target = steps // IN_A_THIRD
    yield from execute_drive(body, FocusDrive(order=FocusCommand.ABSOLUTE, value=target), MOVE_TIMEOUT_S)
    yield from wait_next_report(body)
    tables = yield from fetch_tables(body)
    state = known.focus
    if state is None or state.position != target:
        body.record_result("focus", Verdict.REFUSED, "it did not go where it was sent", compatibility_rules.NO_ANSWER)
    elif any(entry.limits & 1 for entry in known.accessories):
        body.record_result("focus", Verdict.REDUCED, "single autofocus", compatibility_rules.SINGLE_AUTOFOCUS)
    else:
        slowed = known.power is not None and known.power.reduced & 1
        found = f"both ends and a third of {steps} steps; tables: {', '.join(tables)}"
        if has_extension(body, "fast focus"):
            received = yield from use_extension(body, "fast focus")
            if isinstance(received, ExtensionResults):
                found += f"; {received.points} set points within {received.worst_error} steps"
        if slowed:
            body.record_result("focus", Verdict.REDUCED, f"slower; {found}", compatibility_rules.POWER_GRANT)
        else:
            body.record_result("focus", Verdict.WORKS, found)


def _iris(body: BodyEngineBase) -> Task:
    known = body.lens_info
    state = known.aperture
    if not known.has_part(Part.DIAPHRAGM) or state is None:
        body.record_result("iris", Verdict.REDUCED, "nothing to close", compatibility_rules.NO_DIAPHRAGM)
        return
    target = min(state.smallest, state.widest + STOPS_DOWN)
    outcome = yield from set_aperture(body, ApertureMode.QUICK, target)
    state = known.aperture
    if isinstance(outcome, Outcome) and state is not None and abs(state.now - target) <= SLACK_AV:
        body.record_result("iris", Verdict.WORKS, f"f/{from_av256(state.now):.1f}")
        yield from set_aperture(body, ApertureMode.OPEN, 0)
    else:
        body.record_result("iris", Verdict.REFUSED, describe_rejection(outcome) if not isinstance(outcome,
            Outcome) else "it did not close",
                  compatibility_rules.REFUSED)  # fmt: skip


def _stabilise(body: BodyEngineBase) -> Task:
    by_body = body.settings.camera.stabiliser
    if not body.lens_info.has_part(Part.STABILISER):
        if by_body:
            body.record_result("stabilise", Verdict.WORKS, "by the body alone")
        else:
            body.record_result("stabilise", Verdict.REDUCED, "no stabiliser", compatibility_rules.NO_STABILISER)
        return
    answer = yield from stabilise(body, StabiliserMode.NORMAL)
    reports = body.lens_info.reports
    yield Wait(
        body.now + 2 * STEADY_FRAMES / body.rate_hz,
        lambda: body.lens_info.reports >= reports + STEADY_FRAMES,
        (REPORT,),
    )
    state = body.lens_info.stabiliser
    if not isinstance(answer, CommandDone):
        left = "by the body alone" if by_body else "no stabiliser"
        granted = body.lens_info.power is not None and body.lens_info.power.reduced & 2
        body.record_result("stabilise", Verdict.REDUCED, f"{left}; the lens {describe_rejection(answer)}",
                  compatibility_rules.POWER_GRANT if granted else compatibility_rules.REFUSED)  # fmt: skip
    elif state is None or state.mode != StabiliserMode.NORMAL:
        body.record_result("stabilise", Verdict.REFUSED, "accepted, and not done", compatibility_rules.NO_ANSWER)
    else:
        shared = "shared by lens and body" if body.share is not None else "by the lens alone"
        body.record_result("stabilise", Verdict.WORKS, shared)


def _correct(body: BodyEngineBase) -> Task:
    corrections = yield from fetch_corrections(body)
    if corrections:
        names = ", ".join(kind.name.lower().replace("_", " ") for kind in corrections)
        if has_extension(body, "joint corrections"):
            received = yield from use_extension(body, "joint corrections")
            if isinstance(received, ExtensionResults) and received.profile is not None:
                names += f", and the makers' joint profile (confidence {received.profile.confidence} %)"
        body.record_result("correct", Verdict.WORKS, names)
    elif body.lens_info.accessories:
        body.record_result("correct", Verdict.REDUCED, "none through a converter", compatibility_rules.CONVERTER)
    else:
        body.record_result(
            "correct", Verdict.REDUCED, "the body corrects what it knows by itself", compatibility_rules.NO_CORRECTIONS
        )


def _expose(body: BodyEngineBase) -> Task:
    state = body.lens_info.aperture
    target = None if state is None else min(state.smallest, state.widest + 256)
    texts = yield from expose(body, EXPOSURE_S, target)
    if texts:
        body.record_result("expose", Verdict.WORKS, f"{texts.get(EXIF_FOCAL_LENGTH, '?')} mm in the file")
    else:
        body.record_result("expose", Verdict.REFUSED, "no data for the file", compatibility_rules.NO_ANSWER)


def _sleep(body: BodyEngineBase) -> Task:
    if not (yield from sleep(body)):
        body.record_result("sleep", Verdict.REFUSED, "it stays awake", compatibility_rules.NO_ANSWER)
        return
    yield body.now + DETACHED_S
    body.record_result("sleep", Verdict.WORKS, "stream ended, drive supply off")


def _wake(body: BodyEngineBase) -> Task:
    if (yield from wake(body)):
        body.record_result("wake", Verdict.WORKS, "reports again")
    else:
        body.record_result("wake", Verdict.REFUSED, "does not report", compatibility_rules.NO_ANSWER)


def _firmware(body: BodyEngineBase) -> Task:
    answer = yield from body.request(IdentityRequest())
    if isinstance(answer, Identity):
        body.record_result("firmware", Verdict.WORKS, ".".join(map(str, answer.firmware)))
    else:
        body.record_result("firmware", Verdict.REFUSED, describe_rejection(answer), compatibility_rules.NO_ANSWER)


CHECKS: Mapping[str, Callable[[BodyEngineBase], Task]] = {
    "zoom": _zoom,
    "focus": _focus,
    "iris": _iris,
    "stabilise": _stabilise,
    "correct": _correct,
    "expose": _expose,
    "sleep": _sleep,
    "wake": _wake,
    "firmware": _firmware,
}
"""Checks of a lens that reports; the greeting itself gives the results of attach, identify and negotiate."""


def run_all_checks(body: BodyEngineBase) -> Task:
    """Run every check, in order; with a simulated operator the lens is detached at the end."""
    for check in CHECKS.values():
        yield from check(body)
    if body.operate_mount is not None:
        # Between two reports: a report that is cut is the subject of another test.
        yield from wait_next_report(body)
        yield body.after(AFTER_REPORT_US)
        yield from detach_lens(body, Step("detach", "detach", None))


def detach_lens(body: BodyEngineBase, step: Step) -> Task:
    """Have the operator detach the lens; this task ends with that."""
    if body.operate_mount is None:
        body.report("no simulated operator on a live port; detach the lens manually")
        return
    body.expects_detach = True
    body.operate_mount(step)
    yield body.now + DETACHED_S
    body.expects_detach = False
    body.record_result("detach", Verdict.REFUSED, "the contact of presence did not open", compatibility_rules.NO_ANSWER)
