"""Every serial device of this machine, with what is known of its kind."""

from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from lensmount_hardware.boards import sysfs
from lensmount_hardware.boards.known import Adapter, adapter_of

BOARD_TITLE = "lensmount board"
"""What our firmware calls itself on USB."""


@dataclass(frozen=True, slots=True)
class SerialDevice:
    """A serial device.

    Attributes:
        path: what is opened.
        by_id: a path that stays the same wherever it is plugged in; `""` where there is none.
        vendor: USB vendor number; `None` off USB.
        product: USB product number.
        serial_number: its own; many cheap adapters have none.
        maker: as the device says.
        title: as the device says.
        driver: the kernel's.
        latency_timer_ms: milliseconds that it holds bytes back; `None` where it has no such timer.
        adapter: what its kind can do; `None` where nobody knows it.
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
    adapter: Adapter | None

    @property
    def usb_id(self) -> str:
        """Both numbers as people write them: `0403:6001`; `""` off USB."""
        return "" if self.vendor is None or self.product is None else f"{self.vendor:04x}:{self.product:04x}"

    @property
    def is_board(self) -> bool:
        """Whether it is a board with our firmware: by what it calls itself, since its USB numbers are anybody's."""
        return self.title == BOARD_TITLE

    @property
    def spec(self) -> str:
        """The port that opens it, by the name that stays."""
        if self.is_board:
            return f"board:{self.serial_number or self.path}"
        return f"serial:{self.by_id or self.path}"


def serial_devices(sys: Path = sysfs.SYS, by_id: Path = sysfs.BY_ID) -> list[SerialDevice]:
    """Every serial device that this machine has, by path; nothing is opened.

    Args:
        sys: the system's device tree.
        by_id: the folder of lasting names.
    """
    found: list[SerialDevice] = []
    for port in sorted(list_ports.comports(), key=lambda port: port.device):
        driver = sysfs.driver_of(port.device, sys)
        found.append(
            SerialDevice(
                path=port.device,
                by_id=sysfs.by_id(port.device, by_id),
                vendor=port.vid,
                product=port.pid,
                serial_number=port.serial_number or "",
                maker=port.manufacturer or "",
                title=port.product or "",
                driver=driver,
                latency_timer_ms=sysfs.latency_timer_ms(port.device, sys),
                adapter=adapter_of(port.vid, port.pid, driver),
            )
        )
    return found
