"""What fuzzing must know of a dialect beside its declarations: what asks and what answers, and where things move."""

import math
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lensmount_emulator.roles.engine import Engine
from lensmount_protocol.frame import Frame
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role


class MotionBounds(NamedTuple):
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
class FuzzTraits:
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
        asleep: states of the link in which a session that does not stream is over as its script wants it.
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
    places: Callable[[Engine, float], Iterable[MotionBounds]] = lambda _lens, _now: ()
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
    asleep: frozenset[str] = frozenset()
