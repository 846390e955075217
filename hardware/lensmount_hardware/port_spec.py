"""Port specifications, `scheme:rest?key=value&key=value`, and the function that opens the transport they describe.

`Contacts` describes a mount as plain data, for ports that keep lines and deadlines themselves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from typing import cast

from lensmount_hardware.transport import Transport
from lensmount_protocol.entry_points import entry_points, import_attribute
from lensmount_protocol.errors import TransportSpecError, unknown_name_message
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import ClockedLink, Role, SerialLine


@dataclass(frozen=True, slots=True)
class WindowTiming:
    """The timing of an end's select line, in microseconds.

    Attributes:
        setup_us: least time from its rise to the first start bit.
        hold_us: least time from the last stop bit to its fall.
        gap_us: least time that it is low between two windows.
    """

    setup_us: int = 10
    hold_us: int = 10
    gap_us: int = 10


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contacts of one mount.

    Attributes:
        drivers: every line -> the end that drives it.
        serial: the serial directions; their lines carry bytes.
        supply: the line that powers the lens; `""` where there is none.
        detect: the line that an attached lens grounds; `""` where there is none.
        rails: further lines that are rails, in the order in which they are switched on after the supply.
        sync: the frame signal; `""` where there is none.
        sync_width_us: of the frame signal's pulses; 0 is as they are driven.
        windows: how each end holds its select line.
        clocked: the physical layer of a clocked mount; `None` where bytes travel asynchronously.
    """

    drivers: Mapping[str, Role]
    serial: tuple[SerialLine, ...]
    supply: str = ""
    detect: str = ""
    rails: tuple[str, ...] = ()
    sync: str = ""
    sync_width_us: float = 0.0
    windows: Mapping[Role, WindowTiming] = field(default_factory=dict[Role, WindowTiming])
    clocked: ClockedLink | None = None


ENTRY_POINTS = "lensmount.transports"
"""The entry-point group; each entry's name is a scheme, its value `package.module:NAME` of an `Opener`."""

BUILT_IN = {
    "board": "lensmount_hardware.boards.transport:open_board",
    "pty": "lensmount_hardware.transports.pty:open_pty",
    "rfc2217": "lensmount_hardware.transports.rfc2217:open_rfc2217",
    "serial": "lensmount_hardware.transports.serial_port:open_serial",
    "tcp": "lensmount_hardware.transports.tcp:open_tcp",
}
"""Our own schemes, with the same kind of value; a module is imported when its scheme is first used."""

_MAX_TCP_PORT = 65535

_log = get_logger("ports")
_plugins = get_logger("plugins")


@dataclass(frozen=True, slots=True)
class PortSpec:
    """A parsed port specification; nothing in it is percent-decoded.

    Attributes:
        text: the specification as written.
        scheme: the kind of port, before the first colon.
        rest: the port itself, between the colon and the question mark; often a path or an address.
        options: the options after the question mark.
        contacts: the mount's contacts, as far as the caller knows them.
        listen_only: whether the port only listens; a port that can drive lines must then drive none.
    """

    text: str
    scheme: str
    rest: str
    options: Mapping[str, str]
    contacts: Contacts | None = None
    listen_only: bool = False

    def require_options(self, *known: str) -> None:
        """Refuse every option but these.

        Raises:
            TransportSpecError: an option is not among them; the message lists them.
        """
        for key in self.options:
            if key not in known:
                raise self.error(unknown_name_message("option", key, known))

    def integer(self, key: str, default: int, minimum: int, maximum: int) -> int:
        """The whole number of an option, or `default` where it is not given.

        Raises:
            TransportSpecError: it is no number, or one outside `minimum` to `maximum`.
        """
        value = self.options.get(key)
        return default if value is None else self._bounded(key, value, minimum, maximum)

    def address(self) -> tuple[str, int]:
        """Host and TCP port, from `host:port` or `//host:port`; an IPv6 host stands in brackets.

        Raises:
            TransportSpecError: there is no host, or no port from 0 to 65535.
        """
        host, colon, port = self.rest.removeprefix("//").rpartition(":")
        if not (colon and host):
            raise self.error(f"{self.rest!r} is no address; write HOST:PORT")
        return host.removeprefix("[").removesuffix("]"), self._bounded("port", port, 0, _MAX_TCP_PORT)

    def error(self, reason: str) -> TransportSpecError:
        """Return an error about this specification, for the caller to raise."""
        return TransportSpecError(f"port {self.text!r}: {reason}")

    def _bounded(self, key: str, value: str, minimum: int, maximum: int) -> int:
        if value.isascii() and value.isdecimal() and minimum <= int(value) <= maximum:
            return int(value)
        raise self.error(f"{key} is {value!r}, not a whole number from {minimum} to {maximum}")


Opener = Callable[[PortSpec, Role, int], Transport]
"""Opens a described port for the role that will be played there, at a rate in bits a second."""


def scheme_names() -> list[str]:
    """Return all available schemes, sorted."""
    return sorted({*BUILT_IN, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})


def parse_spec(text: str) -> PortSpec:
    """Parse a port specification.

    Raises:
        TransportSpecError: no scheme, an option without a value, or one given twice.
    """
    scheme, colon, rest = text.partition(":")
    if not colon:
        likely = f"serial:{text}, or " if text.startswith("/dev/") else ""
        raise TransportSpecError(
            f"port {text!r} has no scheme; write {likely}SCHEME:…, with one of: {', '.join(scheme_names())}"
        )
    rest, _, query = rest.partition("?")
    options: dict[str, str] = {}
    for item in filter(None, query.split("&")):
        key, equals, value = item.partition("=")
        if not (key and equals):
            raise TransportSpecError(f"port {text!r}: option {item!r} has no value; write KEY=VALUE")
        if key in options:
            raise TransportSpecError(f"port {text!r}: option {key!r} is given twice")
        options[key] = value
    return PortSpec(text, scheme, rest, options)


def open_transport(
    spec: str, *, role: Role, baudrate: int, contacts: Contacts | None = None, listen_only: bool = False
) -> Transport:
    """Open the port that `spec` describes.

    Args:
        spec: the port specification; docs/how-to/ports.md describes every scheme.
        role: the end that will be played there.
        baudrate: the rate to start with, in bits a second; ports without one ignore it.
        contacts: the mount's contacts, for ports that keep lines and deadlines themselves; others ignore them.
        listen_only: only listen; a board then drives nothing and receives both ends.

    Raises:
        TransportSpecError: the specification is invalid, the scheme is unknown (lists the known ones), or the port has
            no line for the clock of a clocked mount.
        TransportOpenError: the port is missing, busy or not permitted.
    """
    port = replace(parse_spec(spec), contacts=contacts, listen_only=listen_only)
    if contacts is not None and contacts.clocked is not None and port.scheme in BUILT_IN and port.scheme != "board":
        raise port.error(f"it has no line for the clock {contacts.clocked.clock}; a clocked mount needs board:SERIAL")
    transport = _opener(port)(port, role, baudrate)
    lines = ", ".join(sorted(transport.lines)) or "none"
    purpose = "to listen" if listen_only else f"as {role.value}"
    _log.info("%s: opened %s at %d baud; lines: %s", transport.name, purpose, baudrate, lines)
    return transport


def _opener(port: PortSpec) -> Opener:
    scheme = port.scheme
    offers = [EntryPoint(scheme, value, ENTRY_POINTS) for known, value in BUILT_IN.items() if known == scheme]
    offers += entry_points(group=ENTRY_POINTS, name=scheme)
    if not offers:
        raise port.error(unknown_name_message("scheme", scheme, scheme_names()))
    if len(offers) > 1:
        raise port.error(f"its scheme is offered twice: {' and '.join(offer.value for offer in offers)}")
    try:
        opener = cast("Opener", import_attribute(offers[0].value))
    except ImportError as error:
        _plugins.warning("port scheme %s: cannot be loaded from %s: %s", scheme, offers[0].value, error)
        raise port.error(f"its scheme cannot be loaded from {offers[0].value}: {error}") from error
    if scheme not in BUILT_IN:
        _plugins.info("port scheme %s: loaded from %s", scheme, offers[0].value)
    return opener
