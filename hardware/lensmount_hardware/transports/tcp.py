"""Bytes over TCP: `tcp:host:port` connects to a peer, `tcp:host:port?listen=1` waits for one."""

import ipaddress
import select
import socket
from typing import NoReturn

from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import PortSpec
from lensmount_hardware.transport import Transport
from lensmount_protocol.errors import TransportLostError, TransportOpenError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import Received, Role, Transmit, WireAction, WireEvent

_READ_SIZE = 4096

CLOSED_BY_PEER = "it closed the connection"

_log = get_logger("ports")

_CONNECT_TIMEOUT = 5.0
_SEND_TIMEOUT = 1.0
"""Seconds; a peer that reads nothing for that long counts as gone."""

_EXPOSED = "{}: anyone who reaches this address can drive the device; listen on 127.0.0.1 to allow this machine only"


def describe_loss(error: OSError) -> str:
    """Describe why a connection is lost; a peer that closed it is described alike, whichever call noticed first."""
    return CLOSED_BY_PEER if isinstance(error, ConnectionError) else error.strerror or str(error)


def open_tcp(spec: PortSpec, _role: Role, _baudrate: int) -> Transport:
    """Connect to the peer at `tcp:HOST:PORT`, or with `listen=1` wait there for the first peer that connects.

    Listening returns at once; bytes sent before a peer has connected are lost, as on a wire without a receiver.
    One peer is accepted and a second refused. Port 0 lets the system choose a port, which `name` contains.

    Raises:
        TransportSpecError: no address, or an option is invalid.
        TransportOpenError: no peer answers there, or the address is unknown, in use or not ours.
    """
    spec.require_options("listen")
    listen = spec.integer("listen", 0, 0, 1)
    host, port = spec.address()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if listen:
            return _TcpTransport(socket.create_server((host, port), family=family, backlog=1), listening=True)
        return _TcpTransport(socket.create_connection((host, port), _CONNECT_TIMEOUT), listening=False)
    except (OSError, UnicodeError) as error:
        doing = "listen there" if listen else "connect"
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise TransportOpenError(f"{spec.text}: cannot {doing}: {reason}") from error


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address: `127.0.0.0/8` or `::1`, also written as IPv6."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


class _TcpTransport(Transport):
    def __init__(self, end: socket.socket, *, listening: bool) -> None:
        host, port = (end.getsockname() if listening else end.getpeername())[:2]
        self.name = f"tcp:[{host}]:{port}" if ":" in host else f"tcp:{host}:{port}"
        self.lines = frozenset()
        self.warnings = (_EXPOSED.format(self.name),) if listening and not is_loopback(host) else ()
        self._socket = end
        self._listening = listening
        self._clock = MonotonicClock()
        self._lost = ""
        if not listening:
            self._talk_to(end)

    def receive(self, timeout: float | None) -> list[WireEvent]:
        self._require_open()
        deadline = None if timeout is None else self._clock.now() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - self._clock.now())
            if not self._is_readable(left):
                return []
            if not self._listening:
                return [Received(self._read())]
            self._accept()

    def send(self, action: WireAction) -> None:
        self._require_open()
        if self._listening and self._is_readable(0):
            self._accept()
        if isinstance(action, Transmit) and not self._listening:
            try:
                self._socket.sendall(action.data)
            except OSError as error:
                self._lose(describe_loss(error))

    def close(self) -> None:
        if self._lost != "closed":
            _log.info("%s: closed", self.name)
        self._lost = "closed"
        self._socket.close()

    def _is_readable(self, timeout: float | None) -> bool:
        return bool(select.select([self._socket], [], [], timeout)[0])

    def _accept(self) -> None:
        try:
            peer, address = self._socket.accept()
        except OSError as error:
            self._lose(describe_loss(error))
        _log.info("%s: accepted a connection from %s", self.name, address[0])
        self._socket.close()
        self._talk_to(peer)

    def _talk_to(self, peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.settimeout(_SEND_TIMEOUT)
        self._socket, self._listening = peer, False

    def _read(self) -> bytes:
        try:
            data = self._socket.recv(_READ_SIZE)
        except OSError as error:
            self._lose(describe_loss(error))
        if not data:
            self._lose(CLOSED_BY_PEER)
        return data

    def _require_open(self) -> None:
        if self._lost:
            raise TransportLostError(f"{self.name}: {self._lost}")

    def _lose(self, reason: str) -> NoReturn:
        self._lost = f"the peer has gone: {reason}"
        _log.info("%s: %s", self.name, self._lost)
        raise TransportLostError(f"{self.name}: {self._lost}")
