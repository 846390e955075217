"""A virtual mount on which things go wrong: faults stand between the ends and the contacts."""

from collections import Counter
from collections.abc import Callable, Iterable

from lensmount_emulator.faults.clocks import DriftingScheduler
from lensmount_emulator.faults.fault import Fault, Piece
from lensmount_emulator.faults.lanes import Lanes
from lensmount_emulator.faults.plan import Plan, fresh
from lensmount_emulator.faults.timing import Drift
from lensmount_emulator.mount.flight import Ear
from lensmount_emulator.mount.port import Port
from lensmount_emulator.mount.virtual import End, Line, Resolution, VirtualMount
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import BITS_PER_BYTE, Record, Remark, Role, SetBaudrate, WireAction

HOLD_S = 5e-6
"""An end whose bytes take longer than it knows holds its select line for this long behind them."""


class FaultyMount(VirtualMount):
    """The contacts, and what is wrong with them.

    What an end does goes through the faults before it reaches the contacts, so a recording shows what the other end
    hears. An end keeps its order: what follows on something late is as late, and a select line is held for the bytes
    in front of its fall.

    Attributes:
        dialect: what is spoken.
        scheduler: where faults plan what happens by time.
        faults: those that act, in their order.
        exchanges: has another lens by hand, by the name of its profile; does nothing where nobody can.
        puts_on: puts on what was taken off.
    """

    def __init__(
        self,
        dialect: Dialect,
        tap: Callable[[Record], None],
        scheduler: Scheduler,
        resolution: Resolution = "frame",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(dialect, tap, scheduler, resolution)
        self.dialect = dialect
        self.scheduler = scheduler
        self.faults: list[Fault] = []
        self.exchanges: Callable[[str], None] = lambda _lens: None
        self.puts_on: Callable[[float], None] = self.attach
        self._lanes = Lanes(scheduler)
        self._held: Counter[str] = Counter()
        self._wanted: dict[str, bool] = {}
        self._clocks: dict[Role, DriftingScheduler] = {}
        self._until = dict.fromkeys(Role, 0.0)
        self._meant: dict[str, bool] = {}
        self._rates = {role: end.baudrate for role, end in self._ends.items()}
        self._selects = {dialect.select_line(role): role for role in Role}
        planned = [] if plan is None else plan.fresh()
        for role in Role:
            drifts = [fault for fault in planned if isinstance(fault, Drift) and fault.hits(role)]
            if drifts:
                self._clocks[role] = DriftingScheduler(scheduler, drifts)
        for fault in planned:
            self._begin(fault)

    def add(self, fault: Fault, seed: str) -> Fault:
        """Have another thing go wrong; its times count from now on.

        Args:
            fault: what goes wrong; a clock must drift from the start, and does not from here on.
            seed: where its chance comes from.
        """
        added = fresh(fault, seed)
        added.since = self._scheduler.now
        self._begin(added)
        return added

    def timebase(self, role: Role) -> Scheduler:
        """What an end waits in: the time of all, or a clock that drifts."""
        return self._clocks.get(role, self._scheduler)

    def local(self, role: Role, now: float) -> float:
        """What an end's clock says at a time."""
        clock = self._clocks.get(role)
        return now if clock is None else clock.local(now)

    def connect(self, role: Role, hears: Ear) -> None:
        """Say who hears what arrives at an end."""
        clock = self._clocks.get(role)
        super().connect(role, hears if clock is None else clock.ear(hears))

    def port(self, role: Role) -> Port:
        """What an end acts through."""
        end, plain = self._ends[role], super().port(role)

        def set_baudrate(baudrate: int) -> None:
            self._rates[role] = baudrate
            self._lanes.do(role, 0.0, lambda: setattr(end, "baudrate", baudrate), lambda: True)

        return Port(plain.drive, lambda data: self._transmit(end, data), set_baudrate)

    def apply(self, role: Role, action: WireAction) -> None:
        """Do something at an end, now."""
        if isinstance(action, SetBaudrate):
            self._rates[role] = action.baudrate
        super().apply(role, action)

    def attach(self, now: float, *, grounded: bool = True) -> None:
        """Put the lens on the mount; what has supply there already is seen by it."""
        if self._held[self._detect]:
            self.attached = True
            self._wanted[self._detect] = not grounded
        else:
            super().attach(now, grounded=grounded)
        for name, line in self._lines.items():
            if line.driver.role is Role.BODY and self.levels[name]:
                self._soon(line.listener.hears, line.rises)

    def detach(self, now: float) -> None:
        """Take the lens off; what of it was still to come does not."""
        self._forget_late()
        for name, line in self._lines.items():
            if line.driver.role is Role.LENS and name in self._wanted:
                self._wanted[name] = name == self._detect
        super().detach(now)

    # What faults do: the names of `Grip`.

    def hold(self, line: str, level: bool) -> None:
        """Put a line at a level, whatever its driver wants, until it is let go as often as it was held."""
        self._held[line] += 1
        self._wanted.setdefault(line, self.levels[line])
        self._put(self._lines[line], level)

    def let_go(self, line: str) -> None:
        """Give a line back to its driver, at the level that it wants by now."""
        self._held[line] -= 1
        if not self._held[line]:
            self._put(self._lines[line], self._wanted.pop(line))

    def take_off(self) -> None:
        """Take the lens off."""
        if self.attached:
            self.detach(self._scheduler.now)

    def put_on(self) -> None:
        """Put on the mount what was taken off it."""
        if not self.attached:
            self.puts_on(self._scheduler.now)

    def exchange(self, lens: str) -> None:
        """Have another lens by hand, to be put on next."""
        self.exchanges(lens)

    def is_held(self, line: str) -> bool:
        """Whether a fault has put a line where it is, whatever its driver wants."""
        return self._held[line] > 0

    def note(self, text: str) -> None:
        """Say in the recording what a fault did."""
        self._tap(Remark(self._scheduler.now, f"fault: {text}"))

    def ends_of(self, sender: Role) -> float:
        """When an end's last bit so far is over, in seconds."""
        return max(self._ends[sender].busy_until, self._until[sender])

    def baudrate(self, role: Role) -> int:
        """The rate at which an end sends and listens."""
        return self._ends[role].baudrate

    def under_way(self, sender: Role) -> int:
        """Bytes of bursts that have not landed: what of them has been heard is not in the recording yet."""
        return sum(len(flight.burst.data) for flight in self._flights if flight.burst.sender is sender)

    def byte_time(self, sender: Role) -> float:
        """Seconds that one byte of an end takes."""
        return BITS_PER_BYTE / self._ends[sender].baudrate

    def _begin(self, fault: Fault) -> None:
        self.faults.append(fault)
        fault.begin(self)

    def _acting(self, role: Role | None) -> Iterable[Fault]:
        if not self.faults:
            return ()
        now = self._scheduler.now
        over = [fault for fault in self.faults if fault.ends < now and not fault.acts(now)]
        if over:
            self.faults = [fault for fault in self.faults if fault not in over]
        return [f for f in self.faults if not f.BY_TIME and f.acts(now) and (role is None or f.hits(role))]

    def _put(self, line: Line, level: bool) -> None:
        """Move a line for a fault: nobody is to blame for it, but what has no supply has no level."""
        powered = self.levels[self._supply] or line.driver.role is Role.BODY or line.name == self._detect
        level = level and (powered or bool(self._held[line.name]))
        if self.levels[line.name] != level:
            self._move(line, level, self._scheduler.now)

    def _drive(self, end: End, name: str, level: bool) -> None:
        delay = 0.0
        self._meant[name] = level
        for fault in self._acting(end.role):
            delay += fault.delay(name, level, self)
        lane: Role | str = name
        if name in self._selects:
            lane = end.role
            until = max(end.busy_until, self._until[end.role])
            if not level and until > self._scheduler.now + delay and self._fed(end):
                delay = until + HOLD_S - self._scheduler.now
        if delay <= 0 and not self._lanes.waits(lane):
            self._drive_now(end, name, level)
        else:
            self._lanes.do(lane, delay, lambda: self._drive_now(end, name, level), lambda: not level or self._fed(end))

    def _drive_now(self, end: End, name: str, level: bool) -> None:
        if self._held[name]:
            self._wanted[name] = level
        else:
            super()._drive(end, name, level)

    def _move(self, line: Line, level: bool, now: float) -> None:
        if not level and line.name == self._supply:
            self._forget_late()
        super()._move(line, level, now)
        for fault in self._acting(None):
            fault.moved(line.name, level, self)

    def _transmit(self, end: End, data: bytes) -> None:
        if not data:
            return
        if not self.faults and not self._lanes.waits(end.role):
            begins = max(self._scheduler.now, end.busy_until, self._until[end.role])
            self._until[end.role] = begins + len(data) * self.byte_time(end.role)
            super()._transmit(end, data)
            return
        pieces = [Piece(data)]
        for fault in self._acting(end.role):
            if pieces:
                pieces = fault.alter(pieces, end.role, self)
        begins = max(self._scheduler.now, end.busy_until, self._until[end.role])
        for piece in pieces:
            # Bytes stand back to back behind those in front of them, but for what holds them up.
            begins += piece.delay
            wait = begins - self._scheduler.now if piece.delay else 0.0
            begins += len(piece.data) * self.byte_time(end.role) / piece.rate
            self._lanes.do(end.role, wait, self._sender(end, piece), lambda: self._fed(end))
            self._until[end.role] = begins

    def _sender(self, end: End, piece: Piece) -> Callable[[], None]:
        def send() -> None:
            self._send(end, piece)

        return send

    def _send(self, end: End, piece: Piece) -> None:
        rates = end.baudrate, end.peer.baudrate
        if piece.rate != 1.0 and rates[0] == rates[1]:
            end.baudrate = end.peer.baudrate = round(rates[0] * piece.rate)
        super()._transmit(end, piece.data)
        end.baudrate, end.peer.baudrate = rates

    def _forget_late(self) -> None:
        """The lens has lost contact or supply: what was to come from it late does not come; its rate is its own."""
        self._lanes.forget(Role.LENS)
        self._ends[Role.LENS].baudrate = self._rates[Role.LENS]
        for name, line in self._lines.items():
            late = self.levels[name] and not self._meant.get(name, True)
            if late and line.driver.role is Role.LENS and name != self._detect and not self._held[name]:
                # It fell late; what has no supply holds nothing high.
                self._move(line, False, self._scheduler.now)
        self._until[Role.LENS] = 0.0

    def _fed(self, end: End) -> bool:
        """Whether an end may do something that comes late: nobody is fed who has lost the supply meanwhile."""
        return end.role is Role.BODY or self.levels[self._supply]
