"""What a profile must say to play one end of an E-mount: the shape of its TOML, checked when it is loaded.

All times are microseconds, as a logic analyser shows them. Bytes are hexadecimal text. `messages` gives the fields
of each message by the name of its class; `start` gives, frame by frame from the first, the fields that differ from
that while a session starts.
"""

from typing import Literal

from msgspec import Struct

from lensmount_emulator.roles.wording import MessageFields, Variable


class LensTiming(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a lens moves its lines.

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
        lag_frames: how far the encoder is behind the plan.
        acknowledge_frames: fewest frames from an order to its acknowledgement.
        motion_outlasts: frames behind the acknowledgement for which `05` f22 bit 6 stays set.
        acknowledges_first: whether the acknowledgement stands before `06` in its frame.
        reports_encoder: whether `06` f20-21 and the velocity bytes follow the motor.
        shows_limits: whether `06` f0 tells when the plan is at a limit.
        cycle_flag: what `06` f23 bit 6 does: `follows` the body's cycle, `fixed` two on two off, or `none`.
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
        c: row index as two digits -> row C; an index that is not listed keeps the row before.
        d: row D, frame by frame, repeating; empty: as row C.
    """

    echo_frames: int
    initial: int = 0
    b: list[str] = []
    c: dict[str, str] = {}
    d: list[str] = []


class LensSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One lens, as its profile says it.

    Attributes:
        timing: when it moves its lines.
        iris: its diaphragm.
        focus: its focus drive.
        rows: its optical rows.
        messages: fields of what it says.
        start: fields that differ in its first stream frames.
        first_sequence: sequence number of its frames before the first body frame.
        counts_alone: whether that number goes up each frame before the first body frame.
        focus_skips: how many first `05` come without a `06`.
        unsolicited_acknowledgement: stream frame that carries a move acknowledgement nobody asked for; -1: none.
        refuses: whether it answers what it cannot read or does not know with a refusal `02`.
        variable: fields that a replay does not compare.
    """

    timing: LensTiming
    iris: Iris
    focus: Focus
    rows: Rows
    messages: dict[str, MessageFields]
    start: dict[str, list[MessageFields]] = {}
    first_sequence: int = 0
    counts_alone: bool = False
    focus_skips: int = 0
    unsolicited_acknowledgement: int = -1
    refuses: bool = True
    variable: list[Variable] = []


class BodyTiming(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a body moves its lines.

    Attributes:
        first_vd: VCC to the first frame-sync pulse.
        vd_period: between pulses.
        vd_low: length of a pulse.
        select_rises: BODY_CS after VCC, for the handshake.
        serial_on: TXD goes idle high, after BODY_CS rises.
        first_poll: first look at the lens after BODY_CS rises.
        poll: between looks.
        link_poll: first look at LENS_CS after BODY_CS falls.
        setup: BODY_CS high to the first start bit, at the slow and the fast rate.
        hold: bytes in the window -> last stop bit to BODY_CS low.
        next_request: two-digit type of the reply, or of reply and request -> LENS_CS low to BODY_CS high.
        next_request_otherwise: the same for any other type.
        switch_rises: speed switch: BODY_CS after the reply's LENS_CS falls.
        switch_look: first look at LENS_CS after that.
        switch_falls: BODY_CS after a look that saw LENS_CS high.
        switch_rests: silence behind the switch, and behind a warm handshake.
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
    """One body, as its profile says it.

    Attributes:
        timing: when it moves its lines.
        pads_to: windows are clocked in whole multiples of this many bytes; 1: no padding.
        ring_blocks: blocks of that size in its transmit buffer, whose old content shows as padding; 0: zeros.
        switches_speed: whether it ever asks for the fast rate.
        cold: types of its requests after a cold start, in order; `0C` is left out where the lens does not offer it.
        warm: the same after a sleep.
        rows: row indices in the order of its selects.
        first_row: place in that list where a session starts.
        cycles: pairs of (cycle length, frames); the last length lasts.
        messages: fields of what it says.
        adapter: fields that differ towards an adapter.
        start: fields that differ in its first loop frames.
        farewell: fields that differ in the frames before it sends a lens to sleep.
        farewell_frames: how many those are.
        variable: fields that a replay does not compare.
    """

    timing: BodyTiming
    pads_to: int = 16
    ring_blocks: int = 0
    switches_speed: bool
    cold: list[str]
    warm: list[str]
    rows: tuple[int, ...] = (0x15, 0x16, 0x15, 0x17)
    first_row: int = 0
    cycles: tuple[tuple[int, int], ...] = ((1, 18), (2, 3), (4, 3), (6, 0))
    messages: dict[str, MessageFields]
    adapter: dict[str, MessageFields] = {}
    start: dict[str, list[MessageFields]] = {}
    farewell: dict[str, MessageFields] = {}
    farewell_frames: int = 26
    variable: list[Variable] = []
