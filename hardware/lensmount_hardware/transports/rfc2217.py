"""A serial port over a network, with rate and control lines, through pyserial: `rfc2217://host:port?rts=BODY_CS`."""

import socket
import struct
from contextlib import suppress
from threading import Event

from serial import SerialException, rfc2217

from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import PortSpec
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.control_lines import CONTROLS, ControlLines
from lensmount_hardware.transports.serial_base import SERIAL_ERRORS, SerialTransport, is_active, poll_interval
from lensmount_protocol.errors import TransportOpenError
from lensmount_protocol.wire import Role

_COMMANDS = {
    ("rts", True): rfc2217.SET_CONTROL_RTS_ON,
    ("rts", False): rfc2217.SET_CONTROL_RTS_OFF,
    ("dtr", True): rfc2217.SET_CONTROL_DTR_ON,
    ("dtr", False): rfc2217.SET_CONTROL_DTR_OFF,
}

_REPLY_TIMEOUT = 3.0
_POLL_INTERVAL = 0.5e-3
"""Seconds: how long an answer may take, and between two polls for it."""

_NO_SERVER = "the server does not support RFC 2217, or its device is missing or in use"
_UNSEEN = "the server opens and closes its port: RTS and DTR may pulse until they are set to idle, unseen from here"


def open_rfc2217(spec: PortSpec, role: Role, baudrate: int) -> Transport:
    """Open `rfc2217://HOST:PORT`, 8N1, with the wired control outputs idle.

    A change of rate takes a round trip; control outputs are set without waiting for the answer. `receive` may wait
    longer than its timeout, by the option `poll_us`.

    Raises:
        TransportSpecError: no address, or an option is invalid.
        TransportOpenError: no server answers there, or it does not support RFC 2217.
    """
    spec.require_options(*CONTROLS, "poll_us")
    control_lines, poll = ControlLines.from_spec(spec, role), poll_interval(spec)
    host, number = spec.address()
    url = f"rfc2217://{f'[{host}]' if ':' in host else host}:{number}"
    port = _Client(timeout=poll)
    for control, active in control_lines.idle_levels().items():
        setattr(port, control, active)
    port.port = url
    try:
        port.baudrate = baudrate
        port.open()
    except SERIAL_ERRORS as error:
        cause = error.__context__
        if isinstance(cause, OSError) and cause.strerror:
            raise TransportOpenError(f"{url}: cannot connect: {cause.strerror}") from error
        why = _NO_SERVER if "not seem to support" in str(error) else error
        raise TransportOpenError(f"{url}: cannot be opened at {baudrate} baud: {why}") from error
    notes = (_UNSEEN,) if control_lines.outputs or control_lines.held else ()
    return SerialTransport(url, _RemoteLink(port), control_lines, poll, notes)


class _Client(rfc2217.Serial):
    """pyserial's client, without its pauses: it polls for an answer every 50 ms, which is three frame periods."""

    # pyserial's types lack these.
    _socket: socket.socket | None
    _rfc2217_port_settings: dict[str, rfc2217.TelnetSubnegotiation]
    _rfc2217_options: dict[str, rfc2217.TelnetSubnegotiation]

    def close(self) -> None:
        """Close the connection; pyserial leaves its socket open where the server has closed first."""
        line = self._socket
        super().close()
        if line is not None:
            line.close()

    def telnet_send_option(self, action: bytes, option: bytes) -> None:
        """Send a Telnet option; a lost connection shows at the next read."""
        # pyserial mostly calls this in its own thread, where an error has no handler and is printed at length.
        with suppress(OSError):
            super().telnet_send_option(action, option)

    def rfc2217_set_control(self, value: bytes) -> None:
        """Set a control line without waiting: ser2net does not answer where its port has none."""
        self._rfc2217_options["control"].set(value)

    def change_rate(self, baudrate: int) -> None:
        """Set the rate at which the server sends and receives.

        Raises:
            ValueError: it refuses, or no rate is like that.
            SerialException: it does not answer.
        """
        if not 0 < baudrate < 1 << 32:
            raise ValueError(f"a rate of {baudrate}")
        rate, clock, pause = self._rfc2217_port_settings["baudrate"], MonotonicClock(), Event()
        rate.set(struct.pack("!I", baudrate))
        while not rate.is_ready():
            if clock.now() > _REPLY_TIMEOUT:
                raise SerialException(f"the server does not answer the order of {baudrate} baud")
            pause.wait(_POLL_INTERVAL)


class _RemoteLink:
    def __init__(self, port: _Client) -> None:
        self._port = port

    def read(self, wait: float) -> bytes:
        if wait <= 0 and not self._port.in_waiting:
            return b""
        # Keep the timeout of the start: when it changes, pyserial renegotiates the whole port.
        data: bytes = self._port.read(max(1, self._port.in_waiting))
        # The first byte of several ends the wait; the others are there with it.
        return data + self._port.read(self._port.in_waiting) if data and self._port.in_waiting else data

    def write(self, data: bytes) -> None:
        self._port.write(data)

    def set_baudrate(self, baudrate: int) -> None:
        self._port.change_rate(baudrate)

    def is_active(self, control: str) -> bool | None:
        try:
            return is_active(self._port, control)
        except SerialException:
            # The server has not reported its inputs yet.
            return None

    def set_active(self, control: str, active: bool) -> None:
        self._port.rfc2217_set_control(_COMMANDS[control, active])

    def close(self) -> None:
        self._port.close()
