"""The whole image in an emulator: boards, their hosts and the wires between them, in the emulator's time."""

import base64
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lensmount_hardware.boards.declaration import BoardMessage
from lensmount_hardware.boards.orders import HostHello
from lensmount_hardware.boards.protocol import DELIMITER, build_frame, read_frame
from lensmount_hardware.boards.words import VERSION

ROOT = Path(__file__).parents[4]
SCRIPTS = ROOT / "hardware" / "emulated"
CACHE = ROOT / "build" / "emulated"
IMAGE = ROOT / "hardware" / "lensmount_hardware" / "boards" / "firmware" / "lensmount-pico.uf2"
PATIENCE = 120.0
"""Seconds for one answer; an emulator that gives none has hung."""


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Emulator:
    """Boards in one process of Node's; its time goes on only when it is asked to.

    Attributes:
        now_us: the emulator's time.
        pins: what the boards did with their pins: time, board, pin, state.
        sent: what their UARTs sent: begin, end, board, uart, value, and 1 where no pin carried it.
        conflicts: nets that one board drove high and another low.
    """

    def __init__(self, serials: Sequence[str], image: Path = IMAGE) -> None:
        self._process = subprocess.Popen(
            [shutil.which("node") or "node", CACHE / "bench.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=_die_with_parent if os.name == "posix" else None,
        )
        self._partial = b""
        self.now_us = 0.0
        self.pins: list[tuple[float, int, int, str]] = []
        self.sent: list[tuple[float, float, int, int, int, int]] = []
        self.conflicts: list[Any] = []
        self.said = [b"" for _ in serials]
        self.order("start", image=str(image), serials=list(serials))

    def order(self, name: str, /, **values: Any) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"order": name, **values}).encode() + b"\n")
        stdin.flush()
        while b"\n" not in self._partial:
            ready, _, _ = select.select([stdout], [], [], PATIENCE)
            piece = os.read(stdout.fileno(), 1 << 20) if ready else b""
            assert piece, "the emulator does not answer"
            self._partial += piece
        line, self._partial = self._partial.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer

    def run_until(self, at_us: float, *, unless_usb: bool = False) -> dict[str, Any]:
        """Let time go by; with `unless_usb` only until a board says something."""
        answer = self.order("run", until_us=at_us, unless_usb=unless_usb)
        self.now_us = answer["now_us"]
        self.pins += [tuple(pin) for pin in answer["pins"]]
        self.sent += [tuple(byte) for byte in answer["bytes"]]
        self.conflicts += answer["conflicts"]
        for number, data in answer["usb"].items():
            self.said[int(number)] += base64.b64decode(data)
        return answer

    def run(self, us: float) -> None:
        self.run_until(self.now_us + us)

    def write(self, board: int, data: bytes) -> None:
        self.order("usb", board=board, data=base64.b64encode(data).decode())

    def feed(self, board: int, uart: int, data: bytes, **values: Any) -> None:
        """Bytes from outside, back to back from now on."""
        self.order("feed", board=board, uart=uart, data=base64.b64encode(data).decode(), **values)

    def set_pin(self, board: int, pin: int, level: bool) -> None:
        self.order("pin", board=board, pin=pin, level=level)

    def tell(self, board: int) -> dict[str, Any]:
        """What the emulator knows of a board: worst interrupts, what the USB host found, and its complaints."""
        return self.order("tell", board=board)

    def until_ready(self) -> None:
        """Let every board come up and be found on USB."""
        while not all(self.run_until(self.now_us + 5_000)["ready"]):
            assert self.now_us < 200_000, "no board on USB"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class EmulatedHost:
    """A host of one emulated board, which counts its frames."""

    def __init__(self, emulator: Emulator, board: int) -> None:
        self.emulator = emulator
        self.board = board
        self._sequence = 0

    def send(self, *messages: BoardMessage, run_us: float = 1000) -> None:
        data = b""
        for message in messages:
            data += build_frame(message, self._sequence)
            self._sequence = (self._sequence + 1) % 256
        self.emulator.write(self.board, data)
        self.emulator.run(run_us)

    def greet(self, session: int = 1, limit: int = 1 << 24) -> None:
        self.emulator.write(self.board, DELIMITER)
        self.send(HostHello(VERSION, 0, session, limit))

    def heard(self) -> list[BoardMessage]:
        *frames, self.emulator.said[self.board] = self.emulator.said[self.board].split(DELIMITER)
        return [read_frame(frame).message() for frame in frames if frame]

    def heard_of(self, kind: type[BoardMessage]) -> list[Any]:
        return [message for message in self.heard() if isinstance(message, kind)]


def _install() -> None:
    """Put the scripts and the package that they need into the build folder, once."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("the emulator needs node and npm, which are not here")
    CACHE.parent.mkdir(exist_ok=True)
    if not (CACHE / "node_modules" / "rp2040js").is_dir():
        fresh = CACHE.with_name(f"emulated-{os.getpid()}")
        shutil.copytree(SCRIPTS, fresh, ignore=shutil.ignore_patterns("node_modules"))
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"], cwd=fresh, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            shutil.rmtree(fresh)
            pytest.skip(f"the emulator's package cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
        # Whoever comes second finds the first one's.
        try:
            fresh.rename(CACHE)
        except OSError:
            shutil.rmtree(fresh)
    for script in SCRIPTS.glob("*.mjs"):
        shutil.copy(script, CACHE)


@pytest.fixture(scope="session")
def emulator_installed() -> None:
    _install()


@pytest.fixture
def new_emulator(emulator_installed: None) -> Iterator[Callable[..., Emulator]]:
    """Starts emulators, and ends every one of them whatever happens."""
    running: list[Emulator] = []

    def start(boards: int = 1) -> Emulator:
        emulator = Emulator([f"{number + 1:016x}" for number in range(boards)])
        running.append(emulator)
        emulator.until_ready()
        return emulator

    try:
        yield start
    finally:
        for emulator in running:
            emulator.kill()


@pytest.fixture
def emulated(new_emulator: Callable[..., Emulator]) -> EmulatedHost:
    """One board that has just been found on USB, and its host."""
    return EmulatedHost(new_emulator(), 0)


@pytest.fixture
def host_of() -> type[EmulatedHost]:
    return EmulatedHost
