"""Write the firmware that ships with lensmount to a board in boot mode.

A Raspberry Pi Pico waits for firmware when it is plugged in with its BOOTSEL button pressed. `lensmount bootloader`
restarts a board that already runs our firmware in that mode. The firmware ran on an emulated chip only; it has not run
on a real board.
"""

import argparse

MAX_IMAGE = 32 * 1024 * 1024
"""Bytes of a UF2 file: twice the flash of any board."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `lensmount flash`."""
    parser.add_argument("--dry-run", action="store_true", help="check the image and describe it; write nothing")
    parser.add_argument("--drive", metavar="FOLDER", help="where the board's drive is mounted")
    parser.add_argument("--file", metavar="UF2", help="an image other than the one that ships")
    parser.add_argument("--json", action="store_true", help="one JSON object, nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Write the image, or describe it; return the exit code."""
    from pathlib import Path

    from lensmount_emulator.cli.options import print_message
    from lensmount_hardware.boards.flash import bundled_image, check_image, find_boot_drives, flash, list_mounts
    from lensmount_hardware.input_file import read_input
    from lensmount_protocol.errors import BoardError

    if arguments.file is None:
        image, revision = bundled_image()
        name = f"firmware, {revision}"
    else:
        image, name = read_input(Path(arguments.file), MAX_IMAGE, "a board's firmware", BoardError), arguments.file
    message: dict[str, object] = {
        "action": "image" if arguments.dry_run else "flash",
        "image": name,
        "bytes": len(image),
    }
    if arguments.dry_run:
        check_image(image, name)
        text = f"{name}: {len(image)} bytes as UF2, for a Raspberry Pi Pico"
        return print_message(message | {"text": text}, as_json=arguments.json)
    drives = find_boot_drives([Path(arguments.drive)] if arguments.drive else list_mounts())
    if arguments.drive and not drives:
        raise BoardError(f"{arguments.drive} is no drive of a board in boot mode: it has no INFO_UF2.TXT of an RP2040")
    drive = flash(image, name, drives)
    text = f"{name} is on the board at {drive}; it starts by itself, and `lensmount devices` shows it"
    return print_message(message | {"drive": str(drive), "text": text}, as_json=arguments.json)
