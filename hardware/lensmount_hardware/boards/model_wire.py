"""The contacts of a model board, in virtual time: levels, rails, presence, frame signal, and rest."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from lensmount_hardware.boards.declaration import BoardMessage
from lensmount_hardware.boards.model_pins import Contact, guard_of
from lensmount_hardware.boards.orders import Configure, SetLevel, Sync
from lensmount_hardware.boards.reports import EdgeSeen
from lensmount_hardware.boards.words import (
    BoardRole,
    ConfigureFlag,
    ErrorCode,
    LineKind,
    RestReason,
    SyncFlag,
)

LONG_AGO_US = 1_000_000

CHATTER_LIMIT = 2
"""A contact that chatters counts as lost when it has not been steady for so many times the filter of absence."""

BYTES = 255
"""What an error says in place of a line when bytes were refused."""


@dataclass(slots=True)
class Hooks:
    """Whom the wire tells what.

    Attributes:
        report: a report for the host.
        refuse: code, type, sequence and detail of a refusal.
        rested: everything went to rest, and why.
        changed: flags of the state may have changed.
        drove: line, level and time of each output that moves.
    """

    report: Callable[[BoardMessage], None]
    refuse: Callable[[int, int, int, int], None]
    rested: Callable[[RestReason], None]
    changed: Callable[[], None]
    drove: Callable[[int, bool, int], None] = lambda _line, _level, _at: None


class ModelWire:
    """What a configured board does on its pins.

    Attributes:
        now_us: the board's time.
        contacts: the lines of the map.
        present: whether the other end is there, behind the filter.
        baudrate: the rate in force.
        sync: the frame signal, while it runs.
        wanted: the configuration.
        hooks: whom it tells what.
        attention_moved_us: when our attention line moved last.
    """

    def __init__(self, wanted: Configure, contacts: list[Contact], hooks: Hooks, now_us: int) -> None:
        self.now_us = now_us
        self.contacts = contacts
        self.present = False
        self.baudrate = wanted.baudrate
        self.sync: Sync | None = None
        self.wanted = wanted
        self.hooks = hooks
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
        self._guard = guard_of(contacts)
        if self._guard is None:
            self.present = True
        else:
            contact, there = self._guard
            seen, contact.level = contact.level, not there
            self._filter(seen)

    @property
    def powered(self) -> bool:
        """Whether the supply is on, as far as this map knows one."""
        supplies = [contact.level for contact in self.contacts if contact.mapped.kind == LineKind.SUPPLY]
        return all(supplies) and self.present

    @property
    def at_rest(self) -> bool:
        """Whether nothing of ours is away from rest, and nothing is queued."""
        away = any(c.driven and c.level is not c.idle for c in self.contacts)
        return not (away or self.sync)

    def advance_to(self, at_us: int) -> None:
        """Let time pass, and do what is due."""
        while self._steps and self._steps[0][0] <= at_us:
            due, _, step = heapq.heappop(self._steps)
            self.now_us = max(self.now_us, due)
            step()
        self.now_us = max(self.now_us, at_us)

    def next_step_us(self) -> int | None:
        """When something is due next."""
        return self._steps[0][0] if self._steps else None

    def see(self, number: int, level: bool) -> None:
        """An input line takes a level now."""
        if self._guard is not None and self._guard[0].number == number:
            self._filter(level)
        elif self.contacts[number].level is not level:
            self.contacts[number].level = level
            if self.contacts[number].mapped.kind != LineKind.DATA:
                self.hooks.report(EdgeSeen(number, int(level), self.now_us))

    def drive(self, order: SetLevel, sequence: int) -> None:
        """Carry out a drive, now, if it may be done."""
        level = bool(order.level)
        code = self._objection(order.line, level)
        if code is not None:
            self.hooks.refuse(code, order.TYPE, sequence, order.line)
            return
        contact = self.contacts[order.line]
        if contact.mapped.kind == LineKind.SYNC:
            self.stop_sync()
        if contact.is_rail:
            self._switch(contact, level)
        else:
            self.move(contact, level)

    def start_sync(self, order: Sync, sequence: int) -> None:
        """Make the frame signal, change it or stop it, if it may be done."""
        contact = next((c for c in self.contacts if c.driven and c.mapped.kind == LineKind.SYNC), None)
        number = BYTES if contact is None else contact.number
        code = self._objection(number, contact is not None and not contact.idle)
        if contact is None or (code is not None and order.flags & SyncFlag.ON):
            self.hooks.refuse(code or ErrorCode.BAD_LINE, order.TYPE, sequence, number)
            return
        high = bool(order.flags & SyncFlag.PULSE_HIGH)
        if not order.flags & SyncFlag.ON:
            self.stop_sync()
            return
        first = self._first_pulse(order)
        if self.sync is None:
            self.move(contact, not high)
        self.sync = order
        self._sync_runs += 1
        run = self._sync_runs
        self.at(first, lambda: self._pulse(contact, run, first))
        self.hooks.changed()

    def _first_pulse(self, order: Sync) -> int:
        """The next time that is whole periods from `at_us`; while it runs, at least half a period behind the last."""
        period = order.period_us
        usual = self.now_us if self.sync is None else self._pulsed_us + period
        first, soonest = order.at_us or usual, self.now_us
        if self.sync is not None:
            soonest = max(soonest, self._pulsed_us + period // 2)
            first -= max(0, first - soonest) // period * period
        return first + -(-max(0, soonest - first) // period) * period

    def stop_sync(self) -> None:
        """No more pulses; the line keeps its level between them."""
        if self.sync is not None:
            contact = next(c for c in self.contacts if c.driven and c.mapped.kind == LineKind.SYNC)
            self.move(contact, not self.sync.flags & SyncFlag.PULSE_HIGH)
            self.sync = None
            self._sync_runs += 1
            self.hooks.changed()

    def rest(self, reason: RestReason) -> None:
        """Everything of ours at rest, the queue empty."""
        self._steps = []
        self._unsettled_us = None
        self.sync = None
        self._sync_runs += 1
        self._wanted_rails.clear()
        rails = [contact for contact in self.contacts if contact.is_rail]
        others = [contact for contact in self.contacts if contact.driven and not contact.is_rail]
        keeps = reason not in (RestReason.HOST, RestReason.GREETING)
        for contact in [*others, *reversed(rails)]:
            if not (keeps and contact.mapped.kind == LineKind.PRESENCE):
                self.move(contact, contact.idle)
        self._rail_on_us.clear()
        self.hooks.rested(reason)

    def _filter(self, level: bool) -> None:
        """The guard line takes a level; it counts when it has lasted."""
        if self._guard is None:
            return
        contact, there = self._guard
        self._tests += 1
        timing = self.wanted.timing
        if self.present and (self._unsettled_us is None or self._is_steady()):
            # A contact that chatters never lasts; it counts as lost when it has not been steady for this long.
            began_us = self._unsettled_us = self.now_us
            self.at(began_us + CHATTER_LIMIT * timing.absence_us, lambda: self._check_chatter(began_us))
        self._guard_edge_us, self._guard_raw = self.now_us, level
        if level is contact.level:
            return
        lasts = timing.presence_us if level is there else timing.absence_us
        seen_us, test = self.now_us, self._tests
        self.at(seen_us + lasts, lambda: self._believe(level, seen_us, test))

    def _is_steady(self) -> bool:
        return self.now_us - self._guard_edge_us >= self.wanted.timing.absence_us

    def _check_chatter(self, began_us: int) -> None:
        if self._guard is None or not self.present or began_us != self._unsettled_us or self._is_steady():
            return
        _, there = self._guard
        self._tests += 1
        self._believe(not there, self.now_us, self._tests)
        if self._guard_raw is there:
            # It may settle from here on, and is then there again.
            seen_us, test = self._guard_edge_us, self._tests
            self.at(seen_us + self.wanted.timing.presence_us, lambda: self._believe(there, seen_us, test))

    def _believe(self, level: bool, seen_us: int, test: int) -> None:
        if self._guard is None or test != self._tests:
            return
        contact, there = self._guard
        contact.level = level
        self.present = level is there
        self._unsettled_us = None
        self._present_us = self.now_us
        self.hooks.report(EdgeSeen(contact.number, int(level), seen_us))
        if not self.present:
            self.rest(RestReason.ABSENT)
        self.hooks.changed()

    def _objection(self, number: int, level: bool) -> ErrorCode | None:
        contact = self.contacts[number] if number < len(self.contacts) else None
        if contact is None or not contact.driven:
            return ErrorCode.BAD_LINE
        if level is contact.idle or contact.mapped.kind == LineKind.PRESENCE:
            return None
        if not self.present:
            return ErrorCode.NOT_PRESENT
        if self.wanted.role == BoardRole.BODY and not contact.is_rail and not self.powered:
            return ErrorCode.NOT_POWERED
        return None

    def _switch(self, contact: Contact, level: bool) -> None:
        if level is not contact.idle:
            self._wanted_rails.add(contact.number)
            self._look_at_rails()
            return
        self._wanted_rails.discard(contact.number)
        if contact.mapped.kind == LineKind.SUPPLY and contact.level is not contact.idle:
            self.rest(RestReason.SUPPLY)
        self.move(contact, level)
        self._rail_on_us.pop(contact.number, None)

    def _look_at_rails(self) -> None:
        before: int | None = self._present_us
        for contact in (c for c in self.contacts if c.is_rail):
            number = contact.number
            if number in self._wanted_rails and before is not None and number not in self._rail_on_us:
                due = before + contact.mapped.delay_us
                if due > self.now_us:
                    self.at(due, self._look_at_rails)
                else:
                    self._rail_on_us[number] = self.now_us
                    self.move(contact, not contact.idle)
            before = self._rail_on_us.get(number)

    def attention(self) -> Contact | None:
        """Our attention line, where the map has one."""
        return next((c for c in self.contacts if c.driven and c.mapped.kind == LineKind.ATTENTION), None)

    def move(self, contact: Contact, level: bool) -> None:
        """Put an output at a level, unasked."""
        if contact.level is level:
            return
        contact.level = level
        if contact.mapped.kind == LineKind.ATTENTION:
            self.attention_moved_us = self.now_us
        if self.wanted.flags & ConfigureFlag.OWN_EDGES:
            self.hooks.report(EdgeSeen(contact.number, int(level), self.now_us))
        self.hooks.drove(contact.number, level, self.now_us)
        if contact.mapped.kind == LineKind.SUPPLY:
            self.hooks.changed()

    def _pulse(self, contact: Contact, run: int, begins: int) -> None:
        order = self.sync
        if order is None or run != self._sync_runs:
            return
        high = bool(order.flags & SyncFlag.PULSE_HIGH)
        self._pulsed_us = begins
        self.move(contact, high)
        # A change in mid-pulse leaves this pulse as it is.
        self.at(begins + order.width_us, lambda: self.move(contact, not high) if self.sync is not None else None)
        following = begins + order.period_us
        self.at(following, lambda: self._pulse(contact, run, following))

    def at(self, at_us: int, step: Callable[[], None]) -> None:
        """Do something at a time, unless everything goes to rest before."""
        heapq.heappush(self._steps, (at_us, next(self._order), step))
