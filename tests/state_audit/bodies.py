"""A body engine with a real lens, into whose session one frame or one line move of the lens is put, in every state.

A body moves through its states by itself. So for each state of its link, and for each thing that a lens can do there,
a new session is played up to that state, the thing is done, and the session goes on with a lens that behaves.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import DriveLine, Role, Transmit

RECOVERS_S = 16.0
"""Seconds within which a body streams again, is done, or has given up; fuzzing allows as much."""

GIVES_UP_S = 25.0


@dataclass(frozen=True)
class Play:
    """A session to disturb.

    Attributes:
        dialect: what both speak.
        body: profile of the body.
        lens: profile of the lens.
        script: what the body does.
        classes: classes of frames that a lens may send.
        select: the lens's select line.
        other: the lens's other line.
    """

    dialect: str
    body: str
    lens: str
    script: str
    classes: tuple[int, ...]
    select: str
    other: str


PLAYS = {
    "emount": Play("emount", "a6000", "sel55210", "wait 0.1; sleep; wake; wait 0.1", (1, 2), "LENS_CS", "RXD"),
    "lmount": Play(
        "lmount", "panasonic-s1r", "sigma-45mm-f2.8-dg-dn", "wait 0.1; sleep; wake; wait 0.1", (1, 2, 3, 4),
        "LENS_ATT", "RXD",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Input:
    """What the lens does once.

    Attributes:
        name: for people.
        act: does it on a bench.
    """

    name: str
    act: Callable[[VirtualSession], None]


@dataclass(frozen=True)
class Result:
    """What became of a session.

    Attributes:
        state: of the body's link when the input came.
        name: of the input.
        outcome: `goes on`, `starts again` or `gave up`; anything else is a defect.
    """

    state: str
    name: str
    outcome: str


def inputs(play: Play) -> list[Input]:
    """Every message of a lens in every class, an unknown one, noise, and its select line held and dropped."""
    dialect = load_dialect(play.dialect)
    found: list[Input] = []

    def sends(data: bytes) -> Callable[[VirtualSession], None]:
        return lambda bench: bench.mount.apply(Role.LENS, Transmit(data))

    for (sender, _type), cls in dialect.messages.items():
        if sender is Role.LENS:
            for class_ in play.classes:
                frame = dialect.build_frame(cls().build(), class_, 0)
                found.append(Input(f"{cls.__name__} in class {class_}", sends(frame)))
    found.append(Input("an unknown type", sends(dialect.build_frame(b"\xfe\x00\x00", play.classes[0], 0))))
    found.append(Input("a bad frame", sends(dialect.build_frame(b"\xfe\x00\x00", play.classes[0], 0)[:-1] + b"\x00")))
    for line in (play.select, play.other):
        for level in (False, True):
            act: Callable[[VirtualSession], None] = lambda bench, line=line, level=level: bench.mount.apply(  # noqa: E731
                Role.LENS, DriveLine(line, level)
            )
            found.append(Input(f"{line} {'high' if level else 'low'}", act))
    return found


def _bench(play: Play, notices: list[Notice]) -> VirtualSession:
    cast = get_roles(play.dialect)
    body = cast.make_engine(load_profile(play.body).settings, None, None, parse_script(play.script, cast.verbs))
    lens = cast.make_engine(load_profile(play.lens).settings, None, None, ())
    bench = VirtualSession(load_dialect(play.dialect), body, lens, on_notice=notices.append)
    bench.start()
    return bench


def states(play: Play) -> dict[str, float]:
    """States of the body's link in an undisturbed session, and when each is met first, in seconds."""
    found: dict[str, float] = {}
    bench = _bench(play, [])
    bench.run(
        RECOVERS_S, stop_when=lambda: bool(found.setdefault(bench.body.connection.state, bench.now)) and bench.body.done
    )
    assert bench.body.done
    return found


def disturb(play: Play, state: str, given: Input) -> Result:
    """One session with one input in one state."""
    notices: list[Notice] = []
    bench = _bench(play, notices)
    body: Any = bench.body
    bench.run(RECOVERS_S, stop_when=lambda: body.connection.state == state)
    assert body.connection.state == state, f"{state} was not met"
    given.act(bench)
    try:
        bench.run(bench.now + GIVES_UP_S, stop_when=lambda: body.done)
    except Exception as error:
        return Result(state, given.name, f"{type(error).__name__}: {error}")
    supply = bench.mount.levels[bench.dialect.supply]
    again = any("supply off" in notice.text or "starts again" in notice.text for notice in notices)
    if not body.done:
        outcome = f"hangs in {body.connection.state}"
    elif body.position < len(body.script):
        outcome = f"gave up with the supply on, in {body.connection.state}" if supply else "gave up"
    elif not supply:
        outcome = "done without supply"
    else:
        outcome = "starts again" if again else "goes on"
    return Result(state, given.name, outcome)


def audit_bodies(play: Play, every: int = 1, first: int = 0) -> Iterator[Result]:
    """Every input in every state, or each so manieth of them."""
    known, given = states(play), inputs(play)
    pairs = [(state, one) for state in known for one in given if state != "OFF"]
    for state, one in pairs[first::every]:
        yield disturb(play, state, one)


def is_defect(result: Result) -> bool:
    """Whether a body did anything but go on, start again, or give up with its supply off."""
    return result.outcome not in ("goes on", "starts again", "gave up")
