"""Restart a board that runs our firmware in its boot mode, in which `lensmount flash` can write to it."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `lensmount bootloader`."""
    parser.add_argument("--port", metavar="SPEC", help="the board to restart: board:SERIAL")
    parser.add_argument("--json", action="store_true", help="one JSON object, nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Restart the board; return the exit code."""
    from lensmount_emulator.cli.options import print_message
    from lensmount_hardware.boards.session import restart_in_boot_mode
    from lensmount_hardware.clock import MonotonicClock
    from lensmount_hardware.port_spec import parse_spec
    from lensmount_protocol.errors import TransportSpecError

    port = arguments.port
    if port is None or not port.startswith("board:"):
        raise TransportSpecError("name the board with --port board:SERIAL; `lensmount devices` lists the boards")
    revision = restart_in_boot_mode(parse_spec(port), MonotonicClock())
    text = f"{port}, which had revision {revision}, waits for firmware now: lensmount flash"
    return print_message({"action": "boot", "port": port, "firmware": revision, "text": text}, as_json=arguments.json)
