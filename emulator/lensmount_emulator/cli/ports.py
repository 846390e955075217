"""The one place where verbs open ports: whatever a port needs to know of the dialect is told to it here."""

import os
import sys
from collections.abc import Iterable

from lensmount_emulator.sessions.contacts import contacts_of
from lensmount_hardware.spec import open_transport, parse_spec
from lensmount_hardware.transport import Transport
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Role


def open_port(
    spec: str, role: Role, dialect: Dialect, baudrate: int | None = None, *, listens: bool = False
) -> Transport:
    """Open a port for the end that is played there, and print what can go wrong by the way it was opened.

    Args:
        spec: the port in words.
        role: the end that we play, or stand in for.
        dialect: what is spoken.
        baudrate: the rate to start with; the dialect's first one unless told.
        listens: nobody is played there, and nothing may be driven.

    Raises:
        TransportSpecError: the words mean nothing.
        TransportOpenError: the port is missing, busy or not permitted.
    """
    rate = baudrate or dialect.wiring.baudrates[0]
    port = open_transport(spec, role=role, baudrate=rate, contacts=contacts_of(dialect), listens=listens)
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
