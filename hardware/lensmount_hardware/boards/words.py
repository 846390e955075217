"""The numbers that host and board share: limits, roles, kinds of lines, flags, reasons and errors.

Each value carries its meaning; the C header and the specification are written from them.
"""

from enum import IntEnum
from typing import Self

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


class Word(IntEnum):
    """A value with its meaning; flags are values of one bit each.

    Attributes:
        meaning: one line.
    """

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """A value and what it means."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class BoardRole(Word):
    """Which end the board plays."""

    BODY = 0, "plays the body: switches rails, drives nothing before presence"
    LENS = 1, "plays the lens: drives nothing without the body's supply"
    SNIFFER = 2, "only listens; a map with an output is refused"


class LineKind(Word):
    """What a line of the map is for."""

    PLAIN = 0, "carries a level and nothing else"
    PRESENCE = 1, "grounded by a lens that is there: low is present"
    SUPPLY = 2, "the rail that powers the lens: a switch of the body, an input of the lens"
    RAIL = 3, "another rail: behind the supply in the map, and switched on behind the rail in front of it"
    SYNC = 4, "frame signal"
    ATTENTION = 5, "held high by an end while it transmits"
    DATA = 6, "serial: the UART's output where it is an output, else its input"


class LineFlag(Word):
    """How a line of the map is wired."""

    OUTPUT = 1, "the board drives it; without this it only looks"
    INVERTED = 2, "the mount's line is high while the pin is low"
    IDLE_HIGH = 4, "the mount's line is high at rest; without this it is low"
    PULL_UP = 8, "the pin's pull-up is on"
    PULL_DOWN = 16, "the pin's pull-down is on"
    OPEN_DRAIN = 32, "high is let go of, and low is driven"


class ConfigureFlag(Word):
    """How a configuration is meant."""

    UNGUARDED = 1, "the map has no line that tells presence, and the host means it: the peer counts as present"


class HelloFlag(Word):
    """How a host greets."""

    TAKE_OVER = 1, "end the session of another host, should there be one"


class TransmitFlag(Word):
    """What a transmission does beside its bytes."""

    RAISE = 1, "raise our attention line first"
    LOWER = 2, "lower our attention line afterwards"


class DriveFlag(Word):
    """When a line is driven."""

    IN_TURN = (
        1,
        "wait in the queue behind what was ordered before; without this it is done on arrival, and `at_us` is 0",
    )


class SyncFlag(Word):
    """How the frame signal runs."""

    ON = 1, "the chip's timer makes pulses; without this it stops, and the line keeps its level between pulses"
    PULSE_HIGH = 2, "pulses are high; without this they are low"


class RestFlag(Word):
    """How far rest goes."""

    FORGET = 1, "forget the configuration and the session too: pins become inputs without pulls"


class Spacing(Word):
    """How the times of received bytes are told."""

    RUN = 0, "back to back at the rate in force, each within 1 µs of its time; no `gaps`"
    GAPS = 1, "`gaps` has, for each byte but the first, the µs since the byte before it was complete"


class Sort(Word):
    """What was lost."""

    RECEIVED = 0, "bytes received: the UART or the queue of reports overran"
    EDGES = 1, "edges: the queue of reports was full, or they came too fast"
    REPORTS = 2, "other reports: the queue of reports was full"
    TRANSMISSIONS = 3, "transmissions, or parts of one, dropped when everything went to rest"
    DRIVES = 4, "orders other than transmissions, dropped when everything went to rest"
    FRAMES = 5, "frames from the host: a gap in their sequence, or a wrong checksum"
    BROKEN_BYTES = 6, "bytes received with a framing error or a break"


class StateFlag(Word):
    """What holds for the board as a whole."""

    CONFIGURED = 1, "there is a line map"
    PRESENT = 2, "the other end is there, after the filter"
    POWERED = 4, "the supply is on: switched by us, or seen as a lens"
    AT_REST = 8, "nothing of ours is driven away from rest, and nothing is queued"
    SYNC_ON = 16, "the frame signal runs"


class RestReason(Word):
    """Why everything went to rest last."""

    START = 0, "the board started, or was configured"
    HOST = 1, "the host ordered it"
    ABSENT = 2, "presence was lost"
    WATCHDOG = 3, "the host was silent for too long; CONFIGURE is needed to go on"
    SUPPLY = 4, "the supply was switched off"
    UNPLUGGED = 5, "USB was suspended or unplugged; a greeting is needed to go on"
    GREETING = 6, "a host greeted"


class ErrorCode(Word):
    """Why a message was refused; nothing of a message that is refused is carried out."""

    MALFORMED = 1, "its length or a field makes no sense; detail: offset of the field"
    UNKNOWN_TYPE = 2, "no such message; detail: 0"
    VERSION = 3, "the board speaks another version; detail: its own"
    BUSY = 4, "another host has the board; detail: that host's session number"
    NOT_GREETED = 5, "there was no HELLO yet, or USB was unplugged since; detail: 0"
    NOT_CONFIGURED = 6, "there is no line map, or the watchdog barked since; detail: 0"
    BAD_LINE = 7, "the map has no such line, or it is not one of ours; detail: the line"
    LINE_TWICE = 8, "two lines of the map have one pin, or there are two of what there can be one; detail: the second"
    TOO_MANY_LINES = 9, "the map is too long; detail: how many are possible"
    BAD_PIN = 10, "there is no such pin, or it cannot do that; detail: the line"
    BAD_KIND = 11, "no such kind of line, or flags that contradict each other; detail: the line"
    BAD_BAUDRATE = 12, "the UART cannot do that rate within 1 %; detail: the nearest that it can"
    BAD_TIMING = 13, "a time out of its bounds; detail: offset of the field"
    NO_GUARD = 14, "no line tells presence, and UNGUARDED is not set; detail: 0"
    LISTENS_ONLY = 15, "a sniffer drives nothing; detail: the line"
    NOT_PRESENT = 16, "the other end is not there; detail: the line, or 255 for bytes"
    NOT_POWERED = 17, "the supply is off; detail: the line, or 255 for bytes"
    NO_CREDIT = 18, "the queue has no room for it: the host ignored its credit; detail: how much there was"
    BAD_MAGIC = 19, "BOOTLOADER without its magic word; detail: 0"


WORDS: tuple[type[Word], ...] = (
    BoardRole, LineKind, LineFlag, ConfigureFlag, HelloFlag, TransmitFlag, DriveFlag, SyncFlag, RestFlag, Spacing, Sort,
    StateFlag, RestReason, ErrorCode,
)  # fmt: skip
"""All of them, in the order in which header and specification tell them."""
