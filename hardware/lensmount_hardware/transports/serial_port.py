"""A serial port of this machine, through pyserial: `serial:/dev/ttyUSB0?rts=BODY_CS&dtr=VD&cts=LENS_CS`.

This module adds what pyserial lacks on an open terminal: raw bytes both ways, the true rate, reads without a delay.
"""

import array
import errno
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress

import serial
from serial.tools import list_ports

from lensmount_hardware.port_spec import PortSpec
from lensmount_hardware.portability import TERMINAL_ERRORS, fcntl, termios
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.control_lines import CONTROLS, ControlLines
from lensmount_hardware.transports.serial_base import SERIAL_ERRORS, SerialTransport, is_active, poll_interval
from lensmount_protocol.errors import TransportOpenError
from lensmount_protocol.wire import Role

_TCGETS2 = 0x802C542A
"""Linux's request for settings with rates as numbers, on the processors that most machines have."""

_OUTPUT_RATE = 10
"""Index of the rate in the answer, in words of four bytes."""

_CHANGES_INPUT = (
    *("BRKINT", "IGNPAR", "PARMRK", "INPCK", "ISTRIP", "IGNBRK", "INLCR", "IGNCR", "ICRNL", "IXON", "IXOFF", "IXANY"),
)
"""Every flag that drops, adds or replaces received bytes, or turns them into signals."""

RATE_TOLERANCE = 0.02
"""Share by which a rate may be off: both ends together may be off by 4 to 5 % of a byte of ten bits."""


def read_available(descriptor: int, max_bytes: int, wait: float | None) -> bytes:
    """Read available bytes, without waiting for further ones.

    Args:
        descriptor: the open terminal.
        max_bytes: bytes to read at most.
        wait: seconds to wait for the first of them; `None` waits without limit.

    Returns:
        The bytes; `b""` where none arrived in time.

    Raises:
        ConnectionError: the device was unplugged.
    """
    if not select.select((descriptor,), (), (), wait)[0]:
        return b""
    data = os.read(descriptor, max_bytes)
    if not data:
        raise ConnectionError("it was unplugged")
    return data


def make_reader(port: serial.Serial) -> Callable[[int, float | None], bytes]:
    """Return a function that reads from an open port: max_bytes and wait as in `read_available`.

    On POSIX systems it reads from the system directly; elsewhere through pyserial.
    """
    if termios is None:
        return lambda most, wait: _read_by_pyserial(port, most, wait)
    descriptor = port.fileno()
    return lambda most, wait: read_available(descriptor, most, wait)


def _read_by_pyserial(port: serial.Serial, max_bytes: int, wait: float | None) -> bytes:
    # Setting the timeout reconfigures the port, so it is only set where it changes.
    if port.timeout != wait:
        port.timeout = wait
    data: bytes = port.read(1)
    more = min(port.in_waiting, max_bytes - 1) if data else 0
    return data + port.read(more) if more else data


def write_now(port: serial.Serial, data: bytes) -> None:
    """Write all of `data`; pyserial's write makes twice as many system calls, so it gets only the rest."""
    sent = 0
    if termios is not None:
        with suppress(BlockingIOError):
            sent = os.write(port.fileno(), data)
    if sent < len(data):
        port.write(data[sent:])


def set_raw_mode(descriptor: int) -> None:
    """Set a terminal to pass all bytes unchanged, whatever the last program has set; pyserial clears only some flags.

    Raises:
        termios.error: it is no terminal.
    """
    settings = termios.tcgetattr(descriptor)
    changes_input = sum(getattr(termios, flag) for flag in _CHANGES_INPUT)
    wanted = [settings[0] & ~changes_input, settings[1] & ~termios.OPOST, *settings[2:]]
    if wanted[:2] != settings[:2]:
        termios.tcsetattr(descriptor, termios.TCSANOW, wanted)


def keep_outputs_on_close(descriptor: int) -> None:
    """Prevent the system from deactivating RTS and DTR when the port is closed.

    Raises:
        termios.error: it is no terminal.
    """
    settings = termios.tcgetattr(descriptor)
    settings[2] &= ~termios.HUPCL
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)


def actual_baudrate(descriptor: int) -> int | None:
    """Return the rate that the driver reports, which it may have rounded; `None` where it does not report one."""
    if fcntl is None or not sys.platform.startswith("linux"):
        return None
    answer = array.array("I", [0] * 16)
    try:
        fcntl.ioctl(descriptor, _TCGETS2, answer)
    except OSError:
        return None
    return answer[_OUTPUT_RATE] or None


def differs_from(wanted: int, actual: int | None) -> bool:
    """Return whether the actual rate is too far from the wanted one for communication."""
    return actual is not None and abs(actual / wanted - 1) > RATE_TOLERANCE


def set_low_latency(port: serial.Serial) -> bool:
    """Set the driver to deliver bytes at once; returns whether it supports that."""
    # On systems without this setting, pyserial raises a kind of RuntimeError.
    with suppress(ValueError, RuntimeError, AttributeError, OSError):
        port.set_low_latency_mode(True)
        return True
    return False


_READ_SIZE = 4096
_WRITE_TIMEOUT = 1.0
"""Seconds; a port that takes no byte for that long counts as gone."""

_PULSE = (
    "{} idles inactive, and most systems make it active for a moment while they open a port: the connected device "
    "may have seen a pulse; hold the line with hardware, or wire it so that it idles active"
)

_MISSING = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR}
_BUSY = {errno.EBUSY, errno.EAGAIN}
_FORBIDDEN = {errno.EACCES, errno.EPERM}
_NO_PORT = {errno.ENOTTY, errno.EISDIR}


def open_serial(spec: PortSpec, role: Role, baudrate: int) -> Transport:
    """Open `serial:PATH`, 8N1, for exclusive use, with low latency.

    The wired control outputs are set to idle (the mount's line low) before the port is opened. Most systems activate
    both outputs for a moment while they open a port all the same: where one idles inactive, the transport has a note.
    Before closing they are set to idle again; where one idles active then, the system is set to leave them alone.

    Raises:
        TransportSpecError: no path, or an option is invalid.
        TransportOpenError: missing, busy, forbidden, no serial port, without the control lines asked for, or it makes
            another rate than the one asked for.
    """
    spec.require_options(*CONTROLS, "poll_us")
    control_lines, poll = ControlLines.from_spec(spec, role), poll_interval(spec)
    path = spec.rest
    if not path:
        raise spec.error(f"it names no path; known ports: {_known_ports()}")
    port = serial.Serial(exclusive=True, timeout=0, write_timeout=_WRITE_TIMEOUT)
    for control, active in control_lines.idle_levels().items():
        setattr(port, control, active)
    port.port = path
    try:
        port.baudrate = baudrate
        port.open()
    except SERIAL_ERRORS as error:
        raise TransportOpenError(_open_error(path, baudrate, error)) from error
    link = _LocalLink(port)
    try:
        link.configure(keep_outputs=any(control_lines.released_levels().values()))
    except SERIAL_ERRORS as error:
        link.close()
        raise TransportOpenError(_open_error(path, baudrate, error)) from error
    if control_lines.needs_control_lines and not link.has_control_lines():
        link.close()
        raise TransportOpenError(f"{path}: this port has no control lines; leave {', '.join(CONTROLS)} out")
    pulsed = control_lines.pulsed()
    return SerialTransport(path, link, control_lines, poll, (_PULSE.format(" and ".join(pulsed)),) if pulsed else ())


def _open_error(path: str, baudrate: int, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number in _MISSING:
        return f"no such port {path}; known ports: {_known_ports()}"
    if number in _BUSY:
        return f"{path}: the port is busy; close the program that holds it, or name another port"
    if number in _FORBIDDEN:
        return f"{path}: no permission; join the group that owns it (often dialout or uucp) and log in again"
    # pyserial reports an error number of its own for errors while setting up a port; the cause has the real one.
    cause = error.__context__
    if number in _NO_PORT or (isinstance(cause, TERMINAL_ERRORS) and cause.args[0] in _NO_PORT):
        return f"{path}: this is no serial port; known ports: {_known_ports()}"
    return f"{path}: cannot be opened as a serial port at {baudrate} baud: {error}"


def _known_ports() -> str:
    return ", ".join(sorted(port.device for port in list_ports.comports())) or "none"


class _LocalLink:
    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._read = make_reader(port)

    def configure(self, *, keep_outputs: bool) -> None:
        if termios is not None:
            set_raw_mode(self._port.fileno())
            if keep_outputs:
                keep_outputs_on_close(self._port.fileno())
        set_low_latency(self._port)
        self._require_rate()

    def has_control_lines(self) -> bool:
        try:
            return self.is_active("cts") is not None
        except OSError:
            return False

    def read(self, wait: float) -> bytes:
        return self._read(_READ_SIZE, wait)

    def write(self, data: bytes) -> None:
        write_now(self._port, data)

    def set_baudrate(self, baudrate: int) -> None:
        # Bytes that still wait in the system or the adapter belong to the rate that they were sent at.
        self._port.flush()
        before = self._port.baudrate
        self._port.baudrate = baudrate
        try:
            self._require_rate()
        except ValueError:
            self._port.baudrate = before
            raise

    def _require_rate(self) -> None:
        """Check the actual rate: some drivers round a rate without an error."""
        given = actual_baudrate(self._port.fileno()) if termios is not None else None
        if differs_from(self._port.baudrate, given):
            raise ValueError(f"it makes {given} baud of it; take an adapter that can")

    def is_active(self, control: str) -> bool | None:
        return is_active(self._port, control)

    def set_active(self, control: str, active: bool) -> None:
        setattr(self._port, control, active)

    def close(self) -> None:
        self._port.close()
