"""The contacts of the Fuji G mount: names, drivers, the clocked link, and swapped data lines.

Pin numbers and roles: evidence of the capture author and of the captures themselves, see protocol/spec/fuji-g.md.
"""

from collections.abc import Sequence

from lensmount_protocol.wire import ClockedLink, Role, SerialLine, Wiring

SUPPLY = "SUPPLY"
DETECT = "DETECT"
CLK = "CLK"
BODY_DATA = "BODY_DATA"
LENS_DATA = "LENS_DATA"
FOCUS_BUSY = "FOCUS_BUSY"
"""Low while the focus moves, while the lens starts, and while it parks."""
IRIS_BUSY = "IRIS_BUSY"
"""Low while the iris moves."""
AF_PULSE = "AF_PULSE"
"""A pulse of the body every 10 ms while it reads positions in autofocus."""

BIT_RATE = 1_499_600
"""Bits a second, as measured; 1 499 000 to 1 501 900 in ten captures."""

WORD_SIZE = 4
BLOCK_SIZE = 131

FIRST_EXCHANGE = 0x10
"""Low byte of the argument of a body's acknowledge in the first exchange of a session."""

MIN_SWAP_EVIDENCE = 3
"""Sessions that have to agree before data lines are reported as swapped."""


def acknowledges_are_swapped(pairs: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the data lines are swapped: only a body's acknowledge has `10` as low byte of its argument.

    It has that in the first exchange of each session; a lens's low byte is always zero.

    Args:
        pairs: the bytes of the body's and of the lens's line in each burst.
    """
    right = wrong = 0
    for body, lens in pairs:
        if len(body) == len(lens) == WORD_SIZE and body[2] & lens[2] & 0x80:
            right += body[1] == FIRST_EXCHANGE
            wrong += lens[1] == FIRST_EXCHANGE
    return wrong >= MIN_SWAP_EVIDENCE and wrong > right


WIRING = Wiring(
    serial=(SerialLine(BODY_DATA, Role.BODY), SerialLine(LENS_DATA, Role.LENS)),
    baudrates=(BIT_RATE,),
    start_low_bits=0,
    lines=(SUPPLY, DETECT, CLK, BODY_DATA, LENS_DATA, FOCUS_BUSY, IRIS_BUSY, AF_PULSE),
    clocked=ClockedLink(
        clock=CLK,
        clocked_by=Role.BODY,
        bit_rate=BIT_RATE,
        # Inside a burst edges are at most 0.4 us apart; the shortest pause between bursts is 249 us.
        gap_s=10e-6,
        burst_sizes=(WORD_SIZE, BLOCK_SIZE),
        load_s=249e-6,
        find_swapped=acknowledges_are_swapped,
    ),
    aliases={
        DETECT: ("Pin 1", "Pin1"),
        FOCUS_BUSY: ("Pin 7", "Pin7"),
        AF_PULSE: ("Pin 8", "Pin8"),
        BODY_DATA: ("Pin 9", "Pin9"),
        CLK: ("Pin 10", "Pin10", "SCLK", "Clock"),
        LENS_DATA: ("Pin 11", "Pin11"),
        IRIS_BUSY: ("Pin 12", "Pin12"),
    },
)

DRIVERS = {
    SUPPLY: Role.BODY,
    CLK: Role.BODY,
    BODY_DATA: Role.BODY,
    AF_PULSE: Role.BODY,
    DETECT: Role.LENS,
    LENS_DATA: Role.LENS,
    FOCUS_BUSY: Role.LENS,
    IRIS_BUSY: Role.LENS,
}
