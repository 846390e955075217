"""What an E-mount profile must keep that its shape alone cannot say: messages that can be built, and limits."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

from msgspec import Struct

from lensmount_emulator.roles.cast import Place
from lensmount_emulator.roles.emount.settings import BodySettings, BodyTiming, LensSettings, LensTiming
from lensmount_emulator.roles.value_checks import check_between
from lensmount_emulator.roles.wording import message_from, values_from
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.errors import ProfileError, unknown
from lensmount_protocol.wire import Role

ROW_SIZE = 6
"""Bytes of an optical row."""

WAIT_US = (0, 10_000_000)
"""The longest wait of a capture is 0.85 s."""

HOLD_US = (0, 1_000_000)
POLL_US = (100, 10_000_000)
VD_PERIOD_US = (1_000, 1_000_000)
"""Captures have 16.7 ms; shorter periods than 1 ms leave no room for a frame."""

WORD = (0, 0xFFFF)
BYTE = (0, 0xFF)
FRAMES = (0, 100_000)

_TYPE = re.compile(r"[0-9A-F]{2}")
_REPLY_AND_REQUEST = re.compile(r"[0-9A-F]{2}( [0-9A-F]{2})?")
_WINDOW = re.compile(r"otherwise|(slow|fast) [1-9][0-9]{0,3}")


def check(place: Place, settings: Struct) -> None:
    """Hold a profile's values against what an engine can play.

    Raises:
        ProfileError: the key, its value, and what is legal.
    """
    assert isinstance(settings, LensSettings | BodySettings)
    _check_messages(place, settings)
    if isinstance(settings, LensSettings):
        _check_lens(settings)
    else:
        _check_body(settings)


def _check_messages(place: Place, settings: LensSettings | BodySettings) -> None:
    """Every message that the profile words can be built, and every field that it names exists."""
    classes = {cls.__name__: cls for (role, _), cls in EMOUNT.messages.items() if role.value == place.value}

    def known(name: str) -> Any:
        if name not in classes:
            raise ProfileError(unknown(f"message of a {place.value}", name, classes))
        return classes[name]

    worded = list(settings.messages.items())
    for name, patches in settings.start.items():
        known(name)
        worded += [(name, patch) for patch in patches]
    if isinstance(settings, BodySettings):
        worded += [*settings.adapter.items(), *settings.farewell.items()]
    for name, fields in worded:
        message_from(known(name), fields)
    for number, entry in enumerate(settings.variable):
        check_between(f"variable[{number}].frames", entry.frames, *FRAMES)
        if entry.message != "Frame":
            values_from(known(entry.message), {entry.field: 0})


def _check_body(body: BodySettings) -> None:
    _check_body_timing(body.timing)
    check_between("pads_to", body.pads_to, 1, 1024)
    check_between("ring_blocks", body.ring_blocks, *WORD)
    for key, types in (("cold", body.cold), ("warm", body.warm)):
        for text in types:
            _check_request(key, text)
    _check_present("rows", body.rows)
    for row in body.rows:
        check_between("rows", row, *BYTE)
    check_between("first_row", body.first_row, 0, len(body.rows) - 1)
    _check_present("cycles", body.cycles)
    for length, frames in body.cycles:
        check_between("a length of cycles", length, 1, BYTE[1])
        check_between("frames of cycles", frames, *FRAMES)
    check_between("farewell_frames", body.farewell_frames, *FRAMES)


def _check_request(key: str, text: str) -> None:
    if _TYPE.fullmatch(text) is None:
        raise ProfileError(f"{key}: {text!r} is no type; write two digits, 0 to 9 and A to F, such as '0B'")
    if (Role.BODY, int(text, 16)) not in EMOUNT.messages:
        types = (f"{type_:02X}" for role, type_ in EMOUNT.messages if role is Role.BODY)
        raise ProfileError(f"{key}: {unknown('message of a body', text, types)}")


def _check_body_timing(timing: BodyTiming) -> None:
    _check_times(timing, {"poll": POLL_US, "vd_period": VD_PERIOD_US})
    if not timing.vd_low < timing.vd_period:
        raise ProfileError(f"timing.vd_low is {timing.vd_low:g}; it must be below timing.vd_period")
    _check_keys("timing.hold", timing.hold, _WINDOW, "'otherwise', or a rate and bytes of a window, such as 'slow 16'")
    if "otherwise" not in timing.hold:
        raise ProfileError("timing.hold has no 'otherwise'; windows of other sizes need it")
    _check_keys(
        "timing.next_request", timing.next_request, _REPLY_AND_REQUEST, "a type, or two with a space, such as '07 0B'"
    )


def _check_lens(lens: LensSettings) -> None:
    _check_lens_timing(lens.timing)
    _check_iris(lens)
    _check_focus(lens)
    rows = lens.rows
    check_between("rows.echo_frames", rows.echo_frames, 0, 1000)
    check_between("rows.initial", rows.initial, *BYTE)
    _check_keys("rows.c", rows.c, _TYPE, "two digits, 0 to 9 and A to F")
    for key, texts in (("b", rows.b), ("c", rows.c.values()), ("d", rows.d)):
        for text in texts:
            _check_row(key, text)
    check_between("first_sequence", lens.first_sequence, *BYTE)
    check_between("focus_skips", lens.focus_skips, *FRAMES)
    check_between("unsolicited_acknowledgement", lens.unsolicited_acknowledgement, -1, FRAMES[1])


def _check_lens_timing(timing: LensTiming) -> None:
    either = (-WAIT_US[1], WAIT_US[1])
    _check_times(timing, {"select_rises": either, "first_status": either})
    _check_keys("timing.reply", timing.reply, _TYPE, "a type, such as '0B'")
    _check_keys("timing.pauses", timing.pauses, _TYPE, "a type, such as '0B'")
    for type_, pauses in timing.pauses.items():
        counts = [0, *(count for count, _ in pauses)]
        if any(before >= after for before, after in pairwise(counts)):
            raise ProfileError(f"timing.pauses.{type_}: bytes are {counts[1:]}; they must rise from 1 on")
        for _, pause in pauses:
            check_between(f"timing.pauses.{type_}", pause, *HOLD_US)


def _check_iris(lens: LensSettings) -> None:
    iris = lens.iris
    check_between("iris.widest", iris.widest, *WORD)
    check_between("iris.narrowest", iris.narrowest, *WORD)
    if iris.widest > iris.narrowest:
        raise ProfileError(f"iris.widest {iris.widest:#x} is beyond iris.narrowest {iris.narrowest:#x}")
    check_between("iris.offset", iris.offset, WORD[0] - iris.widest, WORD[1] - iris.narrowest)
    check_between("iris.codes_per_frame", iris.codes_per_frame, 1, WORD[1])
    check_between("iris.delay_frames", iris.delay_frames, 0, 1000)


def _check_focus(lens: LensSettings) -> None:
    focus = lens.focus
    check_between("focus.lower", focus.lower, *WORD)
    check_between("focus.upper", focus.upper, *WORD)
    if not focus.lower <= focus.planned <= focus.upper:
        raise ProfileError(
            f"focus.planned is {focus.planned:#x}; it must lie between focus.lower {focus.lower:#x} "
            f"and focus.upper {focus.upper:#x}"
        )
    # The encoder keeps its distance from the plan, up to both limits.
    check_between("focus.encoder", focus.encoder, focus.planned - focus.lower, WORD[1] - (focus.upper - focus.planned))
    check_between("focus.steps_per_frame", focus.steps_per_frame, 1, WORD[1])
    check_between("focus.lag_frames", focus.lag_frames, 0, 1000)
    check_between("focus.acknowledge_frames", focus.acknowledge_frames, *FRAMES)
    check_between("focus.motion_outlasts", focus.motion_outlasts, *FRAMES)


def _check_times(timing: BodyTiming | LensTiming, limits: Mapping[str, tuple[float, float]]) -> None:
    """Every time of a table is within its limits: times of windows within those of a hold, others of a wait."""
    for key in timing.__struct_fields__:
        value: object = getattr(timing, key)
        if isinstance(value, float):
            check_between(f"timing.{key}", value, *limits.get(key, WAIT_US))
        elif key in ("setup", "hold"):
            _check_all(f"timing.{key}", value, HOLD_US)
        elif key in ("reply", "next_request"):
            _check_all(f"timing.{key}", value, WAIT_US)


def _check_all(key: str, values: Any, limits: tuple[float, float]) -> None:
    for name, value in _named(values):
        check_between(f"{key}.{name}" if isinstance(name, str) else key, value, *limits)


def _named(values: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(values, tuple | list):
        return enumerate(cast("Sequence[Any]", values))
    return cast("Mapping[Any, Any]", values).items()


def _check_keys(key: str, table: Iterable[str], form: re.Pattern[str], legal: str) -> None:
    for name in table:
        if form.fullmatch(name) is None:
            raise ProfileError(f"{key}: unknown key {name!r}; write {legal}")


def _check_present(key: str, values: Sequence[object]) -> None:
    if not values:
        raise ProfileError(f"{key} is empty; it must have at least one entry")


def _check_row(key: str, row: str) -> None:
    try:
        size = len(bytes.fromhex(row))
    except ValueError:
        size = 0
    if size != ROW_SIZE:
        raise ProfileError(f"rows.{key}: {row!r} is not {ROW_SIZE} bytes in hexadecimal")
