"""What pyserial leaves undone on an open terminal: bytes untouched both ways, the true rate, no waiting for more."""

import array
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress

import serial

from lensmount_hardware.portability import fcntl, termios

_TCGETS2 = 0x802C542A
"""Linux's request for settings with rates as numbers, on the processors that most machines have."""

_OUTPUT_RATE = 10
"""Where the rate stands in the answer, in words of four bytes."""

_CHANGES_INPUT = (
    *("BRKINT", "IGNPAR", "PARMRK", "INPCK", "ISTRIP", "IGNBRK", "INLCR", "IGNCR", "ICRNL", "IXON", "IXOFF", "IXANY"),
)
"""Every flag that drops, adds or replaces bytes that come, or makes a signal of them."""

RATE_TOLERANCE = 0.02
"""Share by which a rate may be off: both ends together may be off by 4 to 5 % of a byte of ten bits."""


def read_when_there(descriptor: int, most: int, wait: float | None) -> bytes:
    """What has come, without waiting for more behind it.

    Args:
        descriptor: the open terminal.
        most: bytes to take at once.
        wait: seconds to wait for the first of them; `None` for as long as it takes.

    Returns:
        `b""` where nothing came in time.

    Raises:
        ConnectionError: the device was unplugged.
    """
    if not select.select((descriptor,), (), (), wait)[0]:
        return b""
    data = os.read(descriptor, most)
    if not data:
        raise ConnectionError("it was unplugged")
    return data


def reader_of(port: serial.Serial) -> Callable[[int, float | None], bytes]:
    """Return what reads from an open port: takes the most bytes and the seconds to wait, as `read_when_there`.

    On POSIX systems it asks the system directly; elsewhere it is pyserial that waits.
    """
    if termios is None:
        return lambda most, wait: _read_by_pyserial(port, most, wait)
    descriptor = port.fileno()
    return lambda most, wait: read_when_there(descriptor, most, wait)


def _read_by_pyserial(port: serial.Serial, most: int, wait: float | None) -> bytes:
    # Setting the timeout reconfigures the port, so it is only set where it changes.
    if port.timeout != wait:
        port.timeout = wait
    data: bytes = port.read(1)
    more = min(port.in_waiting, most - 1) if data else 0
    return data + port.read(more) if more else data


def write_now(port: serial.Serial, data: bytes) -> None:
    """Hand over all of `data`; pyserial's own write asks the system twice as often, so it takes only what is left."""
    sent = 0
    if termios is not None:
        with suppress(BlockingIOError):
            sent = os.write(port.fileno(), data)
    if sent < len(data):
        port.write(data[sent:])


def leave_bytes_alone(descriptor: int) -> None:
    """Let every byte through as it is, whatever the last program left set; pyserial clears only some of it.

    Raises:
        termios.error: it is no terminal.
    """
    settings = termios.tcgetattr(descriptor)
    changes_input = sum(getattr(termios, flag) for flag in _CHANGES_INPUT)
    wanted = [settings[0] & ~changes_input, settings[1] & ~termios.OPOST, *settings[2:]]
    if wanted[:2] != settings[:2]:
        termios.tcsetattr(descriptor, termios.TCSANOW, wanted)


def keep_outputs_when_closed(descriptor: int) -> None:
    """Do not let the system make RTS and DTR inactive when the port is closed.

    Raises:
        termios.error: it is no terminal.
    """
    settings = termios.tcgetattr(descriptor)
    settings[2] &= ~termios.HUPCL
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)


def given_baudrate(descriptor: int) -> int | None:
    """The rate that the driver says it makes, which it may have rounded; `None` where it cannot be asked."""
    if fcntl is None or not sys.platform.startswith("linux"):
        return None
    answer = array.array("I", [0] * 16)
    try:
        fcntl.ioctl(descriptor, _TCGETS2, answer)
    except OSError:
        return None
    return answer[_OUTPUT_RATE] or None


def is_off(wanted: int, given: int | None) -> bool:
    """Whether a rate that is given in place of another one is too far from it to be understood."""
    return given is not None and abs(given / wanted - 1) > RATE_TOLERANCE


def ask_for_low_latency(port: serial.Serial) -> bool:
    """Have the driver hand over bytes as they come; whether it took the wish."""
    # On systems that have no such wish, pyserial says so with a kind of RuntimeError.
    with suppress(ValueError, RuntimeError, AttributeError, OSError):
        port.set_low_latency_mode(True)
        return True
    return False
