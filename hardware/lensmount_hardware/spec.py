"""A port in words, `scheme:rest?key=value&key=value`, and the open transport that the words mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import EntryPoint

from lensmount_hardware.contacts import Contacts
from lensmount_hardware.transport import Transport
from lensmount_protocol.entry_points import entry_points
from lensmount_protocol.errors import TransportSpecError, unknown
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import Role

ENTRY_POINTS = "lensmount.transports"
"""The entry-point group; each entry's name is a scheme, its value `package.module:NAME` of an `Opener`."""

BUILT_IN = {
    "board": "lensmount_hardware.boards.bridge:open_board",
    "pty": "lensmount_hardware.transports.pty:open_pty",
    "rfc2217": "lensmount_hardware.transports.rfc2217:open_rfc2217",
    "serial": "lensmount_hardware.transports.serial_port:open_serial",
    "tcp": "lensmount_hardware.transports.tcp:open_tcp",
}
"""Our own schemes, by the same kind of value; a module is imported when its scheme is first asked for."""

_HIGHEST_TCP_PORT = 65535

_log = get_logger("ports")
_plugins = get_logger("plugins")


@dataclass(frozen=True, slots=True)
class PortSpec:
    """A port's description, taken apart; nothing in it is percent-decoded.

    Attributes:
        text: the whole, as it was written.
        scheme: what kind of port, before the first colon.
        rest: which one, between the colon and the question mark; often a path or an address.
        options: what stands behind the question mark.
        contacts: the mount's contacts, as far as whoever opens the port knows them.
        listens: whether nobody is to be played there: a port that could drive something by itself must not.
    """

    text: str
    scheme: str
    rest: str
    options: Mapping[str, str]
    contacts: Contacts | None = None
    listens: bool = False

    def allow_options(self, *known: str) -> None:
        """Refuse every option but these.

        Raises:
            TransportSpecError: an option is not among them; the message lists them.
        """
        for key in self.options:
            if key not in known:
                raise self.error(unknown("option", key, known))

    def integer(self, key: str, default: int, lowest: int, highest: int) -> int:
        """The whole number of an option, or `default` where it is not given.

        Raises:
            TransportSpecError: it is no number, or one outside `lowest` to `highest`.
        """
        value = self.options.get(key)
        return default if value is None else self._bounded(key, value, lowest, highest)

    def address(self) -> tuple[str, int]:
        """Host and TCP port, from `host:port` or `//host:port`; an IPv6 host stands in brackets.

        Raises:
            TransportSpecError: there is no host, or no port from 0 to 65535.
        """
        host, colon, port = self.rest.removeprefix("//").rpartition(":")
        if not (colon and host):
            raise self.error(f"{self.rest!r} is no address; write HOST:PORT")
        return host.removeprefix("[").removesuffix("]"), self._bounded("port", port, 0, _HIGHEST_TCP_PORT)

    def error(self, reason: str) -> TransportSpecError:
        """An error about this description, ready to be raised."""
        return TransportSpecError(f"port {self.text!r}: {reason}")

    def _bounded(self, key: str, value: str, lowest: int, highest: int) -> int:
        if value.isascii() and value.isdecimal() and lowest <= int(value) <= highest:
            return int(value)
        raise self.error(f"{key} is {value!r}, not a whole number from {lowest} to {highest}")


Opener = Callable[[PortSpec, Role, int], Transport]
"""Opens a described port for the role that will be played there, at a rate in bits a second."""


def scheme_names() -> list[str]:
    """Every scheme that a port can have here, sorted."""
    return sorted({*BUILT_IN, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})


def parse_spec(text: str) -> PortSpec:
    """Take a port's description apart.

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
    spec: str, *, role: Role, baudrate: int, contacts: Contacts | None = None, listens: bool = False
) -> Transport:
    """Open the port that `spec` describes.

    Args:
        spec: the port in words; docs/how-to/ports.md has the words of every scheme.
        role: the end that will be played there.
        baudrate: the rate to start with, in bits a second; ports without one ignore it.
        contacts: the mount's contacts, for ports that keep lines and deadlines themselves; others ignore them.
        listens: nobody is played there; a board then drives nothing, and hears both ends.

    Raises:
        TransportSpecError: the words mean nothing, or the scheme is unknown (lists the known ones).
        TransportOpenError: the port is missing, busy or not permitted.
    """
    port = replace(parse_spec(spec), contacts=contacts, listens=listens)
    transport = _opener(port)(port, role, baudrate)
    lines = ", ".join(sorted(transport.lines)) or "none"
    purpose = "to listen" if listens else f"as {role.value}"
    _log.info("%s: opened %s at %d baud; lines: %s", transport.name, purpose, baudrate, lines)
    return transport


def _opener(port: PortSpec) -> Opener:
    scheme = port.scheme
    offers = [EntryPoint(scheme, value, ENTRY_POINTS) for known, value in BUILT_IN.items() if known == scheme]
    offers += entry_points(group=ENTRY_POINTS, name=scheme)
    if not offers:
        raise port.error(unknown("scheme", scheme, scheme_names()))
    if len(offers) > 1:
        raise port.error(f"its scheme is offered twice: {' and '.join(offer.value for offer in offers)}")
    module, _, attribute = offers[0].value.partition(":")
    try:
        opener: Opener = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        _plugins.warning("port scheme %s: cannot be loaded from %s: %s", scheme, offers[0].value, error)
        raise port.error(f"its scheme cannot be loaded from {offers[0].value}: {error}") from error
    if scheme not in BUILT_IN:
        _plugins.info("port scheme %s: loaded from %s", scheme, offers[0].value)
    return opener
