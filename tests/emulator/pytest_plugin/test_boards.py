"""The same tests through a board: two model boards in real time, joined by every contact, a lens behind the second."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from lensmount_emulator.sessions.contacts import contacts_of
from lensmount_hardware.boards.model import ModelBoard
from lensmount_hardware.boards.model_stream import join
from lensmount_hardware.boards.plan import make_plan
from lensmount_hardware.boards.words import BoardRole
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.spec import parse_spec
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Role

Run = Callable[..., pytest.RunResult]

LENS = "sigma-45mm-f2.8-dg-dn"
SERVE = "import sys; from lensmount_emulator.cli.main import main; sys.exit(main(sys.argv[1:]))"


class Boards:
    """A body's board and a lens's, each on a TCP port of its own; a lens that is there grounds the detect contact.

    Attributes:
        body: the port to the body's board, in words.
        lens: that to the lens's.
    """

    def __init__(self) -> None:
        dialect = load_dialect("lmount")
        plan = make_plan(parse_spec("board:model"), contacts_of(dialect), BoardRole.BODY, 1)
        self._boards = body, lens = ModelBoard(), ModelBoard()
        driving = {Role.BODY: body, Role.LENS: lens}
        wires = [(driving[dialect.drivers[line]], number, number) for number, line in enumerate(plan.names)]
        join(body, lens, wires, any_rate=True)
        # The pull-up of the body's board; nobody grounds it yet.
        body.pins[plan.configure.lines[0].gpio] = True
        self._doors = [socket.create_server(("127.0.0.1", 0)) for _ in self._boards]
        self.body, self.lens = (f"board:tcp//127.0.0.1:{door.getsockname()[1]}" for door in self._doors)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _serve(self) -> None:
        clock = MonotonicClock()
        hosts: dict[int, socket.socket] = {}
        for door in self._doors:
            door.settimeout(0)
        while not self._stop.wait(0.0005):
            for number, board in enumerate(self._boards):
                with suppress(BlockingIOError):
                    hosts[number] = self._doors[number].accept()[0]
                    hosts[number].settimeout(0)
                if number in hosts:
                    with suppress(BlockingIOError):
                        board.receive(hosts[number].recv(65536))
            now_us = round(clock.now() * 1e6)
            for board in self._boards:
                board.turn_to(now_us)
            for number, board in enumerate(self._boards):
                board.advance_to(now_us)
                if number in hosts and (data := board.bytes_to_send()):
                    with suppress(OSError):
                        hosts[number].sendall(data)
        for end in (*hosts.values(), *self._doors):
            end.close()


@pytest.fixture
def boards() -> Iterator[Boards]:
    pair = Boards()
    yield pair
    pair.close()


@pytest.fixture
def lens_behind(boards: Boards) -> Iterator[None]:
    words = ["run", "lens", "--profile", LENS, "--port", boards.lens, "--duration", "30"]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    lens = subprocess.Popen([sys.executable, "-c", SERVE, *words], stdout=subprocess.PIPE, text=True, env=paths)
    assert lens.stdout is not None
    # It says where it plays once the board is ready.
    assert boards.lens in lens.stdout.readline()
    yield
    lens.terminate()
    lens.wait(10)
    lens.stdout.close()


@pytest.mark.usefixtures("lens_behind")
def test_each_test_begins_with_a_greeting(run: Run, project: pytest.Pytester, boards: Boards) -> None:
    project.makeini(f"[pytest]\naddopts = --strict-markers\nfilterwarnings = error\nlensmount_lens = {LENS}\n")
    project.makepyfile("""
        import pytest
        from lensmount_protocol.dialects.lmount.link import LensHello

        @pytest.mark.lensmount_hardware
        @pytest.mark.parametrize("order", ["focus near", "aperture f/8"])
        def test_it(board, mounted, order):
            mounted.do(order)
            assert "FSYNC" in board.transport.lines
            assert len(mounted.messages(LensHello)) == 1
            mounted.assert_clean()
    """)
    result = run("--lensmount-port", boards.body)
    result.assert_outcomes(passed=2)
