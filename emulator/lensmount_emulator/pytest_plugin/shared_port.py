"""The port that a process plays on: opened when first used, kept to the end, and put at rest between tests."""

import sys
from collections.abc import Callable

from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import open_transport, parse_spec
from lensmount_hardware.transport import Transport
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import TransportLostError
from lensmount_protocol.wire import DriveLine, Edge, LineChanged, Role, SetBaudrate, WireEvent, WireRecord

BOARD = "board"
"""Scheme of boards: their firmware holds the deadlines."""

QUIET_S = 0.05
"""A peer that is silent for so long has noticed that its session is over."""

MAX_RESET_S = 0.5
"""A peer that goes on talking for so long without us is one that never stops."""


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class SharedPort:
    """One port for one test after another.

    Attributes:
        spec: the port spec.
        role: the end that we play.
    """

    def __init__(self, spec: str, play: str, out: Callable[[str], None] = _print) -> None:
        self.spec = spec
        self.role = Role(play)
        self._out = out
        self._announced = set[str]()
        self._transport: Transport | None = None
        self._dialect: Dialect | None = None
        self._levels: dict[str, bool] = {}

    def __repr__(self) -> str:
        return f"<{self.spec}, where we are the {self.role.value}>"

    @property
    def is_board(self) -> bool:
        """Whether the port is a board; its firmware holds the deadlines."""
        return parse_spec(self.spec).scheme == BOARD

    @property
    def transport(self) -> Transport | None:
        """The open port; `None` before the first test that plays on it, and after a loss."""
        return self._transport

    def announce(self, text: str) -> None:
        """Show the user one line about this port, once in a process."""
        if text not in self._announced:
            self._announced.add(text)
            self._out(f"lensmount: {text}")

    def take(self, dialect: Dialect) -> Transport:
        """The port at rest, open, at the dialect's first rate, with nothing in it that an earlier test has caused.

        Raises:
            TransportError: it cannot be described or opened, or went away.
        """
        if self._dialect is not dialect:
            self.close()
        if self._transport is not None:
            try:
                self._reset(self._transport, dialect)
            except TransportLostError:
                # Perhaps it was plugged in again meanwhile.
                self.close()
            else:
                return self._transport
        self._dialect = dialect
        self._transport = open_transport(
            self.spec, role=self.role, baudrate=dialect.wiring.baudrates[0], contacts=get_contacts(dialect)
        )
        for text in self._transport.warnings:
            self.announce(f"warning: {text}")
        # The device may be in the middle of what an earlier run began.
        self._reset(self._transport, dialect)
        return self._transport

    @property
    def levels(self) -> list[WireEvent]:
        """The levels of the peer's lines; a port reports each once, and then only its changes."""
        return [LineChanged(line, level) for line, level in self._levels.items()]

    def note(self, record: WireRecord) -> None:
        """Follow the traffic of a session: a level stays in force in the next session."""
        if self._dialect is None or not isinstance(record, Edge):
            return
        if self._dialect.drivers.get(record.line) is self.role.peer:
            self._levels[record.line] = record.level

    def release(self) -> None:
        """A test is over: set all lines idle; the next test reopens a port that is lost."""
        if self._transport is None or self._dialect is None:
            return
        try:
            self._reset(self._transport, self._dialect)
        except TransportLostError:
            self.close()

    def close(self) -> None:
        """Let go of the port."""
        transport, self._transport = self._transport, None
        self._levels = {}
        if transport is not None:
            transport.close()

    def _reset(self, transport: Transport, dialect: Dialect) -> None:
        for event in reset_port(transport, dialect, self.role):
            if isinstance(event, LineChanged):
                self._levels[event.line] = event.level


def reset_port(transport: Transport, dialect: Dialect, role: Role) -> list[WireEvent]:
    """Set our lines idle, the supply last, detach a lens, receive until the peer is silent; return its records.

    Raises:
        TransportLostError: the port went away.
    """
    ours = [line for line, driver in dialect.drivers.items() if driver is role and line in transport.lines]
    for line in sorted(ours, key=lambda line: line == dialect.supply):
        # The contact of presence is at rest, and high, where no lens grounds it.
        transport.send(DriveLine(line, line == dialect.detect))
    transport.send(SetBaudrate(dialect.wiring.baudrates[0]))
    clock = MonotonicClock()
    received: list[WireEvent] = []
    while (events := transport.receive(QUIET_S)) and clock.now() < MAX_RESET_S:
        received += events
    return received + events
