"""A relay between two ports, without I/O: forwards each event of one port to the other one and records all of them.

With rules it records bytes as they go on, since the rate of the link follows from these.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from lensmount_emulator.faults.rule import Rule, relay_rules
from lensmount_emulator.rules.relay import FrameRelay, RelayItem
from lensmount_emulator.sessions.listener import BaudrateChange, Listener, poll_times
from lensmount_emulator.sessions.send_guard import SendGuard
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import TimedRecord, Transport, as_timed
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.timing import first_bit, window_opens
from lensmount_protocol.wire import (
    Annotation,
    Burst,
    ClockSync,
    DataLoss,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    Role,
    SetBaudrate,
    Transmit,
    WireAction,
    WireEvent,
)

POLL_INTERVAL_S = 5e-4
"""Seconds to wait at one port while the other one may have events: the largest delay that a relay adds."""

PortAction = tuple[Role, WireAction]
"""An action, and the end at the port of the action."""


MAX_HOLD_S = 10.0
"""Longest hold of a frame for which the contract has no bound."""

MAX_NOTED = 1024
"""Bytes in one note."""


def hold_limit(dialect: Dialect, sender: Role, type_: int, waited_s: float) -> float | None:
    """Return how long the timing contract lets a relay hold a frame, in seconds; `None` where it has no bound.

    Args:
        dialect: the dialect.
        sender: the end that sends the frame.
        type_: type of its first message.
        waited_s: seconds since the last byte of the other end.
    """
    bounds: list[float] = []
    for rule in dialect.timing:
        if rule.end not in (window_opens(sender, type_), first_bit(sender, type_)):
            continue
        # After the other end's frame the time counts from its end; after an edge only the width of the rule is known.
        after_peer = rule.start[0] in ("close", "end", "last") and rule.start[1] == sender.peer.value
        bounds.append(rule.maximum_us * 1e-6 - waited_s if after_peer else (rule.maximum_us - rule.minimum_us) * 1e-6)
    return max(0.0, min(bounds)) if bounds else None


@dataclass(slots=True)
class HeldFrame:
    """A frame that a rule holds.

    Attributes:
        item: its bytes.
        until: when it goes on at the latest, in seconds.
    """

    item: RelayItem
    until: float


@dataclass(slots=True)
class PortBridge:
    """Joins the port where a body is with the port where a lens is.

    Attributes:
        listener: records the traffic, and tracks the baud rate.
        carried: the lines that both ports carry; any other line is not forwarded.
        passed: forwarded bytes, by the end that sent them.
        relays: the rules of both directions; empty: all passes on as it came.
        hold_s: seconds for which a frame is held, whatever the contract allows; `None` for its bound.
        report: receives what the user must know: a frame is held, and for how long.
        held: the frames that are held, by their sender.
    """

    listener: Listener
    carried: frozenset[str] = frozenset()
    passed: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(Role, 0))
    relays: Mapping[Role, FrameRelay] = field(default_factory=dict[Role, FrameRelay])
    hold_s: float | None = None
    report: Callable[[str], object] = lambda _text: None
    held: dict[Role, HeldFrame] = field(default_factory=dict[Role, HeldFrame])
    _guards: Mapping[Role, SendGuard] = field(default_factory=dict[Role, SendGuard])
    _lost: Counter[str] = field(default_factory=Counter[str])
    _notes: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    def use_rules(self, rules: Sequence[Rule]) -> None:
        """Apply rules from now on; what they change or add passes the send guard.

        Each rule stores the frames that it may be about, whatever its way: the guard judges whole frames before their
        first byte goes on. It counts as sent what goes on unchanged, since a device may begin to read anywhere; and it
        holds back what would complete a guarded frame of which a rule made a part.

        Args:
            rules: the rules.

        Raises:
            FaultError: as `relay_rules`.
            DialectError: a rule allows a name that no guarded message has.
        """
        dialect, names = self.listener.dialect, [rule.allow for rule in rules if rule.allow]
        relayed = relay_rules(dialect, rules, stores=True)
        self._guards = {role: SendGuard(dialect, role, _select_names(dialect, role, names)) for role in Role}
        for guard in self._guards.values():
            guard.warm_up()
        self.relays = {
            role: FrameRelay(
                dialect,
                role,
                relayed[role],
                lambda: 0.0,
                self._note,
                cut_s=0.0,
                store_s=0.0,
            )
            for role in Role
        }

    def forward(self, sender: Role, event: WireEvent, now: float = 0.0) -> list[PortAction]:
        """Return the actions that an event of an end causes at once."""
        relay = self.relays.get(sender)
        if isinstance(event, LineChanged):
            drives = self.listener.dialect.drivers.get(event.line) in (None, sender)
            dialect = self.listener.dialect
            if drives and (event.line, event.level) in ((dialect.supply, False), (dialect.detect, True)):
                self.clear(now, f"{event.line} {'rises' if event.level else 'falls'}")
            if event.line not in self.carried or not drives:
                return []
            if relay is not None and event.line == self.listener.dialect.select_line(sender):
                relay.on_select(event.line, event.level, now)
                return self.due(sender, now)
            return [(sender.peer, DriveLine(event.line, event.level))]
        self.passed[sender] += len(event.data)
        if relay is not None:
            relay.on_bytes(event.data, now)
            return self.due(sender, now)
        return [(sender.peer, Transmit(event.data))]

    def due(self, sender: Role, now: float) -> list[PortAction]:
        """Return the actions of the rules of one direction that are due; a frame that is held stops those after it."""
        held, relay = self.held.get(sender), self.relays.get(sender)
        ready: list[RelayItem] = []
        if relay is None:
            return []
        relay.flush_late(now)
        if held is not None:
            if now < held.until:
                return []
            del self.held[sender]
            self._note(now, f"goes on: {held.item.data.hex()}")
            ready.append(held.item)
        while items := relay.take(now):
            ready += items
            if items[-1].holds:
                self._hold(sender, ready.pop(), now)
                break
        return self._guarded(sender, ready, now)

    def _guarded(self, sender: Role, items: Iterable[RelayItem], now: float) -> list[PortAction]:
        """The actions of items that go on now: what a rule changed passes the guard, or goes on as it came."""
        guard = self._guards[sender]
        actions: list[PortAction] = []
        for item in items:
            if item.gap:
                guard.mark_gap()
            if item.line:
                actions.append((sender.peer, DriveLine(item.line, item.level)))
            if not item.data:
                continue
            data = item.data
            reason = guard.check(data) if item.raw else guard.forward(data)
            if reason is not None and item.raw:
                self._note(now, f"{data.hex()} is held back, it passes as it came: {reason}")
                data = item.raw
                reason = guard.forward(data)
            if reason is not None:
                guard.mark_gap()
                self.note_withheld(sender, data, now, reason)
                continue
            actions.append((sender.peer, Transmit(data)))
        return actions

    def release(self, now: float) -> None:
        """Let every held frame go on at the next call of `due`."""
        for held in self.held.values():
            held.until = now

    def clear(self, now: float, why: str) -> None:
        """Forget what waits in both directions, since there is no device for it now; the recording notes the bytes.

        Args:
            now: seconds.
            why: what happened, as text.
        """
        for sender, relay in self.relays.items():
            held = self.held.pop(sender, None)
            left = (b"" if held is None else held.item.raw or held.item.data) + relay.clear()
            self._guards[sender].mark_gap()
            self.note_withheld(sender, left, now, why)

    def note_withheld(self, sender: Role, data: bytes, now: float, why: str) -> None:
        """Note bytes of an end that do not go on."""
        for at in range(0, len(data), MAX_NOTED):
            part = data[at : at + MAX_NOTED].hex()
            self._note(now, f"{why}: {len(data)} bytes of the {sender.value} do not go on, from {at}: {part}")

    def write_notes(self, now: float) -> None:
        """Record what rules did, after the bytes that began before; and what did not fit a queue."""
        for at, text in self._notes:
            self.listener.on_record(Annotation(at, f"fault: {text}"))
        self._notes.clear()
        for relay in self.relays.values():
            for what, count in relay.dropped.items():
                if count > self._lost[what]:
                    self.listener.on_record(DataLoss(now, what, count - self._lost[what]))
                    self._lost[what] = count

    def _hold(self, sender: Role, item: RelayItem, now: float) -> None:
        waited = max(0.0, now - self.relays[sender.peer].arrived)
        bound = hold_limit(self.listener.dialect, sender, item.type, waited)
        seconds = self.hold_s if self.hold_s is not None else MAX_HOLD_S if bound is None else bound
        self.held[sender] = HeldFrame(item, now + seconds)
        allows = "the contract has no bound for it" if bound is None else f"the contract allows {bound * 1e3:.3f} ms"
        limit = f"goes on after at most {seconds * 1e3:.3f} ms; {allows}"
        self._note(now, f"held: {limit}")
        self.report(f"{item.holds}: {limit}")

    def _note(self, now: float, text: str) -> None:
        self._notes.append((now, text))

    def on_event(self, sender: Role, event: WireEvent, now: float) -> list[PortAction]:
        """Record an event, and return the actions that follow: a change of rate, at both ports."""
        return self._set_both_baudrates(sender, self.listener.on_event(sender, event, now))

    def on_timed_record(self, sender: Role, timed_record: TimedRecord, port: str = "") -> list[PortAction]:
        """Record an event of a port with timestamps. Our own actions there repeat events of the other port.

        Args:
            sender: the end at that port.
            timed_record: the record of the port.
            port: its name, if the clocks of several ports are reported.
        """
        record = timed_record.record
        ours = timed_record.event is None
        # With rules, bytes count as they went on: at the other port they are our own actions.
        if isinstance(record, Burst) and ours is not bool(self.relays):
            return []
        if ours and isinstance(record, Edge):
            return []
        if port and isinstance(record, ClockSync):
            record = Annotation(record.at, f"{port}: {record.text}")
        return self._set_both_baudrates(sender, self.listener.on_record(record))

    def _set_both_baudrates(self, sender: Role, change: BaudrateChange | None) -> list[PortAction]:
        """The relay forwards the announcement of a rate, so the change is queued after it, for when it is sent."""
        if change is None:
            return []
        for guard in self._guards.values():
            guard.check_baudrate(change.baudrate)
        return [(role, SetBaudrate(change.baudrate, change.at if role is sender else None)) for role in Role]


def bridge_once(
    bridge: PortBridge, ports: dict[Role, Transport], clock: Clock, order: Sequence[Role] = tuple(Role)
) -> None:
    """Wait briefly for each port once, and forward its events.

    One thread serves both ports, since a port belongs to one thread, so neither wait is long. Events of a port with
    timestamps keep their time. Other events get the time at which the host received them.

    Raises:
        TransportLostError: a port went away.
    """
    timed_ports = {role: timed_port for role, port in ports.items() if (timed_port := as_timed(port)) is not None}
    for sender in order:
        timed_port = timed_ports.get(sender)
        seen = (
            ports[sender].receive(POLL_INTERVAL_S)
            if timed_port is None
            else timed_port.timed_records(POLL_INTERVAL_S, clock)
        )
        now = clock.now()
        actions: list[PortAction] = []
        events: list[WireEvent] = []
        for one in seen:
            event = one.event if isinstance(one, TimedRecord) else one
            due = [] if event is None else bridge.forward(sender, event, now)
            actions += due
            # With rules, bytes are recorded as they go on.
            if not isinstance(one, TimedRecord) and not (bridge.relays and isinstance(one, Received)):
                events.append(one)
            events += _recorded(bridge, due, timed_ports)
        due = bridge.due(sender, now)
        actions += due
        events += _recorded(bridge, due, timed_ports)
        if bridge.relays:
            actions, events = _joined_actions(actions), _joined_events(events)
        unsent = list(actions)
        follow: list[PortAction] = []
        try:
            while unsent:
                role, action = unsent[0]
                ports[role].send(action)
                del unsent[0]
        finally:
            # Received events are recorded, also if the other port has just been lost.
            name = ports[sender].name if len(timed_ports) > 1 else ""
            for one in seen:
                if isinstance(one, TimedRecord):
                    follow += bridge.on_timed_record(sender, one, name)
            for event, at in zip(events, poll_times(events, now, bridge.listener.baudrate), strict=True):
                follow += bridge.on_event(sender, event, at)
            for role, action in unsent:
                if bridge.relays and role in timed_ports and isinstance(action, Transmit):
                    bridge.note_withheld(role.peer, action.data, now, f"{ports[role].name} was lost")
            bridge.write_notes(now)
        for role, action in follow:
            ports[role].send(action)


def _recorded(bridge: PortBridge, actions: Iterable[PortAction], timed_ports: Container[Role]) -> list[WireEvent]:
    """The bytes that a recording gets from actions: with rules, those at a port that does not report its own bytes."""
    return [
        Received(action.data)
        for role, action in actions
        if bridge.relays and isinstance(action, Transmit) and role not in timed_ports
    ]


def _joined_actions(actions: Iterable[PortAction]) -> list[PortAction]:
    """The same with bytes that go on together in one action."""
    joined: list[PortAction] = []
    for role, group in groupby(actions, lambda one: one[0] if isinstance(one[1], Transmit) else None):
        if role is None:
            joined += group
        else:
            joined.append((role, Transmit(b"".join(one.data for _, one in group if isinstance(one, Transmit)))))
    return joined


def _joined_events(events: Iterable[WireEvent]) -> list[WireEvent]:
    """The same with bytes that went on together in one event."""
    joined: list[WireEvent] = []
    for is_data, group in groupby(events, lambda one: isinstance(one, Received)):
        if is_data:
            joined.append(Received(b"".join(one.data for one in group if isinstance(one, Received))))
        else:
            joined += group
    return joined


def _select_names(dialect: Dialect, role: Role, names: Iterable[str]) -> list[str]:
    """The guarded messages among some names that this end sends."""
    return [
        name for name in names if any(cls.__name__ == name and cls.SENDER is role for cls in dialect.messages.values())
    ]
