"""Profiles of Micro Four Thirds lenses and bodies: their values and checks.

What the documents leave open is a setting.
"""

from msgspec import Struct

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.profile_values import check_between
from lensmount_protocol.dialects.mft import link
from lensmount_protocol.errors import ProfileError


class LensSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Micro Four Thirds lens.

    Attributes:
        setup_reply: the four bytes that answer `C0 F6`, in hexadecimal.
        identity: the twenty bytes that answer `C1 F9`.
        standby: the thirty bytes that answer `C1 80` after the start.
        ready_pulse_ms: the pulse of LENS_ACK after it woke up.
        action_ms: duration of an action; the documented program waits 500 ms in the first command.
        setup_action_ms: duration of `B1 88`.
        wake_us: from the rise of BODY_ACK to that pulse; open.
        ready_us: from the rise of BODY_ACK until the lens is ready for bytes; open.
        busy_us: from the end of a unit to the fall of LENS_ACK; open.
        reply_us: from the fall of BODY_ACK until the lens offers its next unit; open.
        follows_aperture: whether the report follows an order of the aperture; documented.
        focus_per_raw: units of a focus order for each unit of the raw focus in the report; 0: the report does not
            follow, because no document describes it.
        sleep_keeps_state: whether aperture and focus survive sleep; open.
    """

    setup_reply: str = "0a10c409"
    identity: str = "000001100000 414142323233343635 0000000111"
    standby: str = "c2e10000 00 0c 4200 b103 000c 0c00 d2002f018c01ea014702a45c034e0200"
    ready_pulse_ms: float = link.READY_PULSE_MS
    action_ms: float = link.ACTION_MS
    setup_action_ms: float = 10.0
    wake_us: float = 200.0
    ready_us: float = 20.0
    busy_us: float = 5.0
    reply_us: float = 40.0
    follows_aperture: bool = True
    focus_per_raw: int = 0
    sleep_keeps_state: bool = False


class BodySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Micro Four Thirds body.

    Attributes:
        hello: the first command: `F2` or `F0`; disputed.
        standby: the last two bytes of the command that reads the status, in hexadecimal.
        ring_direction: direction of the ring for manual focus: `forward` or `reverse`.
        first_order_round: round that sends the order of unknown meaning; 0 for none.
        wake_ms: from the rise of SLEEP to BODY_ACK.
        after_ready_ms: from the fall of BODY_ACK after the lens's pulse to the first command.
        clock_hold_ms: how long the clock is held low after `A0 F5`.
        before_shutter_ms: pause at the start of a round.
        shutter_us: the pulse of SHUTTER.
        after_shutter_ms: from that pulse to the status.
        before_toggle_ms: from the last transfer of a round to the change of FOCUS.
        supply_ms: from VDD to the rise of SLEEP; open.
        acknowledge_us: from an edge of LENS_ACK to the body's next step; open.
        ready_timeout_ms: time in which a lens has to become ready; open.
        action_timeout_ms: time in which an action has to end; open.
        attempts: attempts at a transaction, before the lens is put to sleep and woken; open.
    """

    hello: str = "F2"
    standby: str = "0106"
    ring_direction: str = "forward"
    first_order_round: int = 2
    wake_ms: float = link.WAKE_MS
    after_ready_ms: float = link.AFTER_READY_MS
    clock_hold_ms: float = link.CLOCK_HOLD_MS
    before_shutter_ms: float = link.BEFORE_SHUTTER_MS
    shutter_us: float = link.SHUTTER_US
    after_shutter_ms: float = link.AFTER_SHUTTER_MS
    before_toggle_ms: float = link.BEFORE_TOGGLE_MS
    supply_ms: float = 20.0
    acknowledge_us: float = 5.0
    ready_timeout_ms: float = 40.0
    action_timeout_ms: float = 1_000.0
    attempts: int = 3


HELLOS = ("F2", "F0")
DIRECTIONS = ("forward", "reverse")


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
        raise ProfileError(f"a {place.value} of mft has no settings")


def _check_lens(lens: LensSettings) -> None:
    for key, size in (("setup_reply", 4), ("identity", 20), ("standby", 30)):
        _check_hex(key, getattr(lens, key), size)
    for key in ("ready_pulse_ms", "action_ms", "setup_action_ms"):
        check_between(key, getattr(lens, key), 0.1, 1e4)
    for key in ("wake_us", "ready_us", "busy_us", "reply_us"):
        check_between(key, getattr(lens, key), 1, 1e4)
    check_between("focus_per_raw", lens.focus_per_raw, 0, 0xFFFFFFFF)


def _check_body(body: BodySettings) -> None:
    for key, legal in (("hello", HELLOS), ("ring_direction", DIRECTIONS)):
        if getattr(body, key) not in legal:
            raise ProfileError(f"{key} is {getattr(body, key)!r}; it must be {' or '.join(legal)}")
    _check_hex("standby", body.standby, 2)
    check_between("first_order_round", body.first_order_round, 0, 1e6)
    for key in ("before_shutter_ms", "after_shutter_ms", "before_toggle_ms", "after_ready_ms", "supply_ms"):
        check_between(key, getattr(body, key), 0, 1e4)
    check_between("wake_ms", body.wake_ms, 1, 1e3)
    check_between("clock_hold_ms", body.clock_hold_ms, 0.1, 1e2)
    check_between("shutter_us", body.shutter_us, 1, 1e5)
    check_between("acknowledge_us", body.acknowledge_us, 1, 1e4)
    for key in ("ready_timeout_ms", "action_timeout_ms"):
        check_between(key, getattr(body, key), 1, 1e5)
    check_between("attempts", body.attempts, 1, 100)


def _check_hex(key: str, text: str, size: int) -> None:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise ProfileError(f"{key} is {text!r}; it must be bytes in hexadecimal") from None
    if len(data) != size:
        raise ProfileError(f"{key} has {len(data)} bytes; it must have {size}")
