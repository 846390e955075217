"""A port that reconnects: it is opened again after a loss, and the gap is reported."""

from collections import Counter
from collections.abc import Callable, Mapping
from threading import Event
from typing import TypeVar

from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.transport import TimedRecord, TimedTransport, Transport, as_timed
from lensmount_protocol.errors import TransportError, TransportLostError, TransportOpenError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import DataLoss, DriveLine, LineChanged, SetBaudrate, Transmit, WireAction, WireEvent

T = TypeVar("T")

_log = get_logger("ports")

RETRY_DELAY = 0.25
"""Seconds between two attempts to open a lost port."""


def _ignore_notice(_text: str) -> None:
    return


class ReconnectingTransport(TimedTransport):
    """Keeps a session alive while its port is lost: nothing is received, and sent bytes are lost, as on a cut wire.

    When the port is back, its rate and levels are restored: first the low levels, then the high ones in the order
    in which they were first raised, so that no line is high before the supply. Until then the outputs of the session
    are idle, because opening the port again makes them so.

    Attributes:
        has_timestamps: whether the port has timestamps.
        on_notice: receives a text when the port is lost and when it is back.
    """

    def __init__(
        self,
        open_port: Callable[[], Transport],
        clock: Clock | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Open the port for the first time.

        Args:
            open_port: opens the port, now and after each loss.
            clock: measures the length of a gap.
            wait: waits so many seconds.

        Raises:
            TransportError: as `open_port` does, this first time.
        """
        self._open_port = open_port
        self.on_notice: Callable[[str], None] = _ignore_notice
        self._clock = clock or MonotonicClock()
        self._wait = wait or Event().wait
        self._port: Transport | None = open_port()
        self.name = self._port.name
        self.lines = self._port.lines
        self.notes = self._port.notes
        self.has_timestamps = as_timed(self._port) is not None
        self._closed = False
        self._baudrate: SetBaudrate | None = None
        self._driven: dict[str, DriveLine] = {}
        self._raised: dict[str, bool] = {}
        self._levels_seen: dict[str, bool] = {}
        self._lost_at = self._tried_at = 0.0
        self._lost_bytes = 0
        self._unreported_bytes = 0
        self._problems = Counter[str]()

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """Return the events that arrived; none while the port is lost."""
        return self._poll_until(timeout, lambda port, left: self._new_events(port.receive(left)))

    def timed_records(self, timeout: float | None, clock: Clock) -> list[TimedRecord]:
        """Return timed records of a port with timestamps; bytes sent while it was lost are a `DataLoss`."""

        def look(port: Transport, left: float | None) -> list[TimedRecord]:
            timed_port = as_timed(port)
            seen = [] if timed_port is None else timed_port.timed_records(left, clock)
            if self._unreported_bytes:
                drop = DataLoss(clock.now(), "bytes that were sent while the port was away", self._unreported_bytes)
                seen, self._unreported_bytes = [TimedRecord(drop), *seen], 0
            return [one for one in seen if one.event is None or self._is_new(one.event)]

        return self._poll_until(timeout, look)

    def problems(self) -> Mapping[str, int]:
        """Return what was late, rejected or lost so far, on all ports so far: description -> count."""
        return self._problems + _port_problems(self._port)

    def _poll_until(self, timeout: float | None, look: Callable[[Transport, float | None], list[T]]) -> list[T]:
        self._require_open()
        deadline = None if timeout is None else self._clock.now() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - self._clock.now())
            if self._port is not None:
                try:
                    return look(self._port, left)
                except TransportLostError as error:
                    self._on_port_lost(error)
            elif not self._reopen():
                if left is not None and left <= 0:
                    return []
                self._wait(RETRY_DELAY if left is None else min(RETRY_DELAY, left))
            if left is not None and left <= 0:
                return []

    def send(self, action: WireAction) -> None:
        """Perform an action on the wire, if the port is there."""
        self._require_open()
        if isinstance(action, SetBaudrate):
            # Its time is over when the port comes back.
            self._baudrate = SetBaudrate(action.baudrate)
        elif isinstance(action, DriveLine):
            if action.level and not self._raised.get(action.line):
                # Lines are raised again in this order: the first one, usually the supply, must be high first.
                self._driven.pop(action.line, None)
                self._raised[action.line] = True
            self._driven[action.line] = action
        if self._port is None:
            self._count_lost(action)
            return
        try:
            self._port.send(action)
        except TransportLostError as error:
            self._on_port_lost(error)
            self._count_lost(action)

    def close(self) -> None:
        """Release the port, if it is there."""
        self._closed = True
        if self._port is not None:
            self._port.close()

    def _new_events(self, events: list[WireEvent]) -> list[WireEvent]:
        return [event for event in events if self._is_new(event)]

    def _is_new(self, event: WireEvent) -> bool:
        """Return whether an event is new: a reopened port states all lines again, and only changes matter."""
        if isinstance(event, LineChanged):
            if self._levels_seen.get(event.line) is event.level:
                return False
            self._levels_seen[event.line] = event.level
        return True

    def _count_lost(self, action: WireAction) -> None:
        if isinstance(action, Transmit):
            self._lost_bytes += len(action.data)

    def _on_port_lost(self, error: TransportLostError) -> None:
        assert self._port is not None
        self._problems += _port_problems(self._port)
        self._port.close()
        self._port = None
        self._lost_at = self._clock.now()
        self._tried_at = self._lost_at
        self._lost_bytes = 0
        _log.info("%s; trying to reopen it every %g s", error, RETRY_DELAY)
        self.on_notice(f"{error}; waiting for it to come back")

    def _reopen(self) -> bool:
        if self._clock.now() - self._tried_at < RETRY_DELAY:
            return False
        self._tried_at = self._clock.now()
        try:
            port = self._open_port()
        except (TransportOpenError, TransportLostError) as error:
            _log.debug("%s: not reopened: %s", self.name, error)
            return False
        try:
            if self._baudrate is not None:
                port.send(self._baudrate)
            for order in sorted(self._driven.values(), key=lambda order: order.level):
                port.send(order)
        except TransportError as error:
            _log.debug("%s: not restored: %s", self.name, error)
            # A port that disappears while its rate is set reports that it refuses the rate.
            port.close()
            return False
        self._port = port
        away = self._clock.now() - self._lost_at
        lost = f"; {self._lost_bytes} bytes sent to it were lost" if self._lost_bytes else ""
        self._unreported_bytes += self._lost_bytes
        _log.info("%s: reopened after %.3f s%s", self.name, away, lost)
        self.on_notice(f"{self.name}: the port is back after {away:.3f} s; what came meanwhile is missing{lost}")
        return True

    def _require_open(self) -> None:
        if self._closed:
            raise TransportLostError(f"{self.name}: closed")


def _port_problems(port: Transport | None) -> Counter[str]:
    timed_port = None if port is None else as_timed(port)
    return Counter[str]() if timed_port is None else Counter(timed_port.problems())
