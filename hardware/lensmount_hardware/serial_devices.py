"""USB serial devices of this machine, with what Linux reports on them and the known properties of their adapters.

The table of USB-serial adapters and boards gives rates and control lines of each chip, with their public source. A
maker may lead out fewer lines. Where one product number covers different chips, the entry has what all of them support.
What Linux reports is in /sys and /proc: driver, latency timer, power saving, open files.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from lensmount_hardware.transports.control_lines import CONTROLS, INPUTS

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


FTDI = "https://github.com/torvalds/linux/blob/master/drivers/usb/serial/ftdi_sio.c"
CP210X = "https://github.com/torvalds/linux/blob/master/drivers/usb/serial/cp210x.c"
CH341 = "https://github.com/torvalds/linux/blob/master/drivers/usb/serial/ch341.c"
PL2303 = "https://github.com/torvalds/linux/blob/master/drivers/usb/serial/pl2303.c"
CDC_ACM = "https://github.com/torvalds/linux/blob/master/drivers/usb/class/cdc-acm.c"
PICO = "https://github.com/raspberrypi/usb-pid"

ANY_PRODUCT = -1
"""Stands for every product number of a vendor that no other entry names."""


@dataclass(frozen=True, slots=True)
class UsbSerialAdapter:
    """The properties of a kind of adapter.

    Attributes:
        name: the chip or board.
        vendor: USB vendor number.
        product: USB product number, or `ANY_PRODUCT`.
        controls: its control lines.
        rates: rate in bits a second -> whether it is made exactly; other rates need a test.
        latency_timer: whether it holds bytes back for a time that can be set.
        note: further information for its owner.
        source: the source of these facts.
    """

    name: str
    vendor: int
    product: int
    controls: tuple[str, ...]
    rates: dict[int, bool]
    latency_timer: bool
    note: str
    source: str


_BOTH = {750_000: True, 1_500_000: True}
_SHORT = ("rts", "cts")

ADAPTERS: tuple[UsbSerialAdapter, ...] = (
    UsbSerialAdapter("FTDI FT232R", 0x0403, 0x6001, CONTROLS, _BOTH, True, "", FTDI),
    UsbSerialAdapter("FTDI FT2232H", 0x0403, 0x6010, CONTROLS, _BOTH, True, "two ports", FTDI),
    UsbSerialAdapter("FTDI FT4232H", 0x0403, 0x6011, CONTROLS, _BOTH, True, "four ports", FTDI),
    UsbSerialAdapter("FTDI FT232H", 0x0403, 0x6014, CONTROLS, _BOTH, True, "", FTDI),
    UsbSerialAdapter("FTDI FT-X", 0x0403, 0x6015, CONTROLS, _BOTH, True, "an FT230X leads out RTS and CTS only", FTDI),
    UsbSerialAdapter("FTDI", 0x0403, ANY_PRODUCT, CONTROLS, {}, True, "", FTDI),
    UsbSerialAdapter(
        "Silicon Labs CP210x", 0x10C4, 0xEA60, CONTROLS, {}, False,
        "a CP2102 makes 921 600 baud of 750 000; a CP2104 or CP2102N makes both rates exactly", CP210X,
    ),
    UsbSerialAdapter("Silicon Labs CP2105", 0x10C4, 0xEA70, CONTROLS, {}, False, (
        "its standard port stops at "
        "921 600"
    ), CP210X),
    UsbSerialAdapter("Silicon Labs CP2108", 0x10C4, 0xEA71, CONTROLS, _BOTH, False, "four ports", CP210X),
    UsbSerialAdapter("WCH CH340 or CH341", 0x1A86, 0x7523, CONTROLS, _BOTH, False, (
        "clones differ: have the rates "
        "tried"
    ), CH341),
    UsbSerialAdapter("WCH CH341", 0x1A86, 0x5523, CONTROLS, _BOTH, False, "clones differ: have the rates tried", CH341),
    UsbSerialAdapter("WCH", 0x1A86, ANY_PRODUCT, CONTROLS, {}, False, "", CH341),
    UsbSerialAdapter("Prolific PL2303", 0x067B, ANY_PRODUCT, CONTROLS, {}, False, (
        "types differ, and old ones round "
        "rates"
    ), PL2303),
    UsbSerialAdapter(
        "Raspberry Pi Pico, waiting for firmware", 0x2E8A, 0x0003, (), {}, False,
        "it is a disk now: copy a UF2 onto it", PICO,
    ),
    UsbSerialAdapter(
        "Raspberry Pi Pico 2, waiting for firmware", 0x2E8A, 0x000F, (), {}, False,
        "it is a disk now: copy a UF2 onto it", PICO,
    ),
    UsbSerialAdapter("Raspberry Pi Pico with MicroPython", 0x2E8A, 0x0005, (), {}, False, "no adapter as it is", PICO),
    UsbSerialAdapter("Raspberry Pi Debug Probe", 0x2E8A, 0x000C, (), {}, False, "bytes only, no control lines", PICO),
    UsbSerialAdapter("Raspberry Pi Pico", 0x2E8A, ANY_PRODUCT, (), {}, False, (
        "what it can do is a matter of its "
        "firmware"
    ), PICO),
)  # fmt: skip
"""Searched in this order: the first match counts."""

CLASS_ADAPTERS = UsbSerialAdapter(
    "USB CDC-ACM", ANY_PRODUCT, ANY_PRODUCT, ("rts", "dtr", *(line for line in INPUTS if line != "cts")), {}, False,
    "the class carries no CTS, and any rate is accepted: what the device makes of it is its firmware's affair", CDC_ACM,
)  # fmt: skip
"""The properties of a device of that class that is not in the table."""


def find_adapter(
    vendor: int | None, product: int | None, driver: str = "", known: Iterable[UsbSerialAdapter] = ADAPTERS
) -> UsbSerialAdapter | None:
    """Return the adapter with these USB numbers, or the class by its driver; `None` where it is unknown.

    Args:
        vendor: USB vendor number; `None` where the port is not on USB.
        product: USB product number.
        driver: name of the kernel's driver.
        known: the table to search.
    """
    for adapter in known:
        if adapter.vendor == vendor and adapter.product in (product, ANY_PRODUCT):
            return adapter
    return CLASS_ADAPTERS if driver == "cdc_acm" else None


BOARD_TITLE = "lensmount board"
"""The USB product name of our firmware."""


@dataclass(frozen=True, slots=True)
class SerialDevice:
    """A serial device.

    Attributes:
        path: the path to open.
        by_id: a path that stays the same at any USB port; `""` where there is none.
        vendor: USB vendor number; `None` off USB.
        product: USB product number.
        serial_number: its own; many cheap adapters have none.
        maker: the manufacturer, as the device reports it.
        title: the product name, as the device reports it.
        driver: name of the kernel's driver.
        latency_timer_ms: milliseconds that it holds bytes back; `None` where it has no such timer.
        adapter: the properties of its kind; `None` where it is unknown.
    """

    path: str
    by_id: str
    vendor: int | None
    product: int | None
    serial_number: str
    maker: str
    title: str
    driver: str
    latency_timer_ms: int | None
    adapter: UsbSerialAdapter | None

    @property
    def usb_id(self) -> str:
        """Both numbers as people write them: `0403:6001`; `""` off USB."""
        return "" if self.vendor is None or self.product is None else f"{self.vendor:04x}:{self.product:04x}"

    @property
    def is_board(self) -> bool:
        """Whether it is a board with our firmware: by its product name, since its USB numbers are shared."""
        return self.title == BOARD_TITLE

    @property
    def spec(self) -> str:
        """The port specification that opens it, by its stable name."""
        if self.is_board:
            return f"board:{self.serial_number or self.path}"
        return f"serial:{self.by_id or self.path}"


def serial_devices(sys: Path = SYS, by_id: Path = BY_ID) -> list[SerialDevice]:
    """Return all serial devices of this machine, sorted by path; nothing is opened.

    Args:
        sys: the system's device tree.
        by_id: the folder of stable names.
    """
    found: list[SerialDevice] = []
    for port in sorted(list_ports.comports(), key=lambda port: port.device):
        driver = find_driver(port.device, sys)
        found.append(
            SerialDevice(
                path=port.device,
                by_id=stable_name(port.device, by_id),
                vendor=port.vid,
                product=port.pid,
                serial_number=port.serial_number or "",
                maker=port.manufacturer or "",
                title=port.product or "",
                driver=driver,
                latency_timer_ms=latency_timer_ms(port.device, sys),
                adapter=find_adapter(port.vid, port.pid, driver),
            )
        )
    return found
