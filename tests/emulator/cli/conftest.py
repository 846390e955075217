"""What the tests of verbs share: processes, pseudo-terminals, and a model board in real time behind a TCP port."""

import os
import select
import socket
import subprocess
import sys
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.output_file import partial_path
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Role, WireRecord

LOOK_S = 2e-4
SESSION_MESSAGES = 2
NO_WATCHDOG = "?watchdog_ms=0"
"""For tests in which a busy machine may keep the host silent for longer than the board's watchdog allows."""

REQUEST = bytes.fromhex("f00b0002000b6000780055")
ANSWER = bytes.fromhex("f00d0002000900000000180055")
WIRING = load_dialect("emount").wiring
TIMEOUT_S = 20.0

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a verb in a process of its own, which is gone when the test is."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "lensmount_emulator.cli.main", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with process:
            process.kill()


def wait_for(process: "subprocess.Popen[str]", text: str, lines: int = 1) -> None:
    """Until it has said so on its error stream, so many times."""
    assert process.stderr is not None
    while lines:
        line = process.stderr.readline()
        assert line, "it ended"
        lines -= text in line


def records_in(path: Path) -> list[WireRecord]:
    """The records so far: a recording has its final name only when its session has ended."""
    partial = partial_path(path)
    try:
        return list(open_capture(partial if partial.exists() else path, WIRING).records)
    except CaptureError:
        # It was renamed between the two.
        return list(open_capture(path, WIRING).records)


def annotations_in(path: Path) -> list[Annotation]:
    return [one for one in records_in(path) if isinstance(one, Annotation)]


def bytes_in(path: Path, sender: Role) -> bytes:
    return b"".join(one.data for one in records_in(path) if isinstance(one, Burst) and one.sender is sender)


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


@contextmanager
def plugged(link: Path) -> Iterator[int]:
    """A pseudo-terminal under a name that stays, as an adapter has one."""
    with pty_pair() as (near, path):
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        yield near
    link.unlink()


class ServedBoard:
    """A model board in real time; one host at a time can be connected to it, as over USB.

    Args:
        board: the board.
        age_s: for how many seconds it has been powered.

    Attributes:
        board: the board; `at` runs something in the thread that it belongs to.
        spec: the port that leads to it.
        plugged: while it is false, the connection is cut and none is taken.
        steps: what happens to it in this order: what each step waits for, and what it does.
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
        self.steps: list[tuple[Callable[[ServedBoard], bool], Callable[[ServedBoard], object]]] = []
        self._connected = False
        self._received = 0
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def at(self, deed: Callable[[BoardSimulator], object]) -> None:
        """Do this to the board as soon as may be."""
        self._deeds.append(deed)

    def is_in_session(self) -> bool:
        """Whether a host has configured the board and goes on to send to it."""
        return self._received >= SESSION_MESSAGES

    def is_alone(self) -> bool:
        """Whether no host is connected."""
        return not self._connected

    def unplug(self) -> None:
        """Cut the connection, and take none."""
        self.plugged = False

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
            while self.steps and self.steps[0][0](self):
                self.steps.pop(0)[1](self)
            while self._deeds:
                self._deeds.pop(0)(self.board)
            if host is not None and (not self.plugged or not self._speak(host, host in ready)):
                host.close()
                host = None
            if self._server in ready:
                host, _ = self._server.accept()
            self._connected = host is not None
            self._received = self._received if host else 0
        if host is not None:
            host.close()

    def _speak(self, host: socket.socket, there: bool) -> bool:
        try:
            if there:
                data = host.recv(65536)
                if not data:
                    return False
                self.board.receive(data)
                self._received = self._received + 1 if self.board.configured else 0
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
