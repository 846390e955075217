"""The one place where verbs open ports: whatever a port needs to know of the dialect is told to it here."""

from lensmount_emulator.sessions.contacts import contacts_of
from lensmount_hardware.spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Role


def open_port(
    spec: str, role: Role, dialect: Dialect, baudrate: int | None = None, *, listens: bool = False
) -> Transport:
    """Open a port for the end that is played there.

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
    return open_transport(spec, role=role, baudrate=rate, contacts=contacts_of(dialect), listens=listens)
