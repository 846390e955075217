"""A board that exists only in Python: it keeps the host-board protocol in virtual time, for tests without hardware."""

from collections.abc import Callable, Mapping
from typing import Any

from lensmount_hardware.boards.declaration import HEAD_SIZE, BoardMessage
from lensmount_hardware.boards.model_door import ModelDoor
from lensmount_hardware.boards.model_ear import ModelEar
from lensmount_hardware.boards.model_pins import contacts_of, objection
from lensmount_hardware.boards.model_queue import ModelQueue, Queued, Said
from lensmount_hardware.boards.model_wire import Hooks, ModelWire
from lensmount_hardware.boards.orders import (
    AskTime,
    Bootloader,
    Configure,
    HostCredit,
    ReadCounters,
    ReadState,
    Rest,
    SendBytes,
    SetLevel,
    SetRate,
    Sync,
)
from lensmount_hardware.boards.protocol import BoardFrame
from lensmount_hardware.boards.reports import (
    BoardState,
    ClockTold,
    Counters,
    EdgeSeen,
    Late,
)
from lensmount_hardware.boards.words import (
    BOOTLOADER_MAGIC,
    SHORTEST_SYNC_US,
    DriveFlag,
    ErrorCode,
    RestFlag,
    RestReason,
    Sort,
    StateFlag,
    SyncFlag,
)


class ModelBoard(ModelDoor):
    """A board that has been plugged in at time 0; `ModelDoor` has the arguments.

    Attributes:
        pins: the level of each pin that something outside drives; others are low.
        drove: hears each output that moves: line, level, time.
        said: hears what went out: line, bytes, first start bit, last stop bit.
        wire: the contacts, once it is configured.
    """

    def __init__(self, **limits: Any) -> None:
        super().__init__(**limits)
        self.pins: dict[int, bool] = {}
        self.drove: Callable[[int, bool, int], None] = lambda _line, _level, _at: None
        self.said: Said = lambda _line, _data, _begin, _end: None
        self.wire: ModelWire | None = None
        self._queue: ModelQueue | None = None
        self._reason = RestReason.START
        self._ear = ModelEar()

    @property
    def configured(self) -> bool:
        """Whether there is a line map."""
        return self.wire is not None

    @property
    def lost(self) -> Mapping[Sort, int]:
        """What had to be dropped."""
        return self._reports.lost

    def advance_to(self, at_us: int) -> None:
        """Let time pass."""
        while (due := self.next_us()) is not None and due <= at_us:
            self.turn_to(due)
            if self.wire is not None:
                self.wire.advance_to(due)
            if self._ear.due_us is not None and self._ear.due_us <= due:
                self._tell_heard()
            if self._watchdog_us and self._heard_us + self._watchdog_us <= due:
                self._bark()
        self.turn_to(at_us)

    def see(self, number: int, level: bool) -> None:
        """Something outside puts an input of the map at a level, now."""
        if self.wire is not None:
            self.pins[self.wire.contacts[number].mapped.gpio] = level
            self._tell_heard()
            self.wire.see(number, level)

    def hear(self, number: int, data: bytes, begin_us: int, baudrate: int) -> None:
        """Bytes came on a data input; the last stop bit is over now."""
        if self.wire is None:
            return
        for index, byte in enumerate(data, 1):
            at_us = begin_us + round(index * 10e6 / baudrate)
            if baudrate != self.wire.baudrate:
                self._reports.count(Sort.BROKEN_BYTES, 1)
                continue
            self.counted["bytes_received"] += 1
            for report in self._ear.hear(number, byte, at_us, baudrate):
                self._reports.add(report)

    def next_us(self) -> int | None:
        """When something is due next."""
        times = [self._ear.due_us, self.wire.next_step_us() if self.wire is not None else None]
        if self._watchdog_us:
            times.append(self._heard_us + self._watchdog_us)
        return min((at for at in times if at is not None), default=None)

    def turn_to(self, at_us: int) -> None:
        """Only set the clock, ahead of what is due then."""
        self.now_us = max(self.now_us, at_us)
        if self.wire is not None:
            self.wire.now_us = self.now_us

    def _bark(self) -> None:
        self._watchdog_us = 0
        self._go_to_rest(RestReason.WATCHDOG)
        self.wire = self._queue = None
        self._tell_state()

    def _begin_session(self) -> None:
        self._go_to_rest(RestReason.GREETING)
        self.wire = self._queue = None
        self._watchdog_us = 0
        for report in self._ear.told():
            self._reports.discard(report)

    def _obey(self, frame: BoardFrame, message: BoardMessage) -> None:
        match message:
            case HostCredit(limit):
                self._reports.allow(limit)
            case AskTime(token):
                self._emit(ClockTold(token, self.now_us))
            case ReadState():
                self._tell_state()
            case ReadCounters():
                self._tell_counters()
            case Configure():
                self._configure(frame, message)
            case Rest(flags):
                self._go_to_rest(RestReason.HOST)
                if flags & RestFlag.FORGET:
                    self.wire = self._queue = self._session = None
                    self._watchdog_us = 0
                self._tell_state()
            case Bootloader(magic):
                self._go_to_rest(RestReason.HOST)
                if magic != BOOTLOADER_MAGIC:
                    self._refuse(ErrorCode.BAD_MAGIC, frame.type, frame.sequence, 0)
            case _:
                self._order(frame, message)

    def _order(self, frame: BoardFrame, message: BoardMessage) -> None:
        if self.wire is None or self._queue is None:
            self._refuse(ErrorCode.NOT_CONFIGURED, frame.type, frame.sequence, 0)
            return
        match message:
            case Sync():
                short = message.period_us < SHORTEST_SYNC_US or not 0 < message.width_us < message.period_us
                if message.flags & SyncFlag.ON and short:
                    self._refuse(ErrorCode.BAD_TIMING, frame.type, frame.sequence, HEAD_SIZE + 1)
                else:
                    self.wire.start_sync(message, frame.sequence)
            case SetLevel() if not message.flags & DriveFlag.IN_TURN:
                self.wire.drive(message, frame.sequence)
            case SendBytes() | SetLevel() | SetRate():
                room = self._queue_bytes - self._ledger.occupied
                if not self._ledger.take(frame.cost):
                    self._refuse(ErrorCode.NO_CREDIT, frame.type, frame.sequence, room)
                else:
                    self._queue.add(Queued(message, frame.sequence, frame.cost))
            case _:
                self._refuse(ErrorCode.UNKNOWN_TYPE, frame.type, frame.sequence, 0)

    def _configure(self, frame: BoardFrame, wanted: Configure) -> None:
        found = objection(wanted, self._most_lines, self._baudrates)
        if found is not None:
            self._refuse(found[0], frame.type, frame.sequence, found[1])
            return
        self._go_to_rest(RestReason.START)
        contacts = contacts_of(wanted, lambda gpio: self.pins.get(gpio, False))
        hooks = Hooks(
            self._tell_edge,
            self._refuse,
            self._rested,
            self._tell_state,
            lambda line, level, at_us: self.drove(line, level, at_us),
        )
        self.wire = ModelWire(wanted, contacts, hooks, self.now_us)
        self._queue = ModelQueue(
            self.wire, self._ledger.free, lambda line, data, begin, end: self.said(line, data, begin, end)
        )
        self._watchdog_us = wanted.timing.watchdog_ms * 1000
        self._tell_state()

    def _go_to_rest(self, reason: RestReason) -> None:
        self._reason = reason
        if self.wire is not None:
            self.wire.rest(reason)

    def _rested(self, reason: RestReason) -> None:
        self._reason = reason
        self.counted["rests"] += 1
        if self._queue is not None:
            sent, others = self._queue.clear()
            self._reports.count(Sort.TRANSMISSIONS, sent)
            self._reports.count(Sort.DRIVES, others)
        self._tell_state()

    def _tell_edge(self, report: BoardMessage) -> None:
        self._tell_heard()
        if isinstance(report, EdgeSeen) and self.wire is not None:
            self.counted["edges_seen"] += not self.wire.contacts[report.line].driven
        self.counted["late"] += isinstance(report, Late)
        self._reports.add(report)

    def _tell_heard(self) -> None:
        for report in self._ear.told():
            self._reports.add(report)

    def _tell_state(self) -> None:
        flags = levels = 0
        wire = self.wire
        if wire is None:
            flags = StateFlag.AT_REST
        else:
            at_rest = wire.at_rest and (self._queue is None or self._queue.empty)
            for flag, holds in (
                (StateFlag.CONFIGURED, True),
                (StateFlag.PRESENT, wire.present),
                (StateFlag.POWERED, wire.powered),
                (StateFlag.AT_REST, at_rest),
                (StateFlag.SYNC_ON, wire.sync is not None),
            ):
                flags |= flag if holds else 0
            levels = sum(contact.level << contact.number for contact in wire.contacts)
        self._reports.add(BoardState(flags, self._reason, levels, self.now_us))

    def _tell_counters(self) -> None:
        lost, counted = self._reports.lost, self.counted
        self._emit(
            Counters(
                frames_taken=counted["frames_taken"],
                frames_bad=counted["frames_bad"],
                frames_missed=counted["frames_missed"],
                bytes_sent=0 if self._queue is None else self._queue.bytes_sent,
                bytes_received=counted["bytes_received"],
                bytes_broken=lost[Sort.BROKEN_BYTES],
                bytes_lost=lost[Sort.RECEIVED],
                edges_seen=counted["edges_seen"],
                edges_lost=lost[Sort.EDGES],
                reports_lost=lost[Sort.REPORTS],
                late=counted["late"],
                refused=counted["refused"],
                rests=counted["rests"],
                worst_loop_us=0,
            )
        )
