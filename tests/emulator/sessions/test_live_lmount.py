"""The open model in real time: over a pty without lines, and in memory with every line."""

import threading
from collections.abc import Callable

import pytest

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Role

CAST = get_roles("lmount")
LONGEST = 30.0
SCRIPT = "check all; sleep; wake; focus near"
BODY, LENS = "panasonic-s1r", "sigma-28-45mm-f1.8-dg-dn"


def play(body_port: Transport, lens_port: Transport, hand: str = "") -> tuple[Engine, list[Notice]]:
    """Both ends, each in its own thread, until the body's script is done."""
    body = CAST.make_engine(load_profile(BODY).settings, body_port.lines, None, parse_script(SCRIPT, CAST.verbs))
    lens = CAST.make_engine(load_profile(LENS).settings, lens_port.lines, None, parse_script(hand, CAST.lens_verbs))
    notices: list[Notice] = []
    stop = threading.Event()

    def session(engine: Engine, port: Transport, unless: Callable[[], bool]) -> None:
        EngineDriver(engine, port, MonotonicClock(), on_notice=notices.append).run(LONGEST, stop_when=unless)

    thread = threading.Thread(target=session, args=(lens, lens_port, stop.is_set))
    thread.start()
    try:
        session(body, body_port, lambda: body.done)
    finally:
        stop.set()
        thread.join()
    return body, notices


def assert_whole(body: Engine, notices: list[Notice]) -> None:
    assert body.done
    assert [notice.text for notice in notices if notice.is_error] == []
    assert [finding for finding in body.compatibility_results if finding.verdict is Verdict.REFUSED] == [], notices
    assert {"attach", "focus", "iris", "expose", "sleep", "wake", "firmware"} <= {
        f.step for f in body.compatibility_results
    }


def test_over_a_pty_without_lines_everything_works() -> None:
    with open_transport("pty:", role=Role.LENS, baudrate=115_200) as lens_port:
        path = lens_port.name.removeprefix("pty:")
        with open_transport(f"serial:{path}", role=Role.BODY, baudrate=115_200) as body_port:
            body, notices = play(body_port, lens_port, "wait 0.6; switch click 0")
    assert_whole(body, notices)
    assert any("click switch is at 0" in notice.text for notice in notices)


@pytest.mark.parametrize("missing", [(), ("FSYNC",), ("V_DRIVE",), ("BODY_ATT", "LENS_ATT"), ("DETECT", "V_LOGIC")])
def test_with_lines_and_without_some_of_them(missing: tuple[str, ...]) -> None:
    lines = [line for line in load_dialect("lmount").wiring.lines if line not in missing]
    with_lines, peer = memory_pair(lines)
    with with_lines, peer:
        body, notices = play(with_lines, peer)
    assert_whole(body, notices)
