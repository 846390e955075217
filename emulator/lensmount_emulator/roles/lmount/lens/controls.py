"""The manual controls of a lens: rings, button and switches, as a table of verbs for scripts and the operator.

```
zoom 70            turn the zoom ring to 70 mm
turn focus 30      turn the focus ring by 30 degrees; `aperture` and `zoom` are rings as well
press afl          press the button; `release afl` lets it go
switch af 0        move a switch: af, stabiliser, limiter, click, lock
ring f/5.6         turn the aperture ring to a value, or to `A`
```
"""

from collections.abc import Callable, Iterable, Mapping

from lensmount_emulator.engine.script import Step, VerbArgumentParser, parse_seconds
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.models.optics import to_av256
from lensmount_emulator.roles.lmount.lens.commands import MANUAL
from lensmount_emulator.roles.lmount.lens.engine_base import LensEngineBase
from lensmount_protocol.dialects.lmount.exposure import ControlEvent
from lensmount_protocol.dialects.lmount.focus import RingMoved
from lensmount_protocol.dialects.lmount.framing import EVENT
from lensmount_protocol.dialects.lmount.types import ControlKind, RingKind
from lensmount_protocol.errors import unknown_name_message

RINGS = {"focus": RingKind.FOCUS, "aperture": RingKind.APERTURE, "zoom": RingKind.ZOOM}
SWITCHES = {
    "af": ControlKind.FOCUS_SWITCH,
    "stabiliser": ControlKind.STABILISER_SWITCH,
    "limiter": ControlKind.LIMITER_SWITCH,
    "click": ControlKind.CLICK_SWITCH,
    "lock": ControlKind.RING_LOCK,
}
NOTCH_DEGREES = 5.0
"""Degrees between two reports of a ring by wire."""

TURN_S = 0.02
"""Seconds between two reports of a turning ring."""

DEFAULT_THROW_DEGREES = 180
ONE_TURN_AV = 8 * 256
"""Range of a whole turn of an aperture ring, in Av/256."""

CLICK_AV = 85
"""Av/256 between two clicks of an aperture ring: a third of a stop."""

MAX_TURN_DEGREES = 3600.0


def parse_focal_length(text: str) -> int:
    """Parse a focal length: `70`, `70mm`; returns micrometres."""
    try:
        value = float(text.removesuffix("mm"))
    except ValueError:
        raise ValueError(f"wants a focal length such as 70 or 70mm, not {text!r}") from None
    if not 0 < value < 5000:
        raise ValueError(f"wants a focal length between 0 and 5000 mm, not {text!r}")
    return round(value * 1000)


def parse_turn(text: str) -> float:
    """Parse a ring and an angle: `focus 30`; returns degrees, positive towards the near end."""
    name, _, degrees = text.partition(" ")
    if name not in RINGS:
        raise ValueError(unknown_name_message("ring", name, RINGS))
    try:
        value = float(degrees)
    except ValueError:
        raise ValueError(f"wants a ring and degrees such as `focus 30`, not {text!r}") from None
    if not abs(value) <= MAX_TURN_DEGREES:
        raise ValueError(f"wants at most {MAX_TURN_DEGREES:g} degrees, not {degrees}")
    return value


def parse_button(text: str) -> None:
    """Parse the name of a button."""
    if text != "afl":
        raise ValueError(unknown_name_message("button", text, ["afl"]))


def parse_switch(text: str) -> int:
    """Parse a switch and its position: `af 1` for MF, `limiter 2`."""
    name, _, position = text.partition(" ")
    if name not in SWITCHES:
        raise ValueError(unknown_name_message("switch", name, SWITCHES))
    if not position.isdecimal() or int(position) > 9:
        raise ValueError(f"wants a switch and a position 0 to 9 such as `af 1`, not {text!r}")
    return int(position)


def parse_ring_value(text: str) -> int | None:
    """Parse the value of an aperture ring: `f/5.6`, or `A`; returns Av/256, `None` for `A`."""
    if text.upper() == "A":
        return None
    try:
        return to_av256(float(text.lower().removeprefix("f/")))
    except ValueError:
        raise ValueError(f"wants an f-number such as f/5.6, or A, not {text!r}") from None


def operate_control(lens: LensEngineBase, step: Step) -> Task:
    """Execute one step; a control that the lens does not have is reported."""
    lens.report(f"operated: {step.text}")
    yield from TASKS[step.verb](lens, step)


def run_control_script(lens: LensEngineBase, script: Iterable[Step]) -> Task:
    """Execute a script from the start of a session."""
    for step in script:
        yield from operate_control(lens, step)
        lens.position += 1


def _zoom(lens: LensEngineBase, step: Step) -> Task:
    if not lens.is_zoom:
        lens.report("a prime has no zoom ring")
        return
    target = max(lens.min_focal_um, min(lens.max_focal_um, int(step.value or 0)))
    before = lens.zoom.position(lens.now)
    done_at = lens.zoom.turn_to(target, lens.now)
    while lens.now < done_at:
        yield min(done_at, lens.now + TURN_S)
        position = lens.zoom.position(lens.now)
        # The blades keep their aperture while the range changes.
        lens.iris.limits(lens.max_aperture_now(), max(lens.smallest, lens.max_aperture_now()), lens.now)
        if position != before and lens.body_requests.granted:
            _send_event(lens, RingMoved(ring=RingKind.ZOOM, delta=position - before, speed=0))
        before = position


def _turn(lens: LensEngineBase, step: Step) -> Task:
    kind = RINGS[step.text.split()[1]]
    if not lens.has_ring(kind):
        lens.report(f"it has no {kind.name.lower()} ring by wire")
        return
    if kind == RingKind.APERTURE and lens.switches.get(ControlKind.RING_LOCK):
        lens.report("the ring is locked")
        return
    left, turned = float(step.value or 0.0), 0.0
    while left:
        part = max(-NOTCH_DEGREES, min(NOTCH_DEGREES, left))
        left -= part
        yield lens.now + TURN_S
        _turn_ring(lens, kind, turned, turned + part)
        turned += part
        _send_event(lens, RingMoved(ring=kind, delta=round(part * 10), speed=round(abs(part) / TURN_S)))


def _turn_ring(lens: LensEngineBase, kind: RingKind, before: float, after: float) -> None:
    """Apply a part of a turn inside the lens; the caller reports it to the body in any case.

    Args:
        lens: the lens.
        kind: its ring.
        before: degrees since the turn began, before this part.
        after: the same, after it. A ring with clicks moves where the turn passes one; a part is less than a click.
    """
    requests, degrees = lens.body_requests, after - before
    if kind == RingKind.APERTURE and lens.ring_av is not None:
        step = CLICK_AV if requests.clicks else 1
        first, last = (round(turned / 360 * ONE_TURN_AV / step) for turned in (before, after))
        lens.ring_av = max(lens.widest[0], min(lens.smallest, lens.ring_av + (last - first) * step))
    elif kind == RingKind.FOCUS and lens.switches.get(ControlKind.FOCUS_SWITCH) == MANUAL and lens.has_drive_power:
        throw = requests.throw_degrees if requests.linear else DEFAULT_THROW_DEGREES
        # Not linear: a faster turn moves the focus further.
        gain = 1.0 if requests.linear else min(2.0, 0.5 + abs(degrees) / NOTCH_DEGREES)
        steps = degrees / (throw or DEFAULT_THROW_DEGREES) * lens.settings.focus.steps * gain
        lens.by_ring = True
        lens.focus.set_target(lens.focus.target + round(-steps if requests.reversed else steps), lens.now)


def _press(lens: LensEngineBase, _step: Step) -> Task:
    yield from _control(lens, ControlKind.AFL_BUTTON, 1, lens.settings.parts.afl_button)


def _release(lens: LensEngineBase, _step: Step) -> Task:
    yield from _control(lens, ControlKind.AFL_BUTTON, 0, lens.settings.parts.afl_button)


def _switch(lens: LensEngineBase, step: Step) -> Task:
    kind, parts = SWITCHES[step.text.split()[1]], lens.settings.parts
    there = {
        ControlKind.FOCUS_SWITCH: parts.af_switch,
        ControlKind.STABILISER_SWITCH: bool(lens.settings.stabiliser.generation),
        ControlKind.LIMITER_SWITCH: parts.limiter,
        ControlKind.CLICK_SWITCH: parts.click_switch,
        ControlKind.RING_LOCK: parts.aperture_ring,
    }
    yield from _control(lens, kind, int(step.value or 0), there[kind])


def _control(lens: LensEngineBase, kind: ControlKind, value: int, there: bool) -> Task:
    if not there:
        lens.report(f"it has no {kind.name.lower().replace('_', ' ')}")
        return
    lens.switches[kind] = value
    yield lens.now
    _send_event(lens, ControlEvent(control=kind, value=value))


def _ring(lens: LensEngineBase, step: Step) -> Task:
    if not lens.has_ring(RingKind.APERTURE):
        lens.report("it has no aperture ring by wire")
        return
    lens.ring_av = None if step.value is None else int(step.value)
    yield lens.now
    _send_event(lens, RingMoved(ring=RingKind.APERTURE, delta=0, speed=0))


def _wait(lens: LensEngineBase, step: Step) -> Task:
    yield lens.now + float(step.value or 0.0)


def _send_event(lens: LensEngineBase, event: RingMoved | ControlEvent) -> None:
    """Send an event to a body that has greeted, unless the lens sleeps."""
    if lens.started and lens.body_requests.granted and not lens.asleep:
        lens.queue_frame([event], EVENT)


LENS_VERBS: Mapping[str, VerbArgumentParser] = {
    "zoom": parse_focal_length,
    "turn": parse_turn,
    "press": parse_button,
    "release": parse_button,
    "switch": parse_switch,
    "ring": parse_ring_value,
    "wait": parse_seconds,
}

TASKS: Mapping[str, Callable[[LensEngineBase, Step], Task]] = {
    "zoom": _zoom,
    "turn": _turn,
    "press": _press,
    "release": _release,
    "switch": _switch,
    "ring": _ring,
    "wait": _wait,
}
