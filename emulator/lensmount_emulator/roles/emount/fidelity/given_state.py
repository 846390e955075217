"""State of a lens that a follower takes from the first replies of a session that it joins."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

from lensmount_emulator.engine.field_rules import split_name
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage

FOCUS_STATE = ("planned_position", "lower_limit", "upper_limit")
STATUS_STATE = ("focal_length_dmm", "nominal_focal_length_dmm", "effective_focal_length_dmm", "focus_switch")
MAX_START_PAIRS = 100
"""Pairs of a start list at most; a longer one is no start of a stream, and would take long to run through."""

RING_STATE = ("aperture", "aperture_next")
"""Aperture of a lens that the body does not drive; a driven one follows the body's target by itself."""


@dataclass(frozen=True, slots=True)
class GivenState:
    """A profile with the state of a session.

    Attributes:
        settings: the profile's settings with that state.
        bytes: state variable -> bytes that were taken from the session, because the profile differs.
        start_pairs: pairs of the profile's start of a stream.
        states: state variable of the profile's rules -> its value in the session.
    """

    settings: LensSettings
    bytes: dict[str, int]
    start_pairs: int
    states: dict[str, int] = field(default_factory=lambda: dict[str, int]())


def given_state(settings: LensSettings, frames: Sequence[DecodedFrame]) -> GivenState:
    """Take the state from the first `05` and the first `06` of some frames."""
    messages = [message for frame in frames for message in frame.messages]
    status = next((one for one in messages if isinstance(one, LensStatus)), None)
    focus = next((one for one in messages if isinstance(one, FocusStatus)), None)
    given: dict[str, int] = {}
    if focus is not None:
        settings = _with_focus(settings, focus, given)
    if status is not None:
        names = STATUS_STATE if settings.iris.driven else STATUS_STATE + RING_STATE
        settings = _with_message(settings, status, names, given)
    lists = [len(patches) for patches in settings.start.values()]
    pairs = max([*lists, settings.focus_skips, settings.unsolicited_acknowledgement + 1, 0])
    return GivenState(settings, given, min(pairs, MAX_START_PAIRS), _rule_states(settings, messages, given))


def _rule_states(settings: LensSettings, messages: Sequence[AnyMessage], given: dict[str, int]) -> dict[str, int]:
    """The state variables of the profile's rules, from the first message that shows each."""
    values: dict[str, int] = {}
    for name, state in settings.state.items():
        owner, field_name = split_name(state.field)
        shown = next((one for one in messages if type(one).__name__ == owner), None)
        if isinstance(shown, Message):
            values[name] = int(getattr(shown, field_name))
            given[state.field] = next(spec.size for spec in shown.FIELDS if spec.name == field_name)
    return values


def _with_focus(settings: LensSettings, focus: FocusStatus, given: dict[str, int]) -> LensSettings:
    if not settings.focus.driven:
        return _with_message(settings, focus, FOCUS_STATE, given)
    planned, lower, upper = focus.planned_position, focus.lower_limit, focus.upper_limit
    changes: dict[str, Any] = {"planned": planned, "lower": lower, "upper": upper}
    if not lower <= planned <= upper:
        return settings
    if settings.focus.reports_encoder:
        # At rest the encoder keeps its distance from the plan; while it moves, the profile's distance stays.
        distance = settings.focus.encoder - settings.focus.planned
        changes["encoder"] = planned + distance
    for name, field_name in (("planned", "planned_position"), ("lower", "lower_limit"), ("upper", "upper_limit")):
        if getattr(settings.focus, name) != changes[name]:
            given[f"FocusStatus.{field_name}"] = 2
    return structs.replace(settings, focus=structs.replace(settings.focus, **changes))


def _with_message(
    settings: LensSettings, message: LensStatus | FocusStatus, names: Sequence[str], given: dict[str, int]
) -> LensSettings:
    name = type(message).__name__
    fields = dict(settings.messages.get(name, {}))
    specs = {spec.name: spec for spec in message.FIELDS}
    usual = type(message)()
    for key in names:
        value = getattr(message, key)
        if fields.get(key, getattr(usual, key)) != value:
            fields[key] = int(value)
            given[f"{name}.{key}"] = specs[key].size
    return structs.replace(settings, messages={**settings.messages, name: fields})
