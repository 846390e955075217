"""What each end knows before anything has happened: the plain attributes of the four engines, as they begin."""

import enum
from typing import Any

import pytest

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.emount.body.engine_base import LoopUpdate

INITIAL: dict[str, dict[str, Any]] = {
    "a6000": {
        "aperture": None,
        "pending_request": 0,
        "baudrate": 750000,
        "cycle_length": None,
        "done": False,
        "compatibility_results": [],
        "first_sequence": None,
        "free_at": 0.0,
        "gave_up": False,
        "operate_mount": None,
        "last_received_at": 0.0,
        "rx_enabled": True,
        "live": False,
        "looping": False,
        "now": 0.0,
        "position": 0,
        "pulse_at": 0.0,
        "pulses": 0,
        "pulses_before": 0,
        "random": None,
        "reply": None,
        "sending_farewell": False,
        "script": (),
        "select_fell_at": 0.0,
        "sending": False,
        "warm": False,
        "windowed": True,
        "loop_updates": {},
    },
    "a6000 lens": {
        "capabilities": None,
        "descriptor": None,
        "focus": None,
        "identity": None,
        "slow_starter": False,
        "status": None,
    },
    "a6000 loop": {"asked": False, "cycle": 1, "echoes": 0, "frame": 0, "pair_seen": False, "phase": 0, "row": 1},
    "sel55210": {
        "baudrate": 750000,
        "done": False,
        "compatibility_results": [],
        "free_at": 0.0,
        "gave_up": False,
        "operate_mount": None,
        "rx_enabled": False,
        "levels": {},
        "live": False,
        "dropped": 0,
        "now": 0.0,
        "overflowed_at": -1.0,
        "position": 0,
        "pulse_at": 0.0,
        "pulse_period": 0.0,
        "random": None,
        "script": (),
        "sending": False,
        "turned_to_dmm": 0,
        "waiting": 0,
        "window_holds_bytes": False,
        "windowed": True,
    },
    "sel55210 stream": {
        "busy": False,
        "cycle_flag": False,
        "flipped": False,
        "focus_blocks": 63,
        "frame": -1,
        "motion_left": 0,
        "moves": False,
        "moving_to": None,
        "phase_zero": False,
        "run": 1,
        "running": False,
        "sequence": 0,
        "status_blocks": 32767,
        "target": None,
        "waits": False,
    },
    "panasonic-s1r": {
        "answers": {},
        "resent_count": 0,
        "baudrate": 115200,
        "done": False,
        "outcomes": {},
        "expects_detach": False,
        "compatibility_results": [],
        "frame": 0,
        "frame_at": 0.0,
        "free_at": 0.0,
        "gave_up": False,
        "operate_mount": None,
        "rx_enabled": True,
        "lens_sleeps": False,
        "live": False,
        "dropped": 0,
        "now": 0.0,
        "overflowed_at": -1.0,
        "position": 0,
        "random": None,
        "rate_hz": 60,
        "reported_at": 0.0,
        "restarts": False,
        "script": (),
        "sending": False,
        "sequence": 0,
        "share": None,
        "stream": 0,
        "streaming": False,
        "windowed": True,
    },
    "panasonic-s1r lens_info": {
        "capabilities": None,
        "accessories": [],
        "aperture": None,
        "features": 0,
        "focus": None,
        "granted": "NONE",
        "hello": None,
        "identity": None,
        "locked": False,
        "manual": False,
        "extensions": [],
        "power": None,
        "recovery": None,
        "reports": 0,
        "revision": 1,
        "stabiliser": None,
        "turned": {},
        "used": "FULL_FRAME",
        "warned": False,
        "zoom": None,
    },
    "sigma-45mm-f2.8-dg-dn": {
        "asleep": False,
        "baudrate": 115200,
        "by_ring": False,
        "closing": 0,
        "done": False,
        "driving": 0,
        "compatibility_results": [],
        "free_at": 0.0,
        "gave_up": False,
        "operate_mount": None,
        "last_received_at": 0.0,
        "rx_enabled": True,
        "homed": False,
        "homing": False,
        "homing_run": 0,
        "levels": {},
        "live": False,
        "max_focal_um": 45000,
        "dropped": 0,
        "maker": 3,
        "model": 43837,
        "nearest_mm": 240,
        "now": 0.0,
        "overflowed_at": -1.0,
        "extensions": None,
        "peak_ma": 0,
        "position": 0,
        "random": None,
        "rate_run": 0,
        "receiver": None,
        "ring_av": None,
        "run_number": 0,
        "script": (),
        "sending": False,
        "sequence": 0,
        "min_focal_um": 45000,
        "smallest": 2283,
        "started": False,
        "store": None,
        "switches": {},
        "version": "1.0",
        "windowed": True,
        "yaw_held": 0.0,
        "zooming": 0,
    },
    "sigma-45mm-f2.8-dg-dn body_requests": {
        "axes": 3,
        "changing": False,
        "clicks": True,
        "exposing": False,
        "features": 0,
        "frame": -1,
        "frame_at": 0.0,
        "granted": "NONE",
        "grants": 0,
        "linear": False,
        "extensions": [],
        "period": 0.0,
        "reports": (),
        "reversed": False,
        "revision": 1,
        "share": 1.0,
        "stabiliser": "OFF",
        "throw_degrees": 0,
        "used": "FULL_FRAME",
    },
}

OF_THE_MOUNT = {"carried", "select", "dialect", "role"}


def names(subject: object) -> set[str]:
    """The public attributes of an object, with slots or without."""
    found = set(getattr(subject, "__dict__", {}))
    for cls in type(subject).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        found |= {slots} if isinstance(slots, str) else set(slots)
    return {name for name in found if not name.startswith("_")} - OF_THE_MOUNT


def state(subject: object) -> dict[str, Any]:
    """The attributes that are plain values or empty."""
    found: dict[str, Any] = {}
    for name in names(subject):
        value = getattr(subject, name, ...)
        if isinstance(value, enum.Enum):
            found[name] = value.name
        elif value is None or isinstance(value, bool | int | float | str | bytes):
            found[name] = value
        elif isinstance(value, list | tuple | set | frozenset | dict) and not value:
            found[name] = type(value)()
    return found


@pytest.mark.parametrize("subject", INITIAL)
def test_an_end_begins_with_this(subject: str) -> None:
    profile_name, _, part = subject.partition(" ")
    profile = load_profile(profile_name)
    engine = get_roles(profile.dialect).make_engine(profile.settings, None, None, ())
    found = state(getattr(engine, part) if part else engine)
    assert {name: found.get(name, "missing") for name in INITIAL[subject]} == INITIAL[subject]


def test_a_wish_wants_nothing_unless_it_says_so() -> None:
    wish = LoopUpdate()
    assert (wish.aperture, wish.cycle_length, wish.orders) == (None, None, ())
