"""What is tried on an open port and measured on this host: rates, lines over jumpers, round trips, and sleeps."""

from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import Protocol

import serial

from lensmount_hardware.checks.facts import Echo, Follows, RateTrial
from lensmount_hardware.clock import Clock
from lensmount_hardware.histogram import Histogram
from lensmount_hardware.transports.serial_link import SERIAL_ERRORS
from lensmount_hardware.transports.tty_settings import ask_for_low_latency, given_baudrate

PATIENCE = 0.25
"""Seconds after which a message over the jumper is lost."""

LINE_PATIENCE = 1.5
"""Seconds after which a line does not follow; a server of RFC 2217 looks at its lines once a second."""

PAIRS = (("rts", "cts"), ("dtr", "dsr"))
"""Output and input that a jumper joins."""

MESSAGES = 200
MESSAGE = bytes(range(0xF0, 0x100))
"""What is sent over the jumper: sixteen bytes, as a short frame of a mount is long."""

SLEEPS = 200
SLEEP = 1e-3

_GIVE_UP_AFTER = 3
"""Messages in a row that nothing came back of."""


class TriedPort(Protocol):
    """An open port of pyserial, of whatever class."""

    @property
    def baudrate(self) -> int:
        """The rate in bits a second."""
        ...

    @baudrate.setter
    def baudrate(self, baudrate: int, /) -> None: ...

    def read(self, size: int = 1, /) -> bytes:
        """So many bytes, or those that came in time."""
        ...

    def write(self, data: bytes, /) -> int | None:
        """Hand over all of `data`."""
        ...

    def reset_input_buffer(self) -> None:
        """Forget what came."""
        ...


def ask_for_speed(port: TriedPort) -> None:
    """Have the driver not hold bytes back, as a session does."""
    if isinstance(port, serial.Serial):
        ask_for_low_latency(port)


def try_rate(port: TriedPort, rate: int) -> RateTrial:
    """Ask for a rate, and for what came of it."""
    try:
        port.baudrate = rate
    except SERIAL_ERRORS as error:
        return RateTrial(None, str(error))
    return RateTrial(given_baudrate(port.fileno()) if isinstance(port, serial.Serial) else None)


def try_control_lines(port: TriedPort, clock: Clock) -> dict[tuple[str, str], Follows]:
    """Move each output both ways and look whether its input does the same; the outputs are left as they were."""
    return {(output, heard): _follows(port, output, heard, clock) for output, heard in PAIRS}


def _follows(port: TriedPort, output: str, heard: str, clock: Clock) -> Follows:
    before: bool = getattr(port, output)
    seen: set[bool | None] = set()
    try:
        # Both levels twice: an input that happens to be where it should be is found out by the change.
        for active in (not before, before, not before, before):
            setattr(port, output, active)
            seen.add(_settles(port, output, heard, clock))
    except SERIAL_ERRORS:
        return Follows.ABSENT
    finally:
        with suppress(*SERIAL_ERRORS):
            setattr(port, output, before)
    if seen == {True}:
        return Follows.YES
    return Follows.INVERTED if seen == {False} else Follows.NO


def _settles(port: TriedPort, output: str, heard: str, clock: Clock) -> bool | None:
    """Whether the input comes to be like the output, or the other way round and stays there."""
    ends = clock.now() + LINE_PATIENCE
    while getattr(port, heard) is not getattr(port, output):
        if clock.now() > ends:
            return False
        Event().wait(1e-3)
    return True


def try_echo(port: TriedPort, clock: Clock, messages: int = MESSAGES) -> Echo:
    """Send short messages one by one, each when the one before has come back, and time them."""
    times = Histogram()
    sent = 0
    with suppress(*SERIAL_ERRORS):
        port.reset_input_buffer()
        while sent < messages and (times.total or sent < _GIVE_UP_AFTER):
            begins = clock.now()
            sent += 1
            port.write(MESSAGE)
            came = port.read(len(MESSAGE))
            if came == MESSAGE:
                times.add(clock.now() - begins)
            else:
                port.reset_input_buffer()
    return Echo(sent, times.total, times)


def lateness(clock: Clock, wait: Callable[[float], object] | None = None) -> Histogram:
    """How late this host ends short sleeps, while nothing else of ours runs."""
    sleep = wait or Event().wait
    late = Histogram()
    for _ in range(SLEEPS):
        begins = clock.now()
        sleep(SLEEP)
        late.add(max(0.0, clock.now() - begins - SLEEP))
    return late
