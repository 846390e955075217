"""What each of the numbers means that host and board share, in one line each, for header, specification and errors."""

from enum import IntEnum

from lensmount_hardware.boards.words import (
    BoardRole,
    ConfigureFlag,
    DriveFlag,
    ErrorCode,
    HelloFlag,
    LineFlag,
    LineKind,
    RestFlag,
    RestReason,
    Sort,
    Spacing,
    StateFlag,
    SyncFlag,
    TransmitFlag,
)

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
        "RAIL": "another rail: behind the supply in the map, and switched on behind the rail in front of it",
        "SYNC": "frame signal",
        "ATTENTION": "held high by an end while it transmits",
        "DATA": "serial: the UART's output where it is an output, else its input",
    },
    LineFlag: {
        "OUTPUT": "the board drives it; without this it only looks",
        "INVERTED": "the mount's line is high while the pin is low",
        "IDLE_HIGH": "the mount's line is high at rest; without this it is low",
        "PULL_UP": "the pin's pull-up is on",
        "PULL_DOWN": "the pin's pull-down is on",
        "OPEN_DRAIN": "high is let go of, and low is driven",
    },
    ConfigureFlag: {
        "UNGUARDED": "the map has no line that tells presence, and the host means it: the peer counts as present",
        "OWN_EDGES": "edges of our own outputs are reported too",
    },
    HelloFlag: {
        "TAKE_OVER": "end the session of another host, should there be one",
    },
    TransmitFlag: {
        "RAISE": "raise our attention line first",
        "LOWER": "lower our attention line afterwards",
    },
    DriveFlag: {
        "IN_TURN": "wait in the queue behind what was ordered before; without this it is done on arrival, `at_us` 0",
    },
    SyncFlag: {
        "ON": "the chip's timer makes pulses; without this it stops, and the line keeps its level between pulses",
        "PULSE_HIGH": "pulses are high; without this they are low",
    },
    RestFlag: {
        "FORGET": "forget the configuration and the session too: pins become inputs without pulls",
    },
    Spacing: {
        "RUN": "back to back at the rate in force, each within 1 µs of its time; no `gaps`",
        "GAPS": "`gaps` has, for each byte but the first, the µs since the byte before it was complete",
    },
    Sort: {
        "RECEIVED": "bytes received: the UART or the queue of reports overran",
        "EDGES": "edges: the queue of reports was full, or they came too fast",
        "REPORTS": "other reports: the queue of reports was full",
        "TRANSMISSIONS": "transmissions, or parts of one, dropped when everything went to rest",
        "DRIVES": "orders other than transmissions, dropped when everything went to rest",
        "FRAMES": "frames from the host: a gap in their sequence, or a wrong checksum",
        "BROKEN_BYTES": "bytes received with a framing error or a break",
    },
    StateFlag: {
        "CONFIGURED": "there is a line map",
        "PRESENT": "the other end is there, after the filter",
        "POWERED": "the supply is on: switched by us, or seen as a lens",
        "AT_REST": "nothing of ours is driven away from rest, and nothing is queued",
        "SYNC_ON": "the frame signal runs",
    },
    RestReason: {
        "START": "the board started, or was configured",
        "HOST": "the host ordered it",
        "ABSENT": "presence was lost",
        "WATCHDOG": "the host was silent for too long; CONFIGURE is needed to go on",
        "SUPPLY": "the supply was switched off",
        "UNPLUGGED": "USB was suspended or unplugged; a greeting is needed to go on",
        "GREETING": "a host greeted",
    },
    ErrorCode: {
        "MALFORMED": "its length or a field makes no sense; detail: offset of the field",
        "UNKNOWN_TYPE": "no such message; detail: 0",
        "VERSION": "the board speaks another version; detail: its own",
        "BUSY": "another host has the board; detail: that host's session number",
        "NOT_GREETED": "there was no HELLO yet, or USB was unplugged since; detail: 0",
        "NOT_CONFIGURED": "there is no line map, or the watchdog barked since; detail: 0",
        "BAD_LINE": "the map has no such line, or it is not one of ours; detail: the line",
        "LINE_TWICE": "two lines of the map have one pin, or there are two of what can be one; detail: the second",
        "TOO_MANY_LINES": "the map is too long; detail: how many are possible",
        "BAD_PIN": "there is no such pin, or it cannot do that; detail: the line",
        "BAD_KIND": "no such kind of line, or flags that contradict each other; detail: the line",
        "BAD_BAUDRATE": "the UART cannot do that rate within 1 %; detail: the nearest that it can",
        "BAD_TIMING": "a time out of its bounds; detail: offset of the field",
        "NO_GUARD": "no line tells presence, and UNGUARDED is not set; detail: 0",
        "LISTENS_ONLY": "a sniffer drives nothing; detail: the line",
        "NOT_PRESENT": "the other end is not there; detail: the line, or 255 for bytes",
        "NOT_POWERED": "the supply is off; detail: the line, or 255 for bytes",
        "NO_CREDIT": "the queue has no room for it: the host ignored its credit; detail: how much there was",
        "BAD_MAGIC": "BOOTLOADER without its magic word; detail: 0",
    },
}
"""Every word, in the order in which header and specification tell them, with the meaning of each value."""


def meaning(word: IntEnum) -> str:
    """One line."""
    return MEANINGS[type(word)][word.name]
