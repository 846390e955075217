"""The settings of an E-mount profile: the structure of its TOML, checked when it is loaded.

All times are microseconds, as a logic analyser shows them. Bytes are hexadecimal text. `messages` gives the fields
of each message by the name of its class; `start` gives, frame by frame from the first, the fields that differ from
that while a session starts. `check_settings` checks the rules beyond the structure: messages that can be built, and
limits.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, cast

from msgspec import Struct

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.field_rules import (
    FieldRule,
    SessionPhase,
    StateStart,
    StateVariable,
    check_rules,
)
from lensmount_emulator.engine.profile_values import (
    IgnoredField,
    MessageFields,
    build_message,
    check_between,
    field_values,
)
from lensmount_emulator.roles.emount.behaviour import Behaviour, Service, check_behaviour
from lensmount_emulator.roles.emount.loop_inputs import INPUTS
from lensmount_emulator.roles.emount.wishes import Wish, check_wishes
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.errors import ProfileError, unknown_name_message
from lensmount_protocol.wire import Role


class LensTiming(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Timing of the lines of a lens.

    Attributes:
        select_rises: LENS_CS after VCC; negative: the lens waits for BODY_CS instead.
        select_follows: LENS_CS after BODY_CS, for a lens that waits.
        serial_on: RXD goes idle high, after BODY_CS rises.
        select_falls: LENS_CS after BODY_CS falls, in the handshake.
        reply: two-digit type -> from BODY_CS low to LENS_CS high.
        reply_otherwise: the same for any other type.
        setup: LENS_CS high to the first start bit, at the slow and the fast rate.
        hold: last stop bit to LENS_CS low, at the slow and the fast rate.
        switch_rises: speed switch: LENS_CS after BODY_CS rises.
        switch_falls: speed switch: LENS_CS after BODY_CS falls.
        first_status: first `05` after the `0A` reply; negative: the lens waits for VD.
        status_after_vd: LENS_CS rises for `05`, after VD falls.
        focus_after_status: LENS_CS low after `05` to LENS_CS high for `06`.
        pauses: two-digit type -> pairs of (bytes sent, pause) inside its reply.
    """

    select_rises: float
    select_follows: float = 10.0
    serial_on: float
    select_falls: float
    reply: dict[str, float]
    reply_otherwise: float
    setup: tuple[float, float]
    hold: tuple[float, float]
    switch_rises: float = 12.0
    switch_falls: float = 100.0
    first_status: float
    status_after_vd: float
    focus_after_status: float
    pauses: dict[str, list[tuple[int, float]]] = {}


class Iris(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The diaphragm; aperture codes as on the wire.

    Attributes:
        driven: whether the body can move it; a manual ring keeps its value and reports no error.
        widest: smallest code that it reaches at this focal length.
        narrowest: largest code.
        offset: reported minus commanded code at rest.
        codes_per_frame: speed.
        delay_frames: frames from an order to the first report that shows it.
        announces_target: whether `05` f2-3 shows the final target at once (an adapter) or the next frame's value.
    """

    driven: bool
    widest: int
    narrowest: int
    offset: int = 0
    codes_per_frame: int = 336
    delay_frames: int = 2
    announces_target: bool = False


class Focus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The focus drive; positions in motor steps.

    Attributes:
        driven: whether the body can move it.
        lower: lower travel limit (far end).
        upper: upper travel limit (near end).
        planned: `06` f2-3 at rest when a session starts.
        encoder: `06` f20-21 then.
        steps_per_frame: top speed.
        lag_frames: lag of the encoder after the plan.
        acknowledge_frames: fewest frames from an order to its acknowledgement.
        motion_outlasts: frames after the acknowledgement for which `05` f22 bit 6 stays set.
        acknowledges_first: whether the acknowledgement precedes `06` in its frame.
        reports_encoder: whether `06` f20-21 and the velocity bytes follow the motor.
        shows_limits: whether `06` f0 shows that the plan is at a limit.
        cycle_flag: behaviour of `06` f23 bit 6: `follows` the body's cycle, `fixed` two on two off, or `none`.
    """

    driven: bool
    lower: int
    upper: int
    planned: int
    encoder: int
    steps_per_frame: int = 300
    lag_frames: float = 1.5
    acknowledge_frames: int = 1
    motion_outlasts: int = 0
    acknowledges_first: bool = False
    reports_encoder: bool = True
    shows_limits: bool = True
    cycle_flag: Literal["follows", "fixed", "none"] = "none"


class Rows(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The optical rows of `05`.

    Attributes:
        echo_frames: frames from a row select to its echo; 0: the lens never echoes.
        initial: row index before any select of the session.
        b: row B, frame by frame, repeating.
        c: row index as two digits -> row C; an unlisted index keeps the previous row.
        d: row D, frame by frame, repeating; empty: as row C.
    """

    echo_frames: int
    initial: int = 0
    b: list[str] = []
    c: dict[str, str] = {}
    d: list[str] = []


class LensSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one lens.

    Attributes:
        timing: timing of its lines.
        iris: its diaphragm.
        focus: its focus drive.
        rows: its optical rows.
        messages: fields of the messages that it sends.
        start: fields that differ in its first stream frames.
        start_at: the same at certain states; the first one that fits replaces `start`.
        first_sequence: sequence number of its frames before the first body frame.
        counts_alone: whether that number goes up each frame before the first body frame.
        focus_skips: number of first `05` without a `06`.
        unsolicited_acknowledgement: stream frame with a move acknowledgement that answers no order; -1: none.
        refuses: whether it answers unreadable frames and unknown messages with a refusal `02`.
        behaviour: where makers differ; the defaults are the usual behaviour.
        service: its maker's service channel.
        variable: fields that a replay does not compare.
        state: variables that only the user of the lens changes.
        phase: hidden numbers of a session.
        field: rules of the fields of the stream; they replace the values of `rows` and `messages`.
    """

    timing: LensTiming
    iris: Iris
    focus: Focus
    rows: Rows
    messages: dict[str, MessageFields]
    start: dict[str, list[MessageFields]] = {}
    start_at: list[StateStart] = []
    first_sequence: int = 0
    counts_alone: bool = False
    focus_skips: int = 0
    unsolicited_acknowledgement: int = -1
    refuses: bool = True
    behaviour: Behaviour = Behaviour()
    service: Service = Service()
    variable: list[IgnoredField] = []
    state: dict[str, StateVariable] = {}
    phase: list[SessionPhase] = []
    field: list[FieldRule] = []


class BodyTiming(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Timing of the lines of a body.

    Attributes:
        first_vd: VCC to the first frame-sync pulse.
        vd_period: between pulses.
        vd_low: length of a pulse.
        select_rises: BODY_CS after VCC, for the handshake.
        serial_on: TXD goes idle high, after BODY_CS rises.
        first_poll: first poll of the lens after BODY_CS rises.
        poll: interval between polls.
        link_poll: first poll of LENS_CS after BODY_CS falls.
        setup: BODY_CS high to the first start bit, at the slow and the fast rate.
        hold: bytes in the window -> last stop bit to BODY_CS low.
        next_request: two-digit type of the reply, or of reply and request -> LENS_CS low to BODY_CS high.
        next_request_otherwise: the same for any other type.
        switch_rises: speed switch: BODY_CS after the reply's LENS_CS falls.
        switch_look: first poll of LENS_CS after that.
        switch_falls: BODY_CS after a poll that reads LENS_CS high.
        switch_rests: silence after the switch, and after a warm handshake.
        state_after_vd: BODY_CS rises for `03`, after VD falls.
        mode_after_vd: BODY_CS rises for `04`, after VD falls.
    """

    first_vd: float = 2_240.0
    vd_period: float = 16_684.0
    vd_low: float = 63.0
    select_rises: float = 119_380.0
    serial_on: float = 20.0
    first_poll: float = 5_230.0
    poll: float = 5_040.0
    link_poll: float = 170.0
    setup: tuple[float, float]
    hold: dict[str, float]
    next_request: dict[str, float] = {}
    next_request_otherwise: float = 260.0
    switch_rises: float = 124.0
    switch_look: float = 18.0
    switch_falls: float = 47.0
    switch_rests: float = 20_300.0
    state_after_vd: float = 8_567.0
    mode_after_vd: float = 10_083.0


class BodySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one body.

    Attributes:
        timing: timing of its lines.
        pads_to: windows are clocked in whole multiples of this many bytes; 1: no padding.
        ring_blocks: blocks of that size in its transmit buffer, with old content as padding; 0: zeros.
        switches_speed: whether it ever requests the fast rate.
        cold: types of its requests after a cold start, in order; `0C` is skipped if the lens does not offer it.
        warm: the same after a sleep.
        rows: row indices in the order of its selects; a pair where the two rows differ (AN: `15 16`, `15 17`).
        first_row: index in that list at which a session starts.
        cycles: pairs of (cycle length, frames); the last length lasts.
        messages: fields of the messages that it sends.
        adapter: fields that differ towards an adapter.
        start: fields that differ in its first loop frames.
        focusing: fields that differ in the loop frames that carry focus orders (AN, WZQ: `04` f9 and f10).
        farewell: fields that differ in the frames before it sends a lens to sleep.
        farewell_frames: number of those frames.
        farewell_start: fields that differ again in the first of those frames.
        slow_start: as `start`, to a lens that answers `0D` with 0.
        loop_window: least bytes of a window of the loop; an a9 II clocks 32, whatever the length (WZQ).
        picture: types of its requests at the shutter press, in order; the default is an a9 II's (WZQ), in no capture.
        variable: fields that a replay does not compare.
        wishes: what the photographer and the camera's own control set in the loop.
    """

    timing: BodyTiming
    pads_to: int = 16
    ring_blocks: int = 0
    switches_speed: bool
    cold: list[str]
    warm: list[str]
    rows: tuple[int | tuple[int, int], ...] = (0x15, 0x16, 0x15, 0x17)
    first_row: int = 0
    cycles: tuple[tuple[int, int], ...] = ((1, 18), (2, 3), (4, 3), (6, 0))
    messages: dict[str, MessageFields]
    adapter: dict[str, MessageFields] = {}
    start: dict[str, list[MessageFields]] = {}
    focusing: dict[str, MessageFields] = {}
    farewell: dict[str, MessageFields] = {}
    farewell_frames: int = 26
    farewell_start: dict[str, list[MessageFields]] = {}
    slow_start: dict[str, list[MessageFields]] = {}
    loop_window: int = 0
    picture: tuple[str, ...] = ("0A", "0B", "1B", "28", "19", "19", "28", "0B", "0A")
    variable: list[IgnoredField] = []
    wishes: list[Wish] = []

    @property
    def row_pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of its row selects, in order."""
        return tuple((row, row) if isinstance(row, int) else row for row in self.rows)


ROW_SIZE = 6
"""Bytes of an optical row."""

WAIT_US = (0, 10_000_000)
"""The longest wait of a capture is 0.85 s."""

HOLD_US = (0, 1_000_000)
POLL_US = (100, 10_000_000)
VD_PERIOD_US = (1_000, 1_000_000)
"""Captures have 16.7 ms; shorter periods than 1 ms leave no room for a frame."""

UINT16, UINT8, FRAMES = (0, 0xFFFF), (0, 0xFF), (0, 100_000)

_TYPE = re.compile(r"[0-9A-F]{2}")
_REPLY_AND_REQUEST = re.compile(r"[0-9A-F]{2}( [0-9A-F]{2})?")
_WINDOW = re.compile(r"otherwise|(slow|fast) [1-9][0-9]{0,3}")


def check_settings(place: Place, settings: Struct) -> None:
    """Check that an engine can use a profile's values.

    Raises:
        ProfileError: the key, its value, and the legal values.
    """
    assert isinstance(settings, LensSettings | BodySettings)
    _check_messages(place, settings)
    if isinstance(settings, LensSettings):
        _check_lens(settings)
    else:
        _check_body(settings)


def _check_messages(place: Place, settings: LensSettings | BodySettings) -> None:
    """Check that every message of the profile can be built, and that every field that it names exists."""
    classes = {cls.__name__: cls for (role, _), cls in EMOUNT.messages.items() if role.value == place.value}

    def known(name: str) -> Any:
        if name not in classes:
            raise ProfileError(unknown_name_message(f"message of a {place.value}", name, classes))
        return classes[name]

    given = list(settings.messages.items())
    starts = [settings.start, *(one.start for one in getattr(settings, "start_at", []))]
    starts += [getattr(settings, name, {}) for name in ("farewell_start", "slow_start")]
    for name, patches in (item for start in starts for item in start.items()):
        known(name)
        given += [(name, patch) for patch in patches]
    if isinstance(settings, BodySettings):
        given += [*settings.adapter.items(), *settings.focusing.items(), *settings.farewell.items()]
    for name, fields in given:
        build_message(known(name), fields)
    for number, entry in enumerate(settings.variable):
        check_between(f"variable[{number}].frames", entry.frames, *FRAMES)
        if entry.message != "Frame":
            field_values(known(entry.message), {entry.field: 0})


def _check_body(body: BodySettings) -> None:
    _check_body_timing(body.timing)
    check_between("pads_to", body.pads_to, 1, 1024)
    check_between("ring_blocks", body.ring_blocks, *UINT16)
    check_between("loop_window", body.loop_window, 0, 1024)
    for key, types in (("cold", body.cold), ("warm", body.warm), ("picture", body.picture)):
        for text in types:
            _check_request(key, text)
    if body.picture.count("0A") == 1:
        raise ProfileError("picture has '0A' once; it stops and starts the stream, so write it twice, or leave it out")
    _check_present("rows", body.rows)
    for pair in body.row_pairs:
        for row in pair:
            check_between("rows", row, *UINT8)
    check_between("first_row", body.first_row, 0, len(body.rows) - 1)
    _check_present("cycles", body.cycles)
    for length, frames in body.cycles:
        check_between("a length of cycles", length, 1, UINT8[1])
        check_between("frames of cycles", frames, *FRAMES)
    check_between("farewell_frames", body.farewell_frames, *FRAMES)
    check_wishes(body.wishes)


def _check_request(key: str, text: str) -> None:
    if _TYPE.fullmatch(text) is None:
        raise ProfileError(f"{key}: {text!r} is no type; write two digits, 0 to 9 and A to F, such as '0B'")
    if (Role.BODY, int(text, 16)) not in EMOUNT.messages:
        types = (f"{type_:02X}" for role, type_ in EMOUNT.messages if role is Role.BODY)
        raise ProfileError(f"{key}: {unknown_name_message('message of a body', text, types)}")


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
    check_between("rows.initial", rows.initial, *UINT8)
    _check_keys("rows.c", rows.c, _TYPE, "two digits, 0 to 9 and A to F")
    for key, texts in (("b", rows.b), ("c", rows.c.values()), ("d", rows.d)):
        for text in texts:
            _check_row(key, text)
    check_between("first_sequence", lens.first_sequence, *UINT8)
    check_between("focus_skips", lens.focus_skips, *FRAMES)
    check_between("unsolicited_acknowledgement", lens.unsolicited_acknowledgement, -1, FRAMES[1])
    streamed = {cls.__name__: cls for cls in (LensStatus, FocusStatus)}
    check_rules(lens.state, lens.phase, lens.field, streamed, INPUTS)
    check_behaviour(lens.behaviour, lens.service)
    reserve = lens.behaviour.reserve
    check_between("behaviour.reserve[0]", reserve[0], 0, lens.focus.lower)
    check_between("behaviour.reserve[1]", reserve[1], 0, UINT16[1] - lens.focus.upper)


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
    check_between("iris.widest", iris.widest, *UINT16)
    check_between("iris.narrowest", iris.narrowest, *UINT16)
    if iris.widest > iris.narrowest:
        raise ProfileError(f"iris.widest {iris.widest:#x} is beyond iris.narrowest {iris.narrowest:#x}")
    check_between("iris.offset", iris.offset, UINT16[0] - iris.widest, UINT16[1] - iris.narrowest)
    check_between("iris.codes_per_frame", iris.codes_per_frame, 1, UINT16[1])
    check_between("iris.delay_frames", iris.delay_frames, 0, 1000)


def _check_focus(lens: LensSettings) -> None:
    focus = lens.focus
    check_between("focus.lower", focus.lower, *UINT16)
    check_between("focus.upper", focus.upper, *UINT16)
    if not focus.lower <= focus.planned <= focus.upper:
        raise ProfileError(
            f"focus.planned is {focus.planned:#x}; it must lie between focus.lower {focus.lower:#x} "
            f"and focus.upper {focus.upper:#x}"
        )
    # The encoder keeps its offset from the plan, up to both limits.
    check_between(
        "focus.encoder", focus.encoder, focus.planned - focus.lower, UINT16[1] - (focus.upper - focus.planned)
    )
    check_between("focus.steps_per_frame", focus.steps_per_frame, 1, UINT16[1])
    check_between("focus.lag_frames", focus.lag_frames, 0, 1000)
    check_between("focus.acknowledge_frames", focus.acknowledge_frames, *FRAMES)
    check_between("focus.motion_outlasts", focus.motion_outlasts, *FRAMES)


def _check_times(timing: BodyTiming | LensTiming, limits: Mapping[str, tuple[float, float]]) -> None:
    """Check every time of a table: window times against the limits of a hold, others against those of a wait."""
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
