"""A port that comes back: what is heard, lost and told while it is away, in virtual time."""

from collections import deque
from dataclasses import dataclass, field

import pytest

from lensmount_hardware.clock import Clock, VirtualClock
from lensmount_hardware.transport import TimedRecord, TimedTransport, Transport, as_timed
from lensmount_hardware.transports.reconnecting import RETRY_DELAY, ReconnectingTransport
from lensmount_protocol.errors import TransportError, TransportLostError, TransportOpenError
from lensmount_protocol.wire import (
    DataLoss,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    SetBaudrate,
    Transmit,
    WireAction,
    WireEvent,
)


class Port(Transport):
    """A port that gives what it is to give, and then goes away or stays silent."""

    name = "port"
    lines = frozenset({"BODY_CS", "LENS_CS"})

    def __init__(self, clock: VirtualClock, gives: list[list[WireEvent]], goes: bool) -> None:
        self._clock, self._gives, self._goes = clock, deque(gives), goes
        self.orders: list[WireAction] = []
        self.closed = False

    def receive(self, timeout: float | None) -> list[WireEvent]:
        if self._gives:
            return self._gives.popleft()
        if self._goes:
            raise TransportLostError("port: it was unplugged")
        assert timeout is not None
        self._clock.advance_to(self._clock.now() + timeout)
        return []

    def send(self, action: WireAction) -> None:
        if self._goes and not self._gives:
            raise TransportLostError("port: it was unplugged")
        self.orders.append(action)

    def close(self) -> None:
        self.closed = True


@dataclass
class Bench:
    """A socket into which ports are plugged one after the other; `None` stands for an attempt that fails."""

    clock: VirtualClock
    ports: deque[Port | None]
    told: list[str] = field(default_factory=list)
    attempts: list[float] = field(default_factory=list)

    def open(self) -> Transport:
        self.attempts.append(self.clock.now())
        port = self.ports.popleft()
        if port is None:
            raise TransportOpenError("no such port")
        return port

    def transport(self) -> ReconnectingTransport:
        transport = ReconnectingTransport(
            self.open, self.clock, lambda seconds: self.clock.advance_to(self.clock.now() + seconds)
        )
        transport.on_notice = self.told.append
        return transport


def bench(*ports: tuple[list[list[WireEvent]], bool] | None) -> tuple[Bench, list[Port]]:
    clock = VirtualClock()
    made = [None if port is None else Port(clock, *port) for port in ports]
    return Bench(clock, deque(made)), [port for port in made if port is not None]


def test_a_port_that_is_not_there_at_first_is_an_error() -> None:
    made, _ = bench(None)
    with pytest.raises(TransportOpenError):
        made.transport()


def test_a_port_that_goes_comes_back_and_the_gap_is_reported() -> None:
    made, (first, second) = bench(([[Received(b"a")]], True), None, None, ([[Received(b"b")]], False))
    with made.transport() as transport:
        assert transport.receive(1.0) == [Received(b"a")]
        assert transport.receive(10.0) == [Received(b"b")]
    assert made.attempts == [0, RETRY_DELAY, 2 * RETRY_DELAY, 3 * RETRY_DELAY]
    assert first.closed
    assert second.closed
    assert made.told == [
        "port: it was unplugged; waiting for it to come back",
        "port: the port is back after 0.750 s; what came meanwhile is missing",
    ]


def test_while_it_is_away_nothing_comes_and_the_time_passes() -> None:
    made, _ = bench(([], True), *[None] * 50)
    transport = made.transport()
    assert transport.receive(1.1) == []
    assert made.clock.now() == pytest.approx(1.1)
    assert transport.receive(0) == []
    assert made.clock.now() == pytest.approx(1.1)
    assert len(made.attempts) == 5


def test_a_port_that_is_back_is_told_its_rate_and_levels_and_nothing_twice() -> None:
    lens_low, lens_high = LineChanged("LENS_CS", False), LineChanged("LENS_CS", True)
    made, (_, second) = bench(([[lens_high]], True), ([[lens_high, Received(b"x")], [lens_low]], False))
    transport = made.transport()
    assert transport.receive(1.0) == [lens_high]
    transport.send(SetBaudrate(1_500_000))
    transport.send(DriveLine("BODY_CS", True))
    transport.send(Transmit(b"lost"))
    assert transport.receive(1.0) == [Received(b"x")]
    assert transport.receive(1.0) == [lens_low]
    assert second.orders == [SetBaudrate(1_500_000), DriveLine("BODY_CS", True)]
    assert made.told[-1].endswith("what came meanwhile is missing; 4 bytes sent to it were lost")


def test_lines_that_were_raised_come_back_after_those_that_were_raised_before() -> None:
    made, (_, second) = bench(([[]], True), ([[Received(b"x")]], False))
    transport = made.transport()
    for line, level in (("CS", False), ("VD", False), ("VCC", True), ("VD", True), ("CS", True), ("VD", False)):
        transport.send(DriveLine(line, level))
    transport.receive(0)
    transport.receive(1.0)
    assert second.orders == [DriveLine("VD", False), DriveLine("VCC", True), DriveLine("CS", True)]


def test_a_port_that_goes_again_at_once_is_waited_for_again() -> None:
    made, ports = bench(([], True), ([], True), ([[Received(b"c")]], False))
    transport = made.transport()
    transport.send(DriveLine("BODY_CS", True))
    assert transport.receive(5.0) == [Received(b"c")]
    assert [port.closed for port in ports] == [True, True, False]
    assert sum(text.endswith("waiting for it to come back") for text in made.told) == 1


def test_what_refuses_a_rate_is_still_received() -> None:
    made, (port,) = bench(([[]], False))

    def refuse(_action: WireAction) -> None:
        raise TransportError("the port refuses 7 baud")

    transport = made.transport()
    port.send = refuse  # type: ignore[method-assign]
    with pytest.raises(TransportError, match="refuses"):
        transport.send(SetBaudrate(7))


def test_after_closing_nothing_is_tried_any_more() -> None:
    made, _ = bench(([], True), None)
    transport = made.transport()
    transport.receive(0)
    transport.close()
    for deed in (lambda: transport.receive(0), lambda: transport.send(Transmit(b"x"))):
        with pytest.raises(TransportLostError, match="closed"):
            deed()
    assert len(made.attempts) == 1


class Keeper(Port, TimedTransport):
    """The same port with a clock beside the wire."""

    has_timestamps = True

    def timed_records(self, timeout: float | None, clock: Clock) -> list[TimedRecord]:
        return [TimedRecord(Edge(clock.now(), "VD", True), event) for event in self.receive(timeout)]

    def problems(self) -> dict[str, int]:
        return {"orders that were late": len(self.orders)}


def test_a_port_that_keeps_time_keeps_it_and_what_it_missed_is_a_drop() -> None:
    clock = VirtualClock()
    moved = LineChanged("VD", True)
    ports: list[Port | None] = [Keeper(clock, [[moved]], True), Keeper(clock, [[moved], [Received(b"b")]], False)]
    made = Bench(clock, deque(ports))
    transport = made.transport()
    assert as_timed(transport) is transport
    transport.send(SetBaudrate(750_000))
    assert [one.event for one in transport.timed_records(1.0, clock)] == [moved]
    transport.send(Transmit(b"lost"))
    (drop,) = transport.timed_records(5.0, clock)
    assert drop.record == DataLoss(clock.now(), "bytes that were sent while the port was away", 4)
    assert drop.event is None
    assert [one.event for one in transport.timed_records(5.0, clock)] == [Received(b"b")]
    assert made.told[-1].endswith("4 bytes sent to it were lost")
    assert transport.problems() == {"orders that were late": 2}


def test_a_port_without_a_clock_is_told_apart() -> None:
    made, _ = bench(([[]], False))
    assert as_timed(made.transport()) is None
