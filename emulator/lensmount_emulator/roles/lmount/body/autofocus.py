"""Contrast autofocus of a body: it moves the focus and climbs the contrast of the viewfinder model.

The contrast is computed from what the lens reports, for the test scene of the model; see
`lensmount_emulator.models.viewfinder`.
"""

import math

from lensmount_emulator.models.optics import from_av256
from lensmount_emulator.models.viewfinder import APS_C_UM, FULL_FRAME_UM, Setting, contrast, make_scene
from lensmount_emulator.roles.lmount.body.actions import (
    MOVE_TIMEOUT_S,
    Action,
    execute_drive,
    format_distance,
    wait_next_report,
)
from lensmount_emulator.roles.lmount.body.engine_base import BodyEngineBase
from lensmount_protocol.dialects.lmount.focus import INFINITY_MM, FocusDrive
from lensmount_protocol.dialects.lmount.types import FocusCommand, ImageCircle, Outcome, Part

FIRST_STEPS = 12
"""The first step is the whole range divided by this."""

LAST_STEPS = 1500
"""The search ends where its step is less than the whole range divided by this."""

FINER = 3
"""Each further search has a step this many times finer."""

MAX_MOVES = 80
"""Moves after which the search ends, at any contrast."""


def autofocus(body: BodyEngineBase) -> Action:
    """Climb the contrast of the test scene; returns the outcome, or the answer of an order that was not accepted."""
    known = body.lens_info
    abilities = known.capabilities
    if known.manual:
        body.report("the lens's switch says MF, so autofocus does not start")
        return Outcome.STOPPED
    if abilities is None or abilities.focus_steps < 2 or not known.has_part(Part.FOCUS_DRIVE) or known.focus is None:
        body.report("the body cannot focus this lens, so autofocus does not start")
        return Outcome.STOPPED
    began, moves = body.now, 0
    last = abilities.focus_steps - 1
    lower, upper = 0, last
    place = best = known.focus.position
    peak = _measured(body)
    step, direction, failures = max(1, last // FIRST_STEPS), 1 if place < last // 2 else -1, 0
    while moves < MAX_MOVES:
        wanted = max(lower, min(upper, best + direction * step))
        value = -1.0
        if wanted != best:
            moves, before = moves + 1, place
            outcome = yield from _move(body, wanted)
            if outcome != Outcome.DONE:
                return _stopped(body, outcome)
            # The lens stops at its limits, so the search takes the position that it reports, and not the ordered one.
            place, value = known.focus.position, _measured(body)
            if place == before == best and direction > 0:
                upper = best
            elif place == before == best:
                lower = best
        if value > peak:
            best, peak, failures = place, value, 0
            continue
        direction, failures = -direction, failures + 1
        if failures == 2:
            if step * LAST_STEPS < last or step == 1:
                break
            step, failures = max(1, step // FINER), 0
    outcome = Outcome.DONE
    if place != best:
        moves += 1
        outcome = yield from _move(body, best)
        if outcome != Outcome.DONE:
            return _stopped(body, outcome)
    distance = format_distance(known.focus.distance_mm)
    took = (body.now - began) * 1e3
    body.report(f"autofocus: {distance}, contrast {_measured(body):.3f} of our model, {moves} moves in {took:.0f} ms")
    return outcome


def _stopped(body: BodyEngineBase, outcome: object) -> object:
    """Report a move that another order, the lens or the operator ended; return its outcome."""
    if isinstance(outcome, Outcome):
        body.report(f"autofocus: a move ended {outcome.name}, so the search ends without a result")
    return outcome


def _move(body: BodyEngineBase, position: int) -> Action:
    outcome = yield from execute_drive(body, FocusDrive(order=FocusCommand.ABSOLUTE, value=position), MOVE_TIMEOUT_S)
    if isinstance(outcome, Outcome):
        yield from wait_next_report(body)
    return outcome


def _measured(body: BodyEngineBase) -> float:
    """The contrast at what the lens reported last."""
    known = body.lens_info
    abilities, focus, aperture, zoom = known.capabilities, known.focus, known.aperture, known.zoom
    assert abilities is not None
    assert focus is not None
    scene = make_scene(abilities.shortest_um / 1000, abilities.longest_um / 1000, abilities.nearest_mm)
    setting = Setting(
        focal_mm=max(1.0, (zoom.focal_length_um if zoom else abilities.shortest_um) / 1000),
        f_number=from_av256(aperture.now if aperture else abilities.widest_wide),
        focused_mm=math.inf if focus.distance_mm >= INFINITY_MM else float(focus.distance_mm),
        sensor_um=APS_C_UM if known.used == ImageCircle.APS_C else FULL_FRAME_UM,
    )
    return contrast(setting, scene.subject_mm)
