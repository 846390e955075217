"""Byte streams between host and board: a USB port by path or serial number, or TCP to an emulated board."""

import errno
import os
import select
import socket
from dataclasses import replace
from typing import Protocol

import serial
from serial.tools import list_ports

from lensmount_hardware.port_spec import PortSpec
from lensmount_hardware.transports.serial_port import make_reader
from lensmount_hardware.transports.tcp import CLOSED_BY_PEER, describe_loss
from lensmount_protocol.errors import TransportOpenError

_READ_SIZE = 65536
_WRITE_TIMEOUT = 1.0
"""Seconds; a board that takes no bytes for that long counts as gone."""

_CONNECT_TIMEOUT = 5.0
TCP_PREFIX = "tcp//"
"""Prefix of the address of an emulated board."""


_OPEN_ERRORS = {
    errno.EBUSY: "busy; close the program that holds it",
    errno.EAGAIN: "busy; close the program that holds it",
    errno.EACCES: "no permission; join the group that owns it (often dialout or uucp) and log in again",
    errno.EPERM: "no permission; join the group that owns it (often dialout or uucp) and log in again",
    errno.ENOENT: "no such port",
}


class ByteStream(Protocol):
    """Bytes both ways; each method may raise an `OSError` when the other end has gone.

    Attributes:
        name: the port or address, for people.
    """

    name: str

    def read(self, wait: float | None) -> bytes:
        """Return bytes that arrive within `wait` seconds (`None`: no limit); `b""` where none did."""
        ...

    def write(self, data: bytes) -> None:
        """Write all of `data`."""
        ...

    def close(self) -> None:
        """Close the stream."""
        ...


def open_stream(spec: PortSpec) -> ByteStream:
    """The stream to the board that `spec` names: `/dev/…`, a serial number, or `tcp//HOST:PORT`.

    Raises:
        TransportSpecError: it names nothing, or no address.
        TransportOpenError: there is no such board, or its port is busy or not permitted.
    """
    if spec.rest.startswith(TCP_PREFIX):
        return _open_tcp(spec)
    if not spec.rest:
        raise spec.error(
            f"it names no board; write its serial number, a path or {TCP_PREFIX}HOST:PORT; {_known_boards()}"
        )
    path = spec.rest if "/" in spec.rest else find_board_path(spec.rest)
    if not os.path.exists(path):
        raise TransportOpenError(f"{path}: no such port; {_known_boards()}")
    port = serial.Serial(exclusive=True, timeout=0, write_timeout=_WRITE_TIMEOUT)
    port.port = path
    try:
        port.open()
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        raise TransportOpenError(f"{path}: {_OPEN_ERRORS.get(number or 0, error)}") from error
    return _SerialStream(path, port)


def _open_tcp(spec: PortSpec) -> ByteStream:
    host, number = replace(spec, rest=spec.rest.removeprefix(TCP_PREFIX)).address()
    try:
        end = socket.create_connection((host, number), _CONNECT_TIMEOUT)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise TransportOpenError(f"{spec.text}: cannot connect: {reason}") from error
    return _TcpStream(f"{TCP_PREFIX}{host}:{number}", end)


def find_board_path(serial_number: str) -> str:
    """The path of the board with this USB serial number.

    Raises:
        TransportOpenError: there is none; lists those that there are.
    """
    for port in list_ports.comports():
        if port.serial_number == serial_number:
            return port.device
    raise TransportOpenError(f"no board has the serial number {serial_number}; {_known_boards()}")


def _known_boards() -> str:
    known = sorted(f"{port.serial_number} ({port.device})" for port in list_ports.comports() if port.serial_number)
    return f"connected: {', '.join(known) or 'none'}"


class _SerialStream:
    def __init__(self, name: str, port: serial.Serial) -> None:
        self.name = name
        self._port = port
        self._read = make_reader(port)

    def read(self, wait: float | None) -> bytes:
        return self._read(_READ_SIZE, wait)

    def write(self, data: bytes) -> None:
        self._port.write(data)

    def close(self) -> None:
        self._port.close()


class _TcpStream:
    def __init__(self, name: str, end: socket.socket) -> None:
        self.name = name
        self._socket = end
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.settimeout(_WRITE_TIMEOUT)

    def read(self, wait: float | None) -> bytes:
        if not select.select((self._socket,), (), (), wait)[0]:
            return b""
        try:
            data = self._socket.recv(_READ_SIZE)
        except ConnectionError as error:
            raise ConnectionError(describe_loss(error)) from error
        if not data:
            raise ConnectionError(CLOSED_BY_PEER)
        return data

    def write(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except ConnectionError as error:
            raise ConnectionError(describe_loss(error)) from error

    def close(self) -> None:
        self._socket.close()
