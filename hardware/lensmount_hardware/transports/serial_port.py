"""A serial port of this machine, through pyserial: `serial:/dev/ttyUSB0?rts=BODY_CS&dtr=VD&cts=LENS_CS`."""

import errno

import serial
from serial.tools import list_ports

from lensmount_hardware.portability import TERMINAL_ERRORS, termios
from lensmount_hardware.spec import PortSpec
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.control_lines import CONTROLS, ControlLines
from lensmount_hardware.transports.serial_link import SERIAL_ERRORS, SerialTransport, is_active, poll_interval
from lensmount_hardware.transports.tty_settings import (
    ask_for_low_latency,
    given_baudrate,
    is_off,
    keep_outputs_when_closed,
    leave_bytes_alone,
    reader_of,
    write_now,
)
from lensmount_protocol.errors import TransportOpenError
from lensmount_protocol.wire import Role

_READ_SIZE = 4096
_WRITE_TIMEOUT = 1.0
"""Seconds; a port that takes no byte for that long is as good as gone."""

_PULSE = (
    "at rest {} is inactive, and most systems make it active for a moment while they open a port: whoever hangs there "
    "may have seen a pulse; hold the line with hardware, or wire it so that it rests active"
)

_MISSING = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR}
_BUSY = {errno.EBUSY, errno.EAGAIN}
_FORBIDDEN = {errno.EACCES, errno.EPERM}
_NO_PORT = {errno.ENOTTY, errno.EISDIR}


def open_serial(spec: PortSpec, role: Role, baudrate: int) -> Transport:
    """Open `serial:PATH`, 8N1, for nobody but us; the driver is asked not to hold bytes back.

    The control outputs that are wired are told to be at rest (the mount's line low) before the port is
    opened. Most systems raise both for a moment while they open a port all the same: where one rests inactive, the
    transport's notes say so. Before it is closed they are put at rest again, and where one rests active then the system
    is told not to touch them.

    Raises:
        TransportSpecError: no path, or options that mean nothing.
        TransportOpenError: missing, busy, forbidden, no serial port, without the control lines asked for, or it makes
            another rate than the one asked for.
    """
    spec.allow_options(*CONTROLS, "poll_us")
    control_lines, poll = ControlLines.described_by(spec, role), poll_interval(spec)
    path = spec.rest
    if not path:
        raise spec.error(f"it names no path; known ports: {_known_ports()}")
    port = serial.Serial(exclusive=True, timeout=0, write_timeout=_WRITE_TIMEOUT)
    for control, active in control_lines.at_rest().items():
        setattr(port, control, active)
    port.port = path
    try:
        port.baudrate = baudrate
        port.open()
    except SERIAL_ERRORS as error:
        raise TransportOpenError(_why_not(path, baudrate, error)) from error
    link = _LocalLink(port)
    try:
        link.settle(keep_outputs=any(control_lines.let_go().values()))
    except SERIAL_ERRORS as error:
        link.close()
        raise TransportOpenError(_why_not(path, baudrate, error)) from error
    if control_lines.needs_control_lines and not link.has_control_lines():
        link.close()
        raise TransportOpenError(f"{path}: this port has no control lines; leave {', '.join(CONTROLS)} out")
    pulsed = control_lines.pulsed()
    return SerialTransport(path, link, control_lines, poll, (_PULSE.format(" and ".join(pulsed)),) if pulsed else ())


def _why_not(path: str, baudrate: int, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number in _MISSING:
        return f"no such port {path}; known ports: {_known_ports()}"
    if number in _BUSY:
        return f"{path}: the port is busy; close the program that holds it, or name another port"
    if number in _FORBIDDEN:
        return f"{path}: no permission; join the group that owns it (often dialout or uucp) and log in again"
    # pyserial puts the number of what went wrong in setting a port up in front of what went wrong.
    behind = error.__context__
    if number in _NO_PORT or (isinstance(behind, TERMINAL_ERRORS) and behind.args[0] in _NO_PORT):
        return f"{path}: this is no serial port; known ports: {_known_ports()}"
    return f"{path}: cannot be opened as a serial port at {baudrate} baud: {error}"


def _known_ports() -> str:
    return ", ".join(sorted(port.device for port in list_ports.comports())) or "none"


class _LocalLink:
    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._read = reader_of(port)

    def settle(self, *, keep_outputs: bool) -> None:
        if termios is not None:
            leave_bytes_alone(self._port.fileno())
            if keep_outputs:
                keep_outputs_when_closed(self._port.fileno())
        ask_for_low_latency(self._port)
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
        """Some drivers round a rate and return no error: what they say of it afterwards is asked."""
        given = given_baudrate(self._port.fileno()) if termios is not None else None
        if is_off(self._port.baudrate, given):
            raise ValueError(f"it makes {given} baud of it; take an adapter that can")

    def is_active(self, control: str) -> bool | None:
        return is_active(self._port, control)

    def set_active(self, control: str, active: bool) -> None:
        setattr(self._port, control, active)

    def close(self) -> None:
        self._port.close()
