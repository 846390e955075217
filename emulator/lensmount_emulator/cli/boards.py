"""List the serial devices of this machine: adapters and boards, what they are, and what their kind can do."""

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount boards`."""
    parser.add_argument("--json", action="store_true", help="one JSON object a device")


def run(arguments: argparse.Namespace) -> int:
    """Print every device; nothing is opened."""
    from lensmount_emulator.reports.devices import NOTHING_FOUND, device_lines, object_of_device
    from lensmount_hardware.boards.devices import serial_devices

    devices = serial_devices()
    if arguments.json:
        for device in devices:
            print(json.dumps(object_of_device(device), separators=(",", ":")))
        return 0
    for device in devices:
        print("\n".join(device_lines(device)))
    if not devices:
        print(NOTHING_FOUND)
    return 0
