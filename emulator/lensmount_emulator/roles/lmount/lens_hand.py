"""What the hand does that holds a lens: it turns rings, presses the button, moves switches; a table of verbs.

```
zoom 70            turn the zoom ring to 70 mm
turn focus 30      turn the focus ring by 30 degrees; `aperture` and `zoom` are rings as well
press afl          press the button; `release afl` lets it go
switch af 0        move a switch: af, stabiliser, limiter, click, lock
ring f/5.6         turn the aperture ring to a value, or to `A`
```
"""

from collections.abc import Callable, Iterable, Mapping

from lensmount_emulator.models.optics import av256
from lensmount_emulator.roles.lmount.lens_core import LensCore
from lensmount_emulator.roles.lmount.lens_orders import MANUAL
from lensmount_emulator.roles.script import Reader, Step, seconds
from lensmount_emulator.roles.tasks import Task
from lensmount_protocol.dialects.lmount.focus import RingTurned
from lensmount_protocol.dialects.lmount.framing import EVENT
from lensmount_protocol.dialects.lmount.picture import ControlEvent
from lensmount_protocol.dialects.lmount.types import ControlKind, RingKind
from lensmount_protocol.errors import unknown

RINGS = {"focus": RingKind.FOCUS, "aperture": RingKind.APERTURE, "zoom": RingKind.ZOOM}
SWITCHES = {
    "af": ControlKind.FOCUS_SWITCH,
    "stabiliser": ControlKind.STABILISER_SWITCH,
    "limiter": ControlKind.LIMITER_SWITCH,
    "click": ControlKind.CLICK_SWITCH,
    "lock": ControlKind.RING_LOCK,
}
NOTCH_DEGREES = 5.0
"""A ring by wire reports about this often while it is turned."""

TURN_S = 0.02
"""Seconds between two reports of a ring that is turned."""

USUAL_THROW_DEGREES = 180
ONE_TURN_AV = 8 * 256
"""What a whole turn of an aperture ring goes through, in Av/256."""

LONGEST_TURN_DEGREES = 3600.0


def millimetres(text: str) -> int:
    """A focal length: `70`, `70mm`; in micrometres."""
    try:
        value = float(text.removesuffix("mm"))
    except ValueError:
        raise ValueError(f"wants a focal length such as 70 or 70mm, not {text!r}") from None
    if not 0 < value < 5000:
        raise ValueError(f"wants a focal length between 0 and 5000 mm, not {text!r}")
    return round(value * 1000)


def turn(text: str) -> float:
    """A ring and how far: `focus 30`, in degrees; towards the near end is positive."""
    name, _, degrees = text.partition(" ")
    if name not in RINGS:
        raise ValueError(unknown("ring", name, RINGS))
    try:
        value = float(degrees)
    except ValueError:
        raise ValueError(f"wants a ring and degrees such as `focus 30`, not {text!r}") from None
    if not abs(value) <= LONGEST_TURN_DEGREES:
        raise ValueError(f"wants at most {LONGEST_TURN_DEGREES:g} degrees, not {degrees}")
    return value


def button(text: str) -> None:
    """The reader of a button's name."""
    if text != "afl":
        raise ValueError(unknown("button", text, ["afl"]))


def switch(text: str) -> int:
    """A switch and its position: `af 1` for MF, `limiter 2`."""
    name, _, position = text.partition(" ")
    if name not in SWITCHES:
        raise ValueError(unknown("switch", name, SWITCHES))
    if not position.isdecimal() or int(position) > 9:
        raise ValueError(f"wants a switch and a position 0 to 9 such as `af 1`, not {text!r}")
    return int(position)


def ring_value(text: str) -> int | None:
    """What an aperture ring is turned to: `f/5.6`, or `A`; in Av/256."""
    if text.upper() == "A":
        return None
    try:
        return av256(float(text.lower().removeprefix("f/")))
    except ValueError:
        raise ValueError(f"wants an f-number such as f/5.6, or A, not {text!r}") from None


def by_hand(lens: LensCore, step: Step) -> Task:
    """Do one step; what the lens has not got, nobody can turn."""
    lens.tell(f"by hand: {step.text}")
    yield from TASKS[step.verb](lens, step)


def live_by_hand(lens: LensCore, script: Iterable[Step]) -> Task:
    """Do a script from the start of a session on."""
    for step in script:
        yield from by_hand(lens, step)
        lens.position += 1


def _zoom(lens: LensCore, step: Step) -> Task:
    if not lens.is_zoom:
        lens.tell("a prime has no zoom ring")
        return
    target = max(lens.shortest_um, min(lens.longest_um, int(step.value or 0)))
    before = lens.zoom.position(lens.now)
    done_at = lens.zoom.turn_to(target, lens.now)
    while lens.now < done_at:
        yield min(done_at, lens.now + TURN_S)
        position = lens.zoom.position(lens.now)
        # The blades keep their place in the light while the range goes by under them.
        lens.iris.limits(lens.widest_now(), max(lens.smallest, lens.widest_now()), lens.now)
        if position != before and lens.told.granted:
            _say(lens, RingTurned(ring=RingKind.ZOOM, delta=position - before, speed=0))
        before = position


def _turn(lens: LensCore, step: Step) -> Task:
    kind = RINGS[step.text.split()[1]]
    if not lens.ring(kind):
        lens.tell(f"it has no {kind.name.lower()} ring by wire")
        return
    if kind == RingKind.APERTURE and lens.switches.get(ControlKind.RING_LOCK):
        lens.tell("the ring is locked")
        return
    left = float(step.value or 0.0)
    while left:
        part = max(-NOTCH_DEGREES, min(NOTCH_DEGREES, left))
        left -= part
        yield lens.now + TURN_S
        _notch(lens, kind, part)
        _say(lens, RingTurned(ring=kind, delta=round(part * 10), speed=round(abs(part) / TURN_S)))


def _notch(lens: LensCore, kind: RingKind, degrees: float) -> None:
    """What a part of a turn does inside the lens; the body is told of it in any case."""
    told = lens.told
    if kind == RingKind.APERTURE and lens.ring_av is not None:
        step = 85 if told.clicks else 1
        moved = round(degrees / 360 * ONE_TURN_AV / step) * step
        lens.ring_av = max(lens.widest[0], min(lens.smallest, lens.ring_av + moved))
    elif kind == RingKind.FOCUS and lens.switches.get(ControlKind.FOCUS_SWITCH) == MANUAL and lens.has_drive_power:
        throw = told.throw_degrees if told.linear else USUAL_THROW_DEGREES
        # Not linear: the faster, the further.
        gain = 1.0 if told.linear else min(2.0, 0.5 + abs(degrees) / NOTCH_DEGREES)
        steps = degrees / (throw or USUAL_THROW_DEGREES) * lens.settings.focus.steps * gain
        lens.by_ring = True
        lens.focus.order(lens.focus.target + round(-steps if told.reversed else steps), lens.now)


def _press(lens: LensCore, _step: Step) -> Task:
    yield from _control(lens, ControlKind.AFL_BUTTON, 1, lens.settings.parts.afl_button)


def _release(lens: LensCore, _step: Step) -> Task:
    yield from _control(lens, ControlKind.AFL_BUTTON, 0, lens.settings.parts.afl_button)


def _switch(lens: LensCore, step: Step) -> Task:
    kind, parts = SWITCHES[step.text.split()[1]], lens.settings.parts
    there = {
        ControlKind.FOCUS_SWITCH: parts.af_switch,
        ControlKind.STABILISER_SWITCH: bool(lens.settings.stabiliser.generation),
        ControlKind.LIMITER_SWITCH: parts.limiter,
        ControlKind.CLICK_SWITCH: parts.click_switch,
        ControlKind.RING_LOCK: parts.aperture_ring,
    }
    yield from _control(lens, kind, int(step.value or 0), there[kind])


def _control(lens: LensCore, kind: ControlKind, value: int, there: bool) -> Task:
    if not there:
        lens.tell(f"it has no {kind.name.lower().replace('_', ' ')}")
        return
    lens.switches[kind] = value
    yield lens.now
    _say(lens, ControlEvent(control=kind, value=value))


def _ring(lens: LensCore, step: Step) -> Task:
    if not lens.ring(RingKind.APERTURE):
        lens.tell("it has no aperture ring by wire")
        return
    lens.ring_av = None if step.value is None else int(step.value)
    yield lens.now
    _say(lens, RingTurned(ring=RingKind.APERTURE, delta=0, speed=0))


def _wait(lens: LensCore, step: Step) -> Task:
    yield lens.now + float(step.value or 0.0)


def _say(lens: LensCore, event: RingTurned | ControlEvent) -> None:
    """News for a body that has greeted and does not let the lens sleep."""
    if lens.started and lens.told.granted and not lens.asleep:
        lens.say([event], EVENT)


LENS_VERBS: Mapping[str, Reader] = {
    "zoom": millimetres,
    "turn": turn,
    "press": button,
    "release": button,
    "switch": switch,
    "ring": ring_value,
    "wait": seconds,
}

TASKS: Mapping[str, Callable[[LensCore, Step], Task]] = {
    "zoom": _zoom,
    "turn": _turn,
    "press": _press,
    "release": _release,
    "switch": _switch,
    "ring": _ring,
    "wait": _wait,
}
