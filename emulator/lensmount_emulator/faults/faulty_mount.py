"""A virtual mount with fault injection between the ends and the contacts.

Delayed actions of one queue keep their order, whatever their delays.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable

from lensmount_emulator.engine.engine import WireOutput
from lensmount_emulator.faults.clock_faults import pack_bits, receive_burst
from lensmount_emulator.faults.fault import ClockedBurst, Fault, OutgoingBytes
from lensmount_emulator.faults.registry import FaultPlan, reset_fault
from lensmount_emulator.faults.timing_faults import ClockDrift, DriftingScheduler
from lensmount_emulator.mount.burst_delivery import EventHandler
from lensmount_emulator.mount.virtual_mount import MountLine, MountSide, Resolution, VirtualMount
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import (
    BITS_PER_BYTE,
    BITS_PER_CLOCKED_BYTE,
    Annotation,
    Burst,
    ClockedLink,
    PartialBurst,
    Role,
    SetBaudrate,
    WireAction,
    WireRecord,
)

GAP_S = 10e-6
"""Gap between two actions of a queue after a delayed one: the other end must see both edges of a select line."""


class _DelayQueue:
    """Delayed actions of one key.

    Attributes:
        waiting: number of actions that wait.
        due: time of the last of them, in seconds.
        run: incremented when the waiting actions are cancelled.
    """

    __slots__ = ("due", "run", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        self.due = 0.0
        self.run = 0


class DelayQueues:
    """Runs actions at once or delayed, in order.

    Args:
        scheduler: schedules the delayed actions.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._queues: dict[Hashable, _DelayQueue] = {}

    def waits(self, key: Hashable) -> bool:
        """Whether an action of a queue is delayed, so that later ones must wait for it."""
        queue = self._queues.get(key)
        return queue is not None and queue.waiting > 0

    def run_in_order(self, key: Hashable, delay: float, action: Callable[[], None], still: Callable[[], bool]) -> None:
        """Run an action: at once if no action of its queue waits and it has no delay.

        Args:
            key: the queue.
            delay: delay in seconds.
            action: the action.
            still: called when a delayed action is due; if it returns `False`, the action is skipped.
        """
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _DelayQueue()
        if not queue.waiting and delay <= 0:
            action()
            return
        when = self._scheduler.now + delay
        queue.due = max(when, queue.due + GAP_S) if queue.waiting else when
        queue.waiting += 1
        self._scheduler.call_at(queue.due, self._run, (queue, queue.run, action, still))

    def forget(self, key: Hashable) -> None:
        """Cancel the waiting actions of a queue."""
        queue = self._queues.get(key)
        if queue is not None:
            queue.run += 1
            queue.waiting = 0

    def _run(self, late: tuple[_DelayQueue, int, Callable[[], None], Callable[[], bool]], _now: float) -> None:
        queue, run, action, still = late
        if queue.run == run:
            queue.waiting -= 1
            if still():
                action()


HOLD_S = 5e-6
"""Time for which a select line is held after bytes that take longer than their sender knows."""


class FaultyMount(VirtualMount):
    """The contacts, with faults.

    Actions of an end pass the faults before they reach the contacts, so a recording shows what the other end
    receives. The actions of an end keep their order: an action after a delayed one waits for it, and a select line is
    held for the bytes before its falling edge.

    Attributes:
        dialect: the dialect of the mount.
        scheduler: schedules timed effects of faults.
        faults: the active faults, in their order.
        on_swap: selects the lens that is attached next, by the name of its profile; by default does nothing.
        on_attach: attaches the detached lens.
        on_hold: stops time at a breakpoint; by default does nothing.
    """

    def __init__(
        self,
        dialect: Dialect,
        tap: Callable[[WireRecord], None],
        scheduler: Scheduler,
        resolution: Resolution = "frame",
        plan: FaultPlan | None = None,
    ) -> None:
        super().__init__(dialect, tap, scheduler, resolution)
        self.dialect = dialect
        self.scheduler = scheduler
        self.faults: list[Fault] = []
        self._on_bytes: list[Fault] = []
        self._on_burst: list[Fault] = []
        self._on_drive: list[Fault] = []
        self._on_edge: list[Fault] = []
        self.on_swap: Callable[[str], None] = lambda _lens: None
        self.on_attach: Callable[[float], None] = self.attach
        self.on_hold: Callable[[str], None] = lambda _text: None
        self._delay_queues = DelayQueues(scheduler)
        self._held: Counter[str] = Counter()
        self._wanted: dict[str, bool] = {}
        self._clocks: dict[Role, DriftingScheduler] = {}
        self._until = dict.fromkeys(Role, 0.0)
        self._meant: dict[str, bool] = {}
        # Baud rate -> seconds of a byte; a link has few rates.
        self._byte_times: dict[int, float] = {}
        self._rates = {role: end.baudrate for role, end in self._ends.items()}
        self._selects = {dialect.select_line(role): role for role in Role}
        for select in self._selects:
            self._intercept_line(select)
        planned = [] if plan is None else plan.reset_copy()
        for role in Role:
            drifts = [fault for fault in planned if isinstance(fault, ClockDrift) and fault.applies_to(role)]
            if drifts:
                self._clocks[role] = DriftingScheduler(scheduler, drifts)
        for fault in planned:
            self._begin(fault)

    def add(self, fault: Fault, seed: str) -> Fault:
        """Add a fault; its times count from now on.

        Args:
            fault: the fault; a `ClockDrift` also needs `drift`.
            seed: seed of its random generator.
        """
        added = reset_fault(fault, seed)
        added.since = self._scheduler.now
        self._begin(added)
        return added

    def drift(self, drift: ClockDrift) -> list[Role]:
        """Let the clocks of ends drift from now on; timers that run keep their times.

        Returns:
            The ends: the caller connects their engines to `timebase` once more.
        """
        ends = [role for role in Role if drift.applies_to(role)]
        for role in ends:
            if role in self._clocks:
                self._clocks[role].add(drift)
            else:
                self._clocks[role] = DriftingScheduler(self._scheduler, [drift])
        return ends

    def timebase(self, role: Role) -> Scheduler:
        """Return the scheduler of an end: the shared one, or one with clock drift."""
        return self._clocks.get(role, self._scheduler)

    def local(self, role: Role, now: float) -> float:
        """Return the time of an end's clock at a true time, in seconds."""
        clock = self._clocks.get(role)
        return now if clock is None else clock.local(now)

    def connect(self, role: Role, on_event: EventHandler) -> None:
        """Set the handler of the events at an end."""
        clock = self._clocks.get(role)
        super().connect(role, on_event if clock is None else clock.wrap_handler(on_event))

    def port(self, role: Role) -> WireOutput:
        """Return the output of an end."""
        end, plain = self._ends[role], super().port(role)

        def set_baudrate(baudrate: int) -> None:
            self._rates[role] = baudrate
            self._delay_queues.run_in_order(role, 0.0, lambda: setattr(end, "baudrate", baudrate), lambda: True)

        return WireOutput(plain.drive, plain.transmit, set_baudrate)

    def apply(self, role: Role, action: WireAction) -> None:
        """Apply an action of an end now."""
        if isinstance(action, SetBaudrate):
            self._rates[role] = action.baudrate
        super().apply(role, action)

    def attach(self, now: float, *, grounded: bool = True) -> None:
        """Attach the lens; it receives the lines that are already high."""
        if self._held[self._detect]:
            self.attached = True
            self._wanted[self._detect] = not grounded
        else:
            super().attach(now, grounded=grounded)
        for name, line in self._lines.items():
            if line.driver.role is Role.BODY and self.levels[name]:
                self._post((line.listener.on_event, line.rises))

    def detach(self, now: float) -> None:
        """Detach the lens; its delayed actions are cancelled."""
        self._forget_late()
        for name, line in self._lines.items():
            if line.driver.role is Role.LENS and name in self._wanted:
                self._wanted[name] = name == self._detect
        super().detach(now)

    # The methods of `FaultTarget`.

    def force_line(self, line: str, level: bool) -> None:
        """Force a line to a level, whatever its driver does, until each call is matched by `release_line`."""
        self._held[line] += 1
        self._intercept_line(line)
        self._wanted.setdefault(line, self.levels[line])
        self._put(self._lines[line], level)

    def release_line(self, line: str) -> None:
        """Return a line to its driver, at the level that the driver wants now."""
        self._held[line] -= 1
        if not self._held[line]:
            self._put(self._lines[line], self._wanted.pop(line))

    def detach_lens(self) -> None:
        """Detach the lens."""
        if self.attached:
            self.detach(self._scheduler.now)

    def attach_lens(self) -> None:
        """Attach the detached lens."""
        if not self.attached:
            self.on_attach(self._scheduler.now)

    def swap_lens(self, lens: str) -> None:
        """Select the lens that is attached next."""
        self.on_swap(lens)

    def hold(self, text: str) -> None:
        """Stop time at a breakpoint."""
        self.on_hold(text)

    def is_held(self, line: str) -> bool:
        """Whether a fault forces the level of a line."""
        return self._held[line] > 0

    def annotate(self, text: str) -> None:
        """Write an effect of a fault to the recording."""
        self._tap(Annotation(self._scheduler.now, f"fault: {text}"))

    def get_busy_until(self, sender: Role) -> float:
        """Return the time at which an end's last bit so far is sent, in seconds."""
        return max(self._ends[sender].busy_until, self._until[sender])

    def baudrate(self, role: Role) -> int:
        """Return the baud rate of an end."""
        return self._ends[role].baudrate

    def under_way(self, sender: Role) -> int:
        """Return the bytes of incomplete bursts: their received part is not in the recording yet."""
        return sum(len(flight.burst.data) for flight in self._flights if flight.burst.sender is sender)

    def byte_time(self, sender: Role) -> float:
        """Return the duration of one byte of an end, in seconds."""
        link, baudrate = self.dialect.wiring.clocked, self._ends[sender].baudrate
        if link is None:
            byte_time = BITS_PER_BYTE / baudrate
        else:
            byte_time = link.byte_pitch - BITS_PER_CLOCKED_BYTE / link.bit_rate + BITS_PER_CLOCKED_BYTE / baudrate
        self._byte_times[baudrate] = byte_time
        return byte_time

    def _begin(self, fault: Fault) -> None:
        self.faults.append(fault)
        self._sort_faults()
        fault.start(self)

    def _sort_faults(self) -> None:
        """Find the faults that a hook of an action concerns: most have one hook, and actions are many."""
        kinds = [(fault, type(fault)) for fault in self.faults if not fault.BY_TIME]
        self._on_bytes = [fault for fault, kind in kinds if kind.modify_bytes is not Fault.modify_bytes]
        self._on_burst = [fault for fault, kind in kinds if kind.modify_burst is not Fault.modify_burst]
        self._on_drive = [fault for fault, kind in kinds if kind.delay is not Fault.delay]
        self._on_edge = [fault for fault, kind in kinds if kind.on_edge is not Fault.on_edge]
        self._watches_edges, self._changes_bursts = bool(self._on_edge), bool(self._on_burst)
        if self._on_drive:
            for name in self._lines:
                self._intercept_line(name)

    def _intercept_line(self, name: str) -> None:
        """Let faults decide about the drives of a line from now on: before, none can delay or hold it."""
        for end in self._ends.values():
            end.lines.pop(name, None)

    def _acting(self, faults: list[Fault], role: Role | None) -> Iterable[Fault]:
        """Those of some faults that act now on an end."""
        now = self._scheduler.now
        return [fault for fault in faults if fault.is_active(now) and (role is None or fault.applies_to(role))]

    def _drop_ended(self) -> None:
        now = self._scheduler.now
        ended = [fault for fault in self.faults if fault.end_time < now and not fault.is_active(now)]
        if ended:
            self.faults = [fault for fault in self.faults if fault not in ended]
            self._sort_faults()

    def _put(self, line: MountLine, level: bool) -> None:
        """Move a line for a fault: no violation is recorded, but a line without supply stays low."""
        powered = self.levels[self._supply] or line.driver.role is Role.BODY or line.name == self._detect
        level = level and (powered or bool(self._held[line.name]))
        if self.levels[line.name] != level:
            self._move(line, level, self._scheduler.now)

    def _intercept(self, end: MountSide, name: str, level: bool) -> None:
        self._meant[name] = level
        delay = 0.0
        if self._on_drive:
            for fault in self._acting(self._on_drive, end.role):
                delay += fault.delay(name, level, self)
        queue: Role | str = name
        if name in self._selects:
            queue = end.role
            until = max(end.busy_until, self._until[end.role])
            if not level and until > self._scheduler.now + delay and self._is_powered(end):
                delay = until + HOLD_S - self._scheduler.now
        if delay <= 0 and not self._delay_queues.waits(queue):
            self._drive_now(end, name, level)
        else:
            self._delay_queues.run_in_order(
                queue, delay, lambda: self._drive_now(end, name, level), lambda: not level or self._is_powered(end)
            )

    def _drive_now(self, end: MountSide, name: str, level: bool) -> None:
        if self._held.get(name):
            self._wanted[name] = level
        else:
            super()._drive_now(end, name, level)

    def _lose_supply(self, now: float) -> None:
        self._forget_late()
        super()._lose_supply(now)

    def _edge_moved(self, line: MountLine, level: bool) -> None:
        for fault in self._acting(self._on_edge, None):
            fault.on_edge(line.name, level, self)

    def _transmit(self, end: MountSide, data: bytes) -> None:
        if not data:
            return
        role = end.role
        if self.faults:
            self._drop_ended()
        if not self.faults and not self._delay_queues.waits(role):
            begins = max(self._scheduler.now, end.busy_until, self._until[role])
            byte_time = self._byte_times.get(end.baudrate) or self.byte_time(role)
            self._until[role] = begins + len(data) * byte_time
            VirtualMount._transmit(self, end, data)
            return
        pieces = [OutgoingBytes(data)]
        for fault in self._acting(self._on_bytes, end.role):
            if pieces:
                pieces = fault.modify_bytes(pieces, end.role, self)
        begins = max(self._scheduler.now, end.busy_until, self._until[end.role])
        for piece in pieces:
            # Pieces follow each other back to back, except for their delays.
            begins += piece.delay
            wait = begins - self._scheduler.now if piece.delay else 0.0
            begins += len(piece.data) * self.byte_time(end.role) / piece.rate
            self._delay_queues.run_in_order(end.role, wait, self._sender(end, piece), lambda: self._is_powered(end))
            self._until[end.role] = begins

    def _clocked_records(self, units: dict[Role, bytes], link: ClockedLink, now: float, ends: float) -> list[Burst]:
        acting = list(self._acting(self._on_burst, None)) if self._changes_bursts else []
        if not acting:
            return super()._clocked_records(units, link, now, ends)
        driver = link.clocked_by
        sized = units.get(driver) or units[driver.peer]
        pulses = list(range(len(sized) * BITS_PER_CLOCKED_BYTE))
        burst = ClockedBurst(driver, {role: units.get(role, b"") for role in Role}, dict.fromkeys(Role, pulses))
        for fault in acting:
            fault.modify_burst(burst, self)
        if burst.kept:
            self._loaded[driver.peer] = burst.kept
        records = list[Burst]()
        for receiver, bits in receive_burst(burst, link).items():
            data, rest = pack_bits(bits, link), bits[len(bits) & ~7 :]
            if receiver.peer not in units:
                continue
            if data and rest:
                records.append(PartialBurst(now, receiver.peer, data, link.bit_rate, ends, whole=True, bits=rest))
            elif data:
                records.append(Burst(now, receiver.peer, data, link.bit_rate, ends, whole=True))
        return sorted(records, key=lambda record: record.sender is not driver)

    def _sender(self, end: MountSide, piece: OutgoingBytes) -> Callable[[], None]:
        def send() -> None:
            self._send(end, piece)

        return send

    def _send(self, end: MountSide, piece: OutgoingBytes) -> None:
        rates = end.baudrate, end.peer.baudrate
        if piece.rate != 1.0 and rates[0] == rates[1]:
            end.baudrate = end.peer.baudrate = round(rates[0] * piece.rate)
        super()._transmit(end, piece.data)
        end.baudrate, end.peer.baudrate = rates

    def _forget_late(self) -> None:
        """Cancel delayed actions of a lens that has lost contact or supply; its own baud rate applies."""
        self._delay_queues.forget(Role.LENS)
        self._ends[Role.LENS].baudrate = self._rates[Role.LENS]
        for name, line in self._lines.items():
            late = self.levels[name] and not self._meant.get(name, True)
            if late and line.driver.role is Role.LENS and name != self._detect and not self._held[name]:
                # Its falling edge was delayed; a lens without supply holds no line high.
                self._move(line, False, self._scheduler.now)
        self._until[Role.LENS] = 0.0

    def _is_powered(self, end: MountSide) -> bool:
        """Whether a delayed action of an end may run: a lens that has lost the supply drives nothing."""
        return end.role is Role.BODY or self.levels[self._supply]
