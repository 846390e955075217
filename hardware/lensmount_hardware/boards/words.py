"""The numbers that host and board share: limits, roles, kinds of lines, flags, reasons and errors.

`lensmount_hardware.boards.meanings` says what each value means. Flags are values of one bit each.
"""

from enum import IntEnum

VERSION = 1
"""Of the protocol; a board that speaks another one is refused."""

LONGEST_FRAME = 254
"""Bytes of message and checksum together: so COBS adds exactly one byte."""

MOST_LINES = 16
"""Lines that a map may have; a board may allow fewer."""

BOOTLOADER_MAGIC = 0x544F4F42
"""What `BOOTLOADER` must carry: the letters BOOT, first byte first."""

LONGEST_ABSENCE_US = 1000
"""Longest filter on the loss of presence, so that all is at rest within 2 ms of it."""

SHORTEST_SYNC_US = 100
"""Shortest period of the frame signal."""

CREDIT_MODULUS = 1 << 32
"""Credit is counted from the greeting on, modulo this."""


class BoardRole(IntEnum):
    """Which end the board plays."""

    BODY = 0
    LENS = 1
    SNIFFER = 2


class LineKind(IntEnum):
    """What a line of the map is for."""

    PLAIN = 0
    PRESENCE = 1
    SUPPLY = 2
    RAIL = 3
    SYNC = 4
    ATTENTION = 5
    DATA = 6


class LineFlag(IntEnum):
    """How a line of the map is wired."""

    OUTPUT = 1
    INVERTED = 2
    IDLE_HIGH = 4
    PULL_UP = 8
    PULL_DOWN = 16
    OPEN_DRAIN = 32


class ConfigureFlag(IntEnum):
    """How a configuration is meant."""

    UNGUARDED = 1
    OWN_EDGES = 2


class HelloFlag(IntEnum):
    """How a host greets."""

    TAKE_OVER = 1


class TransmitFlag(IntEnum):
    """What a transmission does beside its bytes."""

    RAISE = 1
    LOWER = 2


class DriveFlag(IntEnum):
    """When a line is driven."""

    IN_TURN = 1


class SyncFlag(IntEnum):
    """How the frame signal runs."""

    ON = 1
    PULSE_HIGH = 2


class RestFlag(IntEnum):
    """How far rest goes."""

    FORGET = 1


class Spacing(IntEnum):
    """How the times of received bytes are told."""

    RUN = 0
    GAPS = 1


class Sort(IntEnum):
    """What was lost."""

    RECEIVED = 0
    EDGES = 1
    REPORTS = 2
    TRANSMISSIONS = 3
    DRIVES = 4
    FRAMES = 5
    BROKEN_BYTES = 6


class StateFlag(IntEnum):
    """What holds for the board as a whole."""

    CONFIGURED = 1
    PRESENT = 2
    POWERED = 4
    AT_REST = 8
    SYNC_ON = 16


class RestReason(IntEnum):
    """Why everything went to rest last."""

    START = 0
    HOST = 1
    ABSENT = 2
    WATCHDOG = 3
    SUPPLY = 4
    UNPLUGGED = 5
    GREETING = 6


class ErrorCode(IntEnum):
    """Why a message was refused; nothing of a message that is refused is carried out."""

    MALFORMED = 1
    UNKNOWN_TYPE = 2
    VERSION = 3
    BUSY = 4
    NOT_GREETED = 5
    NOT_CONFIGURED = 6
    BAD_LINE = 7
    LINE_TWICE = 8
    TOO_MANY_LINES = 9
    BAD_PIN = 10
    BAD_KIND = 11
    BAD_BAUDRATE = 12
    BAD_TIMING = 13
    NO_GUARD = 14
    LISTENS_ONLY = 15
    NOT_PRESENT = 16
    NOT_POWERED = 17
    NO_CREDIT = 18
    BAD_MAGIC = 19
