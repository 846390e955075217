"""No end drives a line or sends a byte before the supply is up: engines on a port, whole sessions, and fuzzing."""

from collections.abc import Iterator

import pytest

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.live import make_live_engine
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.wire import Burst, DriveLine, Edge, LineChanged, Role, SetBaudrate, WireAction

PAIRS = [("a6000", "sel55210"), ("nex7", "viltrox-ef50"), ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn")]


def engine_of(profile: str, role: Role) -> tuple[Engine, Dialect]:
    settings = load_profile(profile, role)
    dialect = load_dialect(settings.dialect)
    return make_live_engine(settings, frozenset(dialect.wiring.lines), "", keeps_windows=True), dialect


def actions_until(engine: Engine, until: float) -> Iterator[WireAction]:
    yield from engine.actions()
    while (deadline := engine.next_deadline()) is not None and deadline <= until:
        engine.handle_deadline(deadline)
        yield from engine.actions()


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_lens_without_supply_does_nothing_but_ground_its_contact(pair: tuple[str, str]) -> None:
    engine, dialect = engine_of(pair[1], Role.LENS)
    engine.start(0.0)
    for line in (dialect.supply, *dialect.rails):
        engine.receive(LineChanged(line, False), 0.0)
    done = [one for one in actions_until(engine, 3.0) if not isinstance(one, SetBaudrate)]
    assert [one for one in done if one != DriveLine(dialect.detect, False)] == []
    # The peer raises its select line, which is no supply.
    engine.receive(LineChanged(dialect.select_line(Role.BODY), True), 3.0)
    assert [one for one in actions_until(engine, 6.0) if isinstance(one, DriveLine) and one.level] == []


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_first_lines_that_a_body_raises_are_supply_and_rails(pair: tuple[str, str]) -> None:
    engine, dialect = engine_of(pair[0], Role.BODY)
    engine.start(0.0)
    assert [one for one in actions_until(engine, 1.0) if not isinstance(one, SetBaudrate)] == []
    engine.receive(LineChanged(dialect.detect, False), 1.0)
    done = [one for one in actions_until(engine, 3.0) if not isinstance(one, SetBaudrate)]
    raised = [one.line for one in done if isinstance(one, DriveLine) and one.level]
    before = done[: done.index(DriveLine(dialect.supply, True))]
    assert [one for one in before if not isinstance(one, DriveLine) or one.line not in dialect.rails] == []
    assert len(raised) > 1


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_in_a_session_every_line_and_byte_comes_after_the_supply(pair: tuple[str, str]) -> None:
    session = run_loopback(*pair, script="wait 0.3; sleep", seed=1)
    supply = session.dialect.supply
    (up, *_) = [one.at for one in session.records if isinstance(one, Edge) and one.line == supply and one.level]
    data = [one for one in session.records if isinstance(one, Burst)]
    raised = [one for one in session.records if isinstance(one, Edge) and one.level and one.at < up]
    assert data
    assert min(one.at for one in data if one.at is not None) > up
    # A pull-up is no driver: the contact of presence is high where no lens is.
    assert [one for one in raised if one.line != session.dialect.detect] == []
