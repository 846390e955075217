"""The virtual mount: ten contacts in memory, with byte time, edges, rails, attach and detach.

Nothing here reads a clock: what shall arrive waits in the bench's scheduler. What one end does at a time reaches the
other at that time (edges) or when its stop bit is over (bytes).
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

from lensmount_emulator.mount.flight import Ear, Flight, end_of
from lensmount_emulator.mount.port import Port
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
    RemarkKind,
    Role,
    SetBaudrate,
    WireAction,
    transmission_time,
)

Resolution = Literal["frame", "byte"]
"""Whether bytes are delivered one by one or as many at once as nobody can tell from that."""

_BYTES = tuple(Received(bytes((value,))) for value in range(256))


class End:
    """What the mount knows of one end.

    Attributes:
        role: which end.
        peer: the other one.
        hears: its ear; deaf until it is connected.
        baudrate: at which it sends and listens.
        busy_until: when the last bit is over that it has sent so far.
        runs: cuts its bursts.
    """

    __slots__ = ("baudrate", "busy_until", "hears", "peer", "role", "runs")

    def __init__(self, role: Role, baudrate: int, runs: Runs) -> None:
        self.role = role
        self.peer = self
        self.hears: Ear = lambda _event, _now: None
        self.baudrate = baudrate
        self.busy_until = 0.0
        self.runs = runs


class Line:
    """A contact that carries a level.

    Attributes:
        name: its published name.
        driver: the end that may drive it.
        listener: the other end.
        window: the runs that it opens and closes as a select line.
        falls: what its listener is told when it goes low.
        rises: what its listener is told when it goes high.
    """

    __slots__ = ("driver", "falls", "listener", "name", "rises", "window")

    def __init__(self, name: str, driver: End, listener: End, select: str) -> None:
        self.name = name
        self.driver = driver
        self.listener = listener
        self.window = driver.runs if name == select else None
        self.falls = LineChanged(name, False)
        self.rises = LineChanged(name, True)


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
        self._detect = dialect.detect
        self._supply = dialect.supply
        self._tap = tap
        self._scheduler = scheduler
        self._soon = scheduler.soon
        self._flights: list[Flight] = []
        slowest = dialect.wiring.baudrates[0]
        self._ends = {role: End(role, slowest, Runs(dialect.formats[role])) for role in Role}
        for role, end in self._ends.items():
            end.peer = self._ends[role.peer]
        self._lines = {
            name: Line(name, self._ends[driver], self._ends[driver.peer], dialect.select_line(driver))
            for name, driver in dialect.drivers.items()
        }

    @property
    def busy_until(self) -> float:
        """When the last bit is over that an end has sent so far, in seconds."""
        return max(end.busy_until for end in self._ends.values())

    def connect(self, role: Role, hears: Ear) -> None:
        """Say who hears what arrives at an end."""
        self._ends[role].hears = hears

    def attach(self, now: float, *, grounded: bool = True) -> None:
        """Put the lens on the mount.

        Args:
            now: seconds.
            grounded: whether it shows at once; what has no lens behind it grounds the detect line by itself, later.
        """
        self.attached = True
        if grounded:
            self._move(self._lines[self._detect], False, now)

    def detach(self, now: float) -> None:
        """Take the lens off: its lines fall to rest and what was on the wire is cut where it was."""
        self.attached = False
        self._cut_all(now)
        for name, line in self._lines.items():
            if line.driver.role is Role.LENS and self.levels[name] and name != self._detect:
                self._move(line, False, now)
            elif line.driver.role is Role.BODY and self.levels[name]:
                self._scheduler.soon(line.listener.hears, line.falls)
        for end in self._ends.values():
            end.runs.turn_window(False)
        if not self.levels[self._detect]:
            self._move(self._lines[self._detect], True, now)

    def timebase(self, _role: Role) -> Scheduler:
        """What an end waits in."""
        return self._scheduler

    def port(self, role: Role) -> Port:
        """What an end acts through."""
        end = self._ends[role]
        return Port(partial(self._drive, end), partial(self._transmit, end), partial(setattr, end, "baudrate"))

    def apply(self, role: Role, action: WireAction) -> None:
        """Do something at an end, now."""
        end = self._ends[role]
        if isinstance(action, DriveLine):
            self._drive(end, action.line, action.level)
        elif isinstance(action, SetBaudrate):
            end.baudrate = action.baudrate
        else:
            self._transmit(end, action.data)

    def _drive(self, end: End, name: str, level: bool) -> None:
        line = self._lines.get(name)
        if line is None or line.driver is not end:
            self._violate(f"the {end.role.value} drives {name}, which is not its line")
        elif name == self._detect:
            # It is grounded or let go of, and feeds nothing; what is not on the mount touches nothing.
            if self.attached and self.levels[name] != level:
                self._move(line, level, self._scheduler.now)
        elif level and not self.levels[self._supply] and self._unpowered(end):
            self._violate(f"the {end.role.value} drives {name} high into an unpowered lens")
        elif self.levels[name] != level:
            self._move(line, level, self._scheduler.now)

    def _move(self, line: Line, level: bool, now: float) -> None:
        if self._flights and not level and line.name == self._supply:
            self._cut_all(now)
        self.levels[line.name] = level
        self._tap(Edge(now, line.name, level))
        if line.window is not None:
            line.window.turn_window(level)
            if self._flights:
                self._cut_again(line.driver, now)
        if self.attached or line.driver.role is Role.LENS:
            self._soon(line.listener.hears, line.rises if level else line.falls)

    def _transmit(self, end: End, data: bytes) -> None:
        if not data:
            return
        if not self.levels[self._supply] and self._unpowered(end):
            self._violate(f"the {end.role.value} sends {len(data)} bytes to an unpowered lens")
            return
        peer, baudrate, now = end.peer, end.baudrate, self._scheduler.now
        begins = now if now > end.busy_until else end.busy_until
        ends = end.busy_until = begins + transmission_time(len(data), baudrate)
        burst = Burst(begins, end.role, data, baudrate, ends)
        if peer.baudrate != baudrate:
            self._tap(burst)
            text = f"the {peer.role.value} listens at {peer.baudrate} baud and hears noise"
            self._tap(Remark(ends, text, kind=RemarkKind.FRAMING_ERROR))
        elif self.attached:
            if self.resolution == "byte":
                flight = Flight(burst, peer.hears, (), end_of(burst, 1))
                flight.number = self._scheduler.at(flight.due, self._bytes_arrive, flight)
            else:
                stops = end.runs.cut(data)
                flight = Flight(burst, peer.hears, stops, ends if len(stops) == 1 else end_of(burst, stops[0]))
                flight.number = self._scheduler.at(flight.due, self._run_arrives, flight)
            self._flights.append(flight)

    def _run_arrives(self, flight: Flight, now: float) -> None:
        if flight.due != now or not flight.number:
            return
        stop = flight.stops[flight.run]
        data = flight.burst.data
        if stop == len(data):
            self._land(flight)
            flight.hears(Received(data[flight.told :] if flight.told else data), now)
            return
        run = Received(data[flight.told : stop])
        flight.told = stop
        flight.run += 1
        flight.due = end_of(flight.burst, flight.stops[flight.run])
        if flight.due != flight.kept:
            # One number for all of a burst: its end keeps its place among equal times, however it is cut.
            self._scheduler.at(flight.due, self._run_arrives, flight, flight.number)
        flight.hears(run, now)

    def _cut_again(self, sender: End, now: float) -> None:
        """A window turned while bytes were on their way: what had arrived was heard before, the rest goes by byte."""
        for flight in self._flights:
            if flight.burst.sender is not sender.role or not flight.stops:
                continue
            # Behind the old window's bytes a receiver may stand anywhere in a frame.
            sender.runs.turn_window(False)
            if flight.by_byte:
                continue
            arrived = flight.whole(now, with_now=False)
            self._hear_rest(flight, arrived)
            flight.cut_again(arrived)
            if flight.due != flight.kept:
                self._scheduler.at(flight.due, self._run_arrives, flight, flight.number)

    def _hear_rest(self, flight: Flight, whole: int) -> None:
        """Tell what has arrived without having been heard; its time has gone by, and the receiver is told so."""
        if whole > flight.told:
            ends = end_of(flight.burst, whole)
            rest = Received(flight.burst.data[flight.told : whole])
            self._scheduler.soon(lambda event, _now: flight.hears(event, ends), rest)

    def _bytes_arrive(self, flight: Flight, now: float) -> None:
        burst, hears, scheduler = flight.burst, flight.hears, self._scheduler
        data, size, told = burst.data, len(burst.data), flight.told
        begins, ends = burst.at or 0.0, burst.until or 0.0
        while flight.number:
            byte, told = _BYTES[data[told]], told + 1
            if told == size:
                self._land(flight)
                hears(byte, now)
                return
            flight.told = told
            hears(byte, now)
            # `end_of`, written out: this line is passed more often than any other.
            now = ends if told + 1 == size else begins + (ends - begins) * (told + 1) / size
            if not scheduler.pass_to(now):
                if flight.number:
                    scheduler.at(now, self._bytes_arrive, flight, flight.number)
                return

    def _land(self, flight: Flight) -> None:
        """All of it has arrived: only now is it certain what a recording says of it."""
        flight.number = 0
        self._flights.remove(flight)
        self._tap(flight.burst)

    def _cut_all(self, now: float) -> None:
        """Contact or supply is lost: nothing that is on the wire arrives any more."""
        flights, self._flights = self._flights, []
        for flight in sorted(flights, key=lambda flight: (flight.burst.until or 0.0, flight.number)):
            self._cut(flight, now)

    def _cut(self, flight: Flight, now: float) -> None:
        """What had arrived whole before the cut has been heard."""
        self._scheduler.cancel(flight.number)
        flight.number = 0
        burst = flight.burst
        whole = flight.whole(now, with_now=True)
        if whole:
            self._tap(Burst(burst.at, burst.sender, burst.data[:whole], burst.baudrate, end_of(burst, whole)))
            self._hear_rest(flight, whole)

    def _unpowered(self, end: End) -> bool:
        """Whether an end would feed a lens without supply through its signal lines."""
        return end.role is Role.LENS or self._lines[self._supply].driver is not end

    def _violate(self, what: str) -> None:
        self.violations.append(what)
        self._tap(Remark(self._scheduler.now, f"violation: {what}"))
