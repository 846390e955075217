"""Firmware faults: what a firmware did that ended it, where, and when, in words for the user."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class FaultKind(IntEnum):
    """What ended a firmware; the numbers are those of the shim."""

    NONE = 0
    SIGNAL = 1
    LOOP = 2
    SANITIZER = 3
    ACTIONS = 4
    OUTSIDE = 5
    ARGUMENT = 6
    REFUSED = 7
    TIMERS = 8
    STALL = 9
    DIED = 10
    """The process of the session ended without a result."""


_LINES = {
    FaultKind.LOOP: "does not return: {number} ms of processor time in one event",
    FaultKind.ACTIONS: "does too much in one event: its actions exceed {number} bytes",
    FaultKind.OUTSIDE: "calls the host outside of an event, {number} times; it may call it only from lm_fw_init, "
    "lm_fw_on_bytes, lm_fw_on_line and lm_fw_on_timer, in their thread",
    FaultKind.REFUSED: "refuses to start: lm_fw_init returns NULL",
    FaultKind.TIMERS: "sets timer {number} to the present again and again, so that time stands still",
    FaultKind.DIED: "ends its process within an event",
    FaultKind.STALL: "waits for {number} s within one event; it must return at once and set a timer",
}
_SANITIZER_LINE = re.compile(r"(?:ERROR: \w+Sanitizer: |runtime error: )(.*)")
MAX_FRAMES = 12
"""C frames that are reported."""


@dataclass(frozen=True, slots=True)
class FirmwareFault:
    """A fault that ended a firmware.

    Attributes:
        kind: what happened.
        library: the firmware.
        text: what happened, in one line.
        event: number of the event that was handled, counted from 1.
        now: its virtual time, in seconds.
        frames: C frames, innermost first: `function at file:line`.
        report: the report of a sanitizer; empty without one.
    """

    kind: FaultKind
    library: str
    text: str
    event: int
    now: float
    frames: tuple[str, ...] = ()
    report: str = ""

    def line(self) -> str:
        """Return the fault in one line, with its place."""
        place = f" in {' < '.join(self.frames[:3])}" if self.frames else ""
        return f"the firmware {self.text}{place} (event {self.event} at {self.now:.6f} s)"

    def signature(self) -> str:
        """Return what two faults of one cause share: kind and innermost frame."""
        where = re.sub(r":\d+$", "", self.frames[0]) if self.frames else ""
        return f"{self.kind.name.lower()} {where}".strip()


def describe_fault(kind: int, number: int, address: int, report: str) -> str:
    """Return what happened, in one line without the place.

    Args:
        kind: the kind, as the shim has it.
        number: the shim's number for it.
        address: the address of a signal, or the argument.
        report: the report of a sanitizer.
    """
    if kind == FaultKind.SIGNAL:
        name = signal.Signals(number).name
        text = {"SIGABRT": "aborts (SIGABRT)", "SIGILL": "traps (SIGILL)", "SIGTRAP": "traps (SIGTRAP)"}.get(name, "")
        return text or f"crashes: {name} at address {address:#x}"
    if kind == FaultKind.SANITIZER:
        found = _SANITIZER_LINE.search(report)
        what = found.group(1).strip() if found else "a sanitizer reports an error"
        return "breaks a rule of memory or arithmetic: " + re.sub(
            r" (?:on|at pc|at|for) (?:unknown )?address .*", "", what
        )
    if kind == FaultKind.ARGUMENT:
        return (
            "sets a baud rate of 0" if number else f"uses timer {address}; timers are 0 to 31"
        )  # fmt: skip
    return _LINES[FaultKind(kind)].format(number=number)


def resolve_frames(library: Path, offsets: Sequence[int]) -> tuple[str, ...]:
    """Return C frames as text; by their offset where no `addr2line` is installed.

    Args:
        library: the shared library.
        offsets: offsets of return addresses in it, innermost first.
    """
    if not offsets:
        return ()
    plain = tuple(f"{library.name}+{offset:#x}" for offset in offsets)
    program = shutil.which("addr2line")
    if program is None:
        return plain[:MAX_FRAMES]
    # A return address is after its call.
    addresses = [hex(offset - 1 if number else offset) for number, offset in enumerate(offsets)]
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    try:
        done = subprocess.run(
            [program, "-f", "-C", "-e", str(library), *addresses],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError):
        return plain[:MAX_FRAMES]
    lines = done.stdout.splitlines()
    frames: list[str] = []
    for number, offset in enumerate(plain):
        name, place = (*lines[2 * number : 2 * number + 2], "??", "??:0")[:2]
        if "lensmount_shim" in place or name.startswith("lm_shim_"):
            continue
        place = re.sub(r" \(discriminator \d+\)", "", place)
        file, _, line = place.rpartition(":")
        if name == "??":
            frames.append(offset)
        elif file in ("", "??"):
            frames.append(name)
        else:
            frames.append(f"{name} at {Path(file).name}:{line}")
    return tuple(frames[:MAX_FRAMES])
