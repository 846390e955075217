"""List the serial devices of this machine: adapters and boards, what they are, and what they can do.

Boards with our firmware are asked who they are, which drives nothing; adapters are not opened.
"""

import argparse
import json
import sys

from lensmount_emulator.reports.printable import write_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount devices`."""
    parser.add_argument("--json", action="store_true", help="one JSON object a device")
    parser.add_argument("--no-probe", action="store_true", help="open no board either")


def run(arguments: argparse.Namespace) -> int:
    """Print every device."""
    from lensmount_emulator.reports.devices import NOTHING_FOUND, device_lines, device_to_dict
    from lensmount_hardware.boards.flash import find_boot_drives, list_mounts
    from lensmount_hardware.boards.session import query_or_error
    from lensmount_hardware.clock import MonotonicClock
    from lensmount_hardware.serial_devices import serial_devices

    devices = serial_devices()
    clock = MonotonicClock()
    for device in devices:
        asks = device.is_board and not (arguments.no_probe or arguments.quiet)
        answer = query_or_error(device.path, clock) if asks else None
        if arguments.json:
            print(json.dumps(device_to_dict(device, answer), separators=(",", ":")))
        elif arguments.quiet:
            print(device.spec)
        else:
            for text in device_lines(device, answer):
                write_line(sys.stdout, text, hang=4)
    waiting = find_boot_drives(list_mounts())
    for drive in waiting:
        if arguments.json:
            print(json.dumps({"port": None, "waits_for_firmware": str(drive)}, separators=(",", ":")))
        else:
            print(f"a Raspberry Pi Pico in boot mode, at {drive}\n  waits for firmware: lensmount flash")
    if not (devices or waiting or arguments.json or arguments.quiet):
        print(NOTHING_FOUND)
    return 0
