"""The virtual mount: ten contacts in memory, with byte time, edges, rails, attach and detach.

Nothing here reads a clock: what shall arrive waits in the bench's scheduler. What one end does at a time reaches the
other at that time (edges) or when its stop bit is over (bytes).
"""

from collections.abc import Callable
from typing import Literal

from lensmount_emulator.mount.runs import Runs
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import (
    Burst,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    Record,
    Remark,
    Role,
    SetBaudrate,
    WireAction,
    WireEvent,
    transmission_time,
)

Resolution = Literal["frame", "byte"]
"""Whether bytes are delivered one by one or as many at once as nobody can tell from that."""

Ear = Callable[[WireEvent, float], None]
"""What an end hears with: an event, and when it came."""

_BYTES = tuple(Received(bytes((value,))) for value in range(256))
_CHANGES: dict[tuple[str, bool], LineChanged] = {}


class _Flight:
    """A burst on its way.

    Attributes:
        burst: the burst.
        hear: who hears it.
        stops: where its runs end, in bytes; empty where each byte is one.
        told: bytes that have arrived.
        run: number of the run that arrives next.
        number: its place in the scheduler; 0 once it is over.
    """

    __slots__ = ("burst", "hear", "number", "run", "stops", "told")

    def __init__(self, burst: Burst, hear: Ear, stops: tuple[int, ...]) -> None:
        self.burst = burst
        self.hear = hear
        self.stops = stops
        self.told = 0
        self.run = 0
        self.number = 0


class VirtualMount:
    """The contacts between one body and one lens.

    Attributes:
        levels: the level of every line; a line that nobody drives is low, but for the detect line.
        attached: whether a lens is on the mount.
        violations: what an end did that would hurt a real one, as text.
        resolution: how bytes are delivered; what the ends do, and when, is the same either way.
    """

    def __init__(
        self,
        dialect: Dialect,
        tap: Callable[[Record], None],
        scheduler: Scheduler,
        resolution: Resolution = "frame",
    ) -> None:
        self.levels = dict.fromkeys(dialect.wiring.lines, False)
        self.levels[dialect.detect] = True
        self.attached = False
        self.violations: list[str] = []
        self.resolution = resolution
        self._dialect = dialect
        self._tap = tap
        self._scheduler = scheduler
        self._drivers = dict(dialect.drivers)
        self._baudrates = dict.fromkeys(Role, dialect.wiring.baudrates[0])
        self._busy_until = dict.fromkeys(Role, 0.0)
        self._flights: list[_Flight] = []
        self._ears: dict[Role, Ear] = {}
        self._runs = {role: Runs(dialect.formats[role]) for role in Role}
        self._windows = {dialect.select_line(role): self._runs[role] for role in Role}

    def connect(self, role: Role, hear: Ear) -> None:
        """Say who hears what arrives at an end."""
        self._ears[role] = hear

    def attach(self, now: float) -> None:
        """Put the lens on the mount."""
        self.attached = True
        self._move(self._dialect.detect, False, now)

    def detach(self, now: float) -> None:
        """Take the lens off: its lines fall to rest and what was on the wire is cut where it was."""
        self.attached = False
        flights, self._flights = self._flights, []
        for flight in sorted(flights, key=lambda flight: (flight.burst.until or 0.0, flight.number)):
            self._cut(flight, now)
        for line, driver in self._drivers.items():
            if driver is Role.LENS and self.levels[line] and line != self._dialect.detect:
                self._move(line, False, now)
            elif driver is Role.BODY and self.levels[line]:
                self._deliver(Role.LENS, line, False)
        for runs in self._runs.values():
            runs.turn_window(False)
        self._move(self._dialect.detect, True, now)

    def apply(self, role: Role, action: WireAction, now: float) -> None:
        """One end does something."""
        if isinstance(action, DriveLine):
            line, level = action.line, action.level
            if self._drivers.get(line) is not role:
                self._violate(f"the {role.value} drives {line}, which is not its line", now)
            elif level and self._unpowered(role):
                self._violate(f"the {role.value} drives {line} high into an unpowered lens", now)
            elif self.levels[line] != level:
                self._move(line, level, now)
        elif isinstance(action, SetBaudrate):
            self._baudrates[role] = action.baudrate
        else:
            self._transmit(role, action.data, now)

    def _move(self, line: str, level: bool, now: float) -> None:
        self.levels[line] = level
        self._tap(Edge(now, line, level))
        driver = self._drivers[line]
        if line in self._windows:
            self._windows[line].turn_window(level)
        if self.attached or driver is Role.LENS:
            self._deliver(driver.peer, line, level)

    def _deliver(self, to: Role, line: str, level: bool) -> None:
        change = _CHANGES.get((line, level))
        if change is None:
            change = _CHANGES[line, level] = LineChanged(line, level)
        self._scheduler.soon(self._edge_arrives, (self._ears[to], change))

    def _edge_arrives(self, what: tuple[Ear, LineChanged]) -> None:
        hear, change = what
        hear(change, self._scheduler.now)

    def _transmit(self, role: Role, data: bytes, now: float) -> None:
        if self._unpowered(role):
            self._violate(f"the {role.value} sends {len(data)} bytes to an unpowered lens", now)
            return
        baudrate = self._baudrates[role]
        begins = max(now, self._busy_until[role])
        ends = self._busy_until[role] = begins + transmission_time(len(data), baudrate)
        burst = Burst(begins, role, data, baudrate, ends)
        peer = role.peer
        if self._baudrates[peer] != baudrate:
            self._tap(burst)
            self._tap(
                Remark(
                    ends,
                    f"the {peer.value} listens at {self._baudrates[peer]} baud and hears noise",
                )
            )
        elif self.attached:
            self._send_off(burst, self._ears[peer])

    def _send_off(self, burst: Burst, hear: Ear) -> None:
        by_byte = self.resolution == "byte"
        stops = () if by_byte else self._runs[burst.sender].cut(burst.data)
        flight = _Flight(burst, hear, stops)
        arrives = self._bytes_arrive if by_byte else self._run_arrives
        flight.number = self._scheduler.at(_end_of(burst, 1 if by_byte else stops[0]), arrives, flight)
        self._flights.append(flight)

    def _run_arrives(self, flight: _Flight) -> None:
        stop = flight.stops[flight.run]
        data = flight.burst.data
        if stop == len(data):
            self._land(flight)
            flight.hear(Received(data[flight.told :] if flight.told else data), self._scheduler.now)
            return
        run = Received(data[flight.told : stop])
        flight.told = stop
        flight.run += 1
        # One number for all of a burst: its end keeps its place among equal times, however it is cut.
        self._scheduler.at(_end_of(flight.burst, flight.stops[flight.run]), self._run_arrives, flight, flight.number)
        flight.hear(run, self._scheduler.now)

    def _bytes_arrive(self, flight: _Flight) -> None:
        burst, hear, scheduler = flight.burst, flight.hear, self._scheduler
        data, size, told = burst.data, len(burst.data), flight.told
        while flight.number:
            value, told = data[told], told + 1
            if told == size:
                self._land(flight)
                hear(_BYTES[value], scheduler.now)
                return
            flight.told = told
            hear(_BYTES[value], scheduler.now)
            upcoming = _end_of(burst, told + 1)
            if not scheduler.pass_to(upcoming):
                if flight.number:
                    scheduler.at(upcoming, self._bytes_arrive, flight, flight.number)
                return

    def _land(self, flight: _Flight) -> None:
        """All of it has arrived: only now is it certain what a recording says of it."""
        flight.number = 0
        self._flights.remove(flight)
        self._tap(flight.burst)

    def _cut(self, flight: _Flight, now: float) -> None:
        """What had arrived whole before the cut has been heard."""
        self._scheduler.cancel(flight.number)
        flight.number = 0
        burst = flight.burst
        whole = flight.told
        while whole < len(burst.data) and _end_of(burst, whole + 1) <= now:
            whole += 1
        if not whole:
            return
        ends = _end_of(burst, whole)
        self._tap(Burst(burst.at, burst.sender, burst.data[:whole], burst.baudrate, ends))
        if whole > flight.told:
            self._scheduler.soon(self._rest_arrives, (flight, whole, ends))

    def _rest_arrives(self, what: tuple[_Flight, int, float]) -> None:
        flight, whole, ends = what
        flight.hear(Received(flight.burst.data[flight.told : whole]), ends)

    def _unpowered(self, role: Role) -> bool:
        supply = self._dialect.supply
        return not self.levels[supply] and (role is Role.LENS or self._drivers[supply] is not role)

    def _violate(self, what: str, now: float) -> None:
        self.violations.append(what)
        self._tap(Remark(now, f"violation: {what}"))


def _end_of(burst: Burst, count: int) -> float:
    """When the stop bit of the byte with this number, counted from 1, is over."""
    begins, ends, size = burst.at or 0.0, burst.until or 0.0, len(burst.data)
    return ends if count == size else begins + (ends - begins) * count / size
