"""Put the firmware that ships with lensmount onto a board in boot mode, or say how to get it there.

A Raspberry Pi Pico waits for firmware when it is plugged in with its BOOTSEL button pressed. The firmware was tried on
an emulated chip only; nobody here has had a real board.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount board`."""
    parser.add_argument("deed", choices=["flash", "image"], help="write it, or say which one this package has")
    parser.add_argument("--drive", metavar="FOLDER", help="where the board's drive is mounted")
    parser.add_argument("--file", metavar="UF2", help="another image than the one that ships")


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    from pathlib import Path

    from lensmount_hardware.boards.flashing import check_image, flash, mount_points, shipped_image, waiting_drives
    from lensmount_protocol.errors import BoardError

    if arguments.file is None:
        image, revision = shipped_image()
        name = f"firmware, {revision}"
    else:
        try:
            image, name = Path(arguments.file).read_bytes(), arguments.file
        except OSError as error:
            raise BoardError(f"{arguments.file}: {error.strerror or error}") from error
    if arguments.deed == "image":
        check_image(image, name)
        print(f"{name}: {len(image)} bytes as UF2, for a Raspberry Pi Pico")
        return 0
    drives = waiting_drives([Path(arguments.drive)] if arguments.drive else mount_points())
    if arguments.drive and not drives:
        raise BoardError(f"{arguments.drive} is no drive of a board in boot mode: it has no INFO_UF2.TXT of an RP2040")
    drive = flash(image, name, drives)
    print(f"{name} is on the board at {drive}; it starts by itself, and `lensmount boards` shows it")
    return 0
