"""Opens ports for the verbs, with the settings that the dialect requires."""

import os
import sys
from collections.abc import Iterable

from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_hardware.port_spec import open_transport, parse_spec
from lensmount_hardware.transport import Transport
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Role


def open_port(
    spec: str, role: Role, dialect: Dialect, baudrate: int | None = None, *, listens: bool = False
) -> Transport:
    """Open a port for the end that is played there, and print what can go wrong by the way it was opened.

    Args:
        spec: the port spec.
        role: the end that we play, or stand in for.
        dialect: the dialect.
        baudrate: the rate to start with; by default the dialect's first one.
        listens: whether the port only listens; nothing is driven.

    Raises:
        TransportSpecError: the port spec is invalid.
        TransportOpenError: the port is missing, busy or not permitted.
    """
    rate = baudrate or dialect.wiring.baudrates[0]
    port = open_transport(spec, role=role, baudrate=rate, contacts=get_contacts(dialect), listen_only=listens)
    for warning in port.warnings:
        if warning not in _printed:
            # A port that comes back is opened again and again.
            _printed.add(warning)
            print(f"lensmount: warning: {warning}", file=sys.stderr, flush=True)
    return port


_printed = set[str]()


def require_distinct(specs: Iterable[str]) -> None:
    """Refuse one port for two ends, also by another name or with other options.

    Raises:
        TransportSpecError: a description means nothing, or two of them mean the same port.
    """
    seen = dict[str, str]()
    for text in specs:
        spec = parse_spec(text)
        if not spec.rest or spec.rest.endswith(":0"):
            # A port that is made when it is opened, and is another one each time.
            continue
        where = f"{spec.scheme}:{spec.rest.removeprefix('//')}"
        if spec.rest.startswith("/") and not spec.rest.startswith("//"):
            where = os.path.realpath(spec.rest)
        if where in seen:
            raise spec.error(f"{seen[where]!r} is the same port; the body and the lens have one each")
        seen[where] = text
