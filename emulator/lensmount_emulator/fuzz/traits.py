"""What fuzzing must know of a dialect beside its declarations: what asks and what answers, and where things move."""

import math
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.cast import Cast
from lensmount_emulator.roles.emount.body_requests import PATIENCE_S, USUAL_PATIENCE_S
from lensmount_emulator.roles.emount.lens import LensEngine as EmountLens
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.lmount.lens import NUMBER_AT
from lensmount_emulator.roles.lmount.lens import LensEngine as LmountLens
from lensmount_emulator.roles.lmount.link_end import MOST_WAITING, LinkEnd
from lensmount_emulator.roles.registry import cast_of
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT, LINK, ORDER
from lensmount_protocol.dialects.lmount.link import BodyHello
from lensmount_protocol.frame import Frame
from lensmount_protocol.message import Message, Unknown
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Role

FRAMES_A_SECOND = 61.0
"""Frame-sync pulses of an E-mount, rounded up."""

EMOUNT_WIRE_S = 0.3
"""What a request and its answer may take on the wire, pauses of a slow adapter included."""


MOST_OPEN = 16
"""Orders of the open model that wait for their answers at once."""


class Place(NamedTuple):
    """Where something that moves stands.

    Attributes:
        name: what moves.
        value: where it is.
        lowest: its one end.
        highest: its other end.
        speed: the most that it goes in a second.
        slack: what it may be ahead of that, by rounding and by the grain of its time.
    """

    name: str
    value: float
    lowest: float
    highest: float
    speed: float
    slack: float


@dataclass(frozen=True, slots=True)
class Traits:
    """What fuzzing knows of a dialect; the defaults suit one of which nothing more is known.

    Attributes:
        asks: a frame from the body -> by what its answer is known; `None` where it wants none.
        answers: a frame from the lens -> what it answers; `None` where it answers nothing.
        numbers: a frame from the body -> all that a lens that hears it may answer.
        unasked: what a lens may say without having been asked, by what its answers are known.
        patience: the same -> seconds within which the body has its answer, asks again, or says that none came.
        lens_answers: seconds within which a lens answers what it has heard; infinite where that is the body's.
        overflowed: when so much waited at a lens last that it left something out, what was asked before is given up.
        recovers: seconds behind the last fault within which both ends stream again or are at rest.
        counted: who sends, and a frame -> what it numbers, each by the name of its counter.
        follows: name of a counter, and its last number -> the numbers that may follow; `None` before the first one.
        places: where the parts of a lens stand at a time.
        bodies: profiles of bodies to play.
        lenses: profiles of lenses to play.
        scripts: what bodies are to do.
        verbs: steps that scripts are made of by chance.
        hands: what a hand does at the lens, by chance.
        rests: verb of a script -> whether what it drives is at rest, where it is over only then.
        parts: seconds within which both ends take a new rate, where nothing goes wrong.
        opens: seconds before the first byte at most for which a window is open, where nothing goes wrong.
        bounds: name of a queue of an end -> how many may wait in it.
        greeting: what a body says that begins anew with a lens that it has not switched off; `None` where none does.
        greets: whether a frame of a lens greets back.
        reduced: lines that ports of live sessions may not carry.
    """

    asks: Callable[[Frame], int | None] = lambda _frame: None
    answers: Callable[[Frame], int | None] = lambda _frame: None
    numbers: Callable[[Frame], Iterable[int]] = lambda _frame: ()
    unasked: Container[int] = range(1 << 16)
    patience: Callable[[int], float] = lambda _key: 1.0
    lens_answers: float = math.inf
    overflowed: Callable[[Engine], float] = lambda _lens: -math.inf
    recovers: float = 10.0
    counted: Callable[[Role, Frame], Iterable[tuple[str, int]]] = lambda _role, _frame: ()
    follows: Callable[[str, int | None], Container[int]] = lambda _name, _before: range(256)
    places: Callable[[Engine, float], Iterable[Place]] = lambda _lens, _now: ()
    bodies: tuple[str, ...] = ()
    lenses: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ("",)
    verbs: tuple[str, ...] = ()
    hands: tuple[str, ...] = ()
    rests: Mapping[str, Callable[[Engine], bool]] = field(default_factory=lambda: dict[str, Callable[[Engine], bool]]())
    parts: float = math.inf
    opens: float = math.inf
    bounds: Mapping[str, int] = field(default_factory=lambda: dict[str, int]())
    greeting: Callable[[], Message] | None = None
    greets: Callable[[Frame], bool] = lambda _frame: False
    reduced: tuple[frozenset[str], ...] = ()


def _emount_asks(frame: Frame) -> int | None:
    return frame.payload[0] if frame.class_ == REQUEST_CLASS else None


def _lmount_asks(frame: Frame) -> int | None:
    """The number of a frame's only message."""
    if frame.class_ != ORDER or len(frame.messages) != 1 or isinstance(frame.messages[0], BodyHello):
        return None
    message = frame.messages[0]
    if isinstance(message, Unknown):
        return message.data[NUMBER_AT] if len(message.data) > NUMBER_AT else 0
    return int(getattr(message, "number", 0))


def _emount_numbers(frame: Frame) -> Iterable[int]:
    return frame.payload[:1] if frame.class_ == REQUEST_CLASS else ()


def _lmount_numbers(frame: Frame) -> Iterable[int]:
    """Every message that is no news is answered by itself."""
    if frame.class_ not in (CYCLE, EVENT):
        for message in frame.messages:
            data = message.build()
            yield data[NUMBER_AT] if len(data) > NUMBER_AT else 0
            yield int(getattr(message, "number", 0))


def _emount_counted(role: Role, frame: Frame) -> Iterable[tuple[str, int]]:
    if frame.class_ == LOOP_CLASS:
        yield role.value, frame.sequence


def _emount_follows(name: str, _before: int | None) -> Container[int]:
    """A body skips pulses where it is busy, so only numbers that nobody may send are wrong."""
    return range(0xF0) if name == Role.BODY.value else {*range(0xF0), *range(0xF1, 0x100)}


def _lmount_counted(role: Role, frame: Frame) -> Iterable[tuple[str, int]]:
    yield "frames", frame.sequence
    number = _lmount_asks(frame)
    if number is not None and role is Role.BODY:
        yield "orders", number


def _lmount_follows(name: str, before: int | None) -> Container[int]:
    """Frames count by one; orders do from 1 to 255, and one that waits for its answer may be said again."""
    if name == "frames":
        return range(256) if before is None else ((before + 1) % 256,)
    near = range(-MOST_OPEN, MOST_OPEN + 1)
    return range(1, 256) if before is None else [(before - 1 + by) % 255 + 1 for by in near]


def _emount_places(lens: Engine, _now: float) -> Iterable[Place]:
    if not isinstance(lens, EmountLens):
        return
    motor, iris, settings = lens.motor, lens.iris, lens.settings
    planned = motor.planned(float(lens.stream.frame))
    speed = settings.focus.steps_per_frame
    yield Place("focus", planned, motor.lower, motor.upper, speed * FRAMES_A_SECOND, 2 * speed)
    speed = iris.codes_per_frame
    lowest, highest = iris.widest + iris.offset, iris.narrowest + iris.offset
    yield Place("iris", iris.current, lowest, highest, speed * FRAMES_A_SECOND, 2 * speed)


def _lmount_places(lens: Engine, now: float) -> Iterable[Place]:
    if not isinstance(lens, LmountLens):
        return
    focus, iris = lens.focus, lens.iris
    yield Place("focus", focus.position(now), focus.lower, focus.upper, lens.settings.focus.speed, 2)
    if not lens.is_zoom:
        # A zoom changes what its diaphragm can do at once.
        speed = lens.settings.diaphragm.av_per_s * 256
        yield Place("iris", iris.position(now), iris.widest, iris.smallest, 1.5 * speed, lens.settings.diaphragm.step)


def _lmount_overflowed(lens: Engine) -> float:
    return lens.overflowed_at if isinstance(lens, LinkEnd) else -math.inf


def _lmount_focus_rests(lens: Engine) -> bool:
    return not isinstance(lens, LmountLens) or not lens.driving


def _lmount_iris_rests(lens: Engine) -> bool:
    return not isinstance(lens, LmountLens) or not lens.closing


TRAITS: Mapping[str, Traits] = {
    "emount": Traits(
        asks=_emount_asks,
        answers=_emount_asks,
        numbers=_emount_numbers,
        unasked=(Refusal.TYPE,),
        counted=_emount_counted,
        follows=_emount_follows,
        patience=lambda type_: PATIENCE_S.get(type_, USUAL_PATIENCE_S) + EMOUNT_WIRE_S,
        recovers=15.0,
        places=_emount_places,
        bodies=("a6000", "nex7"),
        lenses=("sel55210", "viltrox-ef50", "voigtlander-15", "loxia-21", "sel2870"),
        scripts=("", "wait 0.1; focus 0xFFFF; aperture f/22", "aperture f/11; focus 0; wait 0.3; focus 0xFFFF",
                 "wait 0.1; sleep; wake; wait 0.1; sleep"),
        verbs=("wait 0.05", "focus 0", "focus 0xFFFF", "focus +20", "focus 0x4100", "focus -300", "stop",
               "aperture f/8", "aperture f/5.6", "aperture f/64", "aperture f/1", "frame 3", "sleep; wake",
               "sleep; wake"),
        parts=0.02,
        opens=0.005,
    ),
    "lmount": Traits(
        asks=_lmount_asks,
        answers=_lmount_asks,
        numbers=_lmount_numbers,
        unasked=(0,),
        counted=_lmount_counted,
        follows=_lmount_follows,
        patience=lambda _number: 0.2,
        lens_answers=0.1,
        overflowed=_lmount_overflowed,
        recovers=8.0,
        places=_lmount_places,
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
        rests={"focus": _lmount_focus_rests, "aperture": _lmount_iris_rests, "smooth": _lmount_iris_rests,
               "open": _lmount_iris_rests, "expose": _lmount_iris_rests},
        bounds={"_outbox": MOST_WAITING},
        greeting=BodyHello,
        greets=lambda frame: frame.class_ == LINK,
        parts=0.003,
        opens=0.001,
        reduced=(frozenset({"FSYNC"}), frozenset({"V_DRIVE"}), frozenset({"BODY_ATT", "LENS_ATT"})),
    ),
}  # fmt: skip
"""Dialect to its traits; one of another package has those of `Traits()`."""


def traits_of(dialect: str) -> Traits:
    """What fuzzing knows of a dialect."""
    return TRAITS.get(dialect, Traits())


@cache
def dialect_of(name: str) -> Dialect:
    """A dialect by its name, looked up once: packages are asked for theirs at each look-up.

    Raises:
        DialectError: as `load_dialect`.
    """
    return load_dialect(name)


@cache
def players_of(name: str) -> Cast:
    """The cast that plays a dialect, looked up once.

    Raises:
        DialectError: as `cast_of`.
    """
    return cast_of(name)


@cache
def profile(name: str) -> Profile:
    """A profile, read once.

    Raises:
        ProfileError: as `load_profile`.
    """
    return load_profile(name)
