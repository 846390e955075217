"""Runs one engine on a real port in real time, and measures how late the host meets deadlines.

Garbage collection is deferred: it runs when a session has time, and not when a reply is due.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.garbage_collection import DeferredGC
from lensmount_emulator.sessions.listener import HOLD, RecordSorter, poll_times
from lensmount_hardware.clock import Clock
from lensmount_hardware.histogram import Histogram
from lensmount_hardware.transport import (
    PreparedReply,
    TimedRecord,
    TimedTransport,
    Transport,
    as_answering,
    as_timed,
    shift_record,
)
from lensmount_protocol.wire import (
    Burst,
    ClockSync,
    DriveLine,
    Edge,
    Received,
    Role,
    Transmit,
    WireAction,
    WireEvent,
    WireRecord,
    polled_line_defect,
    transmission_time,
)

MAX_WAIT_S = 0.1
"""Seconds after which a session polls even when nothing happens, so that it can be stopped."""

DEFAULT_SPIN_S = 120e-6
"""Seconds before a deadline at which a session stops sleeping and watches the clock: a sleep ends some 60 µs late."""

MIN_IDLE_FOR_GC_S = 5e-3
"""Seconds without a deadline that leave time to collect garbage."""


class DrivableEngine(Protocol):
    """An engine, or anything else that takes events and returns actions without touching a port.

    Attributes:
        now: time of the last call, in seconds.
        role: the end that it emulates.
        baudrate: the rate that it sends and listens at.
    """

    now: float
    role: Role
    baudrate: int

    def start(self, now: float) -> None:
        """Start the session."""
        ...

    def receive(self, event: WireEvent, now: float) -> None:
        """Handle an event of the peer."""
        ...

    def next_deadline(self) -> float | None:
        """Return when the engine must be called again; `None` if only an event can advance it."""
        ...

    def handle_deadline(self, now: float) -> None:
        """Handle a deadline that has passed."""
        ...

    def actions(self) -> Iterator[WireAction]:
        """Yield the actions for the wire, in order; each is yielded once."""
        ...

    def notices(self) -> Iterator[Notice]:
        """Yield the notices for the user, in order; each is yielded once."""
        ...


@runtime_checkable
class PreparingEngine(Protocol):
    """An engine that can state its answers before it is asked, for a port that answers by itself."""

    def prepared_replies(self) -> Sequence[PreparedReply]:
        """The answers with the values of now; each keeps its place from call to call."""
        ...


@dataclass(slots=True)
class EngineDriver:
    """One emulated end, one port, one clock.

    Attributes:
        engine: the emulated end.
        transport: the port.
        clock: gives the time.
        tap: receives every byte and edge. A port with timestamps reports when they happened, what was lost, and when
            our own actions were done. Otherwise the times are those at which the host received or ordered, with its
            latency.
        on_notice: receives the notices of the engine.
        spin: seconds before a deadline at which sleeping ends and watching begins; 0 sleeps to the end. Each deadline
            uses that much of a core.
        jitter: how late deadlines were met; none is ever met early.
        before: events that the port reported before the session began; the engine receives them first.
    """

    engine: DrivableEngine
    transport: Transport
    clock: Clock
    tap: Callable[[WireRecord], None] = lambda _record: None
    on_notice: Callable[[Notice], None] = lambda _notice: None
    spin: float = DEFAULT_SPIN_S
    jitter: Histogram = field(default_factory=Histogram)
    before: Sequence[WireEvent] = ()
    _began: float = 0.0
    _latest: float = 0.0
    _polled: set[str] = field(default_factory=set[str])
    _order: RecordSorter = field(init=False)
    _timed_port: TimedTransport | None = None
    _prepare: Callable[[], None] | None = None

    def run(self, seconds: float | None, *, stop_when: Callable[[], bool] = lambda: False) -> None:
        """Run for so many seconds, or until `stop_when` is true.

        Raises:
            TransportLostError: the port was lost; earlier events have been handled and tapped.
        """
        self._order = RecordSorter(self.tap)
        try:
            with DeferredGC() as collector:
                self._play(seconds, stop_when, collector)
        finally:
            self._order.flush()

    def _play(self, seconds: float | None, stop_when: Callable[[], bool], collector: DeferredGC) -> None:
        self._began = self._latest = began = self.clock.now()
        until = None if seconds is None else began + seconds
        timed_port = self._timed_port = as_timed(self.transport)
        self._prepare = self._answering_by_port()
        self.engine.start(began)
        self._send_actions()
        self._on_poll(self.before)
        clock, next_deadline, receive = self.clock.now, self.engine.next_deadline, self.transport.receive
        while not stop_when():
            now = clock()
            if until is not None and now >= until:
                return
            due = next_deadline()
            wait_s = _wait_time(now, due, until)
            if wait_s > MIN_IDLE_FOR_GC_S:
                collector.collect_if_due()
                wait_s = _wait_time(clock(), due, until)
            # Close to a deadline the port is only polled, until the deadline has passed.
            wait_s = max(0.0, wait_s - self.spin)
            if timed_port is None:
                if events := receive(wait_s):
                    self._on_poll(events)
                    due = next_deadline()
            else:
                for sighting in timed_port.timed_records(wait_s, self.clock):
                    self._on_timed_record(sighting)
                self._order.release(clock() - HOLD)
                due = next_deadline()
            if due is not None and due <= (now := clock()):
                self.jitter.add(now - due)
                self.engine.handle_deadline(now)
                self._send_actions()

    def _on_poll(self, events: Sequence[WireEvent]) -> None:
        """Handle the events of one poll of the port; records get times in the order of the events.

        A line that rose before the bytes of the same poll gets the time of their first bit, since it was polled later.
        """
        times = poll_times(events, self.clock.now(), self.engine.baudrate) if events else []
        for event, at in zip(events, times, strict=True):
            now = self.clock.now()
            if isinstance(event, Received):
                at = now - transmission_time(len(event.data), self.engine.baudrate)
            self._on_event(event, now, max(self._latest, at))

    def _on_event(self, event: WireEvent, now: float, began: float) -> None:
        if isinstance(event, Received):
            self._tap_record(Burst(began, self.engine.role.peer, event.data, self.engine.baudrate, now))
        else:
            if event.line not in self._polled:
                self._polled.add(event.line)
                self._tap_record(polled_line_defect(event.line, began))
            self._tap_record(Edge(began, event.line, event.level))
        self.engine.receive(event, now)
        self._send_actions()

    def _tap_record(self, record: WireRecord) -> None:
        self._latest = max(self._latest, record.at or 0.0)
        self.tap(record)

    def _on_timed_record(self, timed_record: TimedRecord) -> None:
        record = _not_before(timed_record.record, self._began)
        self._order.put(record)
        if timed_record.event is not None:
            ended = record.end if isinstance(record, Burst) else record.at
            now = self.clock.now()
            # The event has happened, so its time is not in the future; and an engine's time does not go back.
            self.engine.receive(timed_record.event, max(self.engine.now, min(now, now if ended is None else ended)))
            self._send_actions()

    def _send_actions(self) -> None:
        for action in self.engine.actions():
            self.transport.send(action)
            if self._timed_port is None:
                self._tap_action(action)
        if self._prepare is not None:
            self._prepare()
        for notice in self.engine.notices():
            self.on_notice(notice)

    def _answering_by_port(self) -> Callable[[], None] | None:
        """What keeps the replies of a port that answers by itself up to date; `None` for other ports and engines."""
        port, engine = as_answering(self.transport), self.engine
        if port is None or not isinstance(engine, PreparingEngine):
            return None
        return lambda: port.prepare_replies(engine.prepared_replies())

    def _tap_action(self, action: WireAction) -> None:
        now, baudrate = max(self._latest, self.engine.now), self.engine.baudrate
        if isinstance(action, Transmit):
            ends = now + transmission_time(len(action.data), baudrate)
            self._tap_record(Burst(now, self.engine.role, action.data, baudrate, ends))
        elif isinstance(action, DriveLine):
            self._tap_record(Edge(now, action.line, action.level))


def _wait_time(now: float, due: float | None, until: float | None) -> float:
    """Seconds until a deadline, the end of the session, or the next look at what stops it."""
    at = now + MAX_WAIT_S
    if due is not None and due < at:
        at = due
    if until is not None and until < at:
        at = until
    return max(0.0, at - now)


def _not_before(record: WireRecord, began: float) -> WireRecord:
    """Records of a port from before the session describe its initial state."""
    if record.at is None or record.at >= began:
        return record
    by = began - record.at
    if isinstance(record, ClockSync):
        return replace(record, at=began, board_us=record.board_us + round(by * 1e6))
    return shift_record(record, by)
