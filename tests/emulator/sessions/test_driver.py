"""Live sessions: both ends in real time over joined ports, with lines and without."""

import threading
from collections.abc import Callable

import pytest

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.emount.body.engine import BodyEngine
from lensmount_emulator.roles.emount.body.script import VERBS
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import BodySettings, LensSettings
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_hardware.clock import MonotonicClock, VirtualClock
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import TransportLostError
from lensmount_protocol.wire import Received, Role, WireAction, WireEvent

LONGEST = 20.0
LINES = load_dialect("emount").wiring.lines


def engines(carried: frozenset[str], script: str) -> tuple[BodyEngine, LensEngine]:
    body, lens = load_profile("a6000").settings, load_profile("viltrox-ef50").settings
    assert isinstance(body, BodySettings)
    assert isinstance(lens, LensSettings)
    return BodyEngine(body, carried, script=parse_script(script, VERBS)), LensEngine(lens, carried)


def play(body_port: Transport, lens_port: Transport, script: str) -> tuple[EngineDriver, list[Notice]]:
    """Both ends, each in its own thread, until the body's script is done."""
    body, lens = engines(body_port.lines, script)
    notices: list[Notice] = []
    stop = threading.Event()
    clock = MonotonicClock()

    def session(engine: Engine, port: Transport, unless: Callable[[], bool]) -> EngineDriver:
        running = EngineDriver(engine, port, clock, on_notice=notices.append)
        running.run(LONGEST, stop_when=unless)
        return running

    thread = threading.Thread(target=session, args=(lens, lens_port, stop.is_set))
    thread.start()
    try:
        played = session(body, body_port, lambda: body.done)
    finally:
        stop.set()
        thread.join()
    assert body.done
    return played, notices


def test_over_a_pty_the_degraded_form_goes_all_the_way() -> None:
    with open_transport("pty:", role=Role.LENS, baudrate=750_000) as lens_port:
        path = lens_port.name.removeprefix("pty:")
        with open_transport(f"serial:{path}", role=Role.BODY, baudrate=750_000) as body_port:
            played, notices = play(body_port, lens_port, "wait 0.1; focus +5; aperture f/8; sleep")
    assert [notice.text for notice in notices if notice.is_error] == []
    assert any(notice.text == "the lens sleeps" for notice in notices)
    assert played.jitter.total > 50
    assert min(played.jitter.counts) >= 0


def test_with_every_line_the_whole_protocol_is_played() -> None:
    body_port, lens_port = memory_pair(LINES)
    _, notices = play(body_port, lens_port, "wait 0.1; sleep")
    texts = [notice.text for notice in notices]
    assert "switched to 1.5 Mbaud" in texts
    assert "asleep" in texts


class _Vanishing:
    """A port that gives a byte and goes away."""

    name = "vanishing"
    lines: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._answers: list[list[WireEvent]] = [[Received(b"\xf0")]]

    def receive(self, timeout: float | None) -> list[WireEvent]:
        del timeout
        if not self._answers:
            raise TransportLostError("vanishing: unplugged")
        return self._answers.pop()

    def send(self, action: WireAction) -> None:
        del action

    def close(self) -> None:
        return


def test_a_port_that_goes_away_keeps_what_was_tapped() -> None:
    _, lens = engines(frozenset(), "")
    tapped: list[object] = []
    session = EngineDriver(lens, _Vanishing(), MonotonicClock(), tap=tapped.append)  # type: ignore[arg-type]
    with pytest.raises(TransportLostError, match="unplugged"):
        session.run(None)
    assert len(tapped) == 1


class _Silent(Transport):
    """A port that nobody speaks on; it wakes from a sleep late, and never early, as a system does."""

    name = "silent"
    lines: frozenset[str] = frozenset()

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.looks = 0

    def receive(self, timeout: float | None) -> list[WireEvent]:
        assert timeout is not None
        assert timeout >= 0
        self.looks += 1
        self._clock.advance_to(self._clock.now() + (timeout + 60e-6 if timeout else 2e-6))
        return []

    def send(self, action: WireAction) -> None:
        """Nobody hears it."""

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize(("spin", "latest_us"), [(0.0, 63), (120e-6, 3)])
def test_deadlines_are_met_late_by_the_wait_and_never_early(spin: float, latest_us: int) -> None:
    clock = VirtualClock()
    body, _ = engines(frozenset(), "")
    session = EngineDriver(body, _Silent(clock), clock, spin=spin)
    session.run(1.0)
    assert session.jitter.total > 20
    assert min(session.jitter.counts) >= 0
    assert max(session.jitter.counts) <= latest_us
