"""Controls of an E-mount lens for its operator: the states of a twin, by name and value.

A state is what only the user of the lens changes, such as its focal length. A profile without states has none.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lensmount_emulator.engine.field_rules import split_name
from lensmount_emulator.engine.script import Step, VerbArgumentParser, parse_seconds
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.emount.lens.engine_base import LensEngineBase
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.errors import unknown_name_message

MAX_STATE = 0xFFFF


class StateValue(NamedTuple):
    """A state and the value that it takes."""

    name: str
    value: int


def parse_state(text: str) -> StateValue:
    """Reader of `NAME=VALUE`."""
    name, sign, number = text.partition("=")
    try:
        value = int(number.strip(), 0)
    except ValueError:
        value = -1
    if not sign or not name.strip() or not 0 <= value <= MAX_STATE:
        raise ValueError(f"wants a state and a number, such as focal_length=1000, not {text!r}")
    return StateValue(name.strip(), value)


LENS_VERBS: Mapping[str, VerbArgumentParser] = {"state": parse_state, "wait": parse_seconds}
"""Script verbs of the operator at the lens."""


def set_state(lens: LensEngineBase, step: Step) -> None:
    """Set a state of the profile; a value that no capture covers is reported with the nearest one."""
    wanted = step.value
    assert isinstance(wanted, StateValue)
    states = {} if lens.player is None else lens.player.states
    if lens.player is None or wanted.name not in states:
        lens.report(unknown_name_message("state of this lens", wanted.name, states), is_error=True)
        return
    owner, field = split_name(states[wanted.name].field)
    cls = next(one for one in (LensStatus, FocusStatus) if one.__name__ == owner)
    size = next(spec.size for spec in cls.FIELDS if spec.name == field)
    if wanted.value >= 1 << 8 * size:
        lens.report(f"{wanted.name} has {size} byte: {wanted.value} does not fit", is_error=True)
        return
    lens.player.given[wanted.name] = wanted.value
    known = states[wanted.name].covered
    if known and wanted.value not in known:
        nearest = min(known, key=lambda value: abs(value - wanted.value))
        between = min(known) < wanted.value < max(known)
        how = "rules fill the gap or play" if between and states[wanted.name].alone else "unknown; rules play"
        lens.report(f"{wanted.name} {wanted.value} is in no capture: {how} the nearest, {nearest}")
    else:
        lens.report(f"{wanted.name} is {wanted.value}")


def run_script(lens: LensEngineBase, script: Sequence[Step]) -> Task:
    """Execute the steps of an operator in order."""
    for step in script:
        if step.verb == "wait":
            yield lens.now + float(step.value or 0.0)
        else:
            lens.on_control(step)
