"""The constants that host and board share: limits, roles, kinds of lines, flags, reasons and errors.

Flags are values of one bit each. `MEANINGS` describes each value in one line, for header, specification and errors.
"""

from enum import IntEnum

VERSION = 1
"""Version of the protocol; the host rejects a board with another one."""

MAX_FRAME = 254
"""Bytes of message and checksum together; with this limit COBS adds exactly one byte."""

MAX_LINES = 16
"""Lines that a map may have; a board may allow fewer."""

BOOTLOADER_MAGIC = 0x544F4F42
"""The value that `BOOTLOADER` must carry: the letters BOOT, first byte first."""

MAX_ABSENCE_US = 1000
"""Longest filter on the loss of presence, so that all lines are idle within 2 ms of it."""

MIN_SYNC_PERIOD_US = 100
"""Shortest period of the frame signal."""

MAX_REPLIES = 384
"""Replies that a board keeps."""

REPLY_MATCH = 4
"""Bytes at the start of a burst that a reply looks at."""

MAX_REPLY_UNIT = 8
"""Bytes of the unit of a reply."""

MAX_BURST_PART = 224
"""Bytes of one BURST report; a longer burst takes several."""

CREDIT_MODULUS = 1 << 32
"""Credit is counted from the handshake on, modulo this."""


class BoardRole(IntEnum):
    """The end that the board plays."""

    BODY = 0
    LENS = 1
    SNIFFER = 2


class LineKind(IntEnum):
    """The function of a line of the map."""

    PLAIN = 0
    PRESENCE = 1
    SUPPLY = 2
    RAIL = 3
    SYNC = 4
    ATTENTION = 5
    DATA = 6
    CLOCK = 7


class LineFlag(IntEnum):
    """The wiring of a line of the map."""

    OUTPUT = 1
    INVERTED = 2
    IDLE_HIGH = 4
    PULL_UP = 8
    PULL_DOWN = 16
    OPEN_DRAIN = 32


class ConfigureFlag(IntEnum):
    """Flags of CONFIGURE."""

    NO_INTERLOCK = 1
    OWN_EDGES = 2


class LinkFlag(IntEnum):
    """Flags of LINK: the clock and the bits of a clocked link."""

    IDLE_HIGH = 1
    SAMPLED_ON_RISE = 2
    MSB_FIRST = 4


class BurstFlag(IntEnum):
    """Flags of BURST."""

    LAST = 1
    EMPTY = 2
    ANSWERED = 4


class ReplyFlag(IntEnum):
    """Flags of REPLY."""

    COPY = 1


class HelloFlag(IntEnum):
    """Flags of HELLO."""

    TAKE_OVER = 1


class TransmitFlag(IntEnum):
    """Flags of TRANSMIT."""

    RAISE = 1
    LOWER = 2


class DriveFlag(IntEnum):
    """Flags of DRIVE."""

    IN_TURN = 1


class SyncFlag(IntEnum):
    """Flags of SYNC."""

    ON = 1
    PULSE_HIGH = 2


class SafeStateFlag(IntEnum):
    """Flags of SAFE_STATE."""

    FORGET = 1


class TimestampEncoding(IntEnum):
    """The form of the times of received bytes."""

    RUN = 0
    GAPS = 1


class LossKind(IntEnum):
    """The kind of a loss."""

    RECEIVED = 0
    EDGES = 1
    REPORTS = 2
    TRANSMISSIONS = 3
    DRIVES = 4
    FRAMES = 5
    BROKEN_BYTES = 6


class StateFlag(IntEnum):
    """Flags of STATE."""

    CONFIGURED = 1
    PRESENT = 2
    POWERED = 4
    ALL_IDLE = 8
    SYNC_ON = 16


class SafeStateReason(IntEnum):
    """Why the board entered the safe state last."""

    START = 0
    HOST = 1
    ABSENT = 2
    WATCHDOG = 3
    SUPPLY = 4
    UNPLUGGED = 5
    HELLO = 6


class ErrorCode(IntEnum):
    """Why a message was refused; no part of a refused message is executed."""

    MALFORMED = 1
    UNKNOWN_TYPE = 2
    VERSION = 3
    BUSY = 4
    NO_SESSION = 5
    NOT_CONFIGURED = 6
    BAD_LINE = 7
    LINE_TWICE = 8
    TOO_MANY_LINES = 9
    BAD_PIN = 10
    BAD_KIND = 11
    BAD_BAUDRATE = 12
    BAD_TIMING = 13
    NO_INTERLOCK = 14
    LISTENS_ONLY = 15
    NOT_PRESENT = 16
    NOT_POWERED = 17
    NO_CREDIT = 18
    BAD_MAGIC = 19


MEANINGS: dict[type[IntEnum], dict[str, str]] = {
    BoardRole: {
        "BODY": "plays the body: switches rails, drives nothing before presence",
        "LENS": "plays the lens: drives nothing without the body's supply",
        "SNIFFER": "only listens; a map with an output is refused",
    },
    LineKind: {
        "PLAIN": "carries a level and nothing else",
        "PRESENCE": "grounded by a lens that is there: low is present",
        "SUPPLY": "the rail that powers the lens: a switch of the body, an input of the lens",
        "RAIL": "another rail: after the supply in the map, and switched on after the previous rail there",
        "SYNC": "frame signal",
        "ATTENTION": "held high by an end while it transmits",
        "DATA": "serial: the UART's output where it is an output, else its input",
        "CLOCK": "clock of a clocked link: only after LINK, driven by the end that clocks",
    },
    LineFlag: {
        "OUTPUT": "the board drives it; without this it is an input",
        "INVERTED": "the mount's line is high while the pin is low",
        "IDLE_HIGH": "the mount's line idles high; without this it idles low",
        "PULL_UP": "the pin's pull-up is on",
        "PULL_DOWN": "the pin's pull-down is on",
        "OPEN_DRAIN": "low is driven, and high is released",
    },
    ConfigureFlag: {
        "NO_INTERLOCK": "the map may be without a line of presence: the peer counts as present",
        "OWN_EDGES": "edges of our own outputs are reported too",
    },
    LinkFlag: {
        "IDLE_HIGH": "the clock is high between bursts; without this it is low",
        "SAMPLED_ON_RISE": "bits are valid when the clock rises; without this when it falls",
        "MSB_FIRST": "the highest bit of a byte comes first; without this the lowest",
    },
    BurstFlag: {
        "LAST": "the burst ends with this part",
        "EMPTY": "we had loaded nothing, and the idle byte went out",
        "ANSWERED": "a prepared reply to it is loaded",
    },
    ReplyFlag: {
        "COPY": "the unit is the burst before the one that is answered, as far as it has room",
    },
    HelloFlag: {
        "TAKE_OVER": "end the session of another host, should there be one",
    },
    TransmitFlag: {
        "RAISE": "raise our attention line first",
        "LOWER": "lower our attention line afterwards",
    },
    DriveFlag: {
        "IN_TURN": "wait in the queue for earlier commands; without this it is executed on arrival, `at_us` 0",
    },
    SyncFlag: {
        "ON": "the chip's timer makes pulses; without this it stops, and the line keeps its level between pulses",
        "PULSE_HIGH": "pulses are high; without this they are low",
    },
    SafeStateFlag: {
        "FORGET": "forget the configuration and the session too: pins become inputs without pulls",
    },
    TimestampEncoding: {
        "RUN": "back to back at the rate in force, each within 1 µs of its time; no `gaps`",
        "GAPS": "`gaps` has, for each byte but the first, the µs since the byte before it was complete",
    },
    LossKind: {
        "RECEIVED": "bytes received: the UART or the queue of reports overran",
        "EDGES": "edges: the queue of reports was full, or they came too fast",
        "REPORTS": "other reports: the queue of reports was full",
        "TRANSMISSIONS": "transmissions, or parts of one, dropped by the safe state",
        "DRIVES": "other commands, dropped by the safe state",
        "FRAMES": "frames from the host: a gap in their sequence, or a wrong checksum",
        "BROKEN_BYTES": "bytes received with a framing error or a break",
    },
    StateFlag: {
        "CONFIGURED": "there is a line map",
        "PRESENT": "the other end is there, after the filter",
        "POWERED": "the supply is on: switched by us, or seen as a lens",
        "ALL_IDLE": "every output has its idle level, and the queue is empty",
        "SYNC_ON": "the frame signal runs",
    },
    SafeStateReason: {
        "START": "the board started, or was configured",
        "HOST": "a command of the host",
        "ABSENT": "presence was lost",
        "WATCHDOG": "the host was silent for too long; CONFIGURE is needed to continue",
        "SUPPLY": "the supply was switched off",
        "UNPLUGGED": "USB was suspended or unplugged; HELLO is needed to continue",
        "HELLO": "a host began a session",
    },
    ErrorCode: {
        "MALFORMED": "its length or a field is invalid; detail: offset of the field",
        "UNKNOWN_TYPE": "no such message; detail: 0",
        "VERSION": "the board speaks another version; detail: its own",
        "BUSY": "another host has the board; detail: that host's session number",
        "NO_SESSION": "there was no HELLO yet, or USB was unplugged since; detail: 0",
        "NOT_CONFIGURED": "there is no line map, or the watchdog has fired since; detail: 0",
        "BAD_LINE": "the map has no such line, or it is not one of ours; detail: the line",
        "LINE_TWICE": "two lines of the map have one pin, or there are two of what can be one; detail: the second",
        "TOO_MANY_LINES": "the map is too long; detail: how many are possible",
        "BAD_PIN": "there is no such pin, or it cannot do that; detail: the line",
        "BAD_KIND": "no such kind of line, or flags that contradict each other; detail: the line",
        "BAD_BAUDRATE": "the UART or the clock cannot do that rate within 1 %; detail: the nearest that it can",
        "BAD_TIMING": "a time outside of its bounds; detail: offset of the field",
        "NO_INTERLOCK": "the map has no line of presence, and the flag NO_INTERLOCK is not set; detail: 0",
        "LISTENS_ONLY": "a sniffer drives nothing; detail: the line",
        "NOT_PRESENT": "the other end is not there; detail: the line, or 255 for bytes",
        "NOT_POWERED": "the supply is off; detail: the line, or 255 for bytes",
        "NO_CREDIT": "the queue has no room for it: the host ignored its credit; detail: how much there was",
        "BAD_MAGIC": "BOOTLOADER without its magic number; detail: 0",
    },
}
"""Every enumeration, in the order of header and specification, with the meaning of each value."""


def describe_constant(constant: IntEnum) -> str:
    """One line."""
    return MEANINGS[type(constant)][constant.name]
