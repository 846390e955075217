"""Put the firmware that ships with lensmount onto a board in boot mode, or say how to get it there.

A Raspberry Pi Pico waits for firmware when it is plugged in with its BOOTSEL button pressed; one that runs our firmware
already is sent there by `board boot --port board:SERIAL`. The firmware was tried on an emulated chip only; nobody here
has had a real board.
"""

import argparse

MAX_IMAGE = 32 * 1024 * 1024
"""Bytes of a UF2 file: twice the flash of any board."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount board`."""
    from lensmount_emulator.cli.parser import one_of

    parser.add_argument(
        "deed",
        **one_of("action", ("flash", "image", "boot")),
        help="write it, say which one this package has, or send a board that has ours into its boot mode",
    )
    parser.add_argument("--drive", metavar="FOLDER", help="where the board's drive is mounted")
    parser.add_argument("--file", metavar="UF2", help="another image than the one that ships")
    parser.add_argument("--port", metavar="SPEC", help="the board to send into its boot mode: board:SERIAL")
    parser.add_argument("--json", action="store_true", help="one JSON object, nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    told = _boot(arguments.port) if arguments.deed == "boot" else _image(arguments)
    if arguments.json:
        import json

        print(json.dumps(told, separators=(",", ":")))
    else:
        print(told["text"])
    return 0


def _boot(port: str | None) -> dict[str, object]:
    from lensmount_hardware.boards.asking import send_to_boot_mode
    from lensmount_hardware.clock import MonotonicClock
    from lensmount_hardware.spec import parse_spec
    from lensmount_protocol.errors import TransportSpecError

    if port is None or not port.startswith("board:"):
        raise TransportSpecError("say which board is meant, with --port board:SERIAL; `lensmount boards` lists them")
    revision = send_to_boot_mode(parse_spec(port), MonotonicClock())
    text = f"{port}, which had revision {revision}, waits for firmware now: lensmount board flash"
    return {"deed": "boot", "port": port, "firmware": revision, "text": text}


def _image(arguments: argparse.Namespace) -> dict[str, object]:
    from pathlib import Path

    from lensmount_hardware.boards.flashing import check_image, flash, mount_points, shipped_image, waiting_drives
    from lensmount_hardware.inputs import read_input
    from lensmount_protocol.errors import BoardError

    if arguments.file is None:
        image, revision = shipped_image()
        name = f"firmware, {revision}"
    else:
        image, name = read_input(Path(arguments.file), MAX_IMAGE, "a board's firmware", BoardError), arguments.file
    told: dict[str, object] = {"deed": arguments.deed, "image": name, "bytes": len(image)}
    if arguments.deed == "image":
        check_image(image, name)
        return told | {"text": f"{name}: {len(image)} bytes as UF2, for a Raspberry Pi Pico"}
    drives = waiting_drives([Path(arguments.drive)] if arguments.drive else mount_points())
    if arguments.drive and not drives:
        raise BoardError(f"{arguments.drive} is no drive of a board in boot mode: it has no INFO_UF2.TXT of an RP2040")
    drive = flash(image, name, drives)
    text = f"{name} is on the board at {drive}; it starts by itself, and `lensmount boards` shows it"
    return told | {"drive": str(drive), "text": text}
