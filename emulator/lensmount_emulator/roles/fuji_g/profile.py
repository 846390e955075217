"""Profiles of Fuji G lenses and bodies: their values, units and checks."""

from msgspec import Struct

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.profile_values import check_above_zero, check_between
from lensmount_protocol.errors import ProfileError


class FocusValues(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The focus drive, in position units and seconds.

    Attributes:
        lower: the lowest position.
        upper: the highest position.
        initial: position after the start.
        speed: highest speed, in units a second; an order of 7fff uses it.
        acceleration: in units a second squared.
        ring_acceleration: the same in modes with bit 5, those of the ring and of the last approach.
        idle_ms: duration of a move that goes nowhere.
        reading_ms: age of the position in a reply: captures show 2 ms at two speeds.
        parked: position after parking; `None`: the one after the start.
    """

    lower: int
    upper: int
    initial: int
    speed: float = 10_000.0
    acceleration: float = 250_000.0
    ring_acceleration: float = 43_000.0
    idle_ms: float = 0.5
    reading_ms: float = 2.0
    parked: int | None = None


class IrisValues(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The iris, in third stops from the widest and milliseconds.

    Attributes:
        steps: the highest step.
        initial: step after the start.
        base_ms: duration of a move, without its steps.
        step_ms: duration of each step.
        fast_step_ms: duration of each step in the modes 6 and 7.
        idle_ms: duration of a move without a step.
    """

    steps: int
    initial: int = 0
    base_ms: float = 5.0
    step_ms: float = 30.0
    fast_step_ms: float = 4.3
    idle_ms: float = 7.7


class LensSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Fuji G lens.

    Attributes:
        focus: the focus drive.
        iris: the iris.
        code: code in its block, at most 8 characters.
        model: model in its block, at most 8 characters.
        lens_name: name in its block, at most 64 characters.
        serial_number: in its block, at most 10 characters.
        version: the eight bytes after it, in hexadecimal.
        version_prefix: the two bytes before the version, in hexadecimal.
        block_tail: the bytes after the version, in hexadecimal; zeros follow.
        busy_after_ms: from the supply to the fall of the focus busy line.
        ready_after_ms: from the supply to the rise of the data line.
        started_after_ms: from the supply to the rise of the focus busy line.
        ring_after_ms: from the supply to the first report of the aperture ring.
        turn_after_ms: from the supply to the first report of the focus ring.
        load_us: from the end of a burst until the next word is loaded.
        execute_us: from the acknowledge of an execute to the fall of a busy line.
        park_ms: duration of parking.
        status_bits: bits of the status that no model explains.
        ring_index: index of the aperture ring after the start.
        temperature: value of 09.2.
        first_turn: value of the first 0c.2 after power-up.
    """

    focus: FocusValues
    iris: IrisValues
    code: str = ""
    model: str = ""
    lens_name: str = ""
    serial_number: str = "0000000000"
    version: str = "0100010001000100"
    version_prefix: str = "0156"
    block_tail: str = "c801"
    busy_after_ms: float = 51.9
    ready_after_ms: float = 56.6
    started_after_ms: float = 239.2
    ring_after_ms: float = 160.0
    turn_after_ms: float = 160.0
    load_us: float = 120.0
    execute_us: float = 147.0
    park_ms: float = 235.0
    status_bits: int = 0
    ring_index: int = 1
    temperature: int = 0x15
    first_turn: int = -0x7FFF


class BodySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Fuji GFX body.

    Attributes:
        code: code in its block.
        model: model in its block, twice.
        block_digits: thirty digits in its block.
        block_tail: the bytes after them, in hexadecimal; zeros follow.
        block_for: models of lenses that get its block.
        clock_after_ms: from the supply to the rise of the clock line.
        first_burst_ms: from a lens that is ready to the first burst.
        ready_timeout_ms: time in which a lens has to become ready.
        poll_ms: period of the polls.
        request_gap_us: from a word with a request to its acknowledge.
        reply_gap_us: from a word with a request and a reply to its acknowledge.
        null_gap_us: from the null word to its acknowledge.
        word_gap_us: from an acknowledge to the next word of a session.
        block_after_ms: from a session to the first block, and from block to block.
        reaction_us: from the rise of a busy line to the sessions that ask for the result.
        query_after_ms: from the supply to the sessions after the start-up; a lens that starts for longer delays them.
        start_mode: focus mode of the first move.
        start_focus: target of the first move; the position that the lens reports where it is not given.
        shutter_rest_ms: from the first state of the shutter button to the state at rest.
        ring_reaction_ms: from a turn of the focus ring, or from the end of a move that runs then, to the move by it.
        ring_lower: the lowest target of a move by the focus ring.
        supply_off_ms: from the end of parking to the fall of the supply.
        focus_by_ring: whether a turn of the focus ring moves the focus.
        iris_by_ring: whether a turn of the aperture ring moves the iris.
    """

    code: str = "SPX3"
    model: str = "GFX 50R"
    block_digits: str = "0" * 30
    block_tail: str = "02200135010001000100"
    block_for: tuple[str, ...] = ("FSSNW104",)
    clock_after_ms: float = 2.4
    first_burst_ms: float = 58.0
    ready_timeout_ms: float = 1_000.0
    poll_ms: float = 40.0
    request_gap_us: float = 454.0
    reply_gap_us: float = 439.0
    null_gap_us: float = 255.0
    word_gap_us: float = 264.0
    block_after_ms: float = 3.1
    reaction_us: float = 121.0
    query_after_ms: float = 586.0
    start_mode: int = 0x0123
    start_focus: int | None = None
    shutter_rest_ms: float = 25.0
    ring_reaction_ms: float = 8.9
    ring_lower: int = -39
    supply_off_ms: float = 31.0
    focus_by_ring: bool = True
    iris_by_ring: bool = True


LOAD_LIMIT_US = 249.0
"""The shortest pause between two bursts."""


def check_settings(place: Place, settings: Struct) -> None:
    """Check a profile's values beyond their types.

    Raises:
        ProfileError: one line with the key, the value and the legal values.
    """
    if isinstance(settings, LensSettings):
        _check_lens(settings)
    elif isinstance(settings, BodySettings):
        _check_body(settings)
    else:
        raise ProfileError(f"a {place.value} of fuji-g has no settings")


def _check_lens(lens: LensSettings) -> None:
    if not -0x8000 <= lens.focus.lower < lens.focus.upper <= 0x7FFF:
        raise ProfileError(
            f"focus.lower is {lens.focus.lower} and focus.upper {lens.focus.upper}; they must be -32768 to 32767, the "
            "lower one first"
        )
    check_between("focus.initial", lens.focus.initial, lens.focus.lower, lens.focus.upper)
    check_above_zero("focus.speed", lens.focus.speed)
    check_above_zero("focus.acceleration", lens.focus.acceleration)
    check_above_zero("focus.ring_acceleration", lens.focus.ring_acceleration)
    check_between("focus.idle_ms", lens.focus.idle_ms, 0, 1e3)
    check_between("focus.reading_ms", lens.focus.reading_ms, 0, 1e3)
    if lens.focus.parked is not None:
        check_between("focus.parked", lens.focus.parked, lens.focus.lower, lens.focus.upper)
    check_between("iris.steps", lens.iris.steps, 1, 63)
    check_between("iris.initial", lens.iris.initial, 0, lens.iris.steps)
    for key in ("base_ms", "step_ms", "fast_step_ms", "idle_ms"):
        check_between(f"iris.{key}", getattr(lens.iris, key), 0, 1e4)
    check_between("load_us", lens.load_us, 0, LOAD_LIMIT_US)
    check_between("execute_us", lens.execute_us, 0, 1e4)
    check_between("park_ms", lens.park_ms, 0, 1e4)
    check_between("busy_after_ms", lens.busy_after_ms, 0, lens.ready_after_ms)
    check_between("ready_after_ms", lens.ready_after_ms, 0, lens.started_after_ms)
    check_between("started_after_ms", lens.started_after_ms, 0, 1e4)
    for key in ("ring_after_ms", "turn_after_ms"):
        check_between(key, getattr(lens, key), lens.ready_after_ms, lens.started_after_ms)
    check_between("status_bits", lens.status_bits, 0, 0xFFFF)
    check_between("ring_index", lens.ring_index, 0, 0xFFFF)
    check_between("temperature", lens.temperature, 0, 0xFFFF)
    check_between("first_turn", lens.first_turn, -0x8000, 0x7FFF)
    _check_texts(lens, {"code": 8, "model": 8, "lens_name": 64, "serial_number": 10})
    _check_hex(lens, {"version": 8, "version_prefix": 2, "block_tail": 28})


def _check_body(body: BodySettings) -> None:
    _check_texts(body, {"code": 10, "model": 15, "block_digits": 30})
    _check_hex(body, {"block_tail": 53})
    check_between("poll_ms", body.poll_ms, 5, 1e4)
    for key in ("request_gap_us", "reply_gap_us", "null_gap_us", "word_gap_us"):
        check_between(key, getattr(body, key), LOAD_LIMIT_US, 1e5)
    for key in ("clock_after_ms", "first_burst_ms", "ready_timeout_ms", "block_after_ms", "supply_off_ms"):
        check_between(key, getattr(body, key), 0, 1e5)
    check_between("reaction_us", body.reaction_us, 0, 1e5)
    for key in ("query_after_ms", "shutter_rest_ms", "ring_reaction_ms"):
        check_between(key, getattr(body, key), 0, 1e4)
    check_between("ring_lower", body.ring_lower, -0x8000, 0x7FFF)
    check_between("start_mode", body.start_mode, 0, 0xFFFF)
    if body.start_focus is not None:
        check_between("start_focus", body.start_focus, -0x8000, 0x7FFF)


def _check_texts(settings: Struct, sizes: dict[str, int]) -> None:
    for key, size in sizes.items():
        text = str(getattr(settings, key))
        if len(text) > size or not text.isascii() or not (text.isprintable() or not text):
            raise ProfileError(f"{key} is {text!r}; it must be printable ASCII of at most {size} characters")


def _check_hex(settings: Struct, sizes: dict[str, int]) -> None:
    for key, size in sizes.items():
        text = str(getattr(settings, key))
        try:
            data = bytes.fromhex(text)
        except ValueError:
            raise ProfileError(f"{key} is {text!r}; it must be bytes in hexadecimal") from None
        if len(data) > size:
            raise ProfileError(f"{key} has {len(data)} bytes; it holds at most {size}")
