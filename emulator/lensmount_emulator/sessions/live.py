"""One engine on a real port in real time: the host cannot hold a deadline, so it tells how late it was."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.sessions.collector import QuietCollector
from lensmount_emulator.sessions.listening import times_of_look
from lensmount_emulator.sessions.record_order import HOLD, RecordOrder
from lensmount_hardware.clock import Clock
from lensmount_hardware.histogram import Histogram
from lensmount_hardware.transport import Sighting, TimedTransport, Transport, shifted, timed
from lensmount_protocol.wire import (
    Burst,
    ClockFix,
    DriveLine,
    Edge,
    Received,
    Record,
    Role,
    Transmit,
    WireAction,
    WireEvent,
    polled,
    transmission_time,
)

LONGEST_WAIT = 0.1
"""Seconds after which a session looks up even when nothing happens, so that it can be stopped."""

USUAL_SPIN = 120e-6
"""Seconds before a deadline at which a session stops sleeping and watches the clock: a sleep ends some 60 µs late."""

ENOUGH_TO_REST = 5e-3
"""Seconds without a deadline ahead from which on there is time to collect garbage."""


class End(Protocol):
    """What is played: an engine, or anything else that takes events and gives actions without touching a port.

    Attributes:
        now: when it was last asked, in seconds.
        role: the end that it plays.
        baudrate: the rate that it sends and listens at.
    """

    now: float
    role: Role
    baudrate: int

    def start(self, now: float) -> None:
        """The session begins."""
        ...

    def receive(self, event: WireEvent, now: float) -> None:
        """The peer did something."""
        ...

    def next_deadline(self) -> float | None:
        """When it wants to be asked again; `None` when only news can move it."""
        ...

    def handle_deadline(self, now: float) -> None:
        """The time has come."""
        ...

    def actions(self) -> Iterator[WireAction]:
        """What to do on the wire, in order; each is given once."""
        ...

    def notices(self) -> Iterator[Notice]:
        """What to tell people, in order; each is given once."""
        ...


@dataclass(slots=True)
class LiveSession:
    """One end that is played, one port, one clock.

    Attributes:
        engine: the end that we play.
        transport: the port.
        clock: what tells the time.
        tap: sees every byte and edge. A port that keeps time says when they happened, what was lost, and when our own
            doing was done; otherwise times are those at which the host heard or ordered, so they carry its latency.
        listen: hears what the engine tells people.
        spin: seconds before a deadline at which sleeping ends and watching begins; 0 sleeps to the end. Each deadline
            takes that much of a core.
        jitter: how late deadlines were met; none is ever met early.
        before: what the port told before the session began; the engine hears it first.
    """

    engine: End
    transport: Transport
    clock: Clock
    tap: Callable[[Record], None] = lambda _record: None
    listen: Callable[[Notice], None] = lambda _notice: None
    spin: float = USUAL_SPIN
    jitter: Histogram = field(default_factory=Histogram)
    before: Sequence[WireEvent] = ()
    _began: float = 0.0
    _latest: float = 0.0
    _polled: set[str] = field(default_factory=set[str])
    _order: RecordOrder = field(init=False)
    _keeper: TimedTransport | None = None

    def run(self, seconds: float | None, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Play for so many seconds, or until `unless` is true.

        Raises:
            TransportLostError: the port went away; what came before has been told and tapped.
        """
        self._order = RecordOrder(self.tap)
        try:
            with QuietCollector() as collector:
                self._play(seconds, unless, collector)
        finally:
            self._order.flush()

    def _play(self, seconds: float | None, unless: Callable[[], bool], collector: QuietCollector) -> None:
        self._began = self._latest = began = self.clock.now()
        until = None if seconds is None else began + seconds
        keeper = self._keeper = timed(self.transport)
        self.engine.start(began)
        self._carry_out()
        self._take_all(self.before)
        while not unless():
            now = self.clock.now()
            if until is not None and now >= until:
                return
            patience = self._patience(now, until)
            if patience > ENOUGH_TO_REST:
                collector.rest()
                patience = self._patience(self.clock.now(), until)
            # Close to a deadline the port is only looked at, until the clock says that the time has come.
            patience = max(0.0, patience - self.spin)
            if keeper is None:
                self._take_all(self.transport.receive(patience))
            else:
                for sighting in keeper.sightings(patience, self.clock):
                    self._see(sighting)
                self._order.release(self.clock.now() - HOLD)
            self._meet_deadline()

    def _patience(self, now: float, until: float | None) -> float:
        times = (self.engine.next_deadline(), until, now + LONGEST_WAIT)
        return max(0.0, min(at for at in times if at is not None) - now)

    def _take_all(self, events: Sequence[WireEvent]) -> None:
        """Take what one look at the port found; records get times in the order of the events.

        A line that rose before the bytes of the same look is stamped with their beginning: it was looked at later.
        """
        times = times_of_look(events, self.clock.now(), self.engine.baudrate) if events else []
        for event, at in zip(events, times, strict=True):
            now = self.clock.now()
            if isinstance(event, Received):
                at = now - transmission_time(len(event.data), self.engine.baudrate)
            self._take(event, now, max(self._latest, at))

    def _take(self, event: WireEvent, now: float, began: float) -> None:
        if isinstance(event, Received):
            self._tap_record(Burst(began, self.engine.role.peer, event.data, self.engine.baudrate, now))
        else:
            if event.line not in self._polled:
                self._polled.add(event.line)
                self._tap_record(polled(event.line, began))
            self._tap_record(Edge(began, event.line, event.level))
        self.engine.receive(event, now)
        self._carry_out()

    def _tap_record(self, record: Record) -> None:
        self._latest = max(self._latest, record.at or 0.0)
        self.tap(record)

    def _see(self, sighting: Sighting) -> None:
        record = _not_before(sighting.record, self._began)
        self._order.put(record)
        if sighting.event is not None:
            ended = record.until if isinstance(record, Burst) else record.at
            now = self.clock.now()
            # It has happened, so it is not ahead of us; and an engine's time does not go back.
            self.engine.receive(sighting.event, max(self.engine.now, min(now, now if ended is None else ended)))
            self._carry_out()

    def _meet_deadline(self) -> None:
        deadline, now = self.engine.next_deadline(), self.clock.now()
        if deadline is not None and deadline <= now:
            self.jitter.add(now - deadline)
            self.engine.handle_deadline(now)
            self._carry_out()

    def _carry_out(self) -> None:
        for action in self.engine.actions():
            self.transport.send(action)
            if self._keeper is None:
                self._tap_action(action)
        for notice in self.engine.notices():
            self.listen(notice)

    def _tap_action(self, action: WireAction) -> None:
        now, baudrate = max(self._latest, self.engine.now), self.engine.baudrate
        if isinstance(action, Transmit):
            ends = now + transmission_time(len(action.data), baudrate)
            self._tap_record(Burst(now, self.engine.role, action.data, baudrate, ends))
        elif isinstance(action, DriveLine):
            self._tap_record(Edge(now, action.line, action.level))


def _not_before(record: Record, began: float) -> Record:
    """What a port saw before the session began is how things stand when it begins."""
    if record.at is None or record.at >= began:
        return record
    by = began - record.at
    if isinstance(record, ClockFix):
        return replace(record, at=began, board_us=record.board_us + round(by * 1e6))
    return shifted(record, by)
