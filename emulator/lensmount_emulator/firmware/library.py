"""Loads a firmware: a shared library of the user's C code and our shim, checked before it runs.

A library is untrusted. It is first opened in a process of its own, so that a constructor that crashes, or a sanitizer
that ends the process, is an error in one line.
"""

import ctypes
import faulthandler
import os
import platform
import shutil
import signal
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from lensmount_emulator.firmware.declaration import (
    FAR_SHIM,
    SHIM,
    FirmwareInfo,
    RawInfo,
    read_declaration,
)
from lensmount_emulator.firmware.fault import FaultKind, FirmwareFault, describe_fault, resolve_frames
from lensmount_protocol.errors import FirmwareError

TIMERS = 32
NEVER = (1 << 64) - 1
MAX_SIZE = 256 << 20
_MACHINES = {3: "x86", 40: "ARM", 62: "x86_64", 183: "aarch64", 243: "RISC-V"}
_OWN = {"x86_64": 62, "aarch64": 183, "arm64": 183, "armv7l": 40, "i686": 3, "riscv64": 243}
_FIRMWARE_NAMES = ("lm_fw_info", "lm_fw_init", "lm_fw_on_bytes", "lm_fw_on_line", "lm_fw_on_timer")
_PROBE_S = 5.0
WORKER_SUFFIX = ".worker"
"""The name of a program of its own, which is started for each instance, ends in this."""


_MAX_C_FRAMES, _MAX_TEXT = 48, 4096


class RawFault(ctypes.Structure):
    """The fault of an instance, as the shim has it."""

    _fields_ = (
        ("kind", ctypes.c_uint32), ("number", ctypes.c_uint32), ("address", ctypes.c_uint64),
        ("event", ctypes.c_uint64), ("now_us", ctypes.c_uint64),
        ("frames", ctypes.c_uint32), ("text_size", ctypes.c_uint32),
        ("frame", ctypes.c_uint64 * _MAX_C_FRAMES), ("text", ctypes.c_char * _MAX_TEXT),
    )  # fmt: skip


class SanitizerRuntimeError(FirmwareError):
    """A firmware needs the runtime of a sanitizer, which can only be loaded before a process starts.

    Attributes:
        needs_runtime: the firmware.
    """

    def __init__(self, library: Path, text: str) -> None:
        super().__init__(text)
        self.needs_runtime = library


Call = Callable[..., int]


@dataclass(frozen=True, slots=True)
class Shim:
    """The functions of a loaded library.

    Attributes:
        start: makes the instance; all calls return the size of the actions, or -1 for a fault.
        on_bytes: bytes of the peer.
        on_line: an edge of the peer.
        on_time: calls the timers that are due.
        on_control: an action of the operator.
        open: makes the memory of an instance; returns its address.
        close: frees it.
        fault: address of the fault of an instance.
        actions: address of its actions.
        memory: address of the firmware's own memory.
        timers: address of its timers.
        state: its state word.
        guard: installs the guard in this process.
        counters: number of coverage counters.
        coverage: merges and clears them.
        far: sets rate and levels of the far port, before `start`; it and the next two are for adapters.
        on_far_bytes: bytes at the far port.
        on_far_line: an edge at the far port.
        lines: sets the lines that the ports have, before `start`.
        report: sets the file for the reports of sanitizers, before `guard`.
    """

    start: Call
    on_bytes: Call
    on_line: Call
    on_time: Call
    on_control: Call
    open: Call
    close: Call
    fault: Call
    actions: Call
    memory: Call
    timers: Call
    state: Call
    guard: Call
    counters: Call
    coverage: Call
    far: Call
    on_far_bytes: Call
    on_far_line: Call
    lines: Call
    report: Call


@dataclass(frozen=True, slots=True)
class FirmwareLibrary:
    """A firmware that is loaded into this process.

    Attributes:
        path: the library.
        info: its declaration.
        shim: its functions.
    """

    path: Path
    info: FirmwareInfo
    shim: Shim

    def guard(self, page: int, *, with_alarm: bool) -> None:
        """Install the guard in this process; it also lets this firmware report to the file of the sanitizers.

        Args:
            page: address of the memory for the progress, which other processes read.
            with_alarm: whether to guard real time as well.
        """
        if self.info.sanitized:
            _share_report(self.shim)
        self.shim.guard(page, with_alarm)

    def read_fault(self, instance: int) -> FirmwareFault:
        """Return the fault that ended an instance."""
        raw = RawFault.from_address(self.shim.fault(instance))
        report = ctypes.string_at(ctypes.addressof(raw) + RawFault.text.offset, raw.text_size).decode(errors="replace")
        frames = resolve_frames(self.path, raw.frame[: raw.frames])
        text = describe_fault(raw.kind, raw.number, raw.address, report)
        return FirmwareFault(FaultKind(raw.kind), str(self.path), text, raw.event, raw.now_us * 1e-6, frames, report)


class _Report:
    """The file for the reports of sanitizers: a runtime has one in a process, for all firmware that is loaded there."""

    file = -1
    shims: ClassVar[list[Shim]] = []


def _share_report(shim: Shim) -> None:
    """Let a firmware, and those that were loaded before it, report to the file of this process.

    The runtime of gcc calls the shim of the firmware that was loaded first, whichever firmware has broken a rule.
    """
    if not _Report.shims:
        _open_report()
        # The runtime drops the file of the parent, which other children of the parent would write, too.
        os.register_at_fork(after_in_child=_open_report)
    if shim not in _Report.shims:
        _Report.shims.append(shim)
        shim.report(_Report.file)


def _open_report() -> None:
    _Report.file = os.memfd_create("report")
    for shim in _Report.shims:
        shim.report(_Report.file)


def check_file(path: Path) -> bool:
    """Check that a file is a shared library for this machine; return whether it needs a sanitizer's runtime.

    Raises:
        FirmwareError: it is missing, no library, or for another machine.
    """
    try:
        size = path.stat().st_size
        if size > MAX_SIZE:
            raise FirmwareError(f"{path}: {size} bytes are too many for a firmware; {MAX_SIZE >> 20} MB are the limit")
        data = path.read_bytes()
    except OSError as error:
        raise FirmwareError(
            f"{path}: cannot be read: {error.strerror}; `lensmount firmware build FILE.c` makes it"
        ) from None
    if data[:4] != b"\x7fELF" or len(data) < 64:
        raise FirmwareError(
            f"{path}: no shared library (ELF); build one from C with `lensmount firmware build {path.stem}.c`"
        )
    bits, order = data[4], data[5]
    kind, machine = struct.unpack_from("<HH" if order == 1 else ">HH", data, 16)
    own = _OWN.get(platform.machine(), 0)
    if machine != own or bits != (2 if struct.calcsize("P") == 8 else 1):
        name = _MACHINES.get(machine, f"machine {machine}")
        raise FirmwareError(
            f"{path}: built for {name}, {32 * bits} bits; this machine loads {_MACHINES.get(own, platform.machine())}, "
            f"{8 * struct.calcsize('P')} bits: build it with this machine's compiler"
        )
    if kind != 3:
        raise FirmwareError(f"{path}: no shared library but an object or a program; link it with -shared -fPIC")
    return b"__asan_init" in data or b"__ubsan_handle" in data


def runtime_loaded() -> bool:
    """Whether the runtime of the address sanitizer is part of this process."""
    return hasattr(ctypes.CDLL(None), "__asan_init")


def _open(path: Path) -> Any:
    if not hasattr(os, "fork"):
        raise FirmwareError(f"{path}: firmware in C runs on Linux only")
    try:
        return ctypes.PyDLL(str(path.resolve()), mode=os.RTLD_NOW | os.RTLD_LOCAL)
    except OSError as error:
        text = str(error)
        missing = next((name for name in _FIRMWARE_NAMES if name in text), "")
        if missing:
            raise FirmwareError(
                f"{path}: lacks the function {missing}; a firmware has {', '.join(_FIRMWARE_NAMES)}"
            ) from None
        raise FirmwareError(f"{path}: cannot be loaded: {text.removeprefix(str(path.resolve()) + ': ')}") from None


def _find_function(path: Path, library: Any, name: str) -> Any:
    call = getattr(library, f"lm_shim_{name}", None)
    if call is None:
        raise FirmwareError(
            f"{path}: lacks the function lm_shim_{name} of the shim; link lensmount_shim.c with it, as "
            "`lensmount firmware build` does"
        )
    return call


def _read_info(path: Path, library: Any, *, sanitized: bool) -> FirmwareInfo:
    for name in ("version", "info", "start"):
        _find_function(path, library, name)
    library.lm_shim_info.restype = ctypes.POINTER(RawInfo)
    given = library.lm_shim_info()
    if not given:
        raise FirmwareError(f"{path}: lm_fw_info returns NULL; it returns a pointer to a constant lm_info")
    version, optional = library.lm_shim_version(), library.lm_shim_optional()
    return read_declaration(path, version, given.contents, optional, sanitized=sanitized)


def probe_firmware(path: str | Path) -> FirmwareInfo:
    """Return what a firmware declares; it is opened in a process of its own.

    Raises:
        FirmwareError: it is no firmware, or cannot be loaded here; one line with what is wrong and what is legal.
    """
    file = Path(path)
    if file.suffix == WORKER_SUFFIX:
        return load_firmware(file).info
    try:
        status = file.stat()
    except OSError:
        check_file(file)
        raise
    return _probe(file, status.st_mtime_ns, status.st_size)


@cache
def _probe(file: Path, _changed: int, _size: int) -> FirmwareInfo:
    sanitized = check_file(file)
    if sanitized and not runtime_loaded():
        raise SanitizerRuntimeError(
            file,
            f"{file}: is built with a sanitizer, and its runtime must be loaded first: start with "
            f"{preload_text(file)}; the command `lensmount` does it by itself",
        )
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        _probe_in_child(file, send, sanitized=sanitized)
    os.close(send)
    with open(receive, "rb") as stream:
        answer = stream.read(1 << 20)
    _, status = os.waitpid(child, 0)
    if not answer:
        what = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
        raise FirmwareError(
            f"{file}: ends its process while it is loaded ({what}); lm_fw_info and constructors only return"
        )
    if answer[:1] == b"!":
        raise FirmwareError(answer[1:].decode(errors="replace"))
    return msgspec.json.decode(answer, type=FirmwareInfo)


def _probe_in_child(file: Path, send: int, *, sanitized: bool) -> None:
    """Open the library, write its declaration or the error to the pipe, and end this process."""
    code = 1
    # A library that crashes here is reported by the parent, in one line.
    faulthandler.disable()
    try:
        # A constructor that never returns ends by this.
        signal.setitimer(signal.ITIMER_REAL, _PROBE_S)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        try:
            answer = msgspec.json.encode(_read_info(file, _open(file), sanitized=sanitized))
        except FirmwareError as error:
            answer = b"!" + str(error).encode()
        os.write(send, answer)
        code = 0
    finally:
        os._exit(code)


def load_firmware(path: str | Path) -> FirmwareLibrary:
    """Load a firmware into this process, after it was probed.

    Raises:
        FirmwareError: as `probe_firmware`.
    """
    file = Path(path)
    if file.suffix == WORKER_SUFFIX:
        # It runs nothing in this process; what speaks to it is needed for workers only.
        worker: FirmwareLibrary = import_module("lensmount_emulator.firmware.worker").load_worker(file)
        return worker
    info = probe_firmware(file)
    return _load(file, file.stat().st_mtime_ns, info)


@cache
def _load(file: Path, _changed: int, info: FirmwareInfo) -> FirmwareLibrary:
    library = _open(file)
    p, u32, u64, i64 = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int64

    def function(name: str, result: Any, *arguments: Any) -> Call:
        call = _find_function(file, library, name)
        call.restype, call.argtypes = result, arguments
        # ctypes has no types for the functions of a library.
        return call  # type: ignore[no-any-return]

    version = library.lm_shim_version()
    has_far = version >= FAR_SHIM
    shim = Shim(
        start=function("start", i64, p, u32, u32, u64, u64, ctypes.c_char_p, u64),
        on_bytes=function("bytes", i64, p, ctypes.c_char_p, u32, u64),
        on_line=function("line", i64, p, u32, u32, u64),
        on_time=function("time", i64, p, u64),
        on_control=function("control", i64, p, ctypes.c_char_p, u64),
        open=function("open", p),
        close=function("close", None, p),
        fault=function("fault", p, p),
        actions=function("actions", p, p),
        memory=function("memory", p, p),
        timers=function("timers", p, p),
        state=function("state", u32, p),
        guard=function("guard", None, p, ctypes.c_int),
        counters=function("counters", u32),
        coverage=function("coverage", u32, p, u32),
        far=function("far", None, p, u32, u64) if has_far else _missing,
        on_far_bytes=function("far_bytes", i64, p, ctypes.c_char_p, u32, u64) if has_far else _missing,
        on_far_line=function("far_line", i64, p, u32, u32, u64) if has_far else _missing,
        lines=function("lines", None, p, u64, u64) if version >= SHIM else _missing,
        # The version is that of before: a firmware without it reports by itself.
        report=function("report", None, ctypes.c_int) if hasattr(library, "lm_shim_report") else _missing,
    )
    return FirmwareLibrary(file, info, shim)


def _missing(*_arguments: object) -> int:
    """Stands for the functions that an earlier shim does not have: those of a far port, which nothing calls there."""
    return 0


def sanitizer_runtime(path: Path) -> str:
    """Return the path of the runtime that has to be loaded before this library; empty where it is not found."""
    data = path.read_bytes()
    first = ("gcc", "libasan.so") if b"libasan.so" in data else ("clang", "libclang_rt.asan-x86_64.so")
    for compiler, name in (first, ("cc", "libasan.so")):
        program = shutil.which(compiler)
        if program is None:
            continue
        done = subprocess.run([program, f"-print-file-name={name}"], capture_output=True, text=True, check=False)
        found = done.stdout.strip()
        if "/" in found and Path(found).exists():
            return str(Path(found).resolve())
    return ""


def describe_library(path: Path) -> str:
    """Return what a firmware declares, in one line; less of one that needs a runtime."""
    if path.suffix != WORKER_SUFFIX and check_file(path) and not runtime_loaded():
        return "a firmware with a sanitizer"
    info = probe_firmware(path)
    where = f"{info.dialect} for lenses of {info.far_dialect}" if info.far_dialect else info.dialect
    return f"{info.name} {info.version}, {info.role_text} of {where}, {info.memory} bytes of memory"


SANITIZER_EXIT = 97
"""Exit code of a process that a sanitizer ends."""
SANITIZER_OPTIONS = ":".join(
    (
        f"exitcode={SANITIZER_EXIT}",
        "detect_leaks=0",
        "symbolize=0",
        "quarantine_size_mb=16",
        *(f"handle_{name}=0" for name in ("segv", "sigbus", "sigill", "sigfpe", "abort")),
    )
)
"""The guard handles signals itself, and resolves frames after the session; Python's own memory is no leak."""


def preload_text(path: Path) -> str:
    """Return the environment that a library with a sanitizer needs, as the user types it."""
    return f"LD_PRELOAD={sanitizer_runtime(path) or 'libasan.so'} ASAN_OPTIONS={SANITIZER_OPTIONS}"
