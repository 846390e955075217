"""Reads what Linux reports on a serial device in /sys and /proc: driver, latency timer, power saving, open files."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SYS = Path("/sys")
PROC = Path("/proc")
BY_ID = Path("/dev/serial/by-id")


@dataclass(frozen=True, slots=True)
class ProcessHolding:
    """A process that has a device open.

    Attributes:
        pid: its number.
        name: its command.
    """

    pid: int
    name: str


def find_driver(device: str, sys: Path = SYS) -> str:
    """Return the driver of `/dev/NAME`; `""` where the system does not report it."""
    for place in ("device/driver", "device/device/driver"):
        link = sys / "class" / "tty" / Path(device).name / place
        if link.exists():
            return link.resolve().name
    return ""


def latency_timer_ms(device: str, sys: Path = SYS) -> int | None:
    """Return the milliseconds that an adapter holds bytes of an incomplete packet back; `None` without such a timer."""
    return _integer(latency_timer_path(device, sys))


def latency_timer_path(device: str, sys: Path = SYS) -> Path:
    """Return the file that reads and sets the latency timer of a device."""
    return sys / "bus" / "usb-serial" / "devices" / Path(device).name / "latency_timer"


def power_control_path(device: str, sys: Path = SYS) -> Path | None:
    """Return the file that sets whether the USB device may sleep (`auto`) or not (`on`); `None` off USB."""
    place = (sys / "class" / "tty" / Path(device).name / "device").resolve()
    # A USB device is the nearest folder with a vendor number; its interfaces and ports lie below it.
    for folder in (place, *place.parents):
        if (folder / "idVendor").is_file():
            return folder / "power" / "control"
    return None


def may_sleep(device: str, sys: Path = SYS) -> bool | None:
    """Return whether the system may put the USB device to sleep; `None` off USB."""
    path = power_control_path(device, sys)
    control = "" if path is None else _text(path)
    return None if not control else control == "auto"


def stable_name(device: str, folder: Path = BY_ID) -> str:
    """Return the name of a device that stays the same at any USB port; `""` where it has none."""
    real = os.path.realpath(device)
    with suppress(OSError):
        for link in sorted(folder.iterdir()):
            if os.path.realpath(link) == real:
                return str(link)
    return ""


def processes_holding(device: str, proc: Path = PROC, exclude: int | None = None) -> list[ProcessHolding]:
    """Return the processes that have a device open, as far as we may read their files.

    Args:
        device: the path; links are followed.
        proc: the tree of processes.
        exclude: the process to leave out; by default this one.
    """
    real = os.path.realpath(device)
    ours = os.getpid() if exclude is None else exclude
    return [
        ProcessHolding(pid, _text(proc / str(pid) / "comm"))
        for pid in sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal())
        if pid != ours and real in _open_files(proc / str(pid) / "fd")
    ]


def _open_files(folder: Path) -> Iterator[str]:
    with suppress(OSError):
        for link in folder.iterdir():
            with suppress(OSError):
                yield os.readlink(link)


def _integer(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
