"""The virtual mount: ten contacts in memory, with byte time, edges, rails, attach and detach.

No code here reads a clock: events that arrive later wait in the scheduler. An edge reaches the other end at once, a
byte at the end of its stop bit.

Bytes are delivered one by one or in runs; the receiver behaves the same either way. A receiver acts when a frame is
whole, so the frame at the start of a window is a run (its length field gives the size), and so is the padding after
it. All other bytes are delivered one by one, which is always correct.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

from lensmount_emulator.engine.engine import WireOutput
from lensmount_emulator.mount.burst_delivery import BurstInFlight, BurstSplitter, EventHandler, byte_end
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import (
    Annotation,
    AnnotationKind,
    Burst,
    ClockedLink,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    Role,
    SetBaudrate,
    WireAction,
    WireRecord,
    transmission_time,
)

Resolution = Literal["frame", "byte"]
"""Whether bytes are delivered one by one, or in runs with the same effect."""

_BYTES = tuple(Received(bytes((value,))) for value in range(256))


class MountSide:
    """State of one end.

    Attributes:
        role: which end.
        peer: the other end.
        on_event: its event handler; ignores events until it is connected.
        baudrate: its rate for sending and receiving.
        busy_until: time at which its last bit so far is sent, in seconds.
        runs: splits its bursts.
        lines: the lines that it drives and that need no rule but a supply.
    """

    __slots__ = ("baudrate", "busy_until", "lines", "on_event", "peer", "role", "runs")

    def __init__(self, role: Role, baudrate: int, runs: BurstSplitter) -> None:
        self.role = role
        self.peer = self
        self.on_event: EventHandler = lambda _event, _now: None
        self.baudrate = baudrate
        self.busy_until = 0.0
        self.runs = runs
        self.lines: dict[str, MountLine] = {}


class MountLine:
    """A contact that carries a level.

    Attributes:
        name: its published name.
        driver: the end that may drive it.
        listener: the other end.
        window: the splitter of the window that it opens and closes as a select line.
        follow: called with each level that it takes, to follow the acknowledge lines of a half-duplex clocked link.
        special: whether an edge has an effect in the mount itself: on bursts, windows or what an end has loaded.
        attached: whether its listener receives its edges only while a lens is attached.
        falls: event for its listener when it goes low.
        rises: event for its listener when it goes high.
    """

    __slots__ = ("attached", "driver", "falls", "follow", "listener", "name", "rises", "special", "window")

    def __init__(self, name: str, driver: MountSide, listener: MountSide, select: str) -> None:
        self.name = name
        self.driver = driver
        self.listener = listener
        self.window = driver.runs if name == select else None
        self.follow: Callable[[bool, float], None] | None = None
        self.special = self.window is not None
        self.attached = driver.role is not Role.LENS
        self.falls = LineChanged(name, False)
        self.rises = LineChanged(name, True)


def initial_levels(dialect: Dialect) -> dict[str, bool]:
    """The level of every line before anything drives it: low, except for the detect line."""
    return {name: name == dialect.detect for name in dialect.wiring.lines}


class VirtualMount:
    """The contacts between one body and one lens.

    Attributes:
        levels: the level of every line; an undriven line is low, except for the detect line.
        attached: whether a lens is on the mount.
        violations: actions of an end that would damage real hardware, as text.
        resolution: how bytes are delivered; the actions of the ends and their times are the same either way.
    """

    def __init__(
        self,
        dialect: Dialect,
        tap: Callable[[WireRecord], None],
        scheduler: Scheduler,
        resolution: Resolution = "frame",
    ) -> None:
        self.levels = initial_levels(dialect)
        self.attached = False
        self.violations: list[str] = []
        self.resolution = resolution
        self._detect = dialect.detect
        self._supply = dialect.supply
        self._tap = tap
        self._scheduler = scheduler
        self._post = scheduler.post
        self._clocked = dialect.wiring.clocked
        self._loaded: dict[Role, bytes] = {}
        self._flights: list[BurstInFlight] = []
        slowest = dialect.wiring.baudrates[0]
        self._ends = {role: MountSide(role, slowest, BurstSplitter(dialect.formats[role])) for role in Role}
        for role, end in self._ends.items():
            end.peer = self._ends[role.peer]
        self._lines = {
            name: MountLine(name, self._ends[driver], self._ends[driver.peer], dialect.select_line(driver))
            for name, driver in dialect.drivers.items()
        }
        self._acknowledge = None if self._clocked is None else self._clocked.acknowledge
        self._clocked_end_sends = False
        if self._acknowledge is not None:
            self._lines[self._acknowledge.clocking].follow = self._follow_clocking_end
            self._lines[self._acknowledge.clocked].follow = self._follow_clocked_end
        for name, line in self._lines.items():
            line.special |= line.follow is not None or name == self._supply
            if name != self._detect:
                line.driver.lines[name] = line
        self._drives = {role: self._make_drive(end) for role, end in self._ends.items()}
        # Whether `_edge_moved` and `_clocked_records` have anything to do.
        self._watches_edges = self._changes_bursts = False

    @property
    def busy_until(self) -> float:
        """Time at which the last bit of both ends so far is sent, in seconds."""
        return max(end.busy_until for end in self._ends.values())

    def connect(self, role: Role, on_event: EventHandler) -> None:
        """Set the handler of the events at an end."""
        self._ends[role].on_event = on_event

    def attach(self, now: float, *, grounded: bool = True) -> None:
        """Attach the lens.

        Args:
            now: seconds.
            grounded: whether it is detected at once; an accessory without a lens grounds the detect line itself, later.
        """
        self.attached = True
        if grounded:
            self._move(self._lines[self._detect], False, now)

    def detach(self, now: float) -> None:
        """Detach the lens: its lines fall, and bursts on the wire are cut."""
        self.attached = False
        self._cut_all(now)
        for name, line in self._lines.items():
            if line.driver.role is Role.LENS and self.levels[name] and name != self._detect:
                self._move(line, False, now)
            elif line.driver.role is Role.BODY and self.levels[name]:
                self._scheduler.call_soon(line.listener.on_event, line.falls)
        for end in self._ends.values():
            end.runs.turn_window(False)
        if not self.levels[self._detect]:
            self._move(self._lines[self._detect], True, now)

    def timebase(self, _role: Role) -> Scheduler:
        """Return the scheduler of an end."""
        return self._scheduler

    def port(self, role: Role) -> WireOutput:
        """Return the output of an end."""
        end = self._ends[role]
        return WireOutput(self._drives[role], partial(self._transmit, end), partial(setattr, end, "baudrate"))

    def apply(self, role: Role, action: WireAction) -> None:
        """Apply an action of an end now."""
        end = self._ends[role]
        if isinstance(action, DriveLine):
            self._drives[role](action.line, action.level)
        elif isinstance(action, SetBaudrate):
            end.baudrate = action.baudrate
        else:
            self._transmit(end, action.data)

    def _make_drive(self, end: MountSide) -> Callable[[str, bool], None]:
        """Return what lets an end drive a line, to a level."""
        # Each edge passes here, so that what does not change is looked up once.
        find_line, levels, supply, move, scheduler = (
            end.lines.get,
            self.levels,
            self._supply,
            self._move,
            self._scheduler,
        )

        def drive(name: str, level: bool) -> None:
            line = find_line(name)
            if line is None or (level and not levels[supply]):
                self._intercept(end, name, level)
            elif levels[name] != level:
                move(line, level, scheduler.now)

        return drive

    def _intercept(self, end: MountSide, name: str, level: bool) -> None:
        """Handle a drive to which more rules apply."""
        self._drive_now(end, name, level)

    def _drive_now(self, end: MountSide, name: str, level: bool) -> None:
        """Put a line at a level, unless that would damage real hardware."""
        line = self._lines.get(name)
        if line is None or line.driver is not end:
            self._record_violation(f"the {end.role.value} drives {name}, which is not its line")
        elif name == self._detect:
            # The detect line is grounded or released, and powers nothing; a detached lens does not affect it.
            if self.attached and self.levels[name] != level:
                self._move(line, level, self._scheduler.now)
        elif level and not self.levels[self._supply] and self._would_back_power(end):
            self._record_violation(f"the {end.role.value} drives {name} high into an unpowered lens")
        elif self.levels[name] != level:
            self._move(line, level, self._scheduler.now)

    def _move(self, line: MountLine, level: bool, now: float) -> None:
        name = line.name
        special = line.special
        if special and not level and name == self._supply:
            self._lose_supply(now)
        self.levels[name] = level
        self._tap(Edge(now, name, level))
        if special:
            if line.window is not None:
                line.window.turn_window(level)
                if self._flights:
                    self._resplit(line.driver, now)
            elif line.follow is not None:
                line.follow(level, now)
        if self.attached or not line.attached:
            self._post((line.listener.on_event, line.rises if level else line.falls))
        if self._watches_edges:
            self._edge_moved(line, level)

    def _lose_supply(self, now: float) -> None:
        """The supply is about to fall: bursts are cut, and what an end has loaded is lost."""
        self._loaded.clear()
        self._clocked_end_sends = False
        if self._flights:
            self._cut_all(now)

    def _edge_moved(self, line: MountLine, level: bool) -> None:
        """Handle an edge that something beside the ends watches, after it was recorded."""

    def _transmit(self, end: MountSide, data: bytes) -> None:
        if not data:
            return
        if not self.levels[self._supply] and self._would_back_power(end):
            self._record_violation(f"the {end.role.value} sends {len(data)} bytes to an unpowered lens")
            return
        if self._clocked is not None:
            self._shift(end, data, self._clocked)
            return
        peer, baudrate, now = end.peer, end.baudrate, self._scheduler.now
        begins = now if now > end.busy_until else end.busy_until
        ends = end.busy_until = begins + transmission_time(len(data), baudrate)
        burst = Burst(begins, end.role, data, baudrate, ends)
        if peer.baudrate != baudrate:
            self._tap(burst)
            text = f"receiver of the {peer.role.value} at {peer.baudrate} baud: framing errors"
            self._tap(Annotation(ends, text, kind=AnnotationKind.FRAMING_ERROR))
        elif self.attached:
            if self.resolution == "byte":
                flight = BurstInFlight(burst, peer.on_event, (), byte_end(burst, 1))
                flight.number = self._scheduler.call_at(flight.due, self._bytes_arrive, flight)
            else:
                stops = end.runs.cut(data)
                flight = BurstInFlight(
                    burst, peer.on_event, stops, ends if len(stops) == 1 else byte_end(burst, stops[0])
                )
                flight.number = self._scheduler.call_at(flight.due, self._run_arrives, flight)
            self._flights.append(flight)

    def _shift(self, end: MountSide, data: bytes, link: ClockedLink) -> None:
        """Clock a burst, or load the unit that the other end's next burst shifts out of this one."""
        now = self._scheduler.now
        if end.role is not link.clocked_by:
            self._loaded[end.role] = data
            if self._clocked_end_sends:
                self._clock_answer(end, now)
        elif now >= end.busy_until:
            self._clock_burst((end, data), now)
        else:
            self._scheduler.call_at(end.busy_until, self._clock_burst, (end, data))

    def _clock_burst(self, burst: tuple[MountSide, bytes], now: float) -> None:
        """Shift both ends' units at once; an end that has loaded nothing shifts out the idle value."""
        link, (end, data) = self._clocked, burst
        if link is None or not self.attached:
            return
        peer, size = end.peer, len(data)
        if self._acknowledge is not None:
            # What the clocked end has loaded before belongs to an earlier transaction.
            self._loaded.clear()
            self._clock_unit(end, data, now, link)
            return
        loaded = self._loaded.pop(peer.role, b"")
        powered = self.levels[self._supply]
        if not loaded and powered:
            text = f"the {peer.role.value} has loaded nothing: it shifts out {link.idle_byte:#04x}"
            self._tap(Annotation(now, text))
        ends = end.busy_until = peer.busy_until = now + link.duration(size)
        for record in self._clocked_records({end.role: data, peer.role: loaded}, link, now, ends):
            # Without its supply the clocked end shifts out nothing.
            if powered or record.sender is end.role:
                self._send_unit(record, self._ends[record.sender.peer], ends)

    def _clocked_records(self, units: dict[Role, bytes], link: ClockedLink, now: float, ends: float) -> list[Burst]:
        """The records of a burst from what the ends have loaded: what each end receives from the other.

        Full duplex, both ends have a unit, and that of the end that clocks has the size of the burst; half duplex, one.
        """
        if link.acknowledge is not None:
            return [Burst(now, sender, unit, link.bit_rate, ends, whole=True) for sender, unit in units.items()]
        first, size = link.clocked_by, len(units[link.clocked_by])
        answer = (units[first.peer] + bytes((link.idle_byte,)) * size)[:size]
        return [
            Burst(now, first, units[first], link.bit_rate, ends, whole=True),
            Burst(now, first.peer, answer, link.bit_rate, ends, whole=True),
        ]

    def _follow_clocking_end(self, level: bool, now: float) -> None:
        """Follow the acknowledge line of the end that clocks: the clocked end sends next if its line rose first."""
        lines = self._acknowledge
        if level and lines is not None and self.levels[lines.clocked]:
            self._clocked_end_sends = True
            if self._loaded:
                self._clock_answer(self._lines[lines.clocking].listener, now)
        else:
            self._clocked_end_sends = False

    def _follow_clocked_end(self, level: bool, _now: float) -> None:
        """Follow the acknowledge line of the clocked end: with its fall that end withdraws what it has loaded."""
        if not level:
            self._loaded.clear()

    def _clock_answer(self, end: MountSide, now: float) -> None:
        """Clock what the clocked end of a half-duplex link has loaded."""
        data = self._loaded.pop(end.role, b"")
        if data and self._clocked is not None and self.attached and self.levels[self._supply]:
            self._clock_unit(end, data, max(now, end.busy_until), self._clocked)

    def _clock_unit(self, end: MountSide, data: bytes, at: float, link: ClockedLink) -> None:
        """Clock a unit of one sender."""
        peer = end.peer
        ends = end.busy_until = peer.busy_until = at + link.duration(len(data))
        if self._changes_bursts:
            for record in self._clocked_records({end.role: data}, link, at, ends):
                self._send_unit(record, peer, ends)
        else:
            self._send_unit(Burst(at, end.role, data, link.bit_rate, ends, True), peer, ends)

    def _send_unit(self, record: Burst, receiver: MountSide, ends: float) -> None:
        """Deliver what an end receives of a clocked burst, at its end."""
        flight = BurstInFlight(record, receiver.on_event, (len(record.data),), ends)
        flight.number = self._scheduler.call_at(ends, self._unit_arrives, flight)
        self._flights.append(flight)

    def _unit_arrives(self, flight: BurstInFlight, now: float) -> None:
        """Deliver a clocked burst, which no window splits."""
        if flight.number:
            burst = flight.burst
            flight.number = 0
            self._flights.remove(flight)
            self._tap(burst)
            flight.on_event(Received(burst.data), now)

    def _run_arrives(self, flight: BurstInFlight, now: float) -> None:
        if flight.due != now or not flight.number:
            return
        stop = flight.stops[flight.run]
        data = flight.burst.data
        if stop == len(data):
            self._complete_burst(flight)
            flight.on_event(Received(data[flight.delivered :] if flight.delivered else data), now)
            return
        run = Received(data[flight.delivered : stop])
        flight.delivered = stop
        flight.run += 1
        flight.due = byte_end(flight.burst, flight.stops[flight.run])
        if flight.due != flight.kept:
            # One number for the whole burst: its end keeps its place among equal times, however it is split.
            self._scheduler.call_at(flight.due, self._run_arrives, flight, flight.number)
        flight.on_event(run, now)

    def _resplit(self, sender: MountSide, now: float) -> None:
        """Handle a window change while bytes are on the wire: deliver the complete bytes, then the rest by byte."""
        for flight in self._flights:
            if flight.burst.sender is not sender.role or not flight.stops:
                continue
            # After the old window's bytes a receiver may be anywhere in a frame.
            sender.runs.turn_window(False)
            if flight.by_byte:
                continue
            arrived = flight.complete_bytes(now, with_now=False)
            self._deliver_rest(flight, arrived)
            flight.resplit(arrived)
            if flight.due != flight.kept:
                self._scheduler.call_at(flight.due, self._run_arrives, flight, flight.number)

    def _deliver_rest(self, flight: BurstInFlight, whole: int) -> None:
        """Deliver complete bytes that are not delivered yet, with their earlier time."""
        if whole > flight.delivered:
            ends = byte_end(flight.burst, whole)
            rest = Received(flight.burst.data[flight.delivered : whole])
            self._scheduler.call_soon(lambda event, _now: flight.on_event(event, ends), rest)

    def _bytes_arrive(self, flight: BurstInFlight, now: float) -> None:
        burst, on_event, scheduler = flight.burst, flight.on_event, self._scheduler
        data, size, delivered = burst.data, len(burst.data), flight.delivered
        begins, ends = burst.at or 0.0, burst.end or 0.0
        while flight.number:
            byte, delivered = _BYTES[data[delivered]], delivered + 1
            if delivered == size:
                self._complete_burst(flight)
                on_event(byte, now)
                return
            flight.delivered = delivered
            on_event(byte, now)
            # `byte_end`, inlined: this line runs more often than any other.
            now = ends if delivered + 1 == size else begins + (ends - begins) * (delivered + 1) / size
            if not scheduler.try_advance_to(now):
                if flight.number:
                    scheduler.call_at(now, self._bytes_arrive, flight, flight.number)
                return

    def _complete_burst(self, flight: BurstInFlight) -> None:
        """Record a burst after its last byte: only now is its record certain."""
        flight.number = 0
        self._flights.remove(flight)
        self._tap(flight.burst)

    def _cut_all(self, now: float) -> None:
        """Cut all bursts on the wire, because contact or supply is lost."""
        flights, self._flights = self._flights, []
        for flight in sorted(flights, key=lambda flight: (flight.burst.end or 0.0, flight.number)):
            self._cut(flight, now)

    def _cut(self, flight: BurstInFlight, now: float) -> None:
        """Cut a burst; bytes that are complete before the cut are delivered."""
        self._scheduler.cancel(flight.number)
        flight.number = 0
        burst = flight.burst
        whole = flight.complete_bytes(now, with_now=True)
        if whole:
            self._tap(Burst(burst.at, burst.sender, burst.data[:whole], burst.baudrate, byte_end(burst, whole)))
            self._deliver_rest(flight, whole)

    def _would_back_power(self, end: MountSide) -> bool:
        """Whether an end would back-power an unpowered lens through its signal lines."""
        return end.role is Role.LENS or self._lines[self._supply].driver is not end

    def _record_violation(self, what: str) -> None:
        self.violations.append(what)
        self._tap(Annotation(self._scheduler.now, f"violation: {what}"))
