"""A firmware in a program of its own, a worker: for C that cannot be loaded as a library.

Each instance is one process, and each event one request and one answer over its pipes. The functions are those of the
shim, so an engine does not know the difference; a worker that ends or does not answer is a fault.
"""

import ctypes
import math
import os
import select
import struct
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lensmount_emulator.firmware.declaration import MAX_MEMORY, SHIM, RawInfo, read_declaration
from lensmount_emulator.firmware.fault import FaultKind
from lensmount_emulator.firmware.library import NEVER, TIMERS, FirmwareLibrary, RawFault, Shim
from lensmount_protocol.errors import FirmwareError

ANSWER_S = 12.0
"""Real seconds until a worker that waits is ended; its own guard reports an event that waits before that."""
BUSY_S = 2.0
"""Seconds of a processor that it may use after that; its own guard reports an event that never ends before that."""

MAX_ACTIONS = 1 << 16
_INFO, _OPEN, _START, _BYTES, _LINE, _TIME, _CONTROL, _STATE, _MEMORY, _FAULT = range(10)
_FAR, _FAR_BYTES, _FAR_LINE, _LINES = range(10, 14)
_REQUEST = struct.Struct("<IIIIQ")
_ANSWER = struct.Struct("<iIIQ")
_DECLARED = struct.Struct("<7I4Q")


class _Mirror(ctypes.Structure):
    """What an engine reads of an instance at its address: the next deadline first, as the shim has it."""

    _fields_ = (("next_us", ctypes.c_uint64), ("actions", ctypes.c_uint8 * MAX_ACTIONS))


@dataclass(slots=True)
class _Instance:
    """One process with one instance."""

    path: Path
    process: subprocess.Popen[bytes]
    mirror: _Mirror = field(default_factory=_Mirror)
    fault: RawFault = field(default_factory=RawFault)
    kept: list[ctypes.Array[ctypes.c_char]] = field(default_factory=lambda: list[ctypes.Array[ctypes.c_char]]())
    events: int = 0
    dead: bool = False
    used_before: float = math.inf
    is_endless: bool = False

    def ask(self, operation: int, one: int = 0, two: int = 0, data: bytes = b"", now_us: int = 0) -> tuple[int, bytes]:
        """Send a request; return the size of the actions, or -1, and the answer's data."""
        if self.dead:
            return -1, b""
        if _START <= operation <= _CONTROL or operation in (_FAR_BYTES, _FAR_LINE):
            self.events += 1
        try:
            assert self.process.stdin is not None
            self.process.stdin.write(_REQUEST.pack(operation, one, two, len(data), now_us) + data)
            self.process.stdin.flush()
            used, size, _, next_us = _ANSWER.unpack(self._read(_ANSWER.size))
            if size > MAX_MEMORY:
                raise EOFError
            content = self._read(size)
            self.used_before = math.inf
        except (OSError, EOFError):
            self._die(now_us)
            return -1, b""
        if operation != _FAULT:
            self.mirror.next_us = next_us
        return used, content

    def _read(self, size: int) -> bytes:
        assert self.process.stdout is not None
        descriptor, data = self.process.stdout.fileno(), b""
        while len(data) < size:
            while not select.select([descriptor], [], [], ANSWER_S)[0]:
                if not self._works():
                    raise EOFError
            part = os.read(descriptor, size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def _works(self) -> bool:
        """Whether it is ready to run and has used little: on a busy machine it may get no processor for long."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        self.used_before = min(self.used_before, used)
        self.is_endless = used - self.used_before > BUSY_S
        return fields[0] == "R" and not self.is_endless

    def _die(self, now_us: int) -> None:
        self.dead = True
        stopped = self.process.poll() is None
        if stopped:
            with suppress(subprocess.TimeoutExpired):
                # A process that has closed its end is about to be gone.
                self.process.wait(0.5)
                stopped = False
        self.process.kill()
        code = self.process.wait()
        if not stopped:
            self.fault.kind, self.fault.number = FaultKind.DIED, code & 0xFFFFFFFF
        elif self.is_endless:
            self.fault.kind, self.fault.number = FaultKind.LOOP, int(BUSY_S * 1e3)
        else:
            self.fault.kind, self.fault.number = FaultKind.STALL, int(ANSWER_S)
        self.fault.event, self.fault.now_us = self.events, now_us

    def run(self, operation: int, one: int = 0, two: int = 0, data: bytes = b"", now_us: int = 0) -> int:
        """Carry an event; return the size of the actions, or -1 for a fault."""
        used, content = self.ask(operation, one, two, data, now_us)
        if used > 0:
            ctypes.memmove(self.mirror.actions, content, min(used, MAX_ACTIONS))
        elif used < 0 and not self.dead:
            _, raw = self.ask(_FAULT)
            if len(raw) == ctypes.sizeof(RawFault):
                ctypes.memmove(ctypes.addressof(self.fault), raw, len(raw))
        return used

    def copy(self, operation: int) -> int:
        """Return the address of a copy of something of the worker's."""
        _, data = self.ask(operation)
        self.kept[:] = [ctypes.create_string_buffer(data, max(1, len(data)))]
        return ctypes.addressof(self.kept[0])

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


class _Workers:
    """The instances of one worker program in this process, by the address that stands for each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._instances: dict[int, _Instance] = {}
        self._no_timers = (ctypes.c_uint64 * TIMERS)(*[NEVER] * TIMERS)

    def open(self) -> int:
        instance = start_worker(self._path)
        address = ctypes.addressof(instance.mirror)
        instance.mirror.next_us = NEVER
        self._instances[address] = instance
        return address

    def close(self, address: int) -> int:
        instance = self._instances.pop(address, None)
        if instance is not None:
            instance.close()
        return 0

    def start(self, address: int, role: int, baudrate: int, levels: int, seed: int, config: bytes, now_us: int) -> int:
        data = levels.to_bytes(8, "little") + seed.to_bytes(8, "little") + config
        return self._instances[address].run(_START, role, baudrate, data, now_us)

    def on_bytes(self, address: int, data: bytes, _size: int, now_us: int) -> int:
        return self._instances[address].run(_BYTES, data=data, now_us=now_us)

    def on_line(self, address: int, line: int, level: int, now_us: int) -> int:
        return self._instances[address].run(_LINE, line, int(level), now_us=now_us)

    def on_time(self, address: int, now_us: int) -> int:
        return self._instances[address].run(_TIME, now_us=now_us)

    def on_control(self, address: int, step: bytes, now_us: int) -> int:
        return self._instances[address].run(_CONTROL, data=step, now_us=now_us)

    def far(self, address: int, baudrate: int, levels: int) -> int:
        return self._instances[address].ask(_FAR, baudrate, data=levels.to_bytes(8, "little"))[0]

    def lines(self, address: int, lines: int, far_lines: int) -> int:
        data = lines.to_bytes(8, "little") + far_lines.to_bytes(8, "little")
        return self._instances[address].ask(_LINES, data=data)[0]

    def on_far_bytes(self, address: int, data: bytes, _size: int, now_us: int) -> int:
        return self._instances[address].run(_FAR_BYTES, data=data, now_us=now_us)

    def on_far_line(self, address: int, line: int, level: int, now_us: int) -> int:
        return self._instances[address].run(_FAR_LINE, line, int(level), now_us=now_us)

    def fault(self, address: int) -> int:
        return ctypes.addressof(self._instances[address].fault)

    def actions(self, address: int) -> int:
        return address + _Mirror.actions.offset

    def memory(self, address: int) -> int:
        return self._instances[address].copy(_MEMORY)

    def timers(self, _address: int) -> int:
        return ctypes.addressof(self._no_timers)

    def state(self, address: int) -> int:
        return int.from_bytes(self._instances[address].ask(_STATE)[1], "little")

    def nothing(self, *_arguments: object) -> int:
        return 0

    def shim(self) -> Shim:
        """The functions of the shim, each by a request."""
        return Shim(
            start=self.start,
            on_bytes=self.on_bytes,
            on_line=self.on_line,
            on_time=self.on_time,
            on_control=self.on_control,
            open=self.open,
            close=self.close,
            fault=self.fault,
            actions=self.actions,
            memory=self.memory,
            timers=self.timers,
            state=self.state,
            guard=self.nothing,
            counters=self.nothing,
            coverage=self.nothing,
            far=self.far,
            on_far_bytes=self.on_far_bytes,
            on_far_line=self.on_far_line,
            lines=self.lines,
            report=self.nothing,
        )


def start_worker(path: Path) -> _Instance:
    """Start the process of an instance.

    Raises:
        FirmwareError: it cannot be started here.
    """
    try:
        process = subprocess.Popen(
            [str(path.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for the session, which ends its workers.
            start_new_session=True,
        )
    except OSError as error:
        raise FirmwareError(
            f"{path}: the worker cannot be started: {error.strerror}; build it with `lensmount firmware build --worker`"
        ) from None
    return _Instance(path, process)


def load_worker(path: Path) -> FirmwareLibrary:
    """Return the firmware of a worker program.

    Raises:
        FirmwareError: it is missing, cannot be started, or does not answer as a worker does.
    """
    if not path.is_file():
        raise FirmwareError(f"{path}: cannot be read; `lensmount firmware build --worker FILE.c` makes it")
    instance = start_worker(path)
    try:
        instance.mirror.next_us = NEVER
        _, data = instance.ask(_INFO)
    finally:
        instance.close()
    if len(data) < 8:
        raise FirmwareError(
            f"{path}: does not answer as a worker does; link lensmount_shim.c and lensmount_worker.c with the "
            "firmware, and no main of its own"
        )
    # A worker talks by pipes, so it is of this version or must be built again; what it declares begins with that.
    if int.from_bytes(data[:4], "little") != SHIM or len(data) < _DECLARED.size + 4:
        raise FirmwareError(f"{path}: is a worker of another lensmount; build it again")
    shim, optional, abi, size, *numbers = _DECLARED.unpack_from(data)
    dialect, name, version, far_dialect = data[_DECLARED.size :].split(b"\0")[:4]
    far_rises, far_falls = numbers[5:]
    raw = RawInfo(abi, size, dialect, name, version, *numbers[:5], far_dialect, far_rises, far_falls)
    info = read_declaration(path, shim, raw, optional, sanitized=False)
    return FirmwareLibrary(path, info, _Workers(path).shim())
