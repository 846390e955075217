"""The table of adapters, and what is read of devices in a tree that looks like the system's."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from lensmount_hardware import serial_devices as devices
from lensmount_hardware.serial_devices import ADAPTERS, ANY_PRODUCT, CLASS_ADAPTERS, find_adapter
from lensmount_hardware.transports.control_lines import CONTROLS


@pytest.mark.parametrize(
    ("vendor", "product", "driver", "name"),
    [
        (0x0403, 0x6001, "ftdi_sio", "FTDI FT232R"),
        (0x0403, 0xFFFF, "ftdi_sio", "FTDI"),
        (0x10C4, 0xEA60, "cp210x", "Silicon Labs CP210x"),
        (0x1A86, 0x7523, "ch341", "WCH CH340 or CH341"),
        (0x067B, 0x23A3, "pl2303", "Prolific PL2303"),
        (0x2E8A, 0x0003, "", "Raspberry Pi Pico, waiting for firmware"),
        (0x2E8A, 0x000A, "cdc_acm", "Raspberry Pi Pico"),
        (0x2341, 0x0043, "cdc_acm", "USB CDC-ACM"),
        (None, None, "cdc_acm", "USB CDC-ACM"),
    ],
)
def test_an_adapter_is_known_by_its_numbers_or_its_class(
    vendor: int | None, product: int | None, driver: str, name: str
) -> None:
    adapter = find_adapter(vendor, product, driver)
    assert adapter is not None
    assert adapter.name == name


def test_no_one_knows_a_stranger() -> None:
    assert find_adapter(0x1234, 0x5678, "strange") is None
    assert find_adapter(None, None) is None


@pytest.mark.parametrize("adapter", [*ADAPTERS, CLASS_ADAPTERS], ids=lambda adapter: adapter.name)
def test_every_entry_says_where_it_is_known_from(adapter: devices.UsbSerialAdapter) -> None:
    assert adapter.source.startswith("https://")
    assert set(adapter.controls) <= set(CONTROLS)
    assert all(rate in (750_000, 1_500_000) for rate in adapter.rates)


def test_the_entry_for_the_rest_of_a_vendor_stands_behind_the_others() -> None:
    seen: set[int] = set()
    for adapter in ADAPTERS:
        assert adapter.vendor not in seen
        if adapter.product == ANY_PRODUCT:
            seen.add(adapter.vendor)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`/sys` with one FT232R as ttyUSB0."""
    usb = tmp_path / "devices" / "usb1" / "1-2"
    port = usb / "1-2:1.0" / "ttyUSB0"
    (usb / "power").mkdir(parents=True)
    (usb / "idVendor").write_text("0403\n")
    (usb / "power" / "control").write_text("auto\n")
    port.mkdir(parents=True)
    driver = tmp_path / "bus" / "usb-serial" / "drivers" / "ftdi_sio"
    driver.mkdir(parents=True)
    (port / "driver").symlink_to(driver)
    (port / "latency_timer").write_text("16\n")
    for folder in (tmp_path / "class" / "tty" / "ttyUSB0", tmp_path / "bus" / "usb-serial" / "devices"):
        folder.mkdir(parents=True)
    (tmp_path / "class" / "tty" / "ttyUSB0" / "device").symlink_to(port)
    (tmp_path / "bus" / "usb-serial" / "devices" / "ttyUSB0").symlink_to(port)
    return tmp_path


def test_a_device_is_read_off_the_system(tree: Path) -> None:
    assert devices.find_driver("/dev/ttyUSB0", tree) == "ftdi_sio"
    assert devices.latency_timer_ms("/dev/ttyUSB0", tree) == 16
    assert devices.may_sleep("/dev/ttyUSB0", tree) is True
    (tree / "devices" / "usb1" / "1-2" / "power" / "control").write_text("on\n")
    assert devices.may_sleep("/dev/ttyUSB0", tree) is False


def test_a_device_that_the_system_says_nothing_of_is_no_error(tree: Path) -> None:
    assert devices.find_driver("/dev/ttyUSB7", tree) == ""
    assert devices.latency_timer_ms("/dev/ttyUSB7", tree) is None
    assert devices.may_sleep("/dev/ttyUSB7", tree) is None


def test_devices_are_listed_with_all_that_is_known(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = SimpleNamespace(
        device="/dev/ttyUSB0",
        vid=0x0403,
        pid=0x6001,
        serial_number="A1",
        manufacturer="FTDI",
        product="FT232R USB UART",
    )
    bare = SimpleNamespace(device="/dev/ttyS0", vid=None, pid=None, serial_number=None, manufacturer=None, product=None)
    monkeypatch.setattr(devices.list_ports, "comports", lambda: [port, bare])
    folder = tmp_path / "by-id"
    folder.mkdir()
    (folder / "usb-FTDI_A1-if00-port0").symlink_to("/dev/ttyUSB0")
    other, found = devices.serial_devices(tree, folder)
    assert (found.usb_id, found.driver, found.latency_timer_ms, found.serial_number) == (
        "0403:6001",
        "ftdi_sio",
        16,
        "A1",
    )
    assert found.spec == f"serial:{folder}/usb-FTDI_A1-if00-port0"
    assert found.adapter is not None
    assert found.adapter.latency_timer
    assert (other.usb_id, other.adapter, other.spec) == ("", None, "serial:/dev/ttyS0")


def test_who_has_a_device_open_is_told_by_number_and_name(tmp_path: Path) -> None:
    device = tmp_path / "ttyUSB0"
    device.write_text("")
    for pid, name, target in ((12, "minicom", device), (13, "bash", Path("/dev/null")), (14, "ours", device)):
        (tmp_path / "proc" / str(pid) / "fd").mkdir(parents=True)
        (tmp_path / "proc" / str(pid) / "comm").write_text(f"{name}\n")
        (tmp_path / "proc" / str(pid) / "fd" / "3").symlink_to(target)
    (tmp_path / "proc" / "self").mkdir()
    link = tmp_path / "link"
    link.symlink_to(device)
    assert devices.processes_holding(str(link), tmp_path / "proc", exclude=14) == [
        devices.ProcessHolding(12, "minicom")
    ]
    assert devices.processes_holding(str(link), tmp_path / "proc") == [
        devices.ProcessHolding(12, "minicom"),
        devices.ProcessHolding(14, "ours"),
    ]


def test_our_own_hold_on_a_device_does_not_count() -> None:
    near, far = os.openpty()
    try:
        assert devices.processes_holding(os.ttyname(far)) == []
    finally:
        os.close(near)
        os.close(far)
