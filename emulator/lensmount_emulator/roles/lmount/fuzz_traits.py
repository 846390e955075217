"""Traits of the open model for fuzzing: requests and replies, counters, motion bounds, profiles and scripts."""

import math
from collections.abc import Container, Iterable

from lensmount_emulator.engine.dialect_roles import FuzzTraits, MotionBounds
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.roles.lmount.lens.engine import NUMBER_OFFSET, LensEngine
from lensmount_emulator.roles.lmount.lens_rules import LmountLensRules
from lensmount_emulator.roles.lmount.link_engine import MAX_QUEUED, LmountEngine
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT, LINK, ORDER
from lensmount_protocol.dialects.lmount.link import BodyHello
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import UnknownMessage
from lensmount_protocol.wire import Role

MAX_OPEN = 16
"""Orders that wait for their answers at once."""


def _request_key(frame: Frame) -> int | None:
    """Return the number of a frame's only message."""
    if frame.class_ != ORDER or len(frame.messages) != 1 or isinstance(frame.messages[0], BodyHello):
        return None
    message = frame.messages[0]
    if isinstance(message, UnknownMessage):
        return message.data[NUMBER_OFFSET] if len(message.data) > NUMBER_OFFSET else 0
    return int(getattr(message, "number", 0))


def _reply_keys(frame: Frame) -> Iterable[int]:
    """Return the keys of every message that is no report or event; each has its own answer."""
    if frame.class_ not in (CYCLE, EVENT):
        for message in frame.messages:
            data = message.build()
            yield data[NUMBER_OFFSET] if len(data) > NUMBER_OFFSET else 0
            yield int(getattr(message, "number", 0))


def _counters(role: Role, frame: Frame) -> Iterable[tuple[str, int]]:
    yield "frames", frame.sequence
    number = _request_key(frame)
    if number is not None and role is Role.BODY:
        yield "orders", number


def _next_numbers(name: str, before: int | None) -> Container[int]:
    """Return the legal next numbers: frames count by one; orders from 1 to 255, and an open one may be repeated."""
    if name == "frames":
        return range(256) if before is None else ((before + 1) % 256,)
    near = range(-MAX_OPEN, MAX_OPEN + 1)
    return range(1, 256) if before is None else [(before - 1 + by) % 255 + 1 for by in near]


def _motion_bounds(lens: Engine, now: float) -> Iterable[MotionBounds]:
    if not isinstance(lens, LensEngine):
        return
    focus, iris = lens.focus, lens.iris
    yield MotionBounds("focus", focus.position(now), focus.lower, focus.upper, lens.settings.focus.speed, 2)
    if not lens.is_zoom:
        # A zoom changes the range of its diaphragm at once.
        speed = lens.settings.diaphragm.av_per_s * 256
        yield MotionBounds(
            "iris", iris.position(now), iris.widest, iris.smallest, 1.5 * speed, lens.settings.diaphragm.step
        )


def _overflowed(lens: Engine) -> float:
    return lens.overflowed_at if isinstance(lens, LmountEngine) else -math.inf


def _is_focus_idle(lens: Engine) -> bool:
    return not isinstance(lens, LensEngine) or not lens.driving


def _is_iris_idle(lens: Engine) -> bool:
    return not isinstance(lens, LensEngine) or not lens.closing


LMOUNT_TRAITS = FuzzTraits(
    request_key=_request_key,
    reply_key=_request_key,
    reply_keys=_reply_keys,
    unrequested=(0,),
    counters=_counters,
    next_numbers=_next_numbers,
    reply_timeout=lambda _number: 0.2,
    lens_reply_s=0.1,
    overflowed=_overflowed,
    recovery_s=8.0,
    motion_bounds=_motion_bounds,
    bodies=("panasonic-s1r", "leica-sl2", "sigma-fp"),
    lenses=("sigma-45mm-f2.8-dg-dn", "panasonic-s-pro-70-200mm-f2.8", "sigma-50mm-f1.4-dg-dn"),
    scripts=("", "focus near; aperture f/8; focus far", "wait 0.1; focus 2m; expose 1/60; fetch-corrections",
             "wait 0.3; sleep; wake; wait 0.5; sleep"),
    verbs=("wait 0.05", "focus near", "focus far", "focus 2m", "focus +100", "velocity 500", "stop", "aperture f/8",
           "aperture f/64", "aperture f/1",
           "ramp-aperture f/4 200ms", "open-aperture", "stabilise normal", "stabilise off", "expose 1/60", "rate 120",
           "rate 60", "track-focus 0.1", "limits 100 700", "limits off", "fetch-corrections",
           "extension joint corrections", "sleep; wake", "sleep; wake"),
    control_steps=("zoom 70", "zoom 120", "turn focus 30", "turn focus -50", "press afl", "release afl", "switch af 1",
           "switch af 0", "ring f/4", "ring A", "turn aperture 20"),
    idle_checks={"focus": _is_focus_idle, "aperture": _is_iris_idle, "ramp-aperture": _is_iris_idle,
           "open-aperture": _is_iris_idle, "expose": _is_iris_idle},
    queue_bounds={"_outbox": MAX_QUEUED},
    hello=BodyHello,
    is_hello_reply=lambda frame: frame.class_ == LINK,
    baudrate_switch_s=0.003,
    window_lead_s=0.001,
    asleep=frozenset({"ASLEEP"}),
    device_rules={Role.LENS: LmountLensRules},
    uncarried_lines=(frozenset({"FSYNC"}), frozenset({"V_DRIVE"}), frozenset({"BODY_ATT", "LENS_ATT"})),
)  # fmt: skip
"""The traits of the open model for fuzzing."""
