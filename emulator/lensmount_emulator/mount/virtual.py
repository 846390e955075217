"""The virtual mount: ten contacts in memory, with byte time, edges, rails, attach and detach.

Nothing here reads a clock: `now` is a parameter, and `next_time` says when something will arrive. What one end does
at a time reaches the other at that time (edges) or when its last stop bit is over (bytes).
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

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


@dataclass(order=True, slots=True)
class _Delivery:
    at: float
    number: int
    to: Role = field(compare=False)
    event: WireEvent = field(compare=False)
    burst: Burst | None = field(compare=False, default=None)


class VirtualMount:
    """The contacts between one body and one lens.

    Attributes:
        levels: the level of every line; a line that nobody drives is low, but for the detect line.
        attached: whether a lens is on the mount.
        violations: what an end did that would hurt a real one, as text.
    """

    def __init__(self, dialect: Dialect, tap: Callable[[Record], None]) -> None:
        self.levels = dict.fromkeys(dialect.wiring.lines, False)
        self.levels[dialect.detect] = True
        self.attached = False
        self.violations: list[str] = []
        self._dialect = dialect
        self._tap = tap
        self._baudrates = dict.fromkeys(Role, dialect.wiring.baudrates[0])
        self._busy_until = dict.fromkeys(Role, 0.0)
        self._deliveries: list[_Delivery] = []
        self._numbers = itertools.count()

    def attach(self, now: float) -> None:
        """Put the lens on the mount."""
        self.attached = True
        self._move(self._dialect.detect, False, now)

    def detach(self, now: float) -> None:
        """Take the lens off: its lines fall to rest and what was on the wire is cut where it was."""
        self.attached = False
        pending, self._deliveries = self._deliveries, []
        for delivery in pending:
            if delivery.burst is not None:
                self._cut(delivery.burst, now)
        for line, driver in self._dialect.drivers.items():
            if driver is Role.LENS and self.levels[line] and line != self._dialect.detect:
                self._move(line, False, now)
            elif driver is Role.BODY and self.levels[line]:
                self._deliver(now, Role.LENS, LineChanged(line, False))
        self._move(self._dialect.detect, True, now)

    def apply(self, role: Role, action: WireAction, now: float) -> None:
        """One end does something."""
        if isinstance(action, SetBaudrate):
            self._baudrates[role] = action.baudrate
        elif isinstance(action, DriveLine):
            self._drive(role, action, now)
        else:
            self._transmit(role, action.data, now)

    def next_time(self) -> float | None:
        """When the next event arrives somewhere, in seconds."""
        return self._deliveries[0].at if self._deliveries else None

    def take_due(self, now: float) -> tuple[Role, WireEvent] | None:
        """The oldest event that has arrived by now and the end that it arrives at."""
        if not self._deliveries or self._deliveries[0].at > now:
            return None
        delivery = heapq.heappop(self._deliveries)
        if delivery.burst is not None:
            self._tap(delivery.burst)
        return delivery.to, delivery.event

    def _drive(self, role: Role, action: DriveLine, now: float) -> None:
        if self._dialect.drivers.get(action.line) is not role:
            self._violate(f"the {role.value} drives {action.line}, which is not its line", now)
        elif self._unpowered(role) and action.level:
            self._violate(f"the {role.value} drives {action.line} high into an unpowered lens", now)
        elif self.levels[action.line] != action.level:
            self._move(action.line, action.level, now)

    def _move(self, line: str, level: bool, now: float) -> None:
        self.levels[line] = level
        self._tap(Edge(now, line, level))
        driver = self._dialect.drivers[line]
        if self.attached or driver is Role.LENS:
            self._deliver(now, driver.peer, LineChanged(line, level))

    def _transmit(self, role: Role, data: bytes, now: float) -> None:
        if self._unpowered(role):
            self._violate(f"the {role.value} sends {len(data)} bytes to an unpowered lens", now)
            return
        baudrate = self._baudrates[role]
        begins = max(now, self._busy_until[role])
        ends = self._busy_until[role] = begins + transmission_time(len(data), baudrate)
        burst = Burst(begins, role, data, baudrate, ends)
        if self._baudrates[role.peer] != baudrate:
            self._tap(burst)
            self._tap(
                Remark(
                    ends,
                    f"the {role.peer.value} listens at {self._baudrates[role.peer]} baud and hears noise",
                )
            )
        elif self.attached:
            self._deliver(ends, role.peer, Received(data), burst)

    def _unpowered(self, role: Role) -> bool:
        supply = self._dialect.supply
        return not self.levels[supply] and (role is Role.LENS or self._dialect.drivers[supply] is not role)

    def _violate(self, what: str, now: float) -> None:
        self.violations.append(what)
        self._tap(Remark(now, f"violation: {what}"))

    def _cut(self, burst: Burst, now: float) -> None:
        if burst.at is None or burst.until is None or burst.at >= now:
            return
        whole = int((now - burst.at) / (burst.until - burst.at) * len(burst.data))
        if whole:
            self._tap(Burst(burst.at, burst.sender, burst.data[:whole], burst.baudrate, burst.byte_at(whole)))

    def _deliver(self, at: float, to: Role, event: WireEvent, burst: Burst | None = None) -> None:
        heapq.heappush(self._deliveries, _Delivery(at, next(self._numbers), to, event, burst))
