"""The common part of local and remote serial ports: bytes, control lines, rate, and loss of the port."""

import errno
from contextlib import suppress
from threading import Lock
from typing import NoReturn, Protocol

from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.port_spec import PortSpec
from lensmount_hardware.portability import TERMINAL_ERRORS
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.control_lines import ControlLines
from lensmount_protocol.errors import TransportError, TransportLostError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import DriveLine, Received, SetBaudrate, Transmit, WireAction, WireEvent

SERIAL_ERRORS: tuple[type[Exception], ...] = (OSError, ValueError, OverflowError, *TERMINAL_ERRORS)
"""All errors that pyserial passes on when a port fails."""

_log = get_logger("ports")

_GONE = {errno.EIO, errno.ENODEV, errno.ENXIO, errno.EBADF}

_DEFAULT_POLL_US = 1000
_MAX_POLL_US = 1_000_000

MAX_WAIT = 0.1
"""Seconds that one read of a port takes at most, so that a waiting thread notices that it was closed."""


def poll_interval(spec: PortSpec) -> float:
    """Return the seconds between two polls of the control inputs, from the option `poll_us`.

    Raises:
        TransportSpecError: not a whole number from 1 to a million.
    """
    return spec.integer("poll_us", _DEFAULT_POLL_US, 1, _MAX_POLL_US) / 1e6


def is_active(port: object, control: str) -> bool:
    """Return whether a control line is active by pyserial, which uses another name for `dcd`."""
    return bool(getattr(port, "cd" if control == "dcd" else control))


class SerialLink(Protocol):
    """An open serial port; each method may raise any of `SERIAL_ERRORS`."""

    def read(self, wait: float, /) -> bytes:
        """Return bytes that arrive within about `wait` seconds; may return `b""` earlier."""
        ...

    def write(self, data: bytes) -> None:
        """Write all of `data`."""
        ...

    def set_baudrate(self, baudrate: int) -> None:
        """Set the rate for sending and receiving, in bits a second."""
        ...

    def is_active(self, control: str) -> bool | None:
        """Return whether a control input is active; `None` where that is not known yet."""
        ...

    def set_active(self, control: str, active: bool) -> None:
        """Set a control output."""
        ...

    def close(self) -> None:
        """Release the port."""
        ...


class SerialTransport(Transport):
    """A serial port as a transport.

    Control inputs raise no event by themselves: the transport reads them whenever bytes arrive, and every `poll`
    seconds in between. An edge is therefore late by up to `poll` plus the adapter's response time
    (over USB about a millisecond), and shorter pulses are missed.

    If another thread than the owner calls `close`, it waits for the owner's call first: closing a descriptor during a
    read leaves the reader waiting without end, or reading from the next file with that number.
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
        """Take over an open port.

        Args:
            name: the port's name, for people.
            link: the port.
            control_lines: the wiring of its control lines.
            poll: seconds between two polls of the inputs.
            notes: notes for the user.
            clock: the clock for timeouts; the machine's own if none is given.
        """
        self.name = name
        self.notes = notes
        self.lines = control_lines.lines
        self._link = link
        self._control_lines = control_lines
        self._poll_interval = poll if control_lines.inputs else None
        self._clock: Clock = clock or MonotonicClock()
        self._lost = ""
        self._lock = Lock()

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """Return the events that arrived; of one poll, rising edges come first, then bytes, then falling edges."""
        deadline = None if timeout is None else self._clock.now() + timeout
        # Without inputs to poll, the read can wait for bytes.
        looks, longest = (
            self._poll_interval is not None,
            MAX_WAIT if self._poll_interval is None else self._poll_interval,
        )
        wait = 0.0 if looks else MAX_WAIT if timeout is None else min(MAX_WAIT, max(0.0, timeout))
        while True:
            with self._lock:
                if self._lost:
                    self._require_open()
                try:
                    if looks:
                        events: list[WireEvent] = self._read_port(wait)
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
        """Perform an action on the port; a line without an output is ignored."""
        with self._lock:
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
        """Set the wired outputs to idle, release the presence line, and release the port."""
        with self._lock:
            if self._lost == "closed":
                return
            lost, self._lost = self._lost, "closed"
            if not lost:
                with suppress(*SERIAL_ERRORS):
                    for control, active in self._control_lines.released_levels().items():
                        self._link.set_active(control, active)
            self._link.close()
        _log.info("%s: closed", self.name)

    def _read_port(self, wait: float) -> list[WireEvent]:
        data = self._link.read(wait)
        changes = self._control_lines.changes(self._link.is_active)
        # A select line rises before its bytes and falls after them; one poll may find all.
        rises = [change for change in changes if change.level]
        falls = [change for change in changes if not change.level]
        if falls and (more := self._link.read(0.0)):
            # The line was read after the bytes, so bytes that arrived in between came before its fall.
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
