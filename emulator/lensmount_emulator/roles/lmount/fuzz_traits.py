"""What fuzzing knows of the open model: questions and answers, counters, what moves how fast, and what to play."""

import math
from collections.abc import Container, Iterable

from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.fuzz_traits import FuzzTraits, MotionBounds
from lensmount_emulator.roles.lmount.lens import NUMBER_AT, LensEngine
from lensmount_emulator.roles.lmount.link_end import MOST_WAITING, LinkEnd
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT, LINK, ORDER
from lensmount_protocol.dialects.lmount.link import BodyHello
from lensmount_protocol.frame import Frame
from lensmount_protocol.message import Unknown
from lensmount_protocol.wire import Role

MOST_OPEN = 16
"""Orders that wait for their answers at once."""


def _asks(frame: Frame) -> int | None:
    """The number of a frame's only message."""
    if frame.class_ != ORDER or len(frame.messages) != 1 or isinstance(frame.messages[0], BodyHello):
        return None
    message = frame.messages[0]
    if isinstance(message, Unknown):
        return message.data[NUMBER_AT] if len(message.data) > NUMBER_AT else 0
    return int(getattr(message, "number", 0))


def _numbers(frame: Frame) -> Iterable[int]:
    """Every message that is no news is answered by itself."""
    if frame.class_ not in (CYCLE, EVENT):
        for message in frame.messages:
            data = message.build()
            yield data[NUMBER_AT] if len(data) > NUMBER_AT else 0
            yield int(getattr(message, "number", 0))


def _counted(role: Role, frame: Frame) -> Iterable[tuple[str, int]]:
    yield "frames", frame.sequence
    number = _asks(frame)
    if number is not None and role is Role.BODY:
        yield "orders", number


def _follows(name: str, before: int | None) -> Container[int]:
    """Frames count by one; orders do from 1 to 255, and one that waits for its answer may be said again."""
    if name == "frames":
        return range(256) if before is None else ((before + 1) % 256,)
    near = range(-MOST_OPEN, MOST_OPEN + 1)
    return range(1, 256) if before is None else [(before - 1 + by) % 255 + 1 for by in near]


def _places(lens: Engine, now: float) -> Iterable[MotionBounds]:
    if not isinstance(lens, LensEngine):
        return
    focus, iris = lens.focus, lens.iris
    yield MotionBounds("focus", focus.position(now), focus.lower, focus.upper, lens.settings.focus.speed, 2)
    if not lens.is_zoom:
        # A zoom changes what its diaphragm can do at once.
        speed = lens.settings.diaphragm.av_per_s * 256
        yield MotionBounds(
            "iris", iris.position(now), iris.widest, iris.smallest, 1.5 * speed, lens.settings.diaphragm.step
        )


def _overflowed(lens: Engine) -> float:
    return lens.overflowed_at if isinstance(lens, LinkEnd) else -math.inf


def _focus_rests(lens: Engine) -> bool:
    return not isinstance(lens, LensEngine) or not lens.driving


def _iris_rests(lens: Engine) -> bool:
    return not isinstance(lens, LensEngine) or not lens.closing


LMOUNT_TRAITS = FuzzTraits(
    asks=_asks,
    answers=_asks,
    numbers=_numbers,
    unasked=(0,),
    counted=_counted,
    follows=_follows,
    patience=lambda _number: 0.2,
    lens_answers=0.1,
    overflowed=_overflowed,
    recovers=8.0,
    places=_places,
    bodies=("panasonic-s1r", "leica-sl2", "sigma-fp"),
    lenses=("sigma-45mm-f2.8-dg-dn", "panasonic-s-pro-70-200mm-f2.8", "sigma-50mm-f1.4-dg-dn"),
    scripts=("", "focus near; aperture f/8; focus far", "wait 0.1; focus 2m; expose 1/60; correct",
             "wait 0.3; sleep; wake; wait 0.5; sleep"),
    verbs=("wait 0.05", "focus near", "focus far", "focus 2m", "focus +100", "velocity 500", "stop", "aperture f/8",
           "aperture f/64", "aperture f/1",
           "smooth f/4 200ms", "open", "stabilise normal", "stabilise off", "expose 1/60", "rate 120", "rate 60",
           "track 0.1", "limits 100 700", "limits off", "correct", "page joint corrections", "sleep; wake",
           "sleep; wake"),
    hands=("zoom 70", "zoom 120", "turn focus 30", "turn focus -50", "press afl", "release afl", "switch af 1",
           "switch af 0", "ring f/4", "ring A", "turn aperture 20"),
    rests={"focus": _focus_rests, "aperture": _iris_rests, "smooth": _iris_rests,
           "open": _iris_rests, "expose": _iris_rests},
    bounds={"_outbox": MOST_WAITING},
    greeting=BodyHello,
    greets=lambda frame: frame.class_ == LINK,
    parts=0.003,
    opens=0.001,
    asleep=frozenset({"ASLEEP"}),
    reduced=(frozenset({"FSYNC"}), frozenset({"V_DRIVE"}), frozenset({"BODY_ATT", "LENS_ATT"})),
)  # fmt: skip
"""What fuzzing knows of the open model."""
