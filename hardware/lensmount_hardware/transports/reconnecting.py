"""A port that comes back: it is opened again when it went away, and the gap is told."""

from collections import Counter
from collections.abc import Callable, Mapping
from threading import Event
from typing import TypeVar

from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.transport import Sighting, TimedTransport, Transport, timed
from lensmount_protocol.errors import TransportError, TransportLostError, TransportOpenError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import DriveLine, Drop, LineChanged, SetBaudrate, Transmit, WireAction, WireEvent

T = TypeVar("T")

_log = get_logger("ports")

RETRY = 0.25
"""Seconds between two attempts to open a port that went away."""


def _nobody_hears(_text: str) -> None:
    return


class ReconnectingTransport(TimedTransport):
    """Keeps a session alive while its port is away: nothing comes, and what is sent is lost, as on a cut wire.

    When the port is back it gets the rate and the levels that it was told last: first the low ones, then the high ones
    in the order in which they were raised first, so that no line is up before the supply. The outputs that a session
    drives are at rest until then, since the port that is opened again puts them there.

    Attributes:
        keeps_time: whether the port does.
        told: hears when the port went away and when it came back.
    """

    def __init__(
        self,
        open_port: Callable[[], Transport],
        clock: Clock | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Open the port for the first time.

        Args:
            open_port: opens it, now and again.
            clock: tells how long it was away.
            wait: waits so many seconds.

        Raises:
            TransportError: as `open_port` does, this first time.
        """
        self._open_port = open_port
        self.told: Callable[[str], None] = _nobody_hears
        self._clock = clock or MonotonicClock()
        self._wait = wait or Event().wait
        self._port: Transport | None = open_port()
        self.name = self._port.name
        self.lines = self._port.lines
        self.notes = self._port.notes
        self.keeps_time = timed(self._port) is not None
        self._closed = False
        self._baudrate: SetBaudrate | None = None
        self._driven: dict[str, DriveLine] = {}
        self._raised: dict[str, bool] = {}
        self._heard: dict[str, bool] = {}
        self._gone_at = self._tried_at = 0.0
        self._unheard = 0
        self._missed = 0
        self._troubles = Counter[str]()

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """What arrived; while the port is away, nothing."""
        return self._until(timeout, lambda port, left: self._news(port.receive(left)))

    def sightings(self, timeout: float | None, clock: Clock) -> list[Sighting]:
        """What happened, where the port keeps time; bytes that were sent to it while it was away are a `Drop`."""

        def look(port: Transport, left: float | None) -> list[Sighting]:
            keeper = timed(port)
            seen = [] if keeper is None else keeper.sightings(left, clock)
            if self._missed:
                drop = Drop(clock.now(), "bytes that were sent while the port was away", self._missed)
                seen, self._missed = [Sighting(drop), *seen], 0
            return [one for one in seen if one.event is None or self._is_news(one.event)]

        return self._until(timeout, look)

    def troubles(self) -> Mapping[str, int]:
        """What came late, was refused or was lost so far, on every port that there was."""
        return self._troubles + _troubles_of(self._port)

    def _until(self, timeout: float | None, look: Callable[[Transport, float | None], list[T]]) -> list[T]:
        self._require_open()
        deadline = None if timeout is None else self._clock.now() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - self._clock.now())
            if self._port is not None:
                try:
                    return look(self._port, left)
                except TransportLostError as error:
                    self._lose(error)
            elif not self._come_back():
                if left is not None and left <= 0:
                    return []
                self._wait(RETRY if left is None else min(RETRY, left))
            if left is not None and left <= 0:
                return []

    def send(self, action: WireAction) -> None:
        """Do this to the wire, if it is there."""
        self._require_open()
        if isinstance(action, SetBaudrate):
            # Its time is over when the port comes back.
            self._baudrate = SetBaudrate(action.baudrate)
        elif isinstance(action, DriveLine):
            if action.level and not self._raised.get(action.line):
                # Lines are raised again in this order: what was first, as a rule the supply, has to be up first.
                self._driven.pop(action.line, None)
                self._raised[action.line] = True
            self._driven[action.line] = action
        if self._port is None:
            self._miss(action)
            return
        try:
            self._port.send(action)
        except TransportLostError as error:
            self._lose(error)
            self._miss(action)

    def close(self) -> None:
        """Let go of the port, if it is there."""
        self._closed = True
        if self._port is not None:
            self._port.close()

    def _news(self, events: list[WireEvent]) -> list[WireEvent]:
        return [event for event in events if self._is_news(event)]

    def _is_news(self, event: WireEvent) -> bool:
        """A port that was opened anew states every line again; only what changed meanwhile is news."""
        if isinstance(event, LineChanged):
            if self._heard.get(event.line) is event.level:
                return False
            self._heard[event.line] = event.level
        return True

    def _miss(self, action: WireAction) -> None:
        if isinstance(action, Transmit):
            self._unheard += len(action.data)

    def _lose(self, error: TransportLostError) -> None:
        assert self._port is not None
        self._troubles += _troubles_of(self._port)
        self._port.close()
        self._port = None
        self._gone_at = self._clock.now()
        self._tried_at = self._gone_at
        self._unheard = 0
        _log.info("%s; trying to reopen it every %g s", error, RETRY)
        self.told(f"{error}; waiting for it to come back")

    def _come_back(self) -> bool:
        if self._clock.now() - self._tried_at < RETRY:
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
            # It is hardly there: what goes away while its rate is set says that it refuses the rate.
            port.close()
            return False
        self._port = port
        away = self._clock.now() - self._gone_at
        lost = f"; {self._unheard} bytes sent to it were lost" if self._unheard else ""
        self._missed += self._unheard
        _log.info("%s: reopened after %.3f s%s", self.name, away, lost)
        self.told(f"{self.name}: the port is back after {away:.3f} s; what came meanwhile is missing{lost}")
        return True

    def _require_open(self) -> None:
        if self._closed:
            raise TransportLostError(f"{self.name}: closed")


def _troubles_of(port: Transport | None) -> Counter[str]:
    keeper = None if port is None else timed(port)
    return Counter[str]() if keeper is None else Counter(keeper.troubles())
