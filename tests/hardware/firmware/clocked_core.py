"""What the tests of the firmware's core on a clocked link share: its map, its start, and bursts of the other end."""

import ctypes

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.commands import MappedLine, Timing
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    LineFlag,
    LineKind,
    LinkFlag,
)

OUT, DOWN = LineFlag.OUTPUT, LineFlag.PULL_DOWN
MODE_3 = LinkFlag.IDLE_HIGH | LinkFlag.SAMPLED_ON_RISE | LinkFlag.MSB_FIRST
RATE = 1_500_000
BYTE_US = 8e6 / RATE
GAP_US = 10
LINK_UART = 2
TIMING = Timing(presence_us=500, absence_us=300, watchdog_ms=0)

DETECT, SUPPLY, CLOCK, BODY_DATA, LENS_DATA, BUSY = range(6)
PINS = dict(zip(("detect", "supply", "clock", "body", "lens", "busy"), (6, 7, 8, 2, 3, 10), strict=True))


def lines(role):
    body, lens = (OUT if role == played else 0 for played in (BoardRole.BODY, BoardRole.LENS))
    grounds = OUT | LineFlag.OPEN_DRAIN | LineFlag.IDLE_HIGH
    return (
        MappedLine(PINS["detect"], LineKind.PRESENCE, grounds if lens else LineFlag.PULL_UP),
        MappedLine(PINS["supply"], LineKind.SUPPLY, body or DOWN),
        MappedLine(PINS["clock"], LineKind.CLOCK, body),
        MappedLine(PINS["body"], LineKind.DATA, body),
        MappedLine(PINS["lens"], LineKind.DATA, lens),
        MappedLine(PINS["busy"], LineKind.PLAIN, lens),
    )


def configure(role, *, wanted=None, flags=0, rate=RATE, timing=TIMING):
    return o.Configure(role, flags, rate, timing, lines(role) if wanted is None else wanted)


def start(core, role, *, idle_byte=0, gap_us=GAP_US, flags=0, rate=RATE, timing=TIMING, mode=MODE_3):
    core.greet()
    core.send(o.ClockedLinkCommand(mode, idle_byte, gap_us), configure(role, flags=flags, rate=rate, timing=timing))
    core.set_pin(PINS["supply" if role == BoardRole.LENS else "detect"], role == BoardRole.LENS)
    core.run(600)
    if role == BoardRole.BODY:
        core.send(o.DriveCommand(0, 0, SUPPLY, 1, 0), run_us=400)
    core.heard()


def unit(data, number=1, at_us=0, latest_us=0):
    return o.TransmitCommand(number, 0, at_us, latest_us, data)


def clock(core, data, other=b"", *, partial=0, bits=0, pause_us=100):
    """The other end clocks a burst, and pauses."""
    first, second = data + bytes((partial,)), (other or bytes(len(data))) + bytes((0xFF,))
    core._sim.sim_clock(first, second, ctypes.c_size_t(len(data)), bits)
    core.run(pause_us)


def shifted(core):
    return bytes(byte.value for byte in core.bytes_sent() if byte.uart == LINK_UART)


def bursts(core):
    return core.heard_of(r.BurstReceived)
