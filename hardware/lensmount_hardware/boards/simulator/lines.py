"""The lines of a simulated board, in virtual time: line map, levels, rails, presence, interlock, frame signal."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

from lensmount_hardware.boards.protocol.commands import Configure, DriveCommand, MappedLine, Sync
from lensmount_hardware.boards.protocol.constants import (
    MAX_ABSENCE_US,
    BoardRole,
    ConfigureFlag,
    ErrorCode,
    LineFlag,
    LineKind,
    SafeStateReason,
    SyncFlag,
)
from lensmount_hardware.boards.protocol.message import HEAD_SIZE, BoardMessage
from lensmount_hardware.boards.protocol.reports import LineEdge

PICO_PINS = frozenset(range(30))
"""The pins that a Pico's chip has."""

SINGLE_KINDS = frozenset({LineKind.PRESENCE, LineKind.SUPPLY, LineKind.SYNC})
"""Kinds of which a map can have one line; of ATTENTION and DATA one for each direction, of DATA two inputs to sniff."""

ErrorDetail = tuple[int, int]
"""An error's code and detail."""

_ABSENCE_OFFSET = HEAD_SIZE + 6 + 10
_LINES_OFFSET = HEAD_SIZE + 20


@dataclass(slots=True)
class SimulatedPin:
    """One line of the map and its state.

    Attributes:
        number: its place in the map.
        mapped: its configuration.
        level: as driven or seen, after the filter where it has one.
    """

    number: int
    mapped: MappedLine
    level: bool

    @property
    def driven(self) -> bool:
        """Whether it is one of our outputs."""
        return bool(self.mapped.flags & LineFlag.OUTPUT)

    @property
    def idle(self) -> bool:
        """Its idle level."""
        return bool(self.mapped.flags & LineFlag.IDLE_HIGH)

    @property
    def is_rail(self) -> bool:
        """Whether it is a rail that we switch."""
        return self.driven and self.mapped.kind in (LineKind.SUPPLY, LineKind.RAIL)


def make_pins(wanted: Configure, read_level: Callable[[int], bool]) -> list[SimulatedPin]:
    """Return the lines of a valid map; `read_level` returns an input pin's level."""
    contacts: list[SimulatedPin] = []
    for number, mapped in enumerate(wanted.lines):
        inverted = bool(mapped.flags & LineFlag.INVERTED)
        contact = SimulatedPin(number, mapped, False)
        contact.level = contact.idle if contact.driven else read_level(mapped.gpio) is not inverted
        contacts.append(contact)
    return contacts


def find_guard_pin(pins: Iterable[SimulatedPin]) -> tuple[SimulatedPin, bool] | None:
    """Return the line that shows presence, and its level when the other end is there; `None` without one."""
    for contact in pins:
        if not contact.driven and contact.mapped.kind == LineKind.PRESENCE:
            return contact, False
        if not contact.driven and contact.mapped.kind == LineKind.SUPPLY:
            return contact, True
    return None


def check_configuration(
    wanted: Configure, max_lines: int, bounds: tuple[int, int], *, clocked: bool = False
) -> ErrorDetail | None:
    """Return the error in a configuration, of a clocked link or of UARTs; `None` where it is valid."""
    if wanted.role not in tuple(BoardRole):
        return ErrorCode.MALFORMED, HEAD_SIZE
    if wanted.flags >= 2 * max(ConfigureFlag):
        return ErrorCode.MALFORMED, HEAD_SIZE + 1
    if wanted.timing.absence_us > MAX_ABSENCE_US:
        return ErrorCode.BAD_TIMING, _ABSENCE_OFFSET
    if not bounds[0] <= wanted.baudrate <= bounds[1]:
        return ErrorCode.BAD_BAUDRATE, min(max(wanted.baudrate, bounds[0]), bounds[1])
    if len(wanted.lines) > max_lines:
        return ErrorCode.TOO_MANY_LINES, max_lines
    if (found := _check_lines(wanted, clocked=clocked)) is not None:
        return found
    if clocked and all(line.kind != LineKind.CLOCK for line in wanted.lines):
        return ErrorCode.MALFORMED, _LINES_OFFSET
    sniffs = wanted.role == BoardRole.SNIFFER
    guarded = find_guard_pin(make_pins(wanted, lambda _gpio: False)) is not None
    if not (sniffs or guarded or wanted.flags & ConfigureFlag.NO_INTERLOCK):
        return ErrorCode.NO_INTERLOCK, 0
    return None


def _check_lines(wanted: Configure, *, clocked: bool) -> ErrorDetail | None:
    legal = frozenset(LineKind) if clocked else frozenset(LineKind) - {LineKind.CLOCK}
    pins: set[int] = set()
    kinds: set[tuple[int, bool]] = set()
    data_inputs = 0
    for number, line in enumerate(wanted.lines):
        output = bool(line.flags & LineFlag.OUTPUT)
        if line.gpio in pins:
            return ErrorCode.LINE_TWICE, number
        if line.gpio not in PICO_PINS:
            return ErrorCode.BAD_PIN, number
        both_pulls = LineFlag.PULL_UP | LineFlag.PULL_DOWN
        if line.kind not in legal or line.flags & both_pulls == both_pulls or line.flags >= 2 * max(LineFlag):
            return ErrorCode.BAD_KIND, number
        if wanted.role == BoardRole.SNIFFER and output:
            return ErrorCode.LISTENS_ONLY, number
        is_data_input = line.kind == LineKind.DATA and not output
        data_inputs += is_data_input
        single = line.kind in SINGLE_KINDS or line.kind in (LineKind.ATTENTION, LineKind.DATA)
        again = (line.kind, output) in kinds
        if wanted.role == BoardRole.SNIFFER and line.kind in (LineKind.ATTENTION, LineKind.DATA):
            again = is_data_input and data_inputs > 2
        if single and again:
            return ErrorCode.LINE_TWICE, number
        pins.add(line.gpio)
        kinds.add((line.kind, output))
    return None


LONG_AGO_US = 1_000_000

CHATTER_LIMIT = 2
"""A contact that chatters counts as lost when it has not been steady for this many times `absence_us`."""

BYTES_LINE = 255
"""Detail of an error, in place of a line, when bytes are rejected."""


@dataclass(slots=True)
class LineCallbacks:
    """Callbacks of the lines.

    Attributes:
        report: receives a report for the host.
        reject: receives code, type, sequence and detail of a rejection.
        on_safe_state: receives the reason when all lines enter the safe state.
        on_state_change: called when flags of the state may have changed.
        on_drive: receives line, level and time of each output that moves.
    """

    report: Callable[[BoardMessage], None]
    reject: Callable[[int, int, int, int], None]
    on_safe_state: Callable[[SafeStateReason], None]
    on_state_change: Callable[[], None]
    on_drive: Callable[[int, bool, int], None] = lambda _line, _level, _at: None


class SimulatedLines:
    """The pins of a configured board.

    Attributes:
        now_us: the board's time.
        pins: the lines of the map.
        present: whether the other end is there, after the filter.
        baudrate: the rate in force.
        sync: the frame signal, while it runs.
        wanted: the configuration.
        callbacks: receivers of reports and changes.
        attention_moved_us: when our attention line moved last.
    """

    def __init__(self, wanted: Configure, pins: list[SimulatedPin], callbacks: LineCallbacks, now_us: int) -> None:
        self.now_us = now_us
        self.pins = pins
        self.present = False
        self.baudrate = wanted.baudrate
        self.sync: Sync | None = None
        self.wanted = wanted
        self.callbacks = callbacks
        self._steps: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self.attention_moved_us = now_us - LONG_AGO_US
        self._rail_on_us: dict[int, int] = {}
        self._wanted_rails: set[int] = set()
        self._present_us = now_us
        self._sync_runs = 0
        self._pulsed_us = now_us - LONG_AGO_US
        self._tests = 0
        self._unsettled_us: int | None = None
        self._guard_edge_us = now_us
        self._guard_raw = False
        self._guard = find_guard_pin(pins)
        if self._guard is None:
            self.present = True
        else:
            contact, there = self._guard
            seen, contact.level = contact.level, not there
            self._filter(seen)

    @property
    def powered(self) -> bool:
        """Whether the supply is on, as far as this map knows one."""
        supplies = [contact.level for contact in self.pins if contact.mapped.kind == LineKind.SUPPLY]
        return all(supplies) and self.present

    @property
    def is_idle(self) -> bool:
        """Whether all our outputs are idle and the frame signal is off."""
        away = any(c.driven and c.level is not c.idle for c in self.pins)
        return not (away or self.sync)

    def advance_to(self, at_us: int) -> None:
        """Advance time, and run due steps."""
        while self._steps and self._steps[0][0] <= at_us:
            due, _, step = heapq.heappop(self._steps)
            self.now_us = max(self.now_us, due)
            step()
        self.now_us = max(self.now_us, at_us)

    def next_step_us(self) -> int | None:
        """Return when the next step is due."""
        return self._steps[0][0] if self._steps else None

    def on_level(self, number: int, level: bool) -> None:
        """Process a new level of an input line, now."""
        if self._guard is not None and self._guard[0].number == number:
            self._filter(level)
        elif self.pins[number].level is not level:
            self.pins[number].level = level
            if self._reports_levels(self.pins[number]):
                self.callbacks.report(LineEdge(number, int(level), self.now_us))

    def _reports_levels(self, pin: SimulatedPin) -> bool:
        """Whether edges of an input are reported; those of a clocked link's data lines are, between bursts."""
        clocked = any(other.mapped.kind == LineKind.CLOCK for other in self.pins)
        return pin.mapped.kind not in (LineKind.DATA, LineKind.CLOCK) or (pin.mapped.kind == LineKind.DATA and clocked)

    def drive(self, order: DriveCommand, sequence: int) -> None:
        """Execute a DRIVE now, if the interlock allows it."""
        level = bool(order.level)
        code = self._check_drive(order.line, level)
        if code is not None:
            self.callbacks.reject(code, order.TYPE, sequence, order.line)
            return
        contact = self.pins[order.line]
        if contact.mapped.kind == LineKind.SYNC:
            self.stop_sync()
        if contact.is_rail:
            self._switch(contact, level)
        else:
            self.set_level(contact, level)

    def start_sync(self, order: Sync, sequence: int) -> None:
        """Start, change or stop the frame signal, if the interlock allows it."""
        contact = next((c for c in self.pins if c.driven and c.mapped.kind == LineKind.SYNC), None)
        number = BYTES_LINE if contact is None else contact.number
        code = self._check_drive(number, contact is not None and not contact.idle)
        if contact is None or (code is not None and order.flags & SyncFlag.ON):
            self.callbacks.reject(code or ErrorCode.BAD_LINE, order.TYPE, sequence, number)
            return
        high = bool(order.flags & SyncFlag.PULSE_HIGH)
        if not order.flags & SyncFlag.ON:
            self.stop_sync()
            return
        first = self._first_pulse(order)
        if self.sync is None:
            self.set_level(contact, not high)
        self.sync = order
        self._sync_runs += 1
        run = self._sync_runs
        self.schedule(first, lambda: self._pulse(contact, run, first))
        self.callbacks.on_state_change()

    def _first_pulse(self, order: Sync) -> int:
        """Return the next time that is whole periods from `at_us`; while it runs, at least half a period later."""
        period = order.period_us
        default = self.now_us if self.sync is None else self._pulsed_us + period
        first, soonest = order.at_us or default, self.now_us
        if self.sync is not None:
            soonest = max(soonest, self._pulsed_us + period // 2)
            first -= max(0, first - soonest) // period * period
        return first + -(-max(0, soonest - first) // period) * period

    def stop_sync(self) -> None:
        """Stop the pulses; the line stays at its level between pulses."""
        if self.sync is not None:
            contact = next(c for c in self.pins if c.driven and c.mapped.kind == LineKind.SYNC)
            self.set_level(contact, not self.sync.flags & SyncFlag.PULSE_HIGH)
            self.sync = None
            self._sync_runs += 1
            self.callbacks.on_state_change()

    def enter_safe_state(self, reason: SafeStateReason) -> None:
        """Drive all our outputs to idle, and drop all scheduled steps."""
        self._steps = []
        self._unsettled_us = None
        self.sync = None
        self._sync_runs += 1
        self._wanted_rails.clear()
        rails = [contact for contact in self.pins if contact.is_rail]
        others = [contact for contact in self.pins if contact.driven and not contact.is_rail]
        keeps = reason not in (SafeStateReason.HOST, SafeStateReason.HELLO)
        for contact in [*others, *reversed(rails)]:
            if not (keeps and contact.mapped.kind == LineKind.PRESENCE):
                self.set_level(contact, contact.idle)
        self._rail_on_us.clear()
        self.callbacks.on_safe_state(reason)

    def _filter(self, level: bool) -> None:
        """Filter a level of the presence line; it counts when it has lasted."""
        if self._guard is None:
            return
        contact, there = self._guard
        self._tests += 1
        timing = self.wanted.timing
        if self.present and (self._unsettled_us is None or self._is_steady()):
            # A contact that chatters never lasts; it counts as lost when it has not been steady for this long.
            began_us = self._unsettled_us = self.now_us
            self.schedule(began_us + CHATTER_LIMIT * timing.absence_us, lambda: self._check_chatter(began_us))
        self._guard_edge_us, self._guard_raw = self.now_us, level
        if level is contact.level:
            return
        lasts = timing.presence_us if level is there else timing.absence_us
        seen_us, test = self.now_us, self._tests
        self.schedule(seen_us + lasts, lambda: self._accept_level(level, seen_us, test))

    def _is_steady(self) -> bool:
        return self.now_us - self._guard_edge_us >= self.wanted.timing.absence_us

    def _check_chatter(self, began_us: int) -> None:
        if self._guard is None or not self.present or began_us != self._unsettled_us or self._is_steady():
            return
        _, there = self._guard
        self._tests += 1
        self._accept_level(not there, self.now_us, self._tests)
        if self._guard_raw is there:
            # The contact may become steady from here on, and then counts as present again.
            seen_us, test = self._guard_edge_us, self._tests
            self.schedule(seen_us + self.wanted.timing.presence_us, lambda: self._accept_level(there, seen_us, test))

    def _accept_level(self, level: bool, seen_us: int, test: int) -> None:
        if self._guard is None or test != self._tests:
            return
        contact, there = self._guard
        contact.level = level
        self.present = level is there
        self._unsettled_us = None
        self._present_us = self.now_us
        self.callbacks.report(LineEdge(contact.number, int(level), seen_us))
        if not self.present:
            self.enter_safe_state(SafeStateReason.ABSENT)
        self.callbacks.on_state_change()

    def _check_drive(self, number: int, level: bool) -> ErrorCode | None:
        contact = self.pins[number] if number < len(self.pins) else None
        if contact is None or not contact.driven:
            return ErrorCode.BAD_LINE
        if level is contact.idle or contact.mapped.kind == LineKind.PRESENCE:
            return None
        if not self.present:
            return ErrorCode.NOT_PRESENT
        if self.wanted.role == BoardRole.BODY and not contact.is_rail and not self.powered:
            return ErrorCode.NOT_POWERED
        return None

    def _switch(self, pin: SimulatedPin, level: bool) -> None:
        if level is not pin.idle:
            self._wanted_rails.add(pin.number)
            self._update_rails()
            return
        self._wanted_rails.discard(pin.number)
        if pin.mapped.kind == LineKind.SUPPLY and pin.level is not pin.idle:
            self.enter_safe_state(SafeStateReason.SUPPLY)
        self.set_level(pin, level)
        self._rail_on_us.pop(pin.number, None)

    def _update_rails(self) -> None:
        before: int | None = self._present_us
        for contact in (c for c in self.pins if c.is_rail):
            number = contact.number
            if number in self._wanted_rails and before is not None and number not in self._rail_on_us:
                due = before + contact.mapped.delay_us
                if due > self.now_us:
                    self.schedule(due, self._update_rails)
                else:
                    self._rail_on_us[number] = self.now_us
                    self.set_level(contact, not contact.idle)
            before = self._rail_on_us.get(number)

    def attention(self) -> SimulatedPin | None:
        """Our attention line, where the map has one."""
        return next((c for c in self.pins if c.driven and c.mapped.kind == LineKind.ATTENTION), None)

    def set_level(self, pin: SimulatedPin, level: bool) -> None:
        """Drive an output to a level, without the interlock."""
        if pin.level is level:
            return
        pin.level = level
        if pin.mapped.kind == LineKind.ATTENTION:
            self.attention_moved_us = self.now_us
        if self.wanted.flags & ConfigureFlag.OWN_EDGES:
            self.callbacks.report(LineEdge(pin.number, int(level), self.now_us))
        self.callbacks.on_drive(pin.number, level, self.now_us)
        if pin.mapped.kind == LineKind.SUPPLY:
            self.callbacks.on_state_change()

    def _pulse(self, pin: SimulatedPin, run: int, begins: int) -> None:
        order = self.sync
        if order is None or run != self._sync_runs:
            return
        high = bool(order.flags & SyncFlag.PULSE_HIGH)
        self._pulsed_us = begins
        self.set_level(pin, high)
        # A change in mid-pulse leaves this pulse as it is.
        self.schedule(begins + order.width_us, lambda: self.set_level(pin, not high) if self.sync is not None else None)
        following = begins + order.period_us
        self.schedule(following, lambda: self._pulse(pin, run, following))

    def schedule(self, at_us: int, step: Callable[[], None]) -> None:
        """Schedule a step, which the safe state cancels."""
        heapq.heappush(self._steps, (at_us, next(self._order), step))
