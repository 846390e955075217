"""What the tests of verbs share: a model board in real time, behind a TCP port, and pseudo-terminals."""

import os
import select
import socket
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import Any

import pytest

from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.clock import MonotonicClock

LOOK_S = 2e-4


@contextmanager
def pty_pair() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: what is written to the first comes out at the path."""
    near, far = os.openpty()
    tty.setraw(far)
    try:
        yield near, os.ttyname(far)
    finally:
        os.close(near)
        os.close(far)


class ServedBoard:
    """A model board in real time; one host at a time can be connected to it, as over USB.

    Args:
        board: the board.
        age_s: for how many seconds it has been powered.

    Attributes:
        board: the board; `at` runs something in the thread that it belongs to.
        spec: the port that leads to it.
        plugged: while it is false, the connection is cut and none is taken.
    """

    def __init__(self, board: BoardSimulator, age_s: float = 0.0) -> None:
        self.board = board
        self._age_s = age_s
        self.plugged = True
        self.noise = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.spec = f"board:tcp//127.0.0.1:{self._server.getsockname()[1]}"
        self._stop = Event()
        self._clock = MonotonicClock()
        self._deeds: list[Callable[[BoardSimulator], object]] = []
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def at(self, deed: Callable[[BoardSimulator], object]) -> None:
        """Do this to the board as soon as may be."""
        self._deeds.append(deed)

    def restart(self) -> None:
        """The board had no power, and has it again: another one, to all that a host can see."""

        def replace(_board: BoardSimulator) -> None:
            self.board, self._clock, self._age_s = BoardSimulator(), MonotonicClock(), 0.0

        # In the board's own thread, which would else advance the new board to a time of the old clock.
        self.at(replace)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        host: socket.socket | None = None
        while not self._stop.is_set():
            # Who calls while another host is connected waits until that has gone.
            waits: list[Any] = [host] if host else [self._server] if self.plugged else []
            ready = select.select(waits, (), (), LOOK_S)[0]
            self.board.advance_to(round((self._clock.now() + self._age_s) * 1e6))
            while self._deeds:
                self._deeds.pop(0)(self.board)
            if host is not None and (not self.plugged or not self._speak(host, host in ready)):
                host.close()
                host = None
            if self._server in ready:
                host, _ = self._server.accept()
        if host is not None:
            host.close()

    def _speak(self, host: socket.socket, there: bool) -> bool:
        try:
            if there:
                data = host.recv(65536)
                if not data:
                    return False
                self.board.receive(data)
            said, self.noise = self.noise + self.board.bytes_to_send(), b""
            if said:
                host.sendall(said)
        except OSError:
            return False
        return True


@pytest.fixture
def served() -> Iterator[Callable[..., ServedBoard]]:
    """Makes boards that are gone when the test is."""
    with ExitStack() as stack:

        def serve(board: BoardSimulator | None = None, age_s: float = 0.0) -> ServedBoard:
            made = ServedBoard(board or BoardSimulator(), age_s)
            stack.callback(made.close)
            return made

        yield serve
