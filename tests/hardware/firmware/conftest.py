"""What the tests of the firmware share: its core with a simulated chip around it."""

import ctypes
import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lensmount_hardware.boards.protocol.commands import (
    Configure,
    DriveCommand,
    Hello,
    MappedLine,
    Timing,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import VERSION, BoardRole, DriveFlag, LineFlag, LineKind, TransmitFlag
from lensmount_hardware.boards.protocol.framing import DELIMITER, build_frame, parse_frame
from lensmount_hardware.boards.protocol.message import BoardMessage

ROOT = Path(__file__).parents[3]
FIRMWARE = ROOT / "hardware" / "firmware"
OUT, PULL_UP, OPEN_DRAIN, IDLE_HIGH = LineFlag.OUTPUT, LineFlag.PULL_UP, LineFlag.OPEN_DRAIN, LineFlag.IDLE_HIGH

PRESENCE, SUPPLY, RAIL, SYNC, ATTENTION, LENS_ATTENTION, DATA, HEARD, PLAIN, PLAIN_IN = range(10)
BODY_LINES = (
    MappedLine(6, LineKind.PRESENCE, PULL_UP),
    MappedLine(7, LineKind.SUPPLY, OUT, 300),
    MappedLine(8, LineKind.RAIL, OUT, 200),
    MappedLine(10, LineKind.SYNC, OUT),
    MappedLine(11, LineKind.ATTENTION, OUT),
    MappedLine(14, LineKind.ATTENTION, 0),
    MappedLine(0, LineKind.DATA, OUT),
    MappedLine(1, LineKind.DATA, 0),
    MappedLine(15, LineKind.PLAIN, OUT | LineFlag.INVERTED),
    MappedLine(18, LineKind.PLAIN, LineFlag.INVERTED),
)
LENS_LINES = (
    MappedLine(6, LineKind.PRESENCE, OUT | OPEN_DRAIN | IDLE_HIGH),
    MappedLine(7, LineKind.SUPPLY, LineFlag.PULL_DOWN),
    MappedLine(8, LineKind.RAIL, LineFlag.PULL_DOWN),
    MappedLine(10, LineKind.SYNC, 0),
    MappedLine(11, LineKind.ATTENTION, OUT),
    MappedLine(14, LineKind.ATTENTION, 0),
    MappedLine(4, LineKind.DATA, OUT),
    MappedLine(5, LineKind.DATA, 0),
    MappedLine(15, LineKind.PLAIN, OUT | IDLE_HIGH),
)
TIMING = Timing(setup_us=20, hold_us=30, gap_us=40, presence_us=500, absence_us=300, watchdog_ms=100)
BAUDRATE = 750_000
BYTE_US = 1e7 / BAUDRATE
INPUT, LOW, HIGH, UART_OUT, UART_IN = range(5)


class Change(NamedTuple):
    at_us: int
    pin: int
    state: int


class WireByte(NamedTuple):
    begin_us: float
    end_us: float
    uart: int
    value: int
    cut: int


class _Change(ctypes.Structure):
    _fields_ = [("at_us", ctypes.c_uint64), ("pin", ctypes.c_uint8), ("state", ctypes.c_uint8)]


class _Byte(ctypes.Structure):
    _fields_ = [
        ("begin_ns", ctypes.c_uint64),
        ("end_ns", ctypes.c_uint64),
        ("uart", ctypes.c_uint8),
        ("value", ctypes.c_uint8),
        ("cut", ctypes.c_uint8),
    ]


class Core:
    """The firmware's core on a simulated chip, as a host and a mount see it."""

    timing, body_lines, lens_lines = TIMING, BODY_LINES, LENS_LINES

    def __init__(self, library: ctypes.CDLL) -> None:
        self._sim = library
        for name in ("sim_now", "sim_changes", "sim_bytes", "sim_host_read"):
            getattr(library, name).restype = ctypes.c_uint64
        library.sim_run_until.argtypes = [ctypes.c_uint64]
        library.sim_boots.restype = ctypes.c_bool
        library.line_monitor_violation.restype = ctypes.c_char_p
        self._sequence = 0
        self._partial = b""
        self._seen: list[BoardMessage] = []
        library.sim_start()
        # Nobody is on the mount.
        self.set_pin(6, True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sim, "sim_" + name)

    def complaint(self) -> str | None:
        """The first thing, since this was last asked, that was driven into an end without power, or into none."""
        told = self._sim.line_monitor_violation()
        return None if told is None else str(told, "ascii")

    @property
    def now_us(self) -> int:
        return int(self._sim.sim_now())

    def run(self, us: int) -> None:
        self._sim.sim_run_until(self.now_us + us)

    def write(self, data: bytes) -> None:
        self._sim.sim_host_write(data, ctypes.c_size_t(len(data)))

    def send(self, *messages: BoardMessage, run_us: int = 1) -> None:
        """Messages of a host that counts its frames; and time for the board to take them."""
        for message in messages:
            self.write(build_frame(message, self._sequence))
            self._sequence = (self._sequence + 1) % 256
        self.run(run_us)

    def frame(self, message: BoardMessage, sequence: int) -> None:
        """One with a number of the caller's."""
        self.write(build_frame(message, sequence))
        self._sequence = (sequence + 1) % 256
        self.run(1)

    def heard(self) -> list[BoardMessage]:
        """What the board said since this was last asked."""
        room = ctypes.create_string_buffer(1 << 20)
        count = self._sim.sim_host_read(room, ctypes.c_size_t(len(room)))
        *frames, self._partial = (self._partial + room.raw[:count]).split(DELIMITER)
        return [parse_frame(frame).message() for frame in frames if frame]

    def heard_of(self, kind: type[BoardMessage]) -> list[Any]:
        """Of what the board said, the messages of one kind; the others are forgotten."""
        return [message for message in self.heard() if isinstance(message, kind)]

    def changes(self, *pins: int, since: int = 0) -> list[Change]:
        """What the board did with its pins; `since` is a number of changes to leave out, from `change_count`."""
        at = ctypes.POINTER(_Change)()
        count = self._sim.sim_changes(ctypes.byref(at))
        return [Change(c.at_us, c.pin, c.state) for c in at[since:count] if not pins or c.pin in pins]

    def moves(self, pin: int, since: int = 0) -> list[tuple[int, int]]:
        """Time and state of each change of a pin, from a time on."""
        return [(change.at_us, change.state) for change in self.changes(pin) if change.at_us >= since]

    @property
    def change_count(self) -> int:
        return int(self._sim.sim_changes(ctypes.byref(ctypes.POINTER(_Change)())))

    def bytes_sent(self) -> list[WireByte]:
        at = ctypes.POINTER(_Byte)()
        count = self._sim.sim_bytes(ctypes.byref(at))
        return [WireByte(b.begin_ns / 1e3, b.end_ns / 1e3, b.uart, b.value, b.cut) for b in at[:count]]

    def greet(self, session: int = 1, limit: int = 1 << 20, flags: int = 0) -> None:
        self.write(DELIMITER)
        self.send(Hello(VERSION, flags, session, limit))

    def start_body(self, timing: Timing = TIMING, lines: tuple[MappedLine, ...] = BODY_LINES) -> None:
        """A body with a lens on its mount and the supply on."""
        self.greet()
        self.send(Configure(BoardRole.BODY, 0, BAUDRATE, timing, lines))
        self.set_pin(6, False)
        self.run(600)
        self.send(DriveCommand(0, 0, SUPPLY, 1, 0), run_us=400)

    def start_lens(self) -> None:
        """A lens on a body that powers it."""
        self.greet()
        self.send(Configure(BoardRole.LENS, 0, BAUDRATE, TIMING, LENS_LINES))
        self.set_pin(7, True)
        self.run(600)

    def window(self, data: bytes, id_: int = 1, at_us: int = 0, latest_us: int = 0) -> None:
        flags = TransmitFlag.RAISE | TransmitFlag.LOWER
        self.send(TransmitCommand(id_, flags, at_us, latest_us, data))

    def drive(self, line: int, level: int, *, in_turn: bool = False, at_us: int = 0, id_: int = 7) -> None:
        self.send(DriveCommand(id_, DriveFlag.IN_TURN if in_turn else 0, line, level, at_us))


def make_firmware(*targets: str) -> None:
    """Build in the firmware's own folder; other workers that want the same wait."""
    with (FIRMWARE / "Makefile").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _make(*targets)


def _make(*targets: str) -> None:
    made = subprocess.run(["make", "-s", "-C", FIRMWARE, *targets], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


@pytest.fixture(scope="session")
def core_library() -> Path:
    """The core as a library that checks itself: for undefined behaviour, or, where asked for, its addresses."""
    if shutil.which("gcc") is None or shutil.which("make") is None:
        pytest.skip("the firmware's core is built with gcc and make, which are not here")
    name = "build/host/counted/libcore.so" if os.environ.get("LENSMOUNT_FIRMWARE_COUNTED") else "build/host/libcore.so"
    make_firmware(name)
    return FIRMWARE / name


@pytest.fixture
def new_core(core_library: Path, tmp_path: Path) -> Iterator[Callable[[], Core]]:
    """Makes boards that have just started; each is a library of its own, for the core's state is that of one chip.

    Every edge that they make is judged, whatever the test is about: see line_monitor.c.
    """
    cores: list[Core] = []

    def make() -> Core:
        path = tmp_path / f"core-{len(cores)}.so"
        shutil.copy(core_library, path)
        cores.append(Core(ctypes.CDLL(str(path))))
        return cores[-1]

    yield make
    assert [complaint for core in cores if (complaint := core.complaint())] == []


@pytest.fixture
def core(new_core: Callable[[], Core]) -> Core:
    return new_core()
