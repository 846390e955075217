"""Tests on a board: a model of one in real time, with a lens in front of it that is there and says nothing."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.protocol.constants import BoardRole
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.dialect import load_dialect

Run = Callable[..., pytest.RunResult]


class Bench:
    """A body's board on a TCP port; the detect contact is grounded.

    Attributes:
        port: the board in words.
        edges: what it drove: line and level, in order.
        hosts: how many have called.
    """

    def __init__(self) -> None:
        plan = make_pin_map(parse_spec("board:model"), get_contacts(load_dialect("lmount")), BoardRole.BODY, 1)
        self.edges: list[tuple[str, bool]] = []
        self.hosts = 0
        self._board = BoardSimulator()
        self._board.pins[plan.configure.lines[0].gpio] = False
        self._board.on_drive = lambda line, level, _at_us: self.edges.append((plan.names[line], level))
        self._door = socket.create_server(("127.0.0.1", 0))
        self._door.settimeout(0)
        self.port = f"board:tcp//127.0.0.1:{self._door.getsockname()[1]}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _serve(self) -> None:
        clock, host = MonotonicClock(), socket.socket()
        while not self._stop.wait(0.001):
            with suppress(BlockingIOError):
                caller, _ = self._door.accept()
                host.close()
                host = caller
                host.settimeout(0)
                self.hosts += 1
            with suppress(OSError):
                self._board.receive(host.recv(65536))
            now_us = round(clock.now() * 1e6)
            self._board.set_time(now_us)
            self._board.advance_to(now_us)
            if data := self._board.bytes_to_send():
                with suppress(OSError):
                    host.sendall(data)
        host.close()
        self._door.close()


@pytest.fixture
def on_the_bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_a_board_stays_open_and_is_at_rest_between_tests(
    run: Run, project: pytest.Pytester, on_the_bench: Bench
) -> None:
    project.makeini("[pytest]\naddopts = --strict-markers\nfilterwarnings = error\nlensmount_dialect = lmount\n")
    project.makepyfile("""
        import pytest

        @pytest.mark.lensmount_hardware
        @pytest.mark.lensmount(allow=["lens: sent nothing", "body: *"])
        @pytest.mark.parametrize("number", [1, 2])
        def test_it(board, mounted, number):
            assert board.is_board
            assert {"FSYNC", "BODY_ATT", "V_DRIVE"} <= board.transport.lines
            mounted.wait_until(lambda: any("logic supply on" in notice.text for notice in mounted.notices), within=3.0)
    """)
    run("--lensmount-port", on_the_bench.port).assert_outcomes(passed=2)
    assert on_the_bench.hosts == 1
    supply = [level for line, level in on_the_bench.edges if line == "V_LOGIC"]
    assert supply == [True, False] * 2
    assert not any(dict(on_the_bench.edges).values())
