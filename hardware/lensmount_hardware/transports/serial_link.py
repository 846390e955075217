"""What serial ports have in common, at hand or across a network: bytes, control lines, a rate, their loss."""

import errno
from contextlib import suppress
from threading import Lock
from typing import NoReturn, Protocol

from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.portability import TERMINAL_ERRORS
from lensmount_hardware.spec import PortSpec
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.control_lines import ControlLines
from lensmount_protocol.errors import TransportError, TransportLostError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import DriveLine, Received, SetBaudrate, Transmit, WireAction, WireEvent

SERIAL_ERRORS: tuple[type[Exception], ...] = (OSError, ValueError, OverflowError, *TERMINAL_ERRORS)
"""All that pyserial lets through when a port does not do as it is told."""

_log = get_logger("ports")

_GONE = {errno.EIO, errno.ENODEV, errno.ENXIO, errno.EBADF}

_DEFAULT_POLL_US = 1000
_LONGEST_POLL_US = 1_000_000

LONGEST_WAIT = 0.1
"""Seconds that one look at a port takes at most, so that a thread that waits there learns that it was closed."""


def poll_interval(spec: PortSpec) -> float:
    """Seconds between two looks at the control inputs, from the option `poll_us`.

    Raises:
        TransportSpecError: not a whole number from 1 to a million.
    """
    return spec.integer("poll_us", _DEFAULT_POLL_US, 1, _LONGEST_POLL_US) / 1e6


def is_active(port: object, control: str) -> bool:
    """Whether pyserial says that a control line is active; it calls `dcd` by another name."""
    return bool(getattr(port, "cd" if control == "dcd" else control))


class SerialLink(Protocol):
    """A serial port that is open; each of these may raise any of `SERIAL_ERRORS`."""

    def read(self, wait: float, /) -> bytes:
        """What waits, or what comes within about `wait` seconds; may return `b""` earlier."""
        ...

    def write(self, data: bytes) -> None:
        """Hand over all of `data`."""
        ...

    def set_baudrate(self, baudrate: int) -> None:
        """Send and listen at this rate."""
        ...

    def is_active(self, control: str) -> bool | None:
        """Whether a control input is active; `None` where that is not known yet."""
        ...

    def set_active(self, control: str, active: bool) -> None:
        """Put a control output there."""
        ...

    def close(self) -> None:
        """Let go of the port."""
        ...


class SerialTransport(Transport):
    """A serial port as a transport.

    Control inputs raise no event by themselves: they are looked at whenever bytes come, and every `poll`
    seconds in between. An edge is therefore late by up to `poll` and by what the adapter takes to answer
    (over USB about a millisecond), and a pulse shorter than that is missed.

    Should another thread than the owner close it, the owner's call is waited for first: a descriptor that is closed
    under a read leaves the reader waiting for ever, or reading from whatever gets its number next.
    """

    def __init__(
        self,
        name: str,
        link: SerialLink,
        control_lines: ControlLines,
        poll: float,
        notes: tuple[str, ...] = (),
        clock: Clock | None = None,
    ) -> None:
        """Take over a port that is open.

        Args:
            name: the port's name, for people.
            link: the port.
            control_lines: what hangs on it.
            poll: seconds between two looks at the inputs.
            notes: what whoever uses it ought to know.
            clock: measures how long a look takes; the machine's own if none is given.
        """
        self.name = name
        self.notes = notes
        self.lines = control_lines.lines
        self._link = link
        self._control_lines = control_lines
        self._poll = poll if control_lines.inputs else None
        self._clock: Clock = clock or MonotonicClock()
        self._lost = ""
        self._touched = Lock()

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """What arrived, rising edges before bytes before falling edges where one look finds them all."""
        deadline = None if timeout is None else self._clock.now() + timeout
        # Where no line is to be looked at, there is nothing to do but to wait for bytes.
        looks, longest = self._poll is not None, LONGEST_WAIT if self._poll is None else self._poll
        wait = 0.0 if looks else LONGEST_WAIT if timeout is None else min(LONGEST_WAIT, max(0.0, timeout))
        while True:
            with self._touched:
                if self._lost:
                    self._require_open()
                try:
                    if looks:
                        events: list[WireEvent] = self._look(wait)
                    else:
                        data = self._link.read(wait)
                        events = [Received(data)] if data else []
                except SERIAL_ERRORS as error:
                    self._lose(error)
            if events:
                return events
            left = longest if deadline is None else deadline - self._clock.now()
            if left <= 0:
                return events
            wait = min(left, longest)

    def send(self, action: WireAction) -> None:
        """Do this to the port; a line that hangs on no output is let be."""
        with self._touched:
            if self._lost:
                self._require_open()
            try:
                self._do(action)
            except SERIAL_ERRORS as error:
                if isinstance(action, SetBaudrate) and not _is_gone(error):
                    reason = f"{self.name}: the port refuses {action.baudrate} baud: {error}"
                    raise TransportError(reason) from error
                self._lose(error)

    def close(self) -> None:
        """Put the wired outputs at rest, lift the contact of presence, and let go of the port."""
        with self._touched:
            if self._lost == "closed":
                return
            lost, self._lost = self._lost, "closed"
            if not lost:
                with suppress(*SERIAL_ERRORS):
                    for control, active in self._control_lines.let_go().items():
                        self._link.set_active(control, active)
            self._link.close()
        _log.info("%s: closed", self.name)

    def _look(self, wait: float) -> list[WireEvent]:
        data = self._link.read(wait)
        changes = self._control_lines.changes(self._link.is_active)
        # A select line rises before the bytes that it announces and falls after them; one look may find all.
        rises = [change for change in changes if change.level]
        falls = [change for change in changes if not change.level]
        if falls and (more := self._link.read(0.0)):
            # The line was looked at after the bytes: what came in between came before it fell.
            data += more
        return [*rises, *([Received(data)] if data else []), *falls]

    def _do(self, action: WireAction) -> None:
        match action:
            case Transmit(data):
                self._link.write(data)
            case DriveLine(line, level):
                if (pin := self._control_lines.driven(line, level)) is not None:
                    self._link.set_active(*pin)
            case SetBaudrate(baudrate):
                self._link.set_baudrate(baudrate)
                _log.info("%s: %d baud", self.name, baudrate)

    def _require_open(self) -> None:
        if self._lost:
            raise TransportLostError(f"{self.name}: {self._lost}")

    def _lose(self, error: Exception) -> NoReturn:
        self._lost = f"the port went away: {error}"
        _log.info("%s: %s", self.name, self._lost)
        raise TransportLostError(f"{self.name}: {self._lost}") from error


def _is_gone(error: Exception) -> bool:
    return isinstance(error, ConnectionError) or bool(_GONE.intersection(error.args[:1]))
