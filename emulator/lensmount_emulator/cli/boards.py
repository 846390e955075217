"""List the serial devices of this machine: adapters and boards, what they are, and what they can do.

Boards with our firmware are asked who they are, which drives nothing; adapters are not opened.
"""

import argparse
import json
import sys

from lensmount_emulator.reports.terminal import write_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount boards`."""
    parser.add_argument("--json", action="store_true", help="one JSON object a device")
    parser.add_argument("--closed", action="store_true", help="open no board either")


def run(arguments: argparse.Namespace) -> int:
    """Print every device."""
    from lensmount_emulator.reports.devices import NOTHING_FOUND, device_lines, object_of_device
    from lensmount_hardware.boards.asking import answer_or_trouble
    from lensmount_hardware.boards.devices import serial_devices
    from lensmount_hardware.boards.flashing import mount_points, waiting_drives
    from lensmount_hardware.clock import MonotonicClock

    devices = serial_devices()
    clock = MonotonicClock()
    for device in devices:
        asks = device.is_board and not (arguments.closed or arguments.quiet)
        answer = answer_or_trouble(device.path, clock) if asks else None
        if arguments.json:
            print(json.dumps(object_of_device(device, answer), separators=(",", ":")))
        elif arguments.quiet:
            print(device.spec)
        else:
            for text in device_lines(device, answer):
                write_line(sys.stdout, text, hang=4)
    waiting = waiting_drives(mount_points())
    for drive in waiting:
        if arguments.json:
            print(json.dumps({"port": None, "waits_for_firmware": str(drive)}, separators=(",", ":")))
        else:
            print(f"a Raspberry Pi Pico in boot mode, at {drive}\n  waits for firmware: lensmount board flash")
    if not (devices or waiting or arguments.json or arguments.quiet):
        print(NOTHING_FOUND)
    return 0
