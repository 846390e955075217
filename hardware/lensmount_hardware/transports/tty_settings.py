"""What pyserial leaves undone on an open terminal: bytes untouched both ways, the true rate, no waiting for more."""

import array
import fcntl
import os
import select
import sys
import termios
from contextlib import suppress

import serial

_TCGETS2 = 0x802C542A
"""Linux's request for settings with rates as numbers, on the processors that most machines have."""

_OUTPUT_RATE = 10
"""Where the rate stands in the answer, in words of four bytes."""

_CHANGES_INPUT = (
    termios.BRKINT | termios.IGNPAR | termios.PARMRK | termios.INPCK | termios.ISTRIP | termios.IGNBRK
    | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON | termios.IXOFF | termios.IXANY
)  # fmt: skip
"""Everything that drops, adds or replaces bytes that come, or makes a signal of them."""

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


def leave_bytes_alone(descriptor: int) -> None:
    """Let every byte through as it is, whatever the last program left set; pyserial clears only some of it.

    Raises:
        termios.error: it is no terminal.
    """
    settings = termios.tcgetattr(descriptor)
    wanted = [settings[0] & ~_CHANGES_INPUT, settings[1] & ~termios.OPOST, *settings[2:]]
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
    if not sys.platform.startswith("linux"):
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
