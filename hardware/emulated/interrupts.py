"""Worst-case duration of each interrupt of the image, counted in the emulator: `python -m emulated.interrupts`."""

import random
import sys

from emulated.emulator import EmulatedHost, Emulator
from lensmount_hardware.boards.protocol.commands import (
    BaudrateCommand,
    Configure,
    DriveCommand,
    MappedLine,
    Sync,
    Timing,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    ConfigureFlag,
    LineFlag,
    LineKind,
    SyncFlag,
    TransmitFlag,
)
from lensmount_protocol.errors import BoardError

_OUT = LineFlag.OUTPUT
_PRESENCE_PIN, _LOOKED_AT = 6, (14, 15, 16, 17, 18, 19)
_LINES = (
    MappedLine(_PRESENCE_PIN, LineKind.PRESENCE, LineFlag.PULL_UP),
    MappedLine(7, LineKind.SUPPLY, _OUT),
    MappedLine(8, LineKind.RAIL, _OUT),
    MappedLine(9, LineKind.RAIL, _OUT),
    MappedLine(10, LineKind.SYNC, _OUT),
    MappedLine(11, LineKind.ATTENTION, _OUT),
    MappedLine(12, LineKind.PLAIN, _OUT | LineFlag.IDLE_HIGH),
    MappedLine(20, LineKind.PLAIN, _OUT | LineFlag.OPEN_DRAIN | LineFlag.IDLE_HIGH),
    MappedLine(0, LineKind.DATA, _OUT),
    MappedLine(1, LineKind.DATA),
    *(MappedLine(pin, LineKind.PLAIN) for pin in _LOOKED_AT),
)
"""The most lines that a map can have."""


def count(rounds: int = 40) -> dict[str, dict[str, int]]:
    """Count interrupts under load: name -> visits, and the instructions and cycles of the longest one.

    Nested interrupts are not counted. A body with a full map sends at 1.5 Mbaud and receives its own bytes, makes the
    frame signal, has all its inputs move at once, and loses its lens repeatedly.
    """
    dice = random.Random(1)
    with Emulator(["0123456789abcdef"]) as emulator:
        emulator.until_ready()
        host = EmulatedHost(emulator, 0)
        emulator.order("join", **{"from": [0, 0], "to": [0, 0]})
        emulator.set_pin(0, _PRESENCE_PIN, True)
        host.greet()
        host.send(
            Configure(BoardRole.BODY, ConfigureFlag.OWN_EDGES, 1_500_000, Timing(5, 5, 5, 100, 100, 2000), _LINES)
        )
        for number in range(rounds):
            emulator.set_pin(0, _PRESENCE_PIN, False)
            emulator.run(300)
            host.send(*(DriveCommand(0, 0, line, 1, 0) for line in (1, 2, 3)))
            host.send(Sync(SyncFlag.ON, dice.randint(100, 200), 40, 0), BaudrateCommand(1, 1_500_000, 0))
            flags = (TransmitFlag.RAISE, 0, TransmitFlag.LOWER, TransmitFlag.RAISE | TransmitFlag.LOWER)
            host.send(*(TransmitCommand(number, flag, 0, 1 if flag == 0 else 0, dice.randbytes(40)) for flag in flags))
            for level in (True, False):
                for pin in _LOOKED_AT:
                    emulator.set_pin(0, pin, level)
                emulator.run(dice.randint(30, 300))
            emulator.set_pin(0, _PRESENCE_PIN, True)
            emulator.run(500)
        worst: dict[str, dict[str, int]] = emulator.board_status(0)["worst"]
        return worst


def main() -> None:
    """Print the counts, the longest interrupt first."""
    try:
        worst = count()
    except BoardError as error:
        sys.exit(f"interrupts are counted in the emulator: {error}")
    print("worst interrupts, counted in the emulator (entry and exit, some 30 cycles, are not in it):")
    for name, at_worst in sorted(worst.items(), key=lambda item: -item[1]["instructions"]):
        print(f"  {name:14} {at_worst['instructions']:5} instructions, {at_worst['cycles'] / 125:5.1f} µs at 125 MHz")


if __name__ == "__main__":
    main()
