"""What Linux tells of a serial device in its file trees: driver, latency timer, power saving, and who has it open."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SYS = Path("/sys")
PROC = Path("/proc")
BY_ID = Path("/dev/serial/by-id")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a device open.

    Attributes:
        pid: its number.
        name: its command.
    """

    pid: int
    name: str


def driver_of(device: str, sys: Path = SYS) -> str:
    """The driver of `/dev/NAME`; `""` where the system does not say."""
    for place in ("device/driver", "device/device/driver"):
        link = sys / "class" / "tty" / Path(device).name / place
        if link.exists():
            return link.resolve().name
    return ""


def latency_timer_ms(device: str, sys: Path = SYS) -> int | None:
    """Milliseconds that an adapter holds bytes back before it hands over a packet that is not full; `None` without."""
    return _integer(latency_timer_path(device, sys))


def latency_timer_path(device: str, sys: Path = SYS) -> Path:
    """Where the latency timer of a device is read and set."""
    return sys / "bus" / "usb-serial" / "devices" / Path(device).name / "latency_timer"


def power_control_path(device: str, sys: Path = SYS) -> Path | None:
    """Where it says whether the USB device may be put to sleep (`auto`) or not (`on`); `None` off USB."""
    place = (sys / "class" / "tty" / Path(device).name / "device").resolve()
    # A USB device is the nearest folder with a vendor number; its interfaces and ports lie below it.
    for folder in (place, *place.parents):
        if (folder / "idVendor").is_file():
            return folder / "power" / "control"
    return None


def may_sleep(device: str, sys: Path = SYS) -> bool | None:
    """Whether the system may put the USB device to sleep; `None` off USB."""
    path = power_control_path(device, sys)
    told = "" if path is None else _text(path)
    return None if not told else told == "auto"


def by_id(device: str, folder: Path = BY_ID) -> str:
    """The name of a device that stays the same wherever it is plugged in; `""` where it has none."""
    real = os.path.realpath(device)
    with suppress(OSError):
        for link in sorted(folder.iterdir()):
            if os.path.realpath(link) == real:
                return str(link)
    return ""


def holders(device: str, proc: Path = PROC, but: int | None = None) -> list[Holder]:
    """The processes that have a device open, as far as we may look into them.

    Args:
        device: the path, links included.
        proc: the tree of processes.
        but: the process that does not count; ourselves.
    """
    real = os.path.realpath(device)
    ours = os.getpid() if but is None else but
    return [
        Holder(pid, _text(proc / str(pid) / "comm"))
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
