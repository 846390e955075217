"""USB-serial adapters and boards that people own: what each can do for a mount, with the public source of it.

Rates and lines are those of the chip; what a maker led out to pins is for the reader of the board to see. Where one
product number covers chips that differ, the entry says the least that all of them can.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lensmount_hardware.transports.control_lines import CONTROLS, INPUTS

FTDI = "https://github.com/torvalds/linux/blob/master/drivers/usb/serial/ftdi_sio.c"
CP210X = "https://github.com/torvalds/linux/blob/master/drivers/usb/serial/cp210x.c"
CH341 = "https://github.com/torvalds/linux/blob/master/drivers/usb/serial/ch341.c"
PL2303 = "https://github.com/torvalds/linux/blob/master/drivers/usb/serial/pl2303.c"
CDC_ACM = "https://github.com/torvalds/linux/blob/master/drivers/usb/class/cdc-acm.c"
PICO = "https://github.com/raspberrypi/usb-pid"

ANY = -1
"""Stands for every product number of a vendor that no other entry names."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """What a kind of adapter can do.

    Attributes:
        name: the chip or board.
        vendor: USB vendor number.
        product: USB product number, or `ANY`.
        controls: the control lines that it has.
        rates: rate in bits a second -> whether it is made exactly; a rate that is not there has to be tried.
        latency_timer: whether it holds bytes back for a time that can be set.
        note: what else its owner should know.
        source: where this is known from.
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

ADAPTERS: tuple[Adapter, ...] = (
    Adapter("FTDI FT232R", 0x0403, 0x6001, CONTROLS, _BOTH, True, "", FTDI),
    Adapter("FTDI FT2232H", 0x0403, 0x6010, CONTROLS, _BOTH, True, "two ports", FTDI),
    Adapter("FTDI FT4232H", 0x0403, 0x6011, CONTROLS, _BOTH, True, "four ports", FTDI),
    Adapter("FTDI FT232H", 0x0403, 0x6014, CONTROLS, _BOTH, True, "", FTDI),
    Adapter("FTDI FT-X", 0x0403, 0x6015, CONTROLS, _BOTH, True, "an FT230X leads out RTS and CTS only", FTDI),
    Adapter("FTDI", 0x0403, ANY, CONTROLS, {}, True, "", FTDI),
    Adapter(
        "Silicon Labs CP210x", 0x10C4, 0xEA60, CONTROLS, {}, False,
        "a CP2102 makes 921 600 baud of 750 000; a CP2104 or CP2102N makes both rates exactly", CP210X,
    ),
    Adapter("Silicon Labs CP2105", 0x10C4, 0xEA70, CONTROLS, {}, False, "its standard port stops at 921 600", CP210X),
    Adapter("Silicon Labs CP2108", 0x10C4, 0xEA71, CONTROLS, _BOTH, False, "four ports", CP210X),
    Adapter("WCH CH340 or CH341", 0x1A86, 0x7523, CONTROLS, _BOTH, False, "clones differ: have the rates tried", CH341),
    Adapter("WCH CH341", 0x1A86, 0x5523, CONTROLS, _BOTH, False, "clones differ: have the rates tried", CH341),
    Adapter("WCH", 0x1A86, ANY, CONTROLS, {}, False, "", CH341),
    Adapter("Prolific PL2303", 0x067B, ANY, CONTROLS, {}, False, "types differ, and old ones round rates", PL2303),
    Adapter(
        "Raspberry Pi Pico, waiting for firmware", 0x2E8A, 0x0003, (), {}, False,
        "it is a disk now: copy a UF2 onto it", PICO,
    ),
    Adapter(
        "Raspberry Pi Pico 2, waiting for firmware", 0x2E8A, 0x000F, (), {}, False,
        "it is a disk now: copy a UF2 onto it", PICO,
    ),
    Adapter("Raspberry Pi Pico with MicroPython", 0x2E8A, 0x0005, (), {}, False, "no adapter as it is", PICO),
    Adapter("Raspberry Pi Debug Probe", 0x2E8A, 0x000C, (), {}, False, "bytes only, no control lines", PICO),
    Adapter("Raspberry Pi Pico", 0x2E8A, ANY, (), {}, False, "what it can do is a matter of its firmware", PICO),
)  # fmt: skip
"""Asked in this order: the first that fits is it."""

OF_A_CLASS = Adapter(
    "USB CDC-ACM", ANY, ANY, ("rts", "dtr", *(line for line in INPUTS if line != "cts")), {}, False,
    "the class carries no CTS, and any rate is accepted: what the device makes of it is its firmware's affair", CDC_ACM,
)  # fmt: skip
"""What a device of that class can do that nobody named here."""


def adapter_of(
    vendor: int | None, product: int | None, driver: str = "", known: Iterable[Adapter] = ADAPTERS
) -> Adapter | None:
    """The adapter with these USB numbers, or by its driver the class that it belongs to; `None` where nobody knows.

    Args:
        vendor: USB vendor number; `None` where the port is on no USB.
        product: USB product number.
        driver: name of the kernel's driver.
        known: the table to look into.
    """
    for adapter in known:
        if adapter.vendor == vendor and adapter.product in (product, ANY):
            return adapter
    return OF_A_CLASS if driver == "cdc_acm" else None
