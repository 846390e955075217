"""The steps of a test of any lens on any body: each tries one thing and notes how it went, with the rule behind it."""

from collections.abc import Callable, Mapping

from lensmount_emulator.models.optics import f_number_of
from lensmount_emulator.roles.findings import Verdict
from lensmount_emulator.roles.lmount import rules
from lensmount_emulator.roles.lmount.body_core import REPORT, BodyCore
from lensmount_emulator.roles.lmount.body_deeds import (
    close,
    drive,
    expose,
    fetch_corrections,
    fetch_tables,
    next_report,
    power_zoom,
    reason,
)
from lensmount_emulator.roles.lmount.body_greeting import stabilise
from lensmount_emulator.roles.lmount.body_pages import PagesHeard
from lensmount_emulator.roles.lmount.body_paging import has_page, use_page
from lensmount_emulator.roles.lmount.body_sleep import sleep, wake
from lensmount_emulator.roles.lmount.numbers import EXIF_FOCAL_LENGTH
from lensmount_emulator.roles.script import Step
from lensmount_emulator.roles.tasks import Task, Wait
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.identity import Identity, IdentityRequest
from lensmount_protocol.dialects.lmount.link import Done
from lensmount_protocol.dialects.lmount.types import ApertureMode, FocusOrder, Outcome, Part, StabiliserMode

ZOOM_PATIENCE_S = 0.5
MOVE_PATIENCE_S = 5.0
STOPS_DOWN = 2 * 256
SLACK_AV = 43
"""How far from its target a diaphragm may stop, in Av/256: a sixth of a stop."""
EXPOSURE_S = 1 / 125
STEADY_FRAMES = 6
GONE_S = 0.05
IN_A_THIRD = 3
BEHIND_REPORT_US = 500.0


def _zoom(body: BodyCore) -> Task:
    known = body.known
    abilities, before = known.abilities, known.zoom
    if abilities is None or before is None or abilities.shortest_um == abilities.longest_um:
        body.find("zoom", Verdict.WORKS, "a prime: nothing to zoom")
        return
    target = abilities.longest_um if before.focal_length_um < abilities.longest_um else abilities.shortest_um
    if known.part(Part.POWERED_ZOOM):
        yield from power_zoom(body, target)
    elif body.hand is not None:
        body.hand(Step("zoom", f"zoom {target / 1000:g}", target))
    else:
        body.find("zoom", Verdict.WORKS, "its range is known; nobody's hand is at the ring")
        return
    yield Wait(body.now + ZOOM_PATIENCE_S, lambda: _zoomed(body, target), (REPORT,))
    state = known.zoom
    seen = f"{abilities.shortest_um / 1000:g} to {abilities.longest_um / 1000:g} mm"
    if state is not None and _zoomed(body, target):
        body.find("zoom", Verdict.WORKS, seen)
    else:
        body.find("zoom", Verdict.REFUSED, f"{seen}: the ring was turned, and no report says so", rules.NO_ANSWER)


def _zoomed(body: BodyCore, target: int) -> bool:
    state = body.known.zoom
    return state is not None and not state.moving and abs(state.focal_length_um - target) <= target // 100


def _focus(body: BodyCore) -> Task:
    known = body.known
    if not known.part(Part.FOCUS_DRIVE):
        body.find("focus", Verdict.REDUCED, "by hand", rules.NO_FOCUS_DRIVE)
        return
    for end in (FocusOrder.NEAR_END, FocusOrder.FAR_END):
        outcome = yield from drive(body, FocusDrive(order=end), MOVE_PATIENCE_S)
        if not isinstance(outcome, Outcome):
            body.find("focus", Verdict.REFUSED, reason(outcome), rules.REFUSED if outcome else rules.NO_ANSWER)
            return
    steps = known.abilities.focus_steps if known.abilities is not None else 0
    target = steps // IN_A_THIRD
    yield from drive(body, FocusDrive(order=FocusOrder.ABSOLUTE, value=target), MOVE_PATIENCE_S)
    yield from next_report(body)
    tables = yield from fetch_tables(body)
    state = known.focus
    if state is None or state.position != target:
        body.find("focus", Verdict.REFUSED, "it did not go where it was sent", rules.NO_ANSWER)
    elif any(entry.limits & 1 for entry in known.accessories):
        body.find("focus", Verdict.REDUCED, "single autofocus", rules.SINGLE_AUTOFOCUS)
    else:
        slowed = known.power is not None and known.power.reduced & 1
        found = f"both ends and a third of {steps} steps; tables: {', '.join(tables)}"
        if has_page(body, "fast focus"):
            heard = yield from use_page(body, "fast focus")
            if isinstance(heard, PagesHeard):
                found += f"; {heard.points} set points within {heard.worst_error} steps"
        if slowed:
            body.find("focus", Verdict.REDUCED, f"slower; {found}", rules.POWER_GRANT)
        else:
            body.find("focus", Verdict.WORKS, found)


def _iris(body: BodyCore) -> Task:
    known = body.known
    state = known.aperture
    if not known.part(Part.DIAPHRAGM) or state is None:
        body.find("iris", Verdict.REDUCED, "nothing to close", rules.NO_DIAPHRAGM)
        return
    target = min(state.smallest, state.widest + STOPS_DOWN)
    outcome = yield from close(body, ApertureMode.QUICK, target)
    state = known.aperture
    if isinstance(outcome, Outcome) and state is not None and abs(state.now - target) <= SLACK_AV:
        body.find("iris", Verdict.WORKS, f"f/{f_number_of(state.now):.1f}")
        yield from close(body, ApertureMode.OPEN, 0)
    else:
        body.find("iris", Verdict.REFUSED, reason(outcome) if not isinstance(outcome, Outcome) else "it did not close",
                  rules.REFUSED)  # fmt: skip


def _stabilise(body: BodyCore) -> Task:
    by_body = body.settings.camera.stabiliser
    if not body.known.part(Part.STABILISER):
        if by_body:
            body.find("stabilise", Verdict.WORKS, "by the body alone")
        else:
            body.find("stabilise", Verdict.REDUCED, "by nobody", rules.NO_STABILISER)
        return
    answer = yield from stabilise(body, StabiliserMode.NORMAL)
    reports = body.known.reports
    yield Wait(
        body.now + 2 * STEADY_FRAMES / body.rate_hz, lambda: body.known.reports >= reports + STEADY_FRAMES, (REPORT,)
    )
    state = body.known.stabiliser
    if not isinstance(answer, Done):
        left = "by the body alone" if by_body else "by nobody"
        granted = body.known.power is not None and body.known.power.reduced & 2
        body.find("stabilise", Verdict.REDUCED, f"{left}; the lens {reason(answer)}",
                  rules.POWER_GRANT if granted else rules.REFUSED)  # fmt: skip
    elif state is None or state.mode != StabiliserMode.NORMAL:
        body.find("stabilise", Verdict.REFUSED, "accepted, and not done", rules.NO_ANSWER)
    else:
        shared = "shared by lens and body" if body.share is not None else "by the lens alone"
        body.find("stabilise", Verdict.WORKS, shared)


def _correct(body: BodyCore) -> Task:
    came = yield from fetch_corrections(body)
    if came:
        names = ", ".join(kind.name.lower().replace("_", " ") for kind in came)
        if has_page(body, "joint corrections"):
            heard = yield from use_page(body, "joint corrections")
            if isinstance(heard, PagesHeard) and heard.profile is not None:
                names += f", and the makers' joint profile (confidence {heard.profile.confidence} %)"
        body.find("correct", Verdict.WORKS, names)
    elif body.known.accessories:
        body.find("correct", Verdict.REDUCED, "none behind a converter", rules.CONVERTER)
    else:
        body.find("correct", Verdict.REDUCED, "the body corrects what it knows by itself", rules.NO_CORRECTIONS)


def _expose(body: BodyCore) -> Task:
    state = body.known.aperture
    target = None if state is None else min(state.smallest, state.widest + 256)
    texts = yield from expose(body, EXPOSURE_S, target)
    if texts:
        body.find("expose", Verdict.WORKS, f"{texts.get(EXIF_FOCAL_LENGTH, '?')} mm in the file")
    else:
        body.find("expose", Verdict.REFUSED, "no data for the file", rules.NO_ANSWER)


def _sleep(body: BodyCore) -> Task:
    if not (yield from sleep(body)):
        body.find("sleep", Verdict.REFUSED, "it stays awake", rules.NO_ANSWER)
        return
    yield body.now + GONE_S
    body.find("sleep", Verdict.WORKS, "stream ended, drive supply off")


def _wake(body: BodyCore) -> Task:
    if (yield from wake(body)):
        body.find("wake", Verdict.WORKS, "reports again")
    else:
        body.find("wake", Verdict.REFUSED, "does not report", rules.NO_ANSWER)


def _firmware(body: BodyCore) -> Task:
    answer = yield from body.ask(IdentityRequest())
    if isinstance(answer, Identity):
        body.find("firmware", Verdict.WORKS, ".".join(map(str, answer.firmware)))
    else:
        body.find("firmware", Verdict.REFUSED, reason(answer), rules.NO_ANSWER)


CHECKS: Mapping[str, Callable[[BodyCore], Task]] = {
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
"""What can be checked of a lens that reports; attach, identify and negotiate are found by the greeting."""


def check_all(body: BodyCore) -> Task:
    """Every check, in order; where a hand is at the lens, it is taken off at the end."""
    for check in CHECKS.values():
        yield from check(body)
    if body.hand is not None:
        # Between two reports: one that is cut is another test's business.
        yield from next_report(body)
        yield body.after(BEHIND_REPORT_US)
        yield from take_off(body, Step("detach", "detach", None))


def take_off(body: BodyCore, step: Step) -> Task:
    """Have the lens taken off; this task does not outlive that."""
    if body.hand is None:
        body.tell("nobody's hand is at the lens; take it off by yourself")
        return
    body.expects_detach = True
    body.hand(step)
    yield body.now + GONE_S
    body.expects_detach = False
    body.find("detach", Verdict.REFUSED, "the contact of presence did not open", rules.NO_ANSWER)
